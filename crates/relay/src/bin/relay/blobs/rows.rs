//! What is said of a blob, and how much space it takes.

use waxseal_interface::BlobState;
use waxseal_reporting::BlobId;

use crate::blobs::options::BlobRoom;
use crate::errors::Refusal;
use crate::limits::MIN_BLOB_SPACE;
use crate::store::Connection;
use crate::store::blobs::{PUBLIC, Row, find};

/// What is said of a blob. One that is kept for a review has as much time as any other.
pub fn state(row: &Row, now_ms: i64, room: &BlobRoom) -> BlobState {
    let kept_until_ms = row.kept_until_ms.unwrap_or(now_ms + room.kept_ms);
    BlobState {
        received: row.received,
        len: row.len,
        kept_until_ms: u64::try_from(kept_until_ms).unwrap_or(0),
    }
}

/// How much space a blob takes: a short one takes more than its bytes.
pub fn space(len: u64) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX).max(MIN_BLOB_SPACE)
}

/// How much of the space of all a blob takes: unfinished, twice what is there of it, so that nobody
/// takes space by announcing blobs. The triggers of the database count in the same way.
pub fn reserved(len: u64, received: u64) -> i64 {
    space(len.min(received.saturating_mul(2)))
}

/// The blob that any device may fetch.
pub fn public(db: &Connection, blob: &BlobId) -> Result<Option<Row>, Refusal> {
    // CHK-512: before a blob is complete, only its account learns of it.
    Ok(find(db, blob, PUBLIC)?.filter(Row::is_complete))
}
