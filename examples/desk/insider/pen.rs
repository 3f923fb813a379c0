//! Writes to the database and the log past the desk, as someone with its files and keys can.

use std::collections::BTreeMap;
use std::convert::Infallible;

use rusqlite::{Connection, Params};
use waxseal_desk::store::{Change, EntryRow, SqliteStore, Store, StoreError, TileRow};
use waxseal_log::checkpoint::Checkpoint;
use waxseal_log::entry::{Day, Detail, Entry, Event, Number};
use waxseal_log::note::{Note, Signer};
use waxseal_log::tiles::ReadTiles;
use waxseal_log::tree::{Appender, TreeHash};
use waxseal_reporting::Timestamp;

use crate::Result;
use crate::keys::ORIGIN;
use crate::office::Office;

/// An entry of any day and number, with its detail.
pub fn entry(now: Timestamp, number: Number, event: Event, detail: &Detail) -> Entry {
    Entry {
        day: Day::of_ms(now.as_millis()),
        number,
        event,
        digest: detail.digest(),
    }
}

/// Appends an entry, and returns its index.
pub fn append(office: &mut Office, entry: &Entry, detail: &Detail) -> Result<u64> {
    let mut store = SqliteStore::open(&office.store)?;
    let size = store.log_size()?;
    let mut tree = Appender::resume(size, &StoreTiles(&store))?;
    let index = tree.append(entry.leaf_hash());
    let row = EntryRow::new(
        index,
        entry.encode(),
        *detail.salt(),
        detail.bytes().to_vec(),
    );
    let mut changes = vec![Change::Append(row.ok_or("no entry")?)];
    for tile in tree.take_changed() {
        changes.push(Change::Tile(TileRow {
            level: tile.level,
            tile_index: tile.index,
            bytes: tile.bytes,
        }));
    }
    store.apply(&changes)?;
    drop(store);
    office.reopen()?;
    Ok(index)
}

/// Changes rows with SQL. Returns how many.
pub fn sql(office: &mut Office, sql: &str, values: impl Params) -> Result<usize> {
    let changed = Connection::open(&office.store)?.execute(sql, values)?;
    if changed == 0 {
        return Err("the insider changed no row".into());
    }
    Ok(changed)
}

/// All entries of the log, as bytes.
pub fn entries(office: &Office) -> Result<Vec<Vec<u8>>> {
    let store = office.desk.store();
    let mut entries = Vec::new();
    loop {
        let page = store.entries(entries.len() as u64, 1_000)?;
        if page.is_empty() {
            return Ok(entries);
        }
        entries.extend(page.into_iter().map(|row| row.entry));
    }
}

/// A tree in memory, with its tiles: another log than the public one.
pub struct OtherLog {
    tree: Appender,
    tiles: BTreeMap<(u8, u64), Vec<u8>>,
}

impl OtherLog {
    pub fn new(entries: &[Vec<u8>]) -> Self {
        let mut tree = Appender::new();
        for entry in entries {
            tree.append(TreeHash::of_leaf(entry));
        }
        let changed = tree.take_changed().into_iter();
        let tiles = changed
            .map(|tile| ((tile.level, tile.index), tile.bytes))
            .collect();
        Self { tree, tiles }
    }

    /// A checkpoint that the log's key signed.
    pub fn sign(&self, log: &Signer) -> Result<Note> {
        Ok(Checkpoint::new(ORIGIN, self.tree.size(), self.tree.root())?.sign(log)?)
    }

    pub fn tiles(&self) -> &BTreeMap<(u8, u64), Vec<u8>> {
        &self.tiles
    }
}

impl ReadTiles for OtherLog {
    type Error = Infallible;

    fn hashes(&self, level: u8, index: u64, _: u16) -> Result<Vec<u8>, Infallible> {
        Ok(self.tiles.get(&(level, index)).cloned().unwrap_or_default())
    }
}

struct StoreTiles<'a>(&'a SqliteStore);

impl ReadTiles for StoreTiles<'_> {
    type Error = StoreError;

    fn hashes(&self, level: u8, index: u64, _: u16) -> Result<Vec<u8>, StoreError> {
        Ok(self.0.tile(level, index)?.ok_or(StoreError::Damaged)?.bytes)
    }
}
