//! The calls about rosters and prekeys.

use waxseal_interface::{AskBundles, Bundles, PreKeys, PreKeysLeft, Request};
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

    /// Publishes the next roster of this device's account.
    ///
    /// # Errors
    /// [`ClientError`]; on [`RosterConflict`](waxseal_interface::ErrorCode::RosterConflict), sign
    /// the change again after [`ClientError::newest_roster`].
    pub fn put_roster(&self, session: &DeviceSession, signed: &[u8]) -> Result<(), ClientError> {
        let request = Request::PutRoster(signed.to_vec());
        self.request(Caller::Device(session), &request)?
            .into_body()?;
        Ok(())
    }

    /// Fetches the newest roster of an account, encoded. It is unverified: pass it to
    /// `Client::take_roster`.
    ///
    /// # Errors
    /// [`ClientError`]; [`NoSuchAccount`](waxseal_interface::ErrorCode::NoSuchAccount),
    /// [`NoRoster`](waxseal_interface::ErrorCode::NoRoster).
    pub fn roster(
        &self,
        session: &DeviceSession,
        account: &AccountId,
    ) -> Result<Vec<u8>, ClientError> {
        let request = Request::Roster(account.clone());
        let answer = self.request(Caller::Device(session), &request)?;
        Ok(answer.into_body()?)
    }

    /// Fetches the newest roster of an account, and the prekeys that start sessions with these of
    /// its devices, or with all if `devices` is empty. Fetch them once per device, because one-time
    /// parts are few.
    ///
    /// # Errors
    /// [`ClientError`]; [`NoSuchAccount`](waxseal_interface::ErrorCode::NoSuchAccount),
    /// [`NoRoster`](waxseal_interface::ErrorCode::NoRoster),
    /// [`NoPreKeys`](waxseal_interface::ErrorCode::NoPreKeys).
    pub fn bundles(
        &self,
        session: &DeviceSession,
        account: &AccountId,
        devices: &[u32],
    ) -> Result<Bundles, ClientError> {
        let asked = AskBundles {
            name: account.as_str().to_owned(),
            devices: devices.to_vec(),
        };
        self.ask(Caller::Device(session), &Request::Bundles(asked))
    }
}
