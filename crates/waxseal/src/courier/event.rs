//! What the courier tells the application.

use waxseal_interface::{ErrorCode, ModerationKeyChange};
use waxseal_log::keys::LogKeys;
use waxseal_reporting::intake::ReportId as SubmittedId;
use waxseal_reporting::{AccountId, DeviceAddress, DeviceId, FrankingTag, Timestamp};

use waxseal_roster::group::GroupId;

pub use self::failure::{GroupFailure, LinkFailure, Trouble};
use super::desk::{ReceiptAbout, ReceiptNews};
use super::files::{DownloadId, FileFailure, Transfer};
use crate::client::courier::decisions::KeptAppeal;
use crate::client::courier::uploads::{UploadId, WantedFile};
use crate::client::{
    DamagedRow, GroupUpdate, HistoryProgress, KeptPromise, Message, NotDelivered, Notice, ReportId,
    SetBack, Synced,
};
use crate::conversation::Conversation;
use crate::error::Damage;
use crate::linking::LinkDigits;
use crate::roster_edit::EditError;

/// Something that happened, for the application to show or to act on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The keys of the relay were pinned at the first contact. Let the user compare them with those
    /// that the provider publishes.
    Pinned {
        /// The fingerprint of the relay key.
        relay: String,
        /// The fingerprint of the moderation key.
        moderation: String,
    },
    /// The provider has registered this device, or its new delivery key.
    Registered,
    /// The store is older than what this device once posted: it comes from a backup, or a disk lost
    /// what was written last. Messages since then are missing here: tell the user. Everything goes
    /// on by itself.
    SetBack(SetBack),
    /// The relay has delivered everything that waited for this device.
    CaughtUp,
    /// A message arrived. It is stored, and can be reported. If [`Message::is_request`] says so,
    /// the user has not accepted its sender: see [`Client::requests`](crate::Client::requests).
    Message {
        /// The conversation that the message is in.
        conversation: Conversation,
        /// The account that sent the message.
        from: AccountId,
        /// The message, as it is stored.
        message: Box<Message>,
        /// Whether the sender's clock agrees with the relay's. If not, show the relay's time.
        sent_time_agrees: bool,
        /// Whether the sending device is no longer among those of its account. The relay accepted
        /// the message before this device learnt of that. Show it.
        from_removed_device: bool,
    },
    /// Another device of this account sent a message, and this is the copy. It is stored, and can
    /// be reported.
    Sent {
        /// The conversation that the message is for.
        to: Conversation,
        /// The message, as it is stored.
        message: Box<Message>,
    },
    /// Another device of this account told something that all of them share, such as what was read.
    /// It is stored and carried out. Of [`Synced::HistoryWanted`], ask the user, and call
    /// [`Courier::give_history`](super::Courier::give_history).
    Synced {
        /// The device that told it.
        device: DeviceId,
        /// What is new here.
        changes: Vec<Synced>,
    },
    /// A part of the history came for which [`Courier::ask_history`](super::Courier::ask_history)
    /// asked.
    History(HistoryProgress),
    /// The relay accepted a message of this device.
    Accepted {
        /// The conversation that the message is for.
        to: Conversation,
        /// The message's identifier.
        id: FrankingTag,
    },
    /// A peer's device opened and stored messages of this device.
    Delivered {
        /// The conversation that the messages are in.
        to: Conversation,
        /// The account of the peer's device.
        by: AccountId,
        /// The messages.
        ids: Vec<FrankingTag>,
    },
    /// A peer's application showed messages of this device.
    Opened {
        /// The conversation that the messages are in.
        to: Conversation,
        /// The account of the peer's device.
        by: AccountId,
        /// The messages.
        ids: Vec<FrankingTag>,
    },
    /// A message that the relay had accepted did not arrive, and is not sealed again. It stays in
    /// the history.
    NotDelivered {
        /// The conversation that the message is for.
        to: Conversation,
        /// The message's identifier.
        id: FrankingTag,
        /// Why it counts as not delivered.
        reason: NotDelivered,
    },
    /// The relay refused a message for good. It is deleted from the history: this is the only copy.
    GivenUp {
        /// The conversation that the message is for.
        to: Conversation,
        /// The message. `None` if it could not be read.
        message: Option<Box<Message>>,
        /// The relay's reason.
        code: ErrorCode,
    },
    /// A group changed: its members, who of them is an admin, or who may write. Or this account is
    /// in it now, or not any more. [`steps`](GroupUpdate::steps) says who changed what. Also tells
    /// that the relay has what this device changed.
    ///
    /// Invitations, acceptances, another title, and that a member leaves are messages.
    Group(Box<GroupUpdate>),
    /// Something about a group went wrong.
    GroupFailed {
        /// The group.
        group: GroupId,
        /// What went wrong.
        why: GroupFailure,
    },
    /// The user is to be told something about an account: it has other devices, another account
    /// key, or rosters that contradict each other. It is told once in each process, until
    /// [`Client::dismiss`](crate::Client::dismiss) deletes it.
    ///
    /// With [`Notice::IdentityChanged`], nothing is sent to the account and nothing of it is shown
    /// until [`Courier::accept_identity`](super::Courier::accept_identity). Warn the user, who asks
    /// the peer in another way and compares the safety number.
    Notice(Notice),
    /// The relay says that this device was removed from its account, or
    /// [left](super::Courier::leave) it. The courier asks for nothing more, until
    /// [`Courier::try_now`](super::Courier::try_now) or the next start. Tell the user: the device
    /// can be linked again, in an empty store.
    Removed,
    /// A session with a device was started.
    Started {
        /// The device: a peer's, or another one of this account.
        device: DeviceAddress,
        /// Whether the relay gave a one-time prekey. Without one, someone who steals the device's
        /// keys before it answers could read what was sent until then.
        has_one_time: bool,
        /// Whether the relay held one-time prekeys back because too many were asked for.
        held_back: bool,
    },
    /// The relay dropped messages for this device, because they waited for too long, or too many
    /// waited. Tell the user that messages may be missing. If one waited for 29 days, sessions
    /// start over with the next message to each peer, at most once a day.
    QueueExpired {
        /// No dropped message was accepted before this time.
        from: Timestamp,
        /// No dropped message was accepted after this time.
        to: Timestamp,
    },
    /// This account wrote to as many accounts that do not know it as the relay allows in a day.
    /// A message to another one waits, and everything else goes on.
    StrangerBudget {
        /// The account that the message is for.
        to: AccountId,
        /// When the relay may take the message.
        until: Timestamp,
        /// What the provider asks of the user to take it at once, such as an address to open. Its
        /// text is the provider's. What the user gets there goes to
        /// [`Courier::answer_challenge`](super::Courier::answer_challenge).
        challenge: Option<String>,
    },
    /// The relay does not take the roster of this account. It is tried again every hour.
    RosterRefused(ErrorCode),
    /// A change of this account's devices that the relay had not taken cannot be made any more,
    /// because another device changed the account meanwhile.
    NotChanged(EditError),
    /// Show these digits, next to [`LINK_WARNING`](crate::linking::LINK_WARNING). The user types
    /// them into the new device.
    LinkDigits(LinkDigits),
    /// A new device has joined this account.
    Linked {
        /// Its number.
        device: DeviceId,
    },
    /// The link that [`Courier::link_device`](super::Courier::link_device) began is over, and no
    /// device has joined.
    LinkFailed(LinkFailure),
    /// The moderation key changed, and the pinned relay signed the new one. Reports go to its
    /// holders. Tell the user.
    ModerationKeyChanged(ModerationKeyChange),
    /// The provider accepted a report.
    ReportTaken {
        /// The report's identifier on this device.
        id: ReportId,
        /// The identifier that the provider gave it.
        submitted_as: SubmittedId,
        /// Whether everything in it was reported before, so that it counts once.
        duplicate: bool,
    },
    /// The keys of the log of the provider's desk were pinned. Let the user compare them with those
    /// that the provider publishes.
    LogPinned(Box<LogKeys>),
    /// The provider shows other keys of its log than those that are pinned. Neither promises nor
    /// receipts are verified until [`Courier::accept_log_keys`](super::Courier::accept_log_keys).
    /// Warn the user: the provider may show another log to this account than to others.
    LogKeysChanged {
        /// The pinned keys.
        before: Box<LogKeys>,
        /// The keys that the provider shows.
        now: Box<LogKeys>,
    },
    /// The provider promised that its log will contain the entry about a report. The promise is
    /// kept.
    Promised(Box<KeptPromise>),
    /// The provider answered a report with a promise that does not bind it. Suspect the provider.
    PromiseRefused {
        /// The report's identifier on this device.
        id: ReportId,
        /// The reason, for people.
        why: String,
    },
    /// The provider was asked for a receipt, and none shows the entry that it promised, although it
    /// must be in the log by now, also by the provider's own clock. [`KeptPromise::evidence`] is
    /// the evidence. Told once a day at most.
    PromiseOverdue(Box<KeptPromise>),
    /// A verified receipt shows something new: what was done with a report of this account, or what
    /// was decided about it. Look at the contradictions first.
    Receipt(Box<ReceiptNews>),
    /// The provider answered with a receipt that shows nothing. Suspect the provider.
    ReceiptRefused {
        /// What the receipt was asked for.
        about: ReceiptAbout,
        /// The reason, for people.
        why: String,
    },
    /// An appeal of this device is further: see [`KeptAppeal::state`].
    Appeal(Box<KeptAppeal>),
    /// A part of a file was posted or fetched. Told at most once for each part.
    FileProgress {
        /// The file.
        transfer: Transfer,
        /// How many bytes of it are there.
        done: u64,
        /// How many it has.
        of: u64,
    },
    /// The provider has a file, and its message is stored. It is posted like any other.
    FileSent {
        /// The upload, which has ended.
        upload: UploadId,
        /// The conversation that the message is for.
        to: Conversation,
        /// The message's identifier.
        message: FrankingTag,
    },
    /// A received file is whole and durable in its target.
    FileSaved {
        /// The download, which has ended.
        download: DownloadId,
        /// The conversation that the message is in.
        conversation: Conversation,
        /// The message.
        message: FrankingTag,
        /// Which of its attachments it is.
        attachment: usize,
    },
    /// The provider lacks a file of a report that it accepted. If the user saved the file and
    /// agrees, call [`Courier::upload_again`](super::Courier::upload_again).
    FileWanted(WantedFile),
    /// The provider has a file again that it lacked.
    FileUploadedAgain {
        /// The upload, which has ended.
        upload: UploadId,
        /// The file.
        file: WantedFile,
    },
    /// A file does not go on. [`FileFailure`] says what to do.
    FileFailed {
        /// The file.
        transfer: Transfer,
        /// Why.
        why: FileFailure,
    },
    /// A message is left out of a report, because no one can verify a report of it any more.
    LeftOut {
        /// The report's identifier on this device.
        id: ReportId,
        /// The message.
        message: FrankingTag,
    },
    /// The moderators lost the key of a report, or replaced it before they read the report. It is
    /// sealed again and submitted.
    ReportSealedAgain {
        /// The report's identifier on this device.
        id: ReportId,
    },
    /// A report was given up.
    ReportGivenUp {
        /// The report's identifier on this device.
        id: ReportId,
        /// The relay's reason. `None` if its messages are gone or too old.
        code: Option<ErrorCode>,
    },
    /// A message of a peer did not open. Its author is asked to seal it again, and it may come
    /// later.
    AskedAgain {
        /// The sender that the relay names.
        from: Option<AccountId>,
    },
    /// A delivery was dropped, because it can never open and its author cannot be asked for it.
    Dropped {
        /// The sender that the relay names.
        from: Option<AccountId>,
        /// The reason, for people.
        why: String,
    },
    /// A message has expired. Do not show it any more: it is wiped later, and can be reported until
    /// then.
    Expired {
        /// The conversation that the message was in.
        conversation: Conversation,
        /// The message's identifier.
        id: FrankingTag,
    },
    /// A record of the store cannot be read. [`Damage`] says which call resets it. The rest goes
    /// on.
    Damaged(Damage),
    /// Rows of a list cannot be read. [`Client::delete_damaged`](crate::Client::delete_damaged)
    /// deletes them. The rest goes on.
    DamagedRows(Vec<DamagedRow>),
    /// The provider cannot be reached, or does not do what it should. Told once, until it does. The
    /// courier tries again by itself.
    Trouble(Trouble),
}

mod failure;
