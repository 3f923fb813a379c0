//! A channel that encrypts nothing, for tests and measurements of the code around a channel.

use core::convert::Infallible;

use rand_core::CryptoRng;
use waxseal_reporting::recipient::OpeningChannel;
use waxseal_reporting::sender::SealingChannel;
use zeroize::Zeroizing;

/// A channel that returns its input.
#[derive(Clone, Copy, Debug)]
pub struct Clear;

impl SealingChannel for Clear {
    type Error = Infallible;

    fn encrypt(
        &mut self,
        plaintext: &[u8],
        _: &[u8],
        _: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, Infallible> {
        Ok(plaintext.to_vec())
    }
}

impl OpeningChannel for Clear {
    type Error = Infallible;

    fn decrypt(&mut self, ciphertext: &[u8], _: &[u8]) -> Result<Zeroizing<Vec<u8>>, Infallible> {
        Ok(Zeroizing::new(ciphertext.to_vec()))
    }
}
