//! An entry of the log: what happened, on which day, and a digest of what it is about.

mod codes;
mod detail;
mod event;
mod policy;
#[cfg(test)]
mod tests;
mod values;

use thiserror::Error;

pub use codes::{
    AppealOutcome, KeyKind, Kind, LegalBasis, LegalOutcome, Measure, Purpose, ReviewOutcome, Side,
    Target,
};
pub use detail::{Detail, DetailTooLong};
pub use event::Event;
pub use policy::{NotThePolicyKey, PolicyKey, PolicyPublicKey, PublishedPolicy};
pub use values::{Day, Digest, Mark, Number, PolicyDigest, ReasonCode};

use crate::codec::Reader;
use crate::limits::MAX_ENTRY_LEN;
use crate::merkle::TreeHash;

/// Version byte of an entry.
const VERSION: u8 = 0x01;

/// One entry of the log, which everyone can read. It holds no personal data.
///
/// | bytes | field |
/// |---|---|
/// | 1 | version, 01 |
/// | 1 | kind |
/// | 4 | day |
/// | 16 | number |
/// | 0 to 100 | public fields of the kind |
/// | 32 | digest of the detail |
///
/// An entry has exactly one encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The day on which it happened.
    pub day: Day,
    /// Joins the entries of one report, one case or one grant.
    pub number: Number,
    /// What happened.
    pub event: Event,
    /// Digest of what it is about.
    pub digest: Digest,
}

impl Entry {
    /// The entry's bytes, which the tree hashes and the entry bundles hold.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(MAX_ENTRY_LEN);
        out.push(VERSION);
        out.push(self.event.kind().number());
        out.extend_from_slice(&self.day.0.to_be_bytes());
        out.extend_from_slice(self.number.as_bytes());
        self.event.encode_fields(&mut out);
        out.extend_from_slice(self.digest.as_bytes());
        out
    }

    /// Decodes an entry.
    ///
    /// # Errors
    /// [`EntryError`] if the bytes are not exactly one entry of a known version and kind.
    pub fn decode(bytes: &[u8]) -> Result<Self, EntryError> {
        // CHK-130: at most 256 bytes, a known version and kind, and exactly the kind's fields.
        if bytes.len() > MAX_ENTRY_LEN {
            return Err(EntryError::TooLong);
        }
        let mut reader = Reader::new(bytes);
        let version = reader.u8().ok_or(EntryError::Malformed)?;
        if version != VERSION {
            return Err(EntryError::UnknownVersion { version });
        }
        let kind = reader.u8().ok_or(EntryError::Malformed)?;
        let kind = Kind::from_number(kind).ok_or(EntryError::UnknownKind { kind })?;
        Self::decode_rest(kind, reader).ok_or(EntryError::Malformed)
    }

    fn decode_rest(kind: Kind, mut reader: Reader<'_>) -> Option<Self> {
        let entry = Self {
            day: Day(reader.u32()?),
            number: Number::from_bytes(reader.array()?),
            event: Event::decode_fields(kind, &mut reader)?,
            digest: Digest::from_bytes(reader.array()?),
        };
        reader.finish()?;
        Some(entry)
    }

    /// The hash of the entry as a leaf of the tree.
    pub fn leaf_hash(&self) -> TreeHash {
        TreeHash::of_leaf(&self.encode())
    }

    /// Whether the entry is about this detail.
    pub fn is_about(&self, detail: &Detail) -> bool {
        // CHK-131: the digest in the entry is that of the salt and the bytes.
        self.digest == detail.digest()
    }
}

/// The bytes are not an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EntryError {
    /// The bytes are more than [`MAX_ENTRY_LEN`].
    #[error("the entry is longer than 256 bytes")]
    TooLong,
    /// A later version of this crate wrote the entry. Read it after an update.
    #[error("the entry has version {version}, which is unknown; update, and read it again")]
    UnknownVersion {
        /// The version byte.
        version: u8,
    },
    /// A later version of this crate wrote the entry. Read it after an update.
    #[error("the entry has kind {kind}, which is unknown; update, and read it again")]
    UnknownKind {
        /// The number of the kind.
        kind: u8,
    },
    /// A field is missing, has an unknown number, or bytes follow.
    #[error("the entry is malformed")]
    Malformed,
}
