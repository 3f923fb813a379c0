//! Writes what one act changes: its entries of the log, the tiles and the rows, in one step.

use rand_core::CryptoRng;
use waxseal_log::entry::{Day, Detail, Entry, Event, Number};
use waxseal_log::tree::TreeHash;
use waxseal_reporting::Timestamp;

use crate::desk::Desk;
use crate::error::{DeskError, Refused};
use crate::store::{Change, EntryRow, Row, Store, TileRow};

/// Maximum number of entries by which the log may be ahead of the vault: as many as the vault reads
/// in one step.
pub const MAX_AHEAD: u64 = 65_536;

/// Collects what one act changes.
pub(crate) struct Batch {
    pub(crate) now: Timestamp,
    size: u64,
    entries: Vec<(Entry, Detail)>,
    changes: Vec<Change>,
}

/// Where an entry of a batch will be.
pub(crate) struct Logged {
    pub(crate) index: u64,
    pub(crate) leaf_hash: TreeHash,
}

impl Batch {
    /// Adds an entry of today.
    pub(crate) fn log(&mut self, number: Number, event: Event, detail: Detail) -> Logged {
        let entry = Entry {
            day: Day::of_ms(self.now.as_millis()),
            number,
            event,
            digest: detail.digest(),
        };
        self.append(entry, detail)
    }

    /// Adds an entry of any day.
    pub(crate) fn append(&mut self, entry: Entry, detail: Detail) -> Logged {
        let at = u64::try_from(self.entries.len()).unwrap_or(u64::MAX);
        let leaf_hash = entry.leaf_hash();
        self.entries.push((entry, detail));
        Logged {
            index: self.size.saturating_add(at),
            leaf_hash,
        }
    }

    /// Adds a change of the rows.
    pub(crate) fn change(&mut self, change: Change) {
        self.changes.push(change);
    }

    /// Adds a row.
    pub(crate) fn add(&mut self, row: impl Into<Row>) {
        self.changes.push(Change::add(row));
    }

    /// Replaces a row that is still as it was read.
    pub(crate) fn swap<R: Into<Row>>(&mut self, old: R, new: R) {
        self.changes.push(Change::swap(old, new));
    }
}

impl<S: Store> Desk<S> {
    /// Begins an act.
    pub(crate) fn begin(&self, now: Timestamp) -> Batch {
        Batch {
            now,
            size: self.tree.size(),
            entries: Vec::new(),
            changes: Vec::new(),
        }
    }

    /// Writes an act, whole or not at all. If the store fails, the desk reads its state again.
    pub(crate) fn commit(&mut self, batch: Batch) -> Result<(), DeskError> {
        if batch.entries.is_empty() && batch.changes.is_empty() {
            return Ok(());
        }
        let mut tree = self.tree.clone();
        let mut changes = Vec::with_capacity(batch.entries.len().saturating_add(8));
        for (entry, detail) in &batch.entries {
            let index = tree.append(entry.leaf_hash());
            let (salt, bytes) = (*detail.salt(), detail.bytes().to_vec());
            let row = EntryRow::new(index, entry.encode(), salt, bytes);
            changes.push(Change::Append(row.ok_or(Refused::Damaged("entry"))?));
        }
        // CHK-202: the log stays so close to the vault that the vault can follow in one step.
        if !batch.entries.is_empty() && self.is_too_far(tree.size())? {
            return Err(Refused::TooFarAhead.into());
        }
        for tile in tree.take_changed() {
            changes.push(Change::Tile(TileRow {
                level: tile.level,
                tile_index: tile.index,
                bytes: tile.bytes,
            }));
        }
        changes.extend(batch.changes);
        if let Err(error) = self.store.apply(&changes) {
            // Another desk may have appended, or the outcome is unknown: read what is there.
            self.reload()?;
            return Err(error.into());
        }
        self.tree = tree;
        Ok(())
    }

    /// Whether a log of this size is further ahead of the vault than it may be.
    fn is_too_far(&mut self, size: u64) -> Result<bool, DeskError> {
        if size.saturating_sub(self.followed) > MAX_AHEAD {
            // Another desk may have let the vault follow.
            self.read_followed()?;
        }
        Ok(size.saturating_sub(self.followed) > MAX_AHEAD)
    }
}

/// A detail of bytes whose length their type bounds.
pub(crate) fn detail(bytes: Vec<u8>, rng: &mut impl CryptoRng) -> Result<Detail, DeskError> {
    Ok(Detail::new(bytes, rng).map_err(|_| Refused::TooLong)?)
}
