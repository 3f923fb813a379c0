//! A session: the result of one handshake, and the ratchet that runs on it.

use core::fmt;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::bundle::PreKeyBundle;
use crate::dh::DhPublicKey;
use crate::header::{self, SealedHeader};
use crate::identity::{IdentityKey, IdentityKeyPair};
use crate::message::{MAX_ASSOCIATED_DATA_LEN, Message};
use crate::post_quantum::PostQuantumStop;
use crate::pqxdh::{self, Handshake, HandshakeDigest, SessionAd};
use crate::prekeys::{PreKeys, SpentPreKey};
use crate::ratchet::{EncryptError, Located, Opened, Ratchet};
use crate::replay_memory::ReplayMemory;
use crate::session_id::SessionId;

mod error;
mod export;

pub use error::{DecryptError, HandshakeError};
pub(crate) use export::{MAX_SESSION_EXPORT_LEN, MAX_SESSION_STATE_LEN};

/// One session with a peer's device. Most applications want [`SessionSet`](crate::SessionSet),
/// which holds all sessions that two devices have with each other.
///
/// A session begins with a handshake, which fixes both identities and the first keys. Each message
/// sent or opened moves its ratchet on and destroys the key it used. The initiator repeats the
/// handshake in each message until it opens a first reply; from then on the peer is known to have
/// the session.
///
/// ```text
/// initiate -> each message repeats the handshake -> a reply is opened -> messages without it
/// accept   -> the first message is opened                             -> messages without it
/// ```
///
/// # Security
/// Export and store after each change: before a ciphertext leaves, and before a delivery is
/// acknowledged. For a session that is restored to an earlier state and used again, see
/// [`Session::encrypt`].
pub struct Session {
    peer: IdentityKey,
    ad: SessionAd,
    base_key: DhPublicKey,
    digest: HandshakeDigest,
    origin: Origin,
    ratchet: Ratchet,
}

/// Which side initiated the session, and whether the handshake is still repeated.
enum Origin {
    /// We initiated and have opened no reply yet: messages repeat the handshake.
    Unanswered(Box<Handshake>),
    /// We initiated and have opened a reply.
    Initiated,
    /// The peer initiated.
    Accepted,
}

impl Session {
    /// Starts a session with the peer that published the bundle. Each bundle starts one session.
    ///
    /// # Errors
    /// [`HandshakeError`] says why no session was started.
    pub fn initiate(
        identity: &IdentityKeyPair,
        bundle: PreKeyBundle,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, HandshakeError> {
        // CHK-17: no session with oneself.
        if bundle.identity() == identity.public() {
            return Err(HandshakeError::OwnIdentity);
        }
        let (handshake, agreed) = pqxdh::initiate(identity, &bundle, rng)?;
        let ratchet = Ratchet::new_initiator(agreed.secret, bundle.signed.prekey, rng)?;
        Ok(Self {
            peer: bundle.identity,
            ad: agreed.ad,
            base_key: handshake.base_key,
            digest: agreed.digest,
            origin: Origin::Unanswered(Box::new(handshake)),
            ratchet,
        })
    }

    /// Accepts the session that an initial message starts, and opens that message.
    ///
    /// The one-time prekey that the message used is destroyed. If it used none, its base key is
    /// remembered in `memory`, which is the one of the message's sender.
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
            Self::accept_message(identity, prekeys, memory, message, associated_data)?;
        Ok((session, opened.plaintext))
    }

    pub(crate) fn accept_message(
        identity: &IdentityKeyPair,
        prekeys: &mut PreKeys,
        memory: &mut ReplayMemory,
        message: Message,
        associated_data: &[u8],
    ) -> Result<(Self, Opened), DecryptError> {
        let handshake = message
            .handshake
            .as_ref()
            .ok_or(DecryptError::NoHandshake)?;
        // CHK-17: no session with oneself.
        if &handshake.identity == identity.public() {
            return Err(DecryptError::OwnIdentity);
        }
        // CHK-49: the memory is the one of the message's sender.
        if !memory.is_of(&handshake.identity) {
            return Err(DecryptError::OtherReplayMemory);
        }
        // CHK-25: the signed prekey set is still held.
        let signed = prekeys
            .signed(handshake.signed_prekey_id)
            .ok_or(DecryptError::UnknownPreKey)?;
        // CHK-26: the one-time prekey set is not spent.
        let one_time = match handshake.one_time_prekey_id {
            Some(id) => Some(prekeys.one_time(id).ok_or(DecryptError::UnknownPreKey)?),
            None => None,
        };
        if one_time.is_none() {
            // CHK-27: without a one-time prekey, each base key is accepted once.
            if signed.remembers(&handshake.base_key)
                || memory.remembers(signed.id, &handshake.base_key)
            {
                return Err(DecryptError::ReplayedInitialMessage);
            }
            // CHK-28: no more base keys of a sender are accepted than can be remembered.
            if memory.is_full(signed.id) {
                return Err(DecryptError::ReplayMemoryFull);
            }
        }
        // CHK-10: the identity's Ed25519 key signed its X25519 key.
        handshake
            .certificate
            .verify(&handshake.identity)
            .map_err(|_| DecryptError::InvalidCertificate)?;
        // CHK-29: the base key is in the prime-order group, so no other key leads to the same
        // secrets.
        handshake
            .base_key
            .check_prime_order()
            .map_err(DecryptError::InvalidPeerKey)?;

        let agreed = pqxdh::accept(identity, signed, one_time, handshake)?;
        let mut session = Self {
            peer: handshake.identity,
            ad: agreed.ad,
            base_key: handshake.base_key,
            digest: agreed.digest,
            origin: Origin::Accepted,
            ratchet: Ratchet::new_recipient(agreed.secret, signed.prekey.duplicate()),
        };
        let spent = SpentPreKey {
            sender: handshake.identity,
            signed_prekey_id: handshake.signed_prekey_id,
            one_time_prekey_id: handshake.one_time_prekey_id,
            base_key: handshake.base_key,
        };
        let opened = session.open_message(message, associated_data)?;
        prekeys.spend(spent, memory);
        Ok((session, opened))
    }

    /// Encrypts a message of at most [`MAX_PLAINTEXT_LEN`](crate::limits::MAX_PLAINTEXT_LEN) bytes.
    ///
    /// The associated data, at most [`MAX_ASSOCIATED_DATA_LEN`] bytes, is authenticated but not
    /// sent. The peer must pass the same to [`Session::decrypt`].
    ///
    /// The ciphertext reveals the length of the plaintext. Pad the plaintext if that matters.
    ///
    /// # Errors
    /// [`EncryptError`] says why the message was not encrypted.
    ///
    /// # Security
    /// Store the session before the ciphertext leaves. Even so a state can be set back: by a
    /// restored backup, by a log page of the store lost in a power cut, by two processes on one
    /// store. The next message then takes the same place in the ratchets as one sent before.
    ///
    /// The message key therefore depends on the associated data. **Nothing may be encrypted under a
    /// message key that its associated data do not determine**: `associated_data` must commit to
    /// the plaintext, as a franking tag or a hash of it does. Another message then gets another
    /// key. Without that, two plaintexts are encrypted under one key stream: their XOR is revealed,
    /// and messages under that key can be forged.
    pub fn encrypt(
        &mut self,
        plaintext: &[u8],
        associated_data: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, EncryptError> {
        self.encrypt_selected(0, plaintext, associated_data, rng)
    }

    pub(crate) fn encrypt_selected(
        &mut self,
        selection: u32,
        plaintext: &[u8],
        associated_data: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, EncryptError> {
        let sealed = self
            .ratchet
            .seal(&self.ad, selection, plaintext, associated_data, rng)?;
        let handshake = match &self.origin {
            Origin::Unanswered(handshake) => Some(&**handshake),
            Origin::Initiated | Origin::Accepted => None,
        };
        Ok(Message::encode(handshake, sealed.header, sealed.body))
    }

    /// Opens a message of this session. Messages may arrive in any order. A peer that started the
    /// session repeats the handshake in its messages until it opens a first reply.
    ///
    /// # Errors
    /// [`DecryptError`] says why the message was not opened and what to do next.
    pub fn decrypt(
        &mut self,
        message: &[u8],
        associated_data: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
        check_associated_data(associated_data)?;
        let message = Message::decode(message)?;
        if message
            .handshake
            .as_ref()
            .is_some_and(|handshake| !self.is_from(handshake))
        {
            return Err(DecryptError::OtherHandshake);
        }
        Ok(self.open_message(message, associated_data)?.plaintext)
    }

    /// Whether this session was accepted from a handshake with the same base key. CHK-30 compares
    /// everything else in the handshake when the message is opened.
    pub(crate) fn is_from(&self, handshake: &Handshake) -> bool {
        matches!(self.origin, Origin::Accepted) && handshake.base_key == self.base_key
    }

    /// Opens a message of this session. A message of another session gives
    /// [`DecryptError::Unauthenticated`].
    pub(crate) fn open_message(
        &mut self,
        message: Message,
        associated_data: &[u8],
    ) -> Result<Opened, DecryptError> {
        // CHK-30: a repeated handshake equals the one that made the session, to the last byte.
        if message
            .handshake
            .as_ref()
            .is_some_and(|handshake| handshake.digest() != self.digest)
        {
            return Err(DecryptError::Unauthenticated);
        }
        // CHK-18: a header that no header key of the session opens is refused. It was altered, or
        // belongs to another session or to a chain whose header key is gone.
        let located = self.locate(&message).ok_or(DecryptError::Unauthenticated)?;
        self.open_located(located, message, associated_data)
    }

    /// Finds the chain of this session whose header key opens the message's header.
    pub(crate) fn locate(&self, message: &Message) -> Option<Located> {
        let tag = header::tag_of(&message.body)?;
        let sealed = SealedHeader::new(&self.ad, tag, &message.header)?;
        self.ratchet.locate(&sealed)
    }

    /// Opens the body of a message that was located in this session.
    pub(crate) fn open_located(
        &mut self,
        located: Located,
        message: Message,
        associated_data: &[u8],
    ) -> Result<Opened, DecryptError> {
        let opened = self
            .ratchet
            .open(&self.ad, located, message.body, associated_data)?;
        if self.is_unanswered() {
            self.origin = Origin::Initiated;
        }
        Ok(opened)
    }

    /// Whether we initiated the session and have opened no reply yet.
    pub(crate) fn is_unanswered(&self) -> bool {
        matches!(self.origin, Origin::Unanswered(_))
    }

    pub(crate) fn base_key(&self) -> &DhPublicKey {
        &self.base_key
    }

    /// The name of this session, which is the same on both sides.
    #[must_use]
    pub fn id(&self) -> SessionId {
        SessionId::of(&self.ad, &self.base_key)
    }

    /// A hash of the whole handshake, the same on both sides. See [`SessionSet::digest`].
    ///
    /// [`SessionSet::digest`]: crate::SessionSet::digest
    pub(crate) fn digest(&self) -> [u8; 32] {
        self.ad.session_digest()
    }

    /// The identity of the peer's device.
    #[must_use]
    pub fn peer(&self) -> &IdentityKey {
        &self.peer
    }

    /// Whether any message of the peer has been opened on this session. Until then the peer may not
    /// have been able to accept it.
    #[must_use]
    pub fn is_established(&self) -> bool {
        self.ratchet.has_received()
    }

    /// Number of Diffie–Hellman steps taken, sending and receiving. Each step heals the session
    /// after a compromise.
    #[must_use]
    pub fn dh_ratchet_steps(&self) -> u64 {
        self.ratchet.steps()
    }

    /// Number of post-quantum epochs that this side has completed. Each epoch heals the session
    /// after a compromise, even against an attacker with a quantum computer. In a conversation, an
    /// epoch takes some 90 messages.
    #[must_use]
    pub fn pq_epochs(&self) -> u64 {
        self.ratchet.post_quantum().epochs()
    }

    /// Why the post-quantum ratchet has stopped, if it has: the peer is dishonest, its device went
    /// back to an old state, or someone sent a message from a stolen copy of the state. Messages
    /// still open and stay protected by the epochs before. Start a new session for further epochs.
    #[must_use]
    pub fn pq_stopped(&self) -> Option<PostQuantumStop> {
        self.ratchet.post_quantum().stopped()
    }
}

/// CHK-15: checks that the associated data is within its limit.
pub(crate) fn check_associated_data(associated_data: &[u8]) -> Result<(), DecryptError> {
    if associated_data.len() > MAX_ASSOCIATED_DATA_LEN {
        return Err(DecryptError::AssociatedDataTooLong {
            len: associated_data.len(),
            max: MAX_ASSOCIATED_DATA_LEN,
        });
    }
    Ok(())
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("peer", &self.peer)
            .field("is_established", &self.is_established())
            .field("dh_ratchet_steps", &self.dh_ratchet_steps())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
