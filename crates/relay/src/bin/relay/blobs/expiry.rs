//! The end of blobs whose time is over.
//!
//! A blob is deleted along proven time, so a clock that jumps deletes none. Its time begins by the
//! later of clock and proven time, and the clock is that of most relays. If that was ahead, a relay
//! without others corrects the time later: not while it is new, because then a clock that is set
//! back takes proven time along.

use crate::blobs::options::{BlobRoom, MAX_KEPT_MS};
use crate::blobs::removal;
use crate::errors::Refusal;
use crate::limits::{GONE_BLOB_MS, UNFINISHED_BLOB_MS};
use crate::state::Relay;
use crate::store::blobs::{self, PUBLIC};
use crate::store::{Connection, Store, parts, processes};
use crate::time::Proven;

/// Maximum number of rows of each kind that one job deletes or changes.
pub const BATCH: usize = 100;

/// Deletes all blobs whose time is over, and what is remembered of deleted ones, a batch at a time.
pub async fn expire_all(relay: &Relay) -> Result<(), Refusal> {
    let (store, blobs) = (&relay.store, &relay.blobs);
    let expired = expire_due(store, blobs.room, relay.agreed_ms(), relay.time.proven()).await;
    let removed = removal::remove_due(store, blobs, relay.shared_ms()).await;
    expired.and(removed)
}

async fn expire_due(
    store: &Store,
    mut room: BlobRoom,
    now_ms: i64,
    proven: Proven,
) -> Result<(), Refusal> {
    // With others, which may keep blobs for longer, this relay shortens the time of none of theirs.
    if store.run(processes::are_several).await? {
        room.kept_ms = MAX_KEPT_MS;
    }
    loop {
        let expire = move |db: &Connection| expire(db, now_ms, &proven, &room);
        if !store.run(expire).await? {
            return Ok(());
        }
    }
}

/// Deletes a batch of blobs whose time is over. Returns whether there may be more.
pub fn expire(
    db: &Connection,
    now_ms: i64,
    proven: &Proven,
    room: &BlobRoom,
) -> Result<bool, Refusal> {
    let proven_ms = i64::try_from(proven.at_ms).unwrap_or(i64::MAX);
    let mut more = proven.settled && correct(db, now_ms, room)?;
    let due = blobs::due(db, proven_ms, BATCH)?;
    more |= due.len() == BATCH;
    for blob in due {
        if blob.was_public {
            remember(db, &blob.public_id, now_ms)?;
        }
        // CHK-516: what a report names is kept for its review, and nobody else notices.
        if blob.is_held {
            blobs::keep_for_review(db, blob.id)?;
        } else {
            blobs::delete(db, blob.id)?;
        }
    }
    more |= blobs::forget(db, proven_ms, BATCH)? == BATCH;
    Ok(more)
}

/// Remembers the id of a blob that is deleted.
fn remember(db: &Connection, public_id: &[u8], now_ms: i64) -> Result<(), Refusal> {
    // CHK-513: an id is given to one blob, also once it is deleted.
    blobs::remember(db, public_id, now_ms + GONE_BLOB_MS)
}

/// Deletes a blob of which this file is lost. The reports that held it lack it again, so their
/// reporters can upload it. The upload of an unfinished one begins again.
pub fn lose(db: &Connection, id: i64, name: &str, now_ms: i64) -> Result<(), Refusal> {
    // Another relay may have deleted the blob, or put another file in place of this one.
    let row = match parts::is_in(db, id, name)? {
        true => blobs::by_number(db, id)?,
        false => None,
    };
    let Some(row) = row else {
        return Ok(());
    };
    if !row.is_complete() {
        blobs::begin_again(db, &row, name)?;
        return Ok(());
    }
    if row.place == PUBLIC {
        remember(db, blobs::public_id(db, id)?.as_bytes(), now_ms)?;
    }
    blobs::lose(db, id)
}

/// Corrects the times that began when the clock was ahead.
fn correct(db: &Connection, now_ms: i64, room: &BlobRoom) -> Result<bool, Refusal> {
    let kept_ms = room.kept_ms.max(UNFINISHED_BLOB_MS);
    let corrected = [
        blobs::shorten(db, now_ms + kept_ms, BATCH)?,
        blobs::shorten_unfinished(db, now_ms + UNFINISHED_BLOB_MS, BATCH)?,
    ];
    Ok(corrected.contains(&BATCH))
}
