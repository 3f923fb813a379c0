//! Exports and imports [`PreKeys`] as versioned bytes.

use std::collections::{BTreeMap, BTreeSet};

use zeroize::Zeroizing;

use super::{MAX_KEPT_ONE_TIME_PREKEYS, MAX_REMEMBERED_BASE_KEYS, OneTimeSet, PreKeys, SignedSet};
use crate::codec::{KEYS_VERSION, Reader, Writer};
use crate::dh::{DhKeyPair, DhPublicKey, DhSecret};
use crate::error::DecodeError;
use crate::identity::{IDENTITY_KEY_LEN, IdentityKey};
use crate::kem::{KEM_SEED_LEN, KemSeed};

/// Length of a signed set without its remembered base keys: id, key pair, seed, count.
const SIGNED_SET_LEN: usize = 4 + 64 + KEM_SEED_LEN + 4;
/// Length of a one-time set: id, X25519 private key, seed.
const ONE_TIME_SET_LEN: usize = 4 + 32 + KEM_SEED_LEN;
/// Maximum length of an export: version, identity, two full signed sets, presence, next number,
/// count, and all one-time sets.
const MAX_EXPORT_LEN: usize = 1
    + IDENTITY_KEY_LEN
    + 2 * (SIGNED_SET_LEN + 32 * MAX_REMEMBERED_BASE_KEYS)
    + 1
    + 8
    + MAX_KEPT_ONE_TIME_PREKEYS * ONE_TIME_SET_LEN;

impl PreKeys {
    /// Exports the prekeys as secret bytes for this device's storage. They are wiped on drop.
    ///
    /// # Size
    /// Under 350 bytes, plus 100 per one-time set and 32 per remembered base key.
    #[must_use]
    pub fn export(&self) -> Zeroizing<Vec<u8>> {
        let remembered = self
            .previous
            .iter()
            .chain([&self.current])
            .map(|set| set.remembered.len())
            .sum::<usize>();
        let capacity = (IDENTITY_KEY_LEN + 2 * SIGNED_SET_LEN + 9)
            .saturating_add(remembered.saturating_mul(32))
            .saturating_add(self.one_time.len().saturating_mul(ONE_TIME_SET_LEN));
        let mut writer = Writer::new(KEYS_VERSION, capacity);
        writer.bytes(&self.identity.to_bytes());
        self.current.write(&mut writer);
        writer.optional(self.previous.as_ref(), |writer, set| set.write(writer));
        writer.u32(self.next_one_time_id);
        writer.count(self.one_time.len());
        for (id, set) in &self.one_time {
            writer.u32(*id);
            writer.bytes(set.prekey.as_bytes());
            writer.bytes(set.kem.as_bytes());
        }
        writer.finish()
    }

    /// Reads what [`PreKeys::export`] wrote.
    ///
    /// # Errors
    /// [`DecodeError`] for anything else.
    pub fn import(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(KEYS_VERSION, bytes, MAX_EXPORT_LEN)?;
        let identity = IdentityKey::from_bytes(reader.slice(IDENTITY_KEY_LEN)?)?;
        let current = SignedSet::read(&mut reader)?;
        let previous = reader.optional(SignedSet::read)?;
        if previous.as_ref().is_some_and(|set| set.id >= current.id) {
            return Err(DecodeError::Malformed);
        }
        let next_one_time_id = reader.u32()?;
        let count = reader.count(MAX_KEPT_ONE_TIME_PREKEYS, ONE_TIME_SET_LEN)?;
        let mut one_time = BTreeMap::new();
        for _ in 0..count {
            let id = reader.u32()?;
            // Numbers ascend, so that there is only one encoding. They are below the next number,
            // so that no number is used twice.
            if id >= next_one_time_id
                || one_time
                    .last_key_value()
                    .is_some_and(|(last, _)| *last >= id)
            {
                return Err(DecodeError::NotCanonical);
            }
            let prekey = DhSecret::from_bytes(reader.array()?);
            one_time.insert(
                id,
                OneTimeSet {
                    prekey,
                    kem: KemSeed::from_bytes(reader.array()?),
                },
            );
        }
        reader.finish()?;
        Ok(Self {
            identity,
            current,
            previous,
            one_time,
            next_one_time_id,
        })
    }
}

impl SignedSet {
    fn write(&self, writer: &mut Writer) {
        writer.u32(self.id);
        self.prekey.write(writer);
        writer.bytes(self.last_resort.as_bytes());
        writer.count(self.remembered.len());
        for base_key in &self.remembered {
            writer.bytes(base_key.as_bytes());
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let id = reader.u32()?;
        let prekey = DhKeyPair::read(reader)?;
        let last_resort = KemSeed::from_bytes(reader.array()?);
        let count = reader.count(MAX_REMEMBERED_BASE_KEYS, 32)?;
        let mut remembered = BTreeSet::new();
        for _ in 0..count {
            let base_key = DhPublicKey::from_bytes(reader.array()?)?;
            if remembered.last().is_some_and(|last| *last >= base_key) {
                return Err(DecodeError::NotCanonical);
            }
            remembered.insert(base_key);
        }
        Ok(Self {
            id,
            prekey,
            last_resort,
            remembered,
        })
    }
}
