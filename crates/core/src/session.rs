//! One session: a handshake's outcome and the ratchet that runs on it.

use core::fmt;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::bundle::PreKeyBundle;
use crate::dh::DhPublicKey;
use crate::header;
use crate::identity::{IdentityKey, IdentityKeyPair};
use crate::message::{MAX_ASSOCIATED_DATA_LEN, Message};
use crate::post_quantum::PostQuantumStop;
use crate::pqxdh::{self, Handshake, HandshakeDigest, SessionAd};
use crate::prekeys::{PreKeys, SpentPreKey};
use crate::ratchet::{EncryptError, Located, Opened, Ratchet, SealedHeader};

mod error;
mod export;

pub use error::{DecryptError, HandshakeError};
pub(crate) use export::{MAX_SESSION_EXPORT_LEN, MAX_SESSION_STATE_LEN};

/// One session with a peer's device. Most applications want [`SessionSet`](crate::SessionSet), which keeps the few that two devices
/// may have with each other.
///
/// ```text
/// initiate -> each message repeats the handshake -> a reply opens -> messages without it
/// accept   -> the first message is open                           -> messages without it
/// ```
///
/// # Security
/// Export and store after each change: before a ciphertext leaves, before a delivery is acknowledged. A session that is set back to
/// an earlier state and used again encrypts two messages under one key.
pub struct Session {
    peer: IdentityKey,
    ad: SessionAd,
    base_key: DhPublicKey,
    digest: HandshakeDigest,
    origin: Origin,
    ratchet: Ratchet,
}

enum Origin {
    /// We initiated and have opened nothing yet: messages repeat the handshake.
    Unanswered(Box<Handshake>),
    /// We initiated.
    Initiated,
    /// The peer initiated.
    Accepted,
}

impl Session {
    /// Starts a session with the peer whose bundle this is; the bundle is used up.
    ///
    /// # Errors
    /// [`HandshakeError`].
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

    /// Accepts the session that an initial message starts, and opens the message.
    ///
    /// The [`SpentPreKey`] must be given to [`PreKeys::spend`] before the prekeys are used again.
    ///
    /// # Errors
    /// [`DecryptError`].
    pub fn accept(
        identity: &IdentityKeyPair,
        prekeys: &PreKeys,
        message: &[u8],
        associated_data: &[u8],
    ) -> Result<(Self, Zeroizing<Vec<u8>>, SpentPreKey), DecryptError> {
        check_associated_data(associated_data)?;
        let (session, opened, spent) = Self::accept_message(
            identity,
            prekeys,
            Message::decode(message)?,
            associated_data,
        )?;
        Ok((session, opened.plaintext, spent))
    }

    pub(crate) fn accept_message(
        identity: &IdentityKeyPair,
        prekeys: &PreKeys,
        message: Message,
        associated_data: &[u8],
    ) -> Result<(Self, Opened, SpentPreKey), DecryptError> {
        let handshake = message
            .handshake
            .as_ref()
            .ok_or(DecryptError::NoHandshake)?;
        // CHK-17: no session with oneself.
        if &handshake.identity == identity.public() {
            return Err(DecryptError::OwnIdentity);
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
            // CHK-27: without a one-time prekey, the same base key serves once.
            if signed.remembers(&handshake.base_key) {
                return Err(DecryptError::ReplayedInitialMessage);
            }
            // CHK-28: and no more are accepted than can be remembered.
            if signed.memory_is_full() {
                return Err(DecryptError::ReplayMemoryFull);
            }
        }
        // CHK-10: the identity's Ed25519 key signed its X25519 key.
        handshake
            .certificate
            .verify(&handshake.identity)
            .map_err(|_| DecryptError::InvalidCertificate)?;
        // CHK-29: the base key has no second form that gives the same secrets.
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
            signed_prekey_id: handshake.signed_prekey_id,
            one_time_prekey_id: handshake.one_time_prekey_id,
            base_key: handshake.base_key,
        };
        let opened = session.open_message(message, associated_data)?;
        Ok((session, opened, spent))
    }

    /// Encrypts a message, at most [`MAX_PLAINTEXT_LEN`](crate::MAX_PLAINTEXT_LEN) bytes. The associated data, at most
    /// [`MAX_ASSOCIATED_DATA_LEN`], is authenticated and not sent: the peer must give the same.
    ///
    /// The length of the plaintext shows: pad before if it should not.
    ///
    /// # Errors
    /// [`EncryptError`].
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

    /// Opens a message of this session, which may arrive in any order and, while the peer has no reply, may repeat the handshake.
    ///
    /// # Errors
    /// [`DecryptError`].
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

    /// Whether `handshake` is the one that made this session, as its recipient.
    pub(crate) fn is_from(&self, handshake: &Handshake) -> bool {
        matches!(self.origin, Origin::Accepted) && handshake.base_key == self.base_key
    }

    /// Opens a message of this session, or says [`DecryptError::Unauthenticated`] if it is of another one.
    pub(crate) fn open_message(
        &mut self,
        message: Message,
        associated_data: &[u8],
    ) -> Result<Opened, DecryptError> {
        // CHK-30: a repeated handshake is the one that made the session, to the last byte.
        if message
            .handshake
            .as_ref()
            .is_some_and(|handshake| handshake.digest() != self.digest)
        {
            return Err(DecryptError::Unauthenticated);
        }
        // CHK-18: a header that opens under none of the session's header keys is not the session's.
        let located = self.locate(&message).ok_or(DecryptError::Unauthenticated)?;
        self.open_located(located, message, associated_data)
    }

    /// Where in this session the message's header opens, if it does.
    pub(crate) fn locate(&self, message: &Message) -> Option<Located> {
        let nonce = header::nonce_of(&message.body)?;
        self.ratchet.locate(
            &self.ad,
            &SealedHeader {
                bytes: &message.header,
                nonce,
            },
        )
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

    /// Whether we initiated it and have opened nothing on it yet.
    pub(crate) fn is_unanswered(&self) -> bool {
        matches!(self.origin, Origin::Unanswered(_))
    }

    pub(crate) fn base_key(&self) -> &DhPublicKey {
        &self.base_key
    }

    /// Whose device is at the other end.
    #[must_use]
    pub fn peer(&self) -> &IdentityKey {
        &self.peer
    }

    /// Whether a message of the peer has been opened on it. Until then nothing shows that the peer could accept it.
    #[must_use]
    pub fn is_established(&self) -> bool {
        self.ratchet.has_received()
    }

    /// Diffie–Hellman steps taken, sending and receiving: how often the session has healed.
    #[must_use]
    pub fn dh_ratchet_steps(&self) -> u64 {
        self.ratchet.steps()
    }

    /// Epochs of the post-quantum ratchet that this side has completed: how often the session has healed against an attacker with a
    /// quantum computer. An epoch takes some 90 messages in a conversation.
    #[must_use]
    pub fn pq_epochs(&self) -> u64 {
        self.ratchet.post_quantum().epochs()
    }

    /// Why the post-quantum ratchet goes no further, if it does not: the peer sent what no honest one would. Messages still open, and
    /// are protected by the epochs before; start a new session for further ones.
    #[must_use]
    pub fn pq_stopped(&self) -> Option<PostQuantumStop> {
        self.ratchet.post_quantum().stopped()
    }
}

/// CHK-15: associated data within its limit.
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
