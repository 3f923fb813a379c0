//! The command line against the hostile desk.

use std::process::Command;
use std::sync::atomic::Ordering;

use waxseal_desk::policy::Policy;

use crate::evil_desk::{ASKED, CASE, GRANT, REPORT};
use crate::visit::Visit;

/// Runs a step. Returns whether it worked, and what it printed.
fn run(visit: &Visit, step: &[&str]) -> (bool, String) {
    let ended = Command::new(env!("CARGO_BIN_EXE_officer"))
        .arg("--key")
        .arg(&visit.key)
        .args(["--desk", &visit.desk.url])
        .args(step)
        .output()
        .unwrap();
    let printed = [ended.stdout, ended.stderr].concat();
    (ended.status.success(), String::from_utf8(printed).unwrap())
}

fn open(visit: &Visit) -> (bool, String) {
    let ids = [CASE, GRANT, REPORT].map(|id| id.to_string());
    run(visit, &["open", &ids[0], &ids[1], &ids[2], "--yes"])
}

#[test]
fn the_command_line_shows_only_messages_that_the_grant_names() {
    let visit = Visit::new();
    let evil = &visit.desk.world;
    evil.granted.store(7, Ordering::SeqCst);
    let (is_done, printed) = open(&visit);
    let said = "messages that the grant does not name";
    assert!(!is_done && printed.contains(said), "{printed}");
    assert!(!printed.contains("reported account"), "{printed}");
    // What it opens, it shows.
    evil.granted.store(0x3fff_ffff, Ordering::SeqCst);
    let (is_done, printed) = open(&visit);
    assert!(is_done && printed.contains("\n30. "), "{printed}");
    assert_eq!(evil.acts.lock().unwrap().len(), 2);
}

#[test]
fn the_command_line_signs_nothing_under_another_policy_or_a_grant_of_others() {
    let visit = Visit::new();
    let evil = &visit.desk.world;
    let ids = [CASE, ASKED, REPORT].map(|id| id.to_string());
    let (is_done, printed) = run(&visit, &["open", &ids[0], &ids[1], &ids[2], "--yes"]);
    assert!(!is_done, "{printed}");
    let mut terms = evil.policy.terms().clone();
    terms.version = 4;
    let policy = Policy::new(terms).unwrap();
    let shown = (policy.encode().to_vec(), evil.signed(&policy));
    *evil.other_policy.lock().unwrap() = Some(shown);
    for (is_done, printed) in [open(&visit), run(&visit, &["approve", &ids[1]])] {
        let said = "another policy than the one in force";
        assert!(!is_done && printed.contains(said), "{printed}");
    }
    assert!(evil.acts.lock().unwrap().is_empty());
}
