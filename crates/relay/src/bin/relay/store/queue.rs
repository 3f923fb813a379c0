//! The queue of undelivered messages.

use std::ops::ControlFlow;

use waxseal_interface::ErrorCode;
use waxseal_reporting::Timestamp;
use waxseal_reporting::relay::{Delivery, DeliveryKey, StampedEnvelope};

use crate::errors::Refusal;
use crate::limits::{
    MAX_QUEUED, MAX_QUEUED_BYTES, MAX_QUEUED_BYTES_OF_ONE, MAX_QUEUED_IN_ALL, MAX_QUEUED_OF_ONE,
    MIN_RECIPIENTS,
};
use crate::store::queue::bodies::{Body, WithSlot};
use crate::store::values::values;
use crate::store::{Connection, Store};

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
    let last = "SELECT accepted_at_ms FROM device WHERE id = ?1 AND number >= 0 AND has_left = 0";
    let last: Option<Option<u64>> = db.one(last, values![sender])?;
    // The device may have been removed, or have left, since its token was looked at.
    let last = last.ok_or(ErrorCode::Removed)?.map(Timestamp::from_millis);
    Ok(waxseal_reporting::relay::next_accepted_at(clock, last))
}

/// Stores with a device the time under which its last message was accepted.
pub fn keep_accepted_at(db: &Connection, sender: i64, at: Timestamp) -> Result<(), Refusal> {
    let keep = "UPDATE device SET accepted_at_ms = ?1 WHERE id = ?2";
    db.execute(keep, values![at.as_millis(), sender])?;
    Ok(())
}

/// A message for one device.
pub struct Message {
    /// The row of the device.
    pub recipient: i64,
    pub stamped: StampedEnvelope,
    /// Whether the device gets a token with it.
    pub accepts: bool,
}

/// What became of the messages that were pushed together.
#[derive(Default)]
pub struct Pushed {
    /// The devices that got one.
    pub to: Vec<i64>,
    /// Why the others got none: their queues are full.
    pub full: Option<Refusal>,
}

/// Queues a message of an account for a device under its next number, unless one of the limits is
/// reached.
pub fn push(
    db: &Connection,
    sender: i64,
    recipient: i64,
    stamped: &StampedEnvelope,
) -> Result<(), Refusal> {
    let epoch = stamped.claim().context().epoch;
    insert(
        db,
        sender,
        recipient,
        epoch,
        (stamped.encode(), false),
        None,
    )
}

/// Queues messages of an account, each under the next number of its device. For a device whose
/// queue is full, it records that a message was dropped at this time. Fails if the relay is full.
pub fn push_each(
    db: &Connection,
    sender: i64,
    messages: &[Message],
    at_ms: u64,
) -> Result<Pushed, Refusal> {
    let mut pushed = Pushed::default();
    // Whoever changes several queues does so in this order, so that nobody waits in a circle.
    let mut messages: Vec<&Message> = messages.iter().collect();
    messages.sort_by_key(|message| message.recipient);
    for message in messages {
        let epoch = message.stamped.claim().context().epoch;
        let stamped = (message.stamped.encode(), message.accepts);
        let inserted = insert(db, sender, message.recipient, epoch, stamped, None);
        pushed.note(db, message.recipient, inserted, at_ms)?;
    }
    Ok(pushed)
}

impl Pushed {
    /// Notes whether a device got a message.
    fn note(
        &mut self,
        db: &Connection,
        recipient: i64,
        inserted: Result<(), Refusal>,
        at_ms: u64,
    ) -> Result<(), Refusal> {
        match inserted {
            Ok(()) => self.to.push(recipient),
            Err(refusal) if refusal.code == ErrorCode::QueueFull => {
                lose(db, recipient, at_ms, at_ms)?;
                self.full = Some(refusal);
            }
            Err(refusal) => return Err(refusal),
        }
        Ok(())
    }
}

/// Queues a message under the next number of its recipient. A body counts for each recipient as if
/// it was stored for it alone.
fn insert(
    db: &Connection,
    sender: i64,
    recipient: i64,
    epoch: u32,
    (stamped, accepts): (Vec<u8>, bool),
    body: Option<&Body>,
) -> Result<(), Refusal> {
    let body_len = body.map_or(0, |body| body.len);
    check_room(
        db,
        sender,
        recipient,
        stamped.len().saturating_add(body_len),
    )?;
    let number: i64 = db.only(
        "INSERT INTO inbox (recipient, next) VALUES (?1, 2)
         ON CONFLICT (recipient) DO UPDATE SET next = inbox.next + 1 RETURNING next - 1",
        values![recipient],
    )?;
    let body = body.map(|body| body.row);
    db.execute(
        "INSERT INTO queue (recipient, number, sender, epoch, stamped, body, body_len, accepts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        values![
            recipient, number, sender, epoch, stamped, body, body_len, accepts
        ],
    )?;
    Ok(())
}

/// Checks the limits: no sender can fill a queue alone, and no recipient can fill the relay.
fn check_room(db: &Connection, sender: i64, to: i64, len: usize) -> Result<(), Refusal> {
    let share = "SELECT messages, bytes FROM share WHERE recipient = ?1 AND sender = ?2";
    let of_one: Option<(i64, i64)> = db.one(share, values![to, sender])?;
    let room = Room {
        free: MAX_QUEUED_IN_ALL.saturating_sub(db.queued_in_all()?),
        queued: db.queued_for(to)?,
        of_one: of_one.unwrap_or_default(),
    };
    room.check(len)
}

/// How full a queue and the relay are, in messages and bytes.
pub(in crate::store) struct Room {
    /// How many bytes are free in the relay.
    pub free: i64,
    /// What waits for the recipient.
    pub queued: (i64, i64),
    /// What waits for it of the sender.
    pub of_one: (i64, i64),
}

impl Room {
    /// Whether a message of this length has room.
    pub fn check(&self, len: usize) -> Result<(), Refusal> {
        let len = i64::try_from(len).unwrap_or(i64::MAX);
        let fits = |(messages, bytes): (i64, i64), max: i64, max_bytes: i64| {
            messages < max && bytes.saturating_add(len) <= max_bytes
        };
        if len > self.free {
            return Err(Refusal::retry_after(ErrorCode::RelayFull, FULL_RETRY_SECS));
        }
        // Few accounts can have many devices that never fetch anything.
        let max_bytes = MAX_QUEUED_BYTES.min(self.free / MIN_RECIPIENTS);
        if !fits(self.queued, MAX_QUEUED, max_bytes)
            || !fits(self.of_one, MAX_QUEUED_OF_ONE, MAX_QUEUED_BYTES_OF_ONE)
        {
            return Err(Refusal::retry_after(ErrorCode::QueueFull, FULL_RETRY_SECS));
        }
        Ok(())
    }
}

/// Records that a message for a device was dropped, which was accepted between these times.
pub fn lose(db: &Connection, recipient: i64, from_ms: u64, to_ms: u64) -> Result<(), Refusal> {
    db.execute(
        "UPDATE device SET
             lost_from_ms = CASE WHEN lost_from_ms < ?1 THEN lost_from_ms ELSE ?1 END,
             lost_to_ms = CASE WHEN lost_to_ms > ?2 THEN lost_to_ms ELSE ?2 END
         WHERE id = ?3",
        values![from_ms, to_ms, recipient],
    )?;
    Ok(())
}

/// Between which times messages for a device were dropped.
fn lost(db: &Connection, recipient: i64) -> Result<Option<(u64, u64)>, Refusal> {
    let lost = "SELECT lost_from_ms, lost_to_ms FROM device WHERE id = ?1";
    let lost: Option<(Option<u64>, Option<u64>)> = db.one(lost, values![recipient])?;
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
    pub(in crate::store) fn decode(
        stamped: &[u8],
        body: Option<&[u8]>,
        accepts: bool,
    ) -> Result<Self, Refusal> {
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
    /// How long the messages are.
    bytes: usize,
}

/// A device gets no more messages at once, once they are as long as this.
pub(in crate::store) const ENOUGH_BYTES: usize = 256 << 10;

impl Default for Queued {
    fn default() -> Self {
        Self {
            messages: Vec::new(),
            all: true,
            lost: None,
            bytes: 0,
        }
    }
}

impl Queued {
    pub(in crate::store) fn add(&mut self, number: i64, waiting: Waiting, len: usize) {
        self.bytes = self.bytes.saturating_add(len);
        self.messages.push((number, waiting));
    }

    /// Ends at `max` messages, or once they are long enough. Returns whether it has ended.
    pub(in crate::store) fn end_at(&mut self, max: usize) -> bool {
        self.all = self.messages.len() < max && self.bytes < ENOUGH_BYTES;
        !self.all
    }
}

/// Reads a device's messages with numbers above `after`. Stops at `max` messages, or once they
/// add up to 256 KiB. A removed device has none.
pub async fn read_after(
    store: &Store,
    recipient: i64,
    after: i64,
    max: usize,
) -> Result<Queued, Refusal> {
    if let Some(queued) = store.read_in_lane(recipient, after, max).await {
        return queued;
    }
    let read = move |db: &Connection| {
        let mut queued = Queued {
            lost: lost(db, recipient)?,
            ..Queued::default()
        };
        let next = "SELECT number, q.stamped, b.stamped, accepts
                 FROM queue q LEFT JOIN body b ON b.id = q.body
                 WHERE recipient = ?1 AND number > ?2
                 AND EXISTS (SELECT 1 FROM device d WHERE d.id = ?1 AND d.number >= 0)
             ORDER BY number LIMIT ?3";
        db.each(next, values![recipient, after, max], |row| {
            let stamped: Vec<u8> = row.get(1)?;
            let body: Option<Vec<u8>> = row.get(2)?;
            let len = stamped.len() + body.as_ref().map_or(0, Vec::len);
            let waiting = Waiting::decode(&stamped, body.as_deref(), row.get(3)?)?;
            queued.add(row.get(0)?, waiting, len);
            Ok(match queued.end_at(max) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            })
        })?;
        Ok(queued)
    };
    store.run(read).await
}

/// Deletes deliveries that their recipient has acknowledged. Forgets the dropped messages between
/// the times that the device knows, unless more were dropped since it was told. Returns whether it
/// must be told of more.
pub async fn acknowledge(
    store: &Store,
    recipient: i64,
    numbers: Vec<i64>,
    known: Option<(u64, u64)>,
) -> Result<bool, Refusal> {
    if known.is_none()
        && let Some(done) = store.acknowledge_in_lane(recipient, &numbers).await
    {
        return done.map(|()| false);
    }
    let acknowledge = move |db: &Connection| {
        for number in &numbers {
            delete(db, recipient, *number)?;
        }
        let Some((from_ms, to_ms)) = known else {
            return Ok(false);
        };
        let forgotten = db.execute(
            "UPDATE device SET lost_from_ms = NULL, lost_to_ms = NULL
             WHERE id = ?1 AND lost_from_ms = ?2 AND lost_to_ms = ?3",
            values![recipient, from_ms, to_ms],
        )?;
        Ok(forgotten == 0)
    };
    store.run(acknowledge).await
}

fn delete(db: &Connection, recipient: i64, number: i64) -> Result<(), Refusal> {
    let delete = "DELETE FROM queue WHERE recipient = ?1 AND number = ?2";
    db.execute(delete, values![recipient, number])?;
    Ok(())
}

/// How many bytes all queues have.
pub async fn bytes(store: &Store) -> Result<i64, Refusal> {
    store.run(|db| db.queued_in_all()).await
}

pub mod bodies;
pub mod destroyed;
#[cfg(test)]
mod tests;
