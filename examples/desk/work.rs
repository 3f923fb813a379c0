//! A working day of the officers: they take cases from the queue, open the reports, and decide.

use std::collections::HashMap;

use waxseal_desk::case::Assignment;
use waxseal_desk::decision::Decision;
use waxseal_desk::grant::GrantDenial;
use waxseal_desk::ids::{CaseId, GrantId};
use waxseal_desk::officer::OfficerKey;
use waxseal_desk::store::{Assigned, CaseRow, Order, Query, Store};
use waxseal_desk::vault::{View, ViewedContent};
use waxseal_log::entry::{Measure, Purpose, ReasonCode, Side};
use waxseal_log::tree::TreeHash;
use waxseal_reporting::Timestamp;
use waxseal_reporting::reporter::Reason;

use crate::office::Office;
use crate::officers::{Ask, Officers, sign};
use crate::people::{Filed, People};
use crate::{HOUR_MS, Result};

/// Cases that are opened under one checkpoint.
const TOGETHER: usize = 25;
/// Every seventh request of a grant is denied, and the officer asks again.
const DENIED: usize = 7;

/// A decided case.
#[derive(Clone)]
pub struct Decided {
    pub case: CaseId,
    /// Index of the reported account among the clients.
    pub accused: usize,
    pub leaf: TreeHash,
    /// Whether an appeal reversed the decision. The case was decided again then.
    pub reversed: bool,
}

/// What the officers did.
#[derive(Default)]
pub struct Work {
    pub decided: Vec<Decided>,
    /// Views that the vault gave out.
    pub views: u64,
    /// Views that differ from what was sent. There should be none.
    pub wrong_views: u64,
    /// Emergency grants that are not reviewed yet.
    pub emergencies: Vec<GrantId>,
    turn: usize,
}

impl Work {
    /// Works until no case is left in the queue.
    pub fn day(&mut self, people: &People, officers: &Officers, office: &mut Office) -> Result<()> {
        let now = people.now();
        let filed: HashMap<_, _> = people
            .filed
            .iter()
            .map(|filed| (*filed.id.as_bytes(), filed))
            .collect();
        loop {
            let mut query = Query::open(Order::Severity, now.as_millis(), TOGETHER);
            query.assigned = Some(Assigned::Free);
            let cases = office.desk.store().queue(&query)?.cases;
            if cases.is_empty() {
                return Ok(());
            }
            let mut taken = Vec::new();
            for case in &cases {
                self.turn += 1;
                let officer = officers.reviewer(office, self.turn);
                let id = CaseId::from_bytes(case.id);
                let assignment = Assignment {
                    case: id,
                    officer: officer.id(),
                    until: Timestamp::from_millis(now.as_millis() + 8 * HOUR_MS),
                };
                office.desk.assign(&sign(&assignment, officer, now)?, now)?;
                let reports = office.desk.case(&id)?.reports;
                let reports: Vec<&Filed> = reports.iter().map(|row| filed[&row.id]).collect();
                let purpose = purpose(case);
                let grant = self.ask(&id, purpose, officer, officers, &reports, office, now)?;
                taken.push((id, grant, officer.clone(), reports));
            }
            let opened: Vec<_> = taken
                .iter()
                .flat_map(|(_, grant, _, reports)| {
                    reports.iter().map(move |filed| (*grant, *filed))
                })
                .collect();
            self.open(&opened, people, office, now)?;
            for ((id, _, officer, _), case) in taken.iter().zip(&cases) {
                let measure = measure(case, self.turn + self.decided.len());
                let leaf = decide(id, measure, case.reason, officer, office, now)?;
                let account = case.account.as_deref().ok_or("the case has no account")?;
                let accused = people.index_of(account).ok_or("an unknown account")?;
                self.decided.push(Decided {
                    case: *id,
                    accused,
                    leaf,
                    reversed: false,
                });
            }
            office.settle(now)?;
        }
    }

    /// Asks for a grant. Some are denied by a lead, and asked for again.
    #[expect(clippy::too_many_arguments, reason = "a grant is about all of them")]
    fn ask(
        &mut self,
        case: &CaseId,
        purpose: Purpose,
        officer: &OfficerKey,
        officers: &Officers,
        reports: &[&Filed],
        office: &mut Office,
        now: Timestamp,
    ) -> Result<GrantId> {
        let lead = &officers.leads[0];
        if self.turn % DENIED == 4 {
            let ask = Ask::all(*case, Purpose::QualityAudit, officer, Some(lead), reports);
            let grant = waxseal_desk::grant::Grant::new(ask.terms(office, now)?)?;
            let signature = grant.sign_as_requester(officer);
            office
                .desk
                .request_grant(&grant, &signature, now, &mut office.rng)?;
            let denial = GrantDenial {
                grant: grant.digest(),
                reason: "This is a report, not an audit.".to_owned(),
            };
            office
                .desk
                .deny_grant(&sign(&denial, lead, now)?, now, &mut office.rng)?;
        }
        let alone = matches!(purpose, Purpose::UserReport | Purpose::Emergency);
        let approver = (!alone).then_some(lead);
        let ask = Ask::all(*case, purpose, officer, approver, reports);
        let id = ask.at_desk(office, now)?.grant().terms().id;
        if purpose == Purpose::Emergency {
            self.emergencies.push(id);
        }
        Ok(id)
    }

    /// Opens reports under their grants. All are logged, and one checkpoint is witnessed. Then the
    /// vault shows them, and each view is compared with what was sent.
    pub fn open(
        &mut self,
        reports: &[(GrantId, &Filed)],
        people: &People,
        office: &mut Office,
        now: Timestamp,
    ) -> Result<()> {
        let mut openings = Vec::new();
        for (grant, filed) in reports {
            let (vault, rng) = (&mut office.vault, &mut office.rng);
            openings.push(
                office
                    .desk
                    .begin_opening(grant, &filed.id, vault, now, rng)?,
            );
        }
        office.witness(now)?;
        office.desk.follow(&mut office.vault, now)?;
        for (opening, (_, filed)) in openings.iter().zip(reports) {
            let view = office
                .desk
                .finish_opening(opening, &mut office.vault, now)?;
            self.views += 1;
            let is_right = texts(&view) == filed.texts
                && view.reported.as_ref() == Some(people.account(filed.accused));
            self.wrong_views += u64::from(!is_right);
        }
        Ok(())
    }
}

/// The texts of a view, in the order of the report's claims.
pub fn texts(view: &View) -> Vec<String> {
    let mut messages: Vec<_> = view.messages.iter().collect();
    messages.sort_by_key(|message| message.claim);
    let text = |content: &ViewedContent| match content {
        ViewedContent::Text(text) => Some(text.to_string()),
        _ => None,
    };
    messages
        .iter()
        .filter_map(|message| text(message.content.as_ref()?))
        .collect()
}

/// Decides a case, and sends the notices to both sides.
pub fn decide(
    case: &CaseId,
    measure: Measure,
    reason: u8,
    officer: &OfficerKey,
    office: &mut Office,
    now: Timestamp,
) -> Result<TreeHash> {
    let policy = office
        .desk
        .policy()
        .ok_or("no policy is in force")?
        .digest();
    let decision = Decision {
        case: *case,
        policy,
        reason: ReasonCode::from_number(reason).ok_or("an unknown reason")?,
        measure,
        rule: "Community rules, section 2".to_owned(),
        statement: format!("Unwanted messages to several people. What we do: {measure}."),
    };
    let signed = sign(&decision, officer, now)?;
    let leaf = office.desk.decide(&signed, now, &mut office.rng)?;
    for side in [Side::Reporter, Side::Account] {
        office.desk.notice_sent(&leaf, side, now, &mut office.rng)?;
    }
    Ok(leaf)
}

/// For what a case is opened.
fn purpose(case: &CaseRow) -> Purpose {
    match Reason::from_number(case.reason) {
        Some(Reason::Threat) => Purpose::Emergency,
        Some(Reason::Grooming) => Purpose::ChildSafety,
        _ => Purpose::UserReport,
    }
}

/// What is done about the account of a case.
fn measure(case: &CaseRow, turn: usize) -> Measure {
    match Reason::from_number(case.reason) {
        Some(Reason::Grooming) => Measure::Referred,
        Some(Reason::Threat) => Measure::Terminated,
        _ if case.reporters > 3 => Measure::Suspended,
        _ if turn % 11 == 5 => Measure::None,
        _ if turn.is_multiple_of(3) => Measure::FeatureRestricted,
        _ => Measure::Warning,
    }
}
