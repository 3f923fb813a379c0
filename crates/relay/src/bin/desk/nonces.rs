//! Takes each signed request once.
//!
//! A request is of now if its time is at most a minute from the server's. Its nonce is remembered
//! until that minute is over. What is older than the oldest remembered nonce is refused, also if
//! the clock steps back. So nothing is forgotten too early.

use std::collections::{BTreeSet, HashMap, HashSet};

use waxseal_desk::request::MAX_REQUEST_SKEW_MS;

/// Maximum number of requests of one officer within the window of two minutes. A page makes about
/// ten.
pub const MAX_OF_OFFICER: usize = 10_000;
/// Maximum number of requests of the relay within the window: 800 reports each second.
pub const MAX_OF_RELAY: usize = 100_000;
/// Maximum number of requests of all keys within the window. Bounds the memory, to some 20 MB.
pub const MAX_NONCES: usize = 200_000;

/// Why a request is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// Its time is too far from the server's, or it was taken before.
    Replayed,
    /// There are too many requests.
    TooMany,
}

/// The requests that were taken within the window.
pub struct Nonces {
    /// Requests up to this time are refused: their nonces may be forgotten.
    floor_ms: u64,
    by_time: BTreeSet<(u64, [u8; 32], [u8; 16])>,
    known: HashSet<([u8; 32], [u8; 16])>,
    of_key: HashMap<[u8; 32], usize>,
}

impl Nonces {
    /// Starts with nothing known. What was signed up to `floor_ms` is refused.
    pub fn new(floor_ms: u64) -> Self {
        Self {
            floor_ms,
            by_time: BTreeSet::new(),
            known: HashSet::new(),
            of_key: HashMap::new(),
        }
    }

    /// The time up to which what was signed is refused.
    pub fn floor_ms(&self) -> u64 {
        self.floor_ms
    }

    /// Whether a request of this time can be taken at all. To be asked before its signature is
    /// checked.
    pub fn is_of_now(&self, at_ms: u64, now_ms: u64) -> bool {
        // CHK-621: the request was signed at most a minute ago, by clocks that differ by at most a
        // minute, and since the server started.
        at_ms > self.floor_ms && at_ms.abs_diff(now_ms) <= MAX_REQUEST_SKEW_MS
    }

    /// Takes a request, once. A key has at most `max` of them.
    pub fn take(
        &mut self,
        (key, nonce): ([u8; 32], [u8; 16]),
        at_ms: u64,
        now_ms: u64,
        max: usize,
    ) -> Result<(), NotTaken> {
        self.forget(now_ms);
        if !self.is_of_now(at_ms, now_ms) {
            return Err(NotTaken::Replayed);
        }
        // CHK-622: the nonce was not seen before.
        if self.known.contains(&(key, nonce)) {
            return Err(NotTaken::Replayed);
        }
        let of_key = self.of_key.get(&key).copied().unwrap_or_default();
        if of_key >= max || self.known.len() >= MAX_NONCES {
            return Err(NotTaken::TooMany);
        }
        self.known.insert((key, nonce));
        self.by_time.insert((at_ms, key, nonce));
        self.of_key.insert(key, of_key.saturating_add(1));
        Ok(())
    }

    /// Forgets the nonces of requests that are too old to be taken again.
    fn forget(&mut self, now_ms: u64) {
        let oldest = now_ms.saturating_sub(MAX_REQUEST_SKEW_MS);
        while let Some((at_ms, key, nonce)) = self.by_time.first().copied() {
            if at_ms >= oldest {
                return;
            }
            self.by_time.pop_first();
            self.known.remove(&(key, nonce));
            if let Some(count) = self.of_key.get_mut(&key) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.of_key.remove(&key);
                }
            }
            // If the clock steps back, this one stays refused.
            self.floor_ms = self.floor_ms.max(at_ms);
        }
    }
}

#[cfg(test)]
mod tests;
