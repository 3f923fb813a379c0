//! Skipped keys of neighbouring messages, in one piece of memory.

use core::ops::Range;

use zeroize::{Zeroize, Zeroizing};

use super::SkippedKey;
use crate::codec::{Reader, Writer};
use crate::error::DecodeError;
use crate::kdf::MessageSeed;
use crate::post_quantum::PqMessageKey;

/// How many message numbers share a page. More make the export of what one late message changes longer, fewer make more pages of
/// what one message skips.
pub(super) const MESSAGES_PER_PAGE: u32 = 64;
/// A key in an export: number, age, seed, post-quantum key.
pub(super) const KEY_LEN: usize = 4 + 8 + 32 + 32;

/// Which page of a session: in the order of these, the first key of the first page is always the oldest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PageNumber {
    pub(super) chain: u64,
    /// Message numbers divided by [`MESSAGES_PER_PAGE`].
    pub(super) index: u32,
}

impl PageNumber {
    pub(super) fn of(chain: u64, n: u32) -> Self {
        let index = n / MESSAGES_PER_PAGE;
        Self { chain, index }
    }
}

/// One to [`MESSAGES_PER_PAGE`] keys by ascending number. There is never room for twice as many as there are, so that a peer cannot make
/// us keep memory for keys that are gone.
pub(super) struct Page {
    keys: Zeroizing<Vec<Key>>,
    /// Whether whoever keeps the pages has this one, as it is or as it was.
    pub(super) is_kept: bool,
}

/// The secrets lie in the page, not in memory of their own: the page wipes what a key leaves behind where it is destroyed or moved.
#[derive(Zeroize)]
struct Key {
    n: u32,
    stored_at: u64,
    seed: [u8; 32],
    post_quantum: [u8; 32],
}

impl Key {
    /// The place for a key, not yet filled.
    fn empty(n: u32, stored_at: u64) -> Self {
        Self {
            n,
            stored_at,
            seed: [0; 32],
            post_quantum: [0; 32],
        }
    }
}

impl Page {
    fn with_room_for(count: usize) -> Self {
        Self {
            keys: Zeroizing::new(Vec::with_capacity(count)),
            is_kept: false,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.keys.capacity()
    }

    /// The ages of all keys.
    pub(super) fn ages(&self) -> impl Iterator<Item = u64> {
        self.keys.iter().map(|key| key.stored_at)
    }

    /// Number and age of the last key.
    pub(super) fn last(&self) -> Option<(u32, u64)> {
        self.keys.last().map(|key| (key.n, key.stored_at))
    }

    fn find(&self, n: u32) -> Option<usize> {
        self.keys.binary_search_by_key(&n, |key| key.n).ok()
    }

    pub(super) fn get(&self, n: u32) -> Option<SkippedKey> {
        let key = self.keys.get(self.find(n)?)?;
        Some(SkippedKey {
            seed: MessageSeed::from_bytes(&key.seed),
            post_quantum: PqMessageKey::from_bytes(&key.post_quantum),
        })
    }

    /// How many keys at the front `is_past`, which is told the place and the age of each.
    pub(super) fn count_front(&self, mut is_past: impl FnMut(usize, u64) -> bool) -> usize {
        let mut keys = self.keys.iter().enumerate();
        keys.position(|(index, key)| !is_past(index, key.stored_at))
            .unwrap_or(self.len())
    }

    /// Adds later keys.
    pub(super) fn append(&mut self, later: Self) {
        let mut room = Self::with_room_for(self.len().saturating_add(later.len()));
        let mut later = later;
        room.keys.append(&mut self.keys);
        room.keys.append(&mut later.keys);
        self.keys = room.keys;
    }

    /// Destroys a key; says whether there was one.
    pub(super) fn remove(&mut self, n: u32) -> bool {
        let Some(at) = self.find(n) else {
            return false;
        };
        self.remove_range(at..at.saturating_add(1));
        true
    }

    /// Destroys the first keys.
    pub(super) fn remove_front(&mut self, count: usize) {
        self.remove_range(0..count);
    }

    fn remove_range(&mut self, range: Range<usize>) {
        let end = range.end.min(self.len());
        let range = range.start.min(end)..end;
        let count = range.len();
        // Later keys move up within the page; the places that they leave are wiped.
        self.keys.drain(range);
        if let Some(left) = self.keys.spare_capacity_mut().get_mut(..count) {
            left.zeroize();
        }
        let left = self.len();
        if left <= self.keys.capacity() / 2 {
            let mut smaller = Self::with_room_for(left);
            smaller.keys.append(&mut self.keys);
            self.keys = smaller.keys;
        }
    }

    /// Writes each key, behind whatever is to stand before it.
    pub(super) fn write(&self, writer: &mut Writer, before: impl Fn(&mut Writer)) {
        for key in self.keys.iter() {
            before(writer);
            writer.u32(key.n);
            writer.u64(key.stored_at);
            writer.bytes(&key.seed);
            writer.bytes(&key.post_quantum);
        }
    }

    /// Reads the page at `place`, which has `count` keys.
    pub(super) fn read<'a>(
        number: PageNumber,
        count: usize,
        keys: impl Iterator<Item = &'a [u8; KEY_LEN]>,
    ) -> Result<Self, DecodeError> {
        let mut page = Self::with_room_for(count);
        for bytes in keys {
            let mut reader = Reader::of_fields(bytes);
            let n = reader.u32()?;
            let is_next = page.keys.last().is_none_or(|last| last.n < n);
            if !is_next || PageNumber::of(number.chain, n) != number {
                return Err(DecodeError::NotCanonical);
            }
            page.keys.push(Key::empty(n, reader.u64()?));
            if let Some(key) = page.keys.last_mut() {
                key.seed.copy_from_slice(reader.slice(32)?);
                key.post_quantum.copy_from_slice(reader.slice(32)?);
            }
        }
        Ok(page)
    }
}

/// Keys of the messages that one message skips in a chain, derived beside the state. They lie in pages already, so that what commits
/// them moves no secrets.
#[derive(Default)]
pub(crate) struct Missing {
    pub(super) pages: Vec<(u32, Page)>,
}

impl Missing {
    /// Room for the keys of messages with these numbers, when the session has opened so many.
    pub(crate) fn new(numbers: Range<u32>, opened: u64) -> Self {
        if numbers.is_empty() {
            return Self::default();
        }
        let last = PageNumber::of(0, numbers.end.saturating_sub(1)).index;
        let pages = (PageNumber::of(0, numbers.start).index..=last).map(|index| {
            let first = index.saturating_mul(MESSAGES_PER_PAGE);
            let next = index.saturating_add(1).saturating_mul(MESSAGES_PER_PAGE);
            let numbers = first.max(numbers.start)..next.min(numbers.end);
            let mut page = Page::with_room_for(numbers.len());
            page.keys.extend(numbers.map(|n| Key::empty(n, opened)));
            (index, page)
        });
        Self {
            pages: pages.collect(),
        }
    }

    /// Where the seed of each message goes, in their order.
    pub(crate) fn seeds(&mut self) -> impl Iterator<Item = &mut [u8; 32]> {
        self.keys().map(|key| &mut key.seed)
    }

    /// Where the post-quantum key of each message goes, in their order.
    pub(crate) fn post_quantum(&mut self) -> impl Iterator<Item = &mut [u8; 32]> {
        self.keys().map(|key| &mut key.post_quantum)
    }

    fn keys(&mut self) -> impl Iterator<Item = &mut Key> {
        self.pages.iter_mut().flat_map(|(_, page)| &mut *page.keys)
    }
}
