//! A network that drops, repeats, delays and reorders packets, determined by a seed.

use std::collections::BTreeMap;
use std::ops::Range;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// Chance that a packet is lost.
pub const DROP: f64 = 0.10;
/// Chance that a packet that is not lost arrives twice.
const REPEAT: f64 = 0.05;
/// Range of delays of a packet. The longest is above the pause between messages, so that messages
/// overtake each other.
const DELAY_MS: Range<u64> = 20..3_000;

/// The packets on their way.
pub struct Network<P> {
    rng: ChaCha20Rng,
    now_ms: u64,
    next: u64,
    packets: BTreeMap<(u64, u64), P>,
    /// Whether no packet is lost or repeated.
    pub is_calm: bool,
}

impl<P: Clone> Network<P> {
    pub fn new(seed: u64, now_ms: u64) -> Self {
        Self {
            rng: ChaCha20Rng::seed_from_u64(seed),
            now_ms,
            next: 0,
            packets: BTreeMap::new(),
            is_calm: false,
        }
    }

    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Lets time pass in which nothing arrives.
    pub fn pass(&mut self, ms: u64) {
        self.now_ms += ms;
    }

    /// Sends a packet, which may be lost or arrive twice.
    pub fn send(&mut self, packet: &P) {
        if !self.is_calm && self.rng.random_bool(DROP) {
            return;
        }
        let copies = 1 + u64::from(!self.is_calm && self.rng.random_bool(REPEAT));
        for _ in 0..copies {
            let delay = self.rng.random_range(DELAY_MS);
            self.wake(delay, packet.clone());
        }
    }

    /// Has something happen after this time, for sure.
    pub fn wake(&mut self, after_ms: u64, packet: P) {
        self.next += 1;
        let at = (self.now_ms + after_ms, self.next);
        self.packets.insert(at, packet);
    }

    /// The next packet that arrives up to a time. The clock moves on to it, or to that time.
    pub fn next(&mut self, until_ms: u64) -> Option<P> {
        let first = self.packets.first_entry();
        match first.filter(|first| first.key().0 <= until_ms) {
            Some(first) => {
                let ((at, _), packet) = first.remove_entry();
                self.now_ms = self.now_ms.max(at);
                Some(packet)
            }
            None => {
                self.now_ms = self.now_ms.max(until_ms);
                None
            }
        }
    }
}
