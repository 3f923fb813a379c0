//! What a client says of its own device, and its store.

use waxseal_core::IdentityKey;
use waxseal_core::limits::ACCOUNT_PROOF_LEN;
use waxseal_reporting::DeviceAddress;

use super::Client;
use crate::store::Store;

impl<S: Store> Client<S> {
    /// This device's address: its account and its number.
    pub fn me(&self) -> &DeviceAddress {
        &self.me
    }

    /// This device's public identity.
    pub fn identity(&self) -> &IdentityKey {
        self.identity.public()
    }

    /// Proves to the provider that this device holds its identity, to register or to log in.
    ///
    /// The proof is a signature of 64 bytes.
    ///
    /// # Security
    /// `context` names the provider, the account, the purpose, and a fresh challenge from the
    /// provider, each preceded by its length. Never pass content of messages. See
    /// [`IdentityKeyPair::prove_account`](waxseal_core::IdentityKeyPair::prove_account).
    pub fn prove_account(&self, context: &[u8]) -> [u8; ACCOUNT_PROOF_LEN] {
        self.identity.prove_account(context)
    }

    /// The store, for reading. Only the client's own calls write to it.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Ends the client and returns its store.
    pub fn into_store(self) -> S {
        self.store
    }
}
