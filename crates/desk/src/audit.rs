//! The audit: compares every entry of the log with its detail and its rows, every row with its
//! entry, and checks the signature of every act of an officer.
//!
//! It reads only the store, and changes nothing. A thief of the store, or of the log's key, can
//! write rows and entries, but no acts: those need an officer's key. [`Finding`] says what does not
//! fit.

mod entries;
mod erased;
mod exports;
mod outcomes;
mod rows;
mod signed;

use std::collections::BTreeSet;

use waxseal_log::entry::{Day, Entry, Event};
use waxseal_log::tree::{Appender, Frontier};

use crate::checkpoints::decode;
use crate::desk::{Desk, Tiles};
use crate::error::{DeskError, Refused};
use crate::policy::Policy;
use crate::store::limits::MAX_LISTED;
use crate::store::{CheckpointRow, EntryRow, Store};

/// Maximum number of findings of one audit. A damaged store could have one for each row.
pub const MAX_FINDINGS: usize = 1_000;

/// What does not fit. An `index` is the position of an entry in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Finding {
    /// The entries are not those that the tree holds, or a checkpoint is over another tree or lacks
    /// cosignatures.
    #[error("the entries up to {size} are not those that were signed")]
    OtherTree {
        /// Size of the tree, or of the checkpoint.
        size: u64,
    },
    /// The detail is not the one whose digest the entry holds, or it is missing and not erased.
    #[error("entry {index} has another detail than the log says, or none")]
    OtherDetail {
        /// Index of the entry.
        index: u64,
    },
    /// No row says what the entry says.
    #[error("entry {index} has no row that says the same")]
    WithoutRow {
        /// Index of the entry.
        index: u64,
    },
    /// No entry says what the row says.
    #[error("a row of {table} has no entry that says the same")]
    WithoutEntry {
        /// Name of the table.
        table: &'static str,
        /// Identifier of the row, or the first half of a digest that names it.
        id: [u8; 16],
    },
    /// No officer of the policy in force then signed the act.
    #[error("an act in {table} has no signature of an officer of the policy in force then")]
    NotSigned {
        /// Name of the table.
        table: &'static str,
        /// Identifier of what the act is about.
        id: [u8; 16],
    },
}

/// What an audit says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audited {
    /// Number of entries that were compared.
    pub entries: u64,
    /// What does not fit: nothing, if all is as it should be. At most [`MAX_FINDINGS`].
    pub findings: Vec<Finding>,
}

/// What the audit knows at an entry.
pub(crate) struct Auditor<'a, S> {
    desk: &'a Desk<S>,
    findings: Vec<Finding>,
    /// The policy in force at this entry.
    policy: Option<Policy>,
    /// All policies so far: an assignment has no entry that says when it was made.
    policies: Vec<Policy>,
    /// Day of the entry that is looked at.
    day: Day,
    /// Details of the entries about keys.
    created: BTreeSet<Vec<u8>>,
    destroyed: BTreeSet<Vec<u8>>,
}

impl<S: Store> Desk<S> {
    /// Audits the whole store.
    ///
    /// # Errors
    /// The store's. What does not fit is in [`Audited::findings`].
    pub fn audit(&self) -> Result<Audited, DeskError> {
        let mut auditor = Auditor {
            desk: self,
            findings: Vec::new(),
            policy: None,
            policies: Vec::new(),
            day: Day(0),
            created: BTreeSet::new(),
            destroyed: BTreeSet::new(),
        };
        let entries = auditor.walk()?;
        auditor.rows()?;
        Ok(Audited {
            entries,
            findings: auditor.findings,
        })
    }
}

impl<S: Store> Auditor<'_, S> {
    fn found(&mut self, finding: Finding) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        }
    }

    /// Compares all entries, and the tree over them with every checkpoint.
    fn walk(&mut self) -> Result<u64, DeskError> {
        let mut tree = Frontier::new();
        loop {
            let page = self.desk.store.entries(tree.size(), MAX_LISTED)?;
            if page.is_empty() {
                break;
            }
            for row in &page {
                let Ok(entry) = Entry::decode(&row.entry) else {
                    return Err(Refused::Damaged("entry").into());
                };
                tree.push(entry.leaf_hash());
                self.entry(row, &entry)?;
                if let Some(row) = self.desk.store.checkpoint(tree.size())? {
                    self.checkpoint(&row, &tree)?;
                }
            }
        }
        // Another desk may have appended to what this one has in memory.
        let stored = Appender::resume(tree.size(), &Tiles(&self.desk.store));
        let is_stored = stored.is_ok_and(|stored| stored.root() == tree.root());
        if !is_stored || tree.size() < self.desk.tree.size() {
            self.found(Finding::OtherTree { size: tree.size() });
        }
        Ok(tree.size())
    }

    fn checkpoint(&mut self, row: &CheckpointRow, tree: &Frontier) -> Result<(), DeskError> {
        let note = decode(row)?;
        // CHK-229: every checkpoint is signed by the log, over exactly these entries, and is as
        // complete as its row says.
        let is_signed = self.root_of(&note) == Some(tree.root());
        if !is_signed || row.is_complete != self.desk.setup.keys.verify(&note).is_ok() {
            self.found(Finding::OtherTree { size: row.size });
        }
        Ok(())
    }

    fn entry(&mut self, row: &EntryRow, entry: &Entry) -> Result<(), DeskError> {
        let index = row.log_index;
        self.day = entry.day;
        let detail = crate::receipts::detail_of(row);
        let fits = match &detail {
            Some(detail) => entry.is_about(detail),
            None => self.may_be_erased(entry)?,
        };
        // CHK-229: the stored detail is the one whose digest the entry holds.
        if !fits {
            self.found(Finding::OtherDetail { index });
        }
        // CHK-226: a row says what the entry says, and has one entry of this kind.
        if !self.has_row(row, entry, detail.as_ref())? || self.is_repeated(row, entry)? {
            self.found(Finding::WithoutRow { index });
        }
        if let Event::PolicyPublished(published) = &entry.event {
            let policy = self.published(index, published)?;
            self.policies.extend(policy.clone());
            self.policy = policy.or(self.policy.take());
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may overflow")]
mod tests;
