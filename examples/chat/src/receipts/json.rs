//! Receipts as JSON for programs.

use serde::Serialize;
use waxseal::PromiseState;
use waxseal::courier::AppealState;
use waxseal::log::receipt::{Told, ToldAppeal, ToldDecision};

use super::story::{day_of, reason};
use super::{Entry, Receipts};
use crate::failure::Outcome;
use crate::text::{hex, printable_json};

/// What the log proves about one report of the user, or about one case against the user.
#[derive(Serialize)]
struct Object<'a> {
    /// `report` or `account`.
    about: &'static str,
    /// The number of the report in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<String>,
    /// Whether the log shows the report, or its refusal: `waiting`, `included` or `overdue`.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    /// The number of the check that refused the report.
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<u8>,
    openings: Vec<Opening>,
    decisions: Vec<Decision<'a>>,
    appeals: Vec<Appeal<'a>>,
    /// What the provider got wrong, in words. Empty if nothing is wrong.
    contradictions: Vec<String>,
    /// Whether a later receipt contradicted this one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_contradicted: bool,
}

#[derive(Serialize)]
struct Opening {
    day: String,
    purpose: &'static str,
}

#[derive(Serialize)]
struct Decision<'a> {
    /// For `appeal`.
    number: usize,
    /// The leaf hash, which names the decision in the log.
    leaf: String,
    day: String,
    reason: &'static str,
    measure: &'static str,
    rule: Option<&'a str>,
    statement: Option<&'a str>,
    appeal_until_ms: Option<u64>,
    openings: u32,
    days: u32,
    /// How far the appeal of this device is: `waiting`, `taken`, `filed`, `refused` or `altered`.
    #[serde(skip_serializing_if = "Option::is_none")]
    appeal: Option<&'static str>,
}

#[derive(Serialize)]
struct Appeal<'a> {
    day: String,
    /// `reporter` or `account`, if it was filed.
    #[serde(skip_serializing_if = "Option::is_none")]
    filed_by: Option<&'static str>,
    /// `upheld` or `reversed`, if it was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statement: Option<&'a str>,
}

/// Prints one object per line.
pub fn print(receipts: &Receipts) -> Outcome<()> {
    for entry in &receipts.entries {
        println!("{}", text(receipts, entry)?);
    }
    Ok(())
}

/// The object of one entry.
pub fn text(receipts: &Receipts, entry: &Entry) -> Outcome<String> {
    let json = serde_json::to_string(&object(receipts, entry))?;
    Ok(printable_json(&json))
}

fn object<'a>(receipts: &Receipts, entry: &'a Entry) -> Object<'a> {
    let told = entry.told.as_ref();
    let promise = entry.promise.as_ref();
    let state = promise.map(|promise| match promise.state() {
        PromiseState::Included => "included",
        PromiseState::Overdue { .. } => "overdue",
        _ => "waiting",
    });
    let openings = told.map_or(&[][..], |told| told.openings.as_slice()).iter();
    let openings = openings.map(|(day, purpose)| Opening {
        day: day_of(*day),
        purpose: purpose.name(),
    });
    let decisions = told
        .map_or(&[][..], |told| told.decisions.as_slice())
        .iter();
    let appeals = told.map_or(&[][..], |told| told.appeals.as_slice()).iter();
    Object {
        about: if promise.is_some() {
            "report"
        } else {
            "account"
        },
        report: promise.map(|promise| hex(promise.number().as_bytes())),
        state,
        check: promise.and_then(|promise| promise.promised().rejected()),
        openings: openings.collect(),
        decisions: decisions
            .map(|one| decision(receipts, entry, one))
            .collect(),
        appeals: appeals.map(appeal).collect(),
        contradictions: told.map_or_else(Vec::new, contradictions),
        is_contradicted: entry.is_contradicted,
    }
}

fn contradictions(told: &Told) -> Vec<String> {
    told.contradictions
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn decision<'a>(receipts: &Receipts, entry: &Entry, told: &'a ToldDecision) -> Decision<'a> {
    let appeal = receipts.appeal(&told.leaf_hash, entry.side());
    Decision {
        number: receipts.number(&told.leaf_hash),
        leaf: hex(told.leaf_hash.as_bytes()),
        day: day_of(told.day),
        reason: reason(told.reason),
        measure: told.measure.name(),
        rule: told.rule.as_deref(),
        statement: told.statement.as_deref(),
        appeal_until_ms: told.appeal_until_ms,
        openings: told.openings,
        days: told.days,
        appeal: appeal.map(|appeal| match appeal.state {
            AppealState::Waiting => "waiting",
            AppealState::Taken => "taken",
            AppealState::Filed => "filed",
            AppealState::Refused => "refused",
            _ => "altered",
        }),
    }
}

fn appeal(told: &ToldAppeal) -> Appeal<'_> {
    match told {
        ToldAppeal::Filed { day, side, .. } => Appeal {
            day: day_of(*day),
            filed_by: Some(side.name()),
            outcome: None,
            statement: None,
        },
        ToldAppeal::Decided {
            day,
            outcome,
            statement,
            ..
        } => Appeal {
            day: day_of(*day),
            filed_by: None,
            outcome: Some(outcome.name()),
            statement: statement.as_deref(),
        },
    }
}
