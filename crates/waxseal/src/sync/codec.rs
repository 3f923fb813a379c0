//! Reads and writes the fields of sync records and history chunks. Integers are big-endian.
//!
//! `waxseal-reporting` has a codec of its own, which it does not export.

use waxseal_reporting::AccountId;

use crate::conversation::Conversation;

/// Reads fields from the front of a byte string. A method returns `None` once the input is too
/// short.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(head)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// Reads 0 or 1.
    pub(super) fn flag(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// Reads a field of at most 255 bytes, preceded by its length in one byte.
    pub(super) fn short(&mut self) -> Option<&'a [u8]> {
        let len = self.u8()?;
        self.take(len.into())
    }

    /// Reads a field of at most 65,535 bytes, preceded by its length in two bytes.
    pub(super) fn medium(&mut self) -> Option<&'a [u8]> {
        let len = u16::from_be_bytes(self.array()?);
        self.take(len.into())
    }

    /// Reads a field, preceded by its length in four bytes.
    pub(super) fn long(&mut self) -> Option<&'a [u8]> {
        let len = self.u32()?;
        self.take(usize::try_from(len).ok()?)
    }

    pub(super) fn account(&mut self) -> Option<AccountId> {
        AccountId::new(str::from_utf8(self.short()?).ok()?).ok()
    }

    /// Reads a conversation: an account, or a zero and the id of a group.
    pub(super) fn conversation(&mut self) -> Option<Conversation> {
        let (conversation, rest) = Conversation::split_name(self.rest)?;
        self.rest = rest;
        Some(conversation)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Reads all remaining bytes.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.rest)
    }
}

/// Appends a field of at most 255 bytes after its length. Its type bounds it.
pub(super) fn put_short(out: &mut Vec<u8>, field: &[u8]) {
    out.push(u8::try_from(field.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(field);
}

pub(super) fn put_account(out: &mut Vec<u8>, account: &AccountId) {
    put_short(out, account.as_str().as_bytes());
}
