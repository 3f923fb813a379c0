//! Verifiable abuse reports for end-to-end encrypted messaging, over any encrypted channel. A
//! sender commits to one content, the relay stamps the commitment without reading it, and a
//! recipient can later prove chosen messages to the provider, in whole or in part.
//!
//! ```
//! # use waxseal_reporting::{*, message::*, sender::*, relay::*};
//! # use waxseal_reporting::{recipient::*, reporter::*, intake::*, reviewer::*};
//! # use zeroize::Zeroizing;
//! # struct Toy; // Encrypts nothing, to keep the page short: use a ratchet.
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
//! # let alice = DeviceAddress::new(AccountId::new("alice")?, DeviceId(1));
//! # let bob = DeviceAddress::new(AccountId::new("bob")?, DeviceId(1));
//! # let stamp_keys = StampKeys::generate("eu", now, &mut rng)?;
//! # let bob_key = DeliveryKey::generate(&mut rng);
//! # let moderation = ModerationKeyPair::generate(&mut rng);
//! # let audience = Audience::Direct(bob.account.clone());
//! # let header = PayloadHeader::new(audience.conversation(&alice.account), 0, now);
//! # let payload = Payload::text(header, "You have won!")?;
//! // Alice seals a message, the relay stamps what it cannot read, Bob opens it.
//! let sealed = seal(&mut to_bob, &alice, &payload, &mut rng)?;
//! let claim = stamp_keys.stamp(sealed.envelope.tag(), &alice, &audience, now)?;
//! let delivery = Delivery::new(&claim, sealed.envelope, &bob_key)?;
//! let opened = open(&mut from_alice, &delivery.authenticate(&bob_key, &bob.account)?)?;
//!
//! // Bob reports it to the provider.
//! let mut draft = ReportDraft::new(bob, Reason::Scam);
//! draft.add(opened.evidence(), Disclosure::Whole)?;
//! let report = draft.seal(&bob_key, moderation.public_key(), &mut rng)?;
//! # let accepted = accept(report, &stamp_keys, &bob_key, now, &mut |_: &Nullifier| false)?;
//! # let verified = review(accepted, &moderation)?;
//! # assert_eq!(verified.messages()[0].sender(), &alice);
//! # assert_eq!(verified.messages()[0].content(), Some(opened.content()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Each role has a module, in the order of a message's journey:
//!
//! | role | step | takes | gives |
//! |---|---|---|---|
//! | [`sender`] | [`seal`](sender::seal) | a [`Payload`] | an [`Envelope`] |
//! | [`relay`] | [`StampKeys::stamp`] | a [`FrankingTag`] | a [`Claim`] |
//! | [`recipient`] | [`open`](recipient::open) | a checked [`Delivery`] | content, [`Evidence`] |
//! | [`reporter`] | [`ReportDraft::seal`] | [`Evidence`] | a [`Report`] |
//! | [`intake`] | [`accept`](intake::accept) | a [`Report`] | an [`AcceptedReport`] |
//! | [`reviewer`] | [`review`](reviewer::review) | an [`AcceptedReport`] | a [`VerifiedReport`] |
//!
//! [`Payload`]: message::Payload
//! [`Envelope`]: relay::Envelope
//! [`StampKeys::stamp`]: relay::StampKeys::stamp
//! [`Claim`]: relay::Claim
//! [`Delivery`]: relay::Delivery
//! [`Evidence`]: recipient::Evidence
//! [`ReportDraft::seal`]: reporter::ReportDraft::seal
//! [`Report`]: reporter::Report
//! [`AcceptedReport`]: intake::AcceptedReport
//! [`VerifiedReport`]: reviewer::VerifiedReport
//!
//! The crate has no clock, no randomness and no I/O of its own, and does not panic on any input.
//! Formats, derivations, numbered checks and limits are in [`spec`].
//!
//! # Recipes
//!
//! ## Stamp in your own relay
//!
//! The relay authenticated Alice's device, which uploaded `uploaded` for Bob.
//!
//! ```
//! # use waxseal_reporting::{*, message::*, sender::*, relay::*};
//! # use waxseal_reporting::{recipient::*, reporter::*, intake::*, reviewer::*};
//! # let (now, mut rng) = (Timestamp::from_millis(1_800_000_000_000), rand::rng());
//! # let alice = DeviceAddress::new(AccountId::new("alice")?, DeviceId(1));
//! # let stamp_keys = StampKeys::generate("eu", now, &mut rng)?;
//! # let bob_key = DeliveryKey::generate(&mut rng);
//! # let alice_key = DeliveryKey::generate(&mut rng);
//! # let uploaded = [&[1, 0x0a, 0x20][..], &[0xaa; 32], &[0x12, 2, 0xbb, 0xbb]].concat();
//! let envelope = Envelope::decode(&uploaded)?;
//! let to = Audience::Direct(AccountId::new("bob")?);
//! let claim = stamp_keys.stamp(envelope.tag(), &alice, &to, now)?;
//! let for_alice = Receipt::new(&claim, &alice_key).encode();
//! let for_bob = Delivery::new(&claim, envelope, &bob_key)?.encode();
//! # assert!(Receipt::decode(&for_alice).is_ok() && Delivery::decode(&for_bob).is_ok());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ## Take a report in and review it
//!
//! The intake holds the stamp keys and the delivery keys; the reviewers hold the moderation key.
//!
//! ```
//! # use std::collections::HashSet;
//! # use waxseal_reporting::{*, message::*, sender::*, relay::*};
//! # use waxseal_reporting::{recipient::*, reporter::*, intake::*, reviewer::*};
//! # struct Toy;
//! # impl SealingChannel for Toy {
//! #     type Error = std::fmt::Error;
//! #     fn encrypt(&mut self, p: &[u8], _: &[u8], _: &mut impl rand_core::CryptoRng)
//! #         -> Result<Vec<u8>, Self::Error> { Ok(p.to_vec()) }
//! # }
//! # let (now, mut rng) = (Timestamp::from_millis(1_800_000_000_000), rand::rng());
//! # let alice = DeviceAddress::new(AccountId::new("alice")?, DeviceId(1));
//! # let bob = DeviceAddress::new(AccountId::new("bob")?, DeviceId(1));
//! # let stamp_keys = StampKeys::generate("eu", now, &mut rng)?;
//! # let (bob_key, moderation) =
//! #     (DeliveryKey::generate(&mut rng), ModerationKeyPair::generate(&mut rng));
//! # let acceptance_key = AcceptanceKey::generate(&mut rng);
//! # let to = Audience::Direct(bob.account.clone());
//! # let header = PayloadHeader::new(to.conversation(&alice.account), 0, now);
//! # let sealed = seal(&mut Toy, &alice, &Payload::text(header, "You have won!")?, &mut rng)?;
//! # let claim = stamp_keys.stamp(sealed.sent.tag(), &alice, &to, now)?;
//! # let mut draft = ReportDraft::new(bob, Reason::Scam);
//! # draft.add(&Evidence::unverified(claim, sealed.sent), Disclosure::Whole)?;
//! # let uploaded = draft.seal(&bob_key, moderation.public_key(), &mut rng)?.encode();
//! # let mut reported = HashSet::new();
//! let report = Report::decode(&uploaded)?; // the key of `report.reporter()` is `bob_key`
//! let known = &mut |nullifier: &Nullifier| reported.contains(nullifier);
//! let accepted = accept(report, &stamp_keys, &bob_key, now, known)?;
//! reported.extend(accepted.nullifiers());
//! let queued = accepted.encode(&acceptance_key);
//!
//! // On the reviewers' side:
//! let accepted = AcceptedReport::decode(&queued, &acceptance_key)?;
//! let verified = review(accepted, &moderation)?;
//! assert_eq!(verified.messages()[0].sender(), &alice);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ## Report a part of a message
//!
//! Part 0 is the header, which is always shown; part 1 is the content; parts 2 and up are the
//! attachments. This report shows the first attachment and withholds the text.
//!
//! ```
//! # use waxseal_reporting::{*, message::*, sender::*, relay::*};
//! # use waxseal_reporting::{recipient::*, reporter::*, intake::*, reviewer::*};
//! # struct Toy;
//! # impl SealingChannel for Toy {
//! #     type Error = std::fmt::Error;
//! #     fn encrypt(&mut self, p: &[u8], _: &[u8], _: &mut impl rand_core::CryptoRng)
//! #         -> Result<Vec<u8>, Self::Error> { Ok(p.to_vec()) }
//! # }
//! # let (now, mut rng) = (Timestamp::from_millis(1_800_000_000_000), rand::rng());
//! # let alice = DeviceAddress::new(AccountId::new("alice")?, DeviceId(1));
//! # let bob = DeviceAddress::new(AccountId::new("bob")?, DeviceId(1));
//! # let stamp_keys = StampKeys::generate("eu", now, &mut rng)?;
//! # let (bob_key, moderation) =
//! #     (DeliveryKey::generate(&mut rng), ModerationKeyPair::generate(&mut rng));
//! # let to = Audience::Direct(bob.account.clone());
//! # let header = PayloadHeader::new(to.conversation(&alice.account), 0, now);
//! # let key = AttachmentKey::from_bytes([7; 32]);
//! # let photo = Attachment::new("image/jpeg", b"photo", b"encrypted photo", key, "blob/1")?;
//! # let text = Content::Text("look".into());
//! # let payload = Payload::with_attachments(header, text, vec![photo])?;
//! # let sealed = seal(&mut Toy, &alice, &payload, &mut rng)?;
//! # let claim = stamp_keys.stamp(sealed.sent.tag(), &alice, &to, now)?;
//! # let evidence = Evidence::unverified(claim, sealed.sent);
//! let mut draft = ReportDraft::new(bob, Reason::Ncii);
//! draft.note("I never agreed to this.")?;
//! draft.add(&evidence, Disclosure::Parts(vec![2]))?;
//! // Show the user exactly what will leave the device, and ask.
//! let preview = draft.preview();
//! let shown: Vec<bool> = preview.messages()[0].parts().iter().map(|part| part.shown).collect();
//! assert_eq!(shown, [true, false, true]);
//! let report = draft.seal(&bob_key, moderation.public_key(), &mut rng)?;
//! # let accepted = accept(report, &stamp_keys, &bob_key, now, &mut |_: &Nullifier| false)?;
//! # assert_eq!(review(accepted, &moderation)?.messages()[0].content(), None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ## Bring your own channel
//!
//! `Ratchet` is yours. It must authenticate the associated data, decrypt a ciphertext only once,
//! and change its state only on success.
//!
//! ```
//! # use chacha20poly1305::aead::{Aead, Error, KeyInit, Payload as Input};
//! # use chacha20poly1305::{ChaCha20Poly1305, Nonce};
//! # use waxseal_reporting::{AccountId, Audience, DeviceAddress, DeviceId};
//! # use waxseal_reporting::message::Payload;
//! # use waxseal_reporting::Timestamp;
//! # use waxseal_reporting::message::PayloadHeader;
//! # use waxseal_reporting::recipient::open_unstamped;
//! # use waxseal_reporting::sender::seal;
//! # struct Ratchet { key: [u8; 32], next: u32 } // A counter for a ratchet: no forward secrecy.
//! # impl Ratchet {
//! #     fn step(&mut self) -> (ChaCha20Poly1305, Nonce) {
//! #         let mut nonce = [0; 12];
//! #         nonce[..4].copy_from_slice(&self.next.to_be_bytes());
//! #         (ChaCha20Poly1305::new(&self.key.into()), nonce.into())
//! #     }
//! #     fn ratchet_encrypt(&mut self, msg: &[u8], aad: &[u8]) -> Result<Vec<u8>, Error> {
//! #         let (cipher, nonce) = self.step();
//! #         self.next += 1;
//! #         cipher.encrypt(&nonce, Input { msg, aad })
//! #     }
//! #     fn ratchet_decrypt(&mut self, msg: &[u8], aad: &[u8]) -> Result<Vec<u8>, Error> {
//! #         let (cipher, nonce) = self.step();
//! #         let plaintext = cipher.decrypt(&nonce, Input { msg, aad })?;
//! #         self.next += 1;
//! #         Ok(plaintext)
//! #     }
//! # }
//! # use rand_core::CryptoRng;
//! # use waxseal_reporting::recipient::OpeningChannel;
//! # use waxseal_reporting::sender::SealingChannel;
//! # use zeroize::Zeroizing;
//! impl SealingChannel for Ratchet {
//!     type Error = Error;
//!     fn encrypt(&mut self, plaintext: &[u8], data: &[u8], _: &mut impl CryptoRng)
//!         -> Result<Vec<u8>, Error> {
//!         self.ratchet_encrypt(plaintext, data)
//!     }
//! }
//! impl OpeningChannel for Ratchet {
//!     type Error = Error;
//!     fn decrypt(&mut self, ciphertext: &[u8], data: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
//!         self.ratchet_decrypt(ciphertext, data).map(Zeroizing::new)
//!     }
//! }
//! # let mut rng = rand::rng();
//! # let alice = DeviceAddress::new(AccountId::new("alice")?, DeviceId(1));
//! # let conversation = Audience::Direct(AccountId::new("bob")?).conversation(&alice.account);
//! # let header = PayloadHeader::new(conversation, 0, Timestamp::from_millis(1));
//! # let ratchet = || Ratchet { key: [7; 32], next: 0 };
//! # let sealed = seal(&mut ratchet(), &alice, &Payload::text(header, "hi")?, &mut rng)?;
//! # let mut receiving = ratchet();
//! # let opened = open_unstamped(&mut receiving, &alice, &conversation, &sealed.envelope)?;
//! # assert_eq!(opened.content().as_text(), Some("hi"));
//! # assert!(open_unstamped(&mut receiving, &alice, &conversation, &sealed.envelope).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ## Keep the stamp keys
//!
//! Once a day, derive the keys up to tomorrow's, and destroy those of epochs whose messages need no
//! longer be reportable. Overwrite the stored export: an old one still gives the destroyed keys.
//!
//! ```
//! # use waxseal_reporting::{*, message::*, sender::*, relay::*};
//! # use waxseal_reporting::{recipient::*, reporter::*, intake::*, reviewer::*};
//! # let (then, mut rng) = (Timestamp::from_millis(1_800_000_000_000), rand::rng());
//! # let now = Timestamp::from_millis(then.as_millis() + 100 * EPOCH_MS);
//! # let mut stored = StampKeys::generate("eu", then, &mut rng)?.export();
//! let mut keys = StampKeys::import(&stored)?;
//! keys.advance_to(now)?;
//! let today = u32::try_from(now.as_millis() / EPOCH_MS)?;
//! keys.destroy_before(today - 90)?;
//! stored = keys.export();
//! # assert_eq!(StampKeys::import(&stored)?.oldest_epoch(), today - 90);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
pub mod intake;
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

pub use address::{AccountId, AccountIdError, DeviceAddress, DeviceId};
pub use conversation::{Audience, ConversationId};
pub use franking::FrankingTag;
pub use rejection::Rejection;
pub use timestamp::Timestamp;
pub use wire::{DecodeError, VERSION};

/// What a message says: its payload, which becomes the committed parts.
pub mod message {
    pub use crate::attachment::{Attachment, AttachmentError, AttachmentKey};
    pub use crate::content::Content;
    pub use crate::payload::{Payload, PayloadError, PayloadHeader};
}

/// The sender seals a message for an encrypted channel.
pub mod sender {
    pub use crate::channel::SealingChannel;
    pub use crate::seal::{SealError, Sealed, SentMessage, seal};
}

/// The provider's relay stamps what it cannot read, and vouches for it to each device.
pub mod relay {
    pub use crate::delivery::{Delivery, DeliveryKey};
    pub use crate::envelope::Envelope;
    pub use crate::receipt::Receipt;
    pub use crate::stamp::{Claim, EPOCH_MS, Stamp, StampContext};
    pub use crate::stamp_keys::{StampError, StampKeys, StampKeysError};
}

/// The recipient checks a delivery, opens it, and keeps evidence for a report.
pub mod recipient {
    pub use crate::channel::OpeningChannel;
    pub use crate::delivery::{AuthenticDelivery, DeliveryError};
    pub use crate::evidence::Evidence;
    pub use crate::open::{
        OpenError, OpenedMessage, UnstampedMessage, Withheld, open, open_unstamped,
    };
}

/// The reporter chooses what to show, looks at the preview, and seals a report.
pub mod reporter {
    pub use crate::disclosure::Disclosure;
    pub use crate::draft::{DraftError, ReportDraft};
    pub use crate::moderation::{ModerationKeyId, ModerationPublicKey};
    pub use crate::preview::{Preview, PreviewMessage, PreviewPart};
    pub use crate::reason::{Reason, UnknownReason};
    pub use crate::report::Report;
}

/// The reviewer opens an accepted report and verifies what it shows.
pub mod reviewer {
    pub use crate::moderation::ModerationKeyPair;
    pub use crate::review::{VerifiedMessage, VerifiedPart, VerifiedReport, review};
    pub use crate::transcript::{Contradiction, LastSeen};
}

/// The limits of the crate. Each says its unit, and what it bounds or is the sum of.
pub mod limits {
    pub use crate::address::MAX_ACCOUNT_LEN;
    pub use crate::attachment::{MAX_LOCATION_LEN, MAX_MEDIA_TYPE_LEN};
    pub use crate::content::{MAX_APPLICATION_KIND_LEN, MAX_REACTION_LEN};
    pub use crate::delivery::MAX_DELIVERY_LEN;
    pub use crate::envelope::{MAX_CHANNEL_OVERHEAD, MAX_CIPHERTEXT_LEN, MAX_ENVELOPE_LEN};
    pub use crate::evidence::MAX_EVIDENCE_LEN;
    pub use crate::intake::MAX_ACCEPTED_LEN;
    pub use crate::open::{MAX_SENT_AHEAD_MS, MAX_SENT_BEFORE_MS};
    pub use crate::openings::{MAX_NOTE_LEN, MAX_REPORTED};
    pub use crate::parts::{MAX_PARTS, MAX_PAYLOAD_LEN, MIN_PARTS};
    pub use crate::receipt::MAX_RECEIPT_LEN;
    pub use crate::report::MAX_REPORT_LEN;
    pub use crate::seal::MAX_SENT_LEN;
    pub use crate::stamp::MAX_CONTEXT_LEN;
    pub use crate::stamp_keys::{
        MAX_CLOCK_SKEW_MS, MAX_EPOCHS_DESTROYED, MAX_EPOCHS_KEPT, MAX_REGION_LEN,
    };
}

#[doc = include_str!("../SPEC.md")]
pub mod spec {}

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
