//! The key that encrypts one message's body. Here the two ratchets meet.

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::codec::put;
use crate::kdf::{MessageSeed, block32, hkdf};
use crate::labels;
use crate::post_quantum::PqMessageKey;

/// Length of an authentication tag in bytes.
pub(crate) const TAG_LEN: usize = 16;
/// Length of an AEAD nonce in bytes.
pub(crate) const NONCE_LEN: usize = 12;

/// Associated data of one body, with its hash.
///
/// `associated data of the session or chain || header || caller's associated data`; the first two
/// have fixed lengths.
pub(crate) struct BodyAd {
    bytes: Vec<u8>,
    digest: [u8; 32],
}

impl BodyAd {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        let digest = Sha256::digest(&bytes).into();
        Self { bytes, digest }
    }
}

/// AEAD key and nonce of one message's body, with the associated data that they were derived for.
///
/// Sealing or opening consumes them, so they serve once. They serve for no other associated data.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct MessageKey<'a> {
    key: [u8; 32],
    nonce: [u8; NONCE_LEN],
    #[zeroize(skip)]
    ad: &'a BodyAd,
}

/// The body did not authenticate, or is longer than the AEAD can take.
pub(crate) struct AeadFailed;

impl<'a> MessageKey<'a> {
    /// Derives key and nonce from the keys that both ratchets give this message, and from its
    /// associated data.
    ///
    /// They stay secret as long as either key does. The ratchets join nowhere else. (Double
    /// Ratchet, “The Triple Ratchet”)
    ///
    /// The associated data hold the header and what the caller binds to the message. A device that
    /// is set back to an earlier state therefore derives another key for a message with other
    /// associated data, though both ratchets give it the same keys again.
    pub(crate) fn derive(seed: &MessageSeed, post_quantum: &PqMessageKey, ad: &'a BodyAd) -> Self {
        let mut info = [0; labels::MESSAGE_KEY.len() + 32];
        // CHK-48: a body opens only under the key that its own associated data give.
        let rest = put(&mut info, labels::MESSAGE_KEY);
        put(rest, &ad.digest);
        // One HKDF takes in both ratchets' keys and the associated data:
        // key || nonce = HKDF(salt = post-quantum key, ikm = seed, info = label || SHA-256(AD))
        let output = hkdf::<44>(post_quantum.as_bytes(), seed.as_bytes(), &info);
        Self::of_output(&output, ad)
    }

    /// Derives key and nonce from the key that a sender chain gives this message, and from its
    /// associated data. What a device that is set back seals therefore has another key, too.
    pub(crate) fn derive_in_chain(seed: &MessageSeed, ad: &'a BodyAd) -> Self {
        let mut info = [0; labels::CHAIN_MESSAGE.len() + 32];
        // CHK-48: a body opens only under the key that its own associated data give.
        let rest = put(&mut info, labels::CHAIN_MESSAGE);
        put(rest, &ad.digest);
        // key || nonce = HKDF(salt = 0, ikm = seed, info = label || SHA-256(AD))
        let output = hkdf::<44>(&[0; 32], seed.as_bytes(), &info);
        Self::of_output(&output, ad)
    }

    fn of_output(output: &Zeroizing<[u8; 44]>, ad: &'a BodyAd) -> Self {
        let mut nonce = [0; NONCE_LEN];
        for (to, from) in nonce.iter_mut().zip(output.iter().skip(32)) {
            *to = *from;
        }
        Self {
            key: *block32(output.as_ref(), 0),
            nonce,
            ad,
        }
    }

    /// Encrypts `buffer` in place and appends the tag.
    pub(crate) fn seal(self, buffer: &mut Vec<u8>) -> Result<(), AeadFailed> {
        #[cfg(test)]
        tests::record(&self);
        ChaCha20Poly1305::new((&self.key).into())
            .encrypt_in_place((&self.nonce).into(), &self.ad.bytes, buffer)
            .map_err(|_| AeadFailed)
    }

    /// Decrypts `buffer` in place and removes the tag. After a failure, `buffer` still holds the
    /// ciphertext.
    pub(crate) fn open(self, buffer: &mut Vec<u8>) -> Result<(), AeadFailed> {
        ChaCha20Poly1305::new((&self.key).into())
            .decrypt_in_place((&self.nonce).into(), &self.ad.bytes, buffer)
            .map_err(|_| AeadFailed)
    }
}

#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
mod wycheproof;
