//! How a test makes a client lose its sessions with a peer.

use waxseal::{AccountId, Client, Store};
use waxseal_world::Provider;

/// Accepts another account key, then the peer's own again, and takes the peer's roster.
pub(crate) fn lose_sessions<S: Store>(
    world: &mut Provider,
    client: &mut Client<S>,
    peer: &AccountId,
) {
    let own = world.account_key(peer);
    let mut elsewhere = Provider::new(8);
    elsewhere.register("other");
    let other = elsewhere.account_key(&waxseal_world::account("other"));
    for key in [other, own] {
        client.accept_identity(peer, &key).unwrap();
    }
    world.show_roster(client, peer);
}
