//! Names of things in exports, which lead back to nothing.

use zeroize::Zeroizing;

use crate::{hash, labels};

/// Makes the pseudonyms of one case.
///
/// ```text
/// key       = HMAC(desk's secret, "waxseal/desk/1/pseudonym" || case 16)
/// pseudonym = HMAC(key, kind || 00 || id)[..16], in hexadecimal
/// ```
///
/// # Security
/// Whoever has an export learns from a pseudonym only what else has the same one. The desk can
/// compute them again.
pub struct Pseudonyms(Zeroizing<[u8; 32]>);

impl Pseudonyms {
    /// The pseudonyms under a key of 32 bytes.
    pub fn new(key: [u8; 32]) -> Self {
        Self(Zeroizing::new(key))
    }

    /// The pseudonyms of a case.
    pub(crate) fn of_case(secret: &[u8; 32], case: &[u8; 16]) -> Self {
        Self::new(hash::mac(secret, &[labels::PSEUDONYM, case]))
    }

    /// The pseudonym of something of a kind.
    pub(crate) fn of(&self, kind: &str, id: &[u8]) -> String {
        let mac = self.mac(kind, id);
        let bytes = mac.iter().take(16);
        bytes.map(|byte| format!("{byte:02x}")).collect()
    }

    /// A positive number of at most 63 bits for something of a kind.
    pub(crate) fn number(&self, kind: &str, id: &[u8]) -> u64 {
        let mac = self.mac(kind, id);
        let bytes = mac.first_chunk().copied().unwrap_or_default();
        u64::from_be_bytes(bytes) >> 1
    }

    fn mac(&self, kind: &str, id: &[u8]) -> [u8; 32] {
        hash::mac(&self.0, &[kind.as_bytes(), &[0], id])
    }
}
