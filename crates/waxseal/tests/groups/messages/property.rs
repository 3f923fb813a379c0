//! Entries, messages, renewals and restarts in any order.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt as _;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use waxseal::errors::ReceiveError;
use waxseal::reporting::relay::GroupSlot;
use waxseal::{Advice, DeviceAddress, FrankingTag, MemoryStore, Outgoing, Received};
use waxseal_world::{GroupPostRefused, QueuedGroup, account, snapshot};

use super::thief::reads;
use crate::support::{Device, HOUR_MS, first};
use crate::talk::{Queued, Talk};

const NAMES: [&str; 4] = ["alice", "bob", "carol", "dave"];
/// Members that are never on line, and make the group one in which not each message renews the
/// chain of its sender.
const ABSENT: [&str; 4] = ["m0", "m1", "m2", "m3"];

const SEEDS: u64 = 10;
const SEEDS_OF_LARGE: u64 = 3;
const STEPS: usize = 60;

/// A group of which the first account is the only admin, and what must hold of it:
///
/// - A device shows a message only if its account was a member in the state that the message was
///   sealed for, and each message once.
/// - A member that was removed opens nothing of what was sealed afterwards, and one that joined
///   nothing of before, whatever slot the relay gives it. Nor does someone who has all keys in its
///   store.
/// - In the end, every message of a present member that was accepted was shown on all devices that
///   it was for and that are still members, and all members know the same state.
struct Run {
    talk: Talk,
    rng: ChaCha20Rng,
    /// What each member sealed and nobody accepted.
    waiting: BTreeMap<DeviceAddress, Vec<FrankingTag>>,
    /// For whom each message was accepted.
    accepted: BTreeMap<[u8; 32], BTreeSet<DeviceAddress>>,
    /// What each device showed.
    shown: BTreeMap<DeviceAddress, BTreeSet<[u8; 32]>>,
    texts: usize,
    names: Vec<&'static str>,
    /// What happened to deliveries that did not open.
    errors: Vec<String>,
    authors: BTreeMap<[u8; 32], DeviceAddress>,
    /// All that was accepted, and for whom.
    bodies: Vec<(QueuedGroup, BTreeSet<DeviceAddress>)>,
    /// How many slots members got with the keys of a chain, and without.
    with_keys: usize,
    without_keys: usize,
}

impl Run {
    fn new(seed: u64, absent: &[&str]) -> Self {
        Self {
            talk: Talk::with_absent(&NAMES, absent),
            rng: ChaCha20Rng::seed_from_u64(seed),
            waiting: BTreeMap::new(),
            accepted: BTreeMap::new(),
            shown: BTreeMap::new(),
            texts: 0,
            names: NAMES.to_vec(),
            errors: Vec::new(),
            authors: BTreeMap::new(),
            bodies: Vec::new(),
            with_keys: 0,
            without_keys: 0,
        }
    }

    fn any(&mut self) -> DeviceAddress {
        let at = self.rng.random_range(0..self.names.len());
        first(self.names[at])
    }

    fn is_member(&self, device: &DeviceAddress) -> bool {
        let log = self.talk.net.world.group_log(&self.talk.group).unwrap();
        log.state().is_member(device.account.as_str())
    }

    fn step(&mut self) {
        self.talk.net.wait(1_000);
        let who = self.any();
        match self.rng.random_range(0..20) {
            0..=5 => self.seal(&who),
            6..=9 => self.post(&who),
            10..=13 => self.deliver(&who),
            14 => self.fetch(&who),
            15 => {
                let client = self.talk.copy(&who);
                self.talk.net.clients.insert(who, client);
            }
            16 => self.change(),
            17 => {
                let hours = self.rng.random_range(1..100);
                self.talk.net.wait(hours * HOUR_MS);
            }
            _ => self.upkeep(&who),
        }
    }

    fn fetch(&mut self, who: &DeviceAddress) {
        let group = self.talk.group;
        let known = self.talk.net.info(who, &group).version;
        let news = self.talk.net.world.group_news(who, &group, known);
        let now = self.talk.net.world.now;
        if let Some(news) = news {
            let _ = self.talk.client(who).take_group_news(&group, &news, now);
        }
    }

    /// Removes a member, or lets another account join.
    fn change(&mut self) {
        let (alice, group) = (first("alice"), self.talk.group);
        self.fetch(&alice);
        if self.rng.random_bool(0.5) && !self.names.contains(&"erin") {
            let erin = self.talk.net.world.register("erin");
            self.talk.net.clients.insert(first("erin"), erin);
            self.talk.net.join(&group, "alice", "erin");
            self.names.push("erin");
            self.check_keys();
            return;
        }
        let name = NAMES[self.rng.random_range(1..NAMES.len())];
        if self.is_member(&first(name)) {
            let entry = self.talk.net.call(&alice, |client, now, rng| {
                client.remove_member(&group, &account(name), now, rng)
            });
            if let Ok(Some(entry)) = entry {
                self.talk.net.post_entry(&alice, &entry);
            }
        }
    }

    /// A colluding relay gives a device whatever it has of a message that was not for it.
    fn opens_not(&self, device: &DeviceAddress, queued: &QueuedGroup) {
        for slot in [queued.slot.clone(), GroupSlot::Mac([0; 16])] {
            let stamped = queued.stamped.clone();
            let any = QueuedGroup { stamped, slot };
            let delivery = self.talk.net.world.deliver_group(device, &any);
            let records = snapshot(&self.talk.net.clients[device]);
            let mut copy = Device::open(MemoryStore::from_records(records)).unwrap();
            let received = copy.receive(&delivery);
            // What was received before comes again.
            let is_known = matches!(received, Ok(Received::Duplicate { .. }));
            assert!(is_known || received.is_err(), "{received:?}");
        }
        let is_read = reads(&self.talk, device, queued);
        assert!(!is_read, "{device:?} has a key of what was not for it");
    }

    /// Checks that nobody has a key of a message that was not for it.
    fn check_keys(&self) {
        for (queued, targets) in &self.bodies {
            let sender = &queued.stamped.claim().context().sender;
            let devices = self.talk.net.clients.keys();
            for device in devices.filter(|device| !targets.contains(device)) {
                assert!(
                    device == sender || !reads(&self.talk, device, queued),
                    "{device:?} has a key of what was not for it"
                );
            }
        }
    }

    fn seal(&mut self, who: &DeviceAddress) {
        if self.rng.random_bool(0.8) {
            self.talk.prepare(who);
        }
        self.texts += 1;
        let text = format!("message {}", self.texts);
        if let Ok(sealed) = self.talk.try_seal(who, text.as_str()) {
            self.waiting.entry(who.clone()).or_default().push(sealed.id);
            self.authors.insert(*sealed.id.as_bytes(), who.clone());
        }
    }

    /// Posts what waits first, as the outbox has it.
    fn post(&mut self, who: &DeviceAddress) {
        let now = self.talk.net.world.now;
        let items = self.talk.client(who).outbox(None, 9, now).unwrap().items;
        let Some(outgoing) = items.into_iter().find(|one| one.again_for.is_none()) else {
            return;
        };
        if outgoing.to.group().is_some() {
            self.post_one(who, outgoing);
        }
    }

    fn post_one(&mut self, who: &DeviceAddress, mut outgoing: Outgoing) {
        for _ in 0..4 {
            let waited = self.waited();
            match self.talk.post_only(who, &outgoing) {
                Ok(receipt) => {
                    self.note_accepted(&outgoing, &waited);
                    // Sometimes the answer is lost.
                    if self.rng.random_bool(0.8) {
                        let confirmed = self.talk.client(who).confirm(&outgoing.to, &receipt);
                        assert_eq!(confirmed.unwrap(), outgoing.id);
                    }
                    return;
                }
                Err(GroupPostRefused::Mismatch) => match self.talk.retarget(who, &outgoing) {
                    Ok(again) => outgoing = again,
                    Err(_) => return,
                },
                Err(_) => return, // it is no member any more
            }
        }
    }

    /// How much waits for each device.
    fn waited(&self) -> BTreeMap<DeviceAddress, usize> {
        let queues = self.talk.queues.iter();
        queues
            .map(|(device, queue)| (device.clone(), queue.len()))
            .collect()
    }

    fn note_accepted(&mut self, outgoing: &Outgoing, waited: &BTreeMap<DeviceAddress, usize>) {
        let id = *outgoing.id.as_bytes();
        let names = self.names.clone();
        let targets: BTreeSet<_> = names
            .iter()
            .map(|name| first(name))
            .filter(|device| {
                let len = self.talk.queues.get(device).map_or(0, |queue| queue.len());
                len > waited.get(device).copied().unwrap_or_default()
            })
            .collect();
        for device in &targets {
            assert!(self.is_member(device), "a slot for nobody");
        }
        self.accepted.entry(id).or_default().extend(targets.clone());
        let queued = targets
            .iter()
            .find_map(|device| match self.talk.queues[device].back() {
                Some(Queued::Group(queued)) => Some(queued.clone()),
                _ => None,
            });
        let Some(queued) = queued else {
            return;
        };
        for device in &targets {
            match self.talk.queues[device].back() {
                Some(Queued::Group(QueuedGroup { slot, .. })) => match slot {
                    GroupSlot::Key(_) => self.with_keys += 1,
                    GroupSlot::Mac(_) => self.without_keys += 1,
                    GroupSlot::Empty => {}
                },
                _ => panic!("it was just queued"),
            }
        }
        let others = names.iter().map(|name| first(name));
        for device in others.filter(|device| !self.is_member(device)) {
            self.opens_not(&device, &queued);
        }
        self.bodies.push((queued, targets));
    }

    fn deliver(&mut self, who: &DeviceAddress) {
        self.talk.net.deliver(who);
        for queued in self.talk.queues.remove(who).unwrap_or_default() {
            let delivery = self.talk.hand_out(who, &queued);
            match self.talk.client(who).receive(&delivery) {
                Ok(received) => self.note_shown(who, &received),
                Err(ReceiveError::UnknownDevice { .. } | ReceiveError::GroupNews { .. }) => {
                    let queue = self.talk.queues.entry(who.clone()).or_default();
                    queue.push_back(queued);
                }
                Err(error) => {
                    let tag = tag_in(&queued, &self.accepted);
                    self.errors.push(format!("{who:?} {tag:?}: {error:?}"));
                    let advice = error.advice();
                    assert!(
                        matches!(advice, Advice::AskAgain | Advice::Drop),
                        "{error:?}"
                    );
                }
            }
        }
    }

    fn note_shown(&mut self, who: &DeviceAddress, received: &Received) {
        if let Received::Message { message, .. } = received {
            let id = *message.id().as_bytes();
            assert!(
                self.accepted[&id].contains(who),
                "it was not for this device"
            );
            let is_new = self.shown.entry(who.clone()).or_default().insert(id);
            assert!(is_new, "it was shown twice");
        }
    }

    fn upkeep(&mut self, who: &DeviceAddress) {
        self.talk.net.attend(who);
        for (from, outgoing) in std::mem::take(&mut self.talk.net.to_groups) {
            if outgoing.again_for.is_some() {
                let world = &self.talk.net.world;
                let posted = world.post_again(&from, &outgoing.envelope);
                let Ok((stamped, receipt)) = posted else {
                    continue; // one of both is no member any more
                };
                let target = outgoing.again_for.clone().unwrap();
                let queue = self.talk.queues.entry(target).or_default();
                queue.push_back(Queued::Again(stamped.encode()));
                self.talk
                    .client(&from)
                    .confirm(&outgoing.to, &receipt)
                    .unwrap();
            }
        }
    }

    fn settle(&mut self) {
        for _ in 0..12 {
            self.talk.net.wait(2 * HOUR_MS);
            for name in self.names.clone() {
                let who = first(name);
                self.fetch(&who);
                if self.is_member(&who) {
                    self.talk.prepare(&who);
                }
                for _ in 0..STEPS {
                    let now = self.talk.net.world.now;
                    let waiting = self.talk.client(&who).outbox(None, 9, now).unwrap().items;
                    let mut first_posts = waiting.iter().filter(|one| one.again_for.is_none());
                    if !self.is_member(&who) || first_posts.next().is_none() {
                        break;
                    }
                    self.post(&who);
                }
                self.deliver(&who);
                self.upkeep(&who);
            }
        }
    }

    fn check(&mut self) {
        let group = self.talk.group;
        let state = self.talk.net.world.group_log(&group).unwrap().state();
        let (version, members) = (state.version(), state.members().to_vec());
        let members: Vec<_> = members.iter().map(|one| one.account().to_owned()).collect();
        for name in self.names.clone() {
            let who = first(name);
            if !self.is_member(&who) {
                continue;
            }
            assert_eq!(self.talk.net.info(&who, &group).version, version);
            assert_eq!(self.talk.net.members(&who, &group), members);
            for (id, targets) in &self.accepted {
                // What an author that was removed meanwhile left without a key is lost.
                if targets.contains(&who) && self.is_member(&self.authors[id]) {
                    let shown = self.shown.get(&who);
                    let is_shown = shown.is_some_and(|shown| shown.contains(id));
                    let tag: [u8; 4] = *id.first_chunk().unwrap();
                    assert!(
                        is_shown,
                        "{name} lacks {tag:?} of {:?}: {:#?}, {}",
                        self.authors[id],
                        self.errors,
                        self.is_member(&self.authors[id])
                    );
                }
            }
        }
    }
}

/// The first bytes of the tag of a delivery.
fn tag_in(
    queued: &Queued,
    accepted: &BTreeMap<[u8; 32], BTreeSet<DeviceAddress>>,
) -> Option<[u8; 4]> {
    let bytes = match queued {
        Queued::Group(queued) => queued.stamped.encode(),
        Queued::Again(bytes) => bytes.clone(),
    };
    let tag = accepted
        .keys()
        .find(|id| bytes.windows(32).any(|window| window == *id));
    tag.map(|tag| *tag.first_chunk().unwrap())
}

fn run(seed: u64, absent: &[&str]) -> Run {
    let mut run = Run::new(seed, absent);
    for _ in 0..STEPS {
        run.step();
    }
    run.settle();
    run.check();
    run.check_keys();
    let shown: usize = run.shown.values().map(BTreeSet::len).sum();
    assert!(shown > 0, "seed {seed} shows nothing");
    run
}

#[test]
fn row_28_whatever_the_order_members_read_what_is_for_them_and_nobody_else_does() {
    for seed in 0..SEEDS {
        run(seed, &[]);
    }
}

#[test]
fn row_28_the_same_in_a_group_whose_chains_carry_several_messages() {
    for seed in 0..SEEDS_OF_LARGE {
        let run = run(seed, &ABSENT);
        assert!(run.with_keys > 0 && run.without_keys > 0, "seed {seed}");
    }
}
