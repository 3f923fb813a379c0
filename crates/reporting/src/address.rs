//! Accounts and their devices, as the provider names them.

use core::fmt;
use std::sync::Arc;

use crate::codec::{Reader, put_short};

/// Maximum length of an account id, in bytes. Bounds the stamp context, which travels with every
/// message.
pub const MAX_ACCOUNT_LEN: usize = 128;

/// Maximum length of an encoded device address, in bytes: length, account and device.
pub(crate) const MAX_ADDRESS_LEN: usize = 1 + MAX_ACCOUNT_LEN + 4;

/// An account as the provider names it: 1 to 128 bytes of UTF-8 without control characters.
///
/// Two ids are the same account only if their bytes are equal. Waxseal does not normalise case or
/// Unicode form, so the provider must do so before it hands out an id.
/// `Debug` shows the length only: ids do not belong in logs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(Arc<str>);

impl AccountId {
    /// Makes an id from its text.
    ///
    /// # Errors
    /// [`AccountIdError`] if the text is empty, longer than [`MAX_ACCOUNT_LEN`] or contains a
    /// control character.
    pub fn new(id: &str) -> Result<Self, AccountIdError> {
        // CHK-55: an account id is 1 to 128 bytes of UTF-8 without control characters. This rules
        // out a NUL, at which other code might cut the id.
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

    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Self::new(core::str::from_utf8(reader.short()?).ok()?).ok()
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountId({} bytes)", self.0.len())
    }
}

/// The text is not an account id: it is empty, too long, or contains a control character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an account id is 1 to 128 bytes of UTF-8 without control characters")]
pub struct AccountIdError;

/// One device of an account, numbered by the provider. 4 bytes, big-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub u32);

/// One device of one account, as the provider authenticated it. Names senders, recipients and
/// reporters.
///
/// Encoded `len u8 || account || device be32`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceAddress {
    /// The account.
    pub account: AccountId,
    /// The account's device.
    pub device: DeviceId,
}

impl DeviceAddress {
    /// The address of an account's device.
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

#[cfg(test)]
mod tests;
