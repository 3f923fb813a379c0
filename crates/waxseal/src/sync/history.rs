//! History: the stored messages of one device, as a stream of sealed chunks for another device of
//! the same account.
//!
//! ```text
//! new device                                                  existing device
//! Request { id, first chunk 0 }  ---- sync record ---->  asks its user
//!                                <--- sync record -----  Offer { id, one-time key, round }
//!                                <--- mailboxes --------  chunk 0, 1, .., last
//! Request { id, first chunk n }  ---- sync record ---->  if chunks were lost on the way
//! ```
//!
//! Each message comes with its evidence, so that it can be reported from the new device too. The
//! one-time key travels in a sync record, over the sessions of the two devices. The provider, which
//! keeps the chunks for some minutes, sees their number and their lengths.

mod body;
mod chunk;
mod error;

use core::fmt;

use hkdf::Hkdf;
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::codec::Reader;
use crate::labels;

pub(crate) use self::body::{BodyWriter, HistoryMessage, HistoryRecord, records};
pub use self::chunk::OpenedChunk;
pub use self::error::ChunkError;

/// Maximum length of a chunk, in bytes: what one slot of a mailbox takes.
pub const MAX_CHUNK_LEN: usize = 98_304;

/// Length of a chunk's salt, in bytes.
const SALT_LEN: usize = 32;

/// Length of a chunk's authentication tag, in bytes.
const TAG_LEN: usize = 16;

/// Maximum length of what a chunk holds, in bytes.
const MAX_BODY_LEN: usize = MAX_CHUNK_LEN - (1 + 4 + 1 + SALT_LEN) - TAG_LEN;

/// Maximum number of chunks of one history: 6 GB. Bounds what an importing device takes.
pub const MAX_CHUNKS: u32 = 1 << 16;

/// Number of slots of one mailbox.
const SLOTS: u32 = 256;

/// The one-time key of one history: 32 random bytes.
///
/// The existing device draws it for one offer, and both devices destroy it when the last chunk was
/// taken. Every device of the account's roster can have it, since all of them get the sync record.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct HistoryKey([u8; HistoryKey::LEN]);

impl HistoryKey {
    /// Length of the key, in bytes.
    pub const LEN: usize = 32;

    /// Draws a random key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut key = Self([0; Self::LEN]);
        rng.fill_bytes(&mut key.0);
        key
    }

    /// Makes the key from its bytes.
    pub fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The key's bytes.
    pub(crate) fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// Where a chunk is posted in one round: the mailbox and the slot in it.
    ///
    /// ```text
    /// mailbox = HKDF(salt none, key, "waxseal/1/history-mailbox" || round be32 || number / 256
    /// be32, 16) slot    = number % 256
    /// ```
    ///
    /// A mailbox slot is never written twice. So a chunk that was lost is posted in another round.
    pub fn place(&self, round: u32, number: u32) -> Place {
        let block = (number / SLOTS).to_be_bytes();
        let info = [labels::HISTORY_MAILBOX, &round.to_be_bytes(), &block].concat();
        let mut mailbox = [0; 16];
        expand(&Hkdf::new(None, &self.0), &info, &mut mailbox);
        let slot = u8::try_from(number % SLOTS).unwrap_or_default(); // always below 256
        Place { mailbox, slot }
    }
}

impl fmt::Debug for HistoryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HistoryKey").finish_non_exhaustive()
    }
}

impl PartialEq for HistoryKey {
    fn eq(&self, other: &Self) -> bool {
        subtle::ConstantTimeEq::ct_eq(self.0.as_slice(), &other.0).into()
    }
}

impl Eq for HistoryKey {}

/// Where the provider keeps one chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The mailbox.
    pub mailbox: [u8; 16],
    /// The slot of the mailbox.
    pub slot: u8,
}

/// Names one request for a history: 16 random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub [u8; 16]);

/// A request for the history. 20 bytes: `id 16 || first chunk be32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The request. The same when the rest is asked for.
    pub id: RequestId,
    /// The first chunk that is missing.
    pub first: u32,
}

impl Request {
    pub(super) fn encode(&self) -> Vec<u8> {
        [self.id.0.as_slice(), &self.first.to_be_bytes()].concat()
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let id = RequestId(reader.array()?);
        let first = reader.u32().filter(|first| *first < MAX_CHUNKS)?;
        reader.is_empty().then_some(Self { id, first })
    }
}

/// The answer to a request. 56 bytes: `request 16 || key 32 || round be32 || first chunk be32`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The request that is answered.
    pub request: RequestId,
    /// The key under which all chunks are sealed.
    pub key: HistoryKey,
    /// The round in which the chunks are posted: see [`HistoryKey::place`].
    pub round: u32,
    /// The first chunk that is posted in this round.
    pub first: u32,
}

impl Offer {
    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(16 + HistoryKey::LEN + 4 + 4));
        out.extend_from_slice(&self.request.0);
        out.extend_from_slice(&self.key.0);
        out.extend_from_slice(&self.round.to_be_bytes());
        out.extend_from_slice(&self.first.to_be_bytes());
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let offer = Self {
            request: RequestId(reader.array()?),
            key: HistoryKey(reader.array()?),
            round: reader.u32()?,
            first: reader.u32().filter(|first| *first < MAX_CHUNKS)?,
        };
        reader.is_empty().then_some(offer)
    }
}

#[expect(
    clippy::expect_used,
    reason = "the only error is an output of more than 8,160 bytes"
)]
fn expand(derive: &Hkdf<Sha256>, info: &[u8], okm: &mut [u8]) {
    derive.expand(info, okm).expect("the output is short");
}

#[cfg(test)]
mod tests;
