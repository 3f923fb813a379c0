//! Reads files of bounded length.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::problem::Unusable;
use crate::text::printable;

/// Reads a file that the user names. Of a longer file than `limit` bytes, one byte more is read, so
/// that its decoder refuses it.
pub fn given(path: &Path, limit: usize) -> Result<Vec<u8>, Unusable> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    bounded(file, limit).map_err(|error| unreadable(path, &error))
}

/// Reads at most one byte more than `limit`.
pub fn bounded(file: File, limit: usize) -> io::Result<Vec<u8>> {
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A path, safe to print.
pub fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

pub fn unreadable(path: &Path, error: &io::Error) -> Unusable {
    let error = printable(&error.to_string());
    Unusable(format!("{} cannot be read: {error}", shown(path)))
}
