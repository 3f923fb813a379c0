//! `MKSKIPPED`: keys of messages that were skipped over and may still arrive.

use std::collections::BTreeMap;

use self::page::{Page, PageNumber};
use self::parts::Changes;
use crate::kdf::{HeaderKey, MessageSeed};
use crate::post_quantum::PqMessageKey;

mod export;
mod page;
mod parts;

pub(crate) use self::export::{Form, MAX_SKIPPED_EXPORT_LEN, MAX_SKIPPED_STATE_LEN};
pub(crate) use self::page::Missing;
pub(crate) use self::parts::MAX_PAGE_LEN;
pub use self::parts::{PAGE_ID_LEN, PageChange, PageId};

/// Most seeds kept by one session, the oldest of which give way. Bounds the stored state (84 bytes each, in pages 77 to 121). One message may skip
/// 2,000 in the chain it closes and 2,000 in its own, and all of those still open.
pub const MAX_SKIPPED_KEYS: usize = 4_000;

/// Most earlier chains whose header keys are tried for a message. Bounds what a forged message costs: one small AEAD each.
pub const MAX_SKIPPED_CHAINS: usize = 10;

/// How many later messages a session opens before a skipped one is given up. Bounds how long a key of a message that was lost stays
/// on the device. (Double Ratchet, “Deletion of skipped message keys”)
pub const MAX_SKIPPED_AGE: u64 = 20_000;

/// Skipped keys by chain and number, in pages. Chains are numbered as they are received, so that the first key is always the oldest:
/// it was stored no later than any other.
pub(crate) struct SkippedKeys {
    /// None is empty.
    pages: BTreeMap<PageNumber, Page>,
    /// How many keys there are in all pages.
    len: usize,
    /// How many of them are in pages that an import has not got yet.
    awaited: usize,
    /// Earlier chains that still lack messages, oldest first.
    chains: Vec<EarlierChain>,
    changes: Changes,
}

/// What both ratchets give one skipped message.
pub(crate) struct SkippedKey {
    pub(crate) seed: MessageSeed,
    pub(crate) post_quantum: PqMessageKey,
}

/// A chain that is no longer the receiving one.
pub(crate) struct EarlierChain {
    pub(crate) number: u64,
    pub(crate) header_key: HeaderKey,
}

/// How far a session has received. Skipped keys are of messages before.
#[derive(Clone, Copy)]
pub(crate) struct Received {
    /// The receiving chain; 0 before the first.
    pub(crate) chain: u64,
    /// The next number in it.
    pub(crate) n: u32,
    /// Messages opened.
    pub(crate) opened: u64,
}

impl SkippedKeys {
    pub(crate) fn new() -> Self {
        Self {
            pages: BTreeMap::new(),
            len: 0,
            chains: Vec::new(),
            awaited: 0,
            changes: Changes::default(),
        }
    }

    /// Header keys to try, newest first.
    pub(crate) fn chains(&self) -> impl Iterator<Item = &EarlierChain> {
        self.chains.iter().rev()
    }

    pub(crate) fn get(&self, chain: u64, n: u32) -> Option<SkippedKey> {
        self.pages.get(&PageNumber::of(chain, n))?.get(n)
    }

    /// Stores keys of `chain`, the newest there is, whose numbers are above all that it has.
    pub(crate) fn store(&mut self, chain: u64, missing: Missing) {
        for (index, page) in missing.pages {
            let number = PageNumber { chain, index };
            self.len = self.len.saturating_add(page.len());
            match self.pages.get_mut(&number) {
                Some(earlier) => earlier.append(page),
                None => self.insert(number, page),
            }
            self.changes.changed(number);
        }
    }

    fn insert(&mut self, number: PageNumber, mut page: Page) {
        page.is_kept = self.changes.awaits_removal(number);
        self.pages.insert(number, page);
    }

    /// Keeps the header key of a chain that ends, if any of its messages is missing.
    pub(crate) fn close(&mut self, chain: EarlierChain) {
        if self.has_any(chain.number) {
            self.chains.push(chain);
        }
    }

    /// Destroys the keys of a message that was opened, and the header key of its chain when nothing is missing any more.
    pub(crate) fn remove(&mut self, chain: u64, n: u32) {
        let number = PageNumber::of(chain, n);
        let Some(page) = self.pages.get_mut(&number) else {
            return;
        };
        if page.remove(n) {
            self.shrunk(number, 1);
        }
        if !self.has_any(chain) {
            self.chains.retain(|earlier| earlier.number != chain);
        }
    }

    /// A page has lost so many keys, perhaps all.
    fn shrunk(&mut self, number: PageNumber, lost: usize) {
        self.len = self.len.saturating_sub(lost);
        match self.pages.get(&number) {
            Some(page) if page.len() == 0 => {
                self.changes.removed(number, page);
                self.pages.remove(&number);
            }
            _ => self.changes.changed(number),
        }
    }

    /// Enforces the limits; `opened` counts the messages that the session has opened. Costs nothing while nothing is stored.
    pub(crate) fn prune(&mut self, opened: u64) {
        if self.pages.is_empty() {
            return;
        }
        // CHK-31: too many chains: the oldest goes with all its keys.
        while self.chains.len() > MAX_SKIPPED_CHAINS {
            let oldest = self.chains.remove(0);
            while let Some(first) = self.pages.first_entry()
                && first.key().chain <= oldest.number
            {
                self.changes.removed(*first.key(), first.get());
                self.len = self.len.saturating_sub(first.remove().len());
            }
        }
        let mut dropped = false;
        // CHK-32: too many keys, CHK-33: too old ones.
        while let Some(mut first) = self.pages.first_entry() {
            let excess = self.len.saturating_sub(MAX_SKIPPED_KEYS);
            let is_past = |index, stored_at| {
                index < excess || opened.saturating_sub(stored_at) > MAX_SKIPPED_AGE
            };
            let past = first.get().count_front(is_past);
            if past == 0 {
                break;
            }
            first.get_mut().remove_front(past);
            let number = *first.key();
            self.shrunk(number, past);
            dropped = true;
        }
        if dropped {
            let pages = &self.pages;
            self.chains.retain(|chain| has_any(pages, chain.number));
        }
    }

    fn has_any(&self, chain: u64) -> bool {
        has_any(&self.pages, chain)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.len, self.chains.len())
    }
}

fn has_any(pages: &BTreeMap<PageNumber, Page>, chain: u64) -> bool {
    let first = PageNumber { chain, index: 0 };
    let mut pages = pages.range(first..);
    pages
        .next()
        .is_some_and(|(number, _)| number.chain == chain)
}

#[cfg(test)]
mod tests;
