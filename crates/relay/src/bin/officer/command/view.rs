//! Prints an opened report.

use core::fmt::Write as _;

use waxseal_desk::vault::{Reference, View, ViewedAttachment, ViewedContent, ViewedMessage};

use super::Result;
use crate::pages::case::shown_name;
use crate::pages::message::participant;
use crate::text::{Piece, pieces};
use crate::words;

/// What the reporter showed, in the order of the conversation.
pub fn print(view: &View) -> Result<String> {
    let mut out = String::new();
    let account = view.reported.as_ref();
    let account = account.map_or("nobody".to_owned(), |account| shown_name(account.as_str()));
    writeln!(out, "reported account: {account}")?;
    writeln!(out, "reason: {}", words::reason(view.reason.number()))?;
    if !view.note.is_empty() {
        writeln!(out, "note:")?;
        quote(&mut out, &view.note)?;
    }
    if let Some(names) = &view.names {
        writeln!(out, "reporter: {}", shown_name(names.reporter.as_str()))?;
        for (number, account) in &names.participants {
            writeln!(
                out,
                "participant {number:08x}: {}",
                shown_name(account.as_str())
            )?;
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
        Some(ViewedContent::Text(text) | ViewedContent::Edit { text, .. }) => quote(out, text)?,
        Some(ViewedContent::Reaction { reaction, .. }) => quote(out, reaction)?,
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
            format!(
                "content of the application's kind {}, {size}",
                shown_name(kind)
            )
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
            let (name, kind) = (shown_name(&file.name), shown_name(&file.media_type));
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

/// Prints text of a user line by line, each after a bar, so that it imitates no line of this
/// program.
fn quote(out: &mut String, text: &str) -> Result<()> {
    let shown: String = pieces(text, true)
        .into_iter()
        .map(|piece| match piece {
            Piece::Text(text) => text,
            Piece::Mark(mark) => format!("[{mark}]"),
        })
        .collect();
    for line in shown.split('\n') {
        writeln!(out, "    | {line}")?;
    }
    Ok(())
}
