//! A relay that keeps rosters and mailboxes, and devices that use it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use rand_chacha::ChaCha20Rng;
use waxseal::linking::{LinkDigits, LinkSlot, NewDevice};
use waxseal::store::{Cursor, Key, Listed, Table, Transaction};
use waxseal::{Client, DeliveryKey, MemoryStore, Rebased, Store, Timestamp, Welcome};
use waxseal_roster::{Change, Pinned, Roster, SignedRoster};
use waxseal_world::{NOW, account, address, rng};
use zeroize::Zeroizing;

pub(crate) fn after(ms: u64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() + ms)
}

/// What the relay has of Alice's account, and its mailboxes.
#[derive(Default)]
pub(crate) struct Relay {
    pinned: Option<Pinned>,
    /// Every roster that was posted, taken or not.
    pub(crate) posted: Vec<Vec<u8>>,
    mailboxes: HashMap<([u8; 16], u8), Vec<u8>>,
    /// Posts that are lost before the relay has them, and answers that are lost after that.
    pub(crate) lose_posts: usize,
    pub(crate) lose_answers: usize,
}

/// What the relay answers to a roster.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Taken,
    Conflict(Vec<u8>),
    Lost,
}

impl Relay {
    pub(crate) fn of(client: &Client<impl Store>) -> Self {
        let roster = client.own_roster().unwrap().unwrap();
        Self {
            pinned: Some(Pinned::first(roster)),
            ..Self::default()
        }
    }

    pub(crate) fn newest(&self) -> &Roster {
        self.pinned.as_ref().unwrap().roster()
    }

    pub(crate) fn newest_bytes(&self) -> Vec<u8> {
        self.newest().signed().encode()
    }

    /// Compare-and-swap.
    pub(crate) fn put_roster(&mut self, signed: &[u8]) -> Answer {
        self.posted.push(signed.to_vec());
        if self.lose_posts > 0 {
            self.lose_posts -= 1;
            return Answer::Lost;
        }
        let roster = SignedRoster::decode(signed)
            .unwrap()
            .verify("alice")
            .unwrap();
        let conflict = Answer::Conflict(self.newest_bytes());
        let mut next = self.pinned.clone().unwrap();
        let (previous, hash) = (roster.previous(), self.newest().hash());
        match next.take(roster) {
            Ok(Change::Same) => {}
            Ok(Change::Newer { .. }) if previous == hash => self.pinned = Some(next),
            _ => return conflict,
        }
        if self.lose_answers > 0 {
            self.lose_answers -= 1;
            return Answer::Lost;
        }
        Answer::Taken
    }

    pub(crate) fn put(&mut self, mailbox: [u8; 16], slot: LinkSlot, bytes: &[u8]) {
        let slot = (mailbox, slot.number());
        self.mailboxes.entry(slot).or_insert_with(|| bytes.to_vec());
    }

    pub(crate) fn get(&self, mailbox: [u8; 16], slot: LinkSlot) -> Option<Vec<u8>> {
        self.mailboxes.get(&(mailbox, slot.number())).cloned()
    }

    /// No two rosters of one version were ever posted.
    pub(crate) fn assert_no_conflict(&self) {
        let mut seen = HashMap::new();
        for bytes in &self.posted {
            let roster = SignedRoster::decode(bytes)
                .unwrap()
                .verify("alice")
                .unwrap();
            let other = seen.insert((roster.signer(), roster.stamp()), bytes);
            assert!(
                other.is_none_or(|other| other == bytes),
                "two rosters of one version"
            );
        }
    }
}

/// Posts the pending roster until it is settled.
pub(crate) fn settle<S: Store>(
    client: &mut Client<S>,
    relay: &mut Relay,
    now: Timestamp,
) -> Option<Welcome> {
    for _ in 0..5 {
        let pending = client.pending_roster().unwrap().expect("a pending roster");
        match relay.put_roster(&pending) {
            Answer::Taken => return client.confirm_roster(now).unwrap(),
            Answer::Conflict(newest) => {
                if let Rebased::Done(welcome) = client.rebase_roster(&newest, now).unwrap() {
                    return welcome;
                }
            }
            Answer::Lost => {}
        }
    }
    panic!("the roster was never taken");
}

/// Alice's first device.
pub(crate) fn alice(rng: &mut ChaCha20Rng) -> Client<MemoryStore> {
    create(MemoryStore::new(), rng)
}

pub(crate) fn create<S: Store>(store: S, rng: &mut ChaCha20Rng) -> Client<S> {
    let key = DeliveryKey::generate(rng);
    Client::create(store, address("alice"), key, NOW, rng).unwrap()
}

/// Links a device to Alice's account.
pub(crate) fn link<S: Store>(
    manager: &mut Client<S>,
    relay: &mut Relay,
    rng: &mut ChaCha20Rng,
) -> Client<MemoryStore> {
    let mut new = NewDevice::generate(NOW, rng).unwrap();
    let offer = manager
        .offer_link(&new.code(), new.bundle(), NOW, rng)
        .unwrap();
    new.open_offer(&offer, NOW, rng).unwrap();
    let reveal = new.message().unwrap().1.to_vec();
    let digits = manager.link_digits(&reveal, NOW, rng).unwrap();
    new.accept(&digits, NOW, rng).unwrap();
    let answer = new.message().unwrap().1.to_vec();
    manager.finish_link(&answer, NOW).unwrap();
    let welcome = settle(manager, relay, NOW).unwrap();
    assert_eq!(welcome.mailbox, new.code().mailbox());
    new.take_welcome(&welcome.roster).unwrap();
    let key = DeliveryKey::generate(rng);
    new.into_client(MemoryStore::new(), key, rng).unwrap()
}

/// Takes a new device up to the digits that the manager shows.
pub(crate) fn shown<S: Store>(
    manager: &mut Client<S>,
    rng: &mut ChaCha20Rng,
) -> (NewDevice, LinkDigits) {
    let mut new = NewDevice::generate(NOW, rng).unwrap();
    let offer = manager
        .offer_link(&new.code(), new.bundle(), NOW, rng)
        .unwrap();
    new.open_offer(&offer, NOW, rng).unwrap();
    let reveal = new.message().unwrap().1.to_vec();
    let digits = manager.link_digits(&reveal, NOW, rng).unwrap();
    (new, digits)
}

pub(crate) fn ids(client: &Client<impl Store>) -> Vec<u32> {
    let devices = client.devices(&account("alice")).unwrap();
    devices.iter().map(|(device, _)| device.0).collect()
}

pub(crate) fn seeded(seed: u64) -> ChaCha20Rng {
    rng(seed)
}

/// A store in memory that crashes at a commit: before it, or after it.
#[derive(Clone, Default)]
pub(crate) struct Crashing {
    pub(crate) shared: Rc<RefCell<Shared>>,
}

#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) store: MemoryStore,
    pub(crate) commits: usize,
    /// The commit that crashes, and whether it is done before that.
    pub(crate) crash: Option<(usize, bool)>,
}

#[derive(Debug, thiserror::Error)]
#[error("the process was killed")]
pub(crate) struct Killed;

impl Store for Crashing {
    type Error = Killed;

    fn get(&self, key: &Key) -> Result<Option<Zeroizing<Vec<u8>>>, Killed> {
        Ok(self.shared.borrow().store.get(key).unwrap())
    }

    fn list(
        &self,
        table: &Table,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Vec<Listed>, Killed> {
        Ok(self
            .shared
            .borrow()
            .store
            .list(table, after, limit)
            .unwrap())
    }

    fn commit(&mut self, transaction: Transaction) -> Result<(), Killed> {
        let mut shared = self.shared.borrow_mut();
        shared.commits += 1;
        match shared.crash {
            Some((at, is_done)) if at == shared.commits => {
                if is_done {
                    shared.store.commit(transaction).unwrap();
                }
                Err(Killed)
            }
            _ => {
                shared.store.commit(transaction).unwrap();
                Ok(())
            }
        }
    }

    fn is_damage(_: &Killed) -> bool {
        false
    }
}
