//! Accounts: devices register and sign in by signing a challenge with their identity key. There are
//! no passwords.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use ed25519_dalek::{Signature, VerifyingKey};
use rusqlite::{Connection, OptionalExtension, params};
use waxseal_interface::{
    Challenge, ErrorCode, Identity, MARK_LEN, Register, Session, SignIn, account_name,
    account_proof_input, name_skeleton, new_account_name, register_context, session_context,
    unseal_delivery_key,
};
use waxseal_reporting::relay::DeliveryKey;
use waxseal_reporting::{AccountId, DeviceAddress, DeviceId};

use crate::errors::Refusal;
use crate::extract::{AccountName, ClientAddress, Device, JsonBody};
use crate::limits::MAX_JSON_LEN;
use crate::state::{Account, Relay};

pub async fn challenge(State(relay): State<Arc<Relay>>, _: ClientAddress) -> Json<Challenge> {
    let challenge = relay.tokens.challenge(relay.time.uptime_ms());
    Json(Challenge { challenge })
}

/// Registers an account. If the same device has registered it before, signs that device in, and
/// replaces its delivery key if it sent another one.
pub async fn register(
    State(relay): State<Arc<Relay>>,
    ClientAddress(address): ClientAddress,
    JsonBody(request): JsonBody<Register, MAX_JSON_LEN>,
) -> Result<(StatusCode, Json<Session>), Refusal> {
    let uptime_ms = relay.time.uptime_ms();
    let name = account_name(&request.name).map_err(|_| ErrorCode::BadName)?;
    let me = DeviceAddress::new(name, DeviceId(request.device));
    relay
        .tokens
        .check_challenge(&request.challenge, uptime_ms)?;
    let context = register_context(
        &relay.card.relay_key,
        &request.challenge,
        &me,
        &request.identity,
        &request.sealed_delivery_key,
    );
    // CHK-122: a delivery key is registered and replaced only under a proof of the account's
    // identity, for this sealed key and a fresh challenge. No token is looked at.
    check_proof(&request.identity, &context, &request.proof)?;
    let delivery_key = unseal_delivery_key(&relay.keys.sealing, &request.sealed_delivery_key, &me)
        .map_err(|_| ErrorCode::BadDeliveryKey)?;

    let known = relay.account(&me.account);
    let status = match &known {
        Some(account) => {
            if account.me != me || account.identity != request.identity {
                return Err(ErrorCode::AccountTaken.into());
            }
            relay.limits.session(&me.account)?;
            StatusCode::OK
        }
        None => {
            relay.limits.registration(address)?;
            if relay.accounts_are_full() {
                return Err(ErrorCode::RelayFull.into());
            }
            StatusCode::CREATED
        }
    };
    relay
        .tokens
        .answer_challenge(&request.challenge, uptime_ms)?;
    if !known.is_some_and(|account| account.delivery_key.is_same(&delivery_key)) {
        store(&relay, &me, request.identity, delivery_key).await?;
    }
    let account = relay.account(&me.account);
    let account = account.ok_or_else(|| Refusal::internal(&"a stored account is not cached"))?;
    Ok((status, Json(session_of(&relay, &account).await?)))
}

/// A session of an account, with the highest mark that its device posted.
async fn session_of(relay: &Relay, account: &Account) -> Result<Session, Refusal> {
    let id = account.id;
    let read = relay.database.run(move |db| {
        let mark = db
            .prepare("SELECT mark FROM account WHERE id = ?")?
            .query_row([id], |row| row.get(0))?;
        Ok(mark)
    });
    let mark = read.await?;
    let session = relay
        .tokens
        .issue(&account.holder(), relay.now().as_millis());
    Ok(Session { mark, ..session })
}

/// Keeps the mark that a device posted, unless it has one with the same or a higher counter. The
/// counter is the first 8 bytes. Only the device can verify a mark.
pub fn keep_mark(db: &Connection, account: i64, mark: [u8; MARK_LEN]) -> Result<(), Refusal> {
    db.prepare(
        "UPDATE account SET mark = ?1
         WHERE id = ?2 AND (mark IS NULL OR substr(mark, 1, 8) < substr(?1, 1, 8))",
    )?
    .execute(params![mark, account])?;
    Ok(())
}

/// Says which identity an account registered. Takes no prekey, so asking costs the account nothing.
pub async fn identity(
    State(relay): State<Arc<Relay>>,
    _: Device,
    AccountName(name): AccountName,
) -> Result<Json<Identity>, Refusal> {
    let account = relay.account(&name).ok_or(ErrorCode::NoSuchAccount)?;
    let identity = account.identity;
    Ok(Json(Identity { identity }))
}

/// Stores an account, or the new delivery key of an account with the same device and identity.
async fn store(
    relay: &Arc<Relay>,
    me: &DeviceAddress,
    identity: [u8; 64],
    delivery_key: DeliveryKey,
) -> Result<(), Refusal> {
    let sealed = relay.keys.seal(&delivery_key, me);
    let (database, relay, me) = (&relay.database, relay.clone(), me.clone());
    let (name, device) = (me.account.as_str().to_owned(), me.device.0);
    let job = move |db: &Connection| {
        let known: Option<i64> = db
            .prepare(
                "UPDATE account SET delivery_key = ?
                 WHERE name = ? COLLATE BINARY AND device = ? AND identity = ? RETURNING id",
            )?
            .query_row(params![sealed, name, device, identity], |row| row.get(0))
            .optional()?;
        if let Some(id) = known {
            return Ok(id);
        }
        // If two requests race, or two names look alike, the name belongs to the first.
        new_account_name(&name).map_err(|_| ErrorCode::BadName)?;
        db.prepare(
            "INSERT INTO account (name, skeleton, device, identity, delivery_key)
             VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id",
        )?
        .query_row(
            params![name, name_skeleton(&name), device, identity, sealed],
            |row| row.get(0),
        )
        .optional()?
        .ok_or_else(|| ErrorCode::AccountTaken.into())
    };
    let cache = move |id: &i64| {
        relay.cache_account(Account {
            id: *id,
            me,
            identity,
            delivery_key,
        });
    };
    database.run_then(job, cache).await?;
    Ok(())
}

/// A row of the table `account`: id, name, device, identity, sealed delivery key.
type Row = (i64, String, u32, [u8; 64], Vec<u8>);

/// Caches an account that was read from the database. Returns `None` if the row is damaged, or if
/// its delivery key was sealed under another root key file.
fn cache_account(relay: &Relay, (id, name, device, identity, sealed): Row) -> Option<()> {
    let me = DeviceAddress::new(AccountId::new(&name).ok()?, DeviceId(device));
    let delivery_key = relay.keys.open_sealed(&sealed, &me)?;
    relay.cache_account(Account {
        id,
        me,
        identity,
        delivery_key,
    });
    Some(())
}

pub async fn sign_in(
    State(relay): State<Arc<Relay>>,
    _: ClientAddress,
    JsonBody(request): JsonBody<SignIn, MAX_JSON_LEN>,
) -> Result<Json<Session>, Refusal> {
    let uptime_ms = relay.time.uptime_ms();
    let name = account_name(&request.name).map_err(|_| ErrorCode::BadName)?;
    let me = DeviceAddress::new(name, DeviceId(request.device));
    relay
        .tokens
        .check_challenge(&request.challenge, uptime_ms)?;
    let account = relay.account(&me.account);
    let account = account.filter(|account| account.me == me);
    let account = account.ok_or(ErrorCode::ProofRefused)?;
    let context = session_context(&relay.card.relay_key, &request.challenge, &me);
    check_proof(&account.identity, &context, &request.proof)?;
    relay.limits.session(&me.account)?;
    relay
        .tokens
        .answer_challenge(&request.challenge, uptime_ms)?;
    Ok(Json(session_of(&relay, &account).await?))
}

fn check_proof(identity: &[u8; 64], context: &[u8], proof: &[u8; 64]) -> Result<(), Refusal> {
    let key = identity
        .first_chunk()
        .and_then(|key| VerifyingKey::from_bytes(key).ok());
    let key = key.ok_or(ErrorCode::ProofRefused)?;
    key.verify_strict(&account_proof_input(context), &Signature::from_bytes(proof))
        .map_err(|_| ErrorCode::ProofRefused.into())
}

/// Reads every account into the cache. Called once, when the relay starts.
pub async fn load(relay: &Relay) -> Result<(), Box<dyn std::error::Error>> {
    let rows: Vec<Row> = relay
        .database
        .run(|db| {
            let mut accounts =
                db.prepare("SELECT id, name, device, identity, delivery_key FROM account")?;
            let rows = accounts.query_map([], |row| row.try_into())?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
        .map_err(|_| "the accounts cannot be read")?;
    for row in rows {
        cache_account(relay, row).ok_or("the database belongs to another root key file")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
