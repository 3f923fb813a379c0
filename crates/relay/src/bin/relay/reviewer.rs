//! The reviewer's routes. Only the reviewer gets reports, and each listing or opening is recorded.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use ed25519_dalek::{Signature, Signer, VerifyingKey};
use serde::Deserialize;
use waxseal_interface::{ErrorCode, Session};
use waxseal_relay::{
    Rejected, ReportBlobs, ReportList, ReviewerSignIn, SealedKey, acceptance_context,
    reviewer_context, seal_acceptance_keys, system_rng,
};
use waxseal_reporting::{BlobId, Rejection};

use crate::blobs::{self, Range, holds};
use crate::errors::Refusal;
use crate::extract::{ClientAddress, JsonBody, Reviewer};
use crate::limits::MAX_JSON_LEN;
use crate::serve::Leave;
use crate::state::Relay;
use crate::store::holds as stored;
use crate::store::{Connection, looks, reports};
use crate::tokens::Holder;

/// Maximum number of reports in one list.
const MAX_LISTED: usize = 100;

pub async fn sign_in(
    State(relay): State<Arc<Relay>>,
    _: ClientAddress,
    JsonBody(request): JsonBody<ReviewerSignIn, MAX_JSON_LEN>,
) -> Result<Json<Session>, Refusal> {
    let uptime_ms = relay.time.uptime_ms();
    relay
        .tokens
        .check_challenge(&request.challenge, uptime_ms)?;
    let context = reviewer_context(&relay.card.relay_key, &request.challenge);
    VerifyingKey::from_bytes(&relay.reviewer.reviewer_key)
        .and_then(|key| key.verify_strict(&context, &Signature::from_bytes(&request.proof)))
        .map_err(|_| ErrorCode::ProofRefused)?;
    relay
        .tokens
        .answer_challenge(&request.challenge, uptime_ms)?;
    let reviewer = Holder::Reviewer(relay.reviewer.reviewer_key);
    let now_ms = relay.now().as_millis();
    Ok(Json(relay.tokens.issue(&reviewer, now_ms)))
}

/// Returns the keys that verify which reports the intake accepted. They are sealed to the vault and
/// signed by the relay. The reviewer passes them on and cannot read them.
pub async fn acceptance_keys(
    State(relay): State<Arc<Relay>>,
    _: Reviewer,
) -> Result<Json<SealedKey>, Refusal> {
    let (vault, rng) = (relay.vault_key()?, &mut system_rng());
    let sealed = seal_acceptance_keys(vault, &relay.keys.acceptance, rng)
        .map_err(|error| Refusal::internal(&error))?;
    let context = acceptance_context(&vault.to_bytes(), &sealed);
    let signature = relay.keys.relay.sign(&context).to_bytes();
    Ok(Json(SealedKey { sealed, signature }))
}

#[derive(Deserialize)]
pub struct ListQuery {
    #[serde(default)]
    after: u32,
}

pub async fn list(
    State(relay): State<Arc<Relay>>,
    _: Reviewer,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<ReportList>, Refusal> {
    relay.vault_key()?;
    let Query(ListQuery { after }) = query.map_err(|_| ErrorCode::Malformed)?;
    let (store, relay) = (&relay.store, relay.clone());
    let listed = store
        .run(move |db| {
            record_look(db, &relay, None)?;
            reports::list(db, after, MAX_LISTED)
        })
        .await?;
    let last = listed.last().map(|(id, _)| *id);
    let next = last.filter(|_| listed.len() == MAX_LISTED);
    let reports = listed.into_iter().map(|(_, report)| report).collect();
    Ok(Json(ReportList { reports, next }))
}

pub async fn open(
    State(relay): State<Arc<Relay>>,
    _: Reviewer,
    Path(report_id): Path<String>,
) -> Result<impl IntoResponse, Refusal> {
    relay.vault_key()?;
    let (store, relay) = (&relay.store, relay.clone());
    let accepted = store
        .run(move |db| {
            let id = find(db, &report_id)?;
            record_look(db, &relay, Some(id))?;
            let (_, accepted) = reports::content(db, id)?;
            match accepted.is_empty() {
                true => Err(ErrorCode::NoSuchReport.into()),
                false => Ok(accepted),
            }
        })
        .await?;
    let octets = [(header::CONTENT_TYPE, "application/octet-stream")];
    Ok((octets, accepted))
}

/// Records that a report failed in review. Its messages can then be reported again. Deletes its
/// content, unless a later review can still succeed.
pub async fn rejected(
    State(relay): State<Arc<Relay>>,
    _: Reviewer,
    Path(report_id): Path<String>,
    JsonBody(Rejected { check }): JsonBody<Rejected, MAX_JSON_LEN>,
) -> Result<StatusCode, Refusal> {
    relay
        .store
        .run(move |db| {
            let id = find(db, &report_id)?;
            if !reports::reject(db, id, check)? {
                return Ok(());
            }
            match may_succeed_later(check) {
                true => Ok(()),
                false => reports::delete_content(db, id),
            }
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether the same report can pass a later review: once the vault holds its moderation key, or
/// once vault and reviewer know its version.
pub fn may_succeed_later(check: u8) -> bool {
    let newer = Rejection::UnknownOpeningVersion { message: 0 };
    [Rejection::OtherModerationKey, newer]
        .iter()
        .any(|rejection| rejection.check() == check)
}

/// Ends the review of a report. Its messages stay reported. An account without messages can be
/// reported again, since it can do something new.
pub async fn closed(
    State(relay): State<Arc<Relay>>,
    _: Reviewer,
    Path(report_id): Path<String>,
) -> Result<StatusCode, Refusal> {
    relay
        .store
        .run(move |db| {
            let id = find(db, &report_id)?;
            reports::close(db, id)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tells which blobs a report names, and which of them are kept for its review. This is recorded as
/// an opening of the report is.
pub async fn blobs_of(
    State(relay): State<Arc<Relay>>,
    _: Reviewer,
    Path(report_id): Path<String>,
) -> Result<Json<ReportBlobs>, Refusal> {
    let (store, relay) = (&relay.store, relay.clone());
    let list = store.run(move |db| {
        let report = find(db, &report_id)?;
        record_look(db, &relay, Some(report))?;
        stored::list(db, report)
    });
    let blobs = list.await?;
    Ok(Json(ReportBlobs { blobs }))
}

/// Hands out bytes of a blob that a report names. The first time after a sign-in is recorded.
pub async fn blob(
    State(relay): State<Arc<Relay>>,
    reviewer: Reviewer,
    Extension(connection): Extension<Leave>,
    Path((report_id, blob)): Path<(String, String)>,
    query: Result<Query<Range>, QueryRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let Query(range) = query.map_err(|_| ErrorCode::Malformed)?;
    let blob = BlobId::from_text(&blob).ok_or(ErrorCode::NoSuchBlob)?;
    let (store, shared) = (&relay.store, relay.clone());
    let row = store.run(move |db| {
        let report = find(db, &report_id)?;
        // CHK-515: the reviewer gets only blobs that the report names.
        let row = holds::of_report(db, report, &blob)?;
        let row = row.ok_or(ErrorCode::NoSuchBlob)?;
        range.check(&row)?;
        record_blob_look(db, &shared, report, &blob, reviewer.expires_at_ms)?;
        Ok(row)
    });
    let row = row.await?;
    let load = relay.blobs.shown.begin(blobs::REVIEWER, &connection);
    blobs::read(&relay, load.await?, &row, range).await
}

fn find(db: &Connection, report_id: &str) -> Result<i64, Refusal> {
    let id = reports::find(db, report_id)?;
    id.ok_or_else(|| ErrorCode::NoSuchReport.into())
}

/// Records that the reviewer lists the reports or opens one. Runs in the transaction that reads
/// them, so nothing is read without a record.
fn record_look(db: &Connection, relay: &Relay, report: Option<i64>) -> Result<(), Refusal> {
    let at_ms = i64::try_from(relay.now().as_millis()).unwrap_or(i64::MAX);
    looks::record(db, at_ms, &relay.reviewer.reviewer_fingerprint(), report)
}

/// Records that the reviewer fetches a blob of a report. One sign-in is recorded once, however many
/// ranges are fetched: the time at which its token expires tells it from others.
fn record_blob_look(
    db: &Connection,
    relay: &Relay,
    report: i64,
    blob: &BlobId,
    session_ms: u64,
) -> Result<(), Refusal> {
    let at_ms = i64::try_from(relay.now().as_millis()).unwrap_or(i64::MAX);
    // CHK-517: what the reviewer fetches is recorded in the transaction that allows it.
    let reviewer = relay.reviewer.reviewer_fingerprint();
    looks::record_blob(db, at_ms, &reviewer, (report, blob), session_ms)
}
