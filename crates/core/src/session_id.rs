//! The name of a session, by which two devices tell each other which sessions they hold.

use core::fmt;

use sha2::{Digest, Sha256};

use crate::dh::DhPublicKey;
use crate::labels;
use crate::pqxdh::SessionAd;

/// Length of a [`SessionId`] in bytes.
pub const SESSION_ID_LEN: usize = 16;

/// Names a session. Both sides compute the same name, and different handshakes give different
/// names. A refusal lists the sessions that its sender holds, so that the other side can tell
/// whether its own session is among them.
///
/// The name is a hash of public values and needs no protection: the provider can compute it from
/// the first message.
///
/// # Size
/// 16 bytes: the first half of a SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId([u8; SESSION_ID_LEN]);

impl SessionId {
    pub(crate) fn of(ad: &SessionAd, base_key: &DhPublicKey) -> Self {
        // id = first 16 bytes of SHA-256(label || session associated data || base key)
        let mut hash = Sha256::new();
        hash.update(labels::SESSION_ID);
        hash.update(ad.as_bytes());
        hash.update(base_key.as_bytes());
        let mut id = [0; SESSION_ID_LEN];
        for (to, from) in id.iter_mut().zip(hash.finalize()) {
            *to = from;
        }
        Self(id)
    }

    /// Takes the 16 bytes of a name that the peer told.
    #[must_use]
    pub fn from_bytes(bytes: [u8; SESSION_ID_LEN]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; SESSION_ID_LEN] {
        &self.0
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(")?;
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests;
