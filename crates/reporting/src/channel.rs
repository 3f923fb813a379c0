//! Defines the encrypted channel that messages travel through: any ratchet, any group protocol.

use core::error::Error;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::address::DeviceAddress;
use crate::codec::len8;
use crate::conversation::ConversationId;
use crate::franking::FrankingTag;
use crate::labels;

/// The sending half of an end-to-end encrypted channel with associated data.
///
/// A session of `waxseal-core`, another ratchet or MLS can be such a channel.
///
/// # Security
/// Franking relies on one property: the associated data is authenticated, so that decryption under
/// other associated data fails. The channel need not commit to its key or to the message; franking
/// does that.
pub trait SealingChannel {
    /// Why the channel refused.
    type Error: Error + 'static;

    /// Encrypts a padded plaintext and authenticates the associated data along with it.
    ///
    /// # Errors
    /// Any error of the channel.
    fn encrypt(
        &mut self,
        plaintext: &[u8],
        associated_data: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, Self::Error>;
}

/// The receiving half of an end-to-end encrypted channel with associated data.
///
/// # Security
/// Franking relies on three properties:
/// - The associated data is authenticated: decryption under other associated data fails.
/// - A ciphertext decrypts only once, so that a withheld message stays withheld.
/// - A failed call changes nothing: `decrypt` commits its state only on success.
pub trait OpeningChannel {
    /// Why the channel refused.
    type Error: Error + 'static;

    /// Authenticates ciphertext and associated data, and decrypts.
    ///
    /// # Errors
    /// Any error of the channel, whose state is then unchanged.
    fn decrypt(
        &mut self,
        ciphertext: &[u8],
        associated_data: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Self::Error>;
}

/// The associated data that binds a ciphertext to its tag, its sender and its conversation.
///
/// It adds nothing to the wire, since both sides know it.
///
/// `label || tag 32 || len u8 || account || device be32 || conversation 32`
pub(crate) fn associated_data(
    tag: &FrankingTag,
    sender: &DeviceAddress,
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
