//! [`SkippedKeys`] inside a session's export, whole or in parts.

use std::collections::BTreeMap;

use super::page::{KEY_LEN, Page, PageNumber};
use super::parts::Changes;
use super::{EarlierChain, MAX_SKIPPED_CHAINS, MAX_SKIPPED_KEYS, Received, SkippedKeys};
use crate::codec::{Reader, Writer};
use crate::error::DecodeError;
use crate::header_key::HeaderKey;

/// Length of a key in a whole export: its chain, then the fields that it has in a page.
const ENTRY_LEN: usize = 8 + KEY_LEN;
/// Length of an earlier chain in an export: ordinal, header key.
const CHAIN_LEN: usize = 8 + 32;
/// Maximum length in the state of an export in parts.
pub(crate) const MAX_SKIPPED_STATE_LEN: usize = 8 + MAX_SKIPPED_CHAINS * CHAIN_LEN;
/// Maximum length in a whole export.
pub(crate) const MAX_SKIPPED_EXPORT_LEN: usize =
    MAX_SKIPPED_STATE_LEN + MAX_SKIPPED_KEYS * ENTRY_LEN;

/// Which of the two export formats is written or read. They differ only in where the skipped keys
/// are.
///
/// A whole export is not the state followed by its pages. It holds each session's keys in the
/// middle of that session, one by one and each with its chain. Stored bytes depend on this, so both
/// formats stay.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// One piece: the keys follow their count.
    Whole,
    /// State and pages: the state holds the count, the keys are in pages.
    Parts,
}

impl SkippedKeys {
    /// Number of bytes that [`SkippedKeys::write`] writes.
    pub(crate) fn export_len(&self, form: Form) -> usize {
        let keys = match form {
            Form::Whole => self.len.saturating_mul(ENTRY_LEN),
            Form::Parts => 0,
        };
        let chains = self.chains.len().saturating_mul(CHAIN_LEN);
        keys.saturating_add(chains).saturating_add(8)
    }

    pub(crate) fn write(&self, writer: &mut Writer, form: Form) {
        writer.count(self.chains.len());
        for chain in &self.chains {
            writer.u64(chain.number);
            writer.bytes(chain.header_key.as_bytes());
        }
        writer.count(self.len);
        if form == Form::Whole {
            for (number, page) in &self.pages {
                page.write(writer, |writer| writer.u64(number.chain));
            }
        }
    }

    /// Reads what [`SkippedKeys::write`] wrote. In parts, only the number of keys is known
    /// afterwards, and [`SkippedKeys::read_page`] reads the keys.
    pub(crate) fn read(
        reader: &mut Reader<'_>,
        form: Form,
        received: Received,
    ) -> Result<Self, DecodeError> {
        let mut chains: Vec<EarlierChain> = Vec::new();
        for _ in 0..reader.count(MAX_SKIPPED_CHAINS, CHAIN_LEN)? {
            let number = reader.u64()?;
            if number >= received.chain || chains.last().is_some_and(|last| last.number >= number) {
                return Err(DecodeError::NotCanonical);
            }
            chains.push(EarlierChain {
                number,
                header_key: HeaderKey::from_bytes(reader.array()?),
            });
        }
        let mut skipped = Self {
            pages: BTreeMap::new(),
            len: 0,
            chains,
            awaited: 0,
            changes: Changes::default(),
        };
        match form {
            Form::Parts => {
                skipped.len = reader.count(MAX_SKIPPED_KEYS, 0)?;
                skipped.awaited = skipped.len;
                return Ok(skipped);
            }
            Form::Whole => skipped.len = reader.count(MAX_SKIPPED_KEYS, ENTRY_LEN)?,
        }
        let entries = reader.slice(skipped.len.saturating_mul(ENTRY_LEN))?;
        let (entries, _) = entries.as_chunks::<ENTRY_LEN>();
        for entries in entries.chunk_by(|a, b| page_of(a) == page_of(b)) {
            let Some(number) = entries.first().map(page_of) else {
                continue;
            };
            let last = skipped.pages.last_key_value();
            if last.is_some_and(|(last, _)| *last >= number) {
                return Err(DecodeError::NotCanonical);
            }
            let keys = entries.iter().filter_map(|entry| entry.last_chunk());
            let page = Page::read(number, entries.len(), keys)?;
            skipped.pages.insert(number, page);
        }
        skipped.check(received)?;
        Ok(skipped)
    }

    /// Checks that a session which has received this far can have these keys.
    pub(super) fn check(&self, received: Received) -> Result<(), DecodeError> {
        let current = received.chain;
        // Chains that lack no message are not kept.
        let lacks_some = self.chains.iter().all(|chain| self.has_any(chain.number));
        // CHK-47: each key belongs to a chain that is held, and to a message before the next one.
        let mut chains = self.pages.keys().map(|number| number.chain);
        let is_held = chains.all(|of| of == current || self.chains.iter().any(|c| c.number == of));
        let is_past = self.pages.last_key_value().is_none_or(|(number, page)| {
            let before =
                |(n, age)| age < received.opened && (number.chain < current || n < received.n);
            page.last().is_some_and(before)
        });
        // Keys are stored in order, so the first is the oldest.
        let is_sorted = self.pages.values().flat_map(Page::ages).is_sorted();
        match lacks_some && is_held && is_past && is_sorted {
            true => Ok(()),
            false => Err(DecodeError::NotCanonical),
        }
    }
}

fn page_of(entry: &[u8; ENTRY_LEN]) -> PageNumber {
    let [c0, c1, c2, c3, c4, c5, c6, c7, n0, n1, n2, n3, ..] = *entry;
    let chain = u64::from_be_bytes([c0, c1, c2, c3, c4, c5, c6, c7]);
    PageNumber::of(chain, u32::from_be_bytes([n0, n1, n2, n3]))
}
