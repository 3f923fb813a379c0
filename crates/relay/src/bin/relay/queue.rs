//! The queue of undelivered messages, in the database.

use rusqlite::{Connection, OptionalExtension, params};
use waxseal_interface::ErrorCode;
use waxseal_reporting::Timestamp;
use waxseal_reporting::relay::StampedEnvelope;

use crate::database::Database;
use crate::errors::Refusal;
use crate::limits::{
    MAX_QUEUED, MAX_QUEUED_BYTES, MAX_QUEUED_BYTES_OF_ONE, MAX_QUEUED_IN_ALL, MAX_QUEUED_OF_ONE,
};

/// How long a refused sender is told to wait before it tries again.
const FULL_RETRY_SECS: u64 = 60;

/// Takes the time under which the next message of a device is accepted, and stores it with the
/// device. The times of one device rise strictly, however many of its messages arrive at once.
pub fn next_accepted_at(
    db: &Connection,
    sender: i64,
    clock: Timestamp,
) -> Result<Timestamp, Refusal> {
    let last: Option<u64> = db
        .prepare("SELECT accepted_at_ms FROM account WHERE id = ?")?
        .query_row([sender], |row| row.get(0))?;
    let last = last.map(Timestamp::from_millis);
    let accepted_at = waxseal_reporting::relay::next_accepted_at(clock, last);
    db.prepare("UPDATE account SET accepted_at_ms = ? WHERE id = ?")?
        .execute(params![accepted_at.as_millis(), sender])?;
    Ok(accepted_at)
}

/// Queues a message under the recipient's next number, unless one of the limits is reached.
pub fn push(
    db: &Connection,
    sender: i64,
    recipient: i64,
    stamped: &StampedEnvelope,
) -> Result<(), Refusal> {
    let (epoch, stamped) = (stamped.claim().context().epoch, stamped.encode());
    check_room(db, sender, recipient, stamped.len())?;
    let number: i64 = db
        .prepare(
            "INSERT INTO inbox (recipient, next) VALUES (?, 2)
             ON CONFLICT DO UPDATE SET next = next + 1 RETURNING next - 1",
        )?
        .query_row([recipient], |row| row.get(0))?;
    db.prepare(
        "INSERT INTO queue (recipient, number, sender, epoch, stamped) VALUES (?, ?, ?, ?, ?)",
    )?
    .execute(params![recipient, number, sender, epoch, stamped])?;
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

/// Reads an account's messages with numbers above `after`. Stops at `max` messages, or once they
/// add up to 256 KiB. Also returns `true` if it reached the end of the queue before that.
pub async fn read_after(
    database: &Database,
    recipient: i64,
    after: i64,
    max: usize,
) -> Result<(Vec<(i64, StampedEnvelope)>, bool), Refusal> {
    const ENOUGH_BYTES: usize = 256 << 10;
    database
        .run(move |db| {
            let mut next = db.prepare(
                "SELECT number, stamped FROM queue WHERE recipient = ? AND number > ?
                 ORDER BY number LIMIT ?",
            )?;
            let mut rows = next.query(params![recipient, after, max])?;
            let (mut messages, mut bytes) = (Vec::new(), 0);
            while let Some(row) = rows.next()? {
                let stamped: Vec<u8> = row.get(1)?;
                bytes += stamped.len();
                let stamped =
                    StampedEnvelope::decode(&stamped).map_err(|error| Refusal::internal(&error))?;
                messages.push((row.get(0)?, stamped));
                if messages.len() == max || bytes >= ENOUGH_BYTES {
                    return Ok((messages, false));
                }
            }
            Ok((messages, true))
        })
        .await
}

/// Deletes deliveries that their recipient has acknowledged.
pub async fn delete(database: &Database, recipient: i64, numbers: Vec<i64>) -> Result<(), Refusal> {
    database
        .run(move |db| {
            let mut delete = db.prepare("DELETE FROM queue WHERE recipient = ? AND number = ?")?;
            for number in &numbers {
                delete.execute([recipient, *number])?;
            }
            Ok(())
        })
        .await
}

/// Records that the stamp keys before this epoch are destroyed. The next call of
/// [`drop_destroyed`] drops the messages of those epochs.
pub async fn destroyed_before(database: &Database, epoch: u32) -> Result<(), Refusal> {
    database
        .run(move |db| {
            db.prepare("UPDATE proven SET drop_before = ?")?
                .execute([epoch])?;
            Ok(())
        })
        .await
}

/// Drops messages whose stamp keys were destroyed before, a batch at a time, and returns how many
/// there were.
pub async fn drop_destroyed(database: &Database) -> Result<usize, Refusal> {
    const BATCH: usize = 1_000;
    let mut all = 0;
    loop {
        let dropped = database
            .run(move |db| {
                Ok(db.execute(
                    "DELETE FROM queue WHERE rowid IN (SELECT rowid FROM queue
                         WHERE epoch < (SELECT drop_before FROM proven) LIMIT ?)",
                    [BATCH],
                )?)
            })
            .await?;
        all += dropped;
        if dropped < BATCH {
            return Ok(all);
        }
    }
}

#[cfg(test)]
mod tests;
