//! Tests of `intake.rs`.

use super::*;
use crate::report::tests::{forge, reseal, sections};
use crate::tests::all::*;
use crate::tests::world::*;

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
    let mut none = |_: &Nullifier| false;
    let other = accept(
        report,
        &world.stamp_keys,
        &world.alice_key,
        world.now,
        &mut none,
    );
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

/// Records of a provider with groups. The field says whether the reporter is a member.
struct Groups(bool);

impl IntakeRecords for Groups {
    fn was_reported(&mut self, _: &Nullifier) -> bool {
        false
    }

    fn is_member(&mut self, _: &ConversationId, _: &DeviceAddress, _: Timestamp) -> bool {
        self.0
    }
}

#[test]
fn chk78_report_about_a_group_needs_membership() {
    let mut world = World::new(5);
    let group = ConversationId::group(b"g");
    let tag = FrankingTag::from_bytes([1; 32]);
    let audience = Audience::Group(group);
    let claim = world
        .stamp_keys
        .stamp(&tag, &world.alice, &audience, world.now)
        .unwrap();
    let report = world.forge(&[claim], b"");
    let intake = |records: &mut Groups| {
        accept(
            report.clone(),
            &world.stamp_keys,
            &world.bob_key,
            world.now,
            records,
        )
    };
    assert!(intake(&mut Groups(true)).is_ok());
    assert_eq!(
        intake(&mut Groups(false)).unwrap_err(),
        Rejection::NotAParticipant
    );
    // Records given as a closure know no groups, so this report is refused.
    assert_eq!(
        world.accept(report).unwrap_err(),
        Rejection::NotAParticipant
    );
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
    let first = accept(
        report,
        &world.stamp_keys,
        &world.bob_key,
        world.now,
        &mut |n: &Nullifier| seen.contains(n),
    )
    .unwrap();
    seen.extend(first.nullifiers());
    let again = world.report(&[one.evidence()]);
    let more = world.report(&[one.evidence(), two.evidence()]);
    let intake = |report, key: &DeliveryKey| {
        accept(
            report,
            &world.stamp_keys,
            key,
            world.now,
            &mut |n: &Nullifier| seen.contains(n),
        )
    };
    assert_eq!(
        intake(again, &world.bob_key).unwrap_err(),
        Rejection::AlreadyReported
    );
    let more = intake(more, &world.bob_key).unwrap();
    assert_eq!(more.repeated(), [true, false]);
    let stored =
        AcceptedReport::decode(&more.encode(&world.acceptance_key), &world.acceptance_key).unwrap();
    assert_eq!(stored.repeated(), [true, false]);
    assert_eq!(stored.accepted_at(), world.now);
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
fn chk81_report_not_accepted_by_the_intake_is_refused_by_the_queue() {
    let mut world = World::new(10);
    let message = world.alice_says("one");
    let report = world.report(&[message.opened.evidence()]);
    let bytes = world.accept(report).unwrap().encode(&world.acceptance_key);
    for index in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[index] ^= 0x01;
        assert!(
            AcceptedReport::decode(&altered, &world.acceptance_key).is_err(),
            "{index}"
        );
    }
    for cut in 0..bytes.len() {
        assert!(AcceptedReport::decode(&bytes[..cut], &world.acceptance_key).is_err());
    }
    assert!(AcceptedReport::decode(&bytes, &AcceptanceKey::from_bytes([0; 32])).is_err());
    assert!(AcceptedReport::decode(&bytes, &world.acceptance_key).is_ok());
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
        let again = world.stamp_keys.stamp(&one.tag, sender, audience, now);
        let again = again.unwrap();
        let mut claims = vec![one.clone(), between.clone(), again];
        claims.sort_by_key(Claim::order);
        let section = forge(
            &world.bob,
            &world.bob_key,
            &claims,
            b"",
            world.moderation.public_key(),
            &mut rng(1),
        );
        let later = Timestamp::from_millis(world.now.as_millis() + DAY);
        let none = &mut |_: &Nullifier| false;
        let refused = accept(section, &world.stamp_keys, &world.bob_key, later, none);
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
        let again = world.stamp_keys.stamp(&claim.tag, sender, audience, later);
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
