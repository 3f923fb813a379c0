use waxseal_reporting::relay::DeliveryKey;
use waxseal_reporting::{DeviceAddress, DeviceId};

use super::*;
use crate::error::Damage;
use crate::store::MemoryStore;

fn account(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

#[test]
fn the_peers_that_a_client_caches_are_bounded() {
    let rng = &mut rand::rng();
    let me = DeviceAddress::new(account("me"), DeviceId(1));
    let key = DeliveryKey::generate(rng);
    let mut client = Client::create(MemoryStore::new(), me, key, rng).unwrap();
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
fn a_record_that_promises_endless_pages_is_damaged() {
    let rng = &mut rand::rng();
    let me = DeviceAddress::new(account("me"), DeviceId(1));
    let mut client =
        Client::create(MemoryStore::new(), me, DeliveryKey::generate(rng), rng).unwrap();
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
        transaction.put(keys::page(&peer, &page(0xff)), bytes.clone().into());
        transaction.put_record(keys::device(&peer), &record);
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
fn a_peer_whose_sessions_have_an_earlier_version_has_none_and_its_pages_go() {
    let rng = &mut rand::rng();
    let me = DeviceAddress::new(account("me"), DeviceId(1));
    let key = DeliveryKey::generate(rng);
    let mut client = Client::create(MemoryStore::new(), me, key, rng).unwrap();
    let peer = account("peer");
    let table = keys::skipped_keys(&peer);
    let stored = |client: &Client<MemoryStore>| client.store.list(&table, None, 9).unwrap().len();
    let put = |client: &mut Client<MemoryStore>, state: &[u8], pages: &[Vec<u8>]| {
        let mut record = DeviceRecord::default();
        record.sessions = state.to_vec();
        let lens = pages.iter().map(|page| page.len() as u64);
        record.skipped_len = lens.sum();
        let mut transaction = Transaction::default();
        let mut stored = Peer::new(&peer);
        stored.identity = client.identity().to_bytes().to_vec();
        stored.conversation.next_sequence = 5;
        stored.put(&peer, &mut transaction);
        for page in client.store.list(&table, None, 9).unwrap() {
            transaction.delete_at(table.clone(), page.cursor);
        }
        for bytes in pages {
            let [_, id @ ..] = *bytes.first_chunk::<45>().unwrap();
            let id = PageId::from_bytes(id);
            transaction.put(keys::page(&peer, &id), bytes.clone().into());
        }
        transaction.put_record(keys::device(&peer), &record);
        client.store.commit(transaction).unwrap();
    };
    put(&mut client, &[1, 9, 9], &[page(1, 0), page(1, 1)]);
    let mut read = client.take_peer(&peer).unwrap().unwrap();
    assert!(read.sessions.is_none());
    assert_eq!(read.conversation.next_sequence, 5);
    assert_eq!(stored(&client), 2);
    let mut transaction = Transaction::default();
    read.put(&peer, &mut transaction);
    client.commit(transaction).unwrap();
    assert_eq!(stored(&client), 0);
    let bytes = client.get(&keys::device(&peer)).unwrap().unwrap();
    let record: DeviceRecord = records::decode(&bytes).unwrap();
    assert!(record.sessions.is_empty() && record.skipped_len == 0);
    let numbering = client.numbering(&peer).unwrap().unwrap();
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
