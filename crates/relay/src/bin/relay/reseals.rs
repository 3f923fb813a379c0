//! Messages that their sender seals again, for a device that could not open them. The relay kept
//! nothing about the message: its own first stamp proves that it accepted it from this sender.

use std::cell::RefCell;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use waxseal_interface::ErrorCode;
use waxseal_reporting::limits::MAX_POSTED_RESEAL_LEN;
use waxseal_reporting::relay::{PostedReseal, ResealError, StampedEnvelope};
use waxseal_reporting::{AccountId, ConversationId, Timestamp};

use crate::errors::Refusal;
use crate::extract::{AccountName, BinaryBody, Caller, Mark};
use crate::messages::{Accepted, Stamping, accepting, answer, clock_differs};
use crate::state::Relay;
use crate::store::turns::Whose;
use crate::store::{Connection, devices, members, queue};

/// How long a sender is told to wait while the relay's clock shows an earlier time than its own
/// stamps.
const CLOCK_RETRY_SECS: u64 = 60;

pub async fn send_again(
    State(relay): State<Arc<Relay>>,
    caller: Caller,
    AccountName(recipient): AccountName,
    Mark(mark): Mark,
    BinaryBody(posted): BinaryBody<MAX_POSTED_RESEAL_LEN>,
) -> Result<Response, Refusal> {
    let sender = caller.device;
    let posted = PostedReseal::decode(&posted).map_err(|_| ErrorCode::Malformed)?;
    let account = relay.some_account(&recipient).await?;
    let turn = relay.store.turn(Whose::Account(sender.account)).await?;
    let (from, shared) = (sender.clone(), relay.clone());
    let job = move |db: &Connection, keys: &Stamping<'_>| {
        let _ = &turn;
        devices::take_queues(db, [account.id; 2])?;
        let accepted_at = queue::next_accepted_at(db, from.id, shared.now())?;
        // A token alone stamps nothing, and neither does a claim of another device or another
        // relay.
        let (key, now) = (&from.delivery_key, shared.now());
        // Nobody holds the stamp keys while the database is asked who is a member.
        let asked = RefCell::new(Vec::new());
        let ask_later = |group: &ConversationId, account: &AccountId, at: Timestamp| {
            asked.borrow_mut().push((*group, account.clone(), at));
            true
        };
        let authentic = posted.clone();
        let authentic =
            authentic.authenticate_in_groups(key, &from.me, &keys.take(), now, ask_later);
        let authentic = authentic.map_err(|error| refused(&shared, error))?;
        // Who is a member is read without locks.
        for (group, account, at) in asked.into_inner() {
            let is_member = match at == now {
                true => members::is_member(db, &group, &account)?,
                false => members::was_member(db, &group, &account, at)?,
            };
            if !is_member {
                return Err(ErrorCode::OtherTarget.into());
            }
        }
        let target = authentic.target().clone();
        if target.account != recipient {
            return Err(ErrorCode::OtherTarget.into());
        }
        // CHK-308: the newest roster of the account lists the target, which has not left. It may
        // have been another roster when the message was sent.
        let to = devices::find(db, account.id, target.device)?;
        let to = to.ok_or(ErrorCode::OtherTarget)?;
        let claim = keys.take().stamp_again(&authentic, accepted_at);
        let claim = claim.map_err(|error| Refusal::internal(&error))?;
        let stamped = StampedEnvelope::resealed(claim, authentic);
        let stamped = stamped.map_err(|error| Refusal::internal(&error))?;
        queue::push(db, from.account, to, &stamped)?;
        Ok(Accepted::Stamped(stamped.claim().clone(), vec![to]))
    };
    let (job, woken) = accepting(&relay, &sender, mark, job);
    answer(&sender, relay.store.run_under_locks(job, woken).await?)
}

fn refused(relay: &Relay, error: ResealError) -> Refusal {
    match error {
        ResealError::ClockDiffers => clock_differs(relay),
        // The relay's clock was set back since it made the stamp.
        ResealError::InTheFuture => Refusal::retry_after(ErrorCode::Busy, CLOCK_RETRY_SECS),
        ResealError::TooOld => ErrorCode::TooOldToReseal.into(),
        ResealError::NotStamped => ErrorCode::NotStamped.into(),
        ResealError::OtherTarget => ErrorCode::OtherTarget.into(),
        _ => ErrorCode::NotFromDevice.into(),
    }
}

#[cfg(test)]
mod tests;
