//! What a relay knows the database to have. If the database does not have it, it went back in time.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The file with the proven time that was recorded last. A database that is restored while the
/// relay does not run is known by it.
const FILE: &str = "recorded";

/// How many confirmations are remembered of which nothing is known.
const MAX_UNKNOWN: usize = 8;

pub struct Recorded {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Proven time, in milliseconds.
    at_ms: u64,
    /// The clock of this relay when it confirmed last.
    said_ms: Option<u64>,
    /// The same of confirmations that failed. They may be in the database all the same.
    unknown: Vec<u64>,
}

impl Recorded {
    /// Reads what this folder has of it. A file that is damaged says nothing.
    pub fn open(dir: &Path) -> Self {
        let path = dir.join(FILE);
        let text = fs::read_to_string(&path).unwrap_or_default();
        let at_ms = text.trim().parse().unwrap_or_default();
        let state = State {
            at_ms,
            ..State::default()
        };
        Self {
            path,
            state: Mutex::new(state),
        }
    }

    /// Proven time that the database has at least, unless it went back.
    pub fn at_ms(&self) -> u64 {
        self.state().at_ms
    }

    /// The database has this proven time.
    pub fn record(&self, at_ms: u64) {
        let mut state = self.state();
        if state.at_ms == at_ms {
            return;
        }
        state.at_ms = at_ms;
        let new = self.path.with_extension("new");
        let written = fs::write(&new, at_ms.to_string());
        if let Err(error) = written.and_then(|()| fs::rename(&new, &self.path)) {
            tracing::warn!(%error, "the file `recorded` cannot be written");
        }
    }

    /// The relay confirms now, when its clock is `now_ms`. Returns the clock of every confirmation
    /// that may be in the database.
    pub fn say(&self, now_ms: u64) -> Vec<u64> {
        let mut state = self.state();
        if state.unknown.len() >= MAX_UNKNOWN {
            state.unknown.remove(0);
        }
        state.unknown.push(now_ms);
        let known = state.unknown.iter().copied().chain(state.said_ms);
        known.collect()
    }

    /// The confirmation is in the database.
    pub fn said(&self, now_ms: u64) {
        let mut state = self.state();
        state.unknown.retain(|unknown| *unknown != now_ms);
        state.said_ms = Some(now_ms);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
