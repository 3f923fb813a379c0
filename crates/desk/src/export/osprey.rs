//! ROOST Osprey: actions as JSON lines, for rules on events.
//!
//! # What is sent
//! Metadata only: one line for each report of the case (`dm_report_verified`), and one for its
//! decision if there is one (`dm_case_decided`). A line has the reported account, the reason, times
//! and counts; the reporter is a pseudonym.
//!
//! # What never is
//! Anything that someone wrote: messages, notes, rules, statements. Names of reporters and of other
//! participants. The types that make a line have no place for a text.
//!
#![doc = concat!("```json\n", include_str!("examples/osprey.jsonl"), "```\n")]
//!
//! `action_id` is a positive number of at most 63 bits, the same whenever the same thing is sent
//! again. The form has no fields.
//!
//! # Source
//! ROOST Osprey, the Kafka topic `osprey.actions_input`.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use waxseal_log::entry::ReasonCode;
use waxseal_reporting::Timestamp;

use super::fields::Fields;
use super::time::date_time;
use super::{CaseFacts, ExportError, missing, put};
use crate::case::severity;

/// Makes the lines, each with a newline at its end.
///
/// # Errors
/// [`ExportError::Missing`] if the account is not known or there is no report.
pub fn actions(
    facts: &CaseFacts,
    fields: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<Vec<u8>, ExportError> {
    Fields::new(fields, &[])?;
    let account = facts.account.as_ref().ok_or(missing("account"))?.as_str();
    if facts.reports.is_empty() {
        return Err(missing("reports"));
    }
    let mut lines = Vec::new();
    for report in &facts.reports {
        let id = facts.pseudonyms.number("osprey report", &report.id);
        let mut data = json!({
            "account": account,
            "reason": report.reason.name(),
            "reported_at": date_time(report.received_at),
        });
        if let Some(code) = ReasonCode::from_number(report.reason.number()) {
            put(&mut data, "severity", json!(severity(code)));
        }
        if let Some(reporter) = &report.reporter {
            let reporter = facts.pseudonyms.of("reporter", reporter);
            put(&mut data, "reporter", json!(format!("reporter-{reporter}")));
        }
        line(&mut lines, id, "dm_report_verified", &data, now);
    }
    if let Some(decision) = &facts.decision {
        let leaf = &decision.leaf_hash;
        let id = facts.pseudonyms.number("osprey decision", leaf);
        let data = json!({
            "account": account,
            "reason": decision.reason.name(),
            "measure": decision.measure.name(),
            "openings": decision.openings,
            "reports": facts.reports.len(),
            "decided_at": date_time(decision.decided_at),
        });
        line(&mut lines, id, "dm_case_decided", &data, now);
    }
    Ok(lines)
}

// CHK-690: a line has the fields of this form and no text that someone wrote.
fn line(lines: &mut Vec<u8>, id: u64, name: &str, data: &Value, now: Timestamp) {
    let line = json!({
        "send_time": date_time(now),
        "data": { "action_id": id, "action_name": name, "data": data },
    });
    lines.extend_from_slice(line.to_string().as_bytes());
    lines.push(b'\n');
}

#[cfg(test)]
mod tests;
