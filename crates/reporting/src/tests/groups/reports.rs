//! Reports of messages to a group: rows 51 and 52 of the attacks.

use super::*;

#[test]
fn any_device_of_a_member_reports_messages_of_several_members() {
    let mut members = Members::new();
    let (alice, bob, carol) = (device("alice", 1), device("bob", 7), device("carol", 1));
    let from_alice = members.says(&alice, "one");
    let from_carol = members.says(&carol, "two");
    let own = members.says(&bob, "three");
    let reporter = device("bob", 8);
    let one = members.opens(&from_alice, &reporter).unwrap();
    let two = members.opens(&from_carol, &reporter).unwrap();
    let three = members.opens(&own, &reporter).unwrap();
    let shown = [one.evidence(), two.evidence(), three.evidence()];
    let report = members.report(&reporter, &shown);
    // The intake asks for the reporter alone, at the time of each message.
    let key = members.key(&reporter);
    let examined = examine(
        report.clone(),
        &members.world.stamp_keys,
        &key,
        members.world.now,
    );
    let asked = examined.unwrap().memberships();
    assert_eq!(asked.len(), 3);
    for (membership, evidence) in asked.iter().zip(shown) {
        assert_eq!(membership.group, members.group);
        assert_eq!(membership.member, reporter);
        assert_eq!(membership.at, evidence.accepted_at());
    }
    let verified = members.accept(report).unwrap();
    let senders: Vec<_> = verified.messages().iter().map(|one| one.sender()).collect();
    assert_eq!(senders, [&alice, &carol, &bob]);
}

/// Ten victims can report one message: each has nullifiers of its own.
#[test]
fn a_report_of_one_member_does_not_use_up_that_of_another() {
    let mut members = Members::new();
    let posted = members.says(&device("alice", 1), "one");
    let mut nullifiers = Vec::new();
    for reporter in [device("bob", 7), device("carol", 1), device("bob", 8)] {
        let opened = members.opens(&posted, &reporter).unwrap();
        let report = members.report(&reporter, &[opened.evidence()]);
        let key = members.key(&reporter);
        let examined = examine(report, &members.world.stamp_keys, &key, members.world.now);
        nullifiers.extend(examined.unwrap().nullifiers());
    }
    assert_ne!(nullifiers[0], nullifiers[1]);
    assert_eq!(nullifiers[0], nullifiers[2], "both devices of Bob");
}

#[test]
fn row_51_chk78_reporter_was_a_member_at_the_time_of_each_message() {
    let mut members = Members::new();
    let (alice, bob) = (device("alice", 1), device("bob", 7));
    let during = members.says(&alice, "one");
    let after = members.says(&alice, "two");
    let during = members.opens(&during, &bob).unwrap();
    let after = members.opens(&after, &bob).unwrap();
    // Bob leaves between the two messages, and joins before, at or after the first.
    let time = |opened: &OpenedMessage| opened.accepted_at().as_millis();
    let (first, second) = (time(&during), time(&after));
    let mut report = |interval: (u64, u64), shown: &[&Evidence]| {
        members.membership.insert(bob.account.clone(), interval);
        let report = members.report(&bob, shown);
        members.accept(report).map(|_| ())
    };
    let (one, two) = (during.evidence(), after.evidence());
    assert_eq!(report((0, second), &[one]), Ok(()));
    assert_eq!(report((first, second + 1), &[one, two]), Ok(()));
    for (interval, shown) in [
        ((0, second), &[two][..]),
        ((0, second), &[one, two]),
        ((first + 1, u64::MAX), &[one]),
        ((first + 1, u64::MAX), &[one, two]),
        ((0, 0), &[one]),
    ] {
        let refused = report(interval, shown);
        assert_eq!(refused, Err(Rejection::NotAParticipant), "{interval:?}");
    }
}

#[test]
fn row_51_chk78_member_of_another_group_is_refused() {
    let mut members = Members::new();
    let (alice, bob) = (device("alice", 1), device("bob", 7));
    let posted = members.says(&alice, "one");
    let opened = members.opens(&posted, &bob).unwrap();
    let report = members.report(&bob, &[opened.evidence()]);
    assert!(members.accept(report.clone()).is_ok());
    // The provider counts Bob as a member of another group only.
    members.group = ConversationId::group(b"another authority");
    assert_eq!(
        members.accept(report).unwrap_err(),
        Rejection::NotAParticipant
    );
}

/// A sender who was suspended when writing has no stamp, and a forged one is none of the relay's.
#[test]
fn row_51_chk79_message_that_the_relay_did_not_stamp_is_refused() {
    let mut members = Members::new();
    let (alice, bob) = (device("alice", 1), device("bob", 7));
    let posted = members.says(&alice, "one");
    let opened = members.opens(&posted, &bob).unwrap();
    let mut claim = opened.evidence().claim().clone();
    claim.context.accepted_at = Timestamp::from_millis(opened.accepted_at().as_millis() + 1);
    let evidence = Evidence::unverified(claim, posted.message);
    members.pass();
    let report = members.report(&bob, &[&evidence]);
    assert_eq!(members.accept(report).unwrap_err().check(), 71);
}

#[test]
fn row_52_claim_moved_to_a_direct_conversation_or_another_group_is_refused() {
    let mut members = Members::new();
    let (alice, bob) = (device("alice", 1), device("bob", 7));
    let (one, two) = (members.says(&alice, "one"), members.says(&alice, "two"));
    let moved_to = |audience: &Audience| {
        let mut moved = two.kept.claim().clone();
        moved.context.audience = audience.clone();
        moved
    };
    let other = ConversationId::group(b"other");
    for audience in [
        Audience::Direct(bob.account.clone()),
        Audience::Group(other),
    ] {
        // The stamp does not cover the other audience.
        let moved = moved_to(&audience);
        let evidence = Evidence::unverified(moved.clone(), two.message.clone());
        let report = members.report(&bob, &[&evidence]);
        assert_eq!(members.accept(report).unwrap_err().check(), 71);
        // Nor is it in one report with the messages of the group.
        let (key, now) = (members.key(&bob), members.world.now);
        let claims = [one.kept.claim().clone(), moved];
        let public = members.world.moderation.public_key().clone();
        let forged =
            report::tests::forge(&bob, &key, &claims, b"", &public, &mut members.world.rng);
        let refused = examine(forged, &members.world.stamp_keys, &key, now);
        assert_eq!(refused.unwrap_err(), Rejection::SeveralConversations);
        // A relay that stamps the tag for the other audience too does not make it another message:
        // the tag names its conversation.
        let keys = &members.world.stamp_keys;
        let stamped = keys
            .stamp_tag(two.message.tag(), &alice, &audience, now)
            .unwrap();
        let restamped = Evidence::unverified(stamped, two.message.clone());
        members.group = other;
        let report = members.report(&bob, &[&restamped]);
        assert_eq!(members.accept(report).unwrap_err().check(), 86);
        members.group = ConversationId::group(b"authority");
    }
}

/// A message may be copied by another member, as a message of that member.
#[test]
fn copied_message_of_a_group_is_a_message_of_who_copied_it() {
    let mut members = Members::new();
    let (alice, bob, carol) = (device("alice", 1), device("bob", 7), device("carol", 1));
    let posted = members.says(&alice, "mine");
    let opened = members.opens(&posted, &carol).unwrap();
    let stored = bytes_of(|out| {
        out.push(VERSION_2);
        carol.put(out);
        out.extend_from_slice(members.group.as_bytes());
        out.extend_from_slice(opened.evidence().franked().as_bytes());
    });
    let copied = SentMessage::decode(&stored).unwrap();
    assert_ne!(
        copied.tag(),
        posted.message.tag(),
        "the tag names its sender"
    );
    let fanout = members.seal(&carol, None, |channel, rng| {
        copied.seal_for_group(channel, STAMP, rng).unwrap()
    });
    members.pass();
    let (kept, slots) = members.post(&carol, &fanout);
    let delivery = members.delivered(&kept, &slots[&bob], &bob).unwrap();
    let copy = members.open(&delivery, &bob).unwrap();
    assert_eq!(copy.sender(), &carol);
    let original = members.opens(&posted, &bob).unwrap();
    let report = members.report(&bob, &[original.evidence(), copy.evidence()]);
    let verified = members.accept(report).unwrap();
    let senders: Vec<_> = verified.messages().iter().map(|one| one.sender()).collect();
    assert_eq!(senders, [&alice, &carol]);
}
