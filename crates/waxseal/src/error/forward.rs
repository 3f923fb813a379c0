//! What can go wrong when a message is forwarded.

#[cfg(feature = "courier")]
use super::SendFileError;
use super::{Advice, StateError};

/// Why a message is not forwarded. Nothing was sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForwardError<E: std::error::Error + 'static> {
    /// There is no such message in this conversation.
    #[error("no such message")]
    NoSuchMessage,
    /// The message was deleted by its author, or has expired.
    #[error("the message is not shown any more")]
    NotShown,
    /// The user has not accepted the message's sender. Accept it first.
    #[error("the message is part of a request")]
    Request,
    /// Only texts and what applications make can be forwarded, with their attachments.
    #[error("a message of this kind is not forwarded")]
    Kind,
    /// One call forwards the message to fewer conversations. Let the user choose.
    #[error("a message is forwarded to at most {max} conversations at once")]
    TooMany {
        /// Maximum number of conversations.
        max: usize,
    },
    /// To seal a file again, the message must have exactly one file, and no other attachment.
    #[error("the message does not have exactly one file")]
    OneFile,
    /// The message could not be read.
    #[error(transparent)]
    State(#[from] StateError<E>),
}

impl<E: std::error::Error + 'static> ForwardError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::NoSuchMessage
            | Self::NotShown
            | Self::Request
            | Self::Kind
            | Self::TooMany { .. }
            | Self::OneFile => Advice::FixCall,
            Self::State(error) => error.advice(),
        }
    }
}

/// Why a message is not forwarded with its file sealed again. Nothing of it was stored or left the
/// device.
#[cfg(feature = "courier")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForwardFileError<E: std::error::Error + 'static> {
    /// The message is not forwarded.
    #[error(transparent)]
    Forward(#[from] ForwardError<E>),
    /// The file is not sent.
    #[error(transparent)]
    Send(#[from] SendFileError<E>),
}

#[cfg(feature = "courier")]
impl<E: std::error::Error + 'static> ForwardFileError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::Forward(error) => error.advice(),
            Self::Send(error) => error.advice(),
        }
    }
}
