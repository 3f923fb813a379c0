//! Puts a message together from a header, content and attachments. Each becomes a part, and the
//! sender commits to each part separately.

use core::fmt;

use zeroize::Zeroizing;

use crate::attachment::{self, Attachment, ShownAttachments, Stage};
use crate::codec::Reader;
use crate::content::Content;
use crate::conversation::ConversationId;
use crate::extensions::Extensions;
use crate::format::Format;
use crate::franked::Franked;
use crate::franking::{FrankingKey, FrankingTag};
use crate::parts::{MAX_PARTS, MAX_PAYLOAD_LEN, Parts};
use crate::timestamp::Timestamp;

/// The header of a message, part 0: its number and what it refers to.
///
/// | bytes | field |
/// |---|---|
/// | 1 | flags: bit 0 `last_seen` present, bit 1 `reply_to` present, others zero |
/// | 8 | sequence |
/// | 8 | sent time, ms |
/// | 1 | forward count |
/// | 4 | expires after, seconds; 0 never |
/// | 32 | `last_seen`, if flagged |
/// | 32 | `reply_to`, if flagged |
/// | 0 to 1,024 | [`Extensions`] |
///
/// # Size
/// 22 bytes, 32 more for each tag, and the extensions.
///
/// # Security
/// Every value is as claimed by the sender: committed, but verified by no one. Only the stamp's
/// time comes from the provider. A report always shows the header, so nothing private belongs in
/// it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PayloadHeader {
    /// Ordinal of this message among those of the sending device in this conversation, starting
    /// at 0.
    pub sequence: u64,
    /// When the message was sent, by the sender's clock.
    pub sent_at: Timestamp,
    /// How often the content had been forwarded before.
    pub forward_count: u8,
    /// Seconds after reading until the message disappears; 0 never. Each device counts from its own
    /// reading, and devices of the author's account from when the relay accepted the message. It is
    /// ignored for messages that [do not expire](crate::fold::Role::expires) by themselves.
    pub expires_after_secs: u32,
    /// The last message that the sending device had seen from others in the conversation.
    pub last_seen: Option<FrankingTag>,
    /// The message this one answers.
    pub reply_to: Option<FrankingTag>,
    /// What later versions added. Empty in messages of this version.
    pub extensions: Extensions,
}

const FLAG_LAST_SEEN: u8 = 0b01;
const FLAG_REPLY_TO: u8 = 0b10;

impl PayloadHeader {
    /// A header with the fields that every message needs. The other fields are public and start
    /// empty.
    pub fn new(sequence: u64, sent_at: Timestamp) -> Self {
        Self {
            sequence,
            sent_at,
            forward_count: 0,
            expires_after_secs: 0,
            last_seen: None,
            reply_to: None,
            extensions: Extensions::default(),
        }
    }

    /// Whether the message needs something of a later version to be shown. Its content and its
    /// attachments then appear as unknown.
    pub fn has_unknown_critical(&self) -> bool {
        self.extensions.has_unknown_critical()
    }

    pub(crate) fn encoded_len(&self) -> usize {
        let tags = [&self.last_seen, &self.reply_to].into_iter().flatten();
        let fixed = tags.count().saturating_mul(32).saturating_add(22);
        fixed.saturating_add(self.extensions.as_bytes().len())
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        let mut flags = 0;
        if self.last_seen.is_some() {
            flags |= FLAG_LAST_SEEN;
        }
        if self.reply_to.is_some() {
            flags |= FLAG_REPLY_TO;
        }
        out.push(flags);
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.sent_at.as_millis().to_be_bytes());
        out.push(self.forward_count);
        out.extend_from_slice(&self.expires_after_secs.to_be_bytes());
        for tag in [&self.last_seen, &self.reply_to].into_iter().flatten() {
            out.extend_from_slice(tag.as_bytes());
        }
        out.extend_from_slice(self.extensions.as_bytes());
    }

    /// Reads a header. One of format 01 also says for which conversation it was written.
    pub(crate) fn decode(format: Format, part: &[u8]) -> Option<(Self, Option<ConversationId>)> {
        // CHK-58: part 0 is a header: known flags, every field, nothing after the last but
        // extensions, which format 01 does not have.
        let mut reader = Reader::new(part);
        let flags = reader.u8()?;
        if flags & !(FLAG_LAST_SEEN | FLAG_REPLY_TO) != 0 {
            return None;
        }
        let written_for = match format {
            Format::V1 => Some(ConversationId::from_bytes(reader.array()?)),
            Format::V2 => None,
        };
        let header = Self {
            sequence: reader.u64()?,
            sent_at: Timestamp::from_millis(reader.u64()?),
            forward_count: reader.u8()?,
            expires_after_secs: reader.u32()?,
            last_seen: read_tag(&mut reader, flags & FLAG_LAST_SEEN != 0)?,
            reply_to: read_tag(&mut reader, flags & FLAG_REPLY_TO != 0)?,
            extensions: match format {
                Format::V1 => Extensions::default(),
                Format::V2 => Extensions::decode(reader.rest())?,
            },
        };
        reader.finish()?;
        Some((header, written_for))
    }

    /// Reads part 1 of the message, as far as this version can show it.
    pub(crate) fn read_content(&self, stage: Stage, part: &[u8]) -> Option<Content> {
        let content = Content::decode(stage, part)?;
        // CHK-95: a message with an unknown critical extension is not shown as what it is.
        Some(if self.has_unknown_critical() {
            content.into_unknown()
        } else {
            content
        })
    }

    /// Reads the parts of the message from number 2 on, as far as this version can show them. They
    /// are `None` where a report withholds them.
    pub(crate) fn read_parts<'a>(
        &self,
        format: Format,
        stage: Stage,
        parts: impl Iterator<Item = Option<&'a [u8]>>,
    ) -> Option<ShownAttachments> {
        // CHK-95: a message with an unknown critical extension is not shown as what it is.
        let hidden = self.has_unknown_critical();
        attachment::read(format, stage, hidden, parts).map(attachment::shown)
    }

    /// Reads all parts of the message from number 2 on, as far as this version can show them.
    pub(crate) fn read_attachments<'a>(
        &self,
        format: Format,
        stage: Stage,
        parts: impl Iterator<Item = &'a [u8]>,
    ) -> Option<Vec<Attachment>> {
        let read = self.read_parts(format, stage, parts.map(Some))?;
        Some(read.attachments.into_iter().map(|(_, one)| one).collect())
    }
}

fn read_tag(reader: &mut Reader<'_>, present: bool) -> Option<Option<FrankingTag>> {
    if !present {
        return Some(None);
    }
    reader.array().map(|tag| Some(FrankingTag::from_bytes(tag)))
}

/// A complete message before it is sealed, or after it is opened: header, content and up to 30
/// parts of attachments.
#[derive(Clone)]
pub struct Payload {
    header: PayloadHeader,
    content: Zeroizing<Content>,
    attachments: Vec<Attachment>,
}

impl Payload {
    /// A message without attachments.
    ///
    /// # Errors
    /// [`PayloadError`] if the content is out of bounds or the message is too long.
    pub fn new(header: PayloadHeader, content: Content) -> Result<Self, PayloadError> {
        Self::with_attachments(header, content, Vec::new())
    }

    /// A text message.
    ///
    /// # Errors
    /// [`PayloadError::TooLong`] if the message is longer than [`MAX_PAYLOAD_LEN`].
    pub fn text(header: PayloadHeader, text: impl Into<String>) -> Result<Self, PayloadError> {
        Self::new(header, Content::Text(text.into()))
    }

    /// A message with attachments.
    ///
    /// # Errors
    /// [`PayloadError`] if the content is out of bounds, the attachments have more than 30 parts,
    /// or the message is longer than [`MAX_PAYLOAD_LEN`].
    pub fn with_attachments(
        header: PayloadHeader,
        content: Content,
        attachments: Vec<Attachment>,
    ) -> Result<Self, PayloadError> {
        let payload = Self {
            header,
            content: Zeroizing::new(content),
            attachments,
        };
        if payload.part_count() > MAX_PARTS {
            return Err(PayloadError::TooManyAttachments);
        }
        if !payload.content.is_within_bounds() {
            return Err(PayloadError::ContentOutOfBounds);
        }
        if !payload.attachments.iter().all(Attachment::can_be_sealed) {
            return Err(PayloadError::AttachmentUnknown);
        }
        if payload.encoded_len() > MAX_PAYLOAD_LEN {
            return Err(PayloadError::TooLong);
        }
        Ok(payload)
    }

    /// Reads all parts of a message; `None` if a part is not what its number demands. A header of
    /// format 01 also says for which conversation the message was written.
    pub(crate) fn parse(
        format: Format,
        stage: Stage,
        parts: &Parts<'_>,
    ) -> Option<(Self, Option<ConversationId>)> {
        let mut parts = parts.iter();
        let (header, written_for) = PayloadHeader::decode(format, parts.next()?)?;
        let content = Zeroizing::new(header.read_content(stage, parts.next()?)?);
        let payload = Self {
            attachments: header.read_attachments(format, stage, parts)?,
            header,
            content,
        };
        Some((payload, written_for))
    }

    /// The header.
    pub fn header(&self) -> &PayloadHeader {
        &self.header
    }

    /// What the message says.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// The attachments, parts 2 and up.
    pub fn attachments(&self) -> &[Attachment] {
        &self.attachments
    }

    /// Number of parts: header, content, and the parts of the attachments.
    fn part_count(&self) -> usize {
        let attachments = self.attachments.iter().map(Attachment::part_count);
        attachments.fold(2, usize::saturating_add)
    }

    pub(crate) fn into_parts(self) -> (PayloadHeader, Zeroizing<Content>, Vec<Attachment>) {
        (self.header, self.content, self.attachments)
    }

    /// The parts with the franking key that commits to them.
    pub(crate) fn franked(&self, key: &FrankingKey) -> Franked {
        Franked::write(key, self.encoded_len(), |out| self.put(out))
    }

    fn encoded_len(&self) -> usize {
        let known = [
            1,
            self.header.encoded_len(),
            4,
            self.content.encoded_len(),
            4,
        ];
        let attachments = self.attachments.iter().map(Attachment::encoded_len);
        let lengths = known.into_iter().chain(attachments);
        lengths.fold(0, usize::saturating_add)
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::try_from(self.part_count()).unwrap_or(u8::MAX));
        put_part(out, self.header.encoded_len(), |out| self.header.put(out));
        put_part(out, self.content.encoded_len(), |out| self.content.put(out));
        for attachment in &self.attachments {
            attachment.put(out);
        }
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload")
            .field("parts", &self.part_count())
            .finish_non_exhaustive()
    }
}

/// Writes the length of a part in four bytes, and lets `put` append the part.
fn put_part(out: &mut Vec<u8>, len: usize, put: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
    put(out);
}

/// Why a payload cannot be built. The caller's input is out of bounds; correct it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// The attachments have more than 30 parts. Send the others in another message.
    #[error("the attachments of a message have at most 30 parts")]
    TooManyAttachments,
    /// A reaction, application kind or other field of the content is out of bounds: shorten it. Or
    /// the content was taken from a message that this version cannot show: do not send it on.
    #[error("a field of the content is out of bounds")]
    ContentOutOfBounds,
    /// An attachment was taken from a message that this version cannot show. Do not send it on.
    #[error("an attachment is of a message that this version cannot show")]
    AttachmentUnknown,
    /// The parts together are longer than [`MAX_PAYLOAD_LEN`]. Put the content in an attachment.
    #[error("the message is longer than 65,536 bytes; put the content in an attachment")]
    TooLong,
}

#[cfg(test)]
mod tests;
