//! Why a store refuses or fails.

use std::error::Error;

/// Why a call of a store failed. Nothing was changed, unless the database itself
/// [failed](Self::Failed).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The changes do not fit what is stored: someone else was faster. Read again and decide again.
    #[error("the changes do not fit what is stored: {0}")]
    Conflict(#[from] Conflict),
    /// The changes break a rule that does not depend on what is stored. Correct the caller.
    #[error("the change is not valid: {0}")]
    Invalid(&'static str),
    /// Another desk has been writing to the store for too long, or a transaction needs what is to
    /// be erased. Try again.
    #[error("the store is in use")]
    InUse,
    /// Another server has the place of the one that this store was opened for. End the program.
    #[error("another server has taken over")]
    TakenOver,
    /// The file or the schema of the database is not a store of the desk. Use another one.
    #[error("there is something else in place of the desk's store")]
    NotAStore,
    /// A newer version of the desk wrote the store. Update this program.
    #[error("the store has version {version}, which is newer than this program")]
    Newer {
        /// The version of its tables.
        version: i32,
    },
    /// The store was altered: its tables or values are not such as the desk writes. Restore a copy.
    #[error("the store is damaged")]
    Damaged,
    /// The database failed: no space, no permission, a broken disk, a lost connection. Either all
    /// changes of the call are stored or none is. Remove the cause, and read again before the next
    /// try.
    #[error("the store could not be read or written")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

impl StoreError {
    /// What did not fit, if this is a conflict.
    pub fn conflict(&self) -> Option<&Conflict> {
        match self {
            Self::Conflict(conflict) => Some(conflict),
            _ => None,
        }
    }
}

/// How changes do not fit what is stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Conflict {
    /// The log has another size than expected.
    #[error("the log has {found} entries and not {expected}")]
    LogSize {
        /// The size that the change needs.
        expected: u64,
        /// The size of the log.
        found: u64,
    },
    /// The table already has a row with this key, or with the same unique digest or number.
    #[error("the row is already in table {table}")]
    Exists {
        /// Name of the table.
        table: &'static str,
    },
    /// The row is not as the caller read it, or it is gone.
    #[error("the row in table {table} has changed")]
    Changed {
        /// Name of the table.
        table: &'static str,
    },
    /// What is to be removed is not there.
    #[error("nothing to remove from table {table}")]
    Missing {
        /// Name of the table.
        table: &'static str,
    },
    /// The account has a case that was not decided yet.
    #[error("the account has an undecided case")]
    UndecidedCase,
}
