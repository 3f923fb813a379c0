//! Seals files in chunks, so that a recipient shows nothing unverified, goes on wherever it
//! stopped, and can report some chunks and withhold the others.
//!
//! ```
//! # use std::io::Cursor;
//! # use waxseal_reporting::file::{FileDescriptor, FileKey, FileShape, open, seal};
//! # let mut rng = rand::rng();
//! let (photo, key) = (b"a bicycle", FileKey::generate(&mut rng));
//! let mut blob = Vec::new(); // what a relay keeps
//! let root = seal(&mut &photo[..], 9, &key, &mut blob)?;
//! let shape = FileShape::new(9)?;
//! let file = FileDescriptor::new(shape, root, "image/jpeg", "photo.jpg", "")?;
//!
//! let mut saved = Vec::new();
//! open(&file, &key, &mut Cursor::new(blob), &mut saved)?;
//! assert_eq!(saved, photo);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A message carries a [`FileDescriptor`] and a [`FileKey`], as two parts that it commits to
//! ([`FileAttachment`](crate::message::FileAttachment)). The sealed bytes are a *blob*, which a
//! relay keeps: all chunks, and then the nodes of a tree over their tags.
//!
//! | task | call |
//! |---|---|
//! | seal a file into a blob | [`seal`], or [`FileSealer`] chunk by chunk |
//! | learn the root, or go on with a blob | [`FileTree::of`], [`FileTree::seal_chunk`] |
//! | open a blob | [`open`], or [`FileOpener`] chunk by chunk |
//! | open one chunk that a report shows | [`open_shown`] |
//!
//! # Security
//! Each chunk has a key and a tag of its own. The tag commits to the key, the place, the length and
//! the plaintext of the chunk, and the root to all tags. So a root names one file, whatever the
//! keys, and no function of this module hands out a byte that the root does not name. A relay
//! learns the padded size.
//!
//! Sealing is deterministic. The same file under the same key gives the same blob, and a file that
//! changed meets another key stream in each chunk that changed. Draw a key for each file all the
//! same: blobs under one key show which of their chunks are equal.

mod chunk;
mod descriptor;
mod keys;
mod lanes;
mod open;
mod seal;
mod shape;
mod shown;
mod tree;

pub use descriptor::{DescriptorError, FileDescriptor};
pub use keys::{ChunkKey, FileKey};
pub use open::{ChunkError, FileOpener, OpenFileError, open};
pub use seal::{FileSealer, SealChunkError, SealFileError, seal};
pub use shape::{CHUNK_LEN, FileShape, FileTooLong, MAX_CHUNKS, MAX_FILE_LEN, NODE_LEN};
pub(crate) use shown::ShownChunks;
pub use shown::open_shown;
pub use tree::{ChunkPath, FileRoot, FileTree};

#[cfg(test)]
pub(crate) use chunk::seal as seal_padded;
#[cfg(test)]
mod tests;
