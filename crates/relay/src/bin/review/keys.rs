//! The reviewer's files: FILE (secret), FILE.pub (for the relay), and FILE.relay (the pinned key of
//! the relay).

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use waxseal_relay::{RelayCard, ReviewerKeys, ReviewerPublicKeys, fingerprint};
use zeroize::Zeroizing;

/// Makes FILE and FILE.pub. Fails if either exists.
pub fn generate(path: &Path) -> Result<ReviewerPublicKeys, Box<dyn Error>> {
    let keys = ReviewerKeys::generate(&mut rand::rng());
    let public = keys.public();
    let public_path = with_suffix(path, "pub");
    if public_path.exists() {
        return Err(format!("{} exists already", public_path.display()).into());
    }
    create(path, 0o600, &keys.export())?;
    create(&public_path, 0o644, &serde_json::to_vec_pretty(&public)?)?;
    Ok(public)
}

pub fn read(path: &Path) -> Result<ReviewerKeys, Box<dyn Error>> {
    let bytes = fs::read(path).map(Zeroizing::new);
    let bytes = bytes.map_err(|error| format!("{}: {error}", path.display()))?;
    let keys = ReviewerKeys::import(&bytes);
    keys.ok_or_else(|| format!("{} was not made by `review keygen`", path.display()).into())
}

/// Pins the relay's key at first contact and refuses any other key later. The relay decides which
/// reports count as genuine, so the reviewer must not talk to another one unnoticed.
pub fn pin(path: &Path, card: &RelayCard) -> Result<(), Box<dyn Error>> {
    let path = with_suffix(path, "relay");
    match fs::read(&path) {
        Ok(pinned) if pinned == card.relay_key => Ok(()),
        Ok(pinned) => Err(format!(
            "ANOTHER RELAY KEY: {} was pinned, but this relay has {}. If the relay was set up again, remove {}",
            fingerprint(&pinned),
            card.relay_fingerprint(),
            path.display()
        )
        .into()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            create(&path, 0o644, &card.relay_key)?;
            eprintln!("pinned relay key {}", card.relay_fingerprint());
            Ok(())
        }
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
