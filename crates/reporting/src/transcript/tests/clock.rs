//! Accepted times that run back: a change of the relay's clock, and messages stamped again.

use super::*;
use crate::accepted_time::next_accepted_at;

#[test]
fn a_step_back_of_more_than_five_minutes_is_a_change_of_the_relays_clock() {
    let most = [
        line("alice", 0, 1, 1, None),
        line("alice", MAX_LAST_AHEAD_MS, 0, 2, None),
    ];
    let seen = transcript(&most);
    assert!(!seen.clock_stepped_back);
    let (index, last) = &seen.positions[1];
    assert_eq!(*index, 1);
    assert_eq!(last.contradictions, [Contradiction::SequenceRunsBack]);
    let past = [
        line("alice", 0, 1, 1, None),
        line("alice", MAX_LAST_AHEAD_MS + 1, 0, 2, None),
    ];
    assert_eq!(shown_without_accusation(&past), (vec![2, 1], true));
    // The same for what was seen.
    let most = [
        line("alice", MAX_LAST_AHEAD_MS, 0, 1, None),
        line("bob", 0, 0, 2, Some(1)),
    ];
    let seen = transcript(&most);
    let (index, first) = &seen.positions[0];
    assert_eq!((*index, seen.clock_stepped_back), (1, false));
    assert_eq!(first.contradictions, [Contradiction::LastSeenLater]);
    let past = [
        line("alice", MAX_LAST_AHEAD_MS + 1, 0, 1, None),
        line("bob", 0, 0, 2, Some(1)),
    ];
    assert_eq!(shown_without_accusation(&past), (vec![1, 2], true));
}

/// The relay's clock was a day ahead from the second message to the third.
#[test]
fn after_a_change_of_the_clock_numbers_and_sights_give_the_order() {
    let conversation = [
        line("alice", 0, 0, 9, None),
        line("bob", DAY, 0, 8, Some(9)),
        line("alice", DAY + 7, 1, 7, Some(8)),
        line("bob", 60_000, 1, 6, Some(7)),
        line("alice", 61_000, 2, 5, Some(6)),
    ];
    assert_eq!(
        shown_without_accusation(&conversation),
        (vec![9, 8, 7, 6, 5], true)
    );
    let gaps: Vec<_> = transcript(&conversation)
        .positions
        .iter()
        .map(|(_, position)| position.gap_before)
        .collect();
    assert_eq!(gaps, [None, None, Some(0), Some(0), Some(0)]);
}

/// Messages from before the change stay ahead of later ones, in the end by less than five minutes.
#[test]
fn no_message_around_a_change_of_the_clock_is_a_contradiction() {
    let clocks = [310_000, 1_000, 20_000, 200_000, 309_000];
    let mut last = None;
    let mut lines: Vec<_> = (0u8..)
        .zip(clocks)
        .map(|(number, clock)| {
            let clock = Timestamp::from_millis(NOON.as_millis() + clock);
            let accepted = next_accepted_at(clock, last);
            last = Some(accepted);
            let after = accepted.as_millis() - NOON.as_millis();
            line("alice", after, number.into(), number, None)
        })
        .collect();
    // Bob answers the first message when the clock is right again.
    lines.push(line("bob", 250_000, 0, 9, Some(0)));
    let (shown, stepped_back) = shown_without_accusation(&lines);
    assert_eq!((&shown[..5], stepped_back), (&[0, 1, 2, 3, 9][..], true));
    // Bob's message that had seen itself is a contradiction still.
    lines.push(line("bob", 260_000, 1, 10, Some(10)));
    let positions = transcript(&lines).positions;
    let own = positions.iter().find(|(index, _)| *index == 6).unwrap();
    assert_eq!(own.1.contradictions, [Contradiction::LastSeenLater]);
}

/// A sender has its own message stamped again, and reports it with the later time.
#[test]
fn an_answer_to_a_message_that_was_stamped_again_is_shown_as_a_contradiction() {
    let mut world = World::new(6);
    let first = world.alice_says("a threat");
    let mut header = world.header(false);
    header.last_seen = Some(*first.opened.tag());
    let answer = world
        .send(false, &Payload::text(header, "stop").unwrap())
        .own;
    let audience = Audience::Direct(world.bob.account.clone());
    world.now = Timestamp::from_millis(world.now.as_millis() + 60_000);
    let (keys, tag) = (&world.stamp_keys, first.own.tag());
    let again = keys
        .stamp_tag(tag, &world.alice, &audience, world.now)
        .unwrap();
    let mut moved = first.own.encode().to_vec();
    let old = first.claim.encode();
    moved.splice(1..old.len(), again.encode()[1..].iter().copied());
    let moved = Evidence::decode(&moved).unwrap();
    let report = world.report(&[&moved, &answer]);
    let verified = world.verify(report).unwrap();
    let [stop, threat] = verified.messages() else {
        panic!()
    };
    assert_eq!(stop.contradictions(), [Contradiction::LastSeenLater]);
    assert!(threat.contradictions().is_empty());
}

/// Alice numbers her messages so that the clock seems to have stepped back. Bob's message, which
/// had seen one of hers, moves after Carol's, and the step back is shown.
#[test]
fn numbers_that_feign_a_step_back_move_the_messages_that_had_seen_them() {
    let minute = 60_000;
    let mut lines = [
        line("alice", 5 * minute, 0, 1, None),
        line("bob", 20 * minute, 0, 2, Some(1)),
        line("carol", 30 * minute, 0, 3, None),
        line("alice", 40 * minute, 1, 4, None),
    ];
    assert_eq!(shown_without_accusation(&lines), (vec![1, 2, 3, 4], false));
    lines[0].sequence = 9;
    assert_eq!(shown_without_accusation(&lines), (vec![3, 4, 1, 2], true));
}
