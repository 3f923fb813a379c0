//! To whom accounts wrote that gave them no token, and the passes that they used.

use waxseal_interface::ContactPass;

use crate::errors::Refusal;
use crate::store::Connection;
use crate::store::values::values;

/// A time after one moment, up to another.
#[derive(Clone, Copy)]
pub struct Within {
    pub after_ms: u64,
    pub up_to_ms: u64,
}

/// Whether an account wrote to another, at a cost or while it was spared.
pub fn wrote(db: &Connection, from: i64, to: i64, within: Within) -> Result<bool, Refusal> {
    db.exists(
        "SELECT 1 FROM stranger
         WHERE account = ?1 AND other = ?2 AND at_ms > ?3 AND at_ms <= ?4",
        values![from, to, within.after_ms, within.up_to_ms],
    )
}

/// What of an account is counted.
#[derive(Clone, Copy)]
pub enum Counted {
    /// The strangers to which it wrote since its last pass.
    Strangers,
    /// The fellow members of groups to which it wrote.
    Fellows,
    /// All accounts to which it wrote, whatever they count for.
    Rows,
    /// The passes that it used.
    Passes,
}

/// Counts for an account.
pub fn count(
    db: &Connection,
    account: i64,
    what: Counted,
    within: Within,
) -> Result<usize, Refusal> {
    let sql = match what {
        Counted::Strangers => {
            "SELECT count(*) FROM stranger WHERE is_paid = 0 AND is_fellow = 0
                 AND account = ?1 AND at_ms > ?2 AND at_ms <= ?3"
        }
        Counted::Fellows => {
            "SELECT count(*) FROM stranger WHERE is_fellow <> 0
                 AND account = ?1 AND at_ms > ?2 AND at_ms <= ?3"
        }
        Counted::Rows => {
            "SELECT count(*) FROM stranger WHERE account = ?1 AND at_ms > ?2 AND at_ms <= ?3"
        }
        Counted::Passes => {
            "SELECT count(*) FROM pass WHERE account = ?1 AND at_ms > ?2 AND at_ms <= ?3"
        }
    };
    db.only(sql, values![account, within.after_ms, within.up_to_ms])
}

/// When an account wrote to the first of the strangers that count.
pub fn first(db: &Connection, account: i64, within: Within) -> Result<Option<u64>, Refusal> {
    db.only(
        "SELECT min(at_ms) FROM stranger WHERE is_paid = 0 AND is_fellow = 0
             AND account = ?1 AND at_ms > ?2 AND at_ms <= ?3",
        values![account, within.after_ms, within.up_to_ms],
    )
}

/// Records that an account wrote to another. `is_paid` says that the other does not count, and
/// `is_fellow` that it counts as a fellow member of a group.
pub fn record(
    db: &Connection,
    from: i64,
    to: i64,
    at_ms: u64,
    (is_paid, is_fellow): (bool, bool),
) -> Result<(), Refusal> {
    db.execute(
        "INSERT INTO stranger (account, other, at_ms, is_paid, is_fellow)
             VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (account, other) DO UPDATE SET at_ms = excluded.at_ms,
             is_paid = excluded.is_paid, is_fellow = excluded.is_fellow",
        values![from, to, at_ms, is_paid, is_fellow],
    )?;
    Ok(())
}

/// Whether a pass was used.
pub fn is_used(db: &Connection, pass: &ContactPass) -> Result<bool, Refusal> {
    let used = "SELECT 1 FROM pass WHERE pass = ?1";
    db.exists(used, values![pass.as_bytes()])
}

/// Uses a pass: the strangers to which the account wrote so far count no more.
pub fn pay(db: &Connection, account: i64, pass: &ContactPass, at_ms: u64) -> Result<(), Refusal> {
    db.execute(
        "INSERT INTO pass (pass, account, at_ms, expires_at_ms) VALUES (?1, ?2, ?3, ?4)",
        values![pass.as_bytes(), account, at_ms, pass.expires_at_ms()],
    )?;
    let paid = "UPDATE stranger SET is_paid = 1 WHERE account = ?1";
    db.execute(paid, values![account])?;
    Ok(())
}

/// Deletes at most `max` rows of strangers that are not within this time. Returns how many.
pub fn forget(db: &Connection, within: Within, max: usize) -> Result<usize, Refusal> {
    let free =
        db.skipping("SELECT account, other FROM stranger WHERE at_ms <= ?1 OR at_ms > ?2 LIMIT ?3");
    db.execute(
        &format!("DELETE FROM stranger WHERE (account, other) IN ({free})"),
        values![within.after_ms, within.up_to_ms, max],
    )
}

/// Deletes at most `max` passes that were not used within this time and expired by now. Returns how
/// many.
pub fn forget_passes(
    db: &Connection,
    within: Within,
    now_ms: u64,
    max: usize,
) -> Result<usize, Refusal> {
    db.execute(
        "DELETE FROM pass WHERE pass IN
             (SELECT pass FROM pass WHERE (at_ms <= ?1 OR at_ms > ?2) AND expires_at_ms <= ?3
              LIMIT ?4)",
        values![within.after_ms, within.up_to_ms, now_ms, max],
    )
}
