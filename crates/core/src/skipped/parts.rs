//! Pages of skipped keys as values that storage holds one by one. After a message, only changed
//! pages are written.

use core::fmt;
use std::collections::BTreeSet;

use zeroize::Zeroizing;

use super::page::{KEY_LEN, MESSAGES_PER_PAGE, Page, PageNumber};
use super::{Received, SkippedKeys};
use crate::codec::{Reader, SESSION_VERSION, Writer};
use crate::error::DecodeError;

/// Length of a [`PageId`] in bytes: base key, ordinal of the chain, number of the page.
pub const PAGE_ID_LEN: usize = 32 + 8 + 4;
/// Maximum length of a page: version, id, keys.
pub(crate) const MAX_PAGE_LEN: usize = 1 + PAGE_ID_LEN + MESSAGES_PER_PAGE as usize * KEY_LEN;

/// Version byte of pages before [`SESSION_VERSION`].
const PAGE_VERSION_BEFORE: u8 = 0x01;

/// Names a page of skipped keys. Not secret.
///
/// | offset | bytes | field |
/// |---:|---:|---|
/// | 0 | 32 | the session's base key |
/// | 32 | 8 | ordinal of the chain, big-endian |
/// | 40 | 4 | message numbers divided by 64, rounded down, big-endian |
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageId([u8; PAGE_ID_LEN]);

impl PageId {
    fn new(base_key: &[u8; 32], number: PageNumber) -> Self {
        let mut id = [0; PAGE_ID_LEN];
        let chain = number.chain.to_be_bytes();
        let index = number.index.to_be_bytes();
        let fields = base_key.iter().chain(&chain).chain(&index);
        id.iter_mut().zip(fields).for_each(|(to, from)| *to = *from);
        Self(id)
    }

    /// Reads the id out of a page's bytes.
    ///
    /// Pages of version 01 have their id in the same place. Their keys are no longer read, but
    /// storage can name such pages and remove them.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes do not begin as a page does.
    pub fn of_page(bytes: &[u8]) -> Result<Self, DecodeError> {
        let version = match bytes.first() {
            Some(&PAGE_VERSION_BEFORE) => PAGE_VERSION_BEFORE,
            _ => SESSION_VERSION,
        };
        let mut reader = Reader::new(version, bytes, MAX_PAGE_LEN)?;
        Ok(Self(*reader.array()?))
    }

    /// Makes an id from its bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; PAGE_ID_LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes of the id.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; PAGE_ID_LEN] {
        &self.0
    }
}

/// A page of skipped keys that storage must write or remove.
pub struct PageChange {
    /// Names the page.
    pub id: PageId,
    /// The page's new secret bytes, which replace the stored ones. `None` if the page is to be
    /// removed.
    ///
    /// # Size
    /// 45 bytes, and 76 for each of its 1 to 64 keys.
    pub bytes: Option<Zeroizing<Vec<u8>>>,
}

impl fmt::Debug for PageChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageChange")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Pages changed since the last `take_changes`. `None` until that is first called or an import in
/// parts ends, so sessions exported whole pay nothing.
///
/// Lists only pages that exist or that storage still holds, so it does not grow without bound.
#[derive(Default)]
pub(super) struct Changes(Option<BTreeSet<PageNumber>>);

impl Changes {
    /// Records that a page has new content.
    pub(super) fn changed(&mut self, number: PageNumber) {
        if let Some(changed) = &mut self.0 {
            changed.insert(number);
        }
    }

    /// Records that a page is gone. If storage never held it, forgets it instead.
    pub(super) fn removed(&mut self, number: PageNumber, page: &Page) {
        if let Some(changed) = &mut self.0 {
            match page.is_kept {
                true => changed.insert(number),
                false => changed.remove(&number),
            };
        }
    }

    /// Whether a page that is gone has still to be removed from storage.
    pub(super) fn awaits_removal(&self, number: PageNumber) -> bool {
        let changed = self.0.as_ref();
        changed.is_some_and(|changed| changed.contains(&number))
    }
}

impl SkippedKeys {
    /// Returns the pages that changed since the last call; the first time, all pages.
    pub(crate) fn take_changes(&mut self, base_key: &[u8; 32]) -> Vec<PageChange> {
        let changed = self.changes.0.replace(BTreeSet::new());
        let changed = changed.unwrap_or_else(|| self.pages.keys().copied().collect());
        let change = |number| {
            let id = PageId::new(base_key, number);
            let page = self.pages.get_mut(&number);
            let bytes = page.map(|page| {
                page.is_kept = true;
                let mut writer = Writer::new(SESSION_VERSION, page_len(page));
                writer.bytes(id.as_bytes());
                page.write(&mut writer, |_| ());
                writer.finish()
            });
            PageChange { id, bytes }
        };
        changed.into_iter().map(change).collect()
    }

    /// Names the pages that storage holds if it applied all changes taken so far.
    pub(crate) fn kept_pages(&self, base_key: &[u8; 32]) -> impl Iterator<Item = PageId> {
        let gone = self.changes.0.iter().flatten();
        let gone = gone.filter(|number| !self.pages.contains_key(number));
        let kept = self.pages.iter().filter(|(_, page)| page.is_kept);
        let numbers = gone.chain(kept.map(|(number, _)| number));
        numbers.map(|number| PageId::new(base_key, *number))
    }

    /// Length of all pages together in bytes.
    pub(crate) fn pages_len(&self) -> usize {
        let keys = self.len.saturating_mul(KEY_LEN);
        let ids = self.pages.len().saturating_mul(1 + PAGE_ID_LEN);
        keys.saturating_add(ids)
    }

    /// Reads a page. `reader` stands after the base key of the page's id.
    pub(crate) fn read_page(&mut self, mut reader: Reader<'_>) -> Result<(), DecodeError> {
        let chain = reader.u64()?;
        let index = reader.u32()?;
        let number = PageNumber { chain, index };
        let (keys, rest) = reader.rest().as_chunks();
        if keys.is_empty() || !rest.is_empty() {
            return Err(DecodeError::Malformed);
        }
        let page = Page::read(number, keys.len(), keys.iter())?;
        // CHK-47: no page comes twice, and there are no more keys than the state announces.
        if self.pages.contains_key(&number) {
            return Err(DecodeError::NotCanonical);
        }
        let awaited = self.awaited.checked_sub(page.len());
        self.awaited = awaited.ok_or(DecodeError::Malformed)?;
        self.pages.insert(number, page);
        Ok(())
    }

    /// Checks the keys once all pages are read. From now on, changes are recorded.
    pub(crate) fn finish_pages(&mut self, received: Received) -> Result<(), DecodeError> {
        // CHK-47: no page is missing.
        if self.awaited != 0 {
            return Err(DecodeError::Malformed);
        }
        self.check(received)?;
        self.changes = Changes(Some(BTreeSet::new()));
        for page in self.pages.values_mut() {
            page.is_kept = true;
        }
        Ok(())
    }
}

fn page_len(page: &Page) -> usize {
    page.len()
        .saturating_mul(KEY_LEN)
        .saturating_add(PAGE_ID_LEN)
}
