//! Fetches a file of a report through the desk, and verifies each of its chunks.

use std::io::Cursor;

use waxseal_desk::vault::{ChunkedFile, FileAccess};
use waxseal_interface::MAX_BLOB_PART_LEN;
use waxseal_relay::desk::Hex;
use waxseal_reporting::BlobId;
use waxseal_reporting::file::{
    ChunkKey, ChunkPath, FileDescriptor, FileKey, FileRoot, FileShape, open, open_shown,
};
use zeroize::{Zeroize, Zeroizing};

use crate::app::App;
use crate::pictures::kind_of;
use crate::problem::Problem;
use crate::views::Fetched;

/// Maximum size of a file that this program fetches, in bytes. It is held in memory.
pub const MAX_FETCHED_LEN: u64 = 64 << 20;

/// Fetches what the reporter showed of a file.
pub fn fetch(app: &App, report: &Hex<16>, file: &ChunkedFile) -> Result<Fetched, Problem> {
    let refused = |said| Err(Problem::Refused(said));
    let shape = FileShape::new(file.size_bytes).map_err(|_| Problem::Altered)?;
    if file.size_bytes > MAX_FETCHED_LEN {
        return refused(
            "the file has more than 64 MiB, which this program does not hold in memory",
        );
    }
    let root = FileRoot::from_bytes(file.root);
    let described = FileDescriptor::new(shape, root, &file.media_type, &file.name, &file.location);
    let described = described.map_err(|_| Problem::Altered)?;
    let Some(blob) = described.blob().filter(|_| file.named) else {
        return refused("the report does not name the stored file, so the provider keeps none");
    };
    let mut sealed = download(app, report, &blob, shape.blob_len())?;
    let opened = match &file.access {
        FileAccess::Descriptor => return refused("the reporter showed nothing of this file"),
        FileAccess::Whole(key) => whole(&described, key, &mut sealed),
        FileAccess::Chunks(chunks) => pieces(&described, chunks, &mut sealed),
    };
    sealed.zeroize();
    let (bytes, shown) = opened.ok_or(Problem::Altered)?;
    Ok(Fetched {
        picture: kind_of(&bytes).filter(|_| shown == file.size_bytes),
        bytes,
        shown,
    })
}

type Shown = Option<(Zeroizing<Vec<u8>>, u64)>;

/// Opens a file from its blob.
fn whole(file: &FileDescriptor, key: &[u8; 32], sealed: &mut Vec<u8>) -> Shown {
    let len = usize::try_from(file.size_bytes()).ok()?;
    // CHK-650: each byte of a file that is shown is one that the message names.
    let mut bytes = Zeroizing::new(Vec::with_capacity(len));
    let key = FileKey::from_bytes(*key);
    open(file, &key, &mut Cursor::new(sealed), &mut *bytes).ok()?;
    Some((bytes, file.size_bytes()))
}

/// Opens the shown chunks of a file. All other bytes are zeros.
fn pieces(
    file: &FileDescriptor,
    chunks: &[(u32, Zeroizing<[u8; 32]>)],
    sealed: &mut Vec<u8>,
) -> Shown {
    let shape = file.shape();
    let mut bytes = Zeroizing::new(vec![0; usize::try_from(file.size_bytes()).ok()?]);
    let place = |index: u32| usize::try_from(shape.chunk_offset(index)).ok();
    let mut shown = 0_u64;
    let tags_at = usize::try_from(shape.tags_offset()).ok()?;
    let tags = sealed.get(tags_at..tags_at.checked_add(shape.tags_len())?)?;
    let tags = tags.to_vec();
    for (index, key) in chunks {
        let at = place(*index)?;
        let end = at.checked_add(shape.chunk_len(*index))?;
        // CHK-650: the path of a chunk leads to the root, or the tags of all chunks do.
        let path = ChunkPath::read(shape, *index, &mut Cursor::new(&mut *sealed)).ok()?;
        let by_tags = ChunkPath::from_tags(shape, *index, &tags);
        let key = ChunkKey::from_bytes(**key);
        let chunk = sealed.get(at..end)?;
        let content = [Some(path), by_tags]
            .into_iter()
            .flatten()
            .find_map(|path| {
                let mut chunk = Zeroizing::new(chunk.to_vec());
                let content = open_shown(file, *index, &key, &path, &mut chunk).ok()?;
                Some(Zeroizing::new(content.to_vec()))
            })?;
        let to = at.checked_add(content.len())?;
        bytes.get_mut(at..to)?.copy_from_slice(&content);
        shown = shown.saturating_add(u64::try_from(content.len()).ok()?);
    }
    Some((bytes, shown))
}

fn download(app: &App, report: &Hex<16>, blob: &BlobId, len: u64) -> Result<Vec<u8>, Problem> {
    let mut sealed = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
    let part = u64::try_from(MAX_BLOB_PART_LEN).unwrap_or(u64::MAX);
    let mut at = 0_u64;
    while at < len {
        let want = part.min(len.saturating_sub(at));
        let blob = blob.to_text();
        let path = format!("/v1/reports/{report}/blobs/{blob}?at={at}&len={want}");
        let bytes = app.get_now(&path)?;
        if u64::try_from(bytes.len()).ok() != Some(want) {
            return Err(Problem::Malformed);
        }
        sealed.extend_from_slice(&bytes);
        at = at.saturating_add(want);
    }
    Ok(sealed)
}

#[cfg(test)]
mod tests;
