//! Rows of the store as the JSON that officers get.

use waxseal_desk::appeal::AppealDecision;
use waxseal_desk::decision::Decision;
use waxseal_desk::desk::Desk;
use waxseal_desk::grant::Grant;
use waxseal_desk::officer::{Act, Signed};
use waxseal_desk::store::{
    AppealRow, CaseRow, CaseStatus, DecisionRow, GrantRow, GrantState, HoldRow, NoticeList,
    OpeningRow, ReportRow, Store as _,
};
use waxseal_relay::desk::{
    AppealItem, CaseItem, DecisionItem, GrantItem, Hex, HoldItem, OpeningItem, ReportItem,
};
use waxseal_reporting::intake::AcceptedReport;

use crate::errors::Refusal;
use crate::files::AnyStore;

pub fn case(row: CaseRow) -> CaseItem {
    let status = match row.status {
        CaseStatus::Open => "open",
        CaseStatus::Waiting => "waiting",
        CaseStatus::Decided => "decided",
        CaseStatus::Closed => "closed",
    };
    CaseItem {
        id: Hex(row.id),
        account: row.account,
        reason: row.reason,
        severity: row.severity,
        first_report_at_ms: row.first_report_at_ms,
        last_report_at_ms: row.last_report_at_ms,
        reports: row.reports,
        reporters: row.reporters,
        status: status.to_owned(),
        officer: row.officer.map(Hex),
        assigned_until_ms: row.assigned_until_ms,
        is_held: row.is_held,
    }
}

pub fn report(desk: &Desk<AnyStore>, row: ReportRow) -> Result<ReportItem, Refusal> {
    let content = desk.store().content(&row.id)?;
    let sent = content.map(|content| AcceptedReport::report_of(&content.accepted));
    let sent = sent.transpose().map_err(|error| Refusal::failed(&error))?;
    let messages = sent.as_ref().map_or(0, |sent| sent.claims().len());
    let blobs = sent.as_ref().map_or(&[][..], |sent| sent.blobs());
    let mut blobs: Vec<_> = blobs.iter().map(|named| named.blob.to_text()).collect();
    let mut seen = std::collections::BTreeSet::new();
    blobs.retain(|blob| seen.insert(blob.clone()));
    Ok(ReportItem {
        id: Hex(row.id),
        accepted_digest: row.accepted_digest.filter(|_| !row.is_erased).map(Hex),
        number: Hex(row.number),
        reason: row.reason,
        received_at_ms: row.received_at_ms,
        messages: u32::try_from(messages).unwrap_or(u32::MAX),
        is_erased: row.is_erased,
        blobs,
    })
}

pub fn grant(row: GrantRow) -> Result<GrantItem, Refusal> {
    let state = match row.state {
        GrantState::Requested => "requested",
        GrantState::Approved => "approved",
        GrantState::Denied => "denied",
        GrantState::Expired => "expired",
    };
    // Both stored forms begin with the grant, after its length.
    let long = row.signed.split_first_chunk::<4>();
    let grant = long.and_then(|(len, rest)| {
        let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
        Grant::decode(rest.get(..len)?).ok()
    });
    let grant = grant.ok_or_else(|| Refusal::failed(&"a stored grant is damaged"))?;
    let named = grant.terms().approver.map(|approver| *approver.as_bytes());
    Ok(GrantItem {
        id: Hex(row.id),
        digest: Hex(row.digest),
        grant: grant.encode().to_vec(),
        case: Hex(row.case_id),
        purpose: row.purpose,
        state: state.to_owned(),
        requester: Hex(row.requester),
        approver: row.approver.or(named).map(Hex),
        requested_at_ms: row.requested_at_ms,
        expires_at_ms: row.expires_at_ms,
        max_openings: row.max_openings,
        openings: row.openings,
        review_until_ms: row.review_until_ms,
        review: row.review,
    })
}

pub fn opening(row: OpeningRow) -> OpeningItem {
    OpeningItem {
        grant_digest: Hex(row.grant_digest),
        report: Hex(row.report_id),
        officer: Hex(row.officer),
        log_index: row.log_index,
        logged_at_ms: row.logged_at_ms,
        shown_at_ms: row.shown_at_ms,
    }
}

pub fn decision(desk: &Desk<AnyStore>, row: DecisionRow) -> Result<DecisionItem, Refusal> {
    let said: Option<Decision> = said(&row.signed);
    let (rule, statement) = said
        .map(|said| (said.rule, said.statement))
        .unwrap_or_default();
    let notices = desk
        .store()
        .notices(&NoticeList::OfDecision(row.leaf_hash), 2)?;
    let told = notices.iter().filter(|notice| notice.sent_at_ms.is_some());
    Ok(DecisionItem {
        leaf: Hex(row.leaf_hash),
        log_index: row.log_index,
        officer: Hex(row.officer),
        reason: row.reason,
        measure: row.measure,
        rule,
        statement,
        openings: row.openings,
        decided_at_ms: row.decided_at_ms,
        appeal_until_ms: row.appeal_until_ms,
        told: told.map(|notice| notice.side).collect(),
    })
}

pub fn appeal(row: AppealRow) -> AppealItem {
    let said: Option<AppealDecision> = row.signed.as_deref().and_then(said);
    AppealItem {
        leaf: Hex(row.leaf_hash),
        log_index: row.log_index,
        decision: Hex(row.decision),
        case: Hex(row.case_id),
        side: row.side,
        text: row.text,
        filed_at_ms: row.filed_at_ms,
        outcome: row.outcome,
        statement: said.map(|said| said.statement),
        officer: row.officer.map(Hex),
        decided_at_ms: row.decided_at_ms,
    }
}

pub fn hold(row: HoldRow) -> HoldItem {
    HoldItem {
        id: Hex(row.id),
        placed_at_ms: row.placed_at_ms,
        lifted_at_ms: row.lifted_at_ms,
    }
}

/// What a stored act says. `None` once it was erased. The desk verified it when it stored it.
fn said<T: Act>(signed: &[u8]) -> Option<T> {
    Signed::<T>::decode(signed).ok()?;
    // 01 || kind u8 || officer 32 || at be64 || medium(body) || signature 64
    let body = signed.get(1 + 1 + 32 + 8 + 2..signed.len().checked_sub(64)?)?;
    T::decode(body)
}
