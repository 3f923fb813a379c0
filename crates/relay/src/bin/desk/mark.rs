//! Remembers across restarts up to what time requests were taken.
//!
//! The nonces are in memory. After a restart, everything is refused that was signed before. A
//! caller whose clock is ahead signs with a time that is still to come, so that time is written to
//! the disk before the request is taken. If the clock of a stopped desk is set back, this does not
//! cover the time that comes again.
//!
//! A server over PostgreSQL can be followed by one on another machine, with another clock. So the
//! mark is in the database, and covers every request. Only the server that takes requests moves it.
//! One that finds it moved takes none any more. The next server takes nothing that was signed
//! before the mark. So the mark is never far ahead of the database's clock, whatever the clock of
//! this machine shows.

use std::path::PathBuf;

use waxseal_desk::request::MAX_REQUEST_SKEW_MS;
use waxseal_desk::store::{Change, MetaRow, Store as _, StoreError};

use crate::files::{AnyStore, Result, replace, text};

/// By how much more than needed the mark is moved, so that it is written once a second at most.
const STEP_MS: u64 = 1_000;
/// The same, where each request moves it. The next server takes its time to begin anyway.
const STEP_IN_DATABASE_MS: u64 = 3_000;
/// By how much a request may be ahead of the database's clock: the clock of the server is a minute
/// ahead of it at most, and that of the caller a minute ahead of the server's.
const MAX_AHEAD_MS: u64 = 2 * MAX_REQUEST_SKEW_MS;
/// By how much the mark may be ahead when a server starts, if all clocks are right.
const USUAL_MS: u64 = MAX_REQUEST_SKEW_MS + STEP_IN_DATABASE_MS;
/// The name of the mark in the database.
const NAME: &str = "requests.mark";

/// The latest time of a request that was taken, in the file `requests.mark` or in the database.
pub struct Mark {
    place: Place,
    written_ms: u64,
}

enum Place {
    File(PathBuf),
    Database {
        store: AnyStore,
        /// The mark as this server has read or written it last.
        last: Option<MetaRow>,
    },
}

impl Mark {
    pub fn open(path: PathBuf) -> Result<Self> {
        let written_ms = match path.exists() {
            true => text(&path, 32)?.trim_end().parse()?,
            false => 0,
        };
        let place = Place::File(path);
        Ok(Self { place, written_ms })
    }

    /// The mark of the servers over one database.
    pub fn in_database(store: AnyStore) -> Result<Self> {
        let kept = store.meta(NAME)?;
        let written_ms = match kept.as_ref().map(|row| row.value.as_slice().try_into()) {
            Some(Ok(bytes)) => u64::from_be_bytes(bytes),
            Some(Err(_)) => return Err("the mark in the database is damaged".into()),
            None => 0,
        };
        let last = kept;
        let place = Place::Database { store, last };
        Ok(Self { place, written_ms })
    }

    /// Requests up to this time may have been taken before the start.
    pub fn floor_ms(&self) -> u64 {
        self.written_ms
    }

    /// Returns once a restart would refuse a request of this time.
    pub fn cover(&mut self, at_ms: u64, now_ms: u64) -> Result<()> {
        // CHK-632: no restart makes the server take a request again, also if it was signed with a
        // time that was still to come.
        let is_covered = at_ms <= self.written_ms;
        match &mut self.place {
            Place::File(_) if is_covered || at_ms <= now_ms => {}
            Place::File(path) => {
                let mark_ms = at_ms.saturating_add(STEP_MS);
                replace(path, 0o600, format!("{mark_ms}\n").as_bytes())?;
                self.written_ms = mark_ms;
            }
            Place::Database { store, last } if is_covered => {
                // CHK-716: a server that stood still, and whose place another one has taken, takes
                // no request once it goes on. The other one can have taken it.
                if store.meta(NAME)? != *last {
                    return Err(StoreError::TakenOver.into());
                }
            }
            Place::Database { store, last } => {
                // A mark that is far ahead would keep the next server from its work.
                check_ahead(at_ms, store.clock()?, MAX_AHEAD_MS)?;
                let mark_ms = at_ms.saturating_add(STEP_IN_DATABASE_MS);
                let new = MetaRow {
                    name: NAME.to_owned(),
                    value: mark_ms.to_be_bytes().to_vec(),
                };
                let change = match last.clone() {
                    Some(old) => Change::swap(old, new.clone()),
                    None => Change::add(new.clone()),
                };
                store.apply(&[change]).map_err(|error| match error {
                    StoreError::Conflict(_) => StoreError::TakenOver,
                    error => error,
                })?;
                *last = Some(new);
                self.written_ms = mark_ms;
            }
        }
        Ok(())
    }
}

/// Refuses to work with a clock that is more than a minute ahead of the database's, if it has one.
pub fn check_clock(now_ms: u64, database_ms: Option<u64>) -> std::result::Result<(), String> {
    check_ahead(now_ms, database_ms, MAX_REQUEST_SKEW_MS)
}

fn check_ahead(
    at_ms: u64,
    database_ms: Option<u64>,
    max_ms: u64,
) -> std::result::Result<(), String> {
    let ahead_ms = at_ms.saturating_sub(database_ms.unwrap_or(at_ms));
    match ahead_ms > max_ms {
        true => Err(format!(
            "the clock is {} s ahead of the database's",
            ahead_ms / 1_000
        )),
        false => Ok(()),
    }
}

/// Says for how long no request is taken, if what was signed up to `floor_ms` is refused and that
/// is further ahead than clocks that are right have it.
pub fn check_floor(now_ms: u64, floor_ms: u64) -> std::result::Result<(), String> {
    let ahead_ms = floor_ms.saturating_sub(now_ms);
    match ahead_ms > USUAL_MS {
        true => Err(format!(
            "a server before took requests of a clock that was ahead: none is taken for {} s",
            ahead_ms / 1_000
        )),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests;
