//! The errors of sessions. Each variant says what happened, then what to do next.

use thiserror::Error;

use crate::error::{DecodeError, KeyError, NonContributory};
use crate::ratchet::{MAX_GAP, OpenError};

/// Why a session was not started. No state has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The bundle is this device's own. Fetch the peer's bundle: a device has no session with
    /// itself.
    #[error("the bundle is this device's own")]
    OwnIdentity,
    /// The bundle has another identity than the sessions. Either the peer's device was set up
    /// again, or someone else answers in its place. Warn the user. Once they agree, start with
    /// [`SessionSet::initiate`](crate::SessionSet::initiate).
    #[error("the bundle's identity is not the pinned one")]
    IdentityChanged,
    /// A key in the bundle contributed nothing to the key agreement. Discard the bundle.
    #[error("{0}")]
    NonContributory(#[from] NonContributory),
}

/// Why a message was not opened. No state has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecryptError {
    /// The bytes are not a message of this protocol. Drop them. A message of an unknown version may
    /// open after an update.
    #[error("message cannot be decoded: {0}")]
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
    /// The message does not authenticate. It may be forged or altered, come with other associated
    /// data, or belong to a session that is no longer held. It may also be a duplicate from a
    /// complete chain, whose header key is gone. Drop it. If messages that are not duplicates keep
    /// failing, start a new session.
    #[error("message does not authenticate")]
    Unauthenticated,
    /// The message's key was used or given up: the message is a duplicate, or later than the limits
    /// allow. Drop it.
    #[error("message was received before")]
    AlreadyReceived,
    /// More messages than [`MAX_GAP`] are missing before this one. The header authenticated; the
    /// body was not decrypted. Deliver the earlier messages first. If they are lost, start a new
    /// session.
    #[error("message is {ahead} ahead, more than the {max} allowed")]
    JumpTooFar {
        /// Number of messages that this message skips.
        ahead: u32,
        /// Maximum number that it may skip.
        max: u32,
    },
    /// The message carries a key that no honest peer would use. Drop the message.
    #[error("a key of the peer is not acceptable: {0}")]
    InvalidPeerKey(KeyError),
    /// A key in the message contributed nothing to the key agreement. Drop the message.
    #[error("{0}")]
    NonContributory(#[from] NonContributory),
    /// The header authenticated, but its post-quantum epoch or counter is impossible. The peer is
    /// dishonest, its device went back to an old state, or someone sends from a stolen copy of the
    /// state. Drop the message. If more follow, start a new session, but limit how often.
    #[error("message has an impossible post-quantum epoch or counter")]
    Misplaced,
    /// The message has no handshake, so it starts no session, and there is no session it could
    /// belong to. Drop it, or start a session so that the peer learns that its own session is gone.
    #[error("message carries no handshake")]
    NoHandshake,
    /// The message starts another session. Pass it to [`Session::accept`](crate::Session::accept)
    /// or to a [`SessionSet`](crate::SessionSet).
    #[error("message belongs to another handshake")]
    OtherHandshake,
    /// The message claims to come from this device itself. Drop it.
    #[error("message is this device's own")]
    OwnIdentity,
    /// The message claims another identity than the sessions have. Either the peer's device was set
    /// up again, or someone poses as the peer. Warn the user. Once they agree, accept it with
    /// [`SessionSet::accept`](crate::SessionSet::accept).
    #[error("the message's identity is not the pinned one")]
    IdentityChanged,
    /// The certificate of the message's identity does not verify. Drop the message.
    #[error("the identity's certificate does not verify")]
    InvalidCertificate,
    /// The message uses a prekey that is spent, was rotated away or never existed. Start a session
    /// from a fresh bundle, but limit how often. The message is not authenticated, so anyone who
    /// delivers messages can cause this error.
    #[error("the message's prekey is not held")]
    UnknownPreKey,
    /// The message repeats a handshake whose session is no longer held. Drop it. If it is not a
    /// duplicate, the peer still sends on that session: start a new one, but limit how often.
    #[error("initial message was received before")]
    ReplayedInitialMessage,
    /// Too many initial messages of this sender came without a one-time prekey. Drop the message,
    /// and start a session with the sender, but limit how often. Initial messages that use a
    /// one-time prekey, or the signed set after the next rotation, open. Do not rotate because of
    /// this error: a sender could then make you destroy the sets that others are using.
    #[error("the memory of the sender's initial messages is full")]
    ReplayMemoryFull,
    /// The replay memory belongs to another sender. Nothing was opened. Pass the memory of the
    /// identity that [`Message::peek`](crate::Message::peek) names.
    #[error("the replay memory belongs to another sender")]
    OtherReplayMemory,
}

impl From<OpenError> for DecryptError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Unauthenticated => Self::Unauthenticated,
            OpenError::AlreadyReceived => Self::AlreadyReceived,
            OpenError::JumpTooFar { ahead } => Self::JumpTooFar {
                ahead,
                max: MAX_GAP,
            },
            OpenError::InvalidRatchetKey(error) => Self::InvalidPeerKey(error),
            OpenError::NonContributory => Self::NonContributory(NonContributory),
            OpenError::Misplaced => Self::Misplaced,
        }
    }
}
