//! Tests that every [`Store`] must pass. Authors of stores run them on their own store.
//!
//! ```rust
//! use waxseal::{MemoryStore, conformance};
//!
//! // The first closure makes a new, empty store. The second closes a store and opens it again; for
//! // a store in memory it does nothing.
//! conformance::check(|| Ok(MemoryStore::new()), |store| Ok(store)).unwrap();
//! ```
//!
//! | case | what must hold |
//! |---|---|
//! | `empty` | a new store holds nothing |
//! | `kept` | each value is read as it was written, from 0 to [`MAX_VALUE_LEN`] bytes |
//! | `replaced` | a second value replaces the first |
//! | `deleted` | what was deleted is gone; deleting what is not there is no error |
//! | `in-order` | the changes of one transaction are applied in their order |
//! | `names-apart` | keys that look alike are different keys |
//! | `tables-apart` | a list has the values of its table and no others |
//! | `ascending` | rows by number are listed by ascending number |
//! | `after` | a list starts after the cursor `after`, whether or not its row is there |
//! | `limit` | a list has at most `limit` values |
//! | `pages` | read page by page, each row comes once, even if the last one seen was deleted |
//! | `by-cursor` | a row is deleted by its cursor, and no other row, in the order of the changes |
//! | `any-key` | tables and names of any bytes up to their maximum length are kept |
//! | `durable` | what was committed is there after the store was opened again |
//! | `whole` | a transaction with a value that is too long is applied whole or not at all |
//!
//! The case `pages` reads tables whose rows have names.
//!
//! [`MAX_VALUE_LEN`]: crate::store::MAX_VALUE_LEN
//!
//! Two promises cannot be tested from outside: that a commit is on the disk when it returns, and
//! that no part of a commit is left after a power failure. The author of a store must ensure both.

mod cases;
mod keys;
mod shared;

use std::error::Error;
use std::fmt;

use crate::store::Store;

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
    Store(Box<dyn Error + Send + Sync>),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expected(what) => write!(f, "expected that {what}"),
            Self::Store(error) => write!(f, "the store failed: {error}"),
        }
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Problem {
    fn from(error: E) -> Self {
        Self::Store(Box::new(error))
    }
}

type Reopen<'a, S> = dyn FnMut(S) -> Result<S, <S as Store>::Error> + 'a;
type SharedCase<S> = fn(S, S) -> Result<(), Problem>;
type Case<S> = fn(S, &mut Reopen<'_, S>) -> Result<(), Problem>;

/// Runs every case, each on a new store.
///
/// `create` makes a new, empty store each time. `reopen` closes a store and opens it again, as the
/// next start of the application would.
///
/// # Errors
/// The first [`Failure`].
pub fn check<S: Store>(
    mut create: impl FnMut() -> Result<S, S::Error>,
    mut reopen: impl FnMut(S) -> Result<S, S::Error>,
) -> Result<(), Failure> {
    let cases: [(&str, Case<S>); 15] = [
        ("empty", cases::empty),
        ("kept", cases::kept),
        ("replaced", cases::replaced),
        ("deleted", cases::deleted),
        ("in-order", cases::in_order),
        ("names-apart", cases::names_apart),
        ("tables-apart", cases::tables_apart),
        ("ascending", cases::ascending),
        ("after", cases::after),
        ("limit", cases::limit),
        ("pages", cases::pages),
        ("by-cursor", cases::by_cursor),
        ("any-key", cases::any_key),
        ("durable", cases::durable),
        ("whole", cases::whole),
    ];
    for (case, run) in cases {
        let outcome = create()
            .map_err(Problem::from)
            .and_then(|store| run(store, &mut reopen));
        outcome.map_err(|problem| Failure { case, problem })?;
    }
    Ok(())
}

/// Runs the cases of a store that several processes share, each on a new pair of stores.
///
/// `create` makes a new, empty store, and opens it twice.
///
/// | case | what must hold |
/// |---|---|
/// | `stale` | after a commit by one, all calls of the other are stale until it refreshes |
/// | `own` | a store's own commits do not make it stale |
///
/// # Errors
/// The first [`Failure`].
pub fn check_shared<S: Store>(
    mut create: impl FnMut() -> Result<(S, S), S::Error>,
) -> Result<(), Failure> {
    let cases: [(&str, SharedCase<S>); 2] = [("stale", shared::stale), ("own", shared::own)];
    for (case, run) in cases {
        let outcome = create()
            .map_err(Problem::from)
            .and_then(|(first, second)| run(first, second));
        outcome.map_err(|problem| Failure { case, problem })?;
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may overflow")]
mod tests;
