//! Budgets in rows. Each row says when its budget is full again, in microseconds of the server's
//! clock, which is one for all relays.
//!
//! The table is not logged: after a crash of the server, all budgets are full.

use super::statements::Prepared;
use crate::errors::Refusal;
use crate::store::values::values;

/// Maximum number of rows that are forgotten in one step.
const MAX_SWEPT: usize = 10_000;

/// Takes from a budget what it takes `cost` microseconds to get back, if the budget, which is full
/// after `burst` microseconds, has as much. One statement does both. No budget needs longer until
/// it is full: one that does is of a time when the clock was ahead, and is full.
pub fn take(db: &Prepared, kind: u8, key: &str, cost: i64, burst: i64) -> Result<bool, Refusal> {
    let taken = db.execute(
        "INSERT INTO budget AS b (kind, key, full_us) VALUES (?1, ?2, now_us() + ?3)
         ON CONFLICT (kind, key) DO UPDATE SET full_us = ?3 +
                 CASE WHEN b.full_us > now_us() + ?4 THEN now_us()
                     ELSE greatest(b.full_us, now_us()) END
             WHERE b.full_us > now_us() + ?4
                 OR greatest(b.full_us, now_us()) + ?3 <= now_us() + ?4",
        values![kind, key, cost, burst],
    )?;
    Ok(taken == 1)
}

/// The longest that a budget needs until it is full, in microseconds.
const LONGEST: i64 = 86_400_000_000;

/// Forgets budgets that are full again, and those of a time when the clock was ahead. Leaves those
/// that are taken from at this moment.
pub fn sweep(db: &Prepared) -> Result<bool, Refusal> {
    let swept = db.execute(
        "DELETE FROM budget WHERE (kind, key) IN
             (SELECT kind, key FROM budget
                 WHERE full_us < now_us() OR full_us > now_us() + ?1
                 ORDER BY full_us LIMIT ?2 FOR UPDATE SKIP LOCKED)",
        values![LONGEST, MAX_SWEPT],
    )?;
    Ok(swept == MAX_SWEPT)
}
