//! The end of blobs whose time is over.
//!
//! A blob is deleted along proven time, so a clock that jumps deletes none. Its time begins by the
//! later of clock and proven time. If the clock was ahead then, the time is corrected later: not
//! while the relay is new, because then a clock that is set back takes proven time along.

use crate::store::Connection;
use rusqlite::params;

use crate::blobs::options::BlobRoom;
use crate::blobs::rows::PUBLIC;
use crate::blobs::store::Blobs;
use crate::errors::Refusal;
use crate::limits::{GONE_BLOB_MS, UNFINISHED_BLOB_MS};
use crate::store::Store;
use crate::time::Proven;

/// Maximum number of rows of each kind that one job deletes or changes.
pub const BATCH: usize = 100;

/// Deletes all blobs whose time is over, and what is remembered of deleted ones, a batch at a time.
pub async fn expire_all(
    store: &Store,
    blobs: &Blobs,
    now_ms: i64,
    proven: Proven,
) -> Result<(), Refusal> {
    let room = blobs.room;
    loop {
        let expire = move |db: &Connection| expire(db, now_ms, &proven, &room);
        let expired = store.run(expire).await?;
        blobs.remove(expired.files).await;
        if !expired.more {
            return Ok(());
        }
    }
}

/// What a job deleted.
pub struct Expired {
    /// The files to remove once the job is committed.
    pub files: Vec<i64>,
    /// Whether there may be more.
    pub more: bool,
}

/// Deletes a batch of blobs whose time is over.
pub fn expire(
    db: &Connection,
    now_ms: i64,
    proven: &Proven,
    room: &BlobRoom,
) -> Result<Expired, Refusal> {
    let proven_ms = i64::try_from(proven.at_ms).unwrap_or(i64::MAX);
    let mut more = proven.settled && correct(db, now_ms, room)?;
    let mut due = db.prepare(
        "SELECT id, public_id, place = ? AND received = len,
             EXISTS (SELECT 1 FROM blob_hold WHERE blob_hold.blob = blob.id)
         FROM blob WHERE kept_until_ms <= ? LIMIT ?",
    )?;
    let due = due.query_map(params![PUBLIC, proven_ms, BATCH], |row| row.try_into())?;
    let due: Vec<(i64, Vec<u8>, bool, bool)> = due.collect::<Result<_, _>>()?;
    more |= due.len() == BATCH;
    let mut files = Vec::new();
    for (id, public_id, was_public, is_held) in due {
        if was_public {
            remember(db, &public_id, now_ms)?;
        }
        // CHK-516: what a report names is kept for its review, and nobody else notices.
        let end = match is_held {
            true => "UPDATE blob SET place = -id, account = 0, kept_until_ms = NULL WHERE id = ?",
            false => "DELETE FROM blob WHERE id = ?",
        };
        db.prepare(end)?.execute([id])?;
        if !is_held {
            files.push(id);
        }
    }
    let forgotten = db
        .prepare(
            "DELETE FROM blob_gone WHERE public_id IN
                 (SELECT public_id FROM blob_gone WHERE until_ms <= ? LIMIT ?)",
        )?
        .execute(params![proven_ms, BATCH])?;
    more |= forgotten == BATCH;
    Ok(Expired { files, more })
}

/// Remembers the id of a blob that is deleted.
fn remember(db: &Connection, public_id: &[u8], now_ms: i64) -> Result<(), Refusal> {
    // CHK-513: an id is given to one blob, also once it is deleted.
    db.prepare(
        "INSERT INTO blob_gone (public_id, until_ms) VALUES (?, ?)
         ON CONFLICT DO UPDATE SET until_ms = excluded.until_ms",
    )?
    .execute(params![public_id, now_ms + GONE_BLOB_MS])?;
    Ok(())
}

/// Deletes a complete blob whose file is lost. The reports that held it lack it again, so their
/// reporters can upload it.
pub fn lose(db: &Connection, id: i64, now_ms: i64) -> Result<(), Refusal> {
    let (public_id, place): (Vec<u8>, i64) = db
        .prepare("SELECT public_id, place FROM blob WHERE id = ?")?
        .query_row([id], |row| row.try_into())?;
    if place == PUBLIC {
        remember(db, &public_id, now_ms)?;
    }
    for end in [
        "UPDATE blob_hold SET blob = NULL WHERE blob = ?",
        "DELETE FROM blob WHERE id = ?",
    ] {
        db.prepare(end)?.execute([id])?;
    }
    Ok(())
}

/// Corrects the times that began when the clock was ahead.
fn correct(db: &Connection, now_ms: i64, room: &BlobRoom) -> Result<bool, Refusal> {
    let mut more = false;
    for (which, kept_ms) in [
        ("TRUE", room.kept_ms.max(UNFINISHED_BLOB_MS)),
        ("received < len", UNFINISHED_BLOB_MS),
    ] {
        let corrected = db
            .prepare(&format!(
                "UPDATE blob SET kept_until_ms = ?1 WHERE id IN
                     (SELECT id FROM blob WHERE {which} AND kept_until_ms > ?1 LIMIT ?2)"
            ))?
            .execute(params![now_ms + kept_ms, BATCH])?;
        more |= corrected == BATCH;
    }
    Ok(more)
}
