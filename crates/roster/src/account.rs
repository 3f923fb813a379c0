//! Names of accounts.

use core::fmt;
use std::sync::Arc;

use crate::limits::MAX_ACCOUNT_LEN;

/// The name of an account, as the provider gives it. `Debug` shows the length only: names do not
/// belong in logs.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct AccountName(Arc<str>);

impl AccountName {
    /// Checks a name.
    pub(crate) fn new(name: &str) -> Option<Self> {
        // CHK-263: a name is 1 to 128 bytes of UTF-8 without control characters.
        let usable = !name.is_empty()
            && name.len() <= MAX_ACCOUNT_LEN
            && !name.chars().any(char::is_control);
        usable.then(|| Self(name.into()))
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::new(core::str::from_utf8(bytes).ok()?)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountName({} bytes)", self.0.len())
    }
}
