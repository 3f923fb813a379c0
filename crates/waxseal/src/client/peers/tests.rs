use waxseal_reporting::relay::DeliveryKey;
use waxseal_reporting::{DeviceAddress, DeviceId};

use super::*;
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
        let mut record = PeerRecord::default();
        record.account = peer.as_str().to_owned();
        record.skipped_len = len;
        let mut transaction = Transaction::default();
        transaction.put(page_key(&peer, page(0xff)), bytes.clone().into());
        transaction.put(Key::Peer(peer.clone()), records::encode(&record));
        client.store.commit(transaction).unwrap();
        let read = client.has_session(&peer);
        assert_eq!(
            matches!(read, Err(StateError::Damaged)),
            is_damaged,
            "{len}"
        );
    }
}
