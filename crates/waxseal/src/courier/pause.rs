//! The pause after a failure: longer after each one, and never very long.

use std::collections::BTreeMap;

use rand_core::CryptoRng;
use waxseal_reporting::Timestamp;

use super::event::Trouble;

/// The first pause after a failure, in milliseconds. Each further one is twice as long.
const FIRST_MS: u64 = 500;

/// The longest pause that the courier chooses, in milliseconds.
const LONGEST_MS: u64 = 300_000;

/// The longest pause that a relay can ask for, in seconds.
const LONGEST_ASKED_SECS: u64 = 3_600;

/// A time this many milliseconds later.
pub(super) fn later(now: Timestamp, by_ms: u64) -> Timestamp {
    Timestamp::from_millis(now.as_millis().saturating_add(by_ms))
}

/// Whether something is put off now. A time that is too far ahead was chosen while the clock was
/// wrong.
pub(super) fn is_off<K: Ord>(
    off: &BTreeMap<K, Timestamp>,
    key: &K,
    now: Timestamp,
    longest_ms: u64,
) -> bool {
    off.get(key)
        .is_some_and(|until| is_ahead(*until, now, longest_ms))
}

pub(super) fn is_ahead(until: Timestamp, now: Timestamp, longest_ms: u64) -> bool {
    let left = until.as_millis().checked_sub(now.as_millis());
    left.is_some_and(|left| left > 0 && left <= longest_ms)
}

/// How long to wait before the next request, and of what the application was told.
#[derive(Debug, Default)]
pub(super) struct Pause {
    failures: u32,
    until: Option<Timestamp>,
    told: Vec<Trouble>,
}

impl Pause {
    /// Waits longer than after the last failure, and at least as long as the relay asks for.
    pub(super) fn lengthen(
        &mut self,
        now: Timestamp,
        at_least_secs: u64,
        rng: &mut impl CryptoRng,
    ) {
        let most = FIRST_MS
            .checked_shl(self.failures)
            .map_or(LONGEST_MS, |most| most.min(LONGEST_MS));
        self.failures = self.failures.saturating_add(1).min(16);
        // Random, so that not all devices come back at the same moment.
        let half = most / 2;
        let random = u64::from(rng.next_u32()).checked_rem(half.saturating_add(1));
        let own = half.saturating_add(random.unwrap_or_default());
        let asked = at_least_secs.min(LONGEST_ASKED_SECS).saturating_mul(1_000);
        self.until = Some(later(now, own.max(asked)));
    }

    /// Ends the pause, because the relay did what it was asked for.
    pub(super) fn end(&mut self) {
        (self.failures, self.until) = (0, None);
        self.told
            .retain(|told| matches!(told, Trouble::ClockDiffers | Trouble::QueueFull));
    }

    /// The next pause is a short one. This one goes on.
    pub(super) fn shorten(&mut self) {
        self.failures = 0;
    }

    /// Forgets that the application was told of this, so that it is told again.
    pub(super) fn forget(&mut self, trouble: &Trouble) {
        self.told.retain(|told| told != trouble);
    }

    /// Until when to wait. `None` if the time has come, and if it is so far ahead that the clock
    /// must have been wrong.
    pub(super) fn until(&self, now: Timestamp) -> Option<Timestamp> {
        let longest = LONGEST_ASKED_SECS.saturating_mul(1_000);
        self.until.filter(|until| {
            let left = until.as_millis().checked_sub(now.as_millis());
            left.is_some_and(|left| left > 0 && left <= longest)
        })
    }

    /// Notes that the application is told of this. Returns whether it was not told before. Texts
    /// and fingerprints do not count: a relay or a proxy can send other ones each time.
    pub(super) fn trouble(&mut self, trouble: &Trouble) -> bool {
        let mut trouble = trouble.clone();
        match &mut trouble {
            Trouble::OtherRelay { fingerprint: text } | Trouble::Refused { message: text, .. } => {
                *text = String::new();
            }
            _ => {}
        }
        if self.told.contains(&trouble) {
            return false;
        }
        self.told.push(trouble);
        true
    }
}
