//! Export and import of a [`Session`], as versioned bytes.

use zeroize::Zeroizing;

use super::{Origin, Session};
use crate::codec::{Reader, SESSION_VERSION, Writer};
use crate::dh::DhPublicKey;
use crate::error::DecodeError;
use crate::identity::{
    IDENTITY_CERTIFICATE_LEN, IDENTITY_KEY_LEN, IdentityCertificate, IdentityKey,
};
use crate::kem::{KEM_CIPHERTEXT_LEN, KemCiphertext};
use crate::pqxdh::{Handshake, HandshakeDigest, SessionAd};
use crate::ratchet::{MAX_RATCHET_EXPORT_LEN, MAX_RATCHET_STATE_LEN, Ratchet};
use crate::skipped::{Form, PageChange, PageId};

/// Length of the fields before the ratchet: peer, associated data, base key, digest, origin.
const FIXED_LEN: usize = IDENTITY_KEY_LEN + 32 + 32 + 32 + 1;
/// Length of a handshake without its base key: identity, certificate, two ids, presence,
/// ciphertext.
const HANDSHAKE_LEN: usize =
    IDENTITY_KEY_LEN + IDENTITY_CERTIFICATE_LEN + 4 + 1 + 4 + KEM_CIPHERTEXT_LEN;
/// Maximum length of a session in a whole export, without the version byte.
pub(crate) const MAX_SESSION_EXPORT_LEN: usize = FIXED_LEN + HANDSHAKE_LEN + MAX_RATCHET_EXPORT_LEN;
/// Maximum length of a session in the state of an export in parts.
pub(crate) const MAX_SESSION_STATE_LEN: usize = FIXED_LEN + HANDSHAKE_LEN + MAX_RATCHET_STATE_LEN;

impl Session {
    /// Exports the session as secret bytes for this device's storage. They are wiped on drop.
    ///
    /// # Size
    /// | part | bytes |
    /// |---|---:|
    /// | in a conversation, by the post-quantum ratchet's phase | 860 to 2,085, median 1,371 |
    /// | until the first reply | 1,710 more |
    /// | each skipped message | 84 more |
    /// | each earlier chain that lacks a message | 40 more |
    #[must_use]
    pub fn export(&self) -> Zeroizing<Vec<u8>> {
        let mut writer = Writer::new(SESSION_VERSION, self.export_len(Form::Whole));
        self.write(&mut writer, Form::Whole);
        writer.finish()
    }

    /// Reads what [`Session::export`] wrote.
    ///
    /// # Errors
    /// [`DecodeError`] for any other bytes.
    pub fn import(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(SESSION_VERSION, bytes, MAX_SESSION_EXPORT_LEN + 1)?;
        let session = Self::read(&mut reader, Form::Whole)?;
        reader.finish()?;
        Ok(session)
    }

    pub(crate) fn export_len(&self, form: Form) -> usize {
        self.ratchet
            .export_len(form)
            .saturating_add(FIXED_LEN + HANDSHAKE_LEN)
    }

    pub(crate) fn write(&self, writer: &mut Writer, form: Form) {
        writer.bytes(&self.peer.to_bytes());
        writer.bytes(&self.ad.0);
        writer.bytes(self.base_key.as_bytes());
        writer.bytes(&self.digest.0);
        match &self.origin {
            Origin::Unanswered(handshake) => {
                writer.u8(0);
                writer.bytes(&handshake.identity.to_bytes());
                writer.bytes(&handshake.certificate.to_bytes());
                writer.u32(handshake.signed_prekey_id);
                writer.optional(handshake.one_time_prekey_id, Writer::u32);
                writer.bytes(handshake.kem_ciphertext.as_bytes());
            }
            Origin::Initiated => writer.u8(1),
            Origin::Accepted => writer.u8(2),
        }
        self.ratchet.write(writer, form);
    }

    pub(crate) fn read(reader: &mut Reader<'_>, form: Form) -> Result<Self, DecodeError> {
        let peer = IdentityKey::from_bytes(reader.slice(IDENTITY_KEY_LEN)?)?;
        let ad = SessionAd(*reader.array()?);
        let base_key = DhPublicKey::from_bytes(reader.array()?)?;
        let digest = HandshakeDigest(*reader.array()?);
        let origin = match reader.u8()? {
            0 => Origin::Unanswered(Box::new(Handshake {
                identity: IdentityKey::from_bytes(reader.slice(IDENTITY_KEY_LEN)?)?,
                certificate: IdentityCertificate::from_bytes(reader.array()?),
                base_key,
                signed_prekey_id: reader.u32()?,
                one_time_prekey_id: reader.optional(Reader::u32)?,
                kem_ciphertext: Box::new(KemCiphertext::from_bytes(reader.array()?)),
            })),
            1 => Origin::Initiated,
            2 => Origin::Accepted,
            _ => return Err(DecodeError::Malformed),
        };
        let ratchet = Ratchet::read(reader, form)?;
        // A reply is awaited exactly as long as no message was opened.
        if matches!(origin, Origin::Unanswered(_)) == ratchet.has_received() {
            return Err(DecodeError::Malformed);
        }
        Ok(Self {
            peer,
            ad,
            base_key,
            digest,
            origin,
            ratchet,
        })
    }

    /// Reads a page of an export in parts whose id names this session.
    pub(crate) fn read_page(&mut self, reader: Reader<'_>) -> Result<(), DecodeError> {
        self.ratchet.skipped_mut().read_page(reader)
    }

    /// Checks the skipped keys once all pages of an export in parts are read.
    pub(crate) fn finish_pages(&mut self) -> Result<(), DecodeError> {
        self.ratchet.finish_pages()
    }

    /// Returns the pages of skipped keys that changed since the last call.
    pub(crate) fn take_page_changes(&mut self) -> Vec<PageChange> {
        let base_key = self.base_key.as_bytes();
        self.ratchet.skipped_mut().take_changes(base_key)
    }

    /// Names the pages of this session that storage holds if it applied all changes taken so far.
    pub(crate) fn kept_pages(&self) -> impl Iterator<Item = PageId> {
        let base_key = self.base_key.as_bytes();
        self.ratchet.skipped().kept_pages(base_key)
    }

    /// Length of all pages together in bytes.
    pub(crate) fn pages_len(&self) -> usize {
        self.ratchet.skipped().pages_len()
    }
}

#[cfg(test)]
mod tests;
