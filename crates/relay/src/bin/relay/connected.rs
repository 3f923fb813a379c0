//! The devices that are connected for deliveries, one connection each, and how to wake them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// The connected devices, by their id in the database.
#[derive(Default)]
pub struct ConnectedDevices(Mutex<HashMap<i64, Arc<ConnectedDevice>>>);

/// The signals that other tasks send to the connection of a device.
#[derive(Default)]
pub struct ConnectedDevice {
    pub message_queued: Notify,
    /// A newer connection took over, the delivery key was replaced, or the device was removed.
    pub taken_over: Notify,
}

impl ConnectedDevices {
    /// Tells the device's connection, if it has one, that a message was queued.
    pub fn wake(&self, id: i64) {
        let devices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(device) = devices.get(&id) {
            device.message_queued.notify_one();
        }
    }

    /// Makes a new connection the device's only one. An older connection may be dead without having
    /// noticed it, because the device has left the network.
    pub fn enter(&self, id: i64) -> Arc<ConnectedDevice> {
        let device = Arc::new(ConnectedDevice::default());
        let mut devices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(older) = devices.insert(id, device.clone()) {
            older.taken_over.notify_one();
        }
        device
    }

    /// Ends the device's connection, if it has one, because its delivery key was replaced or it was
    /// removed from its account.
    pub fn end(&self, id: i64) {
        let devices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(device) = devices.get(&id) {
            device.taken_over.notify_one();
        }
    }

    /// Removes a connection that has ended, unless a newer one has already replaced it.
    pub fn leave(&self, id: i64, device: &Arc<ConnectedDevice>) {
        let mut devices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if devices
            .get(&id)
            .is_some_and(|newest| Arc::ptr_eq(newest, device))
        {
            devices.remove(&id);
        }
    }
}
