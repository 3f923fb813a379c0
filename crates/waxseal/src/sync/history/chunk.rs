//! Chunks: a part of the history, sealed so that no part can be left out, repeated or moved.

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use hkdf::Hkdf;
use rand_core::CryptoRng;
use waxseal_reporting::AccountId;
use zeroize::Zeroizing;

use super::body::{HistoryRecord, records};
use super::error::ChunkError;
use super::{
    HistoryKey, MAX_BODY_LEN, MAX_CHUNK_LEN, MAX_CHUNKS, RequestId, SALT_LEN, TAG_LEN, expand,
};
use crate::labels;
use crate::sync::codec::Reader;

/// The version byte of a chunk.
const VERSION: u8 = 2;

/// The version byte of a chunk of an earlier version, which names no account keys.
pub(super) const EARLIER_VERSION: u8 = 1;

/// What a chunk holds.
pub struct OpenedChunk {
    /// Whether this is the last chunk of the history.
    pub is_last: bool,
    /// The records.
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl OpenedChunk {
    /// How many messages the chunk holds that are of this account, and how many others, which are
    /// refused.
    ///
    /// # Errors
    /// [`ChunkError::Malformed`] if the records do not have their form.
    pub fn count(&self, account: &AccountId) -> Result<(usize, usize), ChunkError> {
        let (mut conversation, mut taken, mut refused) = (None, 0_usize, 0_usize);
        for record in records(&self.body) {
            let belongs = match record? {
                HistoryRecord::Conversation(named) => {
                    conversation = Some(named);
                    continue;
                }
                HistoryRecord::Message(message) => {
                    let conversation = conversation.as_ref().ok_or(ChunkError::Malformed)?;
                    message.belongs(account, conversation)
                }
                HistoryRecord::Refused => false,
            };
            let count = if belongs { &mut taken } else { &mut refused };
            *count = count.saturating_add(1);
        }
        Ok((taken, refused))
    }
}

impl core::fmt::Debug for OpenedChunk {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("OpenedChunk")
            .field("is_last", &self.is_last)
            .finish_non_exhaustive()
    }
}

impl HistoryKey {
    /// Seals a chunk.
    ///
    /// ```text
    /// key 32 || nonce 12 = HKDF(salt, history key, "waxseal/1/history-chunk", 44)
    /// ad    = "waxseal/1/history-place" || request 16 || number be32 || last u8 || 02
    /// chunk = 02 || number be32 || last u8 || salt 32 || ChaCha20-Poly1305(key, nonce, ad,
    /// records)
    /// ```
    ///
    /// Each chunk has a fresh salt, and so a key of its own: a chunk that is sealed again, when a
    /// message in it was deleted meanwhile, uses no key stream twice. `None` if the body is too
    /// long, or the number too high.
    ///
    /// [`Client::history_chunk`](crate::Client::history_chunk) fills chunks and seals them.
    pub fn seal_chunk(
        &self,
        request: RequestId,
        number: u32,
        is_last: bool,
        body: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Option<Vec<u8>> {
        self.seal_as(VERSION, (request, number, is_last), body, rng)
    }

    pub(super) fn seal_as(
        &self,
        version: u8,
        (request, number, is_last): (RequestId, u32, bool),
        body: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Option<Vec<u8>> {
        if body.len() > MAX_BODY_LEN || number >= MAX_CHUNKS {
            return None;
        }
        let mut salt = [0; SALT_LEN];
        rng.fill_bytes(&mut salt);
        let mut sealed = Zeroizing::new(Vec::with_capacity(body.len().saturating_add(TAG_LEN)));
        sealed.extend_from_slice(body);
        let (cipher, nonce) = self.cipher(&salt);
        let ad = associated_data(version, (request, number, is_last));
        cipher
            .encrypt_in_place((&nonce).into(), &ad, &mut *sealed)
            .ok()?;
        let number = number.to_be_bytes();
        Some([&[version], &number[..], &[is_last.into()], &salt, &sealed].concat())
    }

    /// Opens the chunk with this number.
    ///
    /// [`Client::import_history`](crate::Client::import_history) opens chunks and takes them.
    ///
    /// # Errors
    /// [`ChunkError`].
    pub fn open_chunk(
        &self,
        request: RequestId,
        number: u32,
        chunk: &[u8],
    ) -> Result<OpenedChunk, ChunkError> {
        // The length is checked before anything is copied.
        if chunk.len() > MAX_CHUNK_LEN {
            return Err(ChunkError::Malformed);
        }
        let mut reader = Reader::new(chunk);
        let version = match reader.u8() {
            Some(version @ (VERSION | EARLIER_VERSION)) => version,
            Some(_) => return Err(ChunkError::OtherVersion),
            None => return Err(ChunkError::Malformed),
        };
        // CHK-345: the chunk is the next one of this history. Its number, and whether it is the
        // last one, are authenticated with it.
        if reader.u32().ok_or(ChunkError::Malformed)? != number {
            return Err(ChunkError::OtherChunk);
        }
        let is_last = reader.flag().ok_or(ChunkError::Malformed)?;
        let salt = reader.array().ok_or(ChunkError::Malformed)?;
        let mut body = Zeroizing::new(reader.rest().to_vec());
        let (cipher, nonce) = self.cipher(&salt);
        let ad = associated_data(version, (request, number, is_last));
        cipher
            .decrypt_in_place((&nonce).into(), &ad, &mut *body)
            .map_err(|_| ChunkError::Unauthenticated)?;
        Ok(OpenedChunk { is_last, body })
    }

    fn cipher(&self, salt: &[u8; SALT_LEN]) -> (ChaCha20Poly1305, [u8; 12]) {
        let mut okm = Zeroizing::new([0; 44]);
        let derive = Hkdf::new(Some(salt), &self.0);
        expand(&derive, labels::HISTORY_CHUNK, okm.as_mut_slice());
        let (mut key, mut nonce) = (Zeroizing::new([0; 32]), [0; 12]);
        let (key_part, nonce_part) = okm.split_at(32);
        key.copy_from_slice(key_part);
        nonce.copy_from_slice(nonce_part);
        (ChaCha20Poly1305::new((&*key).into()), nonce)
    }
}

fn associated_data(version: u8, (request, number, is_last): (RequestId, u32, bool)) -> Vec<u8> {
    let number = number.to_be_bytes();
    let last = [u8::from(is_last)];
    // The earlier version has no byte for it.
    let version: &[u8] = match version {
        EARLIER_VERSION => &[],
        _ => &[version],
    };
    [labels::HISTORY_PLACE, &request.0, &number, &last, version].concat()
}
