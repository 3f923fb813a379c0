//! Accounts with several devices: every device hears everything, once.

use waxseal::courier::Event;
use waxseal::{Direction, Notice, Status};
use waxseal_interface::ErrorCode;
use waxseal_world::{Asked, Fault, account};

use crate::newcomer::Newcomer;
use crate::phone::{DAY_MS, HOUR_MS, MINUTE_MS, Phone, Town};

/// Alice with a phone and a laptop, and Bob.
pub(crate) fn of_three() -> Town {
    let mut town = Town::of_two();
    let laptop = town.link_new(0, 50);
    assert_eq!(laptop, 2);
    town.live(MINUTE_MS);
    for phone in &mut town.phones {
        phone.events.clear();
    }
    town
}

/// The texts that this account wrote to a peer, as they are stored on one of its devices.
pub(crate) fn said(phone: &Phone, peer: &str) -> Vec<String> {
    let messages = phone.messages(&account(peer));
    let sent = messages.iter();
    let sent = sent.filter(|message| message.direction() == Direction::Sent);
    sent.map(|message| message.text().unwrap().to_owned())
        .collect()
}

fn sent_events(phone: &Phone) -> usize {
    phone.count(|event| matches!(event, Event::Sent { .. }))
}

fn resealed(town: &Town) -> usize {
    let is_reseal = |asked: &&Asked| asked.path.starts_with("/v1/reseals");
    town.relay.asked.iter().filter(is_reseal).count()
}

#[test]
fn every_device_hears_a_message_once_and_the_own_ones_get_copies() {
    let mut town = of_three();
    let asked = resealed(&town);
    let id = town.say(1, "alice", "to both");
    town.live(MINUTE_MS);
    assert_eq!(town.phones[0].heard("bob").last().unwrap(), "to both");
    assert_eq!(town.phones[2].heard("bob"), ["to both"]);
    for who in [0, 2] {
        let heard = town.phones[who].count(|event| matches!(event, Event::Message { .. }));
        assert_eq!(heard, 1);
    }
    assert!(matches!(
        town.phones[1].status("alice", &id),
        Status::Accepted | Status::Delivered { .. }
    ));

    town.say(2, "bob", "from the laptop");
    town.live(MINUTE_MS);
    town.say(0, "bob", "from the phone");
    town.live(MINUTE_MS);
    let heard = town.phones[1].heard("alice");
    assert_eq!(heard[1..], ["from the laptop", "from the phone"]);
    assert_eq!(
        [sent_events(&town.phones[0]), sent_events(&town.phones[2])],
        [1, 1]
    );
    assert_eq!(
        said(&town.phones[0], "bob")[1..],
        ["from the laptop", "from the phone"]
    );
    assert_eq!(
        said(&town.phones[2], "bob"),
        ["from the laptop", "from the phone"]
    );
    assert_eq!(resealed(&town), asked, "nothing had to be sealed again");
    assert_eq!(town.relay.queued(&account("alice")), 0);
    for phone in &town.phones {
        assert!(phone.troubles().is_empty(), "{:?}", phone.troubles());
        assert_eq!(phone.outbox(), 0);
    }
    let relay = &town.relay;
    town.phones[2].assert_all_can_be_reported("bob", relay);
    town.phones[0].assert_all_can_be_reported("bob", relay);
}

#[test]
fn a_peer_learns_of_a_new_device_from_a_message_of_it_or_from_the_relay() {
    for is_first in [false, true] {
        let mut town = Town::of_two();
        let laptop = town.link_new(0, 50);
        town.phones[1].events.clear();
        match is_first {
            true => drop(town.say(laptop, "bob", "hello from the laptop")),
            false => drop(town.say(1, "alice", "are you there?")),
        }
        town.live(MINUTE_MS);
        match is_first {
            true => assert_eq!(
                town.phones[1].heard("alice").last().unwrap(),
                "hello from the laptop"
            ),
            false => assert_eq!(town.phones[laptop].heard("bob"), ["are you there?"]),
        }
        let added = town.device(laptop);
        let told = town.phones[1].count(|event| {
            matches!(event, Event::Notice(Notice::DevicesChanged { added: one, removed, .. })
                if one[..] == [added] && removed.is_empty())
        });
        assert_eq!(told, 1, "{:?}", town.phones[1].events);
        assert_eq!(town.phones[1].outbox(), 0);
        assert_eq!(town.relay.queued(&account("bob")), 0);
    }
}

#[test]
fn a_removed_device_is_told_and_asks_nothing_more() {
    let mut town = of_three();
    let laptop = town.device(2);
    town.say(1, "alice", "to both");
    town.live(MINUTE_MS);
    let now = town.now();
    town.phones[0].courier.remove_device(laptop, now).unwrap();
    town.live(MINUTE_MS);
    town.say(1, "alice", "only to the phone");
    town.live(MINUTE_MS);
    assert_eq!(
        town.phones[0].heard("bob").last().unwrap(),
        "only to the phone"
    );
    assert_eq!(town.phones[2].heard("bob"), ["to both"]);
    let removed = |event: &Event| matches!(event, Event::Removed);
    assert_eq!(
        town.phones[2].count(removed),
        1,
        "{:?}",
        town.phones[2].events
    );
    let told = town.phones[1].count(|event| {
        matches!(event, Event::Notice(Notice::DevicesChanged { removed, .. })
            if removed[..] == [laptop])
    });
    assert_eq!(told, 1, "{:?}", town.phones[1].events);
    // It is quiet.
    town.relay.asked.clear();
    town.live(DAY_MS);
    let mut laptop = town.phones.pop().unwrap();
    let number = town.relay.asked.len();
    assert_eq!(laptop.turn(&mut town.relay), 0);
    assert_eq!(town.relay.asked.len(), number);
    // After a restart it is told again.
    laptop.restart();
    laptop.turn(&mut town.relay);
    assert_eq!(laptop.count(removed), 2);
}

#[test]
fn the_removal_is_posted_until_the_relay_has_it() {
    for fault in [
        Fault::RequestLost,
        Fault::AnswerLost,
        ErrorCode::Busy.into(),
    ] {
        let mut town = of_three();
        let laptop = town.device(2);
        let mut left = 3;
        town.relay.fail(move |asked| {
            let is_it = asked.is("PUT", "/v1/roster") && left > 0;
            left -= i32::from(is_it);
            is_it.then(|| fault.clone())
        });
        let now = town.now();
        town.phones[0].courier.remove_device(laptop, now).unwrap();
        town.turn_of(0);
        town.phones[0].restart();
        town.live(10 * MINUTE_MS);
        assert_eq!(town.relay.provider.devices(&account("alice")).len(), 1);
        let own = town.phones[0].courier.client().own_roster().unwrap();
        assert_eq!(own.unwrap().devices().len(), 1);
    }
}

#[test]
fn a_removed_device_can_be_linked_again_under_another_number() {
    let mut town = of_three();
    let (laptop, now) = (town.device(2), town.now());
    town.phones[0].courier.remove_device(laptop, now).unwrap();
    town.live(MINUTE_MS);
    town.phones.truncate(2);
    let again = town.link_new(0, 51);
    assert!(town.device(again) > laptop);
    town.live(MINUTE_MS);
    town.say(1, "alice", "welcome back");
    town.live(MINUTE_MS);
    assert_eq!(town.phones[again].heard("bob"), ["welcome back"]);
}

#[test]
fn two_managers_that_change_the_account_at_once_both_succeed() {
    let mut town = of_three();
    let tablet = town.link_new(0, 52);
    let watch = town.link_new(0, 53);
    // The laptop becomes a manager too.
    let secret = town.phones[0].courier.client().account_secret();
    let secret = secret.unwrap().unwrap();
    town.phones[2].courier.ask_roster(&account("alice"));
    town.live(MINUTE_MS);
    let now = town.now();
    town.phones[2].courier.take_over(&secret, &[], now).unwrap();
    town.live(MINUTE_MS);
    let (one, other) = (town.device(tablet), town.device(watch));
    let now = town.now();
    town.phones[0].courier.remove_device(one, now).unwrap();
    town.phones[2].courier.remove_device(other, now).unwrap();
    town.live(10 * MINUTE_MS);
    let left = town.relay.provider.devices(&account("alice"));
    assert_eq!(left.len(), 2, "{left:?}");
    for who in [0, 2] {
        town.phones[who].courier.ask_roster(&account("alice"));
        town.live(MINUTE_MS);
        let own = town.phones[who].courier.client().own_roster().unwrap();
        assert_eq!(own.unwrap().devices().len(), 2);
        let is_refused =
            |event: &Event| matches!(event, Event::NotChanged(_) | Event::RosterRefused(_));
        assert_eq!(town.phones[who].count(is_refused), 0);
    }
}

#[test]
fn the_same_removal_by_two_managers_is_made_once() {
    let mut town = of_three();
    let tablet = town.link_new(0, 52);
    let secret = town.phones[0].courier.client().account_secret();
    let secret = secret.unwrap().unwrap();
    town.phones[2].courier.ask_roster(&account("alice"));
    town.live(MINUTE_MS);
    let now = town.now();
    town.phones[2].courier.take_over(&secret, &[], now).unwrap();
    town.live(MINUTE_MS);
    let (tablet, now) = (town.device(tablet), town.now());
    for who in [0, 2] {
        town.phones[who].courier.remove_device(tablet, now).unwrap();
    }
    town.live(10 * MINUTE_MS);
    assert_eq!(town.relay.provider.devices(&account("alice")).len(), 2);
    for who in [0, 2] {
        let pending = town.phones[who].courier.client().pending_roster();
        assert_eq!(pending.unwrap(), None);
    }
}

/// A laptop is away while its queue gets full, and for some days. Returns how many messages it was
/// told of that were lost, and how many sessions it started over.
fn away_with_a_full_queue(days: u64) -> [usize; 2] {
    let mut town = of_three();
    let laptop = 2;
    town.say(laptop, "bob", "I have a laptop");
    town.live(MINUTE_MS);
    town.say(1, "alice", "congratulations");
    town.live(MINUTE_MS);
    town.relay
        .disconnect(town.phones[laptop].connection.unwrap());
    let mut away = town.phones.pop().unwrap();
    away.events.clear();
    town.relay.max_queued = 2;
    for number in 0..5 {
        town.say(0, "bob", &number.to_string());
        town.turn();
    }
    assert_eq!(town.phones[1].heard("alice").len(), 7);
    town.relay.max_queued = 1_000;
    town.live(days * DAY_MS);
    away.restart();
    town.phones.push(away);
    town.live(HOUR_MS);
    let told = town.phones[laptop].count(|event| matches!(event, Event::QueueExpired { .. }));
    // Everything goes on.
    town.say(laptop, "bob", "and on");
    town.say(1, "alice", "yes");
    town.live(HOUR_MS);
    let started = town.phones[laptop].count(|event| matches!(event, Event::Started { .. }));
    assert_eq!(town.phones[1].heard("alice").last().unwrap(), "and on");
    for who in [0, laptop] {
        assert_eq!(town.phones[who].heard("bob").last().unwrap(), "yes");
    }
    // It is told once.
    town.phones[laptop].restart();
    town.live(MINUTE_MS);
    let again = town.phones[laptop].count(|event| matches!(event, Event::QueueExpired { .. }));
    assert_eq!(again, told);
    [told, started]
}

#[test]
fn messages_that_waited_for_too_long_are_told_and_sessions_start_over() {
    let [told, started] = away_with_a_full_queue(30);
    assert_eq!(told, 1);
    assert!(started > 0);
}

#[test]
fn a_queue_that_somebody_filled_is_told_and_starts_no_session_over() {
    let [told, started] = away_with_a_full_queue(0);
    assert_eq!([told, started], [1, 0]);
}

#[test]
fn a_relay_that_names_other_devices_again_and_again_is_told() {
    let mut town = Town::of_two();
    let body = serde_json::json!({
        "error": "mismatch",
        "message": "m",
        "mismatch": { "rosters": [], "bundles": [] },
    });
    let body = serde_json::to_vec(&body).unwrap();
    town.relay.fail(move |asked| {
        asked
            .is("POST", "/v1/messages/bob")
            .then(|| Fault::Answered {
                status: 409,
                body: body.clone(),
                headers: Vec::new(),
            })
    });
    let id = town.say(0, "bob", "to whom?");
    town.relay.asked.clear();
    town.live(MINUTE_MS);
    let posts = town.relay.asked.iter();
    let posts = posts
        .filter(|asked| asked.is("POST", "/v1/messages/bob"))
        .count();
    assert!(posts <= 5, "{posts}");
    let told = |event: &Event| matches!(event, Event::NotDelivered { id: one, .. } if *one == id);
    assert_eq!(town.phones[0].count(told), 1);
    assert_eq!(town.phones[0].outbox(), 0);
    // The user sends it again.
    town.relay.work();
    let (now, phone) = (town.now(), &mut town.phones[0]);
    let client = phone.courier.client_mut();
    client
        .send_again(&account("bob"), &id, now, &mut phone.rng)
        .unwrap();
    town.live(MINUTE_MS);
    assert_eq!(town.phones[1].heard("alice").last().unwrap(), "to whom?");
}

#[test]
fn a_device_without_prekeys_stops_no_message_and_asks_for_it_later() {
    let mut town = of_three();
    town.relay.disconnect(town.phones[2].connection.unwrap());
    let away = town.phones.pop().unwrap();
    // Another device joins, and never publishes prekeys while Bob writes.
    town.relay
        .fail(|asked| asked.is("PUT", "/v1/prekeys").then_some(Fault::RequestLost));
    let newcomer = Newcomer::new(60, town.now());
    let place = town.link(0, newcomer);
    town.say(1, "alice", "does everyone hear me?");
    town.live(2 * MINUTE_MS);
    assert_eq!(
        town.phones[0].heard("bob").last().unwrap(),
        "does everyone hear me?"
    );
    assert!(town.phones[place].heard("bob").is_empty());
    town.relay.work();
    town.phones.push(away);
    town.live(3 * HOUR_MS);
    for who in [place, place + 1] {
        let heard = town.phones[who].heard("bob");
        assert_eq!(
            heard.last().map(String::as_str),
            Some("does everyone hear me?"),
            "{who}"
        );
    }
}
