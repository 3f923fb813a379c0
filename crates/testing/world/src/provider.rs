//! An in-memory provider that runs the real library. It hands out prekeys, stamps and delivers
//! messages, accepts reports and reviews them.

mod intake;
mod marks;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Mutex;

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use waxseal::core::limits::MAX_ONE_TIME_PREKEYS;
use waxseal::core::{IdentityKey, PreKeyBundle, PreKeyUpload};
use waxseal::reporting::Audience;
use waxseal::reporting::intake::{AcceptanceKey, Nullifier};
use waxseal::reporting::relay::{
    Envelope, PostError, PostedEnvelope, PostedReseal, Receipt, ResealError, StampKeys,
    StampedEnvelope, next_accepted_at,
};
use waxseal::reporting::vault::ModerationKeyPair;
use waxseal::{
    AccountId, Client, DeliveryKey, DeviceAddress, Draft, FrankingTag, MemoryStore, Received,
    Store, Timestamp,
};

pub use self::intake::Refusal;
use crate::{NOW, account, address, rng};

/// A provider. It also holds the random generator that all devices in a simulation use.
///
/// The provider knows the delivery key and the published prekeys of each registered device. Handing
/// out a bundle uses up one of the recipient's one-time prekeys. Accepting a report marks its
/// messages as reported. The clock stands still until a caller sets `now` or calls
/// [`exchange`](Provider::exchange). A device's accepted times rise nevertheless.
pub struct Provider {
    /// Source of all randomness.
    pub rng: ChaCha20Rng,
    /// The provider's clock.
    pub now: Timestamp,
    /// The keys with which the provider stamps messages.
    pub stamp_keys: StampKeys,
    /// The vault's key pair, for which reports are encrypted.
    pub moderation: ModerationKeyPair,
    acceptance_key: AcceptanceKey,
    pub(crate) keys: HashMap<DeviceAddress, DeliveryKey>,
    /// When the relay accepted each device's last message.
    last_accepted: Mutex<HashMap<DeviceAddress, Timestamp>>,
    pub(crate) prekeys: HashMap<AccountId, (Vec<u8>, VecDeque<Vec<u8>>)>,
    handed_out: HashSet<Vec<u8>>,
    pub(crate) reported: HashSet<Nullifier>,
    /// The highest mark that each device posted.
    marks: HashMap<DeviceAddress, [u8; 40]>,
}

impl Provider {
    /// A provider without devices.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut rng = rng(seed);
        let mut stamp_keys = StampKeys::generate("test", NOW, &mut rng).unwrap();
        stamp_keys.advance_to(NOW).unwrap();
        Self {
            now: NOW,
            stamp_keys,
            moderation: ModerationKeyPair::generate(&mut rng),
            acceptance_key: AcceptanceKey::generate(&mut rng),
            keys: HashMap::new(),
            last_accepted: Mutex::default(),
            prekeys: HashMap::new(),
            handed_out: HashSet::new(),
            reported: HashSet::new(),
            marks: HashMap::new(),
            rng,
        }
    }

    /// A provider with Alice and Bob. Alice has a session with Bob, so she can write first.
    #[must_use]
    pub fn of_two() -> (Self, Client<MemoryStore>, Client<MemoryStore>) {
        let mut provider = Self::new(7);
        let (mut alice, bob) = (provider.register("alice"), provider.register("bob"));
        provider.start(&mut alice, &account("bob"));
        (provider, alice, bob)
    }

    /// Registers a device and publishes the maximum number of one-time prekeys. The account's
    /// earlier prekeys are forgotten.
    pub fn register(&mut self, name: &str) -> Client<MemoryStore> {
        self.register_with(name, MAX_ONE_TIME_PREKEYS)
    }

    /// Registers a device and publishes `one_time` one-time prekeys. The account's earlier prekeys
    /// are forgotten.
    pub fn register_with(&mut self, name: &str, one_time: usize) -> Client<MemoryStore> {
        let me = self.register_only(name);
        let key = self.key(&me);
        let mut client = Client::create(MemoryStore::new(), me, key, &mut self.rng).unwrap();
        let upload = client
            .publish_prekeys(MAX_ONE_TIME_PREKEYS - one_time, &mut self.rng)
            .unwrap();
        self.prekeys.remove(&account(name));
        self.publish(&account(name), &upload);
        client.confirm_prekeys(&upload).unwrap();
        client
    }

    /// Registers a device that keeps its state in `store`, and publishes the maximum number of
    /// one-time prekeys.
    pub fn register_in<S: Store>(&mut self, store: S, name: &str) -> Client<S> {
        let me = self.register_only(name);
        let key = self.key(&me);
        let mut client = Client::create(store, me, key, &mut self.rng).unwrap();
        let upload = client.publish_prekeys(0, &mut self.rng).unwrap();
        self.publish(&account(name), &upload);
        client.confirm_prekeys(&upload).unwrap();
        client
    }

    /// Agrees on a delivery key with the first device of an account. Publishes no prekeys.
    pub fn register_only(&mut self, name: &str) -> DeviceAddress {
        self.register_device(&address(name));
        address(name)
    }

    /// Agrees on a delivery key with any device of an account, with a new identity. Publishes no
    /// prekeys.
    pub fn register_device(&mut self, device: &DeviceAddress) {
        self.marks.remove(device);
        let key = DeliveryKey::generate(&mut self.rng);
        self.keys.insert(device.clone(), key);
    }

    /// Agrees on another delivery key with a device.
    pub fn register_key(&mut self, device: &DeviceAddress, key: DeliveryKey) {
        self.keys.insert(device.clone(), key);
    }

    /// The delivery key agreed with a device.
    #[must_use]
    pub fn key(&self, device: &DeviceAddress) -> DeliveryKey {
        self.keys[device].clone()
    }

    /// Stores the prekeys that a client publishes. A one-time prekey that was handed out before is
    /// ignored if it is uploaded again.
    pub fn publish(&mut self, account: &AccountId, upload: &PreKeyUpload) {
        let (base, one_time) = self.prekeys.entry(account.clone()).or_default();
        base.clone_from(&upload.base);
        for part in &upload.one_time {
            if !self.handed_out.contains(part) && !one_time.contains(part) {
                one_time.push_back(part.clone());
            }
        }
    }

    /// Deletes the one-time parts of an account that are left to hand out.
    pub fn forget_one_time(&mut self, account: &AccountId) {
        if let Some((_, one_time)) = self.prekeys.get_mut(account) {
            one_time.clear();
        }
    }

    /// Hands out a bundle of an account's prekeys. Each one-time part is handed out once. When all
    /// are used up, bundles have no one-time part.
    pub fn bundle(&mut self, account: &AccountId) -> (Vec<u8>, Option<Vec<u8>>) {
        let (base, one_time) = self.prekeys.get_mut(account).unwrap();
        let one_time = one_time.pop_front();
        self.handed_out.extend(one_time.clone());
        (base.clone(), one_time)
    }

    /// The identity that the provider shows for an account.
    #[must_use]
    pub fn identity(&self, account: &AccountId) -> IdentityKey {
        let bundle = PreKeyBundle::decode(&self.prekeys[account].0, None).unwrap();
        *bundle.identity()
    }

    /// How many one-time prekeys of an account are left to hand out.
    #[must_use]
    pub fn one_time_left(&self, account: &AccountId) -> usize {
        self.prekeys[account].1.len()
    }

    /// Hands out a bundle of the peer, with which the client starts a session.
    pub fn start<S: Store>(&mut self, client: &mut Client<S>, peer: &AccountId) {
        let (base, one_time) = self.bundle(peer);
        client
            .start(peer, &base, one_time.as_deref(), &mut self.rng)
            .unwrap();
    }

    /// Takes in a client that was registered elsewhere: the provider stores the client's delivery
    /// key, and the client publishes new prekeys.
    ///
    /// # Panics
    /// If the client cannot publish prekeys.
    pub fn adopt<S: Store>(&mut self, client: &mut Client<S>) {
        self.register_key(client.me(), client.delivery_key().clone());
        let upload = client.publish_prekeys(0, &mut self.rng).unwrap();
        self.publish(&client.me().account.clone(), &upload);
        client.confirm_prekeys(&upload).unwrap();
    }

    /// What the relay does with a posted envelope. Returns (delivery, receipt).
    ///
    /// # Panics
    /// If the relay refuses the envelope.
    #[must_use]
    pub fn relay_as(
        &self,
        from: &DeviceAddress,
        to: &DeviceAddress,
        posted: &[u8],
    ) -> (Vec<u8>, Vec<u8>) {
        self.post(from, to, posted).unwrap()
    }

    /// What the relay does with a posted envelope. Returns (delivery, receipt).
    ///
    /// # Errors
    /// [`PostError`] as for [`stamp`](Self::stamp).
    pub fn post(
        &self,
        from: &DeviceAddress,
        to: &DeviceAddress,
        posted: &[u8],
    ) -> Result<(Vec<u8>, Vec<u8>), PostError> {
        let stamped = self.stamp(from, to, posted)?;
        let receipt = Receipt::new(stamped.claim(), &self.keys[from]).encode();
        Ok((self.deliver(to, &stamped.encode()), receipt))
    }

    /// Stamps a posted envelope. Returns what the relay's queue keeps.
    ///
    /// # Errors
    /// [`PostError`] if the device MAC or the time of posting is wrong.
    ///
    /// # Panics
    /// If the bytes are not a posted envelope.
    pub fn stamp(
        &self,
        from: &DeviceAddress,
        to: &DeviceAddress,
        posted: &[u8],
    ) -> Result<StampedEnvelope, PostError> {
        let audience = Audience::Direct(to.account.clone());
        let posted = PostedEnvelope::decode(posted).unwrap();
        let authentic = posted.authenticate(&self.keys[from], from, &audience, self.now)?;
        let claim = self
            .stamp_keys
            .stamp(&authentic, self.next_accepted_at(from));
        Ok(StampedEnvelope::new(claim.unwrap(), authentic).unwrap())
    }

    /// What the relay does with a message that is sealed again. Returns (delivery, receipt).
    ///
    /// # Errors
    /// [`ResealError`] if the device MAC, the time of posting, the claim or the target is wrong.
    ///
    /// # Panics
    /// If the bytes are not a posted reseal.
    pub fn post_again(
        &self,
        from: &DeviceAddress,
        posted: &[u8],
    ) -> Result<(StampedEnvelope, Vec<u8>), ResealError> {
        let posted = PostedReseal::decode(posted).unwrap();
        let key = &self.keys[from];
        let reseal = posted.authenticate(key, from, &self.stamp_keys, self.now)?;
        let claim = self
            .stamp_keys
            .stamp_again(&reseal, self.next_accepted_at(from))
            .unwrap();
        let stamped = StampedEnvelope::resealed(claim, reseal).unwrap();
        let receipt = Receipt::new(stamped.claim(), key).encode();
        Ok((stamped, receipt))
    }

    fn next_accepted_at(&self, from: &DeviceAddress) -> Timestamp {
        let mut last = self.last_accepted.lock().unwrap();
        let accepted_at = next_accepted_at(self.now, last.get(from).copied());
        last.insert(from.clone(), accepted_at);
        accepted_at
    }

    /// Hands out a stamped envelope from the relay's queue, under the device's present key.
    ///
    /// # Panics
    /// If the bytes are not a stamped envelope.
    #[must_use]
    pub fn deliver(&self, to: &DeviceAddress, queued: &[u8]) -> Vec<u8> {
        let stamped = StampedEnvelope::decode(queued).unwrap();
        stamped.deliver(&self.keys[to]).encode()
    }

    /// What a lying relay does: it stamps an envelope that `from` never posted. It can, because it
    /// holds the key with which `from` would make the device MAC. Returns (delivery, receipt).
    #[must_use]
    pub fn stamp_as(
        &self,
        from: &DeviceAddress,
        to: &DeviceAddress,
        envelope: &Envelope,
    ) -> (Vec<u8>, Vec<u8>) {
        let audience = Audience::Direct(to.account.clone());
        let posted = envelope.post(&self.keys[from], from, &audience, self.now);
        self.relay_as(from, to, &posted)
    }

    /// Stamps an envelope between two clients, as the relay does. Returns (delivery, receipt).
    #[must_use]
    pub fn relay<S: Store, T: Store>(
        &self,
        from: &Client<S>,
        to: &Client<T>,
        envelope: &[u8],
    ) -> (Vec<u8>, Vec<u8>) {
        self.relay_as(from.me(), to.me(), envelope)
    }

    /// Sends one message: one client seals it, the relay stamps it, the sender confirms the receipt
    /// and the recipient opens the message. The clock moves on by one second. Returns the message's
    /// identifier.
    pub fn exchange<S: Store, T: Store>(
        &mut self,
        from: &mut Client<S>,
        to: &mut Client<T>,
        draft: impl Into<Draft>,
    ) -> FrankingTag {
        self.now = Timestamp::from_millis(self.now.as_millis() + 1_000);
        let recipient = to.me().account.clone();
        let sent = from
            .send(&recipient, draft, self.now, &mut self.rng)
            .unwrap();
        let (delivery, receipt) = self.relay(from, to, &sent.envelope);
        from.confirm(&recipient, &receipt).unwrap();
        let Received::Message {
            message,
            sent_time_agrees,
            ..
        } = to.receive(&delivery).unwrap()
        else {
            panic!("a new message was received as a duplicate")
        };
        assert!(sent_time_agrees);
        assert_eq!(message.id(), &sent.id);
        sent.id
    }

    /// Makes a separate random generator for another device, seeded from this one.
    pub fn fork_rng(&mut self) -> ChaCha20Rng {
        ChaCha20Rng::from_rng(&mut self.rng)
    }
}
