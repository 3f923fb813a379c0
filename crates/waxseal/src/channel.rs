//! Connects `waxseal-core` with `waxseal-reporting`: the sessions of `waxseal-core` become the
//! channel over which `waxseal-reporting` sends messages.

mod chain;
mod preamble;

use rand_core::CryptoRng;
use waxseal_core::errors::{DecodeError, DecryptError, EncryptError};
use waxseal_core::{IdentityKeyPair, PreKeys, ReplayMemory, SessionSet};
use waxseal_reporting::recipient::OpeningChannel;
use waxseal_reporting::sender::SealingChannel;
use zeroize::Zeroizing;

pub(crate) use self::chain::{ChainOpener, ChainSealer, ChainTarget, KeySlots, OpenInGroupError};
pub(crate) use self::preamble::{Preamble, RosterClaim, associated_data as with_preamble};

/// Seals messages on the sessions with one device.
///
/// Borrows the sessions for one message. They change only if the message is sealed.
pub struct SessionSealer<'a> {
    sessions: &'a mut SessionSet,
    preamble: Option<Vec<u8>>,
}

impl std::fmt::Debug for SessionSealer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionSealer")
            .field("sessions", &self.sessions)
            .finish_non_exhaustive()
    }
}

impl<'a> SessionSealer<'a> {
    /// Makes a channel that seals on these sessions.
    pub fn new(sessions: &'a mut SessionSet) -> Self {
        Self {
            sessions,
            preamble: None,
        }
    }

    /// Makes a channel that begins each ciphertext with this preamble.
    pub(crate) fn with_preamble(sessions: &'a mut SessionSet, preamble: &Preamble) -> Self {
        let is_first = !sessions.is_established();
        Self {
            sessions,
            preamble: Some(preamble.encode(is_first)),
        }
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
        let Some(preamble) = &self.preamble else {
            return self.sessions.encrypt(plaintext, associated_data, rng);
        };
        let associated_data = with_preamble(associated_data, preamble);
        let message = self.sessions.encrypt(plaintext, &associated_data, rng)?;
        Ok([preamble.as_slice(), &message].concat())
    }
}

/// Opens messages on the sessions with one device, or accepts the first session.
///
/// Borrows the prekeys, the sender's replay memory and the sessions, because opening a message
/// changes them. If the message is refused, nothing changes.
#[derive(Debug)]
pub struct SessionOpener<'a> {
    identity: &'a IdentityKeyPair,
    /// What a message that starts a session changes. `None` if it cannot be read.
    accepting: Option<(&'a mut PreKeys, &'a mut ReplayMemory)>,
    sessions: &'a mut Option<SessionSet>,
    /// Whether each ciphertext begins with a preamble.
    has_preamble: bool,
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
            has_preamble: false,
        }
    }

    /// The same channel, for ciphertexts that begin with a preamble.
    pub(crate) fn with_preamble(self) -> Self {
        Self {
            has_preamble: true,
            ..self
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
            has_preamble: false,
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
        if !self.has_preamble {
            return self.decrypt_message(ciphertext, associated_data);
        }
        let (_, preamble, message) = Preamble::split(ciphertext).ok_or(DecodeError::Malformed)?;
        self.decrypt_message(message, &with_preamble(associated_data, preamble))
    }
}

impl SessionOpener<'_> {
    fn decrypt_message(
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
