//! Files in a folder.

use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{self, Path, PathBuf};

use rustix::fs::{self, AtFlags, Dir, Mode, OFlags};
use rustix::io::Errno;

use crate::blobs::files::{Files, PAGE, Pages, is_ours};

/// What is left free on the disk, for messages and reports.
const MIN_FREE: u64 = 256 << 20;

/// It is kept open: if its disk goes away while the relay runs, calls fail, and files that are only
/// hidden do not count as lost.
pub struct Folder {
    dir: File,
    place: String,
}

impl Folder {
    /// A folder, which is made if it does not exist.
    pub fn open(dir: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        // The folder itself must be there after a crash, as the database is.
        if let Some(parent) = dir.canonicalize()?.parent() {
            File::open(parent)?.sync_all()?;
        }
        let place: PathBuf = path::absolute(dir)?.components().collect();
        let place = place.to_string_lossy().into_owned();
        let dir = File::open(dir)?;
        Ok(Self { dir, place })
    }

    fn open_file(&self, name: &str, flags: OFlags) -> io::Result<File> {
        let mode = Mode::RUSR | Mode::WUSR;
        Ok(fs::openat(&self.dir, name, flags | OFlags::CLOEXEC, mode)?.into())
    }

    /// Blobs leave room for what matters more.
    fn check_free(&self, len: usize) -> io::Result<()> {
        let disk = fs::fstatvfs(&self.dir)?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let len = u64::try_from(len).unwrap_or(u64::MAX);
        match free.checked_sub(len).is_some_and(|left| left >= MIN_FREE) {
            true => Ok(()),
            false => Err(ErrorKind::StorageFull.into()),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let mut file = self.open_file(name, flags)?;
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        let written = written.and_then(|()| self.dir.sync_all());
        if written.is_err() {
            let _ = self.remove(name); // its row has it removed later, if this fails too
        }
        written
    }
}

impl Files for Folder {
    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.check_free(bytes.len())?;
        self.write(name, bytes)
    }

    fn read(&self, name: &str, at: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        let file = self.open_file(name, OFlags::RDONLY)?;
        file.read_exact_at(&mut bytes, at)?;
        Ok(bytes)
    }

    fn len(&self, name: &str) -> io::Result<u64> {
        let found = fs::statat(&self.dir, name, AtFlags::empty())?;
        Ok(u64::try_from(found.st_size).unwrap_or(0))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match fs::unlinkat(&self.dir, name, AtFlags::empty()) {
            Err(error) if error != Errno::NOENT => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn place(&self) -> String {
        self.place.clone()
    }

    fn list(&self) -> io::Result<Pages> {
        let mut entries = Dir::read_from(&self.dir)?;
        let mut page = move || {
            let mut names = Vec::new();
            for entry in entries.by_ref().take(PAGE) {
                let entry = entry?;
                names.push(entry.file_name().to_string_lossy().into_owned());
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
