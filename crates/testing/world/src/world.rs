//! Clients, their provider, and a network between all of them.

mod app;
mod packets;
mod reports;

use std::collections::{BTreeMap, BTreeSet};

use waxseal::core::{MAX_SESSIONS, MAX_SKIPPED_CHAINS, PreKeyUpload};
use waxseal::{AccountId, Client, FrankingTag, MemoryStore, Timestamp};

use crate::network::Network;
use crate::provider::Provider;
use crate::script::Action;
use crate::{Records, snapshot};

const NAMES: [&str; 4] = ["alice", "bob", "carol", "dave"];
/// One-time prekeys published at once: few, so that last-resort keys serve too.
const ONE_TIME: usize = 3;

/// A message of a [`World`]; its text is its number.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Who sent it.
    pub from: usize,
    /// To whom.
    pub to: usize,
    /// Its identifier.
    pub id: FrankingTag,
    /// Its number among its sender's messages to this recipient.
    pub sequence: u64,
    /// The last message its sender had been shown by this recipient.
    pub last_seen: Option<FrankingTag>,
    /// When the relay accepted it, each time it did.
    pub accepted: Vec<Timestamp>,
    /// How often its recipient was shown it.
    pub shown: u32,
    /// Whether the relay needs not deliver it again.
    acknowledged: bool,
    /// How often it was refused since the network is fair.
    refused: u32,
    envelope: Vec<u8>,
}

#[derive(Clone)]
enum Packet {
    Envelope(usize),
    Delivery(usize, Vec<u8>),
    Receipt(usize, Vec<u8>),
    Prekeys(PreKeyUpload),
}

/// What a device must know, and what its store is compared with.
#[derive(Clone, Default)]
struct Memory {
    next_sequence: BTreeMap<usize, u64>,
    last_seen: BTreeMap<usize, FrankingTag>,
    /// Messages stored.
    messages: usize,
}

/// Clients of one provider.
///
/// Asserted at each step: what is shown is what was sent, to whom it was sent, once, or once more for each time its recipient's store was
/// set back, with the sequence number and the last-seen tag that it must have; what is refused leaves the store as it was; nothing altered
/// is shown; a store holds no more records than the messages explain; and whatever is reported verifies, as what it was.
pub struct World {
    /// The clients.
    pub clients: Vec<Client<MemoryStore>>,
    /// Who is between them.
    pub provider: Provider,
    /// Every message there was.
    pub sent: Vec<Sent>,
    network: Network<Packet>,
    memories: Vec<Memory>,
    saved: Vec<Option<(Records, Memory)>>,
    /// How often each store was set back to an earlier state.
    set_back: Vec<u32>,
    /// How often each device lost its store.
    started_over: Vec<u32>,
    starts: usize,
    rotations: usize,
    /// Whether packets are lost no more, and applications react.
    is_fair: bool,
    /// Who should start a session with whom.
    out_of_step: BTreeSet<(usize, usize)>,
}

impl World {
    /// So many clients, at most four, that do not know each other yet.
    #[must_use]
    pub fn new(seed: u64, clients: usize) -> Self {
        let mut provider = Provider::new(seed);
        let names = &NAMES[..clients];
        let clients: Vec<_> = names
            .iter()
            .map(|name| provider.register_with(name, ONE_TIME))
            .collect();
        Self {
            provider,
            sent: Vec::new(),
            network: Network::default(),
            memories: vec![Memory::default(); clients.len()],
            saved: clients.iter().map(|_| None).collect(),
            set_back: vec![0; clients.len()],
            started_over: vec![0; clients.len()],
            starts: 0,
            rotations: 0,
            is_fair: false,
            out_of_step: BTreeSet::new(),
            clients,
        }
    }

    /// The account of a client.
    #[must_use]
    pub fn account(&self, who: usize) -> AccountId {
        self.clients[who].me().account.clone()
    }

    fn index_of(&self, account: &AccountId) -> usize {
        let found = self.clients.iter().position(|c| &c.me().account == account);
        found.expect("a known account")
    }

    /// Two different clients.
    fn pair(&self, one: usize, other: usize) -> (usize, usize) {
        let count = self.clients.len();
        let one = one % count;
        (one, (one + 1 + other % (count - 1)) % count)
    }

    /// What happens next.
    pub fn step(&mut self, action: Action) {
        self.provider.now = Timestamp::from_millis(self.provider.now.as_millis() + 1_000);
        match action {
            Action::Send { from, to } => {
                let (from, to) = self.pair(from, to);
                let number = self.send(from, to);
                self.network.send(from, to, Packet::Envelope(number));
            }
            Action::Burst { from, to, lost } => {
                let (from, to) = self.pair(from, to);
                for _ in 0..=lost % 8 {
                    self.send(from, to);
                }
                let last = self.sent.len() - 1;
                self.network.send(from, to, Packet::Envelope(last));
            }
            Action::Arrive { packet } => {
                if let Some(flight) = self.network.arrive(packet) {
                    self.arrive(flight);
                }
            }
            Action::Repeat { packet } => {
                if let Some(flight) = self.network.repeat(packet) {
                    self.arrive(flight);
                }
            }
            Action::Lose { packet } => drop(self.network.lose(packet)),
            Action::Alter { packet, place } => {
                if let Some(flight) = self.network.peek(packet) {
                    self.arrive_altered(&flight, place, packet);
                }
            }
            Action::Cut { one, other } => {
                let (one, other) = self.pair(one, other);
                self.network.cut(one, other);
            }
            Action::Start { from, to } => {
                let (from, to) = self.pair(from, to);
                self.start(from, to);
            }
            Action::Restart { who } => {
                let who = who % self.clients.len();
                let records = snapshot(&self.clients[who]);
                self.clients[who] = Client::open(MemoryStore::from_records(records)).unwrap();
            }
            Action::Save { who } => {
                let who = who % self.clients.len();
                let memory = self.memories[who].clone();
                self.saved[who] = Some((snapshot(&self.clients[who]), memory));
            }
            Action::RollBack { who } => {
                let who = who % self.clients.len();
                if let Some((records, memory)) = self.saved[who].clone() {
                    self.clients[who] = Client::open(MemoryStore::from_records(records)).unwrap();
                    self.memories[who] = memory;
                    self.set_back[who] += 1;
                }
            }
            Action::StartOver { who } => {
                let who = who % self.clients.len();
                self.clients[who] = self.provider.register_with(NAMES[who], ONE_TIME);
                self.memories[who] = Memory::default();
                self.saved[who] = None;
                self.started_over[who] += 1;
            }
            Action::Publish { who, rotate } => self.publish(who % self.clients.len(), rotate),
            Action::Resend { who } => self.resend(who % self.clients.len()),
            Action::Report { who, about } => {
                let (who, about) = self.pair(who, about);
                self.assert_reportable(who, about);
            }
        }
    }

    /// A client seals a message, which does not set out by itself. Returns its number.
    pub fn send(&mut self, from: usize, to: usize) -> usize {
        let recipient = self.account(to);
        if !self.clients[from].has_session(&recipient).unwrap() {
            self.start(from, to);
        }
        let number = self.sent.len();
        let text = number.to_string();
        let (now, rng) = (self.provider.now, &mut self.provider.rng);
        let outgoing = self.clients[from].send(&recipient, text.as_str(), now, rng);
        let outgoing = outgoing.unwrap();
        let memory = &mut self.memories[from];
        let sequence = memory.next_sequence.entry(to).or_default();
        self.sent.push(Sent {
            from,
            to,
            id: outgoing.id,
            sequence: *sequence,
            last_seen: memory.last_seen.get(&to).copied(),
            accepted: Vec::new(),
            shown: 0,
            acknowledged: false,
            refused: 0,
            envelope: outgoing.envelope,
        });
        *sequence += 1;
        memory.messages += 1;
        self.assert_bounded(from);
        number
    }

    /// A client starts a session, or another one, with the bundle that the provider hands out.
    pub fn start(&mut self, from: usize, to: usize) {
        self.starts += 1;
        let peer = self.account(to);
        // A new phone: the user is warned and accepts.
        let identity = self.provider.identity(&peer);
        if self.clients[from]
            .peer_identity(&peer)
            .is_ok_and(|pinned| pinned != identity)
        {
            self.clients[from]
                .accept_identity(&peer, &identity)
                .unwrap();
        }
        self.provider.start(&mut self.clients[from], &peer);
    }

    fn publish(&mut self, who: usize, rotate: bool) {
        let rng = &mut self.provider.rng;
        let upload = if rotate {
            self.rotations += 1;
            self.clients[who].rotate_prekeys(rng)
        } else {
            // One more than are waiting to be confirmed.
            let there = waxseal::core::MAX_ONE_TIME_PREKEYS - ONE_TIME;
            self.clients[who].publish_prekeys(there, rng)
        };
        self.network
            .send(who, who, Packet::Prekeys(upload.unwrap()));
    }

    fn resend(&mut self, who: usize) {
        for waiting in self.clients[who].outbox(usize::MAX).unwrap() {
            let number = self.sent.iter().position(|sent| {
                sent.from == who && sent.id == waiting.id && sent.envelope == waiting.envelope
            });
            let number = number.expect("only what was sent is in the outbox");
            let to = self.sent[number].to;
            self.network.send(who, to, Packet::Envelope(number));
        }
    }

    /// Whether no state was set back or lost, and no limit may have been passed: then nothing has a reason to fail.
    #[must_use]
    pub fn is_undisturbed(&self) -> bool {
        let undisturbed = |counts: &[u32]| counts.iter().all(|count| *count == 0);
        undisturbed(&self.set_back)
            && undisturbed(&self.started_over)
            && self.starts < MAX_SESSIONS
            && self.rotations <= 1
            && self.sent.len() < 1_000
            && (0..self.clients.len()).all(|who| self.unseen(who) <= MAX_SKIPPED_CHAINS)
    }

    /// Messages to a device that it was never shown.
    fn unseen(&self, who: usize) -> usize {
        let theirs = self.sent.iter().filter(|sent| sent.to == who);
        theirs
            .filter(|sent| sent.shown == 0 || self.set_back[who] > 0)
            .count()
    }

    /// A store holds what the messages explain, and no more.
    fn assert_bounded(&self, who: usize) {
        let client = &self.clients[who];
        let peers = self.clients.len() - 1;
        let waiting = client.outbox(usize::MAX).unwrap().len();
        let unseen = self.unseen(who);
        // Account, prekeys, upload, counters; a peer; a message and its index; the outbox; pages of skipped keys.
        let most = 4 + peers + 2 * self.memories[who].messages + waiting + unseen;
        let count = client.store().records().count();
        assert!(
            count <= most,
            "{count} records are stored, of at most {most}"
        );
        let most = peers * (256 + MAX_SESSIONS * 4_300) + (45 + 76) * unseen;
        let records = client.store().records();
        let len: usize = records
            .filter(|(key, _)| matches!(key.first(), Some(b'p' | b's')))
            .map(|(_, value)| value.len())
            .sum();
        assert!(len <= most, "{len} bytes of sessions, of at most {most}");
    }
}

fn number_of(text: Option<&str>) -> usize {
    text.expect("a text").parse().expect("a number")
}
