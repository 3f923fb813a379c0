//! Messages: stamped without being read, and queued for every device before the sender gets the
//! receipt.

use std::cell::Cell;
use std::sync::{Arc, RwLockReadGuard};

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use waxseal_interface::{ContactHeaders, ErrorCode, MARK_LEN, Mismatch};
use waxseal_reporting::relay::{
    AuthenticFanout, Claim, PostError, PostedFanout, Receipt, StampKeys, StampedEnvelope,
    next_accepted_at,
};
use waxseal_reporting::{Audience, Timestamp};

use crate::errors::Refusal;
use crate::extract::{AccountName, BinaryBody, Caller, Contact, Mark};
use crate::keys::Keys;
use crate::limits::MAX_MESSAGE_LEN;
use crate::limits::once::Once;
use crate::state::{Account, Device, Relay};
use crate::store::sending::{Facts, Held, Stamped, Way};
use crate::store::turns::Whose;
use crate::store::{Connection, accounts, devices, queue};
use crate::strangers;
use crate::targets::Targets;

pub async fn send(
    State(relay): State<Arc<Relay>>,
    caller: Caller,
    AccountName(recipient): AccountName,
    Mark(mark): Mark,
    Contact(contact): Contact,
    BinaryBody(posted): BinaryBody<MAX_MESSAGE_LEN>,
) -> Result<Response, Refusal> {
    let sender = caller.device;
    let len = posted.len();
    let held = relay.store.space.hold(len).await?;
    let posted = PostedFanout::decode(&posted).map_err(|_| ErrorCode::Malformed)?;
    // A token alone stamps nothing and gets no prekeys: the device must ask for this stamp, for
    // this recipient, now.
    let (key, audience) = (&sender.delivery_key, Audience::Direct(recipient.clone()));
    let authentic = posted.authenticate(key, &sender.me, &audience, relay.now());
    let authentic = authentic.map_err(|error| match error {
        PostError::ClockDiffers => clock_differs(&relay),
        PostError::OtherTargets => ErrorCode::Malformed.into(),
        _ => ErrorCode::NotFromDevice.into(),
    })?;
    let peer = relay.some_account(&recipient).await?;
    let count = authentic.targets().len();
    relay.limits.targets(&sender.me.account, count)?;
    let message = (&authentic, len, &held);
    if let Some(accepted) = send_plainly(&relay, &sender, &peer, message, (contact, mark)).await {
        return answer(&sender, accepted?);
    }
    // Whoever waits for its turn takes no space from others.
    drop(held);
    let turn = relay.store.turn(Whose::Account(sender.account)).await?;
    let held = (turn, relay.store.space.hold(len).await?);
    let (from, shared, roster) = (sender.clone(), relay.clone(), Once::default());
    let job = move |db: &Connection, keys: &Stamping<'_>| {
        let _ = &held;
        devices::take_queues(db, [from.account, peer.id])?;
        let accepted_at = queue::next_accepted_at(db, from.id, shared.now())?;
        accounts::take(db, [from.account, peer.id])?;
        let targets = Targets::read(db, &from, &peer)?;
        // CHK-610: the sender may write to the recipient. Otherwise nothing is stamped, counted or
        // handed out.
        let cost = strangers::check(db, &shared, &from, &peer, &contact)?;
        // CHK-307: the message names the newest rosters of both accounts, and goes to exactly their
        // devices, whatever it has for those that left.
        if !targets.are_those_of(&authentic, shared.now()) {
            let mismatch = targets.mismatch(db, (&shared, &roster), &authentic)?;
            return Ok(Accepted::Mismatch(mismatch));
        }
        cost.count(db)?;
        // CHK-611: the recipient gets a token only if the sender's user accepts it.
        let accepts = contact.accepts && peer.id != from.account;
        let message = (authentic.clone(), accepts);
        fan_out(db, keys, &from, &targets, message, accepted_at)
    };
    let (job, woken) = accepting(&relay, &sender, mark, job);
    answer(&sender, relay.store.run_under_locks(job, woken).await?)
}

/// Sends a message without a job of its own, if it is plain: it costs nothing, its rosters are the
/// newest, and all its devices have room. `None` if it is not.
async fn send_plainly(
    relay: &Arc<Relay>,
    sender: &Arc<Device>,
    peer: &Arc<Account>,
    (authentic, len, held): (&AuthenticFanout, usize, &Held),
    (contact, mark): (ContactHeaders, Option<[u8; MARK_LEN]>),
) -> Option<Result<Accepted, Refusal>> {
    if !strangers::is_free(relay, sender, peer, &contact) {
        return None;
    }
    let way = Way {
        device: sender.id,
        account: sender.account,
        peer: peer.id,
        len,
    };
    let held = held.clone();
    let (from, peer, authentic) = (sender.clone(), peer.clone(), authentic.clone());
    let (shared, waking) = (relay.clone(), relay.clone());
    let stamp = move |facts: &Facts<'_>| {
        let _ = &held;
        let targets = Targets::of(facts, &from, &peer).ok()?;
        // CHK-307: see `send`.
        if !targets.are_those_of(&authentic, shared.now()) {
            return None;
        }
        // CHK-705: see `accepting`.
        shared.process.check(shared.time.reading()).ok()?;
        let accepted_at = next_accepted_at(shared.now(), facts.last);
        let accepts = contact.accepts && peer.id != from.account;
        let message = (authentic.clone(), accepts);
        let keys = shared.keys.stamp();
        let (claim, messages, _) = stamp(&keys, &targets, message, accepted_at).ok()?;
        let to = messages.iter().map(|message| message.recipient).collect();
        Some(Stamped {
            by: shared.process.me.by(keys.oldest_epoch()),
            accepted_at,
            mark,
            messages,
            answer: Accepted::Stamped(claim, to),
        })
    };
    let wake = move |accepted: &Accepted| wake(&waking, accepted);
    // CHK-705: see `accepting`. Nothing is read for a message that is refused anyway.
    if let Err(refusal) = relay.process.check(relay.time.reading()) {
        return Some(Err(refusal));
    }
    relay.store.send(way, stamp, wake).await
}

/// Stamps a message once. Returns what each of its devices gets, and the rows of the recipient's.
fn stamp(
    keys: &StampKeys,
    targets: &Targets,
    (authentic, accepts): (AuthenticFanout, bool),
    accepted_at: Timestamp,
) -> Result<(Claim, Vec<queue::Message>, Vec<i64>), Refusal> {
    let claim = keys.stamp(&authentic, accepted_at);
    let claim = claim.map_err(|error| Refusal::internal(&error))?;
    let stamped = StampedEnvelope::fan_out(claim.clone(), authentic);
    let stamped = stamped.map_err(|error| Refusal::internal(&error))?;
    let (mut messages, mut of_recipient) = (Vec::new(), Vec::new());
    for (device, stamped) in stamped {
        if targets.has_left(&device) {
            continue;
        }
        let row = targets.row(&device);
        let row = row.ok_or_else(|| Refusal::internal(&"a target has no row"))?;
        let is_of_recipient = targets.is_of_recipient(&device);
        if is_of_recipient {
            of_recipient.push(row);
        }
        messages.push(queue::Message {
            recipient: row,
            stamped,
            accepts: accepts && is_of_recipient,
        });
    }
    Ok((claim, messages, of_recipient))
}

/// Stamps a message once, and queues it for each of its devices. A device whose queue is full gets
/// nothing and is told later, unless no device of the recipient has room. `accepts` says whether
/// the recipient gets a token.
fn fan_out(
    db: &Connection,
    keys: &Stamping<'_>,
    from: &Device,
    targets: &Targets,
    message: (AuthenticFanout, bool),
    accepted_at: Timestamp,
) -> Result<Accepted, Refusal> {
    let (claim, messages, of_recipient) = stamp(&keys.take(), targets, message, accepted_at)?;
    let pushed = queue::push_each(db, from.account, &messages, accepted_at.as_millis())?;
    let is_delivered = pushed.to.iter().any(|row| of_recipient.contains(row));
    match pushed.full {
        Some(refusal) if !is_delivered => Err(refusal),
        _ => Ok(Accepted::Stamped(claim, pushed.to)),
    }
}

/// The refusal of a message that was posted at a time too far from the relay's clock.
pub fn clock_differs(relay: &Relay) -> Refusal {
    Refusal {
        relay_time_ms: Some(relay.now().as_millis()),
        ..ErrorCode::ClockDiffers.into()
    }
}

/// What became of a message that was not refused.
pub enum Accepted {
    /// It was stamped, and queued for the devices with these rows.
    Stamped(Claim, Vec<i64>),
    /// It was not stamped, because the sender must first seal it for other devices. This is no
    /// refusal of the job, because the one-time parts in it were handed out.
    Mismatch(Mismatch),
}

/// The stamp keys, as a job has them: only while it stamps or verifies, and not while it waits.
pub struct Stamping<'a> {
    keys: &'a Keys,
    /// The oldest epoch of those that it took.
    oldest: Cell<Option<u32>>,
}

impl<'a> Stamping<'a> {
    pub fn of(keys: &'a Keys) -> Self {
        let oldest = Cell::default();
        Self { keys, oldest }
    }

    /// Takes the keys.
    pub fn take(&self) -> RwLockReadGuard<'a, StampKeys> {
        let keys = self.keys.stamp();
        let (before, now) = (self.oldest.get(), keys.oldest_epoch());
        self.oldest
            .set(Some(before.map_or(now, |before| before.min(now))));
        keys
    }

    /// The oldest epoch of the keys that were there when the job took them.
    fn oldest_epoch(&self) -> u32 {
        let oldest = self.oldest.get();
        oldest.unwrap_or_else(|| self.keys.stamp().oldest_epoch())
    }
}

/// A job that has a message stamped and queued, and keeps its time and the sender's mark. What is
/// returned with it wakes the devices, after the commit. `stamp` takes the queues, and then the
/// [time](queue::next_accepted_at).
pub fn accepting(
    relay: &Arc<Relay>,
    sender: &Device,
    mark: Option<[u8; MARK_LEN]>,
    stamp: impl Fn(&Connection, &Stamping<'_>) -> Result<Accepted, Refusal> + Send + 'static,
) -> (
    impl Fn(&Connection) -> Result<Accepted, Refusal> + Send + 'static,
    impl FnOnce(&Accepted) + Send + 'static,
) {
    let from = sender.id;
    let (waking, relay) = (relay.clone(), relay.clone());
    let job = move |db: &Connection| {
        relay.process.check(relay.time.reading())?;
        let keys = Stamping::of(&relay.keys);
        let accepted = stamp(db, &keys)?;
        relay.process.check_in(db, keys.oldest_epoch())?;
        if let Accepted::Stamped(claim, _) = &accepted {
            // If the job fails, neither the time is stored nor the message.
            queue::keep_accepted_at(db, from, claim.context().accepted_at)?;
            if let Some(mark) = mark {
                devices::keep_mark(db, from, mark)?;
            }
        }
        Ok(accepted)
    };
    (job, move |accepted: &Accepted| wake(&waking, accepted))
}

/// Wakes the connections of a message's devices once it is queued, even if the sender has hung up.
fn wake(relay: &Relay, accepted: &Accepted) {
    if let Accepted::Stamped(_, to) = accepted {
        relay.counts.accept();
        to.iter().for_each(|device| relay.wake(*device));
    }
}

/// The receipt of a message, or what its sender lacks.
pub fn answer(sender: &Device, accepted: Accepted) -> Result<Response, Refusal> {
    match accepted {
        Accepted::Stamped(claim, _) => {
            let octets = [(header::CONTENT_TYPE, "application/octet-stream")];
            let receipt = Receipt::new(&claim, &sender.delivery_key);
            Ok((octets, receipt.encode()).into_response())
        }
        Accepted::Mismatch(mismatch) => Err(Refusal {
            mismatch: Some(Box::new(mismatch)),
            ..ErrorCode::Mismatch.into()
        }),
    }
}

#[cfg(test)]
mod tests;
