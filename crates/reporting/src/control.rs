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

use zeroize::Zeroizing;

use crate::address::DeviceAddress;
use crate::channel::OpeningChannel;
use crate::codec::{Reader, len32, put_medium};
use crate::conversation::ConversationId;
use crate::delivery::AuthenticDelivery;
use crate::franked::unpadded_len;
use crate::franking::{FrankingKey, FrankingTag};
use crate::open::{OpenError, OpenedMessage, Withheld, checked, decrypt};
use crate::{labels, mac, padding};

mod records;
mod sent;

pub use records::{AuthorityRecord, StateWanted, WelcomeRecord};
pub use sent::{SentControl, seal_control};

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
const AUTHORITY: u16 = 5;
const WELCOME: u16 = 6;
const STATE_WANTED: u16 = 7;

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
/// | 2 | type: 1 delivered, 2 opened, 3 roster, 4 sync, 5 authority, 6 welcome, 7 state wanted |
/// | 2 | length of the value |
/// | n | value |
///
/// | type | value | bytes |
/// |---|---|---|
/// | 1, 2 | 1 to 64 tags | 32 to 2,048 |
/// | 3 | a signed roster, as `waxseal-roster` encodes it | 1 to 2,048 |
/// | 4 | what the application syncs | 1 to 3,072 |
/// | 5 | [`AuthorityRecord`] | 72 |
/// | 6 | [`WelcomeRecord`] | 72 |
/// | 7 | [`StateWanted`] | 40 |
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
    /// The authority of a group, for an admin's device.
    pub authority: Option<Box<AuthorityRecord>>,
    /// The state of a group that the recipient is in.
    pub welcome: Option<Box<WelcomeRecord>>,
    /// Which group's state the sender lacks.
    pub state_wanted: Option<StateWanted>,
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
            put_type(&mut out, kind, tags.len().saturating_mul(32))?;
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
        if let Some(authority) = &self.authority {
            put_type(&mut out, AUTHORITY, AuthorityRecord::LEN)?;
            authority.put(&mut out);
        }
        if let Some(welcome) = &self.welcome {
            put_type(&mut out, WELCOME, WelcomeRecord::LEN)?;
            welcome.put(&mut out);
        }
        if let Some(wanted) = &self.state_wanted {
            put_type(&mut out, STATE_WANTED, StateWanted::LEN)?;
            wanted.put(&mut out);
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
                AUTHORITY => control.authority = Some(Box::new(AuthorityRecord::decode(value)?)),
                WELCOME => control.welcome = Some(Box::new(WelcomeRecord::decode(value)?)),
                STATE_WANTED => control.state_wanted = Some(StateWanted::decode(value)?),
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
            .field("authority", &self.authority.is_some())
            .field("welcome", &self.welcome.is_some())
            .field("state_wanted", &self.state_wanted.is_some())
            .finish()
    }
}

/// Length of the longest records together, in bytes, before their sum is checked.
const MAX_UNCHECKED_LEN: usize = 7 * 4
    + 2 * MAX_CONTROL_TAGS * 32
    + MAX_CONTROL_ROSTER_LEN
    + MAX_CONTROL_SYNC_LEN
    + AuthorityRecord::LEN
    + WelcomeRecord::LEN
    + StateWanted::LEN;

/// Writes type and length of a record.
fn put_type(out: &mut Vec<u8>, kind: u16, len: usize) -> Option<()> {
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&u16::try_from(len).ok()?.to_be_bytes());
    Some(())
}

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
    opened(plaintext, delivery).map_err(OpenError::Withheld)
}

/// Checks the plaintext of a delivery, whichever of both it holds.
pub(crate) fn opened(
    plaintext: Zeroizing<Vec<u8>>,
    delivery: &AuthenticDelivery,
) -> Result<Opened, Withheld> {
    let (tag, context) = (&delivery.claim.tag, &delivery.claim.context);
    if plaintext.get(FrankingKey::LEN) == Some(&CONTROL_MARK) {
        let (sender, conversation) = (&context.sender, context.conversation());
        Control::open(&plaintext, tag, sender, &conversation).map(Opened::Control)
    } else {
        checked(plaintext, delivery).map(|message| Opened::Message(Box::new(message)))
    }
}

#[cfg(test)]
mod tests;
