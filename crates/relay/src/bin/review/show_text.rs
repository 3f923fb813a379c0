//! Shows a verified report as text. What the sender chose comes last on its line, after the tool's
//! own words for what it is: a text cannot pass for an edit, nor for a message that was withheld.

use waxseal_reporting::FrankingTag;
use waxseal_reporting::fold::Role;
use waxseal_reporting::message::{Attachment, Content};
use waxseal_reporting::reviewer::{LastSeen, VerifiedMessage, VerifiedReport};

use crate::context::{Context, contradictions, hex, withheld_parts};
use crate::files_text::file_lines;
use crate::folding::{change_lines, forward_line, number, outcome_words};
use crate::kept::Kept;
use crate::said::said;
use crate::text::printable;

/// Before the lines below a message, and before text that needs further lines.
const INDENT: &str = "      ";

pub fn show(report_id: &str, report: &VerifiedReport, kept: &Kept) {
    println!("report {report_id}");
    println!("verified: true");
    println!("reason: {}", report.reason());
    let reporter = report.reporter().account.as_str();
    println!("{}", said("reported by: ", reporter, INDENT));
    if !report.note().is_empty() {
        println!("{}", said("note: ", report.note(), INDENT));
    }
    if let Some(account) = report.about_account() {
        let words = "about account, no messages: ";
        println!("{}", said(words, account.as_str(), INDENT));
        return;
    }
    if report.clock_stepped_back() {
        println!("the relay's clock was set back in between: order by number and by what was seen");
    }
    println!("messages, in the order the relay accepted them:");
    let context = Context::of(report);
    for (place, message) in report.messages().iter().enumerate() {
        match message.gap_before() {
            Some(0) | None => {}
            // A device that was set back to an older store goes on at a multiple of 2^32.
            Some(missing) if missing >= 1 << 31 => {
                println!("  ... this sender's numbers jump, as after a restored backup ...");
            }
            Some(missing) => println!("  ... {missing} message(s) of this sender not shown ..."),
        }
        let (what, text) = what(&context, place, message);
        let words = format!(
            "  {}. {} ms  #{}  {}, {what}",
            number(place),
            message.accepted_at().as_millis(),
            message.sequence(),
            printable(message.sender().account.as_str()),
        );
        println!("{}", said(&words, text, INDENT));
        for line in details(&context, place, message) {
            println!("{INDENT}{line}");
        }
        for file in message.files() {
            file_lines(file, kept, INDENT)
                .iter()
                .for_each(|line| println!("{line}"));
        }
        // Only a message of the reporter may be one that its recipient never could open.
        if message.sender().account == report.reporter().account && !context.is_seen(message) {
            println!("      no message of another account here shows that this one was seen");
        }
    }
}

/// What the message is, and what it says.
fn what<'a>(
    context: &Context<'_>,
    place: usize,
    message: &'a VerifiedMessage,
) -> (String, &'a str) {
    let Some(content) = message.content() else {
        return ("content withheld by the reporter".to_owned(), "");
    };
    let about = |tag| format!("{}{}", named(context, tag), outcome_words(context, place));
    match content {
        Content::Text(text) => ("text: ".to_owned(), text),
        Content::Edit { of, text } => (format!("edits {}: ", about(of)), text),
        Content::Deletion { of } => (format!("deletes {}", about(of)), ""),
        Content::Reaction { to, reaction } if reaction.is_empty() => {
            (format!("takes back the reaction to {}", about(to)), "")
        }
        Content::Reaction { to, reaction } => (format!("reaction to {}: ", about(to)), reaction),
        Content::Application { kind, body } => {
            let len = body.len();
            let words = format!("content of the application's own kind, {len} bytes: ");
            (words, kind)
        }
        Content::Invitation { title, .. } => {
            ("invitation to a group with the title: ".to_owned(), title)
        }
        Content::Acceptance { .. } => ("acceptance of an invitation to a group".to_owned(), ""),
        Content::GroupLeave => ("leaves the group".to_owned(), ""),
        Content::GroupProfile { title, picture } => {
            let len = picture.len();
            (
                format!("title of the group, with a picture of {len} bytes: "),
                title,
            )
        }
        Content::Timer { after_secs: 0 } => ("timer: off".to_owned(), ""),
        Content::Timer { after_secs } => (format!("timer: {after_secs} s"), ""),
        Content::Unknown { kind, body } => {
            let len = body.len();
            (format!("content of unknown kind {kind}, {len} bytes"), "")
        }
        _ => ("content that this command cannot show".to_owned(), ""),
    }
}

/// A message that is named by its tag.
fn named(context: &Context<'_>, tag: &FrankingTag) -> String {
    match context.named(tag) {
        Some((place, _)) => format!("message {}", number(place)),
        None => format!(
            "message {}, which is not in this report",
            hex(tag.as_bytes())
        ),
    }
}

/// The lines below a message.
fn details(context: &Context<'_>, place: usize, message: &VerifiedMessage) -> Vec<String> {
    let header = message.header();
    let mut lines = vec![seen(context, place, message)];
    if let Some(answered) = &header.reply_to {
        lines.push(format!("answer to {}", named(context, answered)));
    }
    lines.extend(change_lines(context, place));
    lines.extend(forward_line(message));
    // Clients ignore the expiry of what does not expire by itself.
    let role = message.content().map_or(Role::Withheld, Role::of);
    if header.expires_after_secs > 0 && role.expires() {
        let secs = header.expires_after_secs;
        lines.push(format!("to disappear {secs} s after it is read"));
    }
    for (kind, value) in header.extensions.iter() {
        let len = value.len();
        lines.push(format!("extension {kind:04x} of its header, {len} bytes"));
    }
    if header.has_unknown_critical() {
        lines.push("only a later version can show this message".to_owned());
    }
    for (part, attachment) in message.attachments() {
        // Sealed files are shown with what of them is shown.
        if attachment.file().is_some() {
            continue;
        }
        let line = said(
            &format!("      part {part}: "),
            &attached(attachment),
            INDENT,
        );
        lines.push(line.trim_start().to_owned());
    }
    if !message.tag_names_sender() {
        lines.push("an old message: the tag does not name its sender".to_owned());
    }
    let withheld = withheld_parts(message);
    if !withheld.is_empty() {
        lines.push(format!("withheld parts: {withheld:?}"));
    }
    for contradiction in contradictions(message) {
        lines.push(format!("contradicts the relay's order: {contradiction}"));
    }
    if message.repeated() {
        lines.push("reported before by this account".to_owned());
    }
    lines
}

/// What the sender had seen when writing, as the sender claims.
fn seen(context: &Context<'_>, place: usize, message: &VerifiedMessage) -> String {
    let last = match message.last_seen() {
        LastSeen::InReport(place) => format!("message {}", number(place)),
        LastSeen::NotInReport => "a message that is not in this report".to_owned(),
        _ => "none".to_owned(),
    };
    let not_seen = context.not_seen(place).unwrap_or_default();
    let not_seen: Vec<_> = not_seen
        .into_iter()
        .map(|place| number(place).to_string())
        .collect();
    if not_seen.is_empty() {
        format!("last seen by its sender: {last}")
    } else {
        let not_seen = not_seen.join(", ");
        format!("last seen by its sender: {last}; not seen: {not_seen}")
    }
}

fn attached(attachment: &Attachment) -> String {
    match attachment {
        Attachment::WholeFile(file) => format!(
            "file of {} bytes, {} at {}",
            file.size_bytes(),
            printable(file.media_type()),
            printable(file.location())
        ),
        Attachment::Unknown(unknown) => {
            let (scheme, len) = (unknown.scheme(), unknown.description_len());
            format!("attachment of unknown scheme {scheme}, described in {len} bytes")
        }
        _ => "an attachment that this command cannot show".to_owned(),
    }
}
