//! The people and their devices.

use std::collections::{BTreeMap, BTreeSet};

use waxseal::{AccountId, Client, DeviceAddress, FrankingTag, MemoryStore};

/// The group's founder, who stays an admin.
pub const FOUNDER: usize = 0;
/// Another one who stays an admin.
pub const SECOND: usize = 1;

/// One device, also after it was removed.
pub struct Device {
    pub client: Client<MemoryStore>,
    pub person: usize,
    /// Whether its account removed it.
    pub is_removed: bool,
    /// The messages that are to arrive here.
    pub expected: BTreeSet<FrankingTag>,
    /// Messages that waited for it when it was removed, or its account. They may still arrive.
    pub possible: BTreeSet<FrankingTag>,
    /// The messages that this device showed.
    pub shown: BTreeSet<FrankingTag>,
    /// Messages of which the relay told it, although they are not for it.
    pub denied: BTreeSet<FrankingTag>,
    /// Messages that came before the keys of their chains, and how often.
    pub overtaken: BTreeMap<FrankingTag, u32>,
    /// When each entry of the outbox was posted last, and how often it was.
    pub posted: BTreeMap<FrankingTag, (u64, u64)>,
    /// When its entry of the group was posted last.
    pub entry_ms: u64,
    /// When the client's upkeep is due.
    pub upkeep_ms: Option<u64>,
    /// Until when deliveries are awaited before the upkeep.
    pub quiet_ms: u64,
    /// Whether the outbox may hold something.
    pub is_busy: bool,
}

impl Device {
    pub fn new(client: Client<MemoryStore>, person: usize) -> Self {
        Self {
            client,
            person,
            is_removed: false,
            expected: BTreeSet::new(),
            possible: BTreeSet::new(),
            shown: BTreeSet::new(),
            denied: BTreeSet::new(),
            overtaken: BTreeMap::new(),
            posted: BTreeMap::new(),
            entry_ms: 0,
            upkeep_ms: Some(0),
            quiet_ms: 0,
            is_busy: true,
        }
    }

    pub fn me(&self) -> &DeviceAddress {
        self.client.me()
    }

    /// Whether the client's upkeep is due.
    pub fn needs_upkeep(&self, now_ms: u64) -> bool {
        let is_due = self.upkeep_ms.is_some_and(|at| at <= now_ms);
        is_due && self.quiet_ms <= now_ms
    }

    /// Nothing has to arrive here any more. What waits at the relay may.
    pub fn expect_no_more(&mut self) {
        let (shown, possible) = (&self.shown, &mut self.possible);
        self.expected.retain(|id| {
            let is_shown = shown.contains(id);
            if !is_shown {
                possible.insert(*id);
            }
            is_shown
        });
    }
}

/// A device of a former member that never hears of the removal. It is a copy from before, and opens
/// whatever it has the keys of.
pub struct Former {
    pub device: usize,
    pub client: Client<MemoryStore>,
    /// Whether its account was removed. A member that said good-bye is not removed at once.
    pub is_removed: bool,
}

/// How a person stands to the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Is not in the group, and was not invited.
    Outside,
    /// Was invited, and has not answered.
    Invited,
    /// Accepted, and is no member yet.
    Accepted,
    /// Is a member.
    Member,
    /// Said good-bye, and was not removed yet.
    Leaving,
}

/// One person: an account with its present devices.
pub struct Person {
    pub account: AccountId,
    /// Numbers in [`People::devices`]. The first one manages the account.
    pub devices: Vec<usize>,
    pub standing: Standing,
}

/// Everyone, and all devices that there ever were.
#[derive(Default)]
pub struct People {
    pub persons: Vec<Person>,
    pub devices: Vec<Device>,
    numbers: BTreeMap<DeviceAddress, usize>,
}

impl People {
    pub fn add(&mut self, device: Device) -> usize {
        let number = self.devices.len();
        self.numbers.insert(device.me().clone(), number);
        self.devices.push(device);
        number
    }

    /// The number of the device with this address.
    pub fn find(&self, address: &DeviceAddress) -> Option<usize> {
        self.numbers.get(address).copied()
    }

    /// The person with this account.
    pub fn person(&self, account: &AccountId) -> Option<usize> {
        self.persons.iter().position(|one| one.account == *account)
    }

    pub fn standing(&self, device: usize) -> Standing {
        self.persons[self.devices[device].person].standing
    }

    /// The persons that stand to the group like this.
    pub fn all(&self, standing: Standing) -> Vec<usize> {
        let persons = self.persons.iter().enumerate();
        let persons = persons.filter(|(_, person)| person.standing == standing);
        persons.map(|(number, _)| number).collect()
    }

    /// The devices of all members.
    pub fn members(&self) -> Vec<usize> {
        let members = self.all(Standing::Member).into_iter();
        members
            .flat_map(|person| self.persons[person].devices.clone())
            .collect()
    }
}
