//! Forgets strangers and passes that no longer count.

use rusqlite::{Connection, params};

use crate::errors::Refusal;

/// Time for which a stranger counts.
pub const DAY_MS: u64 = 86_400_000;

/// Maximum number of rows that one job deletes.
const BATCH: usize = 1_000;

/// Deletes strangers and passes that no longer count, and those of a proven time that was set back.
/// Returns whether there may be more.
pub fn expire(db: &Connection, proven_ms: u64) -> Result<bool, Refusal> {
    let gone = format!("(at_ms <= ?1 - {DAY_MS} OR at_ms > ?1 + {DAY_MS})");
    let mut deleted = 0;
    for sql in [
        format!(
            "DELETE FROM stranger WHERE (account, other) IN
                 (SELECT account, other FROM stranger WHERE {gone} LIMIT ?2)"
        ),
        // A pass is remembered until it expired, so that it is not used twice.
        format!(
            "DELETE FROM pass WHERE pass IN
                 (SELECT pass FROM pass WHERE {gone} AND expires_at_ms <= ?1 LIMIT ?2)"
        ),
    ] {
        deleted = deleted.max(db.prepare(&sql)?.execute(params![proven_ms, BATCH])?);
    }
    Ok(deleted == BATCH)
}
