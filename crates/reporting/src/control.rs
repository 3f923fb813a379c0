//! Control messages: what devices tell each other without showing it, such as that a message
//! arrived. They travel like messages, and no report can show them.
//!
//! ```text
//! k_control = HKDF-Expand(K_f, "waxseal/2/control-key", 32)
//! tag       = HMAC-SHA-256(k_control, "waxseal/2/control-tag" || len u8 || account || device be32
//!                                     || conversation 32 || len be32 || control)
//! ```
//!
//! The tag of a control message is under a key and a label of its own. It opens to no payload, so
//! no one can report a control message, or show it as a message.

use core::fmt;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::address::DeviceAddress;
use crate::channel::{OpeningChannel, SealingChannel};
use crate::codec::{Reader, len32, put_medium};
use crate::conversation::ConversationId;
use crate::delivery::AuthenticDelivery;
use crate::envelope::Envelope;
use crate::franked::unpadded_len;
use crate::franking::{FrankingKey, FrankingTag};
use crate::open::{OpenError, OpenedMessage, Withheld, checked, decrypt};
use crate::seal::{SealError, encrypt};
use crate::{labels, mac, padding};

/// Maximum length of an encoded control message, in bytes. Bounds what a recipient parses, and
/// leaves room for records of later versions.
pub const MAX_CONTROL_LEN: usize = 4_096;

/// Maximum number of tags in one record of a control message: one page of messages. Both records
/// together hold at most 127 tags, since the control message ends at [`MAX_CONTROL_LEN`].
pub const MAX_CONTROL_TAGS: usize = 64;

/// Maximum length of a signed roster in a control message, in bytes. A roster of eight devices and
/// four managers has at most 1,870.
pub const MAX_CONTROL_ROSTER_LEN: usize = 2_048;

/// Maximum length of the sync record of a control message, in bytes. Leaves room for the tags that
/// travel along.
pub const MAX_CONTROL_SYNC_LEN: usize = 3_072;

/// The byte after the franking key that marks a control message. A payload has its number of parts
/// there, which is 2 or more.
const CONTROL_MARK: u8 = 0;

/// The types of the records.
const DELIVERED: u16 = 1;
const OPENED: u16 = 2;
const ROSTER: u16 = 3;
const SYNC: u16 = 4;

/// What one device tells another about the messages that it received from it. 0 to 4,096 bytes.
///
/// It is neither shown nor reported. On the wire it looks like a message of that length. An empty
/// one is allowed: it carries the channel's next keys and nothing else.
///
/// Encoded as records in ascending order of their types, each type once. Records of unknown types
/// are ignored.
///
/// | bytes | field |
/// |---|---|
/// | 2 | type: 1 delivered, 2 opened, 3 roster, 4 sync |
/// | 2 | length of the value |
/// | n | value |
///
/// | type | value | bytes |
/// |---|---|---|
/// | 1, 2 | 1 to 64 tags | 32 to 2,048 |
/// | 3 | a signed roster, as `waxseal-roster` encodes it | 1 to 2,048 |
/// | 4 | what the application syncs | 1 to 3,072 |
///
/// One message that was delivered, with a tag of `aa` bytes: `0001 0020 aaaa..aa`.
///
/// # Security
/// The sender may claim anything here. It names messages by their tags: look each one up among the
/// messages that were sent to this sender, and ignore the others. Verify a roster before you use
/// it. Take a sync record only from a device of one's own account.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Control {
    /// Messages that were decrypted and stored. At most [`MAX_CONTROL_TAGS`].
    pub delivered: Vec<FrankingTag>,
    /// Messages that were shown to the user, as the application said. At most
    /// [`MAX_CONTROL_TAGS`].
    pub opened: Vec<FrankingTag>,
    /// The sender's signed roster, unverified. At most [`MAX_CONTROL_ROSTER_LEN`] bytes, not empty.
    pub roster: Option<Vec<u8>>,
    /// What a device tells the other devices of its account. At most [`MAX_CONTROL_SYNC_LEN`]
    /// bytes, not empty.
    pub sync: Option<Zeroizing<Vec<u8>>>,
}

impl Control {
    /// `None` if it is longer than a control message can be.
    fn encode(&self) -> Option<Zeroizing<Vec<u8>>> {
        // The space is reserved in one piece: a vector that grows leaves copies in memory.
        let mut out = Zeroizing::new(Vec::with_capacity(MAX_UNCHECKED_LEN));
        for (kind, tags) in [(DELIVERED, &self.delivered), (OPENED, &self.opened)] {
            if tags.len() > MAX_CONTROL_TAGS {
                return None;
            }
            if tags.is_empty() {
                continue;
            }
            let len = u16::try_from(tags.len().saturating_mul(32)).ok()?;
            out.extend_from_slice(&kind.to_be_bytes());
            out.extend_from_slice(&len.to_be_bytes());
            for tag in tags {
                out.extend_from_slice(tag.as_bytes());
            }
        }
        let sync = self.sync.as_ref().map(|sync| sync.as_slice());
        for (kind, value, max) in [
            (ROSTER, self.roster.as_deref(), MAX_CONTROL_ROSTER_LEN),
            (SYNC, sync, MAX_CONTROL_SYNC_LEN),
        ] {
            let Some(value) = value else { continue };
            out.extend_from_slice(&kind.to_be_bytes());
            put_medium(&mut out, bounded(value, max)?);
        }
        (out.len() <= MAX_CONTROL_LEN).then_some(out)
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let mut control = Self::default();
        let mut last = None;
        while !reader.is_empty() {
            let kind = reader.u16()?;
            let value = reader.medium()?;
            // CHK-107: the types of the records ascend strictly, and each record has its form.
            if last.is_some_and(|last| kind <= last) {
                return None;
            }
            match kind {
                DELIVERED => control.delivered = tags(value)?,
                OPENED => control.opened = tags(value)?,
                ROSTER => control.roster = Some(bounded(value, MAX_CONTROL_ROSTER_LEN)?.to_vec()),
                SYNC => {
                    let sync = bounded(value, MAX_CONTROL_SYNC_LEN)?;
                    control.sync = Some(Zeroizing::new(sync.to_vec()));
                }
                _ => {}
            }
            last = Some(kind);
        }
        Some(control)
    }

    /// Commits to the control message under a franking key. Returns its tag, and the padded
    /// plaintext for the channel: `K_f 32 || 00 || control`. `None` if it is too long.
    pub(crate) fn commit(
        &self,
        key: &FrankingKey,
        sender: &DeviceAddress,
        conversation: &ConversationId,
    ) -> Option<(FrankingTag, Zeroizing<Vec<u8>>)> {
        let control = self.encode()?;
        let len = control.len().saturating_add(FrankingKey::LEN + 1);
        let mut plaintext = Zeroizing::new(Vec::with_capacity(padding::padded_len(len)));
        plaintext.extend_from_slice(key.as_bytes());
        plaintext.push(CONTROL_MARK);
        plaintext.extend_from_slice(&control);
        padding::pad(&mut plaintext);
        Some((control_tag(key, sender, conversation, &control), plaintext))
    }

    /// Checks and reads a decrypted plaintext that is marked as a control message.
    pub(crate) fn open(
        plaintext: &[u8],
        tag: &FrankingTag,
        sender: &DeviceAddress,
        conversation: &ConversationId,
    ) -> Result<Self, Withheld> {
        let len = unpadded_len(plaintext).ok_or(Withheld::Malformed)?;
        let content = plaintext.get(..len).ok_or(Withheld::Malformed)?;
        let (key, rest) = content.split_first_chunk().ok_or(Withheld::Malformed)?;
        let Some((&CONTROL_MARK, control)) = rest.split_first() else {
            return Err(Withheld::Malformed);
        };
        // CHK-107: the control message is within its limit. This precedes all parsing.
        if control.len() > MAX_CONTROL_LEN {
            return Err(Withheld::Malformed);
        }
        // CHK-101: the tag, recomputed from the sender, the conversation it arrived in and the
        // control message, is the one that was stamped.
        let key = FrankingKey::from_bytes(*key);
        if !control_tag(&key, sender, conversation, control).matches(tag) {
            return Err(Withheld::OtherTag);
        }
        Self::decode(control).ok_or(Withheld::Malformed)
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control")
            .field("delivered", &self.delivered.len())
            .field("opened", &self.opened.len())
            .field("roster", &self.roster.is_some())
            .field("sync", &self.sync.is_some())
            .finish()
    }
}

/// Length of the longest records together, in bytes, before their sum is checked.
const MAX_UNCHECKED_LEN: usize =
    4 * 4 + 2 * MAX_CONTROL_TAGS * 32 + MAX_CONTROL_ROSTER_LEN + MAX_CONTROL_SYNC_LEN;

/// The value of a record, if it is not empty and within its limit.
fn bounded(value: &[u8], max: usize) -> Option<&[u8]> {
    (!value.is_empty() && value.len() <= max).then_some(value)
}

/// Reads the tags of one record. `None` if the record is empty, has more than [`MAX_CONTROL_TAGS`]
/// tags, or is no multiple of a tag's length.
fn tags(value: &[u8]) -> Option<Vec<FrankingTag>> {
    let (tags, rest) = value.as_chunks();
    if !rest.is_empty() || tags.is_empty() || tags.len() > MAX_CONTROL_TAGS {
        return None;
    }
    let tags = tags.iter().copied();
    Some(tags.map(FrankingTag::from_bytes).collect())
}

fn control_tag(
    key: &FrankingKey,
    sender: &DeviceAddress,
    conversation: &ConversationId,
    control: &[u8],
) -> FrankingTag {
    let key = mac::expand(mac::keyed(key.as_bytes()), &[labels::CONTROL_KEY]);
    let mut address = Vec::new();
    sender.put(&mut address);
    let len = len32(control).to_be_bytes();
    let fields = [
        labels::CONTROL_TAG,
        &address,
        conversation.as_bytes(),
        &len,
        control,
    ];
    FrankingTag::from_bytes(mac::hmac(&key, &fields))
}

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
    /// `None` if a record is over its limit, or all together have more than [`MAX_CONTROL_LEN`]
    /// bytes.
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
/// is over its limit, or all together have more than [`MAX_CONTROL_LEN`] bytes.
/// The channel is unchanged then.
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

/// What a delivery held.
#[derive(Debug)]
pub enum Opened {
    /// A message, to be shown and kept.
    Message(Box<OpenedMessage>),
    /// A control message, which is not shown.
    Control(Control),
}

/// Decrypts a delivery that holds a message or a control message, and checks that it is what its
/// tag commits to, from this sender in this conversation.
///
/// [`open`](crate::recipient::open) opens messages only. For it, a control message is malformed.
///
/// # Errors
/// [`OpenError`] as for [`open`](crate::recipient::open). A control message that is malformed or
/// does not match its tag is withheld, like a message.
pub fn open_any<C: OpeningChannel>(
    channel: &mut C,
    delivery: &AuthenticDelivery,
) -> Result<Opened, OpenError<C::Error>> {
    let (tag, context) = (&delivery.claim.tag, &delivery.claim.context);
    let (sender, conversation) = (&context.sender, context.conversation());
    let plaintext = decrypt(channel, tag, sender, &conversation, &delivery.ciphertext)?;
    let opened = if plaintext.get(FrankingKey::LEN) == Some(&CONTROL_MARK) {
        Control::open(&plaintext, tag, sender, &conversation).map(Opened::Control)
    } else {
        checked(plaintext, delivery).map(|message| Opened::Message(Box::new(message)))
    };
    opened.map_err(OpenError::Withheld)
}

#[cfg(test)]
mod tests;
