//! The Merkle tree of RFC 6962: its hashes, and the frontier that a follower keeps.

use core::fmt;

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::codec::Reader;
use crate::limits::MAX_TREE_SIZE;

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may overflow")]
pub(crate) mod tests;

/// Version byte of an encoded frontier.
const VERSION: u8 = 0x01;

/// Hash of a leaf, of an inner node, or of the whole tree. 32 bytes. (RFC 6962, “Merkle Hash
/// Trees”)
///
/// Anyone may see it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeHash([u8; 32]);

impl TreeHash {
    /// Makes it from its bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Root of the tree without entries: `SHA-256()`.
    pub fn of_nothing() -> Self {
        Self(Sha256::new().finalize().into())
    }

    /// Hash of an entry: `SHA-256(00 || entry)`.
    pub fn of_leaf(entry: &[u8]) -> Self {
        let mut hash = Sha256::new_with_prefix([0x00]);
        hash.update(entry);
        Self(hash.finalize().into())
    }

    /// Hash of an inner node: `SHA-256(01 || left || right)`.
    pub fn of_children(left: &Self, right: &Self) -> Self {
        let mut input = [0x01; 65];
        if let Some((to_left, to_right)) = input
            .split_first_mut()
            .and_then(|(_, rest)| rest.split_first_chunk_mut::<32>())
        {
            to_left.copy_from_slice(&left.0);
            to_right.copy_from_slice(&right.0);
        }
        Self(Sha256::digest(input).into())
    }
}

impl fmt::Debug for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TreeHash(")?;
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        f.write_str(")")
    }
}

/// All that a follower keeps of a tree: its size, and one hash for each bit set in the size.
///
/// The hashes are the roots of the largest complete subtrees, from left to right. They give
/// the root, and the root after further entries. The size alone says which hash stands for which
/// entries.
///
/// # Size
/// At most 63 hashes of 32 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    /// Largest subtree first.
    peaks: Vec<TreeHash>,
}

impl Frontier {
    /// The frontier of the tree without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of entries.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds an entry by its leaf hash.
    pub fn push(&mut self, leaf: TreeHash) {
        self.push_with(leaf, |_, _| {});
    }

    /// Adds an entry, and hands out each node that becomes complete, with its height above the
    /// leaves.
    pub(crate) fn push_with(&mut self, leaf: TreeHash, mut complete: impl FnMut(u32, TreeHash)) {
        let mut node = leaf;
        complete(0, node);
        // Like adding 1 to the size in binary: each trailing one is a subtree that the new one
        // completes.
        for height in 1..=self.size.trailing_ones() {
            // There is a peak for each bit, so this never falls short.
            let Some(left) = self.peaks.pop() else { break };
            node = TreeHash::of_children(&left, &node);
            complete(height, node);
        }
        self.peaks.push(node);
        // No one can append 2^64 entries.
        self.size = self.size.saturating_add(1);
    }

    /// The root of the tree.
    pub fn root(&self) -> TreeHash {
        fold(&self.peaks).unwrap_or_else(TreeHash::of_nothing)
    }

    /// Joins a size and its peaks; `None` if their number is wrong.
    pub(crate) fn from_peaks(size: u64, peaks: Vec<TreeHash>) -> Option<Self> {
        // CHK-132: one hash for each bit set in a size within the limit.
        let expected = usize::try_from(size.count_ones()).ok()?;
        (size <= MAX_TREE_SIZE && peaks.len() == expected).then_some(Self { size, peaks })
    }

    /// The frontier's bytes: `01 || size be64 || hashes, 32 bytes each`.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.size.to_be_bytes());
        for peak in &self.peaks {
            out.extend_from_slice(&peak.0);
        }
        out
    }

    /// Decodes a frontier.
    ///
    /// # Errors
    /// [`FrontierError`] if the bytes are not exactly one frontier.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrontierError> {
        let mut reader = Reader::new(bytes);
        let version = reader.u8().ok_or(FrontierError::Malformed)?;
        if version != VERSION {
            return Err(FrontierError::UnknownVersion { version });
        }
        Self::decode_rest(reader).ok_or(FrontierError::Malformed)
    }

    fn decode_rest(mut reader: Reader<'_>) -> Option<Self> {
        let size = reader.u64()?;
        let mut peaks = Vec::new();
        for _ in 0..size.count_ones() {
            peaks.push(TreeHash(reader.array()?));
        }
        reader.finish()?;
        Self::from_peaks(size, peaks)
    }
}

/// The root over subtrees from left to right, each of which is larger than the next. `None` if the
/// list is empty.
pub(crate) fn fold(peaks: &[TreeHash]) -> Option<TreeHash> {
    peaks
        .iter()
        .copied()
        .rev()
        .reduce(|right, left| TreeHash::of_children(&left, &right))
}

/// The bytes are not a frontier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrontierError {
    /// A later version of this crate wrote the frontier.
    #[error("the frontier has version {version}, which is unknown; update, and read it again")]
    UnknownVersion {
        /// The version byte.
        version: u8,
    },
    /// The number of hashes does not fit the size, or the size is above the limit.
    #[error("the frontier is malformed")]
    Malformed,
}
