//! This relay among those of its database: its number and name, and whether it may stamp.
//!
//! A relay says every few seconds which stamp keys it has destroyed. One that could not say so for
//! a while stamps nothing: others may count its keys as destroyed by then, because its operator has
//! taken it out, or it was asleep while proven time went on.

use std::collections::HashMap;
use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use waxseal_interface::ErrorCode;
use waxseal_relay::system_rng;

use crate::errors::Refusal;
use crate::keys::random;
use crate::store::processes::{Confirmed, Me};
use crate::time::Reading;

/// How often a relay confirms.
pub const BEAT: Duration = Duration::from_secs(5);

/// How long a relay may stamp after it confirmed last, by each of its clocks.
const LEASE_MS: u64 = 20_000;

/// How long a relay must be silent before the operator can take it out. Longer than a relay may
/// stamp without a word.
pub const SILENCE: Duration = Duration::from_secs(30);

/// Another relay counts as alive if it said something within this time.
const ALIVE_MS: u64 = 60_000;

/// The file with the number. It is that of one folder, and is not copied.
const FILE: &str = "process";

pub struct Process {
    pub me: Me,
    /// Held while proven time moves and stamp keys are destroyed, which two tasks do.
    pub moving: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    has_entered: bool,
    /// The clocks before this relay confirmed last.
    confirmed: Option<Reading>,
    others: HashMap<u64, Other>,
}

struct Other {
    /// What it said last.
    seen_ms: u64,
    /// This relay's clock when the other said something new.
    at_ms: u64,
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
            state: Mutex::default(),
        })
    }

    /// Whether this relay has entered since it started.
    pub fn has_entered(&self) -> bool {
        self.state().has_entered
    }

    /// Takes what became of a confirmation that began at this time.
    pub fn note(&self, confirmed: &Confirmed, at: Reading) -> Result<(), String> {
        let mut state = self.state();
        let state = &mut *state;
        let Confirmed::Counts(others) = confirmed else {
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
        let known = &mut state.others;
        known.retain(|number, _| others.iter().any(|(other, _)| other == number));
        for &(number, seen_ms) in others {
            let at_ms = at.monotonic_ms;
            let other = known.entry(number).or_insert(Other { seen_ms, at_ms });
            if other.seen_ms != seen_ms {
                *other = Other { seen_ms, at_ms };
            }
        }
        Ok(())
    }

    /// Whether this relay may stamp now.
    pub fn check(&self, now: Reading) -> Result<(), Refusal> {
        // CHK-705: a relay that has not confirmed for a while, by either clock, stamps nothing.
        let may_stamp = self.state().confirmed.is_some_and(|at| {
            let passed_ms = now.monotonic_ms.saturating_sub(at.monotonic_ms);
            passed_ms.max(now.wall_ms.abs_diff(at.wall_ms)) <= LEASE_MS
        });
        match may_stamp || !self.me.is_shared {
            true => Ok(()),
            false => Err(Refusal::retry_after(ErrorCode::Busy, BEAT.as_secs())),
        }
    }

    /// How many relays are alive, with this one.
    pub fn alive(&self, now: Reading) -> u32 {
        let state = self.state();
        let is_alive = |other: &&Other| now.monotonic_ms.saturating_sub(other.at_ms) <= ALIVE_MS;
        let others = state.others.values().filter(is_alive).count();
        u32::try_from(others).unwrap_or(u32::MAX).saturating_add(1)
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

#[cfg(test)]
mod tests;
