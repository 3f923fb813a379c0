//! The prekeys of devices: a base each, and parts that are handed out once.

use sha2::{Digest, Sha256};

use crate::errors::Refusal;
use crate::limits::MAX_SPENT;
use crate::store::Connection;
use crate::store::values::values;

/// Stores the base of a device and adds one-time parts. With `replace`, those that are left are
/// deleted first. A part that was uploaded before is not stored again, even if it was handed out.
pub fn publish(
    db: &Connection,
    device: i64,
    base: &[u8],
    one_time: &[Vec<u8>],
    replace: bool,
) -> Result<(), Refusal> {
    let keep = "UPDATE device SET base = ?1 WHERE id = ?2";
    db.execute(keep, values![base, device])?;
    if replace {
        let left = "DELETE FROM one_time WHERE device = ?1 AND part IS NOT NULL";
        db.execute(left, values![device])?;
    }
    for part in one_time {
        db.execute(
            "INSERT INTO one_time (device, digest, part) VALUES (?1, ?2, ?3)
             ON CONFLICT (device, digest) DO NOTHING",
            values![device, Sha256::digest(part).as_slice(), part],
        )?;
    }
    forget_spent(db, device)
}

/// The newest base of a device.
pub fn base(db: &Connection, device: i64) -> Result<Option<Vec<u8>>, Refusal> {
    db.only("SELECT base FROM device WHERE id = ?1", values![device])
}

/// Takes the next one-time part of a device, which is deleted: nobody gets it again.
pub fn hand_out(db: &Connection, device: i64) -> Result<Option<Vec<u8>>, Refusal> {
    let next =
        "SELECT id, part FROM one_time WHERE device = ?1 AND part IS NOT NULL ORDER BY id LIMIT 1";
    // Whoever waits here for another gets the part after that one.
    let next: Option<(i64, Vec<u8>)> = db.one(&db.locking(next), values![device])?;
    let Some((id, part)) = next else {
        return Ok(None);
    };
    db.execute("UPDATE one_time SET part = NULL WHERE id = ?1", values![id])?;
    Ok(Some(part))
}

/// How many one-time parts a device has left.
pub fn count_left(db: &Connection, device: i64) -> Result<usize, Refusal> {
    let left = "SELECT count(*) FROM one_time WHERE device = ?1 AND part IS NOT NULL";
    db.only(left, values![device])
}

/// Deletes the oldest rows of parts that were handed out. A device makes parts in order and keeps
/// the secrets of the newest only, so it does not upload parts this old again.
fn forget_spent(db: &Connection, device: i64) -> Result<(), Refusal> {
    db.execute(
        "DELETE FROM one_time WHERE device = ?1 AND part IS NULL AND id <=
             (SELECT id FROM one_time WHERE device = ?1 AND part IS NULL
              ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        values![device, MAX_SPENT],
    )?;
    Ok(())
}
