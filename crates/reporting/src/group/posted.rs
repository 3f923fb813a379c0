//! A group message on its way to the relay, and the relay's check of it.

use core::fmt;

use super::{GroupFanout, GroupSlot, GroupStamp, MAX_MESSAGE_LEN, digest};
use crate::address::DeviceAddress;
use crate::conversation::{Audience, ConversationId};
use crate::delivery::DeliveryKey;
use crate::fanout::{MAX_POST_SKEW_MS, PostError, mac_input};
use crate::franking::FrankingTag;
use crate::stamp::Claim;
use crate::stamp_keys::{StampKeys, StampKeysError};
use crate::timestamp::Timestamp;
use crate::wire::{self, DecodeError, VERSION_4};
use crate::{labels, mac};

/// Maximum length of a posted group message, in bytes: version, tag, time, MAC, and the message
/// after its field header. A relay may take less. Longer input is refused before it is parsed.
pub const MAX_POSTED_GROUP_LEN: usize = 1 + 34 + 10 + 34 + 5 + MAX_MESSAGE_LEN;

/// A message to a group on its way from the sending device to the relay.
///
/// As long as it is a `PostedGroup`, nothing in it is verified.
/// [`authenticate`](Self::authenticate) checks that the device asks for the stamp now, and turns it
/// into an [`AuthenticGroup`].
///
/// | bytes | field |
/// |---|---|
/// | 1 | version `04` |
/// | 2 + 32 | `0a 20`, franking tag |
/// | 2 + 8 | `12 08`, time of posting, ms |
/// | 2 + 32 | `1a 20`, group MAC |
/// | 1 + varint + n | `22`, length, message: what follows the tag in a [`GroupFanout`] |
///
/// ```text
/// group MAC = HMAC-SHA-256(K_delivery, "waxseal/2/group-post-mac"
///                 || sender || audience || tag || posted be64 || SHA-256(message))
/// ```
///
/// The audience is the group that the message names.
#[derive(Clone)]
pub struct PostedGroup {
    fanout: GroupFanout,
    digest: [u8; 32],
    posted_at: Timestamp,
    mac: [u8; 32],
}

impl PostedGroup {
    /// Reads a posted group message.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not a posted group message.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (_, message): (_, wire::PostedGroup) =
            wire::decode_as(bytes, MAX_POSTED_GROUP_LEN, &[VERSION_4])?;
        let tag = FrankingTag::from_bytes(wire::array(&message.franking_tag)?);
        let posted_at = u64::from_be_bytes(wire::array(&message.posted_at)?);
        let mac = wire::array(&message.group_mac)?;
        let fanout = GroupFanout::read_message(tag, &message.message);
        Ok(Self {
            fanout: fanout.ok_or(DecodeError::Malformed)?,
            digest: digest(&message.message),
            posted_at: Timestamp::from_millis(posted_at),
            mac,
        })
    }

    /// The group that the message names, unverified: the relay looks up its state by it.
    pub fn group(&self) -> &ConversationId {
        &self.fanout.group
    }

    /// The relay's step: checks that this device asks now for a stamp of this message.
    ///
    /// `sender` is the device that the relay authenticated, and `key` the key that it shares with
    /// that device. Call this before anything else: before a stamp is made, and before an answer
    /// gives away prekeys. Whether the sender is a member that may write, and whether the state is
    /// the newest, is left to the relay.
    ///
    /// # Errors
    /// [`PostError::NotAuthentic`] if the MAC is not this device's MAC over exactly this;
    /// [`PostError::ClockDiffers`] if the time of posting is more than [`MAX_POST_SKEW_MS`] from
    /// `now`.
    pub fn authenticate(
        self,
        key: &DeliveryKey,
        sender: &DeviceAddress,
        now: Timestamp,
    ) -> Result<AuthenticGroup, PostError> {
        let fanout = self.fanout;
        let audience = Audience::Group(fanout.group);
        let input = mac_input(sender, &audience, &fanout.tag, self.posted_at, &self.digest);
        // CHK-412: the group MAC covers sender, group, tag, time of posting, state, digest, body
        // and slots.
        if !mac::verify(key.as_bytes(), &[labels::GROUP_POST, &input], &self.mac) {
            return Err(PostError::NotAuthentic);
        }
        // CHK-111: the time of posting is at most ten minutes from the relay's clock.
        if self.posted_at.as_millis().abs_diff(now.as_millis()) > MAX_POST_SKEW_MS {
            return Err(PostError::ClockDiffers);
        }
        Ok(AuthenticGroup {
            fanout,
            digest: self.digest,
            sender: sender.clone(),
            audience,
        })
    }
}

impl fmt::Debug for PostedGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostedGroup")
            .field("fanout", &self.fanout)
            .finish_non_exhaustive()
    }
}

/// A message to a group, of which the relay knows that its sender's device asks for the stamp.
///
/// Only [`PostedGroup::authenticate`] makes one. The relay checks that the sender is a member that
/// may write, and that the message names the group's newest state. Then it computes the devices and
/// goes on with [`for_targets`](Self::for_targets).
#[derive(Clone)]
pub struct AuthenticGroup {
    fanout: GroupFanout,
    digest: [u8; 32],
    sender: DeviceAddress,
    audience: Audience,
}

impl AuthenticGroup {
    /// The franking tag to stamp.
    pub fn tag(&self) -> &FrankingTag {
        &self.fanout.tag
    }

    /// The sending device.
    pub fn sender(&self) -> &DeviceAddress {
        &self.sender
    }

    /// The group.
    pub fn group(&self) -> &ConversationId {
        &self.fanout.group
    }

    /// The state of the group for which the message was sealed, and the digest of the devices.
    pub fn stamp(&self) -> &GroupStamp {
        &self.fanout.stamp
    }

    /// Number of slots.
    pub fn slots(&self) -> usize {
        self.fanout.slots.len()
    }

    /// The digest of the message with all slots, by which the relay recognises a request that is
    /// posted again.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The relay's step: checks that the slots are for these devices, in this order.
    ///
    /// `targets` are the devices that the relay computes from the group's newest state and the
    /// members' rosters, and `targets_digest` is their digest. Both come from `waxseal-roster`. The
    /// sending device is not among them.
    ///
    /// # Errors
    /// [`PostError::OtherTargets`] if the message was sealed for other devices: answer with what
    /// the sender is missing.
    pub fn for_targets(
        self,
        targets: Vec<DeviceAddress>,
        targets_digest: &[u8; 32],
    ) -> Result<TargetedGroup, PostError> {
        // CHK-413: the digest is that of the group's devices, and there is one slot for each of
        // them. None is for the sending device.
        if self.fanout.stamp.targets_digest != *targets_digest
            || self.fanout.slots.len() != targets.len()
            || targets.contains(&self.sender)
        {
            return Err(PostError::OtherTargets);
        }
        Ok(TargetedGroup {
            authentic: self,
            targets,
        })
    }
}

impl fmt::Debug for AuthenticGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticGroup")
            .field("fanout", &self.fanout)
            .finish_non_exhaustive()
    }
}

/// A message to a group, of which the relay knows for which devices its slots are.
///
/// Only [`AuthenticGroup::for_targets`] makes one, and [`StampKeys::stamp_group`] accepts nothing
/// else. Stamp it once; then
/// [`StampedGroup::fan_out`](crate::relay::StampedGroup::fan_out) makes what the relay keeps. The
/// time of posting and the MAC are gone: no delivery contains them.
#[derive(Clone)]
pub struct TargetedGroup {
    authentic: AuthenticGroup,
    targets: Vec<DeviceAddress>,
}

impl TargetedGroup {
    /// The franking tag to stamp.
    pub fn tag(&self) -> &FrankingTag {
        self.authentic.tag()
    }

    /// The sending device.
    pub fn sender(&self) -> &DeviceAddress {
        self.authentic.sender()
    }

    /// Whom the message is for: the group.
    pub fn audience(&self) -> &Audience {
        &self.authentic.audience
    }

    /// The devices that get the message, and whether the slot of each is empty.
    pub fn targets(&self) -> impl Iterator<Item = (&DeviceAddress, bool)> {
        let slots = self.authentic.fanout.slots.iter().map(GroupSlot::is_empty);
        self.targets.iter().zip(slots)
    }

    /// The body, and the devices with their slots.
    pub(super) fn into_parts(self) -> (Vec<u8>, Vec<(DeviceAddress, GroupSlot)>) {
        let GroupFanout { body, slots, .. } = self.authentic.fanout;
        (body, self.targets.into_iter().zip(slots).collect())
    }
}

impl fmt::Debug for TargetedGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TargetedGroup")
            .field("fanout", &self.authentic.fanout)
            .finish_non_exhaustive()
    }
}

impl StampKeys {
    /// Stamps a message to a group for which its device asked, once for all devices that get it.
    /// `accepted_at` comes from [`next_accepted_at`](crate::relay::next_accepted_at).
    ///
    /// # Errors
    /// [`StampKeysError::EpochOutOfReach`] as for [`stamp`](Self::stamp).
    pub fn stamp_group(
        &self,
        group: &TargetedGroup,
        accepted_at: Timestamp,
    ) -> Result<Claim, StampKeysError> {
        let (tag, sender) = (group.tag(), group.sender());
        self.stamp_tag(tag, sender, group.audience(), accepted_at)
    }
}
