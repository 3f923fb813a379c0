//! Puts messages into queues.

use waxseal_interface::ErrorCode;
use waxseal_reporting::relay::StampedEnvelope;

use crate::errors::Refusal;
use crate::store::Connection;
use crate::store::queue::losses::lose;
use crate::store::queue::room;
use crate::store::values::values;

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

/// What is queued together.
pub struct Batch {
    /// The account that sends.
    pub sender: i64,
    pub epoch: u32,
    /// What all devices get alike, if they do.
    pub body: Option<Body>,
    /// When it was accepted.
    pub at_ms: u64,
    /// What each device gets.
    pub slots: Vec<Slot>,
}

/// What all devices get alike of a message to a group, as it is in the database.
pub struct Body {
    pub row: i64,
    pub len: usize,
}

/// What is queued for one device.
pub struct Slot {
    pub recipient: i64,
    pub stamped: Vec<u8>,
    /// Whether the device gets a token with it.
    pub accepts: bool,
}

/// Queues a message of an account for a device under its next number, unless one of the limits is
/// reached.
pub fn push(
    db: &Connection,
    sender: i64,
    recipient: i64,
    stamped: &StampedEnvelope,
) -> Result<(), Refusal> {
    let context = stamped.claim().context();
    let slot = Slot {
        recipient,
        stamped: stamped.encode(),
        accepts: false,
    };
    let batch = Batch {
        sender,
        epoch: context.epoch,
        body: None,
        at_ms: context.accepted_at.as_millis(),
        slots: vec![slot],
    };
    match push_all(db, batch)?.full {
        Some(refusal) => Err(refusal),
        None => Ok(()),
    }
}

/// Queues messages of an account, each under the next number of its device. For a device whose
/// queue is full, it records that a message was dropped at this time. Fails if the relay is full.
pub fn push_each(
    db: &Connection,
    sender: i64,
    messages: &[Message],
    at_ms: u64,
) -> Result<Pushed, Refusal> {
    let Some(first) = messages.first() else {
        return Ok(Pushed::default());
    };
    let slots = messages.iter().map(|message| Slot {
        recipient: message.recipient,
        stamped: message.stamped.encode(),
        accepts: message.accepts,
    });
    let batch = Batch {
        sender,
        epoch: first.stamped.claim().context().epoch,
        body: None,
        at_ms,
        slots: slots.collect(),
    };
    push_all(db, batch)
}

/// Queues what is in a batch. For a device whose queue is full, it records that a message was
/// dropped. Fails if the relay is full.
pub fn push_all(db: &Connection, mut batch: Batch) -> Result<Pushed, Refusal> {
    batch.slots.sort_by_key(|slot| slot.recipient);
    #[cfg(feature = "postgres")]
    let batch = match db.push_at_once(batch) {
        Ok(pushed) => return pushed,
        Err(batch) => batch,
    };
    let mut pushed = Pushed::default();
    for slot in &batch.slots {
        match insert(db, &batch, slot) {
            Ok(()) => pushed.to.push(slot.recipient),
            Err(refusal) if refusal.code == ErrorCode::QueueFull => {
                lose(db, slot.recipient, batch.at_ms, batch.at_ms)?;
                pushed.full = Some(refusal);
            }
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(pushed)
}

/// Queues a message under the next number of its recipient. A body counts for each recipient as if
/// it was stored for it alone.
fn insert(db: &Connection, batch: &Batch, slot: &Slot) -> Result<(), Refusal> {
    let (recipient, sender, epoch) = (slot.recipient, batch.sender, batch.epoch);
    let body_len = batch.body.as_ref().map_or(0, |body| body.len);
    let len = slot.stamped.len().saturating_add(body_len);
    room::check(db, sender, recipient, len)?;
    let number: i64 = db.only(
        "INSERT INTO inbox (recipient, next) VALUES (?1, 2)
         ON CONFLICT (recipient) DO UPDATE SET next = inbox.next + 1 RETURNING next - 1",
        values![recipient],
    )?;
    let body = batch.body.as_ref().map(|body| body.row);
    let (stamped, accepts) = (&slot.stamped, slot.accepts);
    db.execute(
        "INSERT INTO queue (recipient, number, sender, epoch, stamped, body, body_len, accepts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        values![
            recipient, number, sender, epoch, stamped, body, body_len, accepts
        ],
    )?;
    Ok(())
}
