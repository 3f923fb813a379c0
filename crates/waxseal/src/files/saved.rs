//! A received file in a directory: it has its name when all of it is there.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::FileTarget;

/// The destinations for which this process has a target.
static TAKEN: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A [`FileTarget`] in a directory. It writes to `.NAME.part` next to its destination. When the
/// file is whole and durable, it gets its name, and replaces nothing.
///
/// After a crash, [`create`](Self::create) for the same destination finds what was written.
/// Dropping it leaves that there, to go on later. [`discard`](Self::discard) deletes it.
///
/// Only the user may read and write the file, on systems that know that.
///
/// # Security
/// Use a directory in which no one else can write.
pub struct SavedFile {
    file: File,
    part: PathBuf,
    destination: PathBuf,
    is_finished: bool,
    /// The destination is free again when the target is dropped.
    _taken: Taken,
}

/// Keeps a destination for one target at a time, so that no two files are written to one.
struct Taken(PathBuf);

impl Taken {
    fn take(part: &Path) -> io::Result<Self> {
        match all_taken().insert(part.to_owned()) {
            true => Ok(Self(part.to_owned())),
            false => Err(ErrorKind::ResourceBusy.into()),
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        all_taken().remove(&self.0);
    }
}

fn all_taken() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SavedFile {
    /// Prepares to write a file to `destination`. If a part of it was written before, goes on with
    /// that. Make the name with [`safe_name`](super::safe_name) if a sender claimed it.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] if there is something at the destination: choose another name.
    /// [`ErrorKind::ResourceBusy`] if another target of this process writes there.
    /// [`ErrorKind::InvalidInput`] if the destination has no name, or if the part is no file. Other
    /// errors are the system's.
    pub fn create(destination: impl Into<PathBuf>) -> io::Result<Self> {
        let destination = destination.into();
        let part = part_of(&destination)?;
        // The directory in one spelling, so that two targets for one file are noticed.
        let directory = fs::canonicalize(directory_of(&destination))?;
        let name = part.file_name().unwrap_or_default();
        let taken = Taken::take(&directory.join(name))?;
        if exists(&destination)? {
            return Err(ErrorKind::AlreadyExists.into());
        }
        if exists(&part)? {
            let metadata = fs::symlink_metadata(&part)?;
            if !metadata.is_file() {
                return Err(ErrorKind::InvalidInput.into());
            }
            // It was finished under its name, and moved away since. Only the second name is left.
            if has_other_name(&metadata) {
                fs::remove_file(&part)?;
            }
        }
        Ok(Self {
            file: open_part(&part)?,
            part,
            destination,
            is_finished: false,
            _taken: taken,
        })
    }

    /// Where the file is when it is whole.
    pub fn destination(&self) -> &Path {
        &self.destination
    }

    /// Deletes what was written, if the file is not whole.
    ///
    /// # Errors
    /// An error of the system.
    pub fn discard(self) -> io::Result<()> {
        match self.is_finished {
            true => Ok(()),
            false => fs::remove_file(&self.part),
        }
    }
}

impl FileTarget for SavedFile {
    fn finish(&mut self, len: u64) -> io::Result<()> {
        if self.is_finished {
            return Ok(());
        }
        // The whole file is durable before it has its name.
        self.file.finish(len)?;
        rename_to_free(&self.part, &self.destination)?;
        self.is_finished = true;
        sync_directory(directory_of(&self.destination))
    }
}

impl Read for SavedFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}

impl Write for SavedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for SavedFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl std::fmt::Debug for SavedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SavedFile")
            .field("is_finished", &self.is_finished)
            .finish_non_exhaustive()
    }
}

/// The path at which a file is written before it is whole.
fn part_of(destination: &Path) -> io::Result<PathBuf> {
    let name = destination.file_name().ok_or(ErrorKind::InvalidInput)?;
    let mut part = OsString::from(".");
    part.push(name);
    part.push(".part");
    Ok(destination.with_file_name(part))
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Whether something has this name, also a link that leads nowhere.
fn exists(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn open_part(part: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(part)
}

#[cfg(unix)]
fn has_other_name(metadata: &fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(metadata) > 1
}

#[cfg(not(unix))]
fn has_other_name(_: &fs::Metadata) -> bool {
    false
}

/// Gives a file another name, unless something has that name.
fn rename_to_free(from: &Path, to: &Path) -> io::Result<()> {
    // Only a link appears at once and replaces nothing.
    if cfg!(unix) {
        match fs::hard_link(from, to) {
            Ok(()) => {
                // If the earlier name stays, the next target for this destination removes it.
                _ = fs::remove_file(from);
                return Ok(());
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(error),
            Err(_) => {} // the file system has no links
        }
    }
    // Someone who stops here leaves an empty file with the name, and the whole one next to it.
    OpenOptions::new().write(true).create_new(true).open(to)?;
    fs::rename(from, to).inspect_err(|_| {
        _ = fs::remove_file(to);
    })
}

/// Makes the names in a directory durable, on systems where that can be asked for.
#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests;
