//! Items: facts with the write that made them, and which of two counts.

use waxseal_reporting::DeviceId;
use zeroize::Zeroizing;

use super::codec::Reader;
use super::fact::Fact;

/// A write: its Lamport number, and the device that wrote. Writes compare by number, then by
/// device.
///
/// A device numbers each write with one more than the highest number it has seen. So a write that
/// knew of another one has the higher number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Written {
    /// The number, from 1.
    pub number: u64,
    /// The device that wrote, of the own account.
    pub device: DeviceId,
}

impl Written {
    /// How far above the highest known number a number may be. A removed device could otherwise use
    /// up the numbers with one write, which no later write would change. No account makes this
    /// many.
    const MAX_JUMP: u64 = 1 << 32;

    /// Whether the write can be taken by a device that has seen no number above `highest`.
    pub(crate) fn follows(self, highest: u64) -> bool {
        self.number != 0 && self.number <= highest.saturating_add(Self::MAX_JUMP)
    }
}

/// One fact, with the write that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What is so.
    pub fact: Fact,
    /// Which write said so.
    pub written: Written,
}

impl Item {
    /// Whether this item counts and `other`, about the same subject, does not.
    ///
    /// The further fact counts: a conversation that was read to a message stays read. Else the last
    /// writer. A device that was restored from a backup can write twice under one number: then the
    /// bytes decide, so that the order of arrival never does.
    pub fn wins_over(&self, other: &Self) -> bool {
        let rank = |item: &Self| (item.fact.reach(), item.written);
        // CHK-343: the item with the higher rank counts, whichever arrives first.
        match rank(self).cmp(&rank(other)) {
            core::cmp::Ordering::Equal => *self.body() > *other.body(),
            order => order.is_gt(),
        }
    }

    /// The item without its kind: `number be64 || device be32 || fact`.
    pub(crate) fn body(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(MAX_ITEM_LEN));
        out.extend_from_slice(&self.written.number.to_be_bytes());
        out.extend_from_slice(&self.written.device.0.to_be_bytes());
        self.fact.put(&mut out);
        out
    }

    /// The kind, then the body: the form in which an item is stored.
    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(MAX_ITEM_LEN.saturating_add(1)));
        out.push(self.fact.kind());
        out.extend_from_slice(&self.body());
        out
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&kind, body) = bytes.split_first()?;
        Self::read(kind, body)
    }

    pub(super) fn read(kind: u8, body: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let written = Written {
            number: reader.u64()?,
            device: DeviceId(reader.u32()?),
        };
        let fact = Fact::read(kind, &mut reader)?;
        Some(Self { fact, written })
    }
}

/// Length of the longest item, a setting: reserved at once, since a vector that grows leaves copies
/// in memory.
const MAX_ITEM_LEN: usize =
    8 + 4 + 1 + super::fact::MAX_SETTING_NAME_LEN + super::fact::MAX_SETTING_LEN;
