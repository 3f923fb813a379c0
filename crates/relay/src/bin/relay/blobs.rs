//! Blobs: sealed files, which devices upload in parts and fetch by ranges. The relay reads nothing
//! of them.
//!
//! What the database says of a blob is in the store before it says so: a part is written to a file
//! of its own first, and a row is deleted before its files. Several relays may share the store.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::IntoResponse;
use axum::{Extension, Json};
use serde::Deserialize;
use waxseal_interface::{BlobState, ErrorCode, MAX_BLOB_LEN, MAX_BLOB_PART_LEN};
use waxseal_reporting::BlobId;

use crate::blobs::files::Files;
use crate::blobs::holds::FULL_RETRY_SECS;
use crate::blobs::loads::Load;
use crate::blobs::uploads::{Next, Taken};
use crate::errors::Refusal;
use crate::extract::{BinaryBody, BlobInPath, Caller, Uploader};
use crate::serve::Leave;
use crate::state::Relay;
use crate::store::Connection;
use crate::store::blobs::{self as stored, Row};
use crate::store::parts::{self, Part as File};

/// The number under which the reviewer's requests are counted. No account has it.
pub const REVIEWER: i64 = 0;

/// After how long a client may ask again if the store of blobs cannot be reached.
const AWAY_RETRY_SECS: u64 = 5;

/// After this time, no more files are read for an answer.
const MAX_READ: Duration = Duration::from_secs(16);

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
    // Not needed between relays, but one file less is written in vain.
    let _lock = relay.blobs.locks.lock(&blob).await?;
    let (room, now_ms, name) = (relay.blobs.room, relay.agreed_ms(), files::draw());
    let until_ms = relay.shared_ms() + uploads::MAX_WRITE_MS;
    let (at, end, of, drawn) = (part.at, part.end, part.of, name.clone());
    let begin = move |db: &Connection| {
        stored::see_committed(db)?;
        let row = uploads::begin(db, account, &blob, at, of, now_ms, &room)?;
        uploads::announce(db, row, (at, end), (&drawn, until_ms), now_ms, &room)
    };
    let (row, last) = match relay.store.run(begin).await? {
        Next::Nothing(state) => return Ok(state),
        Next::Write { row, last } => (row, last),
    };
    let skipped = usize::try_from(row.received.saturating_sub(part.at)).unwrap_or(usize::MAX);
    let fresh = part.bytes.get(skipped..).ok_or(ErrorCode::Malformed)?;
    let (fresh, before, put) = (part.bytes.slice_ref(fresh), last.clone(), name.clone());
    let write = move |files: &dyn Files| write(files, before.as_ref(), &put, &fresh);
    let put = relay.blobs.with_files(write).await;
    // A store that is slow may still carry out what seems to have failed.
    let may_come = matches!(&put, Err(error) if error.kind() == io::ErrorKind::NotConnected);
    let written = match put {
        Ok(true) => {
            let start = last.as_ref().map_or(row.received, |last| last.start);
            let file = File {
                start,
                len: part.end.saturating_sub(start),
                name: name.clone(),
            };
            let (replaced, is_complete) = (last.clone(), part.end >= part.of);
            let advance = move |db: &Connection| {
                // The last part runs as if alone, or it may miss a report that names the blob.
                if !is_complete {
                    stored::see_committed(db)?;
                }
                uploads::advance(db, &row, &file, replaced.as_ref(), now_ms, &room)
            };
            relay.store.run(advance).await
        }
        // The last file is shorter than the database says, or gone: the upload begins again.
        Ok(false) => begin_again(&relay, row, last.clone())
            .await
            .map(Taken::Moved),
        Err(error) => give_up(&relay, &row).await.and(Err(refused(&error))),
    };
    // Either the new file is in the blob, or it is of no use.
    let useless = match &written {
        Ok(Taken::Done(_)) => last.map(|last| last.name),
        // It is removed once its time is over.
        _ if may_come => None,
        _ => Some(name),
    };
    if let Some(name) = useless {
        removal::discard(&relay.store, &relay.blobs, name, relay.shared_ms()).await;
    }
    match written? {
        Taken::Done(state) | Taken::Moved(state) => Ok(state),
        // Whether it may begin again is told to who asks once more.
        Taken::Gone => Err(Refusal::retry_after(ErrorCode::Busy, 1)),
    }
}

/// Writes bytes to a new file, after those of the file that it replaces. Returns `false` if that
/// one has lost bytes.
fn write(files: &dyn Files, last: Option<&File>, name: &str, fresh: &[u8]) -> io::Result<bool> {
    let Some(last) = last else {
        return files.put(name, fresh).map(|()| true);
    };
    let len = usize::try_from(last.len).unwrap_or(usize::MAX);
    let mut bytes = match files.read(&last.name, 0, len) {
        Err(error) if is_lost(&error) => return Ok(false),
        bytes => bytes?,
    };
    bytes.extend_from_slice(fresh);
    files.put(name, &bytes).map(|()| true)
}

/// Lets an upload begin again whose last file has lost bytes.
async fn begin_again(relay: &Relay, row: Row, last: Option<File>) -> Result<BlobState, Refusal> {
    tracing::error!(blob = row.id, "bytes of an unfinished blob are gone");
    let (room, now_ms) = (relay.blobs.room, relay.agreed_ms());
    let begin_again = move |db: &Connection| {
        // If it went on at another relay, the file was not lost, but replaced.
        if let Some(last) = &last {
            stored::begin_again(db, &row, &last.name)?;
        }
        let row = stored::by_number(db, row.id)?.ok_or(ErrorCode::NoSuchBlob)?;
        Ok(rows::state(&row, now_ms, &room))
    };
    relay.store.run(begin_again).await
}

/// Removes a blob whose first part could not be written.
async fn give_up(relay: &Relay, row: &Row) -> Result<(), Refusal> {
    let id = row.id;
    let removed = relay.store.run(move |db| stored::remove_empty(db, id));
    removed.await.map(|_| ())
}

fn refused(error: &io::Error) -> Refusal {
    use io::ErrorKind::{FileTooLarge, NotConnected, QuotaExceeded, StorageFull};
    match error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => {
            tracing::warn!(%error, "no room for a blob");
            Refusal::retry_after(ErrorCode::RelayFull, FULL_RETRY_SECS)
        }
        NotConnected => {
            tracing::error!(%error, "blobs cannot be reached");
            Refusal::retry_after(ErrorCode::Busy, AWAY_RETRY_SECS)
        }
        _ => Refusal::internal(error),
    }
}

/// Tells how much of a blob is there.
pub async fn state(
    State(relay): State<Arc<Relay>>,
    caller: Caller,
    Extension(connection): Extension<Leave>,
    BlobInPath(blob): BlobInPath,
) -> Result<Json<BlobState>, Refusal> {
    let account = caller.device.account;
    let visible = move |db: &Connection| {
        let row = holds::visible(db, account, &blob)?;
        let row = row.ok_or(ErrorCode::NoSuchBlob)?;
        Ok((row, parts::last(db, row.id)?))
    };
    let (mut row, mut last) = relay.store.run(visible).await?;
    // A row without its file is answered as one that is gone. A blob without bytes has no file yet.
    while let Some(part) = last {
        let load = relay.blobs.looks.begin(account, &connection).await?;
        let (name, len) = (part.name.clone(), part.len);
        let is_there = move |files: &dyn Files| {
            let _load = load;
            match files.len(&name)? >= len {
                true => Ok(()),
                false => Err(io::ErrorKind::UnexpectedEof.into()),
            }
        };
        let Err(error) = relay.blobs.with_files(is_there).await else {
            break;
        };
        // Another relay may have replaced the file in between.
        let (row_now, last_now) = relay.store.run(visible).await?;
        if last_now.as_ref() == Some(&part) || !is_lost(&error) {
            return Err(unread(&row, &error));
        }
        (row, last) = (row_now, last_now);
    }
    Ok(Json(rows::state(
        &row,
        relay.agreed_ms(),
        &relay.blobs.room,
    )))
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
    let id = row.id;
    let end = range
        .at
        .saturating_add(u64::try_from(range.len).unwrap_or(u64::MAX));
    let covering = move |db: &Connection| parts::covering(db, id, range.at, end);
    let parts = relay.store.run(covering).await?;
    // If the client hangs up, the place is taken as long as the store is read.
    let read = move |files: &dyn Files| {
        let (began, mut bytes) = (Instant::now(), Vec::with_capacity(range.len));
        for part in parts {
            if began.elapsed() >= MAX_READ {
                return Err(io::Error::new(
                    io::ErrorKind::NotConnected,
                    "they are read too slowly",
                ));
            }
            let from = range.at.max(part.start);
            let len = end.min(part.end()).saturating_sub(from);
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            bytes.extend(files.read(&part.name, from.saturating_sub(part.start), len)?);
        }
        match bytes.len() == range.len {
            true => Ok((bytes, load)),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    };
    let read = relay.blobs.with_files(read).await;
    let (bytes, load) = read.map_err(|error| unread(row, &error))?;
    let octets = [(header::CONTENT_TYPE, "application/octet-stream")];
    Ok((octets, load.carry(bytes)))
}

/// What is answered if a file cannot be read.
fn unread(row: &Row, error: &io::Error) -> Refusal {
    match is_lost(error) {
        true => lost(row),
        false => refused(error),
    }
}

fn is_lost(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof
    )
}

fn lost(row: &Row) -> Refusal {
    tracing::error!(blob = row.id, "a file of a blob is gone or too short");
    ErrorCode::NoSuchBlob.into()
}

pub mod expiry;
pub mod files;
pub mod holds;
pub mod loads;
mod locks;
pub mod options;
mod removal;
pub mod rows;
pub mod start;
pub mod store;
#[cfg(test)]
mod tests;
mod uploads;
