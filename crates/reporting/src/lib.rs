//! Verifiable abuse reports for end-to-end encrypted messaging, over any encrypted channel. A
//! sender commits to one content, the relay stamps the commitment without reading it, and a
//! recipient can later prove chosen messages to the provider, in whole or in part.
//!
//! ```
//! # use waxseal_reporting::{*, message::*, sender::*, relay::*};
//! # use waxseal_reporting::{recipient::*, reporter::*, intake::*, vault::*, reviewer::*};
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
//! # let (alice_key, bob_key) = (DeliveryKey::generate(&mut rng), DeliveryKey::generate(&mut rng));
//! # let acceptance_key = AcceptanceKey::generate(&mut rng);
//! # let vault = Vault::new(ModerationKeyPair::generate(&mut rng), acceptance_key.clone());
//! # let audience = Audience::Direct(bob.account.clone());
//! # let (hers, his) = (RosterStamp::new(1, 1), RosterStamp::new(1, 1));
//! # let conversation = audience.conversation(&alice.account);
//! # let payload = Payload::text(PayloadHeader::new(0, now), "You have won!")?;
//! // Alice seals a message and posts it.
//! let sealed = seal(&mut to_bob, &alice, &conversation, &payload, &mut rng)?;
//! let mut fanout = Fanout::new(*sealed.sent.tag(), hers, his); // the two rosters
//! fanout.insert(false, bob.device, Some(sealed.envelope))?; // one slot for each device
//! let posted = fanout.post(&alice_key, &alice, &audience, now);
//! // The relay stamps what it cannot read, and Bob opens it.
//! let posted = PostedFanout::decode(&posted)?;
//! let posted = posted.authenticate(&alice_key, &alice, &audience, now)?;
//! let claim = stamp_keys.stamp(&posted, now)?;
//! let queued = StampedEnvelope::fan_out(claim, posted)?; // one for each device's queue
//! let delivery = queued[0].1.deliver(&bob_key);
//! let opened = open(&mut from_alice, &delivery.authenticate(&bob_key, &bob)?)?;
//!
//! // Bob reports it to the provider.
//! let mut draft = ReportDraft::new(bob, Reason::Scam);
//! draft.add(opened.evidence(), Disclosure::Whole)?;
//! let report = draft.seal(&bob_key, vault.public_key(), &mut rng)?;
//! # let examined = examine(report, &stamp_keys, &bob_key, now)?;
//! # let id = ReportId::generate(&mut rng);
//! # let accepted = examined.accept(id, &[false], &[])?;
//! # let verified = review(vault.open(&id, &accepted.encode(&acceptance_key))?)?;
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
//! | [`sender`] | [`Fanout::post`] | an [`Envelope`] per device | a [`PostedFanout`] |
//! | [`relay`] | [`StampKeys::stamp`] | an [`AuthenticFanout`] | a [`Claim`] |
//! | [`relay`] | [`StampedEnvelope::fan_out`] | an [`AuthenticFanout`] | [`StampedEnvelope`]s |
//! | [`relay`] | [`StampedEnvelope::deliver`] | a [`StampedEnvelope`] | a [`Delivery`] |
//! | [`recipient`] | [`open`](recipient::open) | a [`Delivery`] | [`Evidence`] |
//! | [`reporter`] | [`ReportDraft::seal`] | [`Evidence`] | a [`Report`] |
//! | [`intake`] | [`examine`](intake::examine) | a [`Report`] | an [`AcceptedReport`] |
//! | [`vault`] | [`Unseal::open`] | an [`AcceptedReport`] | an [`UnsealedReport`] |
//! | [`reviewer`] | [`review`](reviewer::review) | an [`UnsealedReport`] | a [`VerifiedReport`] |
//!
//! A message to a group goes another way between the first and the last of these steps: a
//! [`GroupFanout`](sender::GroupFanout) for all devices, a [`PostedGroup`](relay::PostedGroup), a
//! [`StampedGroup`](relay::StampedGroup) with a [`GroupSlot`](relay::GroupSlot) for each device,
//! and [`open_in_group`](recipient::open_in_group).
//!
//! [`Payload`]: message::Payload
//! [`Envelope`]: relay::Envelope
//! [`StampKeys::stamp`]: relay::StampKeys::stamp
//! [`Claim`]: relay::Claim
//! [`Fanout::post`]: sender::Fanout::post
//! [`PostedFanout`]: relay::PostedFanout
//! [`AuthenticFanout`]: relay::AuthenticFanout
//! [`StampedEnvelope::fan_out`]: relay::StampedEnvelope::fan_out
//! [`StampedEnvelope`]: relay::StampedEnvelope
//! [`StampedEnvelope::deliver`]: relay::StampedEnvelope::deliver
//! [`Delivery`]: relay::Delivery
//! [`Evidence`]: recipient::Evidence
//! [`ReportDraft::seal`]: reporter::ReportDraft::seal
//! [`Report`]: reporter::Report
//! [`AcceptedReport`]: intake::AcceptedReport
//! [`Unseal::open`]: vault::Unseal::open
//! [`UnsealedReport`]: vault::UnsealedReport
//! [`VerifiedReport`]: reviewer::VerifiedReport
//!
//! Files that messages attach are sealed and opened in the module [`mod@file`]. What edits,
//! deletions and reactions change is in the module [`fold`].
//!
//! The crate has no clock, no randomness and no I/O of its own, and does not panic on any input.
//! Formats, derivations, numbered checks and limits are in [`spec`].
#![doc = include_str!("recipes.md")]

mod accepted;
mod accepted_time;
mod address;
mod answer;
mod attachment;
mod blob;
mod blobs;
mod channel;
mod codec;
mod content;
mod control;
mod conversation;
mod delivery;
mod disclosure;
mod draft;
mod envelope;
mod evidence;
mod extensions;
mod fanout;
pub mod file;
pub mod fold;
mod format;
mod franked;
mod franking;
mod group;
pub mod intake;
mod labels;
mod mac;
mod media;
mod moderation;
mod nullifier;
mod open;
mod openings;
mod padding;
mod parts;
mod payload;
mod preview;
mod reason;
mod receipt;
mod refusal;
mod rejection;
mod report;
mod reseal;
mod review;
mod seal;
mod secret;
mod stamp;
mod stamp_keys;
mod stamped;
#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may overflow")]
mod tests;
mod timestamp;
mod transcript;
mod unseal;
mod wire;

pub use address::{AccountId, AccountIdError, DeviceAddress, DeviceId};
pub use blob::BlobId;
pub use conversation::{Audience, ConversationId};
pub use franking::FrankingTag;
pub use rejection::Rejection;
pub use timestamp::Timestamp;
pub use wire::{DecodeError, VERSION, VERSION_2, VERSION_3, VERSION_4};

/// What a message says: its payload, which becomes the committed parts.
pub mod message {
    pub use crate::attachment::{
        Attachment, AttachmentError, AttachmentKey, FileAttachment, FilePreview, UnknownAttachment,
        WholeFile,
    };
    pub use crate::content::Content;
    pub use crate::extensions::{Extensions, ExtensionsError};
    pub use crate::payload::{Payload, PayloadError, PayloadHeader};
}

/// The sender seals a message for an encrypted channel.
pub mod sender {
    pub use crate::channel::SealingChannel;
    pub use crate::control::{
        AuthorityRecord, Control, SentControl, StateWanted, WelcomeRecord, seal_control,
    };
    pub use crate::fanout::{Fanout, FanoutError, RosterStamp, Slot};
    pub use crate::group::{
        GroupFanout, GroupFanoutError, GroupSealError, GroupSlot, GroupStamp, SealedForGroup,
        SealingGroupChannel,
    };
    pub use crate::seal::{SealError, Sealed, SentMessage, seal};
}

/// The provider's relay stamps what it cannot read, and vouches for it to each device.
pub mod relay {
    pub use crate::accepted_time::next_accepted_at;
    pub use crate::answer::{AnswerError, AnswerMac, AnsweredRequest, RequestNonce};
    pub use crate::delivery::{Delivery, DeliveryKey};
    pub use crate::envelope::Envelope;
    pub use crate::fanout::{AuthenticFanout, PostError, PostedFanout};
    pub use crate::group::{AuthenticGroup, GroupSlot, PostedGroup, StampedGroup, TargetedGroup};
    pub use crate::receipt::Receipt;
    pub use crate::reseal::{AuthenticReseal, PostedReseal, ResealError};
    pub use crate::stamp::{Claim, EPOCH_MS, Stamp, StampContext};
    pub use crate::stamp_keys::{StampError, StampKeys, StampKeysError};
    pub use crate::stamped::StampedEnvelope;
}

/// The recipient checks a delivery, opens it, and keeps evidence for a report.
pub mod recipient {
    pub use crate::channel::OpeningChannel;
    pub use crate::control::{
        AuthorityRecord, Control, Opened, StateWanted, WelcomeRecord, open_any,
    };
    pub use crate::delivery::{AuthenticDelivery, DeliveryError};
    pub use crate::evidence::Evidence;
    pub use crate::group::{
        GroupCiphertext, OpeningGroupChannel, open_any_in_group, open_in_group,
    };
    pub use crate::open::{
        OpenError, OpenedMessage, UnstampedMessage, Withheld, open, open_unstamped,
    };
    pub use crate::refusal::{Refusal, refusal_associated_data};
}

/// The reporter chooses what to show, looks at the preview, and seals a report.
pub mod reporter {
    pub use crate::blobs::ReportedBlob;
    pub use crate::disclosure::Disclosure;
    pub use crate::draft::{DraftError, ReportDraft};
    pub use crate::moderation::{ModerationKeyId, ModerationPublicKey};
    pub use crate::preview::{Preview, PreviewFile, PreviewFileOpens, PreviewMessage, PreviewPart};
    pub use crate::reason::{Reason, UnknownReason};
    pub use crate::report::Report;
}

/// The vault opens accepted reports for the reviewers, who hold no key.
pub mod vault {
    pub use crate::moderation::ModerationKeyPair;
    pub use crate::unseal::{Unseal, UnsealError, UnsealedReport, Vault};
}

/// The reviewer verifies what an unsealed report shows.
pub mod reviewer {
    pub use crate::review::{
        FileAccess, ForwardCount, VerifiedFile, VerifiedMessage, VerifiedPart, VerifiedReport,
        review,
    };
    pub use crate::transcript::{Contradiction, LastSeen};
}

/// The limits of the crate. Each says its unit, and what it bounds or is the sum of.
pub mod limits {
    pub use crate::accepted::MAX_ACCEPTED_LEN;
    pub use crate::accepted_time::MAX_LAST_AHEAD_MS;
    pub use crate::address::MAX_ACCOUNT_LEN;
    pub use crate::answer::{MAX_METHOD_LEN, MAX_PATH_LEN};
    pub use crate::attachment::MAX_FILE_PREVIEW_LEN;
    pub use crate::blobs::MAX_REPORTED_BLOBS;
    pub use crate::content::{
        MAX_APPLICATION_KIND_LEN, MAX_GROUP_PICTURE_LEN, MAX_GROUP_TITLE_LEN, MAX_REACTION_LEN,
    };
    pub use crate::control::{
        MAX_CONTROL_LEN, MAX_CONTROL_ROSTER_LEN, MAX_CONTROL_SYNC_LEN, MAX_CONTROL_TAGS,
    };
    pub use crate::delivery::MAX_DELIVERY_LEN;
    pub use crate::disclosure::MAX_SHOWN_CHUNKS;
    pub use crate::envelope::{MAX_CHANNEL_OVERHEAD, MAX_CIPHERTEXT_LEN, MAX_ENVELOPE_LEN};
    pub use crate::evidence::MAX_EVIDENCE_LEN;
    pub use crate::extensions::MAX_EXTENSIONS_LEN;
    pub use crate::fanout::{
        MAX_FANOUT_LEN, MAX_POST_SKEW_MS, MAX_POSTED_FANOUT_LEN, MAX_SLOTS, MAX_SLOTS_LEN,
    };
    pub use crate::file::{CHUNK_LEN, MAX_CHUNKS, MAX_FILE_LEN};
    pub use crate::fold::MAX_EDITS;
    pub use crate::group::{
        GROUP_MAC_LEN, MAX_GROUP_BODY_LEN, MAX_GROUP_FANOUT_LEN, MAX_GROUP_SLOTS,
        MAX_GROUP_SLOTS_LEN, MAX_KEY_SLOT_LEN, MAX_POSTED_GROUP_LEN, MAX_STAMPED_GROUP_LEN,
    };
    pub use crate::media::{MAX_FILE_NAME_LEN, MAX_LOCATION_LEN, MAX_MEDIA_TYPE_LEN};
    pub use crate::open::{MAX_SENT_AHEAD_MS, MAX_SENT_BEFORE_MS};
    pub use crate::openings::{MAX_NOTE_LEN, MAX_REPORTED};
    pub use crate::parts::{MAX_PARTS, MAX_PAYLOAD_LEN, MIN_PARTS};
    pub use crate::receipt::MAX_RECEIPT_LEN;
    pub use crate::refusal::{MAX_REFUSAL_LEN, MAX_REFUSED_MESSAGES, MAX_REFUSED_SESSIONS};
    pub use crate::report::MAX_REPORT_LEN;
    pub use crate::reseal::MAX_POSTED_RESEAL_LEN;
    pub use crate::seal::MAX_SENT_LEN;
    pub use crate::stamp::{MAX_CONTEXT_LEN, MAX_STORED_CLAIM_LEN};
    pub use crate::stamp_keys::{
        MAX_CLOCK_SKEW_MS, MAX_EPOCHS_DESTROYED, MAX_EPOCHS_KEPT, MAX_REGION_LEN,
    };
    pub use crate::stamped::MAX_STAMPED_LEN;
    pub use crate::unseal::MAX_UNSEALED_LEN;
}

#[doc = include_str!("../SPEC.md")]
pub mod spec {}

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
