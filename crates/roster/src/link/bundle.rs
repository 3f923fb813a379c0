//! The public keys of a device that is about to be linked.

use core::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{LinkError, VERSION, version};
use crate::codec::{Reader, put_medium};
use crate::labels;
use crate::limits::{MAX_BUNDLE_PART_LEN, MAX_LINK_BUNDLE_LEN};

/// What a new device puts into the mailbox: its prekeys, and a commitment to 16 random bytes `x`.
///
/// The commitment makes the first four digits unpredictable to anyone who answers the code: `x` is
/// revealed only after the session is fixed.
///
/// ```text
/// 01 || len be16 || base || len be16 || one-time || commitment 32
/// ```
///
/// # Size
/// At most [`MAX_LINK_BUNDLE_LEN`] bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkBundle {
    base: Vec<u8>,
    one_time: Vec<u8>,
    commitment: [u8; 32],
}

impl LinkBundle {
    /// Joins both parts of a prekey bundle of `waxseal-core` with a commitment to `x`. `one_time`
    /// may be empty.
    ///
    /// # Errors
    /// [`LinkError`] if a part is too long or `base` is empty.
    pub fn new(base: Vec<u8>, one_time: Vec<u8>, x: &[u8; 16]) -> Result<Self, LinkError> {
        check_parts(&base, &one_time)?;
        Ok(Self {
            base,
            one_time,
            commitment: commitment(x),
        })
    }

    /// Reads a bundle.
    ///
    /// # Errors
    /// [`LinkError`] if the bytes are not a bundle.
    ///
    /// # Security
    /// Check [`LinkCode::fits`](super::LinkCode::fits) on the same bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, LinkError> {
        // CHK-260: longer bytes than a bundle can have are refused unread.
        if bytes.len() > MAX_LINK_BUNDLE_LEN {
            return Err(LinkError::TooLong);
        }
        // CHK-261: the version comes first and must be known.
        version(bytes)?;
        let mut reader = Reader::new(bytes);
        let fields = |reader: &mut Reader<'_>| {
            reader.u8()?;
            let base = reader.medium()?.to_vec();
            Some((base, reader.medium()?.to_vec(), reader.array()?))
        };
        let (base, one_time, commitment) = fields(&mut reader).ok_or(LinkError::Malformed)?;
        // CHK-262: whole, without further bytes.
        reader.finish().ok_or(LinkError::Malformed)?;
        check_parts(&base, &one_time)?;
        Ok(Self {
            base,
            one_time,
            commitment,
        })
    }

    /// Writes the bundle.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put_medium(&mut out, &self.base);
        put_medium(&mut out, &self.one_time);
        out.extend_from_slice(&self.commitment);
        out
    }

    /// First part of the prekey bundle: identity, certificate and signed prekeys.
    #[must_use]
    pub fn base(&self) -> &[u8] {
        &self.base
    }

    /// Second part of the prekey bundle, one-time prekeys. May be empty.
    #[must_use]
    pub fn one_time(&self) -> &[u8] {
        &self.one_time
    }

    /// Whether the revealed bytes are those that the new device chose before it saw the session.
    #[must_use]
    pub fn commits_to(&self, x: &[u8; 16]) -> bool {
        // CHK-282: x opens the commitment.
        commitment(x).ct_eq(&self.commitment).into()
    }
}

impl fmt::Debug for LinkBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkBundle")
            .field("base", &self.base.len())
            .field("one_time", &self.one_time.len())
            .finish_non_exhaustive()
    }
}

fn check_parts(base: &[u8], one_time: &[u8]) -> Result<(), LinkError> {
    if base.len().max(one_time.len()) > MAX_BUNDLE_PART_LEN {
        return Err(LinkError::TooLong);
    }
    if base.is_empty() {
        return Err(LinkError::Malformed);
    }
    Ok(())
}

fn commitment(x: &[u8; 16]) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix(labels::LINK_COMMITMENT);
    hash.update(x);
    hash.finalize().into()
}
