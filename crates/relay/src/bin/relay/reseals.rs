//! Messages that their sender seals again, for a device that could not open them. The relay kept
//! nothing about the message: its own first stamp proves that it accepted it from this sender.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use waxseal_interface::ErrorCode;
use waxseal_reporting::limits::MAX_POSTED_RESEAL_LEN;
use waxseal_reporting::relay::{PostedReseal, ResealError, StampedEnvelope};

use crate::devices;
use crate::errors::Refusal;
use crate::extract::{AccountName, BinaryBody, Caller, Mark};
use crate::messages::{Accepted, accept, clock_differs};
use crate::queue;
use crate::state::Relay;

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
    // A token alone stamps nothing, and neither does a claim of another device or another relay.
    let key = &sender.delivery_key;
    let authentic = posted.authenticate(key, &sender.me, &relay.keys.stamp(), relay.now());
    let authentic = authentic.map_err(|error| match error {
        ResealError::ClockDiffers => clock_differs(&relay),
        // The relay's clock was set back since it made the stamp.
        ResealError::InTheFuture => Refusal::retry_after(ErrorCode::Busy, CLOCK_RETRY_SECS),
        ResealError::TooOld => ErrorCode::TooOldToReseal.into(),
        ResealError::NotStamped => ErrorCode::NotStamped.into(),
        ResealError::OtherTarget => ErrorCode::OtherTarget.into(),
        _ => ErrorCode::NotFromDevice.into(),
    })?;
    let target = authentic.target().clone();
    if target.account != recipient {
        return Err(ErrorCode::OtherTarget.into());
    }
    let account = relay.account(&recipient).ok_or(ErrorCode::NoSuchAccount)?;
    let from = sender.account;
    accept(&relay, &sender, mark, move |db, keys, accepted_at| {
        // CHK-308: the newest roster of the account lists the target, which has not left. It may
        // have been another roster when the message was sent.
        let to = devices::find(db, account.id, target.device)?;
        let to = to.ok_or(ErrorCode::OtherTarget)?;
        let claim = keys.stamp_again(&authentic, accepted_at);
        let claim = claim.map_err(|error| Refusal::internal(&error))?;
        let stamped = StampedEnvelope::resealed(claim, authentic);
        let stamped = stamped.map_err(|error| Refusal::internal(&error))?;
        queue::push(db, from, to, &stamped)?;
        Ok(Accepted::Stamped(stamped.claim().clone(), vec![to]))
    })
    .await
}

#[cfg(test)]
mod tests;
