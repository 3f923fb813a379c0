//! The clock of this device, which may be wrong, and that of the relay.

use waxseal_reporting::Timestamp;

use super::Courier;
use crate::store::Store;

/// A clock that goes back by less than this was corrected a little: a minute.
const SET_BACK_MS: u64 = 60_000;

impl<S: Store> Courier<S> {
    /// The present time by the relay's clock, as far as it is known.
    pub fn relay_time(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(now.as_millis().saturating_add_signed(self.relay_ahead_ms))
    }

    /// Whether the clock was set back since the last call of `next`.
    pub(super) fn is_set_back(&self, now: Timestamp) -> bool {
        now.as_millis().saturating_add(SET_BACK_MS) < self.seen_at.as_millis()
    }

    /// Looks at everything once more if the clock was set back: the times for which it waits were
    /// chosen while the clock was wrong, or are now.
    pub(super) fn see(&mut self, now: Timestamp) {
        if self.is_set_back(now) {
            self.look_again();
            self.prekeys_at = Some(now);
            self.relay_ahead_ms = 0;
        }
        // CHK-574: a clock that was behind may have been put right.
        let passed_ms = now.as_millis().saturating_sub(self.seen_at.as_millis());
        if self.relay_ahead_ms > 0 && passed_ms > self.relay_ahead_ms.unsigned_abs() / 2 {
            self.relay_ahead_ms = 0;
        }
        self.seen_at = now;
    }
}
