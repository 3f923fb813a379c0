//! Blobs: sealed files, which devices upload in parts and fetch by ranges. The relay reads nothing
//! of them.
//!
//! What the database says of a blob is on the disk before it says so: a part is written and flushed
//! first, and a row is deleted before its file.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::IntoResponse;
use axum::{Extension, Json};
use serde::Deserialize;
use waxseal_interface::{BlobState, ErrorCode, MAX_BLOB_LEN, MAX_BLOB_PART_LEN};
use waxseal_reporting::BlobId;

use crate::blobs::holds::FULL_RETRY_SECS;
use crate::blobs::loads::Load;
use crate::blobs::store::blocking;
use crate::errors::Refusal;
use crate::extract::{BinaryBody, BlobInPath, Caller, Uploader};
use crate::serve::Leave;
use crate::state::Relay;
use crate::store::Connection;
use crate::store::blobs::{self as stored, Row};

/// The number under which the reviewer's requests are counted. No account has it.
pub const REVIEWER: i64 = 0;

/// Where a part belongs.
#[derive(Clone, Copy, Deserialize)]
pub struct PutQuery {
    at: u64,
    of: u64,
}

/// Takes a part of a blob.
pub async fn put(
    State(relay): State<Arc<Relay>>,
    uploader: Uploader,
    BlobInPath(blob): BlobInPath,
    query: Result<Query<PutQuery>, QueryRejection>,
    BinaryBody(bytes): BinaryBody<MAX_BLOB_PART_LEN>,
) -> Result<Json<BlobState>, Refusal> {
    let Query(PutQuery { at, of }) = query.map_err(|_| ErrorCode::Malformed)?;
    let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let end = at.checked_add(len).filter(|end| *end <= of);
    let end = end.ok_or(ErrorCode::Malformed)?;
    if bytes.is_empty() || of > MAX_BLOB_LEN {
        return Err(ErrorCode::Malformed.into());
    }
    let account = uploader.device.account;
    let part = Part {
        at,
        end,
        of,
        bytes,
        _load: uploader.load,
    };
    // If the client hangs up, what was begun is ended all the same, under its lock.
    let taken = tokio::spawn(take(relay, account, blob, part));
    let taken = taken.await.map_err(|error| Refusal::internal(&error))?;
    taken.map(Json)
}

/// A part of a blob: not empty, and within the blob.
struct Part {
    at: u64,
    end: u64,
    of: u64,
    bytes: Bytes,
    /// Kept until the part is dealt with, also if the client has hung up.
    _load: Load,
}

async fn take(
    relay: Arc<Relay>,
    account: i64,
    blob: BlobId,
    part: Part,
) -> Result<BlobState, Refusal> {
    let _lock = relay.blobs.locks.lock(&blob).await?;
    let (room, now_ms) = (relay.blobs.room, millis(&relay));
    let (at, of) = (part.at, part.of);
    let begin = move |db: &Connection| uploads::begin(db, account, &blob, at, of, now_ms, &room);
    let row = relay.store.run(begin).await?;
    // CHK-510: a part is appended where the bytes that the relay has end, and replaces none.
    let fresh = row.received.checked_sub(part.at);
    let fresh = fresh.and_then(|skipped| part.bytes.get(usize::try_from(skipped).ok()?..));
    let Some(fresh) = fresh.filter(|fresh| !fresh.is_empty()) else {
        return Ok(rows::state(&row, now_ms, &room));
    };
    let fresh = part.bytes.slice_ref(fresh);
    let (files, id, received) = (relay.blobs.files.clone(), row.id, row.received);
    let append = move || files.append(id, received, &fresh);
    match blocking(append).await {
        Ok(true) => {}
        // The file is shorter than the database says, or gone: the upload begins again.
        Ok(false) => return begin_again(&relay, row).await,
        Err(error) => {
            give_up(&relay, &row).await?;
            return Err(refused(&error));
        }
    }
    let advance = move |db: &Connection| uploads::advance(db, &row, part.end, now_ms, &room);
    match relay.store.run(advance).await? {
        Some(state) => Ok(state),
        // The row's time was over in between. Its file goes too.
        None => {
            relay.blobs.remove(vec![id]).await;
            Err(ErrorCode::BlobTaken.into())
        }
    }
}

/// Lets an upload begin again whose file has lost bytes.
async fn begin_again(relay: &Relay, row: Row) -> Result<BlobState, Refusal> {
    tracing::error!(file = row.id, "bytes of an unfinished blob are gone");
    let (room, now_ms) = (relay.blobs.room, millis(relay));
    let begin_again = move |db: &Connection| {
        stored::begin_again(db, row.id)?;
        Ok(rows::state(&Row { received: 0, ..row }, now_ms, &room))
    };
    relay.store.run(begin_again).await
}

/// Removes a blob whose first part could not be written.
async fn give_up(relay: &Relay, row: &Row) -> Result<(), Refusal> {
    let id = row.id;
    let removed = relay.store.run(move |db| stored::remove_empty(db, id));
    if removed.await? {
        relay.blobs.remove(vec![id]).await;
    }
    Ok(())
}

fn refused(error: &std::io::Error) -> Refusal {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    if matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge) {
        tracing::warn!(%error, "no room for a blob");
        return Refusal::retry_after(ErrorCode::RelayFull, FULL_RETRY_SECS);
    }
    Refusal::internal(error)
}

/// Tells how much of a blob is there.
pub async fn state(
    State(relay): State<Arc<Relay>>,
    caller: Caller,
    BlobInPath(blob): BlobInPath,
) -> Result<Json<BlobState>, Refusal> {
    let account = caller.device.account;
    let visible = move |db: &Connection| holds::visible(db, account, &blob);
    let row = relay.store.run(visible).await?;
    let row = row.ok_or(ErrorCode::NoSuchBlob)?;
    let (files, id, received) = (relay.blobs.files.clone(), row.id, row.received);
    let is_there = move || files.len(id).map(|len| len >= received);
    // A row without its file is answered as one that is gone. A blob without bytes has no file yet.
    match blocking(is_there).await {
        Ok(true) => {}
        _ if received == 0 => {}
        Ok(false) => return Err(lost(&row)),
        Err(error) => return Err(unread(&row, &error)),
    }
    Ok(Json(rows::state(&row, millis(&relay), &relay.blobs.room)))
}

/// Which bytes of a blob are wanted.
#[derive(Clone, Copy, Deserialize)]
pub struct Range {
    at: u64,
    len: usize,
}

/// Hands out bytes of a blob.
pub async fn fetch(
    State(relay): State<Arc<Relay>>,
    caller: Caller,
    Extension(connection): Extension<Leave>,
    BlobInPath(blob): BlobInPath,
    query: Result<Query<Range>, QueryRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let Query(range) = query.map_err(|_| ErrorCode::Malformed)?;
    let device = &caller.device;
    let public = move |db: &Connection| rows::public(db, &blob);
    let row = relay.store.run(public).await?;
    let row = row.ok_or(ErrorCode::NoSuchBlob)?;
    range.check(&row)?;
    relay.limits.blob_bytes(&device.me.account, range.len)?;
    let load = relay.blobs.answers.begin(device.account, &connection);
    read(&relay, load.await?, &row, range).await
}

impl Range {
    /// Whether the range has bytes, not too many, and lies in the blob.
    pub fn check(&self, row: &Row) -> Result<(), Refusal> {
        let len = u64::try_from(self.len).unwrap_or(u64::MAX);
        let end = self.at.checked_add(len).filter(|end| *end <= row.len);
        match (1..=MAX_BLOB_PART_LEN).contains(&self.len) && end.is_some() {
            true => Ok(()),
            false => Err(ErrorCode::Malformed.into()),
        }
    }
}

/// Reads a checked range of a blob for an answer, which takes the place of the load.
pub async fn read(
    relay: &Relay,
    load: Load,
    row: &Row,
    range: Range,
) -> Result<impl IntoResponse + use<>, Refusal> {
    let (files, id) = (relay.blobs.files.clone(), row.id);
    let read = move || files.read(id, range.at, range.len);
    let bytes = blocking(read).await.map_err(|error| unread(row, &error))?;
    let octets = [(header::CONTENT_TYPE, "application/octet-stream")];
    Ok((octets, load.carry(bytes)))
}

/// What is answered if a file cannot be read.
fn unread(row: &Row, error: &std::io::Error) -> Refusal {
    use std::io::ErrorKind::{NotFound, UnexpectedEof};
    match error.kind() {
        NotFound | UnexpectedEof => lost(row),
        _ => Refusal::internal(error),
    }
}

fn lost(row: &Row) -> Refusal {
    tracing::error!(file = row.id, "the file of a blob is gone or too short");
    ErrorCode::NoSuchBlob.into()
}

/// Removes files that have no row: of blobs that were deleted when the relay crashed. Call this
/// before the relay takes requests.
pub async fn remove_strays(relay: &Relay) -> Result<(), Box<dyn std::error::Error>> {
    let files = relay.blobs.files.clone();
    let mut found = blocking(move || files.list()).await?;
    while !found.is_empty() {
        let batch = found.split_off(found.len().saturating_sub(expiry::BATCH));
        let strays = relay.store.run(move |db| stored::strays(db, &batch));
        let strays = strays.await.map_err(|_| "the database failed")?;
        relay.blobs.remove(strays).await;
    }
    Ok(())
}

/// Deletes the rows of complete blobs whose files are gone or too short, as after a backup of the
/// database alone. Call this before the relay takes requests.
///
/// # Errors
/// Refuses to delete all of them, unless `are_known_lost`: the disk may not be mounted.
pub async fn remove_lost(
    relay: &Relay,
    are_known_lost: bool,
) -> Result<(), Box<dyn std::error::Error>> {
    let failed = |_| "the database failed";
    let files = relay.blobs.files.clone();
    let is_empty = blocking(move || files.list()).await?.is_empty();
    if is_empty && !are_known_lost {
        let first = relay.store.run(move |db| stored::complete(db, 0));
        if !first.await.map_err(failed)?.is_empty() {
            return Err(
                "the folder `blobs` is empty, and the database names files in it: mount \
                        its disk, or start once with --blobs-lost"
                    .into(),
            );
        }
    }
    let (mut after, mut lost) = (0, 0_usize);
    loop {
        let next = relay.store.run(move |db| stored::complete(db, after));
        let next = next.await.map_err(failed)?;
        let Some((last, _)) = next.last().copied() else {
            break;
        };
        after = last;
        let files = relay.blobs.files.clone();
        let ids = blocking(move || files.lost(&next)).await?;
        if ids.is_empty() {
            continue;
        }
        lost = lost.saturating_add(ids.len());
        let (gone, now_ms) = (ids.clone(), millis(relay));
        let remove = relay.store.run(move |db| {
            let mut gone = gone.iter();
            gone.try_for_each(|id| expiry::lose(db, *id, now_ms))
        });
        remove.await.map_err(failed)?;
        relay.blobs.remove(ids).await;
    }
    if lost > 0 {
        tracing::error!(lost, "the files of blobs are gone or too short");
    }
    Ok(())
}

/// The present time, which is never before proven time.
fn millis(relay: &Relay) -> i64 {
    i64::try_from(relay.now().as_millis()).unwrap_or(i64::MAX)
}

pub mod expiry;
pub mod files;
pub mod holds;
pub mod loads;
mod locks;
pub mod options;
pub mod rows;
pub mod store;
#[cfg(test)]
mod tests;
mod uploads;
