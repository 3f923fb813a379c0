//! Refusals: every failure becomes an HTTP status with a machine-readable body.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use waxseal_interface::{
    ErrorBody, ErrorCode, GroupMismatch, GroupNews, Mismatch, RosterConflict, StrangerChallenge,
};

/// Why a request is refused.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub code: ErrorCode,
    pub retry_after_secs: Option<u64>,
    pub check: Option<u8>,
    pub claim: Option<usize>,
    pub relay_time_ms: Option<u64>,
    pub mismatch: Option<Box<Mismatch>>,
    pub conflict: Option<Box<RosterConflict>>,
    pub group_news: Option<Box<GroupNews>>,
    pub group_mismatch: Option<Box<GroupMismatch>>,
    pub challenge: Option<Box<StrangerChallenge>>,
    pub promise: Option<Vec<u8>>,
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self {
            code,
            retry_after_secs: None,
            check: None,
            claim: None,
            relay_time_ms: None,
            mismatch: None,
            conflict: None,
            group_news: None,
            group_mismatch: None,
            challenge: None,
            promise: None,
        }
    }
}

impl Refusal {
    pub fn retry_after(code: ErrorCode, secs: u64) -> Self {
        Self {
            retry_after_secs: Some(secs),
            ..code.into()
        }
    }

    /// A failure of the relay itself. The cause goes to the log, never to the client.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "failed");
        ErrorCode::Internal.into()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.status());
        let body = ErrorBody {
            error: self.code,
            message: self.code.message().to_owned(),
            retry_after_secs: self.retry_after_secs,
            check: self.check,
            claim: self.claim,
            relay_time_ms: self.relay_time_ms,
            mismatch: self.mismatch,
            conflict: self.conflict,
            group_news: self.group_news,
            group_mismatch: self.group_mismatch,
            challenge: self.challenge,
            promise: self.promise,
        };
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(body)).into_response();
        response.extensions_mut().insert(self.code); // it is counted
        let headers = response.headers_mut();
        if let Some(secs) = self.retry_after_secs {
            headers.insert(header::RETRY_AFTER, secs.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}
