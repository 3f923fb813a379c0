//! Messages: stamped without being read, and queued for the recipient before the sender gets the
//! receipt.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use waxseal_relay::ErrorCode;
use waxseal_reporting::Audience;
use waxseal_reporting::relay::{Delivery, Envelope, Receipt};

use crate::errors::Refusal;
use crate::extract::{AccountName, BinaryBody, Device};
use crate::limits::MAX_MESSAGE_LEN;
use crate::queue;
use crate::state::{Relay, now};

pub async fn send(
    State(relay): State<Arc<Relay>>,
    device: Device,
    AccountName(recipient): AccountName,
    BinaryBody(envelope): BinaryBody<MAX_MESSAGE_LEN>,
) -> Result<impl IntoResponse, Refusal> {
    let sender = device.account;
    let recipient = relay.account(&recipient).ok_or(ErrorCode::NoSuchAccount)?;
    let envelope = Envelope::decode(&envelope).map_err(|_| ErrorCode::Malformed)?;

    // The stamp states what the relay authenticated: the token's device, this recipient, this time.
    let audience = Audience::Direct(recipient.me.account.clone());
    let claim = relay
        .keys
        .stamp()
        .stamp(envelope.tag(), &sender.me, &audience, now())
        .map_err(|error| Refusal::internal(&error))?;
    let receipt = Receipt::new(&claim, &sender.delivery_key);
    let delivery = Delivery::new(&claim, envelope, &recipient.delivery_key)
        .map_err(|error| Refusal::internal(&error))?
        .encode();

    let (from, to, epoch) = (sender.id, recipient.id, claim.context().epoch);
    let (database, relay) = (&relay.database, relay.clone());
    database
        .run(move |db| {
            queue::push(db, from, to, epoch, &delivery)?;
            // The recipient's connection is woken from within the job, so that this happens even if
            // the sender has hung up. The connection reads the queue on the database's thread too,
            // and so after the commit.
            relay.connected.wake(to);
            Ok(())
        })
        .await?;
    let octets = [(header::CONTENT_TYPE, "application/octet-stream")];
    Ok((octets, receipt.encode()))
}
