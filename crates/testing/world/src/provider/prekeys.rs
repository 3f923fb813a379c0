//! Prekeys: published by each device, and handed out.

use std::collections::VecDeque;

use waxseal::core::{IdentityKey, PreKeyBundle, PreKeyUpload};
use waxseal::{AccountId, Bundles, Client, DeviceAddress, DeviceBundle, DeviceId, Store};

use super::Provider;

/// What a device published: its base, and the one-time parts that are left to hand out.
pub(crate) type Published = (Vec<u8>, VecDeque<Vec<u8>>);

/// The prekeys of a device that the provider hides for a while.
pub struct HiddenPreKeys(Published);

impl Provider {
    /// Stores the prekeys that a device of an account publishes. The identity in them says which
    /// device it is; an unknown one counts as the first. A one-time prekey that was handed out
    /// before is ignored if it is uploaded again.
    pub fn publish(&mut self, account: &AccountId, upload: &PreKeyUpload) {
        let bundle = PreKeyBundle::decode(&upload.base, None).ok();
        let identity = bundle.map(|bundle| bundle.identity().to_bytes());
        let roster = self.rosters.get(account).map(|pinned| pinned.roster());
        let listed = roster.zip(identity).and_then(|(roster, identity)| {
            let device = roster.device_of(&identity)?;
            Some(DeviceId(device.id))
        });
        let device = DeviceAddress::new(account.clone(), listed.unwrap_or(DeviceId(1)));
        self.publish_of(&device, upload);
    }

    /// Stores the prekeys that this device publishes.
    pub(crate) fn publish_of(&mut self, device: &DeviceAddress, upload: &PreKeyUpload) {
        let (base, one_time) = self.prekeys.entry(device.clone()).or_default();
        base.clone_from(&upload.base);
        for part in &upload.one_time {
            if !self.handed_out.contains(part) && !one_time.contains(part) {
                one_time.push_back(part.clone());
            }
        }
    }

    /// Deletes the one-time parts that are left to hand out, of all devices of an account.
    pub fn forget_one_time(&mut self, account: &AccountId) {
        for (device, (_, one_time)) in &mut self.prekeys {
            if device.account == *account {
                one_time.clear();
            }
        }
    }

    /// Deletes the one-time parts of a device that are left to hand out.
    pub fn forget_one_time_of(&mut self, device: &DeviceAddress) {
        if let Some((_, one_time)) = self.prekeys.get_mut(device) {
            one_time.clear();
        }
    }

    /// Hands out a bundle of the prekeys of an account's first device. Each one-time part is handed
    /// out once. When all are used up, bundles have no one-time part.
    ///
    /// # Panics
    /// If no device of the account published prekeys.
    pub fn bundle(&mut self, account: &AccountId) -> (Vec<u8>, Option<Vec<u8>>) {
        let device = self.first_of(account);
        self.bundle_of(&device).unwrap()
    }

    /// Hands out a bundle of a device's prekeys. `None` if it published none.
    pub fn bundle_of(&mut self, device: &DeviceAddress) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
        let (base, one_time) = self.prekeys.get_mut(device)?;
        let one_time = one_time.pop_front();
        self.handed_out.extend(one_time.clone());
        Some((base.clone(), one_time))
    }

    /// Hands out no prekeys of a device any more. Returns them, to show them again later.
    pub fn hide_prekeys(&mut self, device: &DeviceAddress) -> HiddenPreKeys {
        HiddenPreKeys(self.prekeys.remove(device).unwrap_or_default())
    }

    /// Hands out prekeys again that were hidden.
    pub fn show_prekeys(&mut self, device: &DeviceAddress, hidden: HiddenPreKeys) {
        self.prekeys.insert(device.clone(), hidden.0);
    }

    /// Hands out the roster of an account with bundles of all its devices that published prekeys.
    pub fn bundles(&mut self, account: &AccountId) -> Bundles {
        self.bundles_for(None, account, &[])
    }

    /// Hands out a roster with bundles of the devices that `asker` asks for, or of all if it names
    /// none. Never its own.
    pub fn bundles_for(
        &mut self,
        asker: Option<&DeviceAddress>,
        account: &AccountId,
        devices: &[DeviceId],
    ) -> Bundles {
        let viewer = asker.map(|asker| &asker.account);
        let shown = self.shown_to(viewer, account);
        let listed = shown.devices.into_iter().map(DeviceId);
        let wanted = listed.filter(|device| devices.is_empty() || devices.contains(device));
        let wanted = wanted.map(|device| DeviceAddress::new(account.clone(), device));
        let wanted: Vec<_> = wanted.filter(|device| Some(device) != asker).collect();
        let bundles = wanted
            .iter()
            .filter_map(|device| self.device_bundle(device));
        Bundles {
            devices: bundles.collect(),
            roster: shown.bytes,
        }
    }

    pub(super) fn device_bundle(&mut self, device: &DeviceAddress) -> Option<DeviceBundle> {
        let (base, one_time) = self.bundle_of(device)?;
        Some(DeviceBundle {
            device: device.device,
            base,
            one_time,
        })
    }

    /// The identity of an account's first device.
    ///
    /// # Panics
    /// If no device of the account published prekeys.
    #[must_use]
    pub fn identity(&self, account: &AccountId) -> IdentityKey {
        let device = self.first_of(account);
        let bundle = PreKeyBundle::decode(&self.prekeys[&device].0, None).unwrap();
        *bundle.identity()
    }

    /// How many one-time prekeys of an account's first device are left to hand out.
    ///
    /// # Panics
    /// If no device of the account published prekeys.
    #[must_use]
    pub fn one_time_left(&self, account: &AccountId) -> usize {
        self.prekeys[&self.first_of(account)].1.len()
    }

    /// The device of an account with the lowest number that published prekeys.
    fn first_of(&self, account: &AccountId) -> DeviceAddress {
        let mut devices = self.prekeys.keys();
        let first = devices.find(|device| device.account == *account);
        first.expect("an account with prekeys").clone()
    }

    /// Hands out bundles of the peer, with which the client starts sessions with all its devices.
    pub fn start<S: Store>(&mut self, client: &mut Client<S>, peer: &AccountId) {
        let bundles = self.bundles_for(Some(&client.me().clone()), peer, &[]);
        client
            .start(peer, &bundles, self.now, &mut self.rng)
            .unwrap();
    }
}
