//! The devices that are connected for deliveries, one connection each, and how to wake them.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::cache::{Account, Device};

/// The connected devices.
#[derive(Default)]
pub struct ConnectedDevices(Mutex<Connections>);

#[derive(Default)]
struct Connections {
    /// By the id of the device.
    devices: HashMap<i64, Arc<ConnectedDevice>>,
    /// The ids of account and device.
    of_accounts: BTreeSet<(i64, i64)>,
}

/// A connected device, and the signals that other tasks send to its connection.
pub struct ConnectedDevice {
    device: Arc<Device>,
    /// A newer connection has a higher number.
    number: i64,
    pub message_queued: Notify,
    /// A newer connection took over, the delivery key was replaced, or the device was removed.
    pub taken_over: Notify,
    /// The number of the last message that was sent on the connection.
    pub sent_up_to: AtomicI64,
    /// The number that the device's next message had when the database was asked last.
    #[cfg(any(test, feature = "postgres"))]
    next_number: AtomicI64,
}

impl ConnectedDevices {
    /// Tells the device's connection, if it has one, that a message was queued. Returns whether it
    /// has one.
    pub fn wake(&self, id: i64) -> bool {
        let connections = self.lock();
        let device = connections.devices.get(&id);
        device.inspect(|device| device.message_queued.notify_one());
        device.is_some()
    }

    /// Makes a connection the device's only one, and ends it if there is a newer one already. An
    /// older connection may be dead without having noticed it, because the device has left the
    /// network.
    pub fn enter(&self, device: Arc<Device>, number: i64) -> Arc<ConnectedDevice> {
        let (id, account) = (device.id, device.account);
        let connected = Arc::new(ConnectedDevice {
            device,
            number,
            message_queued: Notify::new(),
            taken_over: Notify::new(),
            sent_up_to: AtomicI64::new(0),
            #[cfg(any(test, feature = "postgres"))]
            next_number: AtomicI64::new(0),
        });
        let mut connections = self.lock();
        let newest = connections.devices.get(&id);
        if newest.is_some_and(|newest| newest.number > number) {
            connected.taken_over.notify_one();
            return connected;
        }
        connections.of_accounts.insert((account, id));
        if let Some(older) = connections.devices.insert(id, connected.clone()) {
            older.taken_over.notify_one();
        }
        connected
    }

    /// Ends the device's connection, if it has one that is older than the one with this number.
    #[cfg(any(test, feature = "postgres"))]
    pub fn end_older(&self, id: i64, number: i64) {
        let connections = self.lock();
        let connected = connections.devices.get(&id);
        if let Some(older) = connected.filter(|connected| connected.number < number) {
            older.taken_over.notify_one();
        }
    }

    /// Ends the connection of each device of an account that is gone, or has another delivery key.
    /// `None` ends them all.
    pub fn end_changed(&self, account: i64, newest: Option<&Account>) {
        let connections = self.lock();
        for (_, id) in connections.of_accounts.range(of_account(account)) {
            let Some(connected) = connections.devices.get(id) else {
                continue;
            };
            let mut devices = newest.iter().flat_map(|newest| &newest.devices);
            if !devices.any(|device| device.is_unchanged(&connected.device)) {
                connected.taken_over.notify_one();
            }
        }
    }

    /// Removes a connection that has ended, unless a newer one has already replaced it.
    pub fn leave(&self, connected: &Arc<ConnectedDevice>) {
        let (id, account) = (connected.device.id, connected.device.account);
        let mut connections = self.lock();
        let newest = connections.devices.get(&id);
        if newest.is_some_and(|newest| Arc::ptr_eq(newest, connected)) {
            connections.devices.remove(&id);
            connections.of_accounts.remove(&(account, id));
        }
    }

    /// The ids of the connected devices. With each, the number that its next message has at least,
    /// unless the database went back in time: above all that were sent, and what it was before.
    #[cfg(any(test, feature = "postgres"))]
    pub fn devices(&self) -> HashMap<i64, i64> {
        use std::sync::atomic::Ordering;

        let connections = self.lock();
        let devices = connections.devices.iter();
        let least = devices.map(|(id, connected)| {
            let sent_up_to = connected.sent_up_to.load(Ordering::Relaxed);
            let before = connected.next_number.load(Ordering::Relaxed);
            (*id, before.max(sent_up_to.saturating_add(1)))
        });
        least.collect()
    }

    /// The ids of the accounts of the connected devices.
    #[cfg(any(test, feature = "postgres"))]
    pub fn accounts(&self) -> Vec<i64> {
        let connections = self.lock();
        let accounts = connections.of_accounts.iter();
        let mut accounts: Vec<i64> = accounts.map(|(account, _)| *account).collect();
        accounts.dedup(); // they are in order
        accounts
    }

    /// Whether a device of this account is connected.
    #[cfg(any(test, feature = "postgres"))]
    pub fn has_account(&self, account: i64) -> bool {
        let connections = self.lock();
        let mut devices = connections.of_accounts.range(of_account(account));
        devices.next().is_some()
    }

    /// Takes which number the next message of a device has in the database. Wakes the connection if
    /// there are messages that it has not sent. Those that it cannot send wake it once.
    #[cfg(any(test, feature = "postgres"))]
    pub fn next_number(&self, id: i64, next: i64) {
        use std::sync::atomic::Ordering;

        let connections = self.lock();
        let Some(connected) = connections.devices.get(&id) else {
            return;
        };
        let before = connected.next_number.swap(next, Ordering::Relaxed);
        let sent_up_to = connected.sent_up_to.load(Ordering::Relaxed);
        if next != before && next.saturating_sub(1) > sent_up_to {
            connected.message_queued.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All pairs of this account and one of its devices.
fn of_account(account: i64) -> std::ops::RangeInclusive<(i64, i64)> {
    (account, i64::MIN)..=(account, i64::MAX)
}

#[cfg(test)]
mod tests;
