//! Accounts: devices register and sign in by signing a challenge with their identity key. There are
//! no passwords.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use ed25519_dalek::{Signature, VerifyingKey};
use rusqlite::{OptionalExtension, params};
use subtle::ConstantTimeEq;
use waxseal_relay::{
    Challenge, ErrorCode, Register, Session, SignIn, account_name, account_proof_input,
    name_skeleton, new_account_name, register_context, session_context, unseal_delivery_key,
};
use waxseal_reporting::relay::DeliveryKey;
use waxseal_reporting::{AccountId, DeviceAddress, DeviceId};

use crate::errors::Refusal;
use crate::extract::{ClientAddress, JsonBody};
use crate::limits::MAX_JSON_LEN;
use crate::state::{Account, Relay};

pub async fn challenge(State(relay): State<Arc<Relay>>, _: ClientAddress) -> Json<Challenge> {
    let challenge = relay.tokens.challenge(relay.now().as_millis());
    Json(Challenge { challenge })
}

/// Registers an account. If the same device has registered it before, only signs that device in.
pub async fn register(
    State(relay): State<Arc<Relay>>,
    ClientAddress(address): ClientAddress,
    JsonBody(request): JsonBody<Register, MAX_JSON_LEN>,
) -> Result<(StatusCode, Json<Session>), Refusal> {
    let now_ms = relay.now().as_millis();
    let name = account_name(&request.name).map_err(|_| ErrorCode::BadName)?;
    let me = DeviceAddress::new(name, DeviceId(request.device));
    relay.tokens.check_challenge(&request.challenge, now_ms)?;
    let context = register_context(
        &relay.card.relay_key,
        &request.challenge,
        &me,
        &request.identity,
        &request.sealed_delivery_key,
    );
    check_proof(&request.identity, &context, &request.proof)?;
    relay.tokens.answer_challenge(&request.challenge, now_ms)?;
    let delivery_key = unseal_delivery_key(&relay.keys.sealing, &request.sealed_delivery_key, &me)
        .map_err(|_| ErrorCode::BadDeliveryKey)?;

    let (account, status) = match relay.account(&me.account) {
        Some(account) => (account, StatusCode::OK),
        None => create(&relay, address, &me, request.identity, &delivery_key).await?,
    };
    check_same(&account, &me, &request.identity, &delivery_key)?;
    let session = relay.tokens.issue(&account.holder(), now_ms);
    Ok((status, Json(session)))
}

/// Checks that a repeated registration comes from the same device with the same keys, so that no
/// one can replace the delivery key of another device.
fn check_same(
    account: &Account,
    me: &DeviceAddress,
    identity: &[u8; 64],
    delivery_key: &DeliveryKey,
) -> Result<(), Refusal> {
    if account.me != *me || account.identity != *identity {
        return Err(ErrorCode::AccountTaken.into());
    }
    let (registered, sent) = (account.delivery_key.to_bytes(), delivery_key.to_bytes());
    if !bool::from(registered.ct_eq(&*sent)) {
        return Err(ErrorCode::DeliveryKeyDiffers.into());
    }
    Ok(())
}

/// Creates an account and returns it. Returns the existing account if the name turns out to be
/// registered already.
async fn create(
    relay: &Relay,
    address: IpAddr,
    me: &DeviceAddress,
    identity: [u8; 64],
    delivery_key: &DeliveryKey,
) -> Result<(Arc<Account>, StatusCode), Refusal> {
    relay.limits.registration(address)?;
    if relay.accounts_are_full() {
        return Err(ErrorCode::RelayFull.into());
    }
    let name = me.account.as_str().to_owned();
    new_account_name(&name).map_err(|_| ErrorCode::BadName)?;
    let (skeleton, device) = (name_skeleton(&name), me.device.0);
    let sealed = relay.keys.seal(delivery_key, me);
    let (row, status) = relay
        .database
        .run(move |db| {
            // If two requests race, or two names look alike, the first one is registered.
            let created = db
                .prepare(
                    "INSERT INTO account (name, skeleton, device, identity, delivery_key)
                     VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                )?
                .execute(params![name, skeleton, device, identity, sealed])?;
            let status = match created {
                0 => StatusCode::OK,
                _ => StatusCode::CREATED,
            };
            // The row may also come from an earlier request whose client hung up before the
            // account was cached.
            let row: Option<Row> = db
                .prepare(
                    "SELECT id, name, device, identity, delivery_key FROM account WHERE name = ?",
                )?
                .query_row([name], |row| row.try_into())
                .optional()?;
            Ok((row.ok_or(ErrorCode::AccountTaken)?, status))
        })
        .await?;
    let account =
        cache_account(relay, row).ok_or_else(|| Refusal::internal(&"an account is damaged"))?;
    Ok((account, status))
}

/// A row of the table `account`: id, name, device, identity, sealed delivery key.
type Row = (i64, String, u32, [u8; 64], Vec<u8>);

/// Caches an account that was read from the database. Returns `None` if its delivery key was sealed
/// under another root key file.
fn cache_account(relay: &Relay, (id, name, device, identity, sealed): Row) -> Option<Arc<Account>> {
    let me = DeviceAddress::new(AccountId::new(&name).ok()?, DeviceId(device));
    let delivery_key = relay.keys.open_sealed(&sealed, &me)?;
    Some(relay.add_account(Account {
        id,
        me,
        identity,
        delivery_key,
    }))
}

pub async fn sign_in(
    State(relay): State<Arc<Relay>>,
    _: ClientAddress,
    JsonBody(request): JsonBody<SignIn, MAX_JSON_LEN>,
) -> Result<Json<Session>, Refusal> {
    let now_ms = relay.now().as_millis();
    let name = account_name(&request.name).map_err(|_| ErrorCode::BadName)?;
    let me = DeviceAddress::new(name, DeviceId(request.device));
    relay.tokens.check_challenge(&request.challenge, now_ms)?;
    let account = relay.account(&me.account);
    let account = account.filter(|account| account.me == me);
    let account = account.ok_or(ErrorCode::ProofRefused)?;
    let context = session_context(&relay.card.relay_key, &request.challenge, &me);
    check_proof(&account.identity, &context, &request.proof)?;
    relay.tokens.answer_challenge(&request.challenge, now_ms)?;
    Ok(Json(relay.tokens.issue(&account.holder(), now_ms)))
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
