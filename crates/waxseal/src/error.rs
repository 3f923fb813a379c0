//! What can go wrong in a client call, and what the application should do about it.
//!
//! One enum per operation. A failed call has changed nothing, unless its variant says otherwise; where the store
//! failed only the store knows.

use waxseal_core::{
    BundleError, DecodeError as CoreDecodeError, DecryptError, EncryptError, HandshakeError,
    IdentityKey, PreKeyError,
};
use waxseal_reporting::{DecodeError, DeliveryError, DraftError, PayloadError, SealError};

/// What an application does after a failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Advice {
    /// Fetch the peer's prekey bundle and call [`Client::start`](crate::Client::start). Then try again what was to be
    /// sent.
    ///
    /// What was received opens no more: acknowledge it. If it was genuine, the two sides are out of step: the peer's
    /// next messages open once the peer has got a message on the new session, so send one, if only an application
    /// content that shows nothing. The peer is not authenticated at that point: start over only with one the user
    /// talks to, once in a while, not on each delivery.
    FetchBundle,
    /// Show the user that the peer's identity changed; go on only after the user accepted it. A message alone proves
    /// no change: the peer's prekey bundle tells whether the provider says so too.
    WarnIdentityChange,
    /// Acknowledge the delivery to the provider and forget it: trying again cannot help.
    Drop,
    /// Forget it without acknowledging it, and let the provider deliver again: it may have been altered on the way,
    /// and acknowledging it would lose the genuine one. If one comes so again and again, acknowledge it; if all do,
    /// this device and the provider no longer agree on the delivery key.
    DeliverAgain,
    /// Keep it without acknowledging it, and try again later: what it needs, an earlier message or a newer version,
    /// may still arrive. A peer can make messages that never open: keep a few of each, for days.
    KeepAndRetry,
    /// Call [`Client::rotate_prekeys`](crate::Client::rotate_prekeys), publish them, and acknowledge the delivery: it
    /// stays closed, and the sender's next conversation opens.
    RotatePreKeys,
    /// Correct the call.
    FixCall,
    /// The store failed, and nothing was sent. Reopen the client and try again, but what was to be sent may have
    /// been stored: look into [`Client::outbox`](crate::Client::outbox) or
    /// [`Client::pending_reports`](crate::Client::pending_reports) first, or it is sent twice.
    Retry,
    /// The store holds what this version cannot read: restore it or start over.
    Damaged,
}

/// Why an account could not be created, opened or given new prekeys.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenAccountError<E: std::error::Error + 'static> {
    /// The store holds an account already.
    #[error("the store holds an account already")]
    AlreadyExists,
    /// The store holds no account.
    #[error("the store holds no account")]
    NoAccount,
    /// The store holds records this version cannot read.
    #[error("a stored record cannot be read")]
    Damaged,
    /// The prekeys cannot be replaced any more.
    #[error("the prekeys cannot be replaced")]
    PreKeys(#[from] PreKeyError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] E),
}

/// Why something about a peer could not be told or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError<E: std::error::Error + 'static> {
    /// There was no contact with this peer yet.
    #[error("no contact with this peer yet")]
    UnknownPeer,
    /// The store holds records this version cannot read.
    #[error("a stored record cannot be read")]
    Damaged,
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] E),
}

/// Why a conversation could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError<E: std::error::Error + 'static> {
    /// The provider handed out a bundle that does not verify: fetch another, and suspect the provider.
    #[error("the prekey bundle does not verify")]
    Bundle(#[from] BundleError),
    /// The handshake failed.
    #[error("the handshake failed")]
    Handshake(#[from] HandshakeError),
    /// Another identity is pinned for this peer: warn the user.
    #[error("the peer's identity changed")]
    IdentityChanged {
        /// The identity in the bundle.
        new: IdentityKey,
    },
    /// The store failed, or holds records this version cannot read.
    #[error(transparent)]
    Peer(#[from] PeerError<E>),
}

/// Why a message could not be sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError<E: std::error::Error + 'static> {
    /// There is no session with the recipient yet, or its identity was changed.
    #[error("no session with the recipient")]
    NoSession,
    /// The content is too large or not well formed.
    #[error("the content cannot be sent")]
    Content(#[from] PayloadError),
    /// The session cannot send: start a new one.
    #[error("the session cannot send")]
    Session(#[from] SealError<EncryptError>),
    /// The counters of this conversation are used up.
    #[error("the conversation's counters are used up")]
    Exhausted,
    /// The store failed, or holds records this version cannot read.
    #[error(transparent)]
    Peer(#[from] PeerError<E>),
}

/// Why a receipt of the provider was not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfirmError<E: std::error::Error + 'static> {
    /// The bytes are not a receipt.
    #[error("not a receipt")]
    Malformed(#[from] DecodeError),
    /// No message that waits for this receipt was sent.
    #[error("no sent message waits for this receipt")]
    NotSent,
    /// The receipt is not this provider's word on this message.
    #[error("the receipt does not authenticate")]
    Receipt(#[from] DeliveryError),
    /// The store failed, or holds records this version cannot read.
    #[error(transparent)]
    Peer(#[from] PeerError<E>),
}

/// Why a delivery showed no message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError<E: std::error::Error + 'static> {
    /// The bytes are not a delivery.
    #[error("not a delivery")]
    Malformed(#[from] DecodeError),
    /// The delivery is not this provider's word: its stamp is missing, altered or meant for somebody else.
    #[error("the delivery does not authenticate")]
    Delivery(#[from] DeliveryError),
    /// The sender's identity is not the one pinned for it: warn the user. Keep the delivery; it opens after
    /// [`Client::accept_identity`](crate::Client::accept_identity).
    #[error("the sender's identity changed")]
    IdentityChanged {
        /// The identity the message claims.
        new: IdentityKey,
    },
    /// No session opens the message. If it is not forged, the sender's or our state was lost.
    #[error("no session opens the message")]
    Session(#[source] DecryptError),
    /// The message opened, but it is one that could not be reported as it stands: its content is withheld.
    /// The message key is spent; acknowledge the delivery.
    #[error("the sender's commitment does not hold; the content is withheld")]
    Withheld,
    /// The store failed, or holds records this version cannot read.
    #[error(transparent)]
    Peer(#[from] PeerError<E>),
}

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError<E: std::error::Error + 'static> {
    /// There is no such message in this conversation.
    #[error("no such message")]
    NoSuchMessage,
    /// The message was sent but the relay's receipt has not come, so that there is no evidence yet.
    #[error("the message is not stamped yet")]
    NotStamped,
    /// The messages cannot be put in one report.
    #[error("the report cannot be made")]
    Draft(#[from] DraftError),
    /// The store failed, or holds records this version cannot read.
    #[error(transparent)]
    Peer(#[from] PeerError<E>),
}

impl<E: std::error::Error + 'static> OpenAccountError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::AlreadyExists | Self::NoAccount => Advice::FixCall,
            Self::Damaged | Self::PreKeys(_) => Advice::Damaged,
            Self::Store(_) => Advice::Retry,
        }
    }
}

impl<E: std::error::Error + 'static> PeerError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::UnknownPeer => Advice::FetchBundle,
            Self::Damaged => Advice::Damaged,
            Self::Store(_) => Advice::Retry,
        }
    }
}

impl<E: std::error::Error + 'static> StartError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::Bundle(_) => Advice::FetchBundle,
            Self::Handshake(HandshakeError::IdentityChanged) | Self::IdentityChanged { .. } => {
                Advice::WarnIdentityChange
            }
            Self::Handshake(HandshakeError::OwnIdentity) => Advice::FixCall,
            Self::Handshake(_) => Advice::FetchBundle,
            Self::Peer(error) => error.advice(),
        }
    }
}

impl<E: std::error::Error + 'static> SendError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::NoSession | Self::Session(_) | Self::Exhausted => Advice::FetchBundle,
            Self::Content(_) => Advice::FixCall,
            Self::Peer(error) => error.advice(),
        }
    }
}

impl<E: std::error::Error + 'static> ConfirmError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::Malformed(_) | Self::Receipt(_) => Advice::DeliverAgain,
            Self::NotSent => Advice::Drop,
            Self::Peer(error) => error.advice(),
        }
    }
}

impl<E: std::error::Error + 'static> ReceiveError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::Malformed(_) | Self::Delivery(DeliveryError::NotAuthentic) => {
                Advice::DeliverAgain
            }
            Self::Delivery(_) | Self::Withheld => Advice::Drop,
            Self::IdentityChanged { .. } => Advice::WarnIdentityChange,
            Self::Session(
                DecryptError::JumpTooFar { .. }
                | DecryptError::Malformed(CoreDecodeError::UnknownVersion { .. }),
            ) => Advice::KeepAndRetry,
            // Honest repeats are known by their tag and do not get here: the two sides are out of step.
            Self::Session(
                DecryptError::NoHandshake
                | DecryptError::UnknownPreKey
                | DecryptError::Unauthenticated
                | DecryptError::AlreadyReceived,
            ) => Advice::FetchBundle,
            Self::Session(DecryptError::ReplayMemoryFull) => Advice::RotatePreKeys,
            // The relay vouches for tag and sender, not for the ciphertext: it may have been altered behind it.
            Self::Session(_) => Advice::DeliverAgain,
            Self::Peer(error) => error.advice(),
        }
    }
}

impl<E: std::error::Error + 'static> ReportError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::NotStamped => Advice::KeepAndRetry,
            Self::NoSuchMessage | Self::Draft(_) => Advice::FixCall,
            Self::Peer(error) => error.advice(),
        }
    }
}
