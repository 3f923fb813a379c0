//! Messages that were sealed for another state of the group than the recipient knows.

use waxseal::errors::ReceiveError;
use waxseal::reporting::relay::GroupSlot;
use waxseal::{AcceptedEntry, Advice, GroupNews, GroupPolicy, Notice, Received};
use waxseal_roster::group::GroupOp;
use waxseal_world::{account, snapshot};

use crate::support::first;
use crate::talk::{Queued, Talk};

/// Takes the only delivery that waits for a device.
fn only(talk: &mut Talk, name: &str) -> Queued {
    let mut queue = talk.queues.remove(&first(name)).unwrap();
    assert_eq!(queue.len(), 1);
    queue.pop_front().unwrap()
}

#[test]
fn row_24_chk452_a_message_of_a_newer_state_waits_for_the_news() {
    let mut talk = Talk::of(&["alice", "bob", "carol"]);
    let (alice, bob, group) = (first("alice"), first("bob"), talk.group);
    talk.say_all("alice", "one");
    let entry = talk.net.call(&alice, |client, now, rng| {
        client.remove_member(&group, &account("carol"), now, rng)
    });
    talk.net.post_entry(&alice, &entry.unwrap().unwrap());
    talk.say(&alice, "two");
    let queued = only(&mut talk, "bob");
    let kept = |talk: &mut Talk| -> Vec<_> {
        let records = snapshot(talk.client(&bob)).into_iter();
        let kept = records.filter(|(key, _)| key.table.as_bytes() != b"6");
        kept.collect()
    };
    let before = kept(&mut talk);
    let error = talk.refuses(&bob, &queued);
    assert!(matches!(error, ReceiveError::GroupNews { group: of } if of == group));
    assert_eq!(error.advice(), Advice::FetchRoster);
    assert_eq!(kept(&mut talk), before, "it opens later");
    let upkeep = talk
        .net
        .call(&bob, |client, now, rng| client.upkeep(now, rng));
    assert_eq!(upkeep.unwrap().groups.len(), 1);
    talk.net.fetch(&bob, &group);
    let delivery = talk.hand_out(&bob, &queued);
    let received = talk.client(&bob).receive(&delivery).unwrap();
    assert!(matches!(received, Received::Message { .. }));
}

#[test]
fn chk452_what_comes_with_a_message_of_a_newer_state_is_kept() {
    let mut talk = Talk::of(&["alice", "bob", "carol"]);
    let (alice, bob, group) = (first("alice"), first("bob"), talk.group);
    talk.say(&first("carol"), "one");
    talk.say(&alice, "two");
    let entry = talk.net.call(&alice, |client, now, rng| {
        client.remove_member(&group, &account("carol"), now, rng)
    });
    talk.net.post_entry(&alice, &entry.unwrap().unwrap());
    talk.say(&alice, "three");
    let queue = talk.queues.remove(&bob).unwrap();
    let deliveries: Vec<_> = queue.iter().map(|one| talk.hand_out(&bob, one)).collect();
    let all = deliveries.iter().map(Vec::as_slice);
    let results = talk.client(&bob).receive_many(all).unwrap();
    assert_eq!(results.len(), 3);
    assert!(matches!(results[0], Ok(Received::Message { .. })));
    assert!(matches!(results[1], Ok(Received::Message { .. })));
    assert!(matches!(results[2], Err(ReceiveError::GroupNews { .. })));
    talk.net.fetch(&bob, &group);
    let received = talk.client(&bob).receive(&deliveries[2]).unwrap();
    assert!(matches!(received, Received::Message { .. }));
    let again = talk.client(&bob).receive(&deliveries[1]).unwrap();
    assert!(matches!(again, Received::Duplicate { .. }));
}

#[test]
fn row_23_chk452_a_member_that_was_shown_another_group_is_noticed() {
    let mut talk = Talk::of(&["alice", "bob", "carol"]);
    let (alice, bob, carol, group) = (first("alice"), first("bob"), first("carol"), talk.group);
    talk.say_all("carol", "one");
    talk.say_all("alice", "one");
    // Someone with the key of the admins signs two entries of one version. Carol sees the other.
    let seed = talk.net.seed(&alice, &group).unwrap();
    let policy = GroupPolicy { admins_write: true };
    let other = talk
        .net
        .forge(&seed, &group, "alice", &[GroupOp::Policy(policy)]);
    let key = talk.net.world.key(&carol);
    let now = talk.net.world.now;
    let shown = GroupNews {
        entries: vec![AcceptedEntry::new(&key, &group, other.encode(), now)],
        whole: None,
    };
    let dave = talk.net.world.register("dave");
    talk.net.clients.insert(first("dave"), dave);
    let key_of_dave = talk.net.key("dave");
    let role = waxseal_roster::group::Role::Member;
    let entry = talk.net.forge(
        &seed,
        &group,
        "alice",
        &[GroupOp::add("dave", role, key_of_dave)],
    );
    talk.net.world.post_entry(&alice, &entry.encode()).unwrap();
    talk.net.fetch(&bob, &group);
    let admins_write = talk.client(&carol).take_group_news(&group, &shown, now);
    admins_write.unwrap();
    // Carol may not write any more, so Alice writes, by the state that Carol was shown.
    let same = shown_to(&talk, &group, &other);
    talk.client(&alice)
        .take_group_news(&group, &same, now)
        .unwrap();
    let sealed = talk.seal(&alice, "two");
    let now = talk.net.world.now;
    let queued = talk.collude(&alice, &sealed, &["bob", "carol"], now);
    let error = talk.refuses(&bob, &queued[&bob]);
    assert!(matches!(error, ReceiveError::GroupDiffers), "{error:?}");
    let notices = talk.net.notices(&bob);
    let told = |notice: &Notice| matches!(notice, Notice::GroupSplitView { account: of, .. } if *of == account("alice"));
    assert!(notices.iter().any(told), "{notices:?}");
    let delivery = talk.hand_out(&carol, &queued[&carol]);
    let received = talk.client(&carol).receive(&delivery).unwrap();
    assert!(matches!(received, Received::Message { .. }));
}

fn shown_to(
    talk: &Talk,
    group: &waxseal::GroupId,
    entry: &waxseal_roster::group::SignedEntry,
) -> GroupNews {
    let key = talk.net.world.key(&first("alice"));
    let now = talk.net.world.now;
    GroupNews {
        entries: vec![AcceptedEntry::new(&key, group, entry.encode(), now)],
        whole: None,
    }
}

#[test]
fn chk454_who_may_not_write_any_more_is_heard_for_what_was_accepted_before() {
    let mut talk = Talk::of(&["alice", "bob", "carol"]);
    let (alice, bob, carol, group) = (first("alice"), first("bob"), first("carol"), talk.group);
    let late = talk.seal(&bob, "late");
    let before = talk.net.world.now;
    talk.net.wait(1_000);
    let policy = GroupPolicy { admins_write: true };
    let entry = talk.net.call(&alice, |client, now, rng| {
        client.set_group_policy(&group, policy, now, rng)
    });
    talk.net.post_entry(&alice, &entry.unwrap().unwrap());
    talk.net.fetch(&carol, &group);
    talk.net.wait(1_000);
    talk.prepare(&carol);
    let after = talk.net.world.now;
    let queued = talk.collude(&bob, &late, &["alice", "carol"], after);
    let error = talk.refuses(&carol, &queued[&carol]);
    assert!(matches!(error, ReceiveError::NotMember), "{error:?}");
    let queued = talk.collude(&bob, &late, &["alice", "carol"], before);
    let delivery = talk.hand_out(&carol, &queued[&carol]);
    let received = talk.client(&carol).receive(&delivery).unwrap();
    assert!(matches!(received, Received::Message { .. }));
}

/// The slot of a message was lost, and meanwhile its sender may not write any more.
#[test]
fn chk454_who_may_not_write_any_more_is_heard_for_what_is_sealed_again() {
    let mut talk = Talk::of(&["alice", "bob", "carol"]);
    let (alice, bob, carol, group) = (first("alice"), first("bob"), first("carol"), talk.group);
    let policy = |talk: &mut Talk, admins_write| {
        let policy = GroupPolicy { admins_write };
        let entry = talk.net.call(&alice, |client, now, rng| {
            client.set_group_policy(&group, policy, now, rng)
        });
        talk.net.post_entry(&alice, &entry.unwrap().unwrap());
        talk.net.fetch(&bob, &group);
        talk.net.fetch(&carol, &group);
    };
    let say = |talk: &mut Talk, text: &str| {
        talk.say(&bob, text);
        let queue = talk.queues.get_mut(&carol).unwrap();
        if let Some(Queued::Group(queued)) = queue.front_mut() {
            queued.slot = GroupSlot::Empty;
        }
        talk.deliver(&carol); // her device asks for it
    };
    say(&mut talk, "one");
    policy(&mut talk, true);
    talk.run();
    assert_eq!(talk.shown(&carol), ["bob: one"]);
    assert!(talk.dropped.is_empty(), "{:?}", talk.dropped);
    // The relay says that it accepted another one after that.
    policy(&mut talk, false);
    let late = talk.seal(&bob, "two");
    talk.post(&bob, &late);
    talk.queues.remove(&carol);
    policy(&mut talk, true);
    talk.net.wait(1_000);
    let after = talk.net.world.now;
    let mut queued = talk.collude(&bob, &late, &["alice", "carol"], after);
    let Some(Queued::Group(mut empty)) = queued.remove(&carol) else {
        panic!("nothing for Carol");
    };
    empty.slot = GroupSlot::Empty;
    talk.refuses(&carol, &Queued::Group(empty));
    talk.net.wait(1_000);
    talk.run();
    assert_eq!(talk.shown(&carol), ["bob: one"]);
    assert_eq!(talk.dropped, ["NotMember"]);
}

#[test]
fn chk452_what_is_sealed_again_waits_for_the_news_of_who_may_write() {
    let mut talk = Talk::of(&["alice", "bob", "carol"]);
    let (alice, bob, carol, group) = (first("alice"), first("bob"), first("carol"), talk.group);
    talk.say_all("bob", "one");
    for admins_write in [true, false] {
        let policy = GroupPolicy { admins_write };
        let entry = talk.net.call(&alice, |client, now, rng| {
            client.set_group_policy(&group, policy, now, rng)
        });
        talk.net.post_entry(&alice, &entry.unwrap().unwrap());
        talk.net.fetch(&bob, &group);
        if admins_write {
            talk.net.fetch(&carol, &group);
        }
        talk.net.wait(1);
    }
    // Carol does not know yet that all members write again.
    talk.say(&bob, "two");
    let Queued::Group(mut empty) = only(&mut talk, "carol") else {
        panic!("nothing for Carol");
    };
    empty.slot = GroupSlot::Empty;
    talk.refuses(&carol, &Queued::Group(empty));
    talk.net.attend(&carol);
    talk.net.deliver(&bob);
    talk.net.attend(&bob);
    let (from, again) = talk.net.to_groups.remove(0);
    talk.post(&from, &again);
    let queued = only(&mut talk, "carol");
    let error = talk.refuses(&carol, &queued);
    assert!(matches!(error, ReceiveError::GroupNews { group: of } if of == group));
    talk.net.fetch(&carol, &group);
    let delivery = talk.hand_out(&carol, &queued);
    let received = talk.client(&carol).receive(&delivery).unwrap();
    assert!(matches!(received, Received::Message { .. }));
}
