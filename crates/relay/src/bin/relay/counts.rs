//! What the relay has done since it started, in numbers. None is about an account.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use waxseal_interface::ErrorCode;

/// How often in a row proven time may not be kept. It is tried every few seconds then.
const MAX_NOT_KEPT: u32 = 24;

/// Counts, and what says whether the relay works.
#[derive(Default)]
pub struct Counts {
    accepted: AtomicU64,
    delivered: AtomicU64,
    refused: Mutex<HashMap<ErrorCode, u64>>,
    is_draining: AtomicBool,
    /// Whether proven time was kept since the start.
    has_kept_time: AtomicBool,
    /// How often in a row it could not be kept since.
    not_kept: AtomicU32,
}

impl Counts {
    /// A message was accepted and is stored.
    pub fn accept(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    /// Devices have acknowledged this many deliveries, which are deleted.
    pub fn deliver(&self, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.delivered.fetch_add(count, Ordering::Relaxed);
    }

    /// A request was refused.
    pub fn refuse(&self, code: ErrorCode) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *refused.entry(code).or_default() += 1;
    }

    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    pub fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// How many requests were refused with each code that clients see, in the order of the codes.
    pub fn refused(&self) -> Vec<(String, u64)> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let named = refused.iter().filter_map(|(code, count)| {
            let name = serde_json::to_value(code).ok()?;
            Some((name.as_str()?.to_owned(), *count))
        });
        let mut named: Vec<_> = named.collect();
        named.sort_unstable();
        named
    }

    /// The relay was told to stop.
    pub fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    pub fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }

    /// Notes whether proven time could be kept.
    pub fn keep_time(&self, kept: bool) {
        match kept {
            true => {
                self.has_kept_time.store(true, Ordering::Relaxed);
                self.not_kept.store(0, Ordering::Relaxed);
            }
            false => _ = self.not_kept.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Whether proven time is kept. A busy database may fail a few times, and that is no reason to
    /// send clients elsewhere: all relays have the same one.
    pub fn keeps_time(&self) -> bool {
        self.has_kept_time.load(Ordering::Relaxed)
            && self.not_kept.load(Ordering::Relaxed) < MAX_NOT_KEPT
    }
}
