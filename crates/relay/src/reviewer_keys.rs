//! The reviewer's key files. The reviewer keeps FILE; the relay is given FILE.pub.

use std::fmt;

use ed25519_dalek::{Signer, SigningKey};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use waxseal_reporting::DecodeError;
use waxseal_reporting::reporter::ModerationPublicKey;
use waxseal_reporting::reviewer::ModerationKeyPair;
use zeroize::Zeroizing;

use crate::card::fingerprint;
use crate::message::b64;
use crate::sealing::{SealingError, SealingKeyPair, SealingPublicKey};

/// The reviewer's public keys, as JSON in FILE.pub. A relay collects reports for the reviewer who
/// holds the secret halves.
///
/// | field | bytes | encoding |
/// |---|---|---|
/// | `moderation_key` | 1,217 | [`ModerationPublicKey::encode`] |
/// | `reviewer_key` | 32 | Ed25519 |
/// | `sealing_key` | 1,216 | [`SealingPublicKey`] |
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewerPublicKeys {
    /// The key that reports are sealed to.
    #[serde(with = "b64")]
    pub moderation_key: Vec<u8>,
    /// The key that verifies the reviewer's proof when signing in.
    #[serde(with = "b64")]
    pub reviewer_key: [u8; 32],
    /// The key that the relay seals the acceptance key to.
    #[serde(with = "b64")]
    pub sealing_key: Vec<u8>,
}

impl ReviewerPublicKeys {
    /// The key that reports are sealed to.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not a key.
    pub fn moderation_key(&self) -> Result<ModerationPublicKey, DecodeError> {
        ModerationPublicKey::decode(&self.moderation_key)
    }

    /// The key that the relay seals the acceptance key to.
    ///
    /// # Errors
    /// [`SealingError`] if the bytes are not a key.
    pub fn sealing_key(&self) -> Result<SealingPublicKey, SealingError> {
        SealingPublicKey::from_bytes(&self.sealing_key)
    }

    /// The fingerprint of the moderation key, to compare with the one that clients show.
    pub fn moderation_fingerprint(&self) -> String {
        fingerprint(&self.moderation_key)
    }

    /// The fingerprint of the reviewer key. The relay records it each time the reviewer lists or
    /// opens reports.
    pub fn reviewer_fingerprint(&self) -> String {
        fingerprint(&self.reviewer_key)
    }
}

/// The reviewer's secret keys, which FILE holds in 97 bytes.
///
/// ```text
/// moderation key pair 33 || reviewer key 32 || sealing key 32
/// ```
pub struct ReviewerKeys {
    /// Decrypts reports.
    pub moderation: ModerationKeyPair,
    /// Decrypts the acceptance key, with which the reviewer checks that the intake accepted a
    /// report.
    pub sealing: SealingKeyPair,
    reviewer: SigningKey,
}

impl ReviewerKeys {
    /// Generates all three keys.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *seed);
        Self {
            moderation: ModerationKeyPair::generate(rng),
            sealing: SealingKeyPair::generate(rng),
            reviewer: SigningKey::from_bytes(&seed),
        }
    }

    /// The public halves of the three keys.
    pub fn public(&self) -> ReviewerPublicKeys {
        ReviewerPublicKeys {
            moderation_key: self.moderation.public_key().encode(),
            reviewer_key: self.reviewer.verifying_key().to_bytes(),
            sealing_key: self.sealing.public().to_bytes(),
        }
    }

    /// Signs a [`reviewer_context`](crate::reviewer_context) with the reviewer key, to sign in.
    pub fn prove(&self, context: &[u8]) -> [u8; 64] {
        self.reviewer.sign(context).to_bytes()
    }

    /// Exports the keys as the 97 bytes of FILE. They are secret.
    pub fn export(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(97));
        out.extend_from_slice(&self.moderation.export());
        out.extend_from_slice(self.reviewer.as_bytes());
        out.extend_from_slice(&*self.sealing.to_bytes());
        out
    }

    /// Restores the keys from an [`export`](Self::export). Returns `None` if the bytes are not one.
    pub fn import(bytes: &[u8]) -> Option<Self> {
        let (moderation, bytes) = bytes.split_first_chunk::<33>()?;
        let (reviewer, sealing) = bytes.split_first_chunk::<32>()?;
        Some(Self {
            moderation: ModerationKeyPair::import(moderation).ok()?,
            reviewer: SigningKey::from_bytes(reviewer),
            sealing: SealingKeyPair::from_bytes(sealing.try_into().ok()?).ok()?,
        })
    }
}

impl fmt::Debug for ReviewerKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReviewerKeys").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_file_holds_all_three_keys_and_nothing_else_passes_for_one() {
        let keys = ReviewerKeys::generate(&mut rand::rng());
        let file = keys.export();
        assert_eq!(file.len(), 97);
        assert_eq!(ReviewerKeys::import(&file).unwrap().public(), keys.public());
        assert!(ReviewerKeys::import(&file[..96]).is_none());
        assert!(ReviewerKeys::import(&[file.as_slice(), &[0]].concat()).is_none());

        let public = serde_json::to_string(&keys.public()).unwrap();
        let public: ReviewerPublicKeys = serde_json::from_str(&public).unwrap();
        assert_eq!(public, keys.public());
        public.moderation_key().unwrap();
        public.sealing_key().unwrap();
        assert_eq!(format!("{keys:?}"), "ReviewerKeys { .. }");
    }
}
