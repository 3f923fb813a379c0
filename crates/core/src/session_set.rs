//! All sessions that two devices have with each other, and the choice of the one to send on.
//!
//! Two devices may start at the same time, or start again while messages are on their way. Each
//! then holds several sessions. Every session stays open for receiving, and both devices must end
//! up sending on the same one. Each device's choice is a pair `(selection, base key)`. Wherever two
//! pairs meet, the greater one wins. The selection travels inside each message's encrypted header:
//!
//! ```text
//! initiate                          selection = 1
//! start again                       selection = ours + 1, on the new session
//! accept a new session with s       selection = s if s > ours, else ours + 1, on the new session
//! open the first answer on a        if (s, base key of R) > (ours, base key of ours): adopt both
//!   session R that we started, s
//! ```
//!
//! No other message changes the selection. The accepting side fixes the number, so the first reply
//! already carries it. A session that was just accepted is always chosen over one that only we know
//! of, so neither end stays on a session that the other cannot open. After the last start, both
//! ends hold the greatest pair as soon as each has opened the last message of the other.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::bundle::PreKeyBundle;
use crate::identity::IdentityKeyPair;
use crate::message::Message;
use crate::prekeys::PreKeys;
use crate::ratchet::{EncryptError, Opened};
use crate::replay_memory::ReplayMemory;
use crate::session::{DecryptError, HandshakeError, Session, check_associated_data};
use crate::skipped::PageId;

mod export;
mod parts;
mod status;

pub use self::parts::SessionSetParts;

/// Maximum number of sessions held with one peer device. Bounds the stored state and the cost of a
/// forged message. Beyond it, the oldest unanswered session is evicted, or else the oldest.
pub const MAX_SESSIONS: usize = 5;

/// Number of messages opened on the chosen session before the other sessions are given up.
///
/// Until then, late messages of the other sessions still open. A stolen copy of their state also
/// stays useful until then: without new messages, a session takes no Diffie–Hellman steps.
pub const MAX_LEFT_SESSION_AGE: u32 = 1_000;

/// All sessions with one peer device, one to [`MAX_SESSIONS`]. An application stores one set per
/// peer device.
///
/// One session is chosen for sending; all of them open messages. A new session, started by us or
/// accepted from the peer, becomes the chosen one. The first reply on a session that we started can
/// change the choice to the peer's. Sessions that are no longer chosen are given up after
/// [`MAX_LEFT_SESSION_AGE`] messages.
///
/// The peer's identity is pinned: a message or bundle of another identity is refused.
///
/// ```text
/// initiate, accept                                  -> a first session, chosen
/// add_initiated, or decrypt of a new handshake      -> one more session, chosen
/// decrypt of the first reply on a session we began  -> that session, if its pair is greater
/// decrypt of 1,001 messages on the chosen session   -> the others are given up
/// ```
///
/// # Security
/// Export and store after each change, whole or in parts: before a ciphertext leaves, and before a
/// delivery is acknowledged. After receiving, store what changed in the prekeys and in the sender's
/// replay memory, in the same transaction.
pub struct SessionSet {
    /// The session chosen for sending.
    sending: Session,
    /// The other sessions, oldest first.
    others: Vec<Session>,
    /// How recent the choice of `sending` is: the first half of the pair that is compared.
    selection: u32,
    /// Diffie–Hellman steps of sessions that were dropped.
    dropped_steps: u64,
    /// Post-quantum epochs of sessions that were dropped.
    dropped_epochs: u64,
    /// Number of messages opened on `sending` since it was chosen, while there are other sessions.
    left_age: u32,
    /// Stored pages of sessions that were dropped, which storage must still remove.
    left_pages: Vec<PageId>,
}

impl SessionSet {
    /// Starts a first session with the peer that published the bundle.
    ///
    /// # Errors
    /// [`HandshakeError`] says why no session was started.
    pub fn initiate(
        identity: &IdentityKeyPair,
        bundle: PreKeyBundle,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, HandshakeError> {
        Ok(Self::of(Session::initiate(identity, bundle, rng)?, 1))
    }

    /// Starts another session with the same peer and chooses it for sending. Use it when the peer
    /// does not answer or its messages do not open. Messages of the earlier sessions still open.
    ///
    /// # Errors
    /// [`HandshakeError::IdentityChanged`] if the bundle has another identity; otherwise as for
    /// [`SessionSet::initiate`].
    pub fn add_initiated(
        &mut self,
        identity: &IdentityKeyPair,
        bundle: PreKeyBundle,
        rng: &mut impl CryptoRng,
    ) -> Result<(), HandshakeError> {
        // CHK-34: all sessions are with one identity.
        if bundle.identity() != self.peer() {
            return Err(HandshakeError::IdentityChanged);
        }
        let session = Session::initiate(identity, bundle, rng)?;
        self.select_new(session, self.selection.saturating_add(1));
        Ok(())
    }

    /// Accepts the first session that a peer starts, and opens the message that starts it. The
    /// one-time prekey that the message used is destroyed. If it used none, `memory` remembers it.
    ///
    /// `memory` is the one of the sender that [`Message::peek`] names.
    ///
    /// # Errors
    /// [`DecryptError`] says why the message was not opened and what to do next.
    pub fn accept(
        identity: &IdentityKeyPair,
        prekeys: &mut PreKeys,
        memory: &mut ReplayMemory,
        message: &[u8],
        associated_data: &[u8],
    ) -> Result<(Self, Zeroizing<Vec<u8>>), DecryptError> {
        check_associated_data(associated_data)?;
        let message = Message::decode(message)?;
        let (session, opened) =
            Session::accept_message(identity, prekeys, memory, message, associated_data)?;
        Ok((Self::of(session, opened.selection), opened.plaintext))
    }

    /// Makes a set that holds only this session.
    pub(crate) fn of(session: Session, selection: u32) -> Self {
        Self {
            sending: session,
            others: Vec::new(),
            selection,
            dropped_steps: 0,
            dropped_epochs: 0,
            left_age: 0,
            left_pages: Vec::new(),
        }
    }

    /// Encrypts a message on the session chosen for sending. See [`Session::encrypt`].
    ///
    /// # Errors
    /// [`EncryptError`] says why the message was not encrypted.
    ///
    /// # Security
    /// **Nothing may be encrypted under a message key that its associated data do not determine**:
    /// `associated_data` must commit to the plaintext. [`Session::encrypt`] says why.
    pub fn encrypt(
        &mut self,
        plaintext: &[u8],
        associated_data: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, EncryptError> {
        self.sending
            .encrypt_selected(self.selection, plaintext, associated_data, rng)
    }

    /// Opens a message of any of the sessions, or a message that starts another session.
    ///
    /// Prekeys and memory change only if the message starts another session. A message that is not
    /// [initial](crate::MessageKind::Initial) uses neither: pass a new memory.
    ///
    /// # Errors
    /// [`DecryptError`] says why the message was not opened and what to do next.
    pub fn decrypt(
        &mut self,
        identity: &IdentityKeyPair,
        prekeys: &mut PreKeys,
        memory: &mut ReplayMemory,
        message: &[u8],
        associated_data: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
        self.decrypt_with(identity, Some((prekeys, memory)), message, associated_data)
    }

    /// Opens a message of any of the sessions, and starts none. For a device whose prekeys cannot
    /// be read.
    ///
    /// # Errors
    /// [`DecryptError::UnknownPreKey`] for a message that would start another session, else as
    /// [`SessionSet::decrypt`].
    pub fn decrypt_existing(
        &mut self,
        identity: &IdentityKeyPair,
        message: &[u8],
        associated_data: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
        self.decrypt_with(identity, None, message, associated_data)
    }

    fn decrypt_with(
        &mut self,
        identity: &IdentityKeyPair,
        accepting: Option<(&mut PreKeys, &mut ReplayMemory)>,
        message: &[u8],
        associated_data: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
        check_associated_data(associated_data)?;
        let message = Message::decode(message)?;
        let (index, opened) = match &message.handshake {
            None => {
                let (index, located) = self
                    .find(|session| session.locate(&message))
                    .ok_or(DecryptError::Unauthenticated)?;
                let session = self.get_mut(index).ok_or(DecryptError::Unauthenticated)?;
                let unanswered = session.is_unanswered();
                let opened = session.open_located(located, message, associated_data)?;
                // CHK-39: only the first reply on a session that we started can change the choice.
                // No honest later message could.
                if unanswered && self.adopt(index, opened.selection) {
                    return Ok(opened.plaintext);
                }
                (index, opened)
            }
            Some(handshake) => {
                // CHK-17: no session with oneself.
                if &handshake.identity == identity.public() {
                    return Err(DecryptError::OwnIdentity);
                }
                // CHK-34: all sessions are with one identity.
                if &handshake.identity != self.peer() {
                    return Err(DecryptError::IdentityChanged);
                }
                // CHK-35: a handshake seen before belongs to the session it made and never makes
                // another.
                let Some((index, ())) =
                    self.find(|session| session.is_from(handshake).then_some(()))
                else {
                    let (prekeys, memory) = accepting.ok_or(DecryptError::UnknownPreKey)?;
                    let (session, opened) = Session::accept_message(
                        identity,
                        prekeys,
                        memory,
                        message,
                        associated_data,
                    )?;
                    return Ok(self.add_accepted(session, opened));
                };
                let session = self.get_mut(index).ok_or(DecryptError::Unauthenticated)?;
                (index, session.open_message(message, associated_data)?)
            }
        };
        if matches!(index, Index::Sending) {
            self.age_others();
        }
        Ok(opened.plaintext)
    }

    /// Adds a session that was just accepted, and chooses it.
    fn add_accepted(&mut self, session: Session, opened: Opened) -> Zeroizing<Vec<u8>> {
        // The new selection is the peer's number if that is greater than ours, or else ours plus
        // one.
        let ours = self.selection.saturating_add(1);
        self.select_new(session, opened.selection.max(ours));
        opened.plaintext
    }

    /// Adopts the peer's choice of session if its pair is greater than ours. Returns whether it
    /// was.
    fn adopt(&mut self, index: Index, selection: u32) -> bool {
        let Some(session) = self.get_mut(index) else {
            return false;
        };
        let theirs = (selection, *session.base_key());
        let greater = theirs > (self.selection, *self.sending.base_key());
        if greater {
            self.selection = selection;
            self.select_existing(index);
        }
        greater
    }

    /// Counts a message that was opened on the chosen session, and gives up the others in time.
    fn age_others(&mut self) {
        if self.others.is_empty() {
            return;
        }
        self.left_age = self.left_age.saturating_add(1);
        // CHK-40: sessions that have not been the chosen one for this long are given up.
        if self.left_age > MAX_LEFT_SESSION_AGE {
            self.left_age = 0;
            for _ in 0..self.others.len() {
                self.give_up(0);
            }
        }
    }

    /// Destroys one of the other sessions, and keeps its counts and the names of its stored pages.
    fn give_up(&mut self, index: usize) {
        let dropped = self.others.remove(index);
        self.dropped_steps = self
            .dropped_steps
            .saturating_add(dropped.dh_ratchet_steps());
        self.dropped_epochs = self.dropped_epochs.saturating_add(dropped.pq_epochs());
        self.left_pages.extend(dropped.kept_pages());
    }

    /// Applies `look` to the chosen session, then to the others, newest first, until one gives a
    /// result.
    fn find<T>(&self, mut look: impl FnMut(&Session) -> Option<T>) -> Option<(Index, T)> {
        if let Some(found) = look(&self.sending) {
            return Some((Index::Sending, found));
        }
        let others = self.others.iter().enumerate().rev();
        others
            .map(|(index, session)| (index, look(session)))
            .find_map(|(index, found)| Some((Index::Other(index), found?)))
    }

    /// All sessions, the chosen one last.
    fn all(&self) -> impl Iterator<Item = &Session> + Clone {
        self.others.iter().chain([&self.sending])
    }

    fn get_mut(&mut self, index: Index) -> Option<&mut Session> {
        match index {
            Index::Sending => Some(&mut self.sending),
            Index::Other(index) => self.others.get_mut(index),
        }
    }

    /// Chooses a new session for sending. One of the others is evicted if there are too many.
    fn select_new(&mut self, session: Session, selection: u32) {
        let replaced = core::mem::replace(&mut self.sending, session);
        self.selection = selection;
        self.left_age = 0;
        self.others.push(replaced);
        // CHK-36: no more sessions than the limit. Unanswered ones are evicted first, so starting
        // again and again does not cost a session that works.
        if self.others.len() >= MAX_SESSIONS {
            let unanswered = self.others.iter().position(Session::is_unanswered);
            self.give_up(unanswered.unwrap_or(0));
        }
    }

    /// Chooses one of the other sessions for sending. The session chosen before becomes the newest
    /// of the others.
    fn select_existing(&mut self, index: Index) {
        if let Index::Other(index) = index
            && index < self.others.len()
        {
            self.left_age = 0;
            let chosen = self.others.remove(index);
            self.others
                .push(core::mem::replace(&mut self.sending, chosen));
        }
    }
}

/// Names a session of a set: the chosen one, or one of the others by its place in `others`.
#[derive(Clone, Copy)]
enum Index {
    Sending,
    Other(usize),
}

#[cfg(test)]
mod tests;
