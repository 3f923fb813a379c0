//! Seals a message again for one device: the author posts the same message under the same tag, and
//! the relay stamps the tag again.
//!
//! The relay keeps nothing of a message once it is delivered. What it needs is in the claim of the
//! first stamp, which the author kept with its evidence. The relay checks its own stamp on it.

use core::fmt;

use sha2::{Digest, Sha256};

use crate::address::{AccountId, DeviceAddress, MAX_ADDRESS_LEN};
use crate::codec::Reader;
use crate::conversation::{Audience, ConversationId};
use crate::delivery::DeliveryKey;
use crate::envelope::{Envelope, MAX_CIPHERTEXT_LEN, check_ciphertext};
use crate::fanout::MAX_POST_SKEW_MS;
use crate::franking::FrankingTag;
use crate::stamp::{Claim, MAX_CONTEXT_LEN, Stamp, StampContext};
use crate::stamp_keys::{StampError, StampKeys, StampKeysError};
use crate::timestamp::Timestamp;
use crate::wire::{self, DecodeError};
use crate::{labels, mac};

/// Maximum length of a posted reseal, in bytes: version, tag, stamp context, stamp, target, time,
/// MAC, and a ciphertext after its field header. Longer input is refused before it is parsed.
pub const MAX_POSTED_RESEAL_LEN: usize =
    1 + 34 + 3 + MAX_CONTEXT_LEN + 34 + 3 + MAX_ADDRESS_LEN + 10 + 34 + 4 + MAX_CIPHERTEXT_LEN;

/// What a reseal MAC covers, after its label:
///
/// ```text
/// sender || target || tag 32 || stamp context || stamp 32 || posted be64 || SHA-256(ciphertext) 32
/// ```
///
/// Sender, target and context have only one parse, and every other field has a fixed length.
fn mac_input(
    sender: &DeviceAddress,
    target: &DeviceAddress,
    claim: &Claim,
    posted_at: Timestamp,
    ciphertext: &[u8],
) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    sender.put(&mut out);
    target.put(&mut out);
    out.extend_from_slice(claim.tag.as_bytes());
    claim.context.put(&mut out);
    out.extend_from_slice(claim.stamp.as_bytes());
    out.extend_from_slice(&posted_at.as_millis().to_be_bytes());
    out.extend_from_slice(&Sha256::digest(ciphertext));
    out
}

impl Envelope {
    /// The author's step: the envelope of a message that was sealed again for one device, as bytes
    /// for the relay.
    ///
    /// `self` comes from [`SentMessage::seal_for`](crate::sender::SentMessage::seal_for), so it has
    /// the message's tag. `first` is a claim to that message that the relay made for this device:
    /// that of the own [`Evidence`](crate::recipient::Evidence). Call it again at each posting.
    /// `key` is the delivery key of `sender`, and `now` the device's clock; see
    /// [`Fanout::post`](crate::sender::Fanout::post).
    ///
    /// If `first` is a claim to another message, the relay refuses the bytes.
    pub fn post_again(
        &self,
        first: &Claim,
        key: &DeliveryKey,
        sender: &DeviceAddress,
        target: &DeviceAddress,
        now: Timestamp,
    ) -> Vec<u8> {
        let claim = Claim::new(*self.tag(), first.context.clone(), first.stamp);
        let input = mac_input(sender, target, &claim, now, self.ciphertext());
        let mut address = Vec::with_capacity(MAX_ADDRESS_LEN);
        target.put(&mut address);
        let message = wire::PostedReseal {
            franking_tag: claim.tag.as_bytes().to_vec(),
            stamp_context: claim.context.encode(),
            stamp: claim.stamp.as_bytes().to_vec(),
            target: address,
            posted_at: now.as_millis().to_be_bytes().to_vec(),
            reseal_mac: mac::hmac(key.as_bytes(), &[labels::RESEAL, &input]).to_vec(),
            ciphertext: Vec::new(),
        };
        wire::encode_with_last(&message, 7, self.ciphertext())
    }
}

/// A message that was sealed again, on its way from its author's device to the relay.
///
/// As long as it is a `PostedReseal`, nothing in it is verified.
/// [`authenticate`](Self::authenticate) checks that the device asks for it now, and that the relay
/// stamped the message before. It then turns it into an [`AuthenticReseal`].
///
/// | bytes | field |
/// |---|---|
/// | 1 | version `02` |
/// | 2 + 32 | `0a 20`, franking tag |
/// | 1 + varint + 21..275 | `12`, length, stamp context of the first claim |
/// | 2 + 32 | `1a 20`, stamp of the first claim |
/// | 1 + varint + 6..133 | `22`, length, address of the device it is sealed for |
/// | 2 + 8 | `2a 08`, time of posting, ms |
/// | 2 + 32 | `32 20`, reseal MAC |
/// | 1 + varint + n | `3a`, length, ciphertext (not empty) |
///
/// ```text
/// reseal MAC = HMAC-SHA-256(K_delivery, "waxseal/2/reseal-mac" || sender || target || tag
///                  || context || stamp || posted be64 || SHA-256(ciphertext))
/// ```
#[derive(Clone)]
pub struct PostedReseal {
    claim: Claim,
    target: DeviceAddress,
    posted_at: Timestamp,
    mac: [u8; 32],
    ciphertext: Vec<u8>,
}

impl PostedReseal {
    /// Reads a posted reseal.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not a posted reseal.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let message: wire::PostedReseal = wire::decode(bytes, MAX_POSTED_RESEAL_LEN)?;
        let tag = FrankingTag::from_bytes(wire::array(&message.franking_tag)?);
        let context = StampContext::decode(&message.stamp_context);
        let context = context.ok_or(DecodeError::Malformed)?;
        let stamp = Stamp::new(wire::array(&message.stamp)?);
        let mut reader = Reader::new(&message.target);
        let target = DeviceAddress::read(&mut reader).ok_or(DecodeError::Malformed)?;
        reader.finish().ok_or(DecodeError::Malformed)?;
        let posted_at = u64::from_be_bytes(wire::array(&message.posted_at)?);
        check_ciphertext(&message.ciphertext)?;
        // CHK-54: the ciphertext is within its limit. To a group, a byte goes before it.
        let is_group = matches!(context.audience, Audience::Group(_));
        if is_group && message.ciphertext.len() >= MAX_CIPHERTEXT_LEN {
            return Err(DecodeError::Malformed);
        }
        Ok(Self {
            claim: Claim::new(tag, context, stamp),
            target,
            posted_at: Timestamp::from_millis(posted_at),
            mac: wire::array(&message.reseal_mac)?,
            ciphertext: message.ciphertext,
        })
    }

    /// The relay's step, for a relay without groups: checks that this device asks now to have this
    /// message delivered again to one device, and that the relay stamped the message for it before.
    ///
    /// Refuses every message to a group. Use
    /// [`authenticate_in_groups`](Self::authenticate_in_groups) to accept them.
    ///
    /// `sender` is the device that the relay authenticated, and `key` the key that it shares with
    /// that device. Whether the target exists is left to the relay. Call this before anything else:
    /// before a stamp is made, and before an answer gives away prekeys.
    ///
    /// # Errors
    /// [`ResealError`] for the first check that fails.
    pub fn authenticate(
        self,
        key: &DeliveryKey,
        sender: &DeviceAddress,
        stamps: &StampKeys,
        now: Timestamp,
    ) -> Result<AuthenticReseal, ResealError> {
        self.authenticate_in_groups(key, sender, stamps, now, |_, _, _| false)
    }

    /// The relay's step, as [`authenticate`](Self::authenticate). `is_member` says whether an
    /// account was in a group at a time. It gives the intake's answers.
    ///
    /// The author is asked about now; the account of the target about now and about the time of the
    /// first claim.
    ///
    /// # Errors
    /// [`ResealError`] for the first check that fails.
    pub fn authenticate_in_groups(
        self,
        key: &DeliveryKey,
        sender: &DeviceAddress,
        stamps: &StampKeys,
        now: Timestamp,
        is_member: impl Fn(&ConversationId, &AccountId, Timestamp) -> bool,
    ) -> Result<AuthenticReseal, ResealError> {
        let Self {
            claim,
            target,
            posted_at,
            mac,
            ciphertext,
        } = self;
        // CHK-103: the reseal MAC covers sender, target, first claim, time of posting and
        // ciphertext.
        let input = mac_input(sender, &target, &claim, posted_at, &ciphertext);
        if !mac::verify(key.as_bytes(), &[labels::RESEAL, &input], &mac) {
            return Err(ResealError::NotAuthentic);
        }
        // CHK-111: the time of posting is at most ten minutes from the relay's clock.
        if posted_at.as_millis().abs_diff(now.as_millis()) > MAX_POST_SKEW_MS {
            return Err(ResealError::ClockDiffers);
        }
        // CHK-104: the relay made the stamp of the first claim, and keeps the key of its epoch.
        stamps.verify(&claim, now).map_err(|error| match error {
            StampError::EpochUnknown => ResealError::TooOld,
            StampError::InTheFuture => ResealError::InTheFuture,
            StampError::OtherEpoch | StampError::NotOurs => ResealError::NotStamped,
        })?;
        // CHK-105: the first claim is of a message of this device.
        if claim.context.sender != *sender {
            return Err(ResealError::NotStamped);
        }
        // CHK-106: the target is a device of the account that the message was for, or another
        // device of the author's account. If the message was for a group, author and target are of
        // members, and the target's account was one when the message was accepted first.
        let may_get = match &claim.context.audience {
            Audience::Direct(recipient) => {
                target.account == *recipient || target.account == sender.account
            }
            Audience::Group(group) => {
                is_member(group, &sender.account, now)
                    && is_member(group, &target.account, now)
                    && is_member(group, &target.account, claim.context.accepted_at)
            }
        };
        if !may_get || target == *sender {
            return Err(ResealError::OtherTarget);
        }
        Ok(AuthenticReseal {
            claim,
            target,
            ciphertext,
        })
    }
}

impl fmt::Debug for PostedReseal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostedReseal")
            .field("ciphertext_len", &self.ciphertext.len())
            .finish_non_exhaustive()
    }
}

/// A message that was sealed again, of which the relay knows that its author's device asks for the
/// delivery, and that the relay stamped it before.
///
/// Only [`PostedReseal::authenticate`] makes one, and [`StampKeys::stamp_again`] accepts nothing
/// else. The time of posting and the MAC are gone: no delivery contains them.
#[derive(Clone)]
pub struct AuthenticReseal {
    claim: Claim,
    target: DeviceAddress,
    ciphertext: Vec<u8>,
}

impl AuthenticReseal {
    /// The message's franking tag, which is stamped again.
    pub fn tag(&self) -> &FrankingTag {
        &self.claim.tag
    }

    /// The sending device, which is the author.
    pub fn sender(&self) -> &DeviceAddress {
        &self.claim.context.sender
    }

    /// The one device to deliver it to.
    pub fn target(&self) -> &DeviceAddress {
        &self.target
    }

    /// Whom the message was for when it was stamped first.
    pub fn audience(&self) -> &Audience {
        &self.claim.context.audience
    }

    /// When the relay accepted the message by the claim that the device showed.
    pub fn first_accepted_at(&self) -> Timestamp {
        self.claim.context.accepted_at
    }

    /// The channel's ciphertext.
    pub fn ciphertext(&self) -> &[u8] {
        &self.ciphertext
    }

    pub(crate) fn into_ciphertext(self) -> Vec<u8> {
        self.ciphertext
    }
}

impl fmt::Debug for AuthenticReseal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticReseal")
            .field("ciphertext_len", &self.ciphertext.len())
            .finish_non_exhaustive()
    }
}

impl StampKeys {
    /// Stamps the tag of a message that was sealed again, for the same sender and audience.
    /// `accepted_at` comes from [`next_accepted_at`](crate::relay::next_accepted_at), like that of
    /// a message posted now.
    ///
    /// Give the claim to the author in a [`Receipt`](crate::relay::Receipt), and to the target with
    /// [`StampedEnvelope::resealed`](crate::relay::StampedEnvelope::resealed).
    ///
    /// # Errors
    /// [`StampKeysError::EpochOutOfReach`] as for [`stamp`](Self::stamp).
    pub fn stamp_again(
        &self,
        reseal: &AuthenticReseal,
        accepted_at: Timestamp,
    ) -> Result<Claim, StampKeysError> {
        let (tag, sender) = (reseal.tag(), reseal.sender());
        self.stamp_tag(tag, sender, reseal.audience(), accepted_at)
    }
}

/// Why the relay did not take a message that was sealed again. Nothing was stamped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResealError {
    /// This device did not make the MAC over this claim, target and ciphertext. Refuse it.
    #[error("not authenticated by the sending device")]
    NotAuthentic,
    /// The device made the MAC, but at a time that is more than ten minutes from the relay's
    /// clock. Answer with the relay's time, so that the device posts again.
    #[error("the time of posting is more than ten minutes from the relay's clock")]
    ClockDiffers,
    /// The first claim has a time that the relay's clock has not reached. The clock was set back,
    /// or the claim is forged. Let the device ask again later.
    #[error("the relay's clock has not reached the time of the first stamp")]
    InTheFuture,
    /// The key of the first stamp was destroyed, so no one can tell whether the relay made it. The
    /// author can only send the content as another message.
    #[error("the message is too old: the key of its stamp was destroyed")]
    TooOld,
    /// The relay did not stamp this message for this device. Refuse it.
    #[error("the relay did not stamp this message for this device")]
    NotStamped,
    /// The target is neither a device of the account that the message was for nor another device of
    /// the author's account. Or the message was for a group, and author or target are not members.
    /// Refuse it.
    #[error("the message was not for this device")]
    OtherTarget,
}

#[cfg(test)]
mod tests;
