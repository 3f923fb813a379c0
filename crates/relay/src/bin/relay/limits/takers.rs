//! What each account takes from each device. Every taker has a small table of its own, so no
//! taker can use up the room of another.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::buckets::Bucket;
use super::scarce::{Rate, Scarce};

/// One-time parts that one account may take of one device.
const RATE: Rate = Scarce::Taken.rate();
const BURST: f64 = RATE.burst;
const PER_SECOND: f64 = RATE.per_second;

/// Maximum number of devices that are remembered per taker. When a taker takes from more, the one
/// of which it took least is forgotten.
const MAX_REMEMBERED: usize = 32;

/// How often full buckets are forgotten. A bucket is full again after 50 minutes.
const SWEEP: Duration = Duration::from_secs(600);

/// Buckets by taker, and by the device from which it takes. Only accounts take, so their number is
/// bounded.
#[derive(Default)]
pub struct Takers(Mutex<Table>);

#[derive(Default)]
struct Table {
    takers: HashMap<i64, HashMap<i64, Bucket>>,
    swept_at: Option<Instant>,
}

impl Takers {
    /// Whether the account `taker` may take another part of the device `of`.
    pub fn take(&self, taker: i64, of: i64, now: Instant) -> bool {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.sweep(now);
        let buckets = table.takers.entry(taker).or_default();
        if !buckets.contains_key(&of) && buckets.len() >= MAX_REMEMBERED {
            let level = |bucket: &Bucket| bucket.level(BURST, PER_SECOND, now);
            let fullest = buckets.iter();
            let fullest = fullest.max_by(|a, b| level(a.1).total_cmp(&level(b.1)));
            if let Some(fullest) = fullest.map(|(of, _)| *of) {
                buckets.remove(&fullest);
            }
        }
        let bucket = buckets.entry(of).or_insert(Bucket {
            tokens: BURST,
            filled_at: now,
        });
        let level = bucket.level(BURST, PER_SECOND, now);
        if level < 1.0 {
            return false;
        }
        *bucket = Bucket {
            tokens: level - 1.0,
            filled_at: now,
        };
        true
    }
}

impl Table {
    fn sweep(&mut self, now: Instant) {
        let recent = |at: &Instant| now.saturating_duration_since(*at) < SWEEP;
        if self.swept_at.as_ref().is_some_and(recent) {
            return;
        }
        self.swept_at = Some(now);
        self.takers.retain(|_, buckets| {
            buckets.retain(|_, bucket| bucket.level(BURST, PER_SECOND, now) < BURST);
            !buckets.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BURST: usize = super::BURST as usize;

    fn taken(takers: &Takers, taker: i64, of: i64, now: Instant) -> usize {
        (0..2 * BURST)
            .filter(|_| takers.take(taker, of, now))
            .count()
    }

    #[test]
    fn a_taker_that_takes_from_everyone_takes_nothing_from_other_takers() {
        let (takers, now) = (Takers::default(), Instant::now());
        for of in 0..200_000 {
            assert!(takers.take(1, of, now));
        }
        assert_eq!(taken(&takers, 2, 7, now), BURST);
        let table = takers.0.lock().unwrap();
        assert_eq!(table.takers[&1].len(), MAX_REMEMBERED);
    }

    #[test]
    fn an_account_whose_parts_were_taken_is_not_forgotten_for_others() {
        let (takers, now) = (Takers::default(), Instant::now());
        assert_eq!(taken(&takers, 1, 7, now), BURST);
        for of in 100..10_000 {
            takers.take(1, of, now);
        }
        assert!(!takers.take(1, 7, now));
        assert!(!takers.take(1, 7, now + Duration::from_secs(599)));
        assert!(takers.take(1, 7, now + Duration::from_secs(1_200)));
    }

    #[test]
    fn full_buckets_are_forgotten() {
        let (takers, now) = (Takers::default(), Instant::now());
        for taker in 0..1_000 {
            taken(&takers, taker, 5_000, now);
        }
        taken(&takers, 1_000, 1, now + Duration::from_secs(2_999));
        assert_eq!(takers.0.lock().unwrap().takers.len(), 1_001);
        takers.take(1_001, 1, now + Duration::from_secs(3_600));
        assert_eq!(takers.0.lock().unwrap().takers.len(), 2);
    }
}
