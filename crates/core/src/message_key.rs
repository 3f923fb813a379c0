//! The key that encrypts one message's body. Here the two ratchets meet.

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::kdf::{MessageSeed, block32, hkdf};
use crate::labels;
use crate::post_quantum::PqMessageKey;

/// Length of an authentication tag in bytes.
pub(crate) const TAG_LEN: usize = 16;
/// Length of an AEAD nonce in bytes.
pub(crate) const NONCE_LEN: usize = 12;

/// AEAD key and nonce of one message's body. Sealing or opening consumes them, so they are used
/// once.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct MessageKey {
    key: [u8; 32],
    nonce: [u8; NONCE_LEN],
}

/// The body did not authenticate, or is longer than the AEAD can take.
pub(crate) struct AeadFailed;

impl MessageKey {
    /// Derives key and nonce from the keys that both ratchets give this message. They stay secret
    /// as long as either input does. The ratchets join nowhere else. (Double Ratchet, “The Triple
    /// Ratchet”)
    pub(crate) fn derive(seed: &MessageSeed, post_quantum: &PqMessageKey) -> Self {
        // key || nonce = HKDF(salt = post-quantum key, ikm = seed, info)
        let output = hkdf::<44>(
            post_quantum.as_bytes(),
            seed.as_bytes(),
            labels::MESSAGE_KEY,
        );
        let mut nonce = [0; NONCE_LEN];
        for (to, from) in nonce.iter_mut().zip(output.iter().skip(32)) {
            *to = *from;
        }
        Self {
            key: *block32(output.as_ref(), 0),
            nonce,
        }
    }

    /// Encrypts `buffer` in place and appends the tag.
    pub(crate) fn seal(
        self,
        associated_data: &[u8],
        buffer: &mut Vec<u8>,
    ) -> Result<(), AeadFailed> {
        ChaCha20Poly1305::new((&self.key).into())
            .encrypt_in_place((&self.nonce).into(), associated_data, buffer)
            .map_err(|_| AeadFailed)
    }

    /// Decrypts `buffer` in place and removes the tag. After a failure, `buffer` still holds the
    /// ciphertext.
    pub(crate) fn open(
        self,
        associated_data: &[u8],
        buffer: &mut Vec<u8>,
    ) -> Result<(), AeadFailed> {
        ChaCha20Poly1305::new((&self.key).into())
            .decrypt_in_place((&self.nonce).into(), associated_data, buffer)
            .map_err(|_| AeadFailed)
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wycheproof;
