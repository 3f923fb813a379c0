//! Connects `waxseal-core` with `waxseal-reporting`: the sessions of `waxseal-core` become the
//! channel over which `waxseal-reporting` sends messages.

use rand_core::CryptoRng;
use waxseal_core::errors::{DecryptError, EncryptError};
use waxseal_core::{IdentityKeyPair, PreKeys, ReplayMemory, SessionSet};
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
/// Borrows the prekeys, the sender's replay memory and the sessions, because opening a message
/// changes them. If the message is refused, nothing changes.
#[derive(Debug)]
pub struct SessionOpener<'a> {
    identity: &'a IdentityKeyPair,
    /// What a message that starts a session changes. `None` if it cannot be read.
    accepting: Option<(&'a mut PreKeys, &'a mut ReplayMemory)>,
    sessions: &'a mut Option<SessionSet>,
}

impl<'a> SessionOpener<'a> {
    /// Makes a channel that opens on these sessions.
    ///
    /// `sessions` is `None` before first contact. The peer's first message sets it. It uses up one
    /// of `prekeys`, or is remembered in `memory`, the one of the peer's identity. Messages that
    /// are not initial do not use the memory.
    pub fn new(
        identity: &'a IdentityKeyPair,
        prekeys: &'a mut PreKeys,
        memory: &'a mut ReplayMemory,
        sessions: &'a mut Option<SessionSet>,
    ) -> Self {
        Self {
            identity,
            accepting: Some((prekeys, memory)),
            sessions,
        }
    }

    /// Makes a channel that opens on these sessions and accepts no new one, because the prekeys or
    /// the sender's replay memory cannot be read.
    pub(crate) fn without_prekeys(
        identity: &'a IdentityKeyPair,
        sessions: &'a mut Option<SessionSet>,
    ) -> Self {
        Self {
            identity,
            accepting: None,
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
        let accepting = self.accepting.as_mut();
        let accepting = accepting.map(|(prekeys, memory)| (&mut **prekeys, &mut **memory));
        let identity = self.identity;
        if let Some(sessions) = self.sessions {
            return match accepting {
                Some((prekeys, memory)) => {
                    sessions.decrypt(identity, prekeys, memory, ciphertext, associated_data)
                }
                None => sessions.decrypt_existing(identity, ciphertext, associated_data),
            };
        }
        let (prekeys, memory) = accepting.ok_or(DecryptError::UnknownPreKey)?;
        let (sessions, plaintext) =
            SessionSet::accept(identity, prekeys, memory, ciphertext, associated_data)?;
        *self.sessions = Some(sessions);
        Ok(plaintext)
    }
}
