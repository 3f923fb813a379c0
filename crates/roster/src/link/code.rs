//! The code that a new device shows, as a QR code or as text.

use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use super::{LinkError, VERSION, version};
use crate::codec::Reader;
use crate::labels;
use crate::limits::MAX_TEXT_LEN;

/// What a new device shows to the account's manager: a digest of its bundle, and a secret that
/// leads to the mailbox.
///
/// ```text
/// 01 || SHA-256(label || bundle) 32 || secret 16
/// waxseal-link:<the same 49 bytes as base64url without padding>
/// ```
///
/// # Size
/// 49 bytes; 79 characters as text.
///
/// # Security
/// A code alone links nothing: the user also types digits. Yet anyone who sees the code can answer
/// it, so show it for 10 minutes at most.
pub struct LinkCode {
    digest: [u8; 32],
    secret: Box<[u8; 16]>,
}

impl LinkCode {
    /// Makes a code for a new device's encoded bundle, with a random secret.
    #[must_use]
    pub fn generate(bundle: &[u8], rng: &mut impl CryptoRng) -> Self {
        let mut secret = Zeroizing::new([0; 16]);
        rng.fill_bytes(secret.as_mut_slice());
        Self::new(bundle, &secret)
    }

    /// Makes the code for a new device's encoded bundle and a secret.
    #[must_use]
    pub fn new(bundle: &[u8], secret: &[u8; 16]) -> Self {
        Self {
            digest: digest(bundle),
            secret: Box::new(*secret),
        }
    }

    /// Reads the bytes of a QR code.
    ///
    /// # Errors
    /// [`LinkError`] if they are not a link code.
    pub fn decode(bytes: &[u8]) -> Result<Self, LinkError> {
        // CHK-260: longer bytes than a code can have are refused unread.
        if bytes.len() > LEN {
            return Err(LinkError::TooLong);
        }
        // CHK-261: the version comes first and must be known.
        version(bytes)?;
        let mut reader = Reader::new(bytes);
        let fields = |reader: &mut Reader<'_>| {
            reader.u8()?;
            Some((reader.array()?, Zeroizing::new(reader.array()?)))
        };
        // CHK-262: whole, without further bytes.
        let (digest, secret) = fields(&mut reader).ok_or(LinkError::Malformed)?;
        reader.finish().ok_or(LinkError::Malformed)?;
        let secret = Box::new(*secret);
        Ok(Self { digest, secret })
    }

    /// Writes the bytes of a QR code. They are wiped on drop.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(LEN));
        out.push(VERSION);
        out.extend_from_slice(&self.digest);
        out.extend_from_slice(self.secret.as_slice());
        out
    }

    /// Reads the text form. Spaces around it do not matter.
    ///
    /// # Errors
    /// [`LinkError`] if the text is not a link code.
    pub fn from_text(text: &str) -> Result<Self, LinkError> {
        if text.len() > MAX_TEXT_LEN {
            return Err(LinkError::TooLong);
        }
        let code = text
            .trim()
            .strip_prefix(PREFIX)
            .ok_or(LinkError::Malformed)?;
        let bytes = URL_SAFE_NO_PAD
            .decode(code)
            .map_err(|_| LinkError::Malformed)?;
        Self::decode(&Zeroizing::new(bytes))
    }

    /// Writes the text form, which is wiped on drop.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(TEXT_LEN));
        text.push_str(PREFIX);
        URL_SAFE_NO_PAD.encode_string(&*self.encode(), &mut text);
        text
    }

    /// Digest of the bundle.
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The secret, which both devices use as associated data of their session.
    #[must_use]
    pub fn secret(&self) -> &[u8; 16] {
        &self.secret
    }

    /// Number of the mailbox, which the relay sees. It does not tell the secret.
    #[must_use]
    pub fn mailbox(&self) -> [u8; 16] {
        let mut hash = Sha256::new_with_prefix(labels::LINK_MAILBOX);
        hash.update(self.secret.as_slice());
        let hash: [u8; 32] = hash.finalize().into();
        // A hash of 32 bytes always has a first half.
        *hash.first_chunk().unwrap_or(&[0; 16])
    }

    /// Whether an encoded bundle is the one of the device that shows this code.
    #[must_use]
    pub fn fits(&self, bundle: &[u8]) -> bool {
        // CHK-281: the bundle is the code's.
        digest(bundle).ct_eq(&self.digest).into()
    }
}

impl Drop for LinkCode {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl fmt::Debug for LinkCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkCode").finish_non_exhaustive()
    }
}

fn digest(bundle: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix(labels::LINK_BUNDLE);
    hash.update(bundle);
    hash.finalize().into()
}

/// What the text form starts with.
const PREFIX: &str = "waxseal-link:";
/// Length of a code in bytes.
const LEN: usize = 49;
/// Length of the text form in bytes.
const TEXT_LEN: usize = 79;
