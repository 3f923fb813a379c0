//! Changes of rosters, with all that devices and provider do for them.

use waxseal::core::limits::MAX_ONE_TIME_PREKEYS;
use waxseal::linking::NewDevice;
use waxseal::{Client, DeliveryKey, DeviceId, MemoryStore, Rebased, Store, Welcome};

use super::{Provider, RosterRefused};

/// Maximum number of times that a roster is posted, since others may be faster.
const POSTS: usize = 8;

impl Provider {
    /// Links a device to the account of `manager`, registers it and publishes the maximum number of
    /// one-time prekeys.
    ///
    /// # Panics
    /// If the client does not manage the account, or its link fails.
    pub fn link<S: Store>(&mut self, manager: &mut Client<S>) -> Client<MemoryStore> {
        self.link_with(manager, MAX_ONE_TIME_PREKEYS)
    }

    /// Links a device like [`link`](Self::link), and publishes `one_time` one-time prekeys.
    ///
    /// # Panics
    /// As [`link`](Self::link).
    pub fn link_with<S: Store>(
        &mut self,
        manager: &mut Client<S>,
        one_time: usize,
    ) -> Client<MemoryStore> {
        let new = self.begin_link(manager);
        let welcome = self.settle_roster(manager).unwrap();
        let mut client = self.end_link(new, &welcome);
        let there = MAX_ONE_TIME_PREKEYS - one_time;
        let upload = client.publish_prekeys(there, &mut self.rng).unwrap();
        self.publish_of(&client.me().clone(), &upload);
        client.confirm_prekeys(&upload).unwrap();
        client
    }

    /// Links a device up to the roster that lists it: the manager has signed it, and it waits to be
    /// posted.
    ///
    /// # Panics
    /// If the client does not manage the account, or its link fails.
    pub fn begin_link<S: Store>(&mut self, manager: &mut Client<S>) -> NewDevice {
        let (now, rng) = (self.now, &mut self.rng);
        let mut new = NewDevice::generate(now, rng).unwrap();
        let offer = manager.offer_link(&new.code(), new.bundle(), now, rng);
        new.open_offer(&offer.unwrap(), now, rng).unwrap();
        let reveal = new.message().unwrap().1.to_vec();
        let digits = manager.link_digits(&reveal, now, rng).unwrap();
        new.accept(&digits, now, rng).unwrap();
        let answer = new.message().unwrap().1.to_vec();
        manager.finish_link(&answer, now).unwrap();
        new
    }

    /// Registers a device that is in the roster. It has published no prekeys yet.
    ///
    /// # Panics
    /// If the roster does not list the device.
    pub fn end_link(&mut self, mut new: NewDevice, welcome: &Welcome) -> Client<MemoryStore> {
        new.take_welcome(&welcome.roster).unwrap();
        let key = DeliveryKey::generate(&mut self.rng);
        let client = new.into_client(MemoryStore::new(), key.clone(), &mut self.rng);
        let client = client.unwrap();
        self.register_key(client.me(), key);
        client
    }

    /// Removes a device from the account of `manager`.
    ///
    /// # Panics
    /// If the client cannot remove it.
    pub fn remove<S: Store>(&mut self, manager: &mut Client<S>, device: DeviceId) {
        manager.remove_device(device, self.now).unwrap();
        self.settle_roster(manager);
    }

    /// Posts what a client signed, until the provider has the change.
    ///
    /// # Panics
    /// If nothing is pending, or the change cannot be made any more.
    pub fn settle_roster<S: Store>(&mut self, client: &mut Client<S>) -> Option<Welcome> {
        let account = client.me().account.clone();
        for _ in 0..POSTS {
            let pending = client.pending_roster().unwrap().expect("a pending roster");
            match self.put_roster(&account, &pending) {
                Ok(_) => return client.confirm_roster(self.now).unwrap(),
                Err(RosterRefused::Conflict(newest)) => {
                    if let Rebased::Done(welcome) = client.rebase_roster(&newest, self.now).unwrap()
                    {
                        return welcome;
                    }
                }
                Err(RosterRefused::ClockDiffers) => {
                    let newest = self.roster(&account);
                    client.rebase_roster(&newest, self.now).unwrap();
                }
                Err(refused) => panic!("a roster was refused: {refused:?}"),
            }
        }
        panic!("the roster was never taken");
    }
}
