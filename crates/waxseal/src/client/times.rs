//! Times: how long ago something was, by a clock that may be wrong.

use waxseal_reporting::Timestamp;

/// How long ago a stored time is. `None` if it is still to come: it then counts as never, because
/// the clock was wrong when it was stored, or is now.
pub(super) fn since(at_ms: u64, now: Timestamp) -> Option<u64> {
    now.as_millis().checked_sub(at_ms)
}
