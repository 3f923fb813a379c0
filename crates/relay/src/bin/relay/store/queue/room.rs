//! The limits of queues: no sender can fill a queue alone, and no recipient can fill the relay.

use waxseal_interface::ErrorCode;

use crate::errors::Refusal;
use crate::limits::{
    MAX_QUEUED, MAX_QUEUED_BYTES, MAX_QUEUED_BYTES_OF_ONE, MAX_QUEUED_IN_ALL, MAX_QUEUED_OF_ONE,
    MIN_RECIPIENTS,
};
use crate::store::Connection;
use crate::store::values::values;

/// How long a refused sender is told to wait before it tries again.
const FULL_RETRY_SECS: u64 = 60;

/// Whether a message of this length has room. Only SQLite asks for one message at a time.
pub fn check(db: &Connection, sender: i64, to: i64, len: usize) -> Result<(), Refusal> {
    let share = "SELECT messages, bytes FROM share WHERE recipient = ?1 AND sender = ?2";
    let of = |sender: i64| {
        let of: Option<(i64, i64)> = db.one(share, values![to, sender])?;
        Ok::<_, Refusal>(of.unwrap_or_default())
    };
    let room = Room {
        free: MAX_QUEUED_IN_ALL.saturating_sub(db.queued_in_all()?),
        queued: of(0)?,
        of_one: of(sender)?,
    };
    room.check(len)
}

/// How full a queue and the relay are, in messages and bytes.
pub struct Room {
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
