//! Phones with a courier, a relay, and what the applications do in between.

use rand_chacha::ChaCha20Rng;
use waxseal::courier::{Courier, Event, Request, Trouble};
use waxseal::errors::StateError;
use waxseal::reporting::limits::MAX_REPORTED;
use waxseal::{
    AccountId, Direction, Disclosure, FrankingTag, MemoryStore, Message, Reason, Status, Timestamp,
};
use waxseal_world::{NOW, Relay, account, address, rng};

use crate::disk::{Disk, Stop, Stopped};

pub(crate) const MINUTE_MS: u64 = 60_000;
pub(crate) const HOUR_MS: u64 = 60 * MINUTE_MS;
pub(crate) const DAY_MS: u64 = 24 * HOUR_MS;

/// Requests that a courier may make in one turn. More means that it does not come to rest.
const MAX_REQUESTS: usize = 1_200;

/// A device with a courier.
pub(crate) struct Phone {
    pub(crate) courier: Courier<Disk>,
    pub(crate) disk: Disk,
    pub(crate) connection: Option<u64>,
    pub(crate) events: Vec<Event>,
    pub(crate) rng: ChaCha20Rng,
    /// How far the phone's clock is ahead of the relay's.
    pub(crate) ahead_ms: i64,
    /// Whether the application goes on with the same courier after its store failed.
    pub(crate) goes_on: bool,
    /// The process ends after this many requests, before the answer comes.
    pub(crate) ends_after: Option<usize>,
    name: &'static str,
}

impl Phone {
    pub(crate) fn new(name: &'static str, seed: u64) -> Self {
        Self::on(Disk::new(MemoryStore::new()), name, seed)
    }

    /// A new account, or the account that the disk holds.
    pub(crate) fn on(disk: Disk, name: &'static str, seed: u64) -> Self {
        let mut rng = rng(seed);
        let courier = match Courier::open(disk.clone()) {
            Ok(courier) => courier,
            Err(_) => create(&disk, name, &mut rng),
        };
        Self::of(courier, disk, name, rng)
    }

    /// A device with this courier.
    pub(crate) fn of(
        courier: Courier<Disk>,
        disk: Disk,
        name: &'static str,
        rng: ChaCha20Rng,
    ) -> Self {
        Self {
            courier,
            disk,
            connection: None,
            events: Vec::new(),
            rng,
            ahead_ms: 0,
            goes_on: false,
            ends_after: None,
            name,
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn account(&self) -> AccountId {
        account(self.name)
    }

    /// The process ends and starts again.
    pub(crate) fn restart(&mut self) {
        self.take_events();
        self.connection = None;
        self.courier = match Courier::open(self.disk.clone()) {
            Ok(courier) => courier,
            Err(_) => create(&self.disk, self.name, &mut self.rng),
        };
    }

    /// The machine stops in a commit that is `commits_before` further ones away.
    pub(crate) fn stop_in(&mut self, commits_before: u32, way: u32) {
        *self.disk.stop.borrow_mut() = Some(Stop {
            commits_before,
            way,
        });
    }

    pub(crate) fn failed(&mut self) {
        if !self.goes_on {
            self.restart();
        }
    }

    pub(crate) fn now(&self, relay: &Relay) -> Timestamp {
        let now = relay.provider.now.as_millis();
        Timestamp::from_millis(now.saturating_add_signed(self.ahead_ms))
    }

    /// Does everything that the courier asks for now. Returns how many requests it made.
    pub(crate) fn turn(&mut self, relay: &mut Relay) -> usize {
        let now = self.now(relay);
        let mut requests = 0;
        while self.step(relay, now) {
            requests += 1;
            assert!(requests < MAX_REQUESTS, "the courier does not come to rest");
        }
        self.take_events();
        requests
    }

    /// Does one thing that the courier asks for. Returns whether there was one.
    pub(crate) fn step(&mut self, relay: &mut Relay, now: Timestamp) -> bool {
        match self.courier.next(now, &mut self.rng) {
            Ok(Some(request)) => {
                self.carry_out(request, relay, now);
                return true;
            }
            Ok(None) => {}
            Err(error) => {
                assert_stopped(&error);
                self.failed();
                return true;
            }
        }
        let Some(connection) = self.connection else {
            return false;
        };
        if !relay.is_connected(connection) {
            self.connection = None;
            self.courier.disconnected();
            return true;
        }
        let frames = relay.frames(connection);
        if frames.is_empty() {
            return false;
        }
        if let Err(error) = self.courier.deliver(&frames, now) {
            assert_stopped(&error);
            self.failed();
        }
        true
    }

    fn carry_out(&mut self, request: Request, relay: &mut Relay, now: Timestamp) {
        let (id, answer) = match request {
            Request::Call { id, http, .. } => (id, relay.send(&http)),
            Request::Connect { id, http } => {
                let (answer, connection) = relay.open(&http);
                self.connection = connection;
                (id, answer)
            }
            Request::Frame(frame) => {
                // What is written to a connection that ended is lost.
                let connection = self.connection.filter(|id| relay.is_connected(*id));
                let taken = connection.map(|id| relay.take(id, &frame));
                assert_ne!(taken, Some(false), "the relay does not take a frame");
                return;
            }
        };
        match &mut self.ends_after {
            Some(0) => {
                self.ends_after = None;
                return self.restart();
            }
            Some(left) => *left -= 1,
            None => {}
        }
        if let Err(error) = self.courier.answer(id, answer, now, &mut self.rng) {
            assert_stopped(&error);
            self.failed();
        }
    }

    pub(crate) fn take_events(&mut self) {
        self.events.append(&mut self.courier.events());
    }

    /// Writes a message, once, whatever the store does.
    pub(crate) fn say(&mut self, to: &str, text: &str, relay: &Relay) -> FrankingTag {
        let (now, to) = (self.now(relay), account(to));
        for _ in 0..3 {
            match self.courier.send(&to, text, now, &mut self.rng) {
                Ok(id) => return id,
                Err(_) => self.failed(),
            }
            // After a stop, the application looks whether the message was stored.
            let stored = self.messages(&to);
            let stored = stored.iter().find(|message| message.text() == Some(text));
            if let Some(message) = stored {
                return *message.id();
            }
        }
        panic!("the store works now");
    }

    pub(crate) fn messages(&self, peer: &AccountId) -> Vec<Message> {
        let mut page = self.courier.client().messages(peer, None, 500).unwrap();
        page.items.sort_by_key(Message::ordinal);
        page.items
    }

    /// The texts that a peer wrote to this phone, as they are stored.
    pub(crate) fn heard(&self, peer: &str) -> Vec<String> {
        let messages = self.messages(&account(peer));
        let received = messages
            .iter()
            .filter(|message| message.direction() == Direction::Received);
        received
            .map(|message| message.text().unwrap_or_default().to_owned())
            .collect()
    }

    pub(crate) fn status(&self, peer: &str, id: &FrankingTag) -> Status {
        let message = self.courier.client().message(&account(peer), id).unwrap();
        message.unwrap().status().unwrap()
    }

    pub(crate) fn outbox(&self) -> usize {
        let page = self.courier.client().outbox(None, 1_000, NOW).unwrap();
        page.items.len()
    }

    /// How many events are like this.
    pub(crate) fn count(&self, is: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|event| is(event)).count()
    }

    pub(crate) fn troubles(&self) -> Vec<Trouble> {
        let trouble = |event: &Event| match event {
            Event::Trouble(trouble) => Some(trouble.clone()),
            _ => None,
        };
        self.events.iter().filter_map(trouble).collect()
    }

    /// Every message that is stored can be reported, and the report verifies.
    pub(crate) fn assert_all_can_be_reported(&mut self, peer: &str, relay: &Relay) {
        let peer = account(peer);
        let mut messages = self.messages(&peer);
        // The relay has destroyed the keys of earlier ones.
        let oldest = relay.provider.now.as_millis() - 29 * DAY_MS;
        messages.retain(|message| message.accepted_at() > Some(Timestamp::from_millis(oldest)));
        if messages.is_empty() {
            return;
        }
        for messages in messages.chunks(MAX_REPORTED) {
            let chosen = messages
                .iter()
                .map(|message| (*message.id(), Disclosure::Whole));
            let client = self.courier.client_mut();
            let draft = client.draft_report(&peer, Reason::Spam, chosen).unwrap();
            let key = relay.provider.moderation.public_key();
            let report = client.report(&draft, key, &mut self.rng).unwrap();
            let verified = relay.provider.verify(&report.report).unwrap();
            assert_eq!(verified.messages().len(), messages.len());
            client.confirm_report(report.id).unwrap();
        }
    }
}

fn create(disk: &Disk, name: &str, rng: &mut ChaCha20Rng) -> Courier<Disk> {
    for _ in 0..3 {
        if let Ok(courier) = Courier::create(disk.clone(), address(name), NOW, rng) {
            return courier;
        }
        if let Ok(courier) = Courier::open(disk.clone()) {
            return courier;
        }
    }
    panic!("the store works now");
}

fn assert_stopped(error: &StateError<Stopped>) {
    assert!(matches!(error, StateError::Store(_)), "{error}");
}

/// A relay and its phones.
pub(crate) struct Town {
    pub(crate) relay: Relay,
    pub(crate) phones: Vec<Phone>,
}

impl Town {
    /// Phones that are not registered yet.
    pub(crate) fn of(names: &[&'static str]) -> Self {
        let phones = names.iter().zip(1..);
        Self {
            relay: Relay::new(7),
            phones: phones.map(|(name, seed)| Phone::new(name, seed)).collect(),
        }
    }

    /// Phones that are not registered yet, and that make only a few prekeys.
    pub(crate) fn quick(names: &[&'static str]) -> Self {
        let mut town = Self::of(names);
        town.relay.claimed_prekeys = 97;
        town
    }

    /// Phones that are registered and connected.
    pub(crate) fn registered(names: &[&'static str]) -> Self {
        let mut town = Self::quick(names);
        town.turn();
        town
    }

    /// Alice and Bob, each of whom has written to the other and accepted the other.
    pub(crate) fn of_two() -> Self {
        let mut town = Self::registered(&["alice", "bob"]);
        town.say(0, "bob", "hello");
        town.turn();
        town.say(1, "alice", "hello yourself");
        town.turn();
        town.accept(0, "bob");
        town.accept(1, "alice");
        town.turn();
        town.wait(1);
        town.phones
            .iter_mut()
            .for_each(|phone| phone.events.clear());
        town
    }

    pub(crate) fn say(&mut self, who: usize, to: &str, text: &str) -> FrankingTag {
        self.phones[who].say(to, text, &self.relay)
    }

    pub(crate) fn accept(&mut self, who: usize, peer: &str) {
        let (phone, peer) = (&mut self.phones[who], account(peer));
        while phone.courier.client_mut().accept_contact(&peer).is_err() {
            phone.failed();
        }
    }

    /// Every phone does everything there is to do now. Returns how many requests they made.
    pub(crate) fn turn(&mut self) -> usize {
        let mut all = 0;
        for _ in 0..50 {
            let mut requests = 0;
            for phone in &mut self.phones {
                requests += phone.turn(&mut self.relay);
            }
            if requests == 0 {
                return all;
            }
            all += requests;
        }
        panic!("the phones do not come to rest");
    }

    /// One phone does everything there is to do now.
    pub(crate) fn turn_of(&mut self, who: usize) -> usize {
        self.phones[who].turn(&mut self.relay)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.relay.provider.now
    }

    /// The clock moves on.
    pub(crate) fn wait(&mut self, ms: u64) {
        let now = self.now().as_millis() + ms;
        self.relay.set_now(Timestamp::from_millis(now));
    }

    /// Time passes, and every phone does at its time what it has to do. A courier that is due all
    /// the time makes this fail.
    pub(crate) fn live(&mut self, ms: u64) {
        let end = self.now().as_millis() + ms;
        for _ in 0..5_000 {
            self.turn();
            let now = self.now().as_millis();
            if now >= end {
                return;
            }
            let wakes = self.phones.iter().filter_map(|phone| {
                let at = phone.courier.wake_at(phone.now(&self.relay))?.as_millis();
                Some(at.saturating_add_signed(-phone.ahead_ms))
            });
            let next = wakes.min().unwrap_or(end).max(now + 100).min(end);
            self.relay.set_now(Timestamp::from_millis(next));
        }
        panic!("the phones are never at rest");
    }
}
