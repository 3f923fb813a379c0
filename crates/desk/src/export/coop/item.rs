//! Messages as items of Coop.

use serde_json::{Value, json};
use waxseal_reporting::AccountId;

use super::{CoopSettings, hex, stamp_epoch};
use crate::export::time::date_time;
use crate::export::{CaseFacts, ReportFacts, put};
use crate::vault::{Participant, ViewedContent, ViewedMessage};

/// The messages of a report that go along, in order, and the places of those that the reported
/// account sent.
pub(super) fn messages(
    facts: &CaseFacts,
    report: &ReportFacts,
    account: &AccountId,
    settings: &CoopSettings,
) -> (Vec<Value>, Vec<usize>) {
    let messages = report.view.iter().flat_map(|view| &view.messages);
    let (mut items, mut reported) = (Vec::new(), Vec::new());
    for (at, message) in messages.enumerate() {
        items.push(item(facts, report, account, settings, message));
        if message.sender == Participant::Reported {
            reported.push(at);
        }
    }
    (items, reported)
}

fn item(
    facts: &CaseFacts,
    report: &ReportFacts,
    account: &AccountId,
    settings: &CoopSettings,
    message: &ViewedMessage,
) -> Value {
    let sender = match message.sender {
        Participant::Reported => account.as_str().to_owned(),
        Participant::Number(number) => {
            let name = facts.pseudonyms.of("participant", &number.to_be_bytes());
            format!("participant-{name}")
        }
    };
    let conversation = facts.pseudonyms.of("conversation", &report.id);
    let conversation = format!("conversation-{conversation}");
    let (kind, text) = content(message);
    let mut data = json!({
        "kind": kind,
        "sender": { "id": sender, "typeId": settings.user_type },
        "conversation": { "id": conversation, "typeId": settings.conversation_type },
        "sent_at": date_time(message.accepted_at),
        "verified": true,
        "stamp_epoch": stamp_epoch(message.accepted_at),
        "attachments": message.attachments.len(),
    });
    if let Some(text) = text {
        put(&mut data, "text", json!(text));
    }
    json!({
        "id": format!("{}-{}", hex(&report.id), message.ordinal),
        "typeId": settings.message_type,
        "data": data,
    })
}

/// The kind of the content, and its text if it has one.
pub(in crate::export) fn content(message: &ViewedMessage) -> (&'static str, Option<&str>) {
    match &message.content {
        None => ("withheld", None),
        Some(ViewedContent::Text(text)) => ("text", Some(text)),
        Some(ViewedContent::Edit { text, .. }) => ("edit", Some(text)),
        Some(ViewedContent::Deletion { .. }) => ("deletion", None),
        Some(ViewedContent::Reaction { reaction, .. }) => ("reaction", Some(reaction)),
        Some(ViewedContent::Application { .. }) => ("application", None),
        Some(ViewedContent::Unknown { .. }) => ("unknown", None),
    }
}
