//! Holds the keys of a file and of its chunks.

use core::fmt;

use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::secret::Secret;
use crate::{labels, mac};

/// The key under which a file is sealed. 32 random bytes, drawn for each file.
///
/// Sender and recipients hold it, and so does the reviewer of a report that shows the whole file.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct FileKey(Secret);

impl FileKey {
    /// Draws a key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(Secret::random(rng))
    }

    /// The key with these 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Secret::from_bytes(&Zeroizing::new(bytes)))
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The key of one chunk. It opens this chunk and no other.
    pub fn chunk_key(&self, index: u32) -> ChunkKey {
        let info = [labels::FILE_CHUNK_KEY, &index.to_be_bytes()];
        ChunkKey(Secret::from_bytes(&mac::expand(
            mac::keyed(self.as_bytes()),
            &info,
        )))
    }
}

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileKey").finish_non_exhaustive()
    }
}

/// The key of one chunk of a file. 32 bytes, derived from the [`FileKey`].
///
/// A report that shows a chunk gives its key to the reviewer, and keeps the file's key back.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct ChunkKey(Secret);

impl ChunkKey {
    /// The key with these 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Secret::from_bytes(&Zeroizing::new(bytes)))
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for ChunkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkKey").finish_non_exhaustive()
    }
}
