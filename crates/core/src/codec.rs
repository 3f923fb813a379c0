//! Bounded reading and writing of exported state: one version byte, then fixed-width or
//! length-prefixed fields.
//!
//! Exports are for storage on the same device. They hold secrets, so they are written into memory
//! that is wiped on drop. The space is reserved beforehand: a buffer that grows would leave copies
//! of the secrets in the memory it frees.

use zeroize::Zeroizing;

use crate::error::DecodeError;

/// Version byte of exported identities, of prekeys exported whole, and of replay memories.
pub(crate) const KEYS_VERSION: u8 = 0x01;
/// Version byte of prekeys exported in parts: of the state, and of each one-time set.
pub(crate) const PREKEY_PARTS_VERSION: u8 = 0x02;
/// Version byte of exported sessions and of pages of skipped keys.
///
/// Sessions of version 01 have the same fields, but their peers speak an earlier version of the
/// protocol. They are therefore not read.
pub(crate) const SESSION_VERSION: u8 = 0x02;

/// Writes an export.
pub(crate) struct Writer(Zeroizing<Vec<u8>>);

impl Writer {
    /// Starts an export of at most `capacity` bytes after the version byte.
    pub(crate) fn new(version: u8, capacity: usize) -> Self {
        let mut bytes = Zeroizing::new(Vec::with_capacity(capacity.saturating_add(1)));
        bytes.push(version);
        Self(bytes)
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn bytes(&mut self, value: &[u8]) {
        self.0.extend_from_slice(value);
    }

    /// Writes how many elements follow. Every collection in this crate is bounded far below 2^32
    /// elements.
    pub(crate) fn count(&mut self, count: usize) {
        self.u32(u32::try_from(count).unwrap_or(u32::MAX));
    }

    /// Writes one presence byte, then the value if there is one.
    pub(crate) fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            None => self.u8(0),
            Some(value) => {
                self.u8(1);
                write(self, value);
            }
        }
    }

    pub(crate) fn finish(self) -> Zeroizing<Vec<u8>> {
        self.0
    }
}

/// Copies a field to the front of `to`, and returns the rest of `to` for the next field.
pub(crate) fn put<'a>(to: &'a mut [u8], field: &[u8]) -> &'a mut [u8] {
    match to.split_at_mut_checked(field.len()) {
        Some((front, rest)) => {
            front.copy_from_slice(field);
            rest
        }
        // Cannot happen: each layout has room for its fields, and tests compare every byte.
        None => &mut [],
    }
}

/// Reads an export. Every read is checked against the bytes that are left.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Checks length and version, and starts after the version byte.
    pub(crate) fn new(version: u8, bytes: &'a [u8], max: usize) -> Result<Self, DecodeError> {
        // CHK-01: input longer than its kind allows is refused unread.
        if bytes.len() > max {
            return Err(DecodeError::TooLong {
                len: bytes.len(),
                max,
            });
        }
        // CHK-02: the version comes first and must be known.
        match bytes.split_first() {
            None => Err(DecodeError::Malformed),
            Some((&found, rest)) if found == version => Ok(Self(rest)),
            Some((&version, _)) => Err(DecodeError::UnknownVersion { version }),
        }
    }

    /// Reads fields of an export whose version was already checked.
    pub(crate) fn of_fields(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Takes all bytes that are left.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn slice(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (value, rest) = self.0.split_at_checked(len).ok_or(DecodeError::Malformed)?;
        self.0 = rest;
        Ok(value)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], DecodeError> {
        let (value, rest) = self.0.split_first_chunk().ok_or(DecodeError::Malformed)?;
        self.0 = rest;
        Ok(value)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        let [value] = *self.array()?;
        Ok(value)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        Ok(u16::from_be_bytes(*self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(*self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_be_bytes(*self.array()?))
    }

    /// Reads a presence byte, which must be 0 or 1.
    pub(crate) fn flag(&mut self) -> Result<bool, DecodeError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::NotCanonical),
        }
    }

    pub(crate) fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        if self.flag()? {
            read(self).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Reads a count of elements of at least `element_len` bytes each. The count is bounded by
    /// `max` and by the bytes that are left, so a small input cannot make us reserve much memory.
    pub(crate) fn count(&mut self, max: usize, element_len: usize) -> Result<usize, DecodeError> {
        let count = usize::try_from(self.u32()?).map_err(|_| DecodeError::Malformed)?;
        let needed = count
            .checked_mul(element_len)
            .ok_or(DecodeError::Malformed)?;
        if count > max || needed > self.0.len() {
            return Err(DecodeError::Malformed);
        }
        Ok(count)
    }

    /// Checks that no bytes are left.
    pub(crate) fn finish(self) -> Result<(), DecodeError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::NotCanonical)
        }
    }
}
