use waxseal_reporting::reporter::Reason;

use super::*;
use crate::desk::tests::refusing::Refusing;
use crate::desk::tests::world::{DAY, World, refused};

#[test]
fn chk208_a_report_is_sorted_once() {
    let mut world = World::new();
    let (_, id) = world.case();
    assert_eq!(refused(world.sort(&id)), Refused::AlreadySorted);
    let unknown = ReportId::from_bytes([1; 16]);
    assert_eq!(refused(world.sort(&unknown)), Refused::NoReport);
}

#[test]
fn reports_that_wait_are_sorted_and_a_broken_one_is_rejected() {
    let mut world = World::new();
    let ids: Vec<_> = ["bob", "carol", "dave"]
        .map(|reporter| {
            let reported = world.reported("mallory", reporter, Reason::Hate);
            world.take_in(&reported).unwrap()
        })
        .into();
    // The intake did not accept these bytes: its MAC fails in the vault, and the report waits.
    let mut altered = world.store.content(ids[0].as_bytes()).unwrap().unwrap();
    let old = altered.clone();
    altered.accepted[100] ^= 1;
    world
        .store
        .tamper(&[Change::swap(old.clone(), altered.clone())]);
    let (desk, vault) = (&mut world.desk, &mut world.vault);
    let refusal = desk.sort(&ids[0], vault, world.now, &mut world.rng);
    assert!(matches!(
        refusal,
        Err(DeskError::Vault(VaultError::NotAccepted))
    ));
    world.store.tamper(&[Change::swap(altered, old)]);

    let (desk, vault) = (&mut world.desk, &mut world.vault);
    let sorted = desk
        .sort_waiting(vault, 2, world.now, &mut world.rng)
        .unwrap();
    assert_eq!(sorted.len(), 2);
    let sorted = desk
        .sort_waiting(vault, 9, world.now, &mut world.rng)
        .unwrap();
    assert_eq!(sorted.len(), 1);
    let sorted = desk
        .sort_waiting(vault, 9, world.now, &mut world.rng)
        .unwrap();
    assert_eq!(sorted, []);
    world.pass(DAY);
    world
        .desk
        .append_waiting(world.now, &mut world.rng)
        .unwrap();
    world.is_sound();
}

#[test]
fn a_report_to_an_unknown_moderation_key_waits() {
    let mut world = World::new();
    let old = world.reported("mallory", "bob", Reason::Scam);
    world.intake.moderation = {
        use waxseal_reporting::vault::ModerationKeyPair;
        ModerationKeyPair::generate(&mut world.rng)
    };
    let unknown = world.reported("mallory", "carol", Reason::Scam);
    let (old, unknown) = (
        world.take_in(&old).unwrap(),
        world.take_in(&unknown).unwrap(),
    );
    assert_eq!(world.sort(&unknown).unwrap(), Sorting::Waits { check: 82 });
    assert!(matches!(world.sort(&old).unwrap(), Sorting::Case(_)));
    let row = world.store.report(unknown.as_bytes()).unwrap().unwrap();
    assert_eq!((row.rejected, row.reason), (None, None));
    world.is_sound();
}

#[test]
fn what_the_vault_rejects_is_erased_and_not_sorted_again() {
    let mut world = World::new();
    let broken = world.reported("mallory", "bob", Reason::Scam);
    let broken = world.take_in(&broken).unwrap();
    let mut rejecting = Refusing(VaultError::Rejected { check: 86 });
    let sorting = world
        .desk
        .sort(&broken, &mut rejecting, world.now, &mut world.rng);
    assert_eq!(sorting.unwrap(), Sorting::Rejected { check: 86 });
    assert_eq!(world.store.content(broken.as_bytes()).unwrap(), None);
    let row = world.store.report(broken.as_bytes()).unwrap().unwrap();
    assert_eq!(
        (row.rejected, row.reporter, row.case_id),
        (Some(86), None, None)
    );
    assert_eq!(refused(world.sort(&broken)), Refused::AlreadySorted);
    let (desk, vault) = (&mut world.desk, &mut world.vault);
    let sorted = desk
        .sort_waiting(vault, 9, world.now, &mut world.rng)
        .unwrap();
    assert_eq!(sorted, []);
    world.pass(DAY);
    world
        .desk
        .append_waiting(world.now, &mut world.rng)
        .unwrap();
    world.is_sound();
}
