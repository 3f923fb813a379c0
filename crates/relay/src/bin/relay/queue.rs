//! The queue of undelivered messages, in the database.

use rusqlite::{Connection, OptionalExtension, Statement, params};
use waxseal_interface::ErrorCode;
use waxseal_reporting::Timestamp;
use waxseal_reporting::relay::{Delivery, DeliveryKey, EPOCH_MS, StampedEnvelope};

use crate::database::Database;
use crate::errors::Refusal;
use crate::limits::{
    MAX_QUEUED, MAX_QUEUED_BYTES, MAX_QUEUED_BYTES_OF_ONE, MAX_QUEUED_IN_ALL, MAX_QUEUED_OF_ONE,
    MIN_RECIPIENTS,
};
use crate::queue::bodies::{Body, WithSlot};

/// How long a refused sender is told to wait before it tries again.
const FULL_RETRY_SECS: u64 = 60;

/// The time under which the next message of a device is accepted. Once the message is stamped, the
/// time is [kept](keep_accepted_at) in the same job. So the times of one device rise strictly,
/// however many of its messages arrive at once.
pub fn next_accepted_at(
    db: &Connection,
    sender: i64,
    clock: Timestamp,
) -> Result<Timestamp, Refusal> {
    let last: Option<Option<u64>> = db
        .prepare("SELECT accepted_at_ms FROM device WHERE id = ? AND number >= 0 AND NOT has_left")?
        .query_row([sender], |row| row.get(0))
        .optional()?;
    // The device may have been removed, or have left, since its token was looked at.
    let last = last.ok_or(ErrorCode::Removed)?.map(Timestamp::from_millis);
    Ok(waxseal_reporting::relay::next_accepted_at(clock, last))
}

/// Stores with a device the time under which its last message was accepted.
pub fn keep_accepted_at(db: &Connection, sender: i64, at: Timestamp) -> Result<(), Refusal> {
    db.prepare("UPDATE device SET accepted_at_ms = ? WHERE id = ?")?
        .execute(params![at.as_millis(), sender])?;
    Ok(())
}

/// Queues a message of an account for a device under its next number, unless one of the limits is
/// reached.
pub fn push(
    db: &Connection,
    sender: i64,
    recipient: i64,
    stamped: &StampedEnvelope,
) -> Result<(), Refusal> {
    Pushing::of(db, sender)?.push(recipient, stamped, false)
}

/// Queues what an account sends. A message can be for thousands of devices, so the statements are
/// prepared once for all of them.
pub struct Pushing<'a> {
    sender: i64,
    share: Statement<'a>,
    number: Statement<'a>,
    insert: Statement<'a>,
}

impl<'a> Pushing<'a> {
    pub fn of(db: &'a Connection, sender: i64) -> Result<Self, Refusal> {
        Ok(Self {
            sender,
            share: db
                .prepare("SELECT messages, bytes FROM share WHERE recipient = ? AND sender = ?")?,
            number: db.prepare(
                "INSERT INTO inbox (recipient, next) VALUES (?, 2)
                 ON CONFLICT DO UPDATE SET next = next + 1 RETURNING next - 1",
            )?,
            insert: db.prepare(
                "INSERT INTO queue
                     (recipient, number, sender, epoch, stamped, body, body_len, accepts)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            )?,
        })
    }

    /// Queues a message for a device under its next number, unless one of the limits is reached.
    /// `accepts` says whether the device gets a token with it.
    pub fn push(
        &mut self,
        recipient: i64,
        stamped: &StampedEnvelope,
        accepts: bool,
    ) -> Result<(), Refusal> {
        let epoch = stamped.claim().context().epoch;
        let stamped = (stamped.encode(), accepts);
        self.insert(recipient, epoch, stamped, None)
    }

    /// Queues a message under the next number of its recipient. A body counts for each recipient as
    /// if it was stored for it alone.
    fn insert(
        &mut self,
        recipient: i64,
        epoch: u32,
        (stamped, accepts): (Vec<u8>, bool),
        body: Option<&Body>,
    ) -> Result<(), Refusal> {
        let body_len = body.map_or(0, |body| body.len);
        self.check_room(recipient, stamped.len().saturating_add(body_len))?;
        let number: i64 = self.number.query_row([recipient], |row| row.get(0))?;
        let (sender, body) = (self.sender, body.map(|body| body.row));
        self.insert.execute(params![
            recipient, number, sender, epoch, stamped, body, body_len, accepts
        ])?;
        Ok(())
    }

    /// Checks the limits: no sender can fill a queue alone, and no recipient can fill the relay.
    fn check_room(&mut self, to: i64, len: usize) -> Result<(), Refusal> {
        let mut queued = |recipient: i64, sender: i64| {
            let row = self
                .share
                .query_row([recipient, sender], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            Ok::<(i64, i64), rusqlite::Error>(row.unwrap_or_default())
        };
        let len = i64::try_from(len).unwrap_or(i64::MAX);
        let fits = |(messages, bytes): (i64, i64), max: i64, max_bytes: i64| {
            messages < max && bytes.saturating_add(len) <= max_bytes
        };
        let (_, all_bytes) = queued(0, 0)?;
        let free = MAX_QUEUED_IN_ALL.saturating_sub(all_bytes);
        if len > free {
            return Err(Refusal::retry_after(ErrorCode::RelayFull, FULL_RETRY_SECS));
        }
        // Few accounts can have many devices that never fetch anything.
        let max_bytes = MAX_QUEUED_BYTES.min(free / MIN_RECIPIENTS);
        if !fits(queued(to, 0)?, MAX_QUEUED, max_bytes)
            || !fits(
                queued(to, self.sender)?,
                MAX_QUEUED_OF_ONE,
                MAX_QUEUED_BYTES_OF_ONE,
            )
        {
            return Err(Refusal::retry_after(ErrorCode::QueueFull, FULL_RETRY_SECS));
        }
        Ok(())
    }
}

/// Records that a message for a device was dropped, which was accepted between these times.
pub fn lose(db: &Connection, recipient: i64, from_ms: u64, to_ms: u64) -> Result<(), Refusal> {
    db.prepare(
        "UPDATE device SET lost_from_ms = min(coalesce(lost_from_ms, ?2), ?2),
             lost_to_ms = max(coalesce(lost_to_ms, ?3), ?3) WHERE id = ?1",
    )?
    .execute(params![recipient, from_ms, to_ms])?;
    Ok(())
}

/// Between which times messages for a device were dropped.
fn lost(db: &Connection, recipient: i64) -> Result<Option<(u64, u64)>, Refusal> {
    let lost: Option<(Option<u64>, Option<u64>)> = db
        .prepare("SELECT lost_from_ms, lost_to_ms FROM device WHERE id = ?")?
        .query_row([recipient], |row| row.try_into())
        .optional()?;
    Ok(lost.and_then(|(from_ms, to_ms)| from_ms.zip(to_ms)))
}

/// A message that waits for a device.
pub enum Waiting {
    /// A message to an account, or one that was sealed again.
    Alone {
        stamped: StampedEnvelope,
        /// Whether the device gets a token with it.
        accepts: bool,
    },
    /// A message to a group.
    InGroup(WithSlot),
}

impl Waiting {
    fn decode(stamped: &[u8], body: Option<&[u8]>, accepts: bool) -> Result<Self, Refusal> {
        match body {
            Some(body) => WithSlot::decode(body, stamped).map(Self::InGroup),
            None => StampedEnvelope::decode(stamped)
                .map(|stamped| Self::Alone { stamped, accepts })
                .map_err(|error| Refusal::internal(&error)),
        }
    }

    /// The delivery for a device that has this key now.
    pub fn deliver(&self, key: &DeliveryKey) -> Delivery {
        match self {
            Self::Alone { stamped, .. } => stamped.deliver(key),
            Self::InGroup(stamped) => stamped.deliver(key),
        }
    }

    /// The message, if the device gets a token with it.
    pub fn accepting(&self) -> Option<&StampedEnvelope> {
        match self {
            Self::Alone {
                stamped,
                accepts: true,
            } => Some(stamped),
            _ => None,
        }
    }
}

/// What a device gets next.
pub struct Queued {
    /// The next messages, with their numbers.
    pub messages: Vec<(i64, Waiting)>,
    /// Whether these are all up to the end of the queue.
    pub all: bool,
    /// Between which times messages were dropped.
    pub lost: Option<(u64, u64)>,
}

/// Reads a device's messages with numbers above `after`. Stops at `max` messages, or once they
/// add up to 256 KiB. A removed device has none.
pub async fn read_after(
    database: &Database,
    recipient: i64,
    after: i64,
    max: usize,
) -> Result<Queued, Refusal> {
    const ENOUGH_BYTES: usize = 256 << 10;
    database
        .run(move |db| {
            let mut next = db.prepare(
                "SELECT number, q.stamped, b.stamped, accepts
                     FROM queue q LEFT JOIN body b ON b.id = q.body
                     WHERE recipient = ?1 AND number > ?2
                     AND EXISTS (SELECT 1 FROM device d WHERE d.id = ?1 AND d.number >= 0)
                 ORDER BY number LIMIT ?3",
            )?;
            let mut rows = next.query(params![recipient, after, max])?;
            let mut queued = Queued {
                messages: Vec::new(),
                all: true,
                lost: lost(db, recipient)?,
            };
            let mut bytes = 0;
            while let Some(row) = rows.next()? {
                let stamped: Vec<u8> = row.get(1)?;
                let body: Option<Vec<u8>> = row.get(2)?;
                bytes += stamped.len() + body.as_ref().map_or(0, Vec::len);
                let waiting = Waiting::decode(&stamped, body.as_deref(), row.get(3)?)?;
                queued.messages.push((row.get(0)?, waiting));
                if queued.messages.len() == max || bytes >= ENOUGH_BYTES {
                    queued.all = false;
                    break;
                }
            }
            Ok(queued)
        })
        .await
}

/// Deletes deliveries that their recipient has acknowledged. Forgets the dropped messages between
/// the times that the device knows, unless more were dropped since it was told. Returns whether it
/// must be told of more.
pub async fn delete(
    database: &Database,
    recipient: i64,
    numbers: Vec<i64>,
    known: Option<(u64, u64)>,
) -> Result<bool, Refusal> {
    database
        .run(move |db| {
            let mut delete = db.prepare("DELETE FROM queue WHERE recipient = ? AND number = ?")?;
            for number in &numbers {
                delete.execute([recipient, *number])?;
            }
            let Some((from_ms, to_ms)) = known else {
                return Ok(false);
            };
            let forgotten = db
                .prepare(
                    "UPDATE device SET lost_from_ms = NULL, lost_to_ms = NULL
                     WHERE id = ? AND lost_from_ms = ? AND lost_to_ms = ?",
                )?
                .execute(params![recipient, from_ms, to_ms])?;
            Ok(forgotten == 0)
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
/// there were. Their recipients are told on their next connection.
pub async fn drop_destroyed(database: &Database) -> Result<usize, Refusal> {
    const BATCH: usize = 1_000;
    let mut all = 0;
    loop {
        let dropped = database
            .run(move |db| {
                let mut batch = db.prepare(
                    "SELECT rowid, recipient, epoch FROM queue
                     WHERE epoch < (SELECT drop_before FROM proven) LIMIT ?",
                )?;
                let batch = batch.query_map([BATCH], |row| row.try_into())?;
                let batch: Vec<(i64, i64, u64)> = batch.collect::<Result<_, _>>()?;
                let mut delete = db.prepare("DELETE FROM queue WHERE rowid = ?")?;
                for (row, recipient, epoch) in &batch {
                    lose(db, *recipient, epoch * EPOCH_MS, (epoch + 1) * EPOCH_MS - 1)?;
                    delete.execute([row])?;
                }
                Ok(batch.len())
            })
            .await?;
        all += dropped;
        if dropped < BATCH {
            return Ok(all);
        }
    }
}

pub mod bodies;
#[cfg(test)]
mod tests;
