//! What the user decides about a request on one device is so on the others.

use waxseal::{Client, MemoryStore, Nudge};
use waxseal_world::account;

use super::support::{Net, bob, shared, texts};

type Device = Client<MemoryStore>;

/// Alice's phone and laptop, to both of which Bob wrote.
fn with_request() -> (Net, [Device; 3]) {
    let (mut net, [mut phone, mut laptop, mut other]) = Net::of_three();
    net.send(&mut other, &account("alice"), "Hello!");
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    for device in [&phone, &laptop] {
        assert_eq!(device.requests(None, 9).unwrap().items.len(), 1);
        assert_eq!(texts(device, &bob()), ["Hello!"]);
    }
    (net, [phone, laptop, other])
}

#[test]
fn a_request_that_is_accepted_on_one_device_is_so_on_the_other() {
    let (mut net, [mut phone, mut laptop, mut other]) = with_request();
    phone.accept_contact(&bob()).unwrap();
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    for device in [&phone, &laptop] {
        assert!(device.requests(None, 9).unwrap().items.is_empty());
        assert!(device.peer_state(&bob()).unwrap().is_accepted);
    }
    assert_eq!(shared(&phone), shared(&laptop));
}

#[test]
fn a_request_that_is_answered_on_one_device_is_over_on_the_other() {
    let (mut net, [mut phone, mut laptop, mut other]) = with_request();
    net.send(&mut laptop, &bob(), "Hello yourself!");
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    assert!(phone.requests(None, 9).unwrap().items.is_empty());
    assert!(phone.peer_state(&bob()).unwrap().is_accepted);
}

#[test]
fn a_request_that_is_declined_or_blocked_on_one_device_is_deleted_on_the_other() {
    for blocks in [false, true] {
        let (mut net, [mut phone, mut laptop, mut other]) = with_request();
        match blocks {
            true => laptop.block(&bob(), true).unwrap(),
            false => laptop.decline(&bob(), net.now()).unwrap(),
        }
        net.settle(&mut [&mut phone, &mut laptop, &mut other]);
        net.send(&mut other, &account("alice"), "Please!");
        net.settle(&mut [&mut phone, &mut laptop, &mut other]);
        for device in [&phone, &laptop] {
            assert!(device.requests(None, 9).unwrap().items.is_empty());
            assert!(texts(device, &bob()).is_empty());
            let nudges = device.nudges(&bob()).unwrap();
            assert_eq!(nudges.contains(&Nudge::DeclinedBefore), !blocks);
            let state = device.peer_state(&bob());
            assert_eq!(state.is_ok_and(|state| state.is_blocked), blocks);
        }
        assert_eq!(shared(&phone), shared(&laptop));
        // What was decided there, is undone here.
        match blocks {
            true => phone.block(&bob(), false).unwrap(),
            false => phone.accept_contact(&bob()).unwrap(),
        }
        net.settle(&mut [&mut phone, &mut laptop, &mut other]);
        net.start(&mut other, &account("alice"));
        let again = net.provider.bundles(&account("alice"));
        let (now, rng) = (net.now(), &mut net.provider.fork_rng());
        other.start(&account("alice"), &again, now, rng).unwrap();
        net.send(&mut other, &account("alice"), "Thank you!");
        net.settle(&mut [&mut phone, &mut laptop, &mut other]);
        for device in [&phone, &laptop] {
            assert_eq!(texts(device, &bob()), ["Thank you!"]);
        }
    }
}

/// The phone hears of the decision before it hears of the account.
#[test]
fn a_decision_counts_for_what_comes_after_it() {
    for is_accepted in [true, false] {
        let (mut net, [mut phone, mut laptop, mut other]) = Net::of_three();
        net.off.push(phone.me().clone());
        net.send(&mut other, &account("alice"), "Hello!");
        net.settle(&mut [&mut phone, &mut laptop, &mut other]);
        let queued = net.take_queue(phone.me());
        match is_accepted {
            true => laptop.accept_contact(&bob()).unwrap(),
            false => laptop.decline(&bob(), net.now()).unwrap(),
        }
        net.off.clear();
        net.settle(&mut [&mut phone, &mut laptop, &mut other]);
        net.put_queue(phone.me(), queued);
        net.settle(&mut [&mut phone, &mut laptop, &mut other]);
        assert!(phone.requests(None, 9).unwrap().items.is_empty());
        let texts = texts(&phone, &bob());
        match is_accepted {
            true => assert_eq!(texts, ["Hello!"]),
            false => assert!(texts.is_empty()),
        }
    }
}
