//! The officer's files: FILE (secret), and FILE.desk (the desk that was pinned).

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt as _};
use std::path::{Path, PathBuf};

use waxseal_desk::officer::OfficerKey;
use waxseal_log::keys::LogKeys;
use waxseal_relay::desk::DeskCard;
use zeroize::Zeroizing;

/// Version byte of FILE: `01 || seed 32`.
const VERSION: u8 = 1;

/// Makes FILE. Fails if it exists.
pub fn write_key(path: &Path, key: &OfficerKey) -> Result<(), Box<dyn Error>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(33));
    bytes.push(VERSION);
    bytes.extend_from_slice(key.seed());
    create(path, 0o600, &bytes)
}

/// Reads FILE.
pub fn read_key(path: &Path) -> Result<OfficerKey, Box<dyn Error>> {
    let failed = |error| format!("{}: {error}", path.display());
    let other = || format!("{} was not made by `officer keygen`", path.display());
    let metadata = fs::metadata(path).map_err(failed)?;
    if metadata.permissions().mode() & 0o077 != 0 {
        let shown = path.display();
        return Err(format!("{shown}: other users can read this secret; chmod 600 it").into());
    }
    if metadata.len() != 33 {
        return Err(other().into());
    }
    let bytes = fs::read(path).map(Zeroizing::new).map_err(failed)?;
    let seed = bytes.strip_prefix(&[VERSION]).ok_or_else(other)?;
    let seed = Zeroizing::new(<[u8; 32]>::try_from(seed).map_err(|_| other())?);
    Ok(OfficerKey::from_seed(&seed))
}

/// Reads what was pinned: the keys of the desk's log.
pub fn pinned(path: &Path) -> Result<Option<LogKeys>, Box<dyn Error>> {
    let path = desk_file(path);
    let shown = path.display();
    match fs::read_to_string(&path) {
        Ok(text) => match text.parse() {
            Ok(keys) => Ok(Some(keys)),
            Err(_) => Err(format!("{shown} does not hold the keys of a desk's log").into()),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{shown}: {error}").into()),
    }
}

/// Pins the keys of the desk's log at first contact.
pub fn pin(path: &Path, keys: &LogKeys) -> Result<(), Box<dyn Error>> {
    create(&desk_file(path), 0o644, keys.to_string().as_bytes())
}

/// Checks that the desk is the pinned one.
pub fn check_pinned(path: &Path, pinned: &LogKeys, card: &DeskCard) -> Result<(), Box<dyn Error>> {
    // CHK-641: the desk has the keys that were pinned, and the origin and the vault of these keys.
    if card.keys.parse().as_ref() == Ok(pinned) && is_of(card, pinned) {
        return Ok(());
    }
    Err(format!(
        "ANOTHER DESK: it has other keys than those that were pinned for {}. If the desk was set \
         up again, compare its keys and remove {}",
        pinned.origin(),
        desk_file(path).display()
    )
    .into())
}

/// Whether a card names the origin and the vault of these keys.
pub fn is_of(card: &DeskCard, keys: &LogKeys) -> bool {
    card.origin == keys.origin() && card.vault.0 == *keys.vault().key()
}

fn desk_file(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".desk");
    name.into()
}

fn create(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    let failed = |error| format!("{}: {error}", path.display());
    let mut options = OpenOptions::new();
    let options = options.write(true).create_new(true).mode(mode);
    let mut file: File = options.open(path).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    Ok(file.sync_all().map_err(failed)?)
}
