//! Who asks: checks the signature of a request of an officer or of the relay, and reads its body.
//!
//! The order is: form and length of the headers, the time, the key, the signature, the nonce, the
//! body within its limit and the room, and the body's digest. So only the holder of a key that may
//! ask makes the server read a body, or takes room among the nonces.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use waxseal_desk::export::MAX_CONTENT_LEN;
use waxseal_desk::ids::OfficerId;
use waxseal_desk::policy::Roles;
use waxseal_desk::request::{BodyDigest, RequestTerms};
use waxseal_relay::desk::{
    AT_HEADER, BODY_HEADER, Hex, KEY_HEADER, NONCE_HEADER, SIGNATURE_HEADER,
};
use waxseal_reporting::Timestamp;
use waxseal_reporting::limits::MAX_ACCEPTED_LEN;

use crate::errors::Refusal;
use crate::nonces::{MAX_OF_OFFICER, MAX_OF_RELAY};
use crate::room::{self, Held};
use crate::state::Server;

/// Maximum length in bytes of what an officer sends. The longest is a grant of 64 reports.
pub const MAX_OFFICER_BODY_LEN: usize = 64 << 10;
/// Maximum length in bytes of what an officer sends to ask for an export: content in base64, and
/// the fields.
pub const MAX_EXPORT_BODY_LEN: usize = MAX_CONTENT_LEN / 3 * 4 + (64 << 10);
/// Maximum length in bytes of what the relay sends: an accepted report.
pub const MAX_RELAY_BODY_LEN: usize = MAX_ACCEPTED_LEN;

/// What a kind of caller may send.
struct Limits {
    body_len: usize,
    /// Number of requests within the window of two minutes.
    requests: usize,
}

const OFFICERS: Limits = Limits {
    body_len: MAX_OFFICER_BODY_LEN,
    requests: MAX_OF_OFFICER,
};
const EXPORTS: Limits = Limits {
    body_len: MAX_EXPORT_BODY_LEN,
    ..OFFICERS
};
const RELAY: Limits = Limits {
    body_len: MAX_RELAY_BODY_LEN,
    requests: MAX_OF_RELAY,
};

/// Maximum time for a body, with the time to wait for room.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A request that an officer of the policy in force signed.
pub struct FromOfficer {
    pub officer: OfficerId,
    pub body: Held,
}

/// A request that an officer of the policy in force signed, with content that was opened.
pub struct FromOfficerWithContent {
    pub officer: OfficerId,
    pub body: Held,
}

/// A request that the pinned relay signed.
pub struct FromRelay {
    pub body: Held,
}

impl FromRequest<Arc<Server>> for FromOfficer {
    type Rejection = Refusal;

    async fn from_request(request: Request, server: &Arc<Server>) -> Result<Self, Refusal> {
        let (officer, body) = of_officer(request, server, OFFICERS).await?;
        Ok(Self { officer, body })
    }
}

impl FromRequest<Arc<Server>> for FromOfficerWithContent {
    type Rejection = Refusal;

    async fn from_request(request: Request, server: &Arc<Server>) -> Result<Self, Refusal> {
        let (officer, body) = of_officer(request, server, EXPORTS).await?;
        Ok(Self { officer, body })
    }
}

async fn of_officer(
    request: Request,
    server: &Arc<Server>,
    limits: Limits,
) -> Result<(OfficerId, Held), Refusal> {
    let knows = async |key: [u8; 32]| {
        let officer = OfficerId::from_bytes(key);
        let knows = server.readers.read(move |desk| {
            let policy = desk.policy();
            Ok(policy.is_some_and(|policy| policy.has_roles(&officer, Roles::default())))
        });
        knows.await
    };
    let (key, body) = check(request, server, (limits, &server.rooms.officers), knows).await?;
    Ok((OfficerId::from_bytes(key), body))
}

impl FromRequest<Arc<Server>> for FromRelay {
    type Rejection = Refusal;

    async fn from_request(request: Request, server: &Arc<Server>) -> Result<Self, Refusal> {
        let pinned = *server.relay_key.get().ok_or_else(Refusal::busy)?;
        let knows = async |key: [u8; 32]| Ok(key == pinned);
        let (_, body) = check(request, server, (RELAY, &server.rooms.relay), knows).await?;
        Ok(Self { body })
    }
}

/// What the headers say.
struct Headers {
    key: [u8; 32],
    at: Timestamp,
    nonce: [u8; 16],
    body: BodyDigest,
    signature: [u8; 64],
}

impl Headers {
    fn read(headers: &HeaderMap) -> Option<Self> {
        let at = only(headers, AT_HEADER)?;
        // At most 20 digits, and one form of each number.
        let at_ms: u64 = at.parse().ok()?;
        if at_ms.to_string() != at {
            return None;
        }
        Some(Self {
            key: hex(headers, KEY_HEADER)?,
            at: Timestamp::from_millis(at_ms),
            nonce: hex(headers, NONCE_HEADER)?,
            body: BodyDigest::from_bytes(hex(headers, BODY_HEADER)?),
            signature: hex(headers, SIGNATURE_HEADER)?,
        })
    }
}

/// The value of a header that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    value.to_str().ok()
}

fn hex<const N: usize>(headers: &HeaderMap, name: &str) -> Option<[u8; N]> {
    let hex: Hex<N> = only(headers, name)?.parse().ok()?;
    Some(hex.0)
}

/// An identifier or a hash in the path.
pub struct Id<const N: usize>(pub [u8; N]);

impl<const N: usize> FromRequestParts<Arc<Server>> for Id<N> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> Result<Self, Refusal> {
        let id = Path::<Hex<N>>::from_request_parts(parts, server).await;
        let Path(id) = id.map_err(|_| Refusal::not_found())?;
        Ok(Self(id.0))
    }
}

/// The query of a request.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Arc<Server>> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> Result<Self, Refusal> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, server).await;
        let query = query.map_err(|_| Refusal::malformed())?;
        Ok(Self(query.0))
    }
}

/// Reads a body in JSON.
pub fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|_| Refusal::malformed())
}

async fn check<F: Future<Output = Result<bool, Refusal>>>(
    request: Request,
    server: &Server,
    (limits, room): (Limits, &Arc<Semaphore>),
    knows: impl FnOnce([u8; 32]) -> F,
) -> Result<([u8; 32], Held), Refusal> {
    let (parts, body) = request.into_parts();
    let headers = Headers::read(&parts.headers).ok_or_else(Refusal::not_signed)?;
    let at_ms = headers.at.as_millis();
    if !server.is_of_now(at_ms) {
        return Err(Refusal::not_signed());
    }
    // CHK-620: the key is that of an officer of the policy in force, or the pinned relay's.
    if !knows(headers.key).await? {
        return Err(Refusal::not_signed());
    }
    let path = parts.uri.path_and_query().ok_or_else(Refusal::malformed)?;
    let terms = RequestTerms {
        origin: server.keys.origin(),
        method: parts.method.as_str(),
        path: path.as_str(),
        at: headers.at,
        nonce: headers.nonce,
        body: headers.body,
    };
    // CHK-623: exactly this request was signed: origin, method, path, time, nonce and body.
    // CHK-634: no body is read before the signature was checked.
    if !terms.is_signed_by(&headers.key, &headers.signature) {
        return Err(Refusal::not_signed());
    }
    let taken = (headers.key, headers.nonce);
    server.take(taken, at_ms, limits.requests)?;
    let body = tokio::time::timeout(BODY_TIMEOUT, room::read(body, limits.body_len, room)).await;
    let body = body.map_err(|_| Refusal::malformed())??;
    if BodyDigest::of(&body) != headers.body {
        return Err(Refusal::not_signed());
    }
    Ok((headers.key, body))
}
