//! What the edits, deletions and reactions of a report do, in words and as JSON.

use serde_json::{Map, Value, json};
use waxseal_reporting::fold::{Outcome, Uncounted};
use waxseal_reporting::message::Content;
use waxseal_reporting::reviewer::{ForwardCount, VerifiedMessage};

use crate::context::Context;

/// The number under which a message is shown, starting at 1.
pub fn number(place: usize) -> usize {
    place.saturating_add(1)
}

/// What becomes of a message that refers to another one: to come after the name of that one, before
/// what the sender wrote.
pub fn outcome_words(context: &Context<'_>, place: usize) -> String {
    match context.outcome(place) {
        Some(Outcome::Counts { on }) => devices(context, on, place),
        Some(Outcome::MayCount { on }) => {
            let devices = devices(context, on, place);
            format!("{devices}, whose content is withheld, so it may not count")
        }
        Some(Outcome::Superseded { on, by }) => {
            let devices = devices(context, on, place);
            let by = number(by);
            match context.view(on) {
                Some(view) if !view.is_certain => {
                    format!(
                        "{devices}, whose content is withheld, and message {by} may count instead"
                    )
                }
                _ => format!("{devices}, and message {by} counts instead"),
            }
        }
        Some(Outcome::Uncounted { why, .. }) => uncounted_words(why).to_owned(),
        _ => String::new(),
    }
}

/// Nothing for a reaction, which counts from any device.
fn devices(context: &Context<'_>, on: usize, place: usize) -> String {
    let Some((base, message)) = context.message(on).zip(context.message(place)) else {
        return String::new();
    };
    if matches!(message.content(), Some(Content::Reaction { .. })) {
        return String::new();
    }
    let (of, by) = (base.sender().device.0, message.sender().device.0);
    format!(" (of device {of}, by device {by})")
}

fn uncounted_words(why: Uncounted) -> &'static str {
    match why {
        Uncounted::NotHere => "", // the name of the message says so
        Uncounted::OtherAccount => ", which ANOTHER ACCOUNT wrote, so it does not count",
        Uncounted::NotText => ", which is no text, so it does not count",
        Uncounted::NotChangeable => ", which nothing changes, so it does not count",
        _ => ", so it does not count",
    }
}

/// The lines below a message that others change, or may change.
pub fn change_lines(context: &Context<'_>, place: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let Some(view) = context.view(place) else {
        return lines;
    };
    if let Some(last) = view.edits.last() {
        let (count, last) = (view.edits.count(), number(*last));
        lines.push(format!("edited {count} time(s), at last by message {last}"));
    }
    if let Some(deletion) = view.deletion {
        lines.push(format!("deleted by message {}", number(deletion)));
    }
    let reactions = reactions(context, place);
    if !reactions.is_empty() {
        let reactions: Vec<_> = reactions
            .iter()
            .map(|place| number(*place).to_string())
            .collect();
        lines.push(format!("reacted to by message {}", reactions.join(", ")));
    }
    if !view.is_certain {
        let perhaps = |line: String| format!("perhaps {line}");
        lines = lines.into_iter().map(perhaps).collect();
    }
    lines
}

/// The reactions that are not taken back.
fn reactions(context: &Context<'_>, place: usize) -> Vec<usize> {
    let reactions = context.view(place).map(|view| view.reactions.as_slice());
    let reactions = reactions.unwrap_or_default().iter().copied();
    let stands = |place: &usize| {
        let content = context.message(*place).and_then(VerifiedMessage::content);
        !matches!(content, Some(Content::Reaction { reaction, .. }) if reaction.is_empty())
    };
    reactions.filter(stands).collect()
}

/// The line about the forward count, which nobody verified.
pub fn forward_line(message: &VerifiedMessage) -> Option<String> {
    match message.forwards() {
        ForwardCount::Contradicted { claimed, by } => Some(format!(
            "forwarded {claimed} time(s) before, unverified: message {} says the same, came \
             earlier, and does not claim less",
            number(by)
        )),
        forwards if forwards.claimed() > 0 => Some(format!(
            "forwarded {} time(s) before, unverified",
            forwards.claimed()
        )),
        _ => None,
    }
}

/// The fields of a message about what it changes, and what changes it. Places count from 0.
pub fn fields(
    context: &Context<'_>,
    place: usize,
    message: &VerifiedMessage,
) -> Map<String, Value> {
    let (outcome, by, why) = match context.outcome(place) {
        Some(Outcome::Counts { .. }) => ("counts", None, None),
        Some(Outcome::MayCount { .. }) => ("may_count", None, None),
        Some(Outcome::Superseded { by, .. }) => ("superseded", Some(by), None),
        Some(Outcome::Uncounted { why, .. }) => ("does_not_count", None, Some(reason(why))),
        _ => ("shown", None, None),
    };
    let contradicted_by = match message.forwards() {
        ForwardCount::Contradicted { by, .. } => Some(by),
        _ => None,
    };
    let view = context.view(place);
    let edits = view.map(|view| {
        let edits = view.edits.newest().iter();
        edits.map(|(_, edit)| *edit).collect::<Vec<_>>()
    });
    let fields = [
        ("outcome", json!(outcome)),
        ("superseded_by", json!(by)),
        ("does_not_count", json!(why)),
        ("edited_by", json!(edits.unwrap_or_default())),
        (
            "edit_count",
            json!(view.map_or(0, |view| view.edits.count())),
        ),
        ("deleted_by", json!(view.and_then(|view| view.deletion))),
        ("reactions", json!(reactions(context, place))),
        (
            "changes_are_certain",
            json!(view.map(|view| view.is_certain)),
        ),
        ("forward_count_contradicted_by", json!(contradicted_by)),
    ];
    fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn reason(why: Uncounted) -> &'static str {
    match why {
        Uncounted::NotHere => "not_in_report",
        Uncounted::OtherAccount => "other_account",
        Uncounted::NotText => "not_text",
        Uncounted::NotChangeable => "not_changeable",
        _ => "other",
    }
}
