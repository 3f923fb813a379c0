//! Attacks on receipts.

use waxseal_desk::ids::CaseId;
use waxseal_desk::store::Store;
use waxseal_log::entry::{Day, Entry, Event};
use waxseal_log::receipt::{Expected, Receipt, Told};

use super::facts::Scene;
use super::pen::{self, OtherLog};
use super::records::kept_case;
use super::{Effect, Try};
use crate::office::Office;
use crate::people::Filed;
use crate::receipts::{encoded, of_account, of_report};
use crate::{Result, published};

pub const ATTACKS: &[(&str, Try)] = &[
    ("leave an opening out of a receipt", left_out),
    ("give a receipt of another report", other_report),
    ("give the receipt of another account", other_account),
    ("change an entry in a receipt", changed),
    ("give a receipt on another log", other_log),
    (
        "alter the reasons of a decision in the database",
        altered_reasons,
    ),
];

/// A report of a decided case, with its receipt.
struct Made<'a> {
    office: Office,
    case: CaseId,
    filed: &'a Filed,
    receipt: Receipt,
}

fn made<'a>(scene: &Scene<'a>) -> Result<Made<'a>> {
    let office = scene.office(&scene.after, true)?;
    let case = kept_case(scene, &office)?;
    let row = office.desk.case(&case)?.reports.remove(0);
    let filed = scene
        .people
        .filed
        .iter()
        .find(|filed| *filed.id.as_bytes() == row.id);
    let filed = filed.ok_or("the report is unknown")?;
    let receipt = of_report(&office, &filed.promised.number())?;
    verify(&office, &receipt, filed)?; // the control
    Ok(Made {
        office,
        case,
        filed,
        receipt,
    })
}

/// The reporter's step. What contradicts is an error here.
fn verify(office: &Office, receipt: &Receipt, filed: &Filed) -> Result<Told> {
    let expected = Expected::Report {
        promise: &filed.promised,
    };
    let told = Receipt::decode(&encoded(receipt)?)?.verify(&office.keys, expected)?;
    match told.contradictions.first() {
        Some(contradiction) => Err(contradiction.to_string().into()),
        None => Ok(told),
    }
}

fn is_opening(event: &Event) -> bool {
    matches!(event, Event::ContentOpened { .. })
}

/// All that the receipt still shows is true. The published log shows more.
fn left_out(scene: &Scene<'_>) -> Result<Effect> {
    let Made {
        office,
        filed,
        mut receipt,
        ..
    } = made(scene)?;
    let at = receipt
        .items
        .iter()
        .position(|item| is_opening(&item.entry.event));
    receipt.items.remove(at.ok_or("the report was not opened")?);
    let told = verify(&office, &receipt, filed)?;
    let entries = published::verify(&scene.public, &office.keys, &[])?.entries;
    match told.missing_from(&entries).first() {
        Some(missing) => Ok(Effect::Noticed(missing.to_string())),
        None => Ok(Effect::Succeeded("the opening is not missed".to_owned())),
    }
}

fn other_report(scene: &Scene<'_>) -> Result<Effect> {
    let Made {
        office,
        filed,
        receipt,
        ..
    } = made(scene)?;
    let other = scene.people.filed.iter().find(|other| other.id != filed.id);
    let verified = verify(&office, &receipt, other.ok_or("there is one report only")?);
    Effect::of_check(verified, "is not for this reader")
}

fn other_account(scene: &Scene<'_>) -> Result<Effect> {
    let Made {
        office,
        case,
        filed,
        ..
    } = made(scene)?;
    let receipt = of_account(&office, &case)?;
    let told = |account: usize| {
        let account = scene.people.account(account).as_str().as_bytes();
        receipt.verify(&office.keys, Expected::Account { account })
    };
    if !told(filed.accused)?.contradictions.is_empty() {
        return Err("the receipt of the right account contradicts".into());
    }
    match told(filed.reporter)?.contradictions.first() {
        Some(contradiction) => Ok(Effect::Noticed(contradiction.to_string())),
        None => Ok(Effect::Succeeded("it is taken".to_owned())),
    }
}

/// An opening gets another day in the receipt.
fn changed(scene: &Scene<'_>) -> Result<Effect> {
    let Made {
        office,
        filed,
        mut receipt,
        ..
    } = made(scene)?;
    let opening = receipt
        .items
        .iter_mut()
        .find(|item| is_opening(&item.entry.event));
    let opening = opening.ok_or("the report was not opened")?;
    opening.entry = Entry {
        day: Day(opening.entry.day.0 + 1),
        ..opening.entry
    };
    Effect::of_check(verify(&office, &receipt, filed), "is not in the log")
}

/// The log without the openings, signed by the log's key alone.
fn other_log(scene: &Scene<'_>) -> Result<Effect> {
    let Made {
        office,
        filed,
        mut receipt,
        ..
    } = made(scene)?;
    let mut entries = pen::entries(&office)?;
    let at = receipt
        .items
        .iter()
        .position(|item| is_opening(&item.entry.event));
    let opening = receipt.items.remove(at.ok_or("the report was not opened")?);
    entries.remove(usize::try_from(opening.index)?);
    let other = OtherLog::new(&entries);
    receipt.checkpoint = other.sign(&office.secrets.log)?;
    for item in &mut receipt.items {
        item.index -= u64::from(item.index > opening.index);
        let size = entries.len() as u64;
        item.proof = waxseal_log::proof::prove_inclusion(item.index, size, &other)?;
    }
    Effect::of_check(verify(&office, &receipt, filed), "witnesses cosigned")
}

/// The reporter is told other reasons than were decided.
fn altered_reasons(scene: &Scene<'_>) -> Result<Effect> {
    let Made {
        mut office,
        case,
        filed,
        ..
    } = made(scene)?;
    let row = office.desk.store().decisions(case.as_bytes(), 1)?.remove(0);
    let entry = office
        .desk
        .store()
        .entry(row.log_index)?
        .ok_or("no entry")?;
    let mut detail = entry.detail.ok_or("the detail was erased")?;
    let at = detail
        .windows(8)
        .position(|part| part == b"Unwanted")
        .ok_or("other reasons")?;
    detail[at..at + 8].copy_from_slice(b"Terrible");
    let update = "UPDATE entries SET detail = ?1 WHERE log_index = ?2";
    pen::sql(&mut office, update, (detail, i64::try_from(row.log_index)?))?;
    office.reopen()?;
    let receipt = of_report(&office, &filed.promised.number())?;
    Effect::of_check(verify(&office, &receipt, filed), "not the one in the log")
}
