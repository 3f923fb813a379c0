//! Entries as they travel: read and bounded, but not verified.

use core::fmt;

use super::authority::AuthorityKey;
use super::form;
use super::id::GroupId;
use super::ops::GroupOp;
use crate::account::AccountName;
use crate::account_key::{signed, verifying_key};
use crate::codec::{Reader, put_short};
use crate::delegation::VERSION;
use crate::error::GroupError;
use crate::labels;
use crate::limits::{MAX_ENTRY_LEN, MAX_OPS};

#[cfg(test)]
mod tests;

/// A signed change of a group, as devices and relays exchange it. Unverified.
///
/// [`GroupLog::take`](super::GroupLog::take) verifies it and applies it.
///
/// ```text
/// entry        = 01 || group 32 || version be64 || previous state hash 32 || at be64 (ms)
///                || len u8 || actor || authority 32 || count u8 (1 to 64) || ops || state hash 32
/// signed entry = entry || signature 64
/// ```
///
/// # Size
/// 270 bytes for the addition of one member, if both names have 12 bytes. At most
/// [`MAX_ENTRY_LEN`].
#[derive(Clone, PartialEq, Eq)]
pub struct SignedEntry {
    pub(super) body: Body,
    pub(super) signature: [u8; 64],
}

impl SignedEntry {
    /// Reads a signed entry. Checks its form, and no signature.
    ///
    /// # Errors
    /// [`GroupError`] if the bytes do not have the form of a signed entry.
    pub fn decode(bytes: &[u8]) -> Result<Self, GroupError> {
        form::open(bytes, MAX_ENTRY_LEN)?;
        // CHK-392: an entry, then its signature.
        let (bytes, signature) = bytes.split_last_chunk().ok_or(GroupError::Malformed)?;
        Ok(Self {
            body: Body::parse(bytes)?,
            signature: *signature,
        })
    }

    /// The bytes that [`decode`](Self::decode) reads.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        [&*self.body.bytes, &self.signature].concat()
    }

    /// The group.
    #[must_use]
    pub fn group(&self) -> &GroupId {
        &self.body.group
    }

    /// Version of the state that the entry makes.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.body.version
    }

    /// Hash of the state before. 32 zero bytes in the first entry.
    #[must_use]
    pub fn previous(&self) -> [u8; 32] {
        self.body.previous
    }

    /// When the entry was signed by its actor's clock, in milliseconds since 1970-01-01, UTC.
    #[must_use]
    pub fn at_ms(&self) -> u64 {
        self.body.at_ms
    }

    /// The admin who made the entry, as the admins say: any of them could have written it.
    #[must_use]
    pub fn actor(&self) -> &str {
        self.body.actor.as_str()
    }

    /// The authority after the entry.
    #[must_use]
    pub fn authority(&self) -> &AuthorityKey {
        &self.body.authority
    }

    /// What the entry changes, in order.
    #[must_use]
    pub fn ops(&self) -> &[GroupOp] {
        &self.body.ops
    }

    /// Hash of the state that the entry makes.
    #[must_use]
    pub fn state_hash(&self) -> [u8; 32] {
        self.body.state_hash
    }

    /// Checks the keys that the entry brings: of the next authority and of new members.
    pub(super) fn check_keys(&self) -> Result<(), GroupError> {
        let keys = self.body.ops.iter().filter_map(|op| match op {
            GroupOp::Add { account_key, .. } => Some(account_key.as_bytes()),
            _ => None,
        });
        for key in keys.chain([self.body.authority.as_bytes()]) {
            verifying_key(key).map_err(|_| GroupError::InvalidKey)?;
        }
        Ok(())
    }

    /// Checks that an authority signed the entry.
    pub(super) fn check_signature(&self, authority: &AuthorityKey) -> Result<(), GroupError> {
        let key = verifying_key(authority.as_bytes()).map_err(|_| GroupError::InvalidKey)?;
        // CHK-397: the authority before the entry signed it.
        match signed(&key, labels::GROUP_ENTRY, &self.body.bytes, &self.signature) {
            true => Ok(()),
            false => Err(GroupError::Signature),
        }
    }
}

impl fmt::Debug for SignedEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedEntry")
            .field("version", &self.body.version)
            .field("ops", &self.body.ops)
            .finish_non_exhaustive()
    }
}

/// An entry without its signature: the bytes that are signed, and what they say.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    pub(super) group: GroupId,
    pub(super) version: u64,
    pub(super) previous: [u8; 32],
    pub(super) at_ms: u64,
    pub(super) actor: AccountName,
    pub(super) authority: AuthorityKey,
    pub(super) ops: Vec<GroupOp>,
    pub(super) state_hash: [u8; 32],
}

impl Body {
    /// Reads an entry without verifying anything.
    fn parse(bytes: &[u8]) -> Result<Self, GroupError> {
        let mut reader = form::open(bytes, MAX_ENTRY_LEN)?;
        let header = |reader: &mut Reader<'_>| {
            let group = GroupId::from_bytes(reader.array()?);
            let version = reader.u64().filter(|version| *version > 0)?;
            Some((group, version, reader.array()?, reader.u64()?))
        };
        // CHK-392: whole, and the version is not 0.
        let header = header(&mut reader).ok_or(GroupError::Malformed)?;
        let (group, version, previous, at_ms) = header;
        let actor = form::name(&mut reader)?;
        let fields = |reader: &mut Reader<'_>| Some((reader.array()?, reader.u8()?));
        let (authority, count) = fields(&mut reader).ok_or(GroupError::Malformed)?;
        let count = usize::from(count);
        check_count(count)?;
        let mut ops = Vec::with_capacity(count);
        for _ in 0..count {
            ops.push(GroupOp::read(&mut reader)?);
        }
        let state_hash = reader.array().ok_or(GroupError::Malformed)?;
        // CHK-392: without further bytes.
        reader.finish().ok_or(GroupError::Malformed)?;
        Ok(Self {
            bytes: bytes.to_vec(),
            group,
            version,
            previous,
            at_ms,
            actor,
            authority: AuthorityKey::of_unchecked(authority),
            ops,
            state_hash,
        })
    }

    /// Writes the bytes that the authority signs.
    pub(super) fn encode(&mut self) {
        let mut out = vec![VERSION];
        out.extend_from_slice(self.group.as_bytes());
        out.extend_from_slice(&self.version.to_be_bytes());
        out.extend_from_slice(&self.previous);
        out.extend_from_slice(&self.at_ms.to_be_bytes());
        put_short(&mut out, self.actor.as_bytes());
        out.extend_from_slice(self.authority.as_bytes());
        // An entry has at most 64 operations.
        out.push(u8::try_from(self.ops.len()).unwrap_or(u8::MAX));
        for op in &self.ops {
            op.put(&mut out);
        }
        out.extend_from_slice(&self.state_hash);
        self.bytes = out;
    }
}

/// Checks the number of operations.
pub(super) fn check_count(count: usize) -> Result<(), GroupError> {
    // CHK-399: an entry has 1 to 64 operations.
    match (1..=MAX_OPS).contains(&count) {
        true => Ok(()),
        false => Err(GroupError::Ops),
    }
}
