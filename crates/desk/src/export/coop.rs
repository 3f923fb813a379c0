//! ROOST Coop: reports and appeals for its review queues, and what Coop says later.
//!
//! # What is sent
//! A **report** (`POST /api/v1/report`) has the reported account, the reason, and the time. If the
//! officer adds what was shown, it has the messages too: text, time, and who sent each, as the
//! reported account or a pseudonym. The reporter is a pseudonym, and what the reporter wrote stays
//! behind unless the officer lets it go along.
//!
//! An **appeal** (`POST /api/v1/report/appeal`) has the account, what it wrote, and the actions
//! that were taken. Only the reported account's own appeal can be sent: who of the reporters
//! appealed is not known to the desk.
//!
//! # What never is
//! Names of reporters and of other participants, conversations, devices, keys of files, and files.
//! Coop loads media from addresses without credentials, so no message has any.
//!
//! # Item types
//! The provider defines three item types in Coop, and puts their identifiers into
//! [`CoopSettings`]:
//!
//! | type | kind | field | type of the field, with its role |
//! |---|---|---|---|
//! | user | USER | `name` | STRING (`displayName`) |
//! | conversation | THREAD | `name` | STRING (`displayName`) |
//! | message | CONTENT | `kind`, `text` | STRING |
//! | | | `sender` | RELATED_ITEM (`creatorId`) |
//! | | | `conversation` | RELATED_ITEM (`threadId`) |
//! | | | `sent_at` | DATETIME (`createdAt`) |
//! | | | `verified` | BOOLEAN |
//! | | | `stamp_epoch`, `attachments` | NUMBER |
//!
//! `sent_at` is when the relay accepted the message. `verified` is always true: the vault checked
//! the stamp of each message. `kind` is `text`, `edit`, `deletion`, `reaction`, `application`,
//! `unknown`, or `withheld` if the reporter did not show the text.
//!
//! # Fields
//!
//! | field | of | value |
//! |---|---|---|
//! | `report` | report | identifier of the report, if the case has several |
//! | `minor` | report | `yes` if a minor is affected: Coop's child safety queue gets it |
//! | `note` | report | `yes` if the reporter's words go along: they can tell who reported |
//! | `appeal` | appeal | leaf hash of the appeal |
//!
//! # Example of a report
#![doc = concat!("```json\n", include_str!("examples/coop_report.json"), "```\n")]
//!
//! # Example of an appeal
#![doc = concat!("```json\n", include_str!("examples/coop_appeal.json"), "```\n")]
//!
//! # Source
//! ROOST Coop, `server/routes/reporting/ReportingRoutes.ts` and `submitReport.ts` (items of a
//! thread are CONTENT), and “Handling Actions”.

mod callback;
mod item;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use waxseal_log::entry::Measure;
use waxseal_reporting::reporter::Reason;
use waxseal_reporting::{AccountId, Timestamp};

use super::fields::Fields;
use super::time::date_time;
use super::{CaseFacts, ExportError, ReportFacts, invalid, missing, put};

pub(super) use callback::unhex;
pub use callback::{Callback, CallbackError, MAX_CALLBACK_LEN, NamedItem};
pub(super) use item::content;

/// What the provider defined in Coop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CoopSettings {
    /// The item type of users.
    pub user_type: String,
    /// The item type of conversations.
    pub conversation_type: String,
    /// The item type of messages.
    pub message_type: String,
    /// Coop's policy for a reason, by the name of the reason.
    pub policies: BTreeMap<String, String>,
    /// Coop's action for a measure, by the name of the measure.
    pub actions: BTreeMap<String, String>,
}

/// Makes the body of `POST /api/v1/report`.
///
/// # Errors
/// [`ExportError`].
pub fn report(
    facts: &CaseFacts,
    settings: &CoopSettings,
    fields: &BTreeMap<String, String>,
) -> Result<Vec<u8>, ExportError> {
    let fields = Fields::new(fields, &["report", "minor", "note"])?;
    check_types(settings)?;
    let account = facts.account.as_ref().ok_or(missing("account"))?;
    let report = the_report(facts, &fields)?;
    let reporter = report.reporter.ok_or(missing("reporter"))?;
    let (messages, reported) = item::messages(facts, report, account, settings);
    // The last message of the reported account is the reported item, or else the account.
    let last = reported.last().and_then(|last| messages.get(*last));
    let item = last.cloned().unwrap_or_else(|| user(account, settings));
    let mut body = json!({
        "reporter": {
            "kind": "user",
            "typeId": settings.user_type,
            "id": format!("reporter-{}", facts.pseudonyms.of("reporter", &reporter)),
        },
        "reportedAt": date_time(report.received_at),
        "reportedItem": item,
        "reportedForReason": for_reason(report, settings, &fields)?,
    });
    if last.is_some() {
        let identifier = |at: &usize| {
            let item = messages.get(*at)?;
            Some(json!({ "id": item.get("id"), "typeId": item.get("typeId") }))
        };
        put(
            &mut body,
            "reportedItemsInThread",
            reported.iter().filter_map(identifier).collect(),
        );
    }
    // Coop takes items of the kind CONTENT only here. Messages are; the account is their `sender`.
    if !messages.is_empty() {
        put(&mut body, "reportedItemThread", Value::Array(messages));
    }
    Ok(body.to_string().into_bytes())
}

/// Makes the body of `POST /api/v1/report/appeal`.
///
/// # Errors
/// [`ExportError`].
pub fn appeal(
    facts: &CaseFacts,
    settings: &CoopSettings,
    fields: &BTreeMap<String, String>,
) -> Result<Vec<u8>, ExportError> {
    let fields = Fields::new(fields, &["appeal"])?;
    check_types(settings)?;
    let named = fields.required("appeal", 64)?;
    let is_named = |leaf: &[u8; 32]| hex(leaf) == named;
    let mut appeals = facts.appeals.iter();
    let appeal = appeals.find(|appeal| is_named(&appeal.leaf_hash));
    let appeal = appeal.ok_or(invalid("appeal"))?;
    if !appeal.by_account {
        return Err(missing("appealedBy"));
    }
    let account = facts.account.as_ref().ok_or(missing("account"))?;
    let decision = facts.decision.as_ref().ok_or(missing("decision"))?;
    if decision.leaf_hash != appeal.decision {
        return Err(missing("decision"));
    }
    let action = match decision.measure {
        Measure::None => None,
        measure => {
            let action = settings.actions.get(measure.name());
            Some(action.ok_or(missing("actionsTaken"))?)
        }
    };
    let mut body = json!({
        "appealId": hex(&appeal.leaf_hash),
        "appealedBy": { "typeId": settings.user_type, "id": account.as_str() },
        "appealedAt": date_time(appeal.filed_at),
        "actionedItem": user(account, settings),
        "actionsTaken": action.into_iter().collect::<Vec<_>>(),
    });
    if let Some(text) = &appeal.text {
        put(&mut body, "appealReason", json!(text));
    }
    if let Some(policy) = settings.policies.get(decision.reason.name()) {
        put(&mut body, "violatingPolicies", json!([{ "id": policy }]));
    }
    Ok(body.to_string().into_bytes())
}

fn check_types(settings: &CoopSettings) -> Result<(), ExportError> {
    // CHK-685: the item types are there.
    let types = [
        (&settings.user_type, "user type"),
        (&settings.conversation_type, "conversation type"),
        (&settings.message_type, "message type"),
    ];
    match types.into_iter().find(|(id, _)| id.is_empty()) {
        Some((_, field)) => Err(missing(field)),
        None => Ok(()),
    }
}

/// The report that the officer names, or the only one.
fn the_report<'a>(
    facts: &'a CaseFacts,
    fields: &Fields<'_>,
) -> Result<&'a ReportFacts, ExportError> {
    let Some(named) = fields.text("report", 32)? else {
        return match facts.reports.as_slice() {
            [only] => Ok(only),
            _ => Err(missing("report")),
        };
    };
    let mut reports = facts.reports.iter();
    let report = reports.find(|report| hex(&report.id) == named);
    report.ok_or(invalid("report"))
}

fn for_reason(
    report: &ReportFacts,
    settings: &CoopSettings,
    fields: &Fields<'_>,
) -> Result<Value, ExportError> {
    let (name, minor) = (report.reason.name(), fields.flag("minor")?);
    let note = report.view.as_ref().map(|view| view.note.as_str());
    let with_note = fields.flag("note")?;
    let text = match note.filter(|note| with_note && !note.is_empty()) {
        Some(note) => format!("{name}: {note}"),
        None => name.to_owned(),
    };
    let mut reason = json!({ "reason": text });
    if let Some(policy) = settings.policies.get(name) {
        put(&mut reason, "policyId", json!(policy));
    }
    let is_about_children = match report.reason {
        Reason::Csam | Reason::Grooming => true,
        Reason::Sextortion | Reason::UnwantedSexual | Reason::Trafficking => minor,
        _ if minor => return Err(invalid("minor")),
        _ => false,
    };
    if is_about_children {
        put(&mut reason, "csam", json!(true));
    }
    Ok(reason)
}

fn user(account: &AccountId, settings: &CoopSettings) -> Value {
    json!({
        "id": account.as_str(),
        "typeId": settings.user_type,
        "data": { "name": account.as_str() },
    })
}

/// The epoch of the relay's stamp: the day on which it accepted the message.
fn stamp_epoch(accepted_at: Timestamp) -> u64 {
    accepted_at.as_millis() / waxseal_reporting::relay::EPOCH_MS
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
