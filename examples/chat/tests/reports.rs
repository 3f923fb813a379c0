//! Reports that meet trouble on their way: no relay, and a moderation key that is replaced or lost.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use serde_json::Value;
use world::World;

const ALICE: usize = 0;
const BOB: usize = 1;

/// A world in which Bob has a message of Alice. Returns the message's id.
fn world_with_a_message(name: &str) -> (World, String) {
    let world = World::new(name, &["alice", "bob"]);
    world.make_keys();
    world.start_relay();
    world.start_vault();
    world.chat(ALICE, &["register", "alice"]).output();
    world.chat(BOB, &["register", "bob"]).output();
    world.chat(ALICE, &["send", "bob", "threat"]).output();
    let received = world.chat(BOB, &["receive", "--json"]).objects();
    let id = received[0]["id"].as_str().unwrap().to_owned();
    (world, id)
}

fn listed(world: &World) -> Vec<Value> {
    world.review_objects(&["list", "--json"])
}

fn opened_text(world: &World, report: &Value) -> Value {
    let id = report["report_id"].as_str().unwrap();
    let opened = world.review_objects(&["open", id, "--json"]);
    opened[0]["messages"][0]["text"].clone()
}

#[test]
fn a_report_made_without_the_relay_is_kept_and_goes_out_later_to_the_key_of_then() {
    let (world, id) = world_with_a_message("offline");
    world.kill_relay();
    let report = ["report", &id, "--reason", "threat", "--note", "n", "--yes"];
    let kept = world.chat(BOB, &report);
    assert_eq!(kept.code(), Some(3), "{}", kept.stderr);
    assert!(kept.stderr.contains("the report waits"), "{}", kept.stderr);
    world.lose_vault_key();
    let later = world.chat(BOB, &["receive"]);
    assert!(
        later.stderr.contains("a waiting report was submitted"),
        "{}",
        later.stderr
    );
    let changed = |stderr: &str| stderr.matches("THE MODERATION KEY CHANGED").count();
    assert_eq!(changed(&later.stderr), 1, "{}", later.stderr);
    later.output();
    let reports = listed(&world);
    assert_eq!(reports.len(), 1);
    assert_eq!(opened_text(&world, &reports[0]), "threat");
    // Neither the report nor the change of the key comes again.
    let again = world.chat(BOB, &["receive"]);
    assert_eq!(changed(&again.stderr), 0, "{}", again.stderr);
    assert_eq!(listed(&world).len(), 1);
}

#[test]
fn an_account_that_sent_nothing_is_reported_also_while_the_relay_is_away() {
    let (world, _) = world_with_a_message("account");
    let own = world.chat(BOB, &["report", "@bob", "--reason", "other", "--yes"]);
    assert_ne!(own.code(), Some(0));
    world.kill_relay();
    let report = [
        "report",
        "@a1ice",
        "--reason",
        "impersonation",
        "--note",
        "n",
    ];
    let kept = world.chat(BOB, &[&report[..], &["--yes"]].concat());
    assert_eq!(kept.code(), Some(3), "{}", kept.stderr);
    let preview = [
        "account a1ice; no messages",
        "The relay learns the reporter and that account.",
    ];
    for line in preview {
        assert!(kept.stdout.contains(line), "{}", kept.stdout);
    }
    world.lose_vault_key(); // and starts the relay
    world.chat(BOB, &["receive"]).output();
    let reports = listed(&world);
    assert_eq!(reports.len(), 1);
    let id = reports[0]["report_id"].as_str().unwrap();
    let opened = world.review_objects(&["open", id, "--json"]);
    assert_eq!(opened[0]["about_account"], "a1ice");
    assert_eq!(opened[0]["note"], "n");
}

#[test]
fn a_report_whose_key_is_lost_at_the_provider_is_sealed_again_by_its_reporter() {
    let (world, id) = world_with_a_message("lost-key");
    let report = ["report", &id, "--reason", "threat", "--yes"];
    world.chat(BOB, &report).output();
    world.lose_vault_key();
    let lost = listed(&world).remove(0);
    let lost = lost["report_id"].as_str().unwrap();
    let unread = world.review(&["open", lost]);
    assert_eq!(unread.code(), Some(1));
    // While the vault may still get its key, the report is not made again.
    world.let_a_day_pass(BOB);
    world.chat(BOB, &["receive"]).output();
    assert_eq!(listed(&world).len(), 1);

    world.review(&["unreadable", lost]).output();
    world.let_a_day_pass(BOB);
    world.chat(BOB, &["receive"]).output();
    let reports = listed(&world);
    assert_eq!(reports.len(), 2);
    assert_eq!(opened_text(&world, &reports[1]), "threat");
    // Once the review has ended, the draft goes.
    assert_eq!(world.submitted(BOB), 1);
    let id = reports[1]["report_id"].as_str().unwrap();
    world.review(&["close", id]).output();
    world.let_a_day_pass(BOB);
    world.chat(BOB, &["receive"]).output();
    assert_eq!(world.submitted(BOB), 0);
    assert_eq!(listed(&world).len(), 2);
}
