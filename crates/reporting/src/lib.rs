//! Verifiable abuse reports for end-to-end encrypted messaging, over any encrypted channel.
//!
//! ```
//! use waxseal_reporting::*;
//! # use zeroize::Zeroizing;
//! # struct Toy; // No cipher at all, to keep the page short: use a ratchet.
//! # impl SealingChannel for Toy {
//! #     type Error = std::fmt::Error;
//! #     fn encrypt(&mut self, p: &[u8], _: &[u8], _: &mut impl rand_core::CryptoRng)
//! #         -> Result<Vec<u8>, Self::Error> { Ok(p.to_vec()) }
//! # }
//! # impl OpeningChannel for Toy {
//! #     type Error = std::fmt::Error;
//! #     fn decrypt(&mut self, c: &[u8], _: &[u8])
//! #         -> Result<Zeroizing<Vec<u8>>, Self::Error> { Ok(Zeroizing::new(c.to_vec())) }
//! # }
//! # let (mut to_bob, mut from_alice, now) = (Toy, Toy, Timestamp::from_millis(1_800_000_000_000));
//! # let mut rng = rand::rng();
//! let alice = DeviceAddress::new(AccountId::new("alice")?, DeviceId(1));
//! let bob = DeviceAddress::new(AccountId::new("bob")?, DeviceId(1));
//! let stamp_keys = StampKeys::generate("eu", now, &mut rng)?; // the relay and the intake
//! let bob_key = DeliveryKey::generate(&mut rng); // the provider and Bob's device
//! let moderation = ModerationKeyPair::generate(&mut rng); // the reviewers
//!
//! // Alice seals, the relay stamps what it cannot read, Bob opens.
//! let to = Audience::Direct(bob.account.clone());
//! let header = PayloadHeader::new(to.conversation(&alice.account), 0, now);
//! let sealed = seal(&mut to_bob, &alice, &Payload::text(header, "You have won!")?, &mut rng)?;
//! let claim = stamp_keys.stamp(sealed.envelope.tag(), &alice, &to, now)?;
//! let delivery = Delivery::new(&claim, sealed.envelope, &bob_key)?;
//! let opened = open(&mut from_alice, &delivery.authenticate(&bob_key, &bob.account)?)?;
//!
//! // Bob reports, the intake checks without reading, the reviewer reads without stamp keys.
//! let mut draft = ReportDraft::new(bob, Reason::Scam);
//! draft.add(opened.evidence(), Disclosure::Whole)?;
//! let report = draft.seal(&bob_key, moderation.public_key(), &mut rng)?;
//! let accepted = accept(report, &stamp_keys, &bob_key, now, &mut |_: &Nullifier| false)?;
//! let verified = review(accepted, &moderation)?;
//! assert_eq!(verified.messages()[0].sender(), &alice);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | step | who | takes | gives |
//! |---|---|---|---|
//! | [`seal`](seal()) | sender | [`Payload`] | [`Envelope`], [`SentMessage`] |
//! | [`StampKeys::stamp`] | relay | [`FrankingTag`] | [`Claim`], for [`Delivery`] and [`Receipt`] |
//! | [`open`](open()) | recipient | [`AuthenticDelivery`] | [`OpenedMessage`] with [`Evidence`] |
//! | [`ReportDraft::seal`] | reporter | [`Evidence`] | [`Report`] |
//! | [`accept`] | intake | [`Report`] | [`AcceptedReport`] |
//! | [`review`](review()) | reviewer | [`AcceptedReport`] | [`VerifiedReport`] |
//!
//! No clock, no randomness and no I/O of its own; no panic on any input. Formats, derivations, numbered checks
//! and limits: [`spec`].

mod address;
mod attachment;
mod channel;
mod codec;
mod content;
mod conversation;
mod delivery;
mod disclosure;
mod draft;
mod envelope;
mod evidence;
mod franked;
mod franking;
mod intake;
mod labels;
mod mac;
mod moderation;
mod open;
mod openings;
mod padding;
mod parts;
mod payload;
mod preview;
mod reason;
mod receipt;
mod rejection;
mod report;
mod review;
mod seal;
mod secret;
mod stamp;
mod stamp_keys;
#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may overflow")]
mod tests;
mod timestamp;
mod transcript;
mod wire;

pub use address::{AccountId, AccountIdError, DeviceAddress, DeviceId, MAX_ACCOUNT_LEN};
pub use attachment::{
    Attachment, AttachmentError, AttachmentKey, MAX_LOCATION_LEN, MAX_MEDIA_TYPE_LEN,
};
pub use channel::{OpeningChannel, SealingChannel};
pub use content::{Content, MAX_APPLICATION_KIND_LEN, MAX_REACTION_LEN};
pub use conversation::{Audience, ConversationId};
pub use delivery::{AuthenticDelivery, Delivery, DeliveryError, DeliveryKey, MAX_DELIVERY_LEN};
pub use disclosure::Disclosure;
pub use draft::{DraftError, ReportDraft};
pub use envelope::{Envelope, MAX_CHANNEL_OVERHEAD, MAX_CIPHERTEXT_LEN, MAX_ENVELOPE_LEN};
pub use evidence::{Evidence, MAX_EVIDENCE_LEN};
pub use franking::FrankingTag;
pub use intake::{
    AcceptanceKey, AcceptedReport, IntakeRecords, MAX_ACCEPTED_LEN, Nullifier, accept,
};
pub use moderation::{ModerationKeyId, ModerationKeyPair, ModerationPublicKey};
pub use open::{
    MAX_SENT_AHEAD_MS, MAX_SENT_BEFORE_MS, OpenError, OpenedMessage, UnstampedMessage, Withheld,
    open, open_unstamped,
};
pub use openings::{MAX_NOTE_LEN, MAX_REPORTED};
pub use parts::{MAX_PARTS, MAX_PAYLOAD_LEN, MIN_PARTS};
pub use payload::{Payload, PayloadError, PayloadHeader};
pub use preview::{Preview, PreviewMessage, PreviewPart};
pub use reason::{Reason, UnknownReason};
pub use receipt::{MAX_RECEIPT_LEN, Receipt};
pub use rejection::Rejection;
pub use report::{MAX_REPORT_LEN, Report};
pub use review::{VerifiedMessage, VerifiedPart, VerifiedReport, review};
pub use seal::{MAX_SENT_LEN, SealError, Sealed, SentMessage, seal};
pub use stamp::{Claim, EPOCH_MS, MAX_CONTEXT_LEN, Stamp, StampContext};
pub use stamp_keys::{
    MAX_CLOCK_SKEW_MS, MAX_EPOCHS_DESTROYED, MAX_EPOCHS_KEPT, MAX_REGION_LEN, StampError,
    StampKeys, StampKeysError,
};
pub use timestamp::Timestamp;
pub use transcript::{Contradiction, LastSeen};
pub use wire::{DecodeError, VERSION};

#[doc = include_str!("../SPEC.md")]
pub mod spec {}
