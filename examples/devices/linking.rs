//! Linking, removing and recovering devices.

use waxseal::roster::RecoverySecret;
use waxseal::{Client, DeliveryKey, DeviceId, MemoryStore};

use crate::Result;
use crate::people::{Device, Person};
use crate::relay::World;
use crate::support::linking::{self as shared, put, register};

impl World {
    /// Creates an account with one device.
    pub fn create(&mut self, name: &str) -> Result<()> {
        let client = self.provider.register(name);
        let secret = client.account_secret()?.ok_or("no secret")?;
        let account = client.me().account.clone();
        let device = self.add(Device::new(client));
        self.people.persons.push(Person {
            account,
            devices: vec![device],
            secret: *secret.to_bytes(),
        });
        Ok(())
    }

    /// Links one more device to a person's account. The user scans the code with the first device,
    /// and types its digits into the new one.
    pub fn link(&mut self, person: usize) -> Result<usize> {
        let manager = self.people.persons[person].devices[0];
        let manager = &mut self.people.devices[manager].client;
        let client = shared::link(&mut self.provider, manager, &mut self.rng)?;
        let device = self.add(Device::new(client));
        self.people.persons[person].devices.push(device);
        self.outcome.devices_linked += 1;
        Ok(device)
    }

    /// A manager removes a device of its account.
    pub fn remove(&mut self, person: usize, device: usize) -> Result<()> {
        let now = self.provider.now;
        let manager = self.people.persons[person].devices[0];
        let id = self.people.devices[device].me().device;
        let manager = &mut self.people.devices[manager].client;
        let roster = manager.remove_device(id, now)?;
        put(&mut self.provider, manager, roster)?;
        self.gone(device);
        Ok(())
    }

    /// A device is in the roster no more.
    pub fn gone(&mut self, device: usize) {
        self.people.remove(device);
        self.give_up(device);
        self.outcome.devices_removed += 1;
    }

    /// A person who lost all devices gets the account back with the secret on paper.
    pub fn recover(&mut self, person: usize) -> Result<usize> {
        for device in self.people.persons[person].devices.clone() {
            self.gone(device);
        }
        let (now, rng) = (self.provider.now, &mut self.rng);
        let Person {
            account, secret, ..
        } = &self.people.persons[person];
        let secret = RecoverySecret::from_bytes(secret);
        let newest = self.provider.roster(account);
        let (store, key) = (MemoryStore::new(), DeliveryKey::generate(rng));
        let keep: &[DeviceId] = &[];
        let found = (newest.as_slice(), keep);
        let mut client = Client::recover(store, account, &secret, found, key, now, rng)?;
        let roster = client.pending_roster()?.ok_or("no roster")?;
        put(&mut self.provider, &mut client, roster)?;
        let client = register(&mut self.provider, client, rng)?;
        let device = self.add(Device::new(client));
        self.people.persons[person].devices = vec![device];
        self.outcome.recovered += 1;
        Ok(device)
    }
}
