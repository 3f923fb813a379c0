//! Ids of groups.

use core::fmt;

use sha2::{Digest, Sha256};

use super::authority::AuthorityKey;
use crate::labels;

#[cfg(test)]
mod tests;

/// The id of a group, which is also the id of its conversation. Anyone in the group and the relay
/// know it.
///
/// It proves the group's first authority, and the authorities after it by an
/// [`AuthorityChain`](super::AuthorityChain). So a relay cannot swap the group for another.
///
/// ```text
/// SHA-256("waxseal/1/conversation-group" || "waxseal/1/roster/group-authority"
///         || first authority's public key 32)
/// ```
///
/// # Size
/// 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId([u8; 32]);

impl GroupId {
    /// The id of the group whose first authority has this key.
    #[must_use]
    pub fn of_authority(first: &AuthorityKey) -> Self {
        // The hash of a group's conversation in `waxseal-reporting`, over label and key as name.
        let mut hash = Sha256::new_with_prefix(labels::CONVERSATION_GROUP);
        hash.update(labels::GROUP_AUTHORITY);
        hash.update(first.as_bytes());
        Self(hash.finalize().into())
    }

    /// Takes the 32 bytes of an id.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0
    }

    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GroupId(..)")
    }
}
