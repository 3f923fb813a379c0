//! End-to-end encrypted messaging in which a recipient, and only a recipient, can show the provider a message it
//! received, and the provider can check that exactly this content came from exactly this sender.
//!
//! ```rust
//! use waxseal::reporting::{Audience, Delivery, Envelope, ModerationKeyPair, Report, StampKeys, accept, review};
//! use waxseal::{AccountId, Client, DeliveryKey, DeviceId, Disclosure, MemoryStore, Reason, Received, DeviceAddress, Timestamp};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (rng, now) = (&mut rand::rng(), Timestamp::from_millis(1_795_000_000_000));
//! let device = |name| DeviceAddress::new(AccountId::new(name).unwrap(), DeviceId(1));
//! let (alice_key, bob_key) = (DeliveryKey::generate(rng), DeliveryKey::generate(rng)); // agreed with the provider
//! let mut alice = Client::create(MemoryStore::new(), device("alice"), alice_key, rng)?;
//! let mut bob = Client::create(MemoryStore::new(), device("bob"), bob_key.clone(), rng)?;
//! let bob_id = bob.me().account.clone();
//!
//! let prekeys = bob.publish_prekeys(0, rng)?; // the provider hands them out
//! alice.start(&bob_id, &prekeys.base, Some(&prekeys.one_time[0]), rng)?;
//! let sent = alice.send(&bob_id, "I know where you live.", now, rng)?;
//!
//! let stamp_keys = StampKeys::generate("eu", now, rng)?; // the relay stamps what it cannot read
//! let envelope = Envelope::decode(&sent.envelope)?;
//! let claim = stamp_keys.stamp(envelope.tag(), alice.me(), &Audience::Direct(bob_id), now)?;
//! let delivery = Delivery::new(&claim, envelope, &bob_key)?.encode();
//!
//! let Received::Message { from, message, .. } = bob.receive(&delivery)? else { return Err("seen before".into()) };
//! let draft = bob.draft_report(&from, Reason::Threat, [(*message.id(), Disclosure::Whole)])?;
//! let moderation = ModerationKeyPair::generate(rng); // the reviewers' key
//! let report = bob.report(&draft, moderation.public_key(), rng)?.report;
//!
//! let accepted = accept(Report::decode(&report)?, &stamp_keys, &bob_key, now, &mut |_: &_| false)?; // reads nothing
//! let verified = review(accepted, &moderation)?; // holds no stamp keys
//! assert_eq!(verified.messages()[0].content().unwrap().as_text(), Some("I know where you live."));
//! # Ok(())
//! # }
//! ```
//!
//! # What an application does
//!
//! | when | call | then |
//! |---|---|---|
//! | first start | [`Client::create`], [`Client::publish_prekeys`] | upload the prekeys, then [`Client::confirm_prekeys`] |
//! | every start | [`Client::open`], [`Client::outbox`], [`Client::pending_reports`] | send again what was not confirmed; after a lost upload [`Client::publish_prekeys`] |
//! | writing to somebody new | [`Client::start`] with the bundle the provider hands out | |
//! | writing | [`Client::send`] | upload the envelope; the relay's receipt goes to [`Client::confirm`] |
//! | a delivery arrives | [`Client::receive`] | show the message, then acknowledge the delivery |
//! | a message expires or is refused for good | [`Client::delete_message`] | |
//! | the user reports | [`Client::draft_report`], show [`ReportDraft::preview`], [`Client::report`] | upload the report, then [`Client::confirm_report`] |
//! | users meet | [`Client::safety_number`] | compare or scan |
//!
//! Every error has an `advice()`: fetch a bundle, warn of an identity change, drop, keep, retry ([`Advice`]).
//!
//! Randomness and time are the caller's: pass a cryptographically secure generator (`rand::rng()` is one, and some
//! 25 times faster than asking the operating system each time) and the current time.
//!
//! # What survives a crash
//!
//! Each call commits one [`Transaction`] to the [`Store`] before anything that depends on it leaves the call: an
//! envelope is in the outbox before it is returned, a message is stored before it is shown and may be acknowledged.
//! With a store that commits durably, no message key is used twice and nothing acknowledged is lost.
#![cfg_attr(
    feature = "sqlite",
    doc = "[`SqliteStore`] is one: a single file, sealed under a key that the application keeps."
)]
#![cfg_attr(
    not(feature = "sqlite"),
    doc = "With the feature `sqlite` there is `SqliteStore`: a single file, sealed under a key that the application keeps."
)]
//! For stores of your own there is [`conformance`].
//!
//! # Underneath
//!
//! [`core`] is the encryption and knows nothing of reporting; [`reporting`] is franking, stamps and reports, works
//! over any [channel](reporting::SealingChannel), and links no session. A provider depends on `waxseal-reporting` alone.

mod channel;
mod client;
pub mod conformance;
mod error;
#[cfg(feature = "sqlite")]
mod labels;
mod records;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;

pub use channel::{SessionOpener, SessionSealer};
pub use client::{
    Client, ConversationHealth, Direction, Draft, Message, Outgoing, OutgoingReport, Received,
    ReportId,
};
pub use error::{
    Advice, ConfirmError, OpenAccountError, PeerError, PublishError, ReceiveError, ReportError,
    SendError, StartError, StateError,
};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteError, SqliteStore, StoreKey};
pub use store::{Change, Key, MAX_VALUE_LEN, MemoryStore, Store, Table, Transaction};

pub use waxseal_core::{IdentityKey, PostQuantumStop, PreKeyUpload, SafetyNumber, Scan};
pub use waxseal_reporting::{
    AccountId, Attachment, AttachmentKey, Content, DeliveryKey, DeviceAddress, DeviceId,
    Disclosure, Evidence, FrankingTag, ModerationPublicKey, PayloadHeader, Preview, PreviewMessage,
    PreviewPart, Reason, ReportDraft, Timestamp,
};

/// The sessions underneath, for applications that bring their own storage or reporting.
pub use waxseal_core as core;
/// The provider's and the reviewers' side, and everything the client side is made of.
pub use waxseal_reporting as reporting;

/// The examples of the package page run as tests.
#[cfg(all(doctest, feature = "sqlite"))]
#[doc = include_str!("../README.md")]
struct PackageReadme;
