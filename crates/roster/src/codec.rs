//! Reads and writes fixed-width and length-prefixed fields.
//!
//! Integers are big-endian. [`Reader`] hands out slices of its input and never allocates;
//! [`Reader::finish`] refuses trailing bytes. `waxseal-reporting` and `waxseal-log` have codecs of
//! their own: no crate depends on another for these few lines.

/// Reads fields from the front of a byte string; a method returns `None` once the input is too
/// short.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// Reads a field of at most 255 bytes, preceded by its length in one byte.
    pub(crate) fn short(&mut self) -> Option<&'a [u8]> {
        let len = self.u8()?;
        self.take(usize::from(len))
    }

    /// Reads a field of at most 65,535 bytes, preceded by its length in two bytes.
    pub(crate) fn medium(&mut self) -> Option<&'a [u8]> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }

    /// Reads a field of at most 4,294,967,295 bytes, preceded by its length in four bytes.
    pub(crate) fn long(&mut self) -> Option<&'a [u8]> {
        let len = self.u32()?;
        self.take(usize::try_from(len).ok()?)
    }

    /// Ends reading; `None` if bytes remain.
    pub(crate) fn finish(self) -> Option<()> {
        self.rest.is_empty().then_some(())
    }
}

/// Appends the one-byte length of a field of at most 255 bytes, then the field.
///
/// The length saturates; every caller passes a value whose constructor bounds it.
pub(crate) fn put_short(out: &mut Vec<u8>, field: &[u8]) {
    out.push(u8::try_from(field.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(field);
}

/// Appends the two-byte length of a field of at most 65,535 bytes, then the field.
///
/// The length saturates; every caller passes a value whose constructor bounds it.
pub(crate) fn put_medium(out: &mut Vec<u8>, field: &[u8]) {
    let len = u16::try_from(field.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(field);
}

/// Appends the four-byte length of a field of at most 4,294,967,295 bytes, then the field.
///
/// The length saturates; every caller passes a value whose constructor bounds it.
pub(crate) fn put_long(out: &mut Vec<u8>, field: &[u8]) {
    let len = u32::try_from(field.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(field);
}
