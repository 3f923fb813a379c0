//! Follows a published log from its first entry, for people outside the provider.
//!
//! An auditor feeds the entries of the tiles in order, and each archived checkpoint when the log
//! has its size. The audit recomputes the root, checks the rules that public entries can break, and
//! counts the numbers of the transparency report.
//!
//! ```
//! # use waxseal_log::{audit::Audit, counts::Counts, entry::Day, keys::LogKeys, note::Note};
//! # fn all(
//! #     keys: LogKeys, entries: Vec<Vec<u8>>, note: Note,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! let mut audit = Audit::new(keys, Counts::new(Day(20_000), Day(20_090)));
//! for entry in entries {
//!     audit.entry(&entry)?;
//! }
//! audit.checkpoint(&note)?; // the entries are those that were signed
//! for finding in audit.findings() {
//!     println!("{finding}");
//! }
//! println!("{:?}", audit.counts().rows());
//! # Ok(())
//! # }
//! ```

mod finding;
mod rules;

use crate::checkpoint::CheckpointError;
use crate::counts::Counts;
use crate::entry::{Entry, EntryError};
use crate::keys::{LogKeys, VerifiedCheckpoint};
use crate::merkle::{Frontier, TreeHash};
use crate::note::Note;
use crate::promise::PromisedLeaf;

use rules::Rules;

pub use finding::Finding;

/// A follower of the whole public log. It needs no secret, and trusts only the pinned keys.
///
/// Feed [`entry`](Self::entry) and [`checkpoint`](Self::checkpoint) in the order of the log. An
/// error ends the audit: what follows proves nothing. A broken rule is a
/// [finding](Self::findings), and the audit goes on.
///
/// # Size
/// Grows with the log: some 100 bytes for each report, opening, grant and case.
#[derive(Clone, Debug)]
pub struct Audit {
    keys: LogKeys,
    frontier: Frontier,
    rules: Rules,
    counts: Counts,
    last: Option<VerifiedCheckpoint>,
}

impl Audit {
    /// Starts at the empty log. `counts` says which days count.
    pub fn new(keys: LogKeys, counts: Counts) -> Self {
        Self {
            keys,
            frontier: Frontier::new(),
            rules: Rules::default(),
            counts,
            last: None,
        }
    }

    /// Expects the leaf of a verified promise. Call it before the entries are fed.
    pub fn expect_promise(&mut self, promised: PromisedLeaf) {
        self.rules.expect_promise(promised);
    }

    /// Takes the next entry, as the bundle holds it, and returns it decoded.
    ///
    /// # Errors
    /// [`AuditError::Entry`] if the bytes are no entry. The audit is unchanged.
    pub fn entry(&mut self, bytes: &[u8]) -> Result<Entry, AuditError> {
        let index = self.frontier.size();
        // CHK-158: the log holds nothing but entries.
        let entry = Entry::decode(bytes).map_err(|error| AuditError::Entry { index, error })?;
        let leaf = TreeHash::of_leaf(bytes);
        self.rules.entry(index, &entry, &leaf, &self.keys);
        self.counts.add(&entry);
        self.frontier.push(leaf);
        Ok(entry)
    }

    /// Checks an archived checkpoint, after as many entries as its size says.
    ///
    /// # Errors
    /// [`AuditError`] if the checkpoint is not signed and cosigned, or is over another log than the
    /// entries. The audit is unchanged.
    pub fn checkpoint(&mut self, note: &Note) -> Result<VerifiedCheckpoint, AuditError> {
        let checkpoint = self.keys.verify(note)?;
        let (size, entries) = (checkpoint.size(), self.frontier.size());
        if size != entries {
            return Err(AuditError::OtherSize { size, entries });
        }
        // CHK-158: the root over the entries is the one that was signed.
        if *checkpoint.root() != self.frontier.root() {
            return Err(AuditError::OtherRoot { size });
        }
        self.rules.checkpoint(&checkpoint);
        self.last = Some(checkpoint.clone());
        Ok(checkpoint)
    }

    /// Checks an archived checkpoint whose entries are not public yet: its signatures, and the time
    /// of the vault. Call it after all entries, with ascending sizes.
    ///
    /// Without this check, a provider could withhold entries for years: it would archive no
    /// checkpoint between the last public entries and the newest checkpoint.
    ///
    /// # Errors
    /// [`AuditError`] if the checkpoint is not signed and cosigned, or is over no more entries than
    /// were read. The audit is unchanged.
    pub fn checkpoint_ahead(&mut self, note: &Note) -> Result<VerifiedCheckpoint, AuditError> {
        let checkpoint = self.keys.verify(note)?;
        // CHK-158: the checkpoint is over more entries than were read.
        let (size, entries) = (checkpoint.size(), self.frontier.size());
        if size <= entries {
            return Err(AuditError::OtherSize { size, entries });
        }
        self.rules.cosigned(&checkpoint);
        Ok(checkpoint)
    }

    /// Number of entries so far.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The last checkpoint that was checked. Entries after it are not proven yet.
    pub fn last_checkpoint(&self) -> Option<&VerifiedCheckpoint> {
        self.last.as_ref()
    }

    /// The numbers so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The broken rules so far, in the order of the log. At most
    /// [`MAX_FINDINGS_OF_KIND`](crate::limits::MAX_FINDINGS_OF_KIND) of each kind are kept.
    pub fn findings(&self) -> Vec<Finding> {
        self.rules.findings()
    }
}

/// The published log is not what the provider signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The bytes are no entry. Fetch the bundle again; if they stay, the log is broken.
    #[error("entry {index}: {error}")]
    Entry {
        /// Index of the entry.
        index: u64,
        /// What is wrong with it.
        error: EntryError,
    },
    /// The checkpoint is not signed and cosigned by the pinned keys. Compare the keys.
    #[error("the checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The checkpoint has another size than the entries. Feed it after that many entries.
    #[error("the checkpoint is over {size} entries, and {entries} were read")]
    OtherSize {
        /// Size of the checkpoint.
        size: u64,
        /// Number of entries that were fed.
        entries: u64,
    },
    /// The entries are not those that were signed. Keep both: they are evidence.
    #[error("the entries are not those that the checkpoint over {size} entries was signed for")]
    OtherRoot {
        /// Size of the checkpoint.
        size: u64,
    },
}

#[cfg(test)]
mod tests;
