//! Attacks on what the desk records: reports that are hidden, rows that are altered, acts that are
//! not those of the officers.

use std::collections::BTreeSet;

use waxseal_desk::appeal::AppealDecision;
use waxseal_desk::decision::Decision;
use waxseal_desk::ids::CaseId;
use waxseal_desk::officer::OfficerKey;
use waxseal_desk::store::{AppealList, AppealRow, Change, DecisionRow, SqliteStore, Store};
use waxseal_desk::{DeskError, Refused};
use waxseal_log::decision::{AppealDecisionDetail, DecisionDetail};
use waxseal_log::entry::{AppealOutcome, Detail, Entry, Event, Measure, Number, ReasonCode, Side};
use waxseal_log::promise::PromisedLeaf;
use waxseal_log::receipt::Expected;
use waxseal_log::tree::TreeHash;

use super::facts::Scene;
use super::world::World;
use super::{Effect, Try, pen};
use crate::office::Office;
use crate::officers::sign;
use crate::receipts::of_report;
use crate::work::decide;
use crate::{DAY_MS, Result, numbers, published};

pub const ATTACKS: &[(&str, Try)] = &[
    ("never log a report", never_log),
    ("alter an entry in the database", alter_entry),
    ("back-date an entry", back_date),
    ("alter a decision in the database", alter_decision),
    ("decide a case without an officer", no_officer),
    ("decide the appeal against one's own decision", own_appeal),
    (
        "write the decision on one's own appeal past the desk",
        own_appeal_past_desk,
    ),
    ("drop an opening from the database", drop_opening),
    ("publish other numbers", other_numbers),
    ("decide with fewer openings than there were", fewer_openings),
];

/// Days pass, and the log goes on.
fn days(office: &mut Office, from_ms: u64, days: u64) -> Result<waxseal::Timestamp> {
    let mut now = waxseal::Timestamp::from_millis(from_ms);
    for _ in 0..days {
        now = waxseal::Timestamp::from_millis(now.as_millis() + DAY_MS);
        let (key, epoch) = (waxseal_log::entry::KeyKind::Stamp, now.as_millis());
        office
            .desk
            .key_created(key, epoch, b"stamp", now, &mut office.rng)?;
        office.settle(now)?;
    }
    Ok(now)
}

/// The reporter has a promise. The insider deletes what waits to be logged.
fn never_log(scene: &Scene<'_>) -> Result<Effect> {
    let mut office = scene.office(&scene.after, true)?;
    let (now, hidden) = (scene.after.now, &scene.hidden);
    office.settle(now)?;
    let (desk, rng) = (&mut office.desk, &mut office.rng);
    let promise = desk.take_in(&hidden.accepted, &hidden.encoded, now, rng)?;
    let leaf = PromisedLeaf::verify(promise.note(), office.keys.log())?;
    pen::sql(&mut office, "DELETE FROM pending", [])?;
    pen::sql(
        &mut office,
        "DELETE FROM reports WHERE id = ?1",
        [hidden.accepted.id().as_bytes()],
    )?;
    office.reopen()?;
    let later = days(&mut office, now.as_millis(), 4)?;
    if !leaf.is_overdue(later.as_millis()) {
        return Ok(Effect::Succeeded("the promise is not overdue".to_owned()));
    }
    let public = office.publish_copy(later)?;
    let found = published::verify(&public, &office.keys, &[leaf])?.findings;
    finding(&found, "promise")
}

fn finding(found: &[String], meant: &str) -> Result<Effect> {
    match found.iter().find(|found| found.contains(meant)) {
        Some(found) => Ok(Effect::Noticed(found.clone())),
        None if found.is_empty() => Ok(Effect::Succeeded("no rule seems broken".to_owned())),
        None => Err(format!("noticed for another reason than meant: {found:?}").into()),
    }
}

/// What the desk's own audit says.
fn audit(office: &Office) -> Result<Vec<String>> {
    Ok(office
        .desk
        .audit()?
        .findings
        .iter()
        .map(ToString::to_string)
        .collect())
}

/// In the stored log, a decision gets another measure, and one more opening.
fn alter_entry(scene: &Scene<'_>) -> Result<Effect> {
    let mut office = scene.office(&scene.after, true)?;
    let (index, entry) = decision(&office)?;
    let Event::Decision {
        reason,
        openings,
        days,
        ..
    } = entry.event
    else {
        return Err("the entry is no decision".into());
    };
    let event = Event::Decision {
        reason,
        measure: Measure::Terminated,
        openings: openings + 1,
        days,
    };
    let altered = Entry { event, ..entry }.encode();
    let update = "UPDATE entries SET entry = ?1 WHERE log_index = ?2";
    pen::sql(&mut office, update, (altered, i64::try_from(index)?))?;
    office.reopen()?;
    if audit(&office)?.is_empty() {
        return Ok(Effect::Succeeded("the audit finds nothing".to_owned()));
    }
    let public = office.publish_copy(scene.after.now)?;
    Effect::of_check(
        published::verify(&public, &office.keys, &[]),
        "not those that the checkpoint",
    )
}

/// The index and the entry of a decision in the log.
fn decision(office: &Office) -> Result<(u64, Entry)> {
    for (index, bytes) in (0..).zip(pen::entries(office)?) {
        let entry = Entry::decode(&bytes)?;
        if matches!(entry.event, Event::Decision { .. }) {
            return Ok((index, entry));
        }
    }
    Err("the log has no decision".into())
}

/// The vault and the witnesses cosign the log, since they do not look at the day of this entry.
/// Outsiders look at it.
fn back_date(scene: &Scene<'_>) -> Result<Effect> {
    let mut office = scene.office(&scene.after, true)?;
    let now = scene.after.now;
    let old = waxseal::Timestamp::from_millis(now.as_millis() - 5 * DAY_MS);
    let detail = Detail::new(vec![0; 16], &mut office.rng)?;
    let number = Number::generate(&mut office.rng);
    let entry = pen::entry(old, number, Event::HoldPlaced, &detail);
    pen::append(&mut office, &entry, &detail)?;
    office.settle(now)?;
    let public = office.publish_copy(now)?;
    finding(
        &published::verify(&public, &office.keys, &[])?.findings,
        "back-dated",
    )
}

/// The row says another measure than the officer signed.
fn alter_decision(scene: &Scene<'_>) -> Result<Effect> {
    let mut office = scene.office(&scene.after, true)?;
    let other = "UPDATE decisions SET measure = 5 WHERE rowid =
                 (SELECT rowid FROM decisions WHERE measure <> 5 LIMIT 1)";
    pen::sql(&mut office, other, [])?;
    finding(&audit(&office)?, "no row that says the same")
}

/// The insider writes the entry and the row of a decision. A key that is no officer's signs it.
fn no_officer(scene: &Scene<'_>) -> Result<Effect> {
    let mut world = World::new(scene)?;
    let (now, id) = (world.now, world.target.case);
    let case = world.office.desk.case(&id)?.case;
    let forged = OfficerKey::generate(&mut world.office.rng);
    let act = Decision {
        case: id,
        policy: world.office.desk.policy().ok_or("no policy")?.digest(),
        reason: ReasonCode::from_number(1).ok_or("no reason")?,
        measure: Measure::Terminated,
        rule: "Community rules, section 2".to_owned(),
        statement: "The insider wants it.".to_owned(),
    };
    let signed = sign(&act, &forged, now)?;
    let appeal_until_ms = now.as_millis() + DAY_MS;
    let detail = DecisionDetail {
        case: case.id,
        officer: [0; 32],
        policy: *act.policy.as_bytes(),
        rule: act.rule,
        statement: act.statement,
        appeal_until_ms,
        account: [0; 32],
        reports_root: TreeHash::from_bytes([0; 32]),
        reports_count: case.reports,
    };
    let detail = detail.encode(&mut world.office.rng)?;
    let event = Event::Decision {
        reason: act.reason,
        measure: act.measure,
        openings: 0,
        days: u32::try_from(now.as_millis() / DAY_MS - case.first_report_at_ms / DAY_MS)?,
    };
    let entry = pen::entry(now, Number::from_bytes(case.number), event, &detail);
    let row = DecisionRow {
        leaf_hash: *entry.leaf_hash().as_bytes(),
        log_index: pen::append(&mut world.office, &entry, &detail)?,
        case_id: case.id,
        officer: *forged.id().as_bytes(),
        reason: act.reason.number(),
        measure: act.measure.number(),
        openings: 0,
        decided_at_ms: now.as_millis(),
        appeal_until_ms,
        signed: signed.encode(),
    };
    SqliteStore::open(&world.office.store)?.apply(&[Change::add(row)])?;
    world.office.settle(now)?;
    finding(
        &audit(&world.office)?,
        "an act in decision has no signature",
    )
}

/// A lead decides a case, the account appeals, and the same lead wants to decide that.
struct Own<'a> {
    world: World<'a>,
    appeal: TreeHash,
    act: AppealDecision,
}

fn own<'a>(scene: &Scene<'a>) -> Result<Own<'a>> {
    let mut world = World::new(scene)?;
    let (now, case) = (world.now, world.target.case);
    let lead = &world.leads[1];
    let leaf = decide(&case, Measure::Terminated, 1, lead, &mut world.office, now)?;
    let (desk, rng) = (&mut world.office.desk, &mut world.office.rng);
    let appeal = desk.appeal(&leaf, Side::Account, "Please look again.", now, rng)?;
    let act = AppealDecision {
        appeal,
        outcome: AppealOutcome::Upheld,
        statement: "I was right.".to_owned(),
    };
    Ok(Own { world, appeal, act })
}

fn own_appeal(scene: &Scene<'_>) -> Result<Effect> {
    let Own { mut world, act, .. } = own(scene)?;
    let signed = sign(&act, &world.leads[1], world.now)?;
    match world
        .office
        .desk
        .decide_appeal(&signed, world.now, &mut world.office.rng)
    {
        Err(DeskError::Refused(error @ Refused::SameOfficer)) => {
            Ok(Effect::Refused(error.to_string()))
        }
        Err(error) => Err(error.into()),
        Ok(()) => Ok(Effect::Succeeded("the lead decided".to_owned())),
    }
}

/// The lead's act is genuine. So the insider enters it where the desk would.
fn own_appeal_past_desk(scene: &Scene<'_>) -> Result<Effect> {
    let Own {
        mut world,
        appeal,
        act,
    } = own(scene)?;
    let (now, lead) = (world.now, &world.leads[1]);
    let signed = sign(&act, lead, now)?;
    let detail = AppealDecisionDetail {
        appeal,
        statement: act.statement,
        officer: [0; 32],
    };
    let detail = detail.encode(&mut world.office.rng)?;
    let event = Event::AppealDecided {
        outcome: act.outcome,
        days: 0,
    };
    let number = Number::from_bytes(*world.target.case.as_bytes());
    let entry = pen::entry(now, number, event, &detail);
    pen::append(&mut world.office, &entry, &detail)?;
    let list = AppealList::OfCase(*world.target.case.as_bytes());
    let old = world.office.desk.store().appeals(&list, None, 1)?.remove(0);
    let new = AppealRow {
        outcome: Some(act.outcome.number()),
        officer: Some(*lead.id().as_bytes()),
        decided_at_ms: Some(now.as_millis()),
        signed: Some(signed.encode()),
        ..old.clone()
    };
    SqliteStore::open(&world.office.store)?.apply(&[Change::swap(old, new)])?;
    world.office.settle(now)?;
    finding(&audit(&world.office)?, "an act in appeal has no signature")
}

/// The openings of a case become fewer in the database. The log keeps them.
fn drop_opening(scene: &Scene<'_>) -> Result<Effect> {
    let mut office = scene.office(&scene.after, true)?;
    let one = "DELETE FROM openings WHERE log_index = (SELECT max(log_index) FROM openings)";
    pen::sql(&mut office, one, [])?;
    finding(&audit(&office)?, "no row that says the same")
}

/// The provider publishes the numbers of a database in which an opening and a decision are missing.
fn other_numbers(scene: &Scene<'_>) -> Result<Effect> {
    let mut office = scene.office(&scene.after, true)?;
    for table in ["openings", "decisions"] {
        let one =
            format!("DELETE FROM {table} WHERE log_index = (SELECT max(log_index) FROM {table})");
        pen::sql(&mut office, &one, [])?;
    }
    let told = numbers::count(&office.store)?;
    let published = published::verify(&scene.public, &office.keys, &[])?;
    let counted: numbers::Numbers = published.counts.rows().into_iter().collect();
    let names: BTreeSet<_> = told.keys().chain(counted.keys()).collect();
    let other: Vec<_> = names
        .into_iter()
        .filter(|name| counted.get(*name) != told.get(*name))
        .map(String::as_str)
        .collect();
    let is_meant = ["openings.", "decisions."]
        .iter()
        .all(|meant| other.iter().any(|name| name.starts_with(meant)));
    match is_meant {
        true => Ok(Effect::Noticed(format!(
            "the log counts other {}",
            other.join(", ")
        ))),
        false => Ok(Effect::Succeeded("the log counts the same".to_owned())),
    }
}

/// The desk counts the openings in its rows. This one was logged past them.
fn fewer_openings(scene: &Scene<'_>) -> Result<Effect> {
    let mut world = World::new(scene)?;
    let (filed, now) = (world.report(), world.now);
    let grant = world.granted(1)?;
    let first = world.whole(&grant, filed)?;
    first.map_err(|error| format!("the granted opening fails: {error}"))?;
    let (case, lead) = (world.target.case, &world.leads[1]);
    decide(&case, Measure::Warning, 1, lead, &mut world.office, now)?;
    world.office.settle(now)?;
    let receipt = of_report(&world.office, &filed.promised.number())?;
    let expected = Expected::Report {
        promise: &filed.promised,
    };
    let told = receipt.verify(&world.office.keys, expected)?;
    let found: Vec<_> = told
        .contradictions
        .iter()
        .map(ToString::to_string)
        .collect();
    finding(&found, "counts 0 openings")
}

/// The first decided case whose content was not erased.
pub fn kept_case(scene: &Scene<'_>, office: &Office) -> Result<CaseId> {
    for decided in scene.decided {
        let case = office.desk.case(&decided.case)?;
        let is_kept = case.reports.iter().all(|report| !report.is_erased);
        if is_kept && !case.openings.is_empty() {
            return Ok(decided.case);
        }
    }
    Err("the content of all cases was erased".into())
}
