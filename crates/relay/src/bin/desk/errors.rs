//! Refusals: every failure becomes an HTTP status with a machine-readable body.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use waxseal_desk::store::StoreError;
use waxseal_desk::vault::VaultError;
use waxseal_desk::{DeskError, Refused};
use waxseal_relay::desk::{DeskCode, DeskErrorBody};

use crate::database::taken_over;

/// Why a request is refused.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub code: DeskCode,
    pub message: String,
}

impl Refusal {
    pub fn new(code: DeskCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code, message }
    }

    /// The server is busy or fails. The cause goes to the log, never to the caller.
    pub fn failed(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "failed");
        Self::busy()
    }

    pub fn busy() -> Self {
        Self::new(DeskCode::Busy, "the desk is busy or fails; try again later")
    }

    pub fn malformed() -> Self {
        let message = "the request is not one of this version";
        Self::new(DeskCode::Malformed, message)
    }

    pub fn not_found() -> Self {
        Self::new(DeskCode::NotFound, "there is no such thing")
    }

    /// It never says which check failed.
    pub fn not_signed() -> Self {
        let message = "the request is not signed by a key that may ask this, or is not of now";
        Self::new(DeskCode::NotSigned, message)
    }
}

impl From<DeskError> for Refusal {
    fn from(error: DeskError) -> Self {
        if error.is_conflict() {
            return Self::new(DeskCode::Conflict, error.to_string());
        }
        match &error {
            DeskError::Refused(refused) => Self::new(code_of(*refused), refused.to_string()),
            DeskError::Vault(refused) => Self::new(code_of_vault(refused), error.to_string()),
            DeskError::Store(StoreError::TakenOver) => {
                taken_over();
                Self::busy()
            }
            DeskError::Store(_) => Self::failed(&error),
            _ => Self::failed(&error),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        DeskError::from(error).into()
    }
}

fn code_of_vault(error: &VaultError) -> DeskCode {
    match error {
        VaultError::Grant(_)
        | VaultError::ReportNotGranted
        | VaultError::NoOpeningLeft
        | VaultError::MessagesNotGranted => DeskCode::Refused,
        VaultError::NotFollowed
        | VaultError::NotLogged
        | VaultError::TooFewWitnesses { .. }
        | VaultError::WitnessAhead => DeskCode::NotCosigned,
        _ => DeskCode::Vault,
    }
}

fn code_of(refused: Refused) -> DeskCode {
    match refused {
        Refused::NoReport
        | Refused::NoCase
        | Refused::NoGrant
        | Refused::NoDecision
        | Refused::NoAppeal
        | Refused::NoNotice
        | Refused::NoRequest => DeskCode::NotFound,
        Refused::NoCheckpoint => DeskCode::NotCosigned,
        Refused::OtherTree | Refused::Damaged(_) | Refused::OtherKey => DeskCode::Busy,
        _ => DeskCode::Refused,
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self.code {
            DeskCode::Malformed | DeskCode::Incomplete => StatusCode::BAD_REQUEST,
            DeskCode::NotSigned => StatusCode::UNAUTHORIZED,
            DeskCode::NotFound => StatusCode::NOT_FOUND,
            DeskCode::Conflict => StatusCode::CONFLICT,
            DeskCode::Refused => StatusCode::FORBIDDEN,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        let body = DeskErrorBody {
            error: self.code,
            message: self.message,
        };
        (status, Json(body)).into_response()
    }
}
