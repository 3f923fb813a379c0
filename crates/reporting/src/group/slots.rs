//! The slots of a group message as bytes.

use core::fmt;

use super::GroupFanoutError;
use crate::codec::{Reader, len16, put_medium};
use crate::wire::DecodeError;

/// Maximum number of slots of one message: the devices of a group. Bounds what one request makes
/// the relay keep.
pub const MAX_GROUP_SLOTS: usize = 4_096;

/// Length of a MAC slot, in bytes.
pub const GROUP_MAC_LEN: usize = 16;

/// Maximum length of a key slot, in bytes. The keys of a chain have 105 bytes, and the first
/// message of a session adds at most some 2,200.
pub const MAX_KEY_SLOT_LEN: usize = 4_000;

/// Maximum length of all slots of a message, in bytes: 2 MiB. Room for a key slot of 500 bytes for
/// each of 4,096 devices, or for some 900 devices to which the channels are new.
pub const MAX_GROUP_SLOTS_LEN: usize = 2_097_152;

/// Kinds of slots.
const EMPTY: u8 = 0;
const MAC: u8 = 1;
const KEY: u8 = 2;

/// Slots per byte of kinds, at two bits each.
const PER_BYTE: usize = 4;

/// What one device needs to open the body of a group message.
///
/// [`encode`](Self::encode) makes the form in which the relay keeps it for the device:
///
/// | bytes | field |
/// |---|---|
/// | 1 | kind: 0 empty, 1 MAC, 2 key |
/// | 0, 16, or 17 to 4,000 | MAC or message of the pairwise channel |
#[derive(Clone, PartialEq, Eq)]
pub enum GroupSlot {
    /// The sender had no channel to the device. The device learns that there is a message, and asks
    /// for it.
    Empty,
    /// The device can open the body already. The MAC shows it that the sender made this body.
    Mac([u8; GROUP_MAC_LEN]),
    /// A message of the pairwise channel of both devices, with the keys for the body. 17 to
    /// [`MAX_KEY_SLOT_LEN`] bytes.
    Key(Vec<u8>),
}

impl GroupSlot {
    /// Whether the device gets nothing with which it could open the body.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// The slot as bytes for the device's queue at the relay.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes().len().saturating_add(1));
        out.push(self.kind());
        out.extend_from_slice(self.bytes());
        out
    }

    /// Reads a slot from a device's queue at the relay.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not a slot.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        // CHK-411: a stored slot has a known kind, and the length of its kind.
        let (kind, slot) = bytes.split_first().ok_or(DecodeError::Malformed)?;
        Self::of(*kind, slot).ok_or(DecodeError::Malformed)
    }

    /// The slot of this kind with these bytes.
    pub(super) fn of(kind: u8, bytes: &[u8]) -> Option<Self> {
        match kind {
            EMPTY => bytes.is_empty().then_some(Self::Empty),
            MAC => bytes.try_into().ok().map(Self::Mac),
            KEY => is_key_slot(bytes).then(|| Self::Key(bytes.to_vec())),
            _ => None,
        }
    }

    pub(super) fn kind(&self) -> u8 {
        match self {
            Self::Empty => EMPTY,
            Self::Mac(_) => MAC,
            Self::Key(_) => KEY,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Empty => &[],
            Self::Mac(mac) => mac,
            Self::Key(keys) => keys,
        }
    }

    /// Length among all slots, without its kind.
    fn encoded_len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Mac(_) => GROUP_MAC_LEN,
            Self::Key(keys) => keys.len().saturating_add(2),
        }
    }
}

/// Whether bytes can be a key slot. It is longer than a MAC, so its length tells it from one.
fn is_key_slot(bytes: &[u8]) -> bool {
    bytes.len() > GROUP_MAC_LEN && bytes.len() <= MAX_KEY_SLOT_LEN
}

impl fmt::Debug for GroupSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Mac(_) => f.write_str("Mac(..)"),
            Self::Key(keys) => f.debug_tuple("Key").field(&keys.len()).finish(),
        }
    }
}

/// Whether the slots can be posted.
pub(super) fn check(slots: &[GroupSlot]) -> Result<(), GroupFanoutError> {
    let count = slots.len();
    if !(1..=MAX_GROUP_SLOTS).contains(&count) {
        return Err(GroupFanoutError::SlotCount { slots: count });
    }
    for slot in slots {
        if let GroupSlot::Key(keys) = slot
            && !is_key_slot(keys)
        {
            return Err(GroupFanoutError::KeySlotLength { len: keys.len() });
        }
    }
    if encoded_len(slots) > MAX_GROUP_SLOTS_LEN {
        return Err(GroupFanoutError::SlotsTooLong);
    }
    Ok(())
}

/// Length of the encoded slots, in bytes.
pub(super) fn encoded_len(slots: &[GroupSlot]) -> usize {
    let fields = slots.len().div_ceil(PER_BYTE).saturating_add(2);
    let lens = slots.iter().map(GroupSlot::encoded_len);
    lens.fold(fields, usize::saturating_add)
}

/// Appends the slots:
///
/// ```text
/// count be16 || kinds, two bits each || MAC slots 16 each || key slots (len be16 || keys) each
/// ```
pub(super) fn put(slots: &[GroupSlot], out: &mut Vec<u8>) {
    out.extend_from_slice(&u16::try_from(slots.len()).unwrap_or(u16::MAX).to_be_bytes());
    for four in slots.chunks(PER_BYTE) {
        let kinds = (0..PER_BYTE).map(|index| four.get(index).map_or(EMPTY, GroupSlot::kind));
        out.push(kinds.fold(0, |byte: u8, kind| byte << 2 | kind));
    }
    for slot in slots {
        if let GroupSlot::Mac(mac) = slot {
            out.extend_from_slice(mac);
        }
    }
    for slot in slots {
        if let GroupSlot::Key(keys) = slot {
            debug_assert_eq!(usize::from(len16(keys)), keys.len());
            put_medium(out, keys);
        }
    }
}

/// Reads the slots.
pub(super) fn read(bytes: &[u8]) -> Option<Vec<GroupSlot>> {
    // CHK-411: all slots together have at most 2 MiB. This precedes all parsing. There are 1 to
    // 4,096 slots with nothing after them, of known kinds, and each has the length of its kind.
    if bytes.len() > MAX_GROUP_SLOTS_LEN {
        return None;
    }
    let mut reader = Reader::new(bytes);
    let count = usize::from(reader.u16()?);
    if !(1..=MAX_GROUP_SLOTS).contains(&count) {
        return None;
    }
    let kinds = reader.take(count.div_ceil(PER_BYTE))?;
    let mut kinds = kinds
        .iter()
        .flat_map(|byte| [byte >> 6, byte >> 4 & 3, byte >> 2 & 3, byte & 3]);
    let of_slots: Vec<u8> = kinds.by_ref().take(count).collect();
    // What is left are the unused bits of the last byte.
    if kinds.any(|unused| unused != EMPTY) {
        return None;
    }
    let macs = of_slots.iter().filter(|kind| **kind == MAC).count();
    let mut macs = Reader::new(reader.take(macs.checked_mul(GROUP_MAC_LEN)?)?);
    let mut slots = Vec::with_capacity(count);
    for kind in of_slots {
        let bytes = match kind {
            EMPTY => &[],
            MAC => macs.take(GROUP_MAC_LEN)?,
            KEY => reader.medium()?,
            _ => return None,
        };
        slots.push(GroupSlot::of(kind, bytes)?);
    }
    reader.finish()?;
    Some(slots)
}
