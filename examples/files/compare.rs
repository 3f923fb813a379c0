//! Compares files.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;

/// How much is compared at once.
const LEN: usize = 65_536;

/// Whether two files have the same bytes in a range.
pub fn is_same(one: &mut File, other: &mut File, range: Range<u64>) -> io::Result<bool> {
    let (mut of_one, mut of_other) = (vec![0; LEN], vec![0; LEN]);
    let mut at = range.start;
    while at < range.end {
        let left = usize::try_from(range.end - at).unwrap_or(usize::MAX);
        let len = left.min(LEN);
        for (file, bytes) in [(&mut *one, &mut of_one), (&mut *other, &mut of_other)] {
            file.seek(SeekFrom::Start(at))?;
            file.read_exact(&mut bytes[..len])?;
        }
        if of_one[..len] != of_other[..len] {
            return Ok(false);
        }
        at += len as u64;
    }
    Ok(true)
}

/// A sink that notices when what is written into it is not what a file has there.
pub struct Comparing {
    file: File,
    pub differs: bool,
}

impl Comparing {
    pub fn with(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: File::open(path)?,
            differs: false,
        })
    }
}

impl Write for Comparing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut here = vec![0; bytes.len()];
        let is_there = self.file.read_exact(&mut here).is_ok();
        self.differs |= !is_there || here != bytes;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Comparing {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}
