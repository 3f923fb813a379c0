//! Why a vault refuses a call.

use crate::grant::GrantError;
use crate::policy::PolicyError;

/// Why the vault refused a call. It is unchanged, unless a variant says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The request is malformed or too long. Correct it, or update the vault.
    #[error("the request is malformed or too long; correct it, or update the vault")]
    Malformed,
    /// The call brings too many entries. Follow in several steps, each with a checkpoint.
    #[error("too many entries for one call; follow in several steps, each with a checkpoint")]
    TooManyEntries,
    /// The note is not a checkpoint that the log signed.
    #[error("the log did not sign this checkpoint; fetch the log's own")]
    NotOfTheLog,
    /// Too few witnesses cosigned the checkpoint.
    #[error("{found} witnesses cosigned the checkpoint, and {quorum} must; ask the witnesses")]
    TooFewWitnesses {
        /// Number of witnesses that cosigned it.
        found: u32,
        /// Number of witnesses that must.
        quorum: u32,
    },
    /// Too few witnesses cosigned before now. The others cosigned in the future. Check the clocks.
    #[error("too many witnesses cosigned in the future; check the clocks")]
    WitnessAhead,
    /// The checkpoint is older than what the vault has read.
    #[error("the vault has read {size} entries, more than the checkpoint has; bring a newer one")]
    Older {
        /// Number of entries that the vault has read.
        size: u64,
    },
    /// The entries do not lead from what the vault has read to the checkpoint.
    #[error(
        "the entries after the first {size} do not lead to the checkpoint; bring all of them, and \
         if it fails again, the log was forked or altered"
    )]
    OtherEntries {
        /// Number of entries that the vault has read.
        size: u64,
    },
    /// An entry is of a later version, or malformed.
    #[error("entry {index} cannot be read; update the vault")]
    UnknownEntry {
        /// Index of the entry in the log.
        index: u64,
    },
    /// The log shows more openings than the vault remembers.
    #[error("the log shows too many openings of the last 31 days; wait until some are older")]
    TooManyMarks,
    /// The new state could not be saved.
    #[error("the vault could not save its state; repair its storage")]
    NotSaved,
    /// No policy is in force, or its document is missing.
    #[error("the vault has no policy document; publish a policy, follow the log, and adopt it")]
    NoPolicy,
    /// The document breaks a rule for policies.
    #[error(transparent)]
    Policy(PolicyError),
    /// The document is not that of the policy in force.
    #[error("this is not the document of the policy in force; bring that one")]
    OtherDocument,
    /// The vault did not follow the log within 24 hours, or since it started.
    #[error("the vault must follow the log first; bring the newest checkpoint with its witnesses")]
    NotFollowed,
    /// The grant does not hold.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// The grant does not name the report.
    #[error("the grant does not name this report; ask for one that does")]
    ReportNotGranted,
    /// All openings of the grant are given.
    #[error("all openings of the grant are given; ask for another grant")]
    NoOpeningLeft,
    /// Too many challenges wait.
    #[error("too many challenges wait; open with them, or wait ten minutes")]
    TooManyChallenges,
    /// The vault does not know the challenge: it is used, older than ten minutes, from before a
    /// restart, or for another grant.
    #[error("the challenge is used, too old, or for another grant; ask for another challenge")]
    UnknownChallenge,
    /// The log does not show the entry of this opening.
    #[error("the log does not show the entry of this opening; append it, and follow the log")]
    NotLogged,
    /// The log shows the opening's mark more than once.
    #[error("the log shows the mark of this opening twice; ask for another challenge")]
    MarkRepeated,
    /// The accepted report is not the one of the challenge.
    #[error("the accepted report is not the one that the challenge is for; bring that one")]
    OtherReport,
    /// The entry of the opening has the number of another report.
    #[error("the entry has the number of another report; append one with this report's")]
    OtherNumber,
    /// The intake did not accept this report under this id. The challenge is used up.
    #[error("the intake did not accept this report; find out who wrote it")]
    NotAccepted,
    /// The report failed this check of the reporting specification. The challenge is used up. If it
    /// is 82, give the vault the moderation key of the report.
    #[error("the report failed CHK-{check}; if it is 82, give the vault its moderation key")]
    Rejected {
        /// The number of the check.
        check: u8,
    },
    /// The grant names a message that the report does not have, or no message of a report that has
    /// some. The challenge is used up.
    #[error("the grant names a message that is not in the report, or no message; ask for another")]
    MessagesNotGranted,
    /// The vault could not be reached, or its answer is malformed.
    #[error("no answer from the vault; see that it runs, and try again")]
    Unreachable,
}
