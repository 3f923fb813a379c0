//! What can go wrong when a device is linked or removed, or when an account is recovered.

use waxseal_roster::{PinError, RosterError};

use super::{Advice, StateError, TakeRosterError};
use crate::linking::LinkingError;
use crate::roster_edit::EditError;

/// Why the own roster was not changed. Nothing was changed, unless the variant says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditRosterError<E: std::error::Error + 'static> {
    /// This store has no account key yet. Call
    /// [`Client::create_account_key`](crate::Client::create_account_key).
    #[error("this store has no account key yet")]
    NoAccountKey,
    /// A signed roster is not confirmed. Post it, and call
    /// [`Client::confirm_roster`](crate::Client::confirm_roster).
    #[error("a signed roster is not confirmed")]
    Pending,
    /// No signed roster waits to be confirmed. There is nothing to do.
    #[error("no signed roster waits")]
    NothingPending,
    /// The roster is as wanted already.
    #[error("the roster is as wanted already")]
    NoChange,
    /// The roster cannot be changed in this way.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The recovery secret is that of another account key. Check what the user typed.
    #[error("the recovery secret is of another account key")]
    WrongSecret,
    /// The provider has an older roster than this device. Post
    /// [`Client::own_roster`](crate::Client::own_roster) first.
    #[error("the provider has an older roster")]
    Behind,
    /// The roster that the provider handed out does not verify. Suspect the provider.
    #[error("the roster does not verify")]
    Roster(#[from] RosterError),
    /// There are two rosters of one version, or one of another account key. Warn the user:
    /// [`Client::notices`](crate::Client::notices) has both.
    #[error("there are two rosters of one version, or another account key")]
    Conflict,
    /// The provider's roster does not follow the known one. Suspect the account's managers.
    #[error("the roster does not follow the known one")]
    Refused(PinError),
    /// The account's record could not be read or written.
    #[error(transparent)]
    State(#[from] StateError<E>),
}

/// Why a step of linking a device failed. The link goes on, unless the method says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkDeviceError<E: std::error::Error + 'static> {
    /// The other device's message is wrong, or comes at the wrong time.
    #[error(transparent)]
    Link(#[from] LinkingError),
    /// Another link is under way. Finish it, or call
    /// [`Client::cancel_link`](crate::Client::cancel_link).
    #[error("another link is under way")]
    UnderWay,
    /// No link is under way. Scan the code of the new device.
    #[error("no link is under way")]
    NoLink,
    /// A signed roster is not confirmed. Post it, and call
    /// [`Client::confirm_roster`](crate::Client::confirm_roster).
    #[error("a signed roster is not confirmed")]
    Pending,
    /// The new device cannot be added to the roster. The link is over.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// This store has no account key yet. Call
    /// [`Client::create_account_key`](crate::Client::create_account_key).
    #[error("this store has no account key yet")]
    NoAccountKey,
    /// The account's record could not be read or written.
    #[error(transparent)]
    State(#[from] StateError<E>),
}

/// Why a device did not become a client. Nothing was stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError<E: std::error::Error + 'static> {
    /// The store already holds an account. Use an empty one.
    #[error("the store already holds an account")]
    AlreadyExists,
    /// The device is not linked.
    #[error(transparent)]
    Link(#[from] LinkingError),
    /// The account cannot be taken over in this way.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The recovery secret is that of another account key. Check what the user typed.
    #[error("the recovery secret is of another account key")]
    WrongSecret,
    /// The roster does not verify. Suspect the provider.
    #[error("the roster does not verify")]
    Roster(#[from] RosterError),
    /// The store could not be read or written.
    #[error(transparent)]
    State(#[from] StateError<E>),
}

impl<E: std::error::Error> From<TakeRosterError<E>> for EditRosterError<E> {
    fn from(error: TakeRosterError<E>) -> Self {
        match error {
            TakeRosterError::Roster(error) => Self::Roster(error),
            TakeRosterError::IdentityChanged { .. } | TakeRosterError::Conflict => Self::Conflict,
            TakeRosterError::Refused(error) => Self::Refused(error),
            // The own account is a contact, so there is always room.
            TakeRosterError::NoRoom => Self::NoAccountKey,
            TakeRosterError::State(error) => Self::State(error),
        }
    }
}

impl<E: std::error::Error> From<EditRosterError<E>> for LinkDeviceError<E> {
    fn from(error: EditRosterError<E>) -> Self {
        match error {
            EditRosterError::NoAccountKey => Self::NoAccountKey,
            EditRosterError::Edit(error) => Self::Edit(error),
            EditRosterError::State(error) => Self::State(error),
            // Nothing else is said when a change is signed.
            _ => Self::Pending,
        }
    }
}

impl<E: std::error::Error + 'static> EditRosterError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::NoAccountKey | Self::NothingPending | Self::NoChange | Self::WrongSecret => {
                Advice::FixCall
            }
            Self::Pending | Self::Behind => Advice::PostRoster,
            Self::Edit(error) => error.advice(),
            Self::Roster(_) | Self::Refused(_) | Self::Conflict => Advice::FetchNewerRoster,
            Self::State(error) => error.advice(),
        }
    }
}

impl<E: std::error::Error + 'static> LinkDeviceError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::Link(error) => error.advice(),
            Self::UnderWay | Self::NoAccountKey => Advice::FixCall,
            Self::NoLink | Self::Edit(_) => Advice::LinkAgain,
            Self::Pending => Advice::PostRoster,
            Self::State(error) => error.advice(),
        }
    }
}

impl<E: std::error::Error + 'static> JoinError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::AlreadyExists | Self::WrongSecret | Self::Edit(_) => Advice::FixCall,
            Self::Link(error) => error.advice(),
            Self::Roster(_) => Advice::FetchNewerRoster,
            Self::State(error) => error.advice(),
        }
    }
}

impl LinkingError {
    /// What to do next.
    #[must_use]
    pub fn advice(&self) -> Advice {
        match self {
            Self::TooLong { .. } | Self::WrongSlot | Self::Session(_) => Advice::Drop,
            Self::UnknownVersion { .. } | Self::NotWelcome => Advice::KeepAndRetry,
            Self::WrongStep | Self::Listed | Self::Full => Advice::FixCall,
            _ => Advice::LinkAgain,
        }
    }
}

impl EditError {
    /// What to do next.
    #[must_use]
    pub fn advice(&self) -> Advice {
        match self {
            Self::Taken => Advice::LinkAgain,
            _ => Advice::FixCall,
        }
    }
}
