//! Files in a folder.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::blobs::files::{Files, PAGE, Pages, is_ours};

/// What is left free on the disk, for messages and reports.
const MIN_FREE: u64 = 256 << 20;

pub struct Folder {
    dir: PathBuf,
}

impl Folder {
    /// A folder, which is made if it does not exist.
    pub fn open(dir: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        // The folder itself must be there after a crash, as the database is.
        if let Some(parent) = dir.canonicalize()?.parent() {
            File::open(parent)?.sync_all()?;
        }
        Ok(Self {
            dir: dir.to_owned(),
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
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

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        let written = written.and_then(|()| File::open(&self.dir)?.sync_all());
        if written.is_err() {
            let _ = fs::remove_file(path); // its row has it removed later, if this fails too
        }
        written
    }
}

impl Files for Folder {
    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.check_free(bytes.len())?;
        self.write(&self.path(name), bytes)
    }

    fn read(&self, name: &str, at: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        File::open(self.path(name))?.read_exact_at(&mut bytes, at)?;
        Ok(bytes)
    }

    fn len(&self, name: &str) -> io::Result<u64> {
        Ok(fs::metadata(self.path(name))?.len())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn list(&self) -> io::Result<Pages> {
        let mut entries = fs::read_dir(&self.dir)?;
        let mut page = move || {
            let mut names = Vec::new();
            for entry in entries.by_ref().take(PAGE) {
                let name = entry?.file_name();
                names.push(name.to_string_lossy().into_owned());
            }
            Ok(names)
        };
        let pages = std::iter::from_fn(move || match page() {
            Ok(names) if names.is_empty() => None,
            page => Some(page),
        });
        Ok(Box::new(pages.map(|page| {
            page.map(|mut names| {
                names.retain(|name| is_ours(name));
                names
            })
        })))
    }
}
