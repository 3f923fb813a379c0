//! Facts: what one item says, and about what.

use core::fmt;

use waxseal_reporting::{AccountId, FrankingTag, Timestamp};
use zeroize::Zeroizing;

use super::codec::{Reader, put_account, put_short};
use super::subjects::{
    self, BLOCKED, CONVERSATION_DELETED, DECIDED, MESSAGE_DELETED, READ, SETTING, TRUST,
};
use crate::conversation::Conversation;

/// Maximum length of a setting's name, in bytes. Names are chosen by the application.
pub const MAX_SETTING_NAME_LEN: usize = 64;

/// Maximum length of a setting's value, in bytes. Two values fit one sync record.
pub const MAX_SETTING_LEN: usize = 1_024;

/// The name of a setting: 1 to 64 bytes of UTF-8 without control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SettingName(String);

impl SettingName {
    /// Makes a name from its text.
    ///
    /// # Errors
    /// [`SettingNameError`] if the text is empty, longer than [`MAX_SETTING_NAME_LEN`], or contains
    /// a control character.
    pub fn new(name: &str) -> Result<Self, SettingNameError> {
        let is_name = (1..=MAX_SETTING_NAME_LEN).contains(&name.len());
        match is_name && !name.chars().any(char::is_control) {
            true => Ok(Self(name.to_owned())),
            false => Err(SettingNameError),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SettingName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SettingName({} bytes)", self.0.len())
    }
}

/// The text is not the name of a setting: it is empty, too long, or contains a control character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name of a setting is 1 to 64 bytes of UTF-8 without control characters")]
pub struct SettingNameError;

/// How far a conversation was read: a message, and when the provider accepted it.
///
/// Positions compare by time, then by the message's tag.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// When the provider accepted the message.
    pub at: Timestamp,
    /// The message's tag, as bytes, so that positions compare.
    tag: [u8; 32],
}

impl Position {
    /// The position of a message that the provider accepted at this time.
    pub fn new(at: Timestamp, id: &FrankingTag) -> Self {
        Self {
            at,
            tag: *id.as_bytes(),
        }
    }

    /// The message's identifier.
    pub fn id(&self) -> FrankingTag {
        FrankingTag::from_bytes(self.tag)
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Position")
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// One fact that all devices of an account share.
///
/// # Size
/// At most 1,103 bytes in a sync record.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fact {
    /// The account key that is pinned for a contact, and whether the users compared its safety
    /// number.
    Trust {
        /// The contact.
        account: AccountId,
        /// The contact's account key. Not checked to be a key.
        account_key: [u8; 32],
        /// Whether the users compared the safety number of this key.
        is_verified: bool,
    },
    /// Whether the user blocks an account.
    Blocked {
        /// The account.
        account: AccountId,
        /// Whether it is blocked.
        is_blocked: bool,
    },
    /// How far the user read a conversation. The furthest position counts.
    Read {
        /// The conversation.
        conversation: Conversation,
        /// The last message that was read.
        up_to: Position,
    },
    /// The user deleted a message on all devices.
    MessageDeleted {
        /// The conversation.
        conversation: Conversation,
        /// The message.
        id: FrankingTag,
        /// When it was deleted, by the clock of the device that did it.
        at: Timestamp,
    },
    /// The user deleted a conversation on all devices. The latest time counts.
    ConversationDeleted {
        /// The conversation.
        conversation: Conversation,
        /// Messages that the provider accepted until this time are deleted.
        until: Timestamp,
    },
    /// What the user decided about the request of an account.
    Decided {
        /// The account.
        account: AccountId,
        /// Whether the user accepted it. Otherwise the user declined it.
        is_accepted: bool,
        /// When the user decided, by the provider's time as far as that device knew it. Its clock
        /// can make a decline at most 30 days later.
        at: Timestamp,
    },
    /// A setting of the application.
    Setting {
        /// Its name.
        name: SettingName,
        /// Its value, at most [`MAX_SETTING_LEN`] bytes. Empty if the setting was removed.
        value: Zeroizing<Vec<u8>>,
    },
}

impl Fact {
    pub(super) fn kind(&self) -> u8 {
        match self {
            Self::Trust { .. } => TRUST,
            Self::Blocked { .. } => BLOCKED,
            Self::Read { .. } => READ,
            Self::MessageDeleted { .. } => MESSAGE_DELETED,
            Self::ConversationDeleted { .. } => CONVERSATION_DELETED,
            Self::Decided { .. } => DECIDED,
            Self::Setting { .. } => SETTING,
        }
    }

    /// What the fact is about: its kind, then the account, message or setting. Two facts with the
    /// same subject are about the same thing, and one of them counts.
    ///
    /// # Size
    /// At most 162 bytes.
    pub fn subject(&self) -> Vec<u8> {
        match self {
            Self::Trust { account, .. } => subjects::trust(account),
            Self::Blocked { account, .. } => subjects::blocked(account),
            Self::Read { conversation, .. } => subjects::read(conversation),
            Self::MessageDeleted {
                conversation, id, ..
            } => subjects::message(conversation, id),
            Self::ConversationDeleted { conversation, .. } => subjects::conversation(conversation),
            Self::Decided { account, .. } => subjects::decided(account),
            Self::Setting { name, .. } => subjects::setting(name.as_str()),
        }
    }

    /// The account that the fact is about: that of the contact, or of the conversation. `None` for
    /// a group and for a setting.
    pub fn account(&self) -> Option<&AccountId> {
        match self {
            Self::Trust { account, .. }
            | Self::Blocked { account, .. }
            | Self::Decided { account, .. } => Some(account),
            fact => fact.conversation().and_then(Conversation::account),
        }
    }

    /// The conversation that was read or deleted, or in which a message was. `None` for all other
    /// facts.
    pub fn conversation(&self) -> Option<&Conversation> {
        match self {
            Self::Read { conversation, .. }
            | Self::MessageDeleted { conversation, .. }
            | Self::ConversationDeleted { conversation, .. } => Some(conversation),
            Self::Trust { .. }
            | Self::Blocked { .. }
            | Self::Decided { .. }
            | Self::Setting { .. } => None,
        }
    }

    /// How far the fact goes, for those of which the furthest counts. Else zero.
    pub(super) fn reach(&self) -> (u64, [u8; 32]) {
        match self {
            Self::Read { up_to, .. } => (up_to.at.as_millis(), up_to.tag),
            Self::ConversationDeleted { until, .. } => (until.as_millis(), [0; 32]),
            _ => (0, [0; 32]),
        }
    }

    /// Appends the fact without its kind.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Trust {
                account,
                account_key,
                is_verified,
            } => {
                put_account(out, account);
                out.extend_from_slice(account_key);
                out.push((*is_verified).into());
            }
            Self::Blocked {
                account,
                is_blocked,
            } => {
                put_account(out, account);
                out.push((*is_blocked).into());
            }
            Self::Read {
                conversation,
                up_to,
            } => {
                out.extend_from_slice(&conversation.to_name());
                out.extend_from_slice(&up_to.at.as_millis().to_be_bytes());
                out.extend_from_slice(&up_to.tag);
            }
            Self::MessageDeleted {
                conversation,
                id,
                at,
            } => {
                out.extend_from_slice(&conversation.to_name());
                out.extend_from_slice(id.as_bytes());
                out.extend_from_slice(&at.as_millis().to_be_bytes());
            }
            Self::ConversationDeleted {
                conversation,
                until,
            } => {
                out.extend_from_slice(&conversation.to_name());
                out.extend_from_slice(&until.as_millis().to_be_bytes());
            }
            Self::Decided {
                account,
                is_accepted,
                at,
            } => {
                put_account(out, account);
                out.push(u8::from(*is_accepted));
                out.extend_from_slice(&at.as_millis().to_be_bytes());
            }
            Self::Setting { name, value } => {
                put_short(out, name.as_str().as_bytes());
                out.extend_from_slice(value);
            }
        }
    }

    /// Reads a fact of this kind to the end of the input. `None` if it is malformed.
    pub(super) fn read(kind: u8, reader: &mut Reader<'_>) -> Option<Self> {
        let at = |reader: &mut Reader<'_>| reader.u64().map(Timestamp::from_millis);
        let fact = match kind {
            TRUST => Self::Trust {
                account: reader.account()?,
                account_key: reader.array()?,
                is_verified: reader.flag()?,
            },
            BLOCKED => Self::Blocked {
                account: reader.account()?,
                is_blocked: reader.flag()?,
            },
            READ => Self::Read {
                conversation: reader.conversation()?,
                up_to: Position {
                    at: at(reader)?,
                    tag: reader.array()?,
                },
            },
            MESSAGE_DELETED => Self::MessageDeleted {
                conversation: reader.conversation()?,
                id: FrankingTag::from_bytes(reader.array()?),
                at: at(reader)?,
            },
            CONVERSATION_DELETED => Self::ConversationDeleted {
                conversation: reader.conversation()?,
                until: at(reader)?,
            },
            DECIDED => Self::Decided {
                account: reader.account()?,
                is_accepted: reader.flag()?,
                at: at(reader)?,
            },
            SETTING => {
                let name = SettingName::new(str::from_utf8(reader.short()?).ok()?).ok()?;
                let value = reader.rest();
                // CHK-340: a setting is within its limit.
                if value.len() > MAX_SETTING_LEN {
                    return None;
                }
                let value = Zeroizing::new(value.to_vec());
                Self::Setting { name, value }
            }
            _ => return None,
        };
        reader.is_empty().then_some(fact)
    }

    /// Whether this is the kind of a fact. Other entries of a sync record say something else.
    pub(super) fn is_kind(kind: u8) -> bool {
        (TRUST..=SETTING).contains(&kind) || kind == DECIDED
    }
}

impl fmt::Debug for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fact")
            .field("kind", &self.kind())
            .finish_non_exhaustive()
    }
}
