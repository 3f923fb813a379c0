//! The key file of passes for strangers, which the relay and the operator's page share.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rand_core::Rng;
use waxseal_interface::PassKey;
use zeroize::Zeroizing;

use crate::system_rng::system_rng;

/// Reads a key file that [`write_pass_key`] made: 32 bytes.
///
/// # Errors
/// The file cannot be read, or has another length.
pub fn read_pass_key(path: &Path) -> io::Result<PassKey> {
    let (mut key, mut rest) = (Zeroizing::new([0; 32]), [0; 1]);
    let mut file = File::open(path)?;
    let other = || {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "not a key file of `pass keygen`",
        )
    };
    file.read_exact(&mut *key).map_err(|_| other())?;
    match file.read(&mut rest)? {
        0 => Ok(PassKey::from_bytes(key)),
        _ => Err(other()),
    }
}

/// Makes a key file that only this user can read.
///
/// # Errors
/// The file exists already, or cannot be written.
pub fn write_pass_key(path: &Path) -> io::Result<()> {
    let mut key = Zeroizing::new([0; 32]);
    system_rng().fill_bytes(&mut *key);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(&*key)?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
