//! Devices that were removed from their accounts before a recipient knew them.

use waxseal::errors::ReceiveError;
use waxseal::store::Row;
use waxseal::{Advice, DeviceAddress, Received};
use waxseal_world::{account, envelope_of, fanout_of};

use crate::support::{DAY_MS, MINUTE_MS, Net, at};

/// Alice and Bob, who has a laptop that writes to Alice for the first time and is removed before
/// she comes online. `knows` says whether she knows Bob's phone. Returns the delivery.
fn first_message(net: &mut Net, knows: bool) -> Vec<u8> {
    net.link("bob");
    if knows {
        net.send(&at("bob", 1), "alice", "Hi from the phone.");
        net.run();
    }
    net.queues.clear();
    net.send(&at("bob", 2), "alice", "Hi from the laptop.");
    net.take_queue(&at("alice", 1)).pop().unwrap()
}

/// Alice learns which devices Bob has now, and receives.
fn receive(
    net: &mut Net,
    who: &DeviceAddress,
    delivery: &[u8],
) -> Result<Received, ReceiveError<std::convert::Infallible>> {
    let roster = net.world.roster(&account("bob"));
    let now = net.world.now;
    let client = net.client(who);
    client.take_roster(&account("bob"), &roster, now).unwrap();
    client.receive(delivery)
}

#[test]
fn chk331_a_first_message_opens_although_its_device_was_removed_meanwhile() {
    for knows in [false, true] {
        let mut net = Net::of(&["alice", "bob"]);
        let delivery = first_message(&mut net, knows);
        net.wait(MINUTE_MS);
        net.remove("bob", 2);
        let phone = at("alice", 1);
        // She knows the roster for a while, and nothing is left to do about it.
        let (roster, now) = (net.world.roster(&account("bob")), net.world.now);
        let alice = net.client(&phone);
        alice.take_roster(&account("bob"), &roster, now).unwrap();
        net.wait(2 * 60 * MINUTE_MS);
        net.attend(&phone);
        let received = receive(&mut net, &phone, &delivery).unwrap();
        let Received::Message {
            message,
            from_removed_device,
            ..
        } = received
        else {
            panic!("a message")
        };
        assert_eq!(message.text(), Some("Hi from the laptop."));
        assert_eq!(message.sender(), &at("bob", 2));
        assert!(from_removed_device && message.is_from_removed_device());
        // Nothing is sealed for the laptop, and its sessions go after seven days.
        let sent = net.seal(&phone, "bob", "Hi, Bob.");
        let slots = fanout_of(&sent.envelope);
        assert_eq!(slots.slots().len(), 1);
        net.wait(8 * DAY_MS);
        let (now, rng) = (net.world.now, &mut net.world.rng);
        let alice = net.clients.get_mut(&phone).unwrap();
        alice.upkeep(now, rng).unwrap();
        let mut records = alice.store().records();
        assert!(
            !records.any(|(key, _)| {
                key.table.as_bytes() == b"d\x03bob" && key.row == Row::Number(2)
            })
        );
    }
}

#[test]
fn chk331_the_copy_of_a_removed_device_opens_on_a_device_that_did_not_know_it() {
    let mut net = Net::of(&["alice", "bob"]);
    net.link("bob");
    net.link("bob");
    let tablet = at("bob", 2);
    net.queues.clear();
    net.fetch(&at("bob", 3), "alice");
    net.send(&at("bob", 3), "alice", "From the laptop.");
    let delivery = net.take_queue(&tablet).pop().unwrap();
    net.remove("bob", 3);
    let received = receive(&mut net, &tablet, &delivery).unwrap();
    let Received::Sent { message, .. } = received else {
        panic!("{received:?}")
    };
    assert!(message.is_from_removed_device());
}

#[test]
fn chk331_what_a_removed_device_writes_later_does_not_open() {
    for (minutes, opens) in [(9, true), (11, false)] {
        let mut net = Net::of(&["alice", "bob"]);
        net.link("bob");
        net.queues.clear();
        net.fetch(&at("bob", 2), "alice");
        let sent = net.seal(&at("bob", 2), "alice", "Send money.");
        let forged = envelope_of(&sent.envelope);
        net.remove("bob", 2);
        // A relay that colludes with the thief stamps it.
        net.world.register_device(&at("bob", 2));
        net.wait(minutes * MINUTE_MS);
        let phone = at("alice", 1);
        let (late, _) = net.world.stamp_as(&at("bob", 2), &phone, &forged);
        let received = receive(&mut net, &phone, &late);
        if opens {
            let Received::Message {
                from_removed_device,
                ..
            } = received.unwrap()
            else {
                panic!("a message")
            };
            assert!(from_removed_device);
            continue;
        }
        let refused = received.unwrap_err();
        assert!(matches!(refused, ReceiveError::UnknownDevice { .. }));
        assert_eq!(refused.advice(), Advice::FetchRoster);
    }
}

#[test]
fn chk331_an_older_roster_counts_for_37_days() {
    for (age_ms, opens) in [(37 * DAY_MS, true), (37 * DAY_MS + 1, false)] {
        let mut net = Net::of(&["alice", "bob"]);
        let delivery = first_message(&mut net, false);
        let laptop = net.client(&at("bob", 2));
        let carried_ms = laptop.own_roster().unwrap().unwrap().at_ms();
        let passed_ms = net.world.now.as_millis() - carried_ms;
        net.wait(age_ms - passed_ms);
        net.remove("bob", 2);
        let received = receive(&mut net, &at("alice", 1), &delivery);
        assert_eq!(received.is_ok(), opens, "{age_ms}");
    }
}

#[test]
fn chk331_a_roster_of_an_earlier_epoch_counts_for_nothing() {
    let mut net = Net::of(&["alice", "bob"]);
    let delivery = first_message(&mut net, false);
    net.wait(MINUTE_MS);
    let now = net.world.now;
    let phone = net.client(&at("bob", 1));
    let secret = phone.account_secret().unwrap().unwrap();
    let lost = [waxseal::DeviceId(2)];
    phone.take_over(&secret, &lost, now).unwrap();
    net.post_roster("bob");
    let refused = receive(&mut net, &at("alice", 1), &delivery).unwrap_err();
    assert!(matches!(refused, ReceiveError::UnknownDevice { .. }));
}

#[test]
fn chk331_the_sessions_of_at_most_eight_removed_devices_are_kept() {
    let mut net = Net::of(&["alice", "bob"]);
    net.send(&at("bob", 1), "alice", "Hi.");
    net.run();
    let mut deliveries = Vec::new();
    for device in 2..=10 {
        assert_eq!(net.link("bob"), at("bob", device));
        net.queues.clear();
        net.send(&at("bob", device), "alice", "Hi from one of many.");
        deliveries.push(net.take_queue(&at("alice", 1)).pop().unwrap());
        net.remove("bob", device);
    }
    let phone = at("alice", 1);
    for delivery in &deliveries {
        assert!(receive(&mut net, &phone, delivery).is_ok());
    }
    let records = net.client(&phone).store().records();
    let kept = records.filter(|(key, _)| key.table.as_bytes() == b"d\x03bob");
    let kept: Vec<_> = kept.map(|(key, _)| key.row.clone()).collect();
    // The phone, and those that were removed last.
    let expected = [1].into_iter().chain(3..=10);
    assert_eq!(kept, expected.map(Row::Number).collect::<Vec<_>>());
}
