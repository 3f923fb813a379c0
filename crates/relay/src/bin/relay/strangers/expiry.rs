//! Forgets strangers and passes that no longer count.

use crate::store::Connection;
use rusqlite::params;

use crate::errors::Refusal;

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
    let gone = |after_ms: u64| format!("(at_ms <= ?1 - {after_ms} OR at_ms > ?1 + {DAY_MS})");
    let (strangers, passes) = (gone(KEPT_MS), gone(DAY_MS));
    let mut deleted = 0;
    for sql in [
        format!(
            "DELETE FROM stranger WHERE (account, other) IN
                 (SELECT account, other FROM stranger WHERE {strangers} LIMIT ?2)"
        ),
        // A pass is remembered until it expired, so that it is not used twice.
        format!(
            "DELETE FROM pass WHERE pass IN
                 (SELECT pass FROM pass WHERE {passes} AND expires_at_ms <= ?1 LIMIT ?2)"
        ),
    ] {
        deleted = deleted.max(db.prepare(&sql)?.execute(params![proven_ms, BATCH])?);
    }
    Ok(deleted == BATCH)
}
