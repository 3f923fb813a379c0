//! A provider and the devices of Alice and Bob.

use std::collections::BTreeMap;

use rand_chacha::ChaCha20Rng;
use waxseal_reporting::{AccountId, DeviceAddress};
use waxseal_world::{NOW, Provider, account, address, rng};
use zeroize::Zeroizing;

use super::record;
use crate::client::{Client, Received, Synced};
use crate::linking::NewDevice;
use crate::records::NoteRecord;
use crate::store::{MemoryStore, Transaction};
use crate::sync::Entry;
use crate::{Bundles, DeliveryKey, DeviceBundle};

pub(super) type Device = Client<MemoryStore>;

/// A provider, and what it has not delivered yet.
pub(super) struct Net {
    pub(super) provider: Provider,
    pub(super) rng: ChaCha20Rng,
    pub(super) queues: BTreeMap<DeviceAddress, Vec<Vec<u8>>>,
}

impl Net {
    pub(super) fn new() -> Self {
        Self {
            provider: Provider::new(7),
            rng: rng(1),
            queues: BTreeMap::new(),
        }
    }

    pub(super) fn create(&mut self, name: &str) -> Device {
        let key = DeliveryKey::generate(&mut self.rng);
        let me = address(name);
        let store = MemoryStore::new();
        let client = Client::create(store, me, key.clone(), NOW, &mut self.rng).unwrap();
        let roster = client.own_roster().unwrap().unwrap().signed().encode();
        self.provider.put_roster(&account(name), &roster).unwrap();
        self.register(client, key)
    }

    pub(super) fn register(&mut self, mut client: Device, key: DeliveryKey) -> Device {
        self.provider.register_key(client.me(), key);
        let upload = client.publish_prekeys(0, &mut self.rng).unwrap();
        self.provider.publish(&client.me().account, &upload);
        client.confirm_prekeys(&upload).unwrap();
        client
    }

    pub(super) fn link(&mut self, manager: &mut Device) -> Device {
        let rng = &mut self.rng;
        let mut new = NewDevice::generate(NOW, rng).unwrap();
        let offer = manager
            .offer_link(&new.code(), new.bundle(), NOW, rng)
            .unwrap();
        new.open_offer(&offer, NOW, rng).unwrap();
        let reveal = new.message().unwrap().1.to_vec();
        let digits = manager.link_digits(&reveal, NOW, rng).unwrap();
        new.accept(&digits, NOW, rng).unwrap();
        let answer = new.message().unwrap().1.to_vec();
        let roster = manager.finish_link(&answer, NOW).unwrap();
        self.provider
            .put_roster(&manager.me().account, &roster)
            .unwrap();
        let welcome = manager.confirm_roster(NOW).unwrap().unwrap();
        new.take_welcome(&welcome.roster).unwrap();
        let key = DeliveryKey::generate(rng);
        let client = new
            .into_client(MemoryStore::new(), key.clone(), rng)
            .unwrap();
        self.register(client, key)
    }

    /// Starts sessions with the devices of an account.
    pub(super) fn start(&mut self, from: &mut Device, to: &AccountId) {
        let bundles = self.provider.bundles_for(Some(from.me()), to, &[]);
        let devices = bundles.devices.into_iter().map(|bundle| DeviceBundle {
            device: bundle.device,
            base: bundle.base,
            one_time: bundle.one_time,
        });
        let bundles = Bundles {
            roster: bundles.roster,
            devices: devices.collect(),
        };
        from.start(to, &bundles, NOW, &mut self.rng).unwrap();
    }

    /// Lets a device tell `record` to the devices of `to`, as one does that was broken into.
    pub(super) fn tell(&mut self, from: &mut Device, to: &AccountId, record: &[u8]) {
        self.start(from, to);
        let note = NoteRecord::of_sync(Zeroizing::new(record.to_vec()));
        let mut pair = from.take_pair(to).unwrap().unwrap();
        let fanout = from.seal_note(&mut pair, to, &note, NOW, &mut self.rng);
        let fanout = fanout.unwrap().unwrap();
        let mut transaction = Transaction::default();
        let outgoing = from.put_note(&mut transaction, to, &fanout, note, NOW);
        let outgoing = outgoing.unwrap().unwrap();
        pair.put(&from.me().clone(), &mut transaction);
        from.commit(transaction).unwrap();
        from.keep_pair(pair);
        let (stamped, _) = self
            .provider
            .fan_out(from.me(), to, &outgoing.envelope)
            .unwrap();
        for (device, stamped) in stamped {
            let delivery = self.provider.deliver(&device, &stamped.encode());
            self.queues.entry(device).or_default().push(delivery);
        }
    }

    /// What a device makes of the one delivery that waits for it.
    pub(super) fn receive(&mut self, to: &mut Device) -> Received {
        let mut queue = self.queues.remove(to.me()).unwrap();
        assert_eq!(queue.len(), 1);
        let roster = self.provider.roster(&account("bob"));
        let _ = to.take_roster(&account("bob"), &roster, NOW);
        to.receive(&queue.remove(0)).unwrap()
    }

    /// Lets an own device tell something to another one.
    pub(super) fn told(
        &mut self,
        from: &mut Device,
        to: &mut Device,
        entries: &[Entry],
    ) -> Vec<Synced> {
        self.told_bytes(from, to, &record(entries)).unwrap()
    }

    pub(super) fn told_bytes(
        &mut self,
        from: &mut Device,
        to: &mut Device,
        record: &[u8],
    ) -> Option<Vec<Synced>> {
        let roster = self.provider.roster(&account("alice"));
        for device in [&mut *from, &mut *to] {
            device.take_roster(&account("alice"), &roster, NOW).unwrap();
        }
        self.tell(from, &account("alice"), record);
        match self.receive(to) {
            Received::Synced { device, changes } => {
                assert_eq!(device, from.me().device);
                self.queues.clear();
                Some(changes)
            }
            Received::Skipped { .. } => None,
            other => panic!("{other:?}"),
        }
    }
}

pub(super) fn phone_and_laptop() -> (Net, Device, Device) {
    let mut net = Net::new();
    let mut phone = net.create("alice");
    net.create("bob");
    let laptop = net.link(&mut phone);
    (net, phone, laptop)
}
