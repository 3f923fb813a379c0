//! Tests of `intake.rs`.

use super::*;
use crate::report::tests::{forge, reseal, reseal_as, sections};
use crate::tests::all::*;
use crate::tests::world::*;

mod database;
mod order;

/// MIMI weakness 4: nothing authenticates the report itself. Here, each altered byte is refused.
#[test]
fn mimi_weakness_4_unauthenticated_report_chk74_altered_byte_is_refused() {
    let mut world = World::new(1);
    let message = world.alice_says("spam");
    let report = world.report(&[message.opened.evidence()]);
    let bytes = report.encode();
    for index in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[index] ^= 0x01;
        if let Ok(altered) = Report::decode(&altered) {
            assert_eq!(
                world.accept(altered).unwrap_err(),
                Rejection::NotFromReporter,
                "{index}"
            );
        }
    }
    for cut in 0..bytes.len() {
        assert!(Report::decode(&bytes[..cut]).is_err());
    }
    let other = examine(report, &world.stamp_keys, &world.alice_key, world.now);
    assert_eq!(other.unwrap_err().check(), 74);
}

#[test]
fn chk76_claims_out_of_order_or_repeated_are_refused() {
    let mut world = World::new(2);
    let one = world.alice_says("one").claim;
    let two = world.alice_says("two").claim;
    for claims in [[two.clone(), one.clone()], [one.clone(), one.clone()]] {
        let report = world.forge(&claims, b"");
        assert_eq!(
            world.accept(report).unwrap_err(),
            Rejection::ClaimsOutOfOrder
        );
    }
    // A copy of a claim under a later time is in order, but repeats the tag. It is refused too.
    let mut later = one.clone();
    later.context.accepted_at = Timestamp::from_millis(later.context.accepted_at.as_millis() + 1);
    let report = world.forge(&[one, later], b"");
    assert_eq!(world.accept(report).unwrap_err().check(), 76);
}

#[test]
fn chk77_claims_of_two_conversations_are_refused() {
    let mut world = World::new(3);
    let one = world.alice_says("one").claim;
    let mut two = world.alice_says("two").claim;
    two.context.sender = device("carol", 1);
    let report = world.forge(&[one, two], b"");
    assert_eq!(
        world.accept(report).unwrap_err(),
        Rejection::SeveralConversations
    );
}

#[test]
fn chk78_reporter_who_is_no_participant_is_refused() {
    let mut world = World::new(4);
    let claim = world.alice_says("one").claim;
    let mallory = device("mallory", 1);
    let public = world.moderation.public_key().clone();
    let report = forge(
        &mallory,
        &world.bob_key,
        &[claim],
        b"",
        &public,
        &mut world.rng,
    );
    assert_eq!(
        world.accept(report).unwrap_err(),
        Rejection::NotAParticipant
    );
}

/// A report of Bob about messages of Alice to a group.
fn group_report(world: &mut World, group: ConversationId, tags: &[u8]) -> Report {
    let audience = Audience::Group(group);
    let mut claims = Vec::new();
    for (after, tag) in (0..).zip(tags) {
        let time = Timestamp::from_millis(world.now.as_millis().saturating_add(after));
        let tag = FrankingTag::from_bytes([*tag; 32]);
        let keys = &world.stamp_keys;
        claims.push(keys.stamp_tag(&tag, &world.alice, &audience, time).unwrap());
    }
    world.forge(&claims, b"")
}

fn examined(world: &World, report: &Report) -> Examined {
    let report = report.clone();
    examine(report, &world.stamp_keys, &world.bob_key, world.now).unwrap()
}

#[test]
fn chk78_report_about_a_group_needs_membership_at_each_of_its_times() {
    let mut world = World::new(5);
    let group = ConversationId::group(b"g");
    let report = group_report(&mut world, group, &[1, 2]);
    let asked = examined(&world, &report).memberships();
    assert_eq!(asked.len(), 2);
    for (after, membership) in (0..).zip(&asked) {
        assert_eq!(membership.group, group);
        assert_eq!(membership.member, world.bob);
        assert_eq!(membership.at.as_millis(), world.now.as_millis() + after);
    }
    let intake = |members: [bool; 2]| examined(&world, &report).accept(ID, &[false; 2], &members);
    assert!(intake([true, true]).is_ok());
    for members in [[false, true], [true, false], [false, false]] {
        let refused = intake(members).unwrap_err();
        assert_eq!(refused, AcceptError::Rejected(Rejection::NotAParticipant));
    }
}

#[test]
fn answers_in_another_number_than_the_look_ups_are_the_callers_error() {
    let mut world = World::new(15);
    let direct = world.alice_says("one");
    let direct = world.report(&[direct.opened.evidence()]);
    let group = group_report(&mut world, ConversationId::group(b"g"), &[1, 2]);
    assert!(examined(&world, &direct).memberships().is_empty());
    let cases: [(&Report, &[bool], &[bool]); 7] = [
        (&direct, &[], &[]),
        (&direct, &[false, false], &[]),
        (&direct, &[false], &[true]),
        (&group, &[false, false], &[]),
        (&group, &[false, false], &[true]),
        (&group, &[false, false], &[true, true, true]),
        (&group, &[false], &[true, true]),
    ];
    for (report, known, members) in cases {
        let refused = examined(&world, report).accept(ID, known, members);
        assert_eq!(refused.unwrap_err(), AcceptError::AnswerCount);
    }
    assert!(examined(&world, &direct).accept(ID, &[false], &[]).is_ok());
}

/// The counterpart of CHK-65: a recipient refuses such a message.
#[test]
fn chk114_group_with_the_id_of_a_direct_conversation_is_refused() {
    let mut world = World::new(16);
    let (alice, bob) = (account("alice"), account("bob"));
    for (one, other) in [(&alice, &bob), (&alice, &alice), (&bob, &bob)] {
        let group = ConversationId::direct(one, other);
        let report = group_report(&mut world, group, &[1, 2]);
        let refused = examine(report, &world.stamp_keys, &world.bob_key, world.now);
        assert_eq!(refused.unwrap_err(), Rejection::GroupIsDirect);
    }
    // Of accounts that the report does not name, the intake does not know.
    let group = ConversationId::direct(&alice, &account("carol"));
    let report = group_report(&mut world, group, &[1]);
    assert!(examine(report, &world.stamp_keys, &world.bob_key, world.now).is_ok());
    // The accounts of the other claims count too: here Carol, who sent the second message.
    let keys = &world.stamp_keys;
    let claim = |tag: u8, from: &str, to: Audience| {
        let tag = FrankingTag::from_bytes([tag; 32]);
        keys.stamp_tag(&tag, &device(from, 1), &to, world.now)
            .unwrap()
    };
    let claims = [
        claim(1, "alice", Audience::Group(group)),
        claim(2, "carol", Audience::Group(group)),
    ];
    let in_group = claims.to_vec();
    // A genuine direct message does not cover up for the same conversation called a group.
    let group = Audience::Group(world.conversation());
    let mixed = vec![
        claim(1, "alice", Audience::Direct(bob.clone())),
        claim(2, "alice", group),
    ];
    // So does the recipient of a direct message that the reporter sent.
    let with_carol = ConversationId::direct(&bob, &account("carol"));
    let sent = vec![
        claim(1, "bob", Audience::Direct(account("carol"))),
        claim(2, "bob", Audience::Group(with_carol)),
    ];
    for claims in [in_group, mixed, sent] {
        let report = world.forge(&claims, b"");
        let refused = examine(report, &world.stamp_keys, &world.bob_key, world.now);
        assert_eq!(refused.unwrap_err().check(), 114);
    }
}

#[test]
fn chk79_stamp_moved_or_never_made_is_refused() {
    let mut world = World::new(6);
    let message = world.alice_says("one");
    let stranger = World::new(7).alice_says("never sent here").claim;
    type Move = fn(&mut Claim);
    let alterations: [(u8, Move); 5] = [
        (71, |claim| claim.tag = FrankingTag::from_bytes([0; 32])),
        (71, |claim| claim.context.sender.device = DeviceId(9)),
        (68, |claim| claim.context.epoch += 1),
        (69, |claim| {
            claim.context.epoch -= 1;
            claim.context.accepted_at =
                Timestamp::from_millis(claim.context.accepted_at.as_millis() - DAY);
        }),
        (70, |claim| {
            claim.context.accepted_at = Timestamp::from_millis(
                claim.context.accepted_at.as_millis() + MAX_CLOCK_SKEW_MS + 1,
            )
        }),
    ];
    for (check, alter) in alterations {
        let mut claim = message.claim.clone();
        alter(&mut claim);
        let report = world.forge(&[claim], b"");
        assert_eq!(world.accept(report).unwrap_err().check(), check);
    }
    let report = world.forge(&[stranger], b"");
    assert_eq!(world.accept(report).unwrap_err().check(), 71);
}

#[test]
fn chk80_second_report_of_the_same_messages_is_recognised() {
    let mut world = World::new(8);
    let one = world.alice_says("one").opened;
    let two = world.alice_says("two").opened;
    let mut seen = std::collections::HashSet::new();
    let report = world.report(&[one.evidence()]);
    let first = examined(&world, &report);
    seen.extend(first.nullifiers());
    assert!(first.accept(ID, &[false], &[]).is_ok());
    let again = world.report(&[one.evidence()]);
    let more = world.report(&[one.evidence(), two.evidence()]);
    let intake = |report: &Report| {
        let examined = examined(&world, report);
        let known = examined.nullifiers();
        let known: Vec<bool> = known.iter().map(|one| seen.contains(one)).collect();
        examined.accept(ID, &known, &[])
    };
    assert_eq!(
        intake(&again).unwrap_err(),
        AcceptError::Rejected(Rejection::AlreadyReported)
    );
    let more = intake(&more).unwrap();
    assert_eq!(more.repeated(), [true, false]);
    let key = &world.acceptance_key;
    let stored = AcceptedReport::decode(&more.encode(key), key, &ID).unwrap();
    assert_eq!(stored.repeated(), [true, false]);
    assert_eq!(stored.accepted_at(), world.now);
    assert_eq!(*stored.id(), ID);
}

/// The intake refuses a report whose nullifiers it has all seen before. If everyone who reports a
/// message had the same nullifier, its sender could report it first without showing anything, and
/// so prevent the other reports.
#[test]
fn one_participants_report_does_not_use_up_another_participants() {
    let mut world = World::new(9);
    let claim = world.alice_says("one").claim;
    for other in ["alice", "bab"] {
        assert_ne!(
            Nullifier::new(&claim, &account(other)),
            Nullifier::new(&claim, &world.bob.account)
        );
    }
}

#[test]
fn a_resealed_report_with_a_wrong_field_length_is_malformed() {
    let mut world = World::new(11);
    let message = world.alice_says("one");
    let report = world.report(&[message.opened.evidence()]);
    let good = sections(&report);
    assert!(world.accept(reseal(good.clone(), &world.bob_key)).is_ok());
    for len in (0..32).chain([33]) {
        let mac = wire::Report {
            reporter_mac: vec![1; len],
            ..good.clone()
        };
        let key = wire::Report {
            moderation_key_fingerprint: vec![1; len],
            ..good.clone()
        };
        let encapsulated = wire::Report {
            encapsulated_key: vec![1; 1_104 + len],
            ..good.clone()
        };
        for bad in [mac, key]
            .into_iter()
            .chain((len != 16).then_some(encapsulated))
        {
            assert_eq!(
                Report::decode(&wire::encode(&bad)).unwrap_err(),
                DecodeError::Malformed
            );
        }
    }
}

/// Tags of one millisecond ascend within a sender, and the senders ascend. A report of version 01
/// has them all by their tags.
#[test]
fn chk76_claims_of_one_time_are_in_the_order_of_their_version() {
    let mut world = World::new(17);
    let keys = &world.stamp_keys;
    let claim = |tag: u8, from: &DeviceAddress, to: &DeviceAddress| {
        let tag = FrankingTag::from_bytes([tag; 32]);
        let to = Audience::Direct(to.account.clone());
        keys.stamp_tag(&tag, from, &to, world.now).unwrap()
    };
    let (alice, bob) = (&world.alice, &world.bob);
    let (low, high) = (claim(1, bob, alice), claim(2, alice, bob));
    let by_sender = [high.clone(), low.clone()];
    let by_tag = [low, high];
    for (claims, version, fits) in [
        (&by_sender, 2, true),
        (&by_tag, 2, false),
        (&by_tag, 1, true),
        (&by_sender, 1, false),
    ] {
        let report = world.forge(claims, b"");
        let sections = sections(&report);
        let report = reseal_as(version, sections, &world.bob_key);
        let result = examine(report, &world.stamp_keys, &world.bob_key, world.now);
        assert_eq!(result.is_ok(), fits, "{version}");
        if let Err(rejection) = result {
            assert_eq!(rejection, Rejection::ClaimsOutOfOrder);
        }
    }
}

/// A relay that keeps no records stamps an envelope again when it is sent again. It is still one
/// message, but has two genuine stamps.
#[test]
fn chk76_one_message_with_two_genuine_stamps_is_claimed_once() {
    let mut world = World::new(12);
    let message = world.alice_says("one");
    let between = world.alice_says("between").claim;
    let one = message.claim.clone();
    let audience = &one.context.audience;
    for (sender, seconds) in [
        (&world.alice, 9),
        (&device("alice", 2), 9),
        (&world.alice, 0),
    ] {
        let now = Timestamp::from_millis(one.context.accepted_at.as_millis() + seconds * 1_000);
        let again = world.stamp_keys.stamp_tag(&one.tag, sender, audience, now);
        let again = again.unwrap();
        let mut claims = vec![one.clone(), between.clone(), again];
        claims.sort_by(|one, other| one.order().cmp(&other.order()));
        let section = forge(
            &world.bob,
            &world.bob_key,
            &claims,
            b"",
            world.moderation.public_key(),
            &mut rng(1),
        );
        let later = Timestamp::from_millis(world.now.as_millis() + DAY);
        let refused = examine(section, &world.stamp_keys, &world.bob_key, later);
        assert_eq!(refused.unwrap_err(), Rejection::ClaimsOutOfOrder);
    }
}

#[test]
fn chk80_second_stamp_of_a_message_does_not_make_its_report_new() {
    let mut world = World::new(13);
    let claim = world.alice_says("one").claim;
    let bob = world.bob.account.clone();
    let nullifier = Nullifier::new(&claim, &bob);
    let later = Timestamp::from_millis(world.now.as_millis() + 3 * DAY);
    let restamp = |sender: &DeviceAddress| {
        let audience = &claim.context.audience;
        let again = world
            .stamp_keys
            .stamp_tag(&claim.tag, sender, audience, later);
        Nullifier::new(&again.unwrap(), &bob)
    };
    assert_eq!(restamp(&world.alice), nullifier);
    // If another device or another participant sends the same tag, that is another message.
    assert_ne!(restamp(&device("alice", 2)), nullifier);
    assert_ne!(restamp(&device("carol", 1)), nullifier);
    let other = Claim {
        tag: FrankingTag::from_bytes([1; 32]),
        ..claim.clone()
    };
    assert_ne!(Nullifier::new(&other, &bob), nullifier);
}
