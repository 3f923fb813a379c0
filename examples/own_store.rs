//! Implements the `Store` trait over one file, and runs the suite that tests stores.
//!
//! `cargo run --release --example own_store`
//!
//! Each commit rewrites the whole file, which is simple, and slow once the file is large. The file
//! holds secrets in clear. A real store encrypts them, as `SqliteStore` does.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Bound;
use std::path::{Path, PathBuf};

use waxseal::store::{Change, Cursor, Key, Listed, MAX_VALUE_LEN, Row, Table, Transaction};
use waxseal::{
    AccountId, Client, DeliveryKey, DeviceAddress, DeviceId, Store, Timestamp, conformance,
};
use zeroize::Zeroizing;

type Records = BTreeMap<Vec<u8>, Zeroizing<Vec<u8>>>;

/// Keeps all records in one file: `len be32 || key || len be32 || value`, in the order of the keys.
struct FileStore {
    path: PathBuf,
    records: Records,
}

impl FileStore {
    fn open(path: &Path) -> io::Result<Self> {
        let mut records = Records::new();
        let bytes = match fs::read(path) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Zeroizing::default(),
            Err(error) => return Err(error),
        };
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let key = field(&mut rest)?.to_vec();
            records.insert(key, Zeroizing::new(field(&mut rest)?.to_vec()));
        }
        let path = path.to_owned();
        Ok(Self { path, records })
    }

    /// Writes a new file, makes it durable, and only then replaces the old one.
    fn write(&self, records: &Records) -> io::Result<()> {
        let mut bytes = Zeroizing::new(Vec::new());
        for (key, value) in records {
            for field in [&key[..], &value[..]] {
                let len = u32::try_from(field.len()).map_err(io::Error::other)?;
                bytes.extend_from_slice(&len.to_be_bytes());
                bytes.extend_from_slice(field);
            }
        }
        let new = self.path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        // The rename is durable only after the folder was synced.
        File::open(self.path.parent().unwrap_or(Path::new(".")))?.sync_all()
    }
}

/// Takes one field, preceded by its length, off the front of `rest`.
fn field<'a>(rest: &mut &'a [u8]) -> io::Result<&'a [u8]> {
    let (len, after) = rest.split_first_chunk().ok_or(io::ErrorKind::InvalidData)?;
    let len = u32::from_be_bytes(*len) as usize;
    let (field, after) = after
        .split_at_checked(len)
        .ok_or(io::ErrorKind::InvalidData)?;
    *rest = after;
    Ok(field)
}

impl Store for FileStore {
    type Error = io::Error;

    fn get(&self, key: &Key) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        Ok(self.records.get(&key.to_bytes()).cloned())
    }

    fn list(&self, table: &Table, after: Option<&Cursor>, limit: usize) -> io::Result<Vec<Listed>> {
        let prefix = table.prefix();
        // The prefix alone is the key of a row that is the only one of its table. It is not listed.
        let start = after.map_or(prefix.clone(), |cursor| key_at(table, cursor).to_bytes());
        let rows = self
            .records
            .range((Bound::Excluded(start), Bound::Unbounded));
        let rows = rows.take_while(|(key, _)| key.starts_with(&prefix));
        let listed = rows.filter_map(|(key, value)| {
            let cursor = match Key::from_bytes(key)?.row {
                Row::Only => return None,
                Row::Number(number) => Cursor::Number(number),
                Row::Name(name) => Cursor::Name(name),
            };
            let value = Some(value.clone()); // this store cannot tell whether a value is damaged
            Some(Listed { cursor, value })
        });
        Ok(listed.take(limit).collect())
    }

    fn commit(&mut self, transaction: Transaction) -> io::Result<()> {
        let mut records = self.records.clone();
        for change in transaction.into_changes() {
            match change {
                Change::Put(_, value) if value.len() > MAX_VALUE_LEN => {
                    return Err(io::ErrorKind::FileTooLarge.into());
                }
                Change::Put(key, value) => drop(records.insert(key.to_bytes(), value)),
                Change::Delete(key) => drop(records.remove(&key.to_bytes())),
                Change::DeleteAt(table, cursor) => {
                    drop(records.remove(&key_at(&table, &cursor).to_bytes()));
                }
            }
        }
        self.write(&records)?;
        self.records = records; // only now, so that memory never runs ahead of the file
        Ok(())
    }

    fn is_damage(error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::InvalidData
    }
}

/// The key of a row. This store uses the name of a row as its cursor.
fn key_at(table: &Table, cursor: &Cursor) -> Key {
    let row = match cursor {
        Cursor::Number(number) => Row::Number(*number),
        Cursor::Name(name) => Row::Name(name.clone()),
    };
    Key::new(table.clone(), row)
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("waxseal-own-store-{}", std::process::id()));
    fs::create_dir_all(&folder)?;

    // The suite checks what can be tested of the trait's contract.
    let mut count = 0;
    conformance::check(
        || {
            count += 1;
            FileStore::open(&folder.join(format!("case-{count}")))
        },
        |store| FileStore::open(&store.path),
    )?;
    println!("conformance: {count} cases passed");

    // An account that was stored can be opened again, as after a restart.
    let rng = &mut rand::rng();
    let path = folder.join("alice");
    let me = DeviceAddress::new(AccountId::new("alice")?, DeviceId(1));
    let key = DeliveryKey::generate(rng);
    let now = Timestamp::from_millis(1_800_000_000_000);
    let client = Client::create(FileStore::open(&path)?, me.clone(), key, now, rng)?;
    let identity = *client.identity();
    drop(client);
    let client = Client::open(FileStore::open(&path)?)?;
    assert_eq!((client.me(), client.identity()), (&me, &identity));
    println!(
        "the account was opened again from {} bytes",
        fs::metadata(&path)?.len()
    );
    fs::remove_dir_all(&folder)?;
    Ok(())
}
