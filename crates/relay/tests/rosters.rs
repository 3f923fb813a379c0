//! Rosters at the relay: which it takes, and what happens to the devices that are gone from them.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use std::sync::Arc;

use waxseal_interface::{ErrorCode, Event};
use waxseal_relay::ClientError;
use waxseal_roster::{Roster, SignedRoster};
use world::family::{self, Family, send, texts};
use world::owner::Owner;
use world::proxy::{through_proxy, unchanged};
use world::{Device, SOON, World, code, now};

const DAY_MS: u64 = 86_400_000;

fn read(signed: &[u8], name: &str) -> Roster {
    SignedRoster::decode(signed).unwrap().verify(name).unwrap()
}

/// The newest roster of a family, as another device gets it.
fn fetched(by: &Device, of: &Family) -> Roster {
    let account = &of.devices[0].me.account;
    let signed = by.client.roster(by.session(), account).unwrap();
    read(&signed, account.as_str())
}

#[test]
fn a_device_asks_for_the_roster_of_an_account_and_takes_no_prekey() {
    let world = World::new();
    let (alice, bob) = (world.device("alice"), Family::new(&world, "bob", 2));
    let phone = &bob.devices[0];
    let parts = [vec![1], vec![2]];
    phone
        .client
        .put_prekeys(phone.session(), &phone.base(b""), &parts)
        .unwrap();
    for _ in 0..30 {
        assert_eq!(fetched(&alice, &bob), bob.roster);
    }
    assert_eq!(phone.client.prekeys_left(phone.session()).unwrap(), 2);
    let nobody = Device::new("nobody", world.client());
    let asked = alice.client.roster(alice.session(), &nobody.me.account);
    assert_eq!(code(asked), ErrorCode::NoSuchAccount);
}

#[test]
fn a_proxy_passes_off_no_other_accounts_roster() {
    let world = World::new();
    let (alice, bob, eve) = (
        world.device("alice"),
        world.device("bob"),
        world.device("eve"),
    );
    // The proxy asks for another account's roster, and passes on the relay's genuine answer.
    let other = Arc::new(|request: Vec<u8>| {
        let request = String::from_utf8(request).unwrap();
        request
            .replace("/accounts/bob/", "/accounts/eve/")
            .into_bytes()
    });
    let proxy = through_proxy(&world, other, unchanged());
    let asked = proxy.roster(alice.session(), &bob.me.account);
    assert!(matches!(asked, Err(ClientError::Unreachable(_))));
    let asked = proxy.roster(alice.session(), &eve.me.account).unwrap();
    assert_eq!(read(&asked, "eve"), eve.roster.unwrap());
}

#[test]
fn chk300_a_roster_that_does_not_verify_for_the_account_is_refused() {
    let world = World::new();
    let alice = Family::new(&world, "alice", 1);
    let phone = &alice.devices[0];
    let put = |signed: &[u8]| code(phone.client.put_roster(phone.session(), signed));
    let next = alice.next(|_| {}).signed().encode();
    for at in (0..next.len()).step_by(7) {
        let mut altered = next.clone();
        altered[at] ^= 1;
        assert_eq!(put(&altered), ErrorCode::BadRoster, "byte {at}");
    }
    let bob = Family::new(&world, "bob", 1);
    assert_eq!(put(&bob.roster.signed().encode()), ErrorCode::BadRoster);
    // A new account is not registered with one either.
    let mut carol = Device::new("carol", world.client());
    carol.roster = Some(bob.roster.clone());
    assert_eq!(code(carol.register()), ErrorCode::BadRoster);
    assert_eq!(fetched(phone, &alice), alice.roster);
    alice.put(&alice.next(|_| {})).unwrap();
}

#[test]
fn chk301_a_first_roster_that_does_not_list_the_device_is_refused() {
    let world = World::new();
    for has_roster in [false, true] {
        let mut carol = Device::new("carol", world.client());
        let other = Device::another(&carol.owner, 1, world.client());
        let foreign = carol.owner.first(1, &other.identity, now().as_millis());
        carol.roster = has_roster.then_some(foreign);
        assert_eq!(code(carol.register()), ErrorCode::BadRoster);
    }
    // The right identity under another number.
    let mut carol = Device::new("carol", world.client());
    carol.roster = Some(carol.owner.first(2, &carol.identity, now().as_millis()));
    assert_eq!(code(carol.register()), ErrorCode::BadRoster);
    // Nothing of this has taken the name.
    world.device("carol");
}

#[test]
fn chk302_a_roster_under_another_account_key_takes_no_account() {
    let world = World::new();
    let alice = Family::new(&world, "alice", 1);
    // A thief of the phone makes a new account key, and lists the phone and itself.
    let phone = &alice.devices[0];
    let thief = Owner::new("alice");
    let forged = thief.first(1, &phone.identity, now().as_millis());
    assert_eq!(code(alice.put(&forged)), ErrorCode::AccountTaken);
    let mut mallory = Device::new("alice", world.client());
    let refused = mallory.register().unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::AccountTaken));
    assert_eq!(refused.newest_roster(), None);
    assert_eq!(fetched(phone, &alice), alice.roster);
}

#[test]
fn chk303_of_rosters_that_do_not_follow_the_newest_one_none_is_taken() {
    let world = World::new();
    let mut alice = Family::new(&world, "alice", 1);
    let first = alice.roster.clone();
    // Two managers sign after the same roster, at once. One is taken, and the other is told.
    let owner = alice.owner.clone();
    let rivals: Vec<Roster> = (0..8)
        .map(|_| {
            let other = Device::another(&owner, 2, world.client());
            let entry = owner.entry(2, &other.identity);
            alice.next(|draft| draft.add(entry).unwrap())
        })
        .collect();
    let alice_ref = &alice;
    let answers: Vec<_> = std::thread::scope(|scope| {
        let puts = rivals.iter();
        let puts: Vec<_> = puts
            .map(|rival| scope.spawn(move || alice_ref.put(rival)))
            .collect();
        puts.into_iter().map(|put| put.join().unwrap()).collect()
    });
    let taken: Vec<_> = (0..8).filter(|n| answers[*n].is_ok()).collect();
    let [taken] = taken[..] else {
        panic!("{answers:?}")
    };
    assert_eq!(fetched(&alice.devices[0], &alice), rivals[taken]);
    for refused in answers.into_iter().filter_map(Result::err) {
        assert_eq!(refused.code(), Some(ErrorCode::RosterConflict));
        assert!(!refused.is_transient());
        let newest = refused.newest_roster().unwrap();
        assert_eq!(read(newest, "alice"), rivals[taken]);
    }
    // The answer may have been lost: the same roster is taken again, and changes nothing.
    alice.put(&rivals[taken]).unwrap();
    // An earlier one, one that leaves out a version, and one that names another before it.
    assert_eq!(code(alice.put(&first)), ErrorCode::RosterConflict);
    alice.roster = rivals[taken].clone();
    let skipped = alice.owner.next(
        &alice.next(|_| {}),
        alice.devices[0].signer(),
        now().as_millis(),
        |_| {},
    );
    assert_eq!(code(alice.put(&skipped)), ErrorCode::RosterConflict);
    let fork = alice.owner.next(
        &rivals[(taken + 1) % 8],
        alice.devices[0].signer(),
        now().as_millis(),
        |_| {},
    );
    assert_eq!(code(alice.put(&fork)), ErrorCode::RosterConflict);
    // So it is with a next epoch: it follows the newest roster.
    let stale = alice
        .owner
        .recovered(&first, alice.devices[0].signer(), now().as_millis(), |_| {});
    assert_eq!(code(alice.put(&stale)), ErrorCode::RosterConflict);
    alice.publish(|draft| draft.remove(2).unwrap());
}

#[test]
fn chk304_a_device_that_was_removed_is_refused_at_once_and_its_queue_is_gone() {
    let mut world = World::new();
    let mut alice = Family::new(&world, "alice", 3);
    let bob = Family::new(&world, "bob", 1);
    send(&bob.devices[0], &bob, &alice, "for all").unwrap();
    let laptop = &alice.devices[1];
    let parts = [vec![1; 40]];
    laptop
        .client
        .put_prekeys(laptop.session(), &laptop.base(b""), &parts)
        .unwrap();
    let mut connected = laptop.connect();
    assert!(matches!(
        connected.next(SOON).unwrap(),
        Some(Event::Delivery { .. })
    ));
    let mut laptop = alice.remove(2);
    // Its connection ends, and no route takes its token.
    let end = (0..4).find_map(|_| connected.next(SOON).err());
    assert!(end.is_some());
    for restarted in [false, true] {
        if restarted {
            world.relay.take().unwrap().kill();
            world.start();
            laptop.use_relay_of(&world);
        }
        let (client, session) = (&laptop.client, laptop.session());
        let account = &bob.devices[0].me.account;
        assert_eq!(code(client.prekeys_left(session)), ErrorCode::Removed);
        assert_eq!(code(client.roster(session, account)), ErrorCode::Removed);
        let put = client.put_prekeys(session, &laptop.base(b""), &[]);
        assert_eq!(code(put), ErrorCode::Removed);
        assert_eq!(code(client.deliveries(session)), ErrorCode::Removed);
        let refused = send(&laptop, &alice, &bob, "by a thief").unwrap_err();
        assert_eq!(refused.code(), Some(ErrorCode::Removed));
        let card = client.card().unwrap();
        let signed_in = client.sign_in(
            &card.relay_key,
            &laptop.me,
            &laptop.delivery_key,
            |context| laptop.prove(context),
        );
        assert_eq!(code(signed_in), ErrorCode::Removed);
        let again = laptop.register().unwrap_err();
        assert_eq!(again.code(), Some(ErrorCode::AccountTaken));
        let newest = again.newest_roster().unwrap();
        assert_eq!(read(newest, "alice"), alice.roster);
    }
    let db = rusqlite::Connection::open(world.dir.path().join("data/relay.sqlite")).unwrap();
    let count = |table: &str| -> i64 {
        let query = format!("SELECT count(*) FROM {table}");
        db.query_row(&query, [], |row| row.get(0)).unwrap()
    };
    assert_eq!((count("device"), count("queue")), (3, 2));
    assert_eq!((count("one_time"), count("inbox")), (0, 2));
    let queued: i64 = db
        .query_row(
            "SELECT messages FROM share WHERE (recipient, sender) = (0, 0)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(queued, 2);
    // The other devices have their message.
    for device in &mut alice.devices {
        device.use_relay_of(&world);
        assert_eq!(texts(device), ["for all"]);
    }
}

#[test]
fn chk305_a_roster_that_was_signed_more_than_a_day_off_is_refused_with_the_relays_time() {
    let world = World::new();
    let mut alice = Family::new(&world, "alice", 1);
    let minute = 60_000;
    let signed_at = |alice: &Family, at_ms: u64| {
        let signer = alice.devices[0].signer();
        alice.owner.next(&alice.roster, signer, at_ms, |_| {})
    };
    let present = now().as_millis();
    for off in [present - DAY_MS - minute, present + DAY_MS + minute, 0] {
        let refused = alice.put(&signed_at(&alice, off)).unwrap_err();
        assert_eq!(refused.code(), Some(ErrorCode::ClockDiffers));
        assert!(refused.relay_time_ms().unwrap().abs_diff(present) < minute);
        let mut carol = Device::new("carol", world.client());
        carol.roster = Some(carol.owner.first(1, &carol.identity, off));
        assert_eq!(code(carol.register()), ErrorCode::ClockDiffers);
    }
    for near in [present - DAY_MS + minute, present + DAY_MS - minute] {
        let next = signed_at(&alice, near);
        alice.put(&next).unwrap();
        alice.roster = next;
    }
}

#[test]
fn chk306_a_device_registers_once_the_roster_lists_it_and_not_before() {
    let world = World::new();
    let mut alice = Family::new(&world, "alice", 1);
    let mut laptop = Device::another(&alice.owner, 2, world.client());
    let refused = laptop.register().unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::AccountTaken));
    assert_eq!(
        read(refused.newest_roster().unwrap(), "alice"),
        alice.roster
    );
    // The roster comes along with the registration.
    let entry = alice.owner.entry(2, &laptop.identity);
    let next = alice.next(|draft| draft.add(entry).unwrap());
    laptop.roster = Some(next.clone());
    laptop.register().unwrap();
    alice.roster = next;
    assert_eq!(fetched(&laptop, &alice), alice.roster);
    // Under its own number and identity only.
    let mut other = Device::another(&alice.owner, 2, world.client());
    assert_eq!(code(other.register()), ErrorCode::AccountTaken);
    let identity = laptop.identity.clone();
    let mut renumbered = Device::another(&alice.owner, 3, world.client());
    renumbered.identity = identity;
    assert_eq!(code(renumbered.register()), ErrorCode::AccountTaken);
    // An earlier roster that comes along does no harm.
    laptop.roster = alice.devices[0].roster.clone();
    laptop.register().unwrap();
    assert_eq!(fetched(&laptop, &alice), alice.roster);
}

#[test]
fn an_account_is_recovered_by_a_device_with_a_roster_of_the_next_epoch() {
    let world = World::new();
    let mut alice = Family::new(&world, "alice", 2);
    let bob = Family::new(&world, "bob", 1);
    send(&bob.devices[0], &bob, &alice, "waits").unwrap();
    // Both devices are stolen. The new one has the account's secret alone, and learns the newest
    // roster from the relay.
    let mut tablet = Device::another(&alice.owner, 3, world.client());
    let refused = tablet.register().unwrap_err();
    let newest = read(refused.newest_roster().unwrap(), "alice");
    assert_eq!(newest, alice.roster);
    let entry = alice.owner.entry(3, &tablet.identity);
    let recovered = |at_ms: u64| {
        alice
            .owner
            .recovered(&newest, tablet.signer(), at_ms, |draft| {
                draft.add(entry.clone()).unwrap();
                draft.remove(1).unwrap();
                draft.remove(2).unwrap();
            })
    };
    let roster = recovered(now().as_millis());
    tablet.roster = Some(roster.clone());
    tablet.register().unwrap();
    assert_eq!(fetched(&tablet, &alice), roster);
    for stolen in &alice.devices {
        let asked = stolen.client.prekeys_left(stolen.session());
        assert_eq!(code(asked), ErrorCode::Removed);
    }
    // A stolen manager signs on: the relay takes nothing of the earlier epoch.
    let late = alice.next(|draft| draft.remove(2).unwrap());
    let signed = late.signed().encode();
    let refused = tablet.client.put_roster(tablet.session(), &signed);
    assert_eq!(code(refused), ErrorCode::RosterConflict);
    assert!(texts(&tablet).is_empty(), "nothing of the others' queues");
    alice.devices = vec![tablet];
    alice.roster = roster;
    send(&bob.devices[0], &bob, &alice, "to the new device").unwrap();
    assert_eq!(texts(&alice.devices[0]), ["to the new device"]);
}

#[test]
fn an_identity_that_a_number_has_only_since_a_higher_epoch_is_a_new_device() {
    let world = World::new();
    let mut alice = Family::new(&world, "alice", 2);
    let bob = Family::new(&world, "bob", 1);
    send(&bob.devices[0], &bob, &alice, "for the old laptop").unwrap();
    let mut fresh = Device::another(&alice.owner, 2, world.client());
    let entry = alice.owner.entry(2, &fresh.identity);
    let signer = alice.devices[0].signer();
    let roster = alice
        .owner
        .recovered(&alice.roster, signer, now().as_millis(), |draft| {
            draft.remove(2).unwrap();
            draft.add(entry).unwrap();
        });
    alice.put(&roster).unwrap();
    alice.roster = roster;
    let old = alice.devices.remove(1);
    let asked = old.client.prekeys_left(old.session());
    assert!(matches!(
        code(asked),
        ErrorCode::Removed | ErrorCode::Unauthorized
    ));
    fresh.register().unwrap();
    assert!(texts(&fresh).is_empty());
    alice.devices.push(fresh);
    send(&bob.devices[0], &bob, &alice, "for the new one").unwrap();
    assert_eq!(texts(&alice.devices[1]), ["for the new one"]);
    assert_eq!(texts(&alice.devices[0]).len(), 2);
}

#[test]
fn an_account_of_before_gets_its_first_roster_from_its_own_device() {
    let mut world = World::new();
    let (mut alice, mut bob) = (
        Family::new(&world, "alice", 1),
        Family::new(&world, "bob", 1),
    );
    send(&bob.devices[0], &bob, &alice, "from before").unwrap();
    // The database as it is after an update from a relay that knew no rosters.
    assert!(world.relay.take().unwrap().stop());
    let db = rusqlite::Connection::open(world.dir.path().join("data/relay.sqlite")).unwrap();
    let forget = "UPDATE account SET pinned = NULL WHERE name = 'alice'";
    assert_eq!(db.execute(forget, []).unwrap(), 1);
    drop(db);
    world.start();
    for family in [&mut alice, &mut bob] {
        family.devices[0].use_relay_of(&world);
    }
    let (by, account) = (&bob.devices[0], &alice.devices[0].me.account);
    let asked = by.client.roster(by.session(), account);
    assert_eq!(code(asked), ErrorCode::NoRoster);
    let asked = by.client.bundles(by.session(), account, &[]);
    assert_eq!(code(asked), ErrorCode::NoRoster);
    assert_eq!(code(send(by, &bob, &alice, "x")), ErrorCode::NoRoster);
    let phone = &alice.devices[0];
    assert_eq!(code(send(phone, &alice, &bob, "x")), ErrorCode::NoRoster);
    let key = phone.client.card().unwrap().relay_key;
    let left = phone
        .client
        .leave(&key, &phone.me, |context| phone.prove(context));
    assert_eq!(code(left), ErrorCode::NoRoster);
    // Nobody else gives the account a roster.
    for number in [1, 2] {
        let owner = Arc::new(Owner::new("alice"));
        let mut mallory = Device::another(&owner, number, world.client());
        mallory.roster = Some(owner.first(number, &mallory.identity, now().as_millis()));
        let refused = mallory.register().unwrap_err();
        assert_eq!(refused.code(), Some(ErrorCode::AccountTaken));
        assert_eq!(refused.newest_roster(), None);
    }
    // Its own device is signed in without one, and publishes it.
    alice.devices[0].roster = None;
    alice.devices[0].register().unwrap();
    let other = Device::another(&alice.owner, 1, world.client());
    let without = alice.owner.first(1, &other.identity, now().as_millis());
    assert_eq!(code(alice.put(&without)), ErrorCode::BadRoster);
    alice.put(&alice.roster).unwrap();
    assert_eq!(fetched(&bob.devices[0], &alice), alice.roster);
    send(&bob.devices[0], &bob, &alice, "after").unwrap();
    assert_eq!(texts(&alice.devices[0]), ["from before", "after"]);
    send(&alice.devices[0], &alice, &bob, "answer").unwrap();
}

#[test]
fn rosters_and_devices_survive_a_crash() {
    let mut world = World::new();
    let mut alice = Family::new(&world, "alice", 3);
    let bob = Family::new(&world, "bob", 1);
    alice.remove(2);
    send(&bob.devices[0], &bob, &alice, "before").unwrap();
    world.relay.take().unwrap().kill();
    world.start();
    let mut bob = bob;
    bob.devices[0].use_relay_of(&world);
    for device in &mut alice.devices {
        device.use_relay_of(&world);
    }
    assert_eq!(fetched(&bob.devices[0], &alice), alice.roster);
    send(&bob.devices[0], &bob, &alice, "after").unwrap();
    for device in &alice.devices {
        assert_eq!(texts(device), ["before", "after"]);
    }
    assert_eq!(family::version(&alice.roster), alice.version());
    alice.link(world.client());
    assert_eq!(alice.devices[2].me.device.0, 4);
}
