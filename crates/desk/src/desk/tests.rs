//! A provider with its desk, its vault, a witness and six officers, for the tests of all acts.

mod crash;
pub(crate) mod files;
pub(crate) mod refusing;
pub(crate) mod reports;
pub(crate) mod shared;
mod two;
pub(crate) mod world;

use waxseal_log::entry::{Detail, Event, Number};

use crate::desk::{Desk, MAX_AHEAD};
use crate::error::Refused;
use crate::store::{Change, MemoryStore, Store};
use crate::vault::VaultCalls;
use world::{DAY, World, refused};

#[test]
fn chk201_a_smaller_or_other_tree_is_not_signed() {
    // A store that was rolled back, while the newest checkpoint is known.
    let mut world = World::new();
    world.case();
    world.pass(DAY);
    let before = world.desk.tree.clone();
    world
        .desk
        .append_waiting(world.now, &mut world.rng)
        .unwrap();
    world.complete().unwrap();
    let newest = world.store.newest_checkpoint(false).unwrap();
    let refusal = refused(world.desk.check_against(&before, newest.as_ref()));
    assert_eq!(refusal, Refused::OtherTree);
    world.desk.checkpoint(world.now).unwrap();
    // A store that was rolled back with its checkpoints, under a desk that runs.
    world.desk.store = shared::Shared::new(MemoryStore::new());
    let refusal = refused(world.desk.checkpoint(world.now));
    assert_eq!(refusal, Refused::OtherTree);
    world.desk.store = world.store.clone();

    // An entry below the checkpoint that was changed, with its tile.
    let mut tile = world.store.tile(0, 0).unwrap().unwrap();
    tile.bytes[0] ^= 1;
    world.store.tamper(&[Change::Tile(tile)]);
    assert!(!world.desk.audit().unwrap().findings.is_empty());
    let setup = World::new().desk.setup;
    assert_eq!(
        refused(Desk::open(world.store.clone(), setup)),
        Refused::OtherTree
    );
}

/// Logs this many entries that mean nothing.
pub(crate) fn fill(world: &mut World, count: u64) {
    for from in (0..count).step_by(8_192) {
        let mut batch = world.desk.begin(world.now);
        for _ in 0..(count - from).min(8_192) {
            let number = Number::generate(&mut world.rng);
            let detail = Detail::new(Vec::new(), &mut world.rng).unwrap();
            batch.log(number, Event::HoldPlaced, detail);
        }
        world.desk.commit(batch).unwrap();
    }
}

#[test]
fn chk202_the_log_stays_within_reach_of_the_vault() {
    let mut world = World::new();
    let (case, _) = world.case();
    fill(&mut world, MAX_AHEAD);
    assert_eq!(world.desk.log_size(), MAX_AHEAD + 1);
    assert_eq!(refused(world.decide(case)), Refused::TooFarAhead);
    // Reports are still taken in.
    world.case();
    world.pass(DAY);
    let upkeep = world.desk.upkeep(world.now, &mut world.rng).unwrap();
    assert!(upkeep.leaves_wait);
    let mut other = world.other_desk();
    world.complete().unwrap();
    // Another desk reads that the vault has followed.
    let signed = world.sign(&world.decision(case), &world.officers.decide);
    other.decide(&signed, world.now, &mut world.rng).unwrap();
}

#[test]
fn a_vault_without_its_state_follows_in_steps_from_one_complete_checkpoint_to_the_next() {
    let mut world = World::new();
    fill(&mut world, 40_000);
    world.complete().unwrap();
    fill(&mut world, 20_000);
    world.desk.checkpoint(world.now).unwrap();
    fill(&mut world, 20_000);
    world.complete().unwrap();
    world.restart_vault();
    world.complete().unwrap();
    assert_eq!(world.vault.status().unwrap().size, 80_001);
}

#[test]
fn another_key_than_the_logs_opens_no_desk() {
    let world = World::new();
    let mut setup = World::new().desk.setup;
    setup.log = waxseal_log::note::Signer::from_seed(world::ORIGIN, &[8; 32]).unwrap();
    assert_eq!(
        refused(Desk::open(world.store.clone(), setup)),
        Refused::OtherKey
    );
}

#[test]
fn debug_shows_no_secret() {
    let world = World::new();
    assert_eq!(format!("{:?}", world.desk), "Desk { log_size: 1, .. }");
    let setup = format!("{:?}", world.desk.setup);
    assert_eq!(setup, "DeskSetup { origin: \"provider.example/desk\", .. }");
}
