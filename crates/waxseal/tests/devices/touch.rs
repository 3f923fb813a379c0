//! Devices of one account that only receive from each other.

use waxseal::{DeviceAddress, Received};
use waxseal_world::account;

use crate::support::{DAY_MS, Net, at};

/// How many notes a device sends in its upkeep. The other devices get them.
fn notes(net: &mut Net, device: &DeviceAddress) -> usize {
    let (now, client) = (net.world.now, net.clients.get_mut(device).unwrap());
    let upkeep = client.upkeep(now, &mut net.world.rng).unwrap();
    for outgoing in &upkeep.outgoing {
        assert_eq!(outgoing.to, account("alice"));
        net.post(device, outgoing);
    }
    upkeep.outgoing.len()
}

#[test]
fn a_device_that_only_gets_copies_touches_the_other_one_once_in_seven_days() {
    let mut net = Net::of_four();
    net.run();
    let (phone, laptop) = (at("alice", 1), at("alice", 2));
    // Both have answered each other.
    for device in [&laptop, &phone] {
        net.send(device, "bob", "hello");
        net.run();
    }
    net.wait(DAY_MS);
    net.send(&laptop, "bob", "and again");
    net.run();
    for (days, touches) in [(0, 0), (6, 0), (1, 1), (1, 0)] {
        net.wait(days * DAY_MS + 1_000);
        net.send(&phone, "bob", "from the phone");
        net.deliver(&laptop);
        assert_eq!(notes(&mut net, &laptop), touches, "{days}");
    }
    // The phone opens it, and shows nothing.
    for delivery in net.take_queue(&phone) {
        let received = net.client(&phone).receive(&delivery).unwrap();
        assert!(matches!(
            received,
            Received::Skipped { .. } | Received::Receipts { .. }
        ));
    }
}
