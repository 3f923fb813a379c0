use serde_json::json;

use super::*;

fn any_key() -> DeliveryKey {
    DeliveryKey::generate(&mut rand::rng())
}

fn accepted(entry: usize) -> AcceptedEntry {
    let group = ConversationId::group(b"g");
    let entry = vec![1; entry];
    AcceptedEntry {
        receipt: EntryReceipt::new(&any_key(), &group, &entry, 7),
        entry,
    }
}

/// Whether a body is read again after it was written.
fn is_read<T: Serialize + for<'de> Deserialize<'de>>(body: &T) -> bool {
    serde_json::from_str::<T>(&serde_json::to_string(body).unwrap()).is_ok()
}

#[test]
fn only_64_lower_case_hex_digits_are_a_group() {
    let text = format!("{}{}", "0a".repeat(16), "00ff".repeat(8));
    let group = parse_group(&text).unwrap();
    assert_eq!(group.as_bytes()[..2], [0x0a; 2]);
    assert_eq!(group_text(&group), text);
    for other in [
        &text[1..],
        &format!("{text}0"),
        &text.replace('a', "g"),
        &text.replace('a', "A"),
        &format!("+{}", &text[1..]),
        &format!("{}+{}", &text[..32], &text[33..]),
        &"é".repeat(32),
        "",
    ] {
        assert_eq!(parse_group(other), None, "{other}");
    }
}

#[test]
fn chk460_entry_receipt_for_another_group_entry_time_or_device_is_refused() {
    let (key, group) = (any_key(), ConversationId::group(b"g"));
    let receipt = EntryReceipt::new(&key, &group, b"entry", 7);
    assert!(receipt.is_authentic(&key, &group, b"entry"));
    assert!(!receipt.is_authentic(&key, &group, b"entry2"));
    assert!(!receipt.is_authentic(&key, &ConversationId::group(b"h"), b"entry"));
    assert!(!receipt.is_authentic(&any_key(), &group, b"entry"));
    let later = EntryReceipt {
        accepted_at_ms: 8,
        ..receipt
    };
    assert!(!later.is_authentic(&key, &group, b"entry"));
    // A leave of the same bytes is none.
    let leave = GroupLeave::new(&key, &group, 7);
    let moved = EntryReceipt {
        mac: leave.mac,
        ..receipt
    };
    assert!(!moved.is_authentic(&key, &group, b"entry"));
}

#[test]
fn chk461_leave_of_another_group_version_or_device_is_refused() {
    let (key, group) = (any_key(), ConversationId::group(b"g"));
    let leave = GroupLeave::new(&key, &group, 7);
    assert!(leave.is_authentic(&key, &group));
    assert!(!leave.is_authentic(&key, &ConversationId::group(b"h")));
    assert!(!leave.is_authentic(&any_key(), &group));
    let later = GroupLeave {
        version: 8,
        ..leave
    };
    assert!(!later.is_authentic(&key, &group));
    assert!(!is_leave_shown(&leave));
}

fn is_leave_shown(leave: &GroupLeave) -> bool {
    format!("{leave:?}").contains("mac")
}

#[test]
fn at_the_limit_a_body_is_read_and_one_past_it_is_refused() {
    let news = |entries: usize, len: usize| GroupNews {
        entries: vec![accepted(len); entries],
        whole: None,
    };
    assert!(is_read(&news(MAX_ENTRIES, 1)) && !is_read(&news(MAX_ENTRIES + 1, 1)));
    assert!(is_read(&news(1, MAX_ENTRY_LEN)) && !is_read(&news(1, MAX_ENTRY_LEN + 1)));
    let whole = |state: usize, chain: usize| WholeGroup {
        state: vec![1; state],
        authority_chain: vec![2; chain],
    };
    let (state, chain) = (MAX_GROUP_STATE_LEN, MAX_AUTHORITY_CHAIN_LEN);
    assert!(is_read(&whole(state, chain)));
    assert!(!is_read(&whole(state + 1, 1)) && !is_read(&whole(1, chain + 1)));
    let asked = |names: usize| AskRosters {
        names: vec!["a".to_owned(); names],
    };
    assert!(is_read(&asked(MAX_ROSTERS_ASKED)) && !is_read(&asked(MAX_ROSTERS_ASKED + 1)));
    let rosters = |rosters: usize, len: usize| GroupRosters {
        rosters: vec![vec![1; len]; rosters],
    };
    assert!(is_read(&rosters(MAX_ROSTERS_ASKED, MAX_ROSTER_LEN)));
    assert!(!is_read(&rosters(MAX_ROSTERS_ASKED + 1, 1)));
    assert!(!is_read(&rosters(1, MAX_ROSTER_LEN + 1)));
    let claim = RosterClaim {
        name: "a".to_owned(),
        epoch: 1,
        version: 2,
    };
    let mismatch = |claims: usize, left: usize| GroupMismatch {
        news: GroupNews::default(),
        rosters: vec![claim.clone(); claims],
        left: vec!["a".to_owned(); left],
    };
    assert!(is_read(&mismatch(MAX_MEMBERS, MAX_MEMBERS)));
    assert!(!is_read(&mismatch(MAX_MEMBERS + 1, 0)));
    assert!(!is_read(&mismatch(0, MAX_MEMBERS + 1)));
}

#[test]
fn news_are_written_as_the_specification_says() {
    let receipt = EntryReceipt {
        accepted_at_ms: 7,
        mac: [0; 32],
    };
    let news = GroupNews {
        entries: vec![AcceptedEntry {
            entry: vec![1, 2, 3],
            receipt,
        }],
        whole: Some(WholeGroup {
            state: vec![4],
            authority_chain: vec![5],
        }),
    };
    let mac = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let expected = json!({
        "entries": [{ "entry": "AQID", "accepted_at_ms": 7, "mac": mac }],
        "whole": { "state": "BA==", "authority_chain": "BQ==" },
    });
    assert_eq!(serde_json::to_value(&news).unwrap(), expected);
    assert_eq!(serde_json::from_value::<GroupNews>(expected).unwrap(), news);
}
