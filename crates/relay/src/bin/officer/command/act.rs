//! Signs and sends acts.

use waxseal_desk::case::Assignment;
use waxseal_desk::decision::Decision;
use waxseal_desk::grant::{Grant, GrantTerms, GrantedReport};
use waxseal_desk::ids::{AcceptedDigest, CaseId, GrantId, OfficerId, VaultId};
use waxseal_desk::vault::View;
use waxseal_log::entry::{Measure, Number, Purpose, ReasonCode};
use waxseal_relay::desk::{CaseDetail, Done, Grants, Hex, Open, read_json};
use waxseal_relay::system_rng;
use waxseal_reporting::Timestamp;
use zeroize::Zeroizing;

use super::{Officer, Result, view};
use crate::app::Desk;
use crate::clock::now;
use crate::prepared::Prepared;
use crate::problem::Problem;

const HOUR_MS: u64 = 3_600_000;

impl Officer {
    /// Signs an act, sends it, and returns the answer.
    fn send(&self, act: Prepared) -> Result<Vec<u8>> {
        let call = act.sign(self.keys.origin(), &self.key, now())?;
        Ok(call.send(&self.desk, &self.key)?)
    }

    /// Sends an act, and says that it is done.
    fn done(&self, act: Prepared, what: &str) -> Result<String> {
        let _: Done = read_json(&self.send(act)?)?;
        Ok(format!("{what}\n"))
    }
}

fn in_hours(hours: u64) -> Timestamp {
    let ms = hours.saturating_mul(HOUR_MS);
    Timestamp::from_millis(now().as_millis().saturating_add(ms))
}

pub fn take(officer: &Officer, case: Hex<16>) -> Result<String> {
    let assignment = Assignment {
        case: CaseId::from_bytes(case.0),
        officer: officer.key.id(),
        until: in_hours(8),
    };
    officer.send(Prepared::Assignment {
        assignment,
        gives_back: false,
    })?;
    Ok(format!(
        "the case is yours until {}\n",
        crate::words::time(in_hours(8).as_millis())
    ))
}

/// Asks for all messages of all reports, each to be opened once.
pub fn ask(
    officer: &Officer,
    case: &Hex<16>,
    purpose: Purpose,
    approver: Option<&str>,
) -> Result<String> {
    let (desk, detail) = (officer.desk()?, officer.case(case)?);
    let approver = approver.map(|name| named(&desk, name)).transpose()?;
    let rule = desk.policy.rule(purpose);
    if rule.two_persons && approver.is_none() {
        return Err("this purpose needs a second person: give --approver NAME".into());
    }
    let mut reports = granted(&detail);
    reports.sort_by_key(|report| report.digest);
    let openings = u16::try_from(reports.len()).unwrap_or(u16::MAX);
    let terms = GrantTerms {
        id: GrantId::from_bytes(*Number::generate(&mut system_rng()).as_bytes()),
        origin: officer.keys.origin().to_owned(),
        vault: VaultId::from_bytes(*officer.keys.vault().key()),
        case: CaseId::from_bytes(case.0),
        purpose,
        policy: desk.policy.digest(),
        requester: officer.key.id(),
        approver,
        requested: now(),
        expires: in_hours(u64::from(rule.max_hours.min(24))),
        max_openings: openings.min(rule.max_openings),
        reports,
    };
    let grant = Grant::new(terms).map_err(|_| {
        Problem::Refused("a grant names 1 to 64 reports whose content is kept; use the pages")
    })?;
    let id = Hex(*grant.terms().id.as_bytes());
    let waits = match approver {
        Some(_) => ", and waits for its approval",
        None => "",
    };
    let asked = Prepared::Grant {
        grant: Box::new(grant),
        reports: Vec::new(),
    };
    officer.done(asked, &format!("grant {id} is asked for{waits}"))
}

/// The officer of the policy with a name that no other officer has.
fn named(desk: &Desk, name: &str) -> Result<OfficerId> {
    let officers = desk.policy.terms().officers.iter();
    let mut with_name = officers.filter(|officer| officer.name == name);
    match (with_name.next(), with_name.next()) {
        (Some(officer), None) => Ok(officer.id),
        _ => Err("the policy has no officer of this name, or several".into()),
    }
}

fn granted(detail: &CaseDetail) -> Vec<GrantedReport> {
    let reports = detail.reports.iter().filter(|report| !report.is_erased);
    let granted = reports.filter_map(|report| {
        let digest = AcceptedDigest::from_bytes(report.accepted_digest?.0);
        let unasked = 32_u32.checked_sub(report.messages)?;
        let messages = u32::MAX.checked_shr(unasked).unwrap_or(0);
        Some(GrantedReport { digest, messages })
    });
    granted.collect()
}

pub fn approve(officer: &Officer, id: &Hex<16>) -> Result<String> {
    let waiting: Grants = officer.get("/v1/grants?list=requested")?;
    let found = waiting.grants.iter().find(|grant| grant.id == *id);
    let found = found.ok_or("no grant with this id waits for an approval")?;
    let grant = Grant::decode(&found.grant).map_err(|_| Problem::Malformed)?;
    if grant.terms().id.as_bytes() != &id.0 {
        return Err(Problem::Malformed.into());
    }
    officer.done(
        Prepared::Approval(Box::new(grant)),
        &format!("grant {id} is approved"),
    )
}

pub fn open(officer: &Officer, grant: Hex<16>, report: Hex<16>) -> Result<String> {
    let open = Prepared::Open {
        case: Hex([0; 16]), // only pages go back to it
        open: Open { grant, report },
        grant: None,
    };
    let answer = Zeroizing::new(officer.send(open)?);
    let view = View::decode(&answer).map_err(|_| Problem::Malformed)?;
    view::print(&view)
}

pub fn decide(
    officer: &Officer,
    case: Hex<16>,
    (reason, measure): (ReasonCode, Measure),
    rule: String,
    statement: String,
) -> Result<String> {
    let decision = Decision {
        case: CaseId::from_bytes(case.0),
        policy: officer.desk()?.policy.digest(),
        reason,
        measure,
        rule,
        statement,
    };
    officer.done(
        Prepared::Decision(decision),
        &format!("case {case} is decided: {measure}"),
    )
}
