//! Times: how long ago something was, by a clock that may be wrong.

use waxseal_reporting::Timestamp;
use waxseal_roster::{DeviceEntry, Roster};

/// The time by which rosters age.
#[derive(Clone, Copy)]
pub(super) struct RosterTime {
    pub(super) ms: u64,
    /// Whether it is that of this device's clock, which agrees with the provider's. If not, it says
    /// of no roster that it is dated ahead.
    pub(super) is_clock: bool,
}

impl RosterTime {
    /// The devices that count.
    pub(super) fn counting(self, roster: &Roster) -> impl Iterator<Item = &DeviceEntry> {
        roster.counting(self.for_one(roster))
    }

    /// Whether a manager signs the roster again.
    pub(super) fn is_due(self, roster: &Roster) -> bool {
        roster.is_due(self.for_one(roster))
    }

    pub(super) fn for_one(self, roster: &Roster) -> u64 {
        match self.is_clock {
            true => self.ms,
            false => self.ms.max(roster.at_ms()),
        }
    }
}

/// How long ago a stored time is. `None` if it is still to come: it then counts as never, because
/// the clock was wrong when it was stored, or is now.
pub(super) fn since(at_ms: u64, now: Timestamp) -> Option<u64> {
    now.as_millis().checked_sub(at_ms)
}
