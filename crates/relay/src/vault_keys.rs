//! The vault's key files. The vault keeps FILE; the relay is given FILE.pub.

use std::fmt;

use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use waxseal_interface::{SealingError, SealingKeyPair, SealingPublicKey, b64, fingerprint};
use waxseal_reporting::DecodeError;
use waxseal_reporting::reporter::ModerationPublicKey;
use waxseal_reporting::vault::ModerationKeyPair;
use zeroize::Zeroizing;

/// The vault's public keys, as JSON in FILE.pub. A relay collects reports that only the holder of
/// the secret halves can open.
///
/// | field | bytes | encoding |
/// |---|---|---|
/// | `moderation_key` | 1,217 | [`ModerationPublicKey::encode`] |
/// | `sealing_key` | 1,216 | [`SealingPublicKey`] |
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultPublicKeys {
    /// The key that reports are sealed to.
    #[serde(with = "b64")]
    pub moderation_key: Vec<u8>,
    /// The key that the relay seals the acceptance key to.
    #[serde(with = "b64")]
    pub sealing_key: Vec<u8>,
}

impl VaultPublicKeys {
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

    /// The fingerprint of the moderation key, as clients show it.
    pub fn moderation_fingerprint(&self) -> String {
        fingerprint(&self.moderation_key)
    }
}

/// The vault's secret keys, which FILE holds in 66 bytes.
///
/// ```text
/// 01 || moderation key pair 33 || sealing key 32
/// ```
pub struct VaultKeys {
    /// Opens reports.
    pub moderation: ModerationKeyPair,
    /// Opens the acceptance key, with which the vault checks that the intake accepted a report.
    pub sealing: SealingKeyPair,
}

const VERSION: u8 = 1;

impl VaultKeys {
    /// Generates both keys.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self {
            moderation: ModerationKeyPair::generate(rng),
            sealing: SealingKeyPair::generate(rng),
        }
    }

    /// The public halves of both keys.
    pub fn public(&self) -> VaultPublicKeys {
        VaultPublicKeys {
            moderation_key: self.moderation.public_key().encode(),
            sealing_key: self.sealing.public().to_bytes(),
        }
    }

    /// Exports the keys as the 66 bytes of FILE. They are secret.
    pub fn export(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(66));
        out.push(VERSION);
        out.extend_from_slice(&self.moderation.export());
        out.extend_from_slice(&*self.sealing.to_bytes());
        out
    }

    /// Restores the keys from an [`export`](Self::export). Returns `None` if the bytes are not one.
    pub fn import(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.strip_prefix(&[VERSION])?;
        let (moderation, sealing) = bytes.split_first_chunk::<33>()?;
        Some(Self {
            moderation: ModerationKeyPair::import(moderation).ok()?,
            sealing: SealingKeyPair::from_bytes(sealing.try_into().ok()?).ok()?,
        })
    }
}

impl fmt::Debug for VaultKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultKeys").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_file_holds_both_keys_and_nothing_else_passes_for_one() {
        let keys = VaultKeys::generate(&mut rand::rng());
        let file = keys.export();
        assert_eq!(file.len(), 66);
        assert_eq!(VaultKeys::import(&file).unwrap().public(), keys.public());
        assert!(VaultKeys::import(&file[..65]).is_none());
        assert!(VaultKeys::import(&[file.as_slice(), &[0]].concat()).is_none());
        assert!(VaultKeys::import(&[&[2], &file[1..]].concat()).is_none());

        let public = serde_json::to_string(&keys.public()).unwrap();
        let public: VaultPublicKeys = serde_json::from_str(&public).unwrap();
        assert_eq!(public, keys.public());
        public.moderation_key().unwrap();
        public.sealing_key().unwrap();
        assert_eq!(format!("{keys:?}"), "VaultKeys { .. }");
    }
}
