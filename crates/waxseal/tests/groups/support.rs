//! Accounts in groups at one provider, and what their applications do.

mod changes;

use std::collections::{BTreeMap, VecDeque};

use waxseal::errors::{GroupNewsError, ReceiveError};
use waxseal::linking::NewDevice;
use waxseal::{
    AccountId, Advice, Client, DeliveryKey, DeviceAddress, DeviceId, GroupId, MemoryStore,
    Outgoing, OutgoingEntry, Received, Timestamp,
};
use waxseal_world::{EntryRefused, PostRefused, Provider, account};

/// Rounds of upkeep in which everything must come to rest.
const ROUNDS: usize = 30;

pub(crate) const HOUR_MS: u64 = 3_600_000;

pub(crate) type Device = Client<MemoryStore>;

/// The address of a device.
pub(crate) fn at(name: &str, device: u32) -> DeviceAddress {
    DeviceAddress::new(account(name), DeviceId(device))
}

/// The address of the first device of an account.
pub(crate) fn first(name: &str) -> DeviceAddress {
    at(name, 1)
}

pub(crate) struct Net {
    pub(crate) world: Provider,
    pub(crate) clients: BTreeMap<DeviceAddress, Device>,
    /// What the relay queues for each device, stamped.
    pub(crate) queues: BTreeMap<DeviceAddress, VecDeque<Vec<u8>>>,
    /// How often a device had to discard its entry.
    pub(crate) conflicts: usize,
    /// Whether applications post entries, in [`attend`](Self::attend).
    pub(crate) posts_entries: bool,
    /// What is to be posted to groups.
    pub(crate) to_groups: Vec<(DeviceAddress, Outgoing)>,
}

impl Net {
    /// Accounts with one device each.
    pub(crate) fn of(names: &[&str]) -> Self {
        let mut net = Self {
            world: Provider::new(7),
            clients: BTreeMap::new(),
            queues: BTreeMap::new(),
            conflicts: 0,
            posts_entries: true,
            to_groups: Vec::new(),
        };
        for name in names {
            let client = net.world.register(name);
            net.clients.insert(first(name), client);
        }
        net
    }

    /// A group of which the first account is the admin, and the others are members.
    pub(crate) fn of_group(names: &[&str]) -> (Self, GroupId) {
        let mut net = Self::of(names);
        let group = net.found(&first(names[0]));
        for name in &names[1..] {
            net.join(&group, names[0], name);
        }
        (net, group)
    }

    pub(crate) fn client(&mut self, device: &DeviceAddress) -> &mut Device {
        self.clients.get_mut(device).unwrap()
    }

    pub(crate) fn wait(&mut self, ms: u64) {
        self.world.now = Timestamp::from_millis(self.world.now.as_millis() + ms);
    }

    /// Makes a call that takes the time and the generator.
    pub(crate) fn call<T>(
        &mut self,
        device: &DeviceAddress,
        call: impl FnOnce(&mut Device, Timestamp, &mut rand_chacha::ChaCha20Rng) -> T,
    ) -> T {
        let client = self.clients.get_mut(device).unwrap();
        call(client, self.world.now, &mut self.world.rng)
    }

    /// Links a device to an account. Its first device is the manager.
    pub(crate) fn link(&mut self, name: &str) -> DeviceAddress {
        let (now, rng) = (self.world.now, &mut self.world.rng);
        let manager = self.clients.get_mut(&first(name)).unwrap();
        let mut new = NewDevice::generate(now, rng).unwrap();
        let offer = manager.offer_link(&new.code(), new.bundle(), now, rng);
        new.open_offer(&offer.unwrap(), now, rng).unwrap();
        let reveal = new.message().unwrap().1.to_vec();
        let digits = manager.link_digits(&reveal, now, rng).unwrap();
        new.accept(&digits, now, rng).unwrap();
        let answer = new.message().unwrap().1.to_vec();
        manager.finish_link(&answer, now).unwrap();
        self.post_roster(name);
        let roster = self.world.roster(&account(name));
        new.take_welcome(&roster).unwrap();
        let rng = &mut self.world.rng;
        let key = DeliveryKey::generate(rng);
        let client = new.into_client(MemoryStore::new(), key.clone(), rng);
        let mut client = client.unwrap();
        let upload = client.publish_prekeys(0, rng).unwrap();
        let me = client.me().clone();
        self.world.register_key(&me, key);
        self.world.publish(&account(name), &upload);
        client.confirm_prekeys(&upload).unwrap();
        self.clients.insert(me.clone(), client);
        me
    }

    /// Posts the roster that the first device of an account signed.
    pub(crate) fn post_roster(&mut self, name: &str) {
        let manager = self.clients.get_mut(&first(name)).unwrap();
        let pending = manager.pending_roster().unwrap().unwrap();
        self.world.put_roster(&account(name), &pending).unwrap();
        manager.confirm_roster(self.world.now).unwrap();
    }

    /// Starts sessions with all devices of an account, if there is none.
    pub(crate) fn start(&mut self, from: &DeviceAddress, to: &str) {
        let client = self.clients.get_mut(from).unwrap();
        if !client.has_session(&account(to)).unwrap() {
            self.world.start(client, &account(to));
        }
    }

    /// Posts a direct message, and confirms its receipt.
    pub(crate) fn post(&mut self, from: &DeviceAddress, outgoing: &Outgoing) {
        self.wait(1);
        if let (Some(target), Some(_)) = (&outgoing.again_for, outgoing.to.account()) {
            let (stamped, receipt) = self.world.post_again(from, &outgoing.envelope).unwrap();
            let queue = self.queues.entry(target.clone()).or_default();
            queue.push_back(stamped.encode());
            self.client(from).confirm(&outgoing.to, &receipt).unwrap();
            return;
        }
        let Some(to) = outgoing.to.account() else {
            self.to_groups.push((from.clone(), outgoing.clone()));
            return;
        };
        let (stamped, receipt) = match self.world.fan_out(from, to, &outgoing.envelope) {
            Ok(accepted) => accepted,
            Err(PostRefused::Mismatch) => {
                let mismatch = self.world.mismatch(from, to, &outgoing.envelope);
                let id = outgoing.id;
                let again = self.call(from, |client, now, rng| {
                    client.retarget(&outgoing.to, &id, &mismatch, now, rng)
                });
                return self.post(from, &again.unwrap());
            }
            Err(error) => panic!("{error}"),
        };
        for (device, stamped) in stamped {
            let queue = self.queues.entry(device).or_default();
            queue.push_back(stamped.encode());
        }
        let confirmed = self.client(from).confirm(&outgoing.to, &receipt);
        assert_eq!(confirmed.unwrap(), outgoing.id);
    }

    /// A device receives what waits for it. Returns it.
    pub(crate) fn deliver(&mut self, device: &DeviceAddress) -> Vec<Received> {
        let mut all = Vec::new();
        for stamped in self.queues.remove(device).unwrap_or_default() {
            let delivery = self.world.deliver(device, &stamped);
            let client = self.clients.get_mut(device).unwrap();
            match client.receive(&delivery) {
                Ok(received) => all.push(received),
                Err(ReceiveError::UnknownDevice { .. }) => {
                    let queue = self.queues.entry(device.clone()).or_default();
                    queue.push_back(stamped);
                }
                Err(error) => assert_eq!(error.advice(), Advice::AskAgain, "{error:?}"),
            }
        }
        all
    }

    /// Delivers, and does what each client's upkeep asks for, until there is nothing to do.
    pub(crate) fn run(&mut self) {
        for _ in 0..ROUNDS {
            let devices: Vec<_> = self.clients.keys().cloned().collect();
            let mut is_quiet = true;
            for device in devices {
                self.deliver(&device);
                is_quiet &= !self.attend(&device);
            }
            if is_quiet {
                return;
            }
        }
        panic!("upkeep does not come to rest");
    }

    /// Does what an upkeep asks for, and posts entries. Returns whether there was anything.
    pub(crate) fn attend(&mut self, device: &DeviceAddress) -> bool {
        let now = self.world.now;
        let upkeep = self.call(device, |client, now, rng| client.upkeep(now, rng));
        let upkeep = upkeep.unwrap();
        let client = self.clients.get_mut(device).unwrap();
        for peer in &upkeep.rosters {
            let roster = self.world.roster_for(Some(&device.account), peer);
            let _ = client.take_roster(peer, &roster, now);
        }
        for wanted in &upkeep.bundles {
            let (peer, devices) = (&wanted.account, &wanted.devices);
            let bundles = self.world.bundles_for(Some(device), peer, devices);
            let _ = client.restart(peer, &bundles, now, &mut self.world.rng);
        }
        for (group, after) in &upkeep.groups {
            // Whom no admin added yet gets nothing, and asks again later.
            let news = self.world.group_news(device, group, *after);
            let news = news.unwrap_or_default();
            match client.take_group_news(group, &news, now) {
                Ok(_) | Err(GroupNewsError::Forked) => {}
                // Whose account began anew is added under its new key when it accepted.
                Err(GroupNewsError::OtherAccountKey) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        for group in &upkeep.left_groups {
            self.world.leave_group(&device.account, group);
            client.confirm_group_leave(group).unwrap();
        }
        for outgoing in &upkeep.outgoing {
            self.post(device, outgoing);
        }
        let posted = self.posts_entries && self.post_entries(device) > 0;
        let asked = upkeep.rosters.len() + upkeep.bundles.len() + upkeep.groups.len();
        let told = upkeep.outgoing.len() + upkeep.left_groups.len();
        asked + told > 0 || posted
    }

    /// Posts the entries that wait, and returns how many.
    pub(crate) fn post_entries(&mut self, device: &DeviceAddress) -> usize {
        let pending = self.call(device, |client, now, rng| {
            client.pending_entries(None, 16, now, rng)
        });
        let pending = pending.unwrap().items;
        for entry in &pending {
            self.post_entry(device, entry);
        }
        pending.len()
    }

    /// Posts an entry, and confirms it; takes what the provider has if that is another one.
    pub(crate) fn post_entry(&mut self, device: &DeviceAddress, entry: &OutgoingEntry) {
        let now = self.world.now;
        match self.world.post_entry(device, &entry.entry) {
            Ok(accepted) => {
                self.client(device).confirm_entry(&accepted).unwrap();
            }
            Err(EntryRefused::Conflict(news)) => {
                self.conflicts += 1;
                let client = self.client(device);
                client.take_group_news(&entry.group, &news, now).unwrap();
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// The accounts of a list.
pub(crate) fn accounts(names: &[&str]) -> Vec<AccountId> {
    names.iter().map(|name| account(name)).collect()
}
