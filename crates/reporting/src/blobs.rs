//! Names the blobs of files that a report shows, so that the provider keeps them for the reviewer.
//!
//! ```text
//! blobs = count u8 (1 to 64) || count x (claim u8 || part u8 || blob id 32)
//! ```
//!
//! The entries ascend strictly by claim and part.

use crate::blob::BlobId;
use crate::codec::Reader;
use crate::parts::{MAX_PARTS, MIN_PARTS};

/// Maximum number of blobs that a report names. Bounds what a report makes the provider keep.
pub const MAX_REPORTED_BLOBS: usize = 64;

/// Maximum length of the blobs section, in bytes.
pub(crate) const MAX_BLOBS_LEN: usize = 1 + MAX_REPORTED_BLOBS * (1 + 1 + 32);

/// A blob that a report names in clear, with the place of its file in the report.
///
/// What the intake sees is as claimed by the reporter. The [`review`](crate::reviewer::review)
/// checks that a file in this place is kept in this blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReportedBlob {
    /// Index of the message's claim, starting at 0.
    pub claim: usize,
    /// Number of the part with the file's descriptor.
    pub part: usize,
    /// The blob.
    pub blob: BlobId,
}

impl ReportedBlob {
    pub(crate) fn new(claim: usize, part: usize, blob: BlobId) -> Self {
        Self { claim, part, blob }
    }
}

/// Encodes the section; no bytes if no blob is named.
pub(crate) fn encode(blobs: &[ReportedBlob]) -> Vec<u8> {
    if blobs.is_empty() {
        return Vec::new();
    }
    let mut out = Vec::with_capacity(MAX_BLOBS_LEN);
    out.push(small(blobs.len()));
    for named in blobs {
        out.extend_from_slice(&[small(named.claim), small(named.part)]);
        out.extend_from_slice(named.blob.as_bytes());
    }
    out
}

/// Reads the section of a report with this many claims.
pub(crate) fn decode(bytes: &[u8], claims: usize) -> Option<Vec<ReportedBlob>> {
    // CHK-490: a report of version 03 names 1 to 64 blobs, each of an attachment of one of its
    // messages, in strictly ascending order of claim and part.
    let mut reader = Reader::new(bytes);
    let count = usize::from(reader.u8()?);
    if !(1..=MAX_REPORTED_BLOBS).contains(&count) {
        return None;
    }
    let mut blobs: Vec<ReportedBlob> = Vec::with_capacity(count);
    for _ in 0..count {
        let (claim, part) = (usize::from(reader.u8()?), usize::from(reader.u8()?));
        let blob = BlobId::from_bytes(reader.array()?);
        let last = blobs.last();
        let ascends = last.is_none_or(|last| (last.claim, last.part) < (claim, part));
        if !ascends || claim >= claims || !(MIN_PARTS..MAX_PARTS).contains(&part) {
            return None;
        }
        blobs.push(ReportedBlob { claim, part, blob });
    }
    reader.finish()?;
    Some(blobs)
}

/// A number that the limits of a report bound to 64.
fn small(number: usize) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}
