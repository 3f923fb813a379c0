//! Writes a view as bytes.
//!
//! ```text
//! view        = version u8 (02 if it has an attachment of kind 02, else 01)
//!     || optional(short(reported account)) || reason u8 || medium(note)
//!     || accepted be64 || flags u8 (bit 0: the clock stepped back, bit 1: about an account)
//!     || messages in report u8 || shown: count u8, messages || optional(names)
//! message     = ordinal u8 || claim u8 || participant || accepted be64 || sent be64
//!     || flags u8 (bit 0: the tag names its sender, bit 1: repeated) || forwards u8
//!     || expires be32 || reply to reference || last seen reference || optional(gap be64)
//!     || contradictions u8 (bit 0: number repeated, 1: number runs back, 2: seen later)
//!     || parts u8 || content || attachments: count u8, each part u8 || attachment
//! participant = 00, the reported account; or 01 number be32
//! reference   = 00, none; 01 ordinal u8; or 02, not in the report
//! content     = 00, withheld; 01 long(text); 02 reference long(text); 03 reference;
//!               04 reference short(reaction); 05 short(kind) long(body); or 06 kind u8 long(body)
//! attachment  = 00 size be64 || SHA-256(ciphertext) 32 || SHA-256(plaintext) 32 || key 32
//!                  || short(media type) || medium(location); 01 scheme u8 || length be32;
//!               or 02 size be64 || root 32 || short(media type) || short(name) || medium(location)
//!                  || blob named u8 (0 or 1) || access || optional(preview)
//! access      = 00, none; 01 count be16, each index be32 || chunk key 32; or 02 file key 32
//! preview     = short(media type) || medium(picture)
//! names       = short(reporter) || count u8, each number be32 || short(account)
//! optional(x) = 00; or 01 x
//! ```

use waxseal_reporting::reviewer::Contradiction;
use zeroize::Zeroizing;

use super::{
    ChunkedFile, FileAccess, Names, Participant, Reference, VERSION_2, View, ViewedAttachment,
    ViewedContent, ViewedMessage,
};
use crate::codec::{put_long, put_medium, put_short};
use crate::format::VERSION;

/// The contradictions in the order of their bits.
pub(super) const CONTRADICTIONS: [Contradiction; 3] = [
    Contradiction::SequenceRepeated,
    Contradiction::SequenceRunsBack,
    Contradiction::LastSeenLater,
];

pub(super) fn write(view: &View) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(len(view)));
    out.push(if view.has_files() { VERSION_2 } else { VERSION });
    put_optional(&mut out, view.reported.as_ref(), |out, account| {
        put_short(out, account.as_str().as_bytes());
    });
    out.push(view.reason.number());
    put_medium(&mut out, view.note.as_bytes());
    out.extend_from_slice(&view.accepted_at.as_millis().to_be_bytes());
    out.push(u8::from(view.clock_stepped_back) | u8::from(view.about_account) << 1);
    out.push(view.messages_in_report);
    out.push(count(&view.messages));
    for message in &view.messages {
        put_message(&mut out, message);
    }
    put_optional(&mut out, view.names.as_ref(), put_names);
    out
}

/// Enough room, so that the buffer does not grow and leave a copy of the content behind.
pub(super) fn len(view: &View) -> usize {
    let lens = view.messages.iter().map(|message| {
        let content = match &message.content {
            Some(ViewedContent::Text(text) | ViewedContent::Edit { text, .. }) => text.len(),
            Some(ViewedContent::Application { body, .. } | ViewedContent::Unknown { body, .. }) => {
                body.len()
            }
            _ => 0,
        };
        let attachments = message
            .attachments
            .iter()
            .map(|(_, attachment)| match attachment {
                ViewedAttachment::File(file) => file.location.len().saturating_add(300),
                ViewedAttachment::Chunked(file) => chunked_len(file),
                ViewedAttachment::Unknown { .. } => 7,
            });
        attachments
            .fold(content, usize::saturating_add)
            .saturating_add(500)
    });
    lens.fold(view.note.len(), usize::saturating_add)
        .saturating_add(16_384)
}

/// Enough room for a file that is sealed in chunks.
fn chunked_len(file: &ChunkedFile) -> usize {
    let keys = match &file.access {
        FileAccess::Chunks(chunks) => chunks.len().saturating_mul(36),
        FileAccess::Descriptor | FileAccess::Whole(_) => 0,
    };
    let preview = file.preview.as_ref();
    let picture = preview.map_or(0, |preview| preview.picture.len());
    let lens = [file.location.len(), keys, picture, 800];
    lens.into_iter().fold(0, usize::saturating_add)
}

fn put_message(out: &mut Vec<u8>, message: &ViewedMessage) {
    out.extend_from_slice(&[message.ordinal, message.claim]);
    match message.sender {
        Participant::Reported => out.push(0),
        Participant::Number(number) => {
            out.push(1);
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
    out.extend_from_slice(&message.accepted_at.as_millis().to_be_bytes());
    out.extend_from_slice(&message.sent_at.as_millis().to_be_bytes());
    out.push(u8::from(message.tag_names_sender) | u8::from(message.repeated) << 1);
    out.push(message.forward_count);
    out.extend_from_slice(&message.expires_after_secs.to_be_bytes());
    put_reference(out, message.reply_to);
    put_reference(out, message.last_seen);
    put_optional(out, message.gap_before, |out, gap| {
        out.extend_from_slice(&gap.to_be_bytes());
    });
    let mut bits = 0;
    for (bit, contradiction) in CONTRADICTIONS.iter().enumerate() {
        bits |= u8::from(message.contradictions.contains(contradiction)) << bit;
    }
    out.extend_from_slice(&[bits, message.parts]);
    put_content(out, message.content.as_ref());
    out.push(count(&message.attachments));
    for (part, attachment) in &message.attachments {
        out.push(*part);
        put_attachment(out, attachment);
    }
}

fn put_reference(out: &mut Vec<u8>, reference: Reference) {
    match reference {
        Reference::None => out.push(0),
        Reference::InReport(ordinal) => out.extend_from_slice(&[1, ordinal]),
        Reference::NotInReport => out.push(2),
    }
}

fn put_content(out: &mut Vec<u8>, content: Option<&ViewedContent>) {
    match content {
        None => out.push(0),
        Some(ViewedContent::Text(text)) => {
            out.push(1);
            put_long(out, text.as_bytes());
        }
        Some(ViewedContent::Edit { of, text }) => {
            out.push(2);
            put_reference(out, *of);
            put_long(out, text.as_bytes());
        }
        Some(ViewedContent::Deletion { of }) => {
            out.push(3);
            put_reference(out, *of);
        }
        Some(ViewedContent::Reaction { to, reaction }) => {
            out.push(4);
            put_reference(out, *to);
            put_short(out, reaction.as_bytes());
        }
        Some(ViewedContent::Application { kind, body }) => {
            out.push(5);
            put_short(out, kind.as_bytes());
            put_long(out, body);
        }
        Some(ViewedContent::Unknown { kind, body }) => {
            out.extend_from_slice(&[6, *kind]);
            put_long(out, body);
        }
    }
}

fn put_attachment(out: &mut Vec<u8>, attachment: &ViewedAttachment) {
    match attachment {
        ViewedAttachment::File(file) => {
            out.push(0);
            out.extend_from_slice(&file.size_bytes.to_be_bytes());
            out.extend_from_slice(&file.ciphertext_digest);
            out.extend_from_slice(&file.plaintext_digest);
            out.extend_from_slice(&*file.key);
            put_short(out, file.media_type.as_bytes());
            put_medium(out, file.location.as_bytes());
        }
        ViewedAttachment::Chunked(file) => put_chunked(out, file),
        ViewedAttachment::Unknown {
            scheme,
            description_len,
        } => {
            out.extend_from_slice(&[1, *scheme]);
            out.extend_from_slice(&description_len.to_be_bytes());
        }
    }
}

fn put_chunked(out: &mut Vec<u8>, file: &ChunkedFile) {
    out.push(2);
    out.extend_from_slice(&file.size_bytes.to_be_bytes());
    out.extend_from_slice(&file.root);
    put_short(out, file.media_type.as_bytes());
    put_short(out, file.name.as_bytes());
    put_medium(out, file.location.as_bytes());
    out.push(u8::from(file.named));
    match &file.access {
        FileAccess::Descriptor => out.push(0),
        FileAccess::Chunks(chunks) => {
            out.push(1);
            let count = u16::try_from(chunks.len()).unwrap_or(u16::MAX);
            out.extend_from_slice(&count.to_be_bytes());
            for (index, key) in chunks {
                out.extend_from_slice(&index.to_be_bytes());
                out.extend_from_slice(&**key);
            }
        }
        FileAccess::Whole(key) => {
            out.push(2);
            out.extend_from_slice(&**key);
        }
    }
    put_optional(out, file.preview.as_ref(), |out, preview| {
        put_short(out, preview.media_type.as_bytes());
        put_medium(out, &preview.picture);
    });
}

fn put_names(out: &mut Vec<u8>, names: &Names) {
    put_short(out, names.reporter.as_str().as_bytes());
    out.push(count(&names.participants));
    for (number, account) in &names.participants {
        out.extend_from_slice(&number.to_be_bytes());
        put_short(out, account.as_str().as_bytes());
    }
}

fn put_optional<T>(out: &mut Vec<u8>, value: Option<T>, put: impl FnOnce(&mut Vec<u8>, T)) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        put(out, value);
    }
}

/// The number of items, of which a report has at most 30 and a message at most 32.
fn count<T>(items: &[T]) -> u8 {
    u8::try_from(items.len()).unwrap_or(u8::MAX)
}
