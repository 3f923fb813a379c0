//! How a client reaches a relay: over TLS, or over plain HTTP on the same machine.

use std::fmt;
use std::io;
use std::net::{IpAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tungstenite::stream::MaybeTlsStream;
use ureq::Agent;
use ureq::http::{self, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::frames::Frames;
use super::timed::TimedStream;
use super::{LinkError, text_headers};
use crate::exchange::{HttpAnswer, HttpRequest};

/// Maximum time for a whole request and its answer.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);

/// Maximum number of connections that are kept for the next calls. A server that makes many calls
/// at once would otherwise connect anew for nearly each.
const MAX_IDLE: usize = 64;

/// Maximum time for connecting a WebSocket, and for each write to it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum length in bytes of an answer. The largest is an accepted report with thirty messages.
const MAX_ANSWER_LEN: u64 = 4 << 20;

const NOT_HTTP: &str = "it does not answer in HTTP: if this relay has TLS, give https://";

/// The address of a relay, and how to reach it. Clones share their connections.
///
/// # Security
/// TLS hides from the network who talks to whom, and the tokens. Plain HTTP to another machine is
/// refused unless you use [`with_plain_http`](Self::with_plain_http). A link follows no redirects
/// and uses no proxy. It bounds the time for an answer and the answer's length.
#[derive(Clone)]
pub struct Link {
    agent: Agent,
    /// `HOST:PORT`, or `HOST` for the scheme's own port.
    authority: String,
    /// The host alone; an IPv6 address without brackets.
    host: String,
    /// `None` for plain HTTP.
    tls: Option<Tls>,
}

/// The authorities whose certificates are accepted, and the same as a configuration of rustls.
#[derive(Clone)]
struct Tls {
    authorities: Arc<[CertificateDer<'static>]>,
    config: Arc<ClientConfig>,
}

/// Whose certificates are accepted.
enum Trust<'a> {
    /// Those of the platform's authorities. Without TLS, only this machine is reached.
    Platform,
    /// Those of the authorities in this PEM file only.
    Only(&'a [u8]),
    /// No certificates: plain HTTP, to any machine.
    PlainHttp,
}

impl Link {
    /// The relay at `https://HOST:PORT`, whose certificate is by one of the platform's authorities.
    /// Takes `http://` only for this machine: `localhost`, `127.0.0.1` or `[::1]`. Does not connect
    /// yet.
    ///
    /// # Errors
    /// [`LinkError::BadUrl`], [`LinkError::PlainHttp`], [`LinkError::NoAuthority`].
    pub fn new(url: &str) -> Result<Self, LinkError> {
        Self::trusting(url, &Trust::Platform)
    }

    /// A relay whose certificate must be by one of the authorities in this PEM file, such as the
    /// own authority or the self-signed certificate of a self-hosted relay. For the rest, like
    /// [`new`](Self::new).
    ///
    /// # Errors
    /// [`LinkError::BadUrl`], [`LinkError::PlainHttp`], [`LinkError::NoAuthority`].
    pub fn with_ca(url: &str, pem: &[u8]) -> Result<Self, LinkError> {
        Self::trusting(url, &Trust::Only(pem))
    }

    /// The relay at `http://HOST:PORT`, also on another machine.
    ///
    /// # Errors
    /// [`LinkError::BadUrl`], also for `https://`.
    ///
    /// # Security
    /// Anyone who listens learns who talks to whom, and can use a token for up to an hour.
    pub fn with_plain_http(url: &str) -> Result<Self, LinkError> {
        Self::trusting(url, &Trust::PlainHttp)
    }

    /// The same address, with this maximum time for a whole request and its answer in place of 20
    /// seconds.
    #[must_use]
    pub fn within(self, timeout: Duration) -> Self {
        let agent = agent(self.tls.as_ref(), timeout);
        Self { agent, ..self }
    }

    /// Sends a request and waits for the answer, at most 20 seconds. Does not try again by itself.
    ///
    /// # Errors
    /// [`LinkError::Unreachable`], also if the answer has more than 4 MiB. [`LinkError::BadUrl`] if
    /// the request has a path, method or header that HTTP does not have.
    pub fn call(&self, request: &HttpRequest) -> Result<HttpAnswer, LinkError> {
        let uri = self.uri("http", &request.path)?;
        let mut builder = http::Request::builder().method(request.method).uri(uri);
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        let bad = |_| LinkError::BadUrl;
        let answer = if request.body.is_empty() && request.method == "GET" {
            self.agent.run(builder.body(()).map_err(bad)?)
        } else {
            self.agent.run(builder.body(&*request.body).map_err(bad)?)
        };
        let mut answer = answer.map_err(|error| self.unreachable(&error))?;
        // ureq refuses an answer of as many bytes as its limit, too.
        let limited = answer.body_mut().with_config().limit(MAX_ANSWER_LEN + 1);
        let body = limited.read_to_vec();
        Ok(HttpAnswer {
            status: answer.status().as_u16(),
            headers: text_headers(answer.headers()),
            body: body.map_err(|error| self.unreachable(&error))?,
        })
    }

    /// Opens a WebSocket with [`Request::Deliveries`](crate::Request::Deliveries). Returns the
    /// answer alone if the relay refused. Then the body is what arrived with the head. Check that
    /// the answer is authentic before you use the frames.
    ///
    /// # Errors
    /// [`LinkError::Unreachable`], [`LinkError::BadUrl`].
    pub fn connect(
        &self,
        request: &HttpRequest,
    ) -> Result<(HttpAnswer, Option<Frames>), LinkError> {
        let uri = self.uri("ws", &request.path)?;
        Frames::open(self.connect_stream(CONNECT_TIMEOUT)?, uri, request)
    }

    fn trusting(url: &str, trust: &Trust<'_>) -> Result<Self, LinkError> {
        let (tls, authority) = match (url.strip_prefix("https://"), trust) {
            (Some(_), Trust::PlainHttp) => return Err(LinkError::BadUrl),
            (Some(authority), Trust::Platform) => {
                let authorities = rustls_native_certs::load_native_certs().certs;
                (Some(Tls::new(authorities)?), authority)
            }
            (Some(authority), Trust::Only(pem)) => {
                let authorities = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>();
                let authorities = authorities.map_err(|_| LinkError::NoAuthority)?;
                (Some(Tls::new(authorities)?), authority)
            }
            (None, _) => {
                let authority = url.strip_prefix("http://").ok_or(LinkError::BadUrl)?;
                (None, authority)
            }
        };
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
        if !authority.chars().all(plain) {
            return Err(LinkError::BadUrl);
        }
        let uri = authority.parse::<Uri>().map_err(|_| LinkError::BadUrl)?;
        let host = uri.host().filter(|host| !host.is_empty());
        let host = host.ok_or(LinkError::BadUrl)?;
        if host != authority && uri.port_u16().is_none() {
            return Err(LinkError::BadUrl);
        }
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if tls.is_none() && !matches!(trust, Trust::PlainHttp) && !is_this_machine(host) {
            return Err(LinkError::PlainHttp);
        }
        Ok(Self {
            agent: agent(tls.as_ref(), CALL_TIMEOUT),
            authority: authority.to_owned(),
            host: host.to_owned(),
            tls,
        })
    }

    /// The URL of a path. `scheme` is `http` or `ws`.
    fn uri(&self, scheme: &str, path: &str) -> Result<Uri, LinkError> {
        // Without its slash, a path could go on with another host.
        if !path.starts_with('/') {
            return Err(LinkError::BadUrl);
        }
        let uri = format!("{}{path}", self.origin(scheme));
        uri.parse().map_err(|_| LinkError::BadUrl)
    }

    fn origin(&self, scheme: &str) -> String {
        let s = if self.tls.is_some() { "s" } else { "" };
        format!("{scheme}{s}://{}", self.authority)
    }

    fn unreachable(&self, error: &ureq::Error) -> LinkError {
        match error {
            ureq::Error::Io(error) => LinkError::of_io(error),
            ureq::Error::Protocol(_) if self.tls.is_none() => LinkError::unreachable(NOT_HTTP),
            _ => LinkError::Unreachable(error.to_string()),
        }
    }

    /// Connects for a WebSocket. `timeout` is for connecting, for all reads until another is set,
    /// and for each write.
    fn connect_stream(&self, timeout: Duration) -> Result<MaybeTlsStream<TimedStream>, LinkError> {
        let stream = TimedStream::new(self.connect_tcp(timeout)?, timeout);
        let Some(tls) = &self.tls else {
            return Ok(MaybeTlsStream::Plain(stream));
        };
        let host = ServerName::try_from(self.host.clone()).map_err(|_| LinkError::BadUrl)?;
        let connection = ClientConnection::new(tls.config.clone(), host)
            .map_err(|error| LinkError::Unreachable(error.to_string()))?;
        Ok(MaybeTlsStream::Rustls(StreamOwned::new(connection, stream)))
    }

    fn connect_tcp(&self, timeout: Duration) -> Result<TcpStream, LinkError> {
        let with_port = match (self.authority.ends_with(']'), self.authority.contains(':')) {
            (false, true) => self.authority.clone(),
            _ if self.tls.is_some() => format!("{}:443", self.authority),
            _ => format!("{}:80", self.authority),
        };
        let unreachable = |error: io::Error| LinkError::Unreachable(error.to_string());
        let mut last = LinkError::unreachable("no address");
        for address in with_port.to_socket_addrs().map_err(unreachable)? {
            let stream = TcpStream::connect_timeout(&address, timeout).and_then(|stream| {
                stream.set_nodelay(true)?;
                stream.set_write_timeout(Some(timeout))?;
                Ok(stream)
            });
            match stream {
                Ok(stream) => return Ok(stream),
                Err(error) => last = unreachable(error),
            }
        }
        Err(last)
    }
}

/// What makes requests that are not WebSockets.
fn agent(tls: Option<&Tls>, timeout: Duration) -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .https_only(tls.is_some())
        .tls_config(tls.map_or_else(TlsConfig::default, Tls::of_calls))
        .max_redirects(0)
        .proxy(None)
        .timeout_global(Some(timeout))
        .max_idle_connections(MAX_IDLE)
        .max_idle_connections_per_host(MAX_IDLE)
        .build()
        .new_agent()
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin("http"))
    }
}

impl Tls {
    fn new(authorities: Vec<CertificateDer<'static>>) -> Result<Self, LinkError> {
        let mut roots = RootCertStore::empty();
        // A platform's list may hold a certificate that rustls cannot read. It is left out.
        roots.add_parsable_certificates(authorities.iter().cloned());
        if roots.is_empty() {
            return Err(LinkError::NoAuthority);
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| LinkError::Unreachable(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            authorities: authorities.into(),
            config: Arc::new(config),
        })
    }

    /// The same for requests that are not WebSockets.
    fn of_calls(&self) -> TlsConfig {
        let authorities = self.authorities.iter();
        let authorities = authorities.map(|der| Certificate::from_der(der).to_owned());
        TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(authorities.collect())))
            .unversioned_rustls_crypto_provider(self.config.crypto_provider().clone())
            .build()
    }
}

/// Whether a host is this machine, so that what is sent to it cannot be overheard on a network.
fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests;
