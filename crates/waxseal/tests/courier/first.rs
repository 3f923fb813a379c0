//! The first contact: two devices register, and one of them writes without a session.

use waxseal::Status;
use waxseal::courier::Event;
use waxseal_world::account;

use crate::phone::Town;

#[test]
fn a_first_message_waits_for_a_session_and_arrives_once() {
    let mut town = Town::of(&["alice", "bob"]);
    town.turn_of(1);
    let id = town.say(0, "bob", "hello");
    assert_eq!(town.phones[0].status("bob", &id), Status::Waiting);
    town.turn();
    let [alice, bob] = &town.phones[..] else {
        panic!()
    };
    assert_eq!(bob.heard("alice"), ["hello"]);
    assert_eq!(alice.status("bob", &id), Status::Accepted);
    for phone in [alice, bob] {
        assert_eq!(phone.count(|event| matches!(event, Event::Registered)), 1);
        assert_eq!(
            phone.count(|event| matches!(event, Event::Pinned { .. })),
            1
        );
        assert!(phone.troubles().is_empty(), "{:?}", phone.troubles());
    }
    let started = |event: &Event| {
        matches!(
            event,
            Event::Started {
                has_one_time: true,
                ..
            }
        )
    };
    assert_eq!(alice.count(started), 1);
    assert_eq!(bob.count(|event| matches!(event, Event::Started { .. })), 0);
    assert_eq!(
        alice.count(|event| matches!(event, Event::Accepted { .. })),
        1
    );
    assert_eq!(bob.count(|event| matches!(event, Event::Message { .. })), 1);
    assert_eq!(town.relay.queued(&account("bob")), 0);
}

#[test]
fn a_sender_learns_of_arrival_after_it_is_accepted_and_of_opening_if_told() {
    let mut town = Town::quick(&["alice", "bob"]);
    town.turn_of(1);
    let early = town.say(0, "bob", "hello");
    town.turn();
    let delivered = |event: &Event| matches!(event, Event::Delivered { .. });
    assert_eq!(town.phones[0].count(delivered), 0);
    town.accept(1, "alice");
    let late = town.say(0, "bob", "again");
    town.live(60_000);
    assert_eq!(town.phones[0].count(delivered), 1);
    let status = |town: &Town, id| town.phones[0].status("bob", id);
    // What came before the peer was accepted is not told.
    assert_eq!(status(&town, &early), Status::Accepted);
    assert!(matches!(status(&town, &late), Status::Delivered { .. }));

    let opened = |event: &Event| matches!(event, Event::Opened { .. });
    assert_eq!(town.phones[0].count(opened), 0);
    let now = town.now();
    let client = town.phones[1].courier.client_mut();
    client.opened(&account("alice"), &early, now).unwrap();
    town.live(60_000);
    assert_eq!(town.phones[0].count(opened), 1);
    assert!(matches!(status(&town, &early), Status::Opened { .. }));
    assert!(matches!(status(&town, &late), Status::Delivered { .. }));
}
