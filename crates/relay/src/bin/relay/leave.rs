//! Leaving: a device takes itself out of its account. The roster lists it until a manager signs the
//! next one.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use waxseal_interface::{ErrorCode, Leave, account_name, leave_context};
use waxseal_reporting::{DeviceAddress, DeviceId};

use crate::accounts::check_proof;
use crate::cache;
use crate::errors::Refusal;
use crate::extract::{ClientAddress, JsonBody};
use crate::limits::MAX_JSON_LEN;
use crate::state::{Account, Relay};
use crate::store::{Connection, devices};

pub async fn leave(
    State(relay): State<Arc<Relay>>,
    _: ClientAddress,
    JsonBody(request): JsonBody<Leave, MAX_JSON_LEN>,
) -> Result<StatusCode, Refusal> {
    let uptime_ms = relay.time.uptime_ms();
    let name = account_name(&request.name).map_err(|_| ErrorCode::BadName)?;
    let me = DeviceAddress::new(name, DeviceId(request.device));
    relay
        .tokens
        .check_challenge(&request.challenge, uptime_ms)?;
    let device = relay.registered(&me).await?;
    let context = leave_context(&relay.card.relay_key, &request.challenge, &me);
    // CHK-363: a device leaves only under a proof of its identity, for a fresh challenge. No token
    // is looked at.
    check_proof(&device.identity, &context, &request.proof)?;
    relay.limits.session(&me.account)?;
    relay
        .tokens
        .answer_challenge(&request.challenge, uptime_ms)?;
    let (store, changed, reader) = (&relay.store, relay.clone(), relay.clone());
    let job = move |db: &Connection| {
        devices::take_account(db, device.account)?;
        if devices::pinned(db, device.account)?.is_none() {
            return Err(ErrorCode::NoRoster.into());
        }
        devices::leave(db, device.id)?;
        cache::read(db, &reader.keys, device.account)
    };
    let then = move |account: &Account| changed.account_changed(account);
    store.run_under_locks(job, then).await?;
    Ok(StatusCode::NO_CONTENT)
}
