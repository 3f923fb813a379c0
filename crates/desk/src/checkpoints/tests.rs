use waxseal_log::note::Cosigner;

use super::*;
use crate::desk::tests::world::{World, refused};

#[test]
fn chk203_only_known_cosignatures_of_this_checkpoint_are_added() {
    let mut world = World::new();
    world.case();
    world.pass(crate::desk::tests::world::DAY);
    let old = world.desk.checkpoint(world.now).unwrap();
    let old_size = world.desk.log_size();
    world
        .desk
        .append_waiting(world.now, &mut world.rng)
        .unwrap();
    let note = world.desk.checkpoint(world.now).unwrap();
    let size = world.desk.log_size();
    assert_ne!(old_size, size);
    // Asking again gives the same checkpoint.
    assert_eq!(world.desk.checkpoint(world.now).unwrap(), note);

    let stranger = Cosigner::generate("witness.example/w", &mut world.rng).unwrap();
    let line = stranger.cosign(note.text(), 1);
    assert_eq!(
        refused(world.desk.cosigned(size, &[line])),
        Refused::NotACosignature
    );
    // The witness's own, over the older checkpoint.
    let request = waxseal_log::witness::AddCheckpoint {
        old: old_size,
        proof: Vec::new(),
        note: old,
    };
    let line = world.witness.add(&request.encode(), 1).unwrap();
    let lines = [line];
    assert_eq!(
        refused(world.desk.cosigned(size, &lines)),
        Refused::NotACosignature
    );
    let stored = world.store.checkpoint(size).unwrap().unwrap();
    assert_eq!(stored.note, note.encode());
    world.desk.cosigned(old_size, &lines).unwrap();
    assert_eq!(
        refused(world.desk.cosigned(99, &lines)),
        Refused::NoCheckpoint
    );
}

#[test]
fn a_checkpoint_is_complete_with_the_vault_and_enough_witnesses() {
    let mut world = World::new();
    world.case();
    world.pass(crate::desk::tests::world::DAY);
    world
        .desk
        .append_waiting(world.now, &mut world.rng)
        .unwrap();
    world.desk.checkpoint(world.now).unwrap();
    let size = world.desk.log_size();
    let is_complete = |world: &World| {
        let newest = world.store.newest_checkpoint(true).unwrap().unwrap();
        newest.size == size
    };
    assert!(world.desk.follow(&mut world.vault, world.now).is_err());
    assert!(!is_complete(&world));
    world.complete().unwrap();
    assert!(is_complete(&world));
}

#[test]
fn cosignatures_that_another_desk_added_meanwhile_are_kept() {
    let mut world = World::new();
    world.case();
    world.pass(crate::desk::tests::world::DAY);
    let upkeep = world.desk.upkeep(world.now, &mut world.rng).unwrap();
    assert!(upkeep.to_cosign.is_some());
    let mut other = world.other_desk();
    let read = world.store.newest_checkpoint(false).unwrap().unwrap();
    world.complete().unwrap();
    let complete = world.store.newest_checkpoint(true).unwrap().unwrap();
    assert_eq!(complete.size, read.size);
    // The other desk had read the checkpoint before, or had found none.
    for old in [Some(read.clone()), None] {
        let late = other.store_checkpoint(old, read.clone());
        assert!(late.is_err_and(|error| error.is_conflict()));
    }
    let kept = world.store.checkpoint(read.size).unwrap();
    assert_eq!(kept, Some(complete));
}
