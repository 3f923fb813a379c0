//! [`Session`] as versioned bytes.

use zeroize::Zeroizing;

use super::{Origin, Session};
use crate::codec::{Reader, Writer};
use crate::dh::DhPublicKey;
use crate::error::DecodeError;
use crate::identity::{
    IDENTITY_CERTIFICATE_LEN, IDENTITY_KEY_LEN, IdentityCertificate, IdentityKey,
};
use crate::kem::{KEM_CIPHERTEXT_LEN, KemCiphertext};
use crate::pqxdh::{Handshake, HandshakeDigest, SessionAd};
use crate::ratchet::{MAX_RATCHET_EXPORT_LEN, Ratchet};

/// Peer, associated data, base key, digest, origin.
const FIXED_LEN: usize = IDENTITY_KEY_LEN + 32 + 32 + 32 + 1;
/// A handshake without its base key: identity, certificate, two ids, presence, ciphertext.
const HANDSHAKE_LEN: usize =
    IDENTITY_KEY_LEN + IDENTITY_CERTIFICATE_LEN + 4 + 1 + 4 + KEM_CIPHERTEXT_LEN;
/// Most bytes of a session in an export, without the version.
pub(crate) const MAX_SESSION_EXPORT_LEN: usize = FIXED_LEN + HANDSHAKE_LEN + MAX_RATCHET_EXPORT_LEN;

impl Session {
    /// Secret bytes for this device's storage, wiped on drop: some 860 to 2,085 bytes in the middle of a conversation, by the phase of
    /// the post-quantum ratchet, 1,371 in the median; 1,710 more until the first reply, 84 more for each skipped
    /// message and 40 for each earlier chain that lacks one.
    #[must_use]
    pub fn export(&self) -> Zeroizing<Vec<u8>> {
        let mut writer = Writer::new(self.export_len());
        self.write(&mut writer);
        writer.finish()
    }

    /// Reads what [`Session::export`] wrote.
    ///
    /// # Errors
    /// [`DecodeError`] for anything else.
    pub fn import(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, MAX_SESSION_EXPORT_LEN + 1)?;
        let session = Self::read(&mut reader)?;
        reader.finish()?;
        Ok(session)
    }

    pub(crate) fn export_len(&self) -> usize {
        self.ratchet
            .export_len()
            .saturating_add(FIXED_LEN + HANDSHAKE_LEN)
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
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
        self.ratchet.write(writer);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
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
        let ratchet = Ratchet::read(reader)?;
        // We await a reply exactly as long as none was opened.
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
}

#[cfg(test)]
mod tests;
