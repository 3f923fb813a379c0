//! `MKSKIPPED`: keys of messages that were skipped and may still arrive.
//!
//! The idea is a sorted map from (chain, message number) to a key. The machinery around it exists
//! so that an application can store the map after each message without writing all of it. A key
//! takes 84 bytes in a whole export, so 4,000 keys take 336 kB. Written again with each message,
//! they would cost far more than the message itself.
//!
//! - A *page* ([`Page`]) holds the keys of up to 64 neighbouring messages of one chain. Storage
//!   holds each page as a value of its own, under a [`PageId`]. A late message changes one page,
//!   at most 4.9 kB, and a message in order normally changes none.
//! - [`Changes`] lists the pages that changed since the application last took them. Recording
//!   starts with the first take, or with an import in parts. Sessions that are only exported whole
//!   record nothing.
//! - `is_kept` marks a page that storage holds, in its current or an earlier version. When such a
//!   page empties, storage must be told to remove it. A page that came and went between two takes
//!   is never mentioned.
//! - `awaited` is used while an import in parts runs. The state says how many keys there are, the
//!   pages follow one by one, and `awaited` counts the keys still to come. It must end at zero.
//! - `left_pages` of a [`SessionSet`](crate::SessionSet) names the stored pages of evicted
//!   sessions, until the application next takes changes and removes them.
//!
//! Chains are numbered in the order in which they are received, so the first key of the first page
//! is always the oldest. Evicting the oldest key is therefore cheap.

use std::collections::BTreeMap;

use self::page::{Page, PageNumber};
use self::parts::Changes;
use crate::header_key::HeaderKey;
use crate::kdf::MessageSeed;
use crate::post_quantum::PqMessageKey;

mod export;
mod page;
mod parts;

pub(crate) use self::export::{Form, MAX_SKIPPED_EXPORT_LEN, MAX_SKIPPED_STATE_LEN};
pub(crate) use self::page::Missing;
pub(crate) use self::parts::MAX_PAGE_LEN;
pub use self::parts::{PAGE_ID_LEN, PageChange, PageId};

/// Maximum number of skipped keys that a session keeps. The oldest are evicted.
///
/// Bounds the stored state: 84 bytes per key in a whole export, 77 to 121 in pages. One message may
/// add 2,000 keys of the chain that it closes and 2,000 of its own; all of those still open.
pub const MAX_SKIPPED_KEYS: usize = 4_000;

/// Maximum number of earlier chains whose header keys are tried for a message. The oldest is
/// evicted.
///
/// Bounds what a forged message costs: one MAC over a header per chain.
pub const MAX_SKIPPED_CHAINS: usize = 10;

/// Number of later messages that a session opens before it gives up a skipped one.
///
/// Bounds how long the key of a lost message stays on the device. (Double Ratchet, “Deletion of
/// skipped message keys”)
pub const MAX_SKIPPED_AGE: u64 = 20_000;

/// The keys of messages that a session knows to exist but has not received, by chain and number.
///
/// A message that skips others adds their keys. A late message takes its own key out, and
/// [`SkippedKeys::prune`] evicts keys beyond the limits. The module documentation explains the
/// pages.
pub(crate) struct SkippedKeys {
    /// Pages in order. Empty pages are removed at once.
    pages: BTreeMap<PageNumber, Page>,
    /// Number of keys in all pages, including those that `awaited` counts.
    len: usize,
    /// Number of keys in pages that an import in parts has not read yet.
    awaited: usize,
    /// Earlier chains that still lack messages, oldest first.
    chains: Vec<EarlierChain>,
    /// Pages that storage does not hold in their current version.
    changes: Changes,
}

/// The keys that the two ratchets give one skipped message.
pub(crate) struct SkippedKey {
    pub(crate) seed: MessageSeed,
    pub(crate) post_quantum: PqMessageKey,
}

/// A receiving chain that ended while messages of it were still missing.
pub(crate) struct EarlierChain {
    pub(crate) number: u64,
    pub(crate) header_key: HeaderKey,
}

/// How far a session has received. Every skipped key belongs to an earlier message, which an import
/// checks.
#[derive(Clone, Copy)]
pub(crate) struct Received {
    /// Ordinal of the receiving chain; 0 before the first.
    pub(crate) chain: u64,
    /// Next message number in that chain.
    pub(crate) n: u32,
    /// Number of messages opened.
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

    /// Earlier chains whose header keys are to be tried, newest first.
    pub(crate) fn chains(&self) -> impl Iterator<Item = &EarlierChain> {
        self.chains.iter().rev()
    }

    pub(crate) fn get(&self, chain: u64, n: u32) -> Option<SkippedKey> {
        self.pages.get(&PageNumber::of(chain, n))?.get(n)
    }

    /// Stores keys of `chain`. No key of a later chain may be stored yet, and the message numbers
    /// must be above all stored ones of this chain.
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

    /// Keeps the header key of a chain that ends, if any message of it is missing.
    pub(crate) fn close(&mut self, chain: EarlierChain) {
        if self.has_any(chain.number) {
            self.chains.push(chain);
        }
    }

    /// Destroys the key of a message that was opened. If it was the last missing one of its chain,
    /// the chain's header key is destroyed too.
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

    /// Updates the count and the changes after a page lost `lost` keys. Removes the page if it is
    /// empty.
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

    /// Enforces the limits. `opened` is the number of messages that the session has opened. Costs
    /// nothing while no key is stored.
    pub(crate) fn prune(&mut self, opened: u64) {
        if self.pages.is_empty() {
            return;
        }
        // CHK-31: beyond the maximum number of chains, the oldest is evicted with all its keys.
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
        // CHK-32: keys beyond their maximum number are evicted. CHK-33: so are keys past their age.
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
