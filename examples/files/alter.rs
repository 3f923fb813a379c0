//! Alters what the relay keeps of a file, and what a message says of it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use waxseal::reporting::file::{
    CHUNK_LEN, DescriptorError, FileDescriptor, FileKey, FileRoot, FileShape, open,
};
use waxseal::reporting::message::FileAttachment;
use waxseal::reporting::reviewer::VerifiedFile;

use crate::Result;
use crate::compare::Comparing;

/// What is done to a blob.
#[derive(Clone, Copy)]
enum Change {
    /// A bit of the byte at this place is another one.
    Bit(u64),
    /// The chunks with these indices change places.
    Exchanged(u64, u64),
    /// The last byte is missing.
    Shorter,
    /// There is a byte more.
    Longer,
    Nothing,
}

/// A blob with a change.
struct Altered<'a> {
    blob: &'a mut File,
    len: u64,
    change: Change,
    at: u64,
}

impl<'a> Altered<'a> {
    fn new(blob: &'a mut File, change: Change) -> io::Result<Self> {
        let len = blob.seek(SeekFrom::End(0))?;
        let len = match change {
            Change::Shorter => len - 1,
            Change::Longer => len + 1,
            _ => len,
        };
        Ok(Self {
            blob,
            len,
            change,
            at: 0,
        })
    }
}

impl Read for Altered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let chunk = CHUNK_LEN as u64;
        let room = (self.len.saturating_sub(self.at)).min(chunk - self.at % chunk);
        let len = buffer
            .len()
            .min(usize::try_from(room).unwrap_or(usize::MAX));
        let from = match self.change {
            Change::Exchanged(one, other) if self.at / chunk == one => {
                other * chunk + self.at % chunk
            }
            Change::Exchanged(one, other) if self.at / chunk == other => {
                one * chunk + self.at % chunk
            }
            _ => self.at,
        };
        self.blob.seek(SeekFrom::Start(from))?;
        let mut read = self.blob.read(&mut buffer[..len])?;
        if read == 0 && len > 0 {
            (buffer[0], read) = (0, 1); // behind the end
        }
        if let Change::Bit(place) = self.change
            && (self.at..self.at + read as u64).contains(&place)
        {
            buffer[usize::try_from(place - self.at).unwrap_or_default()] ^= 0x10;
        }
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Altered<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(by) => self.len.saturating_add_signed(by),
            SeekFrom::Current(by) => self.at.saturating_add_signed(by),
        };
        Ok(self.at)
    }
}

/// Counts what was tried, and what opened to anything but the file.
#[derive(Default)]
struct Count {
    tried: u64,
    accepted: u64,
}

impl Count {
    /// Notes what was written. Also what came before an error must be the file's.
    fn note(&mut self, sink: &Comparing) {
        self.tried += 1;
        self.accepted += u64::from(sink.differs);
    }
}

/// Tries everything. Returns how many alterations were tried, and how many of them opened to
/// anything but the file.
pub fn all(
    file: &FileAttachment,
    blob: &mut File,
    path: &Path,
    reported: [&VerifiedFile; 2],
) -> Result<(u64, u64)> {
    let mut count = Count::default();
    let descriptor = file.descriptor();
    let shape = descriptor.shape();
    for change in changes(shape) {
        let mut sink = Comparing::with(path)?;
        let _ = open(
            descriptor,
            file.key(),
            &mut Altered::new(blob, change)?,
            &mut sink,
        );
        count.note(&sink);
        for reported in reported {
            let mut sink = Comparing::with(path)?;
            let _ = reported.open(&mut Altered::new(blob, change)?, &mut sink);
            count.note(&sink);
        }
    }
    for (other, key) in others(file)? {
        let mut sink = Comparing::with(path)?;
        let mut same = Altered::new(blob, Change::Nothing)?;
        let opened = open(&other, &key, &mut same, &mut sink);
        // Another size, root or key is another file, so nothing at all may open.
        count.tried += 1;
        count.accepted += u64::from(opened.is_ok());
    }
    Ok((count.tried, count.accepted))
}

/// Changes all over a blob.
fn changes(shape: FileShape) -> Vec<Change> {
    let (sealed, len) = (shape.sealed_len(), shape.blob_len());
    let places = [
        0,
        sealed / 2,
        sealed - 1,
        sealed,
        (sealed + len) / 2,
        len - 1,
    ];
    let mut changes: Vec<_> = places.into_iter().map(Change::Bit).collect();
    changes.extend([Change::Shorter, Change::Longer]);
    let whole_chunks = sealed / CHUNK_LEN as u64;
    if whole_chunks > 1 {
        changes.push(Change::Exchanged(0, 1));
        changes.push(Change::Exchanged(0, whole_chunks - 1));
    }
    changes
}

/// Descriptors and keys that are not those of the file.
fn others(file: &FileAttachment) -> Result<Vec<(FileDescriptor, FileKey)>> {
    let (descriptor, key) = (file.descriptor(), file.key());
    let size = descriptor.size_bytes();
    let describe = |size, root| {
        let shape = FileShape::new(size).map_err(DescriptorError::from)?;
        FileDescriptor::new(shape, root, "", "", "")
    };
    let flipped = |bytes: &[u8; 32]| {
        let mut bytes = *bytes;
        bytes[0] ^= 1;
        bytes
    };
    let root = *descriptor.root();
    let mut others = vec![
        (
            describe(size, FileRoot::from_bytes(flipped(root.as_bytes())))?,
            key.clone(),
        ),
        (
            describe(size, root)?,
            FileKey::from_bytes(flipped(key.as_bytes())),
        ),
    ];
    let sizes = [size.checked_sub(1), size.checked_add(1)];
    for size in sizes.into_iter().flatten() {
        if let Ok(other) = describe(size, root) {
            others.push((other, key.clone()));
        }
    }
    Ok(others)
}
