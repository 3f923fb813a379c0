//! `open`: has the vault open a report, verifies it and shows it. Shows nothing of a report that
//! does not verify.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};
use waxseal_relay::{OpenRequest, VaultError, ask_vault, parse_report_id};
use waxseal_reporting::Rejection;
use waxseal_reporting::reviewer::{
    Contradiction, LastSeen, VerifiedMessage, VerifiedPart, VerifiedReport, review,
};

use crate::Reviewer;
use crate::json::printable_json;
use crate::text::printable;

/// Opens a report. Prints the reason and returns failure if the report does not verify.
pub fn open(
    reviewer: &Reviewer,
    vault: &Path,
    report_id: &str,
    json: bool,
) -> Result<ExitCode, Box<dyn Error>> {
    let (relay, session) = (&reviewer.relay, &reviewer.session);
    let id = parse_report_id(report_id).ok_or("a report id is 32 hex digits")?;
    // Both are sealed, so they are passed on unread.
    let request = OpenRequest {
        relay_key: reviewer.relay_key,
        acceptance_key: relay.acceptance_key(session)?,
        id,
        accepted: relay.accepted_report(session, report_id)?,
    };
    let reviewed = match ask_vault(vault, &request) {
        Ok(unsealed) => review(unsealed).map_err(|rejection| Rejected {
            check: rejection.check(),
            reason: rejection.to_string(),
        }),
        Err(VaultError::Rejected { check, reason }) => Err(Rejected { check, reason }),
        Err(error) => return Err(error.into()),
    };
    match reviewed {
        Ok(verified) if json => println!("{}", printable_json(&as_json(report_id, &verified))?),
        Ok(verified) => show(report_id, &verified),
        Err(rejected) => {
            // A report sealed to another moderation key is not marked as rejected, because that is
            // not the reporter's fault.
            if rejected.check != Rejection::OtherModerationKey.check() {
                relay.report_rejected(session, report_id, rejected.check)?;
            }
            if json {
                println!("{}", printable_json(&rejected.as_json(report_id))?);
            } else {
                let (check, reason) = (rejected.check, printable(&rejected.reason));
                println!("report {report_id}\nverified: false\nreason: CHK-{check}, {reason}");
            }
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Why a report does not verify: the vault's finding, or the reviewer's own.
struct Rejected {
    check: u8,
    reason: String,
}

impl Rejected {
    fn as_json(&self, report_id: &str) -> Value {
        json!({
            "report_id": report_id,
            "reason": null,
            "verified": false,
            "rejected": { "check": self.check, "message": self.reason },
            "note": null,
            "messages": [],
        })
    }
}

fn as_json(report_id: &str, report: &VerifiedReport) -> Value {
    let messages: Vec<Value> = report.messages().iter().map(message_as_json).collect();
    json!({
        "report_id": report_id,
        "reason": report.reason().name(),
        "verified": true,
        "note": report.note(),
        "reporter": report.reporter().account.as_str(),
        "accepted_at_ms": report.accepted_at().as_millis(),
        "clock_stepped_back": report.clock_stepped_back(),
        "messages": messages,
    })
}

fn message_as_json(message: &VerifiedMessage) -> Value {
    let last_seen = match message.last_seen() {
        LastSeen::InReport(index) => json!(index),
        LastSeen::NotInReport => json!("not_in_report"),
        _ => Value::Null,
    };
    let contradictions: Vec<&str> = contradictions(message).collect();
    json!({
        "from": message.sender().account.as_str(),
        "tag_names_sender": message.tag_names_sender(),
        "text": message.content().and_then(|content| content.as_text()),
        "accepted_at_ms": message.accepted_at().as_millis(),
        "sent_at_ms": message.sent_at().as_millis(),
        "sequence": message.sequence(),
        "redacted_parts": redacted_parts(message),
        "gap_before": message.gap_before(),
        "last_seen": last_seen,
        "contradictions": contradictions,
        "reported_before": message.repeated(),
    })
}

/// The numbers of the parts that the reporter withheld. Part 1 is the content; attachments follow.
fn redacted_parts(message: &VerifiedMessage) -> Vec<usize> {
    let parts = message.parts().iter().enumerate();
    let withheld = parts.filter(|(_, part)| matches!(part, VerifiedPart::Withheld));
    withheld.map(|(index, _)| index).collect()
}

fn contradictions(message: &VerifiedMessage) -> impl Iterator<Item = &'static str> {
    message.contradictions().iter().map(|found| match found {
        Contradiction::SequenceRepeated => "sequence_repeated",
        Contradiction::SequenceRunsBack => "sequence_runs_back",
        Contradiction::LastSeenLater => "last_seen_later",
        _ => "other",
    })
}

fn show(report_id: &str, report: &VerifiedReport) {
    println!("report {report_id}");
    println!("verified: true");
    println!("reason: {}", report.reason());
    println!(
        "reported by: {}",
        printable(report.reporter().account.as_str())
    );
    if !report.note().is_empty() {
        println!("note: {}", printable(report.note()));
    }
    if report.clock_stepped_back() {
        println!("the relay's clock was set back in between: order by number and by what was seen");
    }
    println!("messages, in the order the relay accepted them:");
    for message in report.messages() {
        match message.gap_before() {
            Some(0) | None => {}
            Some(missing) => println!("  ... {missing} message(s) of this sender not shown ..."),
        }
        let text = match message.content() {
            None => "[withheld by the reporter]".to_owned(),
            Some(content) => match content.as_text() {
                Some(text) => printable(text),
                None => format!("{content:?}"),
            },
        };
        println!(
            "  {} ms  #{}  {}: {text}",
            message.accepted_at().as_millis(),
            message.sequence(),
            printable(message.sender().account.as_str()),
        );
        if !message.tag_names_sender() {
            println!("      an old message: the tag does not name its sender");
        }
        let withheld = redacted_parts(message);
        if !withheld.is_empty() {
            println!("      withheld parts: {withheld:?}");
        }
        for contradiction in contradictions(message) {
            println!("      contradicts the relay's order: {contradiction}");
        }
        if message.repeated() {
            println!("      reported before by this account");
        }
    }
}
