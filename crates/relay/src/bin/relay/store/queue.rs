//! The queue of undelivered messages.

use std::ops::ControlFlow;

use waxseal_interface::ErrorCode;
use waxseal_reporting::Timestamp;
use waxseal_reporting::relay::{Delivery, DeliveryKey, StampedEnvelope};

use crate::errors::Refusal;
use crate::store::queue::bodies::WithSlot;
use crate::store::queue::losses::{forget, lost};
use crate::store::values::values;
use crate::store::{Connection, Store};

pub use crate::store::queue::pushing::{Message, push, push_each};

/// The time under which the next message of a device is accepted. Once the message is stamped, the
/// time is [kept](keep_accepted_at) in the same job. So the times of one device rise strictly,
/// however many of its messages arrive at once. Nothing else changes the device's row until then,
/// so the queues are [taken](crate::store::devices::take_queues) before.
pub fn next_accepted_at(
    db: &Connection,
    sender: i64,
    clock: Timestamp,
) -> Result<Timestamp, Refusal> {
    let last = "SELECT accepted_at_ms FROM device WHERE id = ?1 AND number >= 0 AND has_left = 0";
    let last: Option<Option<u64>> = db.one(&db.locking(last), values![sender])?;
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
        db.take_queues(&[recipient])?;
        for number in &numbers {
            delete(db, recipient, *number)?;
        }
        match known {
            Some(known) => forget(db, recipient, known).map(|is_forgotten| !is_forgotten),
            None => Ok(false),
        }
    };
    store.run_under_locks(acknowledge, |_| ()).await
}

/// Deletes a message. Returns whether it was there.
fn delete(db: &Connection, recipient: i64, number: i64) -> Result<bool, Refusal> {
    let delete = "DELETE FROM queue WHERE recipient = ?1 AND number = ?2";
    Ok(db.execute(delete, values![recipient, number])? > 0)
}

/// How many bytes all queues have.
pub async fn bytes(store: &Store) -> Result<i64, Refusal> {
    store.run(|db| db.queued_in_all()).await
}

pub mod bodies;
pub mod destroyed;
pub(in crate::store) mod losses;
pub(in crate::store) mod pushing;
pub(in crate::store) mod room;
#[cfg(test)]
pub mod tests;
