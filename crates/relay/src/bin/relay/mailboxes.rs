//! Mailboxes: where two devices that share a secret leave bytes for one another, for ten minutes.
//! The relay reads nothing of it.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use rusqlite::{Connection, OptionalExtension, params};
use waxseal_interface::{ErrorCode, MAX_MAILBOX_LEN, parse_mailbox};

use crate::errors::Refusal;
use crate::extract::{BinaryBody, Visitor};
use crate::limits::{
    MAILBOX_MS, MAX_LODGED_BYTES_OF_ACCOUNT, MAX_LODGED_BYTES_OF_ACCOUNTS,
    MAX_LODGED_BYTES_OF_ADDRESS, MAX_LODGED_BYTES_OF_ADDRESSES, MAX_LODGED_OF_ACCOUNT,
    MAX_LODGED_OF_ADDRESS, MIN_LODGERS, network,
};
use crate::state::Relay;

/// What a slot counts for besides its content.
const SLOT_BYTES: i64 = 256;

/// How long is waited when there is no room.
const FULL_RETRY_SECS: u64 = 60;

/// Puts content into an empty slot.
pub async fn fill(
    State(relay): State<Arc<Relay>>,
    visitor: Visitor,
    path: Path<(String, String)>,
    BinaryBody(content): BinaryBody<MAX_MAILBOX_LEN>,
) -> Result<StatusCode, Refusal> {
    let (mailbox, slot) = slot_in(&path)?;
    let (owner, now_ms) = (Owner::of(&visitor), millis(&relay));
    let job = move |db: &Connection| {
        expire(db, now_ms)?;
        if let Some(known) = read(db, mailbox, slot)? {
            // CHK-309: what is in a slot is never replaced.
            return match known == content {
                true => Ok(()),
                false => Err(ErrorCode::SlotTaken.into()),
            };
        }
        owner.check_room(db, content.len())?;
        db.prepare(
            "INSERT INTO mailbox (mailbox, slot, owner, put_at_ms, content) VALUES (?, ?, ?, ?, ?)",
        )?
        .execute(params![mailbox, slot, owner.name, now_ms, &*content])?;
        Ok(())
    };
    relay.database.run(job).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Hands out what is in a slot.
pub async fn fetch(
    State(relay): State<Arc<Relay>>,
    _: Visitor,
    path: Path<(String, String)>,
) -> Result<impl IntoResponse, Refusal> {
    let (mailbox, slot) = slot_in(&path)?;
    let now_ms = millis(&relay);
    let content = relay.database.run(move |db| {
        expire(db, now_ms)?;
        read(db, mailbox, slot)
    });
    // An error within the job would undo what was deleted.
    let content = content.await?.ok_or(ErrorCode::NoSuchMailbox)?;
    let octets = [(header::CONTENT_TYPE, "application/octet-stream")];
    Ok((octets, content))
}

/// Deletes the content whose time is over. Content from a time when the clock was ahead goes too.
pub fn expire(db: &Connection, now_ms: i64) -> Result<(), Refusal> {
    let kept_ms = i64::try_from(MAILBOX_MS).unwrap_or(i64::MAX);
    db.prepare("DELETE FROM mailbox WHERE put_at_ms <= ?1 - ?2 OR put_at_ms > ?1 + ?2")?
        .execute(params![now_ms, kept_ms])?;
    Ok(())
}

fn slot_in(Path((mailbox, slot)): &Path<(String, String)>) -> Result<([u8; 16], u8), Refusal> {
    let mailbox = parse_mailbox(mailbox).ok_or(ErrorCode::NotFound)?;
    let number: u8 = slot.parse().map_err(|_| ErrorCode::NotFound)?;
    match number.to_string() == *slot {
        true => Ok((mailbox, number)),
        false => Err(ErrorCode::NotFound.into()),
    }
}

fn read(db: &Connection, mailbox: [u8; 16], slot: u8) -> Result<Option<Vec<u8>>, Refusal> {
    let content = db
        .prepare("SELECT content FROM mailbox WHERE mailbox = ? AND slot = ?")?
        .query_row(params![mailbox, slot], |row| row.get(0))
        .optional()?;
    Ok(content)
}

fn millis(relay: &Relay) -> i64 {
    i64::try_from(relay.now().as_millis()).unwrap_or(i64::MAX)
}

/// Whoever fills slots, and how much it may put there.
struct Owner {
    name: String,
    /// The name of all owners of its kind.
    kind: &'static str,
    max_slots: i64,
    max_bytes: i64,
    max_bytes_of_all: i64,
}

impl Owner {
    fn of(visitor: &Visitor) -> Self {
        match visitor {
            Visitor::Device(device) => Self {
                name: format!("d:{}", device.me.account.as_str()),
                kind: "d:",
                max_slots: MAX_LODGED_OF_ACCOUNT,
                max_bytes: MAX_LODGED_BYTES_OF_ACCOUNT,
                max_bytes_of_all: MAX_LODGED_BYTES_OF_ACCOUNTS,
            },
            Visitor::Address(address) => Self::of_address(*address),
        }
    }

    fn of_address(address: IpAddr) -> Self {
        Self {
            name: format!("a:{}", network(address)),
            kind: "a:",
            max_slots: MAX_LODGED_OF_ADDRESS,
            max_bytes: MAX_LODGED_BYTES_OF_ADDRESS,
            max_bytes_of_all: MAX_LODGED_BYTES_OF_ADDRESSES,
        }
    }

    /// Checks the limits: no one can fill the space alone, and strangers cannot fill that of
    /// accounts.
    fn check_room(&self, db: &Connection, len: usize) -> Result<(), Refusal> {
        let lodged = |owner: &str| {
            let row = db
                .prepare("SELECT slots, bytes FROM lodged WHERE owner = ?")?
                .query_row([owner], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            Ok::<(i64, i64), rusqlite::Error>(row.unwrap_or_default())
        };
        let len = i64::try_from(len).unwrap_or(i64::MAX);
        let len = len.saturating_add(SLOT_BYTES);
        let (_, all_bytes) = lodged(self.kind)?;
        let (slots, bytes) = lodged(&self.name)?;
        let free = self.max_bytes_of_all.saturating_sub(all_bytes);
        let max_bytes = self.max_bytes.min(free / MIN_LODGERS);
        if len > free || slots >= self.max_slots || bytes.saturating_add(len) > max_bytes {
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
