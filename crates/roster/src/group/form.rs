//! What all formats of groups have in common: a length, a version byte and names of accounts.

use crate::account::AccountName;
use crate::codec::Reader;
use crate::delegation::VERSION;
use crate::error::GroupError;

/// Checks length and version, and returns a reader of the bytes after the version byte.
pub(super) fn open(bytes: &[u8], longest: usize) -> Result<Reader<'_>, GroupError> {
    // CHK-390: longer bytes than the format allows are refused unread.
    if bytes.len() > longest {
        return Err(GroupError::TooLong);
    }
    let mut reader = Reader::new(bytes);
    match reader.u8() {
        Some(VERSION) => Ok(reader),
        // CHK-391: the version comes first and must be known.
        Some(version) => Err(GroupError::UnknownVersion { version }),
        None => Err(GroupError::Malformed),
    }
}

/// Reads the name of an account.
pub(super) fn name(reader: &mut Reader<'_>) -> Result<AccountName, GroupError> {
    let name = reader.short().ok_or(GroupError::Malformed)?;
    AccountName::from_bytes(name).ok_or(GroupError::AccountName)
}
