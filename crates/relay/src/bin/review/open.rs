//! `open`: verifies a report and shows it. Shows nothing of a report that does not verify.

use std::error::Error;
use std::process::ExitCode;

use serde_json::{Value, json};
use waxseal_relay::unseal_acceptance_key;
use waxseal_reporting::Rejection;
use waxseal_reporting::intake::AcceptedReport;
use waxseal_reporting::reviewer::{
    Contradiction, LastSeen, VerifiedMessage, VerifiedPart, VerifiedReport, review,
};

use crate::Reviewer;
use crate::text::{printable, printable_json};

/// Opens a report. Prints the reason and returns failure if the report does not verify.
pub fn open(reviewer: &Reviewer, report_id: &str, json: bool) -> Result<ExitCode, Box<dyn Error>> {
    let Reviewer {
        keys,
        relay,
        relay_key,
        session,
    } = reviewer;
    let sealed = relay.acceptance_key(session, relay_key, &keys.public().reviewer_key)?;
    let acceptance_key = unseal_acceptance_key(&keys.sealing, &sealed)?;
    let bytes = relay.accepted_report(session, report_id)?;
    let accepted = AcceptedReport::decode(&bytes, &acceptance_key)
        .map_err(|_| "the relay's intake did not accept this report")?;

    match review(accepted, &keys.moderation) {
        Ok(verified) if json => println!("{}", printable_json(&as_json(report_id, &verified))?),
        Ok(verified) => show(report_id, &verified),
        Err(rejection) => {
            // A report sealed to another moderation key is not marked as rejected, because that is
            // not the reporter's fault.
            if rejection != Rejection::OtherModerationKey {
                relay.report_rejected(session, report_id, rejection.check())?;
            }
            if json {
                let rejected = rejected_as_json(report_id, rejection);
                println!("{}", printable_json(&rejected)?);
            } else {
                let check = rejection.check();
                println!("report {report_id}\nverified: false\nreason: CHK-{check}, {rejection}");
            }
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn rejected_as_json(report_id: &str, rejection: Rejection) -> Value {
    json!({
        "report_id": report_id,
        "reason": null,
        "verified": false,
        "rejected": { "check": rejection.check(), "message": rejection.to_string() },
        "note": null,
        "messages": [],
    })
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
