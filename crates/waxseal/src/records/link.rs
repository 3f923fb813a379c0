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

quiet_debug!(OfferRecord, DigitsRecord, NewDeviceRecord);
