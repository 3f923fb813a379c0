//! Between which times messages for a device were dropped, until the device knows it.

use crate::errors::Refusal;
use crate::store::Connection;
use crate::store::values::values;

/// Records that a message for a device was dropped, which was accepted between these times. Its
/// queue is [taken](Connection::take_queues).
pub fn lose(db: &Connection, recipient: i64, from_ms: u64, to_ms: u64) -> Result<(), Refusal> {
    let (table, id) = db.losses();
    let lose = format!(
        "UPDATE {table} SET
             lost_from_ms = CASE WHEN lost_from_ms < ?1 THEN lost_from_ms ELSE ?1 END,
             lost_to_ms = CASE WHEN lost_to_ms > ?2 THEN lost_to_ms ELSE ?2 END
         WHERE {id} = ?3"
    );
    db.execute(&lose, values![from_ms, to_ms, recipient])?;
    Ok(())
}

/// Between which times messages for a device were dropped.
pub fn lost(db: &Connection, recipient: i64) -> Result<Option<(u64, u64)>, Refusal> {
    let (table, id) = db.losses();
    let lost = format!("SELECT lost_from_ms, lost_to_ms FROM {table} WHERE {id} = ?1");
    let lost: Option<(Option<u64>, Option<u64>)> = db.one(&lost, values![recipient])?;
    Ok(lost.and_then(|(from_ms, to_ms)| from_ms.zip(to_ms)))
}

/// Forgets what a device knows, unless more was dropped since it was told. Returns whether it was
/// forgotten.
pub fn forget(
    db: &Connection,
    recipient: i64,
    (from_ms, to_ms): (u64, u64),
) -> Result<bool, Refusal> {
    let (table, id) = db.losses();
    let forget = format!(
        "UPDATE {table} SET lost_from_ms = NULL, lost_to_ms = NULL
         WHERE {id} = ?1 AND lost_from_ms = ?2 AND lost_to_ms = ?3"
    );
    Ok(db.execute(&forget, values![recipient, from_ms, to_ms])? > 0)
}
