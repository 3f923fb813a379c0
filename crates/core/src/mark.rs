//! Marks against set-back: how a device learns from its provider that its store is older than what
//! it once posted.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::identity::IdentityKeyPair;
use crate::kdf::hkdf;
use crate::labels;
use crate::secret::with_wiped_stack;

/// Length of a mark in bytes: a counter of 8 bytes and a MAC of 32.
pub const MARK_LEN: usize = 40;

/// Length of the counter in a mark, in bytes.
const COUNTER_LEN: usize = 8;

impl IdentityKeyPair {
    /// Makes the mark of a counter, which the device raises with everything that it posts.
    ///
    /// The device sends the mark to its provider, which keeps the one with the highest counter and
    /// returns it later. If it is higher than the device's own counter, the device uses an earlier
    /// state again. The provider can withhold a mark, and cannot make one. (SPEC, “Marks”)
    ///
    /// # Size
    /// 40 bytes: counter be64, HMAC-SHA-256 (32). The counter is public.
    #[must_use]
    pub fn mark(&self, counter: u64) -> [u8; MARK_LEN] {
        let counter = counter.to_be_bytes();
        let tag = with_wiped_stack(|| self.mark_mac(&counter).finalize().into_bytes());
        let mut mark = [0; MARK_LEN];
        for (to, from) in mark.iter_mut().zip(counter.into_iter().chain(tag)) {
            *to = from;
        }
        mark
    }

    /// Returns the counter of a mark that this identity made. `None` if it did not make the mark.
    #[must_use]
    pub fn verify_mark(&self, mark: &[u8; MARK_LEN]) -> Option<u64> {
        let (counter, tag) = mark.split_first_chunk::<COUNTER_LEN>()?;
        // CHK-99: this identity made the mark, for this counter.
        with_wiped_stack(|| self.mark_mac(counter).verify_slice(tag)).ok()?;
        Some(u64::from_be_bytes(*counter))
    }

    /// The MAC over a counter, keyed and fed.
    fn mark_mac(&self, counter: &[u8; COUNTER_LEN]) -> Hmac<Sha256> {
        // k = HKDF(salt = 0, ikm = Ed25519 seed || X25519 private key, info = label)
        // mark = counter || HMAC(k, counter)
        let secrets = self.secret_bytes();
        let key = hkdf::<32>(&[0; 32], &*secrets, labels::MARK);
        let mut block = Zeroizing::new([0; 64]);
        for (to, from) in block.iter_mut().zip(key.iter()) {
            *to = *from;
        }
        let mut mac = Hmac::<Sha256>::new((&*block).into());
        mac.update(counter);
        mac
    }
}

#[cfg(test)]
mod tests;
