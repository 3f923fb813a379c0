//! The reviewer's files: FILE (secret), FILE.pub (for the relay), FILE.relay (the relay key first met).

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use waxseal_relay::{RelayCard, ReviewerKeys, ReviewerPublicKeys, fingerprint};
use zeroize::Zeroizing;

/// Makes FILE and FILE.pub, neither of which may be there.
pub fn generate(path: &Path) -> Result<ReviewerPublicKeys, Box<dyn Error>> {
    let keys = ReviewerKeys::generate(&mut rand::rng());
    let public = keys.public();
    let public_path = beside(path, "pub");
    if public_path.exists() {
        return Err(format!("{} is there already", public_path.display()).into());
    }
    create(path, 0o600, &keys.export())?;
    create(&public_path, 0o644, &serde_json::to_vec_pretty(&public)?)?;
    Ok(public)
}

pub fn read(path: &Path) -> Result<ReviewerKeys, Box<dyn Error>> {
    let bytes = fs::read(path).map(Zeroizing::new);
    let bytes = bytes.map_err(|error| format!("{}: {error}", path.display()))?;
    let keys = ReviewerKeys::import(&bytes);
    keys.ok_or_else(|| format!("{} is not a file of `review keygen`", path.display()).into())
}

/// Remembers the relay at first contact, and refuses another one later: whoever is the relay says which reports are
/// genuine.
pub fn pin(path: &Path, card: &RelayCard) -> Result<(), Box<dyn Error>> {
    let path = beside(path, "relay");
    match fs::read(&path) {
        Ok(pinned) if pinned == card.relay_key => Ok(()),
        Ok(pinned) => Err(format!(
            "ANOTHER RELAY KEY: {} was pinned, this relay has {}. If the relay was set up anew, remove {}",
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

/// FILE.extension
fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}
