//! Who sends, who receives, in which conversation, and when.

use core::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::codec::{Reader, len8, put_short};
use crate::labels;

/// Most bytes of an account id. Bounds the stamp context, which travels with every message.
pub const MAX_ACCOUNT_LEN: usize = 128;

/// An account as the provider names it: 1 to 128 bytes of UTF-8 without control characters.
///
/// Two ids are the same account only if their bytes are equal; Waxseal normalises nothing, so the
/// provider must (case, Unicode form) before it hands out an id.
/// `Debug` shows the length only: ids do not belong in logs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(Arc<str>);

impl AccountId {
    /// Takes an id.
    ///
    /// # Errors
    /// [`AccountIdError`] if it is empty, longer than [`MAX_ACCOUNT_LEN`] or holds a control character.
    pub fn new(id: &str) -> Result<Self, AccountIdError> {
        // CHK-55: an account id is 1 to 128 bytes of UTF-8 without control characters (no NUL to cut at).
        if id.is_empty() || id.len() > MAX_ACCOUNT_LEN || id.chars().any(char::is_control) {
            return Err(AccountIdError);
        }
        Ok(Self(id.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Self::new(core::str::from_utf8(reader.short()?).ok()?).ok()
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountId({} bytes)", self.0.len())
    }
}

/// The text is not an account id: empty, too long, or with a control character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an account id is 1 to 128 bytes of UTF-8 without control characters")]
pub struct AccountIdError;

/// One device of an account, numbered by the provider. 4 bytes, big-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub u32);

/// Milliseconds since the Unix epoch, UTC. 8 bytes, big-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The time so many milliseconds after the Unix epoch.
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }
}

/// One device of one account, as the provider authenticated it: who sent a message, or who reports.
///
/// Encoded `len u8 || account || device be32`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceAddress {
    /// The account.
    pub account: AccountId,
    /// Its device.
    pub device: DeviceId,
}

impl DeviceAddress {
    /// A device of an account.
    pub fn new(account: AccountId, device: DeviceId) -> Self {
        Self { account, device }
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        put_short(out, self.account.as_bytes());
        out.extend_from_slice(&self.device.0.to_be_bytes());
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            account: AccountId::read(reader)?,
            device: DeviceId(reader.u32()?),
        })
    }
}

/// The conversation a message belongs to. 32 bytes; both sides and the provider know it.
///
/// Made by hashing under two labels, so no group's name gives the id of a direct conversation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConversationId([u8; 32]);

impl ConversationId {
    /// The conversation of two accounts, the same whichever is named first.
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

    /// A group's conversation, from whatever bytes the application names its groups by.
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

    /// Takes back an id that [`as_bytes`](Self::as_bytes) gave, from the application's own storage.
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
