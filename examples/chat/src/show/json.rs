//! Messages as JSON for programs.

use serde::Serialize;
use waxseal::view::{MessageView, ViewState};
use waxseal::{Conversation, Direction, Message, Status, Timestamp};

use super::line::did;
use crate::chat::Chat;
use crate::failure::Outcome;
use crate::files;
use crate::text::{hex, printable_json};

/// A message as JSON.
#[derive(Serialize)]
struct Object<'a> {
    id: String,
    from: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    /// The id of the group that it was sent to.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    text: Option<&'a str>,
    /// What the sender did with it, if it has no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    did: Option<String>,
    /// Its files, in the order in which `save --file` counts them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<AttachedFile<'a>>,
    sent_at_ms: u64,
    /// `None` until the relay has accepted the message.
    accepted_at_ms: Option<u64>,
    reportable: bool,
    /// Whether the device that sent it was removed from its account before the message arrived.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    from_removed_device: bool,
    /// Where a sent message is.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    /// Whether the user has not accepted its sender: its links and files are not to be opened.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    request: bool,
    /// The message that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<String>,
    /// How often its content was forwarded before, as its sender claims.
    #[serde(skip_serializing_if = "is_zero")]
    forwards: u32,
    /// How often its sender edited it. `text` is that of the newest edit.
    #[serde(skip_serializing_if = "is_zero")]
    edits: u32,
    /// The newest reaction of each account.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reactions: Vec<Reaction<'a>>,
}

#[derive(Serialize)]
struct Reaction<'a> {
    from: &'a str,
    reaction: &'a str,
}

/// A message that is not shown any more, as JSON. It can be reported nevertheless.
#[derive(Serialize)]
struct Gone<'a> {
    id: String,
    from: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    /// `deleted` or `expired`.
    gone: &'static str,
    accepted_at_ms: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// A file of a message as JSON. Everything but the size is as claimed by the sender.
#[derive(Serialize)]
struct AttachedFile<'a> {
    name: &'a str,
    bytes: u64,
    media_type: &'a str,
    /// The part of the message that describes it, for `report --redact` and `--chunks`.
    part: usize,
}

fn attached(message: &Message) -> Vec<AttachedFile<'_>> {
    let files = files::files_of(message).into_iter();
    let files = files.map(|(place, file)| {
        let descriptor = file.descriptor();
        AttachedFile {
            name: descriptor.name(),
            bytes: descriptor.size_bytes(),
            media_type: descriptor.media_type(),
            part: files::part_of(message, place),
        }
    });
    files.collect()
}

/// Formats a message for programs as it was sent, as JSON on one line. `names_recipient` says
/// whether it has the account that the message was sent to.
pub fn message(
    chat: &Chat,
    with: &Conversation,
    message: &Message,
    names_recipient: bool,
) -> Outcome<String> {
    let mut object = object(chat, with, message);
    object.to = object.to.filter(|_| names_recipient);
    Ok(printable_json(&serde_json::to_string(&object)?))
}

/// Formats what a message shows for programs, as JSON on one line.
pub fn view(chat: &Chat, with: &Conversation, view: &MessageView) -> Outcome<String> {
    let Some(message) = view.message() else {
        let gone = Gone {
            id: hex(view.id().as_bytes()),
            from: view.author().account.as_str(),
            to: recipient(chat, with, view.direction()),
            group: group(with),
            gone: match view.state() {
                ViewState::Deleted { .. } => "deleted",
                _ => "expired",
            },
            accepted_at_ms: view.accepted_at().map(Timestamp::as_millis),
        };
        return Ok(printable_json(&serde_json::to_string(&gone)?));
    };
    let mut object = object(chat, with, message);
    object.text = view.text();
    object.edits = view.edit_count();
    let reactions = view.reactions().iter().map(|one| Reaction {
        from: one.account.as_str(),
        reaction: &one.reaction,
    });
    object.reactions = reactions.collect();
    Ok(printable_json(&serde_json::to_string(&object)?))
}

fn recipient<'a>(chat: &'a Chat, with: &'a Conversation, direction: Direction) -> Option<&'a str> {
    match (with.account(), direction) {
        (Some(with), Direction::Sent) => Some(with.as_str()),
        (Some(_), Direction::Received) => Some(chat.client().me().account.as_str()),
        (None, _) => None,
    }
}

fn group(with: &Conversation) -> Option<String> {
    with.group().map(|group| hex(&group.to_bytes()))
}

fn object<'a>(chat: &'a Chat, with: &'a Conversation, message: &'a Message) -> Object<'a> {
    let header = message.header();
    Object {
        id: hex(message.id().as_bytes()),
        from: message.sender().account.as_str(),
        to: recipient(chat, with, message.direction()),
        group: group(with),
        text: message.text(),
        did: did(message),
        files: attached(message),
        sent_at_ms: header.sent_at.as_millis(),
        accepted_at_ms: message.accepted_at().map(Timestamp::as_millis),
        reportable: chat.is_reportable(message),
        from_removed_device: message.is_from_removed_device(),
        status: message.status().map(status),
        request: message.is_request(),
        reply_to: header.reply_to.as_ref().map(|to| hex(to.as_bytes())),
        forwards: header.forward_count.into(),
        edits: 0,
        reactions: Vec::new(),
    }
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Waiting => "waiting",
        Status::Delivered { .. } => "delivered",
        Status::Opened { .. } => "opened",
        Status::NotDelivered(_) => "not_delivered",
        _ => "accepted",
    }
}
