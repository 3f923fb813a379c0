//! What an officer sees of a report.

mod make;
mod read;
mod write;

use core::fmt;

use waxseal_reporting::limits::MAX_UNSEALED_LEN;
use waxseal_reporting::reporter::Reason;
use waxseal_reporting::reviewer::Contradiction;
use waxseal_reporting::{AccountId, Timestamp};
use zeroize::Zeroizing;

pub(super) use make::Viewer;

/// The version byte of a view that shows files that are sealed in chunks.
const VERSION_2: u8 = 0x02;

/// Maximum length of an encoded view, in bytes: a view shows no more than an unsealed report, and
/// the names of up to 31 participants.
pub const MAX_VIEW_LEN: usize = MAX_UNSEALED_LEN + 8_192;

/// What an officer sees of a report: the granted messages, without the names of accounts that are
/// not accused.
///
/// The reported account has its name. Every other participant is a number that holds for one case.
/// Tags of messages are replaced by ordinals. The reporter, conversations and devices are not
/// shown.
///
/// # Security
/// Texts may name people all the same. So may names and locations of attachments, and content of a
/// kind that this version cannot show.
#[derive(Clone, PartialEq, Eq)]
pub struct View {
    /// The account that the report accuses. `None` if the report shows only the reporter's own
    /// messages in a group.
    pub reported: Option<AccountId>,
    /// Whether the report is about the account itself, and has no messages.
    pub about_account: bool,
    /// The reason that the reporter gave.
    pub reason: Reason,
    /// The reporter's note.
    pub note: Zeroizing<String>,
    /// When the intake accepted the report.
    pub accepted_at: Timestamp,
    /// Whether the relay's times contradict the order of the messages by more than five minutes.
    pub clock_stepped_back: bool,
    /// Number of messages in the report, granted or not.
    pub messages_in_report: u8,
    /// The granted messages, in the order of the conversation.
    pub messages: Vec<ViewedMessage>,
    /// The names, if the grant's purpose is to identify.
    pub names: Option<Names>,
}

/// One message of a view.
#[derive(Clone, PartialEq, Eq)]
pub struct ViewedMessage {
    /// Place among all messages of the report, in the order of the conversation, starting at 0.
    pub ordinal: u8,
    /// Index of the message's claim, which is its bit in the grant.
    pub claim: u8,
    /// Who sent it.
    pub sender: Participant,
    /// When the relay accepted it.
    pub accepted_at: Timestamp,
    /// When it was sent, as claimed by its sender.
    pub sent_at: Timestamp,
    /// Whether its tag names its sender. Messages of format 01 do not.
    pub tag_names_sender: bool,
    /// Whether this reporter had already reported it.
    pub repeated: bool,
    /// How often the content had been forwarded before, as claimed by its sender.
    pub forward_count: u8,
    /// Seconds until it disappears, as claimed by its sender. 0 for never.
    pub expires_after_secs: u32,
    /// The message that it answers.
    pub reply_to: Reference,
    /// The last message from others that its sender had seen.
    pub last_seen: Reference,
    /// Number of messages of the sending device that are missing before it, if known.
    pub gap_before: Option<u64>,
    /// Contradictions between its number or references and the relay's order.
    pub contradictions: Vec<Contradiction>,
    /// What it says, if the reporter showed it.
    pub content: Option<ViewedContent>,
    /// Number of its parts: header, content and attachments.
    pub parts: u8,
    /// The shown attachments, each with the number of its first part.
    pub attachments: Vec<(u8, ViewedAttachment)>,
}

impl ViewedMessage {
    /// The numbers of the parts that the reporter withheld: 1 is the content, 2 and up are the
    /// attachments.
    pub fn withheld(&self) -> impl Iterator<Item = u8> {
        (1..self.parts).filter(|part| match part {
            1 => self.content.is_none(),
            part => {
                let mut shown = self.attachments.iter();
                !shown.any(|(first, attachment)| attachment.covers(*first, *part))
            }
        })
    }
}

/// Someone who takes part in the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Participant {
    /// The reported account.
    Reported,
    /// Another account. The number is the same in all reports of one case, and another one in every
    /// other case.
    ///
    /// `HMAC-SHA-256(participant key, case 16 || account)[..4]`
    Number(u32),
}

/// Another message to which one refers, as claimed by its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// No message.
    None,
    /// The message with this ordinal in the report.
    InReport(u8),
    /// A message that is not in the report.
    NotInReport,
}

/// What a message says.
#[derive(Clone, PartialEq, Eq)]
pub enum ViewedContent {
    /// Text, or the caption of the attachments.
    Text(Zeroizing<String>),
    /// New text for an earlier message.
    Edit {
        /// The message that is edited.
        of: Reference,
        /// Its new text.
        text: Zeroizing<String>,
    },
    /// Takes back an earlier message.
    Deletion {
        /// The message that is deleted.
        of: Reference,
    },
    /// A reaction to a message.
    Reaction {
        /// The message reacted to.
        to: Reference,
        /// The reaction; empty takes an earlier one back.
        reaction: Zeroizing<String>,
    },
    /// Content of the application's own kind.
    Application {
        /// The kind, for example a media type.
        kind: String,
        /// The bytes.
        body: Zeroizing<Vec<u8>>,
    },
    /// Content that this version cannot show.
    Unknown {
        /// Number of the kind.
        kind: u8,
        /// The bytes after it.
        body: Zeroizing<Vec<u8>>,
    },
}

/// An attachment that the reporter showed.
#[derive(Clone, PartialEq, Eq)]
pub enum ViewedAttachment {
    /// A file that is encrypted as a whole.
    File(AttachedFile),
    /// A file that is sealed in chunks.
    Chunked(ChunkedFile),
    /// An attachment that this version cannot show.
    Unknown {
        /// Number of its scheme.
        scheme: u8,
        /// Length of its description, in bytes.
        description_len: u32,
    },
}

impl ViewedAttachment {
    /// Whether it shows this part, if its first part is `first`.
    fn covers(&self, first: u8, part: u8) -> bool {
        let (key, preview) = match self {
            Self::Chunked(file) => (
                matches!(file.access, FileAccess::Whole(_)),
                file.preview.is_some(),
            ),
            Self::File(_) | Self::Unknown { .. } => (false, false),
        };
        match part.checked_sub(first) {
            Some(0) => true,
            Some(1) => key,
            Some(2) => preview,
            _ => false,
        }
    }
}

/// A file that is sealed in chunks, as the message describes it, and what the reporter showed.
///
/// The module `file` of `waxseal-reporting` opens it from its blob, with these keys.
#[derive(Clone, PartialEq, Eq)]
pub struct ChunkedFile {
    /// Size of the file in bytes.
    pub size_bytes: u64,
    /// What names the file.
    pub root: [u8; 32],
    /// The media type, as claimed by the sender.
    pub media_type: String,
    /// The name, as claimed by the sender. Never use it as a path.
    pub name: Zeroizing<String>,
    /// Where the blob is kept, as claimed by the sender. Treat it as an untrusted address.
    pub location: String,
    /// Whether the report named the blob, so that the provider kept it.
    pub named: bool,
    /// How much of the content the reporter showed.
    pub access: FileAccess,
    /// The small picture of the file, if there is one and the reporter showed it.
    pub preview: Option<ViewedPreview>,
}

/// How much of a file the reporter showed.
#[derive(Clone, PartialEq, Eq)]
pub enum FileAccess {
    /// Nothing of the content.
    Descriptor,
    /// The chunks with these indices, each with its key.
    Chunks(Vec<(u32, Zeroizing<[u8; 32]>)>),
    /// The whole file, with its key.
    Whole(Zeroizing<[u8; 32]>),
}

/// A small picture of a file, as claimed by its sender. It may show something else than the file.
#[derive(Clone, PartialEq, Eq)]
pub struct ViewedPreview {
    /// The media type.
    pub media_type: String,
    /// The picture.
    pub picture: Zeroizing<Vec<u8>>,
}

/// A file that is encrypted as a whole, as the message describes it.
#[derive(Clone, PartialEq, Eq)]
pub struct AttachedFile {
    /// Size of the plaintext in bytes, as claimed by the sender.
    pub size_bytes: u64,
    /// SHA-256 of the ciphertext.
    pub ciphertext_digest: [u8; 32],
    /// SHA-256 of the plaintext.
    pub plaintext_digest: [u8; 32],
    /// The key under which the file is encrypted.
    pub key: Zeroizing<[u8; 32]>,
    /// The media type, as claimed by the sender.
    pub media_type: String,
    /// Where the ciphertext is kept, as claimed by the sender. Treat it as an untrusted address.
    pub location: String,
}

/// The names of the accounts that are not accused.
#[derive(Clone, PartialEq, Eq)]
pub struct Names {
    /// The account that reported.
    pub reporter: AccountId,
    /// The senders of the shown messages other than the reported account, by their numbers.
    pub participants: Vec<(u32, AccountId)>,
}

impl View {
    /// The view as bytes.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        write::write(self)
    }

    /// Reads a view.
    ///
    /// # Errors
    /// [`DecodeError`](crate::DecodeError) if the bytes are not one.
    pub fn decode(bytes: &[u8]) -> Result<Self, crate::DecodeError> {
        let (has_files, body) = if bytes.first() == Some(&VERSION_2) {
            (
                true,
                crate::format::versioned_as(VERSION_2, bytes, MAX_VIEW_LEN)?,
            )
        } else {
            (false, crate::format::versioned(bytes, MAX_VIEW_LEN)?)
        };
        read::read(body)
            .filter(|view| view.has_files() == has_files)
            .ok_or(crate::DecodeError::Malformed)
    }

    /// Whether it shows a file that is sealed in chunks, and so has version 02.
    fn has_files(&self) -> bool {
        let mut attachments = self.messages.iter().flat_map(|one| &one.attachments);
        attachments.any(|(_, one)| matches!(one, ViewedAttachment::Chunked(_)))
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View")
            .field("reason", &self.reason)
            .field("messages", &self.messages.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
