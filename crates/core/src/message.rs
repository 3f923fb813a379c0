//! Messages as they arrive: decoded and bounded, but not authenticated yet.

use crate::error::DecodeError;
use crate::header::SEALED_HEADER_LEN;
use crate::identity::{IDENTITY_CERTIFICATE_LEN, IDENTITY_KEY_LEN};
use crate::identity::{IdentityCertificate, IdentityKey};
use crate::message_key::TAG_LEN;
use crate::pqxdh::Handshake;
use crate::wire::{self, WireMessage};

/// Maximum length of a message's plaintext in bytes: 128 KiB, and 1 KiB for what layers above add.
///
/// Bounds the memory that one message can claim before it is authenticated.
pub const MAX_PLAINTEXT_LEN: usize = 132_096;

/// Maximum length in bytes of the associated data that a caller binds to one message.
///
/// Bounds the memory that one message can claim before it is authenticated.
pub const MAX_ASSOCIATED_DATA_LEN: usize = 1_024;

/// Maximum length of a message on the wire in bytes: the largest plaintext plus 2 KiB, a round
/// number above what handshake, header, tag and framing take. Longer input is refused before it is
/// decoded.
pub const MAX_MESSAGE_LEN: usize = MAX_PLAINTEXT_LEN + 2_048;

/// Maximum length of a refusal's content in bytes: a round number above 64 tags of 32 bytes with
/// what layers above say of each and pad them to. Bounds the memory that a refusal can claim before
/// it is authenticated.
pub const MAX_REFUSAL_LEN: usize = 4_096;

/// Maximum length of a refusal on the wire in bytes: version, two fields of 2 + 64, one of 2 + 32,
/// and the content's field of 3 bytes, content and tag.
pub(crate) const MAX_SEALED_REFUSAL_LEN: usize = 1
    + (2 + IDENTITY_KEY_LEN)
    + (2 + IDENTITY_CERTIFICATE_LEN)
    + (2 + SALT_LEN)
    + 3
    + (MAX_REFUSAL_LEN + TAG_LEN);

/// Length of a refusal's salt in bytes.
pub(crate) const SALT_LEN: usize = 32;

/// The kind of a received message, as far as it can be told without opening the message. Nothing
/// here is authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// The message carries a handshake and can start a session.
    Initial {
        /// The identity that the message claims to come from.
        identity: IdentityKey,
    },
    /// The message belongs to a session that both sides already have.
    Ordinary,
    /// The sender could not open messages of ours. No session opens this: pass it to
    /// [`IdentityKeyPair::open_refusal`](crate::IdentityKeyPair::open_refusal).
    Refusal {
        /// The identity that the refusal claims to come from.
        identity: IdentityKey,
    },
}

/// A decoded message, not authenticated yet.
///
/// | field | bytes |
/// |---|---:|
/// | version | 1 |
/// | handshake, until the sender has opened a reply | 0 or 1,742 to 1,752 |
/// | encrypted header | 99 |
/// | encrypted body: plaintext and a tag of 16 | 16 to 132,112 |
///
/// # Size
/// With protobuf's framing, a message is 120 to 122 bytes longer than its plaintext. A handshake
/// adds about 1,750 bytes.
pub struct Message {
    pub(crate) handshake: Option<Handshake>,
    pub(crate) header: [u8; SEALED_HEADER_LEN],
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// Tells what kind of message `bytes` hold, before any state is touched.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not a message that this release can decode. Drop them.
    pub fn peek(bytes: &[u8]) -> Result<MessageKind, DecodeError> {
        if bytes.first() == Some(&wire::Refusal::VERSION) {
            let identity = SealedRefusal::decode(bytes)?.identity;
            return Ok(MessageKind::Refusal { identity });
        }
        let message = Self::decode(bytes)?;
        Ok(match message.handshake {
            Some(handshake) => MessageKind::Initial {
                identity: handshake.identity,
            },
            None => MessageKind::Ordinary,
        })
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let message: wire::Message = wire::decode(bytes, MAX_MESSAGE_LEN)?;
        // CHK-14: a body has a tag and no more than the largest plaintext.
        let max = MAX_PLAINTEXT_LEN + TAG_LEN;
        if message.body.len() > max {
            return Err(DecodeError::TooLong {
                len: message.body.len(),
                max,
            });
        }
        if message.body.len() < TAG_LEN {
            return Err(DecodeError::Malformed);
        }
        Ok(Self {
            handshake: message.handshake.map(Handshake::from_wire).transpose()?,
            header: *wire::array(&message.header)?,
            body: message.body,
        })
    }

    pub(crate) fn encode(handshake: Option<&Handshake>, header: Vec<u8>, body: Vec<u8>) -> Vec<u8> {
        wire::encode(&wire::Message {
            handshake: handshake.map(Handshake::to_wire),
            header,
            body,
        })
    }
}

/// A decoded refusal, not authenticated yet.
///
/// | field | bytes |
/// |---|---:|
/// | version | 1 |
/// | identity of the sender | 64 |
/// | certificate of the identity | 64 |
/// | salt | 32 |
/// | encrypted content and a tag of 16 | 16 to 4,112 |
pub(crate) struct SealedRefusal {
    pub(crate) identity: IdentityKey,
    pub(crate) certificate: IdentityCertificate,
    pub(crate) salt: [u8; SALT_LEN],
    pub(crate) content: Vec<u8>,
}

impl SealedRefusal {
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let refusal: wire::Refusal = wire::decode(bytes, MAX_SEALED_REFUSAL_LEN)?;
        // CHK-14: the content has a tag and is no longer than the longest content.
        let max = MAX_REFUSAL_LEN + TAG_LEN;
        if refusal.content.len() > max {
            return Err(DecodeError::TooLong {
                len: refusal.content.len(),
                max,
            });
        }
        if refusal.content.len() < TAG_LEN {
            return Err(DecodeError::Malformed);
        }
        Ok(Self {
            identity: IdentityKey::from_bytes(&refusal.identity)?,
            certificate: IdentityCertificate::from_bytes(wire::array(&refusal.certificate)?),
            salt: *wire::array(&refusal.salt)?,
            content: refusal.content,
        })
    }

    pub(crate) fn encode(self) -> Vec<u8> {
        wire::encode(&wire::Refusal {
            identity: self.identity.to_bytes().to_vec(),
            certificate: self.certificate.to_bytes().to_vec(),
            salt: self.salt.to_vec(),
            content: self.content,
        })
    }
}

#[cfg(test)]
mod tests;
