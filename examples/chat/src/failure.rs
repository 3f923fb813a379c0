//! How a command fails: with one line for the user and an exit code for scripts.

use std::error::Error;

use waxseal::errors::{PeerError, ReportError, SendError, StateError};
use waxseal::transport::LinkError;
use waxseal::{Advice, SqliteError};

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
}

impl Failure {
    pub fn new(message: impl Into<String>) -> Self {
        Self::with_code(FAILED, message)
    }

    pub fn with_code(code: u8, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code, message }
    }
}

/// Puts an error and its causes on one line. The line may quote the relay, so it is made safe to
/// print.
impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let link = (&error as &(dyn Error + 'static)).downcast_ref::<LinkError>();
        let code = match link {
            Some(LinkError::Unreachable(_)) => TRY_LATER,
            _ => FAILED,
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
        let message = printable(&message);
        Self { code, message }
    }
}

/// Whether a record of the store is damaged that `repair` resets or deletes.
fn is_damage(error: &(dyn Error + 'static)) -> bool {
    macro_rules! advice {
        ($($kind:ident),*) => {
            None$(.or_else(|| Some(error.downcast_ref::<$kind<SqliteError>>()?.advice())))*
        };
    }
    let advice = advice!(StateError, PeerError, SendError, ReportError);
    matches!(
        advice,
        Some(Advice::ResetPeer | Advice::ResetPreKeys | Advice::DeleteMessage)
    )
}
