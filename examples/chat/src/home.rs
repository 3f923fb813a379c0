//! The home folder: the store, the key that encrypts it, and the application's own notes.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use waxseal::{FrankingTag, SqliteError, SqliteStore, StoreKey};
use waxseal_interface::PinnedKeys;
use zeroize::Zeroizing;

use crate::failure::{Failure, Outcome};
use crate::reach::RelayAddress;
use crate::text::{hex, unhex};

/// The application's own notes, next to the store. What a chat of before noted here and the courier
/// keeps in the store now is ignored, but for the pinned keys.
///
/// The file holds no secret key and no text. It names the peers, which the store hides, so a real
/// application encrypts the file too. If the file is lost, messages may be shown again.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// The relay, once it has registered the account.
    pub relay: Option<Relay>,
    /// For each conversation, the ordinal of the first message that was not shown yet.
    ///
    /// The ordinal advances after a message was printed. A message that was stored but not printed
    /// before a crash is printed at the next start. After a crash between printing and this note,
    /// the message is printed again with the same id. In any case, the store has the message once.
    pub unseen_from: BTreeMap<String, u64>,
    /// The request of each device of the account that asked for the history, in hexadecimal. A
    /// request that is lost is made again with `sync`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub history_wanted: BTreeMap<u32, String>,
    /// Where the files of messages were saved, by the message's id and the file's part. For
    /// moderators who cannot open a reported file any more.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    saved: BTreeMap<String, String>,
}

/// The relay that this home folder uses.
#[derive(Serialize, Deserialize)]
pub struct Relay {
    #[serde(flatten)]
    pub address: RelayAddress,
    /// The relay's key in hexadecimal, if a chat of before pinned it here.
    #[serde(default, skip_serializing)]
    key: Option<String>,
    /// The fingerprint of the moderation key that a chat of before pinned here.
    #[serde(default, skip_serializing)]
    moderation_fingerprint: Option<String>,
}

impl Relay {
    pub fn at(address: RelayAddress) -> Self {
        Self {
            address,
            key: None,
            moderation_fingerprint: None,
        }
    }
}

impl Memory {
    /// Notes where a file of a message was saved.
    pub fn note_saved(&mut self, message: &FrankingTag, part: usize, label: String) {
        self.saved.insert(saved_key(message, part), label);
    }

    /// Where a file of a message was saved.
    pub fn saved(&self, message: &FrankingTag, part: usize) -> Option<&str> {
        self.saved
            .get(&saved_key(message, part))
            .map(String::as_str)
    }

    /// The keys that a chat of before pinned here.
    pub fn pinned(&self) -> Outcome<Option<PinnedKeys>> {
        let Some(relay) = &self.relay else {
            return Ok(None);
        };
        let Some(key) = &relay.key else {
            return Ok(None);
        };
        let damaged = || Failure::new("the pinned relay key in memory.json is damaged");
        Ok(Some(PinnedKeys {
            relay_key: unhex(key).ok_or_else(damaged)?,
            moderation_fingerprint: relay.moderation_fingerprint.clone().unwrap_or_default(),
        }))
    }
}

fn saved_key(message: &FrankingTag, part: usize) -> String {
    format!("{}:{part}", hex(message.as_bytes()))
}

/// The folder given by `--home`.
pub struct Home {
    folder: PathBuf,
    pub memory: Memory,
}

impl Home {
    /// Opens the folder and the store in it. Creates them if they do not exist. Only one process
    /// can have them open, because a second one would use message keys twice.
    pub fn open(folder: &Path, rng: &mut impl CryptoRng) -> Outcome<(Self, SqliteStore)> {
        create_folder(folder)?;
        let key = store_key(folder, rng)?;
        let store = match SqliteStore::open(folder.join("store.sqlite"), &key) {
            Err(SqliteError::InUse) => {
                return Err(Failure::new("another process is using this home"));
            }
            store => store?,
        };
        // The notes are read after the store was opened, because from then on no other process can
        // write the file.
        let memory = match fs::read(folder.join("memory.json")) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Memory::default(),
            Err(error) => return Err(error.into()),
        };
        let folder = folder.to_owned();
        Ok((Self { folder, memory }, store))
    }

    /// Writes the notes to disk, completely or not at all, and waits until they are durable.
    pub fn remember(&self) -> Outcome<()> {
        self.note()?;
        Ok(sync(&self.folder)?)
    }

    /// Writes the notes like [`remember`](Self::remember), but after a power loss the earlier notes
    /// may be back.
    pub fn note(&self) -> Outcome<()> {
        let bytes = serde_json::to_vec_pretty(&self.memory)?;
        let written = write(&self.folder, "memory.new", &bytes)?;
        Ok(fs::rename(written, self.folder.join("memory.json"))?)
    }
}

/// Reads the key that encrypts the store. Creates one if there is none. A real application keeps
/// this key in the platform's key store.
fn store_key(folder: &Path, rng: &mut impl CryptoRng) -> Outcome<StoreKey> {
    let path = folder.join("store.key");
    if !path.exists() {
        let fresh = StoreKey::generate(rng);
        let written = write(folder, "store.key.new", &*fresh.to_bytes())?;
        // Never replaces an existing key, which may already have encrypted a store.
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

/// Writes a file and waits until its bytes are on the disk. On Unix, only its owner can read it.
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

/// Makes the names of the files in a folder durable.
#[cfg(unix)]
fn sync(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// Does nothing, because other platforms cannot sync folders.
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

#[cfg(test)]
mod tests;
