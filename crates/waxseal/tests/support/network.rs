//! Clients of one provider and a network that delivers in order, with what the applications do.

use std::collections::{BTreeMap, VecDeque};

use waxseal::errors::{ReceiveError, RetargetError, StartError, TakeRosterError};
use waxseal::{
    Advice, Client, Disclosure, FrankingTag, MemoryStore, Outgoing, Reason, Received, Status,
    Timestamp,
};
use waxseal_world::{PostRefused, Provider, account};

#[path = "lose.rs"]
mod lose;

pub(crate) use lose::lose_sessions;

pub(crate) const MINUTE_MS: u64 = 60_000;
pub(crate) const HOUR_MS: u64 = 60 * MINUTE_MS;

/// Maximum number of rounds of upkeep in which everything must come to rest.
const ROUNDS: usize = 40;

pub(crate) struct Network {
    pub(crate) world: Provider,
    pub(crate) clients: Vec<Client<MemoryStore>>,
    names: Vec<&'static str>,
    /// What the relay queues for each client, stamped: sender and envelope.
    queues: Vec<VecDeque<Vec<u8>>>,
    /// Clients whose messages are not posted yet.
    held: Vec<bool>,
    shown: Vec<Vec<String>>,
    /// Sessions that each client started because of refusals.
    pub(crate) restarts: Vec<usize>,
    pub(crate) identity_changes: Vec<(usize, usize)>,
    pub(crate) sealed_again: BTreeMap<FrankingTag, usize>,
    /// Refusals and receipts that the relay accepted.
    pub(crate) notes: usize,
    pub(crate) loses_notes: bool,
    pub(crate) lost_notes: usize,
    pub(crate) refuses_everything: bool,
    pub(crate) skips: Option<usize>,
    pub(crate) skipped: usize,
}

impl Network {
    pub(crate) fn of(names: &[&'static str]) -> Self {
        let mut world = Provider::new(7);
        Self {
            clients: names.iter().map(|name| world.register(name)).collect(),
            world,
            names: names.to_vec(),
            queues: vec![VecDeque::new(); names.len()],
            held: vec![false; names.len()],
            shown: vec![Vec::new(); names.len()],
            restarts: vec![0; names.len()],
            identity_changes: Vec::new(),
            sealed_again: BTreeMap::new(),
            notes: 0,
            loses_notes: false,
            lost_notes: 0,
            refuses_everything: false,
            skips: None,
            skipped: 0,
        }
    }

    pub(crate) fn start(&mut self, from: usize, to: usize) {
        let peer = account(self.names[to]);
        self.world.start(&mut self.clients[from], &peer);
    }

    /// Both have written to each other, and have a session that works.
    pub(crate) fn converse(&mut self, one: usize, other: usize) {
        self.start(one, other);
        self.send(one, other, "hello");
        self.run();
        self.send(other, one, "hello yourself");
        self.run();
    }

    pub(crate) fn send(&mut self, from: usize, to: usize, text: &str) -> FrankingTag {
        self.wait(1);
        let peer = account(self.names[to]);
        if !self.clients[from].has_session(&peer).unwrap() {
            self.start(from, to);
        }
        let (now, rng) = (self.world.now, &mut self.world.rng);
        let sent = self.clients[from].send(&peer, text, now, rng).unwrap();
        if !self.held[from] {
            self.post(from, &sent);
        }
        sent.id
    }

    pub(crate) fn hold(&mut self, who: usize) {
        self.held[who] = true;
    }

    pub(crate) fn release(&mut self, who: usize) {
        self.held[who] = false;
        let waiting = self.clients[who].outbox(None, 100, self.world.now).unwrap();
        for outgoing in waiting.items {
            self.post(who, &outgoing);
        }
    }

    fn index(&self, name: &str) -> usize {
        self.names.iter().position(|known| *known == name).unwrap()
    }

    pub(crate) fn post(&mut self, from: usize, outgoing: &Outgoing) {
        let to = self.index(outgoing.to.account().unwrap().as_str());
        let (sender, recipient) = (
            self.clients[from].me().clone(),
            self.clients[to].me().clone(),
        );
        let (stamped, receipt) = if outgoing.again_for.is_some() {
            *self.sealed_again.entry(outgoing.id).or_default() += 1;
            self.world.post_again(&sender, &outgoing.envelope).unwrap()
        } else {
            let stamped = match self.world.stamp(&sender, &recipient, &outgoing.envelope) {
                Err(PostRefused::Mismatch) => return self.retarget(from, to, outgoing),
                stamped => stamped.unwrap(),
            };
            let key = self.world.key(&sender);
            let receipt = waxseal::reporting::relay::Receipt::new(stamped.claim(), &key);
            (stamped, receipt.encode())
        };
        let mark = self.clients[from].mark().unwrap();
        self.world.keep_mark(&sender, mark);
        self.clients[from].confirm(&outgoing.to, &receipt).unwrap();
        let is_message = self.clients[from]
            .message(&outgoing.to, &outgoing.id)
            .unwrap()
            .is_some();
        self.notes += usize::from(!is_message);
        if !is_message && self.loses_notes {
            self.lost_notes += 1;
        } else {
            self.queues[to].push_back(stamped.encode());
        }
    }

    /// Seals a message for the devices that the relay names, and posts it again. It stays where it
    /// is if the account key changed.
    fn retarget(&mut self, from: usize, to: usize, outgoing: &Outgoing) {
        let sender = self.clients[from].me().clone();
        let recipient = outgoing.to.account().unwrap();
        let mismatch = self.world.mismatch(&sender, recipient, &outgoing.envelope);
        let (now, rng) = (self.world.now, &mut self.world.rng);
        let client = &mut self.clients[from];
        match client.retarget(recipient, &outgoing.id, &mismatch, now, rng) {
            Ok(outgoing) => self.post(from, &outgoing),
            Err(RetargetError::Roster(TakeRosterError::IdentityChanged { .. })) => {
                self.note_identity_change(from, to);
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// The provider shows the roster of a peer.
    #[allow(dead_code, reason = "only some tests do it by hand")]
    pub(crate) fn show_roster(&mut self, who: usize, peer: usize) {
        let peer = account(self.names[peer]);
        self.world.show_roster(&mut self.clients[who], &peer);
    }

    fn note_identity_change(&mut self, who: usize, peer: usize) {
        if !self.identity_changes.contains(&(who, peer)) {
            self.identity_changes.push((who, peer));
        }
    }

    /// Delivers all that the relay has. What comes from an unknown device stays there.
    pub(crate) fn deliver_all(&mut self) {
        for to in 0..self.clients.len() {
            if self.refuses_everything && to == 1 {
                self.lose_sessions(1, 0);
                self.clients[1].reset_prekeys(&mut self.world.rng).unwrap();
            }
            let queued = std::mem::take(&mut self.queues[to]);
            for stamped in queued {
                let me = self.clients[to].me().clone();
                let delivery = self.world.deliver(&me, &stamped);
                if self.skips == Some(to) {
                    let received = self.clients[to].skip(&delivery).unwrap();
                    self.skipped += usize::from(matches!(received, Received::Skipped { .. }));
                    continue;
                }
                match self.clients[to].receive(&delivery) {
                    Ok(Received::Message { message, .. }) => {
                        self.shown[to].push(message.text().unwrap().to_owned());
                    }
                    Ok(_) => {}
                    Err(ReceiveError::UnknownDevice { .. }) => self.queues[to].push_back(stamped),
                    Err(error) => {
                        let advice = error.advice();
                        assert!(
                            [Advice::AskAgain, Advice::Drop].contains(&advice),
                            "{error:?}"
                        );
                    }
                }
            }
        }
    }

    /// Delivers, and does what each client's upkeep asks for, until there is nothing to do.
    pub(crate) fn run(&mut self) {
        for _ in 0..ROUNDS {
            self.deliver_all();
            let mut is_quiet = true;
            for who in 0..self.clients.len() {
                let now = self.world.now;
                let upkeep = self.clients[who].upkeep(now, &mut self.world.rng).unwrap();
                for outgoing in &upkeep.outgoing {
                    self.wait(1);
                    self.post(who, outgoing);
                    is_quiet = false;
                }
                for peer in &upkeep.rosters {
                    let roster = self.world.roster(peer);
                    match self.clients[who].take_roster(peer, &roster, now) {
                        Ok(_) => {}
                        Err(TakeRosterError::IdentityChanged { .. }) => {
                            let peer = self.index(peer.as_str());
                            self.note_identity_change(who, peer);
                        }
                        Err(error) => panic!("{error}"),
                    }
                    is_quiet = false;
                }
                for wanted in &upkeep.bundles {
                    let peer = &wanted.account;
                    let bundles = self.world.bundles(peer);
                    let rng = &mut self.world.rng;
                    match self.clients[who].restart(peer, &bundles, now, rng) {
                        Ok(_) => self.restarts[who] += 1,
                        Err(StartError::IdentityChanged { .. }) => {
                            let peer = self.index(peer.as_str());
                            self.note_identity_change(who, peer);
                            continue;
                        }
                        Err(error) => panic!("{error}"),
                    }
                    is_quiet = false;
                }
            }
            if is_quiet {
                return;
            }
        }
        panic!("upkeep does not come to rest");
    }

    pub(crate) fn wait(&mut self, ms: u64) {
        self.world.now = Timestamp::from_millis(self.world.now.as_millis() + ms);
    }

    pub(crate) fn shown(&self, who: usize) -> Vec<String> {
        self.shown[who].clone()
    }

    pub(crate) fn status(&self, who: usize, peer: usize, id: &FrankingTag) -> Status {
        let peer = account(self.names[peer]);
        let message = self.clients[who].message(&peer, id).unwrap().unwrap();
        message.status().unwrap()
    }

    /// The device loses everything, and registers again with another identity.
    pub(crate) fn reinstall(&mut self, who: usize) {
        self.clients[who] = self.world.register(self.names[who]);
        self.shown[who].clear();
    }

    pub(crate) fn accept_identity(&mut self, who: usize, peer: usize) {
        let peer = account(self.names[peer]);
        let key = self.world.account_key(&peer);
        self.clients[who].accept_identity(&peer, &key).unwrap();
        self.world.show_roster(&mut self.clients[who], &peer);
    }

    /// The device loses its sessions with a peer.
    pub(crate) fn lose_sessions(&mut self, who: usize, peer: usize) {
        let peer = account(self.names[peer]);
        lose_sessions(&mut self.world, &mut self.clients[who], &peer);
    }

    pub(crate) fn assert_report_verifies(
        &mut self,
        who: usize,
        peer: usize,
        shown: Vec<(FrankingTag, Disclosure)>,
    ) {
        let peer = account(self.names[peer]);
        let count = shown.len();
        let draft = self.clients[who]
            .draft_report(&peer, Reason::Spam, shown)
            .unwrap();
        let key = self.world.moderation.public_key();
        let report = self.clients[who]
            .report(&draft, key, &mut self.world.rng)
            .unwrap();
        assert_eq!(
            self.world.verify(&report.report).unwrap().messages().len(),
            count
        );
    }
}
