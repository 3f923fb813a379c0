//! Identifies conversations, and says whom a message is addressed to.

use core::fmt;

use sha2::{Digest, Sha256};

use crate::address::AccountId;
use crate::codec::{Reader, len8, put_short};
use crate::labels;

/// The id of the conversation a message belongs to. 32 bytes; both sides and the provider know it.
///
/// Direct conversations and groups are hashed under different labels, so no group name yields the
/// id of a direct conversation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConversationId([u8; 32]);

impl ConversationId {
    /// The conversation of two accounts. Their order does not matter.
    pub fn direct(one: &AccountId, other: &AccountId) -> Self {
        let (first, second) = if one <= other {
            (one, other)
        } else {
            (other, one)
        };
        // SHA-256(label || len u8 || smaller account || len u8 || larger account)
        let mut hash = Sha256::new_with_prefix(labels::CONVERSATION_DIRECT);
        for account in [first, second] {
            hash.update([len8(account.as_bytes())]);
            hash.update(account.as_bytes());
        }
        Self(hash.finalize().into())
    }

    /// The conversation of a group, from the bytes by which the application names the group.
    pub fn group(name: &[u8]) -> Self {
        // SHA-256(label || name); the name is the last field and needs no length.
        let mut hash = Sha256::new_with_prefix(labels::CONVERSATION_GROUP);
        hash.update(name);
        Self(hash.finalize().into())
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Restores an id from the bytes of [`as_bytes`](Self::as_bytes), kept in the application's
    /// own storage.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConversationId(..)")
    }
}

/// Whom a message is addressed to, as the relay saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// One account. Encoded `0x01 || len u8 || account`.
    Direct(AccountId),
    /// A group. Encoded `0x02 || conversation 32`.
    Group(ConversationId),
}

const AUDIENCE_DIRECT: u8 = 1;
const AUDIENCE_GROUP: u8 = 2;

impl Audience {
    /// The conversation that a message from `sender` to this audience belongs to.
    pub fn conversation(&self, sender: &AccountId) -> ConversationId {
        match self {
            Self::Direct(recipient) => ConversationId::direct(sender, recipient),
            Self::Group(conversation) => *conversation,
        }
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Direct(recipient) => {
                out.push(AUDIENCE_DIRECT);
                put_short(out, recipient.as_bytes());
            }
            Self::Group(conversation) => {
                out.push(AUDIENCE_GROUP);
                out.extend_from_slice(conversation.as_bytes());
            }
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        match reader.u8()? {
            AUDIENCE_DIRECT => AccountId::read(reader).map(Self::Direct),
            AUDIENCE_GROUP => reader.array().map(|id| Self::Group(ConversationId(id))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
