//! What can go wrong in a client call, and what the application should do about it.
//!
//! Each error enum is named after what it reports, and each error has an `advice()`. Every call
//! can meet a damaged record or a failing store; that is [`StateError`], which all other errors
//! contain. A failed call has changed nothing, unless its variant says otherwise. After a failed
//! commit only the store knows whether the change was made.

#[cfg(feature = "courier")]
mod appeal;
#[cfg(feature = "courier")]
mod file;
mod forward;
mod group;
mod link;
mod promise;
mod receive;
mod report;
mod roster;
mod state;
mod sync;
mod view;

use waxseal_core::errors::{ChainSealError, EncryptError, HandshakeError, PreKeyError};
use waxseal_reporting::message::PayloadError;
use waxseal_reporting::recipient::DeliveryError;
use waxseal_reporting::sender::{GroupSealError, SealError};
use waxseal_reporting::{DecodeError, Timestamp};
use waxseal_roster::{AccountKey, DraftError as RosterDraftError, RosterError};

#[cfg(feature = "courier")]
pub use self::appeal::AppealError;
#[cfg(feature = "courier")]
pub use self::file::{ResumeUploadError, SaveFileError, SendFileError};
pub use self::forward::ForwardError;
#[cfg(feature = "courier")]
pub use self::forward::ForwardFileError;
pub use self::group::{EditGroupError, GroupNewsError, InviteError};
pub use self::link::{EditRosterError, JoinError, LinkDeviceError};
pub use self::promise::{KeepPromiseError, VerifyReceiptError};
pub use self::receive::ReceiveError;
pub(crate) use self::receive::{can_be_asked, can_be_asked_in_group};
pub use self::report::ReportError;
pub use self::roster::{AccountKeyError, BundleProblem, RetargetError, TakeRosterError};
pub(crate) use self::state::OfStore;
pub use self::state::{Damage, StateError};
pub use self::sync::{HistoryError, LeaveError, SettingError};
pub use self::view::ReferenceError;

/// What an application does after a failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Advice {
    /// Fetch the peer's roster and the prekey bundles of its devices, call
    /// [`Client::start`](crate::Client::start), then send again what could not be sent.
    FetchBundle,
    /// Keep the delivery without acknowledging it, and call
    /// [`Client::upkeep`](crate::Client::upkeep): it says whether to fetch the sender's roster, or
    /// news of the group, now. Then let the provider deliver again.
    FetchRoster,
    /// Nothing can be sent. Fetch the rosters of the peer and of the own account, and call
    /// [`Client::take_roster`](crate::Client::take_roster). If that does not help, tell the user:
    /// see [`Client::notices`](crate::Client::notices).
    FetchNewerRoster,
    /// Acknowledge the delivery to the provider, then call
    /// [`Client::upkeep`](crate::Client::upkeep): it asks the author to seal the message again.
    ///
    /// The client has noted the delivery, which will never open. If it was genuine, the two devices
    /// are out of step. Do not start a session because of it.
    ///
    /// The provider may have other prekeys than this device. So before the upkeep, and at most once
    /// an hour, upload what [`Client::republish_prekeys`](crate::Client::republish_prekeys)
    /// returns.
    AskAgain,
    /// Show the user that the peer's account key changed, and go on only after the user accepted
    /// it.
    WarnIdentityChange,
    /// Show the user that this device was removed from its account. It can be linked again.
    ShowRemoved,
    /// Acknowledge the delivery to the provider and forget it: trying again cannot help.
    Drop,
    /// Forget the delivery without acknowledging it, and let the provider deliver it again.
    ///
    /// The delivery may have been altered on the way, and acknowledging it would lose the genuine
    /// one. If the same delivery fails again and again, acknowledge it. If all deliveries fail,
    /// this device and the provider no longer agree on the delivery key.
    DeliverAgain,
    /// Keep the delivery or the report that failed, do not acknowledge it, and try again later.
    ///
    /// Something that it needs, such as an earlier message or a newer version of this library, may
    /// still arrive. A peer can make messages that never open: keep only a few per peer, for days.
    KeepAndRetry,
    /// Correct the application: it made a call that the documentation of the method forbids.
    ///
    /// Examples are creating an account in a store that holds one, sending content over its limits,
    /// and reporting a message that does not exist. The same call fails every time, so retrying
    /// cannot help, and there is nothing to fetch or to ask the user.
    FixCall,
    /// The store failed, and the call returned nothing to send. Reopen the client and try again.
    ///
    /// The message or report may have been stored nevertheless. Before trying again, look for it in
    /// [`Client::outbox`](crate::Client::outbox) or
    /// [`Client::pending_reports`](crate::Client::pending_reports). Otherwise it may be sent twice.
    Retry,
    /// Call [`Client::reset_peer`](crate::Client::reset_peer) with the account that
    /// [`Damage::Peer`] names, then as with [`Advice::FetchBundle`]. Do not acknowledge a delivery
    /// that failed.
    ResetPeer,
    /// Call [`Client::reset_prekeys`](crate::Client::reset_prekeys), and publish the new prekeys.
    /// Do not acknowledge a delivery that failed.
    ResetPreKeys,
    /// The message is lost. Call [`Client::delete_message`](crate::Client::delete_message) or, with
    /// its row, [`Client::delete_damaged`](crate::Client::delete_damaged).
    DeleteMessage,
    /// A kept promise, or a last receipt about this account, is lost. Delete its row as
    /// [`Damage::Promise`] says, then ask the provider for the promise or the receipt again.
    ForgetPromise,
    /// Ask the provider again for the promise or the receipt. If the answer is the same, tell the
    /// user that the provider does not answer for the report.
    AskProvider,
    /// Post [`Client::pending_roster`](crate::Client::pending_roster) to the provider, or the own
    /// roster if the provider has an older one. Then go on.
    PostRoster,
    /// Start linking over, with a new code of the new device.
    LinkAgain,
    /// The store holds something that this version cannot read. Restore the store or start over.
    Damaged,
}

/// Why an account could not be created or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenAccountError<E: std::error::Error + 'static> {
    /// The store already holds an account. Open it with [`Client::open`](crate::Client::open).
    #[error("the store already holds an account")]
    AlreadyExists,
    /// The store holds no account. Create one with [`Client::create`](crate::Client::create).
    #[error("the store holds no account")]
    NoAccount,
    /// No roster with this device can be made. Use an account name of the provider, and a device
    /// number above 0.
    #[error("no roster can be made")]
    Roster(#[from] RosterDraftError),
    /// A newer version of Waxseal laid out the store. Nothing was changed. Update the application.
    #[error("a newer version laid out the store")]
    Newer,
    /// The account's record could not be read or written.
    #[error(transparent)]
    State(#[from] StateError<E>),
}

/// Why there are no prekeys to publish.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError<E: std::error::Error + 'static> {
    /// The stored prekeys belong to another identity, or all their numbers are used up. Start over
    /// with a new account.
    #[error("no further prekeys can be made")]
    PreKeys(#[from] PreKeyError),
    /// The prekeys could not be read or written.
    #[error(transparent)]
    State(#[from] StateError<E>),
}

/// Why a question about a peer has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError<E: std::error::Error + 'static> {
    /// This device had no contact with the peer yet. Fetch the peer's prekey bundle and start a
    /// conversation, or wait for the peer's first message.
    #[error("no contact with this peer yet")]
    UnknownPeer,
    /// This store has no account key yet. Call
    /// [`Client::create_account_key`](crate::Client::create_account_key).
    #[error("this store has no account key yet")]
    NoAccountKey,
    /// This device is in no such group. Show the user that the group is not there.
    #[error("this device is in no such group")]
    NoGroup,
    /// The peer's record could not be read.
    #[error(transparent)]
    State(#[from] StateError<E>),
}

/// Why a conversation could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError<E: std::error::Error + 'static> {
    /// The roster does not verify. Fetch another one, and suspect the provider.
    #[error("the roster does not verify")]
    Roster(#[from] RosterError),
    /// The roster was not taken. See [`TakeRosterError`], which has the same variants.
    #[error(transparent)]
    NotTaken(TakeRosterError<E>),
    /// No bundle is usable. Fetch others, and suspect the provider.
    #[error("no bundle is usable")]
    Bundle(#[from] BundleProblem),
    /// The roster's account key is not the one pinned for this peer. Warn the user.
    #[error("the peer's account key changed")]
    IdentityChanged {
        /// The key in the roster.
        new: AccountKey,
    },
    /// This store has no account key yet, so the roster of the own account cannot be checked. Call
    /// [`Client::create_account_key`](crate::Client::create_account_key).
    #[error("this store has no account key yet")]
    NoAccountKey,
    /// Another session was started within the hour because the device refused messages. Call
    /// [`Client::restart`](crate::Client::restart) again at the given time.
    #[error("a session with this device was started within the hour")]
    TooSoon {
        /// When the next session may be started.
        until: Timestamp,
    },
    /// The peer's record could not be read or written.
    #[error(transparent)]
    State(#[from] StateError<E>),
}

/// Why a message could not be sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError<E: std::error::Error + 'static> {
    /// The recipient is this device's own account. Choose another one.
    #[error("the recipient is this device's own account")]
    OwnAccount,
    /// This device is in no such group. Show the user that the group is not there.
    #[error("this device is in no such group")]
    NoGroup,
    /// This account is no member of the group, or the provider does not have the group yet. Show it
    /// to the user.
    #[error("this account is no member of the group")]
    NotMember,
    /// Only admins write to the group, and this account is none. Show it to the user.
    #[error("only admins write to the group")]
    MayNotWrite,
    /// Members were shown different groups. Nothing is sent:
    /// [found another one](crate::Client::recreate_group).
    #[error("members were shown different groups")]
    GroupForked,
    /// Of some members no roster is known. Fetch the rosters of
    /// [`Client::members_without_roster`](crate::Client::members_without_roster), and call
    /// [`Client::take_group_rosters`](crate::Client::take_group_rosters).
    #[error("of some members no roster is known")]
    UnknownMembers,
    /// There are other members, and none would be an admin after this account left.
    /// [Make one](crate::Client::promote) first.
    #[error("the group would have no admin")]
    LastAdmin,
    /// There is nobody in the group but this device. Invite someone.
    #[error("there is nobody else in the group")]
    NobodyThere,
    /// The chain cannot seal the message. Send other content.
    #[error("the message cannot be sealed for the group")]
    Group(#[from] GroupSealError<ChainSealError>),
    /// There is no session with any device of the recipient: there was no contact yet, or a change
    /// of its account key was accepted. Fetch prekey bundles and call
    /// [`Client::start`](crate::Client::start).
    #[error("no session with the recipient")]
    NoSession,
    /// This store has no account key yet. Call
    /// [`Client::create_account_key`](crate::Client::create_account_key), and give the provider
    /// the roster.
    #[error("this store has no account key yet")]
    NoAccountKey,
    /// This device was removed from its account. Show it to the user.
    #[error("this device was removed from its account")]
    Removed,
    /// There are two rosters of one version, of the recipient or of the own account. Nothing is
    /// sent before a newer one arrives: see [`Client::notices`](crate::Client::notices).
    #[error("there are two rosters of one version")]
    RosterConflict,
    /// The content is too long or not well formed. Send other content.
    #[error("the content cannot be sent")]
    Content(#[from] PayloadError),
    /// The session cannot send. Start a new one.
    #[error("the session cannot send")]
    Session(#[from] SealError<EncryptError>),
    /// The message refers to another one, and cannot count for it. Tell the user.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// The upload of the message's file was cancelled, or the message is stored already. Show
    /// nothing.
    #[error("the upload of the message's file has ended")]
    UploadEnded,
    /// All 2^64 numbers of this conversation's messages, or of the outbox, are used up. No device
    /// reaches this by sending.
    #[error("the numbers of this conversation or of the outbox are used up")]
    NumbersUsedUp,
    /// The conversation could not be read or written.
    #[error(transparent)]
    State(#[from] StateError<E>),
}

/// Why a receipt was not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfirmError<E: std::error::Error + 'static> {
    /// The bytes are not a receipt. Let the relay send the receipt again.
    #[error("not a receipt")]
    Malformed(#[from] DecodeError),
    /// No sent message to this recipient waits for this receipt. Drop the receipt.
    #[error("no sent message waits for this receipt")]
    NotSent,
    /// The receipt does not authenticate: it was altered, or it belongs to another device or
    /// message. Let the relay send it again.
    #[error("the receipt does not authenticate")]
    Receipt(#[from] DeliveryError),
    /// The message could not be read or written.
    #[error(transparent)]
    State(#[from] StateError<E>),
}

impl<E: std::error::Error + 'static> OpenAccountError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::AlreadyExists | Self::NoAccount | Self::Roster(_) => Advice::FixCall,
            Self::Newer => Advice::Damaged,
            Self::State(error) => error.advice(),
        }
    }
}

impl<E: std::error::Error + 'static> PublishError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::PreKeys(_) => Advice::Damaged,
            Self::State(error) => error.advice(),
        }
    }
}

impl<E: std::error::Error + 'static> PeerError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::UnknownPeer => Advice::FetchBundle,
            Self::NoAccountKey | Self::NoGroup => Advice::FixCall,
            Self::State(error) => error.advice(),
        }
    }
}

impl<E: std::error::Error + 'static> StartError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::IdentityChanged { .. } => Advice::WarnIdentityChange,
            Self::Bundle(BundleProblem::Handshake(HandshakeError::OwnIdentity))
            | Self::NoAccountKey => Advice::FixCall,
            Self::Bundle(_) | Self::Roster(_) => Advice::FetchBundle,
            Self::TooSoon { .. } => Advice::KeepAndRetry,
            Self::NotTaken(error) => error.advice(),
            Self::State(error) => error.advice(),
        }
    }
}

impl<E: std::error::Error + 'static> SendError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::NoSession | Self::Session(_) | Self::NumbersUsedUp => Advice::FetchBundle,
            Self::Content(_) | Self::OwnAccount | Self::NoAccountKey | Self::NoGroup => {
                Advice::FixCall
            }
            Self::NotMember | Self::MayNotWrite | Self::GroupForked => Advice::FixCall,
            Self::NobodyThere | Self::LastAdmin | Self::Group(_) => Advice::FixCall,
            Self::UnknownMembers => Advice::FetchNewerRoster,
            Self::UploadEnded | Self::Reference(_) => Advice::FixCall,
            Self::Removed => Advice::ShowRemoved,
            Self::RosterConflict => Advice::FetchNewerRoster,
            Self::State(error) => error.advice(),
        }
    }
}

impl<E: std::error::Error + 'static> ConfirmError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::Malformed(_) | Self::Receipt(_) => Advice::DeliverAgain,
            Self::NotSent => Advice::Drop,
            Self::State(error) => error.advice(),
        }
    }
}
