//! What is left of devices that were removed from their accounts. Their rows have negative numbers.

use rusqlite::{Connection, OptionalExtension, params};

use crate::database::Database;
use crate::errors::Refusal;

/// Maximum number of messages of a removed device that one job deletes. All requests wait for a
/// job, and a queue holds up to 40,000 messages.
pub const BATCH: usize = 1_000;

/// Deletes some messages of a removed device and, if these were all, the device. Returns whether
/// they were.
pub fn delete_batch(db: &Connection, device: i64) -> Result<bool, Refusal> {
    let deleted = db
        .prepare(
            "DELETE FROM queue WHERE rowid IN
                 (SELECT rowid FROM queue WHERE recipient = ? LIMIT ?)",
        )?
        .execute(params![device, BATCH])?;
    if deleted == BATCH {
        return Ok(false);
    }
    for delete in [
        "DELETE FROM inbox WHERE recipient = ?",
        "DELETE FROM device WHERE id = ?",
    ] {
        db.prepare(delete)?.execute([device])?;
    }
    Ok(true)
}

/// Deletes what is left of removed devices, a batch at a time.
pub async fn delete_all(database: &Database) -> Result<(), Refusal> {
    let batch = |db: &Connection| {
        let removed = db
            .prepare("SELECT id FROM device WHERE number < 0 LIMIT 1")?
            .query_row([], |row| row.get(0))
            .optional()?;
        match removed {
            Some(device) => delete_batch(db, device).map(|_| true),
            None => Ok(false),
        }
    };
    while database.run(batch).await? {}
    Ok(())
}
