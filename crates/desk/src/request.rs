//! Signed requests: how an officer, or the relay, proves to the desk's server who asks.
//!
//! There are no sessions and no tokens, so there is none to steal. Each request is signed by
//! itself.

use waxseal_reporting::Timestamp;

use crate::codec::{put_medium, put_short};
use crate::officer::OfficerKey;
use crate::{hash, labels};

/// How far the clock of the caller and that of the server may differ: one minute.
pub const MAX_REQUEST_SKEW_MS: u64 = 60_000;

/// The SHA-256 of a request's body, 32 bytes. A server checks the signature over it before it reads
/// the body, so a caller without the key makes it read nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyDigest([u8; 32]);

impl BodyDigest {
    /// The digest of this body.
    pub fn of(body: &[u8]) -> Self {
        Self(hash::digest(&[], &[body]))
    }

    /// A digest that a caller sent. Compare it with that of the body, once it is read.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What a request to the desk's server says.
///
/// ```text
/// signature = Ed25519("waxseal/desk/1/request" || medium(origin) || short(method) || medium(path)
///     || at be64 || nonce 16 || SHA-256 of the body 32)
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RequestTerms<'a> {
    /// Origin of the desk's log, so that a request to one desk is none to another.
    pub origin: &'a str,
    /// The method, such as `GET`.
    pub method: &'a str,
    /// Path and query, as sent.
    pub path: &'a str,
    /// When the caller signed, by the caller's clock.
    pub at: Timestamp,
    /// 16 random bytes. A server takes each only once.
    pub nonce: [u8; 16],
    /// The digest of the body.
    pub body: BodyDigest,
}

impl RequestTerms<'_> {
    /// The bytes to sign. For a key that is not an officer's.
    pub fn message(&self) -> Vec<u8> {
        let mut out = labels::REQUEST.to_vec();
        put_medium(&mut out, self.origin.as_bytes());
        put_short(&mut out, self.method.as_bytes());
        put_medium(&mut out, self.path.as_bytes());
        out.extend_from_slice(&self.at.as_millis().to_be_bytes());
        out.extend_from_slice(&self.nonce);
        out.extend_from_slice(&self.body.0);
        out
    }

    /// Signs the request as an officer.
    pub fn sign(&self, key: &OfficerKey) -> [u8; 64] {
        key.sign(&self.message())
    }

    /// Whether the holder of this Ed25519 key signed exactly this request.
    pub fn is_signed_by(&self, key: &[u8; 32], signature: &[u8; 64]) -> bool {
        hash::is_signed(key, &self.message(), signature)
    }
}

#[cfg(test)]
mod tests;
