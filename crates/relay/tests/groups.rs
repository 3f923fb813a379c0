//! Groups: who founds and changes them, and who gets messages, news and rosters.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use waxseal_interface::ErrorCode;
use waxseal_roster::group::{AuthoritySeed, GroupLog, GroupOp, Role, SignedEntry};
use world::crowd::{Crowd, accepted_ms, adding, heard, removing, texts};
use world::{Device, World, code, count, database, devices, now};

/// A log of the group, by what the relay tells a device.
fn log_of(by: &Device, crowd: &Crowd) -> GroupLog {
    let news = by.client.group_news(by.session(), &crowd.id, 0).unwrap();
    let mut entries = news.entries.iter();
    let mut next = || {
        entries
            .next()
            .map(|next| SignedEntry::decode(&next.entry).unwrap())
    };
    let mut log = GroupLog::first(&next().unwrap(), crowd.log.state().group()).unwrap();
    while let Some(entry) = next() {
        log.take(&entry).unwrap();
    }
    log
}

#[test]
fn a_message_goes_to_all_members_with_one_body_that_goes_with_the_last_of_them() {
    let mut world = World::new();
    let [mut alice, mut bob, mut carol] = devices(&world, ["alice", "bob", "carol"]);
    let crowd = Crowd::found(&alice, &[&bob, &carol]);
    crowd.say(&alice, &[&bob, &carol], "hello").unwrap();
    crowd.say(&bob, &[&alice, &carol], "hi").unwrap();
    assert_eq!(count(&world, "SELECT count(*) FROM body"), 2);
    assert_eq!(count(&world, "SELECT count(*) FROM queue"), 4);
    // All of it is there after a restart.
    world.relay.take().unwrap().kill();
    world.start();
    for device in [&mut alice, &mut bob, &mut carol] {
        device.use_relay_of(&world);
    }
    assert_eq!(texts(&carol), ["hello", "hi"]);
    assert_eq!(count(&world, "SELECT count(*) FROM body"), 2);
    assert_eq!(texts(&alice), ["hi"]);
    assert_eq!(count(&world, "SELECT count(*) FROM body"), 1);
    assert_eq!(texts(&bob), ["hello"]);
    assert_eq!(count(&world, "SELECT count(*) FROM body"), 0);
    assert_eq!(
        count(&world, "SELECT max(abs(messages), abs(bytes)) FROM share"),
        0
    );
    crowd
        .say(&carol, &[&alice, &bob], "after a restart")
        .unwrap();
    assert_eq!(texts(&alice), ["after a restart"]);
    // The log is that of the admin, and an entry posted again gets its receipt again.
    assert!(log_of(&bob, &crowd) == crowd.log);
    let receipt = crowd.put(&alice, crowd.log.entry()).unwrap();
    assert_eq!(crowd.put(&alice, crowd.log.entry()).unwrap(), receipt);
}

#[test]
fn chk462_a_state_that_is_not_that_of_its_entry_reaches_nobody() {
    let world = World::new();
    let [alice, bob, carol] = devices(&world, ["alice", "bob", "carol"]);
    let crowd = Crowd::found(&alice, &[&carol]);
    let ghost = adding(&bob, Role::Member);
    // Bob is written into the state by hand, with the entry that says so, but no signature.
    let ops = [adding(&alice, Role::Admin), ghost];
    let forged = AuthoritySeed::generate(&mut rand::rng());
    let forged = forged
        .create_group("alice", &ops, now().as_millis())
        .unwrap();
    let stored = crowd.log.encode();
    let set = |log: &[u8]| {
        let set = "UPDATE group_log SET log = ?";
        database(&world).execute(set, [log]).unwrap();
    };
    let mut damaged = stored.clone();
    damaged[5 + 76 + 10] ^= 1; // in the state
    let group = forged.group();
    let other = GroupLog::first(&forged, group).unwrap().encode();
    for log in [damaged, other] {
        set(&log);
        let news = alice.client.group_news(alice.session(), &crowd.id, 0);
        assert_eq!(code(news), ErrorCode::Internal);
        assert_eq!(
            code(crowd.say(&alice, &[&carol], "hello")),
            ErrorCode::Internal
        );
    }
    set(&stored);
    alice
        .client
        .group_news(alice.session(), &crowd.id, 0)
        .unwrap();
}

#[test]
fn chk463_an_entry_is_accepted_after_all_messages_before_it_and_before_all_after_it() {
    let world = World::new();
    let [alice, bob, carol] = devices(&world, ["alice", "bob", "carol"]);
    let mut crowd = Crowd::found(&alice, &[&bob]);
    for _ in 0..5 {
        let before = crowd.say(&bob, &[&alice, &carol], "fast").unwrap();
        // The time of the sender is ahead of the clock.
        let set = "UPDATE device SET accepted_at_ms = accepted_at_ms + 50000";
        database(&world).execute(set, []).unwrap();
        let ahead = crowd.say(&bob, &[&alice, &carol], "ahead").unwrap();
        assert!(accepted_ms(&ahead) > accepted_ms(&before));
        let op = match crowd.log.state().is_member("carol") {
            true => removing(&carol),
            false => adding(&carol, Role::Member),
        };
        let receipt = crowd.change(&alice, &[op]);
        assert!(receipt.accepted_at_ms > accepted_ms(&ahead));
        let after = crowd.say(&alice, &[&bob, &carol], "after").unwrap();
        assert!(accepted_ms(&after) > receipt.accepted_at_ms);
    }
}

#[test]
fn chk464_a_member_that_is_only_in_the_relays_table_gets_nothing() {
    let world = World::new();
    let [alice, bob, eve] = devices(&world, ["alice", "bob", "eve"]);
    let crowd = Crowd::found(&alice, &[&bob]);
    let ghost = "INSERT INTO member (group_id, account, since, from_ms)
         SELECT group_id, (SELECT id FROM account WHERE name = 'eve'), since, from_ms FROM member
         LIMIT 1";
    database(&world).execute(ghost, []).unwrap();
    crowd.say(&alice, &[&bob], "not for eve").unwrap();
    assert!(texts(&eve).is_empty());
    assert_eq!(texts(&bob), ["not for eve"]);
    let news = eve.client.group_news(eve.session(), &crowd.id, 0);
    assert_eq!(code(news), ErrorCode::NotMember);
    let rosters = eve.client.group_rosters(eve.session(), &crowd.id, &["bob"]);
    assert_eq!(code(rosters), ErrorCode::NotMember);
    let rosters = [&alice, &bob].map(|device| device.roster.as_ref().unwrap());
    let (_, fanout) = crowd.seal(&bob, &crowd.targets(&bob, &rosters), "");
    assert_eq!(code(crowd.post(&eve, &fanout)), ErrorCode::NotMember);
}

#[test]
fn chk465_a_member_reports_messages_of_its_time_and_no_one_reports_others() {
    let world = World::new();
    let [alice, bob, carol] = devices(&world, ["alice", "bob", "carol"]);
    let mut crowd = Crowd::found(&alice, &[&bob]);
    let before = crowd.say(&alice, &[&bob], "before carol").unwrap();
    crowd.change(&alice, &[adding(&carol, Role::Member)]);
    let during = crowd.say(&alice, &[&bob, &carol], "during").unwrap();
    crowd.change(&alice, &[removing(&carol)]);
    let after = crowd.say(&alice, &[&bob], "after carol").unwrap();
    assert_eq!(texts(&carol), ["during"]);
    // Accepted times may be ahead of the clock by some milliseconds.
    std::thread::sleep(std::time::Duration::from_millis(50));

    let report = |by: &Device, evidence| {
        let report = by.report(world.vault.moderation.public_key(), &[evidence]);
        by.client.report(by.session(), &report)
    };
    for evidence in [&before, &after] {
        let refused = report(&carol, evidence).unwrap_err();
        assert_eq!(refused.code(), Some(ErrorCode::ReportRefused));
        assert!(refused.to_string().contains("verify"));
    }
    report(&carol, &during).unwrap();
    let received = heard(&bob);
    assert_eq!(received.len(), 3);
    for (_, evidence) in &received {
        report(&bob, evidence).unwrap();
    }
    // A member of another group was no member of this one.
    let eve = world.device("eve");
    Crowd::found(&eve, &[]);
    assert_eq!(code(report(&eve, &during)), ErrorCode::ReportRefused);
}

#[test]
fn chk466_an_entry_that_another_account_posts_than_it_names_is_refused() {
    let world = World::new();
    let [alice, bob] = devices(&world, ["alice", "bob"]);
    let (crowd, first) = Crowd::draft(&alice, &[&bob]);
    assert_eq!(code(crowd.put(&bob, &first)), ErrorCode::NotActor);
    let news = alice.client.group_news(alice.session(), &crowd.id, 0);
    assert_eq!(code(news), ErrorCode::NoGroup);
    crowd.put(&alice, &first).unwrap();
    let entry = crowd.entry(&alice, &[GroupOp::role("bob", Role::Admin)]);
    assert_eq!(code(crowd.put(&bob, &entry)), ErrorCode::NotActor);
    // Bob, who is no admin, got the seed somewhere: no entry with him as actor is taken.
    let mut bytes = entry.encode();
    let at = bytes.windows(5).position(|part| part == b"alice").unwrap();
    bytes.splice(at - 1..at + 5, [3, b'b', b'o', b'b']);
    let put = |bytes: &[u8]| bob.client.put_group(bob.session(), &crowd.id, bytes);
    assert_eq!(code(put(&bytes)), ErrorCode::BadEntry);
    // Neither is an entry of a signature that the authority did not make.
    let mut unsigned = entry.encode();
    *unsigned.last_mut().unwrap() ^= 1;
    let put = alice
        .client
        .put_group(alice.session(), &crowd.id, &unsigned);
    assert_eq!(code(put), ErrorCode::BadEntry);
}

#[test]
fn chk467_of_two_entries_after_one_state_one_is_taken_and_the_other_gets_the_news() {
    let world = World::new();
    let [alice, bob, carol, dan] = devices(&world, ["alice", "bob", "carol", "dan"]);
    let mut crowd = Crowd::found(&alice, &[]);
    crowd.change(&alice, &[adding(&bob, Role::Admin)]);
    let entries = [
        (&alice, crowd.entry(&alice, &[adding(&carol, Role::Member)])),
        (&bob, crowd.entry(&bob, &[adding(&dan, Role::Member)])),
    ];
    let crowd_ref = &crowd;
    let answers = std::thread::scope(|scope| {
        let puts = entries
            .each_ref()
            .map(|(by, entry)| scope.spawn(move || crowd_ref.put(by, entry)));
        puts.map(|put| put.join().unwrap())
    });
    let taken = answers.iter().position(Result::is_ok).unwrap();
    let [winner, loser] = [taken, 1 - taken];
    let refused = answers[loser].as_ref().unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::GroupConflict));
    let news = refused.group_news().unwrap();
    let [newest] = &news.entries[..] else {
        panic!("{news:?}")
    };
    assert_eq!(newest.entry, entries[winner].1.encode());
    let (by, key) = (entries[loser].0, &entries[loser].0.delivery_key);
    assert!(newest.receipt.is_authentic(key, &crowd.id, &newest.entry));
    // The other admin makes the change again.
    crowd.log.take(&entries[winner].1).unwrap();
    let again = [&carol, &dan][loser];
    crowd.change(by, &[adding(again, Role::Member)]);
    assert_eq!(crowd.log.state().members().len(), 4);
    assert!(log_of(&carol, &crowd) == crowd.log);
}

#[test]
fn chk468_an_account_under_another_key_than_the_state_names_changes_and_writes_nothing() {
    let world = World::new();
    let [alice, bob, eve] = devices(&world, ["alice", "bob", "eve"]);
    let carol = world.device("carol");
    // Alice pinned another key for Bob than he has here.
    let wrong = GroupOp::add("bob", Role::Admin, eve.owner.key.public());
    let mut crowd = Crowd::found(&alice, &[&carol]);
    crowd.change(&alice, &[wrong]);
    let entry = crowd.entry(&bob, &[adding(&eve, Role::Member)]);
    assert_eq!(code(crowd.put(&bob, &entry)), ErrorCode::NotMember);
    assert_eq!(code(crowd.say(&bob, &[&alice], "hi")), ErrorCode::NotMember);
    // He is suspended: nothing is for him.
    assert_eq!(
        crowd
            .targets(&alice, &[bob.roster.as_ref().unwrap()])
            .suspended(),
        ["bob"]
    );
    crowd.say(&alice, &[&bob, &carol], "not to bob").unwrap();
    assert!(texts(&bob).is_empty() && texts(&carol).len() == 1);
    // No one founds a group in the name of another key.
    let seed = AuthoritySeed::generate(&mut rand::rng());
    let ops = [GroupOp::add("bob", Role::Admin, eve.owner.key.public())];
    let first = seed.create_group("bob", &ops, now().as_millis()).unwrap();
    let id = waxseal_reporting::ConversationId::from_bytes(first.group().to_bytes());
    let put = bob.client.put_group(bob.session(), &id, &first.encode());
    assert_eq!(code(put), ErrorCode::NotMember);
}

#[test]
fn chk469_an_entry_that_was_signed_more_than_a_day_off_is_refused_with_the_relays_time() {
    let world = World::new();
    let alice = world.device("alice");
    let ops = [adding(&alice, Role::Admin)];
    let day = 86_400_000;
    let present = now().as_millis();
    for at_ms in [present - day - 60_000, present + day + 60_000, 0, u64::MAX] {
        let seed = AuthoritySeed::generate(&mut rand::rng());
        let first = seed.create_group("alice", &ops, at_ms).unwrap();
        let id = waxseal_reporting::ConversationId::from_bytes(first.group().to_bytes());
        let put = alice
            .client
            .put_group(alice.session(), &id, &first.encode());
        let refused = put.unwrap_err();
        assert_eq!(refused.code(), Some(ErrorCode::ClockDiffers));
        assert!(refused.relay_time_ms().unwrap().abs_diff(present) < 60_000);
    }
    let added = [
        adding(&alice, Role::Admin),
        GroupOp::add("nobody", Role::Member, alice.owner.key.public()),
    ];
    let seed = AuthoritySeed::generate(&mut rand::rng());
    let first = seed.create_group("alice", &added, present).unwrap();
    let id = waxseal_reporting::ConversationId::from_bytes(first.group().to_bytes());
    let put = alice
        .client
        .put_group(alice.session(), &id, &first.encode());
    assert_eq!(code(put), ErrorCode::NoSuchAccount);
}
