//! Which reports are being opened under which grant, so that none is entered in the log twice.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// A report under a grant: the grant, and the report.
pub type Key = ([u8; 16], [u8; 16]);

/// The openings that were begun and neither shown nor given up.
#[derive(Default)]
pub struct Opened(Mutex<State>);

#[derive(Default)]
struct State {
    last: u64,
    begun: HashMap<Key, Opening>,
}

struct Opening {
    turn: Turn,
    /// Whether a caller waits for it, or it is not in the log yet.
    is_taken: bool,
}

/// One opening. A report that was shown and is opened again under the same grant has another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn(u64);

/// Whether a report is being opened under a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    First(Turn),
    /// It is in the log, was not shown, and no one waits for it.
    Waits(Turn),
    ByOther,
}

impl Opened {
    /// Notes that someone opens a report under a grant.
    pub fn begin(&self, key: Key) -> Begun {
        let mut state = self.lock();
        if let Some(opening) = state.begun.get_mut(&key) {
            let is_taken = std::mem::replace(&mut opening.is_taken, true);
            return match is_taken {
                true => Begun::ByOther,
                false => Begun::Waits(opening.turn),
            };
        }
        state.last += 1;
        let turn = Turn(state.last);
        let is_taken = true;
        state.begun.insert(key, Opening { turn, is_taken });
        Begun::First(turn)
    }

    /// Notes that an opening is in the log and no one waits for it. It can be asked for again.
    pub fn end(&self, key: &Key, turn: Turn) {
        let mut state = self.lock();
        let opening = state.begun.get_mut(key);
        if let Some(opening) = opening.filter(|opening| opening.turn == turn) {
            opening.is_taken = false;
        }
    }

    /// Notes that an opening was shown, or cannot be.
    pub fn forget(&self, key: &Key, turn: Turn) {
        let mut state = self.lock();
        if state
            .begun
            .get(key)
            .is_some_and(|opening| opening.turn == turn)
        {
            state.begun.remove(key);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
