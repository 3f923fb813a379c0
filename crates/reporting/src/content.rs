//! Defines the kinds of content, part 1 of a payload. A message holds one, so each can be reported.

use core::fmt;

use zeroize::{Zeroize, Zeroizing};

use crate::attachment::Stage;
use crate::codec::{Reader, put_short};
use crate::conversation::ConversationId;
use crate::franking::FrankingTag;

/// Maximum length of a reaction, in bytes: the longest emoji sequences in use, and some room.
pub const MAX_REACTION_LEN: usize = 64;

/// Maximum length of an application's name for its own kind of content, in bytes. A media type
/// fits.
pub const MAX_APPLICATION_KIND_LEN: usize = 128;

/// Maximum length of a group's title, in bytes: what its length field holds.
pub const MAX_GROUP_TITLE_LEN: usize = 255;

/// Maximum length of a group's picture, in bytes: a small picture in half a message. Bounds what a
/// list of groups makes a client hold.
pub const MAX_GROUP_PICTURE_LEN: usize = 32_768;

/// What a message says.
///
/// `Debug` shows the kind only. This crate wipes the contents it holds on drop. If you take one by
/// value, wipe it with `zeroize`.
///
/// | kind | bytes of part 1 |
/// |---|---|
/// | text | `0x01`, text (UTF-8; may be empty, as for attachments without a caption) |
/// | edit | `0x02`, tag 32, text |
/// | deletion | `0x03`, tag 32 |
/// | reaction | `0x04`, tag 32, reaction (UTF-8, at most 64 bytes; empty takes it back) |
/// | application | `0x05`, `len u8`, kind (1 to 128 visible ASCII bytes), body |
/// | invitation | `0x06`, group 32, title (UTF-8, at most 255 bytes) |
/// | acceptance | `0x07`, group 32 |
/// | leave | `0x08` |
/// | group profile | `0x09`, `len u8`, title (UTF-8), picture (0 to 32,768 bytes) |
/// | timer | `0x0a`, seconds be32 |
/// | unknown | any other byte, body |
///
/// A kind never changes: what is to be said differently gets a kind of its own. Read the kinds you
/// know and show the others as [`Content::Unknown`], so that nothing a later version wrote is lost.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// Text, or the caption of the attachments.
    Text(String),
    /// New text for an earlier message of the same sender.
    Edit {
        /// The message that is edited.
        of: FrankingTag,
        /// Its new text.
        text: String,
    },
    /// Takes back an earlier message of the same sender.
    Deletion {
        /// The message that is deleted.
        of: FrankingTag,
    },
    /// A reaction to a message.
    Reaction {
        /// The message reacted to.
        to: FrankingTag,
        /// The reaction, at most 64 bytes; empty takes an earlier one back.
        reaction: String,
    },
    /// Content of the application's own kind.
    Application {
        /// The kind, for example a media type.
        kind: String,
        /// The bytes.
        body: Vec<u8>,
    },
    /// Invites the recipient to a group. Nobody is in a group before accepting. It can be reported
    /// like any message.
    Invitation {
        /// The group.
        group: ConversationId,
        /// The group's title, as claimed by the sender. At most 255 bytes.
        title: String,
    },
    /// Accepts an invitation to a group.
    Acceptance {
        /// The group.
        group: ConversationId,
    },
    /// Says that the sender's account leaves the group that the message is sent to.
    GroupLeave,
    /// Title and picture of the group that the message is sent to.
    GroupProfile {
        /// The title, at most 255 bytes.
        title: String,
        /// The picture in a form of the application's choice, at most 32,768 bytes. Empty if there
        /// is none. Decode it with the same care as an attachment.
        picture: Vec<u8>,
    },
    /// Sets the timer of the conversation. Messages that are written after it disappear, as their
    /// [`expires_after_secs`](crate::message::PayloadHeader::expires_after_secs) says.
    Timer {
        /// Seconds after reading until a message disappears; 0 never.
        after_secs: u32,
    },
    /// Content that this version cannot show. Keep the message, and say that an update may show it;
    /// it can be reported like any other.
    ///
    /// Either the kind is unknown, or the header has an unknown critical extension
    /// ([`PayloadHeader::has_unknown_critical`](crate::message::PayloadHeader::has_unknown_critical)).
    /// In the second case the kind may be a known one: do not read the body by it.
    Unknown {
        /// Number of the kind, the first byte of the part.
        kind: u8,
        /// The bytes after it.
        body: Vec<u8>,
    },
}

const TEXT: u8 = 1;
const EDIT: u8 = 2;
const DELETION: u8 = 3;
const REACTION: u8 = 4;
const APPLICATION: u8 = 5;
const INVITATION: u8 = 6;
const ACCEPTANCE: u8 = 7;
const GROUP_LEAVE: u8 = 8;
const GROUP_PROFILE: u8 = 9;
const TIMER: u8 = 10;

/// The known kinds.
const KNOWN: core::ops::RangeInclusive<u8> = TEXT..=TIMER;

/// The first kind that was unknown in an earlier release, which showed it as unknown whatever it
/// held.
const FIRST_ADDED: u8 = TIMER;

impl Content {
    /// The text of a text message or an edit.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Edit { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The earlier message that this one edits, deletes or reacts to, as claimed by the sender.
    ///
    /// # Security
    /// This crate does not know the earlier message. Whether the reference counts is for
    /// [`Reference::counts`](crate::fold::Reference::counts) to say.
    pub fn refers_to(&self) -> Option<&FrankingTag> {
        match self {
            Self::Edit { of: tag, .. }
            | Self::Deletion { of: tag }
            | Self::Reaction { to: tag, .. } => Some(tag),
            Self::Text(_)
            | Self::Application { .. }
            | Self::Invitation { .. }
            | Self::Acceptance { .. }
            | Self::GroupLeave
            | Self::GroupProfile { .. }
            | Self::Timer { .. }
            | Self::Unknown { .. } => None,
        }
    }

    /// Kind and body as in part 1 of the message. For software that shows content of kinds that it
    /// does not know, such as those that a later version of this crate adds.
    pub fn to_raw(&self) -> (u8, Zeroizing<Vec<u8>>) {
        let mut part = Zeroizing::new(Vec::with_capacity(self.encoded_len()));
        self.put(&mut part);
        let mut reader = Reader::new(&part);
        let kind = reader.u8().unwrap_or_default();
        (kind, Zeroizing::new(reader.rest().to_vec()))
    }

    fn kind_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "Text",
            Self::Edit { .. } => "Edit",
            Self::Deletion { .. } => "Deletion",
            Self::Reaction { .. } => "Reaction",
            Self::Application { .. } => "Application",
            Self::Invitation { .. } => "Invitation",
            Self::Acceptance { .. } => "Acceptance",
            Self::GroupLeave => "GroupLeave",
            Self::GroupProfile { .. } => "GroupProfile",
            Self::Timer { .. } => "Timer",
            Self::Unknown { .. } => "Unknown",
        }
    }

    /// Whether each bounded field is within its bounds, so that [`Content::decode`] accepts what
    /// [`Content::put`] writes.
    pub(crate) fn is_within_bounds(&self) -> bool {
        match self {
            Self::Text(_)
            | Self::Edit { .. }
            | Self::Deletion { .. }
            | Self::Acceptance { .. }
            | Self::GroupLeave
            | Self::Timer { .. } => true,
            Self::Invitation { title, .. } => title.len() <= MAX_GROUP_TITLE_LEN,
            Self::GroupProfile { title, picture } => {
                title.len() <= MAX_GROUP_TITLE_LEN && picture.len() <= MAX_GROUP_PICTURE_LEN
            }
            Self::Reaction { reaction, .. } => reaction.len() <= MAX_REACTION_LEN,
            Self::Application { kind, .. } => is_application_kind(kind),
            // CHK-96: content of an unknown form is not sealed under a known kind.
            Self::Unknown { kind, .. } => !KNOWN.contains(kind),
        }
    }

    pub(crate) fn encoded_len(&self) -> usize {
        match self {
            Self::Text(text) => text.len().saturating_add(1),
            Self::Edit { text, .. } => text.len().saturating_add(33),
            Self::Deletion { .. } => 33,
            Self::Reaction { reaction, .. } => reaction.len().saturating_add(33),
            Self::Application { kind, body } => {
                body.len().saturating_add(kind.len()).saturating_add(2)
            }
            Self::Invitation { title, .. } => title.len().saturating_add(33),
            Self::Acceptance { .. } => 33,
            Self::GroupLeave => 1,
            Self::Timer { .. } => 5,
            Self::GroupProfile { title, picture } => {
                picture.len().saturating_add(title.len()).saturating_add(2)
            }
            Self::Unknown { body, .. } => body.len().saturating_add(1),
        }
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => {
                out.push(TEXT);
                out.extend_from_slice(text.as_bytes());
            }
            Self::Edit { of, text } => {
                out.push(EDIT);
                out.extend_from_slice(of.as_bytes());
                out.extend_from_slice(text.as_bytes());
            }
            Self::Deletion { of } => {
                out.push(DELETION);
                out.extend_from_slice(of.as_bytes());
            }
            Self::Reaction { to, reaction } => {
                out.push(REACTION);
                out.extend_from_slice(to.as_bytes());
                out.extend_from_slice(reaction.as_bytes());
            }
            Self::Application { kind, body } => {
                out.push(APPLICATION);
                put_short(out, kind.as_bytes());
                out.extend_from_slice(body);
            }
            Self::Invitation { group, title } => {
                out.push(INVITATION);
                out.extend_from_slice(group.as_bytes());
                out.extend_from_slice(title.as_bytes());
            }
            Self::Acceptance { group } => {
                out.push(ACCEPTANCE);
                out.extend_from_slice(group.as_bytes());
            }
            Self::GroupLeave => out.push(GROUP_LEAVE),
            Self::GroupProfile { title, picture } => {
                out.push(GROUP_PROFILE);
                put_short(out, title.as_bytes());
                out.extend_from_slice(picture);
            }
            Self::Timer { after_secs } => {
                out.push(TIMER);
                out.extend_from_slice(&after_secs.to_be_bytes());
            }
            Self::Unknown { kind, body } => {
                out.push(*kind);
                out.extend_from_slice(body);
            }
        }
    }

    /// Reads part 1. What was unknown when it was shown stays unknown if it is out of form, so that
    /// nobody makes a message that cannot be reported later.
    pub(crate) fn decode(stage: Stage, part: &[u8]) -> Option<Self> {
        let read = Self::read(part);
        let (kind, body) = part.split_first()?;
        if read.is_some() || stage == Stage::Delivered || *kind < FIRST_ADDED {
            return read;
        }
        let (kind, body) = (*kind, body.to_vec());
        Some(Self::Unknown { kind, body })
    }

    fn read(part: &[u8]) -> Option<Self> {
        // CHK-59: part 1 has a kind. If it is a known one, every field is in bounds and text is in
        // UTF-8.
        let mut reader = Reader::new(part);
        let content = match reader.u8()? {
            TEXT => Self::Text(utf8(reader.rest())?),
            EDIT => Self::Edit {
                of: FrankingTag::from_bytes(reader.array()?),
                text: utf8(reader.rest())?,
            },
            DELETION => Self::Deletion {
                of: FrankingTag::from_bytes(reader.array()?),
            },
            REACTION => {
                let to = FrankingTag::from_bytes(reader.array()?);
                let reaction = utf8(reader.rest())?;
                Self::Reaction { to, reaction }
            }
            APPLICATION => {
                let kind = utf8(reader.short()?)?;
                let body = reader.rest().to_vec();
                Self::Application { kind, body }
            }
            INVITATION => Self::Invitation {
                group: ConversationId::from_bytes(reader.array()?),
                title: utf8(reader.rest())?,
            },
            ACCEPTANCE => Self::Acceptance {
                group: ConversationId::from_bytes(reader.array()?),
            },
            GROUP_LEAVE => Self::GroupLeave,
            GROUP_PROFILE => {
                let title = utf8(reader.short()?)?;
                let picture = reader.rest().to_vec();
                Self::GroupProfile { title, picture }
            }
            TIMER => Self::Timer {
                after_secs: reader.u32()?,
            },
            kind => Self::Unknown {
                kind,
                body: reader.rest().to_vec(),
            },
        };
        reader.finish()?;
        content.is_within_bounds().then_some(content)
    }

    /// The content of a message that must not be shown as what it is, whatever its kind.
    pub(crate) fn into_unknown(self) -> Self {
        let (kind, mut body) = Zeroizing::new(self).to_raw();
        let body = core::mem::take(&mut *body);
        Self::Unknown { kind, body }
    }
}

impl Zeroize for Content {
    /// Wipes texts, kinds, titles and bodies. The tags of other messages and the ids of groups,
    /// which are public, stay.
    fn zeroize(&mut self) {
        match self {
            Self::Text(text)
            | Self::Edit { text, .. }
            | Self::Reaction { reaction: text, .. }
            | Self::Invitation { title: text, .. } => text.zeroize(),
            Self::Timer { after_secs } => after_secs.zeroize(),
            Self::Deletion { .. } | Self::Acceptance { .. } | Self::GroupLeave => {}
            Self::GroupProfile { title, picture } => {
                title.zeroize();
                picture.zeroize();
            }
            Self::Application { kind, body } => {
                kind.zeroize();
                body.zeroize();
            }
            Self::Unknown { body, .. } => body.zeroize(),
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(self.kind_name()).finish_non_exhaustive()
    }
}

fn utf8(bytes: &[u8]) -> Option<String> {
    core::str::from_utf8(bytes).ok().map(str::to_owned)
}

fn is_application_kind(kind: &str) -> bool {
    (1..=MAX_APPLICATION_KIND_LEN).contains(&kind.len())
        && kind.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests;
