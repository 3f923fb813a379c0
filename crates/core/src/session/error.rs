//! What can go wrong with a session, and what to do then.

use thiserror::Error;

use crate::error::{DecodeError, KeyError, NonContributory};
use crate::ratchet::{MAX_FORWARD_JUMP, OpenError};

/// Why a session was not started. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The bundle is the device's own. A device holds no session with itself.
    #[error("the bundle is this device's own")]
    OwnIdentity,
    /// The bundle is of another identity than the sessions': the peer was set up anew, or someone else answers. Warn the user; start
    /// anew with [`SessionSet::initiate`](crate::SessionSet::initiate) once they agree.
    #[error("the bundle's identity is not the pinned one")]
    IdentityChanged,
    /// A key in the bundle contributed nothing to the key agreement. Do not use it.
    #[error("{0}")]
    NonContributory(#[from] NonContributory),
}

/// Why a message was not opened. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecryptError {
    /// Not a message of this protocol. Drop it; a version that is not known may open after an update.
    #[error("message cannot be decoded: {0}")]
    Malformed(#[from] DecodeError),
    /// The associated data is longer than [`MAX_ASSOCIATED_DATA_LEN`](crate::MAX_ASSOCIATED_DATA_LEN): a mistake of the caller.
    #[error("associated data of {len} bytes is longer than the {max} allowed")]
    AssociatedDataTooLong {
        /// Length of the associated data in bytes.
        len: usize,
        /// Most bytes allowed.
        max: usize,
    },
    /// It does not authenticate: forged, altered, with other associated data, of a session that is no longer held, or a duplicate
    /// from a chain that is complete, whose header key is gone. Drop it; if messages that are no duplicates keep failing, start a
    /// new session.
    #[error("message does not authenticate")]
    Unauthenticated,
    /// Its key has been used or was given up: a duplicate, or later than the limits allow. Drop it.
    #[error("message was received before")]
    AlreadyReceived,
    /// It skips more messages than [`MAX_FORWARD_JUMP`]. Its header is the peer's, its body was not looked at. Open the ones before it first; if they are lost, start a new session.
    #[error("message is {ahead} ahead, more than the {max} allowed")]
    JumpTooFar {
        /// How many messages it skips.
        ahead: u32,
        /// Most that may be skipped.
        max: u32,
    },
    /// The peer used a key that no honest one would. Drop it.
    #[error("a key of the peer is not acceptable: {0}")]
    InvalidPeerKey(KeyError),
    /// A key of the peer contributed nothing to the key agreement. Drop it.
    #[error("{0}")]
    NonContributory(#[from] NonContributory),
    /// Its place in the post-quantum ratchet is none that an honest peer's message could have. Drop it.
    #[error("message has an impossible place in the post-quantum ratchet")]
    Misplaced,
    /// It starts no session: it has no handshake, and there is no session it could belong to. Drop it, or start a session so that
    /// the peer learns that its own is gone.
    #[error("message carries no handshake")]
    NoHandshake,
    /// It starts a session of its own. Give it to [`Session::accept`](crate::Session::accept) or [`SessionSet`](crate::SessionSet).
    #[error("message belongs to another handshake")]
    OtherHandshake,
    /// It comes from this device itself. Drop it.
    #[error("message is this device's own")]
    OwnIdentity,
    /// It claims another identity than the sessions': the peer was set up anew, or someone poses as it. Warn the user; accept it with
    /// [`SessionSet::accept`](crate::SessionSet::accept) once they agree.
    #[error("the message's identity is not the pinned one")]
    IdentityChanged,
    /// Its identity is not certified. Drop it.
    #[error("the identity's certificate does not verify")]
    InvalidCertificate,
    /// It uses a prekey that is spent, rotated away or was never there. Start a session with the peer, from a fresh bundle; but not
    /// each time: nothing of the message is authenticated, so that anyone who delivers messages can cause this.
    #[error("the message's prekey is not held")]
    UnknownPreKey,
    /// It repeats an initial message that was opened before. Drop it.
    #[error("initial message was received before")]
    ReplayedInitialMessage,
    /// Too many initial messages without a one-time prekey: [`PreKeys::rotate`](crate::PreKeys::rotate), publish, replenish. Those on
    /// the new set open; this one does not any more: start a session with the peer.
    #[error("the memory of initial messages is full")]
    ReplayMemoryFull,
}

impl From<OpenError> for DecryptError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Unauthenticated => Self::Unauthenticated,
            OpenError::AlreadyReceived => Self::AlreadyReceived,
            OpenError::JumpTooFar { ahead } => Self::JumpTooFar {
                ahead,
                max: MAX_FORWARD_JUMP,
            },
            OpenError::InvalidRatchetKey(error) => Self::InvalidPeerKey(error),
            OpenError::NonContributory => Self::NonContributory(NonContributory),
            OpenError::Misplaced => Self::Misplaced,
        }
    }
}
