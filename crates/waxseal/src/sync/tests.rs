//! Tests of the encoding of sync records, and of which item counts.

use proptest::prelude::*;
use waxseal_reporting::{AccountId, DeviceId, FrankingTag, Timestamp};
use waxseal_roster::group::GroupId;
use zeroize::Zeroizing;

use super::history::{HistoryKey, Offer, Request, RequestId};
use super::limits::{MAX_CHUNKS, MAX_SETTING_LEN, MAX_SETTING_NAME_LEN, MAX_SYNC_LEN};
use super::{Entry, Fact, Item, Packer, Position, Record, RecordError, SettingName, Written};
use crate::conversation::Conversation;

fn account(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

fn item(number: u64, device: u32, fact: Fact) -> Item {
    let device = DeviceId(device);
    Item {
        fact,
        written: Written { number, device },
    }
}

fn setting(name: &str, value: &[u8]) -> Fact {
    Fact::Setting {
        name: SettingName::new(name).unwrap(),
        value: Zeroizing::new(value.to_vec()),
    }
}

fn blocked(number: u64, device: u32, is_blocked: bool) -> Item {
    let account = account("bob");
    item(
        number,
        device,
        Fact::Blocked {
            account,
            is_blocked,
        },
    )
}

fn pack(entries: &[Entry]) -> Vec<Zeroizing<Vec<u8>>> {
    let mut packer = Packer::default();
    let mut records = Vec::new();
    for entry in entries {
        assert_eq!(packer.is_full_for(entry), {
            let full = packer.push(entry);
            let is_full = full.is_some();
            records.extend(full);
            is_full
        });
    }
    records.extend(packer.finish());
    records
}

fn facts() -> impl Strategy<Value = Fact> {
    let peer = prop::sample::select(vec!["alice", "bob", "carol"]).prop_map(account);
    let group = any::<bool>().prop_map(|byte| GroupId::from_bytes([byte.into(); 32]));
    let conversation = prop_oneof![
        peer.clone().prop_map(Conversation::from),
        group.prop_map(Conversation::from),
    ];
    let conversations = conversation.clone();
    let tag = prop::sample::select(vec![1_u8, 2]).prop_map(|byte| [byte; 32]);
    let at = (0..4_u64).prop_map(Timestamp::from_millis);
    prop_oneof![
        (peer.clone(), any::<u8>(), any::<bool>()).prop_map(|(account, key, is_verified)| {
            let account_key = [key & 1; 32];
            Fact::Trust {
                account,
                account_key,
                is_verified,
            }
        }),
        (peer.clone(), any::<bool>()).prop_map(|(account, is_blocked)| Fact::Blocked {
            account,
            is_blocked
        }),
        (peer, any::<bool>(), at.clone()).prop_map(|(account, is_accepted, at)| Fact::Decided {
            account,
            is_accepted,
            at
        }),
        (conversation.clone(), at.clone(), tag.clone()).prop_map(|(conversation, at, tag)| {
            let up_to = Position::new(at, &FrankingTag::from_bytes(tag));
            Fact::Read {
                conversation,
                up_to,
            }
        }),
        (conversation, tag, at.clone()).prop_map(|(conversation, tag, at)| {
            Fact::MessageDeleted {
                conversation,
                id: FrankingTag::from_bytes(tag),
                at,
            }
        }),
        (conversations, at).prop_map(|(conversation, until)| Fact::ConversationDeleted {
            conversation,
            until
        }),
        (
            prop::sample::select(vec!["theme", "font"]),
            prop::collection::vec(0..3_u8, 0..3)
        )
            .prop_map(|(name, value)| setting(name, &value)),
    ]
}

fn items() -> impl Strategy<Value = Item> {
    // Few numbers and devices, so that many items are about the same and equal in rank.
    (1..4_u64, 1..3_u32, facts()).prop_map(|(number, device, fact)| item(number, device, fact))
}

/// What a device knows after it has taken these items in this order.
fn state<'a>(items: impl IntoIterator<Item = &'a Item>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut state: std::collections::BTreeMap<Vec<u8>, Item> = Default::default();
    for item in items {
        match state.get(&item.fact.subject()) {
            Some(known) if !item.wins_over(known) => {}
            _ => drop(state.insert(item.fact.subject(), item.clone())),
        }
    }
    let state = state.into_iter();
    state
        .map(|(subject, item)| (subject, item.encode().to_vec()))
        .collect()
}

proptest! {
    #[test]
    fn chk343_the_order_of_items_does_not_matter_nor_how_often_they_come(
        items in prop::collection::vec(items(), 0..12),
        order in prop::collection::vec(any::<prop::sample::Index>(), 12),
    ) {
        let mut shuffled = items.clone();
        for (at, other) in order.iter().enumerate() {
            if at < shuffled.len() {
                let other = other.index(shuffled.len());
                shuffled.swap(at, other);
            }
        }
        prop_assert_eq!(state(&items), state(&shuffled));
        prop_assert_eq!(state(&items), state(items.iter().chain(&shuffled)));
    }

    #[test]
    fn what_is_packed_is_read_again(items in prop::collection::vec(items(), 0..200)) {
        let entries: Vec<Entry> = items.into_iter().map(Entry::Item).collect();
        let records = pack(&entries);
        let mut read = Vec::new();
        for record in &records {
            prop_assert!(record.len() <= MAX_SYNC_LEN);
            read.extend(Record::decode(record).unwrap().entries);
        }
        prop_assert_eq!(read, entries);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Record::decode(&bytes);
        let _ = Item::decode(&bytes);
    }
}

#[test]
fn chk343_the_last_writer_counts_and_between_two_the_device_with_the_higher_number() {
    assert!(blocked(2, 1, true).wins_over(&blocked(1, 9, false)));
    assert!(blocked(2, 3, true).wins_over(&blocked(2, 1, false)));
    assert!(!blocked(2, 1, true).wins_over(&blocked(2, 1, true)));
    // One device wrote twice under one number, after it was set back.
    let (yes, no) = (blocked(2, 1, true), blocked(2, 1, false));
    assert!(yes.wins_over(&no) != no.wins_over(&yes));
}

#[test]
fn chk343_the_furthest_read_position_counts_whoever_wrote_it() {
    let read = |number, at| {
        let up_to = Position::new(
            Timestamp::from_millis(at),
            &FrankingTag::from_bytes([7; 32]),
        );
        let conversation = account("bob").into();
        let fact = Fact::Read {
            conversation,
            up_to,
        };
        item(number, 1, fact)
    };
    assert!(read(1, 200).wins_over(&read(9, 100)));
    assert!(!read(9, 100).wins_over(&read(1, 200)));
}

#[test]
fn chk342_a_number_is_not_zero_and_not_far_above_the_highest_known() {
    let follows = |number, highest| blocked(number, 1, true).written.follows(highest);
    assert!(!follows(0, 0));
    assert!(follows(1, 0));
    assert!(follows(5, 9));
    assert!(follows(1 << 32, 0));
    assert!(!follows((1 << 32) + 1, 0));
    assert!(follows(u64::MAX, u64::MAX));
}

#[test]
fn the_example_of_the_specification_is_what_is_written() {
    let record = pack(&[Entry::Item(blocked(5, 2, true))]).remove(0);
    let expected = [
        &[1, 2, 0, 17][..],
        &5_u64.to_be_bytes(),
        &2_u32.to_be_bytes(),
        &[3],
        b"bob",
        &[1],
    ];
    assert_eq!(*record, expected.concat());
}

#[test]
fn requests_and_offers_are_read_again() {
    let id = RequestId([3; 16]);
    let entries = [
        Entry::StateWanted,
        Entry::HistoryWanted(Request { id, first: 7 }),
        Entry::HistoryOffered(Offer {
            request: id,
            key: HistoryKey::from_bytes([9; 32]),
            round: 1,
            first: 7,
        }),
        Entry::HistoryEnded(id),
        Entry::Leaves,
    ];
    let records = pack(&entries);
    assert_eq!(records.len(), 1);
    assert_eq!(Record::decode(&records[0]).unwrap().entries, entries);
}

#[test]
fn chk340_a_record_out_of_form_is_refused_whole() {
    let good = pack(&[
        Entry::Item(blocked(1, 1, true)),
        Entry::Item(blocked(2, 1, false)),
    ])
    .remove(0);
    assert_eq!(Record::decode(&good).unwrap().entries.len(), 2);
    assert_eq!(Record::decode(&[]), Err(RecordError::Malformed));
    for len in 2..good.len() {
        let is_end_of_entry = len == 1 + (good.len() - 1) / 2;
        assert_eq!(
            Record::decode(&good[..len]).is_ok(),
            is_end_of_entry,
            "{len}"
        );
    }
    let mut other = good.to_vec();
    other[0] = 2;
    assert_eq!(Record::decode(&other), Err(RecordError::OtherVersion));
    // The flag is neither 0 nor 1.
    let mut other = good.to_vec();
    *other.last_mut().unwrap() = 2;
    assert_eq!(Record::decode(&other), Err(RecordError::Malformed));
    // A byte more in the last entry.
    let mut other = good.to_vec();
    other.push(0);
    let second = 1 + (good.len() - 1) / 2;
    other[second + 2] += 1;
    assert_eq!(Record::decode(&other), Err(RecordError::Malformed));
    // A request that begins after the last possible chunk.
    let id = RequestId([3; 16]);
    for (first, is_ok) in [(MAX_CHUNKS - 1, true), (MAX_CHUNKS, false)] {
        let record = pack(&[Entry::HistoryWanted(Request { id, first })]).remove(0);
        assert_eq!(Record::decode(&record).is_ok(), is_ok);
    }
}

#[test]
fn chk340_a_record_has_at_most_3072_bytes() {
    let mut record = pack(&[Entry::Item(blocked(1, 1, true))]).remove(0).to_vec();
    let rest = u16::try_from(MAX_SYNC_LEN - record.len() - 3).unwrap();
    record.push(200);
    record.extend_from_slice(&rest.to_be_bytes());
    record.resize(MAX_SYNC_LEN, 0);
    // The entry of an unknown type is ignored.
    assert_eq!(Record::decode(&record).unwrap().entries.len(), 1);
    record.push(200);
    record.extend_from_slice(&[0, 0]);
    assert_eq!(Record::decode(&record), Err(RecordError::Malformed));
}

#[test]
fn chk340_a_setting_is_within_its_limits() {
    let longest = "n".repeat(MAX_SETTING_NAME_LEN);
    assert!(SettingName::new("").is_err());
    assert!(SettingName::new("a\nb").is_err());
    assert!(SettingName::new(&"n".repeat(MAX_SETTING_NAME_LEN + 1)).is_err());
    for (len, is_ok) in [(MAX_SETTING_LEN, true), (MAX_SETTING_LEN + 1, false)] {
        let entry = Entry::Item(item(1, 1, setting(&longest, &vec![1; len])));
        let record = pack(&[entry]).remove(0);
        assert_eq!(Record::decode(&record).is_ok(), is_ok, "{len}");
    }
    // Two settings of maximum length fit one record.
    let entry = Entry::Item(item(1, 1, setting(&longest, &[1; MAX_SETTING_LEN])));
    let records = pack(&[entry.clone(), entry.clone(), entry]);
    assert_eq!(records.len(), 2);
}

#[test]
fn debug_output_shows_no_names_and_no_keys() {
    let offer = Offer {
        request: RequestId([3; 16]),
        key: HistoryKey::from_bytes([9; 32]),
        round: 1,
        first: 7,
    };
    let shown = format!("{:?} {:?}", offer, item(1, 1, setting("theme", b"dark")));
    assert!(!shown.contains("9, 9") && !shown.contains("theme") && !shown.contains("dark"));
}
