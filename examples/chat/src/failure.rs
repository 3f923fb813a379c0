//! How a command ends that did not succeed: one line for the user, and an exit code for scripts.

use std::error::Error;

use waxseal_relay::{ClientError, ErrorCode};

use crate::text::printable;

pub type Outcome<T> = Result<T, Failure>;

/// Anything that is not told apart below.
pub const FAILED: u8 = 1;
/// The relay cannot be reached, or asks to wait: what was to be sent waits in the store. Try again later.
pub const TRY_LATER: u8 = 3;
/// A peer's identity is not the one that was pinned: the user decides.
pub const IDENTITY_CHANGED: u8 = 4;

/// Why a command ended.
#[derive(Debug)]
pub struct Failure {
    pub code: u8,
    pub message: String,
    /// Why the relay refused, if it did.
    pub refused: Option<ErrorCode>,
}

impl Failure {
    pub fn new(message: impl Into<String>) -> Self {
        Self::with_code(FAILED, message)
    }

    pub fn with_code(code: u8, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            refused: None,
        }
    }
}

/// An error and its causes on one line. A relay's own words are among them, so that nothing gets to the terminal as it came.
impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let relay = (&error as &(dyn Error + 'static)).downcast_ref::<ClientError>();
        let refused = relay.and_then(ClientError::code);
        let later = |error: &ClientError| {
            // Closed: the relay stops, or wants to see a new session.
            error.is_transient() || matches!(error, ClientError::Closed { .. })
        };
        let code = if relay.is_some_and(later) {
            TRY_LATER
        } else {
            FAILED
        };
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message += &format!(": {error}");
            cause = error.source();
        }
        Self {
            code,
            message: printable(&message),
            refused,
        }
    }
}
