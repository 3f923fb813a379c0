//! Sync records that no honest device makes: sealed on the sessions of a device that was broken
//! into, or by a peer.

mod net;

use waxseal_reporting::{DeviceId, FrankingTag, Timestamp};
use waxseal_world::{NOW, account, rng};
use zeroize::Zeroizing;

use self::net::{Device, Net, phone_and_laptop};
use crate::client::Received;
use crate::client::Synced;
use crate::sync::history::{Offer, Request};
use crate::sync::{Entry, Fact, HistoryKey, Item, Packer, Position, Record, SettingName, Written};

fn record(entries: &[Entry]) -> Vec<u8> {
    let mut packer = Packer::default();
    for entry in entries {
        assert!(packer.push(entry).is_none());
    }
    packer.finish().unwrap().to_vec()
}

fn theme() -> SettingName {
    SettingName::new("theme").unwrap()
}

fn item(number: u64, fact: Fact) -> Entry {
    let device = DeviceId(2);
    let written = Written { number, device };
    Entry::Item(Item { fact, written })
}

fn setting(number: u64, value: &[u8]) -> Entry {
    let value = Zeroizing::new(value.to_vec());
    item(
        number,
        Fact::Setting {
            name: theme(),
            value,
        },
    )
}

fn value(client: &Device) -> Option<Vec<u8>> {
    let value = client.setting(&theme()).unwrap();
    value.map(|value| value.to_vec())
}

#[test]
fn row_20_chk341_a_sync_record_of_a_peer_is_not_heard() {
    let mut net = Net::new();
    let (mut phone, mut bob) = (net.create("alice"), net.create("bob"));
    let fact = Fact::Blocked {
        account: account("carol"),
        is_blocked: true,
    };
    let forged = record(&[setting(1, b"dark"), item(2, fact), Entry::StateWanted]);
    net.tell(&mut bob, &account("alice"), &forged);
    let received = net.receive(&mut phone);
    assert!(matches!(received, Received::Skipped { .. }), "{received:?}");
    assert_eq!(value(&phone), None);
    assert!(phone.shared(None, 10).unwrap().items.is_empty());
}

#[test]
fn row_20_chk341_a_sync_record_in_a_message_to_a_peer_is_not_heard() {
    let (mut net, mut phone, mut laptop) = phone_and_laptop();
    net.start(&mut laptop, &account("alice"));
    net.tell(
        &mut laptop,
        &account("bob"),
        &record(&[setting(1, b"dark")]),
    );
    let received = net.receive(&mut phone);
    assert!(matches!(received, Received::Skipped { .. }), "{received:?}");
    assert_eq!(value(&phone), None);
}

#[test]
fn chk340_a_record_out_of_form_changes_nothing() {
    let (mut net, mut phone, mut laptop) = phone_and_laptop();
    let mut broken = record(&[setting(7, b"dark"), Entry::StateWanted]);
    broken.push(1);
    assert!(Record::decode(&broken).is_err());
    assert_eq!(net.told_bytes(&mut laptop, &mut phone, &broken), None);
    assert_eq!(value(&phone), None);
}

#[test]
fn chk342_a_number_far_ahead_is_ignored_and_the_next_write_still_counts() {
    let (mut net, mut phone, mut laptop) = phone_and_laptop();
    let far = [
        setting(u64::MAX, b"poison"),
        setting(7, b"dark"),
        setting(0, b"none"),
    ];
    assert_eq!(net.told(&mut laptop, &mut phone, &far).len(), 1);
    assert_eq!(value(&phone).unwrap(), b"dark");
    phone.set_setting(&theme(), b"light").unwrap();
    assert_eq!(value(&phone).unwrap(), b"light");
    let item = phone
        .item(&crate::sync::subjects::setting(theme().as_str()))
        .unwrap()
        .unwrap();
    assert_eq!(
        item.written,
        Written {
            number: 8,
            device: DeviceId(1)
        }
    );
}

#[test]
fn chk342_what_was_read_or_deleted_is_not_later_than_the_record_that_says_so() {
    let (mut net, mut phone, mut laptop) = phone_and_laptop();
    let (peer, id) = (account("bob"), FrankingTag::from_bytes([1; 32]));
    for (ahead_ms, is_taken) in [(600_000, true), (600_001, false)] {
        let at = Timestamp::from_millis(NOW.as_millis() + ahead_ms);
        for fact in [
            Fact::Read {
                conversation: (&peer).into(),
                up_to: Position::new(at, &id),
            },
            Fact::ConversationDeleted {
                conversation: (&peer).into(),
                until: at,
            },
        ] {
            let (mut net, mut phone, mut laptop) = phone_and_laptop();
            let changes = net.told(&mut laptop, &mut phone, &[item(1, fact)]);
            assert_eq!(!changes.is_empty(), is_taken);
        }
    }
    assert!(
        net.told(&mut laptop, &mut phone, &[Entry::StateWanted])
            .is_empty()
    );
}

#[test]
fn chk343_an_older_item_changes_nothing_whenever_it_comes() {
    let (mut net, mut phone, mut laptop) = phone_and_laptop();
    for (number, new, is_new) in [(9, b"new", true), (8, b"old", false), (9, b"new", false)] {
        let changes = net.told(&mut laptop, &mut phone, &[setting(number, new)]);
        assert_eq!(!changes.is_empty(), is_new);
        assert_eq!(value(&phone).unwrap(), b"new");
    }
    // Within one record, too.
    let both = [setting(11, b"last"), setting(10, b"before")];
    assert_eq!(net.told(&mut laptop, &mut phone, &both).len(), 1);
    assert_eq!(value(&phone).unwrap(), b"last");
}

#[test]
fn chk347_an_offer_counts_for_the_request_of_this_device_and_from_the_device_that_came_first() {
    let (mut net, mut phone, mut laptop) = phone_and_laptop();
    let mut tablet = net.link(&mut phone);
    let offer = |request, key: u8| {
        let key = HistoryKey::from_bytes([key; 32]);
        let (round, first) = (0, 0);
        Entry::HistoryOffered(Offer {
            request,
            key,
            round,
            first,
        })
    };
    // Nobody asked.
    let none = crate::sync::history::RequestId([5; 16]);
    assert!(
        net.told(&mut phone, &mut laptop, &[offer(none, 1)])
            .is_empty()
    );
    assert!(laptop.history_import().unwrap().is_none());

    let request = laptop.ask_history(NOW, &mut rng(3)).unwrap();
    assert!(
        net.told(&mut phone, &mut laptop, &[offer(none, 1)])
            .is_empty()
    );
    let offered = net.told(&mut phone, &mut laptop, &[offer(request, 1)]);
    assert_eq!(offered, [Synced::HistoryOffered]);
    let known = laptop.history_import().unwrap().unwrap();
    assert_eq!(known.device, Some(phone.me().device));
    assert!(
        net.told(&mut tablet, &mut laptop, &[offer(request, 2)])
            .is_empty()
    );
    assert!(
        net.told(&mut tablet, &mut laptop, &[offer(request, 1)])
            .is_empty()
    );
    assert!(
        net.told(&mut phone, &mut laptop, &[offer(request, 2)])
            .is_empty()
    );
    assert_eq!(laptop.history_import().unwrap(), Some(known));
}

#[test]
fn chk347_the_rest_of_a_history_goes_to_the_device_to_which_the_user_agreed() {
    let (mut net, mut phone, mut laptop) = phone_and_laptop();
    let mut tablet = net.link(&mut phone);
    let request = laptop.ask_history(NOW, &mut rng(3)).unwrap();
    let wants = |first| Entry::HistoryWanted(Request { id: request, first });
    let device = laptop.me().device;
    let asked = net.told(&mut laptop, &mut phone, &[wants(0)]);
    assert_eq!(asked, [Synced::HistoryWanted { device, request }]);
    phone
        .offer_history(device, request, NOW, &mut rng(4))
        .unwrap();
    assert!(phone.history_chunk(0, &mut rng(5)).unwrap().is_last);
    let export = phone.history_export().unwrap().unwrap();
    for entry in [wants(0), Entry::HistoryEnded(request)] {
        assert!(net.told(&mut tablet, &mut phone, &[entry]).is_empty());
    }
    // Nor what was never made.
    assert!(net.told(&mut laptop, &mut phone, &[wants(2)]).is_empty());
    assert_eq!(phone.history_export().unwrap(), Some(export));
    let resumed = net.told(&mut laptop, &mut phone, &[wants(0)]);
    assert_eq!(resumed, [Synced::HistoryResumed]);
    let round = phone.history_export().unwrap().unwrap().round;
    assert_eq!(round, 1);
    let ended = net.told(&mut laptop, &mut phone, &[Entry::HistoryEnded(request)]);
    assert_eq!(ended, [Synced::HistoryEnded]);
    assert!(phone.history_export().unwrap().is_none());
}

#[test]
fn chk344_another_account_key_than_the_pinned_one_is_not_taken() {
    let (mut net, mut phone, mut laptop) = phone_and_laptop();
    let trust = |number, key: u8, is_verified| {
        let account_key = [key; 32];
        let account = account("carol");
        item(
            number,
            Fact::Trust {
                account,
                account_key,
                is_verified,
            },
        )
    };
    // The key that another own device pinned first is pinned here.
    net.told(&mut laptop, &mut phone, &[trust(1, 7, false)]);
    let known = |phone: &Device| {
        let known = phone.look_at_peer(&account("carol"), |peer| {
            (peer.account_key(), peer.contact.is_verified)
        });
        known.unwrap()
    };
    assert_eq!(known(&phone), Some((Some([7; 32]), false)));
    net.told(&mut laptop, &mut phone, &[trust(2, 7, true)]);
    assert_eq!(known(&phone), Some((Some([7; 32]), true)));
    // Another one is not, and does not verify the pinned one either.
    net.told(&mut laptop, &mut phone, &[trust(3, 8, true)]);
    assert_eq!(known(&phone), Some((Some([7; 32]), true)));
    net.told(&mut laptop, &mut phone, &[trust(4, 8, false)]);
    assert_eq!(known(&phone), Some((Some([7; 32]), true)));
    // The own account is none of the contacts.
    let own = Fact::Trust {
        account: account("alice"),
        account_key: [9; 32],
        is_verified: true,
    };
    net.told(&mut laptop, &mut phone, &[item(5, own)]);
    assert_eq!(phone.own_roster().unwrap(), laptop.own_roster().unwrap(),);
}

mod histories;
