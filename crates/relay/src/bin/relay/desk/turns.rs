//! Turns: in which order reports are handed on, and which of them wait longer.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a report waits after the desk refused it for the first time. Each further refusal
/// doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(60);

/// The longest time for which a report waits.
const LONGEST_WAIT: Duration = Duration::from_secs(6 * 3_600);

/// Maximum number of reports that are known to wait. One more is asked for at its next turn.
const MAX_WAITING: usize = 100_000;

/// Where the next turn begins, and which reports the desk refused. After a start of the relay, each
/// of them is handed on once more.
#[derive(Default)]
pub struct Turns(Mutex<State>);

#[derive(Default)]
struct State {
    after: i64,
    waiting: BTreeMap<i64, Waiting>,
}

struct Waiting {
    refusals: u32,
    until: Instant,
}

impl Turns {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The report after which the next turn begins.
    pub fn after(&self) -> i64 {
        self.state().after
    }

    /// The next turn begins after this report.
    pub fn go_on(&self, after: i64) {
        self.state().after = after;
    }

    /// The next turn begins with the oldest report.
    pub fn begin_again(&self) {
        self.go_on(0);
    }

    /// Whether a report does not wait.
    pub fn is_due(&self, id: i64) -> bool {
        let state = self.state();
        let waiting = state.waiting.get(&id);
        waiting.is_none_or(|waiting| waiting.until <= Instant::now())
    }

    /// The desk answered: the report does not wait.
    pub fn answered(&self, id: i64) {
        self.state().waiting.remove(&id);
    }

    /// The desk refused the report, which waits now.
    pub fn refused(&self, id: i64) {
        let mut state = self.state();
        let refusals = state.waiting.get(&id).map_or(0, |one| one.refusals);
        if refusals == 0 && state.waiting.len() >= MAX_WAITING {
            return;
        }
        let wait = FIRST_WAIT.saturating_mul(1 << refusals.min(12));
        let waiting = Waiting {
            refusals: refusals.saturating_add(1),
            until: Instant::now() + wait.min(LONGEST_WAIT),
        };
        state.waiting.insert(id, waiting);
    }
}
