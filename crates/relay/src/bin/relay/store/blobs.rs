//! The rows of blobs.

use waxseal_reporting::BlobId;

use crate::errors::Refusal;
use crate::store::Connection;
use crate::store::parts;
use crate::store::values::values;

/// Where a blob is that any device may fetch. Others are for a review alone: that which a reporter
/// uploads is at the number of its account, and that which was kept for a review when its time was
/// over is at the negative of its own number.
pub const PUBLIC: i64 = 0;

/// Under which number all blobs are counted.
pub const ALL: i64 = -1;

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

type Columns = (i64, i64, i64, u64, u64, Option<i64>);

impl Row {
    fn of((id, place, account, len, received, kept_until_ms): Columns) -> Self {
        Self {
            id,
            place,
            account,
            len,
            received,
            kept_until_ms,
        }
    }

    pub fn is_complete(&self) -> bool {
        self.received == self.len
    }
}

/// The blob with this id at a place.
pub fn find(db: &Connection, blob: &BlobId, place: i64) -> Result<Option<Row>, Refusal> {
    let row: Option<Columns> = db.one(
        "SELECT id, place, account, len, received, kept_until_ms FROM blob
         WHERE public_id = ?1 AND place = ?2",
        values![blob.as_bytes(), place],
    )?;
    Ok(row.map(Row::of))
}

/// The blob with this number.
pub fn by_number(db: &Connection, id: i64) -> Result<Option<Row>, Refusal> {
    let row: Option<Columns> = db.one(
        "SELECT id, place, account, len, received, kept_until_ms FROM blob WHERE id = ?1",
        values![id],
    )?;
    Ok(row.map(Row::of))
}

/// The id of the blob with this number.
pub fn public_id(db: &Connection, id: i64) -> Result<BlobId, Refusal> {
    let public_id = db.only("SELECT public_id FROM blob WHERE id = ?1", values![id])?;
    Ok(BlobId::from_bytes(public_id))
}

/// Number and size of the blobs of an account, or of [`ALL`]: those of PostgreSQL without what
/// others store at this moment.
pub fn stored(db: &Connection, account: i64) -> Result<(i64, i64), Refusal> {
    let stored = "SELECT CAST(coalesce(sum(blobs), 0) AS BIGINT),
             CAST(coalesce(sum(bytes), 0) AS BIGINT) FROM stored WHERE account = ?1";
    db.only(stored, values![account])
}

/// Lets each statement of a job of an upload see what is committed. The rows that it changes say
/// whether they are as they were, and what is stored in all is no reason to run it again.
pub fn see_committed(db: &Connection) -> Result<(), Refusal> {
    db.read_committed()
}

/// Whether a blob with this id was there once.
pub fn is_gone(db: &Connection, blob: &BlobId) -> Result<bool, Refusal> {
    let gone = "SELECT 1 FROM blob_gone WHERE public_id = ?1";
    db.exists(gone, values![blob.as_bytes()])
}

/// Adds a blob of which nothing was received. `None` if there is one with its id by now.
pub fn add(
    db: &Connection,
    blob: &BlobId,
    place: i64,
    account: i64,
    len: u64,
    kept_until_ms: i64,
) -> Result<Option<Row>, Refusal> {
    let id: Option<i64> = db.one(
        "INSERT INTO blob (public_id, place, account, len, received, kept_until_ms)
         VALUES (?1, ?2, ?3, ?4, 0, ?5) ON CONFLICT (public_id, place) DO NOTHING RETURNING id",
        values![blob.as_bytes(), place, account, len, kept_until_ms],
    )?;
    Ok(id.map(|id| Row {
        id,
        place,
        account,
        len,
        received: 0,
        kept_until_ms: Some(kept_until_ms),
    }))
}

/// Records how much of a blob is there, and until when it is kept. Returns `false` if it was
/// deleted, or there is another number of its bytes by now.
pub fn advance(
    db: &Connection,
    row: &Row,
    received: u64,
    kept_until_ms: i64,
) -> Result<bool, Refusal> {
    let advanced = db.execute(
        "UPDATE blob SET received = ?1, kept_until_ms = ?2 WHERE id = ?3 AND received = ?4",
        values![received, kept_until_ms, row.id, row.received],
    )?;
    Ok(advanced > 0)
}

/// Lets the upload of a blob begin again of which this file is lost, if it did not go on in
/// between: other bytes may be there by now, and as many.
pub fn begin_again(db: &Connection, row: &Row, name: &str) -> Result<bool, Refusal> {
    if !parts::is_in(db, row.id, name)? {
        return Ok(false);
    }
    let begin = "UPDATE blob SET received = 0 WHERE id = ?1 AND received = ?2 AND received < len";
    if db.execute(begin, values![row.id, row.received])? == 0 {
        return Ok(false);
    }
    parts::begin_again(db, row.id)?;
    Ok(true)
}

/// Deletes a blob of which nothing was received. Returns whether it did.
pub fn remove_empty(db: &Connection, id: i64) -> Result<bool, Refusal> {
    let remove = "DELETE FROM blob WHERE id = ?1 AND received = 0";
    Ok(db.execute(remove, values![id])? > 0)
}

/// Takes the copy of a reporter out of its space, because the hold counts. Without a hold, its time
/// is over.
pub fn hand_to_holds(db: &Connection, id: i64) -> Result<(), Refusal> {
    db.execute(
        "UPDATE blob SET account = 0, kept_until_ms =
             CASE WHEN EXISTS (SELECT 1 FROM blob_hold WHERE blob = ?1) THEN NULL ELSE 0 END
         WHERE id = ?1",
        values![id],
    )?;
    Ok(())
}

/// A blob whose time is over.
pub struct Due {
    pub id: i64,
    pub public_id: Vec<u8>,
    /// Whether any device could fetch it.
    pub was_public: bool,
    /// Whether a report holds it.
    pub is_held: bool,
}

/// Some blobs whose time is over by now.
pub fn due(db: &Connection, now_ms: i64, max: usize) -> Result<Vec<Due>, Refusal> {
    let rows: Vec<(i64, Vec<u8>, bool, bool)> = db.all(
        "SELECT id, public_id, CASE WHEN place = ?1 AND received = len THEN 1 ELSE 0 END,
             CASE WHEN EXISTS (SELECT 1 FROM blob_hold WHERE blob_hold.blob = blob.id)
                 THEN 1 ELSE 0 END
         FROM blob WHERE kept_until_ms <= ?2 LIMIT ?3",
        values![PUBLIC, now_ms, max],
    )?;
    let due = rows
        .into_iter()
        .map(|(id, public_id, was_public, is_held)| Due {
            id,
            public_id,
            was_public,
            is_held,
        });
    Ok(due.collect())
}

/// Keeps a blob for the reviews that hold it, and for nobody else.
pub fn keep_for_review(db: &Connection, id: i64) -> Result<(), Refusal> {
    db.execute(
        "UPDATE blob SET place = -id, account = 0, kept_until_ms = NULL WHERE id = ?1",
        values![id],
    )?;
    Ok(())
}

/// Deletes a blob that no report holds.
pub fn delete(db: &Connection, id: i64) -> Result<(), Refusal> {
    db.execute("DELETE FROM blob WHERE id = ?1", values![id])?;
    parts::end(db, id)
}

/// Deletes a blob of which a file is lost. The reports that held it lack it again.
pub fn lose(db: &Connection, id: i64) -> Result<(), Refusal> {
    let hold = "UPDATE blob_hold SET blob = NULL WHERE blob = ?1";
    db.execute(hold, values![id])?;
    delete(db, id)
}

/// Remembers the id of a deleted blob until this time.
pub fn remember(db: &Connection, public_id: &[u8], until_ms: i64) -> Result<(), Refusal> {
    db.execute(
        "INSERT INTO blob_gone (public_id, until_ms) VALUES (?1, ?2)
         ON CONFLICT (public_id) DO UPDATE SET until_ms = excluded.until_ms",
        values![public_id, until_ms],
    )?;
    Ok(())
}

/// Forgets some ids whose time is over by now. Returns how many.
pub fn forget(db: &Connection, now_ms: i64, max: usize) -> Result<usize, Refusal> {
    db.execute(
        "DELETE FROM blob_gone WHERE public_id IN
             (SELECT public_id FROM blob_gone WHERE until_ms <= ?1 LIMIT ?2)",
        values![now_ms, max],
    )
}

/// Has some of the blobs that are kept until after this time kept until then. Returns how many.
pub fn shorten(db: &Connection, until_ms: i64, max: usize) -> Result<usize, Refusal> {
    db.execute(
        "UPDATE blob SET kept_until_ms = ?1 WHERE id IN
             (SELECT id FROM blob WHERE kept_until_ms > ?1 LIMIT ?2)",
        values![until_ms, max],
    )
}

/// The same, for unfinished blobs alone.
pub fn shorten_unfinished(db: &Connection, until_ms: i64, max: usize) -> Result<usize, Refusal> {
    db.execute(
        "UPDATE blob SET kept_until_ms = ?1 WHERE id IN
             (SELECT id FROM blob WHERE received < len AND kept_until_ms > ?1 LIMIT ?2)",
        values![until_ms, max],
    )
}
