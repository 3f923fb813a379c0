//! Codes and numbers in words.

use waxseal_desk::policy::Policy;
use waxseal_desk::transparency::{date, date_and_time};
use waxseal_log::entry::{
    AppealOutcome, Day, Measure, Purpose, ReasonCode, ReviewOutcome, Side, Target,
};
use waxseal_relay::desk::Hex;
use waxseal_reporting::reporter::Reason;

use crate::app::Desk;

/// A time, to the minute.
pub fn time(ms: u64) -> String {
    let text = date_and_time(ms.checked_div(1_000).unwrap_or_default());
    match text.rsplit_once(':') {
        Some((minute, _)) => format!("{minute} UTC"),
        None => text,
    }
}

/// A day of the log.
pub fn day(day: u32) -> String {
    date(Day(day))
}

/// How long ago something was, in short.
pub fn ago(ms: u64, now_ms: u64) -> String {
    let secs = now_ms.saturating_sub(ms).checked_div(1_000).unwrap_or(0);
    span(secs)
}

/// A number of seconds in the largest unit that fits.
pub fn span(secs: u64) -> String {
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
    for (unit, name) in units {
        let count = secs.checked_div(unit).unwrap_or(0);
        if count > 0 {
            return counted(count, name);
        }
    }
    counted(secs, "second")
}

/// `1 report`, `2 reports`.
pub fn counted(count: u64, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{} {what}s", number(count))
    }
}

/// A number with commas.
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && digits.len().saturating_sub(place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A size in bytes.
pub fn size(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    for (unit, name) in units {
        if bytes >= unit {
            let tenths = bytes.saturating_mul(10).checked_div(unit).unwrap_or(0);
            let (whole, rest) = (
                tenths.checked_div(10).unwrap_or(0),
                tenths.checked_rem(10).unwrap_or(0),
            );
            return format!("{whole}.{rest} {name} ({} bytes)", number(bytes));
        }
    }
    counted(bytes, "byte")
}

/// A reason, by its number.
pub fn reason(code: u8) -> &'static str {
    match Reason::from_number(code) {
        Some(Reason::Spam) => "Spam",
        Some(Reason::Scam) => "Scam",
        Some(Reason::Impersonation) => "Impersonation",
        Some(Reason::Harassment) => "Harassment",
        Some(Reason::Threat) => "Threat of violence",
        Some(Reason::Hate) => "Hate",
        Some(Reason::DoxxingStalking) => "Doxxing or stalking",
        Some(Reason::Ncii) => "Intimate images without consent",
        Some(Reason::Sextortion) => "Sextortion",
        Some(Reason::UnwantedSexual) => "Unwanted sexual messages",
        Some(Reason::Csam) => "Sexual abuse of children",
        Some(Reason::Grooming) => "Grooming of a child",
        Some(Reason::Trafficking) => "Trafficking in people",
        Some(Reason::SelfHarm) => "Self-harm",
        Some(Reason::Terrorism) => "Terrorism",
        Some(Reason::Other) => "Something else",
        _ => "A reason that this version does not know",
    }
}

/// All reasons: number and words.
pub fn reasons() -> impl Iterator<Item = (u8, &'static str)> {
    (1..=16)
        .filter(|code| ReasonCode::from_number(*code).is_some())
        .map(|code| (code, reason(code)))
}

/// How grave a reason is.
pub fn severity(severity: u8) -> &'static str {
    match severity {
        4 => "4 – danger to life or to a child",
        3 => "3 – grave",
        2 => "2 – serious",
        _ => "1 – a nuisance",
    }
}

/// A purpose.
pub fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::UserReport => "Examine a user's report",
        Purpose::Appeal => "Examine an appeal",
        Purpose::LegalRequest => "Answer an authority's request",
        Purpose::ChildSafety => "A child is in danger",
        Purpose::QualityAudit => "Check the quality of decisions",
        Purpose::Emergency => "A life is in danger",
        Purpose::Identify => "Learn the names of reporter and participants",
    }
}

/// A purpose, by its number.
pub fn purpose_of(number: u8) -> &'static str {
    Purpose::from_number(number).map_or("An unknown purpose", purpose)
}

/// A measure.
pub fn measure(measure: Measure) -> &'static str {
    match measure {
        Measure::None => "Nothing is done",
        Measure::Warning => "The account is warned",
        Measure::ContentRemoved => "Content is removed",
        Measure::FeatureRestricted => "A feature is restricted for the account",
        Measure::Suspended => "The account is suspended",
        Measure::Terminated => "The account is closed",
        Measure::Referred => "The case is referred to an authority or hotline",
    }
}

/// A measure, by its number.
pub fn measure_of(number: u8) -> &'static str {
    Measure::from_number(number).map_or("An unknown measure", measure)
}

/// A side of a case, by its number.
pub fn side(number: u8) -> &'static str {
    match Side::from_number(number) {
        Some(Side::Reporter) => "The reporter",
        Some(Side::Account) => "The reported account",
        None => "An unknown side",
    }
}

/// The outcome of an appeal, by its number.
pub fn appeal_outcome(number: u8) -> &'static str {
    match AppealOutcome::from_number(number) {
        Some(AppealOutcome::Upheld) => "The decision stands",
        Some(AppealOutcome::Reversed) => "The decision is reversed",
        None => "An unknown outcome",
    }
}

/// The outcome of a review, by its number.
pub fn review_outcome(number: u8) -> &'static str {
    match ReviewOutcome::from_number(number) {
        Some(ReviewOutcome::Justified) => "There was an emergency",
        Some(ReviewOutcome::NotJustified) => "There was no emergency",
        None => "An unknown outcome",
    }
}

/// The target of an export, by its number.
pub fn target(number: u8) -> &'static str {
    match Target::from_number(number) {
        Some(Target::Coop) => "ROOST Coop",
        Some(Target::Osprey) => "ROOST Osprey",
        Some(Target::Ncmec) => "NCMEC CyberTipline",
        Some(Target::Dsa) => "EU DSA transparency database",
        Some(Target::Webhook) => "Signed webhook",
        None => "An unknown target",
    }
}

/// The status of a case or the state of a grant. The desk's own word for it is not shown, since it
/// could imitate a word of this program.
pub fn state(name: &str) -> &'static str {
    match name {
        "open" => "open",
        "waiting" => "waiting",
        "decided" => "decided",
        "closed" => "closed",
        "requested" => "requested",
        "approved" => "approved",
        "denied" => "denied",
        "expired" => "expired",
        _ => "in a state that this version does not know",
    }
}

/// The name of a kind for people: `content_opened` becomes `content opened`.
pub fn plain(name: &str) -> String {
    name.replace('_', " ")
}

/// The start of an identifier.
pub fn short<const N: usize>(id: &Hex<N>) -> String {
    let mut text = id.to_string();
    text.truncate(8);
    text.push('…');
    text
}

/// An officer's name in the policy in force, and the start of the key.
pub fn officer(desk: &Desk, key: &Hex<32>) -> (String, String) {
    let name = desk.officer(key).map(|officer| officer.name.clone());
    (
        name.unwrap_or_else(|| "not in the policy".to_owned()),
        short(key),
    )
}

/// The version and digest of a policy.
pub fn policy_name(policy: &Policy) -> String {
    let digest = Hex(*policy.digest().as_bytes());
    format!("version {}, {digest}", policy.version())
}

/// The messages that bits stand for, counted from 1.
pub fn messages(bits: u32) -> String {
    let numbers: Vec<_> = (0..32_u32)
        .filter(|place| bits.checked_shr(*place).is_some_and(|rest| rest & 1 == 1))
        .map(|place| place.saturating_add(1).to_string())
        .collect();
    if numbers.is_empty() {
        "no messages (the report is about the account)".to_owned()
    } else {
        let plural = if numbers.len() == 1 { "" } else { "s" };
        format!("message{plural} {}", numbers.join(", "))
    }
}
