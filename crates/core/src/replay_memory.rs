//! Base keys of one sender's handshakes on last-resort keys, so that none of them starts a session
//! twice.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use zeroize::Zeroizing;

use crate::codec::{KEYS_VERSION, Reader, Writer};
use crate::dh::DhPublicKey;
use crate::error::DecodeError;
use crate::identity::{IDENTITY_KEY_LEN, IdentityKey};

/// Maximum number of base keys remembered per sender and signed prekey set. It bounds what one
/// sender makes us store: 32 bytes per key.
///
/// Beyond the limit, further last-resort handshakes of that sender on that set are refused. A
/// sender starts again only when the peer does not answer. With a new set each week, a set is held
/// for two weeks, so the limit allows four starts per day.
pub const MAX_REMEMBERED_BASE_KEYS: usize = 64;

/// Maximum number of signed sets that a memory names: the sets that a device holds.
const MAX_SETS: usize = 2;
/// Length of a set without its base keys: id, count.
const SET_LEN: usize = 4 + 4;
/// Maximum length of an export: version, sender, count, full sets.
const MAX_EXPORT_LEN: usize =
    1 + IDENTITY_KEY_LEN + 4 + MAX_SETS * (SET_LEN + 32 * MAX_REMEMBERED_BASE_KEYS);

/// The base keys of one sender's first messages that used no one-time prekey.
///
/// Such a message could be replayed, so each base key is accepted once. An application keeps one
/// memory per sender identity, and passes it whenever a message of that sender may start a session:
/// for any message of [`MessageKind::Initial`](crate::MessageKind::Initial). A sender without a
/// stored memory has a new one.
///
/// ```text
/// new, import -> a first message without one-time prekey is opened -> changed: store it
///             -> any other message, or a refused one               -> unchanged: nothing to store
/// ```
///
/// Base keys count per signed prekey set. They are forgotten after the set is destroyed, when the
/// memory changes next. [`PreKeys::needs`](crate::PreKeys::needs) says whether a stored memory can
/// be deleted.
///
/// # Security
/// Without the stored memory, anyone who delivers messages can replay the sender's first messages
/// for as long as the signed set is held. Keep it after the sender's sessions are gone, and after
/// the user has deleted the conversation.
#[derive(Default)]
pub struct ReplayMemory {
    /// `None` until the first base key is remembered.
    sender: Option<IdentityKey>,
    /// Base keys by the id of their signed prekey set. No set is empty.
    sets: BTreeMap<u32, BTreeSet<DhPublicKey>>,
    is_changed: bool,
}

impl ReplayMemory {
    /// The memory of a sender that has started no session on last-resort keys yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The sender whose base keys are remembered. `None` before the first one.
    #[must_use]
    pub fn sender(&self) -> Option<&IdentityKey> {
        self.sender.as_ref()
    }

    /// Whether the memory differs from what [`ReplayMemory::import`] read, or is no longer new.
    /// Store the export only then, in one transaction with the session.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// Exports the memory for this device's storage. It holds no secrets, but shows who began
    /// sessions with this device.
    ///
    /// # Size
    /// 1 byte for a memory without base keys. Otherwise 69 bytes, 8 per signed set and 32 per base
    /// key, at most 4,181.
    #[must_use]
    pub fn export(&self) -> Zeroizing<Vec<u8>> {
        let Some(sender) = &self.sender else {
            return Writer::new(KEYS_VERSION, 0).finish();
        };
        let sets = self.sets.values();
        let len = sets.map(|set| set.len().saturating_mul(32).saturating_add(SET_LEN));
        let len = len.fold(IDENTITY_KEY_LEN + 4, usize::saturating_add);
        let mut writer = Writer::new(KEYS_VERSION, len);
        writer.bytes(&sender.to_bytes());
        writer.count(self.sets.len());
        for (id, base_keys) in &self.sets {
            writer.u32(*id);
            write_base_keys(&mut writer, base_keys);
        }
        writer.finish()
    }

    /// Reads what [`ReplayMemory::export`] wrote.
    ///
    /// # Errors
    /// [`DecodeError`] for any other bytes.
    pub fn import(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(KEYS_VERSION, bytes, MAX_EXPORT_LEN)?;
        if bytes.len() == 1 {
            return Ok(Self::new());
        }
        let sender = IdentityKey::from_bytes(reader.slice(IDENTITY_KEY_LEN)?)?;
        let mut sets = BTreeMap::new();
        for _ in 0..reader.count(MAX_SETS, SET_LEN)? {
            let id = reader.u32()?;
            let base_keys = read_base_keys(&mut reader, MAX_REMEMBERED_BASE_KEYS)?;
            // Ids ascend and no set is empty, so that there is only one encoding.
            if base_keys.is_empty() || sets.last_key_value().is_some_and(|(last, _)| *last >= id) {
                return Err(DecodeError::NotCanonical);
            }
            sets.insert(id, base_keys);
        }
        reader.finish()?;
        if sets.is_empty() {
            return Err(DecodeError::NotCanonical);
        }
        Ok(Self {
            sender: Some(sender),
            sets,
            is_changed: false,
        })
    }

    /// Whether base keys of this sender can be looked up and remembered here.
    pub(crate) fn is_of(&self, sender: &IdentityKey) -> bool {
        self.sender.as_ref().is_none_or(|own| own == sender)
    }

    pub(crate) fn remembers(&self, set: u32, base_key: &DhPublicKey) -> bool {
        let base_keys = self.sets.get(&set);
        base_keys.is_some_and(|base_keys| base_keys.contains(base_key))
    }

    pub(crate) fn is_full(&self, set: u32) -> bool {
        let count = self.sets.get(&set).map_or(0, BTreeSet::len);
        count >= MAX_REMEMBERED_BASE_KEYS
    }

    /// Remembers a base key of the memory's sender, and forgets those of sets that are not held.
    pub(crate) fn remember(
        &mut self,
        sender: &IdentityKey,
        set: u32,
        base_key: DhPublicKey,
        is_held: impl Fn(u32) -> bool,
    ) {
        self.sender = Some(*sender);
        self.sets.entry(set).or_default().insert(base_key);
        self.sets.retain(|set, _| is_held(*set));
        self.is_changed = true;
    }

    /// Ids of the signed sets whose base keys are remembered.
    pub(crate) fn sets(&self) -> impl Iterator<Item = u32> {
        self.sets.keys().copied()
    }
}

/// Writes how many base keys there are, and then the keys in ascending order.
pub(crate) fn write_base_keys(writer: &mut Writer, base_keys: &BTreeSet<DhPublicKey>) {
    writer.count(base_keys.len());
    for base_key in base_keys {
        writer.bytes(base_key.as_bytes());
    }
}

pub(crate) fn read_base_keys(
    reader: &mut Reader<'_>,
    max: usize,
) -> Result<BTreeSet<DhPublicKey>, DecodeError> {
    let mut base_keys = BTreeSet::new();
    for _ in 0..reader.count(max, 32)? {
        let base_key = DhPublicKey::from_bytes(reader.array()?)?;
        if base_keys.last().is_some_and(|last| *last >= base_key) {
            return Err(DecodeError::NotCanonical);
        }
        base_keys.insert(base_key);
    }
    Ok(base_keys)
}

impl fmt::Debug for ReplayMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayMemory")
            .field("sender", &self.sender)
            .field("is_changed", &self.is_changed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
