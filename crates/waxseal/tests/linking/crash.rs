//! Row 49: either device is killed at each of its writes, and the link goes on.

use std::collections::HashMap;

use waxseal::linking::{LinkCode, LinkDigits, LinkSlot, NewDevice};
use waxseal::{Client, DeliveryKey, DeviceId, LinkUnderWay, Rebased};
use waxseal_roster::SignedRoster;
use waxseal_world::NOW;

use super::support::{Answer, Crashing, Relay, create, seeded};

/// The manager, which is killed at one commit and then started again.
struct Manager {
    store: Crashing,
    client: Client<Crashing>,
}

impl Manager {
    fn new() -> Self {
        let store = Crashing::default();
        let client = create(store.clone(), &mut seeded(1));
        Self { store, client }
    }

    fn restart(&mut self) {
        self.client = Client::open(self.store.clone()).unwrap();
    }

    /// Every roster that is in the store counts as signed: it may have left.
    fn note(&self, relay: &mut Relay) {
        if let Some(pending) = self.client.pending_roster().unwrap() {
            relay.posted.push(pending);
        }
    }

    /// Does what is to be done now. `Err` if the process is killed.
    fn step(&mut self, code: &LinkCode, relay: &mut Relay) -> Result<(), ()> {
        let rng = &mut rand::rng();
        let mailbox = code.mailbox();
        match self.client.link_under_way(NOW).map_err(drop)? {
            None if relay.newest().devices().len() == 1 => {
                if let Some(bundle) = relay.get(mailbox, LinkSlot::Bundle) {
                    let offer = self.client.offer_link(code, &bundle, NOW, rng);
                    relay.put(mailbox, LinkSlot::Offer, &offer.map_err(drop)?);
                }
            }
            None => {}
            Some(LinkUnderWay::Offered { mailbox, offer }) => {
                relay.put(mailbox, LinkSlot::Offer, &offer);
                if let Some(reveal) = relay.get(mailbox, LinkSlot::Reveal) {
                    self.client.link_digits(&reveal, NOW, rng).map_err(drop)?;
                }
            }
            Some(LinkUnderWay::Shown { mailbox, .. }) => {
                if let Some(answer) = relay.get(mailbox, LinkSlot::Answer) {
                    self.client.finish_link(&answer, NOW).map_err(drop)?;
                }
            }
            Some(LinkUnderWay::Posting) => {
                let pending = self.client.pending_roster().map_err(drop)?.unwrap();
                match relay.put_roster(&pending) {
                    Answer::Taken => drop(self.client.confirm_roster(NOW).map_err(drop)?),
                    Answer::Conflict(newest) => {
                        drop(self.client.rebase_roster(&newest, NOW).map_err(drop)?);
                    }
                    Answer::Lost => {}
                }
            }
            Some(LinkUnderWay::Welcome(welcome)) => {
                relay.put(welcome.mailbox, LinkSlot::Welcome, &welcome.roster);
            }
            Some(other) => panic!("{other:?}"),
        }
        Ok(())
    }
}

/// The digits on the manager's screen.
fn screen(manager: &Manager) -> Option<LinkDigits> {
    match manager.client.link_under_way(NOW).unwrap() {
        Some(LinkUnderWay::Shown { digits, .. }) => Some(digits),
        _ => None,
    }
}

/// The new device, which is killed at one commit and then started again.
struct Joining {
    store: Crashing,
    device: NewDevice,
}

impl Joining {
    fn step(&mut self, manager: &Manager, relay: &mut Relay) -> Result<(), ()> {
        let rng = &mut rand::rng();
        let mailbox = self.device.code().mailbox();
        // It is stored before anything leaves.
        self.device.keep(&mut self.store).map_err(drop)?;
        if let Some((slot, message)) = self.device.message() {
            relay.put(mailbox, slot, message);
        }
        match self.device.message().map(|(slot, _)| slot) {
            Some(LinkSlot::Bundle) => {
                if let Some(offer) = relay.get(mailbox, LinkSlot::Offer) {
                    self.device.open_offer(&offer, NOW, rng).unwrap();
                }
            }
            Some(LinkSlot::Reveal) => {
                if let Some(digits) = screen(manager) {
                    self.device.accept(&digits, NOW, rng).unwrap();
                }
            }
            _ => {
                if let Some(welcome) = relay.get(mailbox, LinkSlot::Welcome)
                    && !self.device.is_welcome()
                {
                    self.device.take_welcome(&welcome).unwrap();
                }
            }
        }
        Ok(())
    }

    fn restart(&mut self) {
        self.device = NewDevice::kept(&self.store).unwrap().unwrap();
    }
}

/// Links a device. Returns how often manager and new device committed.
fn run(manager_crash: Option<(usize, bool)>, new_crash: Option<(usize, bool)>) -> (usize, usize) {
    let mut manager = Manager::new();
    let mut relay = Relay::of(&manager.client);
    let store = Crashing::default();
    let device = NewDevice::generate(NOW, &mut seeded(2)).unwrap();
    device.keep(&mut store.clone()).unwrap(); // before its code is shown
    let code = device.code();
    let mut new = Joining { store, device };
    let started = manager.store.shared.borrow().commits;
    let crash_at =
        |crash: Option<(usize, bool)>, started| crash.map(|(at, is_done)| (started + at, is_done));
    manager.store.shared.borrow_mut().crash = crash_at(manager_crash, started);
    new.store.shared.borrow_mut().crash = crash_at(new_crash, 1);
    for _ in 0..40 {
        if new.step(&manager, &mut relay).is_err() {
            new.restart();
        }
        if manager.step(&code, &mut relay).is_err() {
            manager.restart();
        }
        manager.note(&mut relay);
        if new.device.is_welcome() {
            break;
        }
    }
    assert!(new.device.is_welcome(), "{manager_crash:?} {new_crash:?}");
    relay.assert_no_conflict();
    assert_eq!(relay.newest().devices().len(), 2);
    let commits = (
        manager.store.shared.borrow().commits - started,
        new.store.shared.borrow().commits - 1,
    );
    // It becomes a client, unless it is killed again: then it does so later.
    let key = DeliveryKey::generate(&mut seeded(3));
    new.device.keep(&mut new.store).unwrap();
    let so_far = new.store.shared.borrow().commits;
    new.store.shared.borrow_mut().crash = Some((so_far + 1, false));
    let kept = NewDevice::kept(&new.store).unwrap().unwrap();
    kept.into_client(new.store.clone(), key.clone(), &mut seeded(4))
        .unwrap_err();
    let kept = NewDevice::kept(&new.store).unwrap().unwrap();
    let client = kept
        .into_client(new.store.clone(), key, &mut seeded(4))
        .unwrap();
    assert_eq!(client.me().device.0, 2);
    assert!(NewDevice::kept(client.store()).unwrap().is_none());
    commits
}

#[test]
fn row_49_a_link_survives_a_crash_at_each_write_of_either_device() {
    let (of_manager, of_new) = run(None, None);
    assert!(of_manager >= 4 && of_new >= 4, "{of_manager} {of_new}");
    for is_done in [false, true] {
        for at in 1..=of_manager {
            run(Some((at, is_done)), None);
        }
        for at in 1..=of_new {
            run(None, Some((at, is_done)));
        }
    }
}

/// Two changes of the roster, with a lost post, a lost answer and a newer roster in between.
fn change(crash: Option<(usize, bool)>) -> usize {
    let mut manager = Manager::new();
    let mut relay = Relay::of(&manager.client);
    let rng = &mut seeded(5);
    super::support::link(&mut manager.client, &mut relay, rng);
    super::support::link(&mut manager.client, &mut relay, rng);
    let secret = manager.client.account_secret().unwrap().unwrap();
    let started = manager.store.shared.borrow().commits;
    manager.store.shared.borrow_mut().crash = crash.map(|(at, done)| (started + at, done));
    let mut is_over = false;
    for round in 0..60 {
        let client = &mut manager.client;
        let listed = relay.newest().devices().len();
        let pending = client.pending_roster().unwrap();
        let done = match pending {
            Some(pending) => {
                if round == 1 {
                    relay.lose_posts = 1;
                }
                if round == 3 {
                    relay.lose_answers = 1;
                }
                match relay.put_roster(&pending) {
                    Answer::Taken => client.confirm_roster(NOW).map(drop).map_err(drop),
                    Answer::Conflict(newest) => {
                        let rebased = client.rebase_roster(&newest, NOW);
                        rebased
                            .map(|rebased| assert!(rebased != Rebased::Done(None)))
                            .map_err(drop)
                    }
                    Answer::Lost => Ok(()),
                }
            }
            None if listed == 3 => client
                .remove_device(DeviceId(2), NOW)
                .map(drop)
                .map_err(drop),
            None if relay.newest().epoch() == 1 => client
                .take_over(&secret, &[DeviceId(3)], NOW)
                .map(drop)
                .map_err(drop),
            None => {
                is_over = true;
                Ok(())
            }
        };
        if done.is_err() {
            manager.restart();
        }
        manager.note(&mut relay);
        if is_over {
            break;
        }
    }
    assert!(is_over, "{crash:?}");
    assert_eq!(relay.newest().devices().len(), 1);
    relay.assert_no_conflict();
    let versions: HashMap<_, _> = relay
        .posted
        .iter()
        .map(|bytes| {
            (
                SignedRoster::decode(bytes)
                    .unwrap()
                    .verify("alice")
                    .unwrap()
                    .stamp(),
                bytes,
            )
        })
        .collect();
    assert!(versions.len() >= 4);
    manager.store.shared.borrow().commits - started
}

#[test]
fn row_49_changes_of_the_roster_survive_a_crash_at_each_write() {
    let commits = change(None);
    assert!(commits >= 4, "{commits}");
    for is_done in [false, true] {
        for at in 1..=commits {
            change(Some((at, is_done)));
        }
    }
}
