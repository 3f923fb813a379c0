//! What an audit can find.

use crate::merkle::TreeHash;

/// A broken rule. An `index` is the position of an entry in the log, starting at 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Finding {
    /// Two openings have the same mark: one permission was used twice.
    #[error("entry {index} has the mark of an earlier opening")]
    MarkTwice {
        /// Index of the second opening.
        index: u64,
    },
    /// The policy key did not sign the published policy.
    #[error("the policy in entry {index} is not signed by the policy key")]
    PolicyNotSigned {
        /// Index of the entry.
        index: u64,
    },
    /// The version of the policy is not above that of the last valid policy before it.
    #[error("the policy in entry {index} is not newer than the one before it")]
    PolicyNotNewer {
        /// Index of the entry.
        index: u64,
    },
    /// The day is earlier than that of an entry or checkpoint before it, by more days than the
    /// kind may be late.
    #[error("entry {index} is back-dated")]
    BackDated {
        /// Index of the entry.
        index: u64,
    },
    /// The entry has a later day than the vault's cosignature of the checkpoint that contains it.
    #[error("entry {index} is dated after the checkpoint that contains it")]
    PostDated {
        /// Index of the entry.
        index: u64,
    },
    /// A grant is approved, denied, expired or reviewed that was not requested.
    #[error("entry {index} is about a grant that was not requested")]
    WithoutRequest {
        /// Index of the entry.
        index: u64,
    },
    /// An entry repeats or contradicts what earlier ones say of its grant: the purpose, or how it
    /// was answered. One grant would be counted twice.
    #[error("entry {index} contradicts what earlier entries say of its grant")]
    GrantContradicts {
        /// Index of the entry.
        index: u64,
    },
    /// A notice or an appeal follows no decision of its case.
    #[error("entry {index} follows no decision")]
    WithoutDecision {
        /// Index of the entry.
        index: u64,
    },
    /// An appeal is decided that was not filed, or was decided already.
    #[error("entry {index} decides no open appeal")]
    WithoutAppeal {
        /// Index of the entry.
        index: u64,
    },
    /// A report arrives a second time: it is received or rejected again, or both.
    #[error("entry {index} says a second time that a report arrived")]
    ReceivedTwice {
        /// Index of the second entry.
        index: u64,
    },
    /// A report is sorted a second time.
    #[error("entry {index} sorts a report a second time")]
    SortedTwice {
        /// Index of the second entry.
        index: u64,
    },
    /// A report was sorted or opened. Its arrival is due, and not in the log.
    #[error("entry {index} is about a report whose arrival is not in the log")]
    NeverReceived {
        /// Index of the first such entry of the report.
        index: u64,
    },
    /// The vault cosigned no checkpoint for more than 36 hours.
    #[error("the vault cosigned nothing for {hours} hours before the checkpoint of size {size}")]
    VaultSilent {
        /// Size of the next checkpoint that it cosigned.
        size: u64,
        /// Whole hours in between.
        hours: u64,
    },
    /// The vault cosigned a checkpoint at an earlier time than one before it.
    #[error("the vault's clock went back before the checkpoint of size {size}")]
    VaultClockBack {
        /// Size of the checkpoint.
        size: u64,
    },
    /// A promised leaf is not in the log, though it is due.
    #[error("the promise for day {day} is broken: its leaf is not in the log")]
    PromiseBroken {
        /// Day of the promise.
        day: u32,
        /// The promised leaf hash.
        leaf_hash: TreeHash,
    },
}
