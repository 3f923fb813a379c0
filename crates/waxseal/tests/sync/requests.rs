//! What the user decides about a request on one device is so on the others.

use waxseal::{Client, MemoryStore, Nudge};
use waxseal_world::account;

use super::history::{Mailboxes, agree};
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

/// Begins other sessions with Alice's devices.
fn start_over(net: &mut Net, other: &mut Device) {
    let again = net.provider.bundles(&account("alice"));
    let (now, rng) = (net.now(), &mut net.provider.fork_rng());
    other.start(&account("alice"), &again, now, rng).unwrap();
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
        start_over(&mut net, &mut other);
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

/// Both devices decide before either hears of the other one.
#[test]
fn devices_that_disagree_about_a_request_end_alike() {
    let decide = |device: &mut Device, net: &Net, is_accepted: bool| match is_accepted {
        true => device.accept_contact(&bob()).unwrap(),
        false => device.decline(&bob(), net.now()).unwrap(),
    };
    for is_accepted in [true, false] {
        let (mut net, [mut phone, mut laptop, mut other]) = with_request();
        decide(&mut phone, &net, is_accepted);
        decide(&mut laptop, &net, !is_accepted);
        net.settle(&mut [&mut phone, &mut laptop, &mut other]);
        assert_eq!(shared(&phone), shared(&laptop));
        let accepts = |device: &Device| device.peer_state(&bob()).is_ok_and(|one| one.is_accepted);
        let declines = |device: &Device| {
            let nudges = device.nudges(&bob()).unwrap();
            nudges.contains(&Nudge::DeclinedBefore)
        };
        assert_eq!(declines(&phone), declines(&laptop));
        for device in [&phone, &laptop] {
            assert!(device.requests(None, 9).unwrap().items.is_empty());
            assert!(!(accepts(device) && declines(device)));
            if declines(device) {
                assert!(texts(device, &bob()).is_empty());
            }
        }
        // What comes next counts as the same on both.
        start_over(&mut net, &mut other);
        net.send(&mut other, &account("alice"), "Please!");
        net.settle(&mut [&mut phone, &mut laptop, &mut other]);
        let heard = |device: &Device| texts(device, &bob()).last().cloned();
        assert_eq!(heard(&phone), heard(&laptop));
        assert_eq!(heard(&phone).is_some(), !declines(&phone));
    }
}

#[test]
fn an_account_that_the_user_wrote_to_is_accepted_whatever_another_device_decided() {
    for writes_first in [true, false] {
        let (mut net, [mut phone, mut laptop, mut other]) = with_request();
        net.off.push(laptop.me().clone());
        if writes_first {
            net.send(&mut phone, &bob(), "Hello yourself!");
        }
        laptop.decline(&bob(), net.now()).unwrap();
        net.off.clear();
        if !writes_first {
            net.settle(&mut [&mut phone, &mut laptop, &mut other]);
            net.send(&mut phone, &bob(), "Hello yourself!");
        }
        net.settle(&mut [&mut phone, &mut laptop, &mut other]);
        // A device that is linked now hears the account.
        let mut tablet = net.link(&mut phone, MemoryStore::new());
        net.settle(&mut [&mut phone, &mut laptop, &mut tablet, &mut other]);
        net.send(&mut other, &account("alice"), "Thank you!");
        net.settle(&mut [&mut phone, &mut laptop, &mut tablet, &mut other]);
        for device in [&phone, &laptop, &tablet] {
            let nudges = device.nudges(&bob()).unwrap();
            assert!(!nudges.contains(&Nudge::DeclinedBefore), "{writes_first}");
            assert!(device.requests(None, 9).unwrap().items.is_empty());
            assert!(device.peer_state(&bob()).unwrap().is_accepted);
            let last = texts(device, &bob()).pop();
            assert_eq!(last.as_deref(), Some("Thank you!"), "{writes_first}");
        }
    }
}

/// The laptop has a request of which only the history told.
fn with_given_request() -> (Net, [Device; 3]) {
    let mut net = Net::new();
    let mut phone = net.provider.register("alice");
    let mut other = net.provider.register("bob");
    net.send(&mut other, &account("alice"), "Hello!");
    net.send(&mut other, &account("alice"), "Are you there?");
    net.settle(&mut [&mut phone, &mut other]);
    let mut laptop = net.link(&mut phone, MemoryStore::new());
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    agree(&mut net, &mut phone, &mut laptop);
    let mut mailboxes = Mailboxes::default();
    mailboxes.post_all(&mut phone);
    let chunk = mailboxes.next(&laptop).unwrap();
    assert_eq!(laptop.import_history(&chunk).unwrap().taken, 2);
    assert_eq!(texts(&laptop, &bob()).len(), 2);
    (net, [phone, laptop, other])
}

#[test]
fn a_request_that_came_with_the_history_is_one() {
    let (mut net, [mut phone, mut laptop, mut other]) = with_given_request();
    let [given] = laptop.requests(None, 9).unwrap().items.try_into().unwrap();
    let [request] = phone.requests(None, 9).unwrap().items.try_into().unwrap();
    assert_eq!((given.messages, given.dropped), (2, 0));
    assert_eq!((given.first, given.last), (request.first, request.last));
    // What comes after it counts, too.
    net.send(&mut other, &account("alice"), "Hello?");
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    assert_eq!(laptop.requests(None, 9).unwrap().items[0].messages, 3);
    phone.accept_contact(&bob()).unwrap();
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    assert!(laptop.requests(None, 9).unwrap().items.is_empty());
    assert_eq!(texts(&laptop, &bob()).len(), 3);
}

#[test]
fn a_request_that_came_with_the_history_is_declined_blocked_and_ends() {
    type Decide = fn(&mut Device, &mut Device, &mut Net);
    let decisions: [Decide; 4] = [
        |phone, _, net| phone.decline(&bob(), net.now()).unwrap(),
        |_, laptop, net| laptop.decline(&bob(), net.now()).unwrap(),
        |phone, _, _| phone.block(&bob(), true).unwrap(),
        |phone, laptop, net| {
            net.pass(31 * 24 * 3_600_000);
            // Both devices get something, so that they know the time.
            phone.block(&account("carol"), true).unwrap();
            laptop.block(&account("dave"), true).unwrap();
        },
    ];
    for (which, decide) in decisions.into_iter().enumerate() {
        let (mut net, [mut phone, mut laptop, mut other]) = with_given_request();
        decide(&mut phone, &mut laptop, &mut net);
        net.settle(&mut [&mut phone, &mut laptop, &mut other]);
        for device in [&phone, &laptop] {
            assert!(texts(device, &bob()).is_empty(), "{which}");
            assert!(device.requests(None, 9).unwrap().items.is_empty());
        }
    }
}

/// Another device told that the account is accepted before it wrote to this one.
#[test]
fn an_account_that_is_accepted_elsewhere_needs_no_room_among_requests() {
    let (mut net, [mut phone, mut laptop, mut other]) = Net::of_three();
    net.off.push(phone.me().clone());
    net.send(&mut other, &account("alice"), "Hello!");
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    let queued = net.take_queue(phone.me());
    // Nothing but the decision is told, since the laptop forgot the account.
    laptop.decline(&bob(), net.now()).unwrap();
    laptop.accept_contact(&bob()).unwrap();
    net.off.clear();
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    net.off.push(laptop.me().clone());
    for number in 0..waxseal::MAX_REQUESTS {
        let mut stranger = net.provider.register(&format!("stranger {number}"));
        net.send(&mut stranger, &account("alice"), "Hello!");
        net.deliver(&mut phone);
    }
    assert_eq!(
        phone.requests(None, 999).unwrap().items.len(),
        waxseal::MAX_REQUESTS
    );
    net.put_queue(phone.me(), queued);
    net.deliver(&mut phone);
    assert_eq!(phone.dropped_strangers().unwrap(), 0);
    assert_eq!(texts(&phone, &bob()), ["Hello!"]);
}
