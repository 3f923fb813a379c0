//! Posts a sealed message: the sending device asks the relay for a stamp.
//!
//! A session token alone stamps nothing. The device makes a MAC under its delivery key over
//! everything that the stamp will say, the ciphertext, and the time of posting. An envelope that
//! someone kept is therefore worthless a few minutes later, even together with a stolen token.

use core::fmt;

use sha2::{Digest, Sha256};

use crate::address::DeviceAddress;
use crate::conversation::Audience;
use crate::delivery::DeliveryKey;
use crate::envelope::{Envelope, MAX_CIPHERTEXT_LEN, check_ciphertext};
use crate::franking::FrankingTag;
use crate::labels;
use crate::mac;
use crate::request::{AuthenticRequest, Sealed};
use crate::timestamp::Timestamp;
use crate::wire::{self, DecodeError};

/// Maximum length of a posted envelope, in bytes: version, tag, time, MAC, and a ciphertext after
/// its field header.
pub const MAX_POSTED_LEN: usize = 1 + 34 + 10 + 34 + 4 + MAX_CIPHERTEXT_LEN;

/// How far the time of posting may be from the relay's clock, before or after: ten minutes. Clocks
/// of devices differ, and a slow network takes a while. In this time a kept envelope can be posted
/// again by someone who has the device's token.
pub const MAX_POST_SKEW_MS: u64 = 600_000;

/// The digest of the devices that a message is for:
/// `SHA-256(label || count be32 || count x device address)`, the addresses in ascending order.
///
/// The list is empty until messages are posted to several devices at once.
fn targets_digest(devices: &[DeviceAddress]) -> [u8; 32] {
    let mut addresses = Vec::new();
    for device in devices {
        device.put(&mut addresses);
    }
    let count = u32::try_from(devices.len()).unwrap_or(u32::MAX);
    let mut hash = Sha256::new_with_prefix(labels::TARGETS);
    hash.update(count.to_be_bytes());
    hash.update(&addresses);
    hash.finalize().into()
}

/// What a device MAC covers, after its label:
///
/// ```text
/// sender || audience || tag 32 || posted be64 || roster epoch be32 || roster version be32
///   || group version be64 || targets digest 32 || SHA-256(ciphertext) 32
/// ```
///
/// Sender and audience have only one parse, and every other field has a fixed length. Rosters and
/// group versions do not exist yet: their fields are zero.
fn mac_input(
    sender: &DeviceAddress,
    audience: &Audience,
    tag: &FrankingTag,
    posted_at: Timestamp,
    ciphertext: &[u8],
) -> Vec<u8> {
    const ROSTER_EPOCH: u32 = 0;
    const ROSTER_VERSION: u32 = 0;
    const GROUP_VERSION: u64 = 0;
    let mut out = Vec::with_capacity(512);
    sender.put(&mut out);
    audience.put(&mut out);
    out.extend_from_slice(tag.as_bytes());
    out.extend_from_slice(&posted_at.as_millis().to_be_bytes());
    out.extend_from_slice(&ROSTER_EPOCH.to_be_bytes());
    out.extend_from_slice(&ROSTER_VERSION.to_be_bytes());
    out.extend_from_slice(&GROUP_VERSION.to_be_bytes());
    out.extend_from_slice(&targets_digest(&[]));
    out.extend_from_slice(&Sha256::digest(ciphertext));
    out
}

impl Envelope {
    /// The sending device's step: the envelope as bytes for the relay, with a request for a stamp
    /// that holds for ten minutes.
    ///
    /// Call it again at each posting, also when the same envelope is posted again. `key` is the
    /// delivery key of `sender`, and `now` the device's clock. If the relay answers that the clock
    /// is off ([`PostError::ClockDiffers`]), post again with the relay's time.
    ///
    /// # Security
    /// Take the relay's time only from an answer with the relay's MAC
    /// ([`AnswerMac::verify`](crate::relay::AnswerMac::verify)). Otherwise, someone who changes
    /// answers names a later time, keeps the envelope that is posted with it, and has it stamped at
    /// that time if they get a session token.
    pub fn post(
        &self,
        key: &DeliveryKey,
        sender: &DeviceAddress,
        audience: &Audience,
        now: Timestamp,
    ) -> Vec<u8> {
        let input = mac_input(sender, audience, self.tag(), now, self.ciphertext());
        let message = wire::PostedEnvelope {
            franking_tag: self.tag().as_bytes().to_vec(),
            posted_at: now.as_millis().to_be_bytes().to_vec(),
            device_mac: mac::hmac(key.as_bytes(), &[labels::DEVICE, &input]).to_vec(),
            ciphertext: Vec::new(),
        };
        wire::encode_with_last(&message, 4, self.ciphertext())
    }
}

/// An envelope on its way from the sending device to the relay.
///
/// As long as it is a `PostedEnvelope`, nothing in it is verified.
/// [`authenticate`](Self::authenticate) checks that the device asks for the stamp now, and turns it
/// into an [`AuthenticEnvelope`].
///
/// | bytes | field |
/// |---|---|
/// | 1 | version `02` |
/// | 2 + 32 | `0a 20`, franking tag |
/// | 2 + 8 | `12 08`, time of posting, ms |
/// | 2 + 32 | `1a 20`, device MAC |
/// | 1 + varint + n | `22`, length, ciphertext (not empty) |
#[derive(Clone)]
pub struct PostedEnvelope {
    envelope: Envelope,
    posted_at: Timestamp,
    mac: [u8; 32],
}

impl PostedEnvelope {
    /// Reads a posted envelope.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not a posted envelope.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let message: wire::PostedEnvelope = wire::decode(bytes, MAX_POSTED_LEN)?;
        let tag = FrankingTag::from_bytes(wire::array(&message.franking_tag)?);
        let posted_at = u64::from_be_bytes(wire::array(&message.posted_at)?);
        check_ciphertext(&message.ciphertext)?;
        Ok(Self {
            envelope: Envelope::new(tag, message.ciphertext),
            posted_at: Timestamp::from_millis(posted_at),
            mac: wire::array(&message.device_mac)?,
        })
    }

    /// The relay's step: checks that this device asks for a stamp of this message, for this
    /// audience, now.
    ///
    /// `sender` is the device that the relay authenticated, and `key` the key that it shares with
    /// that device. Call this before anything else: before a stamp is made, and before an answer
    /// gives away prekeys.
    ///
    /// # Errors
    /// [`PostError::NotAuthentic`] if the MAC is not this device's MAC over exactly this;
    /// [`PostError::ClockDiffers`] if the time of posting is more than [`MAX_POST_SKEW_MS`] from
    /// `now`.
    pub fn authenticate(
        self,
        key: &DeliveryKey,
        sender: &DeviceAddress,
        audience: &Audience,
        now: Timestamp,
    ) -> Result<AuthenticEnvelope, PostError> {
        let envelope = &self.envelope;
        let input = mac_input(
            sender,
            audience,
            envelope.tag(),
            self.posted_at,
            envelope.ciphertext(),
        );
        // CHK-110: the device MAC covers sender, audience, tag, time of posting and ciphertext.
        if !mac::verify(key.as_bytes(), &[labels::DEVICE, &input], &self.mac) {
            return Err(PostError::NotAuthentic);
        }
        // CHK-111: the time of posting is at most ten minutes from the relay's clock.
        check_posted_at(self.posted_at, now)?;
        Ok(AuthenticEnvelope {
            envelope: self.envelope,
            sender: sender.clone(),
            audience: audience.clone(),
        })
    }
}

impl fmt::Debug for PostedEnvelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostedEnvelope")
            .field("envelope", &self.envelope)
            .finish_non_exhaustive()
    }
}

/// Checks that a time of posting is at most [`MAX_POST_SKEW_MS`] from the relay's clock.
pub(crate) fn check_posted_at(posted_at: Timestamp, now: Timestamp) -> Result<(), PostError> {
    if posted_at.as_millis().abs_diff(now.as_millis()) > MAX_POST_SKEW_MS {
        return Err(PostError::ClockDiffers);
    }
    Ok(())
}

/// An envelope of which the relay knows that its sender's device asks for the stamp, for this
/// audience.
///
/// Only [`PostedEnvelope::authenticate`] makes one, and
/// [`StampKeys::stamp`](crate::relay::StampKeys::stamp) accepts nothing else. The time of posting
/// and the MAC are gone: no delivery contains them.
#[derive(Clone)]
pub struct AuthenticEnvelope {
    envelope: Envelope,
    sender: DeviceAddress,
    audience: Audience,
}

impl AuthenticEnvelope {
    /// The franking tag to stamp.
    pub fn tag(&self) -> &FrankingTag {
        self.envelope.tag()
    }

    /// The sending device.
    pub fn sender(&self) -> &DeviceAddress {
        &self.sender
    }

    /// Whom the message is for.
    pub fn audience(&self) -> &Audience {
        &self.audience
    }

    /// The channel's ciphertext.
    pub fn ciphertext(&self) -> &[u8] {
        self.envelope.ciphertext()
    }

    pub(crate) fn into_ciphertext(self) -> Vec<u8> {
        self.envelope.into_ciphertext()
    }
}

impl Sealed for AuthenticEnvelope {}

impl AuthenticRequest for AuthenticEnvelope {
    fn tag(&self) -> &FrankingTag {
        self.tag()
    }

    fn sender(&self) -> &DeviceAddress {
        self.sender()
    }

    fn audience(&self) -> &Audience {
        self.audience()
    }
}

impl fmt::Debug for AuthenticEnvelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticEnvelope")
            .field("envelope", &self.envelope)
            .finish_non_exhaustive()
    }
}

/// Why the relay did not take a posted envelope. Nothing was stamped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PostError {
    /// This device did not make the MAC for this message and this audience. Refuse it.
    #[error("not authenticated by the sending device")]
    NotAuthentic,
    /// The device made the MAC, but at a time that is more than ten minutes from the relay's
    /// clock. Answer with the relay's time, so that the device posts again.
    #[error("the time of posting is more than ten minutes from the relay's clock")]
    ClockDiffers,
    /// The device made the MAC, but the slots do not fit sender and audience: one is for the
    /// sending device, a note to the own account has a slot or roster of a peer, or the message is
    /// for a group. Refuse it.
    #[error("the slots do not fit sender and audience")]
    OtherTargets,
}

#[cfg(test)]
mod tests;
