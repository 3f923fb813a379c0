//! What can be wrong with a promise or a receipt of the provider.

use waxseal_log::promise::PromiseError;
use waxseal_log::receipt::ReceiptError;

use super::{Advice, StateError};

/// Why a promise was not kept. The store is unchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeepPromiseError<E: std::error::Error + 'static> {
    /// The report was kept and not sealed, so it was not sent. Pass the report that was uploaded.
    #[error("the report was not sealed yet")]
    NotSealed,
    /// The promise does not bind the provider to this report. Ask the provider again: without a
    /// promise, nothing shows that it got the report.
    #[error("the promise does not bind the provider")]
    Promise(#[from] PromiseError),
    /// The provider made another promise about this report before. The earlier one stays. Keep this
    /// one outside: two promises about one report are evidence against the provider.
    #[error("the provider made another promise about this report before")]
    AnotherPromise,
    /// The promise could not be stored.
    #[error(transparent)]
    State(#[from] StateError<E>),
}

/// Why a receipt shows nothing. The store is unchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyReceiptError<E: std::error::Error + 'static> {
    /// The receipt is malformed, or not all that it shows is in the log. Ask the provider for
    /// another one.
    #[error("the receipt shows nothing")]
    Receipt(#[from] ReceiptError),
    /// The receipt has no entry about a report, not even that it arrived. Ask the provider for
    /// another one. [`Client::promises`](crate::Client::promises) tells when the promise is
    /// overdue.
    #[error("the receipt has no entry about a report")]
    NamesNoReport,
    /// The receipt is about this account, and has entries of several cases or none. Ask the
    /// provider for the receipt of one case.
    #[error("the receipt about this account is not about one case")]
    NotOneCase,
    /// No promise is kept for the report that the receipt is about: it is another device's report,
    /// or its promise was forgotten.
    #[error("no promise is kept for the report of this receipt")]
    NoPromise,
    /// The keys are those of another log than the one that signed the promise, or the earlier
    /// receipt. Pass the keys of that log. If the provider has another log now, forget the earlier
    /// receipt about the case first.
    #[error("the receipt is of another log than the promise or the earlier receipt")]
    OtherLog,
    /// What was kept could not be read or written.
    #[error(transparent)]
    State(#[from] StateError<E>),
}

impl<E: std::error::Error + 'static> KeepPromiseError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::NotSealed => Advice::FixCall,
            // A later version reads it, or the clock is wrong.
            Self::Promise(PromiseError::UnknownVersion | PromiseError::InTheFuture) => {
                Advice::KeepAndRetry
            }
            Self::Promise(_) | Self::AnotherPromise => Advice::AskProvider,
            Self::State(error) => error.advice(),
        }
    }
}

impl<E: std::error::Error + 'static> VerifyReceiptError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::Receipt(ReceiptError::UnknownVersion) => Advice::KeepAndRetry,
            Self::Receipt(_) | Self::NamesNoReport | Self::NotOneCase => Advice::AskProvider,
            Self::NoPromise => Advice::Drop,
            Self::OtherLog => Advice::FixCall,
            Self::State(error) => error.advice(),
        }
    }
}
