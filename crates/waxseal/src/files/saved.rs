//! A received file in a directory: it has its name when all of it is there.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::FileTarget;

/// How often a part is opened that others finish or discard meanwhile.
const ATTEMPTS: usize = 8;

/// A [`FileTarget`] in a directory. It writes to `.NAME.part` next to its destination. When the
/// file is whole and durable, it gets its name, and replaces nothing.
///
/// After a crash, [`create`](Self::create) for the same destination finds what was written.
/// Dropping it leaves that there, to go on later. [`discard`](Self::discard) deletes it.
///
/// On Unix and Windows, one target at a time writes to a destination, whichever process it is in.
/// The file system must have locks on Unix. On other systems, the application sees to that.
///
/// Only the user may read and write the file, on systems that know that.
///
/// # Security
/// Use a directory in which no one else can write.
pub struct SavedFile {
    file: File,
    part: PathBuf,
    destination: PathBuf,
    /// Whether it has its name.
    is_finished: bool,
}

impl SavedFile {
    /// Prepares to write a file to `destination`. If a part of it was written before, goes on with
    /// that. Make the name with [`safe_name`](super::safe_name) if a sender claimed it.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] if there is something at the destination: choose another name.
    /// [`ErrorKind::ResourceBusy`] if another target writes there, in this process or elsewhere.
    /// [`ErrorKind::InvalidInput`] if the destination has no name, or if the part is no file. Other
    /// errors are the system's.
    pub fn create(destination: impl Into<PathBuf>) -> io::Result<Self> {
        let destination = destination.into();
        let part = part_of(&destination)?;
        for _ in 0..ATTEMPTS {
            if exists(&destination)? {
                // Its process stopped before it removed the first name.
                _ = remove_second_name(&part, &destination);
                return Err(ErrorKind::AlreadyExists.into());
            }
            if exists(&part)? && !fs::symlink_metadata(&part)?.is_file() {
                return Err(ErrorKind::InvalidInput.into());
            }
            let file = open_part(&part, true)?;
            // Whoever had the lock before may have finished or discarded this file.
            if !is_at(&file, &part)? {
                continue;
            }
            // It was finished under its name, and moved away since. Only the second name is left.
            if has_other_name(&file.metadata()?) {
                fs::remove_file(&part)?;
                continue;
            }
            return Ok(Self {
                file,
                part,
                destination,
                is_finished: false,
            });
        }
        Err(ErrorKind::ResourceBusy.into())
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
        if !self.is_finished {
            // The whole file is durable before it has its name.
            self.file.finish(len)?;
            rename_to_free(&self.part, &self.destination)?;
            self.is_finished = true;
        }
        // Again if it failed before: until then, a crash can take the name.
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

/// Opens a part for this target alone.
fn open_part(part: &Path, create: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(create)
        .truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    #[cfg(windows)]
    std::os::windows::fs::OpenOptionsExt::share_mode(&mut options, SHARE_DELETE);
    let file = options.open(part).map_err(busy)?;
    lock(&file)?;
    Ok(file)
}

/// Others may rename and delete the file, and not open it otherwise.
#[cfg(windows)]
const SHARE_DELETE: u32 = 4;

#[cfg(windows)]
fn busy(error: io::Error) -> io::Error {
    const SHARING_VIOLATION: i32 = 32;
    match error.raw_os_error() {
        Some(SHARING_VIOLATION) => ErrorKind::ResourceBusy.into(),
        _ => error,
    }
}

#[cfg(not(windows))]
fn busy(error: io::Error) -> io::Error {
    error
}

/// Locks a file as long as it is open, also against other targets of this process.
#[cfg(unix)]
fn lock(file: &File) -> io::Result<()> {
    use rustix::fs::{FlockOperation, flock};

    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Err(rustix::io::Errno::WOULDBLOCK) => Err(ErrorKind::ResourceBusy.into()),
        locked => Ok(locked?),
    }
}

#[cfg(not(unix))]
fn lock(_: &File) -> io::Result<()> {
    Ok(())
}

/// Whether a path still leads to an open file.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(named) => Ok(is_same(&file.metadata()?, &named)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> io::Result<bool> {
    exists(path)
}

#[cfg(unix)]
fn is_same(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;

    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Removes the part if it is the file at the destination, under the name that it had first.
#[cfg(unix)]
fn remove_second_name(part: &Path, destination: &Path) -> io::Result<()> {
    let file = open_part(part, false)?;
    if is_at(&file, part)? && is_at(&file, destination)? {
        fs::remove_file(part)?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn remove_second_name(_: &Path, _: &Path) -> io::Result<()> {
    Ok(())
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
