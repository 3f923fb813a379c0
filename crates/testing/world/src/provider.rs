//! An in-memory provider that runs the real library. It keeps rosters, hands out prekeys, stamps
//! and delivers messages, accepts reports and reviews them.

mod groups;
mod intake;
mod lies;
mod linking;
mod marks;
mod messages;
mod prekeys;
mod rosters;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Mutex;

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use waxseal::core::limits::MAX_ONE_TIME_PREKEYS;
use waxseal::reporting::intake::{AcceptanceKey, Nullifier};
use waxseal::reporting::relay::StampKeys;
use waxseal::reporting::vault::ModerationKeyPair;
use waxseal::{AccountId, Client, DeliveryKey, DeviceAddress, MemoryStore, Store, Timestamp};
use waxseal_roster::Pinned;

use self::groups::Groups;
pub use self::groups::{EntryRefused, GroupMismatch, GroupPostRefused, QueuedGroup};
pub use self::intake::Refusal;
use self::lies::Lies;
pub use self::messages::PostRefused;
pub use self::prekeys::HiddenPreKeys;
use self::prekeys::Published;
pub use self::rosters::RosterRefused;
use crate::{NOW, account, address, rng};

/// A provider. It also holds the random generator that all devices in a simulation use.
///
/// The provider knows the roster of each account, and the delivery key and the published prekeys of
/// each registered device. Handing out a bundle uses up one of the recipient's one-time prekeys.
/// Accepting a report marks its messages as reported. The clock stands still until a caller sets
/// `now` or calls [`exchange`](Provider::exchange). A device's accepted times rise nevertheless.
///
/// An account that was only given a [delivery key](Provider::register_only) has no roster. The
/// provider then does not ask to which devices a message goes.
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
    rosters: HashMap<AccountId, Pinned>,
    /// Every roster that was accepted, encoded, in order.
    earlier_rosters: HashMap<AccountId, Vec<Vec<u8>>>,
    lies: Lies,
    pub(crate) prekeys: BTreeMap<DeviceAddress, Published>,
    handed_out: HashSet<Vec<u8>>,
    pub(crate) reported: HashSet<Nullifier>,
    /// The highest mark that each device posted.
    marks: HashMap<DeviceAddress, [u8; 40]>,
    /// Devices that left by themselves, and that the newest roster still lists.
    left: HashSet<DeviceAddress>,
    groups: Groups,
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
            rosters: HashMap::new(),
            earlier_rosters: HashMap::new(),
            lies: Lies::default(),
            prekeys: BTreeMap::new(),
            handed_out: HashSet::new(),
            reported: HashSet::new(),
            marks: HashMap::new(),
            left: HashSet::new(),
            groups: Groups::default(),
            rng,
        }
    }

    /// A provider with Alice and Bob. Alice has a session with Bob, so she can write first, and Bob
    /// knows Alice's roster.
    #[must_use]
    pub fn of_two() -> (Self, Client<MemoryStore>, Client<MemoryStore>) {
        let mut provider = Self::new(7);
        let (mut alice, mut bob) = (provider.register("alice"), provider.register("bob"));
        provider.start(&mut alice, &account("bob"));
        provider.show_roster(&mut bob, &account("alice"));
        (provider, alice, bob)
    }

    /// Registers a new account with one device, and publishes the maximum number of one-time
    /// prekeys. An earlier account of this name is forgotten.
    pub fn register(&mut self, name: &str) -> Client<MemoryStore> {
        self.register_with(name, MAX_ONE_TIME_PREKEYS)
    }

    /// Registers a new account with one device, and publishes `one_time` one-time prekeys. An
    /// earlier account of this name is forgotten.
    pub fn register_with(&mut self, name: &str, one_time: usize) -> Client<MemoryStore> {
        self.register_store(MemoryStore::new(), name, one_time)
    }

    /// Registers a new account with one device that keeps its state in `store`, and publishes the
    /// maximum number of one-time prekeys. An earlier account of this name is forgotten.
    pub fn register_in<S: Store>(&mut self, store: S, name: &str) -> Client<S> {
        self.register_store(store, name, MAX_ONE_TIME_PREKEYS)
    }

    fn register_store<S: Store>(&mut self, store: S, name: &str, one_time: usize) -> Client<S> {
        self.forget(&account(name));
        let me = self.register_only(name);
        let key = self.key(&me);
        let mut client = Client::create(store, me, key, self.now, &mut self.rng).unwrap();
        self.take_own_roster(&client);
        let upload = client
            .publish_prekeys(MAX_ONE_TIME_PREKEYS - one_time, &mut self.rng)
            .unwrap();
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

    /// Takes in a client that was registered elsewhere: the provider stores the client's delivery
    /// key and roster, and the client publishes new prekeys. A client that an earlier version
    /// created makes its account key now.
    ///
    /// # Panics
    /// If the client cannot make an account key or publish prekeys.
    pub fn adopt<S: Store>(&mut self, client: &mut Client<S>) {
        self.register_key(client.me(), client.delivery_key().clone());
        if client.own_roster().unwrap().is_none() {
            client.create_account_key(self.now, &mut self.rng).unwrap();
        }
        self.take_own_roster(client);
        let upload = client.publish_prekeys(0, &mut self.rng).unwrap();
        self.publish(&client.me().account.clone(), &upload);
        client.confirm_prekeys(&upload).unwrap();
    }

    /// Forgets an account with all its devices. Their delivery keys stay, so that what waits for
    /// them can be handed out.
    pub(crate) fn forget(&mut self, account: &AccountId) {
        self.rosters.remove(account);
        self.earlier_rosters.remove(account);
        self.prekeys.retain(|device, _| device.account != *account);
        self.marks.retain(|device, _| device.account != *account);
        self.left.retain(|device| device.account != *account);
    }

    /// Makes a separate random generator for another device, seeded from this one.
    pub fn fork_rng(&mut self) -> ChaCha20Rng {
        ChaCha20Rng::from_rng(&mut self.rng)
    }
}
