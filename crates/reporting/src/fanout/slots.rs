//! The slots of a fanout as bytes.

use sha2::{Digest, Sha256};

use super::{Fanout, RosterStamp, Slot};
use crate::address::DeviceId;
use crate::codec::{Reader, put_long};
use crate::envelope::MAX_CIPHERTEXT_LEN;
use crate::franking::FrankingTag;

/// Maximum number of slots of one message: the devices of two accounts with eight devices each.
/// Bounds what one request makes the relay keep.
pub const MAX_SLOTS: usize = 16;

/// Length of the fields before the slots, in bytes: two rosters and the number of slots.
const FIELDS_LEN: usize = 8 + 8 + 1;

/// Length of a slot without its ciphertext, in bytes: side, device and length.
const SLOT_LEN: usize = 1 + 4 + 4;

/// Maximum length of all slots, in bytes: rosters, number of slots, and 16 slots with the longest
/// ciphertext.
pub const MAX_SLOTS_LEN: usize = FIELDS_LEN + MAX_SLOTS * (SLOT_LEN + MAX_CIPHERTEXT_LEN);

/// The digest of encoded slots that the device's MAC covers.
pub(super) fn digest(slots: &[u8]) -> [u8; 32] {
    Sha256::digest(slots).into()
}

impl RosterStamp {
    fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.epoch.to_be_bytes());
        out.extend_from_slice(&self.version.to_be_bytes());
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            epoch: reader.u32()?,
            version: reader.u32()?,
        })
    }
}

impl Slot {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.own));
        out.extend_from_slice(&self.device.0.to_be_bytes());
        put_long(out, &self.ciphertext);
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let own = match reader.u8()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        let device = DeviceId(reader.u32()?);
        let ciphertext = reader.long()?;
        (ciphertext.len() <= MAX_CIPHERTEXT_LEN).then(|| Self {
            own,
            device,
            ciphertext: ciphertext.to_vec(),
        })
    }
}

impl Fanout {
    /// Length of the encoded slots, in bytes.
    pub(super) fn slots_len(&self) -> usize {
        let lens = self.slots.iter().map(|slot| slot.ciphertext.len());
        lens.fold(FIELDS_LEN, |sum, len| {
            sum.saturating_add(SLOT_LEN).saturating_add(len)
        })
    }

    /// Appends the slots:
    ///
    /// ```text
    /// own epoch be32 || own version be32 || peer's epoch be32 || peer's version be32
    ///   || count u8 || count x (side u8 || device be32 || len be32 || ciphertext)
    /// ```
    pub(super) fn put_slots(&self, out: &mut Vec<u8>) {
        self.own.put(out);
        self.peer.put(out);
        out.push(u8::try_from(self.slots.len()).unwrap_or(u8::MAX));
        for slot in &self.slots {
            slot.put(out);
        }
    }

    /// Reads the slots of a message with this tag.
    pub(super) fn read_slots(tag: FrankingTag, bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let own = RosterStamp::read(&mut reader)?;
        let peer = RosterStamp::read(&mut reader)?;
        // CHK-291: there are 1 to 16 slots with nothing after them. They ascend strictly by side
        // and device, and no ciphertext is too long.
        let count = usize::from(reader.u8()?);
        if !(1..=MAX_SLOTS).contains(&count) {
            return None;
        }
        let mut slots: Vec<Slot> = Vec::with_capacity(count);
        for _ in 0..count {
            let slot = Slot::read(&mut reader)?;
            if slots
                .last()
                .is_some_and(|last| last.order() >= slot.order())
            {
                return None;
            }
            slots.push(slot);
        }
        reader.finish()?;
        Some(Self {
            tag,
            own,
            peer,
            slots,
        })
    }
}
