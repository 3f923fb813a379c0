//! Export in parts: a spent one-time set is one part to remove, and nothing else is written.

use core::fmt;

use zeroize::Zeroizing;

use super::export::{MAX_STATE_LEN, ONE_TIME_SET_LEN};
use super::{MAX_KEPT_ONE_TIME_PREKEYS, OneTimeSet, PreKeys};
use crate::codec::{PREKEY_PARTS_VERSION, Reader, Writer};
use crate::error::DecodeError;

/// Length of a part: version, one-time set.
const PART_LEN: usize = 1 + ONE_TIME_SET_LEN;

/// The parts of [`PreKeys`] to write. Store all of them in one transaction, or none.
pub struct PreKeysParts {
    /// Secret bytes of everything except the one-time sets, which replace the stored state. `None`
    /// if the stored state is current.
    ///
    /// # Size
    /// 206 bytes, or 342 after a rotation. Plus 32 per base key that an earlier version remembered.
    pub state: Option<Zeroizing<Vec<u8>>>,
    /// One-time sets that were made or destroyed.
    pub one_time: Vec<OneTimeChange>,
}

/// A one-time set that storage must write or remove.
pub struct OneTimeChange {
    /// Names the set.
    pub id: OneTimeId,
    /// The secret bytes of a new set, 101 bytes. `None` if the set is to be removed.
    pub bytes: Option<Zeroizing<Vec<u8>>>,
}

/// Names a one-time prekey set. Not secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OneTimeId(u32);

impl OneTimeId {
    /// Reads the id out of a part's bytes.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes do not begin as a part does.
    pub fn of_part(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(PREKEY_PARTS_VERSION, bytes, PART_LEN)?;
        Ok(Self(reader.u32()?))
    }

    /// Makes an id from its bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(u32::from_be_bytes(bytes))
    }

    /// The number of the set, big-endian.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 4] {
        self.0.to_be_bytes()
    }
}

impl PreKeys {
    /// Exports what changed since the last call: the state, and the one-time sets that were made or
    /// destroyed. If nothing changed, nothing is to be written.
    ///
    /// The first call returns everything, also for prekeys read by [`PreKeys::import`]. Remove any
    /// earlier parts from storage then.
    ///
    /// Each change is returned once. If storing fails, discard these prekeys and continue with what
    /// [`PreKeys::import_parts`] reads from storage.
    #[must_use = "each change is returned once"]
    pub fn export_parts(&mut self) -> PreKeysParts {
        let changes = core::mem::take(&mut self.changes);
        self.changes.is_state_stored = true;
        let state =
            (!changes.is_state_stored).then(|| self.write_state(PREKEY_PARTS_VERSION, 0).finish());
        let destroyed = changes.destroyed.into_iter().map(|id| (id, None));
        let made = changes.made.into_iter().map(|id| {
            let part = self.one_time.get(&id).map(|set| set.part(id));
            (id, part)
        });
        let one_time = destroyed.chain(made).map(|(id, bytes)| OneTimeChange {
            id: OneTimeId(id),
            bytes,
        });
        PreKeysParts {
            state,
            one_time: one_time.collect(),
        }
    }

    /// Reads the last state that [`PreKeys::export_parts`] returned, and all stored one-time sets,
    /// in any order.
    ///
    /// A set that is missing counts as spent. So if storage lost one, the others can still be used.
    ///
    /// # Errors
    /// [`DecodeError`] for any other bytes, also if a set is there twice or has a number that was
    /// not given out yet. A state of version 01 is a whole export: use [`PreKeys::import`].
    pub fn import_parts(
        state: &[u8],
        one_time: impl IntoIterator<Item = impl AsRef<[u8]>>,
    ) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(PREKEY_PARTS_VERSION, state, MAX_STATE_LEN)?;
        let mut prekeys = Self::read_state(&mut reader)?;
        reader.finish()?;
        for part in one_time {
            let mut reader = Reader::new(PREKEY_PARTS_VERSION, part.as_ref(), PART_LEN)?;
            let (id, set) = OneTimeSet::read(&mut reader)?;
            // CHK-50: each set has a number that was given out, and is there once.
            if id >= prekeys.next_one_time_id
                || prekeys.one_time.len() >= MAX_KEPT_ONE_TIME_PREKEYS
                || prekeys.one_time.insert(id, set).is_some()
            {
                return Err(DecodeError::Malformed);
            }
        }
        prekeys.changes.is_state_stored = true;
        Ok(prekeys)
    }
}

impl OneTimeSet {
    fn part(&self, id: u32) -> Zeroizing<Vec<u8>> {
        let mut writer = Writer::new(PREKEY_PARTS_VERSION, ONE_TIME_SET_LEN);
        self.write(id, &mut writer);
        writer.finish()
    }
}

impl fmt::Debug for PreKeysParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreKeysParts")
            .field("one_time", &self.one_time)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for OneTimeChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneTimeChange")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
