//! Groups: members that come, go, leave and link devices, and what the relay tells whom.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use waxseal_interface::{ErrorCode, GroupLeave};
use waxseal_reporting::relay::DeliveryKey;
use waxseal_roster::group::{AuthorityChain, GroupLog, GroupOp, GroupPolicy, Role, SignedEntry};
use world::crowd::{Crowd, adding, removing, texts};
use world::family::Family;
use world::{Device, World, code, database, devices};

fn leave(by: &Device, crowd: &Crowd, version: u64) -> Result<(), waxseal_relay::ClientError> {
    by.client.leave_group(by.session(), &crowd.id, version)
}

#[test]
fn chk470_a_removed_member_learns_up_to_its_removal_and_a_stranger_nothing() {
    let world = World::new();
    let [alice, bob, carol, eve] = devices(&world, ["alice", "bob", "carol", "eve"]);
    let mut crowd = Crowd::found(&alice, &[&bob, &carol]);
    let rosters = [&alice, &bob, &carol].map(|device| device.roster.as_ref().unwrap());
    let (_, late) = crowd.seal(&bob, &crowd.targets(&bob, &rosters), "still here?");
    crowd.change(&alice, &[removing(&bob)]);
    let removed_at = crowd.log.state().version();
    for write in [true, false] {
        let policy = GroupOp::Policy(GroupPolicy {
            admins_write: write,
        });
        crowd.change(&alice, &[policy]);
    }
    let news = |by: &Device, after| by.client.group_news(by.session(), &crowd.id, after);
    let versions = |by: &Device, after| {
        let news = news(by, after).unwrap();
        assert!(news.whole.is_none());
        let entries = news.entries.iter();
        let entries = entries.map(|entry| SignedEntry::decode(&entry.entry).unwrap().version());
        entries.collect::<Vec<_>>()
    };
    assert_eq!(versions(&alice, 1), [2, 3, 4]);
    assert_eq!(versions(&alice, 9), [0; 0]);
    assert_eq!(versions(&bob, 0), [1, removed_at]);
    assert_eq!(versions(&bob, removed_at), [0; 0]);
    assert_eq!(code(news(&eve, 0)), ErrorCode::NotMember);
    assert_eq!(code(crowd.post(&bob, &late)), ErrorCode::NotMember);
    crowd.say(&alice, &[&bob, &carol], "without bob").unwrap();
    assert!(texts(&bob).is_empty());
    assert_eq!(texts(&carol), ["without bob"]);
}

#[test]
fn whoever_lacks_many_entries_gets_the_state_with_its_proof() {
    let world = World::new();
    let [alice, bob] = devices(&world, ["alice", "bob"]);
    let mut crowd = Crowd::found(&alice, &[&bob]);
    for change in 0..66 {
        let policy = GroupPolicy {
            admins_write: change % 2 == 0,
        };
        crowd.change(&alice, &[GroupOp::Policy(policy)]);
    }
    let newest = crowd.log.state().version();
    let news = |after| {
        bob.client
            .group_news(bob.session(), &crowd.id, after)
            .unwrap()
    };
    let few = news(newest - 64);
    assert_eq!((few.entries.len(), few.whole), (64, None));
    let many = news(newest - 65);
    let ([entry], Some(whole)) = (&many.entries[..], many.whole) else {
        panic!("no state")
    };
    let entry = SignedEntry::decode(&entry.entry).unwrap();
    let group = crowd.log.state().group();
    let chain = AuthorityChain::decode(&whole.authority_chain, group).unwrap();
    let joined = GroupLog::join(&whole.state, entry, chain).unwrap();
    assert!(joined.state() == crowd.log.state());
    assert!(newest - 65 > 1);
}

#[test]
fn chk471_a_wish_to_leave_of_before_or_of_a_thief_is_of_no_use() {
    let world = World::new();
    let [alice, bob, eve] = devices(&world, ["alice", "bob", "eve"]);
    let mut crowd = Crowd::found(&alice, &[&bob]);
    let before = crowd.log.state().version();
    crowd.change(&alice, &[removing(&bob)]);
    assert_eq!(code(leave(&bob, &crowd, before)), ErrorCode::NotMember);
    crowd.change(&alice, &[adding(&bob, Role::Member)]);
    // Whoever kept the earlier wish cannot use it.
    assert_eq!(code(leave(&bob, &crowd, before)), ErrorCode::NotMember);
    assert_eq!(code(leave(&eve, &crowd, before)), ErrorCode::NotMember);
    // Neither can someone who has only the token.
    let version = crowd.log.state().version();
    let key = DeliveryKey::generate(&mut rand::rng());
    let body = serde_json::to_vec(&GroupLeave::new(&key, &crowd.id, version)).unwrap();
    let path = format!(
        "/v1/groups/{}/leave",
        waxseal_interface::group_text(&crowd.id)
    );
    let json = "application/json";
    let answer = world::request(&world, "POST", &path, bob.token(), json, &body);
    assert_eq!(answer, (403, "not_from_device".to_owned()));
    crowd.say(&alice, &[&bob], "you are here").unwrap();
    assert_eq!(texts(&bob), ["you are here"]);
    leave(&bob, &crowd, version).unwrap();
    leave(&bob, &crowd, version).unwrap();
}

#[test]
fn chk472_a_message_for_an_older_state_is_refused_with_the_news() {
    let world = World::new();
    let [alice, bob, carol] = devices(&world, ["alice", "bob", "carol"]);
    let mut crowd = Crowd::found(&alice, &[&bob]);
    let rosters = [&alice, &bob].map(|device| device.roster.as_ref().unwrap());
    let (_, late) = crowd.seal(&bob, &crowd.targets(&bob, &rosters), "late");
    let known = crowd.log.state().version();
    crowd.change(&alice, &[adding(&carol, Role::Member)]);
    let refused = crowd.post(&bob, &late).unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::GroupMismatch));
    let mismatch = refused.group_mismatch().unwrap();
    let [news] = &mismatch.news.entries[..] else {
        panic!("{mismatch:?}")
    };
    let entry = SignedEntry::decode(&news.entry).unwrap();
    assert_eq!(entry.version(), known + 1);
    let names = mismatch.rosters.iter().map(|claim| claim.name.as_str());
    assert_eq!(names.collect::<Vec<_>>(), ["alice", "bob", "carol"]);
    assert!(texts(&alice).is_empty(), "nothing was stamped");
    let rosters = bob
        .client
        .group_rosters(bob.session(), &crowd.id, &["carol"]);
    let carols = carol.roster.as_ref().unwrap().signed().encode();
    assert_eq!(rosters.unwrap().rosters, [carols]);
    crowd.say(&bob, &[&alice, &carol], "again").unwrap();
    assert_eq!(
        (texts(&alice), texts(&carol)),
        (vec!["again".to_owned()], vec!["again".to_owned()])
    );
}

#[test]
fn chk473_a_message_for_other_devices_than_those_of_the_members_is_refused() {
    let world = World::new();
    let (alice, mut bob) = (world.device("alice"), Family::new(&world, "bob", 2));
    let crowd = Crowd::found(&alice, &[&bob.devices[0]]);
    let own = alice.roster.clone().unwrap();
    let before = bob.roster.clone();
    crowd.send(&alice, &[&own, &before], "to both").unwrap();
    bob.link(world.client());
    let refused = crowd
        .send(&alice, &[&own, &before], "to two of three")
        .unwrap_err();
    let mismatch = refused.group_mismatch().unwrap();
    assert!(mismatch.news.entries.is_empty());
    let claim = mismatch
        .rosters
        .iter()
        .find(|claim| claim.name == "bob")
        .unwrap();
    assert_eq!(
        (claim.epoch, claim.version),
        (bob.roster.epoch(), bob.roster.version())
    );
    crowd.send(&alice, &[&own, &bob.roster], "to all").unwrap();
    // Of Bob's own devices, all others get what one of them sends.
    crowd
        .send(&bob.devices[1], &[&own, &bob.roster], "by the second")
        .unwrap();
    assert_eq!(
        texts(&bob.devices[0]),
        ["to both", "to all", "by the second"]
    );
    assert_eq!(texts(&bob.devices[1]), ["to both", "to all"]);
    assert_eq!(texts(&bob.devices[2]), ["to all", "by the second"]);
    assert_eq!(texts(&alice), ["by the second"]);
    let removed = bob.remove(3);
    assert_eq!(
        code(crowd.send(&removed, &[&own, &bob.roster], "")),
        ErrorCode::Removed
    );
    // Without a slot, or with one of another device, it is not for exactly these.
    let targets = crowd.targets(&alice, &[&own, &bob.roster]);
    let mut fewer = targets.clone();
    fewer.retain(|target| target.device == 1);
    let (_, fanout) = crowd.seal(&alice, &fewer, "to one of two");
    assert_eq!(code(crowd.post(&alice, &fanout)), ErrorCode::GroupMismatch);
    let (_, mut fanout) = crowd.seal(&alice, &targets, "under another digest");
    let slots = fanout.slots().to_vec();
    fanout.retarget([7; 32], slots).unwrap();
    assert_eq!(code(crowd.post(&alice, &fanout)), ErrorCode::GroupMismatch);
}

#[test]
fn chk474_what_is_for_those_who_left_is_dropped_and_no_slot_for_them_is_needed() {
    let world = World::new();
    let [alice, bob, carol, dan] = devices(&world, ["alice", "bob", "carol", "dan"]);
    let mut crowd = Crowd::found(&alice, &[&bob, &carol, &dan]);
    let rosters = [&alice, &bob, &carol, &dan].map(|device| device.roster.as_ref().unwrap());
    let version = crowd.log.state().version();
    leave(&carol, &crowd, version).unwrap();
    leave(&bob, &crowd, version).unwrap();
    // Carol left first: her slot may be missing, or Bob's too, but not Bob's alone.
    let without = |names: &[&str], text: &str| {
        let mut targets = crowd.targets(&alice, &rosters);
        targets.retain(|target| !names.contains(&target.account.as_str()));
        crowd.post(&alice, &crowd.seal(&alice, &targets, text).1)
    };
    without(&[], "all").unwrap();
    without(&["carol"], "without carol").unwrap();
    without(&["bob", "carol"], "without both").unwrap();
    let refused = without(&["bob"], "without bob").unwrap_err();
    assert_eq!(refused.group_mismatch().unwrap().left, ["carol", "bob"]);
    assert_eq!(
        code(without(&["dan"], "without dan")),
        ErrorCode::GroupMismatch
    );
    assert!(texts(&bob).is_empty() && texts(&carol).is_empty());
    assert_eq!(texts(&dan), ["all", "without carol", "without both"]);
    assert_eq!(
        code(crowd.say(&bob, &[&alice, &carol, &dan], "")),
        ErrorCode::NotMember
    );
    assert_eq!(
        code(without(&["carol", "dan"], "")),
        ErrorCode::GroupMismatch
    );
    let rosters_of = bob.client.group_rosters(bob.session(), &crowd.id, &["dan"]);
    assert_eq!(code(rosters_of), ErrorCode::NotMember);
    // Removed and added again, Carol is in the group again.
    crowd.change(&alice, &[removing(&carol), removing(&bob)]);
    crowd.change(&alice, &[adding(&carol, Role::Member)]);
    crowd.say(&alice, &[&carol, &dan], "welcome back").unwrap();
    assert_eq!(texts(&carol), ["welcome back"]);
}

#[test]
fn chk475_only_members_that_may_write_post() {
    let world = World::new();
    let [alice, bob, eve] = devices(&world, ["alice", "bob", "eve"]);
    let mut crowd = Crowd::found(&alice, &[&bob]);
    let rosters = [&alice, &bob].map(|device| device.roster.as_ref().unwrap());
    let (_, by_bob) = crowd.seal(&bob, &crowd.targets(&bob, &rosters), "by a stranger");
    assert_eq!(code(crowd.post(&eve, &by_bob)), ErrorCode::NotMember);
    // What Bob posted is no request of Eve's.
    let posted = by_bob.post(&bob.delivery_key, &bob.me, world::now());
    let sent = eve.client.send_to_group(eve.session(), &crowd.id, &posted);
    assert_eq!(code(sent), ErrorCode::NotFromDevice);
    let other = Crowd::found(&bob, &[&alice]);
    let sent = bob.client.send_to_group(bob.session(), &other.id, &posted);
    assert_eq!(code(sent), ErrorCode::Malformed);
    let policy = GroupPolicy { admins_write: true };
    crowd.change(&alice, &[GroupOp::Policy(policy)]);
    assert_eq!(
        code(crowd.say(&bob, &[&alice], "no admin")),
        ErrorCode::MayNotWrite
    );
    crowd.say(&alice, &[&bob], "an admin").unwrap();
    assert!(texts(&alice).is_empty());
    assert_eq!(texts(&bob), ["an admin"]);
    let entry = crowd.entry(&alice, &[adding(&eve, Role::Member)]);
    crowd.put(&alice, &entry).unwrap();
}

#[test]
fn chk476_prekeys_of_fellow_members_have_a_budget_of_their_own() {
    let world = World::new();
    let [alice, bob, carol] = devices(&world, ["alice", "bob", "carol"]);
    for device in [&bob, &carol] {
        let base = device.base(b"base");
        device
            .client
            .put_prekeys(device.session(), &base, &[])
            .unwrap();
    }
    let crowd = Crowd::found(&alice, &[&bob]);
    let ask = |of: &Device| world::bundle(&alice.client, alice.session(), &of.me.account);
    let mut asked = 0;
    while ask(&carol).is_ok() {
        asked += 1;
        assert!(asked < 20_000);
    }
    // Requests of any kind come back faster than rosters.
    std::thread::sleep(std::time::Duration::from_millis(200));
    let answers: Vec<_> = (0..5).map(|_| (ask(&carol), ask(&bob))).collect();
    assert!(answers.iter().any(|(strangers, _)| strangers.is_err()));
    assert!(answers.iter().all(|(_, fellows)| fellows.is_ok()));
    // Who left is no fellow any more, so nobody adds others to a group to get their prekeys.
    leave(&bob, &crowd, 1).unwrap();
    let answers: Vec<_> = (0..5).map(|_| (ask(&carol), ask(&bob))).collect();
    assert!(answers.iter().any(|(_, left)| left.is_err()));
}

#[test]
fn chk477_only_members_get_rosters_and_only_those_of_members() {
    let world = World::new();
    let [alice, bob, eve] = devices(&world, ["alice", "bob", "eve"]);
    let crowd = Crowd::found(&alice, &[&bob]);
    let ask = |by: &Device, names: &[&str]| by.client.group_rosters(by.session(), &crowd.id, names);
    let all = ask(&bob, &["alice", "eve", "nobody", "bob"]).unwrap();
    let expected = [&alice, &bob].map(|device| device.roster.as_ref().unwrap().signed().encode());
    assert_eq!(all.rosters, expected);
    assert_eq!(code(ask(&eve, &["alice"])), ErrorCode::NotMember);
    assert_eq!(code(ask(&bob, &["alice"; 65])), ErrorCode::Malformed);
    assert_eq!(code(ask(&bob, &["al ice"])), ErrorCode::BadName);
    let queued = "SELECT count(*) FROM queue";
    let queued: i64 = database(&world)
        .query_row(queued, [], |row| row.get(0))
        .unwrap();
    assert_eq!(queued, 0);
}
