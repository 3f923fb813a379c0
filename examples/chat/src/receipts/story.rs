//! Receipts for people.

use waxseal::courier::{AppealState, ReceiptAbout, ReceiptNews};
use waxseal::log::entry::{AppealOutcome, Day, Measure, ReasonCode, Side};
use waxseal::log::receipt::{Told, ToldAppeal, ToldDecision};
use waxseal::{PromiseState, Reason, Timestamp};

use super::{Entry, Receipts};
use crate::text::{said, utc};

/// Prints all receipts.
pub fn print(receipts: &Receipts) {
    if receipts.entries.is_empty() {
        println!(
            "no receipts: you reported nothing that the provider promised to log, and nothing"
        );
        println!("was decided against you");
    }
    for entry in &receipts.entries {
        for line in lines(receipts, entry) {
            println!("{line}");
        }
    }
}

pub fn lines(receipts: &Receipts, entry: &Entry) -> Vec<String> {
    let mut lines = vec![head(entry)];
    if entry.is_contradicted {
        lines.push("  A LATER RECEIPT CONTRADICTED THIS ONE: suspect the provider".to_owned());
    }
    let Some(told) = &entry.told else {
        lines.push("  no receipt yet".to_owned());
        return lines;
    };
    let found = told.contradictions.iter();
    lines.extend(found.map(|found| format!("  THE PROVIDER CONTRADICTS ITSELF: {found}")));
    match (&entry.promise, told.rejected) {
        (Some(_), Some((day, _))) => {
            lines.push(format!("  the log shows the refusal of {}", day_of(day)));
        }
        (Some(_), None) => lines.push(format!("  {}", opened(told))),
        (None, _) => {}
    }
    for decision in &told.decisions {
        let number = receipts.number(&decision.leaf_hash);
        lines.push(format!("  {number}  {}", decided(decision)));
        let indent = "       ";
        if let (Some(rule), Some(statement)) = (&decision.rule, &decision.statement) {
            lines.push(said("     rule ", rule, indent));
            lines.push(said("     reasons ", statement, indent));
        }
        if let Some(until_ms) = decision.appeal_until_ms {
            let until = utc(Timestamp::from_millis(until_ms));
            lines.push(format!("     appeal until {until}: `appeal {number} TEXT`"));
        }
        if let Some(appeal) = receipts.appeal(&decision.leaf_hash, entry.side()) {
            lines.push(said("     you wrote ", &appeal.text, indent));
            lines.push(format!("     {}", appeal_words(appeal.state)));
        }
    }
    for appeal in &told.appeals {
        lines.extend(appealed(appeal));
    }
    if let Some(day) = told.erased {
        lines.push(format!("  the content was erased on {}", day_of(day)));
    }
    lines
}

/// Says what the receipts are about, and how far the promise is.
fn head(entry: &Entry) -> String {
    let Some(promise) = &entry.promise else {
        return "against you:".to_owned();
    };
    let at = utc(Timestamp::from_millis(promise.promised().accepted_at_ms()));
    let state = match promise.state() {
        PromiseState::Included => "in the log".to_owned(),
        PromiseState::Overdue { since } => {
            format!(
                "NOT IN THE LOG, as promised for {}",
                day_of_ms(since.as_millis())
            )
        }
        PromiseState::Waiting { until } => {
            format!(
                "promised for the log until {}",
                day_of_ms(until.as_millis())
            )
        }
        _ => "promised".to_owned(),
    };
    let refused = promise.promised().rejected().map(refusal);
    let refused = refused.map_or_else(String::new, |refusal| format!("{refusal}; "));
    format!("your report of {at}: {refused}{state}")
}

/// Why the provider refused a report.
fn refusal(check: u8) -> String {
    let why = match check {
        68..=70 => "nobody can verify a message of that time",
        71 => "this provider did not deliver the message",
        80 => "it was reported before",
        _ => "it does not verify",
    };
    format!("refused, because {why} (check {check})")
}

fn opened(told: &Told) -> String {
    match told.openings.as_slice() {
        [] => "not opened, as far as the receipt shows".to_owned(),
        openings => {
            let each = openings.iter();
            let each = each.map(|(day, of)| format!("{} for {}", day_of(*day), of.name()));
            let each: Vec<_> = each.collect();
            format!("opened {}: {}", times(openings.len()), each.join(", "))
        }
    }
}

fn decided(decision: &ToldDecision) -> String {
    let measure = match decision.measure {
        Measure::None => "nothing was done about the account",
        Measure::Warning => "the account was warned",
        Measure::ContentRemoved => "content was removed",
        Measure::FeatureRestricted => "a feature was restricted for the account",
        Measure::Suspended => "the account was suspended",
        Measure::Terminated => "the account was closed",
        Measure::Referred => "the case was referred to an authority or hotline",
    };
    let openings = usize::try_from(decision.openings).unwrap_or(usize::MAX);
    format!(
        "decided on {}: {}, {measure}. Reports of the case were opened {} before",
        day_of(decision.day),
        reason(decision.reason),
        times(openings),
    )
}

fn appealed(appeal: &ToldAppeal) -> Vec<String> {
    match appeal {
        ToldAppeal::Filed { day, side, .. } => {
            let by = match side {
                Side::Reporter => "a reporter",
                Side::Account => "the account",
            };
            vec![format!("  {}: an appeal by {by} arrived", day_of(*day))]
        }
        ToldAppeal::Decided {
            day,
            outcome,
            statement,
            ..
        } => {
            let outcome = match outcome {
                AppealOutcome::Upheld => "the decision stands",
                AppealOutcome::Reversed => "the decision was reversed",
            };
            let words = format!("  {}: the appeal was decided, {outcome}", day_of(*day));
            let reasons = statement.as_ref();
            let reasons = reasons.map(|text| said("     reasons ", text, "       "));
            std::iter::once(words).chain(reasons).collect()
        }
    }
}

/// What a receipt shows that is new, in few words.
pub fn news(news: &ReceiptNews) -> Vec<String> {
    let about = match news.about {
        ReceiptAbout::Report { .. } => "about your report",
        _ => "about you",
    };
    let told = &news.told;
    if let Some((_, check)) = told.rejected {
        return vec![format!("the log shows {about}: {}", refusal(check))];
    }
    let mut lines = Vec::new();
    if !told.openings.is_empty() {
        lines.push(format!("the log shows {about}: {}", opened(told)));
    }
    for decision in &told.decisions {
        lines.push(format!("the log shows {about}: {}", decided(decision)));
    }
    match lines.is_empty() {
        true => vec![format!("the log shows news {about}: see `receipts`")],
        false => {
            lines.push("`receipts` shows the reasons, and until when to appeal".to_owned());
            lines
        }
    }
}

/// How far an appeal is.
pub fn appeal_words(state: AppealState) -> &'static str {
    match state {
        AppealState::Waiting => "your appeal waits until the provider can take it",
        AppealState::Taken => "the provider took your appeal",
        AppealState::Filed => "your appeal is in the log",
        AppealState::Refused => {
            "the provider does not take your appeal: it is too late, or this side appealed already"
        }
        AppealState::Altered => {
            "YOUR APPEAL WAS CHANGED ON ITS WAY: the log has another text. Suspect the provider"
        }
        _ => "your appeal is further than this version knows",
    }
}

pub fn reason(code: ReasonCode) -> &'static str {
    Reason::from_number(code.number()).map_or("another reason", Reason::name)
}

fn times(count: usize) -> String {
    match count {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        count => format!("{count} times"),
    }
}

pub fn day_of(day: Day) -> String {
    day_of_ms(day.start_ms())
}

/// The day of a time, as `2026-11-22`.
pub fn day_of_ms(ms: u64) -> String {
    let time = utc(Timestamp::from_millis(ms));
    time.split(' ').next().unwrap_or_default().to_owned()
}
