//! The other relays, as they were when this relay confirmed last, and whether their clocks agree.

use crate::store::processes::{Other, Peers};
use crate::time::{Others, Reading};

/// Another relay counts as alive if it said something within this time.
const ALIVE_MS: u64 = 60_000;

/// A relay that has said nothing for this long is silent: it was not just started again.
const SILENT_MS: u64 = 600_000;

/// How far clocks that agree are apart. Clocks that are kept by NTP are far closer; the rest is for
/// a database that is slow to take what a relay says.
const MAX_APART_MS: u64 = 10_000;

/// How far a clock may be from the median of all while its relay stamps.
const MAX_OFF_MS: u64 = 300_000;

pub struct Known {
    pub peers: Peers,
    /// This relay's clock that cannot be set, then.
    pub at_ms: u64,
}

impl Known {
    pub fn alive(&self, now: Reading) -> usize {
        let others = self.peers.others.iter();
        others
            .filter(|other| self.silent_ms(other, now) <= ALIVE_MS)
            .count()
    }

    /// The names of those that have said nothing for long.
    pub fn silent(&self, now: Reading) -> Vec<String> {
        let others = self.peers.others.iter();
        let silent = others.filter(|other| self.silent_ms(other, now) > SILENT_MS);
        silent.map(|other| other.name.clone()).collect()
    }

    /// For how long the one said nothing that is silent for longest.
    pub fn longest_ms(&self, now: Reading) -> u64 {
        let others = self.peers.others.iter();
        let silent = others.map(|other| self.silent_ms(other, now));
        silent.max().unwrap_or_default()
    }

    /// Time since this relay confirmed.
    pub fn passed_ms(&self, now: Reading) -> u64 {
        now.monotonic_ms.saturating_sub(self.at_ms)
    }

    /// Compares this relay's clock now with those of the others, as far as they are known.
    pub fn compare(&self, now: Reading) -> Others {
        let passed_ms = self.passed_ms(now);
        match compare(&self.peers, now.wall_ms.saturating_sub(passed_ms)) {
            Others::Differ { median_ms } => Others::Differ {
                median_ms: median_ms.map(|median_ms| median_ms.saturating_add(passed_ms)),
            },
            same => same,
        }
    }

    fn silent_ms(&self, other: &Other, now: Reading) -> u64 {
        let database_ms = self.peers.clock_ms.unwrap_or_default();
        let silent_ms = database_ms.saturating_sub(other.said_ms);
        silent_ms.saturating_add(self.passed_ms(now))
    }
}

/// Compares this relay's clock with those of the other relays that are alive, and that of the
/// database. A relay without others goes by its own clock.
pub fn compare(peers: &Peers, wall_ms: u64) -> Others {
    // CHK-710: one clock that is ahead moves no time that others share.
    let Some(database_ms) = peers.clock_ms.filter(|_| !peers.others.is_empty()) else {
        return Others::Alone;
    };
    let ahead = |clock_ms: u64, of_ms: u64| i128::from(clock_ms) - i128::from(of_ms);
    let own = ahead(wall_ms, database_ms);
    let alive = peers.others.iter();
    let alive = alive.filter(|other| other.said_ms.abs_diff(database_ms) <= ALIVE_MS);
    // How far each was ahead of the database, whenever it said so.
    let all = alive.map(|other| ahead(other.seen_ms, other.said_ms));
    let mut all: Vec<i128> = all.chain([0]).collect();
    let agree = all.iter();
    let agree = agree.filter(|ahead| (own - **ahead).unsigned_abs() <= MAX_APART_MS.into());
    if agree.count() >= all.len().div_ceil(2) {
        return Others::Agree;
    }
    all.push(own);
    all.sort_unstable();
    let median = all.get((all.len() - 1) / 2).filter(|_| all.len() > 2);
    let median_ms = median.map(|ahead| {
        let median_ms = i128::from(database_ms) + ahead;
        u64::try_from(median_ms.max(0)).unwrap_or(u64::MAX)
    });
    Others::Differ { median_ms }
}

/// Whether this relay's clock, which is at `wall_ms`, is so far from the median of all that it must
/// be wrong.
pub fn is_off(peers: &Peers, wall_ms: u64) -> bool {
    match compare(peers, wall_ms) {
        Others::Differ {
            median_ms: Some(median_ms),
        } => median_ms.abs_diff(wall_ms) > MAX_OFF_MS,
        _ => false,
    }
}
