//! What officers read: the queue, a case with all that belongs to it, grants, and appeals.

use std::collections::HashSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use waxseal_desk::desk::Desk;
use waxseal_desk::grant::Grant;
use waxseal_desk::ids::CaseId;
use waxseal_desk::policy::Policy;
use waxseal_desk::store::{
    AppealList, Assigned, CaseStatus, Cursor, GrantList, Order, Query as StoreQuery, ReportList,
    ReportRow, Store, StoreError,
};
use waxseal_relay::desk::{
    Appeals, CaseDetail, DeskCard, GrantItem, Grants, Hex, QueuePage, QueueQuery,
};

use crate::clock::now;
use crate::errors::Refusal;
use crate::files::AnyStore;
use crate::items;
use crate::signed::{FromOfficer, Id, Query};
use crate::state::Server;

/// Number of cases on a page, if the query does not say it.
const PAGE: u8 = 50;
/// Maximum number of cases on a page.
const MAX_PAGE: u8 = 100;
/// Maximum number of grants or appeals in an answer.
const MAX_LISTED: usize = 1_000;
/// Maximum number of reports on a page of a case. Each is read with its content, and can name 64
/// blobs.
const MAX_REPORTS: usize = 50;
/// Maximum number of reports of other pages that grants name.
const MAX_GRANTED: usize = 64;
/// Maximum number of earlier cases about an account.
const MAX_EARLIER: usize = 50;

/// `GET /v1/desk`.
pub async fn card(
    State(server): State<Arc<Server>>,
    _: FromOfficer,
) -> Result<Json<DeskCard>, Refusal> {
    let keys = server.keys.clone();
    let targets = server.targets.names();
    let card = server.readers.read(move |desk| {
        let cosigned = desk.store().newest_checkpoint(true)?;
        let version = desk.policy().map_or(0, Policy::version);
        let signature = desk.store().policy(version)?.map(|row| row.signature);
        let policy = desk.policy().map(|policy| policy.encode().to_vec());
        Ok(DeskCard {
            origin: keys.origin().to_owned(),
            vault: Hex(*keys.vault().key()),
            policy: policy.unwrap_or_default(),
            policy_signature: Hex(signature.unwrap_or([0; 64])),
            keys: keys.to_string(),
            log_size: desk.store().log_size()?,
            cosigned_size: cosigned.map_or(0, |row| row.size),
            now_ms: now().as_millis(),
            exports: targets,
        })
    });
    Ok(Json(card.await?))
}

/// `GET /v1/queue`.
pub async fn queue(
    State(server): State<Arc<Server>>,
    Query(query): Query<QueueQuery>,
    asked: FromOfficer,
) -> Result<Json<QueuePage>, Refusal> {
    let query = read_query(&query, asked.officer.as_bytes()).ok_or_else(Refusal::malformed)?;
    let page = server.readers.read(move |desk| {
        let page = desk.store().queue(&query)?;
        Ok(QueuePage {
            cases: page.cases.into_iter().map(items::case).collect(),
            next: page.next.map(|cursor| Hex(cursor.to_bytes())),
        })
    });
    Ok(Json(page.await?))
}

fn read_query(query: &QueueQuery, me: &[u8; 32]) -> Option<StoreQuery> {
    let order = match query.order.as_deref() {
        None | Some("severity") => Order::Severity,
        Some("age") => Order::Age,
        Some("reporters") => Order::Reporters,
        Some(_) => return None,
    };
    let status = match query.status.as_deref() {
        None | Some("open") => CaseStatus::Open,
        Some("waiting") => CaseStatus::Waiting,
        Some("decided") => CaseStatus::Decided,
        Some("closed") => CaseStatus::Closed,
        Some(_) => return None,
    };
    let assigned = match query.assigned.as_deref() {
        None => None,
        Some("free") => Some(Assigned::Free),
        Some("me") => Some(Assigned::To(*me)),
        Some(_) => return None,
    };
    let after = match &query.after {
        None => None,
        Some(cursor) => Some(Cursor::from_bytes(&cursor.0)?),
    };
    let limit = query.limit.unwrap_or(PAGE);
    let limit = Some(limit).filter(|limit| (1..=MAX_PAGE).contains(limit))?;
    Some(StoreQuery {
        order,
        reason: query.reason,
        status,
        assigned,
        now_ms: now().as_millis(),
        after,
        limit: limit.into(),
    })
}

/// `GET /v1/cases/{id}`.
pub async fn case(
    State(server): State<Arc<Server>>,
    Id(id): Id<16>,
    Query(query): Query<CaseQuery>,
    _: FromOfficer,
) -> Result<Json<CaseDetail>, Refusal> {
    let after = query.reports_after.map(|after| position(&after.0));
    let detail = server.readers.read(move |desk| detail(desk, id, after));
    Ok(Json(detail.await?))
}

/// The query of `GET /v1/cases/{id}`.
#[derive(Deserialize)]
pub struct CaseQuery {
    reports_after: Option<Hex<24>>,
}

/// Where a report is among those of its case: when it came in, and its id.
type Position = (u64, [u8; 16]);

fn position(bytes: &[u8; 24]) -> Position {
    let (at_ms, id) = bytes.split_at(8);
    let at_ms = at_ms.try_into().map_or(0, u64::from_be_bytes);
    (at_ms, id.try_into().unwrap_or_default())
}

fn cursor((at_ms, id): Position) -> Hex<24> {
    let mut bytes = [0; 24];
    bytes[..8].copy_from_slice(&at_ms.to_be_bytes());
    bytes[8..].copy_from_slice(&id);
    Hex(bytes)
}

/// A page of the reports of a case, and where the next one starts.
fn page(
    store: &impl Store,
    case: [u8; 16],
    after: Option<Position>,
) -> Result<(Vec<ReportRow>, Option<Position>), StoreError> {
    let list = ReportList::OfCase(case);
    let mut rows = store.reports(&list, after, MAX_REPORTS + 1)?;
    let has_more = rows.len() > MAX_REPORTS;
    rows.truncate(MAX_REPORTS);
    let last = rows.last().filter(|_| has_more);
    let next = last.map(|row| (row.received_at_ms, row.id));
    Ok((rows, next))
}

/// The reports that these grants name and that are not on the page.
fn granted(
    store: &impl Store,
    case: [u8; 16],
    grants: &[GrantItem],
    shown: &[ReportRow],
) -> Result<Vec<ReportRow>, StoreError> {
    let grants = grants.iter().filter(|grant| {
        grant.expires_at_ms > now().as_millis()
            && matches!(grant.state.as_str(), "requested" | "approved")
    });
    let grants = grants.filter_map(|grant| Grant::decode(&grant.grant).ok());
    let mut named: HashSet<[u8; 32]> = grants
        .flat_map(|grant| grant.terms().reports.clone())
        .map(|report| *report.digest.as_bytes())
        .collect();
    for row in shown {
        row.accepted_digest.map(|digest| named.remove(&digest));
    }
    let (mut found, mut after) = (Vec::new(), None);
    while !named.is_empty() && found.len() < MAX_GRANTED {
        let rows = store.reports(&ReportList::OfCase(case), after, usize::MAX)?;
        let Some(last) = rows.last() else { break };
        after = Some((last.received_at_ms, last.id));
        found.extend(rows.into_iter().filter(|row| {
            let digest = row.accepted_digest.filter(|_| !row.is_erased);
            digest.is_some_and(|digest| named.remove(&digest))
        }));
    }
    found.truncate(MAX_GRANTED);
    Ok(found)
}

fn detail(
    desk: &Desk<AnyStore>,
    id: [u8; 16],
    after: Option<Position>,
) -> Result<CaseDetail, Refusal> {
    let view = desk.case(&CaseId::from_bytes(id))?;
    let (rows, next) = page(desk.store(), id, after)?;
    let earlier = match view.case.account.as_deref() {
        Some(account) => desk.store().cases_of(account, MAX_EARLIER)?,
        None => Vec::new(),
    };
    let grants = view.grants.into_iter().map(items::grant);
    let grants: Vec<_> = grants.collect::<Result<_, _>>()?;
    let granted = granted(desk.store(), id, &grants, &rows)?.into_iter();
    let granted = granted.map(|row| items::report(desk, row));
    let reports = rows.into_iter().map(|row| items::report(desk, row));
    let decisions = view.decisions.into_iter();
    let decisions = decisions.map(|row| items::decision(desk, row));
    let earlier = earlier.into_iter().filter(|row| row.id != id);
    Ok(CaseDetail {
        case: items::case(view.case),
        reports: reports.collect::<Result<_, _>>()?,
        reports_next: next.map(cursor),
        granted: granted.collect::<Result<_, _>>()?,
        grants,
        openings: view.openings.into_iter().map(items::opening).collect(),
        decisions: decisions.collect::<Result<_, _>>()?,
        appeals: view.appeals.into_iter().map(items::appeal).collect(),
        holds: view.holds.into_iter().map(items::hold).collect(),
        earlier: earlier.map(items::case).collect(),
    })
}

/// The query of `GET /v1/grants`.
#[derive(Deserialize)]
pub struct GrantsQuery {
    list: String,
}

/// `GET /v1/grants`.
pub async fn grants(
    State(server): State<Arc<Server>>,
    Query(query): Query<GrantsQuery>,
    _: FromOfficer,
) -> Result<Json<Grants>, Refusal> {
    let list = match query.list.as_str() {
        "requested" => GrantList::Requested,
        "to_review" => GrantList::ToReview,
        _ => return Err(Refusal::malformed()),
    };
    let grants = server.readers.read(move |desk| {
        let rows = desk.store().grants(&list, MAX_LISTED)?;
        let grants: Result<_, _> = rows.into_iter().map(items::grant).collect();
        Ok(Grants { grants: grants? })
    });
    Ok(Json(grants.await?))
}

/// `GET /v1/appeals`.
pub async fn appeals(
    State(server): State<Arc<Server>>,
    _: FromOfficer,
) -> Result<Json<Appeals>, Refusal> {
    let appeals = server.readers.read(|desk| {
        let rows = desk
            .store()
            .appeals(&AppealList::Undecided, None, MAX_LISTED)?;
        let appeals = rows.into_iter().map(items::appeal).collect();
        Ok(Appeals { appeals })
    });
    Ok(Json(appeals.await?))
}
