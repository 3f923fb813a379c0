//! All sessions that two devices have with each other, and which of them to send on.
//!
//! Two devices may start at the same time, or start again while messages are on their way; each then holds several sessions. Every
//! one stays open for receiving, and both ends must come to send on the same one. Each end's choice is a pair
//! `(selection, base key)`, and the greater pair wins wherever two meet. The selection travels inside each message's encrypted
//! header:
//!
//! ```text
//! initiate                          selection = 1
//! start again                       selection = ours + 1, on the new session
//! accept a new session with s       selection = s if s > ours, else ours + 1, on the new session
//! open the first answer on a        if (s, base key of R) > (ours, base key of ours): adopt both
//!   session R that we started, s
//! ```
//!
//! Nothing else moves anyone: who accepted a session has given it the one number that its answers carry, so that the first of them
//! says it all. A session that was accepted is always chosen over one that only we know of, so
//! that nobody sticks to one that the peer cannot open. After the last start both ends hold the greatest pair as soon as each has
//! opened what the other sent last.

use core::fmt;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::bundle::PreKeyBundle;
use crate::identity::{IdentityKey, IdentityKeyPair};
use crate::message::Message;
use crate::post_quantum::PostQuantumStop;
use crate::prekeys::PreKeys;
use crate::ratchet::EncryptError;
use crate::session::{DecryptError, HandshakeError, Session, check_associated_data};
use crate::skipped::PageId;

mod export;
mod parts;

pub use self::parts::SessionSetParts;

/// Most sessions held with one peer device. The oldest unanswered one gives way, else the oldest. Bounds the stored state and what a forged message costs.
pub const MAX_SESSIONS: usize = 5;

/// How many messages open on the chosen session before the others are given up. Late messages of those open until then; a copy of
/// their state that someone took is good until then, since a session that nobody sends on takes no Diffie–Hellman steps.
pub const MAX_LEFT_SESSION_AGE: u32 = 1_000;

/// The sessions with one peer device, one to five: what an application stores per peer device.
///
/// The peer's identity is pinned: a message or bundle of another one is refused.
///
/// # Security
/// Export and store after each change, in one piece or in parts, together with the prekeys if a message was received: before a
/// ciphertext leaves, before a delivery is acknowledged.
pub struct SessionSet {
    /// The one to send on.
    sending: Session,
    /// The others, oldest first.
    others: Vec<Session>,
    /// How recent the choice of `sending` is.
    selection: u32,
    /// Diffie–Hellman steps of sessions that gave way.
    dropped_steps: u64,
    /// Post-quantum epochs of sessions that gave way.
    dropped_epochs: u64,
    /// Messages opened on `sending` since it was chosen, while there are others.
    left_age: u32,
    /// Pages of sessions that gave way, which whoever takes the parts still has.
    left_pages: Vec<PageId>,
}

impl SessionSet {
    /// Starts a first session with the peer whose bundle this is.
    ///
    /// # Errors
    /// [`HandshakeError`].
    pub fn initiate(
        identity: &IdentityKeyPair,
        bundle: PreKeyBundle,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, HandshakeError> {
        Ok(Self {
            sending: Session::initiate(identity, bundle, rng)?,
            others: Vec::new(),
            selection: 1,
            dropped_steps: 0,
            dropped_epochs: 0,
            left_age: 0,
            left_pages: Vec::new(),
        })
    }

    /// Starts another session with the same peer and sends on it from now on: when the peer does not answer, or its messages do not
    /// open. Messages of the earlier sessions still open.
    ///
    /// # Errors
    /// [`HandshakeError::IdentityChanged`] if the bundle is of another identity; otherwise as [`SessionSet::initiate`].
    pub fn add_initiated(
        &mut self,
        identity: &IdentityKeyPair,
        bundle: PreKeyBundle,
        rng: &mut impl CryptoRng,
    ) -> Result<(), HandshakeError> {
        // CHK-34: sessions are with one identity.
        if bundle.identity() != self.peer() {
            return Err(HandshakeError::IdentityChanged);
        }
        let session = Session::initiate(identity, bundle, rng)?;
        self.select_new(session, self.selection.saturating_add(1));
        Ok(())
    }

    /// Accepts the first session that a peer starts, and opens the message that starts it. The prekey it used is spent.
    ///
    /// # Errors
    /// [`DecryptError`].
    pub fn accept(
        identity: &IdentityKeyPair,
        prekeys: &mut PreKeys,
        message: &[u8],
        associated_data: &[u8],
    ) -> Result<(Self, Zeroizing<Vec<u8>>), DecryptError> {
        check_associated_data(associated_data)?;
        let message = Message::decode(message)?;
        let (session, opened, spent) =
            Session::accept_message(identity, prekeys, message, associated_data)?;
        prekeys.spend(spent);
        let sessions = Self {
            sending: session,
            others: Vec::new(),
            selection: opened.selection,
            dropped_steps: 0,
            dropped_epochs: 0,
            left_age: 0,
            left_pages: Vec::new(),
        };
        Ok((sessions, opened.plaintext))
    }

    /// Encrypts a message on the session chosen for sending. See [`Session::encrypt`].
    ///
    /// # Errors
    /// [`EncryptError`].
    pub fn encrypt(
        &mut self,
        plaintext: &[u8],
        associated_data: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, EncryptError> {
        self.sending
            .encrypt_selected(self.selection, plaintext, associated_data, rng)
    }

    /// Opens a message of any of the sessions, or one that starts another session.
    ///
    /// # Errors
    /// [`DecryptError`].
    pub fn decrypt(
        &mut self,
        identity: &IdentityKeyPair,
        prekeys: &mut PreKeys,
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
                // CHK-39: only the first answer on a session that we started moves us; no honest later message could.
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
                // CHK-34: sessions are with one identity.
                if &handshake.identity != self.peer() {
                    return Err(DecryptError::IdentityChanged);
                }
                // CHK-35: a handshake seen before belongs to the session it made, and never makes another.
                let Some((index, ())) =
                    self.find(|session| session.is_from(handshake).then_some(()))
                else {
                    return self.accept_another(identity, prekeys, message, associated_data);
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

    /// Accepts a session beside those there are, and chooses it.
    fn accept_another(
        &mut self,
        identity: &IdentityKeyPair,
        prekeys: &mut PreKeys,
        message: Message,
        associated_data: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
        let (session, opened, spent) =
            Session::accept_message(identity, prekeys, message, associated_data)?;
        prekeys.spend(spent);
        // The peer's own number if it is the greater, else one that is greater than both.
        self.select_new(
            session,
            opened.selection.max(self.selection.saturating_add(1)),
        );
        Ok(opened.plaintext)
    }

    /// Adopts the peer's choice if it is the greater; says whether it did.
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

    /// Counts a message that was opened on the chosen session.
    fn age_others(&mut self) {
        if self.others.is_empty() {
            return;
        }
        self.left_age = self.left_age.saturating_add(1);
        // CHK-40: sessions that were left this long ago are given up.
        if self.left_age > MAX_LEFT_SESSION_AGE {
            self.left_age = 0;
            for _ in 0..self.others.len() {
                self.give_up(0);
            }
        }
    }

    /// Destroys one of the others.
    fn give_up(&mut self, index: usize) {
        let dropped = self.others.remove(index);
        self.dropped_steps = self
            .dropped_steps
            .saturating_add(dropped.dh_ratchet_steps());
        self.dropped_epochs = self.dropped_epochs.saturating_add(dropped.pq_epochs());
        self.left_pages.extend(dropped.kept_pages());
    }

    /// Looks at the session chosen for sending, then at the others, newest first.
    fn find<T>(&self, mut look: impl FnMut(&Session) -> Option<T>) -> Option<(Index, T)> {
        if let Some(found) = look(&self.sending) {
            return Some((Index::Sending, found));
        }
        let others = self.others.iter().enumerate().rev();
        others
            .map(|(index, session)| (index, look(session)))
            .find_map(|(index, found)| Some((Index::Other(index), found?)))
    }

    fn get_mut(&mut self, index: Index) -> Option<&mut Session> {
        match index {
            Index::Sending => Some(&mut self.sending),
            Index::Other(index) => self.others.get_mut(index),
        }
    }

    /// Sends on a new session from now on; one of the others gives way if there are too many.
    fn select_new(&mut self, session: Session, selection: u32) {
        let replaced = core::mem::replace(&mut self.sending, session);
        self.selection = selection;
        self.left_age = 0;
        self.others.push(replaced);
        // CHK-36: no more sessions than the limit. Starting over again and again does not cost a session that works.
        if self.others.len() >= MAX_SESSIONS {
            let unanswered = self.others.iter().position(Session::is_unanswered);
            self.give_up(unanswered.unwrap_or(0));
        }
    }

    /// Sends on one of the others from now on, which takes the place of the newest.
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

    /// The pinned identity of the peer's device.
    #[must_use]
    pub fn peer(&self) -> &IdentityKey {
        self.sending.peer()
    }

    /// Whether a message of the peer has been opened on the session chosen for sending. Until then nothing shows that the peer could
    /// accept it, and each message repeats the handshake.
    #[must_use]
    pub fn is_established(&self) -> bool {
        self.sending.is_established()
    }

    /// How many sessions are held.
    #[must_use]
    pub fn count(&self) -> usize {
        self.others.len().saturating_add(1)
    }

    /// Diffie–Hellman steps taken on all sessions, those no longer held included.
    #[must_use]
    pub fn dh_ratchet_steps(&self) -> u64 {
        let held = self
            .others
            .iter()
            .chain([&self.sending])
            .map(Session::dh_ratchet_steps);
        held.fold(self.dropped_steps, u64::saturating_add)
    }

    /// Epochs of the post-quantum ratchet completed on all sessions, those no longer held included. See [`Session::pq_epochs`].
    #[must_use]
    pub fn pq_epochs(&self) -> u64 {
        let held = self
            .others
            .iter()
            .chain([&self.sending])
            .map(Session::pq_epochs);
        held.fold(self.dropped_epochs, u64::saturating_add)
    }

    /// Why the post-quantum ratchet of the session chosen for sending goes no further, if it does not. See [`Session::pq_stopped`].
    #[must_use]
    pub fn pq_stopped(&self) -> Option<PostQuantumStop> {
        self.sending.pq_stopped()
    }
}

#[derive(Clone, Copy)]
enum Index {
    Sending,
    Other(usize),
}

impl fmt::Debug for SessionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionSet")
            .field("peer", self.peer())
            .field("count", &self.count())
            .field("is_established", &self.is_established())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
