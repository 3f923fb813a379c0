//! Chooses how much of a message a report shows.

/// How much of one message a report shows. Its header (part 0) is always shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disclosure {
    /// Every part.
    Whole,
    /// The header and the parts with these numbers: 1 is the content, 2 and up are the attachments.
    Parts(Vec<usize>),
}

/// The set of a message's shown parts: bit i stands for part i.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartSet(u32);

impl PartSet {
    /// The header alone, which is always shown.
    pub(crate) const HEADER: Self = Self(1);

    /// Parts 0 to `count` - 1.
    pub(crate) fn all(count: usize) -> Self {
        (0..count).fold(Self(0), Self::with)
    }

    pub(crate) fn with(self, index: usize) -> Self {
        Self(self.0 | Self::bit(index))
    }

    pub(crate) fn contains(self, index: usize) -> bool {
        self.0 & Self::bit(index) != 0
    }

    /// The set as it is written on the wire.
    pub(crate) fn bits(self) -> u32 {
        self.0
    }

    /// Reads a set; `None` if it contains a part that a message of `count` parts does not have.
    pub(crate) fn from_bits(bits: u32, count: usize) -> Option<Self> {
        (bits & !Self::all(count).0 == 0).then_some(Self(bits))
    }

    fn bit(index: usize) -> u32 {
        u32::try_from(index)
            .ok()
            .and_then(|index| 1u32.checked_shl(index))
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
