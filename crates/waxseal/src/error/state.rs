//! What can be wrong with the stored state.

use waxseal_reporting::AccountId;
use waxseal_roster::group::GroupId;

use super::Advice;
use crate::conversation::Conversation;

/// Why the stored state could not be read or written. Every call that uses the store can meet this.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError<E: std::error::Error + 'static> {
    /// A record is missing, altered, or written by another version. Everything else can be used.
    /// [`Damage`] says which record it is and which call resets it.
    #[error("a stored record cannot be read")]
    Damaged(Damage),
    /// The store failed. Reopen the client, look at what was stored, and try again.
    #[error("the store failed")]
    Store(#[source] E),
}

/// Which part of the stored state cannot be read, and what to call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// This device's account. No call resets it: restore the store or start over.
    Account,
    /// The prekeys, or what is remembered of a sender's first messages. Call
    /// [`Client::reset_prekeys`](crate::Client::reset_prekeys), and publish them. Until then, first
    /// messages, of that sender or of all new peers, do not open; conversations go on.
    PreKeys,
    /// The sessions, the pinned identity or the numbering of this peer. Call
    /// [`Client::reset_peer`](crate::Client::reset_peer), then start over with the peer.
    Peer(AccountId),
    /// What is known of this group, the numbering of its messages, or which of them are being
    /// deleted. Nothing more is received or sent in the group; the messages stay, and can be read
    /// and reported.
    Group(GroupId),
    /// A message of this conversation. It is lost: call
    /// [`Client::delete_message`](crate::Client::delete_message), or
    /// [`Client::delete_damaged`](crate::Client::delete_damaged) with its row.
    Message(Conversation),
    /// An upload of a file. It is lost: call
    /// [`Client::delete_damaged`](crate::Client::delete_damaged) with its row, and send the file
    /// again.
    Upload,
    /// A promise about a report, or the last receipt. It is lost: call
    /// [`Client::delete_damaged`](crate::Client::delete_damaged) with its row in
    /// [`Client::promises`](crate::Client::promises) or
    /// [`Client::account_receipts`](crate::Client::account_receipts).
    Promise,
}

impl<E: std::error::Error + 'static> StateError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::Damaged(Damage::Account | Damage::Group(_)) => Advice::Damaged,
            Self::Damaged(Damage::PreKeys) => Advice::ResetPreKeys,
            Self::Damaged(Damage::Peer(_)) => Advice::ResetPeer,
            Self::Damaged(Damage::Message(_) | Damage::Upload) => Advice::DeleteMessage,
            Self::Damaged(Damage::Promise) => Advice::ForgetPromise,
            Self::Store(_) => Advice::Retry,
        }
    }
}

/// An error of a call, which may be the store's.
pub(crate) trait OfStore<E> {
    /// The store's error.
    fn of_store(&self) -> Option<&E>;
}

impl<E: std::error::Error + 'static> OfStore<E> for StateError<E> {
    fn of_store(&self) -> Option<&E> {
        match self {
            Self::Store(error) => Some(error),
            Self::Damaged(_) => None,
        }
    }
}

macro_rules! of_store {
    ($($error:ident),*) => {$(
        impl<E: std::error::Error + 'static> OfStore<E> for super::$error<E> {
            fn of_store(&self) -> Option<&E> {
                match self {
                    Self::State(error) => error.of_store(),
                    _ => None,
                }
            }
        }
    )*};
}
of_store!(
    OpenAccountError,
    PublishError,
    PeerError,
    StartError,
    SendError,
    ConfirmError,
    ReceiveError,
    ReportError,
    KeepPromiseError,
    VerifyReceiptError,
    TakeRosterError,
    RetargetError,
    AccountKeyError,
    HistoryError,
    SettingError,
    LeaveError,
    EditRosterError,
    LinkDeviceError,
    JoinError,
    EditGroupError,
    InviteError,
    GroupNewsError
);
#[cfg(feature = "courier")]
of_store!(AppealError);
