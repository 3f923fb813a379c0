//! Prekeys: enough of them at the relay, replaced each week, and never twice before it has them.

use waxseal::Status;
use waxseal::core::PreKeyUpload;
use waxseal::courier::{Event, Request};
use waxseal_interface::ErrorCode;
use waxseal_world::{Asked, Fault, account};

use crate::copied::Copied;
use crate::disk::Disk;
use crate::phone::{DAY_MS, HOUR_MS, MINUTE_MS, Phone, Town};

fn uploads(town: &Town) -> usize {
    let is_upload = |asked: &&Asked| asked.is("PUT", "/v1/prekeys");
    town.relay.asked.iter().filter(is_upload).count()
}

fn base(town: &mut Town, name: &str) -> Vec<u8> {
    town.relay.provider.bundle(&account(name)).0
}

#[test]
fn prekeys_are_uploaded_once_and_topped_up_when_few_are_left() {
    let mut town = Town::of(&["alice"]);
    town.turn();
    let alice = account("alice");
    assert_eq!(town.relay.provider.one_time_left(&alice), 100);
    town.live(5 * HOUR_MS);
    assert_eq!(uploads(&town), 1);
    town.relay.use_up_prekeys(&alice, 25);
    town.live(2 * HOUR_MS);
    assert_eq!(uploads(&town), 1);
    town.relay.use_up_prekeys(&alice, 24);
    town.live(2 * HOUR_MS);
    assert_eq!(uploads(&town), 2);
    assert_eq!(town.relay.provider.one_time_left(&alice), 100);
    town.relay.use_up_prekeys(&alice, 0);
    town.live(2 * HOUR_MS);
    assert_eq!(town.relay.provider.one_time_left(&alice), 100);
}

#[test]
fn a_conversation_starts_without_one_time_prekeys_and_says_so() {
    let mut town = Town::registered(&["alice", "bob"]);
    town.relay.use_up_prekeys(&account("bob"), 0);
    town.say(0, "bob", "hello");
    town.turn();
    assert_eq!(town.phones[1].heard("alice"), ["hello"]);
    let without = |event: &Event| {
        matches!(
            event,
            Event::Started {
                has_one_time: false,
                ..
            }
        )
    };
    assert_eq!(town.phones[0].count(without), 1);
}

#[test]
fn signed_prekeys_are_replaced_each_week() {
    let mut town = Town::registered(&["alice"]);
    let mut before = base(&mut town, "alice");
    for week in 0..3 {
        town.live(6 * DAY_MS);
        assert_eq!(base(&mut town, "alice"), before, "{week}");
        town.live(DAY_MS + HOUR_MS);
        let after = base(&mut town, "alice");
        assert_ne!(after, before, "{week}");
        before = after;
    }
}

#[test]
fn prekeys_are_not_replaced_again_before_the_relay_has_them() {
    let mut town = Town::of(&["alice", "bob"]);
    town.turn();
    let before = base(&mut town, "alice");
    // Bob starts a session with the prekeys that the relay has, and Alice is away for weeks.
    town.relay
        .fail(|asked| asked.is("PUT", "/v1/prekeys").then_some(Fault::RequestLost));
    for _ in 0..4 {
        town.wait(8 * DAY_MS);
        town.phones[0].restart();
        town.turn_of(0);
        town.wait(10 * MINUTE_MS);
        town.turn_of(0);
    }
    assert_eq!(base(&mut town, "alice"), before);
    town.relay.work();
    town.say(1, "alice", "with the earlier prekeys");
    town.live(HOUR_MS);
    assert_eq!(town.phones[0].heard("bob"), ["with the earlier prekeys"]);
    let again = |asked: &&Asked| asked.is("POST", "/v1/reseals");
    assert_eq!(town.relay.asked.iter().filter(again).count(), 0);
}

#[test]
fn a_crash_between_noting_and_replacing_loses_nothing() {
    for commits_before in 0..3 {
        for way in 0..2 {
            let mut town = Town::registered(&["alice", "bob"]);
            town.wait(8 * DAY_MS);
            town.phones[0].stop_in(commits_before, way);
            town.say(1, "alice", "hello");
            town.live(HOUR_MS);
            assert_eq!(town.phones[0].heard("bob"), ["hello"]);
            town.live(8 * DAY_MS);
            town.phones.push(Phone::new("carol", 9));
            town.say(2, "alice", "hello");
            town.live(HOUR_MS);
            assert_eq!(town.phones[0].heard("carol"), ["hello"]);
        }
    }
}

#[test]
fn prekeys_that_are_reset_reach_the_relay_even_if_an_upload_is_on_its_way() {
    for is_on_its_way in [false, true] {
        let mut town = Town::registered(&["alice", "bob"]);
        town.wait(8 * DAY_MS);
        let now = town.now();
        let phone = &mut town.phones[0];
        let mut late = None;
        while is_on_its_way && late.is_none() {
            match phone.courier.next(now, &mut phone.rng).unwrap().unwrap() {
                Request::Call { id, http, .. } => {
                    let is_upload = http.method == "PUT";
                    let answer = town.relay.send(&http);
                    match is_upload {
                        true => late = Some((id, answer)),
                        false => {
                            phone
                                .courier
                                .answer(id, answer, now, &mut phone.rng)
                                .unwrap();
                        }
                    }
                }
                other => panic!("{other:?}"),
            }
        }
        phone.courier.reset_prekeys(now, &mut phone.rng).unwrap();
        if let Some((id, answer)) = late {
            phone
                .courier
                .answer(id, answer, now, &mut phone.rng)
                .unwrap();
        }
        phone.courier.disconnected();
        town.turn();
        town.say(1, "alice", "hello");
        town.live(MINUTE_MS);
        assert_eq!(town.phones[0].heard("bob"), ["hello"], "{is_on_its_way}");
        // No prekey was used that the phone does not have.
        let again = |asked: &&Asked| asked.is("POST", "/v1/reseals");
        assert_eq!(town.relay.asked.iter().filter(again).count(), 0);
    }
}

/// Bob's store is set back to what it was before he replaced his signed prekeys and made other
/// one-time prekeys. He posted nothing since, so no mark tells him.
fn set_back_before_a_rotation(names: &[&'static str]) -> (Town, PreKeyUpload) {
    let mut town = Town::quick(names);
    let disk = Copied::default();
    let bob = town.phones.len();
    town.phones
        .push(Phone::on(Disk::new(disk.clone()), "bob", 9));
    town.turn();
    let backup = disk.backup();
    let phone = &mut town.phones[bob];
    let client = phone.courier.client_mut();
    client.rotate_prekeys(&mut phone.rng).unwrap();
    let lost = client.publish_prekeys(0, &mut phone.rng).unwrap();
    assert_eq!(lost.one_time.len(), 100);
    town.relay.provider.forget_one_time(&account("bob"));
    town.relay.provider.publish(&account("bob"), &lost);
    town.phones[bob] = Phone::on(Disk::new(backup), "bob", 10);
    town.turn();
    assert_eq!(base(&mut town, "bob"), lost.base);
    (town, lost)
}

#[test]
fn after_an_unnoticed_set_back_a_first_message_opens_once_the_relay_has_the_prekeys_again() {
    let (mut town, lost) = set_back_before_a_rotation(&["alice"]);
    let before = uploads(&town);
    let id = town.say(0, "bob", "hello");
    town.live(15 * MINUTE_MS); // a stranger is asked again after ten minutes at most
    assert_eq!(town.phones[1].heard("alice"), ["hello"]);
    assert_eq!(town.phones[0].status("bob", &id), Status::Accepted);
    assert_ne!(base(&mut town, "bob"), lost.base);
    assert_eq!(uploads(&town), before + 1);
}

#[test]
fn an_upload_that_is_on_its_way_does_not_count_for_a_delivery_that_does_not_open_meanwhile() {
    let (mut town, _) = set_back_before_a_rotation(&["alice"]);
    // The daily upload has the base alone. The relay still has the one-time prekeys of before.
    town.wait(7 * DAY_MS - 10 * MINUTE_MS);
    town.turn();
    town.wait(11 * MINUTE_MS); // new signed prekeys are due
    let now = town.now();
    let (id, answer) = loop {
        let bob = &mut town.phones[1];
        match bob.courier.next(now, &mut bob.rng).unwrap().unwrap() {
            Request::Call { id, http, .. } => {
                let answer = town.relay.send(&http);
                if http.method == "PUT" {
                    break (id, answer);
                }
                let answered = bob.courier.answer(id, answer, now, &mut bob.rng);
                answered.unwrap();
            }
            other => panic!("{other:?}"),
        }
    };
    town.say(0, "bob", "hello");
    town.turn_of(0);
    let bob = &mut town.phones[1];
    let frames = town.relay.frames(bob.connection.unwrap());
    bob.courier.deliver(&frames, now).unwrap();
    bob.courier.answer(id, answer, now, &mut bob.rng).unwrap();
    town.live(15 * MINUTE_MS);
    assert_eq!(town.phones[1].heard("alice"), ["hello"]);
}

#[test]
fn deliveries_that_do_not_open_are_a_reason_to_upload_once_an_hour() {
    let (mut town, lost) = set_back_before_a_rotation(&["alice", "carol", "dave"]);
    let before = uploads(&town);
    for (stranger, uploaded) in [(0, 1), (1, 1)] {
        town.relay.provider.publish(&account("bob"), &lost);
        town.say(stranger, "bob", "hello");
        town.turn();
        town.live(10_000);
        assert_eq!(uploads(&town), before + uploaded, "stranger {stranger}");
    }
    town.live(HOUR_MS);
    town.relay.fail(|asked| {
        let is_upload = asked.is("PUT", "/v1/prekeys");
        is_upload.then(|| ErrorCode::TooManyPreKeys.into())
    });
    let before = uploads(&town);
    town.relay.provider.publish(&account("bob"), &lost);
    for minute in 0..3 * 60 {
        if minute % 5 == 0 {
            town.say(2, "bob", "hello");
        }
        town.live(MINUTE_MS);
    }
    let refused = uploads(&town) - before;
    assert!(
        (2..=6).contains(&refused),
        "{refused} uploads in three hours"
    );
}
