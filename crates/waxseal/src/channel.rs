//! Connects `waxseal-core` with `waxseal-reporting`: the sessions of `waxseal-core` become the
//! channel over which `waxseal-reporting` sends messages.

use rand_core::CryptoRng;
use waxseal_core::errors::{DecryptError, EncryptError};
use waxseal_core::{IdentityKeyPair, PreKeys, SessionSet};
use waxseal_reporting::recipient::OpeningChannel;
use waxseal_reporting::sender::SealingChannel;
use zeroize::Zeroizing;

/// Seals messages on the sessions with one peer.
///
/// Borrows the sessions for one message. They change only if the message is sealed.
#[derive(Debug)]
pub struct SessionSealer<'a> {
    sessions: &'a mut SessionSet,
}

impl<'a> SessionSealer<'a> {
    /// Makes a channel that seals on these sessions.
    pub fn new(sessions: &'a mut SessionSet) -> Self {
        Self { sessions }
    }
}

impl SealingChannel for SessionSealer<'_> {
    type Error = EncryptError;

    fn encrypt(
        &mut self,
        plaintext: &[u8],
        associated_data: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, EncryptError> {
        self.sessions.encrypt(plaintext, associated_data, rng)
    }
}

/// Opens messages on the sessions with one peer, or accepts the first session.
///
/// Borrows the prekeys and the sessions, because opening a message changes them. If the message is
/// refused, nothing changes.
#[derive(Debug)]
pub struct SessionOpener<'a> {
    identity: &'a IdentityKeyPair,
    prekeys: Option<&'a mut PreKeys>,
    sessions: &'a mut Option<SessionSet>,
}

impl<'a> SessionOpener<'a> {
    /// Makes a channel that opens on these sessions.
    ///
    /// `sessions` is `None` before first contact. The peer's first message sets it, and uses up one
    /// of `prekeys`.
    pub fn new(
        identity: &'a IdentityKeyPair,
        prekeys: &'a mut PreKeys,
        sessions: &'a mut Option<SessionSet>,
    ) -> Self {
        Self {
            identity,
            prekeys: Some(prekeys),
            sessions,
        }
    }

    /// Makes a channel that opens on these sessions and accepts no new one, because the prekeys
    /// cannot be read.
    pub(crate) fn without_prekeys(
        identity: &'a IdentityKeyPair,
        sessions: &'a mut Option<SessionSet>,
    ) -> Self {
        Self {
            identity,
            prekeys: None,
            sessions,
        }
    }
}

impl OpeningChannel for SessionOpener<'_> {
    type Error = DecryptError;

    fn decrypt(
        &mut self,
        ciphertext: &[u8],
        associated_data: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
        let prekeys = self.prekeys.as_deref_mut();
        if let Some(sessions) = self.sessions {
            return match prekeys {
                Some(prekeys) => {
                    sessions.decrypt(self.identity, prekeys, ciphertext, associated_data)
                }
                None => sessions.decrypt_existing(self.identity, ciphertext, associated_data),
            };
        }
        let prekeys = prekeys.ok_or(DecryptError::UnknownPreKey)?;
        let (sessions, plaintext) =
            SessionSet::accept(self.identity, prekeys, ciphertext, associated_data)?;
        *self.sessions = Some(sessions);
        Ok(plaintext)
    }
}
