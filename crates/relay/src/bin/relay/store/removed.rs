//! What is left of devices that were removed from their accounts. Their rows have negative numbers.

use crate::errors::Refusal;
use crate::store::connection::Work;
use crate::store::values::values;
use crate::store::{Connection, Store};

/// Maximum number of messages of a removed device that one job deletes. All requests wait for a
/// job, and a queue holds up to 40,000 messages.
pub const BATCH: usize = 1_000;

/// Deletes some messages of a removed device and, if these were all, the device. Returns whether
/// they were.
pub fn delete_batch(db: &Connection, device: i64) -> Result<bool, Refusal> {
    db.take_queues(&[device])?;
    let deleted = db.execute(
        "DELETE FROM queue WHERE recipient = ?1 AND number IN
             (SELECT number FROM queue WHERE recipient = ?1 LIMIT ?2)",
        values![device, BATCH],
    )?;
    if deleted == BATCH {
        return Ok(false);
    }
    for delete in [
        "DELETE FROM inbox WHERE recipient = ?1",
        "DELETE FROM device WHERE id = ?1",
    ] {
        db.execute(delete, values![device])?;
    }
    Ok(true)
}

/// Deletes what is left of removed devices, a batch at a time.
pub async fn delete_all(store: &Store) -> Result<(), Refusal> {
    let batch = |db: &Connection| {
        if !db.works_alone(Work::Sweeping)? {
            return Ok(false); // another relay does
        }
        let removed = "SELECT id FROM device WHERE number < 0 LIMIT 1";
        match db.one(removed, &[])? {
            Some(device) => delete_batch(db, device).map(|_| true),
            None => Ok(false),
        }
    };
    while store.run(batch).await? {}
    Ok(())
}
