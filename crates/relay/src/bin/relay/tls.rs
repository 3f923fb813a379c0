//! The certificate and the key with which relay or desk speak TLS. They are read again on SIGHUP.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::signal::unix::Signal;
use tokio::sync::watch;

// The options for TLS. A doc comment here would replace that of the program.
#[derive(Clone, clap::Args)]
pub struct TlsOptions {
    /// Speak TLS with this certificate: a PEM file, the own certificate first. SIGHUP makes the
    /// program read both files again
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The PEM file with the certificate's secret key
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

impl TlsOptions {
    /// Reads both files. Returns `None` for plain HTTP.
    pub fn read(&self) -> Result<Option<Arc<ServerConfig>>, Box<dyn Error>> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(cert), Some(key)) => read(cert, key).map(Some),
            _ => Ok(None),
        }
    }

    /// Reads both files again on each SIGHUP. If they are not usable, those of before stay.
    pub async fn read_again(self, mut hung_up: Signal, config: watch::Sender<Arc<ServerConfig>>) {
        while hung_up.recv().await.is_some() {
            match self.read() {
                Ok(Some(fresh)) => {
                    config.send_replace(fresh);
                    tracing::info!("the TLS certificate was read again");
                }
                Ok(None) => {}
                Err(error) => tracing::error!(%error, "the TLS certificate stays the one before"),
            }
        }
    }
}

fn read(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>, Box<dyn Error>> {
    let failed = |path: &Path, error: &dyn Error| format!("{}: {error}", path.display());
    let chain = CertificateDer::pem_file_iter(cert).and_then(Iterator::collect);
    let chain: Vec<_> = chain.map_err(|error| failed(cert, &error))?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| failed(key, &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(|error| failed(cert, &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
