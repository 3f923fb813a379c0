//! Safety numbers: what two people compare to know that nobody sits between them.

use core::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::error::DecodeError;
use crate::identity::IdentityKey;
use crate::labels;

/// Most bytes of an account's identifier in a safety number.
pub const MAX_ACCOUNT_ID_LEN: usize = 256;

/// Hashes per fingerprint.
///
/// Thirty digits hold 99.7 bits; 1,024 hashes for each key that a forger tries add ten bits to that, for half a millisecond here.
const ITERATIONS: usize = 1_024;

/// Version byte of the scannable form.
const SCANNABLE_VERSION: u8 = 0x01;
/// Length of the scannable form: version, the showing party's fingerprint, the other's.
const SCANNABLE_LEN: usize = 1 + 32 + 32;

/// An account identifier that is empty or longer than [`MAX_ACCOUNT_ID_LEN`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("account identifier of {len} bytes is not between 1 and {max}")]
pub struct InvalidAccountId {
    /// Length of the identifier in bytes.
    pub len: usize,
    /// Most bytes allowed.
    pub max: usize,
}

/// A number over both parties' identities and accounts, the same on both devices unless someone sits in between.
///
/// Shown as 60 digits in twelve groups of five: thirty for each party, the smaller first. Or scanned, 65 bytes. Public, but only
/// worth comparing over a channel on which the parties know each other.
#[derive(Clone)]
pub struct SafetyNumber {
    ours: [u8; 32],
    theirs: [u8; 32],
}

/// Outcome of scanning the peer's safety number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Scan {
    /// Both devices see the same two identities.
    Match,
    /// They do not: do not mark the peer as verified.
    Mismatch,
}

impl SafetyNumber {
    /// The number between us and a peer, over identities and account identifiers of 1 to [`MAX_ACCOUNT_ID_LEN`] bytes.
    ///
    /// # Errors
    /// [`InvalidAccountId`].
    pub fn new(
        ours: (&IdentityKey, &[u8]),
        theirs: (&IdentityKey, &[u8]),
    ) -> Result<Self, InvalidAccountId> {
        Ok(Self {
            ours: fingerprint(ours.0, ours.1)?,
            theirs: fingerprint(theirs.0, theirs.1)?,
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

    /// The form to show as a code that the peer scans, 65 bytes: version, our fingerprint (32), theirs (32).
    #[must_use]
    pub fn scannable(&self) -> Vec<u8> {
        [&[SCANNABLE_VERSION], self.ours.as_slice(), &self.theirs].concat()
    }

    /// Compares what was scanned from the peer's device, which sees the two parties the other way round.
    ///
    /// # Errors
    /// [`DecodeError`] when it is not a scannable safety number, which says nothing about the peer.
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
        // CHK-37: their own is our peer's, their peer's is our own.
        let matches = shown_own.ct_eq(&self.theirs) & shown_other.ct_eq(&self.ours);
        Ok(if bool::from(matches) {
            Scan::Match
        } else {
            Scan::Mismatch
        })
    }
}

/// One party's fingerprint, 32 bytes.
fn fingerprint(identity: &IdentityKey, account: &[u8]) -> Result<[u8; 32], InvalidAccountId> {
    let invalid = InvalidAccountId {
        len: account.len(),
        max: MAX_ACCOUNT_ID_LEN,
    };
    // CHK-38: an identifier within its limits.
    if account.is_empty() || account.len() > MAX_ACCOUNT_ID_LEN {
        return Err(invalid);
    }
    let len = u16::try_from(account.len()).map_err(|_| invalid)?;
    // h_1 = SHA-256(start label || identity || account length || account)
    let identity = identity.to_bytes();
    let start = Sha256::new_with_prefix(labels::FINGERPRINT_START);
    let mut hash: [u8; 32] = start
        .chain_update(identity)
        .chain_update(len.to_be_bytes())
        .chain_update(account)
        .finalize()
        .into();
    // h_i = SHA-256(step label || h_(i-1) || identity)
    let step = Sha256::new_with_prefix(labels::FINGERPRINT_STEP);
    for _ in 1..ITERATIONS {
        hash = step
            .clone()
            .chain_update(hash)
            .chain_update(identity)
            .finalize()
            .into();
    }
    Ok(hash)
}

/// Thirty digits: six times five bytes, big-endian, modulo 100,000.
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

/// Twelve groups of five digits, separated by spaces.
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
