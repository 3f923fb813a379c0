//! Safety numbers: two people compare them to know that no one sits between their devices.

use core::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::error::DecodeError;
use crate::labels;

/// Maximum length of an account identifier in a safety number, in bytes. Bounds the input that is
/// hashed.
pub const MAX_ACCOUNT_ID_LEN: usize = 256;

/// Number of hashes per fingerprint.
///
/// Thirty digits hold 99.7 bits. A forger needs 1,024 hashes for each key tried, which adds ten
/// bits. A device spends half a millisecond on these hashes.
const ITERATIONS: usize = 1_024;

/// Version byte of the scannable form.
const SCANNABLE_VERSION: u8 = 0x02;
/// Length of the scannable form: version, fingerprint of the account that shows it, fingerprint of
/// its peer.
const SCANNABLE_LEN: usize = 1 + 32 + 32;

/// An account identifier is empty or longer than [`MAX_ACCOUNT_ID_LEN`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("account identifier of {len} bytes is not between 1 and {max}")]
pub struct InvalidAccountId {
    /// Length of the identifier in bytes.
    pub len: usize,
    /// Maximum length allowed, in bytes.
    pub max: usize,
}

/// A number computed from the account keys and accounts of both parties. All their devices show the
/// same number, unless someone sits in between.
///
/// It is public, but comparing it is only worthwhile over a channel on which the parties recognise
/// each other.
///
/// | form | size | content |
/// |---|---|---|
/// | digits | 60 digits, in twelve groups of five | thirty for each party, the smaller first |
/// | scannable | 65 bytes | version, our fingerprint (32), the peer's fingerprint (32) |
#[derive(Clone)]
pub struct SafetyNumber {
    ours: [u8; 32],
    theirs: [u8; 32],
}

/// The result of scanning the peer's safety number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Scan {
    /// Both devices see the same two account keys and accounts.
    Match,
    /// The devices see different account keys or accounts. Do not mark the peer as verified.
    Mismatch,
}

impl SafetyNumber {
    /// Computes the number from the account key and account identifier of each party. An identifier
    /// has 1 to [`MAX_ACCOUNT_ID_LEN`] bytes.
    ///
    /// The number stays the same when a device joins or leaves an account.
    ///
    /// # Errors
    /// [`InvalidAccountId`].
    pub fn of_accounts(
        ours: (&[u8; 32], &str),
        theirs: (&[u8; 32], &str),
    ) -> Result<Self, InvalidAccountId> {
        Ok(Self {
            ours: fingerprint(ours.0, ours.1.as_bytes())?,
            theirs: fingerprint(theirs.0, theirs.1.as_bytes())?,
        })
    }

    /// The 60 digits without spaces.
    #[must_use]
    pub fn digits(&self) -> String {
        let (ours, theirs) = (half(&self.ours), half(&self.theirs));
        if ours <= theirs {
            ours + &theirs
        } else {
            theirs + &ours
        }
    }

    /// The bytes to show as a code that the peer scans.
    #[must_use]
    pub fn scannable(&self) -> Vec<u8> {
        [&[SCANNABLE_VERSION], self.ours.as_slice(), &self.theirs].concat()
    }

    /// Compares bytes that were scanned from the peer's device, which has the two parties the other
    /// way round.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not a scannable safety number. That says nothing about the
    /// peer.
    pub fn compare_scanned(&self, scanned: &[u8]) -> Result<Scan, DecodeError> {
        // CHK-01, CHK-02: length and version first.
        if scanned.len() > SCANNABLE_LEN {
            return Err(DecodeError::TooLong {
                len: scanned.len(),
                max: SCANNABLE_LEN,
            });
        }
        let (version, fingerprints) = scanned.split_first().ok_or(DecodeError::Malformed)?;
        if *version != SCANNABLE_VERSION {
            return Err(DecodeError::UnknownVersion { version: *version });
        }
        let (shown_own, shown_other) = fingerprints
            .split_first_chunk::<32>()
            .ok_or(DecodeError::Malformed)?;
        let shown_other: &[u8; 32] = shown_other.try_into().map_err(|_| DecodeError::Malformed)?;
        // CHK-37: the scanned device shows two fingerprints: its own is the one we have for it, and
        // its peer's is ours.
        let matches = shown_own.ct_eq(&self.theirs) & shown_other.ct_eq(&self.ours);
        Ok(if bool::from(matches) {
            Scan::Match
        } else {
            Scan::Mismatch
        })
    }
}

/// Computes the fingerprint of one party: 32 bytes.
fn fingerprint(key: &[u8; 32], account: &[u8]) -> Result<[u8; 32], InvalidAccountId> {
    let invalid = InvalidAccountId {
        len: account.len(),
        max: MAX_ACCOUNT_ID_LEN,
    };
    // CHK-38: the identifier is neither empty nor too long.
    if account.is_empty() || account.len() > MAX_ACCOUNT_ID_LEN {
        return Err(invalid);
    }
    let len = u16::try_from(account.len()).map_err(|_| invalid)?;
    // The first hash takes in key and account:
    // h_1 = SHA-256(start label || key || account length || account)
    let start = Sha256::new_with_prefix(labels::FINGERPRINT_START);
    let mut hash: [u8; 32] = start
        .chain_update(key)
        .chain_update(len.to_be_bytes())
        .chain_update(account)
        .finalize()
        .into();
    // Each later hash takes in the hash before it, and the key again:
    // h_i = SHA-256(step label || h_(i-1) || key)
    let step = Sha256::new_with_prefix(labels::FINGERPRINT_STEP);
    for _ in 1..ITERATIONS {
        hash = step
            .clone()
            .chain_update(hash)
            .chain_update(key)
            .finalize()
            .into();
    }
    Ok(hash)
}

/// Thirty digits of a fingerprint: six groups of five bytes, each big-endian and modulo 100,000.
fn half(fingerprint: &[u8; 32]) -> String {
    let (chunks, _) = fingerprint.as_chunks::<5>();
    chunks
        .iter()
        .map(|[a, b, c, d, e]| {
            let value = u64::from_be_bytes([0, 0, 0, *a, *b, *c, *d, *e]);
            format!("{:05}", value % 100_000)
        })
        .collect()
}

/// Shows twelve groups of five digits, separated by spaces.
impl fmt::Display for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, digit) in self.digits().chars().enumerate() {
            if index > 0 && index % 5 == 0 {
                f.write_str(" ")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SafetyNumber({self})")
    }
}

#[cfg(test)]
mod tests;
