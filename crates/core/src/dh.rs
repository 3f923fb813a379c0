//! X25519: public keys that are checked on decoding, key pairs, and the only place that computes a
//! shared secret.

use core::fmt;

use curve25519_dalek::montgomery::MontgomeryPoint;
use rand_core::CryptoRng;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::codec::{Reader, Writer};
use crate::error::{DecodeError, KeyError, NonContributory};
use crate::secret::{Secret, secret};

/// Length of an X25519 public key in bytes.
pub(crate) const DH_PUBLIC_KEY_LEN: usize = 32;

/// The canonical u-coordinates of points with order 1, 2, 4 and 8, on the curve and on its twist.
/// Their products with a clamped scalar are all zero. (RFC 7748, “Security Considerations”)
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    [
        1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0,
    ],
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
        0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f,
        0x11, 0x57,
    ],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0x7f,
    ],
];

/// The prime of the field, 2^255 - 19, little-endian like u-coordinates.
const PRIME: [u8; 32] = [
    0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
];

/// A checked X25519 public key: canonical and not of small order.
///
/// RFC 7748 ignores the top bit and reduces the rest, which gives one point several encodings. Here
/// each point has only one encoding, because keys are compared, remembered and hashed as bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DhPublicKey([u8; DH_PUBLIC_KEY_LEN]);

impl DhPublicKey {
    /// Checks that the encoding is canonical and that the point is not of small order.
    pub(crate) fn from_bytes(bytes: &[u8; DH_PUBLIC_KEY_LEN]) -> Result<Self, KeyError> {
        // CHK-05: the key is below the prime and its top bit is clear. The bytes are public, so an
        // early exit reveals nothing.
        if !bytes.iter().rev().lt(PRIME.iter().rev()) {
            return Err(KeyError::NotCanonical);
        }
        // CHK-06: the point is not of small order.
        if SMALL_ORDER.contains(bytes) {
            return Err(KeyError::SmallOrder);
        }
        Ok(Self(*bytes))
    }

    pub(crate) fn as_bytes(&self) -> &[u8; DH_PUBLIC_KEY_LEN] {
        &self.0
    }

    /// Checks that the point lies on the curve itself and in the group of prime order. This costs
    /// about as much as a Diffie–Hellman.
    pub(crate) fn check_prime_order(&self) -> Result<(), KeyError> {
        let point = MontgomeryPoint(self.0)
            .to_edwards(0)
            .ok_or(KeyError::NotOnCurve)?;
        if point.is_torsion_free() {
            Ok(())
        } else {
            Err(KeyError::NotInPrimeOrderGroup)
        }
    }
}

impl fmt::Debug for DhPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DhPublicKey(")?;
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        f.write_str(")")
    }
}

/// An X25519 key pair. It keeps the public key, so that it is computed only once.
pub(crate) struct DhKeyPair {
    secret: DhSecret,
    public: DhPublicKey,
}

impl DhKeyPair {
    pub(crate) fn generate(rng: &mut impl CryptoRng) -> Self {
        Self::from_secret(DhSecret::generate(rng))
    }

    pub(crate) fn from_secret_bytes(secret: &[u8; 32]) -> Self {
        Self::from_secret(DhSecret::from_bytes(secret))
    }

    fn from_secret(secret: DhSecret) -> Self {
        // A clamped multiple of the base point is canonical and never of small order.
        let public = DhPublicKey(PublicKey::from(&secret.scalar()).to_bytes());
        Self { secret, public }
    }

    pub(crate) fn public(&self) -> &DhPublicKey {
        &self.public
    }

    pub(crate) fn secret_bytes(&self) -> &[u8; 32] {
        self.secret.as_bytes()
    }

    /// Copies the key pair. A signed prekey becomes the first ratchet key of a session and also
    /// stays a prekey.
    pub(crate) fn duplicate(&self) -> Self {
        Self {
            secret: DhSecret::from_bytes(self.secret.as_bytes()),
            public: self.public,
        }
    }

    /// Computes the shared secret. This is the only place that rejects an all-zero secret.
    pub(crate) fn diffie_hellman(&self, theirs: &DhPublicKey) -> Result<DhOutput, NonContributory> {
        let theirs = PublicKey::from(theirs.0);
        let shared = self.secret.scalar().diffie_hellman(&theirs);
        // CHK-07: the shared secret is not all zero.
        if !shared.was_contributory() {
            return Err(NonContributory);
        }
        Ok(DhOutput(shared.to_bytes()))
    }

    /// Writes the secret (32 bytes) and the public key (32 bytes). With both, reading needs no
    /// scalar multiplication.
    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.bytes(self.secret.as_bytes());
        writer.bytes(self.public.as_bytes());
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let secret = DhSecret::from_bytes(reader.array()?);
        let public = DhPublicKey::from_bytes(reader.array()?)?;
        Ok(Self { secret, public })
    }
}

secret! {
    /// An X25519 private key without its public key, which is computed only when it is needed.
    DhSecret
}

impl DhSecret {
    pub(crate) fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(Secret::random(rng))
    }

    pub(crate) fn key_pair(&self) -> DhKeyPair {
        DhKeyPair::from_secret_bytes(self.as_bytes())
    }

    /// The scalar for one multiplication. It is wiped on drop.
    fn scalar(&self) -> StaticSecret {
        StaticSecret::from(*self.as_bytes())
    }
}

/// The shared secret of one Diffie–Hellman: 32 bytes, never all zero.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct DhOutput([u8; 32]);

impl DhOutput {
    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
mod wycheproof;
