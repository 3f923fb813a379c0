//! Files on this side of the wire: where a sent file is read, and where a received one is written.
//!
//! [`Courier::send_file`] reads from a [`FileSource`], and [`Courier::save_file`] writes to a
//! [`FileTarget`]. [`SavedFile`] is a target in a directory: the file gets its name when all of it
//! is there. [`safe_name`] makes a name of it that a sender claimed.
//!
//! ```
//! use waxseal::files::{SavedFile, safe_name};
//! # fn main() -> std::io::Result<()> {
//! # let downloads = tempfile::tempdir()?;
//! # let downloads = downloads.path();
//! let name = safe_name("../../etc/cat.jpg"); // as the sender claims it
//! assert_eq!(name, "cat.jpg");
//! let target = SavedFile::create(downloads.join(name))?;
//! # drop(target);
//! # Ok(()) }
//! ```
//!
#![cfg_attr(
    feature = "courier",
    doc = "[`Courier::send_file`]: crate::Courier::send_file\n[`Courier::save_file`]: crate::Courier::save_file"
)]
#![cfg_attr(
    not(feature = "courier"),
    doc = "[`Courier::send_file`]: crate#features\n[`Courier::save_file`]: crate#features"
)]

mod name;
mod saved;

use std::fs::File;
use std::io::{self, Read, Seek, Write};

pub use self::name::{MAX_SAFE_NAME_LEN, safe_name};
pub use self::saved::SavedFile;

/// Where a file is read that is sent. Everything that can be read and has a length is one.
///
/// It is read at least twice: to learn what is sent, then part by part. Its content must stay the
/// same in between. If it does not, the upload fails and nothing of the change leaves the device.
pub trait FileSource: Read + Seek {}

impl<T: Read + Seek + ?Sized> FileSource for T {}

/// Where a received file is written. It must also be readable: what is there already is compared
/// with the file, and not fetched again.
///
/// Only verified bytes are written, each at its place in the file.
pub trait FileTarget: Read + Write + Seek {
    /// Everything is written. Cuts what comes after the first `len` bytes off, and returns when the
    /// file is durable.
    ///
    /// # Errors
    /// An error of the system. It is called again if the application goes on with the target.
    fn finish(&mut self, len: u64) -> io::Result<()>;
}

impl FileTarget for File {
    fn finish(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)?;
        self.sync_all()
    }
}
