//! Files of reports: `GET /v1/reports/{id}/blobs/{blob}?at={at}&len={len}`. The relay keeps the
//! sealed bytes. The officer's program opens them with the keys of the view.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use serde::Deserialize;
use waxseal_interface::{ErrorCode, report_id_text};
use waxseal_relay::desk::{DeskCode, Hex};
use waxseal_relay::{ClientError, system_rng};
use waxseal_reporting::BlobId;
use waxseal_reporting::intake::ReportId;

use crate::errors::Refusal;
use crate::signed::{FromOfficer, Query};
use crate::state::Server;

/// Maximum number of bytes in an answer.
const MAX_LEN: usize = 2 << 20;

/// Which bytes of a blob.
#[derive(Deserialize)]
pub struct Bytes {
    at: u64,
    len: usize,
}

/// Hands out bytes of a blob, after the log says that the officer fetches it.
pub async fn fetch(
    State(server): State<Arc<Server>>,
    path: Result<Path<(Hex<16>, String)>, axum::extract::rejection::PathRejection>,
    Query(Bytes { at, len }): Query<Bytes>,
    asked: FromOfficer,
) -> Result<impl IntoResponse, Refusal> {
    let Path((id, blob)) = path.map_err(|_| Refusal::not_found())?;
    let blob = BlobId::from_text(&blob).ok_or_else(Refusal::not_found)?;
    if !(1..=MAX_LEN).contains(&len) {
        return Err(Refusal::malformed());
    }
    let (id, officer) = (ReportId::from_bytes(id.0), asked.officer);
    // CHK-633: no byte of a file goes out before the log says that this officer fetches it.
    let entered = server
        .office
        .act(move |desk, now| desk.file_fetched(&id, &blob, &officer, now, &mut system_rng()));
    entered.await?;
    let relay_key = *server.relay_key.get().ok_or_else(Refusal::busy)?;
    let shared = server.clone();
    let fetch = move || {
        let id = report_id_text(&id);
        let fetch = |client: &waxseal_relay::RelayClient, session: &_| {
            client.reported_blob(session, &id, &blob, at, len)
        };
        shared.relay.ask(&relay_key, fetch)
    };
    let fetched = tokio::task::spawn_blocking(fetch).await;
    let fetched = fetched.map_err(|error| Refusal::failed(&error))?;
    let fetched = fetched.map_err(refusal)?;
    let bytes = at..at.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
    let noted = server
        .office
        .act(move |desk, now| desk.file_handed_out(&id, &blob, &officer, &bytes, now));
    noted.await?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, fetched))
}

fn refusal(error: ClientError) -> Refusal {
    match error.code() {
        Some(ErrorCode::NoSuchBlob | ErrorCode::NoSuchReport) => Refusal::not_found(),
        Some(_) => {
            let message = "the relay has no such bytes of the file";
            Refusal::new(DeskCode::Refused, message)
        }
        None => Refusal::failed(&error),
    }
}
