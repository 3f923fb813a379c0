//! The header of a message on a chain, and its encryption, which is that of a session's header.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::{BODY_VERSION, ChainAd, ChainClaims, MAX_CHAIN_BODY_LEN};
use crate::codec::{Reader, put};
use crate::error::DecodeError;
use crate::header::{MAC_LEN, cipher, tag_of};
use crate::header_key::{HeaderKey, HeaderKeys};
use crate::labels;
use crate::message_key::TAG_LEN;

/// Length of a header in bytes, the same for every message.
pub(super) const CHAIN_HEADER_LEN: usize = 4 + 8 + 32 + 24;
/// Length of an encrypted header in bytes.
pub(super) const SEALED_HEADER_LEN: usize = CHAIN_HEADER_LEN + MAC_LEN;

/// Header of one message on a chain, in the clear.
///
/// | offset | bytes | field |
/// |---:|---:|---|
/// | 0 | 4 | `n`: number of this message in its chain, big-endian |
/// | 4 | 8 | `version` of the state that the sender knows, big-endian |
/// | 12 | 32 | `state_hash` |
/// | 44 | 24 | `roster`: the sender's claim about the roster of its own account |
#[derive(Clone, Copy)]
pub(super) struct ChainHeader {
    pub(super) n: u32,
    pub(super) claims: ChainClaims,
}

impl ChainHeader {
    pub(super) fn to_bytes(self) -> [u8; CHAIN_HEADER_LEN] {
        let mut bytes = [0; CHAIN_HEADER_LEN];
        let rest = put(&mut bytes, &self.n.to_be_bytes());
        let rest = put(rest, &self.claims.version.to_be_bytes());
        let rest = put(rest, &self.claims.state_hash);
        put(rest, &self.claims.roster);
        bytes
    }

    fn from_bytes(bytes: &[u8; CHAIN_HEADER_LEN]) -> Option<Self> {
        let (n, rest) = bytes.split_first_chunk()?;
        let (version, rest) = rest.split_first_chunk()?;
        let (state_hash, rest) = rest.split_first_chunk()?;
        Some(Self {
            n: u32::from_be_bytes(*n),
            claims: ChainClaims {
                version: u64::from_be_bytes(*version),
                state_hash: *state_hash,
                roster: *rest.first_chunk()?,
            },
        })
    }
}

/// MAC over `label || chain's associated data || body's tag || ciphertext`. The caller sends or
/// compares its first 16 bytes.
fn mac(keys: &HeaderKeys, ad: &ChainAd, tag: &[u8; TAG_LEN], ciphertext: &[u8]) -> Hmac<Sha256> {
    let mut mac = keys.mac.clone();
    mac.update(labels::CHAIN_HEADER_MAC);
    mac.update(&ad.0);
    mac.update(tag);
    mac.update(ciphertext);
    mac
}

/// Encrypts and authenticates a header. `tag` is the tag of the sealed body.
pub(super) fn seal(
    key: &HeaderKey,
    ad: &ChainAd,
    tag: &[u8; TAG_LEN],
    header: &[u8; CHAIN_HEADER_LEN],
) -> [u8; SEALED_HEADER_LEN] {
    let keys = key.keys();
    let mut ciphertext = *header;
    cipher(keys, tag, &mut ciphertext);
    let mac = mac(keys, ad, tag, &ciphertext).finalize().into_bytes();
    let mut sealed = [0; SEALED_HEADER_LEN];
    let fields = ciphertext.iter().chain(&mac);
    sealed
        .iter_mut()
        .zip(fields)
        .for_each(|(to, from)| *to = *from);
    sealed
}

/// The body of a message on a chain, taken apart and not yet authenticated.
///
/// | offset | bytes | field |
/// |---:|---:|---|
/// | 0 | 1 | version 04 |
/// | 1 | 68 | encrypted header |
/// | 69 | 16 | MAC of the header |
/// | 85 | n + 16 | encrypted plaintext of n bytes, and its tag |
pub(super) struct SealedBody<'a> {
    header: &'a [u8; CHAIN_HEADER_LEN],
    mac: &'a [u8; MAC_LEN],
    pub(super) ciphertext: &'a [u8],
    tag: &'a [u8; TAG_LEN],
}

impl<'a> SealedBody<'a> {
    pub(super) fn decode(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(BODY_VERSION, body, MAX_CHAIN_BODY_LEN)?;
        let header = reader.array()?;
        let mac = reader.array()?;
        let ciphertext = reader.rest();
        // CHK-14: the body has a tag.
        let tag = tag_of(ciphertext).ok_or(DecodeError::Malformed)?;
        Ok(Self {
            header,
            mac,
            ciphertext,
            tag,
        })
    }

    /// Decrypts the header. Returns `None` if it was not sealed under `key` on this chain.
    pub(super) fn open_header(&self, key: &HeaderKey, ad: &ChainAd) -> Option<ChainHeader> {
        let keys = key.keys();
        // The MAC comes first, compared in constant time: nothing is decrypted without it.
        mac(keys, ad, self.tag, self.header)
            .verify_truncated_left(self.mac)
            .ok()?;
        let mut header = *self.header;
        cipher(keys, self.tag, &mut header);
        ChainHeader::from_bytes(&header)
    }
}
