//! Appeals: other officers look again, and reverse some decisions.

use waxseal_desk::appeal::AppealDecision;
use waxseal_log::entry::{AppealOutcome, Measure, Purpose, ReasonCode, Side};
use waxseal_log::tree::TreeHash;
use waxseal_reporting::Timestamp;
use waxseal_reporting::reporter::Reason;

use crate::Result;
use crate::office::Office;
use crate::officers::{Ask, Officers, sign};
use crate::people::{Filed, People};
use crate::work::{Decided, Work, decide};

/// Every sixth account appeals, and the reporters of every 15th case.
const APPEALS: [(Side, usize); 2] = [(Side::Account, 6), (Side::Reporter, 15)];
/// Every third appeal is successful.
const REVERSED: usize = 3;

/// An appeal that waits for its decision.
pub struct Filing {
    /// Index of the decided case.
    decided: usize,
    appeal: TreeHash,
}

/// Files the appeals against the decisions, and returns them.
pub fn file(decided: &[Decided], office: &mut Office, now: Timestamp) -> Result<Vec<Filing>> {
    let mut filed = Vec::new();
    for (index, one) in decided.iter().enumerate() {
        for (side, every) in APPEALS {
            if index % every == 0 {
                let text = "I do not agree. Please look again.";
                let rng = &mut office.rng;
                filed.push(Filing {
                    decided: index,
                    appeal: office.desk.appeal(&one.leaf, side, text, now, rng)?,
                });
            }
        }
    }
    office.settle(now)?;
    Ok(filed)
}

/// Decides the appeals. For each, an officer who had no part in it opens the reports again.
pub fn hear(
    filings: &[Filing],
    work: &mut Work,
    people: &People,
    officers: &Officers,
    office: &mut Office,
) -> Result<u64> {
    let now = people.now();
    let mut reversed = 0;
    for (number, filing) in filings.iter().enumerate() {
        let decided = work.decided[filing.decided].clone();
        let reports = reports_of(&decided, people, office)?;
        // The second lead decides appeals; the first one approved the grants that needed it.
        let [approver, judge] = &officers.leads;
        let ask = Ask::all(
            decided.case,
            Purpose::Appeal,
            judge,
            Some(approver),
            &reports,
        );
        let grant = ask.at_desk(office, now)?.grant().terms().id;
        let opened: Vec<_> = reports.iter().map(|filed| (grant, *filed)).collect();
        work.open(&opened, people, office, now)?;
        let is_reversed = number % REVERSED == 1 && !decided.reversed;
        let decision = AppealDecision {
            appeal: filing.appeal,
            outcome: match is_reversed {
                true => AppealOutcome::Reversed,
                false => AppealOutcome::Upheld,
            },
            statement: "The messages were read again by another officer.".to_owned(),
        };
        let signed = sign(&decision, judge, now)?;
        office.desk.decide_appeal(&signed, now, &mut office.rng)?;
        reversed += u64::from(is_reversed);
        work.decided[filing.decided].reversed |= is_reversed;
    }
    office.settle(now)?;
    Ok(reversed)
}

/// Decides the cases again whose decision was reversed.
pub fn decide_again(
    work: &mut Work,
    officers: &Officers,
    office: &mut Office,
    now: Timestamp,
) -> Result<()> {
    let spam = ReasonCode::from_number(Reason::Spam.number()).ok_or("an unknown reason")?;
    for decided in work.decided.iter_mut().filter(|decided| decided.reversed) {
        let officer = officers.reviewer(office, 0);
        decided.leaf = decide(
            &decided.case,
            Measure::None,
            spam.number(),
            officer,
            office,
            now,
        )?;
    }
    office.settle(now)
}

/// The reports of a decided case.
pub fn reports_of<'a>(
    decided: &Decided,
    people: &'a People,
    office: &Office,
) -> Result<Vec<&'a Filed>> {
    let rows = office.desk.case(&decided.case)?.reports;
    let of = |filed: &&Filed| rows.iter().any(|row| row.id == *filed.id.as_bytes());
    Ok(people.filed.iter().filter(of).collect())
}
