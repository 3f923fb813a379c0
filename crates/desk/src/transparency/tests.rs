use waxseal_log::entry::{
    AppealOutcome, Digest, Entry, Event, KeyKind, LegalBasis, LegalOutcome, Mark, Measure, Number,
    Purpose, ReasonCode, Side, Target,
};

use super::*;

/// A day of the range.
fn in_range() -> u32 {
    day("2026-02-14").unwrap().0
}

fn reason_code(number: u8) -> ReasonCode {
    ReasonCode::from_number(number).unwrap()
}

fn decision(reason: u8, measure: Measure, days: u32) -> Event {
    Event::Decision {
        reason: reason_code(reason),
        measure,
        openings: 1,
        days,
    }
}

/// What the entries with these numbers and events count to, all on one day.
fn counted(events: &[(u8, Event)]) -> Counts {
    let mut counts = Counts::new(day("2026-01-01").unwrap(), day("2026-03-31").unwrap());
    for (number, event) in events {
        counts.add(&Entry {
            day: waxseal_log::entry::Day(in_range()),
            number: Number::from_bytes([*number; 16]),
            event: *event,
            digest: Digest::from_bytes([0; 32]),
        });
    }
    counts
}

fn opened(mark: u8, purpose: Purpose) -> Event {
    let mark = Mark::from_bytes([mark; 16]);
    Event::ContentOpened { purpose, mark }
}

/// The value of the row with exactly these dimensions.
fn value(counts: &Counts, number: &str, by: &[(&str, &str)]) -> Option<u64> {
    let is_it = |row: &&Row| {
        let found = row.by.iter().map(|(name, value)| (*name, value.as_str()));
        row.number == number && found.eq(by.iter().copied())
    };
    let rows = rows(counts);
    let mut found = rows.iter().filter(is_it);
    let value = found.next().map(|row| row.value);
    assert!(found.next().is_none(), "{number} {by:?} occurs twice");
    value
}

fn a_year() -> Counts {
    counted(&[
        (1, Event::ReportReceived),
        (2, Event::ReportReceived),
        (3, Event::ReportReceived),
        (4, Event::ReportRejected { check: 71 }),
        (
            1,
            Event::ReportSorted {
                reason: reason_code(4),
            },
        ),
        (
            2,
            Event::ReportSorted {
                reason: reason_code(4),
            },
        ),
        (1, opened(1, Purpose::UserReport)),
        (1, opened(2, Purpose::Appeal)),
        (2, opened(3, Purpose::UserReport)),
        (11, decision(4, Measure::Suspended, 3)),
        (12, decision(4, Measure::None, 9)),
        (13, decision(1, Measure::Suspended, 1)),
        (
            11,
            Event::AppealFiled {
                side: Side::Account,
            },
        ),
        (
            11,
            Event::AppealDecided {
                outcome: AppealOutcome::Reversed,
                days: 2,
            },
        ),
        (
            20,
            Event::Exported {
                target: Target::Dsa,
            },
        ),
        (
            21,
            Event::LegalRequestReceived {
                basis: LegalBasis::Warrant,
            },
        ),
        (
            21,
            Event::LegalRequestAnswered {
                outcome: LegalOutcome::Partly,
                items: 5,
            },
        ),
        (
            22,
            Event::KeyEpochDestroyed {
                key: KeyKind::Moderation,
            },
        ),
    ])
}

/// A number, its dimensions with their values, and how many.
type Expected = (&'static str, &'static [(&'static str, &'static str)], u64);

#[test]
fn rows_have_the_totals_and_the_parts() {
    let counts = a_year();
    let expected: &[Expected] = &[
        ("entries", &[], 18),
        ("reports_received", &[], 3),
        ("reports_rejected", &[], 1),
        ("reports_rejected", &[("check", "71")], 1),
        ("reports_sorted", &[("reason", "harassment")], 2),
        ("openings", &[], 3),
        ("openings", &[("purpose", "user_report")], 2),
        ("openings_per_report", &[], 3),
        ("openings_per_report", &[("openings", "0")], 1),
        ("openings_per_report", &[("openings", "2")], 1),
        ("decisions", &[], 3),
        ("decisions", &[("reason", "harassment")], 2),
        ("decisions", &[("measure", "suspended")], 2),
        (
            "decisions",
            &[("reason", "harassment"), ("measure", "none")],
            1,
        ),
        ("days_to_decision", &[("statistic", "median")], 3),
        ("days_to_decision", &[("statistic", "maximum")], 9),
        ("days_to_decision", &[("statistic", "sum")], 13),
        ("appeals_filed", &[("side", "account")], 1),
        ("appeals_decided", &[("outcome", "reversed")], 1),
        ("exports", &[("target", "dsa")], 1),
        ("legal_requests", &[("basis", "warrant")], 1),
        ("legal_answers", &[("outcome", "partly")], 1),
        ("legal_items", &[], 5),
        ("keys_destroyed", &[("key", "moderation")], 1),
        ("contents_erased", &[], 0),
        ("files_fetched", &[], 0),
    ];
    for (number, by, expected) in expected {
        assert_eq!(
            value(&counts, number, by),
            Some(*expected),
            "{number} {by:?}"
        );
    }
    let parts = |dimension: &str| {
        let is_part = |row: &&Row| {
            row.number == "decisions" && matches!(&row.by[..], [(name, _)] if *name == dimension)
        };
        rows(&counts)
            .iter()
            .filter(is_part)
            .map(|row| row.value)
            .sum::<u64>()
    };
    assert_eq!((parts("reason"), parts("measure")), (3, 3));
}

#[test]
fn every_dimension_of_a_row_has_a_column() {
    for row in rows(&a_year()) {
        for (dimension, _) in row.by {
            assert!(DIMENSIONS.contains(&dimension), "{dimension}");
        }
    }
}

#[test]
fn csv_has_a_column_for_each_dimension() {
    let csv = csv(&a_year(), 18);
    let lines: Vec<Vec<&str>> = csv
        .strip_suffix("\r\n")
        .unwrap()
        .split("\r\n")
        .map(|line| line.split(',').collect())
        .collect();
    assert_eq!(lines[0][..5], ["from", "to", "log_size", "number", "check"]);
    assert!(lines.iter().all(|line| line.len() == lines[0].len()));
    let decided = "2026-01-01,2026-03-31,18,decisions,,harassment,suspended,,,,,,,,,1";
    assert!(csv.split("\r\n").any(|line| line == decided), "{csv}");
}

#[test]
fn csv_quotes_a_field_with_a_comma_a_quote_or_a_line() {
    let fields = ["plain", "a,b", "say \"no\"", "two\r\nlines"];
    let expected = "plain,\"a,b\",\"say \"\"no\"\"\",\"two\r\nlines\"\r\n";
    assert_eq!(record(&fields), expected);
}

#[test]
fn every_day_has_the_date_of_the_calendar() {
    // A calendar by its definition: each month has its days, and February 29 in a leap year.
    let mut found = 0u32;
    for year in 1970..2420u32 {
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let february = if is_leap { 29 } else { 28 };
        let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        for (month, days) in (1..).zip(months) {
            for number in 1..=days {
                let text = format!("{year}-{month:02}-{number:02}");
                assert_eq!(date(waxseal_log::entry::Day(found)), text);
                assert_eq!(day(&text), Some(waxseal_log::entry::Day(found)));
                found += 1;
            }
        }
    }
    assert_eq!(date_and_time(1_700_000_000), "2023-11-14 22:13:20 UTC");
}

#[test]
fn what_is_no_date_is_refused() {
    let wrong = [
        "",
        "2026-1-01",
        "2026-02-29",
        "2026-13-01",
        "2026-00-10",
        "2026-04-31",
        "2026-04-00",
        "1969-12-31",
        "2026/01/01",
        "2026-01-01 ",
        "+026-01-01",
        "２026-01-0",
    ];
    for text in wrong {
        assert_eq!(day(text), None, "{text}");
    }
}

#[test]
fn the_last_day_that_an_entry_can_have_has_a_date() {
    assert_eq!(date(waxseal_log::entry::Day(u32::MAX)), "11761191-01-20");
    assert!(date_and_time(u64::MAX).starts_with("11761191-01-20"));
}
