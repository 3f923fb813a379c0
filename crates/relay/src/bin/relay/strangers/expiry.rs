//! Forgets strangers and passes that no longer count.

use crate::errors::Refusal;
use crate::store::Connection;
use crate::store::strangers::{self, Within};

/// Time for which a stranger counts.
pub const DAY_MS: u64 = 86_400_000;

/// Time for which the relay knows that an account wrote to another, which can answer at no cost. A
/// device that was away for some days answers then.
pub const KEPT_MS: u64 = 7 * DAY_MS;

/// Maximum number of rows that one job deletes.
const BATCH: usize = 1_000;

/// Deletes strangers and passes that are of no use any more, and those of a proven time that was
/// set back. Returns whether there may be more.
pub fn expire(db: &Connection, proven_ms: u64) -> Result<bool, Refusal> {
    let kept = |kept_ms: u64| Within {
        after_ms: proven_ms.saturating_sub(kept_ms),
        up_to_ms: proven_ms.saturating_add(DAY_MS),
    };
    let strangers = strangers::forget(db, kept(KEPT_MS), BATCH)?;
    // A pass is remembered until it expired, so that it is not used twice.
    let passes = strangers::forget_passes(db, kept(DAY_MS), proven_ms, BATCH)?;
    Ok(strangers.max(passes) == BATCH)
}
