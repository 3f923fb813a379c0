//! A request and its answer as HTTP has them, for any HTTP client.

use std::fmt;

use rand_core::CryptoRng;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::answer::AskedRequest;
use crate::error::ErrorBody;
use crate::name::BadName;

/// A request, ready to be sent. [`Request::ask`](crate::Request::ask) makes it.
///
/// An HTTP client adds the headers of its connection, such as `host` and `content-length`.
#[derive(Clone)]
pub struct HttpRequest {
    /// The method, such as `GET`.
    pub method: &'static str,
    /// The path and query, which begin with `/`.
    pub path: String,
    /// Names in lower case, and values.
    pub headers: Vec<(&'static str, String)>,
    /// The body. It is empty if the request has none.
    pub body: Vec<u8>,
}

impl HttpRequest {
    /// Makes the request of a route that a provider has besides those of
    /// [`Request`](crate::Request), and what authenticates its answer. The caller answers for the
    /// path.
    ///
    /// # Errors
    /// [`RequestError::BadToken`].
    pub fn ask(
        method: &'static str,
        path: String,
        content_type: Option<&'static str>,
        body: Vec<u8>,
        token: Option<&str>,
        rng: &mut impl CryptoRng,
    ) -> Result<(Self, AskedRequest), RequestError> {
        let asked = AskedRequest::new(method, &path, &body, rng);
        let mut headers = Vec::from(asked.headers());
        if let Some(token) = token {
            if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(RequestError::BadToken);
            }
            headers.push(("authorization", format!("Bearer {token}")));
        }
        if let Some(content_type) = content_type {
            headers.push(("content-type", content_type.to_owned()));
        }
        let request = Self {
            method,
            path,
            headers,
            body,
        };
        Ok((request, asked))
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The path has the names of accounts, and a header the token.
        let (method, len) = (self.method, self.body.len());
        write!(f, "HttpRequest({method}, {len} bytes)")
    }
}

/// Why a request cannot be sent. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The request is about an account whose name a relay does not accept.
    #[error(transparent)]
    BadName(#[from] BadName),
    /// The token has a character that could end the header in which it is sent. Sign in again.
    #[error("the token cannot be sent in a header: sign in again")]
    BadToken,
}

/// What came back. It is unverified until [`AskedRequest::is_authentic`] says that the relay made
/// it.
#[derive(Clone)]
pub struct HttpAnswer {
    /// The status, such as 200.
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl HttpAnswer {
    /// The value of the first header with this name. Upper and lower case are the same.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let header = headers.find(|(header, _)| header.eq_ignore_ascii_case(name))?;
        Some(&header.1)
    }

    /// Whether the status is one from 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Reads the JSON body of a success.
    ///
    /// # Errors
    /// [`AnswerError`].
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, AnswerError> {
        if !self.is_success() {
            return Err(self.refused());
        }
        serde_json::from_slice(&self.body).map_err(|_| AnswerError::Malformed)
    }

    /// The body of a success as it came, such as a receipt.
    ///
    /// # Errors
    /// [`AnswerError::Refused`].
    pub fn into_body(self) -> Result<Vec<u8>, AnswerError> {
        if self.is_success() {
            Ok(self.body)
        } else {
            Err(self.refused())
        }
    }

    /// Reads the body of a refusal, see [`ErrorBody::of_answer`].
    pub fn error(&self) -> ErrorBody {
        ErrorBody::of_answer(self.status, &self.body)
    }

    fn refused(&self) -> AnswerError {
        AnswerError::Refused {
            status: self.status,
            body: Box::new(self.error()),
        }
    }
}

impl fmt::Debug for HttpAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The body of a `Session` has a token.
        write!(f, "HttpAnswer({}, {} bytes)", self.status, self.body.len())
    }
}

/// Why an answer is not the body that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The relay refused the request.
    #[error("the relay refused ({status}): {}", body.message)]
    Refused {
        /// The status of the answer.
        status: u16,
        /// The body of the answer, with the reason.
        body: Box<ErrorBody>,
    },
    /// The answer does not follow this interface.
    #[error("the relay's answer is malformed: update this app, or tell the provider")]
    Malformed,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorCode, PreKeysLeft};

    fn answer(status: u16, body: &str) -> HttpAnswer {
        HttpAnswer {
            status,
            headers: vec![("Waxseal-Nonce".to_owned(), "n".to_owned())],
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn only_the_body_of_a_success_is_read_as_what_was_asked_for() {
        let left = r#"{"one_time_left":7}"#;
        let read = answer(200, left).json::<PreKeysLeft>().unwrap();
        assert_eq!(read.one_time_left, 7);
        for status in [199, 300, 404, 503] {
            let refused = answer(status, left).json::<PreKeysLeft>().unwrap_err();
            assert!(matches!(refused, AnswerError::Refused { .. }), "{status}");
        }
        let malformed = answer(200, "[]").json::<PreKeysLeft>();
        assert_eq!(malformed.unwrap_err(), AnswerError::Malformed);
        let refusal = answer(507, r#"{"error":"queue_full","message":"m"}"#);
        assert_eq!(refusal.error().error, ErrorCode::QueueFull);
        let refused = refusal.into_body().unwrap_err().to_string();
        assert_eq!(refused, "the relay refused (507): m");
    }

    #[test]
    fn a_header_is_found_by_its_name_in_any_case() {
        let answer = answer(200, "secret");
        assert_eq!(answer.header("waxseal-nonce"), Some("n"));
        assert_eq!(answer.header("waxseal-nonc"), None);
        assert_eq!(format!("{answer:?}"), "HttpAnswer(200, 6 bytes)");
    }
}
