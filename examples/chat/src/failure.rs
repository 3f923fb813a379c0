//! How a command fails: with one line for the user and an exit code for scripts.

use std::error::Error;

use waxseal::errors::{
    ConfirmError, PeerError, PublishError, ReceiveError, ReportError, SendError, StartError,
    StateError,
};
use waxseal::{Advice, SqliteError};
use waxseal_interface::ErrorCode;
use waxseal_relay::ClientError;

use crate::text::printable;

pub type Outcome<T> = Result<T, Failure>;

/// The exit code of any failure that has no other code.
pub const FAILED: u8 = 1;
/// The exit code if the relay cannot be reached or asks to wait. Unsent messages wait in the store.
pub const TRY_LATER: u8 = 3;
/// The exit code if a peer's identity is not the pinned one. The user must decide.
pub const IDENTITY_CHANGED: u8 = 4;

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    pub code: u8,
    pub message: String,
    /// The relay's reason, if it refused.
    pub refused: Option<ErrorCode>,
    /// The relay's time in milliseconds, if it refused because the clocks differ.
    pub relay_time_ms: Option<u64>,
    /// The index of the message for which the relay refused a report, because it is too old.
    pub too_old_claim: Option<usize>,
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
            relay_time_ms: None,
            too_old_claim: None,
        }
    }
}

/// Puts an error and its causes on one line. The line may quote the relay, so it is made safe to
/// print.
impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let relay = (&error as &(dyn Error + 'static)).downcast_ref::<ClientError>();
        let refused = relay.and_then(ClientError::code);
        let relay_time_ms = relay.and_then(ClientError::relay_time_ms);
        let too_old_claim = relay.and_then(ClientError::too_old_claim);
        let code = if relay.is_some_and(ClientError::is_transient) {
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
        if is_damage(&error) {
            message += ": run `repair`";
        }
        Self {
            code,
            message: printable(&message),
            refused,
            relay_time_ms,
            too_old_claim,
        }
    }
}

/// Whether a record of the store is damaged that `repair` resets or deletes.
fn is_damage(error: &(dyn Error + 'static)) -> bool {
    macro_rules! advice {
        ($($kind:ident),*) => {
            None$(.or_else(|| Some(error.downcast_ref::<$kind<SqliteError>>()?.advice())))*
        };
    }
    #[rustfmt::skip]
    let advice = advice!(
        StateError, PublishError, PeerError, StartError, SendError, ConfirmError, ReceiveError,
        ReportError
    );
    matches!(
        advice,
        Some(Advice::ResetPeer | Advice::ResetPreKeys | Advice::DeleteMessage)
    )
}
