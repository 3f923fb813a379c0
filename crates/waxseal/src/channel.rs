//! The sessions of `waxseal-core` as the channel that `waxseal-reporting` seals and opens over.

use rand_core::CryptoRng;
use waxseal_core::{DecryptError, EncryptError, IdentityKeyPair, PreKeys, Sessions};
use waxseal_reporting::Channel;
use zeroize::Zeroizing;

/// All sessions with one peer, as a [`Channel`].
///
/// Borrows what sealing or opening changes. Both change only when a message was sealed or opened.
#[derive(Debug)]
pub struct SessionChannel<'a> {
    sessions: &'a mut Option<Sessions>,
    receiving: Option<(&'a IdentityKeyPair, &'a mut PreKeys)>,
}

impl<'a> SessionChannel<'a> {
    /// A channel to seal on.
    pub fn to_send(sessions: &'a mut Option<Sessions>) -> Self {
        Self {
            sessions,
            receiving: None,
        }
    }

    /// A channel to seal and open on. `sessions` is `None` before first contact: the peer's first message fills it,
    /// and spends one of `prekeys`.
    pub fn to_receive(
        identity: &'a IdentityKeyPair,
        prekeys: &'a mut PreKeys,
        sessions: &'a mut Option<Sessions>,
    ) -> Self {
        Self {
            sessions,
            receiving: Some((identity, prekeys)),
        }
    }
}

/// Why the sessions refused a message. They are as they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// There is no session to send on.
    #[error("no session with this peer")]
    NoSession,
    /// The channel was made for sending only.
    #[error("the channel is for sending only")]
    SendingOnly,
    /// The message could not be encrypted.
    #[error("{0}")]
    Encrypt(#[from] EncryptError),
    /// The message could not be decrypted.
    #[error("{0}")]
    Decrypt(#[from] DecryptError),
}

impl Channel for SessionChannel<'_> {
    type Error = SessionError;

    fn encrypt(
        &mut self,
        plaintext: &[u8],
        associated_data: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, SessionError> {
        let sessions = self.sessions.as_mut().ok_or(SessionError::NoSession)?;
        Ok(sessions.encrypt(plaintext, associated_data, rng)?)
    }

    fn decrypt(
        &mut self,
        ciphertext: &[u8],
        associated_data: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SessionError> {
        let (identity, prekeys) = self.receiving.as_mut().ok_or(SessionError::SendingOnly)?;
        if let Some(sessions) = self.sessions {
            return Ok(sessions.decrypt(identity, prekeys, ciphertext, associated_data)?);
        }
        let (sessions, plaintext) =
            Sessions::accept(identity, prekeys, ciphertext, associated_data)?;
        *self.sessions = Some(sessions);
        Ok(plaintext)
    }
}
