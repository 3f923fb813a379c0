//! Makes the vectors of `review.json` for the order of a transcript.

use super::*;
use crate::transcript::{Entry, Transcript};

pub(super) fn transcript(input: Input<'_>) -> Outcome {
    let tag = |input: Input<'_>| FrankingTag::from_bytes(input.array());
    let messages: Vec<_> = input.list("messages").into_iter().map(|message| {
        let sender = sender_of(message.get("sender"));
        let time = Timestamp::from_millis(message.get("accepted_ms").number());
        let last_seen = message.optional("last_seen").map(tag);
        (sender, time, message.get("sequence").number(), last_seen, tag_of(message))
    }).collect();
    let entries: Vec<_> = messages.iter().map(|(sender, accepted_at, sequence, last_seen, tag)| Entry {
        sender, accepted_at: *accepted_at, sequence: *sequence, last_seen: last_seen.as_ref(), tag,
    }).collect();
    let transcript = Transcript::new(&entries);
    let positions: Vec<_> = transcript.positions.iter().map(|(index, position)| {
        let seen = match position.last_seen {
            LastSeen::InReport(index) => json!(index),
            _ => Value::Null,
        };
        let contradictions: Vec<_> = position.contradictions.iter().map(|one| format!("{one:?}")).collect();
        json!({ "message": index, "gap_before": position.gap_before, "seen": seen, "contradictions": contradictions })
    }).collect();
    Ok(json!({ "shown": positions, "clock_stepped_back": transcript.clock_stepped_back }))
}

/// A message of a transcript: its sender, time after noon, number, tag, and what was seen last.
type Line = (&'static str, u64, u64, u8, Option<u8>);

pub(super) fn transcripts(file: &mut Vectors) {
    let day = 86_400_000;
    let lines: [(&str, &str, &[Line]); 14] = [
        ("transcript", "three messages in the order of their times", &[("alice", 0, 0, 1, None), ("bob", 5, 0, 2, Some(1)), ("alice", 9, 3, 3, Some(2))]),
        ("transcript-one-ms", "four messages of one device in one millisecond, whose tags descend", &[("alice", 0, 3, 1, None), ("alice", 0, 2, 2, None), ("alice", 0, 1, 3, None), ("alice", 0, 0, 4, None)]),
        ("transcript-seen", "two devices in one millisecond: what was seen comes first, whatever the account", &[("alice", 0, 0, 1, Some(2)), ("bob", 0, 0, 2, None)]),
        ("transcript-tie", "two devices in one millisecond that saw nothing of each other: by account", &[("bob", 0, 0, 1, None), ("alice", 0, 0, 2, None)]),
        ("transcript-tie-devices", "two devices of one account in one millisecond: by device", &[("alice/2", 0, 0, 1, None), ("alice", 0, 0, 2, None)]),
        ("transcript-seen-in-between", "what was seen lies within the other device's messages of that millisecond", &[("alice", 0, 5, 9, Some(1)), ("alice", 0, 4, 8, None), ("bob", 0, 0, 1, Some(8))]),
        ("transcript-circle", "numbers and what was seen go round in a circle: the numbers win, and a tie accuses no one", &[("alice", 0, 1, 1, None), ("alice", 0, 0, 2, Some(3)), ("bob", 0, 0, 3, Some(1))]),
        ("transcript-runs-back", "a device's number is lower than before, five minutes later, the most", &[("alice", 0, 1, 1, None), ("alice", 300_000, 0, 2, None)]),
        ("transcript-clock", "the same one millisecond more: the relay's clock stepped back, and the numbers give the order", &[("alice", 0, 1, 1, None), ("alice", 300_001, 0, 2, None)]),
        ("transcript-clock-seen", "the relay's clock stepped back by a day between two devices", &[("alice", day, 0, 1, None), ("bob", 0, 0, 2, Some(1))]),
        ("transcript-clock-all", "a conversation across a step back: numbers and what was seen give the order", &[("alice", 0, 0, 1, None), ("bob", day, 0, 2, Some(1)), ("alice", day + 7, 1, 3, Some(2)), ("bob", 60_000, 1, 4, Some(3)), ("alice", 61_000, 2, 5, Some(4))]),
        ("transcript-clock-near", "after a step back, a message from before it is ahead of later ones by less than five minutes too, and accuses no one", &[("alice", 310_000, 0, 1, None), ("alice", 1_000, 1, 2, None), ("alice", 20_000, 2, 3, None), ("bob", 21_000, 0, 4, Some(1))]),
        ("transcript-seen-later", "a message names one that was accepted later, within five minutes", &[("alice", 0, 0, 1, Some(2)), ("bob", 5, 0, 2, None)]),
        ("transcript-repeated", "two messages of one device with one number", &[("alice", 0, 7, 1, None), ("alice", 5, 7, 2, Some(9))]),
    ];
    for (id, comment, lines) in lines {
        let messages: Vec<_> = lines.iter().map(|(sender, after, sequence, tag, seen)| {
            let (account, device) = sender.split_once('/').map_or((*sender, 1), |(account, device)| (account, device.parse::<u32>().unwrap()));
            json!({
                "sender": { "account": account, "device": device }, "accepted_ms": NOON.as_millis() + after,
                "sequence": sequence, "franking_tag": hex([*tag; 32]), "last_seen": seen.map(|tag| hex([tag; 32])),
            })
        }).collect();
        file.passes(id, comment, "transcript", json!({ "messages": messages }));
    }
}
