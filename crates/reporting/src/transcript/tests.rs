//! Tests of `transcript.rs`. MIMI weakness 6: nothing proves order or completeness of several
//! messages.

use super::*;
use crate::tests::all::*;
use crate::tests::world::*;

#[test]
fn mimi_weakness_6_order_and_gaps_of_both_sides_are_shown() {
    let mut world = World::new(1);
    let a0 = world.alice_says("a0").opened;
    let b0 = world.bob_says("b0").own;
    let _a1 = world.alice_says("a1");
    let _a2 = world.alice_says("a2");
    let mut header = world.header(true);
    header.last_seen = Some(*b0.tag());
    let a3 = world
        .send(true, &Payload::text(header, "a3").unwrap())
        .opened;
    let mut header = world.header(false);
    header.last_seen = Some(*_a2.opened.tag());
    let b1 = world.send(false, &Payload::text(header, "b1").unwrap()).own;
    let report = world.report(&[a3.evidence(), &b1, &b0, a0.evidence()]);
    let verified = world.verify(report).unwrap();
    let texts: Vec<_> = verified
        .messages()
        .iter()
        .map(|m| m.content().unwrap().as_text().unwrap())
        .collect();
    assert_eq!(texts, ["a0", "b0", "a3", "b1"]);
    let gaps: Vec<_> = verified
        .messages()
        .iter()
        .map(VerifiedMessage::gap_before)
        .collect();
    assert_eq!(gaps, [None, None, Some(2), Some(0)]);
    assert_eq!(verified.messages()[2].last_seen(), LastSeen::InReport(1));
    assert_eq!(verified.messages()[3].last_seen(), LastSeen::NotInReport);
    assert!(
        verified
            .messages()
            .iter()
            .all(|message| message.contradictions().is_empty())
    );
}

#[test]
fn odd_numbers_of_a_malicious_sender_are_shown_and_never_fail_the_report() {
    let mut world = World::new(2);
    let mut messages = Vec::new();
    let mut last = None;
    for sequence in [u64::MAX, 5, 5, 0] {
        let mut header = world.header(true);
        header.sequence = sequence;
        header.last_seen = last;
        let message = world
            .send(true, &Payload::text(header, "x").unwrap())
            .opened;
        last = Some(FrankingTag::from_bytes([9; 32]));
        messages.push(message);
    }
    let evidence: Vec<&Evidence> = messages.iter().map(OpenedMessage::evidence).collect();
    let report = world.report(&evidence);
    let verified = world.verify(report).unwrap();
    let seen: Vec<_> = verified
        .messages()
        .iter()
        .map(VerifiedMessage::contradictions)
        .collect();
    assert_eq!(seen[0], []);
    assert_eq!(seen[1], [Contradiction::SequenceRunsBack]);
    assert_eq!(
        seen[2],
        [
            Contradiction::SequenceRepeated,
            Contradiction::SequenceRunsBack
        ]
    );
    assert_eq!(seen[3], [Contradiction::SequenceRunsBack]);
    assert!(
        verified
            .messages()
            .iter()
            .all(|message| message.gap_before().is_none())
    );
}

#[test]
fn last_seen_of_a_message_accepted_later_is_shown() {
    let mut world = World::new(3);
    // Bob prepares a message. Alice's message names its tag, although the relay accepts hers first.
    let payload = Payload::text(world.header(false), "later").unwrap();
    let (envelope, sent) = world.seal(false, &payload);
    let mut header = world.header(true);
    header.last_seen = Some(*envelope.tag());
    let early = world
        .send(true, &Payload::text(header, "early").unwrap())
        .opened;
    world.now = Timestamp::from_millis(world.now.as_millis() + 1);
    let audience = Audience::Direct(world.alice.account.clone());
    let claim = world
        .stamp_keys
        .stamp(envelope.tag(), &world.bob, &audience, world.now)
        .unwrap();
    let late = Receipt::new(&claim, &world.bob_key)
        .authenticate(&world.bob_key, &sent)
        .unwrap();
    let report = world.report(&[early.evidence(), &late]);
    let verified = world.verify(report).unwrap();
    assert_eq!(verified.messages()[0].last_seen(), LastSeen::InReport(1));
    assert_eq!(
        verified.messages()[0].contradictions(),
        [Contradiction::LastSeenLater]
    );
}

#[test]
fn a_repeated_number_does_not_run_back() {
    let mut world = World::new(4);
    let messages = [5, 5].map(|sequence| {
        let mut header = world.header(true);
        header.sequence = sequence;
        let payload = Payload::text(header, "x").unwrap();
        world.send(true, &payload).opened
    });
    let report = world.report(&[messages[0].evidence(), messages[1].evidence()]);
    let verified = world.verify(report).unwrap();
    assert_eq!(
        verified.messages()[1].contradictions(),
        [Contradiction::SequenceRepeated]
    );
}
