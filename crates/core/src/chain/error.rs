//! The errors of chains. Each variant says what happened, then what to do next.

use thiserror::Error;

use crate::error::DecodeError;

/// Why a message was not sealed, or no chain was started. No state has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChainSealError {
    /// The plaintext is longer than [`MAX_PLAINTEXT_LEN`](crate::limits::MAX_PLAINTEXT_LEN). Split
    /// it or refuse it before this call.
    #[error("plaintext of {len} bytes is longer than the {max} allowed")]
    PlaintextTooLong {
        /// Length of the plaintext in bytes.
        len: usize,
        /// Maximum length in bytes.
        max: usize,
    },
    /// The associated data is longer than
    /// [`MAX_ASSOCIATED_DATA_LEN`](crate::limits::MAX_ASSOCIATED_DATA_LEN). Fix the call.
    #[error("associated data of {len} bytes is longer than the {max} allowed")]
    AssociatedDataTooLong {
        /// Length of the associated data in bytes.
        len: usize,
        /// Maximum length in bytes.
        max: usize,
    },
    /// There are more targets than [`MAX_CHAIN_TARGETS`](crate::limits::MAX_CHAIN_TARGETS). Fix the
    /// call.
    #[error("more targets than the {max} allowed")]
    TooManyTargets {
        /// Maximum number of targets.
        max: usize,
    },
    /// A device is among the targets twice. Fix the call.
    #[error("a target is named twice")]
    RepeatedTarget,
    /// The sending device itself is among the targets. Fix the call.
    #[error("the sending device is among the targets")]
    OwnIdentity,
    /// A device that has this chain is no target any more, and would be able to read the message.
    /// Start the next chain with [`OwnChain::next`](crate::OwnChain::next), and seal the message on
    /// it.
    #[error("a recipient of the chain is no target of the message")]
    RecipientLeft,
    /// The new target has the chain already, or the pending keys are not of the newest message of
    /// this chain. Seal the message again, on the next chain.
    #[error("the message cannot be extended to this target")]
    NotExtensible,
    /// All 2^32 - 1 numbers of messages or chains were used. Start the next chain; after the last
    /// chain, this identity can send no more in this context.
    #[error("the chain is exhausted")]
    ChainExhausted,
}

/// Why a message was not opened. No state has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChainOpenError {
    /// The bytes are not a body of this protocol. Drop them. A body of an unknown version may open
    /// after an update.
    #[error("body cannot be decoded: {0}")]
    Malformed(#[from] DecodeError),
    /// The associated data is longer than
    /// [`MAX_ASSOCIATED_DATA_LEN`](crate::limits::MAX_ASSOCIATED_DATA_LEN). Fix the call.
    #[error("associated data of {len} bytes is longer than the {max} allowed")]
    AssociatedDataTooLong {
        /// Length of the associated data in bytes.
        len: usize,
        /// Maximum length in bytes.
        max: usize,
    },
    /// The header opens under no chain that is held. The body may be forged, or its chain was given
    /// up, or the key slot that begins the chain has not arrived. Keep the message until that has
    /// arrived, or ask for it again.
    #[error("no chain that is held opens the header")]
    UnknownChain,
    /// The body, its slot or its associated data do not authenticate. Drop the message.
    #[error("message does not authenticate")]
    Unauthenticated,
    /// The message's key was used or given up: the message is a duplicate, later than the limits
    /// allow, or from before this device got the chain. Drop it.
    #[error("message was received before")]
    AlreadyReceived,
    /// More messages than [`MAX_CHAIN_GAP`](crate::limits::MAX_CHAIN_GAP) are missing before this
    /// one. Deliver the earlier messages first. If they are lost, wait for the next chain.
    #[error("message is {ahead} ahead, more than the {max} allowed")]
    JumpTooFar {
        /// Number of messages that this message skips.
        ahead: u32,
        /// Maximum number that it may skip.
        max: u32,
    },
    /// The key slot contradicts the chain that is held under its number, or the header of its own
    /// message. The sender is dishonest, or uses an old state again. Drop the message.
    #[error("the key slot contradicts its chain or its message")]
    ContradictoryKeys,
    /// The provider accepted the message after the first message on a newer chain of the sender.
    /// Drop the message: its sender had left the chain, so someone else may have sent it.
    #[error("message was accepted after its chain was left")]
    ChainLeft,
    /// The provider accepted the message more than 8 days after the first one on its chain. Drop
    /// it: its sender renews chains sooner, so someone else may have sent it.
    #[error("message was accepted after its chain expired")]
    ChainExpired,
}
