//! What can go wrong with groups.

use waxseal_roster::group::GroupError;

use super::{Advice, SendError, StateError};

/// Why a group was not founded or changed. Nothing changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditGroupError<E: std::error::Error + 'static> {
    /// This account has nothing to do with such a group, or no state of it is known.
    #[error("no such group")]
    NoGroup,
    /// This account is no member of the group.
    #[error("the account is no member of the group")]
    NotMember,
    /// This account is no admin of the group.
    #[error("the account is no admin of the group")]
    NotAdmin,
    /// This device does not have the key of the group's admins yet. It asks for it: try again
    /// later.
    #[error("the device does not have the group's key yet")]
    NoKey,
    /// The group would have no admin. Make another member one first.
    #[error("the group would have no admin")]
    LastAdmin,
    /// The other account is no member, or no account key of it is pinned.
    #[error("the other account is no member")]
    NoMember,
    /// An account does not remove itself. It [leaves](crate::Client::leave_group).
    #[error("an account does not remove itself")]
    OwnAccount,
    /// The group is already like that.
    #[error("the group is already like that")]
    NoChange,
    /// The provider does not have the group yet. Post its first entry.
    #[error("the provider does not have the group yet")]
    NotPosted,
    /// The group forked. [Found another one](crate::Client::recreate_group).
    #[error("the group forked")]
    Forked,
    /// This store has no account key yet: call
    /// [`Client::create_account_key`](crate::Client::create_account_key).
    #[error("the store has no account key")]
    NoAccountKey,
    /// The title is longer than 255 bytes.
    #[error("the title is too long")]
    LongTitle,
    /// The change breaks a rule of groups, such as a limit.
    #[error("the change breaks a rule of groups")]
    Rule(#[from] GroupError),
    /// The group could not be read or written.
    #[error(transparent)]
    State(#[from] StateError<E>),
}

/// Why an invitation was not sent or answered. Nothing changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InviteError<E: std::error::Error + 'static> {
    /// That account did not invite this one to that group.
    #[error("the account did not invite")]
    NotInvited,
    /// This account cannot add anybody to the group.
    #[error(transparent)]
    Group(EditGroupError<E>),
    /// The message cannot be sealed.
    #[error(transparent)]
    Send(SendError<E>),
    /// The group could not be read or written.
    #[error(transparent)]
    State(#[from] StateError<E>),
}

impl<E: std::error::Error + 'static> From<EditGroupError<E>> for InviteError<E> {
    fn from(error: EditGroupError<E>) -> Self {
        match error {
            EditGroupError::State(error) => Self::State(error),
            error => Self::Group(error),
        }
    }
}

impl<E: std::error::Error + 'static> From<SendError<E>> for InviteError<E> {
    fn from(error: SendError<E>) -> Self {
        match error {
            SendError::State(error) => Self::State(error),
            error => Self::Send(error),
        }
    }
}

/// Why news of a group, or a receipt for an entry, was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GroupNewsError<E: std::error::Error + 'static> {
    /// This account has nothing to do with such a group.
    #[error("no such group")]
    NoGroup,
    /// The user did not accept an invitation to the group.
    #[error("the user did not accept to be in the group")]
    NotAccepted,
    /// The provider does not vouch for the time of an entry. Ask again.
    #[error("the time of an entry does not authenticate")]
    NotAuthentic,
    /// No such entry waits for the provider.
    #[error("no such entry waits for the provider")]
    NotPosted,
    /// Entries are missing in between. Ask for the entries after the known version.
    #[error("entries are missing")]
    Gap,
    /// There are too many entries. Suspect the provider.
    #[error("there are too many entries")]
    TooMany,
    /// The entries or the state do not verify. Suspect the provider.
    #[error("the news do not verify")]
    Invalid(#[from] GroupError),
    /// The group names this account under another account key. Tell the admin who invited it.
    #[error("the group names another account key")]
    OtherAccountKey,
    /// The state is another one than the admin told. Suspect the provider.
    #[error("the state is another one than the admin told")]
    OtherWelcome,
    /// Members were shown different groups. A [notice](crate::Client::notices) has both entries.
    #[error("the group forked")]
    Forked,
    /// The group could not be read or written.
    #[error(transparent)]
    State(#[from] StateError<E>),
}

impl<E: std::error::Error + 'static> EditGroupError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::NoKey | Self::NotPosted => Advice::KeepAndRetry,
            Self::State(error) => error.advice(),
            _ => Advice::FixCall,
        }
    }
}

impl<E: std::error::Error + 'static> InviteError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::NotInvited => Advice::FixCall,
            Self::Group(error) => error.advice(),
            Self::Send(error) => error.advice(),
            Self::State(error) => error.advice(),
        }
    }
}

impl<E: std::error::Error + 'static> GroupNewsError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::NoGroup | Self::NotAccepted | Self::NotPosted => Advice::Drop,
            Self::NotAuthentic | Self::Gap | Self::TooMany | Self::Invalid(_) => {
                Advice::KeepAndRetry
            }
            Self::OtherAccountKey | Self::OtherWelcome | Self::Forked => Advice::Drop,
            Self::State(error) => error.advice(),
        }
    }
}
