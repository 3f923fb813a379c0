//! Seals keys to one holder: the delivery key to the relay, and the acceptance key to the vault.
//!
//! This is HPKE (RFC 9180) in base mode with the same suite as reports: X-Wing, HKDF-SHA-256,
//! ChaCha20-Poly1305. Base mode does not authenticate the sealer. The delivery key is authenticated
//! by the device's proof, and the acceptance key by the relay's signature.

use std::fmt;

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use rand_core::CryptoRng;
use thiserror::Error;
use waxseal_reporting::DeviceAddress;
use waxseal_reporting::intake::AcceptanceKey;
use waxseal_reporting::relay::DeliveryKey;
use zeroize::{Zeroize, Zeroizing};

use crate::proof::length_prefixed;

const DELIVERY_KEY: &[u8] = b"waxseal/1/relay/delivery-key";
const ACCEPTANCE_KEYS: &[u8] = b"waxseal/2/relay/acceptance-keys";

/// Length in bytes of the encapsulated key of X-Wing, with which a sealed key begins.
const ENCAPSULATED_LEN: usize = 1_120;

/// Length in bytes of sealed acceptance keys: encapsulated secret, keys and tag.
pub(crate) const SEALED_KEYS_LEN: usize = ENCAPSULATED_LEN + 65 + 16;

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

/// The keys with which the vault checks that the intake accepted a report.
#[derive(Clone, Debug)]
pub struct AcceptanceKeys {
    /// The key that the intake uses.
    pub present: AcceptanceKey,
    /// The key of before version 02, which reviewers held. It is for reports of version 01 only.
    pub old: Option<AcceptanceKey>,
}

impl AcceptanceKeys {
    /// `present 32 || 00` and 32 zeros, or `present 32 || 01 || old 32`.
    fn to_bytes(&self) -> Zeroizing<[u8; 65]> {
        let mut bytes = Zeroizing::new([0; 65]);
        let (present, old) = bytes.split_at_mut(32);
        present.copy_from_slice(&*self.present.to_bytes());
        if let (Some(key), Some((is_there, old))) = (&self.old, old.split_first_mut()) {
            *is_there = 1;
            old.copy_from_slice(&*key.to_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8; 65]) -> Option<Self> {
        let (present, old) = bytes.split_first_chunk()?;
        let (is_there, old) = old.split_first()?;
        let old: &[u8; 32] = old.try_into().ok()?;
        Some(Self {
            present: AcceptanceKey::from_bytes(*present),
            old: (*is_there == 1).then(|| AcceptanceKey::from_bytes(*old)),
        })
    }
}

/// Seals the acceptance keys to the vault.
///
/// # Size
/// 1,201 bytes, with an old key or without.
///
/// # Errors
/// [`SealingError`] if the vault's key is not usable.
pub fn seal_acceptance_keys(
    to: &SealingPublicKey,
    keys: &AcceptanceKeys,
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, SealingError> {
    to.seal(ACCEPTANCE_KEYS, &*keys.to_bytes(), b"", rng)
}

/// Opens keys that [`seal_acceptance_keys`] sealed.
///
/// # Errors
/// [`SealingError`] for anything else.
pub fn unseal_acceptance_keys(
    pair: &SealingKeyPair,
    sealed: &[u8],
) -> Result<AcceptanceKeys, SealingError> {
    let keys = pair.open(ACCEPTANCE_KEYS, sealed, b"")?;
    AcceptanceKeys::from_bytes(&keys).ok_or(SealingError)
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

    /// Encrypts keys to this public key: `encapsulated key 1,120 || ciphertext || tag 16`.
    fn seal(
        &self,
        info: &[u8],
        key: &[u8],
        associated_data: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, SealingError> {
        let (encapsulated, ciphertext) = hpke::single_shot_seal_with_rng::<
            ChaCha20Poly1305,
            HkdfSha256,
            XWing,
        >(
            &OpModeS::Base, &self.0, info, key, associated_data, rng
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

    fn open<const LEN: usize>(
        &self,
        info: &[u8],
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
            info,
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
        assert!(unseal_acceptance_keys(&relay, &sealed).is_err());
        assert!(unseal_delivery_key(&relay, &sealed[..1_119], &device("al")).is_err());
        sealed[1_150] ^= 1;
        assert!(unseal_delivery_key(&relay, &sealed, &device("al")).is_err());
    }

    #[test]
    fn sealed_acceptance_keys_have_one_length_and_keep_present_and_old_apart() {
        let rng = &mut rand::rng();
        let vault = SealingKeyPair::generate(rng);
        let (present, old) = (AcceptanceKey::generate(rng), AcceptanceKey::generate(rng));
        for old in [None, Some(old)] {
            let present = present.clone();
            let keys = AcceptanceKeys { present, old };
            let sealed = seal_acceptance_keys(vault.public(), &keys, rng).unwrap();
            assert_eq!(sealed.len(), SEALED_KEYS_LEN);
            let opened = unseal_acceptance_keys(&vault, &sealed).unwrap();
            let bytes = |key: &AcceptanceKey| *key.to_bytes();
            assert_eq!(bytes(&opened.present), bytes(&keys.present));
            assert_eq!(opened.old.as_ref().map(bytes), keys.old.as_ref().map(bytes));
        }
    }
}
