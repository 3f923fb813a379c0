//! Reads single parts of attachments, and joins those of one attachment.

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
    pub(crate) fn decode(format: Format, part: &[u8]) -> Option<Self> {
        if format == Format::V1 {
            return WholeFile::decode(part).map(Self::WholeFile);
        }
        // CHK-60: an attachment has a scheme. If it is a known one, every field has its form.
        match part.split_first()? {
            (&WHOLE_FILE, rest) => WholeFile::decode(rest).map(Self::WholeFile),
            (&DESCRIPTOR, rest) => FileDescriptor::decode(rest).map(Self::Descriptor),
            (&FILE_KEY, rest) => {
                let key = rest.try_into().ok()?;
                Some(Self::Key(FileKey::from_bytes(key)))
            }
            (&PREVIEW, rest) => FilePreview::decode(rest).map(Self::Preview),
            _ => Some(Self::Unknown(UnknownAttachment::new(part))),
        }
    }
}

/// Joins the parts of attachments; `None` if one is not where its scheme demands it. `parts` are
/// all parts of a message from number 2 on.
pub(crate) fn join(parts: Vec<AttachmentPart>) -> Option<Vec<Attachment>> {
    if !in_order(&parts.iter().map(Some).collect::<Vec<_>>()) {
        return None;
    }
    let mut joined = Vec::with_capacity(parts.len());
    let mut parts = parts.into_iter().peekable();
    while let Some(part) = parts.next() {
        joined.push(match part {
            AttachmentPart::WholeFile(file) => Attachment::WholeFile(file),
            AttachmentPart::Unknown(unknown) => Attachment::Unknown(unknown),
            AttachmentPart::Descriptor(descriptor) => {
                let Some(AttachmentPart::Key(key)) = parts.next() else {
                    return None;
                };
                let next = parts.next_if(|part| matches!(part, AttachmentPart::Preview(_)));
                let preview = match next {
                    Some(AttachmentPart::Preview(preview)) => Some(preview),
                    _ => None,
                };
                Attachment::File(FileAttachment::new(descriptor, key, preview))
            }
            AttachmentPart::Key(_) | AttachmentPart::Preview(_) => return None,
        });
    }
    Some(joined)
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

/// Joins the parts that a report shows; `None` if one is not where its scheme demands it. `parts`
/// are all parts of a message from number 2 on, and `None` for one that is withheld.
pub(crate) fn shown(parts: Vec<Option<AttachmentPart>>) -> Option<ShownAttachments> {
    if !in_order(&parts.iter().map(Option::as_ref).collect::<Vec<_>>()) {
        return None;
    }
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
    Some(shown)
}

/// Whether parts are where their schemes demand them. `parts` are those of a message from number 2
/// on, and `None` for one that a report withholds.
fn in_order(parts: &[Option<&AttachmentPart>]) -> bool {
    use AttachmentPart::{Descriptor, Key, Preview};
    // CHK-488: each descriptor is followed by a key, each key follows a descriptor, and each
    // preview follows a key.
    let at = |place: Option<usize>| place.and_then(|place| parts.get(place));
    parts.iter().enumerate().all(|(place, part)| {
        let (before, after) = (at(place.checked_sub(1)), at(place.checked_add(1)));
        match part {
            Some(Descriptor(_)) => matches!(after, Some(None | Some(Key(_)))),
            Some(Key(_)) => matches!(before, Some(None | Some(Descriptor(_)))),
            Some(Preview(_)) => place >= 2 && matches!(before, Some(None | Some(Key(_)))),
            _ => true,
        }
    })
}
