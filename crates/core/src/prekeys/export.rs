//! Exports and imports whole [`PreKeys`] as versioned bytes.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::{Changes, MAX_KEPT_ONE_TIME_PREKEYS, OneTimeSet, PreKeys, SignedSet};
use crate::codec::{KEYS_VERSION, Reader, Writer};
use crate::dh::{DhKeyPair, DhSecret};
use crate::error::DecodeError;
use crate::identity::{IDENTITY_KEY_LEN, IdentityKey};
use crate::kem::{KEM_SEED_LEN, KemSeed};
use crate::replay_memory::{read_base_keys, write_base_keys};

/// Maximum number of base keys per signed set that earlier versions remembered, for all senders
/// together.
const MAX_EARLIER_BASE_KEYS: usize = 16_384;
/// Length of a signed set without its earlier base keys: id, key pair, seed, count.
const SIGNED_SET_LEN: usize = 4 + 64 + KEM_SEED_LEN + 4;
/// Length of a one-time set: id, X25519 private key, seed.
pub(super) const ONE_TIME_SET_LEN: usize = 4 + 32 + KEM_SEED_LEN;
/// Maximum length of everything except the one-time sets: version, identity, two signed sets with
/// earlier base keys, presence, next number.
pub(super) const MAX_STATE_LEN: usize =
    1 + IDENTITY_KEY_LEN + 2 * (SIGNED_SET_LEN + 32 * MAX_EARLIER_BASE_KEYS) + 1 + 4;
/// Maximum length of an export: the state, count, and all one-time sets.
const MAX_EXPORT_LEN: usize = MAX_STATE_LEN + 4 + MAX_KEPT_ONE_TIME_PREKEYS * ONE_TIME_SET_LEN;

impl PreKeys {
    /// Exports the prekeys as secret bytes for this device's storage. They are wiped on drop.
    ///
    /// To store them after each first message, use [`PreKeys::export_parts`], which writes less.
    ///
    /// # Size
    /// Under 350 bytes, plus 100 per one-time set. Plus 32 per base key that an earlier version
    /// remembered, until two rotations have destroyed those.
    #[must_use]
    pub fn export(&self) -> Zeroizing<Vec<u8>> {
        let one_time = self.one_time.len().saturating_mul(ONE_TIME_SET_LEN);
        let mut writer = self.write_state(KEYS_VERSION, one_time.saturating_add(4));
        writer.count(self.one_time.len());
        for (id, set) in &self.one_time {
            set.write(*id, &mut writer);
        }
        writer.finish()
    }

    /// Reads what [`PreKeys::export`] wrote.
    ///
    /// # Errors
    /// [`DecodeError`] for anything else.
    pub fn import(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(KEYS_VERSION, bytes, MAX_EXPORT_LEN)?;
        let mut prekeys = Self::read_state(&mut reader)?;
        let mut last = None;
        for _ in 0..reader.count(MAX_KEPT_ONE_TIME_PREKEYS, ONE_TIME_SET_LEN)? {
            let (id, set) = OneTimeSet::read(&mut reader)?;
            // Numbers ascend, so that there is only one encoding. They are below the next number,
            // so that no number is used twice.
            if id >= prekeys.next_one_time_id || last.is_some_and(|last| last >= id) {
                return Err(DecodeError::NotCanonical);
            }
            last = Some(id);
            prekeys.one_time.insert(id, set);
            prekeys.changes.made(id);
        }
        reader.finish()?;
        Ok(prekeys)
    }

    /// Writes everything except the one-time sets, and reserves `more` bytes for what follows.
    pub(super) fn write_state(&self, version: u8, more: usize) -> Writer {
        let earlier = self.previous.iter().chain([&self.current]);
        let earlier = earlier.map(|set| set.earlier.len().saturating_mul(32));
        let len = IDENTITY_KEY_LEN + 2 * SIGNED_SET_LEN + 5;
        let mut writer = Writer::new(
            version,
            earlier
                .fold(len, usize::saturating_add)
                .saturating_add(more),
        );
        writer.bytes(&self.identity.to_bytes());
        self.current.write(&mut writer);
        writer.optional(self.previous.as_ref(), |writer, set| set.write(writer));
        writer.u32(self.next_one_time_id);
        writer
    }

    pub(super) fn read_state(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let identity = IdentityKey::from_bytes(reader.slice(IDENTITY_KEY_LEN)?)?;
        let current = SignedSet::read(reader)?;
        let previous = reader.optional(SignedSet::read)?;
        if previous.as_ref().is_some_and(|set| set.id >= current.id) {
            return Err(DecodeError::Malformed);
        }
        Ok(Self {
            identity,
            current,
            previous,
            one_time: BTreeMap::new(),
            next_one_time_id: reader.u32()?,
            changes: Changes::default(),
        })
    }
}

impl OneTimeSet {
    pub(super) fn write(&self, id: u32, writer: &mut Writer) {
        writer.u32(id);
        writer.bytes(self.prekey.as_bytes());
        writer.bytes(self.kem.as_bytes());
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<(u32, Self), DecodeError> {
        let id = reader.u32()?;
        let prekey = DhSecret::from_bytes(reader.array()?);
        let kem = KemSeed::from_bytes(reader.array()?);
        Ok((id, Self { prekey, kem }))
    }
}

impl SignedSet {
    fn write(&self, writer: &mut Writer) {
        writer.u32(self.id);
        self.prekey.write(writer);
        writer.bytes(self.last_resort.as_bytes());
        write_base_keys(writer, &self.earlier);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: reader.u32()?,
            prekey: DhKeyPair::read(reader)?,
            last_resort: KemSeed::from_bytes(reader.array()?),
            earlier: read_base_keys(reader, MAX_EARLIER_BASE_KEYS)?,
        })
    }
}
