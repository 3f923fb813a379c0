//! Prekeys. The relay sees only whose they are, and hands out each one-time part once.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};
use waxseal_interface::{
    Bundle, ErrorCode, MAX_PREKEY_LEN, MAX_PREKEYS_UPLOADED, PreKeys, PreKeysLeft,
};

use crate::errors::Refusal;
use crate::extract::{AccountName, Device, JsonBody};
use crate::limits::{MAX_ONE_TIME, MAX_SPENT, MAX_UPLOAD_LEN};
use crate::state::Relay;

pub async fn left(
    State(relay): State<Arc<Relay>>,
    device: Device,
) -> Result<Json<PreKeysLeft>, Refusal> {
    let account = device.account.id;
    let one_time_left = relay
        .database
        .run(move |db| count_left(db, account))
        .await?;
    Ok(Json(PreKeysLeft { one_time_left }))
}

pub async fn publish(
    State(relay): State<Arc<Relay>>,
    device: Device,
    JsonBody(prekeys): JsonBody<PreKeys, MAX_UPLOAD_LEN>,
) -> Result<StatusCode, Refusal> {
    let PreKeys {
        base,
        one_time,
        replace,
    } = prekeys;
    let fits = |part: &Vec<u8>| !part.is_empty() && part.len() <= MAX_PREKEY_LEN;
    if !fits(&base) || one_time.len() > MAX_PREKEYS_UPLOADED || !one_time.iter().all(fits) {
        return Err(ErrorCode::TooManyPreKeys.into());
    }
    // A stolen token must not make new contacts encrypt to another identity.
    if !is_of(&base, &device.account.identity) {
        return Err(ErrorCode::OtherIdentity.into());
    }
    let account = device.account.id;
    relay
        .database
        .run(move |db| {
            db.prepare("UPDATE account SET base = ? WHERE id = ?")?
                .execute(params![base, account])?;
            if replace {
                db.prepare("DELETE FROM one_time WHERE account = ? AND part IS NOT NULL")?
                    .execute([account])?;
            }
            for part in &one_time {
                // A part that was uploaded before is not stored again, even if it was handed out.
                db.prepare(
                    "INSERT OR IGNORE INTO one_time (account, digest, part) VALUES (?, ?, ?)",
                )?
                .execute(params![
                    account,
                    Sha256::digest(part).as_slice(),
                    part
                ])?;
            }
            if count_left(db, account)? > MAX_ONE_TIME {
                return Err(ErrorCode::TooManyPreKeys.into());
            }
            forget_spent(db, account)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether a base names this identity. Devices take a base only in its canonical encoding, which
/// begins with `version || 0a 40 || identity 64`, and only if the identity signed its keys.
fn is_of(base: &[u8], identity: &[u8; 64]) -> bool {
    const FIELD: &[u8] = &[0x0a, 0x40];
    let fields = base.get(1..).unwrap_or_default();
    let named = fields.strip_prefix(FIELD);
    named.is_some_and(|named| named.starts_with(identity))
}

/// Returns the newest base and, unless the limits say otherwise, one one-time part. The part is
/// deleted before the answer is sent. The base alone is enough to start a session.
pub async fn bundle(
    State(relay): State<Arc<Relay>>,
    device: Device,
    AccountName(peer): AccountName,
) -> Result<Json<Bundle>, Refusal> {
    let account = relay.account(&peer).ok_or(ErrorCode::NoSuchAccount)?;
    let (database, relay) = (&relay.database, relay.clone());
    let bundle = database
        .run(move |db| {
            let base: Option<Vec<u8>> = db
                .prepare("SELECT base FROM account WHERE id = ?")?
                .query_row([account.id], |row| row.get(0))?;
            let base = base.ok_or(ErrorCode::NoPreKeys)?;
            let left = count_left(db, account.id)?;
            let (of, to) = (account.id, device.account.id);
            let one_time = match relay.limits.one_time(of, to, left, Instant::now()) {
                true => take_one_time(db, account.id)?,
                false => None,
            };
            let held_back = left > 0 && one_time.is_none();
            Ok(Bundle {
                base,
                one_time,
                held_back,
            })
        })
        .await?;
    Ok(Json(bundle))
}

fn take_one_time(db: &Connection, account: i64) -> Result<Option<Vec<u8>>, Refusal> {
    let next = db
        .prepare(
            "SELECT id, part FROM one_time WHERE account = ? AND part IS NOT NULL ORDER BY id LIMIT 1",
        )?
        .query_row([account], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((id, part)): Option<(i64, Vec<u8>)> = next else {
        return Ok(None);
    };
    db.prepare("UPDATE one_time SET part = NULL WHERE id = ?")?
        .execute([id])?;
    Ok(Some(part))
}

fn count_left(db: &Connection, account: i64) -> Result<usize, Refusal> {
    let left = db
        .prepare("SELECT count(*) FROM one_time WHERE account = ? AND part IS NOT NULL")?
        .query_row([account], |row| row.get(0))?;
    Ok(left)
}

/// Deletes the oldest rows of parts that were handed out. A device makes parts in order and keeps
/// the secrets of the newest only, so it does not upload parts this old again.
fn forget_spent(db: &Connection, account: i64) -> Result<(), Refusal> {
    db.prepare(
        "DELETE FROM one_time WHERE account = ?1 AND part IS NULL AND id <=
             (SELECT id FROM one_time WHERE account = ?1 AND part IS NULL ORDER BY id DESC LIMIT 1 OFFSET ?2)",
    )?
    .execute(params![account, MAX_SPENT])?;
    Ok(())
}
