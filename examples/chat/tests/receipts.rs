//! Receipts and appeals, with desk, vault and relay as the programs that they are.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use serde_json::Value;
use world::World;
use world::desk::wait_for;

const ALICE: usize = 0;
const BOB: usize = 1;

/// What `receipts --json` prints, once its first object is so.
fn receipts(world: &World, who: usize, is: impl Fn(&Value) -> bool) -> Value {
    wait_for(|| {
        let listed = world.chat(who, &["receipts", "--json"]).objects();
        listed.into_iter().next().filter(&is)
    })
}

#[test]
fn both_sides_see_what_the_log_proves_and_appeal() {
    let world = World::new("receipts", &["alice", "bob"]);
    let desk = world.start_with_desk();
    world.chat(ALICE, &["register", "alice"]).output();
    world.chat(BOB, &["register", "bob"]).output();
    world
        .chat(ALICE, &["send", "bob", "I know where you live"])
        .output();
    let received = world.chat(BOB, &["receive", "--json"]).objects();
    let id = received[0]["id"].as_str().unwrap();
    world
        .chat(BOB, &["report", id, "--reason", "threat", "--yes"])
        .output();
    let promised = receipts(&world, BOB, |_| true);
    assert_eq!(
        (&promised["about"], &promised["state"]),
        (&"report".into(), &"waiting".into())
    );

    let case = desk.case();
    desk.open(&case);
    desk.decide(&case, "The message threatens a person.");
    let decided = |entry: &Value| entry["decisions"][0]["statement"].is_string();
    let of_bob = receipts(&world, BOB, decided);
    assert_eq!(of_bob["state"], "included");
    assert_eq!(of_bob["openings"][0]["purpose"], "user_report");
    assert_eq!(of_bob["contradictions"], serde_json::json!([]));
    let decision = &of_bob["decisions"][0];
    assert_eq!(decision["statement"], "The message threatens a person.");
    assert_eq!(
        (&decision["number"], &decision["openings"]),
        (&1.into(), &1.into())
    );
    let of_alice = receipts(&world, ALICE, decided);
    assert_eq!(of_alice["about"], "account");
    assert_eq!(of_alice["decisions"][0]["leaf"], decision["leaf"]);
    assert_eq!(of_alice["openings"], serde_json::json!([]));

    let unknown = world.chat(ALICE, &["appeal", "2", "Which?"]);
    assert_eq!(unknown.code(), Some(1), "{}", unknown.stderr);
    let taken = world
        .chat(ALICE, &["appeal", "1", "It was a joke."])
        .output();
    assert!(taken.contains("the provider took your appeal"), "{taken}");
    let again = world.chat(ALICE, &["appeal", "1", "Really."]);
    assert_eq!(again.code(), Some(1), "{}", again.stderr);
    assert_eq!(desk.appeals(&case), ["It was a joke."]);
    receipts(&world, ALICE, |entry| {
        entry["decisions"][0]["appeal"] == "filed"
    });
    let shown = world.chat(ALICE, &["receipts"]).output();
    for line in [
        "against you:",
        "  1  decided on ",
        "threat, the account was warned",
        "     reasons The message threatens a person.",
        "     you wrote It was a joke.",
        "     your appeal is in the log",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    // The other side learns of the appeal, and not of its text.
    let of_bob = receipts(&world, BOB, |entry| entry["appeals"][0].is_object());
    assert_eq!(of_bob["appeals"][0]["filed_by"], "account");
    let shown = world.chat(BOB, &["receipts"]).output();
    assert!(
        shown.contains("opened once: ") && !shown.contains("joke"),
        "{shown}"
    );
}
