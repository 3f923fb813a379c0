//! A blocking client of the desk's server, for officers and for the relay.

use rand_core::CryptoRng;
use serde::Serialize;
use serde::de::DeserializeOwned;
use waxseal_desk::request::{BodyDigest, RequestTerms};
use waxseal_interface::HttpRequest;
use waxseal_interface::http::{Link, LinkError};
use waxseal_reporting::Timestamp;

use super::api::{DeskCode, DeskErrorBody};
use super::hex::Hex;
use super::{AT_HEADER, BODY_HEADER, KEY_HEADER, NONCE_HEADER, SIGNATURE_HEADER};

/// Who asks: signs a request.
pub trait DeskCaller {
    /// The public key.
    fn key(&self) -> [u8; 32];
    /// Signs these terms.
    fn sign(&self, terms: &RequestTerms<'_>) -> [u8; 64];
}

impl DeskCaller for waxseal_desk::officer::OfficerKey {
    fn key(&self) -> [u8; 32] {
        *self.id().as_bytes()
    }

    fn sign(&self, terms: &RequestTerms<'_>) -> [u8; 64] {
        terms.sign(self)
    }
}

impl DeskCaller for ed25519_dalek::SigningKey {
    fn key(&self) -> [u8; 32] {
        self.verifying_key().to_bytes()
    }

    fn sign(&self, terms: &RequestTerms<'_>) -> [u8; 64] {
        ed25519_dalek::Signer::sign(self, &terms.message()).to_bytes()
    }
}

/// The desk's server of one origin. Clone it for other threads.
#[derive(Clone, Debug)]
pub struct DeskClient {
    link: Link,
    origin: String,
}

impl DeskClient {
    /// A client of the server at this link.
    pub fn new(link: Link, origin: &str) -> Self {
        let origin = origin.to_owned();
        Self { link, origin }
    }

    /// Asks with GET, and returns the body.
    ///
    /// # Errors
    /// [`DeskError`].
    pub fn get(
        &self,
        caller: &impl DeskCaller,
        path: &str,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, DeskError> {
        self.ask(caller, ("GET", path), (None, Vec::new()), now, rng)
    }

    /// Asks with POST and binary content, and returns the body.
    ///
    /// # Errors
    /// [`DeskError`].
    pub fn post(
        &self,
        caller: &impl DeskCaller,
        path: &str,
        body: Vec<u8>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, DeskError> {
        let octets = "application/octet-stream";
        self.ask(caller, ("POST", path), (Some(octets), body), now, rng)
    }

    /// Asks with POST and JSON, and returns the body.
    ///
    /// # Errors
    /// [`DeskError`].
    pub fn post_json(
        &self,
        caller: &impl DeskCaller,
        path: &str,
        body: &impl Serialize,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, DeskError> {
        let body = serde_json::to_vec(body).map_err(|_| DeskError::Malformed)?;
        let json = "application/json";
        self.ask(caller, ("POST", path), (Some(json), body), now, rng)
    }

    fn ask(
        &self,
        caller: &impl DeskCaller,
        (method, path): (&'static str, &str),
        (content_type, body): (Option<&'static str>, Vec<u8>),
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, DeskError> {
        let mut nonce = [0; 16];
        rng.fill_bytes(&mut nonce);
        let terms = RequestTerms {
            origin: &self.origin,
            method,
            path,
            at: now,
            nonce,
            body: BodyDigest::of(&body),
        };
        let signature = caller.sign(&terms);
        let mut headers = vec![
            (KEY_HEADER, Hex(caller.key()).to_string()),
            (AT_HEADER, now.as_millis().to_string()),
            (NONCE_HEADER, Hex(nonce).to_string()),
            (BODY_HEADER, Hex(*terms.body.as_bytes()).to_string()),
            (SIGNATURE_HEADER, Hex(signature).to_string()),
        ];
        if let Some(content_type) = content_type {
            headers.push(("content-type", content_type.to_owned()));
        }
        let request = HttpRequest {
            method,
            path: path.to_owned(),
            headers,
            body,
        };
        let answer = self.link.call(&request)?;
        if (200..300).contains(&answer.status) {
            return Ok(answer.body);
        }
        let body = serde_json::from_slice(&answer.body);
        let body: DeskErrorBody = body.map_err(|_| DeskError::Malformed)?;
        Err(DeskError::Refused {
            code: body.error,
            message: body.message,
        })
    }
}

/// Reads an answer in JSON.
///
/// # Errors
/// [`DeskError::Malformed`].
pub fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, DeskError> {
    serde_json::from_slice(body).map_err(|_| DeskError::Malformed)
}

/// Why the desk's server did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeskError {
    /// The server was not reached.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The answer is not one of this version. Update the program or the server.
    #[error("the desk's answer is not one of this version; update the program or the desk")]
    Malformed,
    /// The server refused.
    #[error("{message}")]
    Refused {
        /// The reason, for programs.
        code: DeskCode,
        /// The reason, for people.
        message: String,
    },
}
