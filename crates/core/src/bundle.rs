//! Prekey bundles: the public half of [`PreKeys`](crate::PreKeys), as another device gets it from the provider.

use core::fmt;

use thiserror::Error;

use crate::dh::DhPublicKey;
use crate::error::DecodeError;
use crate::identity::{IdentityCertificate, IdentityKey};
use crate::kem::KemPublicKey;
use crate::{labels, wire};

/// Most bytes of either part of a bundle. The parts are at most 1,810 and 1,678 bytes.
pub const MAX_BUNDLE_PART_LEN: usize = 2_048;

/// Type byte of a key inside a signature's input, one per kind of key, so that no key can be passed off as another kind.
/// (PQXDH, “Elliptic curve keys” and “Key encapsulation”: `EncodeEC`, `EncodeKEM`)
pub(crate) const TYPE_SIGNED_PREKEY: u8 = 0x01;
pub(crate) const TYPE_ONE_TIME_KEM_PREKEY: u8 = 0x02;
pub(crate) const TYPE_LAST_RESORT_KEM_PREKEY: u8 = 0x03;
pub(crate) const TYPE_ONE_TIME_PREKEY: u8 = 0x04;

/// Why a bundle was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BundleError {
    /// A part could not be decoded. Fetch again; if it stays so, the provider or the peer's device is at fault.
    #[error("prekey bundle cannot be decoded: {0}")]
    Decode(#[from] DecodeError),
    /// The identity's X25519 key is not certified by its Ed25519 key.
    #[error("the identity's certificate does not verify")]
    InvalidCertificate,
    /// The signed prekey set is not signed by the identity.
    #[error("the signed prekey set's signature does not verify")]
    InvalidSignedPreKeys,
    /// The one-time prekey set is not signed by the identity.
    #[error("the one-time prekey set's signature does not verify")]
    InvalidOneTimePreKeys,
}

/// A peer's prekeys, every signature and key of which has been checked. Good for one session.
///
/// # Security
/// That the identity is the peer's is for the application to know: compare it with the pinned one, or show the
/// [`SafetyNumber`](crate::SafetyNumber).
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
    /// Decodes and verifies what the provider handed out: `base` always, `one_time` while the peer has any left.
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

    /// Whose prekeys these are. Compare with the pinned identity before starting a session.
    #[must_use]
    pub fn identity(&self) -> &IdentityKey {
        &self.identity
    }

    /// Whether the bundle has a one-time prekey set. Without one the first messages depend on keys that live until the next
    /// rotation.
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

/// What the identity signs for a signed prekey set.
pub(crate) fn signed_set_input(
    id: u32,
    prekey: &DhPublicKey,
    last_resort: &KemPublicKey,
) -> Vec<u8> {
    // label || id || 0x01 || X25519 key || 0x03 || ML-KEM key
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

/// What the identity signs for a one-time prekey set.
pub(crate) fn one_time_set_input(id: u32, prekey: &DhPublicKey, kem: &KemPublicKey) -> Vec<u8> {
    // label || id || 0x04 || X25519 key || 0x02 || ML-KEM key
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
