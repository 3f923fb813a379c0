//! A device says that it leaves: of itself, and to its own devices.

use waxseal::errors::LeaveError;
use waxseal::{Client, DeviceId, Leaving, MemoryStore, Mismatch, Received, Store};

use super::support::Net;

fn leave<S: Store>(net: &mut Net, client: &mut Client<S>) {
    let upkeep = client.leave(net.now(), &mut rand::rng()).unwrap();
    assert_eq!(client.leaving().unwrap(), Leaving::Telling);
    for outgoing in upkeep.outgoing {
        net.post(client, outgoing);
    }
    tell(net, client);
}

/// Lets a device that leaves tell the managers, with which it may lack a session.
fn tell<S: Store>(net: &mut Net, client: &mut Client<S>) {
    net.pass(120_000);
    for _ in 0..4 {
        net.upkeep(client);
    }
    assert_eq!(client.leaving().unwrap(), Leaving::Told);
}

/// The devices in the roster that a device signs because it is due.
fn renewed<S: Store>(net: &mut Net, client: &mut Client<S>) -> Option<Vec<DeviceId>> {
    let roster = client.renew_roster(net.now()).unwrap()?;
    let account = client.me().account.clone();
    net.provider.put_roster(&account, &roster).unwrap();
    client.confirm_roster(net.now()).unwrap();
    let devices = client.devices(&account).unwrap();
    Some(devices.into_iter().map(|(device, _)| device).collect())
}

#[test]
fn chk361_a_manager_and_an_only_device_do_not_leave() {
    let (mut net, [mut phone, mut laptop, mut bob]) = Net::of_three();
    net.settle(&mut [&mut phone, &mut laptop, &mut bob]);
    let (now, rng) = (net.now(), &mut rand::rng());
    let refused = phone.leave(now, rng);
    assert!(matches!(refused, Err(LeaveError::IsManager)));
    let refused = bob.leave(now, rng);
    assert!(matches!(refused, Err(LeaveError::OnlyDevice)));
    for client in [&phone, &laptop, &bob] {
        assert_eq!(client.leaving().unwrap(), Leaving::No);
        assert!(client.outbox(None, 10, now).unwrap().items.is_empty());
    }
    // A device that becomes a manager while it leaves stays.
    laptop.leave(now, rng).unwrap();
    let secret = phone.account_secret().unwrap().unwrap();
    laptop.take_over(&secret, &[], now).unwrap();
    laptop.confirm_roster(now).unwrap();
    assert_eq!(laptop.leaving().unwrap(), Leaving::No);
    // One that was removed has nothing to leave.
    let (mut net, [mut phone, mut laptop, _]) = Net::of_three();
    let roster = phone.remove_device(DeviceId(2), now).unwrap();
    net.provider
        .put_roster(&phone.me().account, &roster)
        .unwrap();
    laptop
        .take_roster(&phone.me().account.clone(), &roster, now)
        .unwrap();
    let refused = laptop.leave(now, rng);
    assert!(matches!(refused, Err(LeaveError::Removed)));
}

#[test]
fn chk362_a_device_that_leaves_is_removed_and_no_other() {
    let (mut net, [mut phone, mut laptop, mut bob]) = Net::of_three();
    let mut tablet = net.link(&mut phone, MemoryStore::new());
    net.settle(&mut [&mut phone, &mut laptop, &mut tablet, &mut bob]);
    assert_eq!(renewed(&mut net, &mut phone), None);
    leave(&mut net, &mut tablet);
    // A second time changes nothing.
    let again = tablet.leave(net.now(), &mut rand::rng()).unwrap();
    assert!(again.outgoing.is_empty());
    net.settle(&mut [&mut phone, &mut laptop, &mut bob]);
    // A device that is no manager hears it too, and signs nothing.
    assert_eq!(renewed(&mut net, &mut laptop), None);
    let left = [DeviceId(1), DeviceId(2)];
    assert_eq!(renewed(&mut net, &mut phone).unwrap(), left);
    assert_eq!(renewed(&mut net, &mut phone), None);
    assert!(phone.notices(None, 10).unwrap().items.iter().any(|notice| {
        matches!(notice, waxseal::Notice::DevicesChanged { removed, .. }
            if removed[..] == [DeviceId(3)])
    }));
}

#[test]
fn chk362_the_word_of_a_device_that_was_removed_meanwhile_changes_nothing() {
    let (mut net, [mut phone, mut laptop, mut bob]) = Net::of_three();
    let mut tablet = net.link(&mut phone, MemoryStore::new());
    net.settle(&mut [&mut phone, &mut laptop, &mut tablet, &mut bob]);
    leave(&mut net, &mut tablet);
    // Another manager was faster, so to speak: the phone removes it before it hears of it.
    let roster = phone.remove_device(DeviceId(3), net.now()).unwrap();
    net.provider
        .put_roster(&phone.me().account, &roster)
        .unwrap();
    phone.confirm_roster(net.now()).unwrap();
    let mut heard = 0;
    while let Some(delivery) = net.next(&phone.me().clone()) {
        let received = phone.receive(&delivery).unwrap();
        assert!(!matches!(received, Received::Synced { .. }), "{received:?}");
        heard += 1;
    }
    assert!(heard > 0);
    assert_eq!(renewed(&mut net, &mut phone), None);
    assert_eq!(phone.own_roster().unwrap().unwrap().devices().len(), 2);
}

#[test]
fn a_leave_waits_for_a_session_with_a_manager() {
    let (mut net, [mut phone, mut laptop, mut bob]) = Net::of_three();
    net.settle(&mut [&mut phone, &mut laptop, &mut bob]);
    let account = laptop.me().account.clone();
    laptop.reset_peer(&account).unwrap();
    net.provider.show_roster(&mut laptop, &account);
    let upkeep = laptop.leave(net.now(), &mut rand::rng()).unwrap();
    assert!(upkeep.outgoing.is_empty());
    assert_eq!(upkeep.bundles.len(), 1);
    assert_eq!(laptop.leaving().unwrap(), Leaving::Telling);
    tell(&mut net, &mut laptop);
    net.settle(&mut [&mut phone, &mut bob]);
    assert_eq!(renewed(&mut net, &mut phone).unwrap(), [DeviceId(1)]);
}

#[test]
fn a_leave_that_the_relay_never_takes_is_told_again() {
    let (mut net, [mut phone, mut laptop, mut bob]) = Net::of_three();
    net.start(&mut phone, &bob.me().account);
    net.send(&mut phone, &bob.me().account, "Hello!"); // the laptop has a session now
    net.settle(&mut [&mut phone, &mut laptop, &mut bob]);
    let (account, now) = (laptop.me().account.clone(), net.now());
    let rng = &mut rand::rng();
    laptop.leave(now, rng).unwrap();
    let waiting = |laptop: &Client<_>| laptop.outbox(None, 10, now).unwrap().items;
    let mut sent = waiting(&laptop).remove(0);
    let same = Mismatch {
        rosters: vec![net.provider.roster(&account)],
        bundles: Vec::new(),
    };
    while let Ok(again) = laptop.retarget(&account, &sent.id, &same, now, rng) {
        sent = again;
    }
    // The managers know nothing, so the relay is not told either.
    assert!(laptop.outbox(None, 10, now).unwrap().items.is_empty());
    assert_eq!(laptop.leaving().unwrap(), Leaving::Telling);
    tell(&mut net, &mut laptop);
    net.settle(&mut [&mut phone, &mut bob]);
    assert_eq!(renewed(&mut net, &mut phone).unwrap(), [DeviceId(1)]);
}
