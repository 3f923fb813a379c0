//! How jobs and lanes run.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use waxseal_relay::system_rng;

use crate::keys::random;

/// Every statement that runs often finds its rows by an index. A plan that reads a whole table may
/// have been made while the table was empty, and makes all serializable transactions meet.
pub const PLANS: &str = "SET enable_seqscan = off; SET enable_hashjoin = off;
     SET enable_mergejoin = off; SET jit = off";

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

/// Waits a little, longer after each turn, so that those that overtook each other do not meet
/// again.
pub fn pause(turn: u32) {
    let most = 1_u64 << turn.min(6);
    let random = u64::from_be_bytes(*random(&mut system_rng()));
    std::thread::sleep(Duration::from_millis(random % (most + 1)));
}
