//! The reviewer's key files. The reviewer keeps FILE; the relay is given FILE.pub.

use std::fmt;

use ed25519_dalek::{Signer, SigningKey};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use waxseal_interface::{b64, fingerprint};
use zeroize::Zeroizing;

/// The reviewer's public key, as JSON in FILE.pub. A relay shows the list of reports, and the
/// reports themselves, still sealed, to the holder of the secret half.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewerPublicKey {
    /// The key that verifies the reviewer's proof when signing in: Ed25519, 32 bytes.
    #[serde(with = "b64")]
    pub reviewer_key: [u8; 32],
}

impl ReviewerPublicKey {
    /// The fingerprint of the reviewer key. The relay records it each time the reviewer lists or
    /// opens reports.
    pub fn reviewer_fingerprint(&self) -> String {
        fingerprint(&self.reviewer_key)
    }
}

/// The reviewer's secret key, which FILE holds in 33 bytes: `01 || reviewer key 32`.
///
/// It signs the reviewer in at the relay and does nothing else. The keys that open reports are
/// [`VaultKeys`](crate::VaultKeys).
pub struct ReviewerKey(SigningKey);

const VERSION: u8 = 1;

impl ReviewerKey {
    /// Generates a key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *seed);
        Self(SigningKey::from_bytes(&seed))
    }

    /// The public half.
    pub fn public(&self) -> ReviewerPublicKey {
        ReviewerPublicKey {
            reviewer_key: self.0.verifying_key().to_bytes(),
        }
    }

    /// Signs a [`reviewer_context`](crate::reviewer_context).
    pub fn prove(&self, context: &[u8]) -> [u8; 64] {
        self.0.sign(context).to_bytes()
    }

    /// Exports the key as the 33 bytes of FILE. They are secret.
    pub fn export(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(33));
        out.push(VERSION);
        out.extend_from_slice(self.0.as_bytes());
        out
    }

    /// Restores the key from an [`export`](Self::export). Returns `None` if the bytes are not one.
    pub fn import(bytes: &[u8]) -> Option<Self> {
        let key = bytes.strip_prefix(&[VERSION])?;
        Some(Self(SigningKey::from_bytes(key.try_into().ok()?)))
    }
}

impl fmt::Debug for ReviewerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReviewerKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_file_holds_the_key_and_nothing_else_passes_for_one() {
        let key = ReviewerKey::generate(&mut rand::rng());
        let file = key.export();
        assert_eq!(file.len(), 33);
        assert_eq!(ReviewerKey::import(&file).unwrap().public(), key.public());
        assert!(ReviewerKey::import(&file[..32]).is_none());
        assert!(ReviewerKey::import(&[file.as_slice(), &[0]].concat()).is_none());
        assert!(ReviewerKey::import(&[&[2], &file[1..]].concat()).is_none());
        let public = serde_json::to_string(&key.public()).unwrap();
        let public: ReviewerPublicKey = serde_json::from_str(&public).unwrap();
        assert_eq!(public, key.public());
        assert_eq!(format!("{key:?}"), "ReviewerKey { .. }");
    }
}
