//! Files of the reviewer and of the vault: FILE (secret), FILE.pub (for the relay), and FILE.relay
//! (the pinned key of the relay).

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use waxseal_interface::fingerprint;
use zeroize::Zeroizing;

/// Makes FILE and FILE.pub. Fails if either exists.
pub fn write_keys(
    path: &Path,
    secret: &[u8],
    public: &impl serde::Serialize,
) -> Result<(), Box<dyn Error>> {
    let public_path = with_suffix(path, "pub");
    if public_path.exists() {
        return Err(format!("{} exists already", public_path.display()).into());
    }
    create(path, 0o600, secret)?;
    create(&public_path, 0o644, &serde_json::to_vec_pretty(public)?)
}

/// Reads a secret file of at most 4 KiB.
pub fn read_secret(path: &Path) -> Result<Zeroizing<Vec<u8>>, Box<dyn Error>> {
    const MAX: u64 = 4 << 10;
    let failed = |error| format!("{}: {error}", path.display());
    if fs::metadata(path).map_err(failed)?.len() > MAX {
        return Err(format!("{} is not a key file", path.display()).into());
    }
    Ok(fs::read(path).map(Zeroizing::new).map_err(failed)?)
}

/// Pins the relay's key at first contact and refuses any other key later. The relay decides which
/// reports count as genuine, so no other relay may take its place unnoticed.
pub fn pin(path: &Path, relay_key: &[u8; 32]) -> Result<(), Box<dyn Error>> {
    match pinned(path)? {
        Some(pinned) if pinned == *relay_key => Ok(()),
        Some(pinned) => Err(format!(
            "ANOTHER RELAY KEY: {} was pinned, but this relay has {}. If the relay was set up again, remove {}",
            fingerprint(&pinned),
            fingerprint(relay_key),
            with_suffix(path, "relay").display()
        )
        .into()),
        None => {
            create(&with_suffix(path, "relay"), 0o644, relay_key)?;
            eprintln!("pinned relay key {}", fingerprint(relay_key));
            Ok(())
        }
    }
}

/// The relay's key that was pinned, if one was.
pub fn pinned(path: &Path) -> Result<Option<[u8; 32]>, Box<dyn Error>> {
    let path = with_suffix(path, "relay");
    match fs::read(&path) {
        Ok(pinned) => match pinned.try_into() {
            Ok(pinned) => Ok(Some(pinned)),
            Err(_) => Err(format!("{} is not the key of a relay", path.display()).into()),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", path.display()).into()),
    }
}

fn create(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    let failed = |error| format!("{}: {error}", path.display());
    let mut file: File = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    Ok(file.sync_all().map_err(failed)?)
}

/// Appends a suffix to the path: FILE becomes FILE.suffix.
fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}
