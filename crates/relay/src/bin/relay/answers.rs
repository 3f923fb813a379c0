//! Authenticates every answer: with a MAC under the delivery key of the device that asks, and with
//! the relay's signature for everyone else.
//!
//! A client that sends no nonce gets answers without either. The library always sends one.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use waxseal_interface::{AskedRequest, DIGEST_HEADER, ErrorCode, NONCE_HEADER};

use crate::errors::Refusal;
use crate::extract::device_of_token;
use crate::state::Relay;

pub async fn authenticate(
    State(relay): State<Arc<Relay>>,
    mut request: Request,
    next: Next,
) -> Response {
    if !request.headers().contains_key(NONCE_HEADER) {
        return next.run(request).await;
    }
    let Some(asked) = asked(&request) else {
        return Refusal::from(ErrorCode::Malformed).into_response();
    };
    let device = device_of_token(request.headers(), &relay).await.ok();
    request.extensions_mut().insert(asked.clone());

    let (mut head, body) = next.run(request).await.into_parts();
    // Every answer of this relay is in memory already, so there is no limit to set here.
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return Refusal::internal(&"an answer without its body").into_response();
    };
    let status = head.status.as_u16();
    let header = match device {
        Some((device, _)) => asked.mac(&device.delivery_key, status, &body),
        None => Some(asked.sign(&relay.keys.relay, status, &body)),
    };
    if let Some((name, value)) = header
        && let Ok(value) = HeaderValue::from_str(&value)
    {
        head.headers.insert(name, value);
    }
    Response::from_parts(head, Body::from(body))
}

fn asked(request: &Request) -> Option<AskedRequest> {
    let path = request.uri().path_and_query()?.as_str();
    let nonce = value(request.headers(), NONCE_HEADER)?;
    let digest = value(request.headers(), DIGEST_HEADER)?;
    AskedRequest::received(request.method().as_str(), path, nonce, digest)
}

fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
