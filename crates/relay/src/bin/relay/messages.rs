//! Messages: stamped unread, and queued for the recipient before the sender has its receipt.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use rusqlite::{Connection, OptionalExtension, params};
use waxseal_relay::ErrorCode;
use waxseal_reporting::{Audience, Delivery, Envelope, Receipt};

use crate::database::Database;
use crate::errors::Refusal;
use crate::extract::{Device, Name, Octets};
use crate::limits::{
    MAX_MESSAGE_LEN, MAX_QUEUED, MAX_QUEUED_BYTES, MAX_QUEUED_BYTES_OF_ONE, MAX_QUEUED_IN_ALL,
    MAX_QUEUED_OF_ONE,
};
use crate::relay::{Relay, now};

/// When a sender may find room again.
const QUEUE_FULL_RETRY_SECS: u64 = 60;

pub async fn send(
    State(relay): State<Arc<Relay>>,
    device: Device,
    Name(recipient): Name,
    Octets(envelope): Octets<MAX_MESSAGE_LEN>,
) -> Result<impl IntoResponse, Refusal> {
    let sender = device.account;
    let recipient = relay.account(&recipient).ok_or(ErrorCode::NoSuchAccount)?;
    let envelope = Envelope::decode(&envelope).map_err(|_| ErrorCode::Malformed)?;

    // The stamp says what was authenticated: the token's device, to this account, now.
    let audience = Audience::Direct(recipient.me.account.clone());
    let claim = relay
        .keys
        .stamp()
        .stamp(envelope.tag(), &sender.me, &audience, now())
        .map_err(|error| Refusal::internal(&error))?;
    let receipt = Receipt::new(&claim, &sender.delivery_key);
    let delivery = Delivery::new(&claim, envelope, &recipient.delivery_key)
        .map_err(|error| Refusal::internal(&error))?
        .encode();

    let (from, to, epoch) = (sender.id, recipient.id, claim.context().epoch);
    let (database, relay) = (&relay.database, relay.clone());
    database
        .run(move |db| {
            check_room(db, from, to, delivery.len())?;
            db.prepare(
                "INSERT INTO queue (recipient, sender, epoch, delivery) VALUES (?, ?, ?, ?)",
            )?
            .execute(params![to, from, epoch, delivery])?;
            // Whether or not the sender still waits. The recipient's connection asks once this is committed.
            relay.live.wake(to);
            Ok(())
        })
        .await?;
    let octets = [(header::CONTENT_TYPE, "application/octet-stream")];
    Ok((octets, receipt.encode()))
}

/// No sender fills a queue alone, no recipient the relay.
fn check_room(db: &Connection, from: i64, to: i64, len: usize) -> Result<(), Refusal> {
    let queued = |recipient: i64, sender: i64| {
        let row = db
            .prepare("SELECT messages, bytes FROM share WHERE recipient = ? AND sender = ?")?
            .query_row([recipient, sender], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        Ok::<(i64, i64), rusqlite::Error>(row.unwrap_or_default())
    };
    let len = i64::try_from(len).unwrap_or(i64::MAX);
    let fits = |(messages, bytes): (i64, i64), most: i64, most_bytes: i64| {
        messages < most && bytes.saturating_add(len) <= most_bytes
    };
    if !fits(queued(0, 0)?, i64::MAX, MAX_QUEUED_IN_ALL) {
        return Err(Refusal::retry_after(
            ErrorCode::RelayFull,
            QUEUE_FULL_RETRY_SECS,
        ));
    }
    if !fits(queued(to, 0)?, MAX_QUEUED, MAX_QUEUED_BYTES)
        || !fits(
            queued(to, from)?,
            MAX_QUEUED_OF_ONE,
            MAX_QUEUED_BYTES_OF_ONE,
        )
    {
        return Err(Refusal::retry_after(
            ErrorCode::QueueFull,
            QUEUE_FULL_RETRY_SECS,
        ));
    }
    Ok(())
}

/// The next deliveries of an account after `after`: so many, and some 256 KiB; and whether these are all.
pub async fn queued_after(
    database: &Database,
    recipient: i64,
    after: i64,
    most: usize,
) -> Result<(Vec<(i64, Vec<u8>)>, bool), Refusal> {
    const MOST_BYTES: usize = 256 << 10;
    database
        .run(move |db| {
            let mut next = db.prepare(
                "SELECT id, delivery FROM queue WHERE recipient = ? AND id > ? ORDER BY id LIMIT ?",
            )?;
            let mut rows = next.query(params![recipient, after, most])?;
            let (mut deliveries, mut bytes) = (Vec::new(), 0);
            while let Some(row) = rows.next()? {
                let delivery: Vec<u8> = row.get(1)?;
                bytes += delivery.len();
                deliveries.push((row.get(0)?, delivery));
                if deliveries.len() == most || bytes >= MOST_BYTES {
                    return Ok((deliveries, false));
                }
            }
            Ok((deliveries, true))
        })
        .await
}

/// Forgets deliveries that their recipient acknowledged.
pub async fn forget(database: &Database, recipient: i64, ids: Vec<i64>) -> Result<(), Refusal> {
    database
        .run(move |db| {
            let mut forget = db.prepare("DELETE FROM queue WHERE id = ? AND recipient = ?")?;
            for id in &ids {
                forget.execute([*id, recipient])?;
            }
            Ok(())
        })
        .await
}

/// Drops what was stamped before an epoch, a little at a time, and returns how many messages that were.
pub async fn drop_before(database: &Database, epoch: u32) -> Result<usize, Refusal> {
    const AT_ONCE: usize = 1_000;
    let mut all = 0;
    loop {
        let dropped = database
            .run(move |db| {
                Ok(db.execute(
                    "DELETE FROM queue WHERE id IN (SELECT id FROM queue WHERE epoch < ? LIMIT ?)",
                    params![epoch, AT_ONCE],
                )?)
            })
            .await?;
        all += dropped;
        if dropped < AT_ONCE {
            return Ok(all);
        }
    }
}
