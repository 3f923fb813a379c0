//! Shows acts, signs them, and sends them.

use core::fmt::Write as _;
use std::io::{BufRead as _, Write as _};

use waxseal_desk::case::Assignment;
use waxseal_desk::decision::Decision;
use waxseal_desk::grant::{Grant, GrantTerms, GrantedReport};
use waxseal_desk::ids::{AcceptedDigest, CaseId, GrantId, OfficerId, VaultId};
use waxseal_log::entry::{Measure, Number, Purpose, ReasonCode};
use waxseal_relay::desk::{CaseDetail, Done, Grants, Hex, Open, read_json};
use waxseal_relay::system_rng;
use waxseal_reporting::Timestamp;
use zeroize::Zeroizing;

use super::wrapped::{quoted, short};
use super::{Officer, Result, view};
use crate::app::Desk;
use crate::checks;
use crate::clock::now;
use crate::prepared::Prepared;
use crate::problem::Problem;
use crate::words;
use crate::words::messages;

const HOUR_MS: u64 = 3_600_000;

impl Officer {
    /// Shows what an act says, and signs it if the officer agrees. Returns the answer.
    fn send(&self, act: Prepared, says: &str, yes: bool) -> Result<Vec<u8>> {
        self.check_policy(&act)?;
        print!("{says}");
        if !yes {
            print!("sign? [y/N] ");
            std::io::stdout().flush()?;
            let mut answer = String::new();
            std::io::stdin().lock().read_line(&mut answer)?;
            if answer.trim() != "y" {
                return Err("nothing was signed".into());
            }
            self.check_policy(&act)?;
        }
        let call = act.sign(self.keys.origin(), &self.key, now())?;
        Ok(call.send(&self.desk, &self.key)?)
    }

    /// Checks that the act is for the policy in force.
    fn check_policy(&self, act: &Prepared) -> Result<()> {
        match checks::is_in_force(act, &self.desk()?) {
            true => Ok(()),
            false => Err(Problem::PolicyChanged.into()),
        }
    }

    /// Does an act, and says that it is done.
    fn done(&self, act: Prepared, says: &str, yes: bool, what: &str) -> Result<String> {
        let _: Done = read_json(&self.send(act, says, yes)?)?;
        Ok(format!("{what}\n"))
    }
}

fn in_hours(hours: u64) -> Timestamp {
    let ms = hours.saturating_mul(HOUR_MS);
    Timestamp::from_millis(now().as_millis().saturating_add(ms))
}

pub fn take(officer: &Officer, case: Hex<16>, yes: bool) -> Result<String> {
    let until = in_hours(8);
    let assignment = Assignment {
        case: CaseId::from_bytes(case.0),
        officer: officer.key.id(),
        until,
    };
    let act = Prepared::Assignment {
        assignment,
        gives_back: false,
    };
    let says = match yes {
        true => String::new(),
        false => format!("you take the case {case}\n"),
    };
    officer.send(act, &says, yes)?;
    let until = words::time(until.as_millis());
    Ok(format!("the case is yours until {until}\n"))
}

/// Asks for all messages of all reports, each to be opened once.
pub fn ask(
    officer: &Officer,
    case: &Hex<16>,
    (purpose, approver): (Purpose, Option<&str>),
    yes: bool,
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
    let says = match yes {
        true => String::new(),
        false => in_words(&desk, &grant)?,
    };
    let asked = Prepared::Grant {
        grant: Box::new(grant),
        reports: Vec::new(),
    };
    officer.done(
        asked,
        &says,
        yes,
        &format!("grant {id} is asked for{waits}"),
    )
}

/// What a grant says, from the bytes that are signed.
fn in_words(desk: &Desk, grant: &Grant) -> Result<String> {
    let terms = grant.terms();
    let who = |id: &OfficerId| {
        let key = Hex(*id.as_bytes());
        let name = desk.officer(&key).map(|officer| short(&officer.name));
        let name = name.unwrap_or("NOT IN THE POLICY:".to_owned());
        format!("{name} {}", words::short(&key))
    };
    let mut out = String::new();
    writeln!(out, "purpose: {}", words::purpose(terms.purpose))?;
    writeln!(out, "case: {}", Hex(*terms.case.as_bytes()))?;
    writeln!(out, "asked by: {}", who(&terms.requester))?;
    let approver = terms.approver.as_ref().map_or("nobody".to_owned(), who);
    writeln!(out, "approved by: {approver}")?;
    writeln!(out, "openings: {}", terms.max_openings)?;
    writeln!(out, "until: {}", words::time(terms.expires.as_millis()))?;
    for report in &terms.reports {
        let messages = messages(report.messages);
        writeln!(
            out,
            "opens: {messages} of {}",
            Hex(*report.digest.as_bytes())
        )?;
    }
    Ok(out)
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

/// Approves a grant after it was shown. There is no way to approve one unseen.
pub fn approve(officer: &Officer, id: &Hex<16>) -> Result<String> {
    let desk = officer.desk()?;
    let waiting: Grants = officer.get("/v1/grants?list=requested")?;
    let found = waiting.grants.iter().find(|grant| grant.id == *id);
    let found = found.ok_or("no grant with this id waits for an approval")?;
    let grant = Grant::decode(&found.grant).map_err(|_| Problem::Malformed)?;
    let terms = grant.terms();
    // CHK-641: the grant is the one that was asked for, and is for this log and its vault.
    if terms.id.as_bytes() != &id.0 || !checks::is_ours(&grant, &officer.keys) {
        return Err(Problem::Malformed.into());
    }
    if terms.approver != Some(officer.key.id()) {
        return Err("another officer is named to approve this grant".into());
    }
    let says = in_words(&desk, &grant)?;
    let approval = Prepared::Approval(Box::new(grant));
    officer.done(approval, &says, false, &format!("grant {id} is approved"))
}

pub fn open(officer: &Officer, case: Hex<16>, open: Open, yes: bool) -> Result<String> {
    let (desk, detail) = (officer.desk()?, officer.case(&case)?);
    let who = (officer.key.id(), &officer.keys);
    let (grant, report) = checks::opening(&detail, &open, who)?;
    let mut says = String::new();
    if !yes {
        let (id, shown) = (open.report, grant.report(&report));
        let shown = messages(shown.map_or(0, |one| one.messages));
        writeln!(
            says,
            "you open {shown} of report {id}, which the log will show"
        )?;
        says.push_str(&in_words(&desk, &grant)?);
    }
    let act = Prepared::Open {
        case,
        open,
        grant: grant.clone(),
        report,
    };
    let answer = Zeroizing::new(officer.send(act, &says, yes)?);
    view::print(&checks::view(&answer, &grant, &report)?)
}

pub fn decide(
    officer: &Officer,
    case: &Hex<16>,
    (reason, measure): (ReasonCode, Measure),
    (rule, statement): (String, String),
    yes: bool,
) -> Result<String> {
    let account = officer.case(case)?.case.account;
    let account = account.as_deref().map_or("erased".to_owned(), short);
    let mut says = String::new();
    if !yes {
        writeln!(says, "case: {case}, about {account}")?;
        writeln!(says, "reason found: {}", words::reason(reason.number()))?;
        writeln!(says, "measure: {}", words::measure(measure))?;
        write!(says, "rule:\n{}", quoted(&rule))?;
        write!(says, "statement of reasons:\n{}", quoted(&statement))?;
    }
    let decision = Decision {
        case: CaseId::from_bytes(case.0),
        policy: officer.desk()?.policy.digest(),
        reason,
        measure,
        rule,
        statement,
    };
    let what = format!("case {case} is decided: {measure}");
    officer.done(Prepared::Decision(decision), &says, yes, &what)
}
