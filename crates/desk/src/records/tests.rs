use super::*;
use crate::desk::tests::world::{World, refused};
use crate::policy::PolicyTerms;

fn policy(world: &World, version: u32, origin: &str) -> Policy {
    let terms = world.policy.terms().clone();
    Policy::new(PolicyTerms {
        version,
        origin: origin.into(),
        ..terms
    })
    .unwrap()
}

#[test]
fn chk204_a_policy_is_signed_for_this_log_and_newer() {
    let mut world = World::new();
    let old = policy(&world, 1, world.keys.origin());
    assert_eq!(refused(world.publish(&old)), Refused::Policy);
    let foreign = policy(&world, 2, "other.example/log");
    assert_eq!(refused(world.publish(&foreign)), Refused::Policy);
    let new = policy(&world, 2, world.keys.origin());
    // Signed by another key, and signed for another document.
    let key = waxseal_log::entry::PolicyKey::generate(&mut world.rng);
    let by_other = key.publish(world.keys.origin(), 2, new.digest());
    let of_other = world
        .policy_key
        .publish(world.keys.origin(), 2, old.digest());
    for published in [by_other, of_other] {
        let refusal = world
            .desk
            .publish_policy(&new, &published, world.now, &mut world.rng);
        assert_eq!(refused(refusal), Refused::Policy);
    }
    assert_eq!(world.desk.policy().unwrap().version(), 1);
    world.publish(&new).unwrap();
    assert_eq!(world.desk.policy(), Some(&new));
    world.reopen();
    assert_eq!(world.desk.policy(), Some(&new));
    // A thief of the store adds a policy of their own.
    let row = PolicyRow {
        version: 3,
        document: policy(&world, 3, world.keys.origin()).encode().to_vec(),
        signature: [1; 64],
        log_index: 0,
        published_at_ms: 1,
    };
    let robbed = World::new();
    robbed.store.tamper(&[crate::store::Change::add(row)]);
    let opened = Desk::open(robbed.store.clone(), robbed.desk.setup);
    assert_eq!(refused(opened), Refused::Damaged("policy"));
    // The vault gets the document when it follows.
    world.complete().unwrap();
    world.is_sound();
}

#[test]
fn chk205_a_key_is_destroyed_once_after_it_was_created() {
    let mut world = World::new();
    let (key, now) = (KeyKind::Stamp, world.now);
    let destroyed = world.desk.key_destroyed(key, 0, now, &mut world.rng);
    assert_eq!(refused(destroyed), Refused::NoKey);
    for epoch in [0, 1, 5] {
        world
            .desk
            .key_created(key, epoch, b"eu/0", now, &mut world.rng)
            .unwrap();
    }
    let again = world.desk.key_created(key, 5, b"eu/0", now, &mut world.rng);
    assert!(again.is_err_and(|error| error.is_conflict()));
    for epoch in [0, 5] {
        world
            .desk
            .key_destroyed(key, epoch, now, &mut world.rng)
            .unwrap();
    }
    for epoch in [0, 3, 5] {
        let refusal = world.desk.key_destroyed(key, epoch, now, &mut world.rng);
        assert_eq!(refused(refusal), Refused::NoKey);
    }
    assert_eq!(
        world.events().last(),
        Some(&Event::KeyEpochDestroyed { key })
    );
    let longer = vec![0; MAX_KEY_LEN + 1];
    let refusal = world.desk.key_created(key, 6, &longer, now, &mut world.rng);
    assert_eq!(refused(refusal), Refused::TooLong);
    world.is_sound();
}

#[test]
fn an_export_leaves_its_digest() {
    let mut world = World::new();
    let (case, _) = world.case();
    let (target, now) = (Target::Dsa, world.now);
    world
        .desk
        .exported(&case, target, b"statement", now, &mut world.rng)
        .unwrap();
    assert_eq!(world.events().last(), Some(&Event::Exported { target }));
    let row = world
        .store
        .entry(world.desk.log_size() - 1)
        .unwrap()
        .unwrap();
    assert_eq!(row.detail.unwrap(), export_digest(b"statement"));
    let unknown = CaseId::from_bytes([1; 16]);
    let refusal = world
        .desk
        .exported(&unknown, target, b"", now, &mut world.rng);
    assert_eq!(refused(refusal), Refused::NoCase);
    world.is_sound();
}
