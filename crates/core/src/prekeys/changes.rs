//! What changed in the prekeys since they were last stored in parts.

use std::collections::BTreeSet;

/// What storage lacks, or must still remove.
#[derive(Default)]
pub(super) struct Changes {
    /// Whether storage holds the current state.
    pub(super) is_state_stored: bool,
    /// One-time sets that storage does not hold yet.
    pub(super) made: BTreeSet<u32>,
    /// Destroyed sets that storage still holds.
    pub(super) destroyed: BTreeSet<u32>,
}

impl Changes {
    pub(super) fn made(&mut self, id: u32) {
        self.made.insert(id);
    }

    /// Records that a set is gone. If storage never held it, there is nothing to remove.
    pub(super) fn destroyed(&mut self, id: u32) {
        if !self.made.remove(&id) {
            self.destroyed.insert(id);
        }
    }
}
