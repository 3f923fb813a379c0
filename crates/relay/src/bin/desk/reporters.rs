//! The relay's routes: it brings reports and appeals, and takes promises, receipts and notices to
//! devices. It has authenticated the accounts that it names.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::IntoResponse;
use serde::Deserialize;
use waxseal_desk::desk::Desk;
use waxseal_desk::sides::Party;
use waxseal_desk::store::{NoticeList, Store};
use waxseal_log::entry::Side;
use waxseal_log::receipt::Receipt;
use waxseal_log::report::ReportDigest;
use waxseal_log::tree::TreeHash;
use waxseal_relay::desk::{
    AppealFiled, FileAppeal, Hex, NoticeItem, NoticeSent, Notices, RefusedReport,
};
use waxseal_relay::system_rng;
use waxseal_reporting::AccountId;
use waxseal_reporting::intake::ReportId;

use crate::errors::Refusal;
use crate::signed::{FromRelay, Id, Query, json};
use crate::state::Server;

/// Maximum number of notices in an answer.
const MAX_NOTICES: usize = 100;
/// Maximum number of reporters in a notice, and of accounts after which an answer holds no further
/// notice. Bounds its length, and the number of reports that are read for it.
const MAX_TOLD: usize = 500;

const OCTETS: [(&str, &str); 1] = [("content-type", "application/octet-stream")];

/// `POST /v1/intake/accepted`. A report that is brought again gets its first promise.
pub async fn accepted(
    State(server): State<Arc<Server>>,
    asked: FromRelay,
) -> Result<impl IntoResponse, Refusal> {
    let encoded = asked.body;
    let promise = server
        .office
        .act(move |desk, now| desk.take_in_encoded(&encoded, now, &mut system_rng()));
    let promise = promise.await?.encode();
    server.keeper.wake();
    Ok((OCTETS, promise))
}

/// `POST /v1/intake/refused`.
pub async fn refused(
    State(server): State<Arc<Server>>,
    asked: FromRelay,
) -> Result<impl IntoResponse, Refusal> {
    let RefusedReport { digest, check } = json(&asked.body)?;
    let digest = ReportDigest::from_bytes(digest.0);
    let promise = server
        .office
        .act(move |desk, now| desk.refuse(&digest, check, now, &mut system_rng()));
    Ok((OCTETS, promise.await?.encode()))
}

/// `GET /v1/log-keys`.
pub async fn log_keys(State(server): State<Arc<Server>>, _: FromRelay) -> String {
    server.keys.to_string()
}

/// `GET /v1/reports/{id}/receipt`. The id is the relay's.
pub async fn report_receipt(
    State(server): State<Arc<Server>>,
    Id(id): Id<16>,
    _: FromRelay,
) -> Result<impl IntoResponse, Refusal> {
    let receipt = server
        .readers
        .read(move |desk| encoded(&desk.reporter_receipt(&ReportId::from_bytes(id))?));
    Ok((OCTETS, receipt.await?))
}

/// `GET /v1/refused/{digest}/receipt`. A report that the intake rejected has no id of the relay.
pub async fn refused_receipt(
    State(server): State<Arc<Server>>,
    Id(digest): Id<32>,
    _: FromRelay,
) -> Result<impl IntoResponse, Refusal> {
    let receipt = server.readers.read(move |desk| {
        let row = desk.store().report_with_digest(&digest)?;
        // CHK-667: the relay knows who made the reports that it took, and asks by its id.
        let row = row.filter(|row| row.accepted_digest.is_none());
        let row = row.ok_or_else(Refusal::not_found)?;
        encoded(&desk.reporter_receipt(&ReportId::from_bytes(row.id))?)
    });
    Ok((OCTETS, receipt.await?))
}

/// `GET /v1/decisions/{leaf}/receipt?account={name}`.
pub async fn account_receipt(
    State(server): State<Arc<Server>>,
    Id(leaf): Id<32>,
    RawQuery(query): RawQuery,
    _: FromRelay,
) -> Result<impl IntoResponse, Refusal> {
    let account = query
        .as_deref()
        .and_then(|query| query.strip_prefix("account="));
    let account = account.and_then(|name| AccountId::new(&percent_decoded(name)?).ok());
    let account = account.ok_or_else(Refusal::malformed)?;
    let receipt = server.readers.read(move |desk| {
        let decision = TreeHash::from_bytes(leaf);
        let row = desk.store().decision(&leaf)?;
        let row = row.ok_or_else(Refusal::not_found)?;
        // CHK-628: only the account that was decided against gets the receipt.
        if !desk.is_party(&decision, &Party::Account(&account))? {
            return Err(Refusal::not_found());
        }
        let case = waxseal_desk::ids::CaseId::from_bytes(row.case_id);
        encoded(&desk.account_receipt(&case)?)
    });
    Ok((OCTETS, receipt.await?))
}

fn encoded(receipt: &Receipt) -> Result<Vec<u8>, Refusal> {
    receipt
        .encode()
        .ok_or_else(|| Refusal::failed(&"the receipt is too long"))
}

/// `POST /v1/decisions/{leaf}/appeals`. Each side has one appeal.
pub async fn appeal(
    State(server): State<Arc<Server>>,
    Id(leaf): Id<32>,
    asked: FromRelay,
) -> Result<Json<AppealFiled>, Refusal> {
    let appeal: FileAppeal = json(&asked.body)?;
    let account = AccountId::new(&appeal.account).map_err(|_| Refusal::malformed())?;
    let report = appeal.report.map(|report| ReportId::from_bytes(report.0));
    let side = match (Side::from_number(appeal.side), report.is_some()) {
        (Some(side @ Side::Reporter), true) | (Some(side @ Side::Account), false) => side,
        _ => return Err(Refusal::malformed()),
    };
    let decision = TreeHash::from_bytes(leaf);
    let filed = server.office.act(move |desk, now| {
        let party = match &report {
            Some(report) => Party::Reporter(report, &account),
            None => Party::Account(&account),
        };
        if !desk.is_party(&decision, &party)? {
            return Err(waxseal_desk::Refused::NoDecision.into());
        }
        desk.appeal(&decision, side, &appeal.text, now, &mut system_rng())
    });
    let leaf = Hex(*filed.await?.as_bytes());
    Ok(Json(AppealFiled { leaf }))
}

/// `GET /v1/notices`: those that no relay has taken yet, the oldest first. Of one that has many
/// reporters, the first ones.
pub async fn notices(
    State(server): State<Arc<Server>>,
    _: FromRelay,
) -> Result<Json<Notices>, Refusal> {
    let read = server.readers.read(|desk| {
        let (mut notices, mut told) = (Vec::new(), 0);
        for row in desk.store().notices(&NoticeList::Unsent, MAX_NOTICES)? {
            if told > MAX_TOLD {
                break;
            }
            // A notice that cannot be read keeps no others back. The reason is in the log.
            if let Ok(notice) = notice_of(desk, row.decision, row.side, None) {
                told += notice.accounts.len();
                notices.push(notice);
            }
        }
        Ok(Notices { notices })
    });
    Ok(Json(read.await?))
}

#[derive(Deserialize)]
pub struct After {
    after: Hex<16>,
}

/// `GET /v1/notices/{leaf}?after={report}`: more of the reporters that a notice tells.
pub async fn more_reporters(
    State(server): State<Arc<Server>>,
    Id(leaf): Id<32>,
    Query(After { after }): Query<After>,
    _: FromRelay,
) -> Result<Json<NoticeItem>, Refusal> {
    let after = ReportId::from_bytes(after.0);
    let read = server
        .readers
        .read(move |desk| notice_of(desk, leaf, Side::Reporter.number(), Some(&after)));
    Ok(Json(read.await?))
}

fn notice_of<S: Store>(
    desk: &Desk<S>,
    decision: [u8; 32],
    side: u8,
    after: Option<&ReportId>,
) -> Result<NoticeItem, Refusal> {
    let told = match Side::from_number(side) {
        Some(side) => desk.told_of(&TreeHash::from_bytes(decision), side, after, MAX_TOLD),
        None => return Err(Refusal::failed(&"a notice has no side")),
    };
    let (told, next) = told.inspect_err(|cause| tracing::error!(%cause, "a notice"))?;
    let reports = told.iter().filter_map(|told| told.report.as_ref());
    Ok(NoticeItem {
        decision: Hex(decision),
        side,
        reports: reports.map(|report| Hex(*report.as_bytes())).collect(),
        accounts: told.into_iter().map(|told| told.account).collect(),
        next: next.map(|report| Hex(*report.as_bytes())),
    })
}

/// `POST /v1/notices/sent`. To say it again is no error.
pub async fn notice_sent(
    State(server): State<Arc<Server>>,
    asked: FromRelay,
) -> Result<(), Refusal> {
    let NoticeSent { decision, side } = json(&asked.body)?;
    let side = Side::from_number(side).ok_or_else(Refusal::malformed)?;
    let decision = TreeHash::from_bytes(decision.0);
    let sent = server.office.act(move |desk, now| {
        match desk.notice_sent(&decision, side, now, &mut system_rng()) {
            // A relay that did not get the answer says it again.
            Err(waxseal_desk::DeskError::Refused(waxseal_desk::Refused::NoNotice)) => {
                let list = NoticeList::OfDecision(*decision.as_bytes());
                let known = desk.store().notices(&list, 2)?;
                match known.iter().any(|row| row.side == side.number()) {
                    true => Ok(()),
                    false => Err(waxseal_desk::Refused::NoNotice.into()),
                }
            }
            done => done,
        }
    });
    sent.await
}

/// Decodes `%XX` in a value of a query.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
        out.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(out).ok()
}
