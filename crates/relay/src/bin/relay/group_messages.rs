//! Messages to groups: stamped once, without being read, with one body for all devices.

use std::sync::Arc;

use crate::store::Connection;
use axum::extract::State;
use axum::response::Response;
use waxseal_interface::{ErrorCode, GroupMismatch};
use waxseal_reporting::ConversationId;
use waxseal_reporting::relay::{
    AuthenticGroup, Claim, PostError, PostedGroup, StampedGroup, TargetedGroup,
};
use waxseal_reporting::sender::GroupStamp;

use crate::entries::{check_account_key, news};
use crate::errors::Refusal;
use crate::extract::{BinaryBody, Caller, GroupInPath, Mark};
use crate::group_targets::Members;
use crate::limits::MAX_GROUP_MESSAGE_LEN;
use crate::limits::once::Once;
use crate::messages::{Accepted, Stamping, accepting, answer, clock_differs};
use crate::state::{Device, Relay};
use crate::store::groups::Group;
use crate::store::members;
use crate::store::queue::{self, bodies};
use crate::store::turns::Whose;

pub async fn send(
    State(relay): State<Arc<Relay>>,
    caller: Caller,
    GroupInPath(group): GroupInPath,
    Mark(mark): Mark,
    BinaryBody(posted): BinaryBody<MAX_GROUP_MESSAGE_LEN>,
) -> Result<Response, Refusal> {
    let sender = caller.device;
    let len = posted.len();
    let posted = PostedGroup::decode(&posted).map_err(|_| ErrorCode::Malformed)?;
    if *posted.group() != group {
        return Err(ErrorCode::Malformed.into());
    }
    // A token alone stamps nothing and gets no news: the device must ask for this stamp now.
    let authentic = posted.authenticate(&sender.delivery_key, &sender.me, relay.now());
    let authentic = authentic.map_err(|error| match error {
        PostError::ClockDiffers => clock_differs(&relay),
        _ => ErrorCode::NotFromDevice.into(),
    })?;
    relay
        .limits
        .targets(&sender.me.account, authentic.slots())?;
    // Whoever waits for its turn takes no space from others.
    let turn = relay.store.turn(Whose::Group(group)).await?;
    let held = (turn, relay.store.space.hold(len).await?);
    let (from, shared, budgets) = (sender.clone(), relay.clone(), Budgets::default());
    let job = move |db: &Connection, keys: &Stamping<'_>| {
        let _ = &held;
        take(db, (&shared, &budgets), keys, &from, &group, &authentic)
    };
    let (job, woken) = accepting(&relay, &sender, mark, job);
    answer(&sender, relay.store.run_under_locks(job, woken).await?)
}

/// What a message takes within its job.
#[derive(Default)]
struct Budgets {
    targets: Once,
    news: Once,
}

/// Checks a message against the newest state of its group, stamps it, and queues its slots.
///
/// First takes the locks of the group and of the queues of its members. Entries, leaves and rosters
/// take them too, so what is read after them stays until the message is stored.
fn take(
    db: &Connection,
    (relay, budgets): (&Relay, &Budgets),
    keys: &Stamping<'_>,
    from: &Device,
    id: &ConversationId,
    authentic: &AuthenticGroup,
) -> Result<Accepted, Refusal> {
    let mut group = Group::take(db, id)?.ok_or(ErrorCode::NoGroup)?;
    members::take_queues(db, &group)?;
    // CHK-475: the sender is a member that has not left, and may write.
    members::check(db, &group, from.account, &from.me.account)?;
    check_account_key(db, from, &group.log)?;
    if !group.log.state().may_write(from.me.account.as_str()) {
        return Err(ErrorCode::MayNotWrite.into());
    }
    // The rosters of all members are read, for however few devices the message claims to be.
    let members = group.log.state().members().len();
    let more = members.saturating_sub(authentic.slots());
    let limits = &relay.limits;
    let of_members = || limits.targets(&from.me.account, more.saturating_add(1));
    budgets.targets.take(of_members)?;
    let known = Members::read(db, &group, from)?;
    let Some(fitting) = known.of_message(authentic, relay.now())? else {
        return Err(mismatch(
            db,
            (relay, budgets),
            from,
            &group,
            id,
            known,
            *authentic.stamp(),
        ));
    };
    let targeted = authentic.clone();
    let targeted = targeted.for_targets(fitting.devices, &fitting.digest);
    let targeted = targeted.map_err(|error| Refusal::internal(&error))?;
    let at = queue::next_accepted_at(db, from.id, group.clock(relay.now()))?;
    let claim = keys.take().stamp_group(&targeted, at);
    let claim = claim.map_err(|error| Refusal::internal(&error))?;
    let to = fan_out(db, from, &known, claim.clone(), targeted)?;
    group.keep_message(db, relay.now(), at)?;
    Ok(Accepted::Stamped(claim, to))
}

/// The refusal of a message for other devices, with what its sender lacks.
fn mismatch(
    db: &Connection,
    (relay, budgets): (&Relay, &Budgets),
    from: &Device,
    group: &Group,
    id: &ConversationId,
    known: Members<'_>,
    stamp: GroupStamp,
) -> Refusal {
    let state = group.log.state();
    // If the sender has another state of the newest version, that version's entry is news too.
    let is_other = stamp.version == state.version() && stamp.state_hash != state.hash();
    let after = stamp.version.saturating_sub(u64::from(is_other));
    let news = budgets
        .news
        .take(|| relay.limits.group_news(&from.me.account))
        .and_then(|()| news(db, from, id, group, after));
    let (rosters, left) = known.claims();
    match news {
        Ok(news) => Refusal {
            group_mismatch: Some(Box::new(GroupMismatch {
                news,
                rosters,
                left,
            })),
            ..ErrorCode::GroupMismatch.into()
        },
        Err(refusal) => refusal,
    }
}

/// Stores the body of a stamped message once, and queues a slot for each device. Returns the rows
/// of the devices. A device whose queue is full gets nothing and is told later, unless no device
/// has room.
fn fan_out(
    db: &Connection,
    from: &Device,
    known: &Members<'_>,
    claim: Claim,
    targeted: TargetedGroup,
) -> Result<Vec<i64>, Refusal> {
    let at_ms = claim.context().accepted_at.as_millis();
    let stamped = StampedGroup::fan_out(claim, targeted);
    let (stamped, slots) = stamped.map_err(|error| Refusal::internal(&error))?;
    let slots = slots.into_iter().filter_map(|(device, slot)| {
        let row = known.row(&device); // `None` if it left
        row.map(|row| (row, slot))
    });
    let slots: Vec<_> = slots.collect();
    let pushed = bodies::push_slots(db, from.account, &stamped, &slots, at_ms)?;
    match pushed.full {
        Some(refusal) if pushed.to.is_empty() => Err(refusal),
        _ => Ok(pushed.to),
    }
}

#[cfg(test)]
mod tests;
