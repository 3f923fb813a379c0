//! The error that the client returns.

use thiserror::Error;
use waxseal_interface::http::LinkError;
use waxseal_interface::{
    AnswerError, BadName, CardError, ErrorBody, ErrorCode, GroupMismatch, GroupNews, Mismatch,
    RequestError, StrangerChallenge,
};

/// Why a call to a relay failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The relay refused the request.
    #[error("the relay refused ({status}): {}", body.message)]
    Refused {
        /// The HTTP status of the relay's answer.
        status: u16,
        /// The body of the relay's answer, with the reason.
        body: Box<ErrorBody>,
    },
    /// The relay could not be reached, or the connection broke. The relay may have carried out the
    /// request nevertheless. It may be repeated: see [`RelayClient`](crate::RelayClient).
    #[error("no answer from the relay: {0}")]
    Unreachable(String),
    /// The relay's answer does not follow this interface.
    #[error("the relay's answer is malformed")]
    Malformed,
    /// The relay's card cannot be used.
    #[error(transparent)]
    Card(#[from] CardError),
    /// The given text is not the URL of a relay. Use `https://HOST:PORT`, or `http://HOST:PORT` on
    /// the same machine.
    #[error("{}", LinkError::BadUrl)]
    BadUrl,
    /// The URL is `http://` with another machine. Use `https://`, or
    /// [`RelayClient::with_plain_http`](crate::RelayClient::with_plain_http).
    #[error("{}", LinkError::PlainHttp)]
    PlainHttp,
    /// There is no certificate of an authority in the PEM file, or none on this system. Pass a file
    /// to [`RelayClient::with_ca`](crate::RelayClient::with_ca).
    #[error("{}", LinkError::NoAuthority)]
    NoAuthority,
    /// The name passed to the call is not one that a relay accepts.
    #[error(transparent)]
    BadName(#[from] BadName),
}

impl ClientError {
    /// The error for an answer that is not a success.
    pub(crate) fn refused(status: u16, body: &[u8]) -> Self {
        let body = Box::new(ErrorBody::of_answer(status, body));
        Self::Refused { status, body }
    }

    /// The relay's reason for refusing, if it refused.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { body, .. } => Some(body.error),
            _ => None,
        }
    }

    /// Whether the same call may succeed later without any change.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Refused { body, .. } => body.error.is_transient(),
            _ => false,
        }
    }

    /// The relay's time in milliseconds since the Unix epoch, if the relay refused an envelope
    /// because of the time at which it was posted. Post the envelope again with this time.
    pub fn relay_time_ms(&self) -> Option<u64> {
        match self {
            Self::Refused { body, .. } => body.relay_time_ms,
            _ => None,
        }
    }

    /// What the sender lacks, if the relay refused a message because it was not sealed for exactly
    /// the devices of both accounts.
    pub fn mismatch(&self) -> Option<&Mismatch> {
        match self {
            Self::Refused { body, .. } => body.mismatch.as_deref(),
            _ => None,
        }
    }

    /// What happened in a group, if the relay refused an entry because it is not the next one.
    pub fn group_news(&self) -> Option<&GroupNews> {
        match self {
            Self::Refused { body, .. } => body.group_news.as_deref(),
            _ => None,
        }
    }

    /// What the sender lacks, if the relay refused a message because it was not sealed for exactly
    /// the devices of a group.
    pub fn group_mismatch(&self) -> Option<&GroupMismatch> {
        match self {
            Self::Refused { body, .. } => body.group_mismatch.as_deref(),
            _ => None,
        }
    }

    /// The newest roster of the account, encoded, if the relay refused a roster that does not
    /// follow it, or a device that is missing from it.
    pub fn newest_roster(&self) -> Option<&[u8]> {
        match self {
            Self::Refused { body, .. } => Some(&body.conflict.as_deref()?.roster),
            _ => None,
        }
    }

    /// The index of the first message in the report that is too old to be verified, if the relay
    /// refused the report because of it. [`Preview::messages`] has the same order.
    ///
    /// [`Preview::messages`]: waxseal_reporting::reporter::Preview::messages
    pub fn too_old_claim(&self) -> Option<usize> {
        match self {
            Self::Refused { body, .. } => body.claim,
            _ => None,
        }
    }

    /// What the user can do to write to more strangers, with
    /// [`StrangerBudget`](ErrorCode::StrangerBudget).
    pub fn challenge(&self) -> Option<&StrangerChallenge> {
        match self {
            Self::Refused { body, .. } => body.challenge.as_deref(),
            _ => None,
        }
    }

    /// Seconds that the relay asks the client to wait before trying again.
    pub fn retry_after_secs(&self) -> Option<u64> {
        match self {
            Self::Refused { body, .. } => body.retry_after_secs,
            _ => None,
        }
    }
}

impl From<LinkError> for ClientError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::BadUrl => Self::BadUrl,
            LinkError::PlainHttp => Self::PlainHttp,
            LinkError::NoAuthority => Self::NoAuthority,
            LinkError::Unreachable(why) => Self::Unreachable(why),
            other => Self::Unreachable(other.to_string()),
        }
    }
}

impl From<RequestError> for ClientError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::BadName(error) => Self::BadName(error),
            // The token came in an answer of the relay.
            _ => Self::Malformed,
        }
    }
}

impl From<AnswerError> for ClientError {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::Refused { status, body } => Self::Refused { status, body },
            _ => Self::Malformed,
        }
    }
}
