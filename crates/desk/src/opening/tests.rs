use waxseal_log::entry::{Kind, Purpose};

use super::*;
use crate::desk::tests::world::{HOUR, World, refused};
use crate::store::OpeningList;
use crate::vault::VaultError;

#[test]
fn a_report_is_shown_after_its_entry_is_under_a_witnessed_checkpoint() {
    let mut world = World::new();
    let (case, report) = world.case();
    let grant = world.grant(case, &report);
    let (now, desk) = (world.now, &mut world.desk);
    let opening = desk.begin_opening(&grant, &report, &mut world.vault, now, &mut world.rng);
    let opening = opening.unwrap();
    // The leaf of the report is appended before its opening.
    let kinds = world.kinds();
    assert_eq!(
        kinds.get(kinds.len() - 3..).unwrap(),
        [
            Kind::ReportReceived,
            Kind::ReportSorted,
            Kind::ContentOpened
        ]
    );
    // The newest checkpoint does not cover the entry yet.
    let early = world.desk.finish_opening(&opening, &mut world.vault, now);
    assert!(matches!(
        early,
        Err(DeskError::Vault(VaultError::NotLogged))
    ));
    // It does, but no witness has seen it.
    world.desk.checkpoint(now).unwrap();
    let early = world.desk.finish_opening(&opening, &mut world.vault, now);
    let missing = VaultError::TooFewWitnesses {
        found: 0,
        quorum: 1,
    };
    assert!(matches!(early, Err(DeskError::Vault(error)) if error == missing));
    assert_eq!(
        world
            .store
            .openings(&OpeningList::NotShown, None, 9)
            .unwrap()
            .len(),
        1
    );

    world.witness().unwrap();
    let view = world
        .desk
        .finish_opening(&opening, &mut world.vault, now)
        .unwrap();
    assert_eq!(view.messages.len(), 2);
    assert_eq!(
        world
            .store
            .openings(&OpeningList::NotShown, None, 9)
            .unwrap(),
        []
    );
    // The same entry shows nothing a second time.
    let again = world.desk.finish_opening(&opening, &mut world.vault, now);
    assert!(matches!(
        again,
        Err(DeskError::Vault(VaultError::UnknownChallenge))
    ));
    world.is_sound();
}

#[test]
fn chk216_only_a_grant_in_force_opens_a_report_of_its_case() {
    let mut world = World::new();
    let (case, report) = world.case();
    let begin = |world: &mut World, grant: &GrantId, report: &ReportId| {
        let (now, desk) = (world.now, &mut world.desk);
        desk.begin_opening(grant, report, &mut world.vault, now, &mut world.rng)
    };
    let unknown = GrantId::from_bytes([1; 16]);
    assert_eq!(
        refused(begin(&mut world, &unknown, &report)),
        Refused::NoGrant
    );
    let waiting = world.terms(case, &report, Purpose::Identify);
    let waiting = world.request(&waiting).unwrap();
    assert_eq!(
        refused(begin(&mut world, &waiting, &report)),
        Refused::GrantState
    );
    let grant = world.grant(case, &report);
    let unknown = ReportId::from_bytes([1; 16]);
    assert_eq!(
        refused(begin(&mut world, &grant, &unknown)),
        Refused::NotOfCase
    );
    let other = world.reported("oscar", "bob", waxseal_reporting::reporter::Reason::Spam);
    let other = world.take_in(&other).unwrap();
    world.sort(&other).unwrap();
    assert_eq!(
        refused(begin(&mut world, &grant, &other)),
        Refused::NotOfCase
    );
    // A report that joined the case after the grant was signed is not in it.
    let later = world.reported(
        "mallory",
        "carol",
        waxseal_reporting::reporter::Reason::Scam,
    );
    let later = world.take_in(&later).unwrap();
    world.sort(&later).unwrap();
    let refusal = begin(&mut world, &grant, &later);
    assert!(matches!(
        refusal,
        Err(DeskError::Vault(VaultError::ReportNotGranted))
    ));

    for _ in 0..2 {
        world.open(&grant, &report).unwrap();
    }
    let once_too_often = world.open(&grant, &report);
    assert!(matches!(
        once_too_often,
        Err(DeskError::Vault(VaultError::NoOpeningLeft))
    ));

    let expiring = world.grant(case, &report);
    world.pass(12 * HOUR);
    assert_eq!(
        refused(begin(&mut world, &expiring, &report)),
        Refused::GrantState
    );
    assert_eq!(
        world
            .desk
            .upkeep(world.now, &mut world.rng)
            .unwrap()
            .expired,
        3
    );
    assert_eq!(
        refused(begin(&mut world, &expiring, &report)),
        Refused::GrantState
    );
    world.is_sound();
}

#[test]
fn a_vault_that_starts_again_follows_from_the_first_entry_and_knows_what_is_spent() {
    let mut world = World::new();
    let (case, report) = world.case();
    let grant = world.grant(case, &report);
    for _ in 0..2 {
        world.open(&grant, &report).unwrap();
    }
    world.restart_vault();
    let away = world.open(&grant, &report);
    assert!(matches!(
        away,
        Err(DeskError::Vault(VaultError::NotFollowed))
    ));
    world.complete().unwrap();
    let spent = world.open(&grant, &report);
    assert!(matches!(
        spent,
        Err(DeskError::Vault(VaultError::NoOpeningLeft))
    ));
}
