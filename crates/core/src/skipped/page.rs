//! A page: the skipped keys of neighbouring messages, in one piece of memory.

use core::ops::Range;

use zeroize::{Zeroize, Zeroizing};

use super::SkippedKey;
use crate::codec::{Reader, Writer};
use crate::error::DecodeError;
use crate::kdf::MessageSeed;
use crate::post_quantum::PqMessageKey;

/// Number of message numbers that share a page. With more, a late message rewrites more bytes. With
/// fewer, a message that skips many creates more pages.
pub(super) const MESSAGES_PER_PAGE: u32 = 64;
/// Length of a key in an export: number, age, seed, post-quantum key.
pub(super) const KEY_LEN: usize = 4 + 8 + 32 + 32;

/// Names a page within a session. Pages are kept in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PageNumber {
    /// Ordinal of the chain.
    pub(super) chain: u64,
    /// The page's message numbers divided by [`MESSAGES_PER_PAGE`], rounded down.
    pub(super) index: u32,
}

impl PageNumber {
    pub(super) fn of(chain: u64, n: u32) -> Self {
        let index = n / MESSAGES_PER_PAGE;
        Self { chain, index }
    }
}

/// One to [`MESSAGES_PER_PAGE`] keys, by ascending message number. Arriving messages take keys out.
///
/// The capacity is always less than twice the number of keys, so a peer cannot make us keep memory
/// for keys that are gone.
pub(super) struct Page {
    keys: Zeroizing<Vec<Key>>,
    /// Whether storage holds this page, in its current or an earlier version.
    pub(super) is_kept: bool,
}

/// A skipped key with its number and age. The secrets lie in the page, not in allocations of their
/// own. The page wipes the bytes of a key that is destroyed or moved.
#[derive(Zeroize)]
struct Key {
    n: u32,
    /// The number of messages that the session had opened when it stored the key.
    stored_at: u64,
    seed: [u8; 32],
    post_quantum: [u8; 32],
}

impl Key {
    /// Makes a key whose secrets are still to be filled in.
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

    /// `stored_at` of each key, in order.
    pub(super) fn ages(&self) -> impl Iterator<Item = u64> {
        self.keys.iter().map(|key| key.stored_at)
    }

    /// Number and `stored_at` of the last key.
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

    /// Counts the leading keys for which `is_past(index, stored_at)` holds.
    pub(super) fn count_front(&self, mut is_past: impl FnMut(usize, u64) -> bool) -> usize {
        let mut keys = self.keys.iter().enumerate();
        keys.position(|(index, key)| !is_past(index, key.stored_at))
            .unwrap_or(self.len())
    }

    /// Appends the keys of later messages.
    pub(super) fn append(&mut self, later: Self) {
        let mut room = Self::with_room_for(self.len().saturating_add(later.len()));
        let mut later = later;
        room.keys.append(&mut self.keys);
        room.keys.append(&mut later.keys);
        self.keys = room.keys;
    }

    /// Destroys the key of message `n`. Returns whether there was one.
    pub(super) fn remove(&mut self, n: u32) -> bool {
        let Some(at) = self.find(n) else {
            return false;
        };
        self.remove_range(at..at.saturating_add(1));
        true
    }

    /// Destroys the first `count` keys.
    pub(super) fn remove_front(&mut self, count: usize) {
        self.remove_range(0..count);
    }

    fn remove_range(&mut self, range: Range<usize>) {
        let end = range.end.min(self.len());
        let range = range.start.min(end)..end;
        let count = range.len();
        // Later keys move up within the page. The memory that they leave is wiped.
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

    /// Writes each key, after calling `before` for the bytes that precede it.
    pub(super) fn write(&self, writer: &mut Writer, before: impl Fn(&mut Writer)) {
        for key in self.keys.iter() {
            before(writer);
            writer.u32(key.n);
            writer.u64(key.stored_at);
            writer.bytes(&key.seed);
            writer.bytes(&key.post_quantum);
        }
    }

    /// Reads the page `number` with its `count` keys.
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

/// Keys of the messages that one message skips in a chain. They are derived before the message is
/// authenticated, outside the state. They already lie in pages, so committing them moves no
/// secrets.
///
/// Keys are kept of the last messages only. The messages before them are given up and take no
/// memory.
#[derive(Default)]
pub(crate) struct Missing {
    given_up: u32,
    pub(super) pages: Vec<(u32, Page)>,
}

impl Missing {
    /// Makes room for the keys of messages with these numbers. As many messages as `given_up` are
    /// missing before them. `opened` is the number of messages that the session has opened.
    pub(crate) fn new(given_up: u32, numbers: Range<u32>, opened: u64) -> Self {
        if numbers.is_empty() {
            let pages = Vec::new();
            return Self { given_up, pages };
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
            given_up,
            pages: pages.collect(),
        }
    }

    /// The places to write the seeds to, in the order of the messages. There is one element per
    /// missing message, and it is `None` if the message is given up.
    pub(crate) fn seeds(&mut self) -> impl Iterator<Item = Option<&mut [u8; 32]>> {
        self.keys().map(|key| Some(&mut key?.seed))
    }

    /// The places to write the post-quantum keys to, like [`Missing::seeds`].
    pub(crate) fn post_quantum(&mut self) -> impl Iterator<Item = Option<&mut [u8; 32]>> {
        self.keys().map(|key| Some(&mut key?.post_quantum))
    }

    fn keys(&mut self) -> impl Iterator<Item = Option<&mut Key>> {
        let given_up = (0..self.given_up).map(|_| None);
        let kept = self.pages.iter_mut().flat_map(|(_, page)| &mut *page.keys);
        given_up.chain(kept.map(Some))
    }
}
