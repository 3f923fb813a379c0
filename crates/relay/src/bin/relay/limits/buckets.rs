//! Token buckets in memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use waxseal_interface::ErrorCode;

use super::scarce::Rate;
use crate::errors::Refusal;

/// A token bucket, which allows a burst of requests at once and a fixed rate in the long run.
#[derive(Clone, Copy)]
pub struct Bucket {
    pub tokens: f64,
    pub filled_at: Instant,
}

impl Bucket {
    pub fn level(&self, burst: f64, per_second: f64, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.filled_at);
        (self.tokens + passed.as_secs_f64() * per_second).min(burst)
    }
}

impl Rate {
    fn level(self, bucket: &Bucket, now: Instant) -> f64 {
        bucket.level(self.burst, self.per_second, now)
    }
}

/// One bucket per key. The number of buckets is bounded. A bucket that is full again need not be
/// kept, because a new bucket is full too.
pub struct Buckets<K> {
    rate: Rate,
    /// How many relays share the rate, if it is shared.
    relays: Option<Arc<AtomicU32>>,
    pub(super) table: Mutex<Table<K>>,
}

pub struct Table<K> {
    pub(super) buckets: HashMap<K, Bucket>,
    swept_at: Option<Instant>,
}

/// Maximum number of buckets of one kind: of those who asked so recently that theirs are not full.
pub const MAX_BUCKETS: usize = 100_000;

/// Minimum time between two searches of a full table for buckets that are full again.
const SWEEP: Duration = Duration::from_secs(1);

impl<K: Hash + Eq + Clone> Buckets<K> {
    /// Buckets of this relay.
    pub fn new(burst: f64, per_second: f64) -> Self {
        Self::of(Rate::new(burst, per_second))
    }

    /// Buckets of this relay with this rate.
    pub fn of(rate: Rate) -> Self {
        let table = Table {
            buckets: HashMap::new(),
            swept_at: None,
        };
        Self {
            rate,
            relays: None,
            table: Mutex::new(table),
        }
    }

    /// Buckets that give each relay its part of the rate.
    pub fn divided(burst: f64, per_second: f64, relays: &Arc<AtomicU32>) -> Self {
        Self {
            relays: Some(relays.clone()),
            ..Self::new(burst, per_second)
        }
    }

    /// Takes `cost` tokens from the bucket of `key`. If there are not enough, or if the table has
    /// no room for a new bucket, the refusal says how long to wait.
    ///
    /// A request that costs more than a full bucket waits for a full bucket. If it costs no more
    /// than that of a relay which is alone, the rest is owed.
    pub fn take(&self, key: &K, cost: f64, now: Instant) -> Result<(), Refusal> {
        self.take_if(key, cost, now, cost.min(self.rate().burst))
    }

    /// Takes more tokens for a request that was let in. What is not there is owed: the next request
    /// waits for it. Refuses if as much is owed already as a relay gives at once that is alone.
    pub fn owe(&self, key: &K, cost: f64, now: Instant) -> Result<(), Refusal> {
        self.take_if(key, cost, now, -self.rate.burst)
    }

    /// Takes tokens if there are so many, or if no more are owed.
    fn take_if(&self, key: &K, cost: f64, now: Instant, needed: f64) -> Result<(), Refusal> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let (table, rate) = (&mut *table, self.rate());
        if !table.buckets.contains_key(key) && table.buckets.len() >= MAX_BUCKETS {
            if table
                .swept_at
                .is_none_or(|at| now.duration_since(at) >= SWEEP)
            {
                table.swept_at = Some(now);
                table
                    .buckets
                    .retain(|_, bucket| rate.level(bucket, now) < rate.burst);
            }
            if table.buckets.len() >= MAX_BUCKETS {
                return Err(Refusal::retry_after(ErrorCode::TooManyRequests, 5));
            }
        }
        let bucket = table.buckets.entry(key.clone()).or_insert(Bucket {
            tokens: rate.burst,
            filled_at: now,
        });
        let level = rate.level(bucket, now);
        let cost = cost.min(self.rate.burst);
        if level < needed {
            let wait = ((needed - level) / rate.per_second).ceil() as u64;
            return Err(Refusal::retry_after(
                ErrorCode::TooManyRequests,
                wait.max(1),
            ));
        }
        *bucket = Bucket {
            tokens: level - cost,
            filled_at: now,
        };
        Ok(())
    }

    /// The rate of this relay.
    fn rate(&self) -> Rate {
        let relays = self.relays.as_ref();
        let relays = relays.map_or(1, |relays| relays.load(Ordering::Relaxed).max(1));
        let Rate { burst, per_second } = self.rate;
        Rate::new(burst / f64::from(relays), per_second / f64::from(relays))
    }
}
