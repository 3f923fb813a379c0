//! What can go wrong when a report is made.

use waxseal_reporting::reporter::DraftError;

use super::{Advice, StateError};

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError<E: std::error::Error + 'static> {
    /// There is no such message in this conversation. Report one that
    /// [`Client::messages`](crate::Client::messages) lists.
    #[error("no such message")]
    NoSuchMessage,
    /// The message was sent by this device and the relay's receipt has not come, so there is no
    /// evidence yet. Try again after [`Client::confirm`](crate::Client::confirm).
    #[error("the message is not stamped yet")]
    NotStamped,
    /// No report with this id waits, or an earlier version sealed it and kept no draft. Draft it
    /// again.
    #[error("no draft was kept")]
    NoDraft,
    /// The messages cannot be put in one report. Change the selection.
    #[error("the report cannot be made")]
    Draft(#[from] DraftError),
    /// The messages could not be read, or the report could not be stored.
    #[error(transparent)]
    State(#[from] StateError<E>),
}

impl<E: std::error::Error + 'static> ReportError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::NotStamped => Advice::KeepAndRetry,
            Self::NoSuchMessage | Self::NoDraft | Self::Draft(_) => Advice::FixCall,
            Self::State(error) => error.advice(),
        }
    }
}
