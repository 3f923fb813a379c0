//! The queue of undelivered messages, in the database.

use rusqlite::{Connection, OptionalExtension, params};
use waxseal_relay::ErrorCode;

use crate::database::Database;
use crate::errors::Refusal;
use crate::limits::{
    MAX_QUEUED, MAX_QUEUED_BYTES, MAX_QUEUED_BYTES_OF_ONE, MAX_QUEUED_IN_ALL, MAX_QUEUED_OF_ONE,
};

/// How long a refused sender is told to wait before it tries again.
const FULL_RETRY_SECS: u64 = 60;

/// Queues a delivery, unless one of the limits is reached.
pub fn push(
    db: &Connection,
    sender: i64,
    recipient: i64,
    epoch: u32,
    delivery: &[u8],
) -> Result<(), Refusal> {
    check_room(db, sender, recipient, delivery.len())?;
    db.prepare("INSERT INTO queue (recipient, sender, epoch, delivery) VALUES (?, ?, ?, ?)")?
        .execute(params![recipient, sender, epoch, delivery])?;
    Ok(())
}

/// Checks the limits: no sender can fill a queue alone, and no recipient can fill the relay.
fn check_room(db: &Connection, from: i64, to: i64, len: usize) -> Result<(), Refusal> {
    let queued = |recipient: i64, sender: i64| {
        let row = db
            .prepare("SELECT messages, bytes FROM share WHERE recipient = ? AND sender = ?")?
            .query_row([recipient, sender], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        Ok::<(i64, i64), rusqlite::Error>(row.unwrap_or_default())
    };
    let len = i64::try_from(len).unwrap_or(i64::MAX);
    let fits = |(messages, bytes): (i64, i64), max: i64, max_bytes: i64| {
        messages < max && bytes.saturating_add(len) <= max_bytes
    };
    if !fits(queued(0, 0)?, i64::MAX, MAX_QUEUED_IN_ALL) {
        return Err(Refusal::retry_after(ErrorCode::RelayFull, FULL_RETRY_SECS));
    }
    if !fits(queued(to, 0)?, MAX_QUEUED, MAX_QUEUED_BYTES)
        || !fits(
            queued(to, from)?,
            MAX_QUEUED_OF_ONE,
            MAX_QUEUED_BYTES_OF_ONE,
        )
    {
        return Err(Refusal::retry_after(ErrorCode::QueueFull, FULL_RETRY_SECS));
    }
    Ok(())
}

/// Reads an account's deliveries that come after the row `after`. Stops at `max` deliveries, or
/// once they add up to 256 KiB. Also returns `true` if it reached the end of the queue before that.
pub async fn read_after(
    database: &Database,
    recipient: i64,
    after: i64,
    max: usize,
) -> Result<(Vec<(i64, Vec<u8>)>, bool), Refusal> {
    const ENOUGH_BYTES: usize = 256 << 10;
    database
        .run(move |db| {
            let mut next = db.prepare(
                "SELECT id, delivery FROM queue WHERE recipient = ? AND id > ? ORDER BY id LIMIT ?",
            )?;
            let mut rows = next.query(params![recipient, after, max])?;
            let (mut deliveries, mut bytes) = (Vec::new(), 0);
            while let Some(row) = rows.next()? {
                let delivery: Vec<u8> = row.get(1)?;
                bytes += delivery.len();
                deliveries.push((row.get(0)?, delivery));
                if deliveries.len() == max || bytes >= ENOUGH_BYTES {
                    return Ok((deliveries, false));
                }
            }
            Ok((deliveries, true))
        })
        .await
}

/// Deletes deliveries that their recipient has acknowledged.
pub async fn delete(database: &Database, recipient: i64, ids: Vec<i64>) -> Result<(), Refusal> {
    database
        .run(move |db| {
            let mut delete = db.prepare("DELETE FROM queue WHERE id = ? AND recipient = ?")?;
            for id in &ids {
                delete.execute([*id, recipient])?;
            }
            Ok(())
        })
        .await
}

/// Drops messages stamped before an epoch, a batch at a time, and returns how many there were.
pub async fn drop_before(database: &Database, epoch: u32) -> Result<usize, Refusal> {
    const BATCH: usize = 1_000;
    let mut all = 0;
    loop {
        let dropped = database
            .run(move |db| {
                Ok(db.execute(
                    "DELETE FROM queue WHERE id IN (SELECT id FROM queue WHERE epoch < ? LIMIT ?)",
                    params![epoch, BATCH],
                )?)
            })
            .await?;
        all += dropped;
        if dropped < BATCH {
            return Ok(all);
        }
    }
}
