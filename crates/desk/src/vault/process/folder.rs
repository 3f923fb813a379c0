//! The folder of a vault's process.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use waxseal_log::keys::LogKeys;
use waxseal_log::limits::MAX_KEYS_LEN;
use zeroize::Zeroizing;

use crate::vault::{MAX_STATE_LEN, Memory, SetupError, Vault, VaultSecrets};

/// The folder of a vault's process. Only its owner may read it.
///
/// | file | holds |
/// |---|---|
/// | `keys` | the pinned keys of the log, as text |
/// | `secrets` | [`VaultSecrets::export`] |
/// | `state` | the state, which names the pinned keys under a MAC |
///
/// Each is replaced as a whole: written to a file next to it, synced and renamed. A vault without
/// its state does not start. Otherwise anyone who can write its files could pin other keys, without
/// knowing its secrets. [`pin`](Self::pin) makes a new state.
#[derive(Clone, Debug)]
pub struct VaultFolder {
    path: PathBuf,
}

impl VaultFolder {
    /// The folder with this path, which may not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Sets a vault up: creates the folder with its keys and its secrets.
    ///
    /// # Errors
    /// [`FolderError`] if the keys do not belong together, or the folder has a vault already.
    pub fn create(&self, keys: &LogKeys, secrets: &VaultSecrets) -> Result<(), FolderError> {
        let vault = Vault::new(keys.clone(), secrets, None)?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.path)?;
        if self.path.join(SECRETS).exists() {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists).into());
        }
        // The folder may have existed with other permissions.
        fs::set_permissions(&self.path, Permissions::from_mode(0o700))?;
        replace(&self.path, KEYS, keys.to_string().as_bytes())?;
        replace(&self.path, STATE, &vault.export_state())?;
        replace(&self.path, SECRETS, &secrets.export())?;
        // Apps seal reports to these keys from now on, so the folder itself must be durable.
        Ok(File::open(self.path.join(".."))?.sync_all()?)
    }

    /// Pins these keys, and lets the vault read the log again from its first entry. An owner needs
    /// this to change the witnesses, or after the state was lost. Start the vault again afterwards.
    ///
    /// # Errors
    /// [`FolderError`] if the keys are not for this vault, or a file cannot be read or written.
    pub fn pin(&self, keys: &LogKeys) -> Result<(), FolderError> {
        let vault = Vault::new(keys.clone(), &self.secrets()?, None)?;
        replace(&self.path, KEYS, keys.to_string().as_bytes())?;
        Ok(replace(&self.path, STATE, &vault.export_state())?)
    }

    /// The vault's secrets, to add a key.
    ///
    /// # Errors
    /// [`FolderError`] if they cannot be read.
    pub fn secrets(&self) -> Result<VaultSecrets, FolderError> {
        let bytes = read(&self.path.join(SECRETS), MAX_FILE_LEN)?.ok_or(FolderError::Damaged)?;
        VaultSecrets::import(&bytes).map_err(|_| FolderError::Damaged)
    }

    /// Replaces the vault's secrets. The vault must be started again.
    ///
    /// # Errors
    /// [`FolderError`] if they cannot be written.
    pub fn set_secrets(&self, secrets: &VaultSecrets) -> Result<(), FolderError> {
        Ok(replace(&self.path, SECRETS, &secrets.export())?)
    }

    /// Starts the vault, with its memory in the folder.
    ///
    /// # Errors
    /// [`FolderError`] if a file is missing, damaged, or of another vault.
    pub fn open(&self) -> Result<(Vault, StateFile), FolderError> {
        let keys = read(&self.path.join(KEYS), MAX_KEYS_LEN)?.ok_or(FolderError::Damaged)?;
        let keys = core::str::from_utf8(&keys).map_err(|_| FolderError::Damaged)?;
        let keys = keys.parse().map_err(|_| FolderError::Damaged)?;
        let state = read(&self.path.join(STATE), MAX_STATE_LEN)?.ok_or(FolderError::Damaged)?;
        let vault = Vault::new(keys, &self.secrets()?, Some(&state))?;
        let folder = self.path.clone();
        Ok((vault, StateFile { folder }))
    }
}

const KEYS: &str = "keys";
const SECRETS: &str = "secrets";
const STATE: &str = "state";

/// Maximum length of the secrets, in bytes. [`VaultSecrets::import`] has a stricter limit.
const MAX_FILE_LEN: usize = 4_096;

/// Keeps a vault's state in the file `state` of its folder.
#[derive(Debug)]
pub struct StateFile {
    folder: PathBuf,
}

impl Memory for StateFile {
    fn save(&mut self, state: &[u8]) -> io::Result<()> {
        replace(&self.folder, STATE, state)
    }
}

/// Reads a file of at most `max` bytes; `None` if it does not exist.
fn read(path: &Path, max: usize) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let len = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    let limit = max.saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(len.min(limit)));
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    file.take(limit).read_to_end(&mut bytes)?;
    if bytes.len() > max {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(Some(bytes))
}

/// Replaces a file: writes another one, syncs it, and gives it the name.
fn replace(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let written = folder.join(format!("{name}.new"));
    match fs::remove_file(&written) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&written)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&written, folder.join(name))?;
    File::open(folder)?.sync_all()
}

/// Why a vault's folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// A file could not be read or written.
    #[error("the vault's folder cannot be used: {0}; check its owner and its disk")]
    Io(#[from] io::Error),
    /// A file is missing or damaged.
    #[error("a file of the vault's folder is missing or damaged; restore the folder")]
    Damaged,
    /// The files do not belong together.
    #[error(transparent)]
    Setup(#[from] SetupError),
}
