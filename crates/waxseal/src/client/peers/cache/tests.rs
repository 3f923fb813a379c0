use waxseal_reporting::DeviceId;

use super::*;

fn account(number: usize) -> AccountId {
    AccountId::new(&number.to_string()).unwrap()
}

fn peer_of(number: usize, len: usize) -> Peer {
    let mut peer = Peer::new(&account(number));
    peer.device_mut(DeviceId(1)).len = len;
    peer
}

fn sum_of_lens(peers: &Peers) -> usize {
    peers
        .by_account
        .values()
        .map(|cached| cached.peer.len())
        .sum()
}

#[test]
fn at_the_limit_every_peer_stays_and_one_past_it_evicts_the_one_used_longest_ago() {
    let mut peers = Peers::default();
    for number in 0..MAX_CACHED_PEERS {
        peers.keep(&account(number), peer_of(number, 1));
    }
    assert!((0..MAX_CACHED_PEERS).all(|number| peers.get(&account(number)).is_some()));

    // The first peer is used again, and the second is only looked at. So the second is now the one
    // that was used longest ago.
    let first = peers.take(&account(0)).unwrap();
    peers.keep(&account(0), first);
    assert!(peers.get(&account(1)).is_some());

    peers.keep(&account(MAX_CACHED_PEERS), peer_of(MAX_CACHED_PEERS, 1));
    assert!(peers.get(&account(1)).is_none(), "used longest ago");
    assert_eq!(peers.by_account.len(), MAX_CACHED_PEERS);
    let is_cached = |number| peers.get(&account(number)).is_some();
    assert!((2..=MAX_CACHED_PEERS).chain([0]).all(is_cached));
}

#[test]
fn at_the_maximum_length_every_peer_stays_and_one_byte_past_it_evicts_only_what_is_needed() {
    let quarter = MAX_CACHED_LEN / 4;
    let mut peers = Peers::default();
    for number in 0..4 {
        peers.keep(&account(number), peer_of(number, quarter));
    }
    assert_eq!(peers.len, MAX_CACHED_LEN);
    assert_eq!(peers.by_account.len(), 4);

    peers.keep(&account(4), peer_of(4, 1));
    let is_cached = |number| peers.get(&account(number)).is_some();
    assert_eq!(
        [0, 1, 2, 3, 4].map(is_cached),
        [false, true, true, true, true]
    );

    // Peers 1 and 2 are evicted to make room for peer 5, which takes half of the maximum.
    peers.keep(&account(5), peer_of(5, 2 * quarter));
    let is_cached = |number| peers.get(&account(number)).is_some();
    assert_eq!(
        [1, 2, 3, 4, 5].map(is_cached),
        [false, false, true, true, true]
    );
}

#[test]
fn a_peer_that_alone_is_too_long_is_cached_alone() {
    let mut peers = Peers::default();
    peers.keep(&account(0), peer_of(0, 1));
    peers.keep(&account(1), peer_of(1, MAX_CACHED_LEN + 1));
    assert!(peers.get(&account(0)).is_none());
    assert!(peers.get(&account(1)).is_some());
    peers.keep(&account(2), peer_of(2, 1));
    assert!(peers.get(&account(1)).is_none());
    assert_eq!(peers.len, 1);
}

#[test]
fn the_cache_is_bounded_in_number_and_length_and_counts_what_it_holds() {
    let mut peers = Peers::default();
    for number in 0..10 * MAX_CACHED_PEERS {
        let len = (number * 7_919) % (MAX_CACHED_LEN / 5);
        peers.keep(&account(number % 100), peer_of(number % 100, len));
        assert!(peers.get(&account(number % 100)).is_some());
        assert!(peers.by_account.len() <= MAX_CACHED_PEERS);
        assert!(peers.len <= MAX_CACHED_LEN);
        assert_eq!(peers.len, sum_of_lens(&peers));
    }
    // A peer that is taken out and not put back no longer counts.
    let last = (10 * MAX_CACHED_PEERS - 1) % 100;
    peers.take(&account(last)).unwrap();
    assert!(peers.take(&account(last)).is_none());
    assert_eq!(peers.len, sum_of_lens(&peers));
}
