//! Records of a link under way, on either side.

use zeroize::{Zeroize, ZeroizeOnDrop};

/// An account that is offered to a new device. Written with the offer, changed by the new device's
/// messages, deleted when the link is over.
#[derive(Clone, PartialEq, prost::Message, Zeroize, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) struct OfferRecord {
    /// The code's secret.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) secret: Vec<u8>,
    /// When the account was offered, in milliseconds.
    #[prost(uint64, tag = "2")]
    pub(crate) made_at_ms: u64,
    #[prost(string, tag = "3")]
    pub(crate) account: String,
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) account_key: Vec<u8>,
    /// The number that the new device gets.
    #[prost(uint32, tag = "5")]
    pub(crate) device: u32,
    /// The new device's identity, 64 bytes.
    #[prost(bytes = "vec", tag = "6")]
    pub(crate) identity: Vec<u8>,
    /// The new device's link bundle, which has its commitment.
    #[prost(bytes = "vec", tag = "7")]
    pub(crate) bundle: Vec<u8>,
    /// The offer as it is in the mailbox.
    #[prost(bytes = "vec", tag = "8")]
    pub(crate) message: Vec<u8>,
    /// The exported sessions. Empty if the link is over.
    #[prost(bytes = "vec", tag = "9")]
    pub(crate) sessions: Vec<u8>,
    /// The digits that are shown. Absent before.
    #[prost(message, optional, tag = "10")]
    pub(crate) digits: Option<DigitsRecord>,
}

/// The digits of a link.
#[derive(Clone, PartialEq, prost::Message, Zeroize, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) struct DigitsRecord {
    /// The half that both sides compute.
    #[prost(uint32, tag = "1")]
    pub(crate) first: u32,
    /// The half that the manager drew.
    #[prost(uint32, tag = "2")]
    pub(crate) last: u32,
}

/// A device that is about to join an account. Written before its code is shown, changed by each
/// step, deleted when it becomes a client.
#[derive(Clone, PartialEq, prost::Message, Zeroize, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) struct NewDeviceRecord {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) identity: Vec<u8>,
    /// The code's secret.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) secret: Vec<u8>,
    /// When the device was made, in milliseconds.
    #[prost(uint64, tag = "3")]
    pub(crate) made_at_ms: u64,
    /// The prekeys as they are in the mailbox.
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) bundle: Vec<u8>,
    /// The step: 1 waiting, 2 offered, 3 answered, 4 welcome, 5 over.
    #[prost(uint32, tag = "5")]
    pub(crate) step: u32,
    /// The private half of the prekeys, while waiting. Else empty.
    #[prost(bytes = "vec", tag = "6")]
    pub(crate) prekeys: Vec<u8>,
    /// What the device committed to, until it answered.
    #[prost(bytes = "vec", tag = "7")]
    pub(crate) opening: Vec<u8>,
    /// The offer's content. Empty before an offer was opened.
    #[prost(bytes = "vec", tag = "8")]
    pub(crate) offer: Vec<u8>,
    /// The exported sessions, while the digits are awaited. Else empty.
    #[prost(bytes = "vec", tag = "9")]
    pub(crate) sessions: Vec<u8>,
    /// The reveal or the answer as it is in the mailbox.
    #[prost(bytes = "vec", tag = "10")]
    pub(crate) message: Vec<u8>,
    /// The signed roster that lists the device. Empty before it came.
    #[prost(bytes = "vec", tag = "11")]
    pub(crate) roster: Vec<u8>,
}

/// The link under way, on either side. There is at most one.
#[derive(Clone, PartialEq, prost::Message, Zeroize, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) struct LinkRecord {
    #[prost(oneof = "LinkStep", tags = "1, 2, 3, 4")]
    pub(crate) step: Option<LinkStep>,
}

/// What is stored of a link.
#[derive(Clone, PartialEq, prost::Oneof, Zeroize, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) enum LinkStep {
    /// On the manager: the exported offer.
    #[prost(bytes = "vec", tag = "1")]
    Offer(Vec<u8>),
    /// On the manager: the new device answered, and its roster is not confirmed. The mailbox.
    #[prost(bytes = "vec", tag = "2")]
    Posting(Vec<u8>),
    /// On the manager: the provider has the roster, and the new device may not know it.
    #[prost(message, tag = "3")]
    Welcome(WelcomeRecord),
    /// On the new device: the exported device.
    #[prost(bytes = "vec", tag = "4")]
    NewDevice(Vec<u8>),
}

/// What tells a new device that it is in the roster.
#[derive(Clone, PartialEq, prost::Message, Zeroize)]
#[prost(skip_debug)]
pub(crate) struct WelcomeRecord {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) mailbox: Vec<u8>,
    /// The signed roster.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) roster: Vec<u8>,
    /// When the roster was confirmed, in milliseconds.
    #[prost(uint64, tag = "3")]
    pub(crate) confirmed_ms: u64,
}

/// What this device signed of its account's roster. Written with each roster that it signs, before
/// the roster leaves, and when the provider confirmed it.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct SigningRecord {
    /// The epoch of the newest roster that this device ever signed.
    #[prost(uint32, tag = "1")]
    pub(crate) epoch: u32,
    /// Its version.
    #[prost(uint32, tag = "2")]
    pub(crate) version: u32,
    /// The roster, until the provider has it.
    #[prost(message, optional, tag = "3")]
    pub(crate) pending: Option<SignedRecord>,
}

/// A signed roster that the provider has not confirmed, and the change that it makes.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct SignedRecord {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) signed: Vec<u8>,
    /// What it changes: 1 adds a device, 2 removes one, 3 renews the roster, 4 begins an epoch.
    #[prost(uint32, tag = "2")]
    pub(crate) kind: u32,
    /// The device that it adds or removes. Else 0.
    #[prost(uint32, tag = "3")]
    pub(crate) device: u32,
    /// The identity of the device that it removes. Else empty.
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) identity: Vec<u8>,
}

quiet_debug!(
    OfferRecord,
    DigitsRecord,
    NewDeviceRecord,
    LinkRecord,
    LinkStep,
    WelcomeRecord,
    SigningRecord,
    SignedRecord,
);
