//! Message franking for end-to-end encrypted messaging.

mod account;
mod attachment;
mod channel;
mod codec;
mod content;
mod delivery;
mod envelope;
mod evidence;
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
mod rejection;
mod report;
mod review;
mod seal;
mod stamp;
mod stamp_keys;
mod transcript;
mod wire;

pub use account::{
    AccountId, AccountIdError, Audience, ConversationId, DeviceId, MAX_ACCOUNT_LEN, Sender,
    Timestamp,
};
pub use attachment::{
    Attachment, AttachmentError, AttachmentKey, MAX_LOCATION_LEN, MAX_MEDIA_TYPE_LEN,
};
pub use channel::Channel;
pub use content::{Content, MAX_APPLICATION_KIND_LEN, MAX_REACTION_LEN};
pub use delivery::{
    AuthenticDelivery, Delivery, DeliveryError, DeliveryKey, MAX_DELIVERY_LEN, MAX_RECEIPT_LEN,
    Receipt,
};
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
pub use parts::{MAX_PARTS, MAX_PAYLOAD_LEN, MIN_PARTS};
pub use payload::{Payload, PayloadError, PayloadHeader};
pub use preview::{Preview, PreviewMessage, PreviewPart};
pub use reason::{Reason, UnknownReason};
pub use rejection::Rejection;
pub use report::{
    Disclosure, DraftError, MAX_NOTE_LEN, MAX_REPORT_LEN, MAX_REPORTED, Report, ReportDraft,
};
pub use review::{VerifiedMessage, VerifiedPart, VerifiedReport, review};
pub use seal::{MAX_SENT_LEN, SealError, Sealed, SentMessage, seal};
pub use stamp::{Claim, EPOCH_MS, MAX_CONTEXT_LEN, Stamp, StampContext};
pub use stamp_keys::{
    MAX_CLOCK_SKEW_MS, MAX_EPOCHS_DESTROYED, MAX_EPOCHS_KEPT, MAX_REGION_LEN, StampError,
    StampKeys, StampKeysError,
};
pub use transcript::{Contradiction, LastSeen};
pub use wire::{DecodeError, VERSION};

/// The specification, SPEC.md.
#[doc = include_str!("../SPEC.md")]
pub mod spec {}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may overflow")]
mod salamander;
#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may overflow")]
mod test_world;
#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may overflow")]
mod vectors;
