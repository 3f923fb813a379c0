//! The rows of blobs in the database.

use crate::store::Connection;
use rusqlite::{OptionalExtension, params};
use waxseal_interface::BlobState;
use waxseal_reporting::BlobId;

use crate::blobs::options::BlobRoom;
use crate::errors::Refusal;
use crate::limits::MIN_BLOB_SPACE;

/// Where a blob is that any device may fetch. Others are for a review alone: that which a reporter
/// uploads is at the number of its account, and that which was kept for a review when its time was
/// over is at the negative of its own number.
pub const PUBLIC: i64 = 0;

/// A blob.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub id: i64,
    pub place: i64,
    /// The account in whose space the blob is, or 0.
    pub account: i64,
    pub len: u64,
    pub received: u64,
    /// `None` if it is kept until a review ends.
    pub kept_until_ms: Option<i64>,
}

impl Row {
    pub fn is_complete(&self) -> bool {
        self.received == self.len
    }

    /// What is said of the blob. One that is kept for a review has as much time as any other.
    pub fn state(&self, now_ms: i64, room: &BlobRoom) -> BlobState {
        let kept_until_ms = self.kept_until_ms.unwrap_or(now_ms + room.kept_ms);
        BlobState {
            received: self.received,
            len: self.len,
            kept_until_ms: u64::try_from(kept_until_ms).unwrap_or(0),
        }
    }
}

const COLUMNS: &str = "id, place, account, len, received, kept_until_ms";

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        id: row.get(0)?,
        place: row.get(1)?,
        account: row.get(2)?,
        len: row.get(3)?,
        received: row.get(4)?,
        kept_until_ms: row.get(5)?,
    })
}

/// The blob with this id at a place.
pub fn find(db: &Connection, blob: &BlobId, place: i64) -> Result<Option<Row>, Refusal> {
    let row = db
        .prepare(&format!(
            "SELECT {COLUMNS} FROM blob WHERE public_id = ? AND place = ?"
        ))?
        .query_row(params![blob.as_bytes(), place], read)
        .optional()?;
    Ok(row)
}

/// The blob with this number.
pub fn by_number(db: &Connection, id: i64) -> Result<Option<Row>, Refusal> {
    let row = db
        .prepare(&format!("SELECT {COLUMNS} FROM blob WHERE id = ?"))?
        .query_row([id], read)
        .optional()?;
    Ok(row)
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

/// The next complete blobs: number and length.
pub fn complete(db: &Connection, after: i64) -> Result<Vec<(i64, u64)>, Refusal> {
    let mut rows = db.prepare(
        "SELECT id, len FROM blob WHERE id > ? AND received = len ORDER BY id LIMIT 100",
    )?;
    let rows = rows.query_map([after], |row| row.try_into())?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Those of some numbers under which there is no blob.
pub fn strays(db: &Connection, mut ids: Vec<i64>) -> Result<Vec<i64>, Refusal> {
    let mut is_known = db.prepare("SELECT 1 FROM blob WHERE id = ?")?;
    let mut failure = None;
    ids.retain(|id| match is_known.exists([id]) {
        Ok(known) => !known,
        Err(error) => {
            failure = Some(error);
            false
        }
    });
    failure.map_or(Ok(ids), |error| Err(error.into()))
}
