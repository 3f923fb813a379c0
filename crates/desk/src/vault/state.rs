//! What a vault remembers of the log, and how it is stored.

use std::collections::BTreeMap;

use waxseal_log::entry::PolicyDigest;
use waxseal_log::tree::Frontier;
use waxseal_reporting::Timestamp;

use super::setup::{Keys, SetupError};
use crate::codec::{Reader, count32, put_medium};
use crate::format::{self, VERSION};
use crate::hash;

/// Days for which a vault remembers a mark. No grant lives longer than 30 days. One more day is
/// added because a part of a day counts as a day.
pub const MARK_DAYS: u32 = 31;
/// Maximum number of marks that a vault remembers: 33,000 openings a day. Bounds its memory.
pub const MAX_MARKS: usize = 1_048_576;
/// Maximum length of a stored state, in bytes: the sum of its fields, with 63 hashes.
pub const MAX_STATE_LEN: usize = 1 + 32 + 9 + 37 + 2 + 9 + 63 * 32 + 4 + MAX_MARKS * 20 + 32;

/// What a vault remembers of the log that it follows.
///
/// It moves only forward, with each checkpoint. An older state is no danger: the vault reads the
/// later entries again.
///
/// ```text
/// 01 || setup digest 32 || 00, or 01 and followed be64 || 00, or 01 and version be32 || digest 32
///   || medium(frontier) || marks: count be32, each mark 16 || day be32 || MAC 32
/// MAC = HMAC-SHA-256(state key, all before it)
/// ```
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct State {
    /// The tree of all entries that were read.
    pub(super) frontier: Frontier,
    /// Time of the newest checkpoint, which enough witnesses have reached.
    pub(super) followed: Option<Timestamp>,
    /// Version and digest of the policy in force.
    pub(super) policy: Option<(u32, PolicyDigest)>,
    /// The marks of openings, each with the last day on which it can have opened anything.
    pub(super) marks: BTreeMap<[u8; 16], u32>,
}

impl State {
    pub(super) fn encode(&self, keys: &Keys) -> Vec<u8> {
        let marks = self.marks.len().saturating_mul(20);
        let mut out = Vec::with_capacity(marks.saturating_add(4_096));
        out.push(VERSION);
        out.extend_from_slice(&keys.setup);
        out.push(u8::from(self.followed.is_some()));
        if let Some(followed) = self.followed {
            out.extend_from_slice(&followed.as_millis().to_be_bytes());
        }
        out.push(u8::from(self.policy.is_some()));
        if let Some((version, digest)) = self.policy {
            out.extend_from_slice(&version.to_be_bytes());
            out.extend_from_slice(digest.as_bytes());
        }
        put_medium(&mut out, &self.frontier.encode());
        out.extend_from_slice(&count32(self.marks.len()).to_be_bytes());
        for (mark, day) in &self.marks {
            out.extend_from_slice(mark);
            out.extend_from_slice(&day.to_be_bytes());
        }
        let mac = hash::mac(keys.state.as_bytes(), &[&out]);
        out.extend_from_slice(&mac);
        out
    }

    pub(super) fn decode(bytes: &[u8], keys: &Keys) -> Result<Self, SetupError> {
        format::versioned(bytes, MAX_STATE_LEN).map_err(|_| SetupError::OtherState)?;
        let state = bytes.split_last_chunk::<32>();
        let (state, mac) = state.ok_or(SetupError::OtherState)?;
        // CHK-180: this vault wrote the state, for the keys that are pinned now.
        if !hash::verify_mac(keys.state.as_bytes(), &[state], mac) {
            return Err(SetupError::OtherState);
        }
        Self::read(state, keys).ok_or(SetupError::OtherState)
    }

    fn read(bytes: &[u8], keys: &Keys) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        reader.u8()?;
        if reader.array()? != keys.setup {
            return None;
        }
        let followed = match reader.flag()? {
            true => Some(Timestamp::from_millis(reader.u64()?)),
            false => None,
        };
        let policy = match reader.flag()? {
            true => Some((reader.u32()?, PolicyDigest::from_bytes(reader.array()?))),
            false => None,
        };
        let frontier = Frontier::decode(reader.medium()?).ok()?;
        let mut marks = BTreeMap::new();
        for _ in 0..reader.u32()? {
            marks.insert(reader.array()?, reader.u32()?);
        }
        reader.finish()?;
        (marks.len() <= MAX_MARKS).then_some(Self {
            frontier,
            followed,
            policy,
            marks,
        })
    }
}

#[cfg(test)]
mod tests;
