//! What ROOST Coop says after its own reviewers or rules decided: `POST /v1/coop/callback`.
//!
//! A callback is kept, and officers read it with the exports. It never decides a case.

use std::sync::Arc;
use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{Request, State};
use waxseal_desk::export::coop::{Callback, MAX_CALLBACK_LEN};

use crate::errors::Refusal;
use crate::state::Server;

/// The header with the signature.
const SIGNATURE: &str = "coop-signature";
/// Maximum time for a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Keeps a callback.
pub async fn callback(
    State(server): State<Arc<Server>>,
    request: Request,
) -> Result<&'static str, Refusal> {
    let key = server.targets.callback_key.clone();
    let key = key.ok_or_else(Refusal::not_found)?;
    let (parts, body) = request.into_parts();
    let signature = parts.headers.get(SIGNATURE);
    let signature = signature.and_then(|value| value.to_str().ok());
    let signature = signature.ok_or_else(Refusal::not_signed)?;
    let read = tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, MAX_CALLBACK_LEN)).await;
    let body = read.ok().and_then(Result::ok);
    let body = body.ok_or_else(Refusal::malformed)?.to_vec();
    // CHK-695: Coop signed exactly this body.
    if body.is_empty() || !key.has_signed(&body, signature) {
        return Err(Refusal::not_signed());
    }
    // Of one that this version cannot read, or that names no case, the digest is kept.
    let callback = Callback::decode(&body).ok();
    let keep = server.office.act(move |desk, now| {
        let case = match &callback {
            Some(callback) => desk.case_of_callback(callback)?,
            None => None,
        };
        desk.called_back(case, &body, now)
    });
    keep.await?;
    Ok("kept\n")
}

#[cfg(test)]
pub mod tests;
