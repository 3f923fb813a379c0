//! The files of the desk's folder.

use std::error::Error;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use waxseal_desk::desk::DeskSetup;
use waxseal_desk::store::{MetaRow, SqliteStore, Store, StoreError};
use waxseal_log::keys::LogKeys;
use waxseal_log::limits::MAX_KEYS_LEN;
use waxseal_log::note::Signer;
use waxseal_relay::ReviewerKey;
use waxseal_relay::desk::Hex;
use zeroize::Zeroizing;

use crate::database;
pub use crate::database::AnyStore;

/// What a command returns. The error is in words, for the operator.
pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Maximum length of a secret file in bytes.
const MAX_SECRET_LEN: usize = 4_096;

/// The folder of a desk. Only its owner may read it.
///
/// | file | holds |
/// |---|---|
/// | `log.key` | the seed of the log's key, 32 bytes |
/// | `secret` | the desk's own secret, 32 bytes |
/// | `reviewer.key`, `reviewer.key.pub` | the key by which the desk asks the relay |
/// | `keys` | the pinned keys of the log, as text |
/// | `relay.pinned` | the relay's key, 64 hex digits |
/// | `desk.sqlite` | the database, if it is in the folder |
/// | `database` | the URL of the database, with its password, if it is PostgreSQL |
/// | `lock` | nothing; the running server has it locked |
/// | `public` | the public folder |
/// | `targets.json` | the systems that exports go to; it names the files of their keys |
/// | `outbox` | exports for the provider's own programs |
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    place: Option<MetaRow>,
}

impl Folder {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            place: None,
        }
    }

    /// The folder of the server that works over a database while this row is stored.
    #[cfg(any(feature = "postgres", test))]
    pub fn while_stored(mut self, row: MetaRow) -> Self {
        self.place = Some(row);
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The folder that everyone may read.
    pub fn public(&self) -> PathBuf {
        self.path("public")
    }

    /// Makes the folder, for its owner alone.
    pub fn make(&self) -> Result<()> {
        let mut builder = DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(&self.path);
        made.map_err(|error| failed(&self.path, &error))
    }

    /// Locks the folder for a server. No other server can use it while the returned file is open.
    pub fn lock(&self) -> Result<File> {
        let path = self.path("lock");
        let file = File::create(&path).map_err(|error| failed(&path, &error))?;
        // CHK-635: one server uses a folder, so each request is taken by one server.
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| format!("another server is using {}", self.path.display()))?;
        Ok(file)
    }

    /// The pinned keys, with the vault's line.
    pub fn keys(&self) -> Result<LogKeys> {
        let path = self.path("keys");
        let text = text(&path, MAX_KEYS_LEN)?;
        if !text.lines().any(|line| line.starts_with("vault ")) {
            let why = "has no line `vault`: set up the vault, and then run `desk pin`";
            return Err(format!("{} {why}", path.display()).into());
        }
        text.parse().map_err(|error| failed(&path, &error))
    }

    /// The key that signs the log of this origin.
    pub fn log(&self, origin: &str) -> Result<Signer> {
        let path = self.path("log.key");
        let seed = seed(&path)?;
        Signer::from_seed(origin, &seed).map_err(|error| failed(&path, &error))
    }

    /// What the library needs. Each desk that uses the store has its own.
    pub fn setup(&self) -> Result<DeskSetup> {
        let keys = self.keys()?;
        Ok(DeskSetup {
            log: self.log(keys.origin())?,
            secret: seed(&self.path("secret"))?,
            keys,
        })
    }

    /// A connection to the store.
    pub fn store(&self) -> Result<AnyStore> {
        match self.database()? {
            Some(url) => Ok(database::open(&url, self.place.clone())?),
            None => {
                let path = self.path("desk.sqlite");
                let store = SqliteStore::open(&path).map_err(|error| failed(&path, &error))?;
                Ok(Box::new(store))
            }
        }
    }

    /// Whether this server still has its place, as a store says. In a folder of its own it has.
    pub fn check_place(&self, store: &impl Store) -> std::result::Result<(), StoreError> {
        // CHK-716: a server that stood still, and whose place another one has taken, sends nothing
        // and writes no file once it goes on.
        match &self.place {
            Some(row) if store.meta(&row.name)?.as_ref() != Some(row) => Err(StoreError::TakenOver),
            _ => Ok(()),
        }
    }

    /// The URL of the database, unless it is in the folder.
    pub fn database(&self) -> Result<Option<Zeroizing<String>>> {
        let path = self.path("database");
        if !path.exists() {
            return Ok(None);
        }
        let url = secret(&path)?;
        let url = str::from_utf8(&url).map_err(|_| format!("{} is not text", path.display()))?;
        Ok(Some(Zeroizing::new(url.trim_end().to_owned())))
    }

    /// Names the database, once: a desk with the rows of another one would have another log. The
    /// database must answer.
    pub fn use_database(&self, url: &str) -> Result<()> {
        let own = self.path("desk.sqlite");
        if own.exists() {
            let why = "is the desk's database, and another one would have another log";
            return Err(format!("{} {why}", own.display()).into());
        }
        let path = self.path("database");
        match self.database()? {
            Some(known) if *known == url => Ok(()),
            Some(_) => {
                let why = "names another database. If it has moved, correct this file";
                Err(format!("{} {why}", path.display()).into())
            }
            None => {
                database::open(url, None)?; // makes the tables
                create(&path, 0o600, format!("{url}\n").as_bytes())
            }
        }
    }

    /// The key by which the desk asks the relay.
    pub fn reviewer(&self) -> Result<ReviewerKey> {
        let path = self.path("reviewer.key");
        let key = ReviewerKey::import(&secret(&path)?);
        key.ok_or_else(|| format!("{} was not made by `desk init`", path.display()).into())
    }

    /// The relay's pinned key.
    pub fn relay_key(&self) -> Result<Option<[u8; 32]>> {
        let path = self.path("relay.pinned");
        if !path.exists() {
            return Ok(None);
        }
        let hex: Hex<32> = text(&path, 65)?.trim_end().parse().map_err(|_| {
            let why = "is not the key of a relay: 64 hex digits";
            format!("{} {why}", path.display())
        })?;
        Ok(Some(hex.0))
    }

    /// Pins the relay's key.
    pub fn pin_relay(&self, key: &[u8; 32]) -> Result<()> {
        let path = self.path("relay.pinned");
        create(&path, 0o644, format!("{}\n", Hex(*key)).as_bytes())
    }
}

/// Makes a file that does not exist yet.
pub fn create(path: &Path, mode: u32, bytes: &[u8]) -> Result<()> {
    let make = || -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    make().map_err(|error| failed(path, &error))
}

/// Replaces a file: writes another one, syncs it, and gives it the name.
pub fn replace(path: &Path, mode: u32, bytes: &[u8]) -> Result<()> {
    let written = with_suffix(path, "new");
    match fs::remove_file(&written) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(&written, &error)),
        _ => {}
    }
    create(&written, mode, bytes)?;
    let rename = || -> std::io::Result<()> {
        fs::rename(&written, path)?;
        match path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            Some(parent) => File::open(parent)?.sync_all(),
            None => File::open(".")?.sync_all(),
        }
    };
    rename().map_err(|error| failed(path, &error))
}

/// Reads a file of at most `max` bytes.
pub fn read(path: &Path, max: usize) -> Result<Zeroizing<Vec<u8>>> {
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::new());
    let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    read.map_err(|error| failed(path, &error))?;
    if bytes.len() > max {
        return Err(format!("{} has more than {max} bytes", path.display()).into());
    }
    Ok(bytes)
}

/// Reads a text file of at most `max` bytes.
pub fn text(path: &Path, max: usize) -> Result<String> {
    let bytes = read(path, max)?;
    let text = str::from_utf8(&bytes).map_err(|_| format!("{} is not text", path.display()))?;
    Ok(text.to_owned())
}

/// Reads a secret file.
pub fn secret(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    read(path, MAX_SECRET_LEN)
}

/// Reads a secret of 32 bytes.
pub fn seed(path: &Path) -> Result<Zeroizing<[u8; 32]>> {
    let bytes = secret(path)?;
    let seed: std::result::Result<[u8; 32], _> = bytes.as_slice().try_into();
    let seed = seed.map_err(|_| format!("{} is not a key of 32 bytes", path.display()))?;
    Ok(Zeroizing::new(seed))
}

/// Appends a suffix to the path: FILE becomes FILE.suffix.
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

/// An error about a file.
pub fn failed(path: &Path, error: &dyn std::fmt::Display) -> Box<dyn Error + Send + Sync> {
    format!("{}: {error}", path.display()).into()
}
