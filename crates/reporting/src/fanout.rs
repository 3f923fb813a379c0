//! Posts a sealed message for one or several devices: one tag, one stamp, and a ciphertext for each
//! device.
//!
//! A message goes to every device of the peer's account and to every other device of the sender's
//! own. Each device has a channel of its own, so each gets a ciphertext of its own. The relay
//! stamps the tag once, and every device can report the message.
//!
//! A session token alone stamps nothing. The sending device makes a MAC under its delivery key over
//! everything that the stamp will say, all ciphertexts, and the time of posting. A message that
//! someone kept is therefore worthless a few minutes later, even together with a stolen token.

use core::fmt;

use crate::address::{AccountId, DeviceAddress, DeviceId};
use crate::codec::Reader;
use crate::conversation::Audience;
use crate::delivery::DeliveryKey;
use crate::envelope::Envelope;
use crate::franking::FrankingTag;
use crate::timestamp::Timestamp;
use crate::wire::{self, DecodeError, VERSION_3};
use crate::{labels, mac};

mod posted;
mod slots;

pub(crate) use posted::mac_input;
pub use posted::{
    AuthenticFanout, MAX_POST_SKEW_MS, MAX_POSTED_FANOUT_LEN, PostError, PostedFanout,
};
pub use slots::{MAX_SLOTS, MAX_SLOTS_LEN};

/// Maximum length of a stored fanout, in bytes: version, tag and slots. Longer input is refused
/// before it is parsed.
pub const MAX_FANOUT_LEN: usize = 1 + 32 + MAX_SLOTS_LEN;

/// Which roster of an account a message was sealed for: the roster's epoch and version, which
/// compare as a pair. 8 bytes, two numbers in big-endian.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RosterStamp {
    /// The epoch of the account's delegation.
    pub epoch: u32,
    /// The version of the roster within its epoch.
    pub version: u32,
}

impl RosterStamp {
    /// The version of a roster within an epoch.
    pub fn new(epoch: u32, version: u32) -> Self {
        Self { epoch, version }
    }
}

/// The ciphertext for one device.
#[derive(Clone, PartialEq, Eq)]
pub struct Slot {
    /// Whether the device belongs to the sender's own account, or else to the peer's.
    pub own: bool,
    /// The device.
    pub device: DeviceId,
    /// What the device opens. Empty if the sender had no channel to the device: the device then
    /// learns that there is a message, and asks for it.
    pub ciphertext: Vec<u8>,
}

impl Slot {
    /// Whether the device gets no ciphertext.
    pub fn is_empty(&self) -> bool {
        self.ciphertext.is_empty()
    }

    /// By what slots are ordered: the peer's devices come first, each side by device number.
    fn order(&self) -> (bool, DeviceId) {
        (self.own, self.device)
    }

    /// The device's address in a message from `sender` to `peer`.
    fn address(&self, sender: &AccountId, peer: &AccountId) -> DeviceAddress {
        let account = if self.own { sender } else { peer };
        DeviceAddress::new(account.clone(), self.device)
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("own", &self.own)
            .field("device", &self.device)
            .field("ciphertext_len", &self.ciphertext.len())
            .finish()
    }
}

/// A message that is sealed for one or several devices, as it waits in the sender's outbox. 1 to
/// [`MAX_SLOTS`] slots.
///
/// [`insert`](Self::insert) adds the ciphertext for each device, and [`post`](Self::post) makes the
/// bytes for the relay. Each posting makes them again, since they carry the time. When the relay
/// answers that the devices are others, change the slots and [name](Self::name_rosters) the newer
/// rosters: the message keeps its tag.
///
/// [`encode`](Self::encode) makes the form for storage, which no relay accepts:
///
/// | bytes | field |
/// |---|---|
/// | 1 | version `03` |
/// | 32 | franking tag |
/// | 4 + 4 | epoch and version of the sender's own roster |
/// | 4 + 4 | epoch and version of the peer's roster |
/// | 1 | number of slots, 1 to 16 |
/// | n x (1 + 4 + 4 + m) | slots: side, device, length, ciphertext |
///
/// The side is `00` for a device of the peer's account and `01` for one of the sender's own. Slots
/// ascend by side and device, each device once. A slot of length 0 is empty.
#[derive(Clone, PartialEq, Eq)]
pub struct Fanout {
    tag: FrankingTag,
    own: RosterStamp,
    peer: RosterStamp,
    /// In ascending order of side and device.
    slots: Vec<Slot>,
}

impl Fanout {
    /// A message with this tag, sealed for the devices of these rosters. It has no slots yet.
    ///
    /// For a note to one's own devices, `peer` is zero. If the provider has no rosters, both are.
    pub fn new(tag: FrankingTag, own: RosterStamp, peer: RosterStamp) -> Self {
        Self {
            tag,
            own,
            peer,
            slots: Vec::new(),
        }
    }

    /// Adds the slot of a device, or replaces it. `None` makes an empty slot, for a device to which
    /// there is no channel.
    ///
    /// # Errors
    /// [`FanoutError`]; the slots are unchanged then.
    pub fn insert(
        &mut self,
        own: bool,
        device: DeviceId,
        envelope: Option<Envelope>,
    ) -> Result<(), FanoutError> {
        let ciphertext = match envelope {
            Some(envelope) if !envelope.tag().matches(&self.tag) => {
                return Err(FanoutError::OtherMessage);
            }
            Some(envelope) => envelope.into_ciphertext(),
            None => Vec::new(),
        };
        let slot = Slot {
            own,
            device,
            ciphertext,
        };
        match self.find(own, device) {
            Ok(index) => {
                if let Some(known) = self.slots.get_mut(index) {
                    *known = slot;
                }
            }
            Err(_) if self.slots.len() >= MAX_SLOTS => return Err(FanoutError::TooManySlots),
            Err(index) => self.slots.insert(index, slot),
        }
        Ok(())
    }

    /// Keeps the slots for which `keep` says so, and removes the others.
    pub fn retain(&mut self, keep: impl FnMut(&Slot) -> bool) {
        self.slots.retain(keep);
    }

    /// Names the rosters that the slots are for.
    pub fn name_rosters(&mut self, own: RosterStamp, peer: RosterStamp) {
        self.own = own;
        self.peer = peer;
    }

    /// The franking tag that the relay stamps.
    pub fn tag(&self) -> &FrankingTag {
        &self.tag
    }

    /// The version of the sender's own roster.
    pub fn own_version(&self) -> RosterStamp {
        self.own
    }

    /// The version of the peer's roster. Zero for a note to one's own devices.
    pub fn peer_version(&self) -> RosterStamp {
        self.peer
    }

    /// The slots, those of the peer's devices first, each side by device number.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The slot of a device.
    pub fn slot(&self, own: bool, device: DeviceId) -> Option<&Slot> {
        self.slots.get(self.find(own, device).ok()?)
    }

    fn find(&self, own: bool, device: DeviceId) -> Result<usize, usize> {
        self.slots.binary_search_by_key(&(own, device), Slot::order)
    }

    /// The fanout as bytes for the outbox. It needs at least one slot to be read again.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.slots_len().saturating_add(1 + 32));
        out.push(VERSION_3);
        out.extend_from_slice(self.tag.as_bytes());
        self.put_slots(&mut out);
        out
    }

    /// Reads a fanout from the outbox.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not a fanout.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (_, body) = wire::versioned_as(bytes, MAX_FANOUT_LEN, &[VERSION_3])?;
        let mut reader = Reader::new(body);
        // CHK-115: a stored fanout has a complete tag and slots.
        let tag = reader.array().ok_or(DecodeError::Malformed)?;
        Self::read_slots(FrankingTag::from_bytes(tag), reader.rest()).ok_or(DecodeError::Malformed)
    }

    /// The sending device's step: the fanout as bytes for the relay, with a request for a stamp
    /// that holds for ten minutes.
    ///
    /// Call it again at each posting, also when nothing else changed. `key` is the delivery key of
    /// `sender`, and `now` the device's clock. If the relay answers that the clock is off
    /// ([`PostError::ClockDiffers`]), post again with the relay's time.
    ///
    /// # Security
    /// Take the relay's time only from an answer with the relay's MAC
    /// ([`AnswerMac::verify`](crate::relay::AnswerMac::verify)). Otherwise, someone who changes
    /// answers names a later time, keeps the message that is posted with it, and has it stamped at
    /// that time if they get a session token.
    pub fn post(
        &self,
        key: &DeliveryKey,
        sender: &DeviceAddress,
        audience: &Audience,
        now: Timestamp,
    ) -> Vec<u8> {
        let mut slots = Vec::with_capacity(self.slots_len());
        self.put_slots(&mut slots);
        let digest = slots::digest(&slots);
        let input = mac_input(sender, audience, &self.tag, now, &digest);
        let message = wire::PostedFanout {
            franking_tag: self.tag.as_bytes().to_vec(),
            posted_at: now.as_millis().to_be_bytes().to_vec(),
            fanout_mac: mac::hmac(key.as_bytes(), &[labels::FANOUT, &input]).to_vec(),
            slots: Vec::new(),
        };
        wire::encode_with_last_as(VERSION_3, &message, 4, &slots)
    }
}

impl fmt::Debug for Fanout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fanout")
            .field("own", &self.own)
            .field("peer", &self.peer)
            .field("slots", &self.slots)
            .finish_non_exhaustive()
    }
}

/// Why a slot was not added. The caller has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FanoutError {
    /// The envelope has another tag than the fanout. Seal the same message for every device.
    #[error("the envelope is of another message")]
    OtherMessage,
    /// There are [`MAX_SLOTS`] slots already. No two accounts have this many devices.
    #[error("too many devices for one message")]
    TooManySlots,
}

#[cfg(test)]
mod tests;
