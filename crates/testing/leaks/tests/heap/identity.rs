//! Identities and prekeys leave no keys in memory once they are spent, replaced or dropped.

use waxseal_core::{IdentityKeyPair, PreKeys};
use waxseal_leaks::secrets::{Recorder, Secrets};

use super::{HEAP, add_identity, add_prekeys, assert_gone};

#[test]
fn an_identity_is_gone_after_drop() {
    let from = HEAP.used();
    let mut rng = Recorder::new("identity", 1);
    let identity = Box::new(IdentityKeyPair::generate(&mut rng));
    let imported = Box::new(IdentityKeyPair::import(&identity.export()).unwrap());
    assert_eq!(imported.public(), identity.public());
    let mut secrets = rng.drawn();
    add_identity(&mut secrets, "a device", &identity);
    assert!(
        !secrets.sweep(&HEAP, from).is_empty(),
        "the sweep does not find keys in use"
    );
    drop((identity, imported));
    assert_gone(&secrets, from);
}

#[test]
fn a_refusal_leaves_no_content_and_no_keys_of_its_devices() {
    let from = HEAP.used();
    let mut rng = Recorder::new("identity", 3);
    let [alice, bob] = [(); 2].map(|()| Box::new(IdentityKeyPair::generate(&mut rng)));
    let mut secrets = rng.drawn();
    // The content is made on the stack, so that the heap holds only the library's copies.
    let content: [u8; 64] = core::array::from_fn(|i| (i as u8).wrapping_mul(59) ^ 0x3c);
    secrets.add("content", &content);
    let sealed = bob.seal_refusal(alice.public(), &content, b"ad", &mut rng);
    let sealed = sealed.unwrap();
    let opened = alice.open_refusal(&sealed, b"ad").unwrap();
    assert_eq!(*opened.content, content);
    assert!(!secrets.sweep(&HEAP, from).is_empty());
    drop((opened, alice, bob));
    assert_gone(&secrets, from);
}

#[test]
fn prekeys_are_gone_once_spent_replaced_or_dropped() {
    let from = HEAP.used();
    let mut rng = Recorder::new("identity", 2);
    let identity = Box::new(IdentityKeyPair::generate(&mut rng));
    rng.call("prekeys");
    let mut prekeys = Box::new(PreKeys::generate(&identity, &mut rng));
    let mut all = Secrets::new();
    // Makes more one-time prekeys than are kept, so the oldest are evicted.
    for _ in 0..3 {
        prekeys.replenish(&identity, 90, &mut rng).unwrap();
        add_prekeys(&mut all, "a device", &prekeys);
        prekeys.upload(&identity).unwrap();
        prekeys.rotate(&identity, &mut rng).unwrap();
        *prekeys = PreKeys::import(&prekeys.export()).unwrap();
        // The first export of imported prekeys returns all parts.
        let parts = prekeys.export_parts();
        let state = parts.state.unwrap();
        let one_time = parts.one_time.iter().filter_map(|set| set.bytes.as_ref());
        *prekeys = PreKeys::import_parts(&state, one_time).unwrap();
    }
    all.extend(&rng.drawn());
    let mut kept = Secrets::new();
    add_prekeys(&mut kept, "a device", &prekeys);
    add_identity(&mut kept, "a device", &identity);
    assert_gone(&all.except(&kept), from);
    drop((prekeys, identity));
    assert_gone(&all, from);
}
