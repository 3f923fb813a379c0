//! Talking in a group: every device of every member hears everything, once, and can report it.

use waxseal::courier::Event;
use waxseal::{Content, FrankingTag, GroupId, GroupStanding, NotDelivered, Status};
use waxseal_interface::ErrorCode;
use waxseal_world::{Asked, Fault, account};

use super::text;
use crate::phone::{DAY_MS, HOUR_MS, MINUTE_MS, Phone, Town};

fn posts(town: &Town) -> usize {
    let is_post =
        |asked: &&Asked| asked.is("POST", "/v1/groups") && asked.path.ends_with("/messages");
    town.relay.asked.iter().filter(is_post).count()
}

fn heard(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let pairs = pairs.iter();
    pairs
        .map(|(from, text)| ((*from).to_owned(), (*text).to_owned()))
        .collect()
}

/// Alice and Bob are in a group. Carol came, and nobody told Bob.
fn with_newcomer() -> (Town, GroupId) {
    let (mut town, group) = Town::with_group(&["alice", "bob"]);
    town.phones.push(Phone::new("carol", 3));
    town.turn();
    town.bring_in(0, &group, "carol", 2);
    (town, group)
}

#[test]
fn three_accounts_of_which_one_has_two_devices_talk_and_report() {
    let mut town = Town::registered(&["alice", "bob", "carol"]);
    let laptop = town.link_new(0, 50);
    let group = town.found(0);
    town.bring_in(0, &group, "bob", 1);
    town.bring_in(0, &group, "carol", 2);
    town.live(HOUR_MS);
    assert_eq!(
        town.phones[laptop].members(&group),
        ["alice", "bob", "carol"]
    );
    town.relay.asked.clear();
    town.phones
        .iter_mut()
        .for_each(|phone| phone.events.clear());
    let hello = town.say_in(0, &group, text("hello"));
    town.live(MINUTE_MS);
    let from_laptop = town.say_in(laptop, &group, text("from the laptop"));
    town.live(MINUTE_MS);
    let from_bob = town.say_in(1, &group, text("hi"));
    town.live(MINUTE_MS);
    assert_eq!(
        town.phones[2].heard_in(&group),
        heard(&[
            ("alice", "hello"),
            ("alice", "from the laptop"),
            ("bob", "hi")
        ])
    );
    assert_eq!(
        town.phones[1].heard_in(&group),
        heard(&[("alice", "hello"), ("alice", "from the laptop")])
    );
    for phone in [0, laptop] {
        assert_eq!(town.phones[phone].heard_in(&group), heard(&[("bob", "hi")]));
        assert_eq!(town.phones[phone].in_group(&group).len(), 3);
    }
    for phone in &town.phones {
        assert_eq!(phone.outbox(), 0);
        assert!(phone.troubles().is_empty(), "{:?}", phone.troubles());
        let asked = |event: &Event| matches!(event, Event::AskedAgain { .. });
        assert_eq!(phone.count(asked), 0, "{} {:?}", phone.name(), phone.events);
    }
    for name in ["alice", "bob", "carol"] {
        assert_eq!(town.relay.queued(&account(name)), 0);
    }
    // Each message is posted once, for all of them. Its author reports it, too.
    assert_eq!(posts(&town), 3);
    town.report(2, &group, &[hello, from_laptop, from_bob]);
    town.report(0, &group, &[from_bob]);
    town.report(laptop, &group, &[hello]);
}

#[test]
fn a_member_learns_of_another_one_when_it_writes_and_its_message_reaches_all() {
    let (mut town, group) = with_newcomer();
    assert_eq!(town.phones[1].members(&group), ["alice", "bob"]);
    town.phones[1].events.clear();
    let id = town.say_in(1, &group, text("who is here?"));
    town.live(MINUTE_MS);
    for who in [0, 2] {
        let all = heard(&[("bob", "who is here?")]);
        assert_eq!(town.phones[who].heard_in(&group), all);
    }
    let bob = &town.phones[1];
    let message = bob.courier.client().message(&group, &id).unwrap().unwrap();
    assert_eq!(message.status(), Some(Status::Accepted));
    let updates = bob.updates();
    assert_eq!(updates.len(), 1, "{:?}", bob.events);
    let step = &updates[0].steps[0];
    assert_eq!(step.by, Some(account("alice")));
    assert_eq!(step.added, [account("carol")]);
    assert_eq!(
        bob.count(|event| matches!(event, Event::Accepted { .. })),
        1
    );
    assert_eq!(posts(&town), 2);
}

#[test]
fn a_message_does_not_wait_for_the_roster_of_a_member_that_went() {
    let (mut town, group) = with_newcomer();
    // Bob hears that Carol came, and learns nothing of her devices before she goes.
    town.relay.fail(|asked| {
        let is_asking = asked.is("POST", "/v1/groups") && asked.path.ends_with("/rosters");
        is_asking.then_some(Fault::RequestLost)
    });
    town.phones[1].courier.ask_group(&group);
    town.live(MINUTE_MS);
    assert_eq!(town.phones[1].members(&group), ["alice", "bob", "carol"]);
    let (now, carol) = (town.now(), account("carol"));
    let alice = &mut town.phones[0];
    let removed = alice
        .courier
        .remove_member(&group, &carol, now, &mut alice.rng);
    removed.unwrap();
    town.live(MINUTE_MS);
    town.relay.work();
    town.say_in(1, &group, text("who is here?"));
    town.live(10 * MINUTE_MS);
    let all = heard(&[("bob", "who is here?")]);
    assert_eq!(town.phones[0].heard_in(&group), all);
    assert_eq!(town.phones[1].members(&group), ["alice", "bob"]);
}

#[test]
fn a_relay_that_hands_out_other_rosters_than_were_asked_for_is_asked_once_an_hour() {
    let (mut town, group) = with_newcomer();
    let rosters = vec![town.relay.provider.roster(&account("alice"))];
    let body = serde_json::to_vec(&waxseal_interface::GroupRosters { rosters }).unwrap();
    let is_asking =
        |asked: &Asked| asked.is("POST", "/v1/groups") && asked.path.ends_with("/rosters");
    town.relay.fail(move |asked| {
        is_asking(asked).then(|| Fault::Answered {
            status: 200,
            body: body.clone(),
            headers: Vec::new(),
        })
    });
    town.relay.asked.clear();
    town.phones[1].courier.ask_group(&group);
    town.live(10 * MINUTE_MS);
    let asked = town.relay.asked.iter().filter(|asked| is_asking(asked));
    assert_eq!(asked.count(), 1);
}

#[test]
fn a_device_that_was_offline_while_the_group_changed_hears_everything_when_it_is_back() {
    let (mut town, group) = Town::with_group(&["alice", "bob", "carol"]);
    let mut bob = town.phones.remove(1);
    bob.courier.disconnected();
    town.say_in(0, &group, text("one"));
    town.live(HOUR_MS);
    let now = town.now();
    let alice = &mut town.phones[0];
    let (carol, rng) = (account("carol"), &mut alice.rng);
    alice.courier.promote(&group, &carol, now, rng).unwrap();
    town.live(HOUR_MS);
    town.say_in(1, &group, text("two"));
    town.live(DAY_MS);
    town.phones.insert(1, bob);
    town.live(HOUR_MS);
    let all = heard(&[("alice", "one"), ("carol", "two")]);
    assert_eq!(town.phones[1].heard_in(&group), all);
    assert_eq!(town.phones[1].info(&group).version, 4);
    assert_eq!(town.relay.queued(&account("bob")), 0);
    town.say_in(1, &group, text("three"));
    town.live(MINUTE_MS);
    assert_eq!(town.phones[2].heard_in(&group).len(), 2);
}

#[test]
fn a_device_that_is_linked_later_is_in_the_groups_of_its_account() {
    let (mut town, group) = Town::with_group(&["alice", "bob"]);
    town.say_in(1, &group, text("before"));
    town.live(MINUTE_MS);
    let laptop = town.link_new(0, 50);
    town.say_in(1, &group, text("at once"));
    town.live(HOUR_MS);
    town.say_in(1, &group, text("after"));
    town.live(MINUTE_MS);
    town.say_in(laptop, &group, text("from the laptop"));
    town.live(MINUTE_MS);
    let laptop = &town.phones[laptop];
    assert_eq!(laptop.standing(&group), Some(GroupStanding::Member));
    assert_eq!(
        laptop.heard_in(&group),
        heard(&[("bob", "at once"), ("bob", "after")])
    );
    assert_eq!(
        town.phones[1].heard_in(&group),
        heard(&[("alice", "from the laptop")])
    );
    assert_eq!(town.phones[0].heard_in(&group).len(), 3);
    assert_eq!(town.relay.queued(&account("alice")), 0);
}

#[test]
fn what_is_written_before_the_first_sign_in_waits_and_is_sent_in_order() {
    let (mut town, group) = Town::with_group(&["alice", "bob"]);
    town.phones[0].restart();
    let first = town.say_in(0, &group, text("one"));
    let second = town.say_in(0, &group, text("two"));
    let held = town.phones[0].courier.client().held(&group).unwrap();
    assert_eq!(held, [first, second]);
    assert_eq!(town.phones[0].outbox(), 0);
    town.phones[0].restart();
    town.live(MINUTE_MS);
    assert_eq!(
        town.phones[1].heard_in(&group),
        heard(&[("alice", "one"), ("alice", "two")])
    );
    assert!(
        town.phones[0]
            .courier
            .client()
            .held(&group)
            .unwrap()
            .is_empty()
    );
    town.report(1, &group, &[first, second]);
}

#[test]
fn another_title_is_a_message_that_every_member_takes() {
    let (mut town, group) = Town::with_group(&["alice", "bob"]);
    assert_eq!(town.phones[1].info(&group).title, "Hiking");
    let now = town.now();
    let bob = &mut town.phones[1];
    let set = bob
        .courier
        .set_group_profile(&group, "Walks", b"", now, &mut bob.rng);
    let id = set.unwrap();
    town.live(MINUTE_MS);
    for phone in &town.phones {
        assert_eq!(phone.info(&group).title, "Walks");
    }
    let is_profile = |event: &Event| {
        let Event::Message { message, .. } = event else {
            return false;
        };
        matches!(message.content(), Content::GroupProfile { .. })
    };
    assert_eq!(town.phones[0].count(is_profile), 1);
    town.report(0, &group, &[id]);
}

#[test]
fn the_other_devices_of_the_founder_learn_the_title_from_an_invitation() {
    let mut town = Town::registered(&["alice", "bob"]);
    let laptop = town.link_new(0, 50);
    town.live(MINUTE_MS);
    let group = town.found(0);
    town.live(HOUR_MS);
    assert_eq!(town.phones[laptop].info(&group).title, "");
    town.bring_in(0, &group, "bob", 1);
    for who in [laptop, 0, 1] {
        assert_eq!(town.phones[who].info(&group).title, "Hiking");
    }
}

#[test]
fn a_relay_that_names_other_devices_for_ever_is_answered_three_times() {
    let (mut town, group) = Town::with_group(&["alice", "bob"]);
    town.relay.asked.clear();
    town.relay.fail(|asked| {
        let is_post = asked.path.ends_with("/messages") && asked.is("POST", "/v1/groups");
        let mut body = waxseal_interface::ErrorBody::of_code(ErrorCode::GroupMismatch);
        body.group_mismatch = Some(Box::default());
        is_post.then_some(Fault::Refused(body))
    });
    let id = town.say_in(0, &group, text("hello?"));
    town.live(HOUR_MS);
    assert_eq!(posts(&town), 4);
    let given_up = |event: &Event| {
        matches!(event, Event::NotDelivered { id: one, reason: NotDelivered::Targets, .. }
            if *one == id)
    };
    assert_eq!(town.phones[0].count(given_up), 1);
    assert_eq!(town.phones[0].outbox(), 0);
    town.relay.work();
    let now = town.now();
    let alice = &mut town.phones[0];
    let client = alice.courier.client_mut();
    client.send_again(&group, &id, now, &mut alice.rng).unwrap();
    town.live(MINUTE_MS);
    assert_eq!(
        town.phones[1].heard_in(&group),
        heard(&[("alice", "hello?")])
    );
}

/// Alice writes, and neither Bob nor Carol can open it. Alice is away until both asked for it.
fn asked_by_both(town: &mut Town, group: &GroupId) -> FrankingTag {
    for who in [1, 2] {
        let client = town.phones[who].courier.client_mut();
        client.reset_peer(&account("alice")).unwrap();
    }
    let id = town.say_in(0, group, text("one"));
    town.turn_of(0);
    let mut alice = town.phones.remove(0);
    alice.courier.disconnected();
    town.live(MINUTE_MS);
    let asked = |event: &Event| matches!(event, Event::AskedAgain { .. });
    for phone in &town.phones {
        assert_eq!(phone.count(asked), 1, "{:?}", phone.events);
    }
    town.phones.insert(0, alice);
    id
}

#[test]
fn what_several_devices_ask_for_is_sealed_for_one_right_after_the_other() {
    let (mut town, group) = Town::with_group(&["alice", "bob", "carol"]);
    let id = asked_by_both(&mut town, &group);
    town.live(MINUTE_MS);
    for who in [1, 2] {
        let all = heard(&[("alice", "one")]);
        assert_eq!(town.phones[who].heard_in(&group), all);
    }
    let client = town.phones[0].courier.client();
    let message = client.message(&group, &id).unwrap().unwrap();
    assert_eq!(message.status(), Some(Status::Accepted));
}

#[test]
fn what_is_refused_for_one_device_is_sealed_again_for_the_others() {
    for code in [ErrorCode::OtherTarget, ErrorCode::TooOldToReseal] {
        for (name, other) in [("bob", 2), ("carol", 1)] {
            let (mut town, group) = Town::with_group(&["alice", "bob", "carol"]);
            let id = asked_by_both(&mut town, &group);
            let path = format!("/v1/reseals/{name}");
            town.relay
                .fail(move |asked| asked.is("POST", &path).then(|| code.into()));
            town.live(MINUTE_MS);
            let all = heard(&[("alice", "one")]);
            assert_eq!(town.phones[other].heard_in(&group), all, "{name}");
            assert!(town.phones[3 - other].heard_in(&group).is_empty());
            let alice = &town.phones[0];
            assert_eq!(alice.outbox(), 0);
            let told = |event: &Event| matches!(event, Event::NotDelivered { .. });
            assert_eq!(alice.count(told), 0);
            let message = alice.courier.client().message(&group, &id);
            let status = message.unwrap().unwrap().status();
            assert_eq!(status, Some(Status::Accepted));
        }
    }
}
