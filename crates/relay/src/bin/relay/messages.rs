//! Messages: stamped without being read, and queued for the recipient before the sender gets the
//! receipt.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use waxseal_relay::ErrorCode;
use waxseal_reporting::Audience;
use waxseal_reporting::relay::{PostError, PostedEnvelope, Receipt, StampedEnvelope};

use crate::errors::Refusal;
use crate::extract::{AccountName, BinaryBody, Device};
use crate::limits::MAX_MESSAGE_LEN;
use crate::queue;
use crate::state::Relay;

pub async fn send(
    State(relay): State<Arc<Relay>>,
    device: Device,
    AccountName(recipient): AccountName,
    BinaryBody(posted): BinaryBody<MAX_MESSAGE_LEN>,
) -> Result<impl IntoResponse, Refusal> {
    let sender = device.account;
    let posted = PostedEnvelope::decode(&posted).map_err(|_| ErrorCode::Malformed)?;
    // A token alone stamps nothing: the device must ask for this stamp, for this recipient, now.
    let (key, audience) = (&sender.delivery_key, Audience::Direct(recipient.clone()));
    let authentic = posted.authenticate(key, &sender.me, &audience, relay.now());
    let authentic = authentic.map_err(|error| match error {
        PostError::ClockDiffers => Refusal {
            relay_time_ms: Some(relay.now().as_millis()),
            ..ErrorCode::ClockDiffers.into()
        },
        _ => ErrorCode::NotFromDevice.into(),
    })?;
    let recipient = relay.account(&recipient).ok_or(ErrorCode::NoSuchAccount)?;

    let (from, to) = (sender.id, recipient.id);
    let (database, relay) = (&relay.database, relay.clone());
    let claim = database
        .run(move |db| {
            // The time is taken and stored before the message is queued. If the job fails, neither
            // is.
            let accepted_at = queue::next_accepted_at(db, from, relay.now())?;
            let claim = relay
                .keys
                .stamp()
                .stamp(&authentic, accepted_at)
                .map_err(|error| Refusal::internal(&error))?;
            let stamped = StampedEnvelope::new(claim, authentic)
                .map_err(|error| Refusal::internal(&error))?;
            queue::push(db, from, to, &stamped)?;
            // The recipient's connection is woken from within the job, so that this happens even if
            // the sender has hung up. The connection reads the queue on the database's thread too,
            // and so after the commit.
            relay.connected.wake(to);
            Ok(stamped.claim().clone())
        })
        .await?;
    let octets = [(header::CONTENT_TYPE, "application/octet-stream")];
    let receipt = Receipt::new(&claim, &sender.delivery_key);
    Ok((octets, receipt.encode()))
}
