//! `HK`: the key of one chain's headers, and the two working keys that are derived from it.

use std::sync::OnceLock;

use hmac::digest::FixedOutput;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::labels;
use crate::secret::Secret;

/// `HK`: the key of one chain's headers.
///
/// A header is encrypted under one key and authenticated under another. Both are derived from this
/// one when the first header is sealed or tried, and are then kept alongside it. Exports hold only
/// this key, so neither export nor import derives anything.
pub(crate) struct HeaderKey {
    key: Secret<32>,
    derived: OnceLock<Box<HeaderKeys>>,
}

/// The two keys derived from a header key. They are wiped on drop and are never exported.
pub(crate) struct HeaderKeys {
    /// The ChaCha20 key.
    pub(crate) encryption: Secret<32>,
    /// HMAC that has taken in the MAC key but no input yet. This saves two hash compressions per
    /// MAC. It is as secret as the MAC key itself.
    pub(crate) mac: Hmac<Sha256>,
}

impl HeaderKey {
    pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self {
            key: Secret::from_bytes(bytes),
            derived: OnceLock::new(),
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Makes a second copy, for a candidate state that may still be discarded.
    pub(crate) fn duplicate(&self) -> Self {
        Self::from_bytes(self.as_bytes())
    }

    /// The two keys derived from this one. The first call derives them.
    pub(crate) fn keys(&self) -> &HeaderKeys {
        self.derived
            .get_or_init(|| Box::new(HeaderKeys::derive(self.as_bytes())))
    }
}

impl HeaderKeys {
    fn derive(key: &[u8; 32]) -> Self {
        let (encryption, mac) = derive(key);
        Self {
            encryption,
            mac: keyed(mac.as_bytes()),
        }
    }
}

/// Derives the encryption key and the MAC key.
fn derive(key: &[u8; 32]) -> (Secret<32>, Secret<32>) {
    // enc = HMAC(HK, label), mac = HMAC(HK, other label); both share one key schedule.
    let mut first = keyed(key);
    let mut second = first.clone();
    let mut encryption = Secret::from_bytes(&[0; 32]);
    first.update(labels::HEADER_ENCRYPTION);
    first.finalize_into(encryption.as_mut_bytes().into());
    let mut mac = Secret::from_bytes(&[0; 32]);
    second.update(labels::HEADER_AUTHENTICATION);
    second.finalize_into(mac.as_mut_bytes().into());
    (encryption, mac)
}

/// Makes an HMAC-SHA-256 that has taken in `key` but no input yet.
pub(crate) fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    // A key shorter than a block is padded with zeros.
    let mut block = Zeroizing::new([0; 64]);
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    Hmac::new((&*block).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    impl HeaderKey {
        /// Returns the encryption key and the MAC key, for the test vectors.
        pub(crate) fn parts(&self) -> [[u8; 32]; 2] {
            let (encryption, mac) = derive(self.as_bytes());
            [*encryption.as_bytes(), *mac.as_bytes()]
        }
    }

    #[test]
    fn the_kept_key_schedule_is_that_of_the_mac_key() {
        let key = HeaderKey::from_bytes(&[7; 32]);
        let [encryption, mac] = key.parts();
        assert_eq!(key.keys().encryption.as_bytes(), &encryption);
        let tag = |mut mac: Hmac<Sha256>| {
            mac.update(b"input");
            mac.finalize().into_bytes()
        };
        let fresh = Hmac::<Sha256>::new_from_slice(&mac).unwrap();
        assert_eq!(tag(key.keys().mac.clone()), tag(fresh));
        assert_ne!(encryption, mac);
    }
}
