//! Prekey bundles: the public half of [`PreKeys`](crate::PreKeys), which another device fetches
//! from the provider.

use core::fmt;

use thiserror::Error;

use crate::dh::DhPublicKey;
use crate::error::DecodeError;
use crate::identity::{IdentityCertificate, IdentityKey};
use crate::kem::KemPublicKey;
use crate::{labels, wire};

/// Maximum length of either part of a bundle, in bytes. Valid parts have at most 1,810 and 1,678
/// bytes. Bounds the memory that a part can claim before it is verified.
pub const MAX_BUNDLE_PART_LEN: usize = 2_048;

// Each kind of key has its own type byte in the signed input, so that no key can be passed off as
// one of another kind. (PQXDH, “Elliptic curve keys” and “Key encapsulation”: `EncodeEC`,
// `EncodeKEM`)

/// Type byte of the X25519 key in a signed set.
pub(crate) const TYPE_SIGNED_PREKEY: u8 = 0x01;
/// Type byte of the ML-KEM key in a one-time set.
pub(crate) const TYPE_ONE_TIME_KEM_PREKEY: u8 = 0x02;
/// Type byte of the ML-KEM key in a signed set.
pub(crate) const TYPE_LAST_RESORT_KEM_PREKEY: u8 = 0x03;
/// Type byte of the X25519 key in a one-time set.
pub(crate) const TYPE_ONE_TIME_PREKEY: u8 = 0x04;

/// A prekey bundle was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BundleError {
    /// A part could not be decoded. Fetch the bundle again. If that fails too, the provider or the
    /// peer's device is at fault.
    #[error("prekey bundle cannot be decoded: {0}")]
    Decode(#[from] DecodeError),
    /// The identity's Ed25519 key did not certify its X25519 key. Do not use the bundle.
    #[error("the identity's certificate does not verify")]
    InvalidCertificate,
    /// The identity did not sign the signed prekey set. Do not use the bundle.
    #[error("the signed prekey set's signature does not verify")]
    InvalidSignedPreKeys,
    /// The identity did not sign the one-time prekey set. Do not use the bundle.
    #[error("the one-time prekey set's signature does not verify")]
    InvalidOneTimePreKeys,
}

/// A peer's prekeys, after every key and signature has been checked. One bundle starts one session.
///
/// # Security
/// The bundle does not prove that its identity belongs to the intended peer. The application must
/// compare the identity with the pinned one, or show the [`SafetyNumber`](crate::SafetyNumber).
pub struct PreKeyBundle {
    pub(crate) identity: IdentityKey,
    pub(crate) signed: SignedPart,
    pub(crate) one_time: Option<OneTimePart>,
}

pub(crate) struct SignedPart {
    pub(crate) id: u32,
    pub(crate) prekey: DhPublicKey,
    pub(crate) last_resort: KemPublicKey,
}

pub(crate) struct OneTimePart {
    pub(crate) id: u32,
    pub(crate) prekey: DhPublicKey,
    pub(crate) kem: KemPublicKey,
}

impl PreKeyBundle {
    /// Decodes and verifies a bundle that the provider handed out. `base` is always present.
    /// `one_time` is present while the peer has one-time sets left.
    ///
    /// # Errors
    /// [`BundleError`]: the bundle must not be used.
    pub fn decode(base: &[u8], one_time: Option<&[u8]>) -> Result<Self, BundleError> {
        let base: wire::SignedPreKeys = wire::decode(base, MAX_BUNDLE_PART_LEN)?;
        let identity = IdentityKey::from_bytes(&base.identity)?;
        let certificate = IdentityCertificate::from_bytes(wire::array(&base.certificate)?);
        let signed = SignedPart {
            id: base.id,
            prekey: dh_key(&base.signed_prekey)?,
            last_resort: kem_key(&base.last_resort_kem_prekey)?,
        };
        let signature = wire::array(&base.signature)?;
        let one_time = one_time.map(decode_one_time).transpose()?;

        // CHK-10: the identity's Ed25519 key signed its X25519 key.
        certificate
            .verify(&identity)
            .map_err(|_| BundleError::InvalidCertificate)?;
        // CHK-11: the identity signed the signed prekey set.
        let input = signed_set_input(signed.id, &signed.prekey, &signed.last_resort);
        identity
            .verify(&input, signature)
            .map_err(|_| BundleError::InvalidSignedPreKeys)?;
        // CHK-12: the identity signed the one-time prekey set.
        if let Some((part, signature)) = &one_time {
            let input = one_time_set_input(part.id, &part.prekey, &part.kem);
            identity
                .verify(&input, signature)
                .map_err(|_| BundleError::InvalidOneTimePreKeys)?;
        }
        Ok(Self {
            identity,
            signed,
            one_time: one_time.map(|(part, _)| part),
        })
    }

    /// The identity to which the prekeys belong. Compare it with the pinned one before starting a
    /// session.
    #[must_use]
    pub fn identity(&self) -> &IdentityKey {
        &self.identity
    }

    /// Whether the bundle has a one-time prekey set. Without one, the first messages are protected
    /// by keys that live until the peer has rotated its signed set twice.
    #[must_use]
    pub fn has_one_time_prekeys(&self) -> bool {
        self.one_time.is_some()
    }
}

fn decode_one_time(bytes: &[u8]) -> Result<(OneTimePart, [u8; 64]), BundleError> {
    let part: wire::OneTimePreKeys = wire::decode(bytes, MAX_BUNDLE_PART_LEN)?;
    let signature = *wire::array(&part.signature)?;
    Ok((
        OneTimePart {
            id: part.id,
            prekey: dh_key(&part.one_time_prekey)?,
            kem: kem_key(&part.kem_prekey)?,
        },
        signature,
    ))
}

fn dh_key(bytes: &[u8]) -> Result<DhPublicKey, DecodeError> {
    Ok(DhPublicKey::from_bytes(wire::array(bytes)?)?)
}

fn kem_key(bytes: &[u8]) -> Result<KemPublicKey, DecodeError> {
    Ok(KemPublicKey::from_bytes(wire::array(bytes)?)?)
}

/// The input that the identity signs for a signed prekey set.
pub(crate) fn signed_set_input(
    id: u32,
    prekey: &DhPublicKey,
    last_resort: &KemPublicKey,
) -> Vec<u8> {
    // label || id || type 0x01 || signed X25519 key || type 0x03 || last-resort ML-KEM key
    [
        labels::SIGNED_PREKEYS,
        &id.to_be_bytes(),
        &[TYPE_SIGNED_PREKEY],
        prekey.as_bytes(),
        &[TYPE_LAST_RESORT_KEM_PREKEY],
        last_resort.as_bytes(),
    ]
    .concat()
}

/// The input that the identity signs for a one-time prekey set.
pub(crate) fn one_time_set_input(id: u32, prekey: &DhPublicKey, kem: &KemPublicKey) -> Vec<u8> {
    // label || id || type 0x04 || one-time X25519 key || type 0x02 || one-time ML-KEM key
    [
        labels::ONE_TIME_PREKEYS,
        &id.to_be_bytes(),
        &[TYPE_ONE_TIME_PREKEY],
        prekey.as_bytes(),
        &[TYPE_ONE_TIME_KEM_PREKEY],
        kem.as_bytes(),
    ]
    .concat()
}

impl fmt::Debug for PreKeyBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreKeyBundle")
            .field("identity", &self.identity)
            .field("signed_prekey_id", &self.signed.id)
            .field(
                "one_time_prekey_id",
                &self.one_time.as_ref().map(|part| part.id),
            )
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
