//! Seals and opens one chunk of a file.
//!
//! ```text
//! k_i        = HKDF-Expand(file key, "waxseal/2/file-chunk-key" || i be32, 32)
//! cipher key = HKDF-Expand(k_i, "waxseal/2/file-cipher-key", 32)
//! hash key   = HKDF-Expand(k_i, "waxseal/2/file-hash-key", 32)
//! B_i        = BLAKE3 keyed with the hash key, of the plaintext with its padding
//! T_i        = HMAC-SHA-256(k_i, "waxseal/2/file-chunk-tag" || i be32 || len be32 || B_i)
//! sealed     = plaintext XOR ChaCha20(cipher key, nonce T_i[..12], counter 0)
//! ```
//!
//! `len` is the length of the plaintext with its padding. The tag is over the plaintext and decides
//! the key stream. So another plaintext in the same place meets another key stream.

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use super::keys::ChunkKey;
use super::shape::{FileShape, NODE_LEN};
use crate::labels;
use crate::mac::{self, HmacSha256};

/// The tag of a chunk, a node of level 0.
pub(crate) type ChunkTag = [u8; NODE_LEN];

/// What pads a plaintext, as much as is hashed at once.
const ZEROS: [u8; 1_024] = [0; 1_024];

/// The keys of one chunk, ready for use.
struct Keys {
    mac: HmacSha256,
    cipher: Zeroizing<[u8; 32]>,
    hash: Zeroizing<[u8; 32]>,
}

impl Keys {
    fn new(key: &ChunkKey) -> Self {
        let mac = mac::keyed(key.as_bytes());
        Self {
            cipher: mac::expand(mac.clone(), &[labels::FILE_CIPHER_KEY]),
            hash: mac::expand(mac.clone(), &[labels::FILE_HASH_KEY]),
            mac,
        }
    }

    /// The tag of a plaintext that is followed by `padding` zeros.
    fn tag(&self, index: u32, plaintext: &[u8], padding: usize) -> ChunkTag {
        let mut hasher = blake3::Hasher::new_keyed(&self.hash);
        hasher.update(plaintext);
        let mut left = padding;
        while left > 0 {
            hasher.update(ZEROS.get(..left).unwrap_or(&ZEROS));
            left = left.saturating_sub(ZEROS.len());
        }
        let hash = Zeroizing::new(*hasher.finalize().as_bytes());
        hasher.zeroize();
        let len = plaintext.len().saturating_add(padding);
        let len = u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
        let fields = [labels::FILE_CHUNK_TAG, &index.to_be_bytes(), &len, &*hash];
        mac::finish(self.mac.clone(), &fields)
    }

    /// Encrypts or decrypts in place.
    fn apply(&self, tag: &ChunkTag, bytes: &mut [u8]) {
        let mut nonce = [0; 12];
        for (byte, of_tag) in nonce.iter_mut().zip(tag) {
            *byte = *of_tag;
        }
        ChaCha20::new((&*self.cipher).into(), (&nonce).into()).apply_keystream(bytes);
    }
}

/// The tag of a chunk with this plaintext, which is padded with zeros up to the chunk's length.
pub(super) fn tag(shape: FileShape, index: u32, key: &ChunkKey, content: &[u8]) -> ChunkTag {
    let padding = shape.chunk_len(index).saturating_sub(content.len());
    Keys::new(key).tag(index, content, padding)
}

/// Seals a padded plaintext in place, and returns its tag.
pub(crate) fn seal(index: u32, key: &ChunkKey, padded: &mut [u8]) -> ChunkTag {
    let keys = Keys::new(key);
    let tag = keys.tag(index, padded, 0);
    keys.apply(&tag, padded);
    tag
}

/// Opens a sealed chunk in place. Returns whether it is the one with this tag; if not, the bytes
/// are wiped.
#[must_use]
pub(super) fn open(
    shape: FileShape,
    index: u32,
    key: &ChunkKey,
    tag: &ChunkTag,
    chunk: &mut [u8],
) -> bool {
    let keys = Keys::new(key);
    keys.apply(tag, chunk);
    // CHK-484: the tag, recomputed from key, place, length and what was decrypted, is the one in
    // the tree.
    let known = bool::from(keys.tag(index, chunk, 0).ct_eq(tag));
    // CHK-485: all that follows the end of the file is zeros.
    let padding = chunk.get(shape.content_len(index)..).unwrap_or_default();
    let zeros = padding.iter().fold(0, |all, byte| all | byte).ct_eq(&0);
    let opens = known && bool::from(zeros);
    if !opens {
        chunk.zeroize();
    }
    opens
}
