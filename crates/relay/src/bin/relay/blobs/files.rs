//! The files of blobs: in a folder, or in a store that speaks S3. They know nothing of rows.
//!
//! A file is written once, under a name that was drawn for it, and never changed. So relays that
//! share a store do not get in each other's way, and a store needs no locks and no conditions.

use std::io;

use waxseal_relay::system_rng;

use crate::keys::random;

/// How many names are listed at once.
pub const PAGE: usize = 1_000;

/// The names of files, a page after another.
pub type Pages = Box<dyn Iterator<Item = io::Result<Vec<String>>> + Send>;

/// Where files are. All calls wait.
///
/// A file that is not there is [`NotFound`](io::ErrorKind::NotFound), and one that is too short
/// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof). If there is no room, the error is
/// [`StorageFull`](io::ErrorKind::StorageFull) or a like one. If the store cannot be reached now,
/// it is [`NotConnected`](io::ErrorKind::NotConnected).
pub trait Files: Send + Sync {
    /// Writes a file that is not there. Once this returns, it survives a crash. After an error it
    /// may be there.
    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Reads exactly this many bytes from an offset on.
    fn read(&self, name: &str, at: u64, len: usize) -> io::Result<Vec<u8>>;

    /// The length of a file.
    fn len(&self, name: &str) -> io::Result<u64>;

    /// Removes a file. One that is gone already is no error.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Whether the store keeps the bytes of files that are removed.
    fn keeps_removed(&self) -> io::Result<bool> {
        Ok(false)
    }

    /// Where they are, as all relays that share them say it. There is no secret in it.
    fn place(&self) -> String;

    /// The names of all files, in any order. Names that relays do not give are left out.
    fn list(&self) -> io::Result<Pages>;
}

/// Draws the name of a file.
pub fn draw() -> String {
    hex(&*random::<16>(&mut system_rng()))
}

/// Draws the name of a file that says whose store it is.
pub fn draw_mark() -> String {
    format!("{MARK}{}", draw())
}

const MARK: &str = "store-";

/// Whether a name is one that [`draw_mark`] gives.
pub fn is_mark(name: &str) -> bool {
    name.strip_prefix(MARK).is_some_and(is_drawn)
}

/// Whether a relay gives such names. Those of before are numbers.
fn is_ours(name: &str) -> bool {
    let number = name.parse::<i64>().ok();
    let is_number = number.is_some_and(|number| name == number.to_string());
    is_number || is_drawn(name) || is_mark(name)
}

fn is_drawn(name: &str) -> bool {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    name.len() == 32 && name.bytes().all(is_hex)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub mod folder;
pub mod s3;
#[cfg(test)]
mod tests;
