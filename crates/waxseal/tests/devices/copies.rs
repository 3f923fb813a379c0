//! What a relay tries with copies for own devices, and an own device with what it has no copy of.

use waxseal::errors::ReceiveError;
use waxseal::reporting::recipient::DeliveryError;
use waxseal::{Advice, Client, MemoryStore, Received};
use waxseal_world::{account, envelope_in, fanout_of, snapshot, without_unopened};

use crate::support::{Net, at};

#[test]
fn row_10_copies_of_the_peer_and_of_own_devices_open_nowhere_else() {
    let mut net = Net::of_four();
    let sent = net.seal(&at("alice", 1), "bob", "one copy each");
    let fanout = fanout_of(&sent.envelope);
    let slots: Vec<_> = fanout
        .slots()
        .iter()
        .map(|slot| (slot.own, slot.device.0))
        .collect();
    assert_eq!(slots, [(false, 1), (false, 2), (true, 2)]);
    let targets = [at("bob", 1), at("bob", 2), at("alice", 2)];
    for (slot, _) in targets.iter().enumerate() {
        for (other, device) in targets.iter().enumerate() {
            if slot == other {
                continue;
            }
            // The copies change places in what is otherwise one genuine message.
            let mut swapped = fanout.clone();
            let (own, id) = (fanout.slots()[other].own, fanout.slots()[other].device);
            let envelope = Some(envelope_in(&fanout, slot));
            swapped.insert(own, id, envelope).unwrap();
            let (from, key) = (at("alice", 1), net.world.key(&at("alice", 1)));
            let audience = waxseal::reporting::Audience::Direct(account("bob"));
            let posted = swapped.post(&key, &from, &audience, net.world.now);
            let (stamped, _) = net.world.fan_out(&from, &account("bob"), &posted).unwrap();
            let (_, stamped) = stamped.into_iter().find(|(to, _)| to == device).unwrap();
            let delivery = net.world.deliver(device, &stamped.encode());
            let client = net.clients.get_mut(device).unwrap();
            let before = without_unopened(snapshot(client));
            client.receive(&delivery).unwrap_err();
            assert!(without_unopened(snapshot(client)) == before);
        }
    }
}

#[test]
fn row_11_an_own_copy_of_another_account_or_of_this_device_is_refused() {
    let mut net = Net::of_four();
    net.world.register("mallory");
    let sent = net.seal(&at("alice", 1), "bob", "mine");
    let own = envelope_in(&fanout_of(&sent.envelope), 2);
    // Under the stamp of another account to Bob, and of this device itself.
    for from in [at("mallory", 1), at("bob", 1), at("alice", 2)] {
        let mut fanout = waxseal::reporting::sender::Fanout::new(
            *own.tag(),
            Default::default(),
            Default::default(),
        );
        let is_own = from.account == account("bob");
        fanout
            .insert(is_own, at("bob", 9).device, Some(own.clone()))
            .unwrap();
        let key = net.world.key(&from);
        let audience = waxseal::reporting::Audience::Direct(account("bob"));
        let posted = fanout.post(&key, &from, &audience, net.world.now);
        let posted = waxseal::reporting::relay::PostedFanout::decode(&posted).unwrap();
        let posted = posted
            .authenticate(&key, &from, &audience, net.world.now)
            .unwrap();
        let claim = net.world.stamp_keys.stamp(&posted, net.world.now).unwrap();
        let stamped = waxseal::reporting::relay::StampedEnvelope::fan_out(claim, posted).unwrap();
        let delivery = net.world.deliver(&at("alice", 2), &stamped[0].1.encode());
        let laptop = net.clients.get_mut(&at("alice", 2)).unwrap();
        let before = snapshot(laptop);
        let refused = laptop.receive(&delivery).unwrap_err();
        assert!(matches!(
            refused,
            ReceiveError::Delivery(DeliveryError::OtherRecipient)
        ));
        assert_eq!(refused.advice(), Advice::Drop);
        assert!(snapshot(laptop) == before);
    }
}

#[test]
fn chk328_an_own_device_gets_nothing_again_that_was_not_for_it() {
    for has_other in [false, true] {
        asks_for_what_was_before(has_other);
    }
}

/// A laptop is linked after a message, of which another device may have a copy, and asks for it.
fn asks_for_what_was_before(has_other: bool) {
    let mut net = Net::of(&["alice", "bob"]);
    if has_other {
        net.link("alice");
    }
    net.send(&at("alice", 1), "bob", "before the laptop");
    net.run();
    let id = net.send(&at("alice", 1), "bob", "also before");
    net.run();
    let newest = net.link("alice");
    net.send(&at("alice", 1), "bob", "after");
    net.run();
    // The laptop asks for what it has no copy of, as if it had been told the tag.
    let phone = net.clients.get_mut(&at("alice", 1)).unwrap();
    let identity = *phone.identity();
    let mut records = snapshot(net.clients.get(&newest).unwrap());
    // `z`: something is to be said to the own account; `q`: this did not open.
    let name = [&[5], &b"alice"[..]].concat();
    let upkeep = [&[1, 0x0a], name.as_slice()].concat();
    let row = |name: &[u8]| waxseal::store::Row::Name(name.to_vec());
    let table = |bytes: Vec<u8>| waxseal::store::Table::new(bytes);
    let mut unopened = [&[1, 0x0a, 32], id.as_bytes().as_slice(), &[0x10]].concat();
    let mut rest = net.world.now.as_millis();
    while rest >= 0x80 {
        unopened.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    unopened.extend([rest as u8, 0x30, 1]);
    let key = waxseal::store::Key::new;
    records.push((key(table(vec![b'z']), row(&name)), upkeep));
    let asked = [b"q", name.as_slice()].concat();
    records.push((key(table(asked), row(id.as_bytes())), unopened));
    let laptop = Client::open(MemoryStore::from_records(records)).unwrap();
    net.clients.insert(newest.clone(), laptop);
    assert!(net.attend(&newest), "it asks");
    let deliveries = net.take_queue(&at("alice", 1));
    let phone = net.clients.get_mut(&at("alice", 1)).unwrap();
    for delivery in deliveries {
        let received = phone.receive(&delivery).unwrap();
        assert!(matches!(received, Received::Refused { again, .. } if again.is_empty()));
    }
    assert_eq!(*phone.identity(), identity);
    net.run();
    let shown = net.shown(&newest);
    assert!(!shown.contains(&">bob: also before"), "{shown:?}");
}
