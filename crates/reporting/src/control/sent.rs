//! Seals a control message, for one device or for several.

use core::fmt;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::Control;
use crate::address::DeviceAddress;
use crate::channel::SealingChannel;
use crate::conversation::ConversationId;
use crate::envelope::Envelope;
use crate::franking::{FrankingKey, FrankingTag};
use crate::seal::{SealError, encrypt};

/// A control message that this device committed to, to be sealed for several devices under one tag.
///
/// Like a [`SentMessage`](crate::sender::SentMessage), it is the same message for every device.
/// Nothing turns it into evidence, so there is no form for storage.
pub struct SentControl {
    tag: FrankingTag,
    sender: DeviceAddress,
    conversation: ConversationId,
    plaintext: Zeroizing<Vec<u8>>,
}

impl SentControl {
    /// Commits to a control message under a fresh franking key. Draws 32 bytes from `rng`.
    ///
    /// `None` if a record is over its limit, or all together have more than
    /// [`MAX_CONTROL_LEN`](crate::limits::MAX_CONTROL_LEN) bytes.
    pub fn commit(
        sender: &DeviceAddress,
        conversation: &ConversationId,
        control: &Control,
        rng: &mut impl CryptoRng,
    ) -> Option<Self> {
        let key = FrankingKey::generate(rng);
        let (tag, plaintext) = control.commit(&key, sender, conversation)?;
        Some(Self {
            tag,
            sender: sender.clone(),
            conversation: *conversation,
            plaintext,
        })
    }

    /// The franking tag that the relay stamps.
    pub fn tag(&self) -> &FrankingTag {
        &self.tag
    }

    pub(crate) fn sender(&self) -> &DeviceAddress {
        &self.sender
    }

    pub(crate) fn conversation(&self) -> &ConversationId {
        &self.conversation
    }

    /// The padded plaintext for the channel.
    pub(crate) fn plaintext(&self) -> &[u8] {
        &self.plaintext
    }

    /// Seals the control message for one device, through the channel to that device.
    ///
    /// # Errors
    /// [`SealError`] if the channel refuses, or makes a ciphertext that is empty or too long.
    pub fn seal_for<C: SealingChannel>(
        &self,
        channel: &mut C,
        rng: &mut impl CryptoRng,
    ) -> Result<Envelope, SealError<C::Error>> {
        let Self { tag, sender, .. } = self;
        encrypt(
            channel,
            &self.plaintext,
            tag,
            sender,
            &self.conversation,
            rng,
        )
    }
}

impl fmt::Debug for SentControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentControl").finish_non_exhaustive()
    }
}

/// Commits to a control message under a fresh franking key and encrypts it through one channel.
/// [`SentControl`] seals it for several devices.
///
/// Post the envelope in a [`Fanout`](crate::sender::Fanout), like that of a message. Its receipt
/// turns nothing into evidence. Draws 32 bytes from `rng`, in addition to what the channel draws.
///
/// # Errors
/// [`SealError`] as for [`seal`](crate::sender::seal); [`SealError::ControlTooLong`] if a record
/// is over its limit, or all together have more than
/// [`MAX_CONTROL_LEN`](crate::limits::MAX_CONTROL_LEN) bytes. The channel is unchanged then.
pub fn seal_control<C: SealingChannel>(
    channel: &mut C,
    sender: &DeviceAddress,
    conversation: &ConversationId,
    control: &Control,
    rng: &mut impl CryptoRng,
) -> Result<Envelope, SealError<C::Error>> {
    let sent = SentControl::commit(sender, conversation, control, rng);
    sent.ok_or(SealError::ControlTooLong)?
        .seal_for(channel, rng)
}
