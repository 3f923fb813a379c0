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
use ureq::http::Uri;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::error::ClientError;
use crate::timed::TimedStream;

/// The address of a relay, and how to reach it.
#[derive(Clone)]
pub(crate) struct Link {
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

/// Whose certificates a client accepts.
pub(crate) enum Trust<'a> {
    /// Those of the platform's authorities. Without TLS, only this machine is reached.
    Platform,
    /// Those of the authorities in this PEM file only.
    Only(&'a [u8]),
    /// No certificates: plain HTTP, to any machine.
    PlainHttp,
}

impl Link {
    pub(crate) fn new(url: &str, trust: &Trust<'_>) -> Result<Self, ClientError> {
        let (tls, authority) = match (url.strip_prefix("https://"), trust) {
            (Some(_), Trust::PlainHttp) => return Err(ClientError::BadUrl),
            (Some(authority), Trust::Platform) => {
                let authorities = rustls_native_certs::load_native_certs().certs;
                (Some(Tls::new(authorities)?), authority)
            }
            (Some(authority), Trust::Only(pem)) => {
                let authorities = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>();
                let authorities = authorities.map_err(|_| ClientError::NoAuthority)?;
                (Some(Tls::new(authorities)?), authority)
            }
            (None, _) => {
                let authority = url.strip_prefix("http://").ok_or(ClientError::BadUrl)?;
                (None, authority)
            }
        };
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
        if !authority.chars().all(plain) {
            return Err(ClientError::BadUrl);
        }
        let uri = authority.parse::<Uri>().map_err(|_| ClientError::BadUrl)?;
        let host = uri.host().filter(|host| !host.is_empty());
        let host = host.ok_or(ClientError::BadUrl)?;
        if host != authority && uri.port_u16().is_none() {
            return Err(ClientError::BadUrl);
        }
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if tls.is_none() && !matches!(trust, Trust::PlainHttp) && !is_this_machine(host) {
            return Err(ClientError::PlainHttp);
        }
        Ok(Self {
            authority: authority.to_owned(),
            host: host.to_owned(),
            tls,
        })
    }

    /// The URL of a path. `scheme` is `http` or `ws`.
    pub(crate) fn url(&self, scheme: &str, path: &str) -> String {
        let s = if self.tls.is_some() { "s" } else { "" };
        format!("{scheme}{s}://{}{path}", self.authority)
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// The same for requests that are not WebSockets.
    pub(crate) fn tls_config(&self) -> TlsConfig {
        let Some(tls) = &self.tls else {
            return TlsConfig::default();
        };
        let authorities = tls.authorities.iter();
        let authorities = authorities.map(|der| Certificate::from_der(der).to_owned());
        TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(authorities.collect())))
            .unversioned_rustls_crypto_provider(tls.config.crypto_provider().clone())
            .build()
    }

    /// Connects for a WebSocket. `timeout` is for connecting, for all reads until another is set,
    /// and for each write.
    pub(crate) fn connect(
        &self,
        timeout: Duration,
    ) -> Result<MaybeTlsStream<TimedStream>, ClientError> {
        let stream = TimedStream::new(self.connect_tcp(timeout)?, timeout);
        let Some(tls) = &self.tls else {
            return Ok(MaybeTlsStream::Plain(stream));
        };
        let host = ServerName::try_from(self.host.clone()).map_err(|_| ClientError::BadUrl)?;
        let connection = ClientConnection::new(tls.config.clone(), host)
            .map_err(|error| ClientError::Unreachable(error.to_string()))?;
        Ok(MaybeTlsStream::Rustls(StreamOwned::new(connection, stream)))
    }

    fn connect_tcp(&self, timeout: Duration) -> Result<TcpStream, ClientError> {
        let with_port = match (self.authority.ends_with(']'), self.authority.contains(':')) {
            (false, true) => self.authority.clone(),
            _ if self.is_tls() => format!("{}:443", self.authority),
            _ => format!("{}:80", self.authority),
        };
        let unreachable = |error: io::Error| ClientError::Unreachable(error.to_string());
        let mut last = ClientError::Unreachable("no address".to_owned());
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

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url("http", ""))
    }
}

impl Tls {
    fn new(authorities: Vec<CertificateDer<'static>>) -> Result<Self, ClientError> {
        let mut roots = RootCertStore::empty();
        // A platform's list may hold a certificate that rustls cannot read. It is left out.
        roots.add_parsable_certificates(authorities.iter().cloned());
        if roots.is_empty() {
            return Err(ClientError::NoAuthority);
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| ClientError::Unreachable(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            authorities: authorities.into(),
            config: Arc::new(config),
        })
    }
}

/// Whether a host is this machine, so that what is sent to it cannot be overheard on a network.
fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Why a connection failed. Says so if one side speaks TLS and the other does not.
pub(crate) fn io_reason(error: &io::Error) -> String {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref());
    match tls {
        Some(rustls::Error::InvalidMessage(_)) => {
            "it does not answer in TLS: if this relay has none, give http://".to_owned()
        }
        Some(rustls::Error::InvalidCertificate(reason)) => {
            format!("its certificate is refused ({reason}): check the URL and the authority's file")
        }
        _ => error.to_string(),
    }
}
