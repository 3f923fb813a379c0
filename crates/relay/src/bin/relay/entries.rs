//! Entries of groups: the relay takes each only as the next one, from its actor, and hands them out
//! to members.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use waxseal_interface::{
    AcceptedEntry, ContactToken, EntryReceipt, ErrorCode, GroupLeave, GroupNews, MAX_ENTRIES,
    MAX_ENTRY_LEN, WholeGroup,
};
use waxseal_reporting::relay::DeliveryKey;
use waxseal_reporting::{ConversationId, Timestamp};
use waxseal_roster::group::{GroupChange, GroupError, GroupLog, SignedEntry};

use crate::errors::Refusal;
use crate::extract::{BinaryBody, Caller, GroupInPath, JsonBody, Tokens};
use crate::limits::MAX_JSON_LEN;
use crate::state::{Device, Relay};
use crate::store::groups::{Group, roster_id};
use crate::store::members::{self, Standing};
use crate::store::turns::Whose;
use crate::store::{Connection, devices};
use crate::{budgets, strangers};

/// How far the time at which an entry was signed may be from the relay's clock.
const MAX_SIGNED_SKEW_MS: u64 = 86_400_000;

/// How long is waited when there is no room for another group.
const FULL_RETRY_SECS: u64 = 3_600;

/// Takes the next entry of a group, or the first one.
pub async fn put(
    State(relay): State<Arc<Relay>>,
    caller: Caller,
    GroupInPath(group): GroupInPath,
    Tokens(tokens): Tokens,
    BinaryBody(bytes): BinaryBody<MAX_ENTRY_LEN>,
) -> Result<Json<EntryReceipt>, Refusal> {
    let device = caller.device;
    let entry = SignedEntry::decode(&bytes).map_err(|_| ErrorCode::BadEntry)?;
    if *entry.group() != roster_id(&group) {
        return Err(ErrorCode::BadEntry.into());
    }
    // CHK-466: the actor is the account that posts the entry.
    if entry.actor() != device.me.account.as_str() {
        return Err(ErrorCode::NotActor.into());
    }
    // No database has a number above this one, and no group gets there.
    if i64::try_from(entry.version()).is_err() {
        return Err(ErrorCode::BadEntry.into());
    }
    budgets::group_entry(&relay, &device.me.account, entry.version()).await?;
    // CHK-712: no time of a wrong clock gets into what all relays share.
    relay.process.check(relay.time.reading())?;
    let (store, shared, by) = (&relay.store, relay.clone(), device.clone());
    let turn = store.turn(Whose::Group(group)).await?;
    let job = move |db: &Connection| {
        let _ = &turn;
        take(db, &shared, &by, &group, (&entry, &tokens))
    };
    let at_ms = store.run_under_locks(job, |_| ()).await?;
    let key = &device.delivery_key;
    Ok(Json(EntryReceipt::new(key, &group, &bytes, at_ms)))
}

/// Takes an entry in one transaction with the member rows. Returns its accepted time. First takes
/// the lock of the group, so of two entries after the same state, one is taken.
fn take(
    db: &Connection,
    relay: &Relay,
    by: &Device,
    group: &ConversationId,
    (entry, tokens): (&SignedEntry, &[Option<ContactToken>]),
) -> Result<u64, Refusal> {
    let found = Group::take(db, group)?;
    devices::check_present(db, by.id)?;
    let Some(mut found) = found else {
        return found_group(db, relay, by, group, (entry, tokens));
    };
    let now = relay.now();
    if let Some(at_ms) = found.accepted_at(db, entry)? {
        return Ok(at_ms);
    }
    let (state, version) = (found.log.state(), entry.version());
    // CHK-467: the entry is the next one, after the newest state.
    let is_next = Some(version) == state.version().checked_add(1);
    if !is_next || entry.previous() != state.hash() {
        // After another state of the version before, that version's entry is news too.
        let after = version.saturating_sub(1 + u64::from(is_next));
        let news = news(db, by, group, &found, after)?;
        return Err(Refusal {
            group_news: Some(Box::new(news)),
            ..ErrorCode::GroupConflict.into()
        });
    }
    members::check(db, &found, by.account, &by.me.account)?;
    check_account_key(db, by, &found.log)?;
    let mut log = found.log.clone();
    match log.take(entry) {
        Ok(GroupChange::Newer { .. }) => {}
        Err(GroupError::Actor) => return Err(ErrorCode::NotAdmin.into()),
        _ => return Err(ErrorCode::BadEntry.into()),
    }
    check_signed_at(entry, now)?;
    strangers::count_added(db, relay, by, entry.ops(), tokens)?;
    let at = found.next_change(now);
    members::change(db, found.row, version, entry.ops(), at)?;
    found.advance(db, log, at)?;
    Ok(at.as_millis())
}

/// Takes the entry that founds a group.
fn found_group(
    db: &Connection,
    relay: &Relay,
    by: &Device,
    group: &ConversationId,
    (entry, tokens): (&SignedEntry, &[Option<ContactToken>]),
) -> Result<u64, Refusal> {
    let now = relay.now();
    if entry.version() != 1 {
        return Err(ErrorCode::NoGroup.into());
    }
    let log = GroupLog::first(entry, &roster_id(group)).map_err(|_| ErrorCode::BadEntry)?;
    check_account_key(db, by, &log)?;
    check_signed_at(entry, now)?;
    if Group::are_full(db)? {
        return Err(Refusal::retry_after(ErrorCode::RelayFull, FULL_RETRY_SECS));
    }
    let Some(founded) = Group::found(db, group, log, now)? else {
        return take(db, relay, by, group, (entry, tokens)); // founded meanwhile
    };
    strangers::count_added(db, relay, by, entry.ops(), tokens)?;
    members::change(db, founded.row, 1, entry.ops(), now)?;
    Ok(now.as_millis())
}

/// Checks that an account is in a group under the account key of its newest roster.
pub fn check_account_key(db: &Connection, by: &Device, log: &GroupLog) -> Result<(), Refusal> {
    let newest = devices::pinned(db, by.account)?.ok_or(ErrorCode::NoRoster)?;
    let member = log.state().member(by.me.account.as_str());
    // CHK-468: a member acts under the account key that the state names.
    match member.is_some_and(|member| member.account_key() == newest.account_key()) {
        true => Ok(()),
        false => Err(ErrorCode::NotMember.into()),
    }
}

fn check_signed_at(entry: &SignedEntry, now: Timestamp) -> Result<(), Refusal> {
    // CHK-469: the entry was signed within a day of the relay's clock.
    if entry.at_ms().abs_diff(now.as_millis()) <= MAX_SIGNED_SKEW_MS {
        return Ok(());
    }
    Err(Refusal {
        relay_time_ms: Some(now.as_millis()),
        ..ErrorCode::ClockDiffers.into()
    })
}

/// Tells a member, or a former one, what happened in a group.
pub async fn fetch(
    State(relay): State<Arc<Relay>>,
    caller: Caller,
    GroupInPath(group): GroupInPath,
    RawQuery(query): RawQuery,
) -> Result<Json<GroupNews>, Refusal> {
    let device = caller.device;
    let after = query
        .as_deref()
        .and_then(|query| query.strip_prefix("after="));
    let after = after.and_then(|after| after.parse().ok());
    let after: u64 = after.ok_or(ErrorCode::Malformed)?;
    relay.limits.group_news(&device.me.account)?;
    let job = move |db: &Connection| {
        devices::check_present(db, device.id)?;
        let found = Group::find(db, &group)?.ok_or(ErrorCode::NoGroup)?;
        news(db, &device, &group, &found, after)
    };
    Ok(Json(relay.store.run(job).await?))
}

/// What happened in a group after a version, for a device of a member or of a former one.
pub fn news(
    db: &Connection,
    to: &Device,
    id: &ConversationId,
    group: &Group,
    after: u64,
) -> Result<GroupNews, Refusal> {
    let newest = group.log.state().version();
    // CHK-470: a former member learns of nothing after the entry that removed it, and others of
    // nothing at all.
    let (up_to, is_member) = match members::standing(db, group, to.account, &to.me.account)? {
        Standing::Member { .. } => (newest, true),
        Standing::Former(until) => (until, false),
    };
    let key = &to.delivery_key;
    let entries = group.entries(db, after, up_to, MAX_ENTRIES)?;
    let lacking = u64::try_from(entries.len()).unwrap_or(u64::MAX);
    if !is_member || lacking >= up_to.saturating_sub(after) {
        let entries = entries.into_iter();
        let entries = entries.map(|(entry, at_ms)| accepted(key, id, entry, at_ms));
        return Ok(GroupNews {
            entries: entries.collect(),
            whole: None,
        });
    }
    let before = newest.saturating_sub(1);
    let entries = group.entries(db, before, newest, 1)?.into_iter();
    let entries = entries.map(|(entry, at_ms)| accepted(key, id, entry, at_ms));
    Ok(GroupNews {
        entries: entries.collect(),
        whole: Some(WholeGroup {
            state: group.log.state().encode(),
            authority_chain: group.log.authority_chain().encode(),
        }),
    })
}

fn accepted(key: &DeliveryKey, id: &ConversationId, entry: Vec<u8>, at_ms: u64) -> AcceptedEntry {
    let receipt = EntryReceipt::new(key, id, &entry, at_ms);
    AcceptedEntry { entry, receipt }
}

/// Has an account leave a group at once. It stays in the state until an admin removes it.
pub async fn leave(
    State(relay): State<Arc<Relay>>,
    caller: Caller,
    GroupInPath(id): GroupInPath,
    JsonBody(leave): JsonBody<GroupLeave, MAX_JSON_LEN>,
) -> Result<StatusCode, Refusal> {
    let device = caller.device;
    if !leave.is_authentic(&device.delivery_key, &id) {
        return Err(ErrorCode::NotFromDevice.into());
    }
    let turn = relay.store.turn(Whose::Group(id)).await?;
    let (store, relay) = (&relay.store, relay.clone());
    let job = move |db: &Connection| {
        let _ = &turn;
        let group = Group::take(db, &id)?;
        devices::check_present(db, device.id)?;
        let mut group = group.ok_or(ErrorCode::NoGroup)?;
        let (account, name) = (device.account, &device.me.account);
        let has_left = match members::standing(db, &group, account, name)? {
            Standing::Member { has_left } => has_left,
            Standing::Former(_) => return Err(ErrorCode::NotMember.into()),
        };
        let member = group.log.state().member(name.as_str());
        // CHK-471: a wish to leave that is older than the membership is of no use.
        if member.is_none_or(|member| leave.version < member.since()) {
            return Err(ErrorCode::NotMember.into());
        }
        if !has_left {
            let at = group.next_change(relay.now());
            members::leave(db, group.row, account, at)?;
            group.keep_change(db, at)?;
        }
        Ok(())
    };
    store.run_under_locks(job, |_| ()).await?;
    Ok(StatusCode::NO_CONTENT)
}
