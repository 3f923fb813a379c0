use waxseal_log::entry::{AppealOutcome, Side};
use waxseal_reporting::reporter::Reason;
use waxseal_reporting::vault::ModerationKeyPair;

use super::*;
use crate::appeal::AppealDecision;
use crate::desk::tests::refusing::Refusing;
use crate::desk::tests::world::{DAY, World, refused};
use crate::hold::Hold;
use crate::store::ReportList;

const KEEP: u64 = 180 * DAY;

fn erase(world: &mut World, case: CaseId) -> Result<bool, DeskError> {
    world.desk.erase(&case, KEEP, world.now, &mut world.rng)
}

#[test]
fn chk224_a_hold_blocks_erasure() {
    let mut world = World::new();
    let (case, _) = world.case();
    world.decide(case).unwrap();
    let hold = Hold {
        id: Number::from_bytes([1; 16]),
        case,
        lift: false,
        request: None,
        statement: "Keep.".into(),
    };
    let signed = world.sign(&hold, &world.officers.decide);
    world.desk.hold(&signed, world.now, &mut world.rng).unwrap();
    world.pass(KEEP + 1);
    assert_eq!(refused(erase(&mut world, case)), Refused::Held);
    let signed = world.sign(&Hold { lift: true, ..hold }, &world.officers.decide);
    world.desk.hold(&signed, world.now, &mut world.rng).unwrap();
    assert!(erase(&mut world, case).unwrap());
    assert_eq!(refused(erase(&mut world, case)), Refused::Erased);
}

#[test]
fn chk225_a_case_is_erased_when_nothing_more_can_happen() {
    let mut world = World::new();
    let (case, _) = world.case();
    world.pass(2 * KEEP);
    assert_eq!(refused(erase(&mut world, case)), Refused::NotOver);
    let decision = world.decide(case).unwrap();
    world.pass(KEEP);
    assert_eq!(refused(erase(&mut world, case)), Refused::NotOver);

    // An appeal is open for longer.
    let mut world = World::new();
    let (case, _) = world.case();
    let other = world.decide(case).unwrap();
    assert_ne!(other, decision);
    let (now, side) = (world.now, Side::Account);
    let appeal = world
        .desk
        .appeal(&other, side, "No.", now, &mut world.rng)
        .unwrap();
    world.pass(KEEP + 1);
    assert_eq!(refused(erase(&mut world, case)), Refused::NotOver);
    let act = AppealDecision {
        appeal,
        outcome: AppealOutcome::Upheld,
        statement: "Yes.".into(),
    };
    let signed = world.sign(&act, &world.officers.appeals);
    world
        .desk
        .decide_appeal(&signed, world.now, &mut world.rng)
        .unwrap();
    assert!(erase(&mut world, case).unwrap());
}

#[test]
fn erasure_removes_content_and_personal_data_and_keeps_log_and_digests() {
    let mut world = World::new();
    let (case, report) = world.case();
    let grant = world.grant(case, &report);
    world.open(&grant, &report).unwrap();
    world.decide(case).unwrap();
    world.pass(KEEP + 1);
    world.desk.upkeep(world.now, &mut world.rng).unwrap();
    let before = world.store.entries(0, 1_000).unwrap();
    assert!(erase(&mut world, case).unwrap());

    assert_eq!(world.store.content(report.as_bytes()).unwrap(), None);
    let view = world.desk.case(&case).unwrap();
    assert_eq!(view.case.account, None);
    assert!(
        view.reports
            .iter()
            .all(|row| row.is_erased && row.reporter.is_none() && row.reporter_account.is_none())
    );
    assert!(view.decisions.iter().all(|row| row.signed.is_empty()));
    let after = world.store.entries(0, 1_000).unwrap();
    assert_eq!(after.len(), before.len() + 1);
    assert!(
        before
            .iter()
            .zip(&after)
            .all(|(old, new)| old.entry == new.entry)
    );
    assert_eq!(world.kinds().last(), Some(&Kind::ContentErased));
    let everything = format!("{after:?} {view:?}");
    for text in ["mallory", "\"bob\"", "ask for a code"] {
        assert!(!everything.contains(text), "{text}");
    }
    // Nothing of it opens or is decided again.
    let terms = world.terms(case, &report, waxseal_log::entry::Purpose::UserReport);
    assert_eq!(refused(world.request(&terms)), Refused::Erased);
    assert_eq!(refused(world.decide(case)), Refused::AlreadyDecided);
    world.is_sound();
}

/// A report that the vault cannot sort: it lacks the moderation key, or the intake did not accept
/// the report.
fn unsorted(world: &mut World, is_accepted: bool) -> ReportId {
    let report = match is_accepted {
        true => {
            let known = std::mem::replace(
                &mut world.intake.moderation,
                ModerationKeyPair::generate(&mut world.rng),
            );
            let report = world.reported("mallory", "bob", Reason::Scam);
            world.intake.moderation = known;
            report
        }
        false => {
            let mut report = world.reported("mallory", "bob", Reason::Scam);
            *report.encoded.last_mut().unwrap() ^= 1;
            report
        }
    };
    world.take_in(&report).unwrap()
}

fn erase_unsorted(world: &mut World, id: &ReportId, keep_ms: u64) -> Result<(), DeskError> {
    let now = world.now;
    world
        .desk
        .erase_unsorted(id, &mut world.vault, keep_ms, now)
}

#[test]
fn chk225_a_report_without_a_case_is_erased_once_its_time_is_over() {
    for is_accepted in [true, false] {
        let mut world = World::new();
        let id = unsorted(&mut world, is_accepted);
        // A report that the vault can sort is not erased, however old it is.
        let known = world.reported("oscar", "carol", Reason::Spam);
        let known = world.take_in(&known).unwrap();
        world.pass(KEEP);
        world.complete().unwrap();
        let early = erase_unsorted(&mut world, &id, KEEP);
        assert_eq!(refused(early), Refused::NotOver);
        world.pass(1);
        world.complete().unwrap();
        let sortable = erase_unsorted(&mut world, &known, KEEP);
        assert_eq!(refused(sortable), Refused::NotOver);
        let mut broken = Refusing(VaultError::Rejected { check: 86 });
        let now = world.now;
        let rejected = world.desk.erase_unsorted(&id, &mut broken, KEEP, now);
        assert_eq!(refused(rejected), Refused::NotOver);
        // Nor is any while the vault does not answer.
        let mut silent = Refusing(VaultError::Unreachable);
        let silent = world.desk.erase_unsorted(&id, &mut silent, KEEP, now);
        assert!(matches!(
            silent,
            Err(DeskError::Vault(VaultError::Unreachable))
        ));
        assert!(world.store.content(id.as_bytes()).unwrap().is_some());

        erase_unsorted(&mut world, &id, KEEP).unwrap();
        assert_eq!(world.store.content(id.as_bytes()).unwrap(), None);
        let row = world.store.report(id.as_bytes()).unwrap().unwrap();
        assert!(row.is_erased && row.reporter.is_none() && row.reporter_account.is_none());
        assert_eq!((row.rejected, row.reason, row.case_id), (None, None, None));
        let again = erase_unsorted(&mut world, &id, KEEP);
        assert_eq!(refused(again), Refused::NoReport);
        // It waits no longer, and its leaf stays.
        let waiting = world.store.reports(&ReportList::Unsorted, None, 9).unwrap();
        assert_eq!(waiting.len(), 1);
        world.sort(&known).unwrap();
        let sorted = erase_unsorted(&mut world, &known, KEEP);
        assert_eq!(refused(sorted), Refused::AlreadySorted);
        world.desk.upkeep(world.now, &mut world.rng).unwrap();
        let kinds = world.kinds();
        let received = |kind: &&Kind| **kind == Kind::ReportReceived;
        assert_eq!(kinds.iter().filter(received).count(), 2);
        world.is_sound();
    }
}
