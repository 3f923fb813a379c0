//! The relay in memory: rosters, bundles, queues and mailboxes of accounts with several devices, as
//! the specification of the provider interface says; and what clients do when it lies.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

#[path = "relay/blobs.rs"]
mod blobs;
#[path = "relay/contacts.rs"]
mod contacts;

use std::collections::BTreeMap;

use waxseal::errors::{SendError, StartError, TakeRosterError};
use waxseal::linking::NewDevice;
use waxseal::roster::SignedRoster;
use waxseal::{
    Bundles, Client, DeliveryKey, DeviceAddress, DeviceBundle, DeviceId, MemoryStore, Notice,
    Received, RosterChange, Timestamp,
};
use waxseal_interface::{
    AskBundles, Challenge, ContactHeaders, ErrorBody, ErrorCode, HttpAnswer, QUEUE_EXPIRED_ID,
    Register, Request, Session, SignIn, register_context, seal_delivery_key, session_context,
};
use waxseal_world::{Provider, Relay, account};

const DAY_MS: u64 = 86_400_000;

/// Devices that speak to the relay by hand.
struct Town {
    relay: Relay,
    clients: BTreeMap<DeviceAddress, Client<MemoryStore>>,
    tokens: BTreeMap<DeviceAddress, String>,
}

fn at(name: &str, device: u32) -> DeviceAddress {
    DeviceAddress::new(account(name), DeviceId(device))
}

impl Town {
    /// Alice and Bob with one device each.
    fn new() -> Self {
        let mut town = Self {
            relay: Relay::new(7),
            clients: BTreeMap::new(),
            tokens: BTreeMap::new(),
        };
        for name in ["alice", "bob"] {
            let (now, me) = (town.relay.provider.now, at(name, 1));
            let rng = &mut town.relay.provider.rng;
            let key = DeliveryKey::generate(rng);
            let client = Client::create(MemoryStore::new(), me.clone(), key, now, rng);
            town.clients.insert(me.clone(), client.unwrap());
            town.join(&me);
        }
        town
    }

    fn ask(&mut self, request: &Request, token: Option<&str>) -> HttpAnswer {
        let (request, asked) = request.ask(token, &mut self.relay.provider.rng).unwrap();
        let answer = self.relay.call(&request);
        let relay_key = self.relay.card().relay_key;
        let me = self
            .tokens
            .iter()
            .find(|(_, known)| Some(known.as_str()) == token);
        let key = me.map(|(me, _)| self.clients[me].delivery_key());
        let header = |name: &str| answer.header(name);
        assert!(asked.is_authentic(&relay_key, key, header, answer.status, &answer.body));
        answer
    }

    fn of(&mut self, me: &DeviceAddress, request: &Request) -> Result<Vec<u8>, Box<ErrorBody>> {
        let token = self.tokens.get(me).cloned();
        let answer = self.ask(request, token.as_deref());
        match answer.is_success() {
            true => Ok(answer.body),
            false => Err(Box::new(answer.error())),
        }
    }

    fn challenge(&mut self) -> Vec<u8> {
        let challenge: Challenge = self.ask(&Request::Challenge, None).json().unwrap();
        challenge.challenge
    }

    fn register(
        &mut self,
        me: &DeviceAddress,
        roster: Option<Vec<u8>>,
    ) -> Result<u16, Box<ErrorBody>> {
        let challenge = self.challenge();
        let (card, client) = (self.relay.card(), &self.clients[me]);
        let (sealing, rng) = (card.sealing_key().unwrap(), &mut self.relay.provider.rng);
        let sealed = seal_delivery_key(&sealing, client.delivery_key(), me, rng).unwrap();
        let identity = client.identity().to_bytes();
        let context = register_context(&card.relay_key, &challenge, me, &identity, &sealed);
        let register = Register {
            name: me.account.as_str().to_owned(),
            device: me.device.0,
            identity,
            proof: client.prove_account(&context),
            sealed_delivery_key: sealed,
            challenge,
            roster,
        };
        let answer = self.ask(&Request::Register(register), None);
        if !answer.is_success() {
            return Err(Box::new(answer.error()));
        }
        let session: Session = answer.json().unwrap();
        self.tokens.insert(me.clone(), session.token);
        Ok(answer.status)
    }

    fn sign_in(&mut self, me: &DeviceAddress) -> Result<(), Box<ErrorBody>> {
        let challenge = self.challenge();
        let context = session_context(&self.relay.card().relay_key, &challenge, me);
        let sign_in = SignIn {
            name: me.account.as_str().to_owned(),
            device: me.device.0,
            proof: self.clients[me].prove_account(&context),
            challenge,
        };
        let answer = self.ask(&Request::SignIn(sign_in), None);
        match answer.is_success() {
            true => Ok(()),
            false => Err(Box::new(answer.error())),
        }
    }

    /// A device registers with its roster, and publishes prekeys.
    fn join(&mut self, me: &DeviceAddress) {
        let roster = self.own_roster(me);
        assert_eq!(self.register(me, Some(roster)).unwrap(), 201);
        let client = self.clients.get_mut(me).unwrap();
        let upload = client
            .publish_prekeys(98, &mut self.relay.provider.rng)
            .unwrap();
        let prekeys = waxseal_interface::PreKeys {
            base: upload.base.clone(),
            one_time: upload.one_time.clone(),
            replace: false,
        };
        self.of(me, &Request::PutPreKeys(prekeys)).unwrap();
        let client = self.clients.get_mut(me).unwrap();
        client.confirm_prekeys(&upload).unwrap();
    }

    fn own_roster(&self, me: &DeviceAddress) -> Vec<u8> {
        let roster = self.clients[me].own_roster().unwrap().unwrap();
        roster.signed().encode()
    }

    /// Begins to link a device, and signs the roster.
    fn sign_link(&mut self, manager: &DeviceAddress) -> (NewDevice, Vec<u8>) {
        let client = self.clients.get_mut(manager).unwrap();
        let new = self.relay.provider.begin_link(client);
        let pending = self.clients[manager].pending_roster().unwrap().unwrap();
        (new, pending)
    }

    /// Links a device to an account, over the relay.
    fn link(&mut self, manager: &DeviceAddress) -> DeviceAddress {
        let (mut new, roster) = self.sign_link(manager);
        self.of(manager, &Request::PutRoster(roster)).unwrap();
        let now = self.relay.provider.now;
        let client = self.clients.get_mut(manager).unwrap();
        let welcome = client.confirm_roster(now).unwrap().unwrap();
        new.take_welcome(&welcome.roster).unwrap();
        let rng = &mut self.relay.provider.rng;
        let key = DeliveryKey::generate(rng);
        let client = new.into_client(MemoryStore::new(), key, rng).unwrap();
        let me = client.me().clone();
        self.clients.insert(me.clone(), client);
        self.join(&me);
        me
    }

    fn remove(&mut self, manager: &DeviceAddress, device: u32) -> Vec<u8> {
        let now = self.relay.provider.now;
        let client = self.clients.get_mut(manager).unwrap();
        client.remove_device(DeviceId(device), now).unwrap()
    }

    /// Fetches the bundles of an account, and starts sessions.
    fn start(&mut self, me: &DeviceAddress, name: &str) {
        let asked = AskBundles {
            name: name.to_owned(),
            devices: Vec::new(),
        };
        let body = self.of(me, &Request::Bundles(asked)).unwrap();
        let found: waxseal_interface::Bundles = serde_json::from_slice(&body).unwrap();
        let devices = found.devices.into_iter().map(|found| DeviceBundle {
            device: DeviceId(found.device),
            base: found.base,
            one_time: found.one_time,
        });
        let bundles = Bundles {
            roster: found.roster,
            devices: devices.collect(),
        };
        let (now, rng) = (self.relay.provider.now, &mut self.relay.provider.rng);
        let client = self.clients.get_mut(me).unwrap();
        client.start(&account(name), &bundles, now, rng).unwrap();
    }

    /// Seals a message, and posts it.
    fn post(
        &mut self,
        me: &DeviceAddress,
        to: &str,
        text: &str,
    ) -> Result<Vec<u8>, Box<ErrorBody>> {
        let (now, rng) = (self.relay.provider.now, &mut self.relay.provider.rng);
        let client = self.clients.get_mut(me).unwrap();
        let posted = client.send(&account(to), text, now, rng).unwrap().envelope;
        let request = Request::Post {
            recipient: account(to),
            posted,
            mark: None,
            contact: ContactHeaders::default(),
        };
        self.of(me, &request)
    }

    fn set_now(&mut self, later_ms: u64) {
        let now = self.relay.provider.now.as_millis() + later_ms;
        self.relay.set_now(Timestamp::from_millis(now));
    }
}

fn code<T: std::fmt::Debug>(refused: Result<T, Box<ErrorBody>>) -> ErrorCode {
    refused.unwrap_err().error
}

#[test]
fn a_first_device_needs_a_roster_that_lists_it_and_others_need_to_be_listed() {
    let mut town = Town::new();
    let carol = at("carol", 1);
    let (now, rng) = (town.relay.provider.now, &mut town.relay.provider.rng);
    let key = DeliveryKey::generate(rng);
    let client = Client::create(MemoryStore::new(), carol.clone(), key, now, rng).unwrap();
    town.clients.insert(carol.clone(), client);
    assert_eq!(code(town.register(&carol, None)), ErrorCode::BadRoster);
    let others = town.own_roster(&at("bob", 1));
    assert_eq!(
        code(town.register(&carol, Some(others))),
        ErrorCode::BadRoster
    );
    let own = town.own_roster(&carol);
    assert_eq!(town.register(&carol, Some(own)).unwrap(), 201);
    assert_eq!(town.register(&carol, None).unwrap(), 200);
    // Another account key has the name no more.
    let (now, rng) = (town.relay.provider.now, &mut town.relay.provider.rng);
    let key = DeliveryKey::generate(rng);
    let other = Client::create(MemoryStore::new(), carol.clone(), key, now, rng).unwrap();
    town.clients.insert(carol.clone(), other);
    let own = town.own_roster(&carol);
    assert_eq!(
        code(town.register(&carol, Some(own))),
        ErrorCode::AccountTaken
    );
    let refused = town.register(&carol, None).unwrap_err();
    assert_eq!(refused.error, ErrorCode::AccountTaken);
    assert!(refused.conflict.is_some());
}

#[test]
fn of_two_rosters_after_the_same_one_the_relay_takes_one() {
    let mut town = Town::new();
    let alice = at("alice", 1);
    let (_, one) = town.sign_link(&alice);
    town.of(&alice, &Request::PutRoster(one.clone())).unwrap();
    town.of(&alice, &Request::PutRoster(one.clone())).unwrap();
    let first = town.relay.provider.rosters(&account("alice"))[0].clone();
    let refused = town.of(&alice, &Request::PutRoster(first)).unwrap_err();
    assert_eq!(refused.error, ErrorCode::RosterConflict);
    assert_eq!(refused.conflict.unwrap().roster, one);
    let shown = town
        .of(&at("bob", 1), &Request::Roster(account("alice")))
        .unwrap();
    assert_eq!(shown, one);
    let mut altered = one.clone();
    *altered.last_mut().unwrap() ^= 1;
    let refused = town.of(&alice, &Request::PutRoster(altered));
    assert_eq!(code(refused), ErrorCode::BadRoster);
    // A roster that was signed long ago is not taken.
    let now = town.relay.provider.now;
    let client = town.clients.get_mut(&alice).unwrap();
    client.confirm_roster(now).unwrap();
    let old = town.remove(&alice, 2);
    town.set_now(2 * DAY_MS);
    town.sign_in(&alice).unwrap();
    town.register(&alice, None).unwrap();
    let refused = town.of(&alice, &Request::PutRoster(old)).unwrap_err();
    assert_eq!(refused.error, ErrorCode::ClockDiffers);
}

#[test]
fn a_message_goes_to_exactly_the_devices_of_both_accounts_and_a_removed_one_is_told() {
    let mut town = Town::new();
    let (alice, bob) = (at("alice", 1), at("bob", 1));
    town.start(&alice, "bob");
    town.post(&alice, "bob", "to one").unwrap();
    let laptop = town.link(&bob);
    let refused = town.post(&alice, "bob", "to two").unwrap_err();
    assert_eq!(refused.error, ErrorCode::Mismatch);
    let mismatch = refused.mismatch.unwrap();
    assert_eq!(
        mismatch.rosters,
        [town.relay.provider.roster(&account("bob"))]
    );
    let missing: Vec<_> = mismatch
        .bundles
        .iter()
        .map(|one| one.bundle.device)
        .collect();
    assert_eq!(missing, [2]);
    assert_eq!(town.relay.queued_of(&bob), 1, "nothing was queued");
    town.start(&alice, "bob");
    town.post(&alice, "bob", "to two").unwrap();
    assert_eq!(
        (town.relay.queued_of(&bob), town.relay.queued_of(&laptop)),
        (2, 1)
    );

    let roster = town.remove(&bob, 2);
    town.of(&bob, &Request::PutRoster(roster)).unwrap();
    assert_eq!(town.relay.queued_of(&laptop), 0);
    let refused = town.of(&laptop, &Request::PreKeysLeft);
    assert_eq!(code(refused), ErrorCode::Removed);
    assert_eq!(code(town.sign_in(&laptop)), ErrorCode::Removed);
    let refused = town.post(&alice, "bob", "to two").unwrap_err();
    assert_eq!(refused.error, ErrorCode::Mismatch);
    assert!(refused.mismatch.unwrap().bundles.is_empty());
}

#[test]
fn a_device_whose_queue_was_full_or_old_is_told_until_it_acknowledges() {
    let mut town = Town::new();
    let (alice, bob) = (at("alice", 1), at("bob", 1));
    let laptop = town.link(&bob);
    town.start(&alice, "bob");
    town.relay.max_queued = 1;
    town.post(&alice, "bob", "one").unwrap();
    let token = town.tokens[&bob].clone();
    let (request, _) = Request::Deliveries
        .ask(Some(&token), &mut town.relay.provider.rng)
        .unwrap();
    let (_, connection) = town.relay.connect(&request);
    let connection = connection.unwrap();
    assert_eq!(code(town.post(&alice, "bob", "two")), ErrorCode::QueueFull);
    town.relay.max_queued = 2;
    assert_eq!(
        town.relay.frames(connection).len(),
        2,
        "a delivery, and the end"
    );
    town.set_now(31 * DAY_MS);
    assert_eq!(town.relay.queued_of(&laptop), 0);
    assert!(!town.relay.is_connected(connection), "its token expired");
    town.register(&laptop, None).unwrap();
    let token = town.tokens[&laptop].clone();
    let (request, asked) = Request::Deliveries
        .ask(Some(&token), &mut town.relay.provider.rng)
        .unwrap();
    for is_acknowledged in [false, true, true] {
        let (answer, connection) = town.relay.connect(&request);
        let frames = town.relay.frames(connection.unwrap());
        let nonce = answer.header(waxseal_interface::NONCE_HEADER).unwrap();
        let nonce = waxseal_interface::decode_nonce(nonce).unwrap();
        let key = town.clients[&laptop].delivery_key();
        let mut macs = waxseal_interface::FrameMacs::of_device(key, &asked, &nonce);
        let first = macs.open(&frames[0]).unwrap();
        let event = waxseal_interface::Event::decode(first).unwrap();
        let is_told = matches!(event, waxseal_interface::Event::QueueExpired { .. });
        if is_acknowledged && is_told {
            let id = QUEUE_EXPIRED_ID;
            let answer = waxseal_interface::Answer::Acknowledged { id };
            let frame = macs.seal(answer.encode());
            assert!(town.relay.take(connection.unwrap(), &frame));
        }
        let told = if frames.len() == 2 {
            "told"
        } else {
            "not told"
        };
        assert_eq!(is_told, told == "told");
    }
    let (_, connection) = town.relay.connect(&request);
    assert_eq!(
        town.relay.frames(connection.unwrap()).len(),
        1,
        "the end alone"
    );
}

#[test]
fn what_is_in_a_slot_of_a_mailbox_is_not_replaced_and_goes_after_ten_minutes() {
    let mut town = Town::new();
    let put = |content: &[u8], slot| Request::PutMailbox {
        mailbox: [7; 16],
        slot,
        content: content.to_vec(),
    };
    let get = Request::Mailbox {
        mailbox: [7; 16],
        slot: 3,
    };
    assert_eq!(town.ask(&get, None).error().error, ErrorCode::NoSuchMailbox);
    for _ in 0..2 {
        assert_eq!(town.ask(&put(b"offer", 3), None).status, 204);
    }
    let other = town.ask(&put(b"another", 3), None).error();
    assert_eq!(other.error, ErrorCode::SlotTaken);
    assert_eq!(town.ask(&get, None).body, b"offer");
    town.relay.max_slots = 1;
    let full = town.ask(&put(b"more", 4), None).error();
    assert_eq!(full.error, ErrorCode::MailboxFull);
    town.set_now(600_000);
    assert_eq!(town.ask(&get, None).error().error, ErrorCode::NoSuchMailbox);
}

/// Alice, who knows Bob, and Bob's two devices.
fn of_three() -> (Provider, Client<MemoryStore>, [Client<MemoryStore>; 2]) {
    let (mut provider, mut alice, mut bob) = Provider::of_two();
    let laptop = provider.link(&mut bob);
    provider.start(&mut alice, &account("bob"));
    (provider, alice, [bob, laptop])
}

#[test]
fn row_1_no_client_sends_to_a_ghost() {
    let (mut provider, mut alice, _bobs) = of_three();
    let bob_id = account("bob");
    let ghost = provider.add_ghost(None, &bob_id);
    assert_eq!(ghost, at("bob", 3));
    let roster = provider.roster(&bob_id);
    assert!(SignedRoster::decode(&roster).is_ok());
    let taken = alice.take_roster(&bob_id, &roster, provider.now);
    assert!(matches!(taken, Err(TakeRosterError::Roster(_))));
    let bundles = provider.bundles(&bob_id);
    let (now, rng) = (provider.now, &mut provider.rng);
    let started = alice.start(&bob_id, &bundles, now, rng);
    assert!(matches!(started, Err(StartError::Roster(_))));
    let sent = alice.send(&bob_id, "hi", now, rng).unwrap();
    // The relay goes by its ghost: it names it again and again, and the client never seals for it.
    let fanout = waxseal_world::fanout_of(&sent.envelope);
    assert_eq!(fanout.slots().len(), 2);
    for _ in 0..3 {
        let mismatch = provider.mismatch(alice.me(), &bob_id, &sent.envelope);
        let (now, rng) = (provider.now, &mut provider.rng);
        let again = alice.retarget(&bob_id, &sent.id, &mismatch, now, rng);
        if let Ok(again) = again {
            let fanout = waxseal_world::fanout_of(&again.envelope);
            assert_eq!(fanout.slots().len(), 2);
        }
    }
    provider.be_honest();
    assert!(
        provider
            .devices(&bob_id)
            .iter()
            .all(|device| *device != ghost)
    );
}

#[test]
fn row_2_an_old_roster_changes_nothing() {
    let (mut provider, mut alice, [mut bob, laptop]) = of_three();
    let bob_id = account("bob");
    provider.remove(&mut bob, laptop.me().device);
    provider.show_roster(&mut alice, &bob_id);
    let newest = alice.roster_of(&bob_id).unwrap();
    let earlier = provider.rosters(&bob_id)[..2].to_vec();
    for old in earlier {
        provider.lie(None, &bob_id, old.clone());
        let taken = alice.take_roster(&bob_id, &old, provider.now).unwrap();
        assert_eq!(taken, RosterChange::Unchanged);
        assert_eq!(alice.roster_of(&bob_id).unwrap(), newest);
    }
}

#[test]
fn row_5_a_frozen_roster_thaws_with_the_first_message_of_an_honest_device() {
    let (mut provider, mut alice, [mut bob, laptop]) = of_three();
    let (alice_id, bob_id) = (account("alice"), account("bob"));
    provider.exchange(&mut alice, &mut bob, "before");
    provider.freeze(Some(&alice_id), &bob_id);
    provider.remove(&mut bob, laptop.me().device);
    provider.show_roster(&mut alice, &bob_id);
    assert_eq!(
        alice.devices(&bob_id).unwrap().len(),
        2,
        "the relay hides the removal"
    );
    provider.exchange(&mut bob, &mut alice, "after");
    // Bob's message names a newer roster, and Alice's names the older one. So Bob tells her.
    let (now, rng) = (provider.now, &mut provider.rng);
    let told = alice.send(&bob_id, "which?", now, rng).unwrap();
    let (delivery, _) = provider.stamp_as(
        alice.me(),
        bob.me(),
        &waxseal_world::envelope_of(&told.envelope),
    );
    bob.receive(&delivery).unwrap();
    let upkeep = bob.upkeep(provider.now, &mut provider.rng).unwrap();
    for outgoing in upkeep.outgoing {
        let (delivery, _) = provider.relay(&bob, &alice, &outgoing.envelope);
        let received = alice.receive(&delivery).unwrap();
        assert!(!matches!(received, Received::Message { .. }));
    }
    assert_eq!(alice.devices(&bob_id).unwrap().len(), 1);
    let changed = alice.notices(None, 9).unwrap().items;
    assert!(
        changed
            .iter()
            .any(|notice| matches!(notice, Notice::DevicesChanged { .. }))
    );
}

#[test]
fn row_4_nothing_is_sent_while_there_are_two_rosters_of_one_version() {
    let (mut provider, mut alice, [mut bob, _laptop]) = of_three();
    let (alice_id, bob_id) = (account("alice"), account("bob"));
    // A manager whose store was copied signs two rosters of one version.
    let records = waxseal_world::snapshot(&bob);
    let mut copy = Client::open(MemoryStore::from_records(records)).unwrap();
    let other = copy.remove_device(DeviceId(2), provider.now).unwrap();
    provider.link(&mut bob);
    provider.show_roster(&mut alice, &bob_id);
    provider.lie(Some(&alice_id), &bob_id, other);
    let roster = provider.roster_for(Some(&alice_id), &bob_id);
    let taken = alice.take_roster(&bob_id, &roster, provider.now);
    assert!(matches!(taken, Err(TakeRosterError::Conflict)));
    let refused = alice.send(&bob_id, "hi", provider.now, &mut provider.rng);
    assert!(matches!(refused, Err(SendError::RosterConflict)));
}
