//! Waxseal is end-to-end encrypted messaging in which a recipient can show the provider a message
//! it received. The provider can check that exactly this content came from exactly this sender.
//!
//! The main type is [`Client`]: one device of one account, with its conversations.
//!
//! ```rust
//! use waxseal::{Disclosure, Reason, Received};
//! # use waxseal_world::{NOW as now, Provider};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (rng, mut provider) = (&mut rand::rng(), Provider::new(7));
//! # let (mut alice, mut bob) = (provider.register("alice"), provider.register("bob"));
//! # let (bob_id, devices) = (bob.me().account.clone(), [alice.me().clone(), bob.me().clone()]);
//! # provider.show_roster(&mut bob, &devices[0].account);
//! # let bobs = provider.bundles(&bob_id);
//! # let relay = |envelope: &[u8]| provider.relay_as(&devices[0], &devices[1], envelope).0;
//! # let reviewers = provider.moderation.public_key();
//! alice.start(&bob_id, &bobs, now, rng)?; // once, with Bob's devices and their prekeys
//! let sent = alice.send(&bob_id, "I know where you live.", now, rng)?;
//! let delivery = relay(&sent.envelope); // the provider stamps the sealed envelope
//!
//! let Received::Message { from, message, .. } = bob.receive(&delivery)? else { return Ok(()) };
//! assert_eq!(message.text(), Some("I know where you live."));
//! let shown = [(*message.id(), Disclosure::Whole)]; // if Bob chooses to report it
//! let draft = bob.draft_report(&from, Reason::Threat, shown)?;
//! let report = bob.report(&draft, reviewers, rng)?;
//! # let verified = provider.verify(&report.report).unwrap();
//! # assert_eq!(verified.messages()[0].content().unwrap().as_text(), message.text());
//! # Ok(())
//! # }
//! ```
//!
#![cfg_attr(
    feature = "courier",
    doc = "[`Courier`] does most of what follows: it stands between a [`Client`] and its provider."
)]
#![cfg_attr(
    not(feature = "courier"),
    doc = "`Courier` (feature `courier`) does most of what follows: it stands between a [`Client`] and its provider."
)]
//!
//! # What an application does
//!
//! | when | call | then |
//! |---|---|---|
//! | first start | [`create`], [`publish_prekeys`] | upload roster, prekeys; [`confirm_prekeys`] |
//! | every start | [`open`], [`outbox`], [`pending_reports`] | send again what these return |
//! | an upload was lost | [`publish_prekeys`] | upload what it returns |
//! | after an update | [`waiting`] | [`start`], or [`seal_waiting`] if there is a session |
//! | a message to a new peer, without a network | [`hold`] | [`upkeep`] |
//! | a new peer | [`start`], with the roster and prekeys the provider hands out | |
//! | before writing | [`missing`] | [`start`] with the devices that it names |
//! | writing | [`send`], [`mark`] | upload the envelope, [`confirm`] the relay's receipt |
//! | the relay names other devices | [`retarget`] | upload what it returns |
//! | a delivery arrives | [`receive`] | show the message, acknowledge the delivery |
//! | the provider hands out a roster | [`take_roster`] | |
//! | a roster was taken, a message received | [`notices`] | show them, [`dismiss`] |
//! | many deliveries waited | [`receive_many`] | as for each delivery |
//! | all deliveries were received | [`upkeep`] | do what it returns |
//! | a message was shown | [`opened`], if others may know | |
//! | the user reads a conversation | [`mark_read`] | the user's other devices know |
//! | the user changes a setting | [`set_setting`] | the same |
//! | this device was linked | [`ask_history`] | [`import_history`] for each chunk |
//! | a linked device asks for the history | [`offer_history`], if agreed | each [`history_chunk`] |
//! | the provider dropped deliveries | [`want_shared`] | |
//! | the user blocks an account | [`block`] | what it sends is dropped |
//! | strangers wrote | [`requests`], [`nudges`] | [`accept_contact`], [`decline`] or [`block`] |
//! | the user blocks and reports | [`block_and_report`] | upload it, [`confirm_report`] |
//! | the user forwards a message | [`forward`] | post what it returns |
//! | each sign-in | [`check_mark`] with the relay's mark | if the store was set back: new prekeys |
//! | each sign-in | [`check_clock`] with the relay's time | |
//! | a record is damaged | [`reset_peer`], [`reset_prekeys`], [`delete_damaged`] | |
//! | once in a while | [`due`] | [`delete_message`] for each |
//! | the user deletes a conversation | [`delete_conversation`] | [`compact`], now or later |
//! | the user deletes a contact | [`forget_contact`] | [`compact`], now or later |
//! | the relay refuses a message for good | [`delete_message`] | |
//! | the user reports | [`draft_report`], [`preview`], [`report`] | upload it, [`confirm_report`] |
//! | the intake answers a report | [`keep_promise`] | [`promises`] tells which are overdue |
//! | the provider gives a receipt | [`verify_receipt`] | show what it tells and contradicts |
//! | a new device joins | [`linking`] | register it |
//! | each sign-in | [`renew_roster`], [`pending_roster`] | post the roster, [`confirm_roster`] |
//! | the provider refuses a roster | [`rebase_roster`] | post what it returns |
//! | the user removes a device | [`remove_device`] | post the roster, [`confirm_roster`] |
//! | a manager was stolen | [`take_over`], with the recovery secret | as after a removal |
//! | all devices were lost | [`recover`], with the recovery secret | register with the roster |
//! | users meet | [`safety_number`] | compare or scan |
//! | the user founds a group | [`create_group`] | post the entry, [`confirm_entry`] |
//! | the user invites to a group | [`invite`] | send it like a message |
//! | the user accepts an invitation | [`accept_invitation`] | send it like a message |
//! | an upkeep names a group | [`take_group_news`], with what the provider hands out | |
//! | after an upkeep | [`pending_entries`] | post each, [`confirm_entry`] |
//!
//! [`create`]: Client::create
//! [`publish_prekeys`]: Client::publish_prekeys
//! [`confirm_prekeys`]: Client::confirm_prekeys
//! [`open`]: Client::open
//! [`outbox`]: Client::outbox
//! [`waiting`]: Client::waiting
//! [`seal_waiting`]: Client::seal_waiting
//! [`pending_reports`]: Client::pending_reports
//! [`start`]: Client::start
//! [`hold`]: Client::hold
//! [`missing`]: Client::missing
//! [`retarget`]: Client::retarget
//! [`take_roster`]: Client::take_roster
//! [`notices`]: Client::notices
//! [`dismiss`]: Client::dismiss
//! [`check_clock`]: Client::check_clock
//! [`send`]: Client::send
//! [`confirm`]: Client::confirm
//! [`receive`]: Client::receive
//! [`receive_many`]: Client::receive_many
//! [`upkeep`]: Client::upkeep
//! [`opened`]: Client::opened
//! [`mark_read`]: Client::mark_read
//! [`set_setting`]: Client::set_setting
//! [`ask_history`]: Client::ask_history
//! [`import_history`]: Client::import_history
//! [`offer_history`]: Client::offer_history
//! [`history_chunk`]: Client::history_chunk
//! [`want_shared`]: Client::want_shared
//! [`block`]: Client::block
//! [`requests`]: Client::requests
//! [`nudges`]: Client::nudges
//! [`accept_contact`]: Client::accept_contact
//! [`decline`]: Client::decline
//! [`block_and_report`]: Client::block_and_report
//! [`forward`]: Client::forward
//! [`check_mark`]: Client::check_mark
//! [`mark`]: Client::mark
//! [`reset_peer`]: Client::reset_peer
//! [`reset_prekeys`]: Client::reset_prekeys
//! [`delete_damaged`]: Client::delete_damaged
//! [`delete_message`]: Client::delete_message
//! [`due`]: Client::due
//! [`delete_conversation`]: Client::delete_conversation
//! [`forget_contact`]: Client::forget_contact
//! [`compact`]: Client::compact
//! [`draft_report`]: Client::draft_report
//! [`report`]: Client::report
//! [`confirm_report`]: Client::confirm_report
//! [`keep_promise`]: Client::keep_promise
//! [`promises`]: Client::promises
//! [`verify_receipt`]: Client::verify_receipt
//! [`safety_number`]: Client::safety_number
//! [`renew_roster`]: Client::renew_roster
//! [`pending_roster`]: Client::pending_roster
//! [`confirm_roster`]: Client::confirm_roster
//! [`rebase_roster`]: Client::rebase_roster
//! [`remove_device`]: Client::remove_device
//! [`take_over`]: Client::take_over
//! [`recover`]: Client::recover
//! [`create_group`]: Client::create_group
//! [`invite`]: Client::invite
//! [`accept_invitation`]: Client::accept_invitation
//! [`take_group_news`]: Client::take_group_news
//! [`pending_entries`]: Client::pending_entries
//! [`confirm_entry`]: Client::confirm_entry
//! [`preview`]: ReportDraft::preview
//!
//! Every error has an `advice()` that tells what to do next: fetch a bundle, ask again, warn of an
//! identity change, drop, keep or retry ([`Advice`]).
//!
//! # Several devices
//!
//! An account has up to eight devices, each with an identity and a store of its own. Its *account
//! key* names *managers* among them, and a manager signs the [roster](Roster): the list of devices.
//! Peers pin the account key, so a new device changes no safety number. A provider can add none.
//! A message goes to every device of the peer and to the other devices of the own account, under
//! one identifier. Each of them stores it and can report it. [`linking`] adds a device. The
//! [specification](spec) says what each device checks.
//!
//! # Strangers
//!
//! Messages of an account that the user has not accepted are a [request](Client::requests). It is
//! bounded in messages and bytes, and so is everything else that strangers can make a device store,
//! whatever they send. Until the user decides, the account is told nothing, and its files have no
//! previews. [`Client::nudges`] has what an application may want to tell its user, from what is in
//! the store.
//!
//! # What the provider answers for
//!
//! A provider that runs a transparency log answers each report with a promise: a signed note that
//! its log will contain an entry about the report. [`Client::keep_promise`] checks that it is about
//! exactly the report that was sent, and keeps it. Later a receipt shows entries of the log: that
//! the report arrived, each time that it was opened, and what was decided.
//! [`Client::verify_receipt`] verifies it offline. [`Client::promises`] lists which promises wait,
//! which are included, and which are overdue, with evidence that names no user.
//! [`Client::account_receipts`] lists what was decided about this account, in each case. All of it
//! needs the keys of the log ([`log::keys::LogKeys`]), which the application pins.
//!
//! # Where a message is
//!
//! [`Message::status`] tells where a sent message is: waiting, accepted by the relay, delivered
//! (the peer's device opened and stored it), opened (the peer's application showed it), or not
//! delivered. Only the peer's device can say that a message was delivered or opened, and it tells
//! only accounts that its user accepted. A message that a device cannot open is asked for and
//! sealed again by [`Client::upkeep`], at most three times, under the same identifier. It is shown
//! once, and can be reported.
//!
//! The caller passes randomness and time. Pass the current time and a cryptographically secure
//! generator:
//!
//! - For keys that live long, pass the system's generator: `UnwrapErr(SysRng)` with `rand`. These
//!   are the keys that [`Client::create`], [`Client::publish_prekeys`], [`Client::rotate_prekeys`],
//!   `DeliveryKey::generate` and `StoreKey::generate` draw.
//! - For messages, `rand::rng()` is several times faster. It keeps its state in memory, which a
//!   fork copies: parent and child then draw the same keys. A process that forks must call
//!   `rand::rng().reseed()` in the child before anything else, or pass the system's generator
//!   everywhere. The same holds for a virtual machine whose memory is cloned or restored.
//!
//! After a fork, only one of the two processes may go on using a [`Client`].
//!
//! # What survives a crash
//!
//! Each call commits one [`Transaction`](store::Transaction) to the [`Store`] before it returns
//! anything that depends on it. A sent envelope is in the outbox before the call returns it. A
//! received message is stored before the application can show or acknowledge it. With a store that
//! commits durably, no message key is used twice and no acknowledged message is lost. A deletion of
//! a conversation commits several transactions, and goes on after a crash.
#![cfg_attr(
    feature = "sqlite",
    doc = "[`SqliteStore`] is such a store: one file, sealed under a key that the application keeps."
)]
#![cfg_attr(
    not(feature = "sqlite"),
    doc = "The feature `sqlite` adds `SqliteStore`: a single file, sealed under a key that the application keeps."
)]
//! [`conformance`] tests a store of your own.
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | none, the default | [`Client`], with everything but a durable store |
//! | `courier` | `Courier`: delivery policy without I/O, over the provider interface |
//! | `transport` | `Transport`: runs a `Courier` over HTTPS; needs a C compiler |
//! | `sqlite` | `SqliteStore`; compiles SQLite, so it needs a C compiler |
//!
//! # Underneath
//!
//! [`core`] encrypts, and knows nothing of reporting. [`reporting`] contains franking (a commitment
//! to each message's content), the provider's stamps, and reports. It works over any
//! [channel](reporting::sender::SealingChannel) and does not depend on `core`. A provider depends
//! on `waxseal-reporting` alone.
//!
#![doc = include_str!("cookbook.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod channel;
mod client;
pub mod conformance;
mod conversation;
#[cfg(feature = "courier")]
pub mod courier;
mod error;
pub mod files;
mod labels;
pub mod linking;
mod records;
mod roster_edit;
#[cfg(feature = "sqlite")]
mod sqlite;
pub mod store;
pub mod sync;
#[cfg(feature = "transport")]
pub mod transport;

pub use channel::{SessionOpener, SessionSealer};
pub use client::{
    AcceptedEntry, Bundles, Client, ConversationHealth, DamagedRow, DeviceBundle, Direction, Draft,
    ForwardLimits, GroupInfo, GroupMember, GroupMismatch, GroupNews, GroupStanding, GroupStep,
    GroupUpdate, HistoryChunk, HistoryExport, HistoryImport, HistoryProgress, KeptPromise,
    KeptReceipt, Leaving, LinkUnderWay, MAX_ALL_REQUESTS_BYTES, MAX_FORWARDED_TO,
    MAX_OFTEN_FORWARDED_TO, MAX_RECEIVED_AT_ONCE, MAX_REQUEST_BYTES, MAX_REQUEST_MESSAGES,
    MAX_REQUESTS, Message, Mismatch, NotDelivered, Notice, Nudge, Outgoing, OutgoingEntry,
    OutgoingReport, Page, PeerState, PromiseState, REQUEST_DAYS, Rebased, Received, Recreated,
    ReportId, Request, RosterChange, SetBack, Started, Status, Synced, Upkeep, Waiting,
    WantedBundles, Welcome, WholeGroup,
};
pub use conversation::Conversation;
#[cfg(feature = "courier")]
pub use courier::Courier;
pub use error::Advice;
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteError, SqliteStore, StoreKey};
pub use store::{MemoryStore, Store};

pub use waxseal_core::{IdentityKey, PostQuantumStop, PreKeyUpload, SafetyNumber, Scan};
pub use waxseal_reporting::message::{
    Attachment, AttachmentKey, Content, PayloadHeader, UnknownAttachment, WholeFile,
};
pub use waxseal_reporting::recipient::Evidence;
pub use waxseal_reporting::relay::DeliveryKey;
pub use waxseal_reporting::reporter::{
    Disclosure, ModerationPublicKey, Preview, PreviewMessage, PreviewPart, Reason, ReportDraft,
};
pub use waxseal_reporting::{AccountId, DeviceAddress, DeviceId, FrankingTag, Timestamp};
pub use waxseal_roster::group::{GroupId, GroupPolicy};
pub use waxseal_roster::{AccountKey, Roster};

/// Why the own roster cannot be changed in a certain way.
pub use roster_edit::EditError;

/// The error types of [`Client`] calls, one enum per operation. Each error has an `advice()`: see
/// [`Advice`].
pub mod errors {
    pub use crate::error::{
        AccountKeyError, BundleProblem, ConfirmError, Damage, EditGroupError, EditRosterError,
        ForwardError, GroupNewsError, HistoryError, InviteError, JoinError, KeepPromiseError,
        LeaveError, LinkDeviceError, OpenAccountError, PeerError, PublishError, ReceiveError,
        ReferenceError, ReportError, RetargetError, SendError, SettingError, StartError,
        StateError, TakeRosterError, VerifyReceiptError,
    };
    #[cfg(feature = "courier")]
    pub use crate::error::{
        AppealError, ForwardFileError, ResumeUploadError, SaveFileError, SendFileError,
    };
}

/// What messages show: their present text, reactions, and how long they are shown.
pub mod view {
    pub use crate::client::{
        Due, Expiry, ForwardLabel, MessageView, OFTEN_FORWARDED, REPORT_GRACE_MS, ViewReaction,
        ViewState,
    };
}

/// The encrypted sessions on which [`Client`] is built, for applications that bring their own
/// storage or reporting.
pub use waxseal_core as core;
/// The provider's transparency log: the keys to pin, promises, and what receipts tell.
pub use waxseal_log as log;
/// The provider's and the reviewers' side, and the types that a client's messages are made of.
pub use waxseal_reporting as reporting;
/// Accounts with several devices: account keys, and rosters of devices that managers sign.
pub use waxseal_roster as roster;

#[doc = include_str!("../SPEC.md")]
pub mod spec {}

/// Runs the examples of this package's README as tests.
#[cfg(all(doctest, feature = "sqlite"))]
#[doc = include_str!("../README.md")]
struct PackageReadme;
