//! The slots of mailboxes.

use std::net::IpAddr;

use waxseal_interface::ErrorCode;
use waxseal_reporting::AccountId;

use crate::errors::Refusal;
use crate::limits::{
    MAILBOX_MS, MAX_LODGED_BYTES_OF_ACCOUNT, MAX_LODGED_BYTES_OF_ACCOUNTS,
    MAX_LODGED_BYTES_OF_ADDRESS, MAX_LODGED_BYTES_OF_ADDRESSES, MAX_LODGED_OF_ACCOUNT,
    MAX_LODGED_OF_ADDRESS, MIN_LODGERS,
};
use crate::network::network;
use crate::store::Connection;
use crate::store::values::values;

/// What a slot counts for besides its content.
const SLOT_BYTES: i64 = 256;

/// How long is waited when there is no room.
const FULL_RETRY_SECS: u64 = 60;

/// Maximum number of slots that one job empties, so that other requests do not wait for long.
const BATCH: usize = 100;

/// Deletes content whose time is over, a batch of it. Content from a time when the clock was ahead
/// goes too. Returns whether there may be more.
pub fn expire(db: &Connection, now_ms: i64) -> Result<bool, Refusal> {
    let (from_ms, to_ms) = kept(now_ms);
    let free = db.skipping(
        "SELECT mailbox, slot FROM mailbox WHERE put_at_ms <= ?1 OR put_at_ms > ?2 LIMIT ?3",
    );
    let deleted = db.execute(
        &format!("DELETE FROM mailbox WHERE (mailbox, slot) IN ({free})"),
        values![from_ms, to_ms, BATCH],
    )?;
    Ok(deleted == BATCH)
}

/// What is in a slot. If its time is over, the slot is emptied.
pub fn read(
    db: &Connection,
    mailbox: [u8; 16],
    slot: u8,
    now_ms: i64,
) -> Result<Option<Vec<u8>>, Refusal> {
    let (from_ms, to_ms) = kept(now_ms);
    db.execute(
        "DELETE FROM mailbox WHERE mailbox = ?1 AND slot = ?2
             AND (put_at_ms <= ?3 OR put_at_ms > ?4)",
        values![mailbox, slot, from_ms, to_ms],
    )?;
    let content = "SELECT content FROM mailbox WHERE mailbox = ?1 AND slot = ?2";
    db.one(content, values![mailbox, slot])
}

/// Between which times what is kept now was put: after the first, up to the second.
fn kept(now_ms: i64) -> (i64, i64) {
    let kept_ms = i64::try_from(MAILBOX_MS).unwrap_or(i64::MAX);
    (
        now_ms.saturating_sub(kept_ms),
        now_ms.saturating_add(kept_ms),
    )
}

/// Fills an empty slot, unless one of the limits is reached. Returns `false`, and changes nothing,
/// if there is something in it: what is there already, or what others put there meanwhile.
pub fn fill_slot(
    db: &Connection,
    mailbox: [u8; 16],
    slot: u8,
    owner: &Owner,
    now_ms: i64,
    content: &[u8],
) -> Result<bool, Refusal> {
    db.read_committed()?;
    let filled = db.execute(
        "INSERT INTO mailbox (mailbox, slot, owner, put_at_ms, content)
         VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (mailbox, slot) DO NOTHING",
        values![mailbox, slot, owner.name, now_ms, content],
    )?;
    if filled == 0 {
        return Ok(false);
    }
    // From here on, others of this owner wait.
    owner.check_room(db, content.len())?;
    Ok(true)
}

/// Whoever fills slots, and how much it may put there.
#[derive(Clone)]
pub struct Owner {
    name: String,
    /// The name of all owners of its kind.
    kind: &'static str,
    max_slots: i64,
    max_bytes: i64,
    max_bytes_of_all: i64,
}

impl Owner {
    pub fn account(account: &AccountId) -> Self {
        Self {
            name: format!("d:{}", account.as_str()),
            kind: "d:",
            max_slots: MAX_LODGED_OF_ACCOUNT,
            max_bytes: MAX_LODGED_BYTES_OF_ACCOUNT,
            max_bytes_of_all: MAX_LODGED_BYTES_OF_ACCOUNTS,
        }
    }

    pub fn address(address: IpAddr) -> Self {
        Self {
            name: format!("a:{}", network(address)),
            kind: "a:",
            max_slots: MAX_LODGED_OF_ADDRESS,
            max_bytes: MAX_LODGED_BYTES_OF_ADDRESS,
            max_bytes_of_all: MAX_LODGED_BYTES_OF_ADDRESSES,
        }
    }

    /// Checks the limits, once a slot is filled: no one can fill the space alone, and strangers
    /// cannot fill that of accounts.
    fn check_room(&self, db: &Connection, len: usize) -> Result<(), Refusal> {
        let lodged = |owner: &str| {
            let lodged = "SELECT CAST(coalesce(sum(slots), 0) AS BIGINT),
                     CAST(coalesce(sum(bytes), 0) AS BIGINT) FROM lodged WHERE owner = ?1";
            db.only::<(i64, i64)>(lodged, values![owner])
        };
        let len = i64::try_from(len).unwrap_or(i64::MAX);
        let len = len.saturating_add(SLOT_BYTES);
        let (_, all_bytes) = lodged(self.kind)?;
        let (slots, bytes) = lodged(&self.name)?;
        let before = all_bytes.saturating_sub(len);
        let free = self.max_bytes_of_all.saturating_sub(before);
        let max_bytes = self.max_bytes.min(free / MIN_LODGERS);
        if len > free || slots > self.max_slots || bytes > max_bytes {
            return Err(Refusal::retry_after(
                ErrorCode::MailboxFull,
                FULL_RETRY_SECS,
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
