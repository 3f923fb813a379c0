//! What travels between devices and the relay.

use waxseal::{AccountId, DeviceAddress, FrankingTag, Mismatch};

use crate::support::packets;

/// The packets on their way.
pub type Network = packets::Network<Packet>;

/// What travels. Devices are numbers in [`People::devices`](crate::people::People::devices).
#[derive(Clone)]
pub enum Packet {
    /// A device posts something of its outbox.
    Post {
        from: usize,
        to: AccountId,
        bytes: Vec<u8>,
        again_for: Option<DeviceAddress>,
        id: FrankingTag,
    },
    /// The relay's receipt.
    Receipt {
        to: usize,
        recipient: AccountId,
        receipt: Vec<u8>,
    },
    /// The relay says that a message is for other devices.
    Mismatch {
        to: usize,
        recipient: AccountId,
        id: FrankingTag,
        mismatch: Mismatch,
    },
    /// The relay delivers.
    Delivery {
        to: usize,
        number: u64,
        bytes: Vec<u8>,
    },
    /// A device acknowledges a delivery.
    Acknowledgement { from: usize, number: u64 },
    /// It is time for a device to look at what it has to do. Never lost.
    Tick { device: usize },
    /// It is time for the relay to deliver again what a device did not acknowledge. Never lost.
    Again { to: usize, number: u64 },
}
