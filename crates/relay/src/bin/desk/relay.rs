//! What the desk asks of the relay, with its reviewer's key.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use waxseal_interface::ErrorCode;
use waxseal_relay::{ClientError, RelayClient, ReviewerKey, ReviewerSession};

use crate::files::{Folder, Result, failed};

#[derive(Clone, clap::Args)]
pub struct RelayOptions {
    /// The address of the relay, as https://HOST:PORT, or http://HOST:PORT on this machine. Its key
    /// is pinned at the first start
    #[arg(long, value_name = "URL")]
    relay: String,
    /// Accept only TLS certificates of the relay by the authorities in this PEM file
    #[arg(long, value_name = "FILE")]
    relay_ca: Option<PathBuf>,
}

/// Asks the relay. Several threads may ask at once.
pub struct RelayCalls {
    client: RelayClient,
    key: ReviewerKey,
    session: Mutex<Option<ReviewerSession>>,
}

impl RelayCalls {
    pub fn new(options: &RelayOptions, folder: &Folder) -> Result<Self> {
        let client = match &options.relay_ca {
            Some(path) => {
                let pem = std::fs::read(path).map_err(|error| failed(path, &error))?;
                RelayClient::with_ca(&options.relay, &pem)
            }
            None => RelayClient::new(&options.relay),
        };
        Ok(Self {
            client: client?,
            key: folder.reviewer()?,
            session: Mutex::new(None),
        })
    }

    /// The relay's key, from its card.
    pub fn key(&self) -> Result<[u8; 32]> {
        Ok(self.client.card()?.relay_key)
    }

    /// Asks something as the reviewer. Signs in first, if needed.
    pub fn ask<T>(
        &self,
        relay_key: &[u8; 32],
        ask: impl Fn(&RelayClient, &ReviewerSession) -> std::result::Result<T, ClientError>,
    ) -> std::result::Result<T, ClientError> {
        let known = self.lock().clone();
        if let Some(session) = known {
            match ask(&self.client, &session) {
                Err(error) if has_ended(&error) => {}
                done => return done,
            }
        }
        let prove = |context: &[u8]| self.key.prove(context);
        let session = self.client.reviewer_sign_in(relay_key, prove)?;
        *self.lock() = Some(session.clone());
        ask(&self.client, &session)
    }

    fn lock(&self) -> MutexGuard<'_, Option<ReviewerSession>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn has_ended(error: &ClientError) -> bool {
    let code = error.code();
    code == Some(ErrorCode::Unauthorized) || code == Some(ErrorCode::TokenExpired)
}
