//! What a device gets of a group message: its slot and the body, in one ciphertext.

use super::{GROUP_MAC_LEN, GroupSlot, MAX_KEY_SLOT_LEN};
use crate::codec::{Reader, put_medium};
use crate::envelope::MAX_CIPHERTEXT_LEN;
use crate::franked::MAX_PLAINTEXT_LEN;

/// Maximum length of the body of a group message, in bytes: the longest padded plaintext, and 4,096
/// for the channel. A chain of `waxseal-core` adds 101.
pub const MAX_GROUP_BODY_LEN: usize = MAX_PLAINTEXT_LEN + 4_096;

/// Kind of the ciphertext of a group message that was sealed again for one device. The kinds below
/// are those of slots.
const PAIRWISE: u8 = 3;

/// The ciphertext of a message to a group, as one device gets it.
///
/// | bytes | field |
/// |---|---|
/// | 1 | kind: `01` MAC, `02` key, `03` sealed again |
/// | 2 + m | length, slot; not for kind `03` |
/// | n | body; for kind `03`, ciphertext of the pairwise channel |
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum GroupCiphertext<'a> {
    /// A body on a chain that the device has, and the MAC for this device.
    Mac {
        /// The MAC.
        mac: &'a [u8; GROUP_MAC_LEN],
        /// The body.
        body: &'a [u8],
    },
    /// A body, and the keys for it in a message of the pairwise channel.
    Key {
        /// The message of the pairwise channel.
        keys: &'a [u8],
        /// The body.
        body: &'a [u8],
    },
    /// A message that was sealed again for this device alone, through the pairwise channel.
    Pairwise(&'a [u8]),
}

impl<'a> GroupCiphertext<'a> {
    /// Takes the ciphertext of a delivery apart.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        // CHK-415: the ciphertext has a known kind, a slot of that kind, and a body.
        let mut reader = Reader::new(bytes);
        let kind = reader.u8()?;
        if kind == PAIRWISE {
            let ciphertext = reader.rest();
            return (!ciphertext.is_empty()).then_some(Self::Pairwise(ciphertext));
        }
        let slot = reader.medium()?;
        let body = reader.rest();
        if body.is_empty() || body.len() > MAX_GROUP_BODY_LEN {
            return None;
        }
        match GroupSlot::of(kind, slot)? {
            GroupSlot::Empty => None,
            GroupSlot::Mac(_) => slot.try_into().ok().map(|mac| Self::Mac { mac, body }),
            GroupSlot::Key(_) => Some(Self::Key { keys: slot, body }),
        }
    }
}

/// Puts the ciphertext for one device together. Empty if the slot is.
pub(super) fn join(slot: &GroupSlot, body: &[u8]) -> Vec<u8> {
    if slot.is_empty() {
        return Vec::new();
    }
    let len = slot.bytes().len().saturating_add(body.len());
    let mut out = Vec::with_capacity(len.saturating_add(3));
    out.push(slot.kind());
    put_medium(&mut out, slot.bytes());
    out.extend_from_slice(body);
    out
}

/// The ciphertext of a group message that was sealed again for one device.
pub(crate) fn resealed(ciphertext: &[u8]) -> Vec<u8> {
    [&[PAIRWISE], ciphertext].concat()
}

const _: () = assert!(
    1 + 2 + MAX_KEY_SLOT_LEN + MAX_GROUP_BODY_LEN <= MAX_CIPHERTEXT_LEN,
    "slot and body must fit into a delivery"
);
