//! The calls about identities and prekeys.

use waxseal_interface::{Bundle, Identity, PreKeys, PreKeysLeft, Request};
use waxseal_reporting::AccountId;

use super::RelayClient;
use crate::error::ClientError;
use crate::session::{Caller, DeviceSession};

impl RelayClient {
    /// The number of one-time parts that the relay has left. Pass it to `Client::publish_prekeys`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn prekeys_left(&self, session: &DeviceSession) -> Result<usize, ClientError> {
        let left: PreKeysLeft = self.ask(Caller::Device(session), &Request::PreKeysLeft)?;
        Ok(left.one_time_left)
    }

    /// Publishes prekeys. The relay has stored them when this returns, so call
    /// `Client::confirm_prekeys` next.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn put_prekeys(
        &self,
        session: &DeviceSession,
        base: &[u8],
        one_time: &[Vec<u8>],
    ) -> Result<(), ClientError> {
        self.send_prekeys(session, base, one_time, false)
    }

    /// Publishes prekeys like [`put_prekeys`](Self::put_prekeys), and has the relay delete the
    /// one-time parts of before. Call this after `Client::reset_prekeys`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn replace_prekeys(
        &self,
        session: &DeviceSession,
        base: &[u8],
        one_time: &[Vec<u8>],
    ) -> Result<(), ClientError> {
        self.send_prekeys(session, base, one_time, true)
    }

    fn send_prekeys(
        &self,
        session: &DeviceSession,
        base: &[u8],
        one_time: &[Vec<u8>],
        replace: bool,
    ) -> Result<(), ClientError> {
        let prekeys = PreKeys {
            base: base.to_vec(),
            one_time: one_time.to_vec(),
            replace,
        };
        let request = Request::PutPreKeys(prekeys);
        self.request(Caller::Device(session), &request)?
            .into_body()?;
        Ok(())
    }

    /// Fetches the identity that an account registered. It takes no prekey. If the peer's identity
    /// is pinned, compare the two.
    ///
    /// # Errors
    /// [`ClientError`]; [`NoSuchAccount`](waxseal_interface::ErrorCode::NoSuchAccount).
    pub fn identity(
        &self,
        session: &DeviceSession,
        peer: &AccountId,
    ) -> Result<[u8; 64], ClientError> {
        let request = Request::Identity(peer.clone());
        let identity: Identity = self.ask(Caller::Device(session), &request)?;
        Ok(identity.identity)
    }

    /// Fetches the prekey bundle that starts a conversation with `peer`. Fetch it once per
    /// conversation, because one-time parts are few.
    ///
    /// # Errors
    /// [`ClientError`]; [`NoSuchAccount`](waxseal_interface::ErrorCode::NoSuchAccount),
    /// [`NoPreKeys`](waxseal_interface::ErrorCode::NoPreKeys).
    pub fn bundle(&self, session: &DeviceSession, peer: &AccountId) -> Result<Bundle, ClientError> {
        self.ask(Caller::Device(session), &Request::Bundle(peer.clone()))
    }
}
