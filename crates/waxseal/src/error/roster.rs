//! What can go wrong with rosters, and with the devices that they name.

use waxseal_core::errors::{BundleError, HandshakeError};
use waxseal_roster::{AccountKey, DraftError, PinError, RosterError};

use super::{Advice, GroupNewsError, SendError, StateError};

/// Why the bundle of a device is unusable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleProblem {
    /// It does not verify. Fetch another one, and suspect the provider.
    #[error("the prekey bundle does not verify")]
    Malformed(#[from] BundleError),
    /// It has another identity than the roster lists for the device, or the roster does not list
    /// the device. Fetch another one, and suspect the provider.
    #[error("the prekey bundle is of another device")]
    OtherDevice,
    /// The handshake failed. Fetch another bundle, unless the bundle was this device's own.
    #[error("the handshake failed")]
    Handshake(#[from] HandshakeError),
}

/// Why a roster was not taken. The known one stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TakeRosterError<E: std::error::Error + 'static> {
    /// The roster does not verify. Fetch another one, and suspect the provider.
    #[error("the roster does not verify")]
    Roster(#[from] RosterError),
    /// Another account key is pinned. Warn the user, and call
    /// [`Client::accept_identity`](crate::Client::accept_identity) if the user accepts the change.
    #[error("the account key changed")]
    IdentityChanged {
        /// The key in the roster.
        new: AccountKey,
    },
    /// Another roster of the same version is known. Nothing is sent to the account before a newer
    /// one arrives. [`Client::notices`](crate::Client::notices) has both.
    #[error("there are two rosters of one version")]
    Conflict,
    /// No honest manager would sign the roster after the known one. Suspect the account's managers.
    #[error("the roster does not follow the known one")]
    Refused(PinError),
    /// Too many accounts without a contact have something to be said to. Try again later.
    #[error("no room for the roster of another account")]
    NoRoom,
    /// The peer's record could not be read or written.
    #[error(transparent)]
    State(#[from] StateError<E>),
}

/// Why a message was not sealed for the devices that the provider named.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetargetError<E: std::error::Error + 'static> {
    /// No such message waits in the outbox. There is nothing to do.
    #[error("no such message waits in the outbox")]
    NotSent,
    /// The provider named other devices three times. The message is out of the outbox, and counts
    /// as [not delivered](crate::NotDelivered::Targets). Suspect the provider.
    #[error("the provider named other devices again and again")]
    TooManyRounds,
    /// A roster was not taken. The message stays in the outbox.
    #[error(transparent)]
    Roster(TakeRosterError<E>),
    /// News of the group were not taken. The message stays in the outbox.
    #[error(transparent)]
    Group(GroupNewsError<E>),
    /// The message cannot be sealed. It stays in the outbox.
    #[error(transparent)]
    Send(#[from] SendError<E>),
    /// The message could not be read or written.
    #[error(transparent)]
    State(#[from] StateError<E>),
}

/// Why no account key was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountKeyError<E: std::error::Error + 'static> {
    /// The account has one already.
    #[error("the account has a key already")]
    AlreadyExists,
    /// No roster with this device can be made.
    #[error("no roster can be made")]
    Roster(#[from] DraftError),
    /// It could not be written.
    #[error(transparent)]
    State(#[from] StateError<E>),
}

impl<E: std::error::Error + 'static> TakeRosterError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::IdentityChanged { .. } => Advice::WarnIdentityChange,
            Self::Roster(_) | Self::Conflict | Self::Refused(_) => Advice::FetchNewerRoster,
            Self::NoRoom => Advice::KeepAndRetry,
            Self::State(error) => error.advice(),
        }
    }
}

impl<E: std::error::Error + 'static> RetargetError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::NotSent | Self::TooManyRounds => Advice::Drop,
            Self::Roster(error) => error.advice(),
            Self::Group(error) => error.advice(),
            Self::Send(error) => error.advice(),
            Self::State(error) => error.advice(),
        }
    }
}

impl<E: std::error::Error + 'static> AccountKeyError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::AlreadyExists | Self::Roster(_) => Advice::FixCall,
            Self::State(error) => error.advice(),
        }
    }
}
