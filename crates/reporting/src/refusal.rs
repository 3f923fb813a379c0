//! Refusals: a device tells the author which messages it received and could not open.
//!
//! The channel may be what broke, so a refusal does not travel in it. The application seals the
//! content to the author's identity; `waxseal-core` has `IdentityKeyPair::seal_refusal` for it.
//! This module makes the content and the associated data, and the envelope that carries both.

use core::fmt;

use zeroize::Zeroizing;

use crate::address::{AccountId, DeviceAddress};
use crate::codec::{Reader, put_short};
use crate::envelope::{Envelope, check_ciphertext};
use crate::franking::FrankingTag;
use crate::timestamp::Timestamp;
use crate::wire::DecodeError;
use crate::{labels, padding};

/// Maximum number of messages that one refusal names. Bounds what one refusal can make its author
/// seal again.
pub const MAX_REFUSED_MESSAGES: usize = 64;

/// Maximum number of sessions that one refusal names: as many as a device keeps with one peer.
pub const MAX_REFUSED_SESSIONS: usize = 5;

/// Maximum length of a refusal's content without its padding, in bytes: the sum of its fields.
const MAX_UNPADDED_LEN: usize = 1 + MAX_REFUSED_MESSAGES * (32 + 8) + 1 + MAX_REFUSED_SESSIONS * 16;

/// Maximum length of a refusal's padded content, in bytes. Longer input is refused before it is
/// parsed.
pub const MAX_REFUSAL_LEN: usize = padding::padded_len(MAX_UNPADDED_LEN);

/// What a refusal says: the messages that did not open, and the sessions that the refuser has. 64
/// to 2,688 bytes.
///
/// The refuser makes it, and only the author of the messages reads it.
///
/// | bytes | field |
/// |---|---|
/// | 1 | number of messages, 1 to 64 |
/// | n x (32 + 8) | tag of a message that did not open, and when its newest delivery was accepted |
/// | 1 | number of sessions, 0 to 5 |
/// | n x 16 | ids of the sessions that the refuser has with the author |
///
/// Times are in ms, be64. Padded like a payload. With one tag of `aa` bytes, accepted at 0, and no
/// session: `01 aaaa..aa 0000000000000000 00 80 0000..00`, 64 bytes.
///
/// # Security
/// A refuser may name any tag and any time. Seal a message again only for a device that it was for.
#[derive(Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The messages that did not open, each with the accepted time of its newest delivery that did
    /// not. 1 to [`MAX_REFUSED_MESSAGES`]. If the author sealed the message again after that time,
    /// an earlier delivery is refused: nothing is to be done.
    pub messages: Vec<(FrankingTag, Timestamp)>,
    /// The ids of the sessions that the refuser has with the author. At most
    /// [`MAX_REFUSED_SESSIONS`]. A session that is not among them is one that the refuser lost.
    pub sessions: Vec<[u8; 16]>,
}

impl Refusal {
    /// The content as bytes to be sealed to the author. `None` if there is no message, or if there
    /// are more messages or sessions than a refusal may name.
    pub fn encode(&self) -> Option<Zeroizing<Vec<u8>>> {
        let (messages, sessions) = (self.messages.len(), self.sessions.len());
        if !is_in_bounds(messages, sessions) {
            return None;
        }
        let mut out = Zeroizing::new(Vec::with_capacity(MAX_REFUSAL_LEN));
        out.push(u8::try_from(messages).ok()?);
        for (tag, accepted_at) in &self.messages {
            out.extend_from_slice(tag.as_bytes());
            out.extend_from_slice(&accepted_at.as_millis().to_be_bytes());
        }
        out.push(u8::try_from(sessions).ok()?);
        out.extend_from_slice(self.sessions.as_flattened());
        padding::pad(&mut out);
        Some(out)
    }

    /// Reads the content of a refusal that was opened. `None` if the bytes are not one: ignore the
    /// refusal then.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        // CHK-102: the refusal is within its limit, which precedes all parsing; it is padded
        // canonically, names 1 to 64 messages and 0 to 5 sessions, and has nothing after them.
        if bytes.len() > MAX_REFUSAL_LEN {
            return None;
        }
        let len = padding::unpadded_len(bytes)?;
        let mut reader = Reader::new(bytes.get(..len)?);
        let count = reader.u8().map(usize::from)?;
        if !is_in_bounds(count, 0) {
            return None;
        }
        let mut messages = Vec::with_capacity(count);
        for _ in 0..count {
            let tag = FrankingTag::from_bytes(reader.array()?);
            messages.push((tag, Timestamp::from_millis(reader.u64()?)));
        }
        let sessions = reader.u8().map(usize::from)?;
        let (sessions, _) = reader.take(sessions.checked_mul(16)?)?.as_chunks();
        reader.finish()?;
        is_in_bounds(count, sessions.len()).then(|| Self {
            messages,
            sessions: sessions.to_vec(),
        })
    }
}

fn is_in_bounds(messages: usize, sessions: usize) -> bool {
    (1..=MAX_REFUSED_MESSAGES).contains(&messages) && sessions <= MAX_REFUSED_SESSIONS
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal")
            .field("messages", &self.messages.len())
            .field("sessions", &self.sessions.len())
            .finish()
    }
}

/// The associated data under which a refusal is sealed to the author's identity. Binds it to the
/// tag of its envelope, to the device that refuses and to the author's account.
///
/// `label || tag 32 || len u8 || account || device be32 || len u8 || author's account`
///
/// `tag` is the tag of the refusal's own envelope, from [`FrankingTag::random`]. It is not the tag
/// of a message that did not open.
pub fn refusal_associated_data(
    tag: &FrankingTag,
    refuser: &DeviceAddress,
    author: &AccountId,
) -> Vec<u8> {
    let mut out = labels::REFUSAL.to_vec();
    out.extend_from_slice(tag.as_bytes());
    refuser.put(&mut out);
    put_short(&mut out, author.as_bytes());
    out
}

impl Envelope {
    /// The envelope of a sealed refusal. `tag` is the random tag that its associated data name.
    ///
    /// Post it in a [`Fanout`](crate::sender::Fanout), like that of a message. No report can show
    /// it, since the tag commits to nothing.
    ///
    /// # Errors
    /// [`DecodeError::Malformed`] if the ciphertext is empty or longer than
    /// [`MAX_CIPHERTEXT_LEN`](crate::limits::MAX_CIPHERTEXT_LEN).
    pub fn of_refusal(tag: FrankingTag, ciphertext: Vec<u8>) -> Result<Self, DecodeError> {
        check_ciphertext(&ciphertext)?;
        Ok(Self::new(tag, ciphertext))
    }
}

#[cfg(test)]
mod tests;
