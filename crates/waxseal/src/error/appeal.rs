//! What can be wrong with an appeal.

use super::{Advice, StateError};

/// Why an appeal was not made. The store is unchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppealError<E: std::error::Error + 'static> {
    /// The text is empty, or has more than
    /// [`MAX_APPEAL_LEN`](waxseal_interface::MAX_APPEAL_LEN) bytes.
    #[error("an appeal has 1 to 16,384 bytes of text")]
    Length,
    /// No receipt has shown this decision, or its content was erased. Wait for a receipt.
    #[error("no receipt shows this decision")]
    NoDecision,
    /// The time for an appeal is over.
    #[error("the time for an appeal is over")]
    TooLate,
    /// This device made an appeal against the decision before.
    #[error("this device appealed already")]
    Already,
    /// What was kept could not be read or written.
    #[error(transparent)]
    State(#[from] StateError<E>),
}

impl<E: std::error::Error + 'static> AppealError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::Length | Self::TooLate | Self::Already => Advice::FixCall,
            Self::NoDecision => Advice::KeepAndRetry,
            Self::State(error) => error.advice(),
        }
    }
}
