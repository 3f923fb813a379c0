//! Remembers across restarts up to what time requests were taken.
//!
//! The nonces are in memory. After a restart, everything is refused that was signed before. A
//! caller whose clock is ahead signs with a time that is still to come, so that time is written to
//! the disk before the request is taken. If the clock of a stopped desk is set back, this does not
//! cover the time that comes again.
//!
//! A server over PostgreSQL can be followed by one on another machine, with another clock. So the
//! mark is in the database, and covers every request. Only the server that takes requests moves it.
//! One that finds it moved takes none any more.

use std::path::PathBuf;

use waxseal_desk::store::{Change, MetaRow, Store as _, StoreError};

use crate::files::{AnyStore, Result, replace, text};

/// By how much more than needed the mark is moved, so that it is written once a second at most.
const STEP_MS: u64 = 1_000;
/// The same, where each request moves it. The next server takes its time to begin anyway.
const STEP_IN_DATABASE_MS: u64 = 3_000;
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

#[cfg(test)]
mod tests;
