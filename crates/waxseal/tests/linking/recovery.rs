//! A manager or every device is lost, and the recovery secret is there.

use waxseal::errors::{EditRosterError, JoinError};
use waxseal::{Client, DeliveryKey, DeviceId, EditError, MemoryStore, Notice};
use waxseal_roster::{Change, Pinned, RecoverySecret, SignedRoster};
use waxseal_world::{NOW, account};

use super::support::{Answer, Relay, alice, create, ids, link, seeded, settle};

fn recover(
    secret: &RecoverySecret,
    newest: &[u8],
    keep: &[u32],
    seed: u64,
) -> Result<Client<MemoryStore>, JoinError<std::convert::Infallible>> {
    let rng = &mut seeded(seed);
    let keep: Vec<_> = keep.iter().map(|id| DeviceId(*id)).collect();
    let key = DeliveryKey::generate(rng);
    let kept = (newest, keep.as_slice());
    Client::recover(
        MemoryStore::new(),
        &account("alice"),
        secret,
        kept,
        key,
        NOW,
        rng,
    )
}

#[test]
fn row_13_a_stolen_manager_is_replaced_under_the_same_account_key() {
    let rng = &mut seeded(1);
    let mut phone = alice(rng);
    let mut relay = Relay::of(&phone);
    let mut laptop = link(&mut phone, &mut relay, rng);
    let secret = phone.account_secret().unwrap().unwrap();
    // The user wrote the secret down and had it forgotten, so the thief of the phone has none.
    phone.forget_account_secret().unwrap();
    assert!(phone.account_secret().unwrap().is_none());
    let mut peer = Pinned::first(relay.newest().clone());

    laptop.take_over(&secret, &[DeviceId(1)], NOW).unwrap();
    settle(&mut laptop, &mut relay, NOW);
    assert_eq!(ids(&laptop), [2]);
    let over = laptop.own_roster().unwrap().unwrap();
    assert_eq!((over.epoch(), over.version()), (2, 1));
    assert_eq!(over.account_key(), peer.account_key());
    peer.take(over).unwrap();

    // What the thief signs in the old epoch is older, whatever its version is.
    let ghost = link_with_any_relay(&mut phone, rng);
    assert_eq!(
        relay.put_roster(&ghost),
        Answer::Conflict(relay.newest_bytes())
    );
    let taken = peer.take(
        SignedRoster::decode(&ghost)
            .unwrap()
            .verify("alice")
            .unwrap(),
    );
    assert_eq!(taken, Ok(Change::Older));
    // The laptop manages the account now.
    link(&mut laptop, &mut relay, rng);
    relay.assert_no_conflict();
}

/// The thief signs a roster that nobody confirms.
fn link_with_any_relay(
    thief: &mut Client<MemoryStore>,
    rng: &mut rand_chacha::ChaCha20Rng,
) -> Vec<u8> {
    let (mut new, digits) = super::support::shown(thief, rng);
    new.accept(&digits, NOW, rng).unwrap();
    let answer = new.message().unwrap().1.to_vec();
    thief.finish_link(&answer, NOW).unwrap()
}

#[test]
fn a_take_over_wins_against_a_thief_who_posts_first() {
    let rng = &mut seeded(2);
    let mut phone = alice(rng);
    let mut relay = Relay::of(&phone);
    let mut laptop = link(&mut phone, &mut relay, rng);
    let secret = phone.account_secret().unwrap().unwrap();
    laptop.take_over(&secret, &[DeviceId(1)], NOW).unwrap();
    // The thief removes the laptop and adds a ghost before the laptop's roster arrives.
    phone.remove_device(DeviceId(2), NOW).unwrap();
    settle(&mut phone, &mut relay, NOW);
    link(&mut phone, &mut relay, rng);
    settle(&mut laptop, &mut relay, NOW);
    assert_eq!(ids(&laptop), [2]);
    assert_eq!((relay.newest().epoch(), relay.newest().version()), (2, 2));
    let notices = laptop.notices(None, 9).unwrap().items;
    assert!(!notices.contains(&Notice::Removed), "{notices:?}");
    relay.assert_no_conflict();
}

#[test]
fn a_new_device_gets_the_account_back_and_keeps_the_devices_that_the_user_chose() {
    let rng = &mut seeded(5);
    let mut phone = alice(rng);
    let mut relay = Relay::of(&phone);
    let mut laptop = link(&mut phone, &mut relay, rng);
    link(&mut phone, &mut relay, rng);
    let secret = phone.account_secret().unwrap().unwrap();
    let newest = relay.newest_bytes();
    for (keep, expected) in [
        (vec![2], vec![2, 4]),
        (vec![], vec![4]),
        (vec![2, 3], vec![2, 3, 4]),
    ] {
        let mut relay = Relay::of(&phone);
        let mut recovered = recover(&secret, &newest, &keep, 6).unwrap();
        assert_eq!(recovered.me().device.0, 4);
        // The client survives a restart before the provider knows it.
        recovered = Client::open(recovered.into_store()).unwrap();
        settle(&mut recovered, &mut relay, NOW);
        assert_eq!(ids(&recovered), expected);
        assert_eq!(relay.newest().managers(), [recovered.identity().to_bytes()]);
        assert!(recovered.account_secret().unwrap().is_none());
        if keep == [2] {
            let newest = relay.newest_bytes();
            laptop.take_roster(&account("alice"), &newest, NOW).unwrap();
            assert_eq!(ids(&laptop), [2, 4]);
            link(&mut recovered, &mut relay, &mut seeded(7));
        }
    }
}

#[test]
fn a_recovery_is_made_again_on_a_newer_roster_without_devices_that_came_meanwhile() {
    let rng = &mut seeded(8);
    let mut phone = alice(rng);
    let mut relay = Relay::of(&phone);
    link(&mut phone, &mut relay, rng);
    let secret = phone.account_secret().unwrap().unwrap();
    let mut recovered = recover(&secret, &relay.newest_bytes(), &[2], 9).unwrap();
    // The relay told an old roster: the phone renewed it since.
    let month = super::support::after(31 * 86_400_000);
    phone.renew_roster(month).unwrap().unwrap();
    settle(&mut phone, &mut relay, month);
    settle(&mut recovered, &mut relay, NOW);
    assert_eq!(ids(&recovered), [2, 3]);
    relay.assert_no_conflict();

    // Another device got its number meanwhile: it starts over in an empty store.
    let mut relay = Relay::of(&phone);
    let mut recovered = recover(&secret, &relay.newest_bytes(), &[2], 10).unwrap();
    link(&mut phone, &mut relay, rng);
    let pending = recovered.pending_roster().unwrap().unwrap();
    let Answer::Conflict(newest) = relay.put_roster(&pending) else {
        panic!("the relay took a roster that does not follow");
    };
    let refused = recovered.rebase_roster(&newest, NOW);
    assert!(matches!(
        refused,
        Err(EditRosterError::Edit(EditError::Taken))
    ));
    let mut recovered = recover(&secret, &newest, &[2], 11).unwrap();
    settle(&mut recovered, &mut relay, NOW);
    assert_eq!(ids(&recovered), [2, 4]);
}

#[test]
fn of_two_recoveries_the_later_one_takes_the_next_epoch() {
    let rng = &mut seeded(12);
    let phone = create(MemoryStore::new(), rng);
    let mut relay = Relay::of(&phone);
    let secret = phone.account_secret().unwrap().unwrap();
    let newest = relay.newest_bytes();
    let mut one = recover(&secret, &newest, &[], 13).unwrap();
    let mut other = recover(&secret, &newest, &[], 14).unwrap();
    settle(&mut one, &mut relay, NOW);
    let refused = other.rebase_roster(&relay.newest_bytes(), NOW);
    assert!(matches!(
        refused,
        Err(EditRosterError::Edit(EditError::Superseded))
    ));
    assert_eq!(other.pending_roster().unwrap(), None);
    // Both have the number 2, under different identities: the later one takes a new number.
    let mut other = recover(&secret, &relay.newest_bytes(), &[2], 15).unwrap();
    settle(&mut other, &mut relay, NOW);
    assert_eq!((ids(&other), relay.newest().epoch()), (vec![2, 3], 3));
    let done = other.rebase_roster(&relay.newest_bytes(), NOW);
    assert!(matches!(done, Err(EditRosterError::NothingPending)));
}
