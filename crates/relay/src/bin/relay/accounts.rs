//! Accounts: devices register and sign in by signing a challenge with their identity key. There are
//! no passwords.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use ed25519_dalek::{Signature, VerifyingKey};
use waxseal_interface::{
    Challenge, ErrorCode, Register, Session, SignIn, account_name, account_proof_input,
    name_skeleton, new_account_name, register_context, session_context, unseal_delivery_key,
};
use waxseal_reporting::{DeviceAddress, DeviceId, Timestamp};
use waxseal_roster::{Pinned, Roster};

use crate::errors::Refusal;
use crate::extract::{ClientAddress, JsonBody};
use crate::limits::MAX_JSON_LEN;
use crate::state::{Account, Device, Relay};
use crate::store::{Connection, accounts, devices};
use crate::{budgets, cache, rosters};

pub async fn challenge(State(relay): State<Arc<Relay>>, _: ClientAddress) -> Json<Challenge> {
    let challenge = relay.tokens.challenge(relay.time.uptime_ms());
    Json(Challenge { challenge })
}

/// Registers a device, and its account with the first device. If the device is registered already,
/// signs it in, and replaces its delivery key if it sent another one.
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
    // CHK-122: a delivery key is registered and replaced only under a proof of the device's
    // identity, for this sealed key and a fresh challenge. No token is looked at.
    check_proof(&request.identity, &context, &request.proof)?;
    let delivery_key = unseal_delivery_key(&relay.keys.sealing, &request.sealed_delivery_key, &me)
        .map_err(|_| ErrorCode::BadDeliveryKey)?;

    // Not from memory: a key that was replaced at another relay a moment ago counts.
    let account = cache::find(&relay.store, &relay.keys, &me.account).await?;
    let known = account
        .as_ref()
        .and_then(|account| account.device(me.device));
    let known = known.filter(|device| device.identity == request.identity);
    if known.is_some() {
        relay.limits.session(&me.account)?;
    } else {
        budgets::registration(&relay, address).await?;
        if account.is_none() && relay.accounts_are_full().await? {
            return Err(ErrorCode::RelayFull.into());
        }
    }
    let roster = request.roster.as_deref();
    let roster = roster.map(|signed| rosters::verified(signed, &me.account));
    let roster = roster.transpose()?;
    relay
        .tokens
        .answer_challenge(&request.challenge, uptime_ms)?;
    let status = match &known {
        Some(_) => StatusCode::OK,
        None => StatusCode::CREATED,
    };
    let unchanged = known.filter(|device| device.delivery_key.is_same(&delivery_key));
    let device = match unchanged {
        Some(device) if roster.is_none() => device.clone(),
        _ => {
            let delivery_key = relay.keys.seal(&delivery_key, &me);
            let request = Registration {
                me,
                identity: request.identity,
                delivery_key,
                roster,
            };
            store(&relay, request).await?
        }
    };
    Ok((status, Json(session_of(&relay, &device).await?)))
}

/// Makes a session for a device, with the highest mark that it posted.
async fn session_of(relay: &Relay, device: &Device) -> Result<Session, Refusal> {
    let id = device.id;
    let mark = relay.store.run(move |db| devices::mark(db, id)).await?;
    let session = relay
        .tokens
        .issue(&device.holder(), relay.now().as_millis());
    Ok(Session { mark, ..session })
}

/// A device that proved its identity and wants to be registered with this delivery key.
struct Registration {
    me: DeviceAddress,
    identity: [u8; 64],
    /// Sealed for the database.
    delivery_key: Vec<u8>,
    roster: Option<Roster>,
}

/// Stores a device and, if it is new, its account. Returns the device as it was stored: by now its
/// number may belong to another one.
async fn store(relay: &Arc<Relay>, request: Registration) -> Result<Arc<Device>, Refusal> {
    let me = request.me.clone();
    let (store, changed, reader) = (&relay.store, relay.clone(), relay.clone());
    let job = move |db: &Connection| {
        let account = request.store(db, reader.now())?;
        cache::read(db, &reader.keys, account)
    };
    let then = move |account: &Account| changed.account_changed(account);
    let account = store.run_under_locks(job, then).await?;
    let device = account.device(me.device).cloned();
    device.ok_or_else(|| ErrorCode::Removed.into())
}

impl Registration {
    /// Stores the roster and the delivery key, under the locks of the account. Returns its id.
    fn store(&self, db: &Connection, now: Timestamp) -> Result<i64, Refusal> {
        let name = self.me.account.as_str();
        let known = accounts::find(db, name)?;
        let (number, identity) = (self.me.device.0, self.identity);
        let is_listed = |roster: &Roster| rosters::lists(roster, number, &identity);
        let account = match (known, &self.roster) {
            (Some(account), roster) => {
                devices::take_account(db, account)?;
                let newest = devices::pinned(db, account)?;
                // Nobody else gives an account of before its first roster.
                if newest.is_none() && !devices::is_known(db, account, number, &identity)? {
                    return Err(ErrorCode::AccountTaken.into());
                }
                if let Some(roster) = roster
                    .as_ref()
                    .filter(|roster| !is_older(roster, newest.as_ref()))
                {
                    let is_listed = is_listed(roster);
                    rosters::take(db, account, roster, is_listed, now)?;
                }
                account
            }
            (None, roster) => {
                let roster = roster.as_ref().ok_or(ErrorCode::BadRoster)?;
                let account = match insert(db, name)? {
                    Some(account) => account,
                    None if accounts::find(db, name)?.is_some() => {
                        return self.store(db, now); // it was added meanwhile
                    }
                    None => return Err(ErrorCode::AccountTaken.into()),
                };
                let is_listed = is_listed(roster);
                rosters::take(db, account, roster, is_listed, now)?;
                account
            }
        };
        // CHK-306: the newest roster lists the device under its number and identity.
        let key = &self.delivery_key;
        let registered = devices::register(db, account, number, &identity, key)?;
        if !registered && devices::is_known(db, account, number, &identity)? {
            return Err(ErrorCode::Removed.into()); // it left
        }
        match (registered, devices::pinned(db, account)?) {
            (false, Some(newest)) => Err(rosters::conflict(ErrorCode::AccountTaken, &newest)),
            (false, None) => Err(ErrorCode::AccountTaken.into()),
            _ => Ok(account),
        }
    }
}

/// Adds an account without devices. If two requests race, or two names look alike, the name belongs
/// to the first.
fn insert(db: &Connection, name: &str) -> Result<Option<i64>, Refusal> {
    new_account_name(name).map_err(|_| ErrorCode::BadName)?;
    accounts::add(db, name, Some(&name_skeleton(name)))
}

/// Whether a roster is an earlier one of the account. A device that was off line for long may send
/// it along.
fn is_older(roster: &Roster, newest: Option<&Pinned>) -> bool {
    newest.is_some_and(|newest| {
        let newest = newest.roster();
        roster.account_key() == newest.account_key() && roster.stamp() < newest.stamp()
    })
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
    let device = relay.registered(&me).await?;
    let context = session_context(&relay.card.relay_key, &request.challenge, &me);
    check_proof(&device.identity, &context, &request.proof)?;
    relay.limits.session(&me.account)?;
    relay
        .tokens
        .answer_challenge(&request.challenge, uptime_ms)?;
    Ok(Json(session_of(&relay, &device).await?))
}

pub fn check_proof(identity: &[u8; 64], context: &[u8], proof: &[u8; 64]) -> Result<(), Refusal> {
    let key = identity
        .first_chunk()
        .and_then(|key| VerifyingKey::from_bytes(key).ok());
    let key = key.ok_or(ErrorCode::ProofRefused)?;
    key.verify_strict(&account_proof_input(context), &Signature::from_bytes(proof))
        .map_err(|_| ErrorCode::ProofRefused.into())
}

#[cfg(test)]
mod tests;
