//! Reads a view from bytes.

use waxseal_reporting::file::FileShape;
use waxseal_reporting::limits::{
    MAX_FILE_PREVIEW_LEN, MAX_NOTE_LEN, MAX_PARTS, MAX_REPORTED, MAX_SHOWN_CHUNKS,
};
use waxseal_reporting::reporter::Reason;
use waxseal_reporting::{AccountId, Timestamp};
use zeroize::Zeroizing;

use super::write::CONTRADICTIONS;
use super::{
    AttachedFile, ChunkedFile, FileAccess, Names, Participant, Reference, View, ViewedAttachment,
    ViewedContent, ViewedMessage, ViewedPreview,
};
use crate::codec::Reader;

pub(super) fn read(body: &[u8]) -> Option<View> {
    // CHK-181: the view is complete and nothing follows: at most 30 messages in ascending order,
    // references to messages of the report, known flags, chunks that their file has, and text in
    // UTF-8.
    let mut reader = Reader::new(body);
    let reported = match reader.flag()? {
        true => Some(account(&mut reader)?),
        false => None,
    };
    let reason = Reason::from_number(reader.u8()?)?;
    let note = text(reader.medium()?)?;
    let accepted_at = time(&mut reader)?;
    let [clock_stepped_back, about_account] = flags(&mut reader)?;
    let messages_in_report = reader.u8()?;
    let count = reader.u8()?;
    let in_bounds = note.len() <= MAX_NOTE_LEN
        && usize::from(messages_in_report) <= MAX_REPORTED
        && count <= messages_in_report;
    if !in_bounds {
        return None;
    }
    let mut messages: Vec<ViewedMessage> = Vec::new();
    for _ in 0..count {
        let message = message(&mut reader, messages_in_report)?;
        if messages
            .last()
            .is_some_and(|last| last.ordinal >= message.ordinal)
        {
            return None;
        }
        messages.push(message);
    }
    let names = match reader.flag()? {
        true => Some(names(&mut reader)?),
        false => None,
    };
    reader.finish()?;
    Some(View {
        reported,
        about_account,
        reason,
        note,
        accepted_at,
        clock_stepped_back,
        messages_in_report,
        messages,
        names,
    })
}

fn message(reader: &mut Reader<'_>, in_report: u8) -> Option<ViewedMessage> {
    let (ordinal, claim) = (reader.u8()?, reader.u8()?);
    let sender = match reader.u8()? {
        0 => Participant::Reported,
        1 => Participant::Number(reader.u32()?),
        _ => return None,
    };
    let (accepted_at, sent_at) = (time(reader)?, time(reader)?);
    let [tag_names_sender, repeated] = flags(reader)?;
    let (forward_count, expires_after_secs) = (reader.u8()?, reader.u32()?);
    let reply_to = reference(reader, in_report)?;
    let last_seen = reference(reader, in_report)?;
    let gap_before = match reader.flag()? {
        true => Some(reader.u64()?),
        false => None,
    };
    let bits = reader.u8()?;
    let parts = reader.u8()?;
    let content = content(reader, in_report)?;
    let attachments = attachments(reader, parts)?;
    let known = bits >> CONTRADICTIONS.len() == 0;
    let contradictions = (0u8..)
        .zip(CONTRADICTIONS)
        .filter(|(bit, _)| bits >> bit & 1 == 1);
    let in_bounds = known
        && ordinal < in_report
        && claim < in_report
        && (2..=MAX_PARTS).contains(&usize::from(parts));
    in_bounds.then(|| ViewedMessage {
        ordinal,
        claim,
        sender,
        accepted_at,
        sent_at,
        tag_names_sender,
        repeated,
        forward_count,
        expires_after_secs,
        reply_to,
        last_seen,
        gap_before,
        contradictions: contradictions.map(|(_, one)| one).collect(),
        content,
        parts,
        attachments,
    })
}

fn reference(reader: &mut Reader<'_>, in_report: u8) -> Option<Reference> {
    match reader.u8()? {
        0 => Some(Reference::None),
        1 => {
            let ordinal = reader.u8()?;
            (ordinal < in_report).then_some(Reference::InReport(ordinal))
        }
        2 => Some(Reference::NotInReport),
        _ => None,
    }
}

fn content(reader: &mut Reader<'_>, in_report: u8) -> Option<Option<ViewedContent>> {
    let bytes = |bytes: &[u8]| Zeroizing::new(bytes.to_vec());
    Some(Some(match reader.u8()? {
        0 => return Some(None),
        1 => ViewedContent::Text(text(reader.long()?)?),
        2 => ViewedContent::Edit {
            of: reference(reader, in_report)?,
            text: text(reader.long()?)?,
        },
        3 => ViewedContent::Deletion {
            of: reference(reader, in_report)?,
        },
        4 => ViewedContent::Reaction {
            to: reference(reader, in_report)?,
            reaction: text(reader.short()?)?,
        },
        5 => ViewedContent::Application {
            kind: core::str::from_utf8(reader.short()?).ok()?.to_owned(),
            body: bytes(reader.long()?),
        },
        6 => ViewedContent::Unknown {
            kind: reader.u8()?,
            body: bytes(reader.long()?),
        },
        _ => return None,
    }))
}

fn attachments(reader: &mut Reader<'_>, parts: u8) -> Option<Vec<(u8, ViewedAttachment)>> {
    let mut attachments: Vec<(u8, ViewedAttachment)> = Vec::new();
    for _ in 0..reader.u8()? {
        let part = reader.u8()?;
        let ascends = attachments.last().is_none_or(|(last, _)| *last < part);
        if !ascends || !(2..parts).contains(&part) {
            return None;
        }
        let attachment = match reader.u8()? {
            2 => ViewedAttachment::Chunked(chunked(reader)?),
            0 => ViewedAttachment::File(AttachedFile {
                size_bytes: reader.u64()?,
                ciphertext_digest: reader.array()?,
                plaintext_digest: reader.array()?,
                key: Zeroizing::new(reader.array()?),
                media_type: core::str::from_utf8(reader.short()?).ok()?.to_owned(),
                location: core::str::from_utf8(reader.medium()?).ok()?.to_owned(),
            }),
            1 => ViewedAttachment::Unknown {
                scheme: reader.u8()?,
                description_len: reader.u32()?,
            },
            _ => return None,
        };
        attachments.push((part, attachment));
    }
    Some(attachments)
}

fn chunked(reader: &mut Reader<'_>) -> Option<ChunkedFile> {
    let size_bytes = reader.u64()?;
    let chunk_count = FileShape::new(size_bytes).ok()?.chunk_count();
    let root = reader.array()?;
    let media_type = core::str::from_utf8(reader.short()?).ok()?.to_owned();
    let name = text(reader.short()?)?;
    let location = core::str::from_utf8(reader.medium()?).ok()?.to_owned();
    let named = reader.flag()?;
    let access = match reader.u8()? {
        0 => FileAccess::Descriptor,
        1 => FileAccess::Chunks(chunks(reader, chunk_count)?),
        2 => FileAccess::Whole(Zeroizing::new(reader.array()?)),
        _ => return None,
    };
    let preview = match reader.flag()? {
        true => Some(preview(reader)?),
        false => None,
    };
    Some(ChunkedFile {
        size_bytes,
        root,
        media_type,
        name,
        location,
        named,
        access,
        preview,
    })
}

fn chunks(reader: &mut Reader<'_>, in_file: u32) -> Option<Vec<(u32, Zeroizing<[u8; 32]>)>> {
    let count = usize::from(reader.u16()?);
    if !(1..=MAX_SHOWN_CHUNKS).contains(&count) {
        return None;
    }
    // The space is reserved in one piece: a vector that grows leaves keys in the memory it frees.
    let mut chunks: Vec<(u32, Zeroizing<[u8; 32]>)> = Vec::with_capacity(count);
    for _ in 0..count {
        let index = reader.u32()?;
        let ascends = chunks.last().is_none_or(|(last, _)| *last < index);
        if !ascends || index >= in_file {
            return None;
        }
        chunks.push((index, Zeroizing::new(reader.array()?)));
    }
    Some(chunks)
}

fn preview(reader: &mut Reader<'_>) -> Option<ViewedPreview> {
    let media_type = core::str::from_utf8(reader.short()?).ok()?.to_owned();
    let picture = reader.medium()?;
    (1..=MAX_FILE_PREVIEW_LEN)
        .contains(&picture.len())
        .then(|| ViewedPreview {
            media_type,
            picture: Zeroizing::new(picture.to_vec()),
        })
}

fn names(reader: &mut Reader<'_>) -> Option<Names> {
    let reporter = account(reader)?;
    let mut participants: Vec<(u32, AccountId)> = Vec::new();
    for _ in 0..reader.u8()? {
        let number = reader.u32()?;
        if participants.last().is_some_and(|(last, _)| *last >= number) {
            return None;
        }
        participants.push((number, account(reader)?));
    }
    Some(Names {
        reporter,
        participants,
    })
}

/// Reads a byte of which bit 0 and bit 1 are flags, and all others are 0.
fn flags(reader: &mut Reader<'_>) -> Option<[bool; 2]> {
    let flags = reader.u8()?;
    (flags >> 2 == 0).then_some([flags & 1 == 1, flags & 2 == 2])
}

fn time(reader: &mut Reader<'_>) -> Option<Timestamp> {
    reader.u64().map(Timestamp::from_millis)
}

fn text(bytes: &[u8]) -> Option<Zeroizing<String>> {
    let text = core::str::from_utf8(bytes).ok()?;
    Some(Zeroizing::new(text.to_owned()))
}

fn account(reader: &mut Reader<'_>) -> Option<AccountId> {
    AccountId::new(core::str::from_utf8(reader.short()?).ok()?).ok()
}
