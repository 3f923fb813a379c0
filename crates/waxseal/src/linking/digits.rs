//! The eight digits that the manager shows, and that the user types into the new device.

use subtle::ConstantTimeEq;
use zeroize::{ZeroizeOnDrop, Zeroizing};

/// The eight digits that a manager shows and that its user types into the new device.
///
/// The first four follow from the session and from what the new device committed to before the
/// session existed. The new device checks them: no other manager can make it join an account. The
/// manager draws the last four and sends them to nobody. It checks them in the answer: a device
/// joins only if a person typed the digits there.
///
/// # Security
/// Show [`LINK_WARNING`] alongside the digits. Whoever types them into a device gives that device
/// the account.
#[derive(Clone, ZeroizeOnDrop)]
pub struct LinkDigits {
    first: u16,
    last: u16,
}

/// What a manager shows alongside the digits.
pub const LINK_WARNING: &str = "Type these digits only into the device in front of you that you \
     want to add. Do not type them into a website, and do not tell them to anyone: that device \
     could then read your messages and write as you. Nobody else ever needs them.";

/// Each half is below this number.
pub(super) const HALF: u16 = 10_000;

/// Maximum number of characters that are read of what a user typed: eight digits, and spaces or
/// hyphens between them.
const MAX_TYPED_CHARS: usize = 24;

impl LinkDigits {
    /// `None` unless both halves have at most four digits.
    pub(super) fn new(first: u16, last: u16) -> Option<Self> {
        (first < HALF && last < HALF).then_some(Self { first, last })
    }

    /// Reads what the user typed. Spaces and hyphens between the digits do not matter.
    ///
    /// `None` if these are not eight digits: ask the user again. This does not count as an attempt.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        let (mut number, mut count) = (0_u32, 0_usize);
        for (index, char) in typed.chars().enumerate() {
            if index >= MAX_TYPED_CHARS {
                return None;
            }
            match char {
                ' ' | '-' | '\u{a0}' => {}
                _ => {
                    let digit = char.to_digit(10)?;
                    number = number.checked_mul(10)?.checked_add(digit)?;
                    count = count.saturating_add(1);
                }
            }
        }
        let half = u32::from(HALF);
        let first = u16::try_from(number.checked_div(half)?).ok()?;
        let last = u16::try_from(number.checked_rem(half)?).ok()?;
        (count == 8).then(|| Self::new(first, last)).flatten()
    }

    /// The digits as the manager shows them, in two groups of four.
    #[must_use]
    pub fn shown(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{:04} {:04}", self.first, self.last))
    }

    /// The half that the manager drew.
    pub(super) fn last(&self) -> u16 {
        self.last
    }

    /// The half that both sides compute.
    pub(super) fn first(&self) -> u16 {
        self.first
    }

    pub(super) fn first_is(&self, first: u16) -> bool {
        self.first.ct_eq(&first).into()
    }

    pub(super) fn last_is(&self, last: u16) -> bool {
        self.last.ct_eq(&last).into()
    }
}

impl std::fmt::Debug for LinkDigits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinkDigits").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
