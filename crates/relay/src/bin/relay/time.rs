//! The relay's clock, and the proven time along which stamp keys are destroyed.
//!
//! Destroying a key is final, and the system's clock may be wrong. So the relay records how much
//! time passed while it ran, and destroys keys only along that time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use waxseal_reporting::Timestamp;
use waxseal_reporting::relay::EPOCH_MS;

use crate::keys::{LONGEST_KEPT_DAYS, VERIFY_DAYS};

/// How far the two clocks of the system may differ over one interval in which they count as steady.
/// A clock that is being adjusted drifts by less.
const MAX_DRIFT_MS: u64 = 5_000;

/// Time for which the clock must be steady before a gap is credited.
const STEADY_MS: u64 = EPOCH_MS;

/// A relay that starts again within this time, by its clock, has had a steady clock in between. So
/// a relay that is updated every day can still prove a steady day.
const MAX_RESTART_MS: u64 = 600_000;

/// The longest gap that the relay adds to proven time without asking the operator. A weekend's
/// downtime needs no help. A clock that is wrong by more than this destroys nothing.
const MAX_CREDIT_MS: u64 = 7 * EPOCH_MS;

/// A relay is new until it has proven this much time. It has nothing to destroy until then.
const NEW_MS: u64 = VERIFY_DAYS as u64 * EPOCH_MS;

/// While the relay is new, a clock that is behind by more than this moves proven time back. The
/// clock was ahead when the relay was first started.
pub const MAX_BEHIND_MS: u64 = 300_000;

/// How often the log says that clocks do not agree.
const DISAGREED_MS: u64 = 3_600_000;

/// How far proven time may be ahead of the clock without a word in the log.
const MAX_LEAD_MS: u64 = 30_000;

/// One reading of both clocks of the system.
#[derive(Clone, Copy)]
pub struct Reading {
    /// Milliseconds since the Unix epoch. Anyone who administers the machine can set this clock.
    pub wall_ms: u64,
    /// Milliseconds since some moment before. This clock cannot be set.
    pub monotonic_ms: u64,
}

/// What the clocks of the other relays and of the database say of this relay's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// There are none.
    Alone,
    /// Most agree with it.
    Agree,
    /// Most do not. The median of all is given, in milliseconds, unless there are only two.
    Differ { median_ms: Option<u64> },
}

/// The relay's clock.
pub struct Time {
    read: Box<dyn Fn() -> Reading + Send + Sync>,
    state: Mutex<State>,
}

struct State {
    proven: Proven,
    /// The clocks when proven time last moved.
    last: Reading,
    /// Whether the log has said since then that the clock jumped.
    jump_logged: bool,
    /// Whether the log has said that the clock is ahead of proven time.
    gap_logged: bool,
    /// The clock that cannot be set when the log said that other clocks do not agree.
    disagreed_ms: Option<u64>,
    /// The same, when the log said that proven time is ahead of the clock.
    lead_logged_ms: Option<u64>,
    /// Whether proven time was set back since it was recorded: by the operator, or while new.
    is_set_back: bool,
}

/// Proven time: the latest moment that must have passed, whatever the clock says now. The database
/// keeps it.
///
/// It moves with the time that passed on both clocks while the relay ran. A clock that jumps does
/// not move it. When the clock is ahead by up to seven days, after downtime or because it was set,
/// it catches up once the clock was steady for a day, and if most clocks of the other relays agree.
/// A larger gap needs `--trust-clock`. Beside other relays it moves no further than the clock, and
/// while most do not agree, no further than the median of all. So a machine whose clocks run fast
/// does not lead the others, and a lead that there is gets smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proven {
    pub at_ms: u64,
    /// Where it began. The relay is new for thirty days of proven time from here.
    pub began_ms: u64,
    /// The relay has been new, and is not any more.
    pub settled: bool,
    /// For how long the two clocks have agreed.
    pub steady_ms: u64,
    /// The clock when proven time last moved.
    pub clock_ms: u64,
}

impl Proven {
    pub fn starting_at(at_ms: u64) -> Self {
        Self {
            at_ms,
            began_ms: at_ms,
            settled: false,
            steady_ms: 0,
            clock_ms: at_ms,
        }
    }

    /// Where proven time begins in a database that has none yet. The stamp keys may be older than
    /// the database, and the clock alone destroys none of them.
    pub fn first(clock_ms: u64, oldest_epoch: u32) -> Self {
        let first_to_destroy = u64::from(oldest_epoch) + u64::from(LONGEST_KEPT_DAYS) + 1;
        Self::starting_at(clock_ms.min(first_to_destroy * EPOCH_MS - 1))
    }

    /// The first epoch (a day) whose stamp keys are kept. A new relay keeps the keys of earlier
    /// days too, in case the clock was ahead when it was first started.
    pub fn oldest_epoch(&self) -> u32 {
        let today = u32::try_from(self.at_ms / EPOCH_MS).unwrap_or(u32::MAX);
        let kept = match self.settled {
            true => VERIFY_DAYS,
            false => LONGEST_KEPT_DAYS,
        };
        today.saturating_sub(kept)
    }
}

impl Time {
    /// Starts the clock. `proven` is what the database kept, and `read` reads the system's clocks.
    pub fn start(mut proven: Proven, read: impl Fn() -> Reading + Send + Sync + 'static) -> Self {
        let last = read();
        let down_ms = last.wall_ms.checked_sub(proven.clock_ms);
        if down_ms.is_none_or(|down_ms| down_ms > MAX_RESTART_MS) {
            proven.steady_ms = 0;
        }
        let state = State {
            proven,
            last,
            jump_logged: false,
            gap_logged: false,
            disagreed_ms: None,
            lead_logged_ms: None,
            is_set_back: false,
        };
        Self {
            read: Box::new(read),
            state: Mutex::new(state),
        }
    }

    /// The present time: the later of the clock's time and proven time.
    pub fn now(&self) -> Timestamp {
        let (read, mut state) = ((self.read)(), self.state());
        state.log_jump(read);
        let passed = read.monotonic_ms.saturating_sub(state.last.monotonic_ms);
        let proven_ms = state.proven.at_ms.saturating_add(passed);
        Timestamp::from_millis(read.wall_ms.max(proven_ms))
    }

    /// Proven time, with what passed since it moved last: a time that all relays of a database have
    /// alike, whatever their clocks say.
    pub fn shared_ms(&self) -> u64 {
        let (read, state) = ((self.read)(), self.state());
        let passed = read.monotonic_ms.saturating_sub(state.last.monotonic_ms);
        state.proven.at_ms.saturating_add(passed)
    }

    /// Proven time as it was recorded last.
    pub fn proven(&self) -> Proven {
        self.state().proven
    }

    /// Milliseconds for which the relay has run. Setting the clock does not change them.
    pub fn uptime_ms(&self) -> u64 {
        (self.read)().monotonic_ms
    }

    /// Advances proven time, and returns it for the database. `oldest_epoch` is that of the
    /// existing stamp keys.
    pub fn advance(&self, oldest_epoch: u32, others: Others) -> Proven {
        let read = (self.read)();
        self.state().advance(read, oldest_epoch, others)
    }

    /// The clocks of the system.
    pub fn reading(&self) -> Reading {
        (self.read)()
    }

    /// Whether proven time was set back since [`record`](Self::record) was called last.
    pub fn is_set_back(&self) -> bool {
        self.state().is_set_back
    }

    /// Takes proven time as it is recorded now, by this relay and by the others of its database.
    /// It is as old as this call, and not as old as the last move of this relay. Otherwise relays
    /// that follow each other would add up the time between.
    pub fn record(&self, recorded: &Proven) {
        let (read, mut state) = ((self.read)(), self.state());
        let passed = read.monotonic_ms.saturating_sub(state.last.monotonic_ms);
        let proven = &mut state.proven;
        proven.at_ms = proven.at_ms.max(recorded.at_ms.saturating_sub(passed));
        (proven.began_ms, proven.settled) = (recorded.began_ms, recorded.settled);
        state.is_set_back = false;
    }

    /// Takes the clock's time as proven, whatever it is. Only the operator can ask for this.
    pub fn trust_clock(&self) -> Proven {
        let (read, mut state) = ((self.read)(), self.state());
        state.is_set_back |= read.wall_ms < state.proven.at_ms;
        state.proven.at_ms = read.wall_ms;
        state.proven.began_ms = state.proven.began_ms.min(read.wall_ms);
        tracing::warn!(clock_ms = read.wall_ms, "the clock is trusted as asked");
        state.proven
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether as much time has passed on one clock as on the other.
    fn is_steady(&self, read: Reading) -> bool {
        let passed = read.monotonic_ms.saturating_sub(self.last.monotonic_ms);
        let expected = self.last.wall_ms.saturating_add(passed);
        read.wall_ms.abs_diff(expected) <= MAX_DRIFT_MS
    }

    /// Logs that the clock jumped, once per interval.
    fn log_jump(&mut self, read: Reading) {
        if !self.is_steady(read) && !self.jump_logged {
            self.jump_logged = true;
            let (clock_ms, was_ms) = (read.wall_ms, self.last.wall_ms);
            tracing::warn!(
                clock_ms,
                was_ms,
                "the clock jumped: this destroys no stamp key"
            );
        }
    }

    fn advance(&mut self, read: Reading, oldest_epoch: u32, others: Others) -> Proven {
        self.log_jump(read);
        let on_wall = read.wall_ms.saturating_sub(self.last.wall_ms);
        let passed = on_wall.min(read.monotonic_ms.saturating_sub(self.last.monotonic_ms));
        let steady_ms = match self.is_steady(read) {
            true => self.proven.steady_ms.saturating_add(passed),
            false => 0,
        };
        (self.last, self.jump_logged) = (read, false);

        let proven = &mut self.proven;
        (proven.steady_ms, proven.clock_ms) = (steady_ms, read.wall_ms);
        // CHK-710: see `compare`.
        let most_ms = match others {
            Others::Alone | Others::Differ { median_ms: None } => u64::MAX,
            Others::Agree => read.wall_ms,
            Others::Differ {
                median_ms: Some(median_ms),
            } => median_ms,
        };
        let passed_ms = proven.at_ms.saturating_add(passed);
        proven.at_ms = passed_ms.min(most_ms.max(proven.at_ms));
        let gap_ms = read.wall_ms.saturating_sub(proven.at_ms);
        let is_steady = steady_ms >= STEADY_MS;
        match (gap_ms <= MAX_CREDIT_MS && is_steady, others) {
            (true, Others::Alone | Others::Agree) => {
                proven.at_ms = proven.at_ms.max(read.wall_ms);
            }
            (true, _) if gap_ms > MAX_DRIFT_MS => {
                log_disagreed(&mut self.disagreed_ms, read, gap_ms);
            }
            _ => {}
        }
        let lead_ms = proven.at_ms.saturating_sub(read.wall_ms);
        if lead_ms > MAX_LEAD_MS && is_due(&mut self.lead_logged_ms, read) {
            tracing::warn!(lead_ms, "proven time is ahead of the clock");
        }
        self.gap_logged &= gap_ms > MAX_CREDIT_MS;
        if gap_ms > MAX_CREDIT_MS && !self.gap_logged {
            self.gap_logged = true;
            tracing::warn!(
                days = gap_ms / EPOCH_MS,
                "the clock is ahead of proven time: no stamp key is destroyed until it is set, or \
                 until the relay is started with --trust-clock"
            );
        }
        if proven.settled {
            return *proven;
        }
        let has_keys = read.wall_ms / EPOCH_MS >= u64::from(oldest_epoch);
        if has_keys && proven.at_ms.saturating_sub(read.wall_ms) > MAX_BEHIND_MS {
            tracing::warn!("the clock was ahead when this relay was first started");
            *proven = Proven::starting_at(read.wall_ms);
            self.is_set_back = true;
        }
        proven.settled = is_steady && proven.at_ms.saturating_sub(proven.began_ms) >= NEW_MS;
        *proven
    }
}

/// Whether it is time to log something again, once an hour.
fn is_due(logged_ms: &mut Option<u64>, read: Reading) -> bool {
    let since = |at_ms: u64| read.monotonic_ms.saturating_sub(at_ms);
    let is_due = logged_ms.is_none_or(|at_ms| since(at_ms) >= DISAGREED_MS);
    if is_due {
        *logged_ms = Some(read.monotonic_ms);
    }
    is_due
}

/// Logs that other clocks do not agree, once an hour.
fn log_disagreed(logged_ms: &mut Option<u64>, read: Reading, gap_ms: u64) {
    if is_due(logged_ms, read) {
        let (clock_ms, ahead_secs) = (read.wall_ms, gap_ms / 1_000);
        tracing::warn!(
            clock_ms,
            ahead_secs,
            "the clock is ahead of proven time, and most clocks of the other relays and of the \
             database do not agree with it: it moves no time until they do"
        );
    }
}

/// Reads the clocks of the system. The monotonic clock begins at the first call.
pub fn system_clocks() -> impl Fn() -> Reading + Send + Sync {
    let began = Instant::now();
    move || {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let ms = |ms: u128| u64::try_from(ms).unwrap_or(u64::MAX);
        Reading {
            wall_ms: since.map_or(0, |since| ms(since.as_millis())),
            monotonic_ms: ms(began.elapsed().as_millis()),
        }
    }
}

#[cfg(test)]
mod tests;
