//! Requests as bytes, which no honest program would send.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use waxseal_desk::request::{BodyDigest, RequestTerms};
use waxseal_relay::desk::{DeskCaller, DeskCode, DeskErrorBody, Hex};
use waxseal_reporting::Timestamp;

use super::{ORIGIN, Office, SOON, now};

/// A signed request as it goes over the wire.
#[derive(Clone)]
pub struct Raw {
    pub method: &'static str,
    pub path: String,
    pub at: Timestamp,
    pub key: [u8; 32],
    pub nonce: [u8; 16],
    pub digest: BodyDigest,
    pub signature: [u8; 64],
    pub body: Vec<u8>,
}

impl Raw {
    pub fn signed_at(
        caller: &impl DeskCaller,
        (method, path): (&'static str, &str),
        body: &[u8],
        origin: &str,
        at: Timestamp,
    ) -> Self {
        let nonce = rand::random();
        let terms = RequestTerms {
            origin,
            method,
            path,
            at,
            nonce,
            body: BodyDigest::of(body),
        };
        Self {
            method,
            path: path.to_owned(),
            at,
            key: caller.key(),
            nonce,
            digest: terms.body,
            signature: caller.sign(&terms),
            body: body.to_vec(),
        }
    }

    pub fn get(caller: &impl DeskCaller, path: &str) -> Self {
        Self::signed_at(caller, ("GET", path), b"", ORIGIN, now())
    }

    pub fn head(&self) -> String {
        format!(
            "{} {} HTTP/1.1\r\nhost: desk\r\nconnection: close\r\nwaxseal-key: {}\r\n\
             waxseal-at: {}\r\nwaxseal-nonce: {}\r\nwaxseal-body: {}\r\nwaxseal-signature: {}\r\n",
            self.method,
            self.path,
            Hex(self.key),
            self.at.as_millis(),
            Hex(self.nonce),
            Hex(*self.digest.as_bytes()),
            Hex(self.signature),
        )
    }

    pub fn bytes(&self) -> Vec<u8> {
        let head = format!("{}content-length: {}\r\n\r\n", self.head(), self.body.len());
        [head.as_bytes(), &self.body].concat()
    }

    pub fn send(&self, office: &Office) -> (u16, Option<DeskCode>) {
        send(office, &self.bytes())
    }
}

/// Sends bytes, and returns the status and the code of the answer. 0 if there is no answer.
pub fn send(office: &Office, request: &[u8]) -> (u16, Option<DeskCode>) {
    let mut stream = TcpStream::connect(office.address()).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    // The server may answer and close the connection before it has read everything.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.split(' ').nth(1);
    let status = status.and_then(|status| status.parse().ok());
    let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
    let body: Option<DeskErrorBody> = serde_json::from_str(body).ok();
    (status.unwrap_or(0), body.map(|body| body.error))
}
