//! Stores of before accounts had several devices: their contacts are identities, and they have no
//! account key.

use std::path::Path;

use waxseal::errors::{AccountKeyError, PeerError, SendError, StartError, TakeRosterError};
use waxseal::{Client, Received, RosterChange, SqliteStore, StoreKey};
use waxseal_world::golden::STORE_KEY;
use waxseal_world::{Provider, account};

/// The store of a device as the version before left it, converted.
fn before(folder: &Path, name: &str) -> Client<SqliteStore> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testing/world/golden/03");
    let file = format!("{name}.sqlite");
    std::fs::copy(golden.join(&file), folder.join(&file)).unwrap();
    let store = SqliteStore::open(folder.join(&file), &StoreKey::from_bytes(STORE_KEY));
    Client::open(store.unwrap()).unwrap()
}

#[test]
fn chk313_an_identity_of_before_is_pinned_by_the_first_roster_that_lists_it_and_by_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let [mut alice, mut bob] = ["alice", "bob"].map(|name| before(folder.path(), name));
    let (alice_id, bob_id) = (account("alice"), account("bob"));
    let mut world = Provider::new(5);
    let now = world.now;
    // Nothing is sent before the device has an account key.
    let refused = alice.send(&bob_id, "hello", now, &mut world.rng);
    assert!(matches!(
        refused,
        Err(SendError::NoAccountKey | SendError::NoSession)
    ));
    let unknown = bob.peer_account_key(&alice_id);
    assert!(matches!(unknown, Err(PeerError::UnknownPeer)));
    assert!(
        !bob.has_session(&alice_id).unwrap(),
        "its number is not known"
    );
    world.adopt(&mut alice);
    world.adopt(&mut bob);
    let twice = alice.create_account_key(now, &mut world.rng);
    assert!(matches!(twice, Err(AccountKeyError::AlreadyExists)));

    // A roster that does not list the identity is a change, which the user must accept.
    let mut elsewhere = Provider::new(6);
    elsewhere.register("alice");
    let other = elsewhere.roster(&alice_id);
    let refused = bob.take_roster(&alice_id, &other, now);
    assert!(matches!(
        refused,
        Err(TakeRosterError::IdentityChanged { .. })
    ));
    let bundles = elsewhere.bundles(&alice_id);
    let refused = bob.start(&alice_id, &bundles, now, &mut world.rng);
    assert!(matches!(refused, Err(StartError::IdentityChanged { .. })));
    assert!(bob.peer_account_key(&alice_id).is_err());

    // The one that lists it pins the key without a question. The sessions go on under the number of
    // the device.
    let roster = world.roster(&alice_id);
    let change = bob.take_roster(&alice_id, &roster, now).unwrap();
    assert_eq!(change, RosterChange::First);
    assert_eq!(
        bob.peer_account_key(&alice_id).unwrap(),
        world.account_key(&alice_id)
    );
    assert!(bob.has_session(&alice_id).unwrap());
    let health = bob.conversation_health(&alice_id).unwrap();
    assert!(health.dh_ratchet_steps > 0, "the same sessions");
    let bob = Client::open(bob.into_store()).unwrap();
    assert_eq!(bob.conversation_health(&alice_id).unwrap(), health);
    let mut bob = bob;

    // Both go on, and the messages of before are still there.
    let roster = world.roster(&bob_id);
    alice.take_roster(&bob_id, &roster, now).unwrap();
    let messages = bob.messages(&alice_id, None, 200).unwrap().items.len();
    assert!(messages > 5);
    world.exchange(&mut bob, &mut alice, "with an account key");
    world.exchange(&mut alice, &mut bob, "and back");
    assert_eq!(
        bob.messages(&alice_id, None, 200).unwrap().items.len(),
        messages + 2
    );
    assert_eq!(
        alice.safety_number(&bob_id).unwrap().digits(),
        bob.safety_number(&alice_id).unwrap().digits()
    );
    // What waited is sealed for the devices of the roster, under its tag.
    let waiting = alice.outbox(None, 9, world.now).unwrap().items;
    assert!(
        alice
            .waiting(None, 9)
            .unwrap()
            .items
            .iter()
            .all(|one| one.recipient != bob_id)
    );
    assert!(!waiting.is_empty());
    for outgoing in waiting.iter().filter(|one| one.to == bob_id) {
        let (delivery, receipt) = world.relay(&alice, &bob, &outgoing.envelope);
        let received = bob.receive(&delivery).unwrap();
        assert!(matches!(received, Received::Message { .. }));
        alice.confirm(&bob_id, &receipt).unwrap();
    }
}

#[test]
fn chk315_the_roster_of_the_own_account_is_never_pinned_by_the_providers_word() {
    let folder = tempfile::tempdir().unwrap();
    let mut alice = before(folder.path(), "alice");
    let mut world = Provider::new(5);
    world.register("alice");
    let (me, now) = (account("alice"), world.now);
    let roster = world.roster(&me);
    let refused = alice.take_roster(&me, &roster, now);
    assert!(matches!(refused, Err(TakeRosterError::Refused(_))));
    let bundles = world.bundles(&me);
    let refused = alice.start(&me, &bundles, now, &mut world.rng);
    assert!(matches!(refused, Err(StartError::NoAccountKey)));
    assert!(alice.own_roster().unwrap().is_none());
    // Nor after a reset, which leaves a record of the own account without a key.
    assert!(alice.reset_peer(&me).unwrap().is_none());
    let refused = alice.start(&me, &bundles, now, &mut world.rng);
    assert!(matches!(refused, Err(StartError::NoAccountKey)));
    let refused = alice.take_roster(&me, &roster, now);
    assert!(matches!(refused, Err(TakeRosterError::Refused(_))));
    assert!(alice.own_roster().unwrap().is_none());
    alice.create_account_key(now, &mut world.rng).unwrap();
    let refused = alice.take_roster(&me, &roster, now);
    assert!(matches!(
        refused,
        Err(TakeRosterError::IdentityChanged { .. })
    ));
}
