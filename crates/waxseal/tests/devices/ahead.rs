//! A relay that makes a manager date its roster ahead.

use waxseal::Timestamp;
use waxseal_world::{account, fanout_of};

use crate::support::{DAY_MS, Net, at};

#[test]
fn row_5_a_roster_dated_ahead_counts_for_its_managers_alone() {
    let mut net = Net::of_four();
    let (peer, now) = (account("bob"), net.world.now);
    let later = |days| Timestamp::from_millis(now.as_millis() + days * DAY_MS);
    // The relay told Bob's phone a time far ahead. What it shows from then on would never age.
    let bob = net.clients.get_mut(&at("bob", 1)).unwrap();
    let roster = bob.date_roster(later(36_500)).unwrap().unwrap();
    let alice = net.clients.get_mut(&at("alice", 1)).unwrap();
    alice.take_roster(&peer, &roster, now).unwrap();
    let rng = &mut net.world.rng;
    let mut theirs = |now| {
        let sent = alice.send(&peer, "still there?", now, rng).unwrap();
        let fanout = fanout_of(&sent.envelope);
        let theirs = fanout.slots().iter().filter(|slot| !slot.own);
        theirs.map(|slot| slot.device.0).collect::<Vec<_>>()
    };
    assert_eq!(theirs(now), [1]);
    assert_eq!(theirs(later(61)), [1]);
    // His phone signs another one when the relay says the right time.
    let bob = net.clients.get_mut(&at("bob", 1)).unwrap();
    bob.confirm_roster(now).unwrap();
    let mended = bob.renew_roster(now).unwrap().unwrap();
    let alice = net.clients.get_mut(&at("alice", 1)).unwrap();
    alice.take_roster(&peer, &mended, now).unwrap();
    let rng = &mut net.world.rng;
    let sent = alice.send(&peer, "there you are", now, rng).unwrap();
    assert_eq!(fanout_of(&sent.envelope).slots().len(), 3);
}

#[test]
fn a_clock_that_is_off_says_of_no_roster_that_it_is_dated_ahead() {
    let mut net = Net::of_four();
    let (peer, now) = (account("bob"), net.world.now);
    let own_now = Timestamp::from_millis(now.as_millis() - 365 * DAY_MS);
    let alice = net.clients.get_mut(&at("alice", 1)).unwrap();
    let rng = &mut net.world.rng;
    for (provider, slots) in [(own_now, 1), (now, 3)] {
        alice.check_clock(provider, own_now).unwrap();
        let sent = alice.send(&peer, "what year is it?", own_now, rng).unwrap();
        assert_eq!(fanout_of(&sent.envelope).slots().len(), slots);
    }
}

#[test]
fn a_wrong_clock_uses_up_no_versions() {
    let mut net = Net::of_four();
    let now = net.world.now;
    let wrong = Timestamp::from_millis(now.as_millis() + 365 * DAY_MS);
    let bob = net.clients.get_mut(&at("bob", 1)).unwrap();
    let mut signed = 0;
    for _ in 0..150 {
        // At each start, before the relay says its time.
        signed += usize::from(bob.renew_roster(wrong).unwrap().is_some());
        assert!(bob.date_roster(now).unwrap().is_none());
    }
    assert_eq!(signed, 100);
    let removed = bob.remove_device(at("bob", 2).device, now).unwrap();
    let alice = net.clients.get_mut(&at("alice", 1)).unwrap();
    alice.take_roster(&account("bob"), &removed, now).unwrap();
}
