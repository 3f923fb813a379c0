//! The options that say where the relay is.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use waxseal_relay::RelayClient;

#[derive(clap::Args)]
pub struct RelayOptions {
    /// The address of the relay, as https://HOST:PORT, or http://HOST:PORT on this machine
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7600")]
    pub relay: String,
    /// Accept only TLS certificates by the authorities in this PEM file, which can be the relay's
    /// own self-signed certificate
    #[arg(long, value_name = "FILE")]
    relay_ca: Option<PathBuf>,
    /// Allow http:// to another machine. The network then learns who does what, and can use the
    /// session for an hour
    #[arg(long, conflicts_with = "relay_ca")]
    plain_http: bool,
}

impl RelayOptions {
    pub fn client(&self) -> Result<RelayClient, Box<dyn Error>> {
        Ok(match &self.relay_ca {
            Some(path) => {
                let pem = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
                RelayClient::with_ca(&self.relay, &pem)?
            }
            None if self.plain_http => RelayClient::with_plain_http(&self.relay)?,
            None => RelayClient::new(&self.relay)?,
        })
    }
}
