//! Posts a sealed message to a group: one tag, one stamp and one body, and a short slot for each
//! device.
//!
//! A group channel seals a message once, for all devices of the members and the sender's own other
//! devices. The body is the same for all. What a device needs besides is in its slot: a MAC, or the
//! keys in a message of the pairwise channel. The slots name no devices. The sender and the relay
//! compute the devices from the group's state and the members' rosters, and compare a digest.

use core::fmt;

use sha2::{Digest, Sha256};

use crate::address::DeviceAddress;
use crate::codec::{Reader, put_long};
use crate::conversation::{Audience, ConversationId};
use crate::delivery::DeliveryKey;
use crate::fanout::mac_input;
use crate::franking::FrankingTag;
use crate::timestamp::Timestamp;
use crate::wire::{self, DecodeError, VERSION_4};
use crate::{labels, mac};

mod channel;
mod ciphertext;
mod posted;
mod slots;
mod stamped;

pub use channel::{
    GroupSealError, OpeningGroupChannel, SealedForGroup, SealingGroupChannel, open_any_in_group,
    open_in_group,
};
pub(crate) use ciphertext::resealed;
pub use ciphertext::{GroupCiphertext, MAX_GROUP_BODY_LEN};
pub use posted::{AuthenticGroup, MAX_POSTED_GROUP_LEN, PostedGroup, TargetedGroup};
pub use slots::{GROUP_MAC_LEN, GroupSlot, MAX_GROUP_SLOTS, MAX_GROUP_SLOTS_LEN, MAX_KEY_SLOT_LEN};
pub use stamped::{MAX_STAMPED_GROUP_LEN, StampedGroup};

/// Length of the fields before the slots without the body, in bytes: group, version, state hash,
/// digest of the targets, and length of the body.
const FIELDS_LEN: usize = 32 + 8 + 32 + 32 + 4;

/// Maximum length of a group message after its tag, in bytes: the fields, the body and the slots.
const MAX_MESSAGE_LEN: usize = FIELDS_LEN + MAX_GROUP_BODY_LEN + MAX_GROUP_SLOTS_LEN;

/// Maximum length of a stored group fanout, in bytes: version, tag, fields, body and slots. Longer
/// input is refused before it is parsed.
pub const MAX_GROUP_FANOUT_LEN: usize = 1 + 32 + MAX_MESSAGE_LEN;

/// Which state of a group a message was sealed for, and for which devices. 72 bytes.
///
/// `waxseal-roster` computes all three. This crate carries and compares them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GroupStamp {
    /// Version of the group's state.
    pub version: u64,
    /// Hash of the group's state.
    pub state_hash: [u8; 32],
    /// Digest of the devices that get the message, in the order of the slots.
    pub targets_digest: [u8; 32],
}

impl GroupStamp {
    /// The version of a group's state, its hash, and the digest of the devices.
    pub fn new(version: u64, state_hash: [u8; 32], targets_digest: [u8; 32]) -> Self {
        Self {
            version,
            state_hash,
            targets_digest,
        }
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.version.to_be_bytes());
        out.extend_from_slice(&self.state_hash);
        out.extend_from_slice(&self.targets_digest);
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            version: reader.u64()?,
            state_hash: reader.array()?,
            targets_digest: reader.array()?,
        })
    }
}

/// A message that is sealed for a group, as it waits in the sender's outbox. 1 to
/// [`MAX_GROUP_SLOTS`] slots.
///
/// [`SentMessage::seal_for_group`](crate::sender::SentMessage::seal_for_group) makes it, and
/// [`post`](Self::post) makes the bytes for the relay. Each posting makes them again, since they
/// carry the time. If the relay answers that only the devices differ, [`retarget`](Self::retarget)
/// replaces the slots: body and tag stay. If the group's state differs, the message is sealed again
/// under the same tag.
///
/// [`encode`](Self::encode) makes the form for storage, which no relay accepts:
///
/// | bytes | field |
/// |---|---|
/// | 1 | version `04` |
/// | 32 | franking tag |
/// | 32 | group |
/// | 8 | version of the group's state |
/// | 32 | hash of the group's state |
/// | 32 | digest of the devices |
/// | 4 + m | length, body |
/// | 2 | number of slots, 1 to 4,096 |
/// | (n + 3) / 4 | kinds of the slots, two bits each, the first in the highest bits of a byte |
/// | 16 each | MAC slots, kind 1 |
/// | 2 + k each | key slots, kind 2: length, message of the pairwise channel |
///
/// Empty slots have kind 0 and no bytes. Unused bits of the last byte of kinds are zero. Within
/// each kind, slots are in the order of the devices.
#[derive(Clone, PartialEq, Eq)]
pub struct GroupFanout {
    tag: FrankingTag,
    group: ConversationId,
    stamp: GroupStamp,
    body: Vec<u8>,
    /// In the order of the devices.
    slots: Vec<GroupSlot>,
}

impl GroupFanout {
    fn new(
        tag: FrankingTag,
        group: ConversationId,
        stamp: GroupStamp,
        body: Vec<u8>,
        slots: Vec<GroupSlot>,
    ) -> Result<Self, GroupFanoutError> {
        if body.is_empty() || body.len() > MAX_GROUP_BODY_LEN {
            return Err(GroupFanoutError::BodyLength { len: body.len() });
        }
        slots::check(&slots)?;
        Ok(Self {
            tag,
            group,
            stamp,
            body,
            slots,
        })
    }

    /// Replaces the slots, and names the devices that they are for, in their order. The group's
    /// state stays the one that the body names.
    ///
    /// # Errors
    /// [`GroupFanoutError`] if the slots are out of bounds; nothing has changed then.
    pub fn retarget(
        &mut self,
        targets_digest: [u8; 32],
        slots: Vec<GroupSlot>,
    ) -> Result<(), GroupFanoutError> {
        slots::check(&slots)?;
        self.stamp.targets_digest = targets_digest;
        self.slots = slots;
        Ok(())
    }

    /// The franking tag that the relay stamps.
    pub fn tag(&self) -> &FrankingTag {
        &self.tag
    }

    /// The group.
    pub fn group(&self) -> &ConversationId {
        &self.group
    }

    /// The state of the group and the devices that the message was sealed for.
    pub fn stamp(&self) -> &GroupStamp {
        &self.stamp
    }

    /// The body, the same for all devices.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The slots, in the order of the devices.
    pub fn slots(&self) -> &[GroupSlot] {
        &self.slots
    }

    /// The fanout as bytes for the outbox.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.message_len().saturating_add(1 + 32));
        out.push(VERSION_4);
        out.extend_from_slice(self.tag.as_bytes());
        self.put_message(&mut out);
        out
    }

    /// Reads a fanout from the outbox.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not a group fanout.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (_, body) = wire::versioned_as(bytes, MAX_GROUP_FANOUT_LEN, &[VERSION_4])?;
        let mut reader = Reader::new(body);
        // CHK-410: a stored group fanout has a complete tag, and a message.
        let tag = reader.array().ok_or(DecodeError::Malformed)?;
        Self::read_message(FrankingTag::from_bytes(tag), reader.rest())
            .ok_or(DecodeError::Malformed)
    }

    /// The sending device's step: the fanout as bytes for the relay, with a request for a stamp
    /// that holds for ten minutes.
    ///
    /// Call it again at each posting, also when nothing else changed. `key` is the delivery key of
    /// `sender`, and `now` the device's clock. See [`Fanout::post`](crate::sender::Fanout::post)
    /// for what to do if the clock is off.
    pub fn post(&self, key: &DeliveryKey, sender: &DeviceAddress, now: Timestamp) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.message_len());
        self.put_message(&mut bytes);
        let audience = Audience::Group(self.group);
        let input = mac_input(sender, &audience, &self.tag, now, &digest(&bytes));
        let message = wire::PostedGroup {
            franking_tag: self.tag.as_bytes().to_vec(),
            posted_at: now.as_millis().to_be_bytes().to_vec(),
            group_mac: mac::hmac(key.as_bytes(), &[labels::GROUP_POST, &input]).to_vec(),
            message: Vec::new(),
        };
        wire::encode_with_last_as(VERSION_4, &message, 4, &bytes)
    }

    /// Length of the message after its tag, in bytes.
    fn message_len(&self) -> usize {
        let fields = self.body.len().saturating_add(FIELDS_LEN);
        fields.saturating_add(slots::encoded_len(&self.slots))
    }

    /// Appends the message after its tag:
    ///
    /// ```text
    /// group 32 || version be64 || state hash 32 || targets digest 32 || len be32 || body || slots
    /// ```
    fn put_message(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.group.as_bytes());
        self.stamp.put(out);
        put_long(out, &self.body);
        slots::put(&self.slots, out);
    }

    /// Reads the message with this tag.
    fn read_message(tag: FrankingTag, bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        // CHK-410: group, state and digest are complete, and the body has 1 to 71,680 bytes.
        let group = ConversationId::from_bytes(reader.array()?);
        let stamp = GroupStamp::read(&mut reader)?;
        let body = reader.long()?;
        if body.is_empty() || body.len() > MAX_GROUP_BODY_LEN {
            return None;
        }
        let slots = slots::read(reader.rest())?;
        Some(Self {
            tag,
            group,
            stamp,
            body: body.to_vec(),
            slots,
        })
    }
}

/// The digest of a message that the device's MAC covers.
fn digest(message: &[u8]) -> [u8; 32] {
    Sha256::digest(message).into()
}

impl fmt::Debug for GroupFanout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupFanout")
            .field("version", &self.stamp.version)
            .field("body_len", &self.body.len())
            .field("slots", &self.slots.len())
            .finish_non_exhaustive()
    }
}

/// Why a message for a group was not put together. The caller has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GroupFanoutError {
    /// There is no slot, or there are more than [`MAX_GROUP_SLOTS`]. No group has this many
    /// devices.
    #[error("{slots} slots are out of bounds")]
    SlotCount {
        /// Number of slots.
        slots: usize,
    },
    /// A key slot is empty, as short as a MAC, or longer than [`MAX_KEY_SLOT_LEN`]. Correct the
    /// channel, or make the slot empty.
    #[error("a key slot has {len} bytes")]
    KeySlotLength {
        /// Length of the key slot.
        len: usize,
    },
    /// All slots together are longer than [`MAX_GROUP_SLOTS_LEN`]. Start the pairwise channels
    /// first: the first message of a channel is long.
    #[error("the slots are too long for one request")]
    SlotsTooLong,
    /// The body is empty or longer than [`MAX_GROUP_BODY_LEN`]. Correct the channel.
    #[error("the body has {len} bytes")]
    BodyLength {
        /// Length of the body.
        len: usize,
    },
}

#[cfg(test)]
pub(crate) mod tests;
