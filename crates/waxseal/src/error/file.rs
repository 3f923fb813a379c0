//! What can go wrong when a file is sent or saved.

use std::io;

use waxseal_reporting::file::FileTooLong;

use super::{Advice, SendError, StateError};

/// Why a file is not sent. Nothing of it was stored or left the device.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendFileError<E: std::error::Error + 'static> {
    /// The file has more than 4 GiB. Nothing of it was read. Send it in pieces.
    #[error(transparent)]
    TooLong(#[from] FileTooLong),
    /// The name, the media type or the preview is out of bounds. Shorten it, and take control
    /// characters out.
    #[error("the name, the media type or the preview is out of bounds")]
    Description,
    /// The label is longer than [`MAX_LABEL_LEN`](crate::courier::MAX_LABEL_LEN). Shorten it.
    #[error("the label is too long")]
    LabelTooLong,
    /// The length of the file cannot be read. Try again when it can.
    #[error("the file cannot be read")]
    Source(#[source] io::Error),
    /// The message cannot be sent.
    #[error(transparent)]
    Message(#[from] SendError<E>),
}

/// Why an upload does not go on. It stays as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeUploadError<E: std::error::Error + 'static> {
    /// There is no such upload: it has ended, or was cancelled.
    #[error("there is no such upload")]
    NoSuchUpload,
    /// The provider does not lack this file.
    #[error("the provider does not lack this file")]
    NotWanted,
    /// The label is longer than [`MAX_LABEL_LEN`](crate::courier::MAX_LABEL_LEN). Shorten it.
    #[error("the label is too long")]
    LabelTooLong,
    /// The file has another length than the one whose upload began. Cancel the upload, and send the
    /// file as a new one.
    #[error("the file has changed")]
    Changed,
    /// The length of the file cannot be read. Try again when it can.
    #[error("the file cannot be read")]
    Source(#[source] io::Error),
    /// The upload could not be read or written.
    #[error(transparent)]
    State(#[from] StateError<E>),
}

/// Why a file is not saved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveFileError<E: std::error::Error + 'static> {
    /// There is no such message in this conversation.
    #[error("no such message")]
    NoSuchMessage,
    /// The message has no such attachment, or it is not a file that a provider keeps.
    #[error("the attachment is not a file that the provider keeps")]
    NoFile,
    /// The message is part of a [request](crate::Client::requests). Accept its sender first.
    #[error("the message is part of a request")]
    Request,
    /// The message was deleted by its author or has expired. It can be reported.
    #[error("the message is not shown any more")]
    NotShown,
    /// The message could not be read.
    #[error(transparent)]
    State(#[from] StateError<E>),
}

impl<E: std::error::Error + 'static> SendFileError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::TooLong(_) | Self::Description | Self::LabelTooLong => Advice::FixCall,
            Self::Source(_) => Advice::KeepAndRetry,
            Self::Message(error) => error.advice(),
        }
    }
}

impl<E: std::error::Error + 'static> ResumeUploadError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::NoSuchUpload | Self::NotWanted | Self::LabelTooLong | Self::Changed => {
                Advice::FixCall
            }
            Self::Source(_) => Advice::KeepAndRetry,
            Self::State(error) => error.advice(),
        }
    }
}

impl<E: std::error::Error + 'static> SaveFileError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::NoSuchMessage | Self::NoFile | Self::Request | Self::NotShown => Advice::FixCall,
            Self::State(error) => error.advice(),
        }
    }
}
