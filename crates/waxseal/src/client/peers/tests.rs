use waxseal_reporting::{DeliveryKey, DeviceAddress, DeviceId};

use super::*;
use crate::store::MemoryStore;

fn account(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

#[test]
fn peers_in_memory_are_bounded_in_number_and_size() {
    let rng = &mut rand::rng();
    let me = DeviceAddress::new(account("me"), DeviceId(1));
    let key = DeliveryKey::generate(rng);
    let mut client = Client::create(MemoryStore::new(), me, key, rng).unwrap();
    for number in 0..10 * MAX_PEERS_IN_MEMORY {
        let peer = account(&number.to_string());
        client.keep_peer(&peer, Peer::new(&peer));
        assert!(client.peers.by_account.len() <= MAX_PEERS_IN_MEMORY);
        assert!(client.peers.by_account.contains_key(&peer));
    }
    for number in 0..20 {
        let peer = account(&number.to_string());
        let mut large = client
            .take_peer(&peer)
            .unwrap()
            .unwrap_or_else(|| Peer::new(&peer));
        large.len = MAX_BYTES_IN_MEMORY / 5;
        client.keep_peer(&peer, large);
        let kept = client.peers.by_account.values();
        let bytes: usize = kept.map(|peer| peer.len).sum();
        assert!(bytes <= MAX_BYTES_IN_MEMORY);
        assert_eq!(bytes, client.peers.bytes);
    }
    // One that is taken out and not put back counts no more.
    let taken = client.take_peer(&account("19")).unwrap().unwrap();
    let kept = client.peers.by_account.values();
    let bytes: usize = kept.map(|peer| peer.len).sum();
    assert_eq!(bytes, client.peers.bytes);
    client.keep_peer(&account("19"), taken);
}

#[test]
fn a_record_that_promises_endless_pages_is_damaged() {
    let rng = &mut rand::rng();
    let me = DeviceAddress::new(account("me"), DeviceId(1));
    let mut client =
        Client::create(MemoryStore::new(), me, DeliveryKey::generate(rng), rng).unwrap();
    let peer = account("peer");
    // A page that says it comes before the place where it is: the next listing finds it again.
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
        assert_eq!(matches!(read, Err(PeerError::Damaged)), is_damaged, "{len}");
    }
}
