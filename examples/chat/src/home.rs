//! The home folder: the store, the key it is sealed with, and what this application itself remembers.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use waxseal::{SqliteError, SqliteStore, StoreKey};
use zeroize::Zeroizing;

use crate::failure::{Failure, Outcome};

/// What the application remembers beside the store. No key and no text is in it, but it names the peers, which the store
/// hides: a real application seals it too. Losing it costs a repeated line at most, and the pin of the relay's key.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// Where the relay is, and its key, pinned by `register`.
    pub relay: Option<PinnedRelay>,
    /// Per conversation, the ordinal of the first message that was not shown yet. Moves on once a message was printed:
    /// one that was stored and not printed before a crash is printed at the next start. A crash between the printing
    /// and this note prints a line again, with the same id; the store has the message once in any case.
    pub unseen_from: BTreeMap<String, u64>,
    /// When the prekeys were last replaced.
    pub rotated_at_ms: u64,
    /// Whether the relay may lack prekeys that were made.
    pub upload_pending: bool,
    /// When a new session was last started with a peer that was out of step.
    pub restarted_at_ms: BTreeMap<String, u64>,
    /// Deliveries that did not open and were not acknowledged, by the relay's number.
    pub kept: BTreeMap<u64, Kept>,
}

/// The relay this home belongs to.
#[derive(Clone, Serialize, Deserialize)]
pub struct PinnedRelay {
    pub url: String,
    /// Ed25519, in hexadecimal.
    pub key: String,
}

/// A delivery that may open later.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    pub since_ms: u64,
    pub times: u32,
    /// Who sent it, by the relay's word.
    pub from: String,
}

/// The folder given by `--home`.
pub struct Home {
    folder: PathBuf,
    pub memory: Memory,
}

impl Home {
    /// Opens the folder and the store in it, making what is not there. Only one process at a time has them: a second one
    /// would use message keys twice.
    pub fn open(folder: &Path, rng: &mut impl CryptoRng) -> Outcome<(Self, SqliteStore)> {
        create_folder(folder)?;
        let key = store_key(folder, rng)?;
        let store = match SqliteStore::open(folder.join("store.sqlite"), &key) {
            Err(SqliteError::InUse) => {
                return Err(Failure::new("another process is using this home"));
            }
            store => store?,
        };
        // Read once nobody else writes it.
        let memory = match fs::read(folder.join("memory.json")) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Memory::default(),
            Err(error) => return Err(error.into()),
        };
        let folder = folder.to_owned();
        Ok((Self { folder, memory }, store))
    }

    /// Writes down what is to be remembered: all of it or nothing, and durably.
    pub fn remember(&self) -> Outcome<()> {
        self.note()?;
        Ok(sync(&self.folder)?)
    }

    /// The same, but after a loss of power there may be what was noted before.
    pub fn note(&self) -> Outcome<()> {
        let bytes = serde_json::to_vec_pretty(&self.memory)?;
        let written = write(&self.folder, "memory.new", &bytes)?;
        Ok(fs::rename(written, self.folder.join("memory.json"))?)
    }
}

/// The key under which the store is sealed. A real application keeps it in the platform's key store.
fn store_key(folder: &Path, rng: &mut impl CryptoRng) -> Outcome<StoreKey> {
    let path = folder.join("store.key");
    if !path.exists() {
        let fresh = StoreKey::generate(rng);
        let written = write(folder, "store.key.new", &*fresh.to_bytes())?;
        // Never in the place of another one, which may have sealed a store already.
        match fs::hard_link(&written, &path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
            _ => fs::remove_file(written)?,
        }
        sync(folder)?;
    }
    let bytes = Zeroizing::new(fs::read(&path)?);
    let bytes = <[u8; 32]>::try_from(bytes.as_slice());
    let bytes = Zeroizing::new(bytes.map_err(|_| Failure::new("store.key is not 32 bytes"))?);
    Ok(StoreKey::from_bytes(*bytes))
}

/// Writes a file for its owner alone.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    let path = folder.join(name);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(path)
}

/// Makes the names in a folder durable.
#[cfg(unix)]
fn sync(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// Elsewhere folders cannot be synced.
#[cfg(not(unix))]
fn sync(_: &Path) -> io::Result<()> {
    Ok(())
}

fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
