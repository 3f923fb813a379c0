//! At the end, every reporter and every account that was decided against checks a receipt.

use std::fs;
use std::path::Path;

use waxseal::PromiseState;
use waxseal_desk::ids::CaseId;
use waxseal_desk::store::Store;
use waxseal_log::entry::{Entry, Number};
use waxseal_log::receipt::{Receipt, Told};
use waxseal_reporting::intake::ReportId;

use crate::Result;
use crate::office::Office;
use crate::people::People;
use crate::work::Decided;

/// What the receipts told.
#[derive(Default)]
pub struct Receipts {
    pub made: u64,
    /// Those that their readers verified, and that contradict nothing.
    pub verified: u64,
    /// Openings that the reporters were told, together.
    pub openings: u64,
    /// What was wrong, in words.
    pub wrong: Vec<String>,
}

/// Makes all receipts, and lets the clients verify them. `entries` is the published log.
pub fn verify(
    people: &mut People,
    decided: &[Decided],
    office: &Office,
    entries: &[Entry],
) -> Result<Receipts> {
    let mut receipts = Receipts::default();
    let mut reporters: Vec<_> = people
        .filed
        .iter()
        .map(|filed| (filed.reporter, filed.promised.number()))
        .collect();
    let rejected = people.rejected.iter();
    reporters.extend(rejected.map(|one| (one.reporter, one.promised.number())));
    for (reporter, number) in reporters {
        let receipt = of_report(office, &number)?;
        let client = &mut people.network.clients[reporter];
        let told = client.verify_receipt(&encoded(&receipt)?, &office.keys)?;
        receipts.openings += told.openings.len() as u64;
        let is_told = told.received.is_some() && !told.decisions.is_empty();
        receipts.take(&told, is_told || told.rejected.is_some(), entries);
    }
    receipts.wrong.extend(not_kept(people)?);
    for one in decided {
        let receipt = office.desk.account_receipt(&one.case)?;
        let client = &mut people.network.clients[one.accused];
        let told = client.verify_receipt(&encoded(&receipt)?, &office.keys)?;
        receipts.take(&told, !told.decisions.is_empty(), entries);
    }
    Ok(receipts)
}

/// Promises of which no receipt has shown the entry.
fn not_kept(people: &People) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    let mut promises = 0;
    for client in &people.network.clients {
        for promise in client.promises(None, usize::MAX, people.now())?.items {
            promises += 1;
            if promise.state() != PromiseState::Included {
                wrong.push(format!("a promise is {:?}", promise.state()));
            }
        }
    }
    if promises != people.filed.len() + people.rejected.len() {
        wrong.push(format!("the clients keep {promises} promises"));
    }
    Ok(wrong)
}

impl Receipts {
    fn take(&mut self, told: &Told, is_complete: bool, entries: &[Entry]) {
        self.made += 1;
        let mut wrong: Vec<_> = told
            .contradictions
            .iter()
            .map(ToString::to_string)
            .collect();
        wrong.extend(told.missing_from(entries).iter().map(ToString::to_string));
        if !is_complete {
            wrong.push("the receipt shows no arrival or no decision".to_owned());
        }
        self.verified += u64::from(wrong.is_empty());
        self.wrong.extend(wrong);
    }
}

/// Leaves files of one reporter and of one account that was decided against, as their apps would
/// save them. Returns the name of the account.
///
/// # Errors
/// A file cannot be written, or there is no report.
pub fn leave(
    folder: &Path,
    people: &People,
    decided: &[Decided],
    office: &Office,
) -> Result<String> {
    fs::create_dir_all(folder)?;
    let number = people.filed.last().ok_or("no report")?.promised.number();
    let row = office.desk.store().report_with_number(number.as_bytes())?;
    let promise = row.ok_or("the desk has no such report")?.promise;
    let one = decided.last().ok_or("no decision")?;
    let (reporter, account) = (of_report(office, &number)?, of_account(office, &one.case)?);
    fs::write(folder.join("report.promise"), promise)?;
    fs::write(folder.join("report.receipt"), encoded(&reporter)?)?;
    fs::write(folder.join("account.receipt"), encoded(&account)?)?;
    fs::write(folder.join("keys"), office.keys.to_string())?;
    Ok(people.account(one.accused).as_str().to_owned())
}

/// The receipt for the reporter of the report with this number.
pub fn of_report(office: &Office, number: &Number) -> Result<Receipt> {
    let row = office.desk.store().report_with_number(number.as_bytes())?;
    let id = ReportId::from_bytes(row.ok_or("the desk has no such report")?.id);
    Ok(office.desk.reporter_receipt(&id)?)
}

/// The receipt for the account of a case.
pub fn of_account(office: &Office, case: &CaseId) -> Result<Receipt> {
    Ok(office.desk.account_receipt(case)?)
}

pub fn encoded(receipt: &Receipt) -> Result<Vec<u8>> {
    Ok(receipt.encode().ok_or("a receipt cannot be encoded")?)
}
