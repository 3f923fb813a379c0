//! Accounts that are recovered on a new device, with the recovery secret.

use waxseal::courier::{Courier, Event, Recovering, RecoveringState, RecoveryFailure, Request};
use waxseal::{AccountId, DeviceId, MemoryStore, Notice};
use waxseal_interface::ErrorCode;
use waxseal_roster::RecoverySecret;
use waxseal_world::{Fault, Relay, account, rng};

use crate::devices::of_three;
use crate::disk::Disk;
use crate::phone::{HOUR_MS, MINUTE_MS, Phone, Town};

fn secret_of(town: &Town, who: usize) -> RecoverySecret {
    let secret = town.phones[who].courier.client().account_secret();
    secret.unwrap().unwrap()
}

/// Asks the relay, a while.
fn ask(recovering: &mut Recovering, relay: &mut Relay) {
    let rng = &mut rng(90);
    for _ in 0..40 {
        let now = relay.provider.now;
        match recovering.next(now, rng) {
            Some(Request::Call { id, http, .. }) => {
                let answer = relay.send(&http);
                recovering.answer(id, answer, now, rng);
            }
            Some(other) => panic!("{other:?}"),
            None => match recovering.wake_at(now) {
                Some(at) => relay.set_now(at),
                None => return,
            },
        }
    }
}

fn found(account: AccountId, secret: RecoverySecret, relay: &mut Relay) -> Recovering {
    let mut recovering = Recovering::new(account, secret);
    ask(&mut recovering, relay);
    assert_eq!(recovering.state(), RecoveringState::Found);
    recovering
}

fn recover(town: &mut Town, secret: RecoverySecret, keep: &[DeviceId]) -> Phone {
    let recovering = found(account("alice"), secret, &mut town.relay);
    let (now, mut rng) = (town.now(), rng(91));
    let disk = Disk::new(MemoryStore::new());
    let courier = recovering.into_courier(disk.clone(), keep, now, &mut rng);
    Phone::of(courier.unwrap(), disk, "alice", rng)
}

#[test]
fn an_account_is_recovered_and_its_peers_go_on_without_a_warning() {
    let mut town = of_three();
    let (phone, secret) = (town.device(0), secret_of(&town, 0));
    let laptop = town.device(2);
    // The phone is lost, and the laptop stays.
    town.phones.remove(0);
    let new = recover(&mut town, secret, &[laptop]);
    town.phones.push(new);
    town.live(10 * MINUTE_MS);
    let devices = town.relay.provider.devices(&account("alice"));
    assert_eq!(devices.len(), 2);
    assert!(devices.iter().all(|device| device.device != phone));
    town.say(0, "alice", "are you back?");
    town.live(MINUTE_MS);
    for who in [1, 2] {
        assert_eq!(
            town.phones[who].heard("bob").last().unwrap(),
            "are you back?"
        );
    }
    town.say(2, "bob", "yes");
    town.live(HOUR_MS);
    assert_eq!(town.phones[0].heard("alice").last().unwrap(), "yes");
    let warned = town.phones[0].count(|event| {
        matches!(event, Event::Notice(notice) if !matches!(notice, Notice::DevicesChanged { .. }))
    });
    assert_eq!(warned, 0, "{:?}", town.phones[0].events);
    // The new device manages the account.
    let again = town.link_new(2, 70);
    town.say(0, "alice", "and a tablet");
    town.live(HOUR_MS);
    assert_eq!(town.phones[again].heard("bob"), ["and a tablet"]);
}

#[test]
fn a_stolen_manager_is_removed_by_a_device_that_takes_over() {
    let mut town = of_three();
    let (stolen, secret) = (town.device(0), secret_of(&town, 0));
    let now = town.now();
    let laptop = &mut town.phones[2].courier;
    laptop.take_over(&secret, &[stolen], now).unwrap();
    town.live(10 * MINUTE_MS);
    let removed = town.phones[0].count(|event| matches!(event, Event::Removed));
    assert_eq!(removed, 1);
    assert_eq!(town.relay.provider.devices(&account("alice")).len(), 1);
    town.say(1, "alice", "only to the laptop");
    town.live(MINUTE_MS);
    assert_eq!(
        town.phones[2].heard("bob").last().unwrap(),
        "only to the laptop"
    );
    assert_ne!(
        town.phones[0].heard("bob").last().unwrap(),
        "only to the laptop"
    );
}

#[test]
fn a_recovery_survives_lost_requests_answers_and_a_crash() {
    for fault in [
        Fault::RequestLost,
        Fault::AnswerLost,
        ErrorCode::Busy.into(),
    ] {
        for number in 0..12 {
            let mut town = Town::of_two();
            let secret = secret_of(&town, 0);
            town.phones.remove(0);
            let (fault, first) = (fault.clone(), town.relay.asked.len());
            town.relay
                .fail(move |asked| (asked.number == first + number).then(|| fault.clone()));
            let mut new = recover(&mut town, secret, &[]);
            new.restart();
            town.phones.push(new);
            town.live(20 * MINUTE_MS);
            assert_eq!(town.relay.provider.devices(&account("alice")).len(), 1);
            town.say(0, "alice", "are you back?");
            town.live(HOUR_MS);
            assert_eq!(town.phones[1].heard("bob"), ["are you back?"], "{number}");
            let pending = town.phones[1].courier.client().pending_roster();
            assert_eq!(pending.unwrap(), None);
        }
    }
}

#[test]
fn an_account_that_was_recovered_elsewhere_meanwhile_is_told() {
    let mut town = Town::of_two();
    let secrets = [secret_of(&town, 0), secret_of(&town, 0)];
    town.phones.remove(0);
    let found = secrets.map(|secret| found(account("alice"), secret, &mut town.relay));
    for (recovering, seed) in found.into_iter().zip(1..) {
        let (now, mut rng) = (town.now(), rng(90 + seed));
        let disk = Disk::new(MemoryStore::new());
        let courier = recovering.into_courier(disk.clone(), &[], now, &mut rng);
        let phone = Phone::of(courier.unwrap(), disk, "alice", rng);
        town.phones.push(phone);
        town.live(MINUTE_MS);
    }
    town.live(HOUR_MS);
    let told = |event: &Event| matches!(event, Event::NotChanged(_) | Event::Removed);
    assert!(
        town.phones[2].count(told) >= 1,
        "{:?}",
        town.phones[2].events
    );
    assert_eq!(town.relay.provider.devices(&account("alice")).len(), 1);
    let requests = town.relay.asked.len();
    town.live(HOUR_MS);
    assert!(town.relay.asked.len() - requests < 100);
}

#[test]
fn a_wrong_secret_name_or_roster_is_told_and_nothing_is_asked_any_more() {
    let mut town = Town::of_two();
    let bobs = secret_of(&town, 1);
    let cases = [
        ("alice", RecoveryFailure::WrongSecret),
        ("nobody", RecoveryFailure::NoAccount),
        ("no relay has such a name", RecoveryFailure::NoAccount),
    ];
    for (name, failure) in cases {
        let secret = RecoverySecret::from_bytes(&bobs.to_bytes());
        let mut recovering = Recovering::new(account(name), secret);
        ask(&mut recovering, &mut town.relay);
        assert_eq!(
            recovering.state(),
            RecoveringState::Failed(failure),
            "{name}"
        );
        let now = town.now();
        assert!(recovering.next(now, &mut rng(1)).is_none());
        let failed = recovering.into_courier(MemoryStore::new(), &[], now, &mut rng(1));
        assert!(failed.is_err());
    }
    let body = serde_json::json!({
        "error": "account_taken",
        "message": "m",
        "conflict": { "roster": "AAAA" },
    });
    let body = serde_json::to_vec(&body).unwrap();
    town.relay.fail(move |asked| {
        asked.is("POST", "/v1/accounts").then(|| Fault::Answered {
            status: 409,
            body: body.clone(),
            headers: Vec::new(),
        })
    });
    let mut recovering = Recovering::new(account("bob"), bobs);
    ask(&mut recovering, &mut town.relay);
    let failed = RecoveringState::Failed(RecoveryFailure::Roster);
    assert_eq!(recovering.state(), failed);
}

#[test]
fn a_relay_that_answers_anything_makes_no_loop() {
    for status in [101, 200, 201, 409, 500] {
        let mut town = Town::of_two();
        let mut recovering = Recovering::new(account("alice"), secret_of(&town, 0));
        town.relay.fail(move |_| {
            Some(Fault::Answered {
                status,
                body: b"{}".to_vec(),
                headers: Vec::new(),
            })
        });
        let (first, mut made) = (town.now().as_millis(), 0);
        let rng = &mut rng(5);
        while town.now().as_millis() < first + MINUTE_MS {
            let now = town.now();
            match recovering.next(now, rng) {
                Some(Request::Call { id, http, .. }) => {
                    made += 1;
                    let answer = town.relay.send(&http);
                    recovering.answer(id, answer, now, rng);
                }
                _ => match recovering.wake_at(now) {
                    Some(at) if at > now => town.relay.set_now(at),
                    Some(_) => panic!("it is due and asks nothing"),
                    None => break,
                },
            }
        }
        assert!(made < 40, "{status}: {made}");
    }
}

#[test]
fn a_store_of_an_account_is_not_overwritten() {
    let mut town = Town::of_two();
    let recovering = found(account("alice"), secret_of(&town, 0), &mut town.relay);
    let (now, disk) = (town.now(), town.phones[1].disk.clone());
    let failed = recovering.into_courier(disk.clone(), &[], now, &mut rng(1));
    assert!(failed.is_err());
    assert!(Courier::open(disk).is_ok());
}
