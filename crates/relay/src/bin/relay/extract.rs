//! What handlers take from a request: the caller, the account in the path, and a body of limited
//! size. They are taken in this order, so that only registered accounts can make the relay read a
//! large body.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use waxseal_interface::{
    AskedRequest, CONTACT_TOKENS_HEADER, ContactHeaders, ContactToken, ErrorCode, MARK_HEADER,
    MARK_LEN, account_name, decode_mark, decode_tokens, parse_group,
};
use waxseal_reporting::{AccountId, BlobId, ConversationId};

use crate::blobs::loads::Load;
use crate::errors::Refusal;
use crate::limits::{MAX_GROUP_MESSAGE_LEN, MAX_REPORT_BODY_LEN, MAX_UPLOAD_LEN};
use crate::serve::Leave;
use crate::state::{Device, Relay};
use crate::tokens::Holder;

/// The address that a request without a token comes from. Refuses the request if that address is
/// over its rate limit.
pub struct ClientAddress(pub IpAddr);

impl FromRequestParts<Arc<Relay>> for ClientAddress {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, relay: &Arc<Relay>) -> Result<Self, Refusal> {
        let address = parts.extensions.get::<SocketAddr>();
        let address = address.ok_or_else(|| Refusal::internal(&"no peer address"))?;
        relay.limits.address(address.ip(), body_len(parts))?;
        Ok(Self(address.ip()))
    }
}

/// The registered device that the token of the request names. Refuses the request if the account of
/// this device is over its rate limit.
pub struct Caller {
    pub device: Arc<Device>,
    pub expires_at_ms: u64,
}

impl FromRequestParts<Arc<Relay>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, relay: &Arc<Relay>) -> Result<Self, Refusal> {
        let (device, expires_at_ms) = device_of_token(&parts.headers, relay).await?;
        relay.limits.account(&device.me.account, body_len(parts))?;
        Ok(Self {
            device,
            expires_at_ms,
        })
    }
}

/// The device that uploads a part of a blob. The part counts for the bytes of blobs, and not for
/// the other requests of its account.
pub struct Uploader {
    pub device: Arc<Device>,
    /// The part's place in memory.
    pub load: Load,
}

impl FromRequestParts<Arc<Relay>> for Uploader {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, relay: &Arc<Relay>) -> Result<Self, Refusal> {
        let (device, _) = device_of_token(&parts.headers, relay).await?;
        relay.limits.account(&device.me.account, 0)?;
        relay
            .limits
            .blob_bytes(&device.me.account, body_len(parts))?;
        // Taken before the body is read. Its time is bounded, so no connection must leave.
        let parts = &relay.blobs.parts;
        let load = parts.begin(device.account, &Leave::default()).await?;
        Ok(Self { device, load })
    }
}

/// The device that the request's token names, and when the token expires.
pub async fn device_of_token(
    headers: &HeaderMap,
    relay: &Relay,
) -> Result<(Arc<Device>, u64), Refusal> {
    let (holder, expires_at_ms) = holder(headers, relay)?;
    let Holder::Device(me, signing_key) = holder else {
        return Err(ErrorCode::Unauthorized.into());
    };
    // A token can be older than the database, if the database was lost or restored from a backup.
    let account = relay.account(&me.account).await?;
    let account = account.ok_or(ErrorCode::Unauthorized)?;
    match account.device(me.device) {
        Some(device) if device.identity.starts_with(&signing_key) => {
            Ok((device.clone(), expires_at_ms))
        }
        // CHK-304: the newest roster lists the device, which has not left.
        _ if account.has_removed(me.device) => Err(ErrorCode::Removed.into()),
        _ => Err(ErrorCode::Unauthorized.into()),
    }
}

/// Who asks on a route that is open to everyone: a device that sent its token, or an address.
/// Refuses the request if the account or the address is over its rate limit.
pub enum Visitor {
    Device(Arc<Device>),
    Address(IpAddr),
}

impl FromRequestParts<Arc<Relay>> for Visitor {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, relay: &Arc<Relay>) -> Result<Self, Refusal> {
        if parts.headers.contains_key(header::AUTHORIZATION) {
            let caller = Caller::from_request_parts(parts, relay).await?;
            return Ok(Self::Device(caller.device));
        }
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, relay).await?;
        Ok(Self::Address(address))
    }
}

/// The reviewer that the relay was started for, as named by the token of the request. Refuses the
/// request if the reviewer is over the rate limit.
pub struct Reviewer {
    /// When the token of this sign-in expires.
    pub expires_at_ms: u64,
}

impl FromRequestParts<Arc<Relay>> for Reviewer {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, relay: &Arc<Relay>) -> Result<Self, Refusal> {
        match holder(&parts.headers, relay)? {
            (Holder::Reviewer(key), expires_at_ms) if key == relay.reviewer.reviewer_key => {
                relay.limits.reviewer()?;
                Ok(Self { expires_at_ms })
            }
            _ => Err(ErrorCode::Unauthorized.into()),
        }
    }
}

fn holder(headers: &HeaderMap, relay: &Relay) -> Result<(Holder, u64), Refusal> {
    let authorization = headers.get(header::AUTHORIZATION);
    let token = authorization
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .ok_or(ErrorCode::Unauthorized)?;
    relay.tokens.holder(token, relay.now().as_millis())
}

/// The length of the body that a request announces. A chunked body counts as the largest that any
/// route takes.
fn body_len(parts: &Parts) -> usize {
    if parts.headers.contains_key(header::TRANSFER_ENCODING) {
        return MAX_REPORT_BODY_LEN
            .max(MAX_UPLOAD_LEN)
            .max(MAX_GROUP_MESSAGE_LEN);
    }
    let declared = parts.headers.get(header::CONTENT_LENGTH);
    let declared = declared.and_then(|value| value.to_str().ok());
    declared.and_then(|len| len.parse().ok()).unwrap_or(0)
}

/// The account name in the path.
pub struct AccountName(pub AccountId);

impl<S: Send + Sync> FromRequestParts<S> for AccountName {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let name = Path::<String>::from_request_parts(parts, state).await;
        let Path(name) = name.map_err(|_| ErrorCode::BadName)?;
        Ok(Self(account_name(&name).map_err(|_| ErrorCode::BadName)?))
    }
}

/// The group in the path.
pub struct GroupInPath(pub ConversationId);

impl<S: Send + Sync> FromRequestParts<S> for GroupInPath {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let group = Path::<String>::from_request_parts(parts, state).await;
        let Path(group) = group.map_err(|_| ErrorCode::NoGroup)?;
        parse_group(&group)
            .map(Self)
            .ok_or_else(|| ErrorCode::NoGroup.into())
    }
}

/// The blob in the path.
pub struct BlobInPath(pub BlobId);

impl<S: Send + Sync> FromRequestParts<S> for BlobInPath {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let blob = Path::<String>::from_request_parts(parts, state).await;
        let Path(blob) = blob.map_err(|_| ErrorCode::NotFound)?;
        BlobId::from_text(&blob)
            .map(Self)
            .ok_or_else(|| ErrorCode::NotFound.into())
    }
}

/// The mark that a device posts along with a message, if it does. A header of another form counts
/// as absent: a proxy can alter the header, and a refusal would let it have the message deleted.
pub struct Mark(pub Option<[u8; MARK_LEN]>);

impl<S: Send + Sync> FromRequestParts<S> for Mark {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let value = parts.headers.get(MARK_HEADER);
        Ok(Self(
            value.and_then(|value| decode_mark(value.to_str().ok()?)),
        ))
    }
}

/// What a device says of the recipient along with a message.
pub struct Contact(pub ContactHeaders);

impl<S: Send + Sync> FromRequestParts<S> for Contact {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let header = |name| parts.headers.get(name)?.to_str().ok();
        Ok(Self(ContactHeaders::read(header)))
    }
}

/// The tokens of the accounts that an entry adds.
pub struct Tokens(pub Vec<Option<ContactToken>>);

impl<S: Send + Sync> FromRequestParts<S> for Tokens {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let value = parts.headers.get(CONTACT_TOKENS_HEADER);
        let value = value.and_then(|value| value.to_str().ok());
        Ok(Self(value.map_or_else(Vec::new, decode_tokens)))
    }
}

/// A body in one of Waxseal's binary formats, of at most `MAX` bytes.
pub struct BinaryBody<const MAX: usize>(pub Bytes);

impl<S: Send + Sync, const MAX: usize> FromRequest<S> for BinaryBody<MAX> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        read::<S, MAX>(request, "application/octet-stream", state)
            .await
            .map(Self)
    }
}

/// A JSON body of at most `MAX` bytes.
pub struct JsonBody<T, const MAX: usize>(pub T);

impl<S: Send + Sync, T: DeserializeOwned, const MAX: usize> FromRequest<S> for JsonBody<T, MAX> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let body = read::<S, MAX>(request, "application/json", state).await?;
        let value = serde_json::from_slice(&body).map_err(|_| ErrorCode::Malformed)?;
        Ok(Self(value))
    }
}

async fn read<S: Send + Sync, const MAX: usize>(
    mut request: Request,
    content_type: &str,
    state: &S,
) -> Result<Bytes, Refusal> {
    let sent = request.headers().get(header::CONTENT_TYPE);
    if sent.is_none_or(|sent| sent.as_bytes() != content_type.as_bytes()) {
        return Err(ErrorCode::UnsupportedMediaType.into());
    }
    let declared = request.headers().get(header::CONTENT_LENGTH);
    let declared = declared.and_then(|len| len.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|len| len > MAX) {
        return Err(ErrorCode::TooLarge.into());
    }
    DefaultBodyLimit::max(MAX).apply(&mut request);
    let asked = request.extensions().get::<AskedRequest>().cloned();
    let body = Bytes::from_request(request, state).await;
    let body = body.map_err(|rejection| match rejection {
        BytesRejection::FailedToBufferBody(
            axum::extract::rejection::FailedToBufferBody::LengthLimitError(_),
        ) => ErrorCode::TooLarge.into(),
        _ => Refusal::from(ErrorCode::BodyAltered),
    })?;
    // The answer's MAC covers the stated digest, so the body must be the one that the client sent.
    // The code says that it is not: what else the relay answers, a client takes for its own body.
    if asked.is_some_and(|asked| Sha256::digest(&body).as_slice() != asked.digest()) {
        return Err(ErrorCode::BodyAltered.into());
    }
    Ok(body)
}
