//! Messages: stamped without being read, and queued for the recipient before the sender gets the
//! receipt.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use waxseal_interface::{ErrorCode, MARK_LEN};
use waxseal_reporting::relay::{PostError, PostedEnvelope, Receipt, StampKeys, StampedEnvelope};
use waxseal_reporting::{Audience, Timestamp};

use crate::accounts::keep_mark;
use crate::errors::Refusal;
use crate::extract::{AccountName, BinaryBody, Device, Mark};
use crate::limits::MAX_MESSAGE_LEN;
use crate::queue;
use crate::state::{Account, Relay};

pub async fn send(
    State(relay): State<Arc<Relay>>,
    device: Device,
    AccountName(recipient): AccountName,
    Mark(mark): Mark,
    BinaryBody(posted): BinaryBody<MAX_MESSAGE_LEN>,
) -> Result<Response, Refusal> {
    let sender = device.account;
    let posted = PostedEnvelope::decode(&posted).map_err(|_| ErrorCode::Malformed)?;
    // A token alone stamps nothing: the device must ask for this stamp, for this recipient, now.
    let (key, audience) = (&sender.delivery_key, Audience::Direct(recipient.clone()));
    let authentic = posted.authenticate(key, &sender.me, &audience, relay.now());
    let authentic = authentic.map_err(|error| match error {
        PostError::ClockDiffers => clock_differs(&relay),
        _ => ErrorCode::NotFromDevice.into(),
    })?;
    let recipient = relay.account(&recipient).ok_or(ErrorCode::NoSuchAccount)?;
    accept(
        &relay,
        &sender,
        mark,
        recipient.id,
        move |keys, accepted_at| {
            let claim = keys.stamp(&authentic, accepted_at);
            let claim = claim.map_err(|error| Refusal::internal(&error))?;
            StampedEnvelope::new(claim, authentic).map_err(|error| Refusal::internal(&error))
        },
    )
    .await
}

/// The refusal of a message that was posted at a time too far from the relay's clock.
pub fn clock_differs(relay: &Relay) -> Refusal {
    Refusal {
        relay_time_ms: Some(relay.now().as_millis()),
        ..ErrorCode::ClockDiffers.into()
    }
}

/// Takes the time for a message, has it stamped, queues it for the recipient with this row, keeps
/// the sender's mark, and answers with the receipt.
pub async fn accept(
    relay: &Arc<Relay>,
    sender: &Account,
    mark: Option<[u8; MARK_LEN]>,
    to: i64,
    stamp: impl FnOnce(&StampKeys, Timestamp) -> Result<StampedEnvelope, Refusal> + Send + 'static,
) -> Result<Response, Refusal> {
    let from = sender.id;
    let (database, relay) = (&relay.database, relay.clone());
    let claim = database
        .run(move |db| {
            // The time is taken and stored before the message is queued. If the job fails, neither
            // is.
            let accepted_at = queue::next_accepted_at(db, from, relay.now())?;
            let stamped = stamp(&relay.keys.stamp(), accepted_at)?;
            queue::push(db, from, to, &stamped)?;
            if let Some(mark) = mark {
                keep_mark(db, from, mark)?;
            }
            // The recipient's connection is woken from within the job, so that this happens even if
            // the sender has hung up. The connection reads the queue on the database's thread too,
            // and so after the commit.
            relay.connected.wake(to);
            Ok(stamped.claim().clone())
        })
        .await?;
    let octets = [(header::CONTENT_TYPE, "application/octet-stream")];
    let receipt = Receipt::new(&claim, &sender.delivery_key);
    Ok((octets, receipt.encode()).into_response())
}
