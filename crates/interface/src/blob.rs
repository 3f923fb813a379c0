//! Blobs: the sealed files that a relay keeps.

use serde::{Deserialize, Serialize};

/// Maximum number of bytes of a blob in one request or answer.
pub const MAX_BLOB_PART_LEN: usize = 1 << 20;

/// Maximum length in bytes of a blob: a sealed file of 4 GiB in 65,536 chunks, and 32 bytes for
/// each node of its tree but the top. The tree has 65,536 + 32,768 + ... + 2 such nodes.
pub const MAX_BLOB_LEN: u64 = (1 << 32) + 32 * ((1 << 17) - 2);

/// `PUT` and `GET /v1/blobs/{blob}`: how much of a blob the relay has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobState {
    /// Number of bytes that the relay has, from the first one on. They are on its disk.
    pub received: u64,
    /// Number of bytes of the whole blob.
    pub len: u64,
    /// Until when the relay keeps the blob, in milliseconds since the Unix epoch. It keeps an
    /// unfinished blob less long, and one that a report names until the review ends.
    pub kept_until_ms: u64,
}

impl BlobState {
    /// Whether the relay has all bytes. Only then can others fetch them.
    pub fn is_complete(&self) -> bool {
        self.received == self.len
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::restriction, reason = "tests")]

    use waxseal_reporting::file::{FileShape, MAX_FILE_LEN};

    use super::*;

    #[test]
    fn the_longest_blob_has_all_chunks_and_all_nodes_of_its_tree() {
        let (mut nodes, mut level) = (0, 1 << 16);
        while level > 1 {
            nodes += level;
            level /= 2;
        }
        assert_eq!(nodes, 131_070);
        assert_eq!(MAX_BLOB_LEN, (65_536 * 65_536) + 32 * nodes);
        assert_eq!(MAX_BLOB_LEN, 4_299_161_536);
        let longest = FileShape::new(MAX_FILE_LEN).unwrap();
        assert_eq!(longest.blob_len(), MAX_BLOB_LEN);
    }

    #[test]
    fn a_blob_is_complete_with_its_last_byte() {
        let state = |received| BlobState {
            received,
            len: 7,
            kept_until_ms: 1,
        };
        let is_complete = |received| state(received).is_complete();
        assert_eq!([0, 6, 7].map(is_complete), [false, false, true]);
    }
}
