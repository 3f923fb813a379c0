//! Records: items and requests, packed into what one control message carries.

use waxseal_reporting::limits::MAX_CONTROL_SYNC_LEN;
use zeroize::Zeroizing;

use super::codec::Reader;
use super::fact::Fact;
use super::history::{Offer, Request, RequestId};
use super::item::Item;

/// Maximum length of a sync record, in bytes: what one control message carries of it.
pub const MAX_SYNC_LEN: usize = MAX_CONTROL_SYNC_LEN;

/// The version byte of a sync record.
const VERSION: u8 = 1;

/// The types of the entries that are no facts.
const STATE_WANTED: u8 = 7;
const HISTORY_WANTED: u8 = 8;
const HISTORY_OFFERED: u8 = 9;
const HISTORY_ENDED: u8 = 10;
const LEAVES: u8 = 11;

/// One entry of a sync record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Entry {
    /// A fact, with the write that made it.
    Item(Item),
    /// The sender may have missed items, and wants all of them.
    StateWanted,
    /// The sender wants the history, or the rest of it.
    HistoryWanted(Request),
    /// The sender gives the history to the device that asked for it.
    HistoryOffered(Offer),
    /// The sender has the whole history, or wants no more of it.
    HistoryEnded(RequestId),
    /// The sender leaves the account.
    Leaves,
}

impl Entry {
    fn kind(&self) -> u8 {
        match self {
            Self::Item(item) => item.fact.kind(),
            Self::StateWanted => STATE_WANTED,
            Self::HistoryWanted(_) => HISTORY_WANTED,
            Self::HistoryOffered(_) => HISTORY_OFFERED,
            Self::HistoryEnded(_) => HISTORY_ENDED,
            Self::Leaves => LEAVES,
        }
    }

    fn body(&self) -> Zeroizing<Vec<u8>> {
        match self {
            Self::Item(item) => item.body(),
            Self::StateWanted | Self::Leaves => Zeroizing::default(),
            Self::HistoryWanted(request) => Zeroizing::new(request.encode()),
            Self::HistoryOffered(offer) => offer.encode(),
            Self::HistoryEnded(request) => Zeroizing::new(request.0.to_vec()),
        }
    }

    /// `Ok(None)` if a later version has such entries, `Err` if the entry is malformed.
    fn read(kind: u8, body: &[u8]) -> Result<Option<Self>, RecordError> {
        let entry = match kind {
            STATE_WANTED => body.is_empty().then_some(Self::StateWanted),
            HISTORY_WANTED => Request::decode(body).map(Self::HistoryWanted),
            HISTORY_OFFERED => Offer::decode(body).map(Self::HistoryOffered),
            HISTORY_ENDED => {
                let id = body.try_into().ok();
                id.map(|id| Self::HistoryEnded(RequestId(id)))
            }
            LEAVES => body.is_empty().then_some(Self::Leaves),
            kind if Fact::is_kind(kind) => Item::read(kind, body).map(Self::Item),
            _ => return Ok(None),
        };
        entry.map(Some).ok_or(RecordError::Malformed)
    }
}

/// A sync record: what one device tells the other devices of its account at once.
///
/// ```text
/// record = 01 || entries          entry = type u8 || len be16 || body
/// ```
///
/// | type | body |
/// |---|---|
/// | 1 trust | written 12, account, account key 32, verified u8 |
/// | 2 blocked | written 12, account, blocked u8 |
/// | 3 read | written 12, conversation, accepted at be64, tag 32 |
/// | 4 message deleted | written 12, conversation, tag 32, deleted at be64 |
/// | 5 conversation deleted | written 12, conversation, until be64 |
/// | 6 setting | written 12, name, value: the rest |
/// | 7 state wanted | empty |
/// | 8 history wanted | request 16, first chunk be32 |
/// | 9 history offered | request 16, key 32, round be32, first chunk be32 |
/// | 10 history ended | request 16 |
/// | 11 leaves | empty |
/// | 12 decided | written 12, account, accepted u8, at be64 |
///
/// `written` is `number be64 || device be32`. Accounts and names are preceded by their length, one
/// byte. Times are in milliseconds. Entries of unknown types are ignored.
///
/// Device 2 blocked `bob` with its write number 5:
/// `01 02 0011 0000000000000005 00000002 03 626f62 01`.
///
/// # Size
/// 1 to [`MAX_SYNC_LEN`] bytes.
///
/// # Security
/// A record counts only if a device of the own account sent it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The entries, in any order.
    pub entries: Vec<Entry>,
}

impl Record {
    /// Reads a record.
    ///
    /// # Errors
    /// [`RecordError`]. No entry of the record counts.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        // CHK-340: the record is within its limit, has this version, and each entry has its form.
        if bytes.len() > MAX_SYNC_LEN {
            return Err(RecordError::Malformed);
        }
        let mut reader = Reader::new(bytes);
        match reader.u8() {
            Some(VERSION) => {}
            Some(_) => return Err(RecordError::OtherVersion),
            None => return Err(RecordError::Malformed),
        }
        let mut entries = Vec::new();
        while !reader.is_empty() {
            let kind = reader.u8().ok_or(RecordError::Malformed)?;
            let body = reader.medium().ok_or(RecordError::Malformed)?;
            entries.extend(Entry::read(kind, body)?);
        }
        Ok(Self { entries })
    }
}

/// Packs entries into as few records as they fit in, in their order.
#[derive(Default)]
pub struct Packer {
    /// The record that is being filled. Empty before the first entry.
    record: Zeroizing<Vec<u8>>,
}

impl Packer {
    /// Adds an entry. If it does not fit the record, returns the record, and begins the next one.
    pub fn push(&mut self, entry: &Entry) -> Option<Zeroizing<Vec<u8>>> {
        let body = entry.body();
        let len = self
            .record
            .len()
            .saturating_add(3)
            .saturating_add(body.len());
        let full = match len > MAX_SYNC_LEN {
            true => self.finish(),
            false => None,
        };
        if self.record.is_empty() {
            self.record.reserve_exact(MAX_SYNC_LEN);
            self.record.push(VERSION);
        }
        let body_len = u16::try_from(body.len()).unwrap_or(u16::MAX); // at most 1,101
        self.record.push(entry.kind());
        self.record.extend_from_slice(&body_len.to_be_bytes());
        self.record.extend_from_slice(&body);
        full
    }

    /// Whether an entry would begin another record.
    pub fn is_full_for(&self, entry: &Entry) -> bool {
        let len = self.record.len().saturating_add(3);
        !self.record.is_empty() && len.saturating_add(entry.body().len()) > MAX_SYNC_LEN
    }

    /// Ends packing. `None` if there is nothing left.
    pub fn finish(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        let record = core::mem::take(&mut self.record);
        (!record.is_empty()).then_some(record)
    }
}

impl core::fmt::Debug for Packer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Packer")
            .field("len", &self.record.len())
            .finish_non_exhaustive()
    }
}

/// The bytes are no sync record. A device of the own account sent them, so it has an error or a
/// later version. Drop the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The version byte is unknown.
    #[error("sync record of another version")]
    OtherVersion,
    /// The record is too long, or an entry does not have its form.
    #[error("malformed sync record")]
    Malformed,
}
