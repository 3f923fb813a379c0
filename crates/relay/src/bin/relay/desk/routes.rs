//! The routes by which a device gets what the desk says, and appeals.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use ed25519_dalek::SigningKey;
use serde::Deserialize;
use waxseal_interface::{
    Appeal, AppealTaken, DecisionNotices, ErrorCode, MAX_APPEAL_LEN, MAX_NOTICES, leaf_text,
    parse_leaf, parse_report_id,
};
use waxseal_log::limits::MAX_RECEIPT_LEN;
use waxseal_relay::desk::{
    AppealFiled, DeskClient, DeskCode, DeskError, FileAppeal, Hex, read_json,
};
use waxseal_relay::system_rng;
use waxseal_reporting::AccountId;

use super::client::Desk;
use super::notices::ACCOUNT;
use super::{RETRY_SECS, no_receipt, promise_in};
use crate::budgets;
use crate::errors::Refusal;
use crate::extract::{Caller, JsonBody};
use crate::state::Relay;
use crate::store::{Connection, notices};

/// Maximum length in bytes of an appeal in JSON, in which one byte of text can take six.
const MAX_APPEAL_BODY_LEN: usize = 6 * MAX_APPEAL_LEN + 256;

const TEXT: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "text/plain")];
const OCTETS: [(header::HeaderName, &str); 1] =
    [(header::CONTENT_TYPE, "application/octet-stream")];

/// The keys of the desk's log.
pub async fn keys(
    State(relay): State<Arc<Relay>>,
    caller: Caller,
) -> Result<impl IntoResponse, Refusal> {
    let desk = relay.desk()?;
    let keys = match desk.known_keys() {
        Some(keys) => keys,
        None => {
            budgets::desk(&relay, &caller.device.me.account).await?;
            let fetched = desk.fetch_keys(relay.clock()).await;
            fetched.map_err(|error| no_receipt(&error))?
        }
    };
    Ok((TEXT, keys))
}

/// The desk's promise about a report of the caller's account.
pub async fn promise_of_report(
    State(relay): State<Arc<Relay>>,
    caller: Caller,
    Path(report_id): Path<String>,
) -> Result<impl IntoResponse, Refusal> {
    relay.desk()?;
    let reporter = caller.device.me.account.as_str().to_owned();
    let read = relay
        .store
        .run(move |db| promise_in(db, &report_id, &reporter));
    let promise = read.await?;
    let promise = promise.ok_or_else(|| Refusal::retry_after(ErrorCode::NoReceipt, RETRY_SECS))?;
    Ok((OCTETS, promise))
}

/// A receipt of the log for the reporter of a report.
pub async fn report_receipt(
    State(relay): State<Arc<Relay>>,
    caller: Caller,
    Path(report_id): Path<String>,
) -> Result<impl IntoResponse, Refusal> {
    let desk = relay.desk()?;
    let account = &caller.device.me.account;
    budgets::desk(&relay, account).await?;
    let id = parse_report_id(&report_id).ok_or(ErrorCode::NoSuchReport)?;
    let reporter = account.as_str().to_owned();
    let read = relay
        .store
        .run(move |db| promise_in(db, &report_id, &reporter));
    // The desk knows nothing of a report that was not handed on.
    let promise = read.await?;
    promise.ok_or_else(|| Refusal::retry_after(ErrorCode::NoReceipt, RETRY_SECS))?;
    let path = format!("/v1/reports/{}/receipt", Hex(*id.as_bytes()));
    receipt(&relay, desk, path).await
}

/// A receipt of the log for the reporter of a report that the intake refused.
pub async fn refused_receipt(
    State(relay): State<Arc<Relay>>,
    caller: Caller,
    Path(digest): Path<String>,
) -> Result<impl IntoResponse, Refusal> {
    let desk = relay.desk()?;
    budgets::desk(&relay, &caller.device.me.account).await?;
    // CHK-666: the caller knows the report's digest, and so the report. The log tells only a number
    // that is made from it.
    let digest = parse_leaf(&digest).ok_or(ErrorCode::NoSuchReport)?;
    receipt(&relay, desk, format!("/v1/refused/{}/receipt", Hex(digest))).await
}

/// A receipt of the log for an account that was decided against.
pub async fn decision_receipt(
    State(relay): State<Arc<Relay>>,
    caller: Caller,
    Path(leaf): Path<String>,
) -> Result<impl IntoResponse, Refusal> {
    let desk = relay.desk()?;
    let account = caller.device.me.account.clone();
    budgets::desk(&relay, &account).await?;
    let decision = parse_leaf(&leaf).ok_or(ErrorCode::NoSuchDecision)?;
    // CHK-661: an account gets receipts of decisions against itself alone, of which it was told.
    let told = account.as_str().to_owned();
    let was_told = relay
        .store
        .run(move |db| was_told(db, &told, &decision, ACCOUNT, ""));
    was_told.await?;
    let (leaf, name) = (leaf_text(&decision), in_query(&account));
    receipt(
        &relay,
        desk,
        format!("/v1/decisions/{leaf}/receipt?account={name}"),
    )
    .await
}

async fn receipt(
    relay: &Relay,
    desk: &Desk,
    path: String,
) -> Result<impl IntoResponse + use<>, Refusal> {
    let receipt = desk.get(path, relay.clock()).await;
    let receipt = receipt.and_then(|receipt| match receipt.len() <= MAX_RECEIPT_LEN {
        true => Ok(receipt),
        false => Err(DeskError::Malformed),
    });
    Ok((OCTETS, receipt.map_err(|error| no_receipt(&error))?))
}

#[derive(Deserialize)]
pub struct NoticesQuery {
    #[serde(default)]
    after: u64,
}

/// The decisions of which the caller's account was told.
pub async fn list(
    State(relay): State<Arc<Relay>>,
    caller: Caller,
    query: Result<Query<NoticesQuery>, QueryRejection>,
) -> Result<Json<DecisionNotices>, Refusal> {
    relay.desk()?;
    let Query(NoticesQuery { after }) = query.map_err(|_| ErrorCode::Malformed)?;
    let account = caller.device.me.account.as_str().to_owned();
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let read = relay.store.run(move |db| {
        // CHK-663: an account sees the notices to itself alone.
        notices::list(db, &account, after, MAX_NOTICES)
    });
    let notices = read.await?;
    Ok(Json(DecisionNotices { notices }))
}

/// Files an appeal of the caller's account.
pub async fn appeal(
    State(relay): State<Arc<Relay>>,
    caller: Caller,
    Path(leaf): Path<String>,
    JsonBody(appeal): JsonBody<Appeal, MAX_APPEAL_BODY_LEN>,
) -> Result<(StatusCode, Json<AppealTaken>), Refusal> {
    let desk = relay.desk()?;
    let account = caller.device.me.account.clone();
    budgets::desk(&relay, &account).await?;
    let decision = parse_leaf(&leaf).ok_or(ErrorCode::NoSuchDecision)?;
    let Appeal {
        side,
        report_id,
        text,
    } = appeal;
    let is_of_account = side == ACCOUNT;
    if text.is_empty() || text.len() > MAX_APPEAL_LEN || is_of_account == report_id.is_some() {
        return Err(ErrorCode::Malformed.into());
    }
    let report = report_id.as_deref().map(parse_report_id);
    let report = match report {
        Some(None) => return Err(ErrorCode::NoSuchDecision.into()),
        Some(Some(id)) => Some(Hex(*id.as_bytes())),
        None => None,
    };
    // CHK-662: an account appeals on a side on which it was told of the decision.
    let told = account.as_str().to_owned();
    let of = report.map_or_else(String::new, |report| report.to_string());
    let was_told = relay
        .store
        .run(move |db| was_told(db, &told, &decision, side, &of));
    was_told.await?;
    let filing = FileAppeal {
        side,
        account: account.as_str().to_owned(),
        report,
        text,
    };
    let (path, now) = (
        format!("/v1/decisions/{}/appeals", leaf_text(&decision)),
        relay.clock(),
    );
    let post = move |client: &DeskClient, key: &SigningKey| {
        client.post_json(key, &path, &filing, now, &mut system_rng())
    };
    let filed = desk.ask(&desk.patient, post).await;
    let filed = filed.and_then(|answer| read_json::<AppealFiled>(&answer));
    let filed = filed.map_err(|error| match error {
        DeskError::Refused {
            code: DeskCode::Refused | DeskCode::Conflict,
            ..
        } => ErrorCode::AppealRefused.into(),
        // A desk that does not know the decision refuses nothing: it may know it later.
        error => no_receipt(&error),
    })?;
    let appeal = filed.leaf.0;
    Ok((StatusCode::CREATED, Json(AppealTaken { appeal })))
}

/// Refuses unless the account was told of the decision on this side, about this report.
fn was_told(
    db: &Connection,
    account: &str,
    decision: &[u8; 32],
    side: u8,
    report: &str,
) -> Result<(), Refusal> {
    let is_told = notices::was_told(db, account, decision, side, report)?;
    match is_told {
        true => Ok(()),
        false => Err(ErrorCode::NoSuchDecision.into()),
    }
}

/// A name of an account in a query, where a plus sign is a space.
pub fn in_query(account: &AccountId) -> String {
    account.as_str().replace('+', "%2B").replace('@', "%40")
}
