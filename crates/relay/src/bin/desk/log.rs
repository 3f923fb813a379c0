//! The log, as officers read it at once, and as everyone reads it after seven days.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use waxseal_desk::desk::Desk;
use waxseal_desk::store::{EntryRow, Store as _};
use waxseal_desk::transparency::{csv, reason};
use waxseal_log::counts::Counts;
use waxseal_log::entry::{Day, Entry, Event};
use waxseal_relay::desk::{Entries, EntryItem, Hex, SeriesPoint, Transparency};

use crate::errors::Refusal;
use crate::files::AnyStore;
use crate::signed::{FromOfficer, Query};
use crate::state::Server;

/// Maximum number of entries in an answer.
const MAX_ENTRIES: usize = 256;
/// Number of entries that are read in one step.
const PAGE: usize = 1_000;
/// Maximum length of a path below the public folder, in bytes.
const MAX_PATH_LEN: usize = 128;

/// The query of `GET /v1/log`.
#[derive(Deserialize)]
pub struct LogQuery {
    number: Option<Hex<16>>,
    from: Option<u64>,
}

/// `GET /v1/log`.
pub async fn entries(
    State(server): State<Arc<Server>>,
    Query(query): Query<LogQuery>,
    _: FromOfficer,
) -> Result<Json<Entries>, Refusal> {
    let read = server.readers.read(move |desk| {
        let store = desk.store();
        let rows = match (query.number, query.from) {
            (Some(number), None) => store.entries_with(&number.0, MAX_ENTRIES)?,
            (None, Some(from)) => store.entries(from, MAX_ENTRIES)?,
            _ => return Err(Refusal::malformed()),
        };
        let entries: Result<_, _> = rows.iter().map(item).collect();
        Ok(Entries {
            entries: entries?,
            log_size: store.log_size()?,
            cosigned_size: cosigned_size(desk)?,
        })
    });
    Ok(Json(read.await?))
}

fn cosigned_size(desk: &Desk<AnyStore>) -> Result<u64, Refusal> {
    let complete = desk.store().newest_checkpoint(true)?;
    Ok(complete.map_or(0, |row| row.size))
}

fn decoded(row: &EntryRow) -> Result<Entry, Refusal> {
    Entry::decode(&row.entry).map_err(|error| Refusal::failed(&error))
}

fn item(row: &EntryRow) -> Result<EntryItem, Refusal> {
    let entry = decoded(row)?;
    Ok(EntryItem {
        index: row.log_index,
        day: entry.day.0,
        kind: entry.event.kind().name().to_owned(),
        number: Hex(*entry.number.as_bytes()),
        what: words(&entry.event),
        leaf: Hex(*entry.leaf_hash().as_bytes()),
    })
}

/// The public fields of an entry, in words.
fn words(event: &Event) -> String {
    match event {
        Event::ReportRejected { check } => format!("check {check}"),
        Event::ReportSorted { reason: of } => reason(of),
        Event::ContentOpened { purpose, .. }
        | Event::GrantRequested { purpose }
        | Event::GrantApproved { purpose }
        | Event::GrantDenied { purpose }
        | Event::GrantExpired { purpose } => purpose.to_string(),
        Event::EmergencyReviewed { outcome } => outcome.to_string(),
        Event::Decision {
            reason: of,
            measure,
            openings,
            days,
        } => format!(
            "{measure} for {}, after {openings} openings and {days} days",
            reason(of)
        ),
        Event::NoticeSent { side } | Event::AppealFiled { side } => side.to_string(),
        Event::AppealDecided { outcome, days } => format!("{outcome}, after {days} days"),
        Event::Exported { target } => target.to_string(),
        Event::LegalRequestReceived { basis } => basis.to_string(),
        Event::LegalRequestAnswered { outcome, items } => format!("{outcome}, {items} items"),
        Event::KeyEpochCreated { key } | Event::KeyEpochDestroyed { key } => key.to_string(),
        Event::PolicyPublished(published) => format!("version {}", published.version),
        Event::ReportReceived
        | Event::EmergencyOverdue
        | Event::HoldPlaced
        | Event::HoldLifted
        | Event::ContentErased
        | Event::FileFetched => String::new(),
    }
}

/// The query of `GET /v1/transparency`.
#[derive(Deserialize)]
pub struct DaysQuery {
    from: u32,
    to: u32,
}

/// `GET /v1/transparency`: counts the entries up to the newest complete checkpoint, as anyone can.
pub async fn transparency(
    State(server): State<Arc<Server>>,
    Query(query): Query<DaysQuery>,
    _: FromOfficer,
) -> Result<Json<Transparency>, Refusal> {
    let DaysQuery { from, to } = query;
    if from > to {
        return Err(Refusal::malformed());
    }
    // One is counted at a time, so those who wait for a long log take no place of others.
    let mut kept = server.counted.lock().await;
    let log_size = server.readers.read(cosigned_size).await?;
    let is_of = |kept: &Transparency| (kept.from, kept.to, kept.log_size) == (from, to, log_size);
    if let Some(kept) = kept.as_ref().filter(|kept| is_of(kept)) {
        return Ok(Json(kept.clone()));
    }
    let counted = server.readers.read(move |desk| count(desk, from, to));
    let counted = counted.await?;
    *kept = Some(counted.clone());
    Ok(Json(counted))
}

fn count(desk: &Desk<AnyStore>, from: u32, to: u32) -> Result<Transparency, Refusal> {
    let log_size = cosigned_size(desk)?;
    let mut counts = Counts::new(Day(from), Day(to));
    let mut series = BTreeMap::new();
    let mut at = 0;
    while at < log_size {
        let rows = desk.store().entries(at, PAGE)?;
        let last = rows
            .last()
            .ok_or_else(|| Refusal::failed(&"an entry is missing"))?;
        at = last.log_index.saturating_add(1);
        for row in rows.iter().filter(|row| row.log_index < log_size) {
            let entry = decoded(row)?;
            counts.add(&entry);
            if (from..=to).contains(&entry.day.0) {
                add(series.entry(entry.day.0).or_default(), &entry.event);
            }
        }
    }
    let series =
        series.into_iter().map(
            |(day, [reports, openings, decisions, appeals])| SeriesPoint {
                day,
                reports,
                openings,
                decisions,
                appeals,
            },
        );
    Ok(Transparency {
        from,
        to,
        csv: csv(&counts, log_size),
        series: series.collect(),
        log_size,
    })
}

fn add([reports, openings, decisions, appeals]: &mut [u32; 4], event: &Event) {
    let counted = match event {
        Event::ReportReceived => reports,
        Event::ContentOpened { .. } => openings,
        Event::Decision { .. } => decisions,
        Event::AppealFiled { .. } => appeals,
        _ => return,
    };
    *counted = counted.saturating_add(1);
}

/// `GET /log/{path}`: a file of the public folder.
pub async fn public(
    State(server): State<Arc<Server>>,
    Path(path): Path<String>,
) -> Result<Response, Refusal> {
    // CHK-631: a path below the public folder has only the names of its files.
    let is_name = |part: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.';
        !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain)
    };
    if path.len() > MAX_PATH_LEN || !path.split('/').all(is_name) || path.ends_with(".part") {
        return Err(Refusal::not_found());
    }
    let file = server.folder.public().join(&path);
    let bytes = tokio::task::spawn_blocking(move || std::fs::read(file)).await;
    let bytes = bytes.map_err(|error| Refusal::failed(&error))?;
    let bytes = bytes.map_err(|_| Refusal::not_found())?;
    // Tiles never change. The newest checkpoint does.
    let (kind, cache) = match path.as_str() {
        "keys" | "checkpoint" => ("text/plain; charset=utf-8", "no-cache"),
        _ if path.starts_with("checkpoints/") => ("text/plain; charset=utf-8", "max-age=3600"),
        _ => ("application/octet-stream", "max-age=31536000, immutable"),
    };
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, cache)];
    Ok((headers, bytes).into_response())
}
