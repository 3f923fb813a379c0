//! A fanout on its way to the relay, and the relay's check of it.

use core::fmt;

use super::{Fanout, MAX_SLOTS_LEN, RosterStamp, Slot, slots};
use crate::address::{AccountId, DeviceAddress};
use crate::conversation::Audience;
use crate::delivery::DeliveryKey;
use crate::franking::FrankingTag;
use crate::timestamp::Timestamp;
use crate::wire::{self, DecodeError, VERSION_3};
use crate::{labels, mac};

/// Maximum length of a posted fanout, in bytes: version, tag, time, MAC, and the slots after their
/// field header. A relay may take less. Longer input is refused before it is parsed.
pub const MAX_POSTED_FANOUT_LEN: usize = 1 + 34 + 10 + 34 + 4 + MAX_SLOTS_LEN;

/// How far the time of posting may be from the relay's clock, before or after: ten minutes. Clocks
/// of devices differ, and a slow network takes a while. In this time a kept message can be posted
/// again by someone who has the device's token.
pub const MAX_POST_SKEW_MS: u64 = 600_000;

/// What a fanout MAC covers, after its label:
///
/// ```text
/// sender || audience || tag 32 || posted be64 || SHA-256(slots) 32
/// ```
///
/// Sender and audience have only one parse, and every other field has a fixed length. The slots
/// name the two rosters and every device. The MAC of a group message covers the same, with the
/// digest of all that follows its tag.
pub(crate) fn mac_input(
    sender: &DeviceAddress,
    audience: &Audience,
    tag: &FrankingTag,
    posted_at: Timestamp,
    slots_digest: &[u8; 32],
) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    sender.put(&mut out);
    audience.put(&mut out);
    out.extend_from_slice(tag.as_bytes());
    out.extend_from_slice(&posted_at.as_millis().to_be_bytes());
    out.extend_from_slice(slots_digest);
    out
}

/// A message for one or several devices on its way from the sending device to the relay.
///
/// As long as it is a `PostedFanout`, nothing in it is verified.
/// [`authenticate`](Self::authenticate) checks that the device asks for the stamp now, and turns it
/// into an [`AuthenticFanout`].
///
/// | bytes | field |
/// |---|---|
/// | 1 | version `03` |
/// | 2 + 32 | `0a 20`, franking tag |
/// | 2 + 8 | `12 08`, time of posting, ms |
/// | 2 + 32 | `1a 20`, fanout MAC |
/// | 1 + varint + n | `22`, length, slots, as in [`Fanout`] |
///
/// ```text
/// fanout MAC = HMAC-SHA-256(K_delivery, "waxseal/2/fanout-mac"
///                  || sender || audience || tag || posted be64 || SHA-256(slots))
/// ```
#[derive(Clone)]
pub struct PostedFanout {
    fanout: Fanout,
    slots_digest: [u8; 32],
    posted_at: Timestamp,
    mac: [u8; 32],
}

impl PostedFanout {
    /// Reads a posted fanout.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not a posted fanout.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (_, message): (_, wire::PostedFanout) =
            wire::decode_as(bytes, MAX_POSTED_FANOUT_LEN, &[VERSION_3])?;
        let tag = FrankingTag::from_bytes(wire::array(&message.franking_tag)?);
        let posted_at = u64::from_be_bytes(wire::array(&message.posted_at)?);
        let fanout = Fanout::read_slots(tag, &message.slots).ok_or(DecodeError::Malformed)?;
        Ok(Self {
            fanout,
            slots_digest: slots::digest(&message.slots),
            posted_at: Timestamp::from_millis(posted_at),
            mac: wire::array(&message.fanout_mac)?,
        })
    }

    /// The relay's step: checks that this device asks now for a stamp of this message, for this
    /// audience and these devices.
    ///
    /// `sender` is the device that the relay authenticated, and `key` the key that it shares with
    /// that device. Call this before anything else: before a stamp is made, and before an answer
    /// gives away prekeys. Whether the devices are those of the accounts' rosters is left to the
    /// relay.
    ///
    /// # Errors
    /// [`PostError`] for the first check that fails: [`PostError::NotAuthentic`] if the MAC is not
    /// this device's MAC over exactly this; [`PostError::ClockDiffers`] if the time of posting is
    /// more than [`MAX_POST_SKEW_MS`] from `now`; [`PostError::OtherTargets`] if the slots do not
    /// fit sender and audience.
    pub fn authenticate(
        self,
        key: &DeliveryKey,
        sender: &DeviceAddress,
        audience: &Audience,
        now: Timestamp,
    ) -> Result<AuthenticFanout, PostError> {
        let fanout = &self.fanout;
        let input = mac_input(
            sender,
            audience,
            &fanout.tag,
            self.posted_at,
            &self.slots_digest,
        );
        // CHK-292: the fanout MAC covers sender, audience, tag, time of posting and all slots.
        if !mac::verify(key.as_bytes(), &[labels::FANOUT, &input], &self.mac) {
            return Err(PostError::NotAuthentic);
        }
        // CHK-111: the time of posting is at most ten minutes from the relay's clock.
        if self.posted_at.as_millis().abs_diff(now.as_millis()) > MAX_POST_SKEW_MS {
            return Err(PostError::ClockDiffers);
        }
        // CHK-293: the message is for an account, and no slot is for the sending device. In a note
        // to the own account, all slots are for own devices, and no roster of a peer is named.
        let Audience::Direct(peer) = audience else {
            return Err(PostError::OtherTargets);
        };
        let is_note = *peer == sender.account;
        let fits = |slot: &Slot| {
            let is_sender = slot.own && slot.device == sender.device;
            !is_sender && (slot.own || !is_note)
        };
        let names_peer = fanout.peer != RosterStamp::default();
        if !fanout.slots.iter().all(fits) || (is_note && names_peer) {
            return Err(PostError::OtherTargets);
        }
        Ok(AuthenticFanout {
            peer: peer.clone(),
            audience: audience.clone(),
            fanout: self.fanout,
            slots_digest: self.slots_digest,
            sender: sender.clone(),
        })
    }
}

impl fmt::Debug for PostedFanout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostedFanout")
            .field("fanout", &self.fanout)
            .finish_non_exhaustive()
    }
}

/// A message for one or several devices, of which the relay knows that its sender's device asks for
/// the stamp, for this audience.
///
/// Only [`PostedFanout::authenticate`] makes one. Stamp it once, with
/// [`StampKeys::stamp`](crate::relay::StampKeys::stamp), after you compared its devices with the
/// accounts' rosters. Then [`StampedEnvelope::fan_out`](crate::relay::StampedEnvelope::fan_out)
/// makes the message for each device's queue. The time of posting and the MAC are gone: no delivery
/// contains them.
#[derive(Clone)]
pub struct AuthenticFanout {
    fanout: Fanout,
    slots_digest: [u8; 32],
    sender: DeviceAddress,
    audience: Audience,
    /// The account that the audience names.
    peer: AccountId,
}

impl AuthenticFanout {
    /// The franking tag to stamp.
    pub fn tag(&self) -> &FrankingTag {
        &self.fanout.tag
    }

    /// The sending device.
    pub fn sender(&self) -> &DeviceAddress {
        &self.sender
    }

    /// Whom the message is for.
    pub fn audience(&self) -> &Audience {
        &self.audience
    }

    /// The version of the sender's own roster for which the message was sealed.
    pub fn own_version(&self) -> RosterStamp {
        self.fanout.own
    }

    /// The version of the peer's roster for which the message was sealed. Zero for a note to one's
    /// own devices.
    pub fn peer_version(&self) -> RosterStamp {
        self.fanout.peer
    }

    /// The devices that get the message, and whether the slot of each is empty. The peer's devices
    /// come first, each side by device number.
    pub fn targets(&self) -> Vec<(DeviceAddress, bool)> {
        let slots = self.fanout.slots.iter();
        slots
            .map(|slot| (self.address(slot), slot.is_empty()))
            .collect()
    }

    /// The digest of the slots, by which the relay recognises a request that is posted again.
    pub fn slots_digest(&self) -> &[u8; 32] {
        &self.slots_digest
    }

    /// The devices, each with its ciphertext.
    pub(crate) fn into_slots(self) -> impl Iterator<Item = (DeviceAddress, Vec<u8>)> {
        let Self {
            fanout,
            sender,
            peer,
            ..
        } = self;
        let slots = fanout.slots.into_iter();
        slots.map(move |slot| (slot.address(&sender.account, &peer), slot.ciphertext))
    }

    fn address(&self, slot: &Slot) -> DeviceAddress {
        slot.address(&self.sender.account, &self.peer)
    }
}

impl fmt::Debug for AuthenticFanout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticFanout")
            .field("fanout", &self.fanout)
            .finish_non_exhaustive()
    }
}

/// Why the relay did not take a posted message. Nothing was stamped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PostError {
    /// This device did not make the MAC for this message, this audience and these devices. Refuse
    /// it.
    #[error("not authenticated by the sending device")]
    NotAuthentic,
    /// The device made the MAC, but at a time that is more than ten minutes from the relay's
    /// clock. Answer with the relay's time, so that the device posts again.
    #[error("the time of posting is more than ten minutes from the relay's clock")]
    ClockDiffers,
    /// The device made the MAC, but the slots do not fit sender and audience: one is for the
    /// sending device, a note to the own account has a slot or roster of a peer, or the message is
    /// for a group. Refuse it.
    ///
    /// Of a message to a group: the slots are for other devices than the group's. Answer with what
    /// the sender is missing.
    #[error("the slots do not fit sender and audience")]
    OtherTargets,
}
