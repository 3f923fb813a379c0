//! Names the reasons for which a report is rejected, each with the number of the failed check.

use crate::stamp_keys::StampError;

/// Why a report was rejected: by the intake (the first eight), by the vault (the next two) or in
/// review. SPEC.md, "Checks".
///
/// No one sees the content of a rejected report. No variant holds ids, tags or text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The report is not from the device that it names.
    #[error("the report is not from the device that it names")]
    NotFromReporter,
    /// The claims are not in strict order of accepted time, sender and tag, or a message occurs
    /// twice.
    #[error("the claims are out of order or repeated")]
    ClaimsOutOfOrder,
    /// The claims belong to more than one conversation.
    #[error("the claims belong to more than one conversation")]
    SeveralConversations,
    /// The reporter is not a participant of the conversation.
    #[error("the reporter is not a participant")]
    NotAParticipant,
    /// A claim's stamp was refused.
    #[error("claim {claim}: {cause}")]
    Stamp {
        /// Index of the claim, starting at 0.
        claim: usize,
        /// What is wrong with its stamp.
        cause: StampError,
    },
    /// A claim names a group whose id is that of a direct conversation.
    #[error("a claim calls a direct conversation a group")]
    GroupIsDirect,
    /// The report is about the account of the reporter.
    #[error("the report is about the reporter's own account")]
    OwnAccount,
    /// This reporter has already reported every one of these messages, or this account.
    #[error("this reporter has already reported all of this")]
    AlreadyReported,
    /// The report is sealed to a moderation key that the vault does not hold. Keep the report, and
    /// give the vault that key.
    #[error("the report is sealed to a moderation key that the vault does not hold")]
    OtherModerationKey,
    /// The sealed section does not open: it was altered, or moved under other claims.
    #[error("the sealed openings do not open under these claims")]
    SealBroken,
    /// The sealed section is malformed.
    #[error("the openings are malformed")]
    MalformedOpenings,
    /// A later version of this crate wrote the opening of a message. Keep the report, and review it
    /// after an update.
    #[error("message {message}: the opening has an unknown version")]
    UnknownOpeningVersion {
        /// Index of the message, starting at 0.
        message: usize,
    },
    /// There are more or fewer openings than claims.
    #[error("there are {openings} openings for {claims} claims")]
    OpeningCount {
        /// Number of openings in the sealed section.
        openings: usize,
        /// Number of claims in clear.
        claims: usize,
    },
    /// An opening yields another tag than the tag of its claim.
    #[error("opening {message} does not belong to the message of its claim")]
    OtherTag {
        /// Index of the message, starting at 0.
        message: usize,
    },
    /// A shown part does not match its commitment.
    #[error("message {message}: a part does not match its commitment")]
    OtherPart {
        /// Index of the message, starting at 0.
        message: usize,
    },
    /// The report withholds a message's header, which every report must show.
    #[error("message {message}: the header is withheld")]
    HeaderWithheld {
        /// Index of the message, starting at 0.
        message: usize,
    },
    /// A shown part matches its commitment, but is not what its number demands. A recipient would
    /// have withheld the message.
    #[error("message {message}: a part is malformed")]
    MalformedPart {
        /// Index of the message, starting at 0.
        message: usize,
    },
    /// The report shows a chunk that no file of the message has, or whose file it does not describe
    /// or shows as a whole.
    #[error("message {message}: a chunk is shown of no file")]
    ChunkOfNoFile {
        /// Index of the message, starting at 0.
        message: usize,
    },
    /// The report names a blob that is not that of the shown file in this place.
    #[error("message {message}: a blob is named that is not that of a shown file")]
    OtherBlob {
        /// Index of the message, starting at 0.
        message: usize,
    },
    /// The message was written for another conversation than the one it was stamped in.
    #[error("message {message}: written for another conversation")]
    OtherConversation {
        /// Index of the message, starting at 0.
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
            Self::GroupIsDirect => 114,
            Self::OwnAccount => 117,
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
            Self::ChunkOfNoFile { .. } => 118,
            Self::OtherBlob { .. } => 119,
            Self::UnknownOpeningVersion { .. } => 97,
        }
    }
}
