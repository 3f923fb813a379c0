//! Changes of the roster: removal, renewal, and two managers at once.

use waxseal::errors::EditRosterError;
use waxseal::linking::NewDevice;
use waxseal::{Client, DeviceId, EditError, MemoryStore, Notice, Rebased};
use waxseal_world::{NOW, account, snapshot};

use super::support::{Answer, Relay, after, alice, ids, link, seeded, settle, shown};

const DAY_MS: u64 = 86_400_000;

/// Alice's phone, which manages the account, and a laptop.
fn two(seed: u64) -> (Client<MemoryStore>, Client<MemoryStore>, Relay) {
    let rng = &mut seeded(seed);
    let mut phone = alice(rng);
    let mut relay = Relay::of(&phone);
    let laptop = link(&mut phone, &mut relay, rng);
    (phone, laptop, relay)
}

/// Alice's phone and tablet, which both manage the account, and a laptop (2).
fn two_managers(seed: u64) -> (Client<MemoryStore>, Client<MemoryStore>, Relay) {
    let (mut phone, mut laptop, mut relay) = two(seed);
    let rng = &mut seeded(seed + 100);
    let mut tablet = link(&mut phone, &mut relay, rng);
    let secret = phone.account_secret().unwrap().unwrap();
    // The tablet takes over, and the phone stays a manager.
    tablet.take_over(&secret, &[], NOW).unwrap();
    settle(&mut tablet, &mut relay, NOW);
    for client in [&mut phone, &mut laptop] {
        let newest = relay.newest_bytes();
        client.take_roster(&account("alice"), &newest, NOW).unwrap();
    }
    assert_eq!(relay.newest().managers().len(), 2);
    (phone, tablet, relay)
}

#[test]
fn a_removed_device_is_gone_when_the_relay_has_the_roster() {
    let (mut phone, mut laptop, mut relay) = two(1);
    phone.remove_device(DeviceId(2), NOW).unwrap();
    assert_eq!(ids(&phone), [1, 2], "not yet");
    assert_eq!(settle(&mut phone, &mut relay, NOW), None);
    assert_eq!(ids(&phone), [1]);
    let newest = relay.newest_bytes();
    laptop.take_roster(&account("alice"), &newest, NOW).unwrap();
    let notices = laptop.notices(None, 9).unwrap().items;
    assert!(notices.contains(&Notice::Removed), "{notices:?}");
    relay.assert_no_conflict();
}

#[test]
fn what_a_device_may_not_remove_is_refused_and_nothing_changes() {
    let (mut phone, mut laptop, _) = two(2);
    let before = (snapshot(&phone), snapshot(&laptop));
    let refused = |client: &mut Client<MemoryStore>, device| match client
        .remove_device(DeviceId(device), NOW)
    {
        Err(EditRosterError::Edit(error)) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&mut laptop, 1), EditError::NotManager);
    assert_eq!(refused(&mut phone, 1), EditError::IsManager);
    assert_eq!(refused(&mut phone, 7), EditError::NoSuchDevice);
    let nothing = phone.confirm_roster(NOW);
    assert!(matches!(nothing, Err(EditRosterError::NothingPending)));
    assert!(before == (snapshot(&phone), snapshot(&laptop)));
}

#[test]
fn a_pending_roster_is_posted_with_the_same_bytes_and_no_other_is_signed() {
    let (mut phone, _, mut relay) = two(3);
    let signed = phone.remove_device(DeviceId(2), NOW).unwrap();
    let before = snapshot(&phone);
    let again = phone.remove_device(DeviceId(2), after(1));
    assert!(matches!(again, Err(EditRosterError::Pending)));
    let renewed = phone.renew_roster(after(40 * DAY_MS));
    assert!(matches!(renewed, Err(EditRosterError::Pending)));
    let secret = phone.account_secret().unwrap().unwrap();
    let over = phone.take_over(&secret, &[], NOW);
    assert!(matches!(over, Err(EditRosterError::Pending)));
    assert!(before == snapshot(&phone));
    // Post and answer are lost, then the process restarts.
    (relay.lose_posts, relay.lose_answers) = (1, 1);
    assert_eq!(relay.put_roster(&signed), Answer::Lost);
    assert_eq!(relay.put_roster(&signed), Answer::Lost);
    let mut phone = Client::open(phone.into_store()).unwrap();
    assert_eq!(phone.pending_roster().unwrap(), Some(signed));
    settle(&mut phone, &mut relay, NOW);
    assert_eq!(phone.pending_roster().unwrap(), None);
    relay.assert_no_conflict();
}

#[test]
fn a_roster_that_arrives_by_another_way_before_the_answer_is_no_conflict() {
    let (mut phone, _, mut relay) = two(4);
    let signed = phone.remove_device(DeviceId(2), NOW).unwrap();
    relay.put_roster(&signed);
    phone.take_roster(&account("alice"), &signed, NOW).unwrap();
    assert_eq!(phone.confirm_roster(NOW).unwrap(), None);
    // Or the device asks again, as after a conflict.
    let (mut phone, _, mut relay) = two(5);
    let signed = phone.remove_device(DeviceId(2), NOW).unwrap();
    relay.put_roster(&signed);
    assert_eq!(
        phone.rebase_roster(&signed, NOW).unwrap(),
        Rebased::Done(None)
    );
    assert_eq!(phone.pending_roster().unwrap(), None);
}

#[test]
fn of_two_managers_the_second_makes_its_change_again() {
    let (mut phone, mut tablet, mut relay) = two_managers(6);
    let rng = &mut seeded(7);
    // The tablet removes the laptop while the phone links a device.
    let (mut new, digits) = shown(&mut phone, rng);
    new.accept(&digits, NOW, rng).unwrap();
    let answer = new.message().unwrap().1.to_vec();
    phone.finish_link(&answer, NOW).unwrap();
    tablet.remove_device(DeviceId(2), NOW).unwrap();
    settle(&mut tablet, &mut relay, NOW);
    let welcome = settle(&mut phone, &mut relay, NOW).unwrap();
    assert_eq!(ids(&phone), [1, 3, 4]);
    new.take_welcome(&welcome.roster).unwrap();
    assert!(
        phone
            .notices(None, 9)
            .unwrap()
            .items
            .iter()
            .all(|notice| { !matches!(notice, Notice::RosterConflict { .. }) })
    );
    relay.assert_no_conflict();
}

#[test]
fn two_managers_that_link_at_once_cannot_give_one_number_twice() {
    let (mut phone, mut tablet, mut relay) = two_managers(8);
    let rng = &mut seeded(9);
    let [mut one, mut other] = [&mut phone, &mut tablet].map(|manager| {
        let (mut new, digits) = shown(manager, rng);
        new.accept(&digits, NOW, rng).unwrap();
        let answer = new.message().unwrap().1.to_vec();
        manager.finish_link(&answer, NOW).unwrap();
        new
    });
    let welcome = settle(&mut tablet, &mut relay, NOW).unwrap();
    let pending = phone.pending_roster().unwrap().unwrap();
    let Answer::Conflict(newest) = relay.put_roster(&pending) else {
        panic!("the relay took two rosters of one version");
    };
    let refused = phone.rebase_roster(&newest, NOW);
    assert!(matches!(
        refused,
        Err(EditRosterError::Edit(EditError::Taken))
    ));
    // The change is dropped, and the phone goes by the tablet's roster.
    assert_eq!(phone.pending_roster().unwrap(), None);
    assert!(phone.link_under_way(NOW).unwrap().is_none());
    assert_eq!(ids(&phone), [1, 2, 3, 4]);
    other.take_welcome(&welcome.roster).unwrap();
    one.take_welcome(&welcome.roster).unwrap_err();
    // The phone links the device again, under the next number.
    let third = link(&mut phone, &mut relay, rng);
    assert_eq!(third.me().device.0, 5);
    relay.assert_no_conflict();
}

#[test]
fn a_change_that_another_manager_made_too_is_done() {
    let (mut phone, mut tablet, mut relay) = two_managers(10);
    phone.remove_device(DeviceId(2), NOW).unwrap();
    tablet.remove_device(DeviceId(2), NOW).unwrap();
    settle(&mut tablet, &mut relay, NOW);
    let newest = relay.newest_bytes();
    assert_eq!(
        phone.rebase_roster(&newest, NOW).unwrap(),
        Rebased::Done(None)
    );
    assert_eq!(ids(&phone), [1, 3]);
}

#[test]
fn a_relay_that_went_back_is_noticed() {
    let (mut phone, _, mut relay) = two(11);
    let old = relay.newest_bytes();
    phone.remove_device(DeviceId(2), NOW).unwrap();
    settle(&mut phone, &mut relay, NOW);
    link(&mut phone, &mut relay, &mut seeded(12));
    phone.remove_device(DeviceId(3), NOW).unwrap();
    let before = snapshot(&phone);
    let behind = phone.rebase_roster(&old, NOW);
    assert!(matches!(behind, Err(EditRosterError::Behind)));
    phone.rebase_roster(b"nonsense", NOW).unwrap_err();
    assert!(before == snapshot(&phone));
    // Another account key is told to the user, and changes nothing else.
    let pending = phone.pending_roster().unwrap();
    let other = alice(&mut seeded(13)).own_roster().unwrap().unwrap();
    let foreign = phone.rebase_roster(&other.signed().encode(), NOW);
    assert!(matches!(
        foreign,
        Err(EditRosterError::Conflict | EditRosterError::Behind)
    ));
    assert_eq!(phone.pending_roster().unwrap(), pending);
}

#[test]
fn a_manager_renews_the_roster_after_thirty_days() {
    let (mut phone, mut laptop, mut relay) = two(14);
    assert_eq!(phone.renew_roster(after(29 * DAY_MS)).unwrap(), None);
    let due = after(30 * DAY_MS);
    assert_eq!(laptop.renew_roster(due).unwrap(), None, "it is no manager");
    phone.renew_roster(due).unwrap().unwrap();
    settle(&mut phone, &mut relay, due);
    let roster = phone.own_roster().unwrap().unwrap();
    assert_eq!((roster.at_ms(), ids(&phone)), (due.as_millis(), vec![1, 2]));
}

#[test]
fn a_roster_that_was_signed_too_long_ago_is_signed_again_with_a_higher_version() {
    let (mut phone, _, mut relay) = two(15);
    let signed = phone.remove_device(DeviceId(2), NOW).unwrap();
    relay.posted.push(signed.clone()); // it was refused, because of its time
    let newest = relay.newest_bytes();
    let soon = phone.rebase_roster(&newest, after(3_600_000)).unwrap();
    assert_eq!(soon, Rebased::Post(signed.clone()));
    let late = phone.rebase_roster(&newest, after(2 * DAY_MS)).unwrap();
    let Rebased::Post(late) = late else {
        panic!("{late:?}");
    };
    assert_ne!(late, signed);
    settle(&mut phone, &mut relay, after(2 * DAY_MS));
    assert_eq!((relay.newest().version(), ids(&phone)), (4, vec![1]));
    relay.assert_no_conflict();
}

#[test]
fn a_damaged_or_lost_record_of_what_was_signed_does_not_lead_to_two_rosters_of_one_version() {
    use waxseal::store::{Key, Row, Table};
    for is_lost in [false, true] {
        let (mut phone, _, mut relay) = two(16);
        let signed = phone.remove_device(DeviceId(2), NOW).unwrap();
        relay.posted.push(signed);
        let key = Key::new(Table::new(b"S"), Row::Only);
        let mut records = snapshot(&phone);
        match is_lost {
            true => records.retain(|(at, _)| *at != key),
            false => records.iter_mut().find(|(at, _)| *at == key).unwrap().1 = vec![9],
        }
        let mut phone = Client::open(MemoryStore::from_records(records)).unwrap();
        phone.remove_device(DeviceId(2), after(1)).unwrap();
        settle(&mut phone, &mut relay, NOW);
        assert_eq!(ids(&phone), [1]);
        relay.assert_no_conflict();
    }
}

#[test]
fn an_account_with_eight_devices_offers_nothing() {
    let (mut phone, _, mut relay) = two(17);
    let rng = &mut seeded(18);
    for _ in 3..=8 {
        link(&mut phone, &mut relay, rng);
    }
    let new = NewDevice::generate(NOW, rng).unwrap();
    phone
        .offer_link(&new.code(), new.bundle(), NOW, rng)
        .unwrap_err();
    phone.remove_device(DeviceId(8), NOW).unwrap();
    settle(&mut phone, &mut relay, NOW);
    let ninth = link(&mut phone, &mut relay, rng);
    assert_eq!(ninth.me().device.0, 9, "a number is not given again");
}
