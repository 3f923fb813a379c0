//! Seeds of the target `sync`: records of every kind, and a chunk with genuine messages.

use waxseal::sync::history::{Offer, Request, RequestId};
use waxseal::sync::{Entry, Fact, HistoryKey, Item, Packer, Position, SettingName, Written};
use waxseal::{DeviceId, FrankingTag};
use zeroize::Zeroizing;

use super::Seeds;
use crate::{NOW, Provider, account};

pub(super) fn sync(seeds: &mut Seeds) {
    let mut add = |name: &str, kind: u8, bytes: &[u8]| {
        seeds.push(("sync", name.to_owned(), [&[kind], bytes].concat()));
    };
    for (name, entries) in [("items", items()), ("requests", requests())] {
        let mut packer = Packer::default();
        for entry in entries {
            assert!(packer.push(&entry).is_none());
        }
        add(name, 0, &packer.finish().unwrap());
    }
    add("chunk", 1, &records());
}

fn items() -> Vec<Entry> {
    let (peer, id) = (account("bob"), FrankingTag::from_bytes([5; 32]));
    let setting = |value: &[u8]| Fact::Setting {
        name: SettingName::new("theme").unwrap(),
        value: Zeroizing::new(value.to_vec()),
    };
    let facts = [
        Fact::Trust {
            account: peer.clone(),
            account_key: [7; 32],
            is_verified: true,
        },
        Fact::Blocked {
            account: peer.clone(),
            is_blocked: true,
        },
        Fact::Read {
            conversation: (&peer).into(),
            up_to: Position::new(NOW, &id),
        },
        Fact::MessageDeleted {
            conversation: (&peer).into(),
            id,
            at: NOW,
        },
        Fact::ConversationDeleted {
            conversation: peer.into(),
            until: NOW,
        },
        setting(b"dark"),
        setting(b"light"),
        Fact::Decided {
            account: account("carol"),
            is_accepted: false,
            at: NOW,
        },
    ];
    let facts = facts.into_iter().zip(1..).map(|(fact, number)| {
        let device = DeviceId(2);
        let written = Written { number, device };
        Entry::Item(Item { fact, written })
    });
    facts.collect()
}

fn requests() -> Vec<Entry> {
    let request = RequestId([3; 16]);
    vec![
        Entry::StateWanted,
        Entry::HistoryWanted(Request {
            id: request,
            first: 0,
        }),
        Entry::HistoryOffered(Offer {
            request,
            key: HistoryKey::from_bytes([9; 32]),
            round: 1,
            first: 2,
        }),
        Entry::HistoryEnded(request),
    ]
}

/// The records of a chunk with one message each way.
fn records() -> Vec<u8> {
    let (mut provider, mut alice, mut bob) = Provider::of_two();
    provider.exchange(&mut alice, &mut bob, "Hello!");
    provider.exchange(&mut bob, &mut alice, "Hi!");
    let page = alice.messages(&account("bob"), None, 2).unwrap();
    let mut records = record(&[&[1], &b"bob"[..]]);
    for (message, direction) in page.items.iter().zip([1, 2]) {
        let evidence = message.evidence().unwrap().encode();
        records.extend(record(&[&[2, direction], &[0; 17], &evidence]));
    }
    records
}

fn record(fields: &[&[u8]]) -> Vec<u8> {
    let record = fields.concat();
    let len = u32::try_from(record.len()).unwrap().to_be_bytes();
    [&len[..], &record].concat()
}
