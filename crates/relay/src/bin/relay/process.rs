//! This relay among those of its database: its number and name, and whether it may stamp.
//!
//! A relay says every few seconds which stamp keys it has destroyed. One that could not say so for
//! a while stamps nothing: others may count its keys as destroyed by then, because its operator has
//! taken it out, or it was asleep while proven time went on.

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use waxseal_interface::ErrorCode;
use waxseal_relay::system_rng;

use crate::errors::Refusal;
use crate::keys::random;
use crate::process::known::{Known, is_off};
use crate::store::Connection;
use crate::store::processes::{self, Confirmed, Me};
use crate::time::{Others, Reading};

pub use crate::process::known::compare;
pub use crate::process::recorded::{Past, Recorded};

/// How often a relay confirms.
pub const BEAT: Duration = Duration::from_secs(5);

/// How long a relay may stamp after it confirmed last, by each of its clocks.
const LEASE_MS: u64 = 20_000;

/// How long a relay must be silent before the operator can take it out. Longer than a relay may
/// stamp without a word.
pub const SILENCE: Duration = Duration::from_secs(30);

/// How long other relays must say nothing after a restore: for two beats.
pub const STOPPED: Duration = Duration::from_secs(11);

/// How often the log names relays that are silent.
const WARNING_MS: u64 = 86_400_000;

/// The file with the number. It is that of one folder, and is not copied.
const FILE: &str = "process";

/// What is told of a database that went back in time.
const WENT_BACK: &str = "the database has gone back in time, as after a restore, or on a standby \
     that lacked what came last: stop all relays, and start one of them with --restored";

/// This relay among those of its database.
pub struct Process {
    pub me: Me,
    /// Held while proven time moves and stamp keys are destroyed, which two tasks do.
    pub moving: tokio::sync::Mutex<()>,
    /// Held while this relay confirms.
    pub saying: tokio::sync::Mutex<()>,
    /// What this relay knows the database to have.
    pub recorded: Recorded,
    /// The epoch before which undelivered messages are dropped. Their stamp keys were destroyed at
    /// all relays before this relay destroyed its own of the next day.
    dropped_before: AtomicU32,
    /// Told once this relay must end.
    end: tokio::sync::Notify,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    has_entered: bool,
    /// The clocks before this relay confirmed last.
    confirmed: Option<Reading>,
    /// The database went back in time.
    went_back: bool,
    /// The clock was far from most others then.
    is_clock_off: bool,
    /// The other relays when it did, if it ever did.
    known: Option<Known>,
    /// This relay's clock when the log named silent relays.
    warned_ms: Option<u64>,
}

impl Process {
    /// Reads the number in this folder, or draws one.
    pub fn open(dir: &Path, name: Option<&str>, is_shared: bool) -> Result<Self, Box<dyn Error>> {
        let number = number(dir)?;
        let name = name.map_or_else(|| format!("relay-{number:016x}"), str::to_owned);
        Ok(Self {
            me: Me {
                number,
                run: draw(),
                name,
                is_shared,
            },
            moving: tokio::sync::Mutex::default(),
            saying: tokio::sync::Mutex::default(),
            recorded: Recorded::open(dir),
            dropped_before: AtomicU32::new(0),
            end: tokio::sync::Notify::new(),
            state: Mutex::default(),
        })
    }

    /// Whether this relay has entered since it started.
    pub fn has_entered(&self) -> bool {
        self.state().has_entered
    }

    /// Takes what became of a confirmation that began at this time.
    pub fn note(&self, confirmed: Confirmed, at: Reading) -> Result<(), String> {
        if confirmed == Confirmed::WentBack {
            return Err(self.go_back().to_owned());
        }
        let mut state = self.state();
        let state = &mut *state;
        let Confirmed::Counts(peers) = confirmed else {
            state.confirmed = None;
            return Err(match confirmed {
                Confirmed::TakenOver => format!(
                    "another relay runs under the number in the file {FILE} of the folder: \
                     remove the file from a folder that was copied"
                ),
                Confirmed::NameTaken => format!(
                    "another relay of the database has the name {}: choose another --name, or take \
                     that one out with --forget-process",
                    self.me.name
                ),
                _ => "keys that count as destroyed are still here".to_owned(),
            });
        };
        (state.has_entered, state.confirmed) = (true, Some(at));
        self.recorded.said(at.wall_ms);
        state.is_clock_off = is_off(&peers, at.wall_ms);
        let at_ms = at.monotonic_ms;
        state.known = Some(Known { peers, at_ms });
        Ok(())
    }

    /// The database went back in time, so that this relay must end. Returns what to tell.
    pub fn go_back(&self) -> &'static str {
        let mut state = self.state();
        (state.went_back, state.confirmed) = (true, None);
        self.end.notify_one();
        WENT_BACK
    }

    /// Waits until this relay must end, and returns why.
    pub async fn ended(&self) -> &'static str {
        self.end.notified().await;
        WENT_BACK
    }

    /// Refuses once the database went back in time.
    pub fn check_went_on(&self) -> Result<(), &'static str> {
        match self.state().went_back {
            true => Err(WENT_BACK),
            false => Ok(()),
        }
    }

    /// Whether this relay may stamp now.
    pub fn check(&self, now: Reading) -> Result<(), Refusal> {
        // CHK-705: a relay that has not confirmed for a while, by either clock, stamps nothing.
        let may_stamp = self.state().confirmed.is_some_and(|at| {
            let passed_ms = now.monotonic_ms.saturating_sub(at.monotonic_ms);
            passed_ms.max(now.wall_ms.abs_diff(at.wall_ms)) <= LEASE_MS
        });
        // CHK-712: nor does one whose clock is far from most others.
        match may_stamp && !self.is_clock_off() || !self.me.is_shared {
            true => Ok(()),
            false => Err(Refusal::retry_after(ErrorCode::Busy, BEAT.as_secs())),
        }
    }

    /// Whether this relay's clock is so far from most others that it must be wrong.
    pub fn is_clock_off(&self) -> bool {
        self.state().is_clock_off
    }

    /// Refuses in a job that stamps, or verifies stamps, if the database knows that this relay must
    /// not. `oldest` is the epoch of its oldest stamp keys.
    pub fn check_in(&self, db: &Connection, oldest: u32) -> Result<(), Refusal> {
        // CHK-711: what is stamped or verified is committed only if the database says so too.
        match !self.me.is_shared || processes::may_commit(db, self.me.by(oldest))? {
            true => Ok(()),
            false => Err(Refusal::retry_after(ErrorCode::Busy, BEAT.as_secs())),
        }
    }

    /// Has the undelivered messages before an epoch dropped.
    pub fn drop_before(&self, epoch: u32) {
        self.dropped_before.fetch_max(epoch, Ordering::Relaxed);
    }

    /// The epoch before which undelivered messages are dropped.
    pub fn dropped_before(&self) -> u32 {
        self.dropped_before.load(Ordering::Relaxed)
    }

    /// How many relays are alive, with this one.
    pub fn alive(&self, now: Reading) -> u32 {
        let state = self.state();
        let others = state.known.as_ref().map_or(0, |known| known.alive(now));
        u32::try_from(others).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// What the clocks of the others say of this relay's clock, as far as this relay knows.
    pub fn compare(&self, now: Reading) -> Others {
        let state = self.state();
        let known = state.known.as_ref();
        known.map_or(Others::Alone, |known| known.compare(now))
    }

    /// The relays that have said nothing for long, and for how many milliseconds the one did that
    /// is silent for longest, be it this one.
    pub fn silence(&self, now: Reading) -> (Vec<String>, u64) {
        let state = self.state();
        let (silent, longest) = match &state.known {
            Some(known) => (known.silent(now), known.longest_ms(now)),
            None => (Vec::new(), 0),
        };
        let own = state.known.as_ref().map_or(0, |known| known.passed_ms(now));
        (silent, longest.max(own))
    }

    /// Names silent relays in the log, once a day.
    pub fn warn_of_silent(&self, now: Reading) {
        let (silent, _) = self.silence(now);
        let mut state = self.state();
        if silent.is_empty() {
            state.warned_ms = None;
            return;
        }
        let since = |at_ms: u64| now.monotonic_ms.saturating_sub(at_ms);
        if state
            .warned_ms
            .is_none_or(|at_ms| since(at_ms) >= WARNING_MS)
        {
            state.warned_ms = Some(now.monotonic_ms);
            let names = silent.join(", ");
            tracing::warn!(
                names,
                "these relays say nothing: until they do, or are taken out with --forget-process, \
                 no epoch counts as destroyed, and undelivered messages stay"
            );
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The number in a folder, as 16 hexadecimal digits.
fn number(dir: &Path) -> Result<u64, Box<dyn Error>> {
    let path = dir.join(FILE);
    let read = match fs::read_to_string(&path) {
        Ok(text) => u64::from_str_radix(text.trim(), 16).ok(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let (number, new) = (draw(), dir.join("process.new"));
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&new)?;
            writeln!(file, "{number:016x}")?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(dir)?.sync_all()?;
            Some(number)
        }
        Err(error) => return Err(error.into()),
    };
    // Databases have no larger numbers.
    let number = read.filter(|number| i64::try_from(*number).is_ok());
    Ok(number.ok_or_else(|| format!("{} is damaged: remove it", path.display()))?)
}

fn draw() -> u64 {
    u64::from_be_bytes(*random::<8>(&mut system_rng())) >> 1
}

mod known;
mod recorded;
#[cfg(test)]
mod tests;
