//! Authenticates the provider's answers to a device.
//!
//! What a device asks the provider for, such as the keys of a contact, decides whom it encrypts to.
//! A proxy that ends the encryption of the transport could replace an answer. The MAC binds each
//! answer to the request for which it was made, under the key that the provider shares with the
//! device.

use core::fmt;

use rand_core::CryptoRng;
use sha2::{Digest, Sha256};

use crate::codec::{len32, put_medium, put_short};
use crate::delivery::DeliveryKey;
use crate::labels;
use crate::mac;

/// Maximum length of a request's method, in bytes: its length has one byte.
pub const MAX_METHOD_LEN: usize = 255;

/// Maximum length of a request's path with its query, in bytes: its length has two bytes.
pub const MAX_PATH_LEN: usize = 65_535;

/// 16 random bytes that a device draws for each request and sends with it.
///
/// An answer that was recorded before does not pass for the answer to a later request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestNonce([u8; 16]);

impl RequestNonce {
    /// Draws a nonce.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// The nonce with these bytes, as the provider received it.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// A device's request, as far as the MAC of its answer covers it.
///
/// Device and provider each make it from what they sent and received. They agree only if nothing
/// was changed on the way.
#[derive(Clone, PartialEq, Eq)]
pub struct AnsweredRequest(Vec<u8>);

impl AnsweredRequest {
    /// The request with this method, path with its query, and body. `None` if method or path is
    /// longer than [`MAX_METHOD_LEN`] or [`MAX_PATH_LEN`]: refuse such a request.
    pub fn new(method: &str, path: &str, body: &[u8], nonce: &RequestNonce) -> Option<Self> {
        Self::with_digest(method, path, &Sha256::digest(body).into(), nonce)
    }

    /// The request of which only the SHA-256 of the body is known. A provider that refuses a
    /// request before it reads the body takes the digest that the device states.
    ///
    /// # Security
    /// A provider that reads the body must compare it with the digest before it acts.
    pub fn with_digest(
        method: &str,
        path: &str,
        body_digest: &[u8; 32],
        nonce: &RequestNonce,
    ) -> Option<Self> {
        if method.len() > MAX_METHOD_LEN || path.len() > MAX_PATH_LEN {
            return None;
        }
        let mut out = Vec::with_capacity(path.len().saturating_add(64));
        put_short(&mut out, method.as_bytes());
        put_medium(&mut out, path.as_bytes());
        out.extend_from_slice(body_digest);
        out.extend_from_slice(nonce.as_bytes());
        Some(Self(out))
    }
}

impl fmt::Debug for AnsweredRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnsweredRequest").finish_non_exhaustive()
    }
}

/// The provider's MAC over an answer. 32 bytes, sent with the answer.
///
/// ```text
/// HMAC-SHA-256(K_delivery, "waxseal/2/answer-mac" || short(method) || medium(path)
///     || SHA-256(request body) || nonce 16 || status be16 || long(body))
/// ```
///
/// No `PartialEq`: MACs are compared in constant time, by [`verify`](Self::verify).
///
/// ```
/// # use waxseal_reporting::relay::*;
/// # let mut rng = rand::rng();
/// # let key = DeliveryKey::generate(&mut rng);
/// let nonce = RequestNonce::generate(&mut rng); // sent with the request
/// let request = AnsweredRequest::new("GET", "/bundles/bob", b"", &nonce).ok_or("too long")?;
/// let mac = AnswerMac::new(&key, &request, 200, b"the bundle"); // on the provider's side
/// mac.verify(&key, &request, 200, b"the bundle")?; // on the device
/// # assert!(mac.verify(&key, &request, 200, b"another bundle").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct AnswerMac([u8; 32]);

impl AnswerMac {
    /// The provider's step: authenticates an answer for the device with this key.
    ///
    /// Every answer on which a device acts carries this MAC, also an answer that is an error.
    pub fn new(key: &DeliveryKey, request: &AnsweredRequest, status: u16, body: &[u8]) -> Self {
        let (status, len) = (status.to_be_bytes(), len32(body).to_be_bytes());
        let fields = [labels::ANSWER, &request.0, &status, &len, body];
        Self(mac::hmac(key.as_bytes(), &fields))
    }

    /// The device's step: checks that the provider made this answer to this request.
    ///
    /// # Errors
    /// [`AnswerError`] if it did not. Treat the answer like a broken connection.
    pub fn verify(
        &self,
        key: &DeliveryKey,
        request: &AnsweredRequest,
        status: u16,
        body: &[u8],
    ) -> Result<(), AnswerError> {
        // CHK-112: the answer MAC covers the request, its nonce, the status and the body.
        let (status, len) = (status.to_be_bytes(), len32(body).to_be_bytes());
        let fields = [labels::ANSWER, &request.0, &status, &len, body];
        if !mac::verify(key.as_bytes(), &fields, &self.0) {
            return Err(AnswerError);
        }
        Ok(())
    }

    /// The MAC with these bytes, as the device received it.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for AnswerMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnswerMac(..)")
    }
}

/// The provider did not make this answer to this request. Do not act on it; send the request again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer is not authenticated by the provider")]
pub struct AnswerError;

#[cfg(test)]
mod tests;
