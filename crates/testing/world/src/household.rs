//! Accounts with several devices, their relay, and what their applications do.

mod messages;
mod rosters;
mod settle;
mod step;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use waxseal::core::limits::MAX_ONE_TIME_PREKEYS;
use waxseal::linking::NewDevice;
use waxseal::roster::RecoverySecret;
use waxseal::{
    AccountId, Client, DeviceAddress, FrankingTag, MemoryStore, Timestamp, WantedBundles,
};

pub use self::step::{Fate, Step};
use crate::{Provider, account, snapshot};

const NAMES: [&str; 2] = ["alice", "bob"];
/// Number of one-time prekeys that a device publishes. It is small, so that devices also use
/// last-resort keys.
const ONE_TIME: usize = 2;
/// Maximum number of devices of an account.
const MOST_DEVICES: usize = 3;

/// A device that is, or was, in a roster and has a client.
pub struct Member {
    /// The device's client.
    pub client: Client<MemoryStore>,
    /// Index of its account: 0 for Alice, 1 for Bob.
    pub account: usize,
    /// When the relay took a roster without the device.
    pub removed_at: Option<Timestamp>,
    has_published: bool,
}

/// A message of a [`Household`]. Its text is the number of the message.
pub struct Written {
    /// Index of the device that wrote the message.
    pub from: usize,
    /// The message's identifier.
    pub id: FrankingTag,
    /// The devices in both rosters when the relay accepted the message, without the sending one. It
    /// can be accepted more than once.
    pub targets: BTreeSet<DeviceAddress>,
    /// The times at which the relay accepted the message, or accepted it again for one device.
    pub accepted: Vec<Timestamp>,
    /// The devices on which the message was shown: received, or as a copy.
    pub shown: BTreeSet<DeviceAddress>,
    /// Whether the relay named other devices too often, so that the client gave up.
    pub given_up: bool,
}

/// What waits at the relay for a device.
#[derive(Clone)]
struct Item {
    /// The number of the message. `None` for receipts, refusals and rosters.
    number: Option<usize>,
    stamped: Vec<u8>,
}

/// A device that is being linked, until it has a client.
struct Link {
    new: NewDevice,
    /// Index of the manager.
    manager: usize,
}

/// Two accounts, Alice and Bob, with up to three devices each.
///
/// In a new household each account has one device. [`Household::step`] carries out one [`Step`]: a
/// device seals, posts or receives a message, a device is linked or removed, an account is taken
/// over with its recovery secret, an answer is lost, or a device restarts.
/// [`Household::settle`] ends the run: everything arrives, and every application does what its
/// client asks for.
///
/// The household asserts, at the step that concerns it or at the end:
///
/// - The relay hands a message to exactly the devices that both rosters list at that time.
/// - A device is shown only messages that the relay accepted while the rosters listed the device,
///   each once. So no message key was used twice: the second message under a key does not open.
/// - In the end every message was shown on all its devices that are still listed, if the device
///   that wrote it is and did not give it up.
/// - Nothing that the relay accepts after it took a roster without a device opens on that device,
///   even if the relay hands it over. Nothing that the device writes then opens either.
/// - All devices of an account have the same sent messages, and each can report what it has.
pub struct Household {
    /// The provider of both accounts.
    pub provider: Provider,
    /// All devices that ever had a client.
    pub members: Vec<Member>,
    /// Every message that was sealed.
    pub written: Vec<Written>,
    /// What waits for each device, registered or not.
    queues: BTreeMap<DeviceAddress, VecDeque<Item>>,
    secrets: Vec<RecoverySecret>,
    links: Vec<Option<Link>>,
    is_fair: bool,
}

impl Household {
    /// Two accounts with one device each, which do not know each other yet.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut provider = Provider::new(seed);
        let (mut members, mut secrets) = (Vec::new(), Vec::new());
        for (account, name) in NAMES.iter().enumerate() {
            let client = provider.register_with(name, ONE_TIME);
            secrets.push(client.account_secret().unwrap().unwrap());
            members.push(Member {
                client,
                account,
                removed_at: None,
                has_published: true,
            });
        }
        Self {
            provider,
            members,
            written: Vec::new(),
            queues: BTreeMap::new(),
            secrets,
            links: vec![None, None],
            is_fair: false,
        }
    }

    /// Two accounts with these numbers of devices each, linked and registered.
    #[must_use]
    pub fn of(seed: u64, devices: [usize; 2]) -> Self {
        let mut household = Self::new(seed);
        for (account, count) in devices.into_iter().enumerate() {
            for _ in 1..count {
                household.link_whole(account);
            }
        }
        household
    }

    /// The id of an account, by its index.
    #[must_use]
    pub fn account(&self, index: usize) -> AccountId {
        account(NAMES[index])
    }

    /// The devices that are listed in the roster of their account, by index.
    #[must_use]
    pub fn listed(&self, account: usize) -> Vec<usize> {
        let members = self.members.iter().enumerate();
        let listed =
            members.filter(|(_, member)| member.account == account && member.removed_at.is_none());
        listed.map(|(index, _)| index).collect()
    }

    /// Carries out one step.
    pub fn step(&mut self, step: Step) {
        self.wait(1_000);
        let count = self.members.len();
        match step {
            Step::Write { who, fetches } => drop(self.write(who % count, fetches)),
            Step::Post { who, which, fate } => self.post(who % count, which, fate),
            Step::Arrive {
                who,
                which,
                is_acknowledged,
            } => self.arrive(who % count, which, is_acknowledged),
            Step::Restart { who } => self.restart(who % count),
            Step::Link { account } => self.link(account % 2),
            Step::Remove { account, which } => self.remove(account % 2, which),
            Step::TakeOver { who } => self.take_over(who % count),
            Step::PostRoster { who, is_answered } => self.post_roster(who % count, is_answered),
            Step::Publish { who } => self.publish(who % count),
            Step::Fetch { who, of } => drop(self.fetch(who % count, of % 2)),
            Step::Upkeep { who } => self.upkeep(who % count),
        }
    }

    fn wait(&mut self, ms: u64) {
        self.provider.now = Timestamp::from_millis(self.provider.now.as_millis() + ms);
    }

    fn address(&self, who: usize) -> DeviceAddress {
        self.members[who].client.me().clone()
    }

    fn is_removed(&self, who: usize) -> bool {
        self.members[who].removed_at.is_some()
    }

    /// The process of a device ends and starts again.
    fn restart(&mut self, who: usize) {
        let records = snapshot(&self.members[who].client);
        self.members[who].client = Client::open(MemoryStore::from_records(records)).unwrap();
    }

    /// A device publishes prekeys.
    fn publish(&mut self, who: usize) {
        if self.is_removed(who) {
            return;
        }
        let device = self.address(who);
        let (rng, member) = (&mut self.provider.rng, &mut self.members[who]);
        let there = MAX_ONE_TIME_PREKEYS - ONE_TIME;
        let upload = member.client.publish_prekeys(there, rng).unwrap();
        self.provider.publish_of(&device, &upload);
        member.client.confirm_prekeys(&upload).unwrap();
        member.has_published = true;
    }

    /// A device fetches the newest roster of an account. Returns whether it learnt something.
    fn fetch(&mut self, who: usize, of: usize) -> bool {
        let of = self.account(of);
        let before = self.members[who].client.roster_of(&of).unwrap();
        if self.is_removed(who) {
            return false; // the relay does not talk to it
        }
        self.provider
            .show_roster(&mut self.members[who].client, &of);
        before != self.members[who].client.roster_of(&of).unwrap()
    }

    /// A device fetches prekeys, and starts sessions with them.
    fn start(&mut self, who: usize, wanted: &WantedBundles, is_restart: bool) {
        let WantedBundles { account, devices } = wanted;
        let me = self.address(who);
        let bundles = self.provider.bundles_for(Some(&me), account, devices);
        let (now, rng) = (self.provider.now, &mut self.provider.rng);
        let client = &mut self.members[who].client;
        let started = match is_restart {
            true => client.restart(account, &bundles, now, rng),
            false => client.start(account, &bundles, now, rng),
        };
        let started = started.unwrap();
        assert!(started.unusable.is_empty(), "a bundle is unusable");
    }

    /// Does what an application does after its client's upkeep. What the client sealed is in its
    /// outbox.
    fn upkeep(&mut self, who: usize) {
        if self.is_removed(who) {
            return;
        }
        let (now, rng) = (self.provider.now, &mut self.provider.rng);
        let upkeep = self.members[who].client.upkeep(now, rng).unwrap();
        for account in &upkeep.rosters {
            let of = NAMES.iter().position(|name| *name == account.as_str());
            self.fetch(who, of.unwrap());
        }
        for wanted in &upkeep.bundles {
            self.start(who, wanted, true);
        }
    }
}
