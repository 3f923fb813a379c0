//! A `SqliteStore` whose machine loses power while SQLite writes.
//!
//! SQLite appends a commit to its log, frame after frame, and reports success when the disk has all
//! frames. So a power cut leaves the database file unchanged. Of the bytes that the commit added to
//! the log, it leaves nothing, the beginning, everything, or pieces with gaps.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use waxseal::store::{Cursor, Key, Listed, Table, Transaction};
use waxseal::{SqliteStore, Store, StoreKey};
use zeroize::Zeroizing;

use crate::disk::Medium;

const PAGE: usize = 4_096;

/// The files of a store: the database and its log.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Image {
    pub(crate) database: Vec<u8>,
    pub(crate) log: Vec<u8>,
}

impl Image {
    fn read(folder: &Path) -> Self {
        Self {
            database: fs::read(folder.join("store")).unwrap(),
            log: fs::read(folder.join("store-wal")).unwrap_or_default(),
        }
    }

    fn write(&self, folder: &Path) {
        fs::write(folder.join("store"), &self.database).unwrap();
        fs::write(folder.join("store-wal"), &self.log).unwrap();
    }

    /// Reads every row of the store from a copy of its files.
    fn rows(&self) -> Vec<[Vec<u8>; 3]> {
        let copy = folder();
        self.write(copy.path());
        let db = rusqlite::Connection::open(copy.path().join("store")).unwrap();
        let mut select = db
            .prepare("SELECT scope, place, value FROM records ORDER BY scope, place")
            .unwrap();
        let rows = select
            .query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))
            .unwrap();
        rows.map(Result::unwrap).collect()
    }
}

impl Image {
    /// Asserts that the log restores all rows after some pages of the database were replaced by
    /// those of `other`. Tries several choices of pages.
    pub(crate) fn is_the_same_with_pages_of(&self, other: &[u8]) {
        let pages = self.database.len().max(other.len()) / PAGE;
        let takes_other: [&dyn Fn(usize) -> bool; 5] = [
            &|_| true,
            &|page| page < pages / 2,
            &|page| page >= pages / 2,
            &|page| page % 2 == 0,
            &|page| page % 7 == 3,
        ];
        for takes_other in takes_other {
            let mut mixed = self.clone();
            mixed.database.resize(pages * PAGE, 0);
            for (page, bytes) in mixed.database.chunks_mut(PAGE).enumerate() {
                let others = other.chunks(PAGE).nth(page);
                if let Some(other) = others.filter(|_| takes_other(page)) {
                    bytes.copy_from_slice(other);
                }
            }
            assert!(mixed.rows() == self.rows());
        }
    }
}

/// Makes a folder, in memory where possible. No real disk is needed, because these tests themselves
/// leave out what a disk would lose.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    match memory.is_dir() {
        true => tempfile::tempdir_in(memory).unwrap(),
        false => tempfile::tempdir().unwrap(),
    }
}

pub(crate) struct Files {
    folder: TempDir,
    store: Option<SqliteStore>,
}

impl Files {
    pub(crate) const WAYS: u32 = 6;

    pub(crate) fn new() -> Self {
        Self::of(&Image::default())
    }

    /// Opens the store on these files, as after a restart of the machine.
    fn of(image: &Image) -> Self {
        let folder = folder();
        image.write(folder.path());
        let key = StoreKey::from_bytes([7; 32]);
        let store = SqliteStore::open(folder.path().join("store"), &key).unwrap();
        Self {
            folder,
            store: Some(store),
        }
    }

    pub(crate) fn image(&self) -> Image {
        Image::read(self.folder.path())
    }

    /// Closes the store and returns its files.
    pub(crate) fn close(mut self) -> Image {
        self.store = None;
        self.image()
    }

    fn store(&self) -> &SqliteStore {
        self.store.as_ref().unwrap()
    }
}

impl Medium for Files {
    fn get(&self, key: &Key) -> Option<Zeroizing<Vec<u8>>> {
        self.store().get(key).unwrap()
    }

    fn list(&self, table: &Table, after: Option<&Cursor>, limit: usize) -> Vec<Listed> {
        self.store().list(table, after, limit).unwrap()
    }

    fn commit(&mut self, transaction: Transaction) {
        self.store.as_mut().unwrap().commit(transaction).unwrap();
    }

    fn stop_in(&mut self, transaction: Transaction, way: u32) {
        let before = self.image();
        self.commit(transaction);
        let after = self.image();
        let left = Image {
            database: before.database.clone(),
            log: torn(&before.log, &after.log, way),
        };
        let (is_whole, expected) = match way {
            5 => (true, &after),
            _ => (false, &before),
        };
        assert_eq!(left == after, is_whole);
        assert!(
            left.rows() == expected.rows(),
            "a part of a commit was left"
        );
        *self = Self::of(&left);
    }
}

/// Returns what is left of the log when the power fails while a commit turns `before` into `after`.
fn torn(before: &[u8], after: &[u8], way: u32) -> Vec<u8> {
    const HEADER: usize = 32;
    const FRAME: usize = 24 + PAGE;
    // A commit appends to the log, or overwrites the log from its start.
    let start = before
        .iter()
        .zip(after)
        .position(|(before, after)| before != after)
        .unwrap_or(before.len());
    let end = after.len();
    let up_to = |cut: usize| {
        let kept = before.get(cut..).unwrap_or_default();
        [&after[..cut], kept].concat()
    };
    let frames = (end - HEADER) / FRAME;
    match way {
        0 => before.to_vec(),
        1 => up_to(start + 100),
        // The last frame, which completes the commit, did not reach the disk.
        2 => up_to(HEADER + FRAME * (frames - 1)),
        3 => up_to(end - 1),
        4 => {
            // The whole commit reached the disk, except that one sector in the middle is damaged.
            let mut log = after.to_vec();
            let middle = start + (end - start) / 2;
            log[middle..middle + 512]
                .iter_mut()
                .for_each(|byte| *byte ^= 0xff);
            log
        }
        _ => after.to_vec(),
    }
}
