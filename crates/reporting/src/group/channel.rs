//! Defines the channel to a group, and seals and opens messages through it. Payload, padding,
//! commitment and tag are those of direct messages.

use core::error::Error;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{GroupCiphertext, GroupFanout, GroupFanoutError, GroupSlot, GroupStamp};
use crate::address::DeviceAddress;
use crate::channel::associated_data;
use crate::control::{Opened, SentControl, opened};
use crate::conversation::ConversationId;
use crate::delivery::AuthenticDelivery;
use crate::franking::FrankingTag;
use crate::open::{OpenError, OpenedMessage, checked};
use crate::seal::SentMessage;
use crate::timestamp::Timestamp;

/// What a group channel makes of a plaintext.
pub struct SealedForGroup {
    /// The body, the same for all devices.
    pub body: Vec<u8>,
    /// The slots, in the order of the devices.
    pub slots: Vec<GroupSlot>,
}

/// The sending half of an encrypted channel to the devices of a group.
///
/// A sender chain of `waxseal-core` is such a channel, together with the sessions in which key
/// slots travel. The channel knows its devices, and its state of the group.
///
/// # Security
/// Franking relies on the property of [`SealingChannel`](crate::sender::SealingChannel): body and
/// slot open only under the associated data with which they were sealed.
pub trait SealingGroupChannel {
    /// Why the channel refused.
    type Error: Error + 'static;

    /// Encrypts a padded plaintext once, and makes a slot for each device. Authenticates the
    /// associated data along with both.
    ///
    /// # Errors
    /// Any error of the channel.
    fn encrypt(
        &mut self,
        plaintext: &[u8],
        associated_data: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<SealedForGroup, Self::Error>;
}

/// The receiving half of an encrypted channel from one device in a group.
///
/// # Security
/// Franking relies on the three properties of
/// [`OpeningChannel`](crate::recipient::OpeningChannel). Besides, the channel authenticates the
/// sending device to this device, which a body shared by all does not do by itself.
pub trait OpeningGroupChannel {
    /// Why the channel refused.
    type Error: Error + 'static;

    /// Authenticates slot, body and associated data, and decrypts. `accepted_at` is the time at
    /// which the relay accepted the message.
    ///
    /// # Errors
    /// Any error of the channel, whose state is then unchanged.
    fn decrypt(
        &mut self,
        ciphertext: GroupCiphertext<'_>,
        associated_data: &[u8],
        accepted_at: Timestamp,
    ) -> Result<Zeroizing<Vec<u8>>, Self::Error>;
}

impl SentMessage {
    /// Seals the message once for a group, under its tag. `stamp` says which state of the group and
    /// which devices the channel seals for.
    ///
    /// [`conversation`](Self::conversation) is the group. Sealed again under another state, the
    /// message keeps its tag.
    ///
    /// # Errors
    /// [`GroupSealError`] if the channel refuses or makes slots or a body out of bounds, or the
    /// message was stored in format 01.
    pub fn seal_for_group<C: SealingGroupChannel>(
        &self,
        channel: &mut C,
        stamp: GroupStamp,
        rng: &mut impl CryptoRng,
    ) -> Result<GroupFanout, GroupSealError<C::Error>> {
        // CHK-98: a message of format 01 is not sealed, since recipients only take format 02.
        if !self.tag_names_sender() {
            return Err(GroupSealError::OldFormat);
        }
        let (plaintext, tag) = (self.franked.padded(), &self.tag);
        let (sender, group) = (&self.sender, &self.conversation);
        encrypt(channel, plaintext, tag, sender, group, stamp, rng)
    }
}

impl SentControl {
    /// Seals the control message once for a group, as
    /// [`SentMessage::seal_for_group`](crate::sender::SentMessage::seal_for_group) does.
    ///
    /// # Errors
    /// [`GroupSealError`] if the channel refuses or makes slots or a body out of bounds.
    pub fn seal_for_group<C: SealingGroupChannel>(
        &self,
        channel: &mut C,
        stamp: GroupStamp,
        rng: &mut impl CryptoRng,
    ) -> Result<GroupFanout, GroupSealError<C::Error>> {
        let (plaintext, tag) = (self.plaintext(), self.tag());
        let (sender, group) = (self.sender(), self.conversation());
        encrypt(channel, plaintext, tag, sender, group, stamp, rng)
    }
}

/// Encrypts a padded plaintext for the group, and makes the fanout.
fn encrypt<C: SealingGroupChannel>(
    channel: &mut C,
    plaintext: &[u8],
    tag: &FrankingTag,
    sender: &DeviceAddress,
    group: &ConversationId,
    stamp: GroupStamp,
    rng: &mut impl CryptoRng,
) -> Result<GroupFanout, GroupSealError<C::Error>> {
    let associated_data = associated_data(tag, sender, group);
    let SealedForGroup { body, slots } = channel
        .encrypt(plaintext, &associated_data, rng)
        .map_err(GroupSealError::Channel)?;
    let fanout = GroupFanout::new(*tag, *group, stamp, body, slots);
    fanout.map_err(GroupSealError::Fanout)
}

/// Opens a delivery of a message to a group, as [`open`](crate::recipient::open) opens one of a
/// direct message.
///
/// # Errors
/// [`OpenError`] as for [`open`](crate::recipient::open); [`OpenError::Malformed`] if the delivery
/// has no slot and body, and nothing has changed then.
pub fn open_in_group<C: OpeningGroupChannel>(
    channel: &mut C,
    delivery: &AuthenticDelivery,
) -> Result<OpenedMessage, OpenError<C::Error>> {
    let plaintext = decrypt(channel, delivery)?;
    checked(plaintext, delivery).map_err(OpenError::Withheld)
}

/// Opens a delivery to a group that holds a message or a control message, as
/// [`open_any`](crate::recipient::open_any) does a direct one.
///
/// # Errors
/// [`OpenError`] as for [`open_in_group`].
pub fn open_any_in_group<C: OpeningGroupChannel>(
    channel: &mut C,
    delivery: &AuthenticDelivery,
) -> Result<Opened, OpenError<C::Error>> {
    let plaintext = decrypt(channel, delivery)?;
    opened(plaintext, delivery).map_err(OpenError::Withheld)
}

fn decrypt<C: OpeningGroupChannel>(
    channel: &mut C,
    delivery: &AuthenticDelivery,
) -> Result<Zeroizing<Vec<u8>>, OpenError<C::Error>> {
    let context = &delivery.claim.context;
    // CHK-294: there is a ciphertext.
    if delivery.is_empty() {
        return Err(OpenError::MissingKey);
    }
    let ciphertext = delivery.group_ciphertext().ok_or(OpenError::Malformed)?;
    // CHK-93: the channel authenticates tag, sender and conversation along with slot and body.
    let conversation = context.conversation();
    let associated_data = associated_data(&delivery.claim.tag, &context.sender, &conversation);
    channel
        .decrypt(ciphertext, &associated_data, context.accepted_at)
        .map_err(OpenError::Channel)
}

impl AuthenticDelivery {
    /// Slot and body of a message to a group. `None` if the message is not for a group, or the
    /// delivery is [empty](Self::is_empty) or has another form.
    pub fn group_ciphertext(&self) -> Option<GroupCiphertext<'_>> {
        self.claim.group()?;
        GroupCiphertext::read(&self.ciphertext)
    }
}

/// Why a message was not sealed for a group.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GroupSealError<E: Error + 'static> {
    /// The channel refused; its own error says what to do.
    #[error("the channel refused to encrypt")]
    Channel(#[source] E),
    /// An earlier version of this crate stored the message, in a format that recipients no longer
    /// take. Seal its [`payload`](SentMessage::payload) as another message.
    #[error("the message was stored in a format that is no longer sent")]
    OldFormat,
    /// The channel made slots or a body out of bounds.
    #[error(transparent)]
    Fanout(GroupFanoutError),
}
