//! A channel that encrypts nothing. With it, a forger commits to a message without a session.

use rand::CryptoRng;
use waxseal_reporting::sender::SealingChannel;

/// Returns the plaintext as the ciphertext.
pub struct NoChannel;

impl SealingChannel for NoChannel {
    type Error = std::convert::Infallible;

    fn encrypt(
        &mut self,
        plaintext: &[u8],
        _: &[u8],
        _: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, Self::Error> {
        Ok(plaintext.to_vec())
    }
}
