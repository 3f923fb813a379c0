//! The vault's secrets, and what is derived from them.

use rand_core::CryptoRng;
use waxseal_log::note::Cosigner;
use waxseal_reporting::intake::AcceptanceKey;
use waxseal_reporting::vault::{self as reporting, ModerationKeyPair};
use zeroize::Zeroizing;

use crate::codec::Reader;
use crate::format::{self, DecodeError, VERSION};
use crate::secret::Secret;
use crate::{hash, labels};

/// Maximum number of moderation keys, and of acceptance keys, in one vault. Destroy the oldest when
/// no report needs it any more.
pub const MAX_VAULT_KEYS: usize = 16;

/// Maximum length of exported secrets, in bytes: the sum of the fields.
const MAX_SECRETS_LEN: usize = 1 + 32 + 32 + 1 + MAX_VAULT_KEYS * 33 + 1 + MAX_VAULT_KEYS * 32 + 33;

/// The secrets of a vault: its signing key, its own secret, and the keys that open reports.
///
/// The moderation keys open the seals of reports, and the acceptance keys tell which reports the
/// intake accepted. The present key of each kind is the first.
///
/// ```text
/// 01 || signing seed 32 || vault secret 32 || moderation keys: count u8, 33 each
///   || acceptance keys: count u8, 32 each || 00, or 01 and acceptance key of version 01 32
/// ```
pub struct VaultSecrets {
    signing: Secret,
    own: Secret,
    moderation: Vec<ModerationKeyPair>,
    acceptance: Vec<AcceptanceKey>,
    old_acceptance: Option<AcceptanceKey>,
}

impl VaultSecrets {
    /// Draws a signing key and a secret, for a vault that opens with these keys.
    pub fn new(
        moderation: ModerationKeyPair,
        acceptance: AcceptanceKey,
        rng: &mut impl CryptoRng,
    ) -> Self {
        Self {
            signing: Secret::random(rng),
            own: Secret::random(rng),
            moderation: vec![moderation],
            acceptance: vec![acceptance],
            old_acceptance: None,
        }
    }

    /// Makes this moderation key the present one, and keeps the others.
    ///
    /// # Errors
    /// [`SetupError::TooManyKeys`] if there are [`MAX_VAULT_KEYS`]: destroy the oldest first.
    pub fn add_moderation_key(&mut self, key: ModerationKeyPair) -> Result<(), SetupError> {
        if self.moderation.len() >= MAX_VAULT_KEYS {
            return Err(SetupError::TooManyKeys);
        }
        self.moderation.insert(0, key);
        Ok(())
    }

    /// Makes this acceptance key the present one, and keeps the others.
    ///
    /// # Errors
    /// [`SetupError::TooManyKeys`] if there are [`MAX_VAULT_KEYS`]: destroy the oldest first.
    pub fn add_acceptance_key(&mut self, key: AcceptanceKey) -> Result<(), SetupError> {
        if self.acceptance.len() >= MAX_VAULT_KEYS {
            return Err(SetupError::TooManyKeys);
        }
        self.acceptance.insert(0, key);
        Ok(())
    }

    /// Sets the acceptance key from the time before version 02. It opens accepted reports of
    /// version 01 only.
    pub fn set_old_acceptance_key(&mut self, key: Option<AcceptanceKey>) {
        self.old_acceptance = key;
    }

    /// Destroys the oldest moderation key. The present one stays. Returns whether there was an
    /// older one.
    pub fn destroy_oldest_moderation_key(&mut self) -> bool {
        self.moderation.len() > 1 && self.moderation.pop().is_some()
    }

    /// Destroys the oldest acceptance key. The present one stays. Returns whether there was an
    /// older one.
    pub fn destroy_oldest_acceptance_key(&mut self) -> bool {
        self.acceptance.len() > 1 && self.acceptance.pop().is_some()
    }

    /// The key with which the vault cosigns, under the name that [`LogKeys`] gives it.
    ///
    /// # Errors
    /// [`SetupError::Name`] if no key may have this name.
    ///
    /// [`LogKeys`]: waxseal_log::keys::LogKeys
    pub fn cosigner(&self, name: &str) -> Result<Cosigner, SetupError> {
        Cosigner::from_seed(name, self.signing.as_bytes()).map_err(|_| SetupError::Name)
    }

    /// The secrets as bytes for the vault's own storage.
    pub fn export(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(MAX_SECRETS_LEN));
        out.push(VERSION);
        out.extend_from_slice(self.signing.as_bytes());
        out.extend_from_slice(self.own.as_bytes());
        out.push(count(&self.moderation));
        for key in &self.moderation {
            out.extend_from_slice(&key.export());
        }
        out.push(count(&self.acceptance));
        for key in &self.acceptance {
            out.extend_from_slice(&*key.to_bytes());
        }
        out.push(u8::from(self.old_acceptance.is_some()));
        if let Some(key) = &self.old_acceptance {
            out.extend_from_slice(&*key.to_bytes());
        }
        out
    }

    /// Restores the secrets from an [`export`](Self::export).
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not an export.
    pub fn import(bytes: &[u8]) -> Result<Self, DecodeError> {
        let body = format::versioned(bytes, MAX_SECRETS_LEN)?;
        Self::read(body).ok_or(DecodeError::Malformed)
    }

    fn read(body: &[u8]) -> Option<Self> {
        // CHK-181: the secrets are complete, with 1 to 16 keys of each kind, and nothing follows.
        let mut reader = Reader::new(body);
        let signing = Secret::from_bytes(reader.take(32)?.try_into().ok()?);
        let own = Secret::from_bytes(reader.take(32)?.try_into().ok()?);
        let mut moderation = Vec::new();
        for _ in 0..read_count(&mut reader)? {
            moderation.push(ModerationKeyPair::import(reader.take(33)?).ok()?);
        }
        let mut acceptance = Vec::new();
        for _ in 0..read_count(&mut reader)? {
            acceptance.push(AcceptanceKey::from_bytes(reader.array()?));
        }
        let old_acceptance = match reader.flag()? {
            true => Some(AcceptanceKey::from_bytes(reader.array()?)),
            false => None,
        };
        reader.finish()?;
        Some(Self {
            signing,
            own,
            moderation,
            acceptance,
            old_acceptance,
        })
    }

    /// The keys that come from the vault's own secret.
    pub(super) fn keys(&self, setup: [u8; 32]) -> Keys {
        let derive = |label| {
            let key = Zeroizing::new(hash::mac(self.own.as_bytes(), &[label]));
            Secret::from_bytes(&key)
        };
        Keys {
            mark: derive(labels::MARK_KEY),
            state: derive(labels::STATE_KEY),
            participant: derive(labels::PARTICIPANT_KEY),
            setup,
        }
    }

    /// One vault of the crate `waxseal-reporting` for each acceptance key, since each takes one.
    pub(super) fn reporting_vaults(&self) -> Result<Vec<reporting::Vault>, SetupError> {
        let mut vaults = Vec::with_capacity(self.acceptance.len());
        for acceptance in &self.acceptance {
            let mut keys = self.moderation.iter().map(copy);
            let present = keys.next().ok_or(SetupError::NoKey)??;
            let mut vault = reporting::Vault::new(present, acceptance.clone());
            for key in keys {
                vault = vault.with_old_key(key?);
            }
            if let Some(old) = &self.old_acceptance {
                vault = vault.with_old_acceptance_key(old.clone());
            }
            vaults.push(vault);
        }
        Ok(vaults)
    }
}

impl core::fmt::Debug for VaultSecrets {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("VaultSecrets")
            .field("moderation_keys", &self.moderation.len())
            .field("acceptance_keys", &self.acceptance.len())
            .finish_non_exhaustive()
    }
}

/// The keys that come from the vault's own secret, and the digest of its pinned keys.
pub(super) struct Keys {
    /// Key of the marks.
    pub(super) mark: Secret,
    /// Key of the MAC over the state.
    pub(super) state: Secret,
    /// Key of the participants' numbers.
    pub(super) participant: Secret,
    /// Names the pinned keys in the state.
    pub(super) setup: [u8; 32],
}

fn copy(key: &ModerationKeyPair) -> Result<ModerationKeyPair, SetupError> {
    ModerationKeyPair::import(&key.export()).map_err(|_| SetupError::NoKey)
}

fn count<T>(keys: &[T]) -> u8 {
    u8::try_from(keys.len()).unwrap_or(u8::MAX)
}

fn read_count(reader: &mut Reader<'_>) -> Option<usize> {
    let count = usize::from(reader.u8()?);
    (1..=MAX_VAULT_KEYS).contains(&count).then_some(count)
}

/// Why a vault cannot start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// No key may have the name that the vault's key has.
    #[error("the vault's name cannot be the name of a key; choose another one")]
    Name,
    /// The pinned keys name another key for the vault.
    #[error("the pinned keys are for another vault; pin those with this vault's key")]
    OtherVaultKey,
    /// The pinned keys have no policy key.
    #[error("the pinned keys have no policy key; add it")]
    NoPolicyKey,
    /// A key is missing or damaged.
    #[error("the vault has no key to open reports; give it one")]
    NoKey,
    /// There are too many keys.
    #[error("the vault has 16 keys of this kind; destroy the oldest one first")]
    TooManyKeys,
    /// The state cannot be read, is of another vault or log, or was altered.
    #[error("the vault's state was altered, or is for other keys; pin the keys of the log again")]
    OtherState,
}

#[cfg(test)]
mod tests;
