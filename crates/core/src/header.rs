//! The ratchet header and its encryption.

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::codec::put;
use crate::header_key::{HeaderKey, HeaderKeys};
use crate::labels;
use crate::message_key::{NONCE_LEN, TAG_LEN};
use crate::post_quantum::{HeaderPart, PART_LEN};
use crate::pqxdh::SessionAd;

/// Length of a header in bytes, the same for every message.
pub(crate) const HEADER_LEN: usize = 44 + PART_LEN;
/// Length of an encrypted header in bytes.
pub(crate) const SEALED_HEADER_LEN: usize = HEADER_LEN + MAC_LEN;
/// Length of a header's MAC in bytes: HMAC-SHA-256, of which the first half is sent.
pub(crate) const MAC_LEN: usize = 16;

/// Header of one message, in the clear.
///
/// | offset | bytes | field |
/// |---:|---:|---|
/// | 0 | 32 | `dh`: sender's ratchet public key |
/// | 32 | 4 | `pn`: messages in the sender's previous chain, big-endian |
/// | 36 | 4 | `n`: number of this message in its chain, big-endian |
/// | 40 | 4 | `selection`: how recent the sender's choice of this session is, big-endian |
/// | 44 | 39 | `post_quantum`: see [`HeaderPart`] |
#[derive(Clone, Copy)]
pub(crate) struct Header {
    /// Not yet checked as a curve point: the key is used only if this header starts a chain.
    pub(crate) dh: [u8; 32],
    pub(crate) pn: u32,
    pub(crate) n: u32,
    pub(crate) selection: u32,
    pub(crate) post_quantum: HeaderPart,
}

impl Header {
    pub(crate) fn to_bytes(self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        let rest = put(&mut bytes, &self.dh);
        let rest = put(rest, &self.pn.to_be_bytes());
        let rest = put(rest, &self.n.to_be_bytes());
        let rest = put(rest, &self.selection.to_be_bytes());
        put(rest, &self.post_quantum.to_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; HEADER_LEN]) -> Option<Self> {
        let (dh, rest) = bytes.split_first_chunk()?;
        let (pn, rest) = rest.split_first_chunk()?;
        let (n, rest) = rest.split_first_chunk()?;
        let (selection, rest) = rest.split_first_chunk()?;
        Some(Self {
            dh: *dh,
            pn: u32::from_be_bytes(*pn),
            n: u32::from_be_bytes(*n),
            selection: u32::from_be_bytes(*selection),
            post_quantum: HeaderPart::from_bytes(rest.first_chunk()?)?,
        })
    }
}

/// Returns the tag of a sealed body, which the encryption of the message's header depends on.
///
/// The first 12 bytes of the tag are the header's nonce, and the header's MAC covers all 16. Each
/// tag is made under a key that serves one message. The nonce is therefore as good as random, and
/// needs neither extra bytes nor a random generator. A header also opens only together with the tag
/// it was made with. SPEC.md, “Header encryption”, bounds the chance that two nonces are equal.
pub(crate) fn tag_of(body: &[u8]) -> Option<&[u8; TAG_LEN]> {
    body.last_chunk()
}

/// Length of what a header's MAC covers.
const MAC_INPUT_LEN: usize = labels::HEADER_MAC.len() + 32 + TAG_LEN + HEADER_LEN;

/// What a header's MAC covers: `label || session associated data || body's tag || ciphertext`.
struct MacInput([u8; MAC_INPUT_LEN]);

impl MacInput {
    fn new(ad: &SessionAd, tag: &[u8; TAG_LEN], ciphertext: &[u8; HEADER_LEN]) -> Self {
        let mut bytes = [0; MAC_INPUT_LEN];
        let rest = put(&mut bytes, labels::HEADER_MAC);
        let rest = put(rest, ad.as_bytes());
        let rest = put(rest, tag);
        put(rest, ciphertext);
        Self(bytes)
    }

    /// Puts this input into the MAC, whose first 16 bytes the caller sends or compares.
    fn mac(&self, keys: &HeaderKeys) -> Hmac<Sha256> {
        let mut mac = keys.mac.clone();
        mac.update(&self.0);
        mac
    }
}

/// Encrypts or decrypts a header: ChaCha20 from counter 0, under a nonce from the body's tag.
pub(crate) fn cipher(keys: &HeaderKeys, tag: &[u8; TAG_LEN], header: &mut [u8]) {
    let [nonce @ .., _, _, _, _] = tag;
    let nonce: &[u8; NONCE_LEN] = nonce;
    ChaCha20::new(keys.encryption.as_bytes().into(), nonce.into()).apply_keystream(header);
}

/// Encrypts and authenticates a header. `tag` is the tag of the sealed body, see [`tag_of`].
pub(crate) fn seal(
    key: &HeaderKey,
    ad: &SessionAd,
    tag: &[u8; TAG_LEN],
    header: &[u8; HEADER_LEN],
) -> Vec<u8> {
    let keys = key.keys();
    let mut ciphertext = *header;
    cipher(keys, tag, &mut ciphertext);
    let mac = MacInput::new(ad, tag, &ciphertext).mac(keys);
    let mac = mac.finalize().into_bytes();
    let mut sealed = Vec::with_capacity(SEALED_HEADER_LEN);
    sealed.extend_from_slice(&ciphertext);
    sealed.extend(mac.iter().take(MAC_LEN));
    sealed
}

/// An encrypted header, ready to be tried under the header keys of one session.
///
/// What the MAC covers is laid out once, so a trial costs one MAC. Only the header key that made
/// the MAC goes on to decrypt.
pub(crate) struct SealedHeader<'a> {
    input: MacInput,
    tag: &'a [u8; TAG_LEN],
    ciphertext: &'a [u8; HEADER_LEN],
    mac: &'a [u8],
}

impl<'a> SealedHeader<'a> {
    pub(crate) fn new(
        ad: &SessionAd,
        tag: &'a [u8; TAG_LEN],
        sealed: &'a [u8; SEALED_HEADER_LEN],
    ) -> Option<Self> {
        let (ciphertext, mac) = sealed.split_first_chunk()?;
        Some(Self {
            input: MacInput::new(ad, tag, ciphertext),
            tag,
            ciphertext,
            mac,
        })
    }

    /// Decrypts the header. Returns `None` if it was not sealed under `key`, or has an unknown kind
    /// of post-quantum chunk.
    pub(crate) fn open(&self, key: &HeaderKey) -> Option<Header> {
        let keys = key.keys();
        // The MAC comes first, compared in constant time: nothing is decrypted without it.
        let mac = self.input.mac(keys);
        mac.verify_truncated_left(self.mac).ok()?;
        let mut header = *self.ciphertext;
        cipher(keys, self.tag, &mut header);
        Header::from_bytes(&header)
    }
}

#[cfg(test)]
mod tests;
