use waxseal_core::export::PageId;
use waxseal_reporting::relay::DeliveryKey;
use waxseal_reporting::{DeviceAddress, Timestamp};

use super::*;
use crate::error::Damage;
use crate::records::{DeviceRecord, EarlierPeerRecord};
use crate::store::MemoryStore;

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

/// The device of a peer of an earlier version.
const BEFORE: DeviceId = DeviceId(0);

fn account(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

#[test]
fn the_peers_that_a_client_caches_are_bounded() {
    let rng = &mut rand::rng();
    let me = DeviceAddress::new(account("me"), DeviceId(1));
    let key = DeliveryKey::generate(rng);
    let mut client = Client::create(MemoryStore::new(), me, key, NOW, rng).unwrap();
    for number in 0..10 * cache::MAX_CACHED_PEERS {
        let peer = account(&number.to_string());
        let taken = client.take_peer(&peer).unwrap();
        client.keep_peer(&peer, taken.unwrap_or_else(|| Peer::new(&peer)));
        assert!(client.peers.get(&peer).is_some());
    }
    let cached = (0..10 * cache::MAX_CACHED_PEERS)
        .filter(|number| client.peers.get(&account(&number.to_string())).is_some());
    assert_eq!(cached.count(), cache::MAX_CACHED_PEERS);
}

#[test]
fn a_peer_whose_history_is_being_deleted_is_not_cached() {
    let rng = &mut rand::rng();
    let me = DeviceAddress::new(account("me"), DeviceId(1));
    let key = DeliveryKey::generate(rng);
    let client = Client::create(MemoryStore::new(), me, key, NOW, rng).unwrap();
    let mut client = Client::open(client.into_store()).unwrap();
    let me = account("me");
    let mut mark = Transaction::default();
    mark.put(keys::deletion(&me.clone().into()), vec![0].into());
    client.commit(mark).unwrap();
    client.cache_peer(&me);
    assert!(!client.is_cached(&me));
    let mut none = Transaction::default();
    none.delete(keys::deletion(&me.clone().into()));
    client.commit(none).unwrap();
    client.cache_peer(&me);
    assert!(client.is_cached(&me));
}

#[test]
fn a_record_that_promises_endless_pages_is_damaged() {
    let rng = &mut rand::rng();
    let me = DeviceAddress::new(account("me"), DeviceId(1));
    let mut client =
        Client::create(MemoryStore::new(), me, DeliveryKey::generate(rng), NOW, rng).unwrap();
    let peer = account("peer");
    // This page's id sorts before the key under which the page is stored. The client continues the
    // list after the id, so the store returns the same page again and again.
    let page = |byte: u8| PageId::from_bytes([byte; 44]);
    let mut bytes = vec![1; 121];
    bytes[1..45].fill(0);
    for (len, is_damaged) in [
        (121, true),
        (2_420_000, true),
        (2_420_001, true),
        (u64::MAX, true),
        (0, false),
    ] {
        let mut record = DeviceRecord::default();
        record.skipped_len = len;
        let mut transaction = Transaction::default();
        Peer::new(&peer).put(&peer, &mut transaction);
        transaction.put(keys::page(&peer, BEFORE, &page(0xff)), bytes.clone().into());
        transaction.put_record(keys::device(&peer, BEFORE), &record);
        client.store.commit(transaction).unwrap();
        let read = client.has_session(&peer);
        assert_eq!(
            matches!(read, Err(StateError::Damaged(Damage::Peer(_)))),
            is_damaged,
            "{len}"
        );
    }
}

/// A page of skipped keys with one key. It has this version byte and belongs to the session whose
/// base key is all sevens.
fn page(version: u8, index: u8) -> Vec<u8> {
    let mut bytes = vec![7; 121];
    bytes[0] = version;
    bytes[33..45].fill(0);
    bytes[44] = index;
    bytes
}

#[test]
fn opening_a_store_deletes_the_earlier_sessions_of_peers_that_stay_silent() {
    let rng = &mut rand::rng();
    let me = DeviceAddress::new(account("me"), DeviceId(1));
    let key = DeliveryKey::generate(rng);
    let client = Client::create(MemoryStore::new(), me, key, NOW, rng).unwrap();
    let silent: Vec<_> = (0..70).map(|n| account(&format!("peer {n}"))).collect();
    let mut store = client.into_store();
    let mut transaction = Transaction::default();
    // A store of an earlier version has no layout, and no counters before the first message.
    transaction.delete(keys::layout());
    transaction.delete(keys::counters());
    for peer in &silent {
        let mut record = EarlierPeerRecord::default();
        record.account = peer.as_str().to_owned();
        record.identity = vec![5; 64];
        record.sessions = vec![1, 9, 9];
        record.next_sequence = 5;
        record.skipped_len = 121;
        let bytes = page(1, 0);
        let id = PageId::of_page(&bytes).unwrap();
        transaction.put(keys::page(peer, BEFORE, &id), bytes.into());
        transaction.put_record(keys::earlier_peer(peer), &record);
    }
    // One of them is damaged. It keeps what it has.
    let damaged = account("damaged");
    let mut record = EarlierPeerRecord::default();
    record.account = damaged.as_str().to_owned();
    record.sessions = vec![9];
    transaction.put_record(keys::earlier_peer(&damaged), &record);
    store.commit(transaction).unwrap();

    let mut client = Client::open(store).unwrap();
    for peer in &silent {
        let pages = client
            .store
            .list(&keys::skipped_keys(peer, BEFORE), None, 9);
        assert!(pages.unwrap().is_empty());
        let device: DeviceRecord = client
            .get_record(&keys::device(peer, BEFORE))
            .unwrap()
            .unwrap();
        assert!(device.sessions.is_empty() && device.skipped_len == 0);
        let numbering = client.numbering(&peer.into()).unwrap().unwrap();
        assert_eq!((numbering.next_sequence, device.identity.len()), (5, 64));
    }
    assert!(client.has_session(&damaged).is_err());
    // The next opening does not look again.
    let put_back = keys::device(silent.first().unwrap(), BEFORE);
    let mut record = DeviceRecord::default();
    record.sessions = vec![1, 9, 9];
    let mut transaction = Transaction::default();
    transaction.put_record(put_back.clone(), &record);
    client.commit(transaction).unwrap();
    let client = Client::open(client.into_store()).unwrap();
    let record: DeviceRecord = client.get_record(&put_back).unwrap().unwrap();
    assert_eq!(record.sessions, [1, 9, 9]);
}

#[test]
fn a_peer_whose_sessions_have_an_earlier_version_has_none_and_its_pages_go() {
    let rng = &mut rand::rng();
    let me = DeviceAddress::new(account("me"), DeviceId(1));
    let key = DeliveryKey::generate(rng);
    let mut client = Client::create(MemoryStore::new(), me, key, NOW, rng).unwrap();
    let peer = account("peer");
    let table = keys::skipped_keys(&peer, BEFORE);
    let stored = |client: &Client<MemoryStore>| client.store.list(&table, None, 9).unwrap().len();
    let put = |client: &mut Client<MemoryStore>, state: &[u8], pages: &[Vec<u8>]| {
        let mut record = DeviceRecord::default();
        record.sessions = state.to_vec();
        let lens = pages.iter().map(|page| page.len() as u64);
        record.skipped_len = lens.sum();
        let mut transaction = Transaction::default();
        let mut stored = Peer::new(&peer);
        stored.conversation.next_sequence = 5;
        stored.put(&peer, &mut transaction);
        for page in client.store.list(&table, None, 9).unwrap() {
            transaction.delete_at(table.clone(), page.cursor);
        }
        for bytes in pages {
            let [_, id @ ..] = *bytes.first_chunk::<45>().unwrap();
            let id = PageId::from_bytes(id);
            transaction.put(keys::page(&peer, BEFORE, &id), bytes.clone().into());
        }
        transaction.put_record(keys::device(&peer, BEFORE), &record);
        client.store.commit(transaction).unwrap();
    };
    put(&mut client, &[1, 9, 9], &[page(1, 0), page(1, 1)]);
    let mut read = client.take_peer(&peer).unwrap().unwrap();
    assert!(read.devices[&BEFORE].sessions.is_none());
    let bytes = client.get(&keys::device(&peer, BEFORE)).unwrap().unwrap();
    let len = bytes.len() + 2 * size_of::<PageId>();
    assert_eq!(read.len(), len, "the cache counts the ids");
    assert_eq!(read.conversation.next_sequence, 5);
    assert_eq!(stored(&client), 2);
    let mut transaction = Transaction::default();
    read.put(&peer, &mut transaction);
    client.commit(transaction).unwrap();
    assert_eq!(stored(&client), 0);
    let bytes = client.get(&keys::device(&peer, BEFORE)).unwrap().unwrap();
    let record: DeviceRecord = records::decode(&bytes).unwrap();
    assert!(record.sessions.is_empty() && record.skipped_len == 0);
    let numbering = client.numbering(&(&peer).into()).unwrap().unwrap();
    assert_eq!((numbering.next_sequence, record.next_sequence), (5, 5));
    // The first write deleted the pages of the earlier version, so a second one has nothing left to
    // delete.
    let mut transaction = Transaction::default();
    read.put(&peer, &mut transaction);
    client.commit(transaction).unwrap();
    assert!(!client.has_session(&peer).unwrap());

    // A state and pages that do not fit each other are damage, whatever their versions.
    let pages = [page(1, 0), page(1, 1)];
    for (state, pages) in [
        (&[2, 9, 9][..], &pages[..]),
        (&[0, 9, 9], &pages),
        (&[3, 9, 9], &pages),
        (&[], &pages),
        (&[1, 9, 9], &[page(1, 0), page(2, 1)]),
    ] {
        put(&mut client, state, pages);
        let read = client.has_session(&peer);
        assert!(
            matches!(read, Err(StateError::Damaged(Damage::Peer(_)))),
            "{state:?}"
        );
    }
    put(&mut client, &[1], &[]);
    assert!(!client.has_session(&peer).unwrap(), "without pages");
}
