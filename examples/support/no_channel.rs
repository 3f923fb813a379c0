//! What a forger commits with: a channel that encrypts nothing. It has no session with anyone and needs none.

use rand::CryptoRng;
use waxseal_reporting::SealingChannel;

/// Returns what it is given.
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
