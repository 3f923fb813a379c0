//! Groups with the real relay: the commands of the README, and what goes wrong.

#![allow(clippy::restriction, reason = "tests")]

#[path = "four_terminals/compare.rs"]
mod compare;
#[path = "four_terminals/section.rs"]
mod section;
mod world;

use section::run_section;
use world::World;

const ALICE: usize = 0;
const BOB: usize = 1;
const CAROL: usize = 2;

/// Alice founds a group and brings the others in.
fn with_group(name: &str) -> World {
    let world = World::registered(name, &["alice", "bob", "carol"]);
    world.chat(ALICE, &["group", "new", "Hiking"]).output();
    for (who, peer) in [(BOB, "bob"), (CAROL, "carol")] {
        world
            .chat(ALICE, &["group", "invite", "Hiking", peer])
            .output();
        world.chat(who, &["group", "accept", "Hiking"]).output();
        world.chat(ALICE, &["receive"]).output();
        world.chat(who, &["receive"]).output();
    }
    world
}

fn members(world: &World, who: usize) -> Vec<String> {
    let listed = world.chat(who, &["group", "members", "Hiking"]).output();
    listed.lines().map(str::to_owned).collect()
}

#[test]
fn the_commands_about_groups_in_the_readme_print_what_it_shows() {
    let world = World::registered("readme-groups", &["alice", "bob"]);
    run_section(&world, "A group in five commands", 6);
}

#[test]
fn three_talk_in_a_group_while_the_relay_restarts_and_a_report_says_who_said_what() {
    let world = with_group("group-talk");
    world.start_vault();
    assert_eq!(
        members(&world, CAROL),
        ["alice  admin", "bob", "carol  you"]
    );
    world
        .chat(ALICE, &["group", "send", "Hiking", "one"])
        .output();
    world.chat(BOB, &["receive"]).output();
    assert!(world.kill_relay());
    // What is written meanwhile waits.
    let waits = world.chat(BOB, &["group", "send", "Hiking", "two"]);
    assert_eq!(waits.code(), Some(3), "{}", waits.stderr);
    world.start_relay();
    world.chat(BOB, &["receive"]).output();
    world.chat(CAROL, &["send", "#Hiking", "three"]).output();
    let received = world.chat(CAROL, &["receive", "--json"]).objects();
    let said = received
        .iter()
        .map(|one| (one["from"].as_str(), one["text"].as_str()));
    let said: Vec<_> = said.collect();
    assert_eq!(
        said,
        [(Some("alice"), Some("one")), (Some("bob"), Some("two"))]
    );
    assert!(
        received
            .iter()
            .all(|one| one["group"] == received[0]["group"])
    );
    let shown = world.chat(ALICE, &["receive"]).output();
    assert!(shown.contains("bob in \"Hiking\"") && shown.contains("carol in \"Hiking\""));
    let id = received[1]["id"].as_str().unwrap();
    let report = [
        "report",
        id,
        "--reason",
        "threat",
        "--with-context",
        "1",
        "--yes",
    ];
    world.chat(CAROL, &report).output();
    let listed = world.review_objects(&["list", "--json"]);
    let report_id = listed[0]["report_id"].as_str().unwrap();
    let opened = world.review(&["open", report_id]).output();
    assert!(opened.contains("alice, text: one"), "{opened}");
    assert!(opened.contains("bob, text: two"), "{opened}");
    assert!(
        opened.contains("last seen by its sender: message 1"),
        "{opened}"
    );
}

#[test]
fn members_are_promoted_removed_and_leave() {
    let world = with_group("group-changes");
    let promoted = world
        .chat(ALICE, &["group", "promote", "Hiking", "bob"])
        .output();
    assert!(
        promoted.starts_with("bob is an admin of \"Hiking\""),
        "{promoted}"
    );
    world
        .chat(ALICE, &["group", "title", "Hiking", "Walks"])
        .output();
    let received = world.chat(BOB, &["receive"]).output();
    assert!(received.contains("calls the group \"Walks\""), "{received}");
    let removed = world
        .chat(BOB, &["group", "remove", "Walks", "carol"])
        .output();
    assert!(
        removed.starts_with("carol is no member of \"Walks\""),
        "{removed}"
    );
    // Nobody tells Carol; the relay does.
    let refused = world.chat(CAROL, &["group", "send", "Hiking", "hello?"]);
    assert_ne!(refused.code(), Some(0));
    assert!(
        refused.stderr.contains("YOU WERE REMOVED from"),
        "{}",
        refused.stderr
    );
    let last = world.chat(ALICE, &["group", "leave", "Walks", "--yes"]);
    last.output();
    world.chat(BOB, &["receive"]).output();
    let listed = world.chat(BOB, &["group", "members", "Walks"]).output();
    assert_eq!(listed, "bob  admin  you\n");
    let listed = world.chat(ALICE, &["group", "list"]).output();
    assert!(
        listed.contains("\"Walks\"") && listed.contains("left"),
        "{listed}"
    );
}

#[test]
fn interactive_lines_go_to_a_group() {
    let world = with_group("group-interactive");
    let typed = "#Hiking one\ntwo\n/group members Hiking\n";
    let ended = world.chat_lines(BOB, &[], typed);
    assert!(ended.output().contains("alice  admin"));
    let received = world.chat(ALICE, &["receive", "--json"]).objects();
    let texts: Vec<_> = received.iter().map(|one| one["text"].as_str()).collect();
    assert_eq!(texts, [Some("one"), Some("two")]);
    let listed = world.chat(ALICE, &["messages", "#Hiking"]).output();
    assert_eq!(listed.lines().count(), 2, "{listed}");
    let nowhere = world.chat_lines(BOB, &[], "#Nowhere hello\n");
    assert_eq!(nowhere.code(), Some(1));
}
