//! `transparency`.

use serde_json::Value;
use waxseal_desk::transparency::{csv, day, rows};
use waxseal_log::counts::Counts;
use waxseal_log::entry::PolicyKey;

use super::run;
use super::world::World;

const RANGE: [&str; 6] = [
    "transparency",
    "--from",
    "2024-10-05",
    "--to",
    "2024-10-07",
    ".",
];

/// What the provider counts from its own entries.
fn counted(world: &World) -> Counts {
    let mut counts = Counts::new(day("2024-10-05").unwrap(), day("2024-10-07").unwrap());
    let entries = world.entries.iter();
    entries.for_each(|(entry, _)| counts.add(entry));
    counts
}

#[test]
fn csv_from_the_tiles_equals_the_providers_own() {
    let world = World::new();
    let ran = run(world.publish().root(), &[&RANGE[..], &["--csv"]].concat()).good();
    assert_eq!(ran.out, csv(&counted(&world), 362));
    // Both days are included: each has 50 reports.
    let days = "2024-10-05,2024-10-07,362,reports_received,,,,,,,,,,,,150\r\n";
    assert!(ran.out.contains(days), "{}", ran.out);
    let decided = "decisions,,harassment,suspended,,,,,,,,,1\r\n";
    assert!(ran.out.contains(decided), "{}", ran.out);
}

#[test]
fn json_from_the_tiles_equals_the_providers_own() {
    let world = World::new();
    let ran = run(world.publish().root(), &[&RANGE[..], &["--json"]].concat()).good();
    let json: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(json["log"], "desk.example/log");
    assert_eq!(json["keys_pinned"], false);
    assert_eq!(json["checkpoint"]["size"], 362);
    assert_eq!(json["incomplete"], Value::Null);
    assert_eq!(json["problems"], Value::Array(Vec::new()));
    let found = json["rows"].as_array().unwrap();
    let expected = rows(&counted(&world));
    assert_eq!(found.len(), expected.len());
    for (found, row) in found.iter().zip(&expected) {
        assert_eq!(found["number"], row.number);
        assert_eq!(found["value"], row.value);
        for (dimension, value) in &row.by {
            assert_eq!(found[dimension], *value);
        }
    }
}

#[test]
fn the_table_says_over_which_checkpoint() {
    run(World::new().publish().root(), &RANGE)
        .good()
        .says("up to the checkpoint over 362")
        .says("Numbers   from 2024-10-05 to 2024-10-07, both included")
        .says("reports received                                          150\n")
        .says("  user report                                               2\n")
        .does_not_say("later entries are not counted");
}

#[test]
fn a_range_that_the_checkpoint_does_not_cover_is_said() {
    let arguments = [
        "transparency",
        "--from",
        "2024-10-01",
        "--to",
        "2024-10-10",
        ".",
    ];
    run(World::new().publish().root(), &arguments)
        .good()
        .says("the checkpoint is of 2024-10-10 12:00:00 UTC: later entries are not counted");
}

#[test]
fn a_range_whose_arrivals_may_still_be_logged_is_said() {
    // An arrival of a day may be logged two days later. The checkpoint is of noon, 2024-10-10.
    let world = World::new();
    let until = |to| ["transparency", "--from", "2024-10-05", "--to", to, "."];
    let words = "later entries are not counted";
    run(world.publish().root(), &until("2024-10-07"))
        .good()
        .does_not_say(words);
    run(world.publish().root(), &until("2024-10-08"))
        .good()
        .says(words);
}

#[test]
fn a_damaged_log_has_no_numbers() {
    let published = World::new().publish();
    published.change("tile/entries/001.p/106", |bytes| {
        *bytes.last_mut().unwrap() ^= 1
    });
    let words = "the entries are not those that the checkpoint over 362 entries";
    let ran = run(published.root(), &[&RANGE[..], &["--csv"]].concat()).wrong(158, words);
    assert_eq!(ran.out, "");
    let ran = run(published.root(), &[&RANGE[..], &["--json"]].concat()).wrong(158, words);
    let json: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(json["rows"], Value::Null);
    let checks = json["problems"].as_array().unwrap().iter();
    assert!(
        checks
            .map(|problem| &problem["check"])
            .any(|check| *check == 158)
    );
    run(published.root(), &RANGE)
        .wrong(158, words)
        .says("Numbers   none: no checkpoint proves them");
}

#[test]
fn a_broken_rule_is_said_next_to_the_numbers() {
    let world = World::with(PolicyKey::from_seed(&[0x44; 32]), [1, 1], "Reasons.");
    let arguments = [&RANGE[..], &["--csv"]].concat();
    let ran = run(world.publish().root(), &arguments).wrong(159, "the mark of an earlier opening");
    assert_eq!(ran.out, csv(&counted(&world), 362));
}
