//! Shows how far a long run is, in one line of the terminal.

use std::io::{IsTerminal, Write, stderr};

/// A counter on the last line of the terminal, removed when dropped. It prints nothing if stderr is
/// not a terminal.
pub struct Progress {
    what: &'static str,
    done: usize,
    of: usize,
    shown: bool,
}

impl Progress {
    pub fn new(what: &'static str, of: usize) -> Self {
        let shown = stderr().is_terminal();
        Self {
            what,
            done: 0,
            of,
            shown,
        }
    }

    /// Counts one more finished item.
    pub fn step(&mut self) {
        self.done += 1;
        if self.shown && (self.done.is_multiple_of(16) || self.done == self.of) {
            let _ = write!(stderr(), "\r{} {} of {}", self.what, self.done, self.of);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}
