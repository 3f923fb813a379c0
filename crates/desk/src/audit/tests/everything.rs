//! A desk with rows of every kind.

use waxseal_log::entry::{
    AppealOutcome, KeyKind, LegalBasis, LegalOutcome, Number, Purpose, ReviewOutcome, Side, Target,
};
use waxseal_reporting::intake::ReportId;
use waxseal_reporting::reporter::Reason;

use crate::appeal::AppealDecision;
use crate::desk::tests::world::{DAY, World};
use crate::emergency::EmergencyReview;
use crate::grant::{Grant, GrantDenial};
use crate::hold::Hold;
use crate::ids::CaseId;
use crate::legal::{LegalAnswer, LegalRequest};
use crate::sorting::Sorting;
use crate::store::Store;

/// A desk with rows of every kind, and two cases.
pub(super) struct Everything {
    pub(super) world: World,
    pub(super) case: CaseId,
    pub(super) other: CaseId,
    pub(super) request: Number,
    pub(super) export: Number,
}

pub(super) const HOLD: [u8; 16] = [5; 16];
pub(super) const LIFTED: [u8; 16] = [6; 16];

fn hold(world: &mut World, case: CaseId, id: [u8; 16], lift: bool) {
    let act = Hold {
        id: Number::from_bytes(id),
        case,
        lift,
        request: None,
        statement: "Keep.".into(),
    };
    let signed = world.sign(&act, &world.officers.decide);
    world.desk.hold(&signed, world.now, &mut world.rng).unwrap();
}

fn grants(world: &mut World, case: CaseId) {
    let report = world.desk.case(&case).unwrap().reports.remove(0);
    let report = ReportId::from_bytes(report.id);
    // One that two officers signed and that was used, one denied, an emergency, one that waits.
    let terms = world.terms(case, &report, Purpose::Identify);
    let used = world.request(&terms).unwrap();
    let signature = Grant::new(terms)
        .unwrap()
        .sign_as_approver(&world.officers.approve);
    world
        .desk
        .approve_grant(&used, &signature, world.now, &mut world.rng)
        .unwrap();
    world.open(&used, &report).unwrap();
    let terms = world.terms(case, &report, Purpose::QualityAudit);
    world.request(&terms).unwrap();
    let denial = GrantDenial {
        grant: Grant::new(terms).unwrap().digest(),
        reason: "No.".into(),
    };
    let signed = world.sign(&denial, &world.officers.approve);
    world
        .desk
        .deny_grant(&signed, world.now, &mut world.rng)
        .unwrap();
    let terms = world.terms(case, &report, Purpose::Emergency);
    world.request(&terms).unwrap();
    let review = EmergencyReview {
        grant: Grant::new(terms).unwrap().digest(),
        outcome: ReviewOutcome::NotJustified,
        statement: "None.".into(),
    };
    let signed = world.sign(&review, &world.officers.review);
    world
        .desk
        .review_emergency(&signed, world.now, &mut world.rng)
        .unwrap();
    let terms = world.terms(case, &report, Purpose::LegalRequest);
    world.request(&terms).unwrap();
}

impl Everything {
    pub(super) fn new() -> Self {
        let mut world = World::new();
        let (case, _) = world.case();
        let reported = world.reported("oscar", "bob", Reason::Spam);
        let id = world.take_in(&reported).unwrap();
        let Sorting::Case(other) = world.sort(&id).unwrap() else {
            panic!("not sorted");
        };
        grants(&mut world, case);
        let decision = world.decide(case).unwrap();
        let (now, side) = (world.now, Side::Account);
        world
            .desk
            .notice_sent(&decision, side, now, &mut world.rng)
            .unwrap();
        let appeal = world
            .desk
            .appeal(&decision, side, "No.", now, &mut world.rng)
            .unwrap();
        let act = AppealDecision {
            appeal,
            outcome: AppealOutcome::Upheld,
            statement: "Yes.".into(),
        };
        let signed = world.sign(&act, &world.officers.appeals);
        world
            .desk
            .decide_appeal(&signed, now, &mut world.rng)
            .unwrap();
        let request = LegalRequest {
            basis: LegalBasis::Warrant,
            authority: "Court".into(),
            asked: "All".into(),
        };
        let request = world
            .desk
            .legal_request(&request, now, &mut world.rng)
            .unwrap();
        let answer = LegalAnswer {
            request,
            outcome: LegalOutcome::NotHeld,
            items: 0,
            produced: String::new(),
            not_held: "All of it.".into(),
        };
        let signed = world.sign(&answer, &world.officers.decide);
        world
            .desk
            .answer_request(&signed, now, &mut world.rng)
            .unwrap();
        hold(&mut world, case, HOLD, false);
        hold(&mut world, case, LIFTED, false);
        hold(&mut world, case, LIFTED, true);
        world
            .desk
            .exported(&case, Target::Dsa, b"sent", now, &mut world.rng)
            .unwrap();
        let entry = world
            .store
            .entry(world.desk.log_size() - 1)
            .unwrap()
            .unwrap();
        for epoch in [1, 2] {
            let key = KeyKind::Stamp;
            world
                .desk
                .key_created(key, epoch, b"eu", now, &mut world.rng)
                .unwrap();
        }
        world
            .desk
            .key_destroyed(KeyKind::Stamp, 1, now, &mut world.rng)
            .unwrap();
        world.complete().unwrap();
        world.pass(DAY);
        world
            .desk
            .append_waiting(world.now, &mut world.rng)
            .unwrap();
        world.desk.checkpoint(world.now).unwrap();
        world.is_sound();
        Self {
            world,
            case,
            other,
            request,
            export: Number::from_bytes(entry.number),
        }
    }
}
