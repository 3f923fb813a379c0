//! Prekeys. The relay sees only whose they are, and hands out each one-time part once.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use waxseal_interface::{
    AskBundles, Bundles, DeviceBundle, ErrorCode, MAX_DEVICES_ASKED, MAX_PREKEY_LEN,
    MAX_PREKEYS_UPLOADED, PreKeys, PreKeysLeft, account_name,
};
use waxseal_reporting::DeviceId;

use crate::errors::Refusal;
use crate::extract::{Caller, JsonBody};
use crate::limits::once::Once;
use crate::limits::{MAX_JSON_LEN, MAX_ONE_TIME, MAX_UPLOAD_LEN};
use crate::state::Relay;
use crate::store::{Connection, devices, members, prekeys};
use crate::{budgets, rosters};

pub async fn left(
    State(relay): State<Arc<Relay>>,
    caller: Caller,
) -> Result<Json<PreKeysLeft>, Refusal> {
    let device = caller.device.id;
    let count = move |db: &Connection| prekeys::count_left(db, device);
    let one_time_left = relay.store.run(count).await?;
    Ok(Json(PreKeysLeft { one_time_left }))
}

pub async fn publish(
    State(relay): State<Arc<Relay>>,
    caller: Caller,
    JsonBody(uploaded): JsonBody<PreKeys, MAX_UPLOAD_LEN>,
) -> Result<StatusCode, Refusal> {
    let PreKeys {
        base,
        one_time,
        replace,
    } = uploaded;
    let fits = |part: &Vec<u8>| !part.is_empty() && part.len() <= MAX_PREKEY_LEN;
    if !fits(&base) || one_time.len() > MAX_PREKEYS_UPLOADED || !one_time.iter().all(fits) {
        return Err(ErrorCode::TooManyPreKeys.into());
    }
    // A stolen token must not make new contacts encrypt to another identity.
    if !is_of(&base, &caller.device.identity) {
        return Err(ErrorCode::OtherIdentity.into());
    }
    let device = caller.device.id;
    relay
        .store
        .run(move |db| {
            devices::check_present(db, device)?;
            prekeys::publish(db, device, &base, &one_time, replace)?;
            match prekeys::count_left(db, device)? > MAX_ONE_TIME {
                true => Err(ErrorCode::TooManyPreKeys.into()),
                false => Ok(()),
            }
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

/// Hands out the newest roster of an account, and prekeys of its devices.
pub async fn bundles(
    State(relay): State<Arc<Relay>>,
    caller: Caller,
    JsonBody(asked): JsonBody<AskBundles, MAX_JSON_LEN>,
) -> Result<Json<Bundles>, Refusal> {
    let name = account_name(&asked.name).map_err(|_| ErrorCode::BadName)?;
    if asked.devices.len() > MAX_DEVICES_ASKED {
        return Err(ErrorCode::Malformed.into());
    }
    let account = relay.some_account(&name).await?;
    let as_stranger = relay.limits.roster(caller.device.account, account.id);
    let (store, relay, to) = (&relay.store, relay.clone(), caller.device);
    let fellow = Once::default();
    let bundles = store.run(move |db| {
        devices::check_present(db, to.id)?;
        if let Err(refusal) = &as_stranger {
            // CHK-476: prekeys of fellow members have a budget of their own.
            if !members::are_fellows(db, to.account, account.id)? {
                return Err(refusal.clone());
            }
            fellow.take(|| relay.limits.fellow(to.account))?;
        }
        let newest = devices::pinned(db, account.id)?.ok_or(ErrorCode::NoRoster)?;
        let (mut devices, mut wanted) = (Vec::new(), false);
        for listed in newest.roster().devices() {
            let is_caller = to.account == account.id && to.me.device.0 == listed.id;
            let is_asked = asked.devices.is_empty() || asked.devices.contains(&listed.id);
            if is_caller || !is_asked {
                continue;
            }
            wanted = true;
            let Some(row) = devices::find(db, account.id, DeviceId(listed.id))? else {
                continue; // it left
            };
            devices.extend(bundle(db, &relay, listed.id, row, to.account)?);
        }
        if wanted && devices.is_empty() {
            return Err(ErrorCode::NoPreKeys.into());
        }
        let roster = rosters::encoded(&newest);
        Ok(Bundles { roster, devices })
    });
    Ok(Json(bundles.await?))
}

/// Hands out the newest base of a device to the account `to` and, unless the limits say otherwise,
/// one one-time part. Returns `None` if the device has published no prekeys. The part is deleted
/// before the answer is sent. The base alone is enough to start a session.
pub fn bundle(
    db: &Connection,
    relay: &Relay,
    number: u32,
    row: i64,
    to: i64,
) -> Result<Option<DeviceBundle>, Refusal> {
    let Some(base) = prekeys::base(db, row)? else {
        return Ok(None);
    };
    let left = prekeys::count_left(db, row)?;
    let one_time = match budgets::one_time(db, relay, row, to, left)? {
        true => prekeys::hand_out(db, row)?,
        false => None,
    };
    Ok(Some(DeviceBundle {
        device: number,
        base,
        held_back: left > 0 && one_time.is_none(),
        one_time,
    }))
}
