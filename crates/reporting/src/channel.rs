//! The encrypted channel that messages travel through: any ratchet, any group protocol.

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
/// A session of `waxseal-core` can be one, or another ratchet, or MLS.
///
/// # Security
/// Franking relies on one property: the associated data is authenticated, so that decryption
/// under other associated data fails. The channel need not commit to its key or to the message;
/// franking does that.
pub trait SealingChannel {
    /// Why the channel refused.
    type Error: Error + 'static;

    /// Encrypts a padded plaintext and authenticates the associated data with it.
    ///
    /// # Errors
    /// Those of the channel.
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
/// - the associated data is authenticated: decryption under other associated data fails;
/// - one ciphertext decrypts once, so that a withheld message stays withheld;
/// - a failed call changes nothing: `decrypt` commits its own state on success only.
pub trait OpeningChannel {
    /// Why the channel refused.
    type Error: Error + 'static;

    /// Authenticates and decrypts.
    ///
    /// # Errors
    /// Those of the channel. Its state is then unchanged.
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
