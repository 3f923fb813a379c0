//! Seals a key to one holder, such as a delivery key to the relay.
//!
//! This is HPKE (RFC 9180) in base mode with the same suite as reports: X-Wing, HKDF-SHA-256,
//! ChaCha20-Poly1305. Base mode does not authenticate the sealer. The delivery key is authenticated
//! by the device's proof.

use std::fmt;

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use rand_core::CryptoRng;
use thiserror::Error;
use waxseal_reporting::DeviceAddress;
use waxseal_reporting::relay::DeliveryKey;
use zeroize::{Zeroize, Zeroizing};

use crate::proof::length_prefixed;

const DELIVERY_KEY: &[u8] = b"waxseal/1/relay/delivery-key";

/// Length in bytes of the encapsulated key of X-Wing, with which a sealed key begins.
const ENCAPSULATED_LEN: usize = 1_120;

/// Number of bytes by which a sealed key is longer than the key: encapsulated key and tag.
pub const SEALING_OVERHEAD: usize = ENCAPSULATED_LEN + 16;

/// Seals a device's delivery key to the relay and binds it to the device.
///
/// # Size
/// 1,168 bytes.
///
/// # Errors
/// [`SealingError`] if the relay's key is not usable.
pub fn seal_delivery_key(
    to: &SealingPublicKey,
    key: &DeliveryKey,
    me: &DeviceAddress,
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, SealingError> {
    to.seal(DELIVERY_KEY, &*key.to_bytes(), &device_bytes(me), rng)
}

/// Opens a key that [`seal_delivery_key`] sealed for this device.
///
/// # Errors
/// [`SealingError`] for anything else.
pub fn unseal_delivery_key(
    pair: &SealingKeyPair,
    sealed: &[u8],
    of: &DeviceAddress,
) -> Result<DeliveryKey, SealingError> {
    let key = pair.open(DELIVERY_KEY, sealed, &device_bytes(of))?;
    Ok(DeliveryKey::from_bytes(*key))
}

fn device_bytes(me: &DeviceAddress) -> Vec<u8> {
    length_prefixed(&[me.account.as_str().as_bytes(), &me.device.0.to_be_bytes()])
}

/// The public half of a sealing key: 1,216 bytes, to which anyone can encrypt a key.
#[derive(Clone)]
pub struct SealingPublicKey(<XWing as Kem>::PublicKey);

impl SealingPublicKey {
    /// Makes a public key from its bytes.
    ///
    /// # Errors
    /// [`SealingError`] if the bytes are not a key.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SealingError> {
        Deserializable::from_bytes(bytes)
            .map(Self)
            .map_err(|_| SealingError)
    }

    /// The key's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_bytes().to_vec()
    }

    /// Encrypts a key to this public key for one purpose, named by a label:
    /// `encapsulated key 1,120 || ciphertext || tag 16`.
    ///
    /// # Errors
    /// [`SealingError`] if this public key is not usable.
    pub fn seal(
        &self,
        purpose: &[u8],
        key: &[u8],
        associated_data: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, SealingError> {
        let (encapsulated, ciphertext) =
            hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, XWing>(
                &OpModeS::Base,
                &self.0,
                purpose,
                key,
                associated_data,
                rng,
            )
            .map_err(|_| SealingError)?;
        Ok([encapsulated.to_bytes().as_slice(), &ciphertext].concat())
    }
}

impl fmt::Debug for SealingPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingPublicKey(..)")
    }
}

/// A sealing key with its secret half of 32 bytes, which decrypts what was sealed to it.
pub struct SealingKeyPair {
    secret: <XWing as Kem>::PrivateKey,
    public: SealingPublicKey,
}

impl SealingKeyPair {
    /// Generates a key pair.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *seed);
        let (secret, public) = XWing::derive_keypair(&*seed);
        let public = SealingPublicKey(public);
        Self { secret, public }
    }

    /// The public half of the key pair.
    pub fn public(&self) -> &SealingPublicKey {
        &self.public
    }

    /// The 32 secret bytes, for a key file.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        let mut bytes = self.secret.to_bytes();
        let mut out = Zeroizing::new([0; 32]);
        for (to, from) in out.iter_mut().zip(&bytes) {
            *to = *from;
        }
        bytes.as_mut_slice().zeroize();
        out
    }

    /// Restores a key pair from [`to_bytes`](Self::to_bytes).
    ///
    /// # Errors
    /// [`SealingError`] if the bytes are not a key.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, SealingError> {
        let secret: <XWing as Kem>::PrivateKey =
            Deserializable::from_bytes(bytes).map_err(|_| SealingError)?;
        let public = SealingPublicKey(XWing::sk_to_pk(&secret));
        Ok(Self { secret, public })
    }

    /// Opens a key of `LEN` bytes that [`SealingPublicKey::seal`] sealed for the same purpose, with
    /// the same associated data.
    ///
    /// # Errors
    /// [`SealingError`] for anything else.
    pub fn open<const LEN: usize>(
        &self,
        purpose: &[u8],
        sealed: &[u8],
        associated_data: &[u8],
    ) -> Result<Zeroizing<[u8; LEN]>, SealingError> {
        let (encapsulated, ciphertext) = sealed
            .split_at_checked(ENCAPSULATED_LEN)
            .ok_or(SealingError)?;
        let encapsulated = Deserializable::from_bytes(encapsulated).map_err(|_| SealingError)?;
        let key = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, XWing>(
            &OpModeR::Base,
            &self.secret,
            &encapsulated,
            purpose,
            ciphertext,
            associated_data,
        )
        .map(Zeroizing::new)
        .map_err(|_| SealingError)?;
        let key: &[u8; LEN] = key.as_slice().try_into().map_err(|_| SealingError)?;
        Ok(Zeroizing::new(*key))
    }
}

impl fmt::Debug for SealingKeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingKeyPair").finish_non_exhaustive()
    }
}

/// The bytes are not a sealing key, or they were not sealed to this key for this purpose and
/// device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not sealed to this key for this purpose")]
pub struct SealingError;

#[cfg(test)]
mod tests {
    use super::*;
    use waxseal_reporting::{AccountId, DeviceId};

    #[test]
    fn a_sealed_key_opens_only_for_its_holder_purpose_and_device() {
        let rng = &mut rand::rng();
        let device = |name| DeviceAddress::new(AccountId::new(name).unwrap(), DeviceId(1));
        let (relay, other) = (SealingKeyPair::generate(rng), SealingKeyPair::generate(rng));
        let relay = SealingKeyPair::from_bytes(&relay.to_bytes()).unwrap();
        let public = SealingPublicKey::from_bytes(&relay.public().to_bytes()).unwrap();
        let key = DeliveryKey::generate(rng);
        let mut sealed = seal_delivery_key(&public, &key, &device("al"), rng).unwrap();
        let opened = unseal_delivery_key(&relay, &sealed, &device("al")).unwrap();
        assert_eq!(*opened.to_bytes(), *key.to_bytes());

        assert!(unseal_delivery_key(&other, &sealed, &device("al")).is_err());
        assert!(unseal_delivery_key(&relay, &sealed, &device("bo")).is_err());
        let al = device_bytes(&device("al"));
        assert!(relay.open::<32>(b"other purpose", &sealed, &al).is_err());
        assert!(relay.open::<31>(DELIVERY_KEY, &sealed, &al).is_err());
        assert!(unseal_delivery_key(&relay, &sealed[..1_119], &device("al")).is_err());
        sealed[1_150] ^= 1;
        assert!(unseal_delivery_key(&relay, &sealed, &device("al")).is_err());
    }
}
