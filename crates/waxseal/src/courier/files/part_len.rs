//! How many bytes of a file go in one request: fewer on a slow or broken network.

use waxseal_interface::MAX_BLOB_PART_LEN;

/// The fewest bytes of a part: one chunk.
const SHORTEST: usize = 65_536;

/// How many bytes the first part has.
const FIRST: usize = 262_144;

/// A part that took less time than this is followed by a longer one.
const QUICK_MS: u64 = 1_000;

/// A part that took more time than this is followed by a shorter one: a message waits for it.
const SLOW_MS: u64 = 4_000;

/// The length of the next part: a power of two, from [`SHORTEST`] to [`MAX_BLOB_PART_LEN`].
pub(super) struct PartLen {
    len: usize,
    most: usize,
}

impl Default for PartLen {
    fn default() -> Self {
        Self {
            len: FIRST,
            most: MAX_BLOB_PART_LEN,
        }
    }
}

impl PartLen {
    /// Maximum number of bytes of the next part.
    pub(super) fn get(&self) -> usize {
        self.len
    }

    pub(super) fn succeeded(&mut self, took_ms: u64) {
        if took_ms < QUICK_MS {
            self.len = self.len.saturating_mul(2).min(self.most);
        } else if took_ms > SLOW_MS {
            self.failed();
        }
    }

    pub(super) fn failed(&mut self) {
        self.len = (self.len / 2).max(SHORTEST);
    }

    /// Something on the way takes no part of this length. Returns whether a shorter one can be
    /// tried.
    pub(super) fn too_large(&mut self) -> bool {
        let can = self.len > SHORTEST;
        self.failed();
        self.most = self.len;
        can
    }
}
