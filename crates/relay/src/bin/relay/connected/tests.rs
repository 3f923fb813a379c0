use std::future::Future;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use waxseal_reporting::relay::DeliveryKey;
use waxseal_reporting::{AccountId, DeviceAddress, DeviceId};

use super::*;

fn device(account: i64, id: i64, key: u8) -> Arc<Device> {
    let name = AccountId::new(&format!("account-{account}")).unwrap();
    Arc::new(Device {
        id,
        account,
        me: DeviceAddress::new(name, DeviceId(1)),
        identity: [0; 64],
        delivery_key: DeliveryKey::from_bytes([key; 32]),
    })
}

fn account(id: i64, devices: Vec<Arc<Device>>) -> Account {
    Account {
        id,
        name: AccountId::new(&format!("account-{id}")).unwrap(),
        has_roster: true,
        devices,
        unregistered: Vec::new(),
    }
}

/// Whether a signal was sent since the last call.
fn was_sent(signal: &Notify) -> bool {
    let signal = std::pin::pin!(signal.notified());
    signal.poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
}

#[test]
fn only_connections_of_devices_that_are_gone_or_have_another_key_end() {
    let connected = ConnectedDevices::default();
    let enter = |account, id| connected.enter(device(account, id, 1), 1);
    let (same, other_key, gone, of_other) =
        (enter(1, 10), enter(1, 11), enter(1, 12), enter(2, 13));
    let newest = account(1, vec![device(1, 10, 1), device(1, 11, 2)]);
    connected.end_changed(1, Some(&newest));
    assert!(!was_sent(&same.taken_over));
    assert!(was_sent(&other_key.taken_over));
    assert!(was_sent(&gone.taken_over));
    assert!(!was_sent(&of_other.taken_over));
    connected.end_changed(1, None);
    assert!(was_sent(&same.taken_over));
    assert!(!was_sent(&of_other.taken_over));

    connected.leave(&same);
    connected.leave(&other_key);
    assert!(connected.has_account(1));
    connected.leave(&gone);
    assert!(!connected.has_account(1));
    assert_eq!(connected.accounts(), [2]);
    assert_eq!(connected.devices(), [(13, 1)].into());
    assert!(!connected.wake(10));
    assert!(connected.wake(13));
}

#[test]
fn an_older_connection_that_leaves_does_not_take_the_newer_one_along() {
    let connected = ConnectedDevices::default();
    let older = connected.enter(device(1, 10, 1), 1);
    let newer = connected.enter(device(1, 10, 1), 2);
    assert!(was_sent(&older.taken_over));
    connected.leave(&older);
    assert!(connected.has_account(1));
    assert!(connected.wake(10));
    assert!(was_sent(&newer.message_queued));

    // One that comes late does not take over.
    let late = connected.enter(device(1, 10, 1), 1);
    assert!(was_sent(&late.taken_over));
    assert!(!was_sent(&newer.taken_over));
    connected.leave(&late);
    assert!(connected.wake(10));
    // Nor does word of an older one, or of itself, at another relay.
    connected.end_older(10, 2);
    assert!(!was_sent(&newer.taken_over));
    connected.end_older(10, 3);
    assert!(was_sent(&newer.taken_over));
}

#[test]
fn a_message_whose_news_was_lost_wakes_the_connection_once() {
    let connected = ConnectedDevices::default();
    let device = connected.enter(device(1, 10, 1), 1);
    connected.next_number(10, 1);
    assert!(!was_sent(&device.message_queued), "there is none");
    connected.next_number(10, 4);
    assert!(was_sent(&device.message_queued));
    connected.next_number(10, 4);
    assert!(!was_sent(&device.message_queued), "it knows of it");
    device.sent_up_to.store(4, Ordering::Relaxed);
    connected.next_number(10, 5);
    assert!(!was_sent(&device.message_queued), "it has sent it");
    connected.next_number(10, 6);
    assert!(was_sent(&device.message_queued));
    connected.next_number(11, 6); // not connected
    // The next number is above what was sent, and does not go back.
    assert_eq!(connected.devices(), [(10, 6)].into());
    device.sent_up_to.store(8, Ordering::Relaxed);
    assert_eq!(connected.devices(), [(10, 9)].into());
}
