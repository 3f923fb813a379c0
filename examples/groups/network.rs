//! What travels between devices and the relay.

use waxseal::{
    AcceptedEntry, Conversation, DeviceAddress, FrankingTag, GroupMismatch, GroupNews, Mismatch,
};

use crate::support::packets;

/// The packets on their way.
pub type Network = packets::Network<Packet>;

/// What travels. Devices are numbers in [`People::devices`](crate::people::People::devices).
#[derive(Clone)]
pub enum Packet {
    /// A device posts something of its outbox. `attempt` says which try this is.
    Post {
        from: usize,
        to: Conversation,
        bytes: Vec<u8>,
        again_for: Option<DeviceAddress>,
        id: FrankingTag,
        attempt: u64,
    },
    /// The relay's receipt. `again` says which try it answers, if the message was sealed again.
    Receipt {
        to: usize,
        conversation: Conversation,
        receipt: Vec<u8>,
        again: Option<(FrankingTag, u64)>,
    },
    /// The relay says that a direct message is for other devices.
    Mismatch {
        to: usize,
        conversation: Conversation,
        id: FrankingTag,
        attempt: u64,
        mismatch: Mismatch,
    },
    /// The relay says that a message to the group is for another state or for other devices.
    GroupMismatch {
        to: usize,
        id: FrankingTag,
        attempt: u64,
        mismatch: GroupMismatch,
    },
    /// The relay says that the account may not write, or changes nothing. `id` is what it posted.
    NoMember { to: usize, id: Option<FrankingTag> },
    /// The relay takes nothing for the device for which a message was sealed again.
    NoTarget {
        to: usize,
        conversation: Conversation,
        id: FrankingTag,
        attempt: u64,
    },
    /// A device posts an entry of the group.
    Entry { from: usize, entry: Vec<u8> },
    /// The relay took an entry.
    Accepted { to: usize, accepted: AcceptedEntry },
    /// The relay has another entry.
    Conflict { to: usize, news: GroupNews },
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
