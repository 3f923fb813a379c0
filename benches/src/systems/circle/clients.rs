//! The variant "client": the members of a group, whose devices are clients with stores in memory.

use std::mem;

use waxseal::errors::ReceiveError;
use waxseal::roster::group::{AuthoritySeed, GroupOp, Role};
use waxseal::{
    AccountId, Bundles, Client, DeviceAddress, DeviceId, FrankingTag, GroupId, GroupPolicy,
    MemoryStore, Outgoing, Received,
};
use waxseal_reporting::relay::Receipt;
use waxseal_world::{NOW, Provider, Records, account, snapshot};

use super::crowd::MAX_STRANGERS;
use super::{Circle, Parts};
use crate::systems::franked::text;

type Device = Client<MemoryStore>;

/// Table of the seeds of groups, in an admin's store.
const SEEDS: &[u8] = b"7";

/// Maximum number of operations in an entry.
const OPERATIONS: usize = 64;

/// Maximum number of rosters that a client takes at once.
const ROSTERS: usize = 64;

/// The writer, the reader, and the provider of the group.
pub(super) struct Members {
    provider: Provider,
    group: GroupId,
    writer: Device,
    reader: Device,
    /// Their stores before the writer had a session with a member other than the founder.
    before: [Records; 2],
    /// What all others published, for [`forget`](Circle::forget).
    published: Vec<(AccountId, Bundles)>,
    /// The message that brought the chain. It waits for the provider all the time, so that the
    /// chain goes on: otherwise each message would begin another one in small groups.
    held: Option<FrankingTag>,
    /// Writer, reader and held message, while the writer is one that knows nobody.
    known: Option<(Device, Device, Option<FrankingTag>)>,
}

/// An account with two devices, of which the first is the manager.
fn register(provider: &mut Provider, name: &str) -> [Device; 2] {
    let mut first = provider.register_with(name, 0);
    let mut second = provider.link_with(&mut first, 0);
    for device in [&mut first, &mut second] {
        provider.show_roster(device, &account(name));
    }
    [first, second]
}

/// Sends a direct message to the first device of an account, and lets it arrive.
fn tell(provider: &mut Provider, from: &Device, outgoing: &Outgoing, to: &mut Device) -> Received {
    let name = outgoing.to.account().expect("a direct message");
    let stamped = provider.fan_out(from.me(), name, &outgoing.envelope);
    let (stamped, _) = stamped.expect("a genuine message");
    let mut stamped = stamped.into_iter();
    let mine = stamped.find(|(device, _)| device == to.me());
    let delivery = provider.deliver(to.me(), &mine.expect("a slot").1.encode());
    let mut received = to.receive(&delivery);
    if matches!(received, Err(ReceiveError::UnknownDevice { .. })) {
        provider.show_roster(to, &from.me().account);
        received = to.receive(&delivery);
    }
    received.expect("opens")
}

/// A founder's group with the accounts of the writer and the reader as members, who joined it as
/// applications let them.
fn found(provider: &mut Provider, founder: &mut Device, guests: [&mut Device; 2]) -> GroupId {
    let policy = GroupPolicy::default();
    let founded = founder.create_group(policy, NOW, &mut provider.rng);
    let (group, entry) = founded.expect("founds a group");
    let accepted = provider.post_entry(founder.me(), &entry.entry);
    let accepted = accepted.expect("the first entry");
    founder.confirm_entry(&accepted).expect("confirms");
    let name = founder.me().account.clone();
    for guest in guests {
        let guest_name = guest.me().account.clone();
        provider.start(founder, &guest_name);
        let invitation = founder.invite(&group, &guest_name, NOW, &mut provider.rng);
        tell(provider, founder, &invitation.expect("invites"), guest);
        let accepted = guest.accept_invitation(&name, &group, NOW, &mut provider.rng);
        tell(provider, guest, &accepted.expect("accepts"), founder);
        let pending = founder.pending_entries(None, 1, NOW, &mut provider.rng);
        for entry in pending.expect("signs").items {
            let accepted = provider.post_entry(founder.me(), &entry.entry);
            let accepted = accepted.expect("the next entry");
            founder.confirm_entry(&accepted).expect("confirms");
        }
        // The welcome, and what else there is to tell.
        for _ in 0..2 {
            let upkeep = founder.upkeep(NOW, &mut provider.rng).expect("upkeep");
            for outgoing in &upkeep.outgoing {
                if outgoing.to.account() == Some(&guest_name) {
                    tell(provider, founder, outgoing, guest);
                }
            }
        }
    }
    group
}

/// Adds accounts, as an application does that holds the authority's seed.
fn add(provider: &mut Provider, founder: &Device, group: &GroupId, names: &[AccountId]) {
    let log = provider.group_log(group).expect("a group");
    let state = log.state().clone();
    let records = snapshot(founder);
    let kept = records
        .iter()
        .filter(|(key, _)| key.table.as_bytes() == SEEDS);
    // The seed is a field of 32 bytes: 12 20 || seed.
    let seed = kept
        .flat_map(|(_, value)| value.windows(34))
        .filter(|window| window[..2] == [0x12, 0x20])
        .find_map(|window| {
            AuthoritySeed::of_state(window[2..].try_into().expect("32 bytes"), &state).ok()
        });
    let seed = seed.expect("the founder has it");
    for names in names.chunks(OPERATIONS) {
        let ops: Vec<_> = names
            .iter()
            .map(|name| GroupOp::add(name.as_str(), Role::Member, provider.account_key(name)))
            .collect();
        let log = provider.group_log(group).expect("a group");
        let actor = founder.me().account.as_str();
        let entry = seed.sign_entry(log.state(), actor, &ops, None, NOW.as_millis());
        let entry = entry.expect("fits the state").encode();
        let accepted = provider.post_entry(founder.me(), &entry);
        accepted.expect("the next entry");
    }
}

/// A member takes the newest state, and the rosters of all.
fn catch_up(provider: &Provider, device: &mut Device, group: &GroupId) {
    let known = device.group(group).expect("a store in memory");
    let known = known.expect("a group").version;
    let news = provider.group_news(device.me(), group, known);
    let news = news.expect("it is a member");
    let taken = device.take_group_news(group, &news, NOW);
    taken.expect("genuine news");
    let unknown = device.members_without_roster(group).expect("a group");
    for unknown in unknown.chunks(ROSTERS) {
        let rosters = provider.group_rosters(device.me(), group, unknown);
        let taken = device.take_group_rosters(group, &rosters, NOW);
        assert_eq!(taken.expect("genuine rosters"), unknown.len());
    }
}

/// A device that the writer does not know yet sends it something, so that both have a session.
fn greet(provider: &mut Provider, device: &mut Device, writer: &mut Device) {
    let name = writer.me().account.clone();
    provider.show_roster(device, &name);
    let first = [writer.me().device];
    let bundles = provider.bundles_for(Some(device.me()), &name, &first);
    let started = device.start(&name, &bundles, NOW, &mut provider.rng);
    started.expect("good bundles");
    let sent = device.send(name, "hello", NOW, &mut provider.rng);
    tell(provider, device, &sent.expect("seals"), writer);
}

impl Members {
    pub(super) fn new(members: usize) -> Self {
        let mut provider = Provider::new(7);
        let [mut founder, mut founders_other] = register(&mut provider, "alice");
        let [mut reader, mut readers_other] = register(&mut provider, "bob");
        let [mut writer, writers_other] = register(&mut provider, "carol");
        let guests = [&mut reader, &mut writer];
        let group = found(&mut provider, &mut founder, guests);
        let mut others = Vec::new();
        for member in 3..members {
            let name = format!("member-{member:04}");
            others.push((account(&name), register(&mut provider, &name)));
        }
        let names: Vec<_> = others.iter().map(|(name, _)| name.clone()).collect();
        add(&mut provider, &founder, &group, &names);
        catch_up(&provider, &mut reader, &group);
        catch_up(&provider, &mut writer, &group);
        let before = [snapshot(&writer), snapshot(&reader)];
        let accounts = ["alice", "bob", "carol"]
            .map(account)
            .into_iter()
            .chain(names);
        let published = accounts.map(|account| {
            let devices = [DeviceId(1), DeviceId(2)].into_iter();
            let devices = devices
                .filter(|device| DeviceAddress::new(account.clone(), *device) != *writer.me());
            let devices: Vec<_> = devices.collect();
            let bundles = provider.bundles_for(Some(writer.me()), &account, &devices);
            (account, bundles)
        });
        let published: Vec<_> = published.collect();
        greet(&mut provider, &mut reader, &mut writer);
        for device in [&mut readers_other, &mut founders_other] {
            greet(&mut provider, device, &mut writer);
        }
        for (_, devices) in &mut others {
            for device in devices {
                greet(&mut provider, device, &mut writer);
            }
        }
        drop(writers_other);
        let mut members = Self {
            provider,
            group,
            writer,
            reader,
            before,
            published,
            held: None,
            known: None,
        };
        // The other device of the writer's own account, with which no device began a session.
        members.start_missing();
        for _ in 0..2 {
            let sent = members.renew(b"hello");
            let arrived = members.relay(sent);
            assert!(members.open(&arrived), "a genuine message opens");
        }
        members
    }

    fn start_missing(&mut self) {
        let wanted = self.writer.missing(self.group, NOW);
        let wanted = wanted.expect("a store in memory");
        for (account, bundles) in &self.published {
            if wanted.iter().any(|one| one.account == *account) {
                let rng = &mut self.provider.rng;
                let started = self.writer.start(account, bundles, NOW, rng);
                started.expect("good bundles");
            }
        }
    }

    fn send(&mut self, plaintext: &[u8]) -> (FrankingTag, Parts) {
        let text = text(plaintext.len());
        let rng = &mut self.provider.rng;
        let sent = self.writer.send(self.group, text.as_str(), NOW, rng);
        let sent = sent.expect("seals");
        assert!(sent.without.is_empty(), "{:?}", sent.without);
        (sent.id, vec![sent.envelope])
    }
}

impl Circle for Members {
    fn seal(&mut self, plaintext: &[u8]) -> Parts {
        self.send(plaintext).1
    }

    fn renew(&mut self, plaintext: &[u8]) -> Parts {
        if let Some((writer, reader, held)) = self.known.take() {
            (self.writer, self.reader, self.held) = (writer, reader, held);
        }
        // A chain ends when the message that brought it is given up.
        if let Some(held) = self.held.take() {
            let deleted = self.writer.delete_message(self.group, &held);
            deleted.expect("a store in memory");
        }
        let (id, sent) = self.send(plaintext);
        self.held = Some(id);
        sent
    }

    fn can_begin(&self) -> bool {
        let strangers = self.published.iter().map(|(_, all)| all.devices.len());
        strangers.sum::<usize>() <= MAX_STRANGERS
    }

    fn forget(&mut self) -> usize {
        let open = |records: &Records| {
            let store = MemoryStore::from_records(records.clone());
            Client::open(store).expect("a store in memory")
        };
        let [writer, reader] = self.before.each_ref().map(open);
        let writer = mem::replace(&mut self.writer, writer);
        let reader = mem::replace(&mut self.reader, reader);
        let held = self.held.take();
        self.known.get_or_insert((writer, reader, held));
        let all = self.published.iter().flat_map(|(_, all)| &all.devices);
        all.map(|one| one.base.len() + one.one_time.as_ref().map_or(0, Vec::len))
            .sum()
    }

    fn begin(&mut self, plaintext: &[u8]) -> Parts {
        for (account, bundles) in &self.published {
            let rng = &mut self.provider.rng;
            let started = self.writer.start(account, bundles, NOW, rng);
            started.expect("good bundles");
        }
        let (id, sent) = self.send(plaintext);
        self.held = Some(id);
        sent
    }

    fn relay(&mut self, sent: Parts) -> Parts {
        let posted = self.provider.post_group(self.writer.me(), &sent[0]);
        let (queued, receipt) = posted.expect("a genuine message");
        let mut queued = queued.into_iter();
        let reader = self.reader.me();
        let mine = queued.find(|(device, _)| device == reader);
        let delivery = self
            .provider
            .deliver_group(reader, &mine.expect("a slot").1);
        let of = *Receipt::decode(&receipt).expect("a receipt").tag();
        if self.held != Some(of) {
            let confirmed = self.writer.confirm(self.group, &receipt);
            confirmed.expect("a genuine receipt");
        }
        vec![delivery]
    }

    fn open(&mut self, arrived: &[Vec<u8>]) -> bool {
        let received = self.reader.receive(&arrived[0]);
        matches!(received, Ok(Received::Message { .. }))
    }
}
