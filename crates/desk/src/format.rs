//! Checks length and version of every format before it is parsed.

/// The version byte of every format of this crate.
pub const VERSION: u8 = 0x01;

/// Why bytes could not be decoded. They were written wrongly, or damaged in storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The input is longer than its kind can be; nothing was parsed. Drop it.
    #[error("{len} bytes are too long, the maximum is {max}")]
    TooLong {
        /// Length of the input.
        len: usize,
        /// Maximum length of its kind.
        max: usize,
    },
    /// The input has a format version that this release does not know. Update to read it.
    #[error("unknown format version {version}")]
    UnknownVersion {
        /// The version byte.
        version: u8,
    },
    /// The input is not a canonical encoding of its kind, or a field is out of bounds. Drop it.
    #[error("malformed")]
    Malformed,
}

/// Checks the length, then that the version is 01; returns the bytes after the version byte.
pub(crate) fn versioned(bytes: &[u8], max: usize) -> Result<&[u8], DecodeError> {
    versioned_as(VERSION, bytes, max)
}

/// Checks the length, then that the version is this one; returns the bytes after the version byte.
pub(crate) fn versioned_as(known: u8, bytes: &[u8], max: usize) -> Result<&[u8], DecodeError> {
    within(bytes, max)?;
    // CHK-161: the version byte is the one of the format.
    match bytes.split_first() {
        Some((&version, body)) if version == known => Ok(body),
        Some((&version, _)) => Err(DecodeError::UnknownVersion { version }),
        None => Err(DecodeError::Malformed),
    }
}

/// Checks the length of a format that has no version byte of its own.
pub(crate) fn within(bytes: &[u8], max: usize) -> Result<(), DecodeError> {
    // CHK-160: the input is within the length limit of its kind. This precedes all parsing.
    if bytes.len() > max {
        return Err(DecodeError::TooLong {
            len: bytes.len(),
            max,
        });
    }
    Ok(())
}
