//! How jobs and lanes run.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What the statements of a job see.
#[derive(Clone, Copy)]
pub enum Sees {
    /// All the same, as if the job ran alone.
    Snapshot,
    /// Each what is committed when it begins. The job holds locks of what must stay as it is.
    Committed,
}

impl Sees {
    pub fn begin(self) -> &'static str {
        match self {
            Self::Snapshot => "BEGIN ISOLATION LEVEL SERIALIZABLE",
            Self::Committed => "BEGIN ISOLATION LEVEL READ COMMITTED",
        }
    }
}

/// Does what a thread must survive. `None` if it panics: then what it used may be in any state.
pub fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    let done = catch_unwind(AssertUnwindSafe(work));
    done.inspect_err(|_| tracing::error!("a thread of the database panicked"))
        .ok()
}
