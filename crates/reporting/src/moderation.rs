//! Defines the moderation key, to which reports are sealed. Its holders can read them.
//!
//! Reports are sealed with HPKE (RFC 9180) in base mode, with the hybrid KEM X-Wing (X25519 and
//! ML-KEM-768), HKDF-SHA-256 and ChaCha20-Poly1305. A report is the only place where content leaves
//! the ratchet, so the seal must not be the weakest link: a quantum computer of the future cannot
//! open a report that was recorded today.

use core::fmt;

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::labels;
use crate::wire::{self, DecodeError, VERSION};

/// Length of an encapsulated X-Wing secret, in bytes.
pub(crate) const ENCAPSULATED_LEN: usize = 1_120;

/// Length of an encoded X-Wing public key, in bytes.
const PUBLIC_KEY_LEN: usize = 1_216;

/// The fingerprint of a moderation key, 32 bytes:
/// `SHA-256("waxseal/1/moderation-key" || key 1,216)`.
///
/// It tells a reviewer which key a report needs, so that keys can be rotated.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModerationKeyId([u8; 32]);

impl ModerationKeyId {
    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for ModerationKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ModerationKeyId(..)")
    }
}

/// The public half of a moderation key. The app contains or fetches it.
///
/// Encoded `01 || ML-KEM-768 key 1,184 || X25519 key 32`, 1,217 bytes.
///
/// # Security
/// Anyone who can choose this key can read the reports. Deliver it in the same way as the app, not
/// through the relay alone.
#[derive(Clone)]
pub struct ModerationPublicKey {
    key: <XWing as Kem>::PublicKey,
    id: ModerationKeyId,
}

impl ModerationPublicKey {
    fn new(key: <XWing as Kem>::PublicKey) -> Self {
        // The fingerprint is SHA-256(label || key).
        let mut hash = Sha256::new_with_prefix(labels::MODERATION_KEY);
        hash.update(key.to_bytes());
        let id = ModerationKeyId(hash.finalize().into());
        Self { key, id }
    }

    /// The key's fingerprint.
    pub fn id(&self) -> &ModerationKeyId {
        &self.id
    }

    /// The key as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.key.to_bytes());
        out
    }

    /// Reads a key.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not a key, or its X25519 half is of small order.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let body = wire::versioned(bytes, 1 + PUBLIC_KEY_LEN)?;
        // CHK-91: the key is a complete X-Wing key whose X25519 half is not of small order.
        if ends_in_small_order_point(body) {
            return Err(DecodeError::Malformed);
        }
        let key = Deserializable::from_bytes(body).map_err(|_| DecodeError::Malformed)?;
        Ok(Self::new(key))
    }

    /// HPKE `SealBase` under an info. Returns the encapsulated key and the ciphertext, or `None` if
    /// the KEM fails.
    pub(crate) fn seal(
        &self,
        info: &[u8],
        plaintext: &[u8],
        associated_data: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Option<(Vec<u8>, Vec<u8>)> {
        let (encapsulated, ciphertext) =
            hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, XWing>(
                &OpModeS::Base,
                &self.key,
                info,
                plaintext,
                associated_data,
                rng,
            )
            .ok()?;
        Some((encapsulated.to_bytes().to_vec(), ciphertext))
    }
}

impl fmt::Debug for ModerationPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModerationPublicKey")
            .finish_non_exhaustive()
    }
}

/// A moderation key with its secret half. Keep it only in the [`Vault`](crate::vault::Vault).
pub struct ModerationKeyPair {
    /// Boxed like all secrets: see [`Secret`](crate::secret::Secret).
    secret: Box<<XWing as Kem>::PrivateKey>,
    public: ModerationPublicKey,
}

impl ModerationKeyPair {
    /// Draws a key pair.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *seed);
        let (secret, public) = XWing::derive_keypair(&*seed);
        Self {
            secret: Box::new(secret),
            public: ModerationPublicKey::new(public),
        }
    }

    /// The public half, for the app.
    pub fn public_key(&self) -> &ModerationPublicKey {
        &self.public
    }

    /// The secret half for the vault's key store: `01 || decapsulation key of X-Wing 32`.
    ///
    /// X-Wing also calls this key a seed. It is not what HPKE's `DeriveKeyPair` takes.
    pub fn export(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(33));
        out.push(VERSION);
        let mut secret = self.secret.to_bytes();
        out.extend_from_slice(&secret);
        zeroize::Zeroize::zeroize(secret.as_mut_slice());
        out
    }

    /// Restores the key pair from an [`export`](Self::export).
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not an export.
    pub fn import(bytes: &[u8]) -> Result<Self, DecodeError> {
        let body = wire::versioned(bytes, 33)?;
        let secret: <XWing as Kem>::PrivateKey =
            Deserializable::from_bytes(body).map_err(|_| DecodeError::Malformed)?;
        let public = ModerationPublicKey::new(XWing::sk_to_pk(&secret));
        Ok(Self {
            secret: Box::new(secret),
            public,
        })
    }

    /// HPKE `OpenBase` under an info.
    pub(crate) fn open(
        &self,
        info: &[u8],
        encapsulated: &[u8],
        ciphertext: &[u8],
        associated_data: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        // The X25519 half of the encapsulated key must not be of small order either.
        if ends_in_small_order_point(encapsulated) {
            return None;
        }
        let encapsulated = Deserializable::from_bytes(encapsulated).ok()?;
        hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, XWing>(
            &OpModeR::Base,
            &self.secret,
            &encapsulated,
            info,
            ciphertext,
            associated_data,
        )
        .ok()
        .map(Zeroizing::new)
    }
}

impl fmt::Debug for ModerationKeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModerationKeyPair").finish_non_exhaustive()
    }
}

/// The seven encodings of X25519 points of small order, with the top bit cleared. With each of
/// them, every secret key yields the shared secret zero. RFC 7748, "Security Considerations".
const SMALL_ORDER: [[u8; 32]; 7] = {
    let mut points = [[0u8; 32]; 7];
    points[1][0] = 1;
    points[2] = [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ];
    points[3] = [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
        0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f,
        0x11, 0x57,
    ];
    points[4] = [0xff; 32];
    points[5] = [0xff; 32];
    points[6] = [0xff; 32];
    points[4][0] = 0xec; // p - 1
    points[5][0] = 0xed; // p
    points[6][0] = 0xee; // p + 1
    points[4][31] = 0x7f;
    points[5][31] = 0x7f;
    points[6][31] = 0x7f;
    points
};

/// Whether the last 32 bytes encode an X25519 point of small order.
fn ends_in_small_order_point(bytes: &[u8]) -> bool {
    let Some(point) = bytes.last_chunk::<32>() else {
        return false;
    };
    let mut point = *point;
    if let Some(last) = point.last_mut() {
        *last &= 0x7f;
    }
    SMALL_ORDER
        .iter()
        .any(|small| bool::from(small.ct_eq(&point)))
}

#[cfg(test)]
mod tests;
