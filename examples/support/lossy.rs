//! Two phones and a relay in one process, with a network between them that loses, repeats and
//! reorders. The phones do what an application does, once a tick.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use waxseal::errors::{ReceiveError, TakeRosterError};
use waxseal::roster::{AccountKeyPair, SignedRoster};
use waxseal::{
    AccountId, Advice, Client, DeliveryKey, DeviceAddress, DeviceId, Disclosure, FrankingTag,
    MemoryStore, Outgoing, Reason, Received, Status, Timestamp,
};
use waxseal_reporting::vault::ModerationKeyPair;

use super::provider::Provider;

pub const MINUTE_MS: u64 = 60_000;
pub const HOUR_MS: u64 = 60 * MINUTE_MS;
pub const DAY_MS: u64 = 24 * HOUR_MS;

/// Chance that a request, an answer, a delivery or an acknowledgement is lost.
const LOSS: f64 = 0.10;
/// Chance that a delivery arrives twice.
const REPEAT: f64 = 0.05;
/// Time between two turns of the applications.
const TICK_MS: u64 = 20_000;
/// Maximum number of messages in one report.
const REPORTED: usize = 30;

type Phone = Client<MemoryStore>;

/// A message that one phone sent, and what became of it.
pub struct Sent {
    pub from: usize,
    pub id: FrankingTag,
    pub shown: u32,
}

pub struct Lossy {
    pub phones: [Phone; 2],
    pub provider: Provider,
    pub now: Timestamp,
    pub rng: ChaCha20Rng,
    pub sent: Vec<Sent>,
    /// Sessions that each phone started because of refusals.
    pub restarts: [u32; 2],
    /// Messages that a phone opened and dropped on purpose.
    pub skipped: usize,
    /// Which phone skips what arrives.
    pub skips: Option<usize>,
    /// Whether the users accept a changed identity.
    pub accepts_identities: bool,
    /// What the relay keeps for each phone: the accepted envelopes, in their order.
    queues: [Vec<Vec<u8>>; 2],
    moderation: ModerationKeyPair,
}

fn address(name: &str) -> DeviceAddress {
    DeviceAddress::new(AccountId::new(name).expect("a short name"), DeviceId(1))
}

impl Lossy {
    /// Two phones that have written to each other.
    pub fn new(seed: u64, now: Timestamp) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut provider = Provider::new(now, &mut rng);
        let mut key = |name| provider.register(&address(name), &mut rng);
        let keys = [key("alice"), key("bob")];
        let moderation = ModerationKeyPair::generate(&mut rng);
        let phones = ["alice", "bob"].map(|name| {
            let key = keys[usize::from(name == "bob")].clone();
            new_phone(name, key, now, &mut provider, &mut rng)
        });
        let mut net = Self {
            phones,
            provider,
            now,
            rng,
            sent: Vec::new(),
            restarts: [0; 2],
            skipped: 0,
            skips: None,
            accepts_identities: true,
            queues: Default::default(),
            moderation,
        };
        for (who, text) in [(0, "hello"), (1, "hello yourself")] {
            net.send(who, text);
            net.arrive();
        }
        net
    }

    /// Lets time pass until every message was shown, so that none is lost with its sender's phone.
    pub fn arrive(&mut self) {
        while self.sent.iter().any(|sent| sent.shown == 0) {
            self.pass(MINUTE_MS);
        }
    }

    pub fn account(&self, who: usize) -> AccountId {
        self.phones[who].me().account.clone()
    }

    /// One phone loses everything, and registers its account again, with another account
    /// key.
    pub fn reinstall(&mut self, who: usize) {
        let me = self.phones[who].me().clone();
        let key = self.provider.delivery_key(&me);
        let name = me.account.as_str();
        self.phones[who] = new_phone(name, key, self.now, &mut self.provider, &mut self.rng);
    }

    /// One phone accepts the peer's identity, as its user does after a warning.
    pub fn accept_identity(&mut self, who: usize) {
        let peer = self.account(1 - who);
        let roster = SignedRoster::decode(&self.provider.roster(&peer));
        let roster = roster.expect("a client made it").verify(peer.as_str());
        let key = *roster.expect("a client signed it").account_key();
        let accepted = self.phones[who].accept_identity(&peer, &key);
        accepted.expect("the store is in memory");
    }

    /// One phone loses its sessions: its user accepts another identity of the peer by mistake, and
    /// then the right one again.
    pub fn lose_sessions(&mut self, who: usize) {
        let peer = self.account(1 - who);
        let key = self.phones[who].peer_account_key(&peer).expect("a contact");
        let other = AccountKeyPair::generate(&mut self.rng).public();
        for key in [other, key] {
            let accepted = self.phones[who].accept_identity(&peer, &key);
            accepted.expect("the store is in memory");
        }
    }

    /// Seals a message. It leaves with the phone's next turn.
    pub fn send(&mut self, from: usize, text: &str) {
        let peer = self.account(1 - from);
        let phone = &mut self.phones[from];
        if !phone.has_session(&peer).expect("the store is in memory") {
            let bundles = self.provider.bundles(&peer).expect("it published prekeys");
            let started = phone.start(&peer, &bundles, self.now, &mut self.rng);
            started.expect("the bundle is genuine");
        }
        let sent = phone.send(&peer, text, self.now, &mut self.rng);
        let id = sent.expect("there is a session").id;
        let shown = 0;
        self.sent.push(Sent { from, id, shown });
    }

    /// The relay drops what waits for a phone, as if it had waited too long.
    pub fn drop_queue(&mut self, who: usize) {
        self.queues[who].clear();
    }

    /// Takes what waits for a phone off the network, to arrive later.
    pub fn hold(&mut self, who: usize) -> Vec<Vec<u8>> {
        self.turn(1 - who);
        std::mem::take(&mut self.queues[who])
    }

    pub fn release(&mut self, who: usize, held: Vec<Vec<u8>>) {
        self.queues[who].extend(held);
    }

    /// Lets time pass in which both applications work.
    pub fn pass(&mut self, ms: u64) {
        let ticks = (ms / TICK_MS).clamp(1, 60);
        for _ in 0..ticks {
            let step = (ms / ticks).max(1);
            self.now = Timestamp::from_millis(self.now.as_millis() + step);
            self.provider.advance_to(self.now);
            for who in 0..2 {
                self.turn(who);
            }
        }
    }

    fn is_lost(&mut self) -> bool {
        self.rng.random_bool(LOSS)
    }

    /// What an application does in a turn: it receives, keeps up, and posts what waits.
    pub fn turn(&mut self, who: usize) {
        self.fetch(who);
        let now = self.now;
        let upkeep = self.phones[who].upkeep(now, &mut self.rng);
        let upkeep = upkeep.expect("the store is in memory");
        for account in &upkeep.rosters {
            self.take_roster(who, account);
        }
        for wanted in &upkeep.bundles {
            if self.is_lost() {
                continue; // the answer: the next turn asks again
            }
            let (peer, rng) = (&wanted.account, &mut self.rng);
            let bundles = self.provider.bundles(peer).expect("it published prekeys");
            let restarted = self.phones[who].restart(peer, &bundles, now, rng);
            self.restarts[who] += u32::from(restarted.is_ok());
        }
        self.post(who);
    }

    fn post(&mut self, who: usize) {
        let waiting = self.phones[who].outbox(None, usize::MAX, self.now);
        for outgoing in waiting.expect("the store is in memory").items {
            if self.is_lost() {
                continue;
            }
            let (delivery, receipt) = self.relay(who, &outgoing);
            self.queues[1 - who].push(delivery);
            if !self.is_lost() {
                let confirmed = self.phones[who].confirm(&outgoing.to, &receipt);
                confirmed.expect("the receipt is genuine");
            }
        }
    }

    fn relay(&mut self, who: usize, outgoing: &Outgoing) -> (Vec<u8>, Vec<u8>) {
        let (me, to) = (
            self.phones[who].me().clone(),
            self.phones[1 - who].me().clone(),
        );
        let (envelope, now) = (&outgoing.envelope, self.now);
        let relayed = match outgoing.again_for.is_some() {
            true => self.provider.relay_again(&me, envelope, now).ok(),
            false => self.provider.relay(&me, &to, envelope, now).ok(),
        };
        let relayed = relayed.expect("it is posted now, by its sender");
        (relayed.delivery, relayed.receipt)
    }

    fn fetch(&mut self, who: usize) {
        let mut queued = std::mem::take(&mut self.queues[who]);
        queued.shuffle(&mut self.rng);
        for delivery in queued {
            let times = match (self.is_lost(), self.rng.random_bool(REPEAT)) {
                (true, _) => 0,
                (_, true) => 2,
                _ => 1,
            };
            let mut is_acknowledged = false;
            for _ in 0..times {
                is_acknowledged = self.receive(who, &delivery) && !self.is_lost();
            }
            if !is_acknowledged {
                self.queues[who].push(delivery);
            }
        }
    }

    /// One phone fetches a roster, and may accept another account key.
    fn take_roster(&mut self, who: usize, account: &AccountId) {
        let (now, phone) = (self.now, &mut self.phones[who]);
        let roster = self.provider.roster(account);
        let taken = phone.take_roster(account, &roster, now);
        if let Err(TakeRosterError::IdentityChanged { new }) = taken
            && self.accepts_identities
        {
            let accepted = phone.accept_identity(account, &new);
            accepted.expect("the store is in memory");
            let taken = phone.take_roster(account, &roster, now);
            taken.expect("its key was accepted");
        }
    }

    /// Receives a delivery. Returns whether it may be acknowledged.
    fn receive(&mut self, who: usize, delivery: &[u8]) -> bool {
        let received = match self.skips == Some(who) {
            true => self.phones[who].skip(delivery),
            false => self.phones[who].receive(delivery),
        };
        match received {
            Ok(Received::Message { from, message, .. }) => {
                let sent = self.sent.iter_mut().find(|sent| sent.id == *message.id());
                sent.expect("it was sent").shown += 1;
                // Bob's application accepts everyone who writes to him.
                let accepted = self.phones[who].accept_contact(&from);
                accepted.expect("the store is in memory");
                true
            }
            Ok(Received::Skipped { .. }) => {
                self.skipped += 1;
                true
            }
            Ok(_) => true,
            Err(ReceiveError::UnknownDevice { device }) => {
                self.take_roster(who, &device.account);
                false // it opens when it arrives again
            }
            Err(error) => matches!(error.advice(), Advice::AskAgain | Advice::Drop),
        }
    }

    /// How many messages count as not delivered at their sender: of those that were never shown,
    /// and of those that were.
    pub fn not_delivered(&self) -> (usize, usize) {
        let (mut rightly, mut wrongly) = (0, 0);
        for sent in &self.sent {
            let peer = self.account(1 - sent.from);
            let message = self.phones[sent.from].message(&peer, &sent.id);
            let message = message.expect("the store is in memory");
            if let Some(Status::NotDelivered(_)) = message.and_then(|message| message.status()) {
                match sent.shown {
                    0 => rightly += 1,
                    _ => wrongly += 1,
                }
            }
        }
        (rightly, wrongly)
    }

    /// How many of the messages that a phone has of its peer verify in a report.
    pub fn reportable(&mut self) -> usize {
        let mut verified = 0;
        for who in 0..2 {
            let peer = self.account(1 - who);
            let messages = self.phones[who].messages(&peer, None, usize::MAX);
            let messages = messages.expect("the store is in memory").items;
            let theirs: Vec<_> = messages
                .iter()
                .filter(|message| message.direction() == waxseal::Direction::Received)
                .map(|message| (*message.id(), Disclosure::Whole))
                .collect();
            for shown in theirs.chunks(REPORTED) {
                let draft = self.phones[who].draft_report(&peer, Reason::Spam, shown.to_vec());
                let draft = draft.expect("the messages have evidence");
                let key = self.moderation.public_key();
                let report = self.phones[who].report(&draft, key, &mut self.rng);
                let report = report.expect("the store is in memory").report;
                let taken = self.provider.examine(&report, self.now, &mut self.rng);
                verified += taken.map_or(0, |_| shown.len());
            }
        }
        verified
    }

    /// How often each message was shown that was sent after the first ones.
    pub fn shown(&self) -> BTreeMap<u32, usize> {
        let mut shown = BTreeMap::new();
        for sent in &self.sent {
            *shown.entry(sent.shown).or_default() += 1;
        }
        shown
    }
}

/// Makes a phone, and publishes its roster and its prekeys.
fn new_phone(
    name: &str,
    key: DeliveryKey,
    now: Timestamp,
    provider: &mut Provider,
    rng: &mut ChaCha20Rng,
) -> Phone {
    let me = address(name);
    let phone = Client::create(MemoryStore::new(), me.clone(), key, now, rng);
    let mut phone = phone.expect("the store is empty");
    let roster = phone.own_roster().expect("the store is in memory");
    let roster = roster.expect("a new account has one");
    provider.put_roster(&me, roster.signed().encode());
    let upload = phone.publish_prekeys(0, rng).expect("numbers are left");
    provider.publish(&me.account, upload.base.clone(), upload.one_time.clone());
    phone
        .confirm_prekeys(&upload)
        .expect("the store is in memory");
    phone
}
