//! How a client knows that an answer is the relay's, and made for its request.
//!
//! | header | in | bytes, as base64 |
//! |---|---|---|
//! | `waxseal-nonce` | request | 16 random bytes |
//! | `waxseal-nonce` | answer that opens a WebSocket | 16 random bytes of the relay |
//! | `waxseal-digest` | request | SHA-256 of the body |
//! | `waxseal-answer-mac` | answer to a device | [`AnswerMac`] under its delivery key |
//! | `waxseal-answer-signature` | other answers | the relay's signature, see [`answer_context`] |
//!
//! The digest is a header of its own, so that a refusal before the body was read is authenticated
//! too. A relay that reads the body compares it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use waxseal_reporting::relay::{AnswerMac, AnsweredRequest, DeliveryKey, RequestNonce};

use crate::proof::length_prefixed;

/// The header with the nonce of a request, or of the answer that opens a WebSocket.
pub const NONCE_HEADER: &str = "waxseal-nonce";
/// The header with the digest of the request's body.
pub const DIGEST_HEADER: &str = "waxseal-digest";
/// The header with the MAC over the answer.
pub const MAC_HEADER: &str = "waxseal-answer-mac";
/// The header with the relay's signature over the answer.
pub const SIGNATURE_HEADER: &str = "waxseal-answer-signature";

const SIGNED_ANSWER: &[u8] = b"waxseal/2/relay/answer";

/// A request, as far as the authentication of its answer covers it.
#[derive(Clone, Debug)]
pub struct AskedRequest {
    method: String,
    path: String,
    digest: [u8; 32],
    nonce: RequestNonce,
}

impl AskedRequest {
    /// The client's step: draws a nonce for a request.
    pub fn new(method: &str, path: &str, body: &[u8], rng: &mut impl CryptoRng) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            digest: Sha256::digest(body).into(),
            nonce: RequestNonce::generate(rng),
        }
    }

    /// The relay's step: the request with the values of its headers. Returns `None` if a value is
    /// not the base64 of as many bytes as it must have.
    pub fn received(method: &str, path: &str, nonce: &str, digest: &str) -> Option<Self> {
        Some(Self {
            method: method.to_owned(),
            path: path.to_owned(),
            digest: decode(digest)?,
            nonce: decode_nonce(nonce)?,
        })
    }

    /// The headers to send with the request, names and values.
    pub fn headers(&self) -> [(&'static str, String); 2] {
        [
            (NONCE_HEADER, STANDARD.encode(self.nonce.as_bytes())),
            (DIGEST_HEADER, STANDARD.encode(self.digest)),
        ]
    }

    /// The client's nonce.
    pub fn nonce(&self) -> &RequestNonce {
        &self.nonce
    }

    /// The SHA-256 of the request's body, as the client states it.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The relay's step: authenticates an answer for the device with this key. Returns the header's
    /// name and value, or `None` if the path is too long.
    pub fn mac(
        &self,
        key: &DeliveryKey,
        status: u16,
        body: &[u8],
    ) -> Option<(&'static str, String)> {
        let mac = AnswerMac::new(key, &self.answered()?, status, body);
        Some((MAC_HEADER, STANDARD.encode(mac.as_bytes())))
    }

    /// The relay's step: signs an answer to a client that it does not know as a device. Returns the
    /// header's name and value.
    pub fn sign(&self, relay: &SigningKey, status: u16, body: &[u8]) -> (&'static str, String) {
        let signature = relay.sign(&answer_context(self, status, body));
        (SIGNATURE_HEADER, STANDARD.encode(signature.to_bytes()))
    }

    /// The client's step: whether the relay made this answer to this request. `header` returns the
    /// value of a header of the answer, `relay_key` is the pinned relay key, and `delivery_key` is
    /// that of a device that is signed in. The relay makes a MAC for a device that it knows, and
    /// signs what it answers to anyone else, such as a device whose token expired.
    ///
    /// Treat an answer that is not authentic as a broken connection, whatever it says.
    pub fn is_authentic<'a>(
        &self,
        relay_key: &[u8; 32],
        delivery_key: Option<&DeliveryKey>,
        header: impl Fn(&'static str) -> Option<&'a str>,
        status: u16,
        body: &[u8],
    ) -> bool {
        match (delivery_key, header(MAC_HEADER)) {
            (Some(key), Some(mac)) => self.verify_mac(key, mac, status, body),
            _ => header(SIGNATURE_HEADER)
                .is_some_and(|by| self.verify_signature(relay_key, by, status, body)),
        }
    }

    /// Whether this MAC, as a header's value, authenticates the answer.
    fn verify_mac(&self, key: &DeliveryKey, mac: &str, status: u16, body: &[u8]) -> bool {
        let (Some(mac), Some(request)) = (decode(mac), self.answered()) else {
            return false;
        };
        let mac = AnswerMac::from_bytes(mac);
        mac.verify(key, &request, status, body).is_ok()
    }

    /// Whether this signature, as a header's value, is by the pinned relay key.
    fn verify_signature(
        &self,
        relay_key: &[u8; 32],
        signature: &str,
        status: u16,
        body: &[u8],
    ) -> bool {
        let Some(signature) = decode(signature) else {
            return false;
        };
        let context = answer_context(self, status, body);
        VerifyingKey::from_bytes(relay_key)
            .and_then(|key| key.verify_strict(&context, &Signature::from_bytes(&signature)))
            .is_ok()
    }

    fn answered(&self) -> Option<AnsweredRequest> {
        AnsweredRequest::with_digest(&self.method, &self.path, &self.digest, &self.nonce)
    }
}

/// The bytes that the relay key signs to authenticate an answer: method, path, digest of the
/// request's body, nonce, status and the answer's body.
pub fn answer_context(request: &AskedRequest, status: u16, body: &[u8]) -> Vec<u8> {
    length_prefixed(&[
        SIGNED_ANSWER,
        request.method.as_bytes(),
        request.path.as_bytes(),
        &request.digest,
        request.nonce.as_bytes(),
        &status.to_be_bytes(),
        body,
    ])
}

/// The nonce in a header's value. `None` if it is not the base64 of 16 bytes.
pub fn decode_nonce(text: &str) -> Option<RequestNonce> {
    decode(text).map(RequestNonce::from_bytes)
}

fn decode<const LEN: usize>(text: &str) -> Option<[u8; LEN]> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_authentic_for_its_request_status_and_body_only() {
        let rng = &mut rand::rng();
        let (key, relay) = (DeliveryKey::generate(rng), SigningKey::from_bytes(&[7; 32]));
        let relay_key = relay.verifying_key().to_bytes();
        let asked = AskedRequest::new("GET", "/v1/a", b"body", rng);
        let [(_, nonce), (_, digest)] = asked.headers();
        let received = AskedRequest::received("GET", "/v1/a", &nonce, &digest).unwrap();
        let (_, mac) = received.mac(&key, 200, b"answer").unwrap();
        let (_, signature) = received.sign(&relay, 200, b"answer");
        let authentic = |asked: &AskedRequest, status, body: &[u8]| {
            let by_mac = asked.verify_mac(&key, &mac, status, body);
            let by_signature = asked.verify_signature(&relay_key, &signature, status, body);
            assert_eq!(by_mac, by_signature);
            by_mac
        };
        assert!(authentic(&asked, 200, b"answer"));
        assert!(!authentic(&asked, 201, b"answer"));
        assert!(!authentic(&asked, 200, b"answer "));
        let other = |method: &str, path: &str, nonce: &str, digest: &str| {
            AskedRequest::received(method, path, nonce, digest).unwrap()
        };
        let other_nonce = STANDARD.encode([1; 16]);
        let other_digest = STANDARD.encode([1; 32]);
        for other in [
            other("PUT", "/v1/a", &nonce, &digest),
            other("GET", "/v1/b", &nonce, &digest),
            other("GET", "/v1/a", &other_nonce, &digest),
            other("GET", "/v1/a", &nonce, &other_digest),
        ] {
            assert!(!authentic(&other, 200, b"answer"));
        }
        let other_key = DeliveryKey::generate(rng);
        assert!(!asked.verify_mac(&other_key, &mac, 200, b"answer"));
        assert!(!asked.verify_mac(&key, "", 200, b"answer"));
        assert!(!asked.verify_signature(&[1; 32], &signature, 200, b"answer"));
        assert!(!asked.verify_signature(&relay_key, &mac, 200, b"answer"));
        assert!(AskedRequest::received("GET", "/", &digest, &digest).is_none());
        assert!(AskedRequest::received("GET", "/", &nonce, &nonce).is_none());
    }
}
