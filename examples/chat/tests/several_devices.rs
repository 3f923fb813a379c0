//! Accounts with several devices: what each device shows, and what its user is warned of.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use serde_json::Value;
use world::World;

const ALICE: usize = 0;
const LAPTOP: usize = 1;
const BOB: usize = 2;
const TABLET: usize = 3;

/// Alice with a phone and a laptop, and Bob, who has written to her before she had the laptop.
fn world(name: &str) -> World {
    let world = World::new(name, &["alice", "laptop", "bob", "tablet"]);
    world.make_keys();
    world.start_relay();
    world.chat(ALICE, &["register", "alice"]).output();
    world.chat(BOB, &["register", "bob"]).output();
    world.chat(BOB, &["send", "alice", "early"]).output();
    world.chat(ALICE, &["receive"]).output();
    world.chat(ALICE, &["send", "bob", "early too"]).output();
    world.chat(BOB, &["receive"]).output();
    world.link(ALICE, LAPTOP);
    world
}

fn texts(messages: &[Value]) -> Vec<&str> {
    let texts = messages.iter().map(|one| one["text"].as_str().unwrap());
    texts.collect()
}

#[test]
fn all_devices_of_an_account_show_the_same_and_a_new_one_gets_the_history_if_the_user_agrees() {
    let world = world("devices");
    // What was read on the phone is read on the laptop, which shows nothing here.
    let told = world.chat(BOB, &["send", "alice", "read"]);
    assert!(
        told.stderr.contains("alice has a new device: 2"),
        "{}",
        told.stderr
    );
    world.chat(ALICE, &["receive"]).output();
    world.chat(ALICE, &["receive"]).output();
    world.chat(LAPTOP, &["sync", "--give", "9"]);
    let bob = world.client(BOB).me().account.clone();
    let read = [ALICE, LAPTOP].map(|home| world.client(home).read_up_to(&bob).unwrap().unwrap());
    assert_eq!(read[0], read[1]);

    // Each device gets what others send, and what another device of the account sends.
    world.chat(BOB, &["send", "alice", "to both"]).output();
    let shown = world.chat(LAPTOP, &["receive", "--json"]).objects();
    assert_eq!(texts(&shown), ["read", "to both"]);
    world
        .chat(LAPTOP, &["send", "bob", "from the laptop"])
        .output();
    let shown = world.chat(ALICE, &["receive", "--json"]).objects();
    assert_eq!(texts(&shown), ["to both", "from the laptop"]);
    assert_eq!(
        (&shown[1]["from"], &shown[1]["to"]),
        (&"alice".into(), &"bob".into())
    );
    let bob = world.chat(BOB, &["receive"]);
    assert!(bob.output().contains("alice: from the laptop"));

    // Nothing of before is on the laptop, and the phone gives nothing by itself.
    let nothing = world.chat(ALICE, &["sync", "--give", "2"]);
    assert!(
        nothing.stderr.contains("device 2 has not asked"),
        "{}",
        nothing.stderr
    );
    let mut asking = world.talk(LAPTOP, &["sync"]);
    asking.line_with("run: sync --give 2").unwrap();
    let asked = world.chat(ALICE, &["receive"]);
    assert!(
        asked.stderr.contains("DEVICE 2 ASKS FOR ALL MESSAGES"),
        "{}",
        asked.stderr
    );
    let given = world.chat(ALICE, &["sync", "--give", "2"]);
    assert!(given.status.success(), "{}", given.stderr);
    let got = asking.end().output();
    assert!(
        got.contains("got 2 earlier messages, 3 were here already"),
        "{got}"
    );
    // The phone may hear of the end before it has ended itself.
    let later = world.chat(ALICE, &["receive"]);
    let told = [given.stderr.as_str(), &later.stderr].concat();
    assert!(told.contains("the other device has the messages"), "{told}");

    // The history is no news, and can be reported as all else.
    assert_eq!(world.chat(LAPTOP, &["receive"]).output(), "");
    let listed = [ALICE, LAPTOP].map(|home| world.chat(home, &["messages", "--json"]).objects());
    assert_eq!(
        texts(&listed[0]),
        ["early", "early too", "read", "to both", "from the laptop"]
    );
    assert_eq!(texts(&listed[0]), texts(&listed[1]));
    assert!(listed[1].iter().all(|one| one["reportable"] == true));
}

#[test]
fn a_user_is_warned_of_changes_of_devices_and_accounts() {
    let world = world("warnings");
    world.chat(LAPTOP, &["send", "bob", "hello"]).output();
    world.chat(BOB, &["receive"]).output();
    world.chat(ALICE, &["receive"]).output();

    // Alice's phone manages the account and adds another device. It tells the laptop. Peers hear of
    // it with the first message of a device that knows.
    world.link(ALICE, TABLET);
    world
        .chat(TABLET, &["send", "bob", "from the tablet"])
        .output();
    let warned = world.chat(LAPTOP, &["receive"]);
    let is_warned = warned.stderr.contains("YOUR ACCOUNT HAS A NEW DEVICE: 3");
    assert!(is_warned, "{}", warned.stderr);
    assert!(warned.output().contains("alice to bob: from the tablet"));
    assert_eq!(world.chat(LAPTOP, &["receive"]).stderr, "");
    let told = world.chat(BOB, &["receive"]).stderr;
    assert!(told.contains("alice has a new device: 3"), "{told}");

    // A removed device is told, and so are the others. What it sent before is marked.
    world.chat(TABLET, &["send", "bob", "late"]).output();
    let remove = ["remove-device", "3", "--yes"];
    assert_eq!(world.chat(ALICE, &remove).output(), "removed device 3\n");
    let removed = world.chat(TABLET, &["receive"]);
    assert_eq!(removed.code(), Some(1));
    let is_told = removed.stderr.contains("THIS DEVICE WAS REMOVED");
    assert!(is_told, "{}", removed.stderr);
    let told = world.chat(LAPTOP, &["send", "bob", "only me"]).stderr;
    assert!(
        told.contains("your account: device 3 was removed"),
        "{told}"
    );
    let told = world.chat(BOB, &["send", "alice", "who is there?"]).stderr;
    assert!(told.contains("alice removed device 3"), "{told}");
    let late = world.chat(BOB, &["receive"]).output();
    let is_marked = late.contains("FROM A REMOVED DEVICE:  alice: late");
    assert!(is_marked, "{late}");
    let listed = world.chat(BOB, &["messages", "--json"]).objects();
    let late = listed.iter().find(|one| one["text"] == "late").unwrap();
    assert_eq!(late["from_removed_device"], true);

    // The relay drops what waited for too long.
    world.lose_queue("bob");
    let lost = world.chat(BOB, &["receive"]);
    assert!(
        lost.stderr.contains("MESSAGES MAY BE MISSING"),
        "{}",
        lost.stderr
    );
}
