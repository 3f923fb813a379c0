//! What one peer causes stops no other: full queues, unknown names, changed identities.

use waxseal::courier::{Event, Trouble};
use waxseal::{Direction, Notice, Status};
use waxseal_interface::ErrorCode;
use waxseal_world::{Asked, Fault, account};

use crate::phone::{DAY_MS, HOUR_MS, MINUTE_MS, Phone, Town};

fn posts(town: &Town, to: &str) -> usize {
    let path = format!("/v1/messages/{to}");
    let is_post = |asked: &&Asked| asked.is("POST", &path);
    town.relay.asked.iter().filter(is_post).count()
}

fn three() -> Town {
    let mut town = Town::registered(&["alice", "bob", "carol"]);
    for who in [1, 2] {
        let name = ["alice", "bob", "carol"][who];
        town.say(0, name, "hello");
        town.turn();
        town.say(who, "alice", "hello yourself");
        town.turn();
    }
    town
}

#[test]
fn a_full_queue_stops_no_other_recipient_and_keeps_the_order() {
    let mut town = three();
    town.relay.fail(|asked| {
        let code = ErrorCode::QueueFull;
        asked.is("POST", "/v1/messages/bob").then(|| code.into())
    });
    for number in 0..3 {
        town.say(0, "bob", &format!("to bob {number}"));
        town.say(0, "carol", &format!("to carol {number}"));
    }
    town.relay.asked.clear();
    town.live(5 * MINUTE_MS);
    assert_eq!(
        town.phones[2].heard("alice")[1..],
        ["to carol 0", "to carol 1", "to carol 2"]
    );
    assert_eq!(town.phones[1].heard("alice"), ["hello"]);
    assert_eq!(town.phones[0].troubles(), [Trouble::QueueFull]);
    let tried = posts(&town, "bob");
    assert!((4..=7).contains(&tried), "once a minute: {tried}");
    town.relay.work();
    town.live(2 * MINUTE_MS);
    assert_eq!(
        town.phones[1].heard("alice")[1..],
        ["to bob 0", "to bob 1", "to bob 2"]
    );
    // Told again the next time.
    town.relay.max_queued = 0;
    town.say(0, "bob", "later");
    town.turn_of(0);
    assert_eq!(town.phones[0].troubles().len(), 2);
}

#[test]
fn a_message_to_an_unknown_name_is_given_up_with_its_text() {
    let mut town = Town::registered(&["alice", "bob"]);
    for name in ["nobody", "no relay has such a name"] {
        town.phones[0].events.clear();
        town.say(0, name, "hello?");
        town.say(0, name, "are you there?");
        town.say(0, "bob", "hello");
        town.live(HOUR_MS);
        let given_up = town.phones[0]
            .events
            .iter()
            .filter_map(|event| match event {
                Event::GivenUp { message, .. } => message.as_ref()?.text().map(str::to_owned),
                _ => None,
            });
        assert_eq!(given_up.collect::<Vec<_>>(), ["hello?", "are you there?"]);
        assert!(town.phones[0].messages(&account(name)).is_empty());
    }
    assert_eq!(town.phones[1].heard("alice"), ["hello", "hello"]);
    // No one asks for them any more.
    town.relay.asked.clear();
    town.say(0, "bob", "again");
    town.live(DAY_MS);
    let asked = |asked: &&Asked| asked.path.contains("nobody");
    assert_eq!(town.relay.asked.iter().filter(asked).count(), 0);
}

#[test]
fn messages_and_receipts_to_an_account_that_is_gone_are_given_up() {
    let mut town = Town::of_two();
    town.say(1, "alice", "for a receipt");
    town.turn_of(1);
    // Alice has the message, and has not posted the receipt when the account goes.
    town.relay
        .fail(|asked| asked.is("POST", "/v1/").then_some(Fault::RequestLost));
    town.turn_of(0);
    town.relay.work();
    town.relay.forget(&account("bob"));
    town.phones.truncate(1);
    town.say(0, "bob", "hello?");
    town.live(HOUR_MS);
    assert_eq!(town.phones[0].outbox(), 0);
    let given_up = |event: &Event| matches!(event, Event::GivenUp { .. });
    assert_eq!(town.phones[0].count(given_up), 1);
    assert!(posts(&town, "bob") < 10);
}

#[test]
fn a_name_without_prekeys_is_asked_for_again_and_the_message_waits() {
    let mut town = Town::registered(&["alice"]);
    town.phones.push(Phone::new("bob", 9));
    town.relay.fail(|asked| {
        asked
            .is("PUT", "/v1/prekeys")
            .then(|| ErrorCode::Busy.into())
    });
    town.turn_of(1);
    town.say(0, "bob", "hello");
    town.live(MINUTE_MS);
    assert_eq!(town.phones[0].messages(&account("bob")).len(), 1);
    town.relay.work();
    town.live(HOUR_MS);
    assert_eq!(town.phones[1].heard("alice"), ["hello"]);
}

#[test]
fn a_changed_identity_is_told_and_nothing_is_lost_once_it_is_accepted() {
    let mut town = Town::of_two();
    // Bob's phone is lost, and the provider lets him register again.
    town.relay.forget(&account("bob"));
    town.phones[1] = Phone::new("bob", 99);
    town.turn_of(1);
    for number in 0..5 {
        town.say(1, "alice", &format!("new {number}"));
    }
    town.live(HOUR_MS);
    town.live(DAY_MS);
    let changed = town.phones[0].events.iter().find_map(|event| match event {
        Event::Notice(Notice::IdentityChanged { new, .. }) => Some(*new),
        _ => None,
    });
    let changed = changed.expect("the user is warned");
    let told = town.phones[0]
        .count(|event| matches!(event, Event::Notice(Notice::IdentityChanged { .. })));
    assert!(told < 200, "{told}");
    assert_eq!(town.phones[0].heard("bob"), ["hello yourself"]);
    assert_eq!(town.relay.queued(&account("alice")), 5);
    town.phones[0].restart();
    town.turn();
    assert_eq!(town.relay.queued(&account("alice")), 5);
    // What Alice writes in the meantime waits or fails on the old session, and arrives.
    let courier = &mut town.phones[0].courier;
    courier.accept_identity(&account("bob"), &changed).unwrap();
    town.live(HOUR_MS);
    let heard = town.phones[0].heard("bob");
    assert_eq!(heard[1..], ["new 0", "new 1", "new 2", "new 3", "new 4"]);
    assert_eq!(town.relay.queued(&account("alice")), 0);
    town.say(0, "bob", "welcome back");
    town.live(MINUTE_MS);
    assert_eq!(town.phones[1].heard("alice"), ["welcome back"]);
    assert_eq!(
        town.phones[0].count(|event| matches!(event, Event::Dropped { .. })),
        0
    );
}

#[test]
fn a_message_to_a_changed_identity_waits_until_it_is_accepted() {
    let mut town = Town::of_two();
    town.relay.forget(&account("bob"));
    town.phones[1] = Phone::new("bob", 99);
    town.turn_of(1);
    let id = town.say(0, "bob", "who are you?");
    town.live(HOUR_MS);
    // Bob cannot open it, and refuses it. Alice would have to seal it for the new identity.
    assert!(town.phones[1].heard("alice").is_empty());
    let changed = town.phones[0].events.iter().find_map(|event| match event {
        Event::Notice(Notice::IdentityChanged { new, .. }) => Some(*new),
        _ => None,
    });
    let changed = changed.expect("the user is warned");
    let courier = &mut town.phones[0].courier;
    courier.accept_identity(&account("bob"), &changed).unwrap();
    town.live(3 * HOUR_MS);
    assert_eq!(town.phones[1].heard("alice"), ["who are you?"]);
    assert_ne!(town.phones[0].status("bob", &id), Status::Waiting);
}

#[test]
fn a_device_that_lost_its_sessions_gets_everything_once_more() {
    let mut town = Town::of_two();
    // Bob's store loses the sessions with Alice while messages are on their way.
    let alice = town.phones[0].courier.client();
    let own = alice.own_roster().unwrap().unwrap();
    let mut other = waxseal_world::Provider::new(8);
    other.register("x");
    for key in [other.account_key(&account("x")), *own.account_key()] {
        let courier = &mut town.phones[1].courier;
        courier.accept_identity(&account("alice"), &key).unwrap();
    }
    for text in ["one", "two", "three"] {
        town.say(0, "bob", text);
    }
    town.live(3 * HOUR_MS);
    assert_eq!(town.phones[1].heard("alice")[1..], ["one", "two", "three"]);
    let sent = town.phones[0].messages(&account("bob"));
    let sent = sent.iter().filter(|one| one.direction() == Direction::Sent);
    // The first one came before Bob accepted Alice.
    for message in sent.skip(1) {
        assert!(matches!(message.status(), Some(Status::Delivered { .. })));
    }
    town.phones[1].assert_all_can_be_reported("alice", &town.relay);
}

#[test]
fn a_message_is_posted_again_with_the_time_of_the_relay() {
    let mut town = Town::of_two();
    town.phones[0].ahead_ms = 20 * MINUTE_MS as i64;
    let expected = town.now();
    town.say(0, "bob", "late");
    town.relay.asked.clear();
    town.live(MINUTE_MS);
    assert_eq!(town.phones[1].heard("alice")[1..], ["late"]);
    assert_eq!(posts(&town, "bob"), 2);
    assert_eq!(town.phones[0].troubles(), [Trouble::ClockDiffers]);
    let now = town.phones[0].now(&town.relay);
    let relay_time = town.phones[0].courier.relay_time(now);
    assert!(relay_time.as_millis().abs_diff(expected.as_millis()) < 2 * MINUTE_MS);
    // From then on it knows.
    town.relay.asked.clear();
    town.say(0, "bob", "later");
    town.live(MINUTE_MS);
    assert_eq!(posts(&town, "bob"), 1);
}

#[test]
fn a_message_that_has_arrived_is_not_told_as_not_delivered_when_its_reseal_is_refused() {
    let mut town = Town::of_two();
    // Bob's phone loses its sessions, so the next message does not open and is sealed again.
    let bob = town.phones[1].courier.client_mut();
    bob.reset_peer(&account("alice")).unwrap();
    let mut reseals = 0;
    town.relay.fail(move |asked| {
        if !asked.path.starts_with("/v1/reseals") {
            return None;
        }
        reseals += 1;
        // The relay has the first, and later does not verify its own stamp any more.
        Some(match reseals {
            1 => Fault::AnswerLost,
            _ => ErrorCode::TooOldToReseal.into(),
        })
    });
    let id = town.say(0, "bob", "hello");
    town.live(HOUR_MS);
    let is_reseal = |asked: &&Asked| asked.path.starts_with("/v1/reseals");
    assert_eq!(town.relay.asked.iter().filter(is_reseal).count(), 2);
    let phone = &town.phones[0];
    assert!(matches!(phone.status("bob", &id), Status::Delivered { .. }));
    assert_eq!(phone.outbox(), 0);
    let told = phone.count(|event| matches!(event, Event::NotDelivered { .. }));
    assert_eq!(told, 0);
    assert_eq!(town.phones[1].heard("alice").last().unwrap(), "hello");
}
