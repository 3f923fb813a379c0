//! Shows a verified report as JSON, with everything that the reporter disclosed. Bodies, keys and
//! unknown parts are in standard base64; tags and digests are in hex.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use waxseal_reporting::message::{Attachment, Content};
use waxseal_reporting::reviewer::{
    FileAccess, LastSeen, VerifiedFile, VerifiedMessage, VerifiedPart, VerifiedReport,
};
use waxseal_reporting::{AccountId, FrankingTag};

use crate::context::{Context, contradictions, hex, withheld_parts};
use crate::folding;
use crate::kept::Kept;

pub fn as_json(report_id: &str, report: &VerifiedReport, kept: &Kept) -> Value {
    let context = Context::of(report);
    let messages = report.messages().iter().enumerate();
    let messages = messages.map(|(place, message)| message_as_json(&context, place, message, kept));
    json!({
        "report_id": report_id,
        "reason": report.reason().name(),
        "verified": true,
        "note": report.note(),
        "reporter": report.reporter().account.as_str(),
        "about_account": report.about_account().map(AccountId::as_str),
        "accepted_at_ms": report.accepted_at().as_millis(),
        "clock_stepped_back": report.clock_stepped_back(),
        "messages": messages.collect::<Vec<_>>(),
    })
}

fn message_as_json(
    context: &Context<'_>,
    place: usize,
    message: &VerifiedMessage,
    kept: &Kept,
) -> Value {
    let header = message.header();
    let last_seen = match message.last_seen() {
        LastSeen::InReport(place) => json!(place),
        LastSeen::NotInReport => json!("not_in_report"),
        _ => Value::Null,
    };
    let extensions = header.extensions.iter();
    let extensions = extensions
        .map(|(kind, value)| json!({ "type": kind, "value": STANDARD.encode(value) }))
        .collect::<Vec<_>>();
    let attachments = message.attachments();
    let attachments = attachments
        .map(|(part, attachment)| attachment_as_json(message, part, attachment))
        .collect::<Vec<_>>();
    let mut shown = json!({
        "id": hex(message.tag().as_bytes()),
        "from": message.sender().account.as_str(),
        "device": message.sender().device.0,
        "tag_names_sender": message.tag_names_sender(),
        "kind": null,
        "text": null,
        "attachments": attachments,
        "files": message.files().iter().map(|file| file_as_json(file, kept)).collect::<Vec<_>>(),
        "accepted_at_ms": message.accepted_at().as_millis(),
        "sent_at_ms": message.sent_at().as_millis(),
        "sequence": message.sequence(),
        "reply_to": header.reply_to.as_ref().map(|tag| named(context, tag)),
        "forward_count": header.forward_count,
        "expires_after_secs": header.expires_after_secs,
        "extensions": extensions,
        "needs_later_version": header.has_unknown_critical(),
        "redacted_parts": withheld_parts(message),
        "gap_before": message.gap_before(),
        "last_seen": last_seen,
        "not_seen": context.not_seen(place),
        "seen_by_others": context.is_seen(message),
        "contradictions": contradictions(message).collect::<Vec<_>>(),
        "reported_before": message.repeated(),
    });
    if let Value::Object(shown) = &mut shown {
        shown.extend(folding::fields(context, place, message));
    }
    let content = message
        .content()
        .map(|content| content_as_json(context, content));
    if let (Value::Object(shown), Some(Value::Object(content))) = (&mut shown, content) {
        shown.extend(content);
    }
    shown
}

/// The fields of the content. Only a text message has a `text`: no other kind passes for one.
fn content_as_json(context: &Context<'_>, content: &Content) -> Value {
    match content {
        Content::Text(text) => json!({ "kind": "text", "text": text }),
        Content::Edit { of, text } => {
            json!({ "kind": "edit", "about": named(context, of), "new_text": text })
        }
        Content::Deletion { of } => json!({ "kind": "deletion", "about": named(context, of) }),
        Content::Reaction { to, reaction } => {
            json!({ "kind": "reaction", "about": named(context, to), "reaction": reaction })
        }
        Content::Application { kind, body } => json!({
            "kind": "application",
            "application_kind": kind,
            "body": STANDARD.encode(body),
        }),
        Content::Invitation { group, title } => json!({
            "kind": "invitation",
            "group": hex(group.as_bytes()),
            "title": title,
        }),
        Content::Acceptance { group } => json!({
            "kind": "acceptance",
            "group": hex(group.as_bytes()),
        }),
        Content::GroupLeave => json!({ "kind": "group_leave" }),
        Content::GroupProfile { title, picture } => json!({
            "kind": "group_profile",
            "title": title,
            "picture": STANDARD.encode(picture),
        }),
        Content::Timer { after_secs } => json!({ "kind": "timer", "after_secs": after_secs }),
        Content::Unknown { kind, body } => json!({
            "kind": "unknown",
            "unknown_kind": kind,
            "body": STANDARD.encode(body),
        }),
        _ => json!({ "kind": "other" }),
    }
}

/// A message that another one names by its tag. Place and sender are known if it is in the report.
fn named(context: &Context<'_>, tag: &FrankingTag) -> Value {
    let named = context.named(tag);
    json!({
        "id": hex(tag.as_bytes()),
        "message": named.map(|(place, _)| place),
        "from": named.map(|(_, named)| named.sender().account.as_str()),
    })
}

fn attachment_as_json(message: &VerifiedMessage, part: usize, attachment: &Attachment) -> Value {
    match attachment {
        Attachment::WholeFile(file) => json!({
            "part": part,
            "kind": "whole_file",
            "media_type": file.media_type(),
            "size_bytes": file.size_bytes(),
            "location": file.location(),
            "key": STANDARD.encode(file.key().as_bytes()),
            "ciphertext_sha256": hex(file.ciphertext_digest()),
            "plaintext_sha256": hex(file.plaintext_digest()),
        }),
        Attachment::Unknown(unknown) => {
            let description = match message.parts().get(part) {
                Some(VerifiedPart::Shown(bytes)) => json!(STANDARD.encode(bytes.as_slice())),
                _ => Value::Null,
            };
            json!({
                "part": part,
                "kind": "unknown",
                "scheme": unknown.scheme(),
                "description": description,
            })
        }
        // It is among the `files`.
        Attachment::File(_) => json!({ "part": part, "kind": "file" }),
        _ => json!({ "part": part, "kind": "other" }),
    }
}

/// A sealed file, with the keys that the reporter disclosed. `chunks` has those of single chunks.
fn file_as_json(file: &VerifiedFile, kept: &Kept) -> Value {
    let descriptor = file.descriptor();
    let (shown, key, chunks) = match file.access() {
        FileAccess::Whole(key) => ("whole", json!(STANDARD.encode(key.as_bytes())), json!([])),
        FileAccess::Chunks(chunks) => {
            let chunks = chunks
                .iter()
                .map(|(index, key)| json!({ "index": index, "key": STANDARD.encode(key.as_bytes()) }))
                .collect::<Vec<_>>();
            ("chunks", Value::Null, json!(chunks))
        }
        _ => ("description", Value::Null, json!([])),
    };
    let preview = file.preview().map(|preview| {
        json!({
            "media_type": preview.media_type(),
            "picture": STANDARD.encode(preview.picture()),
        })
    });
    json!({
        "part": file.part(),
        "size_bytes": descriptor.size_bytes(),
        "root": hex(descriptor.root().as_bytes()),
        "media_type": descriptor.media_type(),
        "name": descriptor.name(),
        "location": descriptor.location(),
        "shown": shown,
        "key": key,
        "chunks": chunks,
        "preview": preview,
        "blob": file.blob().map(|blob| blob.to_text()),
        "kept": file.blob().is_some_and(|blob| kept.has(&blob)),
    })
}
