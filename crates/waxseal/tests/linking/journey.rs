//! Links through the client, and what ends them.

use waxseal::errors::{JoinError, LinkDeviceError};
use waxseal::linking::{LINK_LIFETIME_MS, LinkDigits, LinkingError, NewDevice};
use waxseal::store::{Row, Table};
use waxseal::{Advice, Client, DeliveryKey, LinkUnderWay, MemoryStore, Store};
use waxseal_world::{NOW, account, snapshot};

use super::support::{Relay, after, alice, ids, link, seeded, settle, shown};

#[test]
fn a_linked_device_is_a_client_of_the_account_with_its_own_number() {
    let rng = &mut seeded(1);
    let mut phone = alice(rng);
    let mut relay = Relay::of(&phone);
    let laptop = link(&mut phone, &mut relay, rng);
    let tablet = link(&mut phone, &mut relay, rng);
    assert_eq!((laptop.me().device.0, tablet.me().device.0), (2, 3));
    assert_eq!(ids(&phone), [1, 2, 3]);
    assert_eq!(
        ids(&laptop),
        [1, 2],
        "it learns of the tablet by a newer roster"
    );
    let newest = relay.newest_bytes();
    let mut laptop = laptop;
    laptop.take_roster(&account("alice"), &newest, NOW).unwrap();
    assert_eq!(ids(&laptop), [1, 2, 3]);
    // The account key did not change, and it stays on the first device.
    let key = |client: &Client<MemoryStore>| *client.own_roster().unwrap().unwrap().account_key();
    assert_eq!(key(&phone), key(&laptop));
    assert!(phone.account_secret().unwrap().is_some());
    assert!(laptop.account_secret().unwrap().is_none());
    // The client opens again.
    let laptop = Client::open(laptop.into_store()).unwrap();
    assert_eq!(
        (laptop.me().device.0, laptop.identity()),
        (2, laptop.identity())
    );
    relay.assert_no_conflict();
}

#[test]
fn wrong_digits_end_the_link_and_sign_nothing() {
    let rng = &mut seeded(3);
    let mut phone = alice(rng);
    let (mut new, digits) = shown(&mut phone, rng);
    let (first, last) = (
        digits.shown()[..4].to_owned(),
        digits.shown()[5..].to_owned(),
    );
    let last = (last.parse::<u16>().unwrap() + 1) % 10_000;
    let typed = LinkDigits::parse(&format!("{first}{last:04}")).unwrap();
    new.accept(&typed, NOW, rng).unwrap();
    let answer = new.message().unwrap().1.to_vec();
    let Err(error) = phone.finish_link(&answer, NOW) else {
        panic!("wrong digits link a device");
    };
    assert!(matches!(
        error,
        LinkDeviceError::Link(LinkingError::WrongDigits)
    ));
    assert_eq!(error.advice(), Advice::LinkAgain);
    assert_eq!(phone.pending_roster().unwrap(), None);
    assert!(phone.link_under_way(NOW).unwrap().is_none());
    // The attempt is spent, after a restart too.
    let mut phone = Client::open(phone.into_store()).unwrap();
    let refused = phone.finish_link(&answer, NOW);
    assert!(matches!(refused, Err(LinkDeviceError::NoLink)));
}

#[test]
fn messages_that_do_not_open_change_nothing_in_the_store() {
    let rng = &mut seeded(4);
    let mut phone = alice(rng);
    let mut new = NewDevice::generate(NOW, rng).unwrap();
    let offer = phone
        .offer_link(&new.code(), new.bundle(), NOW, rng)
        .unwrap();
    new.open_offer(&offer, NOW, rng).unwrap();
    let reveal = new.message().unwrap().1.to_vec();
    let before = snapshot(&phone);
    for altered in [&reveal[1..], &[1, 2], &offer, &[]] {
        phone.link_digits(altered, NOW, rng).unwrap_err();
        phone.finish_link(altered, NOW).unwrap_err();
    }
    let late = after(LINK_LIFETIME_MS + 1);
    phone.link_digits(&reveal, late, rng).unwrap_err();
    assert!(before == snapshot(&phone));
    let digits = phone.link_digits(&reveal, NOW, rng).unwrap();
    let before = snapshot(&phone);
    phone.link_digits(&reveal, NOW, rng).unwrap_err();
    new.accept(&digits, NOW, rng).unwrap();
    let answer = new.message().unwrap().1.to_vec();
    phone.finish_link(&answer, late).unwrap_err();
    phone
        .finish_link(&answer[..answer.len() - 1], NOW)
        .unwrap_err();
    assert!(before == snapshot(&phone));
    phone.finish_link(&answer, NOW).unwrap();
}

#[test]
fn a_device_that_is_no_manager_offers_nothing() {
    let rng = &mut seeded(5);
    let mut phone = alice(rng);
    let mut relay = Relay::of(&phone);
    let mut laptop = link(&mut phone, &mut relay, rng);
    let new = NewDevice::generate(NOW, rng).unwrap();
    let refused = laptop.offer_link(&new.code(), new.bundle(), NOW, rng);
    let Err(LinkDeviceError::Link(LinkingError::NotManager)) = refused else {
        panic!("{refused:?}");
    };
}

#[test]
fn while_a_roster_is_not_confirmed_no_other_link_begins() {
    let rng = &mut seeded(6);
    let mut phone = alice(rng);
    let mut relay = Relay::of(&phone);
    let (mut new, digits) = shown(&mut phone, rng);
    new.accept(&digits, NOW, rng).unwrap();
    let answer = new.message().unwrap().1.to_vec();
    let roster = phone.finish_link(&answer, NOW).unwrap();
    assert_eq!(phone.pending_roster().unwrap(), Some(roster));
    assert!(matches!(
        phone.link_under_way(NOW),
        Ok(Some(LinkUnderWay::Posting))
    ));
    let other = NewDevice::generate(NOW, rng).unwrap();
    let refused = phone.offer_link(&other.code(), other.bundle(), NOW, rng);
    assert!(matches!(refused, Err(LinkDeviceError::Pending)));
    // The roster counts on this device only when the relay has it.
    assert_eq!(ids(&phone), [1]);
    let welcome = settle(&mut phone, &mut relay, NOW).unwrap();
    assert_eq!(ids(&phone), [1, 2]);
    let Some(LinkUnderWay::Welcome(again)) = phone.link_under_way(NOW).unwrap() else {
        panic!("the welcome is told until the mailbox is gone");
    };
    assert_eq!(again, welcome);
    assert!(
        phone
            .link_under_way(after(LINK_LIFETIME_MS + 1))
            .unwrap()
            .is_none()
    );
    phone
        .offer_link(&other.code(), other.bundle(), NOW, rng)
        .unwrap();
}

#[test]
fn a_device_joins_neither_too_early_nor_in_a_store_that_is_taken() {
    let rng = &mut seeded(7);
    let mut phone = alice(rng);
    let (new, _) = shown(&mut phone, rng);
    let key = DeliveryKey::generate(rng);
    let early = new.into_client(MemoryStore::new(), key.clone(), rng);
    let Err(JoinError::Link(LinkingError::NotWelcome)) = early else {
        panic!("it joins before it is in the roster");
    };
    let mut taken = alice(rng).into_store();
    let new = NewDevice::generate(NOW, rng).unwrap();
    assert!(matches!(
        new.keep(&mut taken),
        Err(JoinError::AlreadyExists)
    ));
    assert!(NewDevice::kept(&taken).unwrap().is_none());
}

#[test]
fn a_kept_device_leaves_nothing_of_the_link_in_its_store() {
    let rng = &mut seeded(8);
    let mut phone = alice(rng);
    let mut relay = Relay::of(&phone);
    let (mut new, digits) = shown(&mut phone, rng);
    new.accept(&digits, NOW, rng).unwrap();
    let answer = new.message().unwrap().1.to_vec();
    phone.finish_link(&answer, NOW).unwrap();
    let welcome = settle(&mut phone, &mut relay, NOW).unwrap();
    new.take_welcome(&welcome.roster).unwrap();
    let mut store = MemoryStore::new();
    new.keep(&mut store).unwrap();
    let kept = NewDevice::kept(&store).unwrap().unwrap();
    assert!(!Client::has_account(&store).unwrap());
    let key = DeliveryKey::generate(rng);
    let laptop = kept.into_client(store, key, rng).unwrap();
    let link = waxseal::store::Key::new(Table::new(b"L"), Row::Only);
    assert!(laptop.store().get(&link).unwrap().is_none());
}
