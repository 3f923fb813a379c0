//! What must not be heard.

use waxseal::errors::HistoryError;
use waxseal::store::{Key, Row, Table, Transaction};
use waxseal::sync::SettingName;
use waxseal::{Client, DeviceId, MemoryStore, Received, Store};
use waxseal_world::account;

use super::history::{Mailboxes, agree};
use super::support::{Net, bob, shared, synced, texts};

fn name(name: &str) -> SettingName {
    SettingName::new(name).unwrap()
}

/// Row 20 of the attacks: a sync message from a device that is not in the own roster.
#[test]
fn row_20_chk341_a_sync_record_of_a_device_that_is_not_in_the_own_roster_is_refused() {
    let (mut net, [mut phone, mut laptop, mut other]) = Net::of_three();
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    // The laptop tells something, and is removed before the phone gets it. The phone still opens
    // what the relay accepted before.
    laptop.set_setting(&name("theme"), b"dark").unwrap();
    laptop.block(&bob(), true).unwrap();
    while net.waiting(phone.me()) == 0 {
        net.upkeep(&mut laptop); // the first one asks for prekeys
    }
    let delivery = net.next(&phone.me().clone()).unwrap();
    let now = net.now();
    let roster = phone.remove_device(laptop.me().device, now).unwrap();
    net.provider.put_roster(&account("alice"), &roster).unwrap();
    phone.confirm_roster(now).unwrap();
    let before = shared(&phone);
    match phone.receive(&delivery) {
        Ok(Received::Skipped { .. }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(shared(&phone), before);
    assert!(phone.peers(None, 10).unwrap().items.is_empty()); // Bob is not blocked
}

#[test]
fn a_peer_tells_its_own_devices_and_nobody_else() {
    let (mut net, [mut phone, mut laptop, mut other]) = Net::of_three();
    // Bob has two devices, so that he can make such notes at all.
    let mut second = net.link(&mut other, MemoryStore::new());
    net.send(&mut other, &account("alice"), "Hello!");
    net.settle(&mut [&mut phone, &mut laptop, &mut other, &mut second]);
    other.set_setting(&name("theme"), b"dark").unwrap();
    other.block(&account("carol"), true).unwrap();
    let before = shared(&phone);
    net.upkeep(&mut other);
    let received = net.settle(&mut [&mut phone, &mut laptop, &mut other, &mut second]);
    assert!(synced(&received[0]).is_empty());
    assert!(!synced(&received[3]).is_empty());
    assert_eq!(shared(&phone), before);
    assert!(phone.setting(&name("theme")).unwrap().is_none());
}

#[test]
fn the_history_is_not_given_to_a_device_outside_the_own_roster() {
    let (mut net, [mut phone, mut laptop, mut other]) = Net::of_three();
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    let request = waxseal::sync::history::RequestId([1; 16]);
    for device in [DeviceId(9), phone.me().device] {
        let offered = phone.offer_history(device, request, net.now(), &mut rand::rng());
        assert!(matches!(offered, Err(HistoryError::OtherDevice)));
    }
    assert!(phone.history_export().unwrap().is_none());
}

#[test]
fn chk346_messages_of_another_account_in_a_history_are_refused_one_by_one() {
    let (mut net, [mut phone, mut laptop, mut other]) = Net::of_three();
    let mut carol = net.provider.register("carol");
    net.send(&mut other, &account("carol"), "For Carol.");
    net.send(&mut carol, &bob(), "For Bob.");
    net.send(&mut other, &account("alice"), "For Alice.");
    net.settle(&mut [&mut phone, &mut laptop, &mut other, &mut carol]);
    laptop.forget_contact(&bob()).unwrap();
    agree(&mut net, &mut phone, &mut laptop);
    // The phone was broken into: it gives what Bob has, under the key of its offer.
    let key = |letter: &[u8], row| Key::new(Table::new(letter), row);
    let mut transaction = Transaction::default();
    let (export, start) = (key(b"F", Row::Only), key(b"G", Row::Number(0)));
    let [mut value, begin] =
        [&export, &start].map(|one| phone.store().get(one).unwrap().unwrap().to_vec());
    // To a device of the roster that Bob's store has. The last value of a field counts.
    value.extend([0x10, 1, 0x5a, 64]);
    value.extend(other.identity().to_bytes());
    transaction.put(export, value.into());
    transaction.put(start, begin.into());
    let mut store = other.into_store();
    store.commit(transaction).unwrap();
    let mut forger = Client::open(store).unwrap();
    let mut mailboxes = Mailboxes::default();
    mailboxes.post_all(&mut forger);
    let progress = laptop
        .import_history(&mailboxes.next(&laptop).unwrap())
        .unwrap();
    // Bob's conversation with Alice is no conversation of hers with Bob, as Bob has it.
    assert_eq!((progress.taken, progress.refused), (0, 3));
    assert!(laptop.peers(None, 10).unwrap().items.is_empty());
}

#[test]
fn chk346_a_message_that_the_provider_accepted_after_the_offer_is_refused() {
    let (mut net, [mut phone, mut laptop, mut other]) = Net::of_three();
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    agree(&mut net, &mut phone, &mut laptop);
    net.pass(9 * 60_000);
    net.send(&mut other, &account("alice"), "Soon after.");
    net.pass(2 * 60_000);
    net.send(&mut other, &account("alice"), "Later.");
    net.settle(&mut [&mut phone, &mut other]);
    let mut mailboxes = Mailboxes::default();
    mailboxes.post_all(&mut phone);
    let chunk = mailboxes.next(&laptop).unwrap();
    let progress = laptop.import_history(&chunk).unwrap();
    assert_eq!((progress.taken, progress.refused), (1, 1));
    // The relay has it for this device, too.
    net.settle(&mut [&mut laptop]);
    assert_eq!(texts(&laptop, &bob()), ["Soon after.", "Later."]);
}
