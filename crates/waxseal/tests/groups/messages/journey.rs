//! From founding a group to reading what everyone wrote.

use waxseal::reporting::message::Content;
use waxseal::{Direction, Disclosure, GroupStanding, Reason, Status};

use crate::support::{Net, at, first};
use crate::talk::Talk;

const NAMES: [&str; 3] = ["alice", "bob", "carol"];

#[test]
fn every_member_reads_what_every_member_writes() {
    let mut talk = Talk::of(&NAMES);
    for (name, text) in [
        ("alice", "one"),
        ("bob", "two"),
        ("carol", "three"),
        ("alice", "four"),
    ] {
        talk.say_all(name, text);
    }
    let (alice, bob, carol) = (first("alice"), first("bob"), first("carol"));
    assert_eq!(talk.shown(&alice), ["bob: two", "carol: three"]);
    assert_eq!(
        talk.shown(&bob),
        ["alice: one", "carol: three", "alice: four"]
    );
    assert_eq!(
        talk.shown(&carol),
        ["alice: one", "bob: two", "alice: four"]
    );
    assert!(talk.dropped.is_empty(), "{:?}", talk.dropped);
    let group = talk.group;
    let outbox = talk
        .client(&alice)
        .outbox(None, 10, waxseal_world::NOW)
        .unwrap();
    assert!(outbox.items.is_empty());
    let messages = talk.client(&alice).messages(group, None, 10).unwrap().items;
    let texts: Vec<_> = messages
        .iter()
        .map(|one| (one.direction(), one.text()))
        .collect();
    let (sent, received) = (Direction::Sent, Direction::Received);
    assert_eq!(
        texts,
        [
            (sent, Some("one")),
            (received, Some("two")),
            (received, Some("three")),
            (sent, Some("four"))
        ]
    );
    assert_eq!(messages[0].status(), Some(Status::Accepted));
}

#[test]
fn all_devices_of_all_members_get_each_message_once() {
    let mut net = Net::of(&NAMES);
    net.link("alice");
    net.link("bob");
    let group = net.found(&first("alice"));
    net.join(&group, "alice", "bob");
    net.join(&group, "alice", "carol");
    let mut talk = Talk::in_group(net, group);
    talk.run();
    talk.say(&at("bob", 2), "hello");
    talk.run();
    assert_eq!(talk.shown(&at("bob", 1)), ["> hello"]);
    for device in [at("alice", 1), at("alice", 2), at("carol", 1)] {
        assert_eq!(talk.shown(&device), ["bob: hello"]);
    }
    talk.say(&at("alice", 2), "hi");
    talk.run();
    assert_eq!(talk.shown(&at("alice", 1)), ["bob: hello", "> hi"]);
    assert_eq!(talk.shown(&at("bob", 2)), ["alice: hi"]);
}

#[test]
fn messages_wait_for_the_network_and_go_on_with_one_chain() {
    let mut talk = Talk::of(&NAMES);
    let alice = first("alice");
    let sealed: Vec<_> = ["one", "two", "three"]
        .map(|text| talk.seal(&alice, text))
        .into();
    let now = talk.net.world.now;
    let waiting = talk.client(&alice).outbox(None, 10, now).unwrap().items;
    assert_eq!(waiting.len(), 3);
    // Without the keys of the first, the others are short.
    assert!(sealed[1].envelope.len() + 300 < sealed[0].envelope.len());
    for outgoing in &waiting {
        talk.post(&alice, outgoing);
    }
    talk.run();
    assert_eq!(
        talk.shown(&first("bob")),
        ["alice: one", "alice: two", "alice: three"]
    );
    // Everything was accepted, so the next message begins another chain.
    let next = talk.seal(&alice, "four");
    assert!(next.envelope.len() > sealed[1].envelope.len() + 300);
    talk.post(&alice, &next);
    talk.run();
    assert_eq!(talk.shown(&first("carol")).len(), 4);
}

#[test]
fn a_member_that_joins_later_reads_what_is_written_later() {
    let (net, group) = Net::of_group(&["alice", "bob"]);
    let mut talk = Talk::in_group(net, group);
    talk.say_all("alice", "before");
    let carol = talk.net.world.register("carol");
    talk.net.clients.insert(first("carol"), carol);
    talk.net.join(&group, "alice", "carol");
    // Bob does not know yet that Carol is there.
    talk.say(&first("bob"), "after");
    talk.run();
    assert_eq!(talk.shown(&first("carol")), ["bob: after"]);
    talk.say_all("carol", "thanks");
    assert_eq!(
        talk.shown(&first("bob")),
        ["alice: before", "carol: thanks"]
    );
}

#[test]
fn a_member_says_that_it_leaves_and_is_removed() {
    let mut talk = Talk::of(&NAMES);
    let (bob, group) = (first("bob"), talk.group);
    talk.say_all("alice", "one");
    let leave = talk.seal(&bob, Content::GroupLeave);
    assert_eq!(talk.net.standing(&bob, &group), Some(GroupStanding::Left));
    talk.post(&bob, &leave);
    talk.run();
    talk.net.fetch(&first("carol"), &group);
    talk.say_all("carol", "two");
    assert_eq!(
        talk.net.members(&first("carol"), &group),
        ["alice", "carol"]
    );
    assert_eq!(talk.shown(&bob), ["alice: one"]);
    assert_eq!(talk.shown(&first("alice")), ["carol: two"]);
}

#[test]
fn a_profile_is_a_message_to_the_group() {
    let mut talk = Talk::of(&NAMES);
    let (bob, group) = (first("bob"), talk.group);
    talk.prepare(&bob);
    let sealed = talk.net.call(&bob, |client, now, rng| {
        client.set_group_profile(&group, "Hikers", b"picture", now, rng)
    });
    talk.post(&bob, &sealed.unwrap());
    talk.run();
    for name in NAMES {
        let info = talk.net.info(&first(name), &group);
        assert_eq!(
            (info.title.as_str(), info.picture.as_slice()),
            ("Hikers", &b"picture"[..])
        );
    }
}

#[test]
fn messages_of_several_members_are_reported_together() {
    let mut talk = Talk::of(&NAMES);
    let group = talk.group;
    let ids = [
        talk.say_all("bob", "spam"),
        talk.say_all("carol", "why?"),
        talk.say_all("alice", "stop"),
    ];
    let messages = ids.map(|id| (id, Disclosure::Whole));
    let draft = talk
        .client(&first("alice"))
        .draft_report(group, Reason::Spam, messages)
        .unwrap();
    let (world, clients) = (&mut talk.net.world, &mut talk.net.clients);
    let key = world.moderation.public_key();
    let client = clients.get_mut(&first("alice")).unwrap();
    let report = client.report(&draft, key, &mut world.rng).unwrap().report;
    let verified = world.verify(&report).unwrap();
    assert_eq!(verified.messages().len(), 3);
}
