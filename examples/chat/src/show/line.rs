//! Messages as lines for people.

use waxseal::view::{ForwardLabel, MessageView, ViewState};
use waxseal::{Content, GroupId, Message, Status, Timestamp};

use crate::conversations::{name_of, short_id};
use crate::files;
use crate::kinds::span;
use crate::text::{printable, quoted, said, short, utc};

/// What the sender of a message did with it, if it has no text.
pub fn did(message: &Message) -> Option<String> {
    let id = |group: &[u8; 32]| GroupId::from_bytes(*group);
    Some(match message.content() {
        Content::Invitation { group, title } => {
            let group = id(group.as_bytes());
            let short = short_id(&group);
            format!(
                "invites you to {}: group accept {short}",
                name_of(&group, title)
            )
        }
        Content::Acceptance { group } => {
            let group = id(group.as_bytes());
            format!("accepts the invitation to group {}", short_id(&group))
        }
        Content::GroupLeave => "leaves".to_owned(),
        Content::GroupProfile { title, .. } => format!("calls the group {}", quoted(title)),
        Content::Edit { of, text } => format!("edits {}: {}", short(of), quoted(text)),
        Content::Deletion { of } => format!("deletes {}", short(of)),
        Content::Reaction { to, reaction } if reaction.is_empty() => {
            format!("takes back the reaction to {}", short(to))
        }
        Content::Reaction { to, reaction } => {
            format!("reacts to {}: {}", short(to), quoted(reaction))
        }
        Content::Timer { after_secs: 0 } => "keeps messages from disappearing".to_owned(),
        Content::Timer { after_secs } => {
            format!(
                "lets messages disappear {} after they are read",
                span(*after_secs)
            )
        }
        _ => return None,
    })
}

/// Formats a message for people as it was sent.
pub fn line(from: &str, message: &Message) -> String {
    let time = time_of(message.accepted_at(), message.status());
    let header = message.header();
    let mut notes = Vec::new();
    notes.extend(message.is_request().then(|| "request".to_owned()));
    notes.extend(forwarded(ForwardLabel::of(header.forward_count)));
    notes.extend(
        header
            .reply_to
            .as_ref()
            .map(|to| format!("in answer to {}", short(to))),
    );
    shown(time, from, message, message.text(), &notes)
}

/// Formats what a message shows for people.
pub fn view_line(from: &str, view: &MessageView) -> String {
    let time = time_of(view.accepted_at(), view.status());
    let gone = |how: &str| {
        let (from, id) = (printable(from), short(view.id()));
        format!("{time}  {from} {how}  [{id}]")
    };
    let message = match (view.state(), view.message()) {
        (ViewState::Deleted { .. }, _) => return gone("deleted this message"),
        (ViewState::Shown, Some(message)) => message,
        _ => return gone("sent a message that has expired"),
    };
    let mut notes = Vec::new();
    notes.extend(message.is_request().then(|| "request".to_owned()));
    notes.extend(view.is_edited().then(|| "edited".to_owned()));
    notes.extend(forwarded(view.forward_label()));
    notes.extend(
        view.reply_to()
            .map(|to| format!("in answer to {}", short(to))),
    );
    let mut line = shown(time, from, message, view.text(), &notes);
    for reaction in view.reactions() {
        let (by, reaction) = (
            printable(reaction.account.as_str()),
            quoted(&reaction.reaction),
        );
        line.push_str(&format!("\n    {by} reacts: {reaction}"));
    }
    line
}

fn forwarded(label: ForwardLabel) -> Option<String> {
    match label {
        ForwardLabel::None => None,
        ForwardLabel::ForwardedOften => Some("forwarded often".to_owned()),
        _ => Some("forwarded".to_owned()),
    }
}

/// The time when the relay accepted a message, and not the one that its sender claims.
fn time_of(accepted_at: Option<Timestamp>, status: Option<Status>) -> String {
    let time = accepted_at.map_or_else(|| "not sent yet".into(), utc);
    match status {
        Some(Status::Delivered { .. }) => format!("{time} delivered"),
        Some(Status::Opened { .. }) => format!("{time} opened"),
        Some(Status::NotDelivered(_)) => format!("{time} NOT DELIVERED"),
        _ => time,
    }
}

fn shown(
    time: String,
    from: &str,
    message: &Message,
    text: Option<&str>,
    notes: &[String],
) -> String {
    let time = match message.is_from_removed_device() {
        true => format!("{time}  FROM A REMOVED DEVICE:"),
        false => time,
    };
    let (from, id) = (printable(from), short(message.id()));
    // No account name has a space, so no text can pass for one of these.
    if let Some(did) = did(message) {
        return format!("{time}  {from} {did}  [{id}]");
    }
    let from = match notes {
        [] => from,
        notes => format!("{from} ({})", notes.join(", ")),
    };
    let text = text.unwrap_or_default();
    let line = said(
        &format!("{time}  {from}: "),
        &format!("{text}  [{id}]"),
        "    ",
    );
    let line = match line.contains('\n') {
        true => said(&format!("{time}  {from}  [{id}]:"), text, "    "),
        false => line,
    };
    line + &files::lines(message)
}
