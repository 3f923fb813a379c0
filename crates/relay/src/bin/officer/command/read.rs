//! Prints the queue and a case.

use core::fmt::Write as _;

use waxseal_relay::desk::{CaseDetail, CaseItem, Hex, QueuePage};

use super::wrapped::{quoted, short};
use super::{Officer, Result};
use crate::app::Desk;
use crate::words;

/// The first 50 open cases.
pub fn queue(officer: &Officer, json: bool) -> Result<String> {
    let page: QueuePage = officer.get("/v1/queue?order=severity&limit=50")?;
    if json {
        return Ok(format!("{}\n", serde_json::to_string(&page)?));
    }
    let mut out = String::new();
    for case in &page.cases {
        writeln!(out, "{}", line_of(case))?;
    }
    if page.cases.is_empty() {
        writeln!(out, "no case is open")?;
    }
    if page.next.is_some() {
        writeln!(out, "more cases wait: the pages show them all")?;
    }
    Ok(out)
}

fn line_of(case: &CaseItem) -> String {
    let account = case.account.as_deref().map_or("erased".to_owned(), short);
    let taken = match case.officer {
        Some(_) => ", taken",
        None => "",
    };
    let reports = words::counted(case.reports.into(), "report");
    let reason = words::reason(case.reason);
    format!("{}  {reason}: {account}, {reports}{taken}", case.id)
}

/// A case with what was done in it.
pub fn case(officer: &Officer, case: &Hex<16>, json: bool) -> Result<String> {
    let detail = officer.case(case)?;
    if json {
        return Ok(format!("{}\n", serde_json::to_string(&detail)?));
    }
    let desk = officer.desk()?;
    let mut out = String::new();
    let status = words::state(&detail.case.status);
    writeln!(out, "{}, {status}", line_of(&detail.case))?;
    reports(&mut out, &detail)?;
    steps(&mut out, &desk, &detail)?;
    Ok(out)
}

fn reports(out: &mut String, detail: &CaseDetail) -> Result<()> {
    for report in &detail.reports {
        let reason = report.reason.map_or("not told yet", words::reason);
        let messages = words::counted(report.messages.into(), "message");
        writeln!(out, "report {}: {reason}, {messages}", report.id)?;
    }
    Ok(())
}

fn steps(out: &mut String, desk: &Desk, detail: &CaseDetail) -> Result<()> {
    let name = |key: &Hex<32>| match desk.officer(key) {
        Some(officer) => short(&officer.name),
        None => words::short(key),
    };
    for grant in &detail.grants {
        let (who, state) = (name(&grant.requester), words::state(&grant.state));
        let purpose = words::purpose_of(grant.purpose);
        let used = format!("{} of {}", grant.openings, grant.max_openings);
        writeln!(
            out,
            "grant {}: {purpose}, by {who}, {state}, {used} used",
            grant.id
        )?;
    }
    for opening in &detail.openings {
        let (entry, report) = (opening.log_index, opening.report);
        let shown = match opening.shown_at_ms {
            Some(_) => "shown to",
            None => "not shown to",
        };
        let who = name(&opening.officer);
        writeln!(out, "entry {entry}: report {report} opened, {shown} {who}")?;
    }
    for decision in &detail.decisions {
        let (entry, who) = (decision.log_index, name(&decision.officer));
        let measure = words::measure_of(decision.measure);
        let until = words::time(decision.appeal_until_ms);
        writeln!(
            out,
            "entry {entry}: {measure}, decided by {who}, appeals until {until}"
        )?;
        write!(out, "  rule:\n{}", quoted(&decision.rule))?;
        write!(out, "  reasons:\n{}", quoted(&decision.statement))?;
    }
    for appeal in &detail.appeals {
        let (entry, side) = (appeal.log_index, words::side(appeal.side));
        let outcome = appeal.outcome.map_or("waits", words::appeal_outcome);
        writeln!(out, "entry {entry}: {side} appeals. {outcome}")?;
    }
    Ok(())
}
