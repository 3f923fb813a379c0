//! Where the relay is, and how to reach it. `register` remembers both.

use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use waxseal::transport::{LinkError, Transport};

use crate::failure::{Failure, Outcome};

// A doc comment here would replace that of the program.
#[derive(clap::Args)]
pub struct RelayOptions {
    /// The relay, as https://HOST:PORT, or http://HOST:PORT on this machine; required by `register`
    /// and remembered after that, together with the next two options
    #[arg(long, value_name = "URL")]
    relay: Option<String>,
    /// Accept only TLS certificates by the authorities in this PEM file, which can be the relay's
    /// own self-signed certificate
    #[arg(long, value_name = "FILE", requires = "relay")]
    relay_ca: Option<PathBuf>,
    /// Allow http:// to another machine. The network then learns who talks to whom, and can use the
    /// session for an hour
    #[arg(long, requires = "relay", conflicts_with = "relay_ca")]
    plain_http: bool,
}

/// The address of a relay, and whom the client trusts for it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayAddress {
    pub url: String,
    /// The content of the file given by `--relay-ca`.
    #[serde(default)]
    pub ca: Option<String>,
    #[serde(default)]
    pub plain_http: bool,
}

impl RelayOptions {
    /// The address that the options give. If they give none, the remembered one.
    pub fn address(&self, remembered: Option<&RelayAddress>) -> Outcome<RelayAddress> {
        let Some(url) = &self.relay else {
            let missing = || Failure::new("which relay? Give --relay URL");
            return remembered.cloned().ok_or_else(missing);
        };
        let read = |path: &PathBuf| {
            fs::read_to_string(path)
                .map_err(|error| Failure::new(format!("{}: {error}", path.display())))
        };
        Ok(RelayAddress {
            url: url.clone(),
            ca: self.relay_ca.as_ref().map(read).transpose()?,
            plain_http: self.plain_http,
        })
    }
}

impl RelayAddress {
    pub fn transport(&self) -> Result<Transport, LinkError> {
        match &self.ca {
            Some(pem) => Transport::with_ca(&self.url, pem.as_bytes()),
            None if self.plain_http => Transport::with_plain_http(&self.url),
            None => Transport::new(&self.url),
        }
    }
}
