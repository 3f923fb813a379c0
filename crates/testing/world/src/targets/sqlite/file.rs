//! Writes a store's file from the description of the format. `SqliteStore` makes only the empty
//! tables; names, places and sealed values are computed here. The file has the same bytes each
//! time.

use std::fs;
use std::path::Path;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use rand::Rng;
use rand_chacha::ChaCha20Rng;
use rusqlite::Connection;
use sha2::Sha256;
use tempfile::TempDir;
use waxseal::store::{Key, Row as KeyRow};
use waxseal::{SqliteStore, StoreKey};

use crate::{Records, rng};

/// A row: (scope, place, value).
pub(super) type Row = (Vec<u8>, Vec<u8>, Vec<u8>);

/// A temporary folder. It is in memory if the system has `/dev/shm`.
pub(super) fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    match memory.is_dir() {
        true => tempfile::tempdir_in(memory).unwrap(),
        false => tempfile::tempdir().unwrap(),
    }
}

pub(super) fn key() -> StoreKey {
    StoreKey::from_bytes([7; 32])
}

/// Seals records as a store does, with a fixed salt and seeded nonces.
pub(super) struct Sealer {
    salt: [u8; 32],
    derive: Hkdf<Sha256>,
    rng: ChaCha20Rng,
}

impl Sealer {
    pub(super) fn new() -> Self {
        let salt = [5; 32];
        Self {
            salt,
            derive: Hkdf::new(Some(&salt), key().to_bytes().as_slice()),
            rng: rng(5),
        }
    }

    /// Derives the store's key for one purpose x, such as sealing values:
    /// K(x) = HKDF-SHA-256(salt 32, StoreKey, "waxseal/1/store/x")
    fn key<const N: usize>(&self, label: &str) -> [u8; N] {
        let mut key = [0; N];
        let label = format!("waxseal/1/store/{label}");
        self.derive.expand(label.as_bytes(), &mut key).unwrap();
        key
    }

    /// The name that hides `bytes` in the file: the first 16 bytes of their HMAC.
    fn name(&self, bytes: &[u8]) -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key::<32>("names")).unwrap();
        mac.update(bytes);
        mac.finalize().into_bytes()[..16].to_vec()
    }

    /// Where the record with this key is in the file: (scope, place).
    fn location(&self, key: &Key) -> (Vec<u8>, Vec<u8>) {
        let table = key.table.as_bytes();
        let place = match &key.row {
            KeyRow::Only => Vec::new(),
            KeyRow::Number(number) => number.to_be_bytes().to_vec(),
            KeyRow::Name(name) => self.name(&[table, name].concat()),
        };
        (self.name(table), place)
    }

    fn row(&mut self, key: &Key, value: &[u8]) -> Row {
        let (scope, place) = self.location(key);
        let mut nonce = [0; 24];
        self.rng.fill_bytes(&mut nonce);
        let aad = [scope.as_slice(), &place].concat();
        let values = XChaCha20Poly1305::new(&self.key::<32>("values").into());
        let value = Payload {
            msg: value,
            aad: &aad,
        };
        let sealed = values.encrypt(&nonce.into(), value).unwrap();
        (scope, place, [nonce.as_slice(), &sealed].concat())
    }

    /// Seals records as rows. `kept` holds earlier records and their rows: a record that is
    /// unchanged there keeps its row.
    pub(super) fn rows(&mut self, records: &Records, kept: (&Records, &[Row])) -> Vec<Row> {
        let row = |(key, value): &(Key, Vec<u8>)| {
            let same = kept.0.iter().position(|(k, v)| (k, v) == (key, value));
            same.map_or_else(|| self.row(key, value), |index| kept.1[index].clone())
        };
        records.iter().map(row).collect()
    }

    /// The file of a store with these rows, without a write-ahead log.
    pub(super) fn file(&self, rows: &[Row]) -> Vec<u8> {
        let folder = folder();
        let path = folder.path().join("store");
        drop(SqliteStore::open(&path, &key()).unwrap()); // creates its tables
        let empty = fs::read(&path).unwrap();
        with_sql(&empty, |db| {
            db.execute_batch("PRAGMA journal_mode = DELETE").unwrap();
            let check = self.key::<16>("key-check");
            db.execute(
                "UPDATE seal SET salt = ?1, key_check = ?2",
                (self.salt, check),
            )
            .unwrap();
            for row in rows {
                db.execute("INSERT INTO records VALUES (?1, ?2, ?3)", row.clone())
                    .unwrap();
            }
            db.execute_batch("VACUUM").unwrap();
        })
    }
}

/// Applies `change` to a database file with plain SQL, as anyone who has the file can do. Returns
/// the changed file.
pub(super) fn with_sql(file: &[u8], change: impl FnOnce(&Connection)) -> Vec<u8> {
    let folder = folder();
    let path = folder.path().join("store");
    fs::write(&path, file).unwrap();
    let db = Connection::open(&path).unwrap();
    db.execute_batch("PRAGMA synchronous = OFF; PRAGMA secure_delete = ON")
        .unwrap();
    change(&db);
    drop(db);
    fs::read(&path).unwrap()
}
