//! Rosters: the signed lists of an account's devices. The relay stores the newest one of each
//! account and acts on it. It can add no device by itself.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use waxseal_interface::{ErrorCode, MAX_ROSTER_LEN, RosterConflict};
use waxseal_reporting::{AccountId, Timestamp};
use waxseal_roster::{Change, Pinned, Roster, SignedRoster};

use crate::errors::Refusal;
use crate::extract::{AccountName, BinaryBody, Caller};
use crate::state::{Account, Relay};
use crate::store::{Connection, devices};
use crate::{budgets, cache};

/// How far the time at which a roster was signed may be from the relay's clock.
const MAX_SIGNED_SKEW_MS: u64 = 86_400_000;

/// Publishes the next roster of the caller's account.
pub async fn publish(
    State(relay): State<Arc<Relay>>,
    caller: Caller,
    BinaryBody(signed): BinaryBody<MAX_ROSTER_LEN>,
) -> Result<StatusCode, Refusal> {
    let device = caller.device;
    budgets::roster_change(&relay, &device.me.account).await?;
    let roster = verified(&signed, &device.me.account)?;
    // CHK-712: no time of a wrong clock gets into what all relays share.
    relay.process.check(relay.time.reading())?;
    let (store, changed, relay) = (&relay.store, relay.clone(), relay.clone());
    let job = move |db: &Connection| {
        devices::take_account(db, device.account)?;
        let is_listed = lists(&roster, device.me.device.0, &device.identity);
        take(db, device.account, &roster, is_listed, relay.now())?;
        cache::read(db, &relay.keys, device.account)
    };
    let then = move |account: &Account| changed.account_changed(account);
    store.run_under_locks(job, then).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Hands out the newest roster of an account.
pub async fn newest(
    State(relay): State<Arc<Relay>>,
    caller: Caller,
    AccountName(name): AccountName,
) -> Result<impl IntoResponse, Refusal> {
    let account = relay.some_account(&name).await?;
    relay.limits.roster(caller.device.account, account.id)?;
    let pinned = relay.store.run(move |db| {
        let pinned = devices::pinned(db, account.id)?;
        pinned.ok_or_else(|| ErrorCode::NoRoster.into())
    });
    let octets = [(header::CONTENT_TYPE, "application/octet-stream")];
    Ok((octets, encoded(&pinned.await?)))
}

/// A roster as it is handed out.
pub fn encoded(pinned: &Pinned) -> Vec<u8> {
    pinned.roster().signed().encode()
}

/// Reads a roster and verifies all its signatures.
pub fn verified(signed: &[u8], account: &AccountId) -> Result<Roster, Refusal> {
    // CHK-300: a manager of this account signed the roster, and each device agreed to be in it.
    SignedRoster::decode(signed)
        .and_then(|signed| signed.verify(account.as_str()))
        .map_err(|_| ErrorCode::BadRoster.into())
}

/// Whether a roster lists a device under this number and identity.
pub fn lists(roster: &Roster, number: u32, identity: &[u8; 64]) -> bool {
    let listed = roster.device(number);
    listed.is_some_and(|listed| listed.identity == *identity)
}

/// Takes a verified roster if it follows the newest one. `is_listed` says whether it lists the
/// device that sends it, which matters for the first roster alone.
///
/// Runs in one transaction with what comes before and after, so of two rosters that follow the same
/// one, one is taken.
pub fn take(
    db: &Connection,
    account: i64,
    roster: &Roster,
    is_listed: bool,
    now: Timestamp,
) -> Result<(), Refusal> {
    let Some(mut pinned) = devices::pinned(db, account)? else {
        // CHK-301: the first roster of an account lists the device that sends it.
        if !is_listed {
            return Err(ErrorCode::BadRoster.into());
        }
        check_signed_at(roster, now)?;
        return devices::keep_roster(db, account, &Pinned::first(roster.clone()));
    };
    // CHK-302: the account key never changes.
    if roster.account_key() != pinned.account_key() {
        return Err(ErrorCode::AccountTaken.into());
    }
    let (before, previous) = (pinned.clone(), roster.previous());
    let signed_at = check_signed_at(roster, now);
    match pinned.take(roster.clone()) {
        Ok(Change::Same) => Ok(()),
        // CHK-303: the roster follows the newest one.
        Ok(Change::Newer { .. }) if previous == before.roster().hash() => {
            signed_at?;
            devices::keep_roster(db, account, &pinned)
        }
        _ => Err(conflict(ErrorCode::RosterConflict, &before)),
    }
}

/// A refusal that shows the newest roster of the account.
pub fn conflict(code: ErrorCode, newest: &Pinned) -> Refusal {
    let roster = encoded(newest);
    Refusal {
        conflict: Some(Box::new(RosterConflict { roster })),
        ..code.into()
    }
}

fn check_signed_at(roster: &Roster, now: Timestamp) -> Result<(), Refusal> {
    // CHK-305: the roster was signed within a day of the relay's clock.
    if roster.at_ms().abs_diff(now.as_millis()) <= MAX_SIGNED_SKEW_MS {
        return Ok(());
    }
    Err(Refusal {
        relay_time_ms: Some(now.as_millis()),
        ..ErrorCode::ClockDiffers.into()
    })
}

#[cfg(test)]
mod tests;
