//! Why a report does not count, by the number of the check it failed.

use crate::stamp_keys::StampError;

/// Why a report was rejected: by the intake (the first six) or in review. SPEC.md, "Checks".
///
/// The content of a rejected report never reaches anyone. Nothing here holds ids, tags or text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The report is not from the device it names.
    #[error("not from the reporting device it names")]
    NotFromReporter,
    /// The claims are not in strict order of accepted time and tag, or one message is there twice.
    #[error("claims out of order or repeated")]
    ClaimsOutOfOrder,
    /// The claims are about more than one conversation.
    #[error("claims of more than one conversation")]
    SeveralConversations,
    /// The reporter is no participant of the conversation.
    #[error("the reporter is not a participant")]
    NotAParticipant,
    /// A claim's stamp does not count.
    #[error("claim {claim}: {cause}")]
    Stamp {
        /// Which claim, from 0.
        claim: usize,
        /// What is wrong with its stamp.
        cause: StampError,
    },
    /// This reporter reported every one of these messages before.
    #[error("every message was reported before by this reporter")]
    AlreadyReported,
    /// Sealed to another moderation key than the reviewer's.
    #[error("sealed to another moderation key")]
    OtherModerationKey,
    /// The sealed section does not open: altered, or moved under other claims.
    #[error("the sealed openings do not open under these claims")]
    SealBroken,
    /// The sealed section is not well-formed.
    #[error("the openings are malformed")]
    MalformedOpenings,
    /// There are more or fewer openings than claims.
    #[error("{openings} openings for {claims} claims")]
    OpeningCount {
        /// Openings in the sealed section.
        openings: usize,
        /// Claims in clear.
        claims: usize,
    },
    /// An opening commits to another tag than its claim's.
    #[error("opening {message} is not of its claim's message")]
    OtherTag {
        /// Which message, from 0.
        message: usize,
    },
    /// A shown part is not the one committed to.
    #[error("message {message}: a part is not the one committed to")]
    OtherPart {
        /// Which message, from 0.
        message: usize,
    },
    /// The header is withheld.
    #[error("message {message}: the header is withheld")]
    HeaderWithheld {
        /// Which message, from 0.
        message: usize,
    },
    /// A shown part is committed to, but is not what its place demands: a recipient would have withheld it.
    #[error("message {message}: a part is malformed")]
    MalformedPart {
        /// Which message, from 0.
        message: usize,
    },
    /// The message was written for another conversation than it was stamped in.
    #[error("message {message}: written for another conversation")]
    OtherConversation {
        /// Which message, from 0.
        message: usize,
    },
}

impl Rejection {
    /// The number of the failed check in SPEC.md.
    pub fn check(&self) -> u8 {
        match self {
            Self::Stamp { cause, .. } => match cause {
                StampError::OtherEpoch => 68,
                StampError::EpochUnknown => 69,
                StampError::InTheFuture => 70,
                StampError::NotOurs => 71,
            },
            Self::NotFromReporter => 74,
            Self::ClaimsOutOfOrder => 76,
            Self::SeveralConversations => 77,
            Self::NotAParticipant => 78,
            Self::AlreadyReported => 80,
            Self::OtherModerationKey => 82,
            Self::SealBroken => 83,
            Self::MalformedOpenings => 84,
            Self::OpeningCount { .. } => 85,
            Self::OtherTag { .. } => 86,
            Self::OtherPart { .. } => 87,
            Self::HeaderWithheld { .. } => 88,
            Self::OtherConversation { .. } => 89,
            Self::MalformedPart { .. } => 90,
        }
    }
}
