//! Chooses the time under which the relay accepts a message.

use crate::timestamp::Timestamp;

/// How far a device's last accepted time may be ahead of the relay's clock: five minutes, as far as
/// the clocks of one provider may differ. A device that sends faster than a message a millisecond
/// moves ahead too, but not this far. Beyond it the clock was wrong before and is right now.
///
/// A reviewer takes a longer step back in a device's accepted times for such a change of the clock.
pub const MAX_LAST_AHEAD_MS: u64 = 300_000;

/// The time under which to accept the next message of a device: times of one device rise strictly.
///
/// `last` is the accepted time of the device's message before, which the relay keeps with the
/// device. Store the result there before the delivery is written. If `last` is more than
/// [`MAX_LAST_AHEAD_MS`] ahead of the clock, the result is the clock's time: a clock that was ahead
/// for a while does not keep a device ahead forever.
///
/// ```
/// # use waxseal_reporting::{Timestamp, relay::next_accepted_at};
/// let clock = Timestamp::from_millis(1_800_000_000_000);
/// let first = next_accepted_at(clock, None);
/// let second = next_accepted_at(clock, Some(first));
/// assert_eq!(first, clock);
/// assert_eq!(second.as_millis(), clock.as_millis() + 1);
/// ```
pub fn next_accepted_at(clock: Timestamp, last: Option<Timestamp>) -> Timestamp {
    let Some(last) = last else {
        return clock;
    };
    if last.as_millis() > clock.as_millis().saturating_add(MAX_LAST_AHEAD_MS) {
        return clock;
    }
    clock.max(Timestamp::from_millis(last.as_millis().saturating_add(1)))
}

#[cfg(test)]
mod tests;
