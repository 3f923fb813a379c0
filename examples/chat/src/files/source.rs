//! Opens files to send.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;

use crate::failure::{Failure, Outcome};
use crate::text::printable;

/// Opens a file to send. Refuses anything else that has a name, such as a folder or a pipe.
pub fn open(path: &Path) -> Outcome<File> {
    let metadata = fs::metadata(path).map_err(|error| unreadable(path, error.kind()))?;
    if !metadata.is_file() {
        let path = printable(&path.to_string_lossy());
        return Err(Failure::new(format!("{path} is not a file")));
    }
    File::open(path).map_err(|error| unreadable(path, error.kind()))
}

pub fn unreadable(path: &Path, kind: ErrorKind) -> Failure {
    let path = printable(&path.to_string_lossy());
    Failure::new(format!("cannot read {path}: {kind}"))
}
