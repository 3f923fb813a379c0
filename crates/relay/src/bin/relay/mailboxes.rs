//! Mailboxes: where two devices that share a secret leave bytes for one another, for ten minutes.
//! The relay reads nothing of it.

use std::sync::Arc;

use crate::store::Connection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use waxseal_interface::{ErrorCode, MAX_MAILBOX_LEN, parse_mailbox};

use crate::errors::Refusal;
use crate::extract::{BinaryBody, Visitor};
use crate::state::Relay;
use crate::store::slots::{Owner, fill_slot, read};

/// Puts content into an empty slot.
pub async fn fill(
    State(relay): State<Arc<Relay>>,
    visitor: Visitor,
    path: Path<(String, String)>,
    BinaryBody(content): BinaryBody<MAX_MAILBOX_LEN>,
) -> Result<StatusCode, Refusal> {
    let (mailbox, slot) = slot_in(&path)?;
    let owner = match &visitor {
        Visitor::Device(device) => Owner::account(&device.me.account),
        Visitor::Address(address) => Owner::address(*address),
    };
    let now_ms = millis(&relay);
    for _ in 0..2 {
        let (owner, put) = (owner.clone(), content.clone());
        let fill = move |db: &Connection| fill_slot(db, mailbox, slot, &owner, now_ms, &put);
        if relay.store.run(fill).await? {
            return Ok(StatusCode::NO_CONTENT);
        }
        // In a job of its own: whoever has the row of one owner waits for that of no other.
        let read = relay.store.run(move |db| read(db, mailbox, slot, now_ms));
        // CHK-309: what is in a slot is never replaced.
        match read.await? {
            Some(known) if known == content => return Ok(StatusCode::NO_CONTENT),
            Some(_) => return Err(ErrorCode::SlotTaken.into()),
            None => {} // its time was over
        }
    }
    Err(Refusal::retry_after(ErrorCode::Busy, 1))
}

/// Hands out what is in a slot.
pub async fn fetch(
    State(relay): State<Arc<Relay>>,
    visitor: Visitor,
    path: Path<(String, String)>,
) -> Result<impl IntoResponse, Refusal> {
    let (mailbox, slot) = slot_in(&path)?;
    let now_ms = millis(&relay);
    let content = relay.store.run(move |db| read(db, mailbox, slot, now_ms));
    let content = content.await?.ok_or(ErrorCode::NoSuchMailbox)?;
    // Anyone can ask, and what is read is long: it costs as much as another request that puts it.
    match &visitor {
        Visitor::Device(device) => relay.limits.account(&device.me.account, content.len())?,
        Visitor::Address(address) => relay.limits.address(*address, content.len())?,
    }
    let octets = [(header::CONTENT_TYPE, "application/octet-stream")];
    Ok((octets, content))
}

fn slot_in(Path((mailbox, slot)): &Path<(String, String)>) -> Result<([u8; 16], u8), Refusal> {
    let mailbox = parse_mailbox(mailbox).ok_or(ErrorCode::NotFound)?;
    let number: u8 = slot.parse().map_err(|_| ErrorCode::NotFound)?;
    match number.to_string() == *slot {
        true => Ok((mailbox, number)),
        false => Err(ErrorCode::NotFound.into()),
    }
}

/// The time by which content is put and deleted. A clock that is wrong at one relay must not delete
/// what was put at another.
fn millis(relay: &Relay) -> i64 {
    i64::try_from(relay.time.shared_ms()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
