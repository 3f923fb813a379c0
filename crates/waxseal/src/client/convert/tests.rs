//! Stores of layout 1, made by hand. The golden files hold genuine ones.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use waxseal_core::IdentityKeyPair;
use waxseal_reporting::relay::DeliveryKey;
use waxseal_reporting::{DeviceAddress, FrankingTag, Timestamp};
use zeroize::Zeroizing;

use super::*;
use crate::client::Bundles;
use crate::errors::{Damage, PeerError, StartError};
use crate::records::IndexRecord;
use crate::store::{Cursor, Key, Listed, MemoryStore, Table};

/// A store whose commits fail, once there were `left`.
struct Limited {
    store: Rc<RefCell<MemoryStore>>,
    left: Cell<usize>,
}

#[derive(Debug, thiserror::Error)]
#[error("stopped")]
struct Stopped;

impl Store for Limited {
    type Error = Stopped;

    fn get(&self, key: &Key) -> Result<Option<Zeroizing<Vec<u8>>>, Stopped> {
        self.store.borrow().get(key).map_err(|_| Stopped)
    }

    fn list(
        &self,
        table: &Table,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Vec<Listed>, Stopped> {
        let listed = self.store.borrow().list(table, after, limit);
        listed.map_err(|_| Stopped)
    }

    fn commit(&mut self, transaction: Transaction) -> Result<(), Stopped> {
        self.left
            .set(self.left.get().checked_sub(1).ok_or(Stopped)?);
        self.store
            .borrow_mut()
            .commit(transaction)
            .map_err(|_| Stopped)
    }

    fn is_damage(_: &Stopped) -> bool {
        false
    }
}

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

fn account(number: u64) -> AccountId {
    AccountId::new(&format!("peer {number}")).unwrap()
}

fn tag() -> FrankingTag {
    FrankingTag::from_bytes([6; 32])
}

const PEERS: u64 = 40;
const DAMAGED: u64 = 7;

/// The identity that the store has pinned for a peer.
fn identity(number: u64) -> IdentityKeyPair {
    let mut rng = <rand_chacha::ChaCha20Rng as rand_core::SeedableRng>::seed_from_u64(number);
    IdentityKeyPair::generate(&mut rng)
}

/// A store of layout 1 with forty peers, one of whose records is damaged.
fn earlier() -> MemoryStore {
    let rng = &mut rand::rng();
    let me = DeviceAddress::new(AccountId::new("me").unwrap(), DeviceId(1));
    let key = DeliveryKey::generate(rng);
    let mut client = Client::create(MemoryStore::new(), me, key, NOW, rng).unwrap();
    let mut transaction = Transaction::default();
    transaction.delete(keys::layout());
    for number in 0..PEERS {
        let mut peer = EarlierPeerRecord::default();
        peer.account = account(number).as_str().to_owned();
        peer.identity = identity(number).public().to_bytes().to_vec();
        peer.next_sequence = number + 1;
        peer.next_ordinal = 2 * number + 1;
        peer.last_seen = vec![9; 32];
        let key = keys::earlier_peer(&account(number));
        match number {
            DAMAGED => transaction.put(key, Zeroizing::new(vec![1, 0xff])),
            _ => transaction.put_record(key, &peer),
        }
        let index = IndexRecord {
            ordinal: Some(number),
            ..IndexRecord::default()
        };
        transaction.put_record(keys::earlier_index(&account(number), &tag()), &index);
    }
    client.commit(transaction).unwrap();
    client.into_store()
}

fn assert_converted(store: MemoryStore) {
    let mut client = Client::open(store).unwrap();
    let mut peers = client.peers(None, 100).unwrap().items;
    peers.sort();
    let mut expected: Vec<_> = (0..PEERS).filter(|n| *n != DAMAGED).map(account).collect();
    expected.sort();
    assert_eq!(peers, expected);
    for number in (0..PEERS).filter(|number| *number != DAMAGED) {
        let peer = account(number);
        let unknown = client.peer_account_key(&peer);
        assert!(matches!(unknown, Err(PeerError::UnknownPeer)));
        let read = client.take_peer(&peer).unwrap().unwrap();
        let numbers = &read.conversation;
        assert_eq!(
            (numbers.next_sequence, numbers.next_ordinal),
            (number + 1, 2 * number + 1)
        );
        assert_eq!(numbers.last_seen, [9; 32]);
        let before = identity(number).public().to_bytes();
        assert_eq!(read.contact.identity_before, before);
        assert!(read.devices[&DeviceId(0)].sessions.is_none());
    }
    let left = client.store.list(&keys::earlier_peers(), None, 9).unwrap();
    assert_eq!(left.len(), 1, "what could not be read is kept");

    // A known peer whose identity was lost is damaged. It is not pinned as a new contact.
    let damaged = account(DAMAGED);
    let refused = client.peer_account_key(&damaged);
    assert!(matches!(
        refused,
        Err(PeerError::State(StateError::Damaged(Damage::Peer(_))))
    ));
    let rng = &mut rand::rng();
    let other = Client::create(
        MemoryStore::new(),
        DeviceAddress::new(damaged.clone(), DeviceId(1)),
        DeliveryKey::generate(rng),
        NOW,
        rng,
    );
    let bundles = Bundles {
        roster: other
            .unwrap()
            .own_roster()
            .unwrap()
            .unwrap()
            .signed()
            .encode(),
        devices: Vec::new(),
    };
    let started = client.start(&damaged, &bundles, NOW, rng);
    assert!(matches!(
        started,
        Err(StartError::State(StateError::Damaged(Damage::Peer(_))))
    ));

    // A message that arrived before the conversion is recognised. The next write moves its record.
    let index = client.index(&account(3).into(), &tag()).unwrap().unwrap();
    assert_eq!(index.ordinal, Some(3));
    client.delete_message(&account(3), &tag()).unwrap();
    let index = client.index(&account(3).into(), &tag()).unwrap().unwrap();
    assert_eq!(index.ordinal, None);
    let earlier = client.get(&keys::earlier_index(&account(3), &tag()));
    assert!(earlier.unwrap().is_none());
    assert!(
        client
            .index(&account(PEERS).into(), &tag())
            .unwrap()
            .is_none()
    );
}

#[test]
fn a_store_of_layout_1_is_converted_however_often_that_is_interrupted() {
    let records: Vec<_> = earlier()
        .records()
        .map(|(key, value)| (key.clone(), value.to_vec()))
        .collect();
    let open = |store: &Rc<RefCell<MemoryStore>>, commits| {
        let left = Cell::new(commits);
        let store = Rc::clone(store);
        Client::open(Limited { store, left }).is_ok()
    };
    let commits = 4; // three with peers, and one that marks the end
    for interrupted in 0..=commits {
        let store = Rc::new(RefCell::new(MemoryStore::from_records(records.clone())));
        assert_eq!(open(&store, interrupted), interrupted == commits);
        open(&store, 1);
        assert_converted(store.take());
    }
}

#[test]
fn a_store_of_a_newer_layout_is_refused_unchanged() {
    let mut store = earlier();
    let layout = LayoutRecord {
        layout: LAYOUT + 1,
        has_earlier: false,
    };
    let mut transaction = Transaction::default();
    transaction.put_record(keys::layout(), &layout);
    let Ok(()) = store.commit(transaction);
    let opened = Client::open(store);
    assert!(matches!(opened, Err(OpenAccountError::Newer)));
}
