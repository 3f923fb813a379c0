//! Remembers across restarts up to what time requests were taken.
//!
//! The nonces are in memory. After a restart, everything is refused that was signed before. A
//! caller whose clock is ahead signs with a time that is still to come, so that time is written to
//! the disk before the request is taken. If the clock of a stopped desk is set back, this does not
//! cover the time that comes again.

use std::path::PathBuf;

use crate::files::{Result, replace, text};

/// By how much more than needed the mark is moved, so that it is written once a second at most.
const STEP_MS: u64 = 1_000;

/// The latest time of a request that was taken, in the file `requests.mark`.
pub struct Mark {
    path: PathBuf,
    written_ms: u64,
}

impl Mark {
    pub fn open(path: PathBuf) -> Result<Self> {
        let written_ms = match path.exists() {
            true => text(&path, 32)?.trim_end().parse()?,
            false => 0,
        };
        Ok(Self { path, written_ms })
    }

    /// Requests up to this time may have been taken before the start.
    pub fn floor_ms(&self) -> u64 {
        self.written_ms
    }

    /// Returns once a restart would refuse a request of this time.
    pub fn cover(&mut self, at_ms: u64, now_ms: u64) -> Result<()> {
        // CHK-632: no restart makes the server take a request again, also if it was signed with a
        // time that was still to come.
        if at_ms <= now_ms || at_ms <= self.written_ms {
            return Ok(());
        }
        let mark_ms = at_ms.saturating_add(STEP_MS);
        replace(&self.path, 0o600, format!("{mark_ms}\n").as_bytes())?;
        self.written_ms = mark_ms;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
