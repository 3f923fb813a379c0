//! A blocking way to a relay: [`Request`](crate::Request)s over HTTP, deliveries over a WebSocket.
//!
//! ```no_run
//! use waxseal_interface::http::Link;
//! use waxseal_interface::{RelayCard, Request};
//!
//! let link = Link::new("https://relay.example")?;
//! let (request, _) = Request::Card.ask(None, &mut rand::rng())?;
//! let card: RelayCard = link.call(&request)?.json()?;
//! card.verify()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Nothing here checks who made an answer or a frame. Use
//! [`AskedRequest::is_authentic`](crate::AskedRequest::is_authentic) and
//! [`FrameMacs`](crate::FrameMacs) for that.

use std::io;

use thiserror::Error;
use ureq::http::HeaderMap;

mod frames;
mod link;
mod timed;

pub use frames::Frames;
pub use link::Link;

/// Why a relay was not reached.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The given text is not the URL of a relay, or a request's path does not begin with `/`.
    #[error("not the URL of a relay: give https://HOST:PORT, or http://HOST:PORT on this machine")]
    BadUrl,
    /// The URL is `http://` with another machine. Use `https://`, or [`Link::with_plain_http`].
    #[error(
        "plain HTTP to another machine is refused, because the network would learn who talks to \
         whom: give https://HOST:PORT, or allow plain HTTP"
    )]
    PlainHttp,
    /// There is no certificate of an authority in the PEM file, or none on this system. Pass a file
    /// to [`Link::with_ca`].
    #[error(
        "no certificate of an authority to trust: give a PEM file with the one that signed the \
         relay's certificate"
    )]
    NoAuthority,
    /// The relay could not be reached, or the connection broke. The relay may have carried out the
    /// request nevertheless. Try again later.
    #[error("no answer from the relay: {0}")]
    Unreachable(String),
}

impl LinkError {
    fn unreachable(why: &str) -> Self {
        Self::Unreachable(why.to_owned())
    }

    /// The error for a connection that failed. Says so if one side speaks TLS and the other does
    /// not.
    fn of_io(error: &io::Error) -> Self {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref());
        Self::Unreachable(match tls {
            Some(rustls::Error::InvalidMessage(_)) => {
                "it does not answer in TLS: if this relay has none, give http://".to_owned()
            }
            Some(rustls::Error::InvalidCertificate(reason)) => format!(
                "its certificate is refused ({reason}): check the URL and the authority's file"
            ),
            _ => error.to_string(),
        })
    }
}

/// The headers of an answer. Leaves out values that are not text.
fn text_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = headers.iter().filter_map(|(name, value)| {
        let value = value.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    });
    text.collect()
}

#[cfg(test)]
mod tests;
