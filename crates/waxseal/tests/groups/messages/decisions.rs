//! The design's decisions on groups, by their numbers: those that the tests of attacks and of
//! single checks do not name.

use waxseal::reporting::message::{AttachmentKey, Content, WholeFile};
use waxseal::reporting::relay::PostedGroup;
use waxseal::{DeviceAddress, Draft, Outgoing};
use waxseal_roster::group::{GroupOp, Role};
use waxseal_world::{BareDevice, account};

use super::thief::{identity, own_chain_of};
use crate::support::first;
use crate::talk::Talk;

const NAMES: [&str; 3] = ["alice", "bob", "carol"];
const DAY_MS: u64 = 24 * 3_600_000;

/// The number of the chain on which a device sends.
fn chain_number(talk: &Talk, device: &DeviceAddress) -> u32 {
    let owner = identity(talk, device);
    let client = &talk.net.clients[device];
    own_chain_of(client, &talk.group, &owner).0.number
}

fn outbox(talk: &mut Talk, device: &DeviceAddress) -> Vec<Outgoing> {
    let now = talk.net.world.now;
    talk.client(device).outbox(None, 9, now).unwrap().items
}

fn remove(talk: &mut Talk, name: &str) {
    let (alice, group) = (first("alice"), talk.group);
    let entry = talk.net.call(&alice, |client, now, rng| {
        client.remove_member(&group, &account(name), now, rng)
    });
    talk.net.post_entry(&alice, &entry.unwrap().unwrap());
}

/// How many slots a message has.
fn slots(talk: &Talk, from: &DeviceAddress, outgoing: &Outgoing) -> usize {
    let posted = PostedGroup::decode(&outgoing.envelope).unwrap();
    let (key, now) = (talk.net.world.key(from), talk.net.world.now);
    posted.authenticate(&key, from, now).unwrap().slots()
}

#[test]
fn item_02_what_was_not_accepted_is_sealed_again_when_its_chain_was_left() {
    let mut talk = Talk::of(&NAMES);
    let alice = first("alice");
    let before = [talk.seal(&alice, "one"), talk.seal(&alice, "two")];
    let chain = chain_number(&talk, &alice);
    remove(&mut talk, "carol");
    // The next message is on another chain, and so are those that wait.
    talk.seal(&alice, "three");
    assert_eq!(chain_number(&talk, &alice), chain + 1);
    let waiting = outbox(&mut talk, &alice);
    assert_eq!(waiting.len(), 3);
    for (old, new) in before.iter().zip(&waiting) {
        assert_eq!(old.id, new.id);
        let body = |outgoing: &Outgoing| outgoing.envelope[300..364].to_vec();
        assert_ne!(body(old), body(new), "it has another body");
    }
    for outgoing in &waiting {
        talk.post(&alice, outgoing);
    }
    talk.run();
    assert_eq!(
        talk.shown(&first("bob")),
        ["alice: one", "alice: two", "alice: three"]
    );
    assert_eq!(chain_number(&talk, &alice), chain + 1);
}

#[test]
fn item_03_who_has_the_chain_counts_from_sealing_whatever_the_relay_answers() {
    let mut talk = Talk::of(&["alice", "bob", "carol", "dave"]);
    let alice = first("alice");
    let one = talk.seal(&alice, "one"); // its keys are for Dave, too
    let chain = chain_number(&talk, &alice);
    remove(&mut talk, "dave");
    assert!(talk.try_post(&alice, &one).is_err(), "Dave is no target");
    let two = talk.seal(&alice, "two");
    assert_eq!(chain_number(&talk, &alice), chain + 1);
    let waiting = outbox(&mut talk, &alice);
    assert_eq!((waiting[0].id, waiting[1].id), (one.id, two.id));
    for outgoing in &waiting {
        talk.post(&alice, outgoing);
    }
    talk.run();
    assert_eq!(talk.shown(&first("bob")), ["alice: one", "alice: two"]);
    assert!(talk.shown(&first("dave")).is_empty());
}

#[test]
fn item_05_a_leaver_needs_no_slot_from_who_knows_and_may_have_one_from_others() {
    let mut talk = Talk::of(&NAMES);
    let (alice, bob, carol) = (first("alice"), first("bob"), first("carol"));
    let leave = talk.seal(&bob, Content::GroupLeave);
    talk.post(&bob, &leave);
    talk.deliver(&alice);
    talk.net.attend(&bob); // the provider knows
    let by_alice = talk.seal(&alice, "without Bob");
    let by_carol = talk.seal(&carol, "with Bob");
    assert_eq!(slots(&talk, &alice, &by_alice), 1);
    assert_eq!(slots(&talk, &carol, &by_carol), 2);
    talk.try_post(&alice, &by_alice).unwrap();
    talk.try_post(&carol, &by_carol).unwrap();
    assert!(!talk.queues.contains_key(&bob), "nothing is for him");
    talk.deliver(&carol);
    talk.deliver(&alice);
    assert_eq!(talk.shown(&alice), ["carol: with Bob"]);
    assert_eq!(talk.shown(&carol), ["alice: without Bob"]);
    assert_eq!(talk.retargeted, 0);
}

#[test]
fn item_05_a_leaver_of_whom_the_provider_does_not_know_stays_a_target() {
    let mut talk = Talk::of(&NAMES);
    let (alice, bob, group) = (first("alice"), first("bob"), talk.group);
    let leave = talk.seal(&bob, Content::GroupLeave);
    talk.post(&bob, &leave);
    talk.deliver(&alice); // Bob's device is lost before it tells the provider
    for text in ["one", "two"] {
        let sealed = talk.seal(&alice, text);
        talk.post(&alice, &sealed);
        assert_eq!(talk.retargeted, 1, "once");
        assert_eq!(talk.queues[&bob].len(), 1);
        talk.queues.remove(&bob);
    }
    // Later he tells it from another device.
    talk.net.world.leave_group(&bob.account, &group);
    let sealed = talk.seal(&alice, "three");
    talk.post(&alice, &sealed);
    assert_eq!(talk.retargeted, 1);
    assert!(!talk.queues.contains_key(&bob), "nothing is for him");
}

#[test]
fn item_11_a_device_that_only_reads_tells_each_peer_at_most_once_a_day() {
    let mut talk = Talk::of(&NAMES);
    let bob = first("bob");
    let mut told = Vec::new();
    for day in 0..20 {
        for text in 0..3 {
            talk.say(&first("alice"), &format!("{day} {text}"));
        }
        talk.deliver(&bob);
        let mut today = 0;
        for _ in 0..3 {
            let upkeep = talk
                .net
                .call(&bob, |client, now, rng| client.upkeep(now, rng))
                .unwrap();
            for outgoing in &upkeep.outgoing {
                today += usize::from(outgoing.to == account("alice"));
                talk.net.post(&bob, outgoing);
            }
        }
        assert!(today <= 1, "day {day}: {today}");
        told.push(today);
        talk.net.deliver(&first("alice"));
        talk.net.wait(DAY_MS);
    }
    let all: usize = told.iter().sum();
    assert!((1..=3).contains(&all), "once a week: {told:?}");
    assert_eq!(talk.shown(&bob).len(), 60);
}

/// A group of many accounts that this device does not know yet.
#[test]
fn item_14_sessions_with_many_members_are_begun_in_batches() {
    let mut talk = Talk::of(&["alice", "bob"]);
    let (alice, bob, group) = (first("alice"), first("bob"), talk.group);
    let names: Vec<_> = (0..260).map(|number| format!("m{number:03}")).collect();
    let mut ops = Vec::new();
    for name in &names {
        let member = BareDevice::new(&mut talk.net.world, name);
        let key = member.account_key.public();
        ops.push(GroupOp::add(name, Role::Member, key));
    }
    let seed = talk.net.seed(&alice, &group).unwrap();
    for ops in ops.chunks(64) {
        let entry = talk.net.forge(&seed, &group, "alice", ops);
        talk.net.world.post_entry(&alice, &entry.encode()).unwrap();
    }
    talk.net.fetch(&bob, &group);
    let unknown = talk.client(&bob).members_without_roster(&group).unwrap();
    assert_eq!(unknown.len(), 260);
    let now = talk.net.world.now;
    for names in unknown.chunks(64) {
        let rosters = talk.net.world.group_rosters(&bob, &group, names);
        let taken = talk
            .client(&bob)
            .take_group_rosters(&group, &rosters, now)
            .unwrap();
        assert_eq!(taken, names.len());
    }
    let wanted = talk.client(&bob).missing(group, now).unwrap();
    assert_eq!(wanted.len(), 256);
    assert!(wanted.iter().all(|one| one.devices.len() == 1));
    // Without them, the message goes to those with a session, and names the others.
    let sealed = talk.try_seal(&bob, "hello").unwrap();
    assert_eq!(sealed.without.len(), 260);
}

#[test]
fn item_16_all_kinds_of_content_work_in_groups() {
    let mut talk = Talk::of(&NAMES);
    let group = talk.group;
    let hello = talk.say_all("alice", "helo");
    let react = |with: &str| Content::Reaction {
        to: hello,
        reaction: with.to_owned(),
    };
    let edit = Content::Edit {
        of: hello,
        text: "hello".to_owned(),
    };
    let poll = Content::Application {
        kind: "poll/1".to_owned(),
        body: vec![1, 2, 3],
    };
    let key = AttachmentKey::from_bytes([7; 32]);
    let photo = WholeFile::new("image/jpeg", b"a bicycle", b"sealed", key, "blob/1").unwrap();
    let caption = Content::Text("look".to_owned());
    let said = [
        ("bob", Draft::from(react("+1"))),
        ("carol", Draft::from(react("-1"))),
        ("alice", Draft::from(edit.clone())),
        ("carol", Draft::from(poll.clone())),
        ("alice", Draft::from(Content::Deletion { of: hello })),
        ("bob", Draft::new(caption.clone()).attach(photo)),
    ];
    for (name, draft) in said {
        let sealed = talk.seal(&first(name), draft);
        talk.post(&first(name), &sealed);
        talk.run();
    }
    // Each member has all of it, from whom it came.
    let expected = [
        ("bob", react("+1")),
        ("carol", react("-1")),
        ("alice", edit),
        ("carol", poll),
        ("alice", Content::Deletion { of: hello }),
        ("bob", caption),
    ];
    for name in NAMES {
        let messages = talk.client(&first(name)).messages(group, None, 20).unwrap();
        let kept: Vec<_> = messages.items.iter().skip(1).collect();
        assert_eq!(kept.len(), expected.len(), "{name}");
        for (message, (from, content)) in kept.iter().zip(&expected) {
            assert_eq!(message.sender(), &first(from));
            assert_eq!(message.content(), content);
        }
        assert_eq!(kept[5].attachments().len(), 1);
    }
}
