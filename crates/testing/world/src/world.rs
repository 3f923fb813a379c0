//! Clients, their provider, and the network between them.

mod app;
mod bounded;
mod packets;
mod reports;
mod upkeep;

use std::collections::{BTreeMap, BTreeSet};

use waxseal::core::PreKeyUpload;
use waxseal::core::limits::{MAX_SESSIONS, MAX_SKIPPED_CHAINS};
use waxseal::errors::TakeRosterError;
use waxseal::{AccountId, Client, FrankingTag, MemoryStore, RosterChange, Timestamp};

use crate::network::Network;
use crate::provider::Provider;
use crate::script::{Action, SignIn};
use crate::{Records, snapshot};

const NAMES: [&str; 4] = ["alice", "bob", "carol", "dave"];
/// Number of one-time prekeys that a device publishes at a time. It is small, so that devices also
/// use last-resort keys.
const ONE_TIME: usize = 3;

/// A message of a [`World`]. Its text is the number of the message.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The sending client's index.
    pub from: usize,
    /// The receiving client's index.
    pub to: usize,
    /// The message's identifier.
    pub id: FrankingTag,
    /// The message's sequence number among the sender's messages to this recipient.
    pub sequence: u64,
    /// The last message from this recipient that the sender had been shown before it sent this
    /// message.
    pub last_seen: Option<FrankingTag>,
    /// The times at which the relay accepted the message. It can be accepted more than once.
    pub accepted: Vec<Timestamp>,
    /// How often the message was shown to its recipient.
    pub shown: u32,
    /// Whether the relay no longer has to deliver the message.
    acknowledged: bool,
    /// How often the recipient refused the message after the network became fair.
    refused: u32,
    /// Whether the sender deleted the message while it waited in the outbox.
    pub given_up: bool,
    envelope: Vec<u8>,
    /// The sender's mark when it posted the envelope.
    mark: [u8; 40],
    /// The message in the relay's queue, with the relay's last stamp for it.
    queued: Vec<u8>,
}

#[derive(Clone)]
enum Packet {
    Envelope(usize),
    Delivery(usize, Vec<u8>),
    Receipt(usize, Vec<u8>),
    /// A message that is sealed again.
    Again(usize, Vec<u8>, [u8; 40]),
    /// A posted refusal, or receipts.
    Note(Vec<u8>, [u8; 40]),
    NoteDelivery(Vec<u8>),
    NoteReceipt(Vec<u8>),
    Prekeys(PreKeyUpload),
    /// Prekeys in place of those that the provider has.
    OtherPrekeys(PreKeyUpload),
}

/// The values that a device's store should hold, by the world's own count: sequence numbers, the
/// last message seen, and the number of messages. The world compares the store with them.
#[derive(Clone, Default)]
struct Memory {
    /// Sequence number of the next message to each peer.
    next_sequence: BTreeMap<usize, u64>,
    /// The first number after the last set-back that the client noticed.
    least_sequence: u64,
    /// The last message that was shown from each peer.
    last_seen: BTreeMap<usize, FrankingTag>,
    /// How many messages the store holds.
    messages: usize,
}

/// Clients of one provider, with a network between them.
///
/// In a new world the clients do not know each other, and each has published its prekeys.
/// [`World::step`] carries out one [`Action`]: a client seals a message, a packet arrives or is
/// lost, a device restarts, loses its store or goes back to an old copy of its store.
/// [`World::settle`] ends the run: the network becomes fair and the clients recover.
///
/// Whenever a client seals a message or makes a report, or a packet arrives, the world asserts
/// those of these rules that concern it:
///
/// - A client is shown only unaltered messages that were sent to it. It is shown each message at
///   most once, and once more for each time its store was rolled back.
/// - A shown message has the sequence number and the last-seen tag that its sender should have
///   given.
/// - A refused delivery leaves the store as it was.
/// - A store holds only as many records as its messages need.
/// - A report of stamped messages verifies, and says truthfully what was sent, by whom and when.
pub struct World {
    /// The clients.
    pub clients: Vec<Client<MemoryStore>>,
    /// The provider of all clients.
    pub provider: Provider,
    /// Every message that was sealed.
    pub sent: Vec<Sent>,
    network: Network<Packet>,
    memories: Vec<Memory>,
    saved: Vec<Option<(Records, Memory)>>,
    /// How often each store was rolled back to an earlier state.
    set_back: Vec<u32>,
    /// The devices that sign in before they next send again.
    signs_in: Vec<bool>,
    /// How often each device lost its store.
    started_over: Vec<u32>,
    /// How often each device deleted a conversation, and how often it forgot the contact as well.
    deleted: Vec<u32>,
    forgotten: Vec<u32>,
    starts: usize,
    rotations: usize,
    /// The devices that a delivery reached which did not open: they publish their prekeys again.
    in_doubt: BTreeSet<usize>,
    /// Whether the network has become fair and applications act on errors.
    is_fair: bool,
    /// How many refusals and receipts the relay accepted.
    notes: usize,
    /// How many envelopes the clients' upkeep sealed: refusals, receipts, and messages again.
    kept_up: usize,
}

impl World {
    /// A world of `clients` clients, at most four, that do not know each other yet.
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
            signs_in: vec![false; clients.len()],
            started_over: vec![0; clients.len()],
            deleted: vec![0; clients.len()],
            forgotten: vec![0; clients.len()],
            starts: 0,
            rotations: 0,
            in_doubt: BTreeSet::new(),
            is_fair: false,
            notes: 0,
            kept_up: 0,
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

    /// Turns two numbers into the indices of two different clients.
    fn pair(&self, one: usize, other: usize) -> (usize, usize) {
        let count = self.clients.len();
        let one = one % count;
        (one, (one + 1 + other % (count - 1)) % count)
    }

    /// Carries out one action.
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
            Action::RollBack { who, sign_in } => {
                let who = who % self.clients.len();
                if let Some((records, memory)) = self.saved[who].clone() {
                    self.clients[who] = Client::open(MemoryStore::from_records(records)).unwrap();
                    self.memories[who] = memory;
                    self.set_back[who] += 1;
                    self.signs_in[who] |= sign_in != SignIn::Never;
                    if sign_in == SignIn::AtOnce {
                        self.sign_in(who);
                    }
                }
            }
            Action::StartOver { who } => {
                let who = who % self.clients.len();
                self.clients[who] = self.provider.register_with(NAMES[who], ONE_TIME);
                self.memories[who] = Memory::default();
                self.saved[who] = None;
                self.signs_in[who] = false;
                self.started_over[who] += 1;
            }
            Action::Publish { who, rotate } => self.publish(who % self.clients.len(), rotate),
            Action::Resend { who } => {
                let who = who % self.clients.len();
                self.sign_in(who);
                self.resend(who);
                self.upkeep(who);
            }
            Action::Report { who, about } => {
                let (who, about) = self.pair(who, about);
                self.assert_reportable(who, about);
            }
            Action::Delete { who, about, forget } => {
                let (who, about) = self.pair(who, about);
                self.delete(who, about, forget);
            }
        }
    }

    /// A client seals a message but does not send it. It starts a session first if it has none.
    /// Returns the message's number.
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
        *sequence = (*sequence).max(memory.least_sequence);
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
            given_up: false,
            envelope: outgoing.envelope,
            mark: self.clients[from].mark().unwrap(),
            queued: Vec::new(),
        });
        *sequence += 1;
        memory.messages += 1;
        self.assert_bounded(from);
        number
    }

    /// A client starts a new session, with the bundle that the provider hands out. If the peer's
    /// account key has changed, the client accepts the new one.
    pub fn start(&mut self, from: usize, to: usize) {
        self.starts += 1;
        let peer = self.account(to);
        // If the peer lost everything, its account key has changed. The user is warned and accepts
        // the new key.
        self.accept_key(from, &peer);
        self.provider.start(&mut self.clients[from], &peer);
    }

    /// The user of a client accepts the account key that the provider shows for a peer.
    fn accept_key(&mut self, who: usize, peer: &AccountId) {
        let key = self.provider.account_key(peer);
        let pinned = self.clients[who].peer_account_key(peer);
        if pinned.is_ok_and(|pinned| pinned != key) {
            self.clients[who].accept_identity(peer, &key).unwrap();
        }
    }

    /// A client fetches the roster of a peer. If its account key has changed, the user accepts the
    /// new one once the network is fair. Returns whether the client learnt something.
    fn fetch_roster(&mut self, who: usize, peer: &AccountId) -> bool {
        if self.is_fair {
            self.accept_key(who, peer);
        }
        let roster = self.provider.roster(peer);
        let taken = self.clients[who].take_roster(peer, &roster, self.provider.now);
        match taken {
            Ok(change) => change != RosterChange::Unchanged,
            Err(TakeRosterError::IdentityChanged { .. }) => false,
            Err(error) => panic!("an honest roster was refused: {error}"),
        }
    }

    /// A client that went back compares its store with the mark that the provider keeps.
    fn sign_in(&mut self, who: usize) {
        if !std::mem::take(&mut self.signs_in[who]) {
            return;
        }
        let there = waxseal::core::limits::MAX_ONE_TIME_PREKEYS - ONE_TIME;
        let noticed = self.provider.sign_in_with(&mut self.clients[who], there);
        if let Some(set_back) = noticed {
            self.memories[who].least_sequence = set_back.times << 32;
            for peer in (0..self.clients.len()).filter(|peer| *peer != who) {
                let peer = self.account(peer);
                assert!(!self.clients[who].has_session(&peer).unwrap());
            }
        }
    }

    fn publish(&mut self, who: usize, rotate: bool) {
        let rng = &mut self.provider.rng;
        let upload = if rotate {
            self.rotations += 1;
            self.clients[who].rotate_prekeys(rng)
        } else {
            // This says that the provider lacks `ONE_TIME` prekeys. Prekeys that are still
            // unconfirmed count towards that number, and the client makes only the rest.
            let there = waxseal::core::limits::MAX_ONE_TIME_PREKEYS - ONE_TIME;
            self.clients[who].publish_prekeys(there, rng)
        };
        self.network
            .send(who, who, Packet::Prekeys(upload.unwrap()));
    }

    fn republish(&mut self, who: usize) {
        let upload = self.clients[who].republish_prekeys(&mut self.provider.rng);
        self.network
            .send(who, who, Packet::OtherPrekeys(upload.unwrap()));
    }

    /// Whether no state was rolled back or lost, signed prekeys were replaced at most once, and no
    /// limit can have been exceeded. If so, a client has no reason to refuse a message.
    #[must_use]
    pub fn is_undisturbed(&self) -> bool {
        let undisturbed = |counts: &[u32]| counts.iter().all(|count| *count == 0);
        undisturbed(&self.set_back)
            && undisturbed(&self.started_over)
            && undisturbed(&self.forgotten)
            && self.starts < MAX_SESSIONS
            && self.rotations <= 1
            && self.sent.len() < 1_000
            && (0..self.clients.len()).all(|who| self.unseen(who) <= MAX_SKIPPED_CHAINS)
    }
}

fn number_of(text: Option<&str>) -> usize {
    text.expect("a text message").parse().expect("a number")
}
