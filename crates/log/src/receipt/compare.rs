//! Compares a receipt with an earlier one, and with the whole published log.

use crate::entry::Entry;

use super::told::{Contradiction, Told};

impl Told {
    /// What this receipt contradicts in an earlier one of the same reader.
    ///
    /// Every entry that the earlier receipt showed must still be there. The log never shrinks, and
    /// two receipts of the same size have the same root. That the larger log contains the smaller
    /// one is shown by [`missing_from`](Self::missing_from) alone.
    pub fn contradicts(&self, earlier: &Self) -> Vec<Contradiction> {
        // CHK-147: the receipt agrees with what the reader was told before.
        let mut found = Vec::new();
        let (now, then) = (&self.checkpoint, &earlier.checkpoint);
        if now.size() < then.size() {
            found.push(Contradiction::OlderCheckpoint);
        }
        if now.size() == then.size() && now.root() != then.root() {
            found.push(Contradiction::Forked);
        }
        for (index, leaf) in &earlier.entries {
            match self.entries.iter().find(|(shown, _)| shown == index) {
                None if *index < now.size() => found.push(Contradiction::Dropped { index: *index }),
                Some((_, shown)) if shown != leaf => found.push(Contradiction::Forked),
                _ => {}
            }
        }
        found
    }

    /// What the receipt leaves out of the published log.
    ///
    /// `entries` are all entries of the log, from index 0 on, as an [`Audit`](crate::audit::Audit)
    /// verified them. They may end before the receipt's checkpoint, since tiles are published later
    /// than checkpoints, and may go on after it.
    pub fn missing_from<'a>(
        &self,
        entries: impl IntoIterator<Item = &'a Entry>,
    ) -> Vec<Contradiction> {
        (0..)
            .zip(entries)
            .filter_map(|(index, entry)| self.contradicts_entry(index, entry))
            .collect()
    }

    /// Whether an entry of the published log is about what the receipt is about: it has the number
    /// of the report, or of a decision that the receipt shows. An entry after the receipt's
    /// checkpoint belongs in a newer receipt.
    pub fn concerns(&self, entry: &Entry) -> bool {
        self.numbers.contains(&entry.number)
    }

    /// What the receipt contradicts in one entry of the published log, for a reader that does not
    /// hold all entries at once. See [`missing_from`](Self::missing_from).
    pub fn contradicts_entry(&self, index: u64, entry: &Entry) -> Option<Contradiction> {
        // CHK-147: the receipt agrees with the published log, and leaves out nothing of it.
        if index >= self.checkpoint.size() {
            return None;
        }
        // The items of a receipt ascend, so its entries do.
        let shown = self
            .entries
            .binary_search_by_key(&index, |(shown, _)| *shown);
        match shown.ok().and_then(|at| self.entries.get(at)) {
            Some((_, leaf)) if *leaf != entry.leaf_hash() => {
                Some(Contradiction::NotInLog { index })
            }
            None if self.concerns(entry) => Some(Contradiction::LeftOut { index }),
            _ => None,
        }
    }
}
