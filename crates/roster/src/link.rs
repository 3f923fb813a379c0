//! Linking a new device: the code that it shows, and the keys that the code vouches for.
//!
//! ```text
//! new device N                         relay's mailbox                          manager M
//! shows LinkCode  ───────────────────────── camera ──────────────────────────>  scans
//! slot 0: LinkBundle ──────────────────────────────────────────────────────>  fits the code
//!         <─────────────────────────────────── slot 1: offer, in a session to N's keys
//! slot 2: x, in this session ──────────────────────────────────────────────>  opens the commitment
//! user types the 8 digits that M shows: 4 are link_digits, 4 are random
//! ```

mod bundle;
mod code;
#[cfg(test)]
mod tests;

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::labels;

pub use bundle::LinkBundle;
pub use code::LinkCode;

/// Derives the first four of the digits that the user types into the new device.
///
/// Both devices derive them from the session between them and the new device's random bytes `x`.
/// The manager shows them only after `x` opened the bundle's commitment. They differ if somebody
/// else answered the code.
///
/// ```text
/// SHA-256(label || session digest 32 || x 16); the first 8 bytes be64 modulo 10,000
/// ```
#[must_use]
pub fn link_digits(session_digest: &[u8; 32], x: &[u8; 16]) -> String {
    let mut hash = Sha256::new_with_prefix(labels::LINK_DIGITS);
    hash.update(session_digest);
    hash.update(x);
    let hash: [u8; 32] = hash.finalize().into();
    // A hash of 32 bytes always has a first chunk.
    let number = u64::from_be_bytes(*hash.first_chunk().unwrap_or(&[0; 8]));
    format!("{:04}", number % 10_000)
}

/// The bytes or text are not those of a link code or link bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The input is longer than any link code or link bundle.
    #[error("the link code or bundle is too long")]
    TooLong,
    /// The version byte is unknown. A newer version of this crate may read the input.
    #[error("the version {version} is unknown")]
    UnknownVersion {
        /// The version byte.
        version: u8,
    },
    /// The input does not have the form of a link code or link bundle.
    #[error("the link code or bundle is malformed")]
    Malformed,
}

/// Checks the version byte.
fn version(bytes: &[u8]) -> Result<(), LinkError> {
    match bytes.first() {
        Some(&VERSION) => Ok(()),
        Some(&version) => Err(LinkError::UnknownVersion { version }),
        None => Err(LinkError::Malformed),
    }
}

/// Version byte of link codes and link bundles.
const VERSION: u8 = 0x01;
