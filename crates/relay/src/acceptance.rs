//! The acceptance keys, sealed to the vault. The relay's signature authenticates them.

use rand_core::CryptoRng;
use waxseal_interface::{SEALING_OVERHEAD, SealingError, SealingKeyPair, SealingPublicKey};
use waxseal_reporting::intake::AcceptanceKey;
use zeroize::Zeroizing;

const ACCEPTANCE_KEYS: &[u8] = b"waxseal/2/relay/acceptance-keys";

/// Length in bytes of encoded acceptance keys.
const KEYS_LEN: usize = 65;

/// Length in bytes of sealed acceptance keys.
pub(crate) const SEALED_KEYS_LEN: usize = KEYS_LEN + SEALING_OVERHEAD;

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
    fn to_bytes(&self) -> Zeroizing<[u8; KEYS_LEN]> {
        let mut bytes = Zeroizing::new([0; KEYS_LEN]);
        let (present, old) = bytes.split_at_mut(32);
        present.copy_from_slice(&*self.present.to_bytes());
        if let (Some(key), Some((is_there, old))) = (&self.old, old.split_first_mut()) {
            *is_there = 1;
            old.copy_from_slice(&*key.to_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8; KEYS_LEN]) -> Option<Self> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
