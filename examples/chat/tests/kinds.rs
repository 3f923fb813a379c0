//! Every kind of message, forwards and first contact with the real relay: the commands of the
//! README, and what goes wrong.

#![allow(clippy::restriction, reason = "tests")]

#[path = "four_terminals/compare.rs"]
mod compare;
#[path = "four_terminals/section.rs"]
mod section;
mod world;

use std::thread;
use std::time::Duration;

use section::run_section;
use serde_json::Value;
use world::World;

const ALICE: usize = 0;
const BOB: usize = 1;
const CAROL: usize = 2;
const DAVE: usize = 3;

/// A world of accounts of which Alice and Bob know each other.
fn acquainted(name: &str, accounts: &[&'static str]) -> World {
    let world = World::registered(name, accounts);
    world.chat(BOB, &["send", "alice", "Hello"]).output();
    received(&world, ALICE);
    world.chat(ALICE, &["accept", "bob"]).output();
    world
}

/// The messages that an account gets now.
fn received(world: &World, who: usize) -> Vec<Value> {
    world.chat(who, &["receive", "--json"]).objects()
}

/// What an account shows.
fn shown(world: &World, who: usize, with: &str) -> Vec<Value> {
    world.chat(who, &["messages", with, "--json"]).objects()
}

/// Sends a text, and returns its id as its recipient has it.
fn sent(world: &World, from: usize, to: usize, name: &str, text: &str) -> String {
    world.chat(from, &["send", name, text]).output();
    let messages = received(world, to);
    let message = messages.iter().find(|message| message["text"] == text);
    message.unwrap()["id"].as_str().unwrap().to_owned()
}

fn of_id<'a>(shown: &'a [Value], id: &str) -> &'a Value {
    shown.iter().find(|message| message["id"] == id).unwrap()
}

#[test]
fn the_commands_about_second_thoughts_in_the_readme_print_what_it_shows() {
    let world = acquainted("readme-kinds", &["alice", "bob"]);
    world.start_vault();
    run_section(&world, "Second thoughts, and strangers", 10);
    assert!(world.chat(BOB, &["requests"]).output().is_empty());
    assert_eq!(world.review_objects(&["list", "--json"]).len(), 1);
}

#[test]
fn what_is_edited_deleted_and_reacted_to_looks_the_same_to_both() {
    let world = acquainted("both", &["alice", "bob"]);
    let edited = sent(&world, ALICE, BOB, "bob", "sven");
    let deleted = sent(&world, ALICE, BOB, "bob", "oops");
    for text in ["siven", "seven"] {
        world.chat(ALICE, &["edit", &edited, text]).output();
    }
    world.chat(BOB, &["react", &edited, "❤"]).output();
    world.chat(BOB, &["react", &edited, "👍"]).output();
    world.chat(ALICE, &["delete", &deleted]).output();
    world.chat(BOB, &["reply", &edited, "fine"]).output();
    received(&world, ALICE);
    received(&world, BOB);
    for (who, with) in [(ALICE, "bob"), (BOB, "alice")] {
        let shown = shown(&world, who, with);
        let edited_one = of_id(&shown, &edited);
        assert_eq!(edited_one["text"], "seven");
        assert_eq!(edited_one["edits"], 2);
        assert_eq!(edited_one["reactions"][0]["from"], "bob");
        assert_eq!(edited_one["reactions"][0]["reaction"], "👍");
        assert_eq!(edited_one["reactions"].as_array().unwrap().len(), 1);
        assert_eq!(of_id(&shown, &deleted)["gone"], "deleted");
        let reply = shown.iter().find(|message| message["text"] == "fine");
        assert_eq!(reply.unwrap()["reply_to"], edited.as_str());
        // Hello, two texts and the reply: what refers to them is not listed.
        assert_eq!(shown.len(), 4);
    }
    // Only the author edits and deletes, and only what is shown.
    for refused in [
        world.chat(BOB, &["edit", &edited, "eight"]),
        world.chat(BOB, &["delete", &edited]),
        world.chat(ALICE, &["edit", &deleted, "again"]),
    ] {
        assert_eq!(refused.code(), Some(1), "{}", refused.stderr);
    }
    // What was deleted can be reported, and reviewers see what the recipient saw.
    world.start_vault();
    let report = ["report", &deleted, "--reason", "harassment", "--yes"];
    world.chat(BOB, &report).output();
    let listed = world.review_objects(&["list", "--json"]);
    let id = listed[0]["report_id"].as_str().unwrap();
    let opened = world.review_objects(&["open", id, "--json"]);
    assert_eq!(opened[0]["messages"][0]["text"], "oops");
}

#[test]
fn messages_disappear_some_time_after_they_were_read() {
    let world = acquainted("timer", &["alice", "bob"]);
    world.chat(ALICE, &["timer", "bob", "2s"]).output();
    let id = sent(&world, ALICE, BOB, "bob", "burn this");
    assert_eq!(
        world.chat(BOB, &["timer", "alice"]).output().trim_end(),
        "messages disappear 2s after they are read"
    );
    thread::sleep(Duration::from_secs(3));
    for (who, with) in [(ALICE, "bob"), (BOB, "alice")] {
        received(&world, who);
        let shown = shown(&world, who, with);
        assert_eq!(of_id(&shown, &id)["gone"], "expired");
        assert!(of_id(&shown, &id).get("text").is_none());
    }
    let refused = world.chat(ALICE, &["timer", "bob", "2y"]);
    assert_eq!(refused.code(), Some(2));
    world.chat(BOB, &["timer", "alice", "off"]).output();
    received(&world, ALICE);
    assert_eq!(
        world.chat(ALICE, &["timer", "bob"]).output().trim_end(),
        "messages do not disappear"
    );
}

#[test]
fn a_message_is_forwarded_to_few_and_says_so() {
    let world = acquainted(
        "forward",
        &["alice", "bob", "carol", "dave", "erin", "frank", "grace"],
    );
    let id = sent(&world, ALICE, BOB, "bob", "Free cinema!");
    let to = ["carol", "dave", "erin", "frank", "grace"];
    let all = [&["forward", &id][..], &to, &["alice"]].concat();
    let refused = world.chat(BOB, &all);
    assert_eq!(refused.code(), Some(1), "{}", refused.stderr);
    let five = [&["forward", &id][..], &to].concat();
    assert_eq!(world.chat(BOB, &five).output().lines().count(), 5);
    let messages = received(&world, CAROL);
    assert_eq!(messages[0]["text"], "Free cinema!");
    assert_eq!(messages[0]["forwards"], 1);
    assert_eq!(messages[0]["request"], true);
    // A request is not passed on.
    let id = messages[0]["id"].as_str().unwrap();
    let refused = world.chat(CAROL, &["forward", id, "dave"]);
    assert_eq!(refused.code(), Some(1), "{}", refused.stderr);
    world.chat(CAROL, &["accept", "bob"]).output();
    world.chat(CAROL, &["forward", id, "dave"]).output();
    let messages = received(&world, DAVE);
    let mut counts: Vec<_> = messages
        .iter()
        .map(|one| one["forwards"].as_u64())
        .collect();
    counts.sort();
    assert_eq!(counts, [Some(1), Some(2)]);
}

#[test]
fn a_declined_account_is_not_heard_and_a_blocked_one_neither() {
    let world = acquainted("strangers", &["alice", "bob", "carol", "dave"]);
    world.chat(CAROL, &["send", "bob", "Buy this"]).output();
    world.chat(DAVE, &["send", "bob", "Buy that"]).output();
    assert_eq!(received(&world, BOB).len(), 2);
    world.chat(BOB, &["decline", "carol"]).output();
    world.chat(BOB, &["block", "dave"]).output();
    assert_eq!(world.chat(BOB, &["requests"]).output(), "");
    assert!(shown(&world, BOB, "carol").is_empty());
    assert!(shown(&world, BOB, "dave").is_empty());
    for who in [CAROL, DAVE] {
        world.chat(who, &["send", "bob", "Please"]).output();
    }
    assert!(received(&world, BOB).is_empty());
    // Whom the user writes to is heard again.
    world.chat(BOB, &["send", "carol", "What is it?"]).output();
    received(&world, CAROL);
    world.chat(CAROL, &["send", "bob", "A bike"]).output();
    assert_eq!(received(&world, BOB).len(), 1);
    // Bob can write to Dave, and hears nothing.
    world.chat(BOB, &["send", "dave", "Hello"]).output();
    received(&world, DAVE);
    world.chat(DAVE, &["send", "bob", "At last"]).output();
    assert!(received(&world, BOB).is_empty());
    world.chat(BOB, &["block", "dave", "--undo"]).output();
    world.chat(DAVE, &["send", "bob", "Really"]).output();
    assert_eq!(received(&world, BOB)[0]["text"], "Really");
}

#[test]
fn a_group_shows_the_same_to_all_of_its_members() {
    let world = acquainted("in-a-group", &["alice", "bob", "carol"]);
    world.chat(ALICE, &["group", "new", "Hiking"]).output();
    for (who, name) in [(BOB, "bob"), (CAROL, "carol")] {
        let invite = ["group", "invite", "Hiking", name];
        world.chat(ALICE, &invite).output();
        world.chat(who, &["group", "accept", "Hiking"]).output();
        received(&world, ALICE);
        received(&world, who);
    }
    let id = sent(&world, ALICE, BOB, "#Hiking", "At sven");
    received(&world, CAROL);
    world.chat(ALICE, &["edit", &id, "At seven"]).output();
    world.chat(BOB, &["react", &id, "👍"]).output();
    world.chat(CAROL, &["react", &id, "😂"]).output();
    world.chat(CAROL, &["timer", "#Hiking", "1s"]).output();
    let everyone = [ALICE, BOB, CAROL];
    let fetch = || everyone.map(|who| received(&world, who).len());
    fetch();
    let burnt = sent(&world, CAROL, BOB, "#Hiking", "Burn this");
    world
        .chat(BOB, &["forward", &id, "alice", "#Hiking"])
        .output();
    fetch();
    thread::sleep(Duration::from_secs(2));
    fetch();
    for who in everyone {
        let shown = shown(&world, who, "#Hiking");
        let edited = of_id(&shown, &id);
        assert_eq!(
            (&edited["text"], &edited["edits"]),
            (&"At seven".into(), &1.into())
        );
        let mut reactions: Vec<_> = edited["reactions"].as_array().unwrap().iter().collect();
        reactions.sort_by_key(|one| one["from"].to_string());
        let reactions = reactions
            .iter()
            .map(|one| one["reaction"].as_str().unwrap());
        assert_eq!(reactions.collect::<Vec<_>>(), ["👍", "😂"]);
        assert_eq!(of_id(&shown, &burnt)["gone"], "expired");
    }
    // Nobody but the author edits.
    let refused = world.chat(CAROL, &["edit", &id, "At eight"]);
    assert_eq!(refused.code(), Some(1), "{}", refused.stderr);
}
