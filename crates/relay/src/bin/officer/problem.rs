//! Why a page cannot be shown.

use axum::http::StatusCode;
use waxseal_relay::desk::{DeskCode, DeskError};

/// Why a page cannot be shown, or an act was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The desk refused, or was not reached.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// The desk is not the one that was pinned.
    #[error(
        "this is not the desk that was pinned: its keys are others. Nothing was signed. Ask whoever \
         runs the desk, and compare the keys"
    )]
    OtherDesk,
    /// The policy is not signed by the pinned policy key, or an older one than before.
    #[error(
        "the policy that the desk shows is not signed by the pinned policy key, or it is older than \
         one that this program was shown before. Nothing was signed. Ask whoever keeps the policy key"
    )]
    OtherPolicy,
    /// An act is for another policy than the one in force.
    #[error(
        "this is for another policy than the one in force, so it was not signed. Ask for a new grant, \
         or begin again under the policy in force"
    )]
    PolicyChanged,
    /// The desk's answer cannot be read.
    #[error("the desk's answer is not one of this version; update the program or the desk")]
    Malformed,
    /// There is no such page.
    #[error("there is no such page")]
    NotFound,
    /// The form is not one of this program's pages.
    #[error("the form is not one that this program showed; open the page again")]
    Form,
    /// What was prepared was signed already, or waited too long.
    #[error(
        "there is nothing to sign: it was sent already, or it waited for more than fifteen minutes. \
         Look at the case before you begin again"
    )]
    NothingPrepared,
    /// A view shows what the grant does not name.
    #[error(
        "the desk showed messages that the grant does not name, so nothing of them is shown here. \
         Tell whoever runs the desk"
    )]
    NotGranted,
    /// The view was closed.
    #[error(
        "this view was closed. The vault shows a report once for each opening: ask for another \
         opening to read it again"
    )]
    Closed,
    /// What is asked for is refused on this side.
    #[error("{0}")]
    Refused(&'static str),
    /// The content of a file is not what the message named.
    #[error(
        "the stored file is not the one that the message names, or it is damaged; nothing of it \
         is shown"
    )]
    Altered,
    /// There is no session.
    #[error(
        "there is no session here, or it has ended. Press Enter in the terminal where the program \
         runs, and open the new link"
    )]
    NoSession,
    /// The request did not come from a page of this program.
    #[error("the request did not come from a page of this program, so nothing was done")]
    Elsewhere,
    /// Something failed here.
    #[error("something failed in this program; try again")]
    Failed,
}

impl Problem {
    /// The status of the page that tells it.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Desk(DeskError::Refused { code, .. }) => match code {
                DeskCode::NotFound => StatusCode::NOT_FOUND,
                DeskCode::Conflict => StatusCode::CONFLICT,
                DeskCode::NotSigned => StatusCode::FORBIDDEN,
                DeskCode::Busy | DeskCode::NotCosigned | DeskCode::Vault => {
                    StatusCode::SERVICE_UNAVAILABLE
                }
                _ => StatusCode::UNPROCESSABLE_ENTITY,
            },
            Self::Desk(_)
            | Self::OtherDesk
            | Self::OtherPolicy
            | Self::Malformed
            | Self::NotGranted
            | Self::Altered => StatusCode::BAD_GATEWAY,
            Self::PolicyChanged => StatusCode::CONFLICT,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Form => StatusCode::BAD_REQUEST,
            Self::NothingPrepared => StatusCode::CONFLICT,
            Self::Closed => StatusCode::GONE,
            Self::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NoSession => StatusCode::UNAUTHORIZED,
            Self::Elsewhere => StatusCode::FORBIDDEN,
            Self::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// A heading for it.
    pub fn title(&self) -> &'static str {
        match self {
            Self::Desk(DeskError::Refused { code, .. }) => match code {
                DeskCode::NotSigned => "The desk does not accept this key",
                DeskCode::NotFound => "Not found",
                DeskCode::Conflict => "It was done already",
                DeskCode::Vault => "The vault does not answer",
                DeskCode::NotCosigned => "The log is not cosigned yet",
                DeskCode::Busy => "The desk is busy",
                DeskCode::Incomplete => "Something required is missing",
                _ => "The desk refused",
            },
            Self::Desk(DeskError::Link(_)) => "The desk was not reached",
            Self::OtherDesk => "Another desk",
            Self::OtherPolicy => "Another policy",
            Self::PolicyChanged => "The policy changed",
            Self::NotFound => "Not found",
            Self::NothingPrepared => "Nothing to sign",
            Self::Closed => "This view was closed",
            Self::NoSession => "No session",
            Self::Altered => "The file is not the one that was sent",
            Self::Elsewhere => "Refused",
            _ => "This did not work",
        }
    }

    /// What to do about it, if the reason alone does not say.
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Desk(DeskError::Refused { code, .. }) => match code {
                DeskCode::NotSigned => Some(
                    "Your key may not be in the policy in force, or the clock of this machine may \
                     be off by more than a minute.",
                ),
                DeskCode::Conflict => Some(
                    "Perhaps by you, if the answer to what you signed before was lost, or by another \
                     officer. Read the case again, and then decide what is left to do.",
                ),
                DeskCode::NotCosigned => Some(
                    "The opening is in the log, and nothing was shown. Ask for it again within ten \
                     minutes: then it is shown, and uses nothing more up.",
                ),
                _ => None,
            },
            Self::Desk(DeskError::Link(_)) => Some(
                "Look whether the desk runs and whether this machine reaches it. What you \
                     signed may have arrived all the same: look at the case first. A report that \
                     you were opening is shown if you ask for it again within ten minutes.",
            ),
            _ => None,
        }
    }
}
