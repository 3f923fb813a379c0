//! Tests what happens when a peer's identity changes. Until the user accepts the new identity,
//! nothing is sent to it and nothing from it is shown.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use world::World;

const IDENTITY_CHANGED: Option<i32> = Some(4);

#[test]
fn a_changed_identity_is_announced_and_the_user_decides() {
    let world = World::new("identity", &["alice", "bob"]);
    let (alice, bob) = (0, 1);
    world.make_keys();
    world.start_relay();
    world.chat(alice, &["register", "alice"]).output();
    world.chat(bob, &["register", "bob"]).output();
    world.chat(alice, &["send", "bob", "hello"]).output();
    world.chat(bob, &["receive"]).output();
    world
        .chat(bob, &["send", "alice", "hello yourself"])
        .output();
    world.chat(alice, &["receive"]).output();
    let before = world.chat(alice, &["safety-number", "bob"]).output();

    // Bob has lost his phone, and the relay lets him register again. So it now hands out another
    // identity for Bob.
    world.forget_accounts(bob);
    world.chat(alice, &["register", "alice"]).output();
    world.chat(bob, &["register", "bob"]).output();
    world.chat(bob, &["send", "alice", "new phone"]).output();
    for _ in 0..2 {
        let warned = world.chat(alice, &["receive", "--json"]);
        assert_eq!(warned.code(), IDENTITY_CHANGED, "{}", warned.stderr);
        assert!(
            warned.stderr.contains("THE IDENTITY OF bob HAS CHANGED"),
            "{}",
            warned.stderr
        );
        assert_eq!(warned.stdout, "");
    }
    assert_eq!(
        world.chat(alice, &["safety-number", "bob"]).output(),
        before
    );

    // Alice still sends to the device that is gone. The new device cannot open the message, and
    // asks for it.
    world
        .chat(alice, &["send", "bob", "to the old phone"])
        .output();
    let lost = world.chat(bob, &["--verbose", "receive", "--json"]);
    assert!(
        lost.stderr
            .contains("a message from alice does not open, and is asked for again"),
        "{}",
        lost.stderr
    );
    assert_eq!(lost.output(), "");

    // If the user says no, nothing changes. After a yes, the kept message is shown.
    let asked = world.chat_lines(alice, &["accept-identity", "bob"], "n\n");
    assert_eq!(asked.code(), Some(1));
    assert_eq!(world.chat(alice, &["receive"]).code(), IDENTITY_CHANGED);
    let accepted = world
        .chat(alice, &["accept-identity", "bob", "--yes"])
        .output();
    let number = world.chat(bob, &["safety-number", "alice"]).output();
    assert!(accepted.contains(number.trim()), "{accepted}");
    let received = world.chat(alice, &["receive", "--json"]).objects();
    assert_eq!(received.len(), 1, "{received:?}");
    assert_eq!(received[0]["text"], "new phone");
    assert_eq!(received[0]["reportable"], true);
    assert_eq!(
        world.chat(alice, &["safety-number", "bob"]).output(),
        number
    );
    world
        .chat(alice, &["send", "bob", "there you are"])
        .output();
    // After her yes, what she sent to the old phone arrives too.
    let received = world.chat(bob, &["receive", "--json"]).objects();
    let texts = received.iter().map(|one| one["text"].as_str().unwrap());
    let texts: Vec<_> = texts.collect();
    assert_eq!(texts, ["to the old phone", "there you are"]);
}
