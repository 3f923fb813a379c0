//! A provider and its clients, for tests. Deterministic.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "test support"
)]

pub(crate) mod liar;

use std::collections::{HashMap, VecDeque};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use waxseal::core::PreKeyUpload;
use waxseal::reporting::{Audience, Delivery, Envelope, ModerationKeyPair, Receipt, StampKeys};
use waxseal::{
    AccountId, Client, DeliveryKey, DeviceId, Draft, FrankingTag, MemoryStore, Received, Sender,
    Store, Timestamp,
};

pub(crate) const NOW: Timestamp = Timestamp(1_795_000_000_000);

pub(crate) fn account(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

pub(crate) fn sender(name: &str) -> Sender {
    Sender::new(account(name), DeviceId(1))
}

/// Every record of a client's store.
pub(crate) fn snapshot(client: &Client<MemoryStore>) -> Vec<(Vec<u8>, Vec<u8>)> {
    client
        .store()
        .records()
        .map(|(key, value)| (key.to_vec(), value.to_vec()))
        .collect()
}

pub(crate) fn text_of(received: Received) -> String {
    match received {
        Received::Message { message, .. } => message.text().expect("a text"),
        Received::Duplicate { .. } => panic!("a duplicate"),
    }
}

pub(crate) struct World {
    pub(crate) rng: ChaCha20Rng,
    pub(crate) stamp_keys: StampKeys,
    pub(crate) moderation: ModerationKeyPair,
    keys: HashMap<Sender, DeliveryKey>,
    prekeys: HashMap<AccountId, (Vec<u8>, VecDeque<Vec<u8>>)>,
}

impl World {
    pub(crate) fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        let stamp_keys = StampKeys::generate("test", NOW, &mut rng).unwrap();
        let moderation = ModerationKeyPair::generate(&mut rng);
        Self {
            rng,
            stamp_keys,
            moderation,
            keys: HashMap::new(),
            prekeys: HashMap::new(),
        }
    }

    /// Alice and Bob, of whom Alice can write first.
    pub(crate) fn of_two() -> (Self, Client<MemoryStore>, Client<MemoryStore>) {
        let mut world = Self::new();
        let (mut alice, bob) = (world.register("alice"), world.register("bob"));
        world.start(&mut alice, &account("bob"));
        (world, alice, bob)
    }

    /// Registers a device; its account's earlier prekeys are forgotten.
    pub(crate) fn register(&mut self, name: &str) -> Client<MemoryStore> {
        let me = self.register_only(name);
        let key = self.key(&me);
        let mut client = Client::create(MemoryStore::new(), me, key, &mut self.rng).unwrap();
        let upload = client.publish_prekeys(0, &mut self.rng).unwrap();
        self.prekeys.remove(&client.me().account);
        self.publish(&account(name), upload.clone());
        client.confirm_prekeys(&upload).unwrap();
        client
    }

    pub(crate) fn register_only(&mut self, name: &str) -> Sender {
        let key = DeliveryKey::generate(&mut self.rng);
        self.keys.insert(sender(name), key);
        sender(name)
    }

    pub(crate) fn key(&self, device: &Sender) -> DeliveryKey {
        self.keys[device].clone()
    }

    pub(crate) fn publish(&mut self, account: &AccountId, upload: PreKeyUpload) {
        let entry = self.prekeys.entry(account.clone()).or_default();
        entry.0 = upload.base;
        entry.1.extend(upload.one_time);
    }

    pub(crate) fn bundle(&mut self, account: &AccountId) -> (Vec<u8>, Option<Vec<u8>>) {
        let entry = self.prekeys.get_mut(account).unwrap();
        (entry.0.clone(), entry.1.pop_front())
    }

    pub(crate) fn start<S: Store>(&mut self, client: &mut Client<S>, peer: &AccountId) {
        let (base, one_time) = self.bundle(peer);
        client
            .start(peer, &base, one_time.as_deref(), &mut self.rng)
            .unwrap();
    }

    /// The relay's step: (delivery, receipt).
    pub(crate) fn relay_as(
        &self,
        from: &Sender,
        to: &Sender,
        envelope: &[u8],
    ) -> (Vec<u8>, Vec<u8>) {
        let envelope = Envelope::decode(envelope).unwrap();
        let audience = Audience::Direct(to.account.clone());
        let claim = self
            .stamp_keys
            .stamp(envelope.tag(), from, &audience, NOW)
            .unwrap();
        let receipt = Receipt::new(&claim, &self.keys[from]).encode();
        (
            Delivery::new(&claim, envelope, &self.keys[to])
                .unwrap()
                .encode(),
            receipt,
        )
    }

    pub(crate) fn relay<S: Store, T: Store>(
        &self,
        from: &Client<S>,
        to: &Client<T>,
        envelope: &[u8],
    ) -> (Vec<u8>, Vec<u8>) {
        self.relay_as(from.me(), to.me(), envelope)
    }

    /// One message, all the way, confirmed.
    pub(crate) fn exchange<S: Store, T: Store>(
        &mut self,
        from: &mut Client<S>,
        to: &mut Client<T>,
        draft: impl Into<Draft>,
    ) -> FrankingTag {
        let sent = from
            .send(&to.me().account.clone(), draft, NOW, &mut self.rng)
            .unwrap();
        let (delivery, receipt) = self.relay(from, to, &sent.envelope);
        from.confirm(&to.me().account.clone(), &receipt).unwrap();
        let Received::Message {
            message,
            sent_time_agrees,
            ..
        } = to.receive(&delivery).unwrap()
        else {
            panic!("a duplicate")
        };
        assert!(sent_time_agrees);
        assert_eq!(message.id(), &sent.id);
        sent.id
    }
}
