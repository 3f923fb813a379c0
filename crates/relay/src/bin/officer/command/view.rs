//! Prints an opened report.

use core::fmt::Write as _;

use waxseal_desk::vault::{Reference, View, ViewedAttachment, ViewedContent, ViewedMessage};

use super::Result;
use super::wrapped::{quoted, short};
use crate::pages::message::participant;
use crate::words;

/// What the reporter showed, in the order of the conversation.
pub fn print(view: &View) -> Result<String> {
    let mut out = String::new();
    let account = view.reported.as_ref();
    let account = account.map_or("nobody".to_owned(), |account| short(account.as_str()));
    writeln!(out, "reported account: {account}")?;
    writeln!(out, "reason: {}", words::reason(view.reason.number()))?;
    if !view.note.is_empty() {
        out.push_str("note:\n");
        out.push_str(&quoted(&view.note));
    }
    if let Some(names) = &view.names {
        writeln!(out, "reporter: {}", short(names.reporter.as_str()))?;
        for (number, account) in &names.participants {
            writeln!(out, "participant {number:08x}: {}", short(account.as_str()))?;
        }
    }
    if view.about_account {
        writeln!(out, "the report is about the account, and has no messages")?;
    }
    for message in &view.messages {
        print_message(&mut out, view, message)?;
    }
    Ok(out)
}

fn print_message(out: &mut String, view: &View, message: &ViewedMessage) -> Result<()> {
    if let Some(missing) = message.gap_before.filter(|missing| *missing > 0) {
        let missing = words::counted(missing, "message");
        writeln!(out, "  ({missing} of this sender not in the report)")?;
    }
    let at = words::time(message.accepted_at.as_millis());
    let number = u32::from(message.ordinal).saturating_add(1);
    let what = match &message.content {
        None => "content withheld by the reporter".to_owned(),
        Some(content) => what(content),
    };
    let sender = participant(view, &message.sender);
    writeln!(out, "{number}. {at}, {sender}, {what}")?;
    match &message.content {
        Some(ViewedContent::Text(text) | ViewedContent::Edit { text, .. }) => {
            out.push_str(&quoted(text));
        }
        Some(ViewedContent::Reaction { reaction, .. }) => out.push_str(&quoted(reaction)),
        _ => {}
    }
    for (_, attachment) in &message.attachments {
        writeln!(out, "    {}", attached(attachment))?;
    }
    let seen = reference(&message.last_seen);
    writeln!(out, "    last seen by its sender: {seen}")?;
    for contradiction in &message.contradictions {
        writeln!(out, "    contradiction: {contradiction:?}")?;
    }
    Ok(())
}

fn what(content: &ViewedContent) -> String {
    match content {
        ViewedContent::Text(_) => "text:".to_owned(),
        ViewedContent::Edit { of, .. } => format!("new text for {}:", reference(of)),
        ViewedContent::Deletion { of } => format!("takes back {}", reference(of)),
        ViewedContent::Reaction { to, .. } => format!("reaction to {}:", reference(to)),
        ViewedContent::Application { kind, body } => {
            let len = u64::try_from(body.len()).unwrap_or(u64::MAX);
            let size = words::size(len);
            format!("content of the application's kind {}, {size}", short(kind))
        }
        ViewedContent::Unknown { kind, body } => {
            let len = u64::try_from(body.len()).unwrap_or(u64::MAX);
            format!(
                "content of kind {kind}, {}, which the pages show",
                words::size(len)
            )
        }
    }
}

fn attached(attachment: &ViewedAttachment) -> String {
    let size = |bytes| words::size(bytes);
    match attachment {
        ViewedAttachment::File(file) => format!("file, {}", size(file.size_bytes)),
        ViewedAttachment::Chunked(file) => {
            let (name, kind) = (short(&file.name), short(&file.media_type));
            let size = size(file.size_bytes);
            format!("file \"{name}\", {kind}, {size}: the pages fetch and verify it")
        }
        ViewedAttachment::Unknown { scheme, .. } => format!("attachment of scheme {scheme}"),
    }
}

fn reference(to: &Reference) -> String {
    match to {
        Reference::None => "none".to_owned(),
        Reference::InReport(ordinal) => {
            format!("message {}", u32::from(*ordinal).saturating_add(1))
        }
        Reference::NotInReport => "a message that is not in the report".to_owned(),
    }
}
