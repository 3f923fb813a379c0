//! Reads single parts of attachments, and joins those of one attachment.

use zeroize::Zeroizing;

use super::file::{FileAttachment, FilePreview};
use super::unknown::UnknownAttachment;
use super::whole::WholeFile;
use super::{Attachment, DESCRIPTOR, FILE_KEY, PREVIEW, WHOLE_FILE};
use crate::file::{FileDescriptor, FileKey};
use crate::format::Format;

/// Part 2 or a later one of a message, read by itself.
pub(crate) enum AttachmentPart {
    WholeFile(WholeFile),
    Descriptor(FileDescriptor),
    Key(FileKey),
    Preview(FilePreview),
    Unknown(UnknownAttachment),
}

impl AttachmentPart {
    fn read(format: Format, stage: Stage, part: &[u8]) -> Option<Self> {
        let decoded = Self::decode(format, part);
        // Scheme 0 was known as long as there were schemes.
        let was_unknown = format == Format::V2 && part.first().is_some_and(|one| *one > WHOLE_FILE);
        match stage {
            Stage::Committed if was_unknown => {
                Some(decoded.unwrap_or_else(|| Self::Unknown(UnknownAttachment::new(part))))
            }
            Stage::Committed | Stage::Delivered => decoded,
        }
    }

    pub(crate) fn decode(format: Format, part: &[u8]) -> Option<Self> {
        if format == Format::V1 {
            return WholeFile::decode(part).map(Self::WholeFile);
        }
        // CHK-60: an attachment has a scheme. If it is a known one, every field has its form.
        match part.split_first()? {
            (&WHOLE_FILE, rest) => WholeFile::decode(rest).map(Self::WholeFile),
            (&DESCRIPTOR, rest) => FileDescriptor::decode(rest).map(Self::Descriptor),
            (&FILE_KEY, rest) => {
                let key = Zeroizing::new(rest.try_into().ok()?);
                Some(Self::Key(FileKey::from_bytes(*key)))
            }
            (&PREVIEW, rest) => FilePreview::decode(rest).map(Self::Preview),
            _ => Some(Self::Unknown(UnknownAttachment::new(part))),
        }
    }
}

/// How strictly parts are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// In a new delivery: each part of a known scheme has its form and its place.
    Delivered,
    /// In what was shown already, perhaps by a version that did not know their schemes. What is out
    /// of form or place is unknown, so that nobody makes a message that cannot be reported later.
    Committed,
}

/// Reads all parts of a message from number 2 on; `None` for one that a report withholds. If the
/// message is `hidden`, all of them are unknown.
///
/// Returns `None` if a part is refused at this stage.
pub(crate) fn read<'a>(
    format: Format,
    stage: Stage,
    hidden: bool,
    parts: impl Iterator<Item = Option<&'a [u8]>>,
) -> Option<Vec<Option<AttachmentPart>>> {
    let bytes: Vec<Option<&[u8]>> = parts.collect();
    let mut read = Vec::with_capacity(bytes.len());
    for part in &bytes {
        read.push(match part {
            Some(part) => Some(AttachmentPart::read(format, stage, part)?),
            None => None,
        });
    }
    for (place, part) in bytes.iter().enumerate() {
        let Some(part) = part else { continue };
        if !hidden && is_in_place(&read, place) {
            continue;
        }
        if !hidden && stage == Stage::Delivered {
            return None;
        }
        *read.get_mut(place)? = Some(AttachmentPart::Unknown(UnknownAttachment::new(part)));
    }
    Some(read)
}

/// A file of which a report shows the descriptor.
pub(crate) struct ShownFile {
    /// Number of the part with the descriptor.
    pub(crate) part: usize,
    pub(crate) descriptor: FileDescriptor,
    /// `None` if the report withholds it.
    pub(crate) key: Option<FileKey>,
    pub(crate) preview: Option<FilePreview>,
}

/// What a report shows of the attachments of a message.
#[derive(Default)]
pub(crate) struct ShownAttachments {
    /// Those of which every part is shown but perhaps a preview, with the number of the first part.
    pub(crate) attachments: Vec<(usize, Attachment)>,
    pub(crate) files: Vec<ShownFile>,
}

/// Joins parts that are in their places. `parts` are all parts of a message from number 2 on, and
/// `None` for one that is withheld.
pub(crate) fn shown(parts: Vec<Option<AttachmentPart>>) -> ShownAttachments {
    let mut shown = ShownAttachments::default();
    let mut parts = (2..).zip(parts).peekable();
    while let Some((part, read)) = parts.next() {
        let attachment = match read {
            Some(AttachmentPart::WholeFile(file)) => Attachment::WholeFile(file),
            Some(AttachmentPart::Unknown(unknown)) => Attachment::Unknown(unknown),
            Some(AttachmentPart::Descriptor(descriptor)) => {
                let key = match parts.next() {
                    Some((_, Some(AttachmentPart::Key(key)))) => Some(key),
                    _ => None, // withheld
                };
                let next =
                    parts.next_if(|(_, part)| matches!(part, Some(AttachmentPart::Preview(_))));
                let preview = match next {
                    Some((_, Some(AttachmentPart::Preview(preview)))) => Some(preview),
                    _ => None,
                };
                let whole = key.clone().map(|key| {
                    let file = FileAttachment::new(descriptor.clone(), key, preview.clone());
                    Attachment::File(file)
                });
                shown.files.push(ShownFile {
                    part,
                    descriptor,
                    key,
                    preview,
                });
                let Some(whole) = whole else { continue };
                whole
            }
            Some(AttachmentPart::Key(_) | AttachmentPart::Preview(_)) | None => continue,
        };
        shown.attachments.push((part, attachment));
    }
    shown
}

/// Whether a part from number 2 on is the key or the preview of a file, as its scheme says.
pub(crate) fn is_key_or_preview(format: Format, part: &[u8]) -> bool {
    format == Format::V2 && matches!(part.first(), Some(&(FILE_KEY | PREVIEW)))
}

/// Whether a part is where its scheme demands it. `parts` are those of a message from number 2 on,
/// and `None` for one that a report withholds.
fn is_in_place(parts: &[Option<AttachmentPart>], place: usize) -> bool {
    use AttachmentPart::{Descriptor, Key, Preview};
    // CHK-488: each descriptor is followed by a key, each key follows a descriptor, and each
    // preview follows a key.
    let at = |place: Option<usize>| place.and_then(|place| parts.get(place));
    let (before, after) = (at(place.checked_sub(1)), at(place.checked_add(1)));
    match parts.get(place) {
        Some(Some(Descriptor(_))) => matches!(after, Some(None | Some(Key(_)))),
        Some(Some(Key(_))) => matches!(before, Some(None | Some(Descriptor(_)))),
        Some(Some(Preview(_))) => place >= 2 && matches!(before, Some(None | Some(Key(_)))),
        _ => true,
    }
}
