//! The ratchet header and its encryption.

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Tag};

use crate::codec::put;
use crate::kdf::HeaderKey;
use crate::labels;
use crate::message_key::{NONCE_LEN, TAG_LEN};
use crate::post_quantum::{HeaderPart, PART_LEN};
use crate::pqxdh::SessionAd;

/// Length of a header in bytes, the same for every message.
pub(crate) const HEADER_LEN: usize = 44 + PART_LEN;
/// Length of an encrypted header in bytes.
pub(crate) const SEALED_HEADER_LEN: usize = HEADER_LEN + TAG_LEN;

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

/// Returns the nonce of a header: the first 12 bytes of its body's tag.
///
/// The key under which a tag is made is used for one message only, so the tag is as good as random.
/// Taking the nonce from it needs neither extra bytes nor a random generator. It also ties a header
/// to its body: the header opens only together with the tag it was made with. SPEC.md, “Header
/// encryption”, bounds the chance that two nonces are equal.
pub(crate) fn nonce_of(body: &[u8]) -> Option<[u8; NONCE_LEN]> {
    body.last_chunk::<TAG_LEN>()?.first_chunk().copied()
}

/// Associated data of the header: `label || session associated data`. It is built once per message
/// and used for every header key that is tried.
pub(crate) struct HeaderAd([u8; labels::HEADER.len() + 32]);

impl HeaderAd {
    pub(crate) fn new(ad: &SessionAd) -> Self {
        let mut bytes = [0; labels::HEADER.len() + 32];
        for (to, from) in bytes
            .iter_mut()
            .zip(labels::HEADER.iter().chain(ad.as_bytes()))
        {
            *to = *from;
        }
        Self(bytes)
    }
}

/// Encrypts a header. `nonce` comes from the sealed body, see [`nonce_of`].
pub(crate) fn seal(
    key: &HeaderKey,
    nonce: &[u8; NONCE_LEN],
    ad: &HeaderAd,
    header: &[u8; HEADER_LEN],
) -> Option<Vec<u8>> {
    let mut buffer = Vec::with_capacity(SEALED_HEADER_LEN);
    buffer.extend_from_slice(header);
    let cipher = ChaCha20Poly1305::new(key.as_bytes().into());
    cipher
        .encrypt_in_place(nonce.into(), &ad.0, &mut buffer)
        .ok()?;
    Some(buffer)
}

/// Decrypts a header. Returns `None` if it was not encrypted under `key`.
pub(crate) fn open(
    key: &HeaderKey,
    nonce: &[u8; NONCE_LEN],
    ad: &HeaderAd,
    sealed: &[u8; SEALED_HEADER_LEN],
) -> Option<Header> {
    let (ciphertext, tag) = sealed.split_first_chunk::<HEADER_LEN>()?;
    let tag = Tag::try_from(tag).ok()?;
    let mut header = *ciphertext;
    let cipher = ChaCha20Poly1305::new(key.as_bytes().into());
    cipher
        .decrypt_inout_detached(nonce.into(), &ad.0, header.as_mut_slice().into(), &tag)
        .ok()?;
    Header::from_bytes(&header)
}

#[cfg(test)]
mod tests;
