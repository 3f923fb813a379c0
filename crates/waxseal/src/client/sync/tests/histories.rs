//! Histories whose device was removed, and offers that come late.

use super::*;
use crate::error::HistoryError;

fn offer(request: crate::sync::history::RequestId, round: u32) -> Entry {
    let (key, first) = (HistoryKey::from_bytes([1; 32]), 0);
    Entry::HistoryOffered(Offer {
        request,
        key,
        round,
        first,
    })
}

fn remove(net: &mut Net, phone: &mut Device, device: DeviceId) -> Vec<u8> {
    let roster = phone.remove_device(device, NOW).unwrap();
    net.provider.put_roster(&account("alice"), &roster).unwrap();
    phone.confirm_roster(NOW).unwrap();
    roster
}

#[test]
fn chk347_a_device_that_was_removed_gets_no_more_of_a_history() {
    let (mut net, mut phone, mut laptop) = phone_and_laptop();
    let request = laptop.ask_history(NOW, &mut rng(3)).unwrap();
    let wants = Entry::HistoryWanted(Request {
        id: request,
        first: 0,
    });
    net.told(&mut laptop, &mut phone, &[wants]);
    let device = laptop.me().device;
    phone
        .offer_history(device, request, NOW, &mut rng(4))
        .unwrap();
    phone.history_chunk(0, &mut rng(5)).unwrap();
    remove(&mut net, &mut phone, device);
    // The thief has the key.
    assert!(matches!(
        phone.history_chunk(0, &mut rng(5)),
        Err(HistoryError::OtherDevice)
    ));
    phone.upkeep(NOW, &mut rng(6)).unwrap();
    assert!(phone.history_export().unwrap().is_none());
}

#[test]
fn chk347_a_device_that_was_removed_gives_no_more_of_a_history() {
    let (mut net, mut phone, mut laptop) = phone_and_laptop();
    let mut tablet = net.link(&mut phone);
    let request = tablet.ask_history(NOW, &mut rng(3)).unwrap();
    let offered = net.told(&mut laptop, &mut tablet, &[offer(request, 0)]);
    assert_eq!(offered, [Synced::HistoryOffered]);
    let key = HistoryKey::from_bytes([1; 32]);
    let chunk = key.seal_chunk(request, 0, false, &[], &mut rng(4));
    tablet.import_history(&chunk.unwrap()).unwrap();
    let roster = remove(&mut net, &mut phone, laptop.me().device);
    tablet.take_roster(&account("alice"), &roster, NOW).unwrap();
    let chunk = key.seal_chunk(request, 1, false, &[], &mut rng(4));
    assert!(matches!(
        tablet.import_history(&chunk.unwrap()),
        Err(HistoryError::OtherDevice)
    ));
    tablet.upkeep(NOW, &mut rng(6)).unwrap();
    assert!(tablet.history_import().unwrap().is_none());
}

#[test]
fn chk347_an_offer_that_comes_late_does_not_lead_back_to_an_earlier_round() {
    let (mut net, mut phone, mut laptop) = phone_and_laptop();
    let request = laptop.ask_history(NOW, &mut rng(3)).unwrap();
    net.told(&mut phone, &mut laptop, &[offer(request, 2)]);
    let known = laptop.history_import().unwrap();
    let late = net.told(&mut phone, &mut laptop, &[offer(request, 1)]);
    assert!(late.is_empty());
    assert_eq!(laptop.history_import().unwrap(), known);
    net.told(&mut phone, &mut laptop, &[offer(request, 3)]);
    assert_ne!(laptop.history_import().unwrap(), known);
}

#[test]
fn chk342_nothing_is_shared_about_the_own_account() {
    let (mut net, mut phone, mut laptop) = phone_and_laptop();
    // Something waits to be told.
    phone.set_setting(&theme(), b"dark").unwrap();
    net.start(&mut phone, &account("alice"));
    phone.upkeep(NOW, &mut rng(6)).unwrap();
    let waiting = phone.outbox(None, 9, NOW).unwrap().items.len();
    assert!(waiting > 0);
    let peer = account("alice");
    let until = NOW;
    let conversation = peer.into();
    let deleted = Fact::ConversationDeleted {
        conversation,
        until,
    };
    let told = net.told(&mut laptop, &mut phone, &[item(9, deleted)]);
    assert!(told.is_empty());
    assert_eq!(phone.outbox(None, 9, NOW).unwrap().items.len(), waiting);
}
