//! What a relay knows the database to have. If the database does not have it, it went back in time.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::store::proven::Mark;

/// The file with the proven time that was recorded last and, after it, the lines that proven time
/// was on, the newest first. A database that is restored while the relay does not run is known by
/// it.
const FILE: &str = "recorded";

/// How many lines are remembered.
const MAX_LINES: usize = 64;

/// How many confirmations are remembered of which nothing is known.
const MAX_UNKNOWN: usize = 8;

pub struct Recorded {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    past: Past,
    /// The clock of this relay when it confirmed last.
    said_ms: Option<u64>,
    /// The same of confirmations that failed. They may be in the database all the same.
    unknown: Vec<u64>,
}

/// What a relay knows of proven time in the database.
#[derive(Clone, Default)]
pub struct Past {
    /// Proven time, in milliseconds.
    at_ms: u64,
    /// The lines that it was on, the newest first.
    lines: Vec<u64>,
}

impl Past {
    /// Reads the file. One of an earlier version has no line. A damaged one says nothing.
    fn read(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        let at_ms = words.next()?.parse().ok()?;
        let lines = words.map(|line| u64::from_str_radix(line, 16));
        let mut lines: Vec<u64> = lines.collect::<Result<_, _>>().ok()?;
        if lines.is_empty() {
            lines.push(0);
        }
        Some(Self { at_ms, lines })
    }

    fn write(&self) -> String {
        let lines = self.lines.iter();
        let lines: Vec<String> = lines.map(|line| format!("{line:016x}")).collect();
        format!("{} {}\n", self.at_ms, lines.join(" "))
    }

    /// Whether the database went back in time: it had a later time on this line, or a later line. A
    /// line that is not known began later.
    pub fn is_after(&self, mark: Mark) -> bool {
        let place = self.lines.iter().position(|line| *line == mark.line);
        place.is_some_and(|place| place > 0 || mark.at_ms < self.at_ms)
    }

    /// Whether the time is earlier than what was known, on whatever line.
    pub fn is_later_than(&self, mark: Mark) -> bool {
        mark.at_ms < self.at_ms
    }

    /// Takes where proven time stands. Returns whether this was not known.
    fn take(&mut self, mark: Mark) -> bool {
        let is_same_line = self.lines.first() == Some(&mark.line);
        let is_known = is_same_line && self.at_ms == mark.at_ms;
        self.at_ms = mark.at_ms;
        if !is_same_line {
            self.lines.insert(0, mark.line);
            self.lines.truncate(MAX_LINES);
        }
        !is_known
    }
}

impl Recorded {
    /// Reads what this folder has of it.
    pub fn open(dir: &Path) -> Self {
        let path = dir.join(FILE);
        let text = fs::read_to_string(&path).unwrap_or_default();
        let state = State {
            past: Past::read(&text).unwrap_or_default(),
            ..State::default()
        };
        Self {
            path,
            state: Mutex::new(state),
        }
    }

    /// Proven time that the database has at least, unless it went back.
    pub fn past(&self) -> Past {
        self.state().past.clone()
    }

    /// Proven time in the database is here.
    pub fn record(&self, mark: Mark) {
        let mut state = self.state();
        if !state.past.take(mark) {
            return;
        }
        if let Err(error) = self.write(&state.past) {
            tracing::warn!(%error, "the file `recorded` cannot be written");
        }
    }

    fn write(&self, past: &Past) -> io::Result<()> {
        let new = self.path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(past.write().as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        self.path
            .parent()
            .map_or(Ok(()), |dir| File::open(dir)?.sync_all())
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
