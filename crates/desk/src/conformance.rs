//! Tests that every [`Store`] must pass. Authors of stores run them on their own store.
//!
//! ```
//! use waxseal_desk::{conformance, store::MemoryStore};
//!
//! // The first closure makes a new, empty store. The second closes a store and opens it again; for
//! // a store in memory it does nothing.
//! conformance::check(|| Ok(MemoryStore::new()), Ok).unwrap();
//! ```
//!
//! | case | what must hold |
//! |---|---|
//! | `empty` | a new store holds nothing |
//! | `kept` | each row is read as it was written, with and without its optional fields |
//! | `longest` | fields of maximum length are kept, and a longer one is refused |
//! | `added-once` | a row is not added twice, nor another one with the same digest or number |
//! | `swapped` | a row is replaced only if it is as it was read |
//! | `removed` | what is removed is gone, and is removed once |
//! | `in-order` | a change sees what earlier ones of the same call wrote |
//! | `log` | entries are appended without a gap, and found by index and number |
//! | `checkpoints` | checkpoints are listed by size, and none is larger than the log |
//! | `pending` | pending leaves are listed by day and hash |
//! | `conditions` | a call whose condition does not hold changes nothing |
//! | `whole` | a call whose last change conflicts changes nothing in any table |
//! | `reports` | reports are found and listed by case, as unsorted and as kept |
//! | `cases` | cases are found by number and account |
//! | `grants` | grants are listed by case, state and deadline |
//! | `openings` | openings are listed by grant, report and case, and as not shown |
//! | `outcomes` | decisions, notices and appeals are listed |
//! | `register` | legal requests, holds, policies and epochs of keys are listed |
//! | `exports` | exports, fetches and callbacks are listed; what an export sends is removed |
//! | `queue` | each order with each filter has the right cases, page by page |
//! | `moved` | a case moves in the queue when it changes |
//! | `durable` | what was applied is there after the store was opened again |
//!
//! Two promises cannot be tested from outside: that changes are on the disk when `apply` returns,
//! and that no part of them is left after a power failure. The author of a store must ensure both.

mod changes;
mod exports;
mod kept;
mod lists;
mod log;
mod openings;
mod queue;
mod samples;

use std::fmt;

use crate::store::{Change, Conflict, Store, StoreError};

/// The case in which a store failed, and how it failed.
#[derive(Debug, thiserror::Error)]
#[error("{case}: {problem}")]
pub struct Failure {
    case: &'static str,
    problem: Problem,
}

impl Failure {
    /// The name of the case, as in the table of this module.
    pub fn case(&self) -> &'static str {
        self.case
    }
}

#[derive(Debug)]
enum Problem {
    Expected(&'static str),
    Store(StoreError),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expected(what) => write!(f, "expected that {what}"),
            Self::Store(error) => write!(f, "the store failed: {error}"),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn ensure(holds: bool, what: &'static str) -> Result<(), Problem> {
    if holds {
        Ok(())
    } else {
        Err(Problem::Expected(what))
    }
}

/// Applies changes that must conflict.
fn conflict(
    store: &mut dyn Store,
    changes: &[Change],
    what: &'static str,
) -> Result<Conflict, Problem> {
    match store.apply(changes) {
        Err(StoreError::Conflict(conflict)) => Ok(conflict),
        Err(error) => Err(error.into()),
        Ok(()) => Err(Problem::Expected(what)),
    }
}

/// Applies changes that must be refused whatever is stored.
fn refused(store: &mut dyn Store, changes: &[Change], what: &'static str) -> Result<(), Problem> {
    match store.apply(changes) {
        Err(StoreError::Invalid(_)) => Ok(()),
        Err(error) => Err(error.into()),
        Ok(()) => Err(Problem::Expected(what)),
    }
}

type Case = fn(&mut dyn Store) -> Result<(), Problem>;

/// Runs every case, each on a new store.
///
/// `create` makes a new, empty store each time. `reopen` closes a store and opens it again, as the
/// next start of the desk would.
///
/// # Errors
/// The first [`Failure`].
pub fn check<S: Store>(
    mut create: impl FnMut() -> Result<S, StoreError>,
    mut reopen: impl FnMut(S) -> Result<S, StoreError>,
) -> Result<(), Failure> {
    let cases: [(&str, Case); 21] = [
        ("empty", kept::empty),
        ("kept", kept::kept),
        ("longest", kept::longest),
        ("added-once", changes::added_once),
        ("swapped", changes::swapped),
        ("removed", changes::removed),
        ("in-order", changes::in_order),
        ("log", log::entries),
        ("checkpoints", log::checkpoints),
        ("pending", log::pending),
        ("conditions", changes::conditions),
        ("whole", changes::whole),
        ("reports", lists::reports),
        ("cases", lists::cases),
        ("grants", openings::grants),
        ("openings", openings::openings),
        ("outcomes", lists::outcomes),
        ("register", lists::register),
        ("exports", exports::exports),
        ("queue", queue::queue),
        ("moved", queue::moved),
    ];
    for (case, run) in cases {
        let outcome = create()
            .map_err(Problem::from)
            .and_then(|mut store| run(&mut store));
        outcome.map_err(|problem| Failure { case, problem })?;
    }
    let durable = create()
        .map_err(Problem::from)
        .and_then(|store| kept::durable(store, &mut reopen));
    durable.map_err(|problem| Failure {
        case: "durable",
        problem,
    })
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may overflow")]
mod tests;
