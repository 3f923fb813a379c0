//! One message of a view: each kind of content for what it is.

use waxseal_desk::vault::{Participant, Reference, View, ViewedContent, ViewedMessage};
use waxseal_reporting::reviewer::Contradiction;

use crate::html::{Html, Link};
use crate::page::Ctx;
use crate::pages::attached::attachments;
use crate::pages::confirm::hex;
use crate::views::Opened;
use crate::words;

/// Number of characters of a text that are shown at once. The rest is folded.
const MAX_CHARS: usize = 2_000;
/// Number of lines of a text that are shown at once.
const MAX_LINES: usize = 40;
/// Number of bytes of unknown content that are shown.
const MAX_HEX: usize = 1_024;
/// Number of the kind of content that sets when messages disappear: seconds be32.
const TIMER: u8 = 0x0a;

/// Shows a message.
pub fn message(html: &mut Html, ctx: &Ctx, opened: &Opened, one: &ViewedMessage) {
    let view = &opened.view;
    html.tag("h3").put(|html| {
        html.text(&format!("Message {}", number(one.ordinal)));
        html.tag("span").class("by").put(|html| {
            html.text(" by ");
            html.text(&participant(view, &one.sender));
        });
    });
    html.tag("p").class("small").text(&format!(
        "Accepted by the relay {}. Sent {}, as the sender claims.",
        words::time(one.accepted_at.as_millis()),
        words::time(one.sent_at.as_millis()),
    ));
    content(html, one);
    attachments(html, ctx, opened, one);
    let notes = notes(view, one);
    html.tag("ul").class("notes").put(|html| {
        for (words, to) in notes {
            html.tag("li").put(|html| {
                html.text(&words);
                if let Some(ordinal) = to {
                    html.text(" ");
                    link(html, ordinal);
                }
            });
        }
    });
}

/// A participant in words. The reported account's name is in the summary of the page.
pub fn participant(view: &View, who: &Participant) -> String {
    match who {
        Participant::Reported => "the reported account".to_owned(),
        Participant::Number(id) => {
            let names = view.names.iter().flat_map(|names| &names.participants);
            let is_reporter = names.clone().any(|(known, account)| {
                let reporter = view.names.as_ref().map(|names| &names.reporter);
                known == id && reporter == Some(account)
            });
            let note = if is_reporter { ", the reporter" } else { "" };
            format!("participant {id:08x}{note}")
        }
    }
}

fn number(ordinal: u8) -> u8 {
    ordinal.saturating_add(1)
}

fn link(html: &mut Html, ordinal: u8) {
    let number = number(ordinal);
    html.tag("a")
        .href(&Link::message(number))
        .text(&format!("message {number}"));
}

fn reference(html: &mut Html, to: &Reference) {
    match to {
        Reference::InReport(ordinal) => link(html, *ordinal),
        Reference::NotInReport => html.text("a message that is not in the report"),
        Reference::None => html.text("no message"),
    }
}

fn content(html: &mut Html, one: &ViewedMessage) {
    let Some(content) = &one.content else {
        html.tag("p")
            .class("what")
            .text("The reporter withheld what it says.");
        return;
    };
    let what = |html: &mut Html, words: &str, to: Option<&Reference>| {
        html.tag("p").class("what").put(|html| {
            html.text(words);
            if let Some(to) = to {
                html.text(" ");
                reference(html, to);
            }
        });
    };
    match content {
        ViewedContent::Text(text) => said(html, text),
        ViewedContent::Edit { of, text } => {
            what(html, "New text for", Some(of));
            said(html, text);
        }
        ViewedContent::Deletion { of } => what(html, "Takes back", Some(of)),
        ViewedContent::Reaction { to, reaction } if reaction.is_empty() => {
            what(html, "Takes the reaction back to", Some(to));
        }
        ViewedContent::Reaction { to, reaction } => {
            what(html, "Reaction to", Some(to));
            said(html, reaction);
        }
        ViewedContent::Application { kind, body } => {
            html.tag("p").class("what").put(|html| {
                html.text("Content of the application's own kind ");
                html.said(kind);
            });
            bytes(html, body);
        }
        ViewedContent::Unknown { kind: TIMER, body } if body.len() == 4 => {
            let secs = body.iter().fold(0_u64, |secs, byte| {
                secs.checked_shl(8).unwrap_or(0) | u64::from(*byte)
            });
            let words = match secs {
                0 => "Timer: messages no longer disappear".to_owned(),
                secs => format!(
                    "Timer: messages disappear {} after they are read",
                    words::span(secs)
                ),
            };
            what(html, &words, None);
        }
        ViewedContent::Unknown { kind, body } => {
            let words = format!("Content of kind {kind}, which this version cannot show");
            what(html, &words, None);
            bytes(html, body);
        }
    }
}

/// Shows text of a user. What is long is folded.
fn said(html: &mut Html, text: &str) {
    let lines = text.char_indices().filter(|(_, c)| *c == '\n');
    let by_lines = lines
        .map(|(place, _)| place)
        .nth(MAX_LINES.saturating_sub(1));
    let by_chars = text.char_indices().map(|(place, _)| place).nth(MAX_CHARS);
    let end = by_lines.into_iter().chain(by_chars).min();
    html.tag("blockquote").put(|html| match end {
        None => html.said_lines(text),
        Some(end) => {
            html.said_lines(text.get(..end).unwrap_or_default());
            html.tag("details").put(|html| {
                let chars = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
                let all = format!("Show the rest of {}", words::counted(chars, "character"));
                html.tag("summary").text(&all);
                html.said_lines(text.get(end..).unwrap_or_default());
            });
        }
    });
}

fn bytes(html: &mut Html, body: &[u8]) {
    let size = words::size(u64::try_from(body.len()).unwrap_or(u64::MAX));
    html.tag("details").put(|html| {
        html.tag("summary").text(&format!("Its bytes: {size}"));
        let start = body.get(..MAX_HEX).unwrap_or(body);
        html.tag("p")
            .class("hex")
            .put(|html| html.tag("code").text(&hex(start)));
        if start.len() < body.len() {
            html.tag("p")
                .text("More bytes follow, which are not shown.");
        }
    });
}

/// What else is known of a message. Some notes end with a link to another one.
fn notes(view: &View, one: &ViewedMessage) -> Vec<(String, Option<u8>)> {
    let mut notes = Vec::new();
    match &one.reply_to {
        Reference::None => {}
        Reference::InReport(ordinal) => notes.push(("Answers".to_owned(), Some(*ordinal))),
        Reference::NotInReport => {
            notes.push((
                "Answers a message that is not in the report".to_owned(),
                None,
            ));
        }
    }
    notes.push(match &one.last_seen {
        Reference::None => ("Its sender had seen no message of others".to_owned(), None),
        Reference::InReport(ordinal) => ("Last seen by its sender:".to_owned(), Some(*ordinal)),
        Reference::NotInReport => {
            let said = "Last seen by its sender: a message that is not in the report";
            (said.to_owned(), None)
        }
    });
    if let Some(unseen) = unseen(view, one) {
        notes.push((unseen, None));
    }
    notes.extend(changes(view, one));
    if one.forward_count > 0 {
        let times = words::counted(one.forward_count.into(), "time");
        notes.push((format!("Forwarded {times}, as the sender claims"), None));
    }
    if one.expires_after_secs > 0 {
        let span = words::span(one.expires_after_secs.into());
        let said = format!("To disappear {span} after it is read, as the sender claims");
        notes.push((said, None));
    }
    if one.repeated {
        notes.push(("This reporter reported it before".to_owned(), None));
    }
    if !one.tag_names_sender {
        notes.push((
            "An old message: its tag does not name its sender".to_owned(),
            None,
        ));
    }
    for found in &one.contradictions {
        let said = format!("Contradicts the relay's order: {}", contradiction(*found));
        notes.push((said, None));
    }
    let withheld: Vec<_> = one.withheld().map(|part| part.to_string()).collect();
    if !withheld.is_empty() {
        let plural = if withheld.len() == 1 { "" } else { "s" };
        let parts = withheld.join(", ");
        notes.push((
            format!(
                "The reporter withheld part{plural} {parts} of {}",
                one.parts
            ),
            None,
        ));
    }
    notes
}

/// The messages of the view that change this one. Only its sender can edit it or take it back.
fn changes(view: &View, one: &ViewedMessage) -> Vec<(String, Option<u8>)> {
    let this = Reference::InReport(one.ordinal);
    let change = |other: &ViewedMessage| {
        let words = match other.content.as_ref()? {
            ViewedContent::Edit { of, .. } if *of == this => "Edited by",
            ViewedContent::Deletion { of } if *of == this => "Taken back by",
            _ => return None,
        };
        let words = match other.sender == one.sender {
            true => words.to_owned(),
            false => format!(
                "Not by its sender, so it does not count: {}",
                words.to_lowercase()
            ),
        };
        Some((words, Some(other.ordinal)))
    };
    view.messages.iter().filter_map(change).collect()
}

/// The messages of others before this one that its sender had not seen.
fn unseen(view: &View, one: &ViewedMessage) -> Option<String> {
    let first = match one.last_seen {
        Reference::None => 0,
        Reference::InReport(last) => last.saturating_add(1),
        Reference::NotInReport => return None,
    };
    let others = view.messages.iter().filter(|other| {
        (first..one.ordinal).contains(&other.ordinal) && other.sender != one.sender
    });
    let numbers: Vec<_> = others
        .map(|other| number(other.ordinal).to_string())
        .collect();
    let all = numbers.join(", ");
    let plural = if numbers.len() == 1 { "" } else { "s" };
    (!numbers.is_empty()).then(|| format!("Not seen by its sender: message{plural} {all}"))
}

fn contradiction(found: Contradiction) -> &'static str {
    match found {
        Contradiction::SequenceRepeated => "its number was used before",
        Contradiction::SequenceRunsBack => "its number is lower than an earlier one",
        Contradiction::LastSeenLater => "its sender claims to have seen a later message",
        _ => "in a way that this version does not know",
    }
}
