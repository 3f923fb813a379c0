//! The files of blobs. Each is named by the number of its row, so that no name comes from outside.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What is left free on the disk, for messages and reports.
const MIN_FREE: u64 = 256 << 20;

pub struct Files {
    dir: PathBuf,
}

impl Files {
    /// The files in a folder, which is made if it does not exist.
    pub fn open(dir: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        // The folder itself must be there after a crash, as the database is.
        if let Some(parent) = dir.parent() {
            File::open(parent)?.sync_all()?;
        }
        Ok(Self {
            dir: dir.to_owned(),
        })
    }

    /// Appends to a file that has `received` bytes, and flushes it to the disk. What a crash left
    /// behind them is cut off. Returns `false` if the file has less.
    pub fn append(&self, id: i64, received: u64, bytes: &[u8]) -> io::Result<bool> {
        self.check_free(bytes.len())?;
        let is_new = received == 0;
        let mut options = OpenOptions::new();
        options.write(true).create(is_new).mode(0o600);
        let mut file = match options.open(self.path(id)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            file => file?,
        };
        let len = file.metadata()?.len();
        if len < received {
            return Ok(false);
        }
        if len > received {
            file.set_len(received)?;
        }
        let written = write_at(&mut file, received, bytes).and_then(|()| match is_new {
            true => File::open(&self.dir)?.sync_all(),
            false => Ok(()),
        });
        if written.is_err() {
            // Cut off again at the next part, if this fails too.
            let _ = file.set_len(received);
        }
        written.map(|()| true)
    }

    /// Reads exactly this many bytes from an offset on.
    pub fn read(&self, id: i64, at: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        File::open(self.path(id))?.read_exact_at(&mut bytes, at)?;
        Ok(bytes)
    }

    /// The length of a file.
    pub fn len(&self, id: i64) -> io::Result<u64> {
        Ok(fs::metadata(self.path(id))?.len())
    }

    /// Those of some files that are gone or shorter than they were.
    pub fn lost(&self, files: &[(i64, u64)]) -> io::Result<Vec<i64>> {
        let mut lost = Vec::new();
        for (id, len) in files {
            match self.len(*id) {
                Ok(found) if found >= *len => {}
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => lost.push(*id),
            }
        }
        Ok(lost)
    }

    /// Removes a file. One that is gone already is no error.
    pub fn remove(&self, id: i64) -> io::Result<()> {
        match fs::remove_file(self.path(id)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The numbers of all files. Files with other names are left out.
    pub fn list(&self) -> io::Result<Vec<i64>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| name.parse::<i64>().ok());
            found.extend(number.filter(|number| name == *number.to_string()));
        }
        Ok(found)
    }

    fn path(&self, id: i64) -> PathBuf {
        self.dir.join(id.to_string())
    }

    /// Blobs leave room for what matters more.
    fn check_free(&self, len: usize) -> io::Result<()> {
        let disk = rustix::fs::statvfs(&self.dir)?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let len = u64::try_from(len).unwrap_or(u64::MAX);
        match free.checked_sub(len).is_some_and(|left| left >= MIN_FREE) {
            true => Ok(()),
            false => Err(ErrorKind::StorageFull.into()),
        }
    }
}

fn write_at(file: &mut File, at: u64, bytes: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)?;
    file.sync_data()
}

#[cfg(test)]
mod tests;
