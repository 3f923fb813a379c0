//! Tests of `transcript.rs`. MIMI weakness 6: nothing proves order or completeness of several
//! messages.

use proptest::prelude::*;

use super::*;
use crate::tests::all::*;
use crate::tests::world::*;

mod clock;

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
        .stamp_tag(envelope.tag(), &world.bob, &audience, world.now)
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

/// Entries of a transcript, for tests of its order.
#[derive(Clone, Debug)]
struct Line {
    sender: DeviceAddress,
    accepted_at: Timestamp,
    sequence: u64,
    tag: FrankingTag,
    last_seen: Option<FrankingTag>,
}

fn line(sender: &str, after: u64, sequence: u64, tag: u8, seen: Option<u8>) -> Line {
    Line {
        sender: device(sender, 1),
        accepted_at: Timestamp::from_millis(NOON.as_millis().saturating_add(after)),
        sequence,
        tag: FrankingTag::from_bytes([tag; 32]),
        last_seen: seen.map(|tag| FrankingTag::from_bytes([tag; 32])),
    }
}

fn transcript(lines: &[Line]) -> Transcript {
    let entries: Vec<_> = lines
        .iter()
        .map(|line| Entry {
            sender: &line.sender,
            accepted_at: line.accepted_at,
            sequence: line.sequence,
            last_seen: line.last_seen.as_ref(),
            tag: &line.tag,
        })
        .collect();
    Transcript::new(&entries)
}

/// The tags in the order in which they are shown; asserts that nothing is a contradiction.
fn shown_without_accusation(lines: &[Line]) -> (Vec<u8>, bool) {
    let transcript = transcript(lines);
    for (_, position) in &transcript.positions {
        assert_eq!(position.contradictions, []);
    }
    let tags = transcript.positions.iter();
    let tags = tags.map(|(index, _)| lines[*index].tag.as_bytes()[0]);
    (tags.collect(), transcript.clock_stepped_back)
}

/// A relay of an earlier release gave equal times to messages of one device. Their tags are random,
/// so half of all pairs sort the other way.
#[test]
fn eight_messages_of_one_sender_within_one_millisecond_are_in_order_and_accuse_no_one() {
    let mut world = World::new(5);
    world.now = Timestamp::from_millis(world.now.as_millis() + 1_000);
    let audience = Audience::Direct(world.bob.account.clone());
    let messages: Vec<Evidence> = (0..8)
        .map(|number| {
            let payload = Payload::text(world.header(true), format!("{number}")).unwrap();
            let (envelope, sent) = world.seal(true, &payload);
            let keys = &world.stamp_keys;
            let claim = keys.stamp_tag(envelope.tag(), &world.alice, &audience, world.now);
            Evidence::unverified(claim.unwrap(), sent)
        })
        .collect();
    let by_tag = {
        let mut tags: Vec<_> = messages.iter().map(|message| *message.tag()).collect();
        tags.sort();
        tags
    };
    let report = world.report(&messages.iter().rev().collect::<Vec<_>>());
    let verified = world.verify(report).unwrap();
    let shown = verified.messages();
    let texts: Vec<_> = shown
        .iter()
        .map(|message| message.content().unwrap().as_text().unwrap())
        .collect();
    assert_eq!(texts, ["0", "1", "2", "3", "4", "5", "6", "7"]);
    assert!(
        shown
            .iter()
            .all(|message| message.contradictions().is_empty())
    );
    assert!(
        shown
            .iter()
            .skip(1)
            .all(|message| message.gap_before() == Some(0))
    );
    assert!(!verified.clock_stepped_back());
    let tags: Vec<_> = shown.iter().map(|message| *message.tag()).collect();
    assert_ne!(tags, by_tag, "the tags alone would have shuffled them");
}

#[test]
fn within_one_millisecond_what_was_seen_comes_first_and_ties_go_by_account_and_device() {
    let seen = [line("alice", 0, 0, 1, Some(2)), line("bob", 0, 0, 2, None)];
    assert_eq!(shown_without_accusation(&seen), (vec![2, 1], false));
    let tie = [line("bob", 0, 0, 1, None), line("alice", 0, 0, 2, None)];
    assert_eq!(shown_without_accusation(&tie), (vec![2, 1], false));
    let mut devices = [line("bob", 0, 0, 1, None), line("bob", 0, 0, 2, None)];
    devices[0].sender = device("bob", 2);
    assert_eq!(shown_without_accusation(&devices), (vec![2, 1], false));
    // A chain across both: Bob saw Alice's first, and Alice's third message saw Bob's.
    let chain = [
        line("alice", 0, 2, 1, Some(4)),
        line("alice", 0, 1, 2, None),
        line("alice", 0, 0, 3, None),
        line("bob", 0, 0, 4, Some(3)),
    ];
    assert_eq!(shown_without_accusation(&chain), (vec![3, 2, 4, 1], false));
}

/// Alice's numbers say that 2 comes before 1, Bob saw 1, and 2 saw Bob's.
#[test]
fn a_circle_of_numbers_and_sights_within_one_millisecond_accuses_no_one() {
    let circle = [
        line("alice", 0, 1, 1, None),
        line("alice", 0, 0, 2, Some(3)),
        line("bob", 0, 0, 3, Some(1)),
    ];
    assert_eq!(shown_without_accusation(&circle), (vec![2, 1, 3], false));
}

fn any_lines() -> impl Strategy<Value = Vec<Line>> {
    let fields = (
        0usize..3,
        0u64..4,
        prop::bool::weighted(0.2),
        0u64..5,
        any::<Option<u8>>(),
    );
    prop::collection::vec(fields, 1..12).prop_map(|lines| {
        let lines = lines.into_iter().zip(0u8..);
        lines
            .map(|((sender, after, far, sequence, seen), tag)| {
                let after = if far {
                    after.saturating_mul(200_000)
                } else {
                    after
                };
                let sender = ["alice", "bob", "carol"][sender];
                line(sender, after, sequence, tag, seen.map(|seen| seen % 12))
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn any_permutation_of_a_report_gives_one_order(
        (lines, shuffled) in any_lines().prop_flat_map(|lines| {
            (Just(lines.clone()), Just(lines).prop_shuffle())
        }),
    ) {
        let shown = |lines: &[Line]| {
            let transcript = transcript(lines);
            let positions = transcript.positions.into_iter();
            let positions = positions.map(|(index, position)| (lines[index].tag, position));
            (positions.collect::<Vec<_>>(), transcript.clock_stepped_back)
        };
        prop_assert_eq!(shown(&lines), shown(&shuffled));
    }

    /// Each message is shown once; times rise, unless the clock stepped back; numbers of one device
    /// rise within a millisecond, and everywhere if the clock stepped back.
    #[test]
    fn times_and_numbers_rise_in_a_transcript(lines in any_lines()) {
        let transcript = transcript(&lines);
        let shown: Vec<_> = transcript.positions.iter().map(|(index, _)| &lines[*index]).collect();
        let mut indices: Vec<_> = transcript.positions.iter().map(|(index, _)| *index).collect();
        indices.sort_unstable();
        prop_assert_eq!(indices, (0..lines.len()).collect::<Vec<_>>());
        for (place, one) in shown.iter().enumerate() {
            for later in shown.iter().skip(place).skip(1) {
                prop_assert!(transcript.clock_stepped_back || one.accepted_at <= later.accepted_at);
                let together = transcript.clock_stepped_back || one.accepted_at == later.accepted_at;
                if together && one.sender == later.sender {
                    prop_assert!(one.sequence <= later.sequence);
                }
            }
        }
    }

    /// Which tags a sender found for its messages does not matter.
    #[test]
    fn no_sender_chooses_an_order_by_its_tags(lines in any_lines(), other: [u8; 12]) {
        let mut lines = lines;
        lines.sort_by_key(|line| (line.sender.clone(), line.sequence));
        lines.dedup_by_key(|line| (line.sender.clone(), line.sequence));
        let mut renamed = lines.clone();
        let rename = |tag: FrankingTag| {
            let old = tag.as_bytes()[0];
            let mut bytes = [old; 32];
            bytes[0] = other[usize::from(old)];
            FrankingTag::from_bytes(bytes)
        };
        for line in &mut renamed {
            line.tag = rename(line.tag);
            line.last_seen = line.last_seen.map(rename);
        }
        let order = |lines: &[Line]| {
            let positions = transcript(lines).positions.into_iter();
            positions.map(|(index, _)| index).collect::<Vec<_>>()
        };
        prop_assert_eq!(order(&lines), order(&renamed));
    }
}
