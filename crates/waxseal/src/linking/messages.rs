//! The messages of a link: how they are encoded, and which slot of the mailbox each one has.

use waxseal_reporting::AccountId;
use zeroize::Zeroizing;

use super::LinkingError;
use super::digits::HALF;

/// Where a message of a link is in the mailbox. Each slot is written once.
///
/// | slot | who writes it | what |
/// |---:|---|---|
/// | 0 | new device | its prekeys, to which the code commits |
/// | 1 | manager | the offer: account, roster, and the number that the new device gets |
/// | 2 | new device | what it had committed to |
/// | 3 | new device | the answer: the last four digits, and its consent |
/// | 4 | manager | the welcome: the signed roster that lists the new device |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkSlot {
    /// The new device's prekeys.
    Bundle,
    /// The manager's offer.
    Offer,
    /// What the new device had committed to.
    Reveal,
    /// The new device's answer.
    Answer,
    /// The signed roster that lists the new device.
    Welcome,
}

impl LinkSlot {
    /// The number of the slot.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Bundle => 0,
            Self::Offer => 1,
            Self::Reveal => 2,
            Self::Answer => 3,
            Self::Welcome => 4,
        }
    }
}

/// Maximum length of an offer, a reveal or an answer, in bytes. A valid offer has at most 4,100:
/// a signed roster of eight devices, and a handshake.
pub const MAX_LINK_MESSAGE_LEN: usize = 8_192;

/// Maximum length of a signed roster inside an offer, in bytes.
const MAX_ROSTER_LEN: usize = 4_096;

const VERSION: u8 = 0x01;

/// An offer, a reveal or an answer as it is in the mailbox.
///
/// | offset | field | bytes |
/// |---:|---|---:|
/// | 0 | version, `01` | 1 |
/// | 1 | slot: 1, 2 or 3 | 1 |
/// | 2 | nonce, random | 16 |
/// | 18 | message of the session | the rest |
pub(super) struct LinkMessage<'a> {
    pub(super) nonce: [u8; 16],
    pub(super) ciphertext: &'a [u8],
}

impl<'a> LinkMessage<'a> {
    pub(super) fn decode(bytes: &'a [u8], slot: LinkSlot) -> Result<Self, LinkingError> {
        // CHK-349: length, version and slot are right.
        if bytes.len() > MAX_LINK_MESSAGE_LEN {
            return Err(LinkingError::TooLong {
                len: bytes.len(),
                max: MAX_LINK_MESSAGE_LEN,
            });
        }
        let rest = match bytes.split_first() {
            None => return Err(LinkingError::Malformed),
            Some((&VERSION, rest)) => rest,
            Some((&version, _)) => return Err(LinkingError::UnknownVersion { version }),
        };
        let mut reader = Reader(rest);
        if reader.u8()? != slot.number() {
            return Err(LinkingError::WrongSlot);
        }
        let nonce = reader.array()?;
        Ok(Self {
            nonce,
            ciphertext: reader.0,
        })
    }

    pub(super) fn encode(slot: LinkSlot, nonce: &[u8; 16], ciphertext: &[u8]) -> Vec<u8> {
        [&[VERSION, slot.number()], nonce.as_slice(), ciphertext].concat()
    }
}

/// The associated data of a message: label, the code's secret, slot, nonce.
///
/// The nonce is random, so that no two contents are ever encrypted under one message key, even if
/// a device's state was set back.
pub(super) fn associated_data(secret: &[u8; 16], slot: LinkSlot, nonce: &[u8; 16]) -> Vec<u8> {
    let label = crate::labels::LINK_MESSAGE;
    [label, secret.as_slice(), &[slot.number()], nonce].concat()
}

/// What a manager offers: the account, its roster, and the number of the new device.
///
/// | field | bytes |
/// |---|---:|
/// | length of the account's name, and the name | 1 + 1 to 128 |
/// | number that the new device gets | 4 |
/// | length of the signed roster, and the signed roster | 2 + at most 4,096 |
#[derive(Clone)]
pub(super) struct OfferContent {
    pub(super) account: AccountId,
    pub(super) device: u32,
    pub(super) roster: Vec<u8>,
}

impl OfferContent {
    pub(super) fn encode(&self) -> Result<Vec<u8>, LinkingError> {
        let account = self.account.as_str().as_bytes();
        let account_len = u8::try_from(account.len()).map_err(|_| LinkingError::Malformed)?;
        let roster_len = u16::try_from(self.roster.len()).map_err(|_| LinkingError::Malformed)?;
        Ok([
            &[account_len],
            account,
            &self.device.to_be_bytes(),
            &roster_len.to_be_bytes(),
            &self.roster,
        ]
        .concat())
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, LinkingError> {
        let mut reader = Reader(bytes);
        let len = usize::from(reader.u8()?);
        let account = str::from_utf8(reader.take(len)?).map_err(|_| LinkingError::Malformed)?;
        let account = AccountId::new(account).map_err(|_| LinkingError::Malformed)?;
        let device = u32::from_be_bytes(reader.array()?);
        let len = usize::from(u16::from_be_bytes(reader.array()?));
        if len > MAX_ROSTER_LEN {
            return Err(LinkingError::Malformed);
        }
        let roster = reader.take(len)?.to_vec();
        reader.finish()?;
        Ok(Self {
            account,
            device,
            roster,
        })
    }
}

/// What the new device had committed to: 16 random bytes.
pub(super) fn decode_reveal(bytes: &[u8]) -> Result<Zeroizing<[u8; 16]>, LinkingError> {
    let opening = bytes.try_into().map_err(|_| LinkingError::Malformed)?;
    Ok(Zeroizing::new(opening))
}

/// What the new device answers: the last four digits, and its consent.
///
/// | field | bytes |
/// |---|---:|
/// | the last four digits as a number | 2 |
/// | device proof | 64 |
pub(super) struct AnswerContent {
    pub(super) last: u16,
    pub(super) proof: [u8; 64],
}

impl AnswerContent {
    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new([self.last.to_be_bytes().as_slice(), &self.proof].concat())
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, LinkingError> {
        let mut reader = Reader(bytes);
        let last = u16::from_be_bytes(reader.array()?);
        let proof = reader.array()?;
        reader.finish()?;
        if last >= HALF {
            return Err(LinkingError::Malformed);
        }
        Ok(Self { last, proof })
    }
}

/// Reads fields from the front of a byte string.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], LinkingError> {
        let (head, rest) = self
            .0
            .split_at_checked(len)
            .ok_or(LinkingError::Malformed)?;
        self.0 = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], LinkingError> {
        let (head, rest) = self.0.split_first_chunk().ok_or(LinkingError::Malformed)?;
        self.0 = rest;
        Ok(*head)
    }

    fn u8(&mut self) -> Result<u8, LinkingError> {
        self.array().map(u8::from_be_bytes)
    }

    fn finish(self) -> Result<(), LinkingError> {
        match self.0 {
            [] => Ok(()),
            _ => Err(LinkingError::Malformed),
        }
    }
}

#[cfg(test)]
mod tests;
