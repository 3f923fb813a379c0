//! What all handlers share.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use waxseal_log::keys::LogKeys;

use crate::clock::now;
use crate::errors::Refusal;
use crate::files::Folder;
use crate::nonces::{Nonces, NotTaken};
use crate::office::Office;
use crate::readers::Readers;

/// The running desk.
pub struct Server {
    pub folder: Folder,
    pub keys: LogKeys,
    pub office: Office,
    pub readers: Arc<Readers>,
    /// The relay's key, once it is pinned.
    pub relay_key: OnceLock<[u8; 32]>,
    pub nonces: Mutex<Nonces>,
}

impl Server {
    /// Whether a request of this time can be taken at all.
    pub fn is_of_now(&self, at_ms: u64) -> bool {
        let nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        nonces.is_of_now(at_ms, now().as_millis())
    }

    /// Takes a request whose signature was checked, once.
    pub fn take(&self, key: [u8; 32], nonce: [u8; 16], at_ms: u64) -> Result<(), Refusal> {
        let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = nonces.take(key, nonce, at_ms, now().as_millis());
        taken.map_err(|not_taken| match not_taken {
            NotTaken::Replayed => Refusal::not_signed(),
            NotTaken::TooMany => Refusal::busy(),
        })
    }
}
