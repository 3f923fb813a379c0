//! Messages to groups in the queue: the body once, and a slot for each device.

use waxseal_reporting::relay::{Delivery, DeliveryKey, GroupSlot, StampedGroup};

use crate::errors::Refusal;
use crate::store::connection::Work;
use crate::store::queue::pushing::{Batch, Body, Pushed, Slot, push_all};
use crate::store::values::values;
use crate::store::{Connection, Store};

/// Stores what all devices get alike, and queues a slot for each of the devices. For a device whose
/// queue is full, it records that a message was dropped at this time. Fails if the relay is full.
///
/// What all get alike is deleted with the last slot, or by [`sweep`] after it.
pub fn push_slots(
    db: &Connection,
    sender: i64,
    stamped: &StampedGroup,
    slots: &[(i64, GroupSlot)],
    at_ms: u64,
) -> Result<Pushed, Refusal> {
    let (epoch, stamped) = (stamped.claim().context().epoch, stamped.encode());
    let keep = "INSERT INTO body (stamped) VALUES (?1) RETURNING id";
    let body = Body {
        row: db.only(keep, values![stamped])?,
        len: stamped.len(),
    };
    let row = body.row;
    let slots = slots.iter().map(|(recipient, slot)| Slot {
        recipient: *recipient,
        stamped: slot.encode(),
        accepts: false,
    });
    let batch = Batch {
        sender,
        epoch,
        body: Some(body),
        at_ms,
        slots: slots.collect(),
    };
    let pushed = push_all(db, batch)?;
    if pushed.to.is_empty() {
        db.execute("DELETE FROM body WHERE id = ?1", values![row])?;
    }
    Ok(pushed)
}

/// How many bodies one job looks at.
const WINDOW: usize = 1_000;

/// After so many jobs that found none to delete, the rest is left for later.
const MAX_IDLE: usize = 100;

/// Deletes bodies that no device will get. SQLite has none, because they go with their last slot.
/// In PostgreSQL, all devices that acknowledge would wait for the row of the body then. Goes on
/// where it ended before, up to the last body. One relay at a time does.
pub async fn sweep_all(store: &Store) -> Result<(), Refusal> {
    let mut idle = 0;
    while idle < MAX_IDLE
        && let Some(swept) = store.run_under_locks(sweep, |_| ()).await?
    {
        idle += usize::from(swept == 0);
    }
    Ok(())
}

/// Looks at the next bodies, and deletes those that no device will get. Returns how many, or `None`
/// after the last one: then it begins anew.
pub fn sweep(db: &Connection) -> Result<Option<usize>, Refusal> {
    if !db.is_shared() || !db.works_alone(Work::Sweeping)? {
        return Ok(None);
    }
    let after: i64 = db.only("SELECT swept FROM found_out", &[])?;
    let last: Option<i64> = db.only(
        "SELECT max(id) FROM (SELECT id FROM body WHERE id > ?1 ORDER BY id LIMIT ?2) b",
        values![after, WINDOW],
    )?;
    let kept = "UPDATE found_out SET swept = ?1";
    db.execute(kept, values![last.unwrap_or(0)])?;
    let Some(last) = last else {
        return Ok(None);
    };
    let swept = db.execute(
        "DELETE FROM body WHERE id > ?1 AND id <= ?2
             AND NOT EXISTS (SELECT 1 FROM queue WHERE queue.body = body.id)",
        values![after, last],
    )?;
    Ok(Some(swept))
}

/// A body with the slot of one device.
pub struct WithSlot {
    stamped: StampedGroup,
    slot: GroupSlot,
}

impl WithSlot {
    pub(super) fn decode(body: &[u8], slot: &[u8]) -> Result<Self, Refusal> {
        let stamped = StampedGroup::decode(body);
        let slot = GroupSlot::decode(slot);
        Ok(Self {
            stamped: stamped.map_err(|error| Refusal::internal(&error))?,
            slot: slot.map_err(|error| Refusal::internal(&error))?,
        })
    }

    /// The delivery for a device that has this key now.
    pub fn deliver(&self, key: &DeliveryKey) -> Delivery {
        self.stamped.deliver(&self.slot, key)
    }
}
