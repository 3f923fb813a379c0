//! Tells in sentences what a receipt shows.

use std::fmt::Write as _;

use waxseal_desk::transparency::{date, date_and_time, reason};
use waxseal_log::entry::{AppealOutcome, Day, Measure, Purpose, Side};
use waxseal_log::promise::PromisedReport;
use waxseal_log::receipt::{Told, ToldAppeal, ToldDecision};

use crate::reference::Standing;
use crate::text::{counted, grouped, printable, printable_lines};

/// Who reads the receipt.
#[derive(Clone, Copy)]
pub enum Reader<'a> {
    Reporter(&'a PromisedReport),
    Account(&'a str),
}

/// What a receipt alone cannot show.
pub const WITHOUT_LOG: &str = "\
Not shown whether the provider left something out: give the published log with --log
";

/// Says how far a receipt was compared with the published log, of which `entries` were read.
pub fn compared(receipt: u64, entries: u64, standing: Standing) -> String {
    match standing {
        Standing::Contained => {
            "Compared  the receipt with the whole log up to its checkpoint\n".to_owned()
        }
        Standing::Archived | Standing::Ahead => format!(
            "Compared  the receipt with the first {} of {} entries of its log. The others are not\n          \
             in the tiles yet: compare it again in seven days\n",
            grouped(entries.min(receipt)),
            grouped(receipt),
        ),
        // The problems say what contradicts.
        Standing::Contradicted => String::new(),
    }
}

/// Says that the published log has more entries than the receipt could show.
pub fn later(entries: u64) -> String {
    match entries {
        0 => String::new(),
        entries => format!(
            "Later     the log has {} about it after the receipt's checkpoint: ask for a newer one\n",
            counted(entries, "more entry", "more entries"),
        ),
    }
}

/// Tells what happened, day by day, then until when to appeal and what is still missing.
pub fn tell(told: &Told, reader: Reader<'_>, now_ms: u64) -> String {
    let mut out = String::from("\n");
    let _ = match reader {
        Reader::Reporter(promise) => writeln!(
            out,
            "This receipt is about the report that the provider {} on {}.",
            match promise.rejected() {
                None => "took in",
                Some(_) => "rejected",
            },
            date_and_time(promise.accepted_at_ms().div_euclid(1_000)),
        ),
        Reader::Account(account) => writeln!(
            out,
            "This receipt is about decisions against the account \"{}\".",
            printable(account)
        ),
    };
    let seen = date_and_time(told.checkpoint.vault_time());
    let size = counted(told.checkpoint.size(), "entry", "entries");
    let _ = writeln!(out, "It shows the log of {seen}, which had {size}.\n");
    for (day, sentences) in story(told, reader) {
        let mut lines = sentences.iter();
        let first = lines.next().map_or("", String::as_str);
        let _ = writeln!(out, "{}  {first}", date(day));
        for line in lines {
            let _ = writeln!(out, "            {line}");
        }
    }
    out.push('\n');
    for sentence in appeal(told, now_ms)
        .into_iter()
        .chain(missing(told, reader))
    {
        let _ = writeln!(out, "{sentence}");
    }
    out.push('\n');
    out
}

/// What happened on a day: a sentence, and lines below it.
type Happened = (Day, Vec<String>);

/// The events by day. Those of one day are in the order in which a case proceeds.
fn story(told: &Told, reader: Reader<'_>) -> Vec<Happened> {
    let one = |day: Day, sentence: String| (day, vec![sentence]);
    let mut story: Vec<Happened> = Vec::new();
    story.extend(
        told.received
            .map(|day| one(day, "The report arrived.".to_owned())),
    );
    story.extend(told.rejected.map(|(day, check)| {
        let sentence = format!("The report was rejected, because check {check} failed.");
        one(day, sentence)
    }));
    story.extend(told.sorted.map(|(day, found)| {
        let sentence = format!(
            "A machine sorted it. Its reason is {}.",
            words(&reason(&found))
        );
        one(day, sentence)
    }));
    story.extend(told.openings.iter().map(|(day, purpose)| {
        let sentence = format!("An officer opened it {}.", purpose_words(*purpose));
        one(*day, sentence)
    }));
    story.extend(
        told.decisions
            .iter()
            .map(|decision| (decision.day, decided(decision))),
    );
    story.extend(told.notices.iter().map(|(day, side)| {
        one(
            *day,
            format!(
                "A notice of the decision was sent to {}.",
                side_words(*side, reader)
            ),
        )
    }));
    story.extend(told.appeals.iter().map(|told| match told {
        ToldAppeal::Filed { day, side, .. } => one(
            *day,
            format!("An appeal by {} arrived.", side_words(*side, reader)),
        ),
        ToldAppeal::Decided {
            day,
            outcome,
            days,
            statement,
        } => {
            let outcome = match outcome {
                AppealOutcome::Upheld => "The decision stands",
                AppealOutcome::Reversed => "The decision was reversed",
            };
            let after = counted((*days).into(), "day", "days");
            let mut lines = vec![format!("The appeal was decided, after {after}. {outcome}.")];
            lines.extend(statement.iter().flat_map(|text| quote("Reasons", text)));
            (*day, lines)
        }
    }));
    story.extend(
        told.erased
            .map(|day| one(day, "The content was erased.".to_owned())),
    );
    // Sorting keeps the order of the events of one day.
    story.sort_by_key(|(day, _)| *day);
    story
}

fn decided(decision: &ToldDecision) -> Vec<String> {
    let found = words(&reason(&decision.reason));
    let measure = match decision.measure {
        Measure::None => "Nothing was done about the account",
        Measure::Warning => "The account was warned",
        Measure::ContentRemoved => "Content was removed",
        Measure::FeatureRestricted => "A feature was restricted for the account",
        Measure::Suspended => "The account was suspended",
        Measure::Terminated => "The account was closed",
        Measure::Referred => "The case was referred to an authority or hotline",
    };
    let mut lines = vec![format!("The case was decided: {found}. {measure}.")];
    let days = counted(decision.days.into(), "day", "days");
    let openings = counted(decision.openings.into(), "time", "times");
    lines.push(format!(
        "It took {days}. Reports of the case were opened {openings} before."
    ));
    match (&decision.rule, &decision.statement) {
        (Some(rule), Some(statement)) => {
            lines.extend(quote("Rule", rule));
            lines.extend(quote("Reasons", statement));
        }
        _ => {
            lines.push("The reasons are not shown, since the content was erased.".to_owned());
            lines.push("So nothing proves that this decision is about you.".to_owned());
        }
    }
    lines
}

/// A text of the provider. Each line is marked, so that it cannot be taken for one of this program.
fn quote(title: &str, text: &str) -> Vec<String> {
    let mut lines = vec![format!("{title}:")];
    lines.extend(
        printable_lines(text)
            .iter()
            .map(|line| format!("  | {line}")),
    );
    lines
}

/// Until when to appeal.
fn appeal(told: &Told, now_ms: u64) -> Vec<String> {
    let until = told.decisions.iter().filter_map(|decision| {
        let until = decision.appeal_until_ms?;
        let day = date(decision.day);
        let when = date_and_time(until.div_euclid(1_000));
        Some(match until > now_ms {
            true => format!("You can appeal against the decision of {day} until {when}."),
            false => format!("The time to appeal against the decision of {day} ended at {when}."),
        })
    });
    until.collect()
}

/// What the receipt does not show, though nothing is wrong with that yet.
fn missing(told: &Told, reader: Reader<'_>) -> Vec<String> {
    let mut missing = Vec::new();
    if let Reader::Reporter(promise) = reader {
        let due = date_and_time(promise.leaf().due_at_ms().div_euclid(1_000));
        if told.received.is_none() && told.rejected.is_none() {
            missing.push(format!(
                "The log does not show the report yet. The provider promised it by {due}."
            ));
        }
        if told.openings.is_empty() {
            missing.push("It shows no opening of the content.".to_owned());
        }
    }
    if told.decisions.is_empty() {
        missing.push("It shows no decision.".to_owned());
    }
    let own = match reader {
        Reader::Reporter(_) => Side::Reporter,
        Reader::Account(_) => Side::Account,
    };
    if !told.decisions.is_empty() && !told.notices.iter().any(|(_, side)| *side == own) {
        missing.push("It does not show that a notice was sent to you.".to_owned());
    }
    let count = |is_filed: bool| {
        let of = |appeal: &&ToldAppeal| matches!(appeal, ToldAppeal::Filed { .. }) == is_filed;
        told.appeals.iter().filter(of).count()
    };
    if count(true) > count(false) {
        missing.push("An appeal is not decided yet.".to_owned());
    }
    missing
}

fn words(name: &str) -> String {
    name.replace('_', " ")
}

fn purpose_words(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::UserReport => "to examine the report",
        Purpose::Appeal => "to examine an appeal",
        Purpose::LegalRequest => "to answer an authority's request",
        Purpose::ChildSafety => "because a child may be in danger",
        Purpose::QualityAudit => "to check the quality of decisions",
        Purpose::Emergency => "in an emergency, alone",
        Purpose::Identify => "to learn the name of the reporter or another participant",
    }
}

fn side_words(side: Side, reader: Reader<'_>) -> &'static str {
    match (side, reader) {
        (Side::Reporter, Reader::Reporter(_)) | (Side::Account, Reader::Account(_)) => "you",
        (Side::Reporter, _) => "the reporter",
        (Side::Account, _) => "the reported account",
    }
}
