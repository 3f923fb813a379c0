//! Messages to groups in the queue: the body once, and a slot for each device.

use rusqlite::Connection;
use waxseal_reporting::relay::{Delivery, DeliveryKey, GroupSlot, StampedGroup};

use super::Pushing;
use crate::errors::Refusal;

/// What all devices get alike of a message to a group, as it is in the database.
pub struct Body {
    pub(super) row: i64,
    pub(super) len: usize,
    epoch: u32,
}

/// Stores what all devices get alike. It is deleted with the last slot that is queued for it.
pub fn keep(db: &Connection, stamped: &StampedGroup) -> Result<Body, Refusal> {
    let (epoch, stamped) = (stamped.claim().context().epoch, stamped.encode());
    db.prepare("INSERT INTO body (stamped) VALUES (?)")?
        .execute([&stamped])?;
    Ok(Body {
        row: db.last_insert_rowid(),
        len: stamped.len(),
        epoch,
    })
}

impl Pushing<'_> {
    /// Queues a slot for a device, unless one of the limits is reached.
    pub fn push_slot(
        &mut self,
        recipient: i64,
        slot: &GroupSlot,
        body: &Body,
    ) -> Result<(), Refusal> {
        self.insert(recipient, body.epoch, (slot.encode(), false), Some(body))
    }
}

/// Deletes a body for which no slot was queued.
pub fn drop_unused(db: &Connection, body: &Body) -> Result<(), Refusal> {
    db.prepare("DELETE FROM body WHERE id = ?")?
        .execute([body.row])?;
    Ok(())
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
