//! What a relay answers when it refuses, and what a client makes of it.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The body of every answer that is not a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// For programs.
    pub error: ErrorCode,
    /// For people. Holds nothing of what was sent.
    pub message: String,
    /// When to try again, if that may help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_secs: Option<u64>,
    /// With [`ErrorCode::ReportRefused`]: the number of the check that failed, as in the reporting specification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<u8>,
}

/// Why a relay refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorCode {
    /// 400: the request or its body is not as this interface has it.
    Malformed,
    /// 422: not an account name; see [`account_name`](crate::account_name).
    BadName,
    /// 401: no token, or not one of this relay for this route.
    Unauthorized,
    /// 401: the token has expired: sign in again.
    TokenExpired,
    /// 401: the challenge is not this relay's, has expired or was used: get another.
    ChallengeRefused,
    /// 401: the proof does not verify, or the account is not registered.
    ProofRefused,
    /// 409: the name belongs to another identity or device, or differs from a taken one in case only.
    AccountTaken,
    /// 409: the account is registered with another delivery key.
    DeliveryKeyDiffers,
    /// 422: the sealed delivery key does not open.
    BadDeliveryKey,
    /// 404: no such account.
    NoSuchAccount,
    /// 404: the account has published no prekeys.
    NoPreKeys,
    /// 422: too many or too large prekeys.
    TooManyPreKeys,
    /// 404: no such route.
    NotFound,
    /// 405: the route has no such method.
    MethodNotAllowed,
    /// 408: the request took too long to arrive.
    TooSlow,
    /// 413: the body is larger than the route takes.
    TooLarge,
    /// 415: the route takes another content type.
    UnsupportedMediaType,
    /// 429: slow down.
    TooManyRequests,
    /// 507: the recipient has not fetched its messages for too long; or yours alone fill its queue.
    QueueFull,
    /// 507: the relay takes no more accounts, messages or reports.
    RelayFull,
    /// 503: overloaded or shutting down: try again.
    Busy,
    /// 403: the report is by another device.
    NotYourReport,
    /// 422: sealed to another moderation key than the relay's: fetch its card and seal again.
    OtherModerationKey,
    /// 422: the intake refused the report; `check` says why.
    ReportRefused,
    /// 404: no such report.
    NoSuchReport,
    /// 500: the relay failed; its log says why.
    Internal,
    /// Something a newer relay says.
    #[serde(other)]
    Other,
}

impl ErrorCode {
    /// The HTTP status that goes with it.
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Unauthorized
            | Self::TokenExpired
            | Self::ChallengeRefused
            | Self::ProofRefused => 401,
            Self::NotYourReport => 403,
            Self::NoSuchAccount | Self::NoPreKeys | Self::NotFound | Self::NoSuchReport => 404,
            Self::MethodNotAllowed => 405,
            Self::TooSlow => 408,
            Self::AccountTaken | Self::DeliveryKeyDiffers => 409,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::BadName
            | Self::BadDeliveryKey
            | Self::TooManyPreKeys
            | Self::OtherModerationKey
            | Self::ReportRefused => 422,
            Self::TooManyRequests => 429,
            Self::Internal | Self::Other => 500,
            Self::Busy => 503,
            Self::QueueFull | Self::RelayFull => 507,
        }
    }

    /// For people.
    pub fn message(self) -> &'static str {
        match self {
            Self::Malformed => "the request is not as this interface has it",
            Self::BadName => "not an account name: 1 to 128 of a-z A-Z 0-9 . _ - + @",
            Self::Unauthorized => "no token, or not one for this",
            Self::TokenExpired => "the token has expired: sign in again",
            Self::ChallengeRefused => "the challenge is not ours, expired or used: get another",
            Self::ProofRefused => "the proof does not verify for a registered account",
            Self::AccountTaken => "the name is taken",
            Self::DeliveryKeyDiffers => "the account is registered with another delivery key",
            Self::BadDeliveryKey => "the sealed delivery key does not open",
            Self::NoSuchAccount => "no such account",
            Self::NoPreKeys => "the account has published no prekeys",
            Self::TooManyPreKeys => "too many or too large prekeys",
            Self::NotFound => "no such route",
            Self::MethodNotAllowed => "the route has no such method",
            Self::TooSlow => "the request took too long",
            Self::TooLarge => "the body is too large",
            Self::UnsupportedMediaType => "the route takes another content type",
            Self::TooManyRequests => "too many requests",
            Self::QueueFull => "the recipient's queue is full",
            Self::RelayFull => "the relay is full",
            Self::Busy => "the relay is busy",
            Self::NotYourReport => "the report is by another device",
            Self::OtherModerationKey => "sealed to another moderation key: fetch the relay's card",
            Self::ReportRefused => "the report does not verify",
            Self::NoSuchReport => "no such report",
            Self::Internal | Self::Other => "the relay failed",
        }
    }
}

/// Why a call to a relay failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The relay refused.
    #[error("the relay refused ({status}): {}", body.message)]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Why.
        body: ErrorBody,
    },
    /// No answer: not reachable, or cut off. What was asked may have been done; asking again does no harm.
    #[error("no answer from the relay: {0}")]
    Unreachable(String),
    /// The relay closed the WebSocket.
    #[error("the relay closed the connection ({code}): {reason}")]
    Closed {
        /// The close code: 1001 shutting down, 1008 a rule was broken, 1011 the relay failed, 4001 another connection of this device took
        /// over, 4002 the token expired.
        code: u16,
        /// Why.
        reason: String,
    },
    /// Not an answer as this interface has it.
    #[error("the relay's answer is malformed")]
    Malformed,
    /// The relay's card is not signed by the key it names.
    #[error("the relay's card is not signed by its key")]
    BadCard,
    /// Not the URL of a relay: `http://HOST:PORT`.
    #[error("not the URL of a relay: give http://HOST:PORT")]
    BadUrl,
    /// Not an account name.
    #[error(transparent)]
    BadName(#[from] crate::BadName),
}

impl ClientError {
    /// Why the relay refused, if it did.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { body, .. } => Some(body.error),
            _ => None,
        }
    }

    /// Whether the same call may succeed later, with nothing changed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Closed { code, .. } => matches!(code, 1001 | 1011),
            Self::Refused { body, .. } => matches!(
                body.error,
                ErrorCode::Busy
                    | ErrorCode::TooManyRequests
                    | ErrorCode::TooSlow
                    | ErrorCode::QueueFull
                    | ErrorCode::RelayFull
                    | ErrorCode::Internal
            ),
            _ => false,
        }
    }

    /// How long the relay asks to wait before the next try.
    pub fn retry_after_secs(&self) -> Option<u64> {
        match self {
            Self::Refused { body, .. } => body.retry_after_secs,
            _ => None,
        }
    }
}
