//! The channel that messages travel through: any ratchet, any group protocol.

use core::error::Error;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::account::{ConversationId, Sender};
use crate::codec::len8;
use crate::franking::FrankingTag;
use crate::labels;

/// An end-to-end encrypted channel with associated data: a session of `waxseal-core`, another ratchet, MLS.
///
/// # Security
/// Franking relies on three properties of an implementation:
/// - the associated data is authenticated: decryption under other associated data fails;
/// - one ciphertext decrypts once, so that what was withheld stays withheld;
/// - a failed call changes nothing: `decrypt` commits its own state on success only.
///
/// It need not commit to its key or message; franking does that.
pub trait Channel {
    /// Why the channel refused.
    type Error: Error + 'static;

    /// Encrypts a padded plaintext, authenticating the associated data beside it.
    ///
    /// # Errors
    /// As the channel has them.
    fn encrypt(
        &mut self,
        plaintext: &[u8],
        associated_data: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, Self::Error>;

    /// Authenticates and decrypts.
    ///
    /// # Errors
    /// As the channel has them; its state is then what it was.
    fn decrypt(
        &mut self,
        ciphertext: &[u8],
        associated_data: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Self::Error>;
}

/// What binds a ciphertext to its tag, its sender and its conversation. Costs nothing on the wire: both
/// sides know it.
///
/// `label || tag 32 || len u8 || account || device be32 || conversation 32`
pub(crate) fn associated_data(
    tag: &FrankingTag,
    sender: &Sender,
    conversation: &ConversationId,
) -> Vec<u8> {
    let account = sender.account.as_bytes();
    let mut out = Vec::with_capacity(
        account
            .len()
            .saturating_add(labels::CHANNEL.len())
            .saturating_add(69),
    );
    out.extend_from_slice(labels::CHANNEL);
    out.extend_from_slice(tag.as_bytes());
    out.push(len8(account));
    out.extend_from_slice(account);
    out.extend_from_slice(&sender.device.0.to_be_bytes());
    out.extend_from_slice(conversation.as_bytes());
    out
}
