//! Holds: which blobs a report names, and which of them are kept for its review.

use waxseal_relay::ReportBlob;
use waxseal_reporting::BlobId;

use crate::errors::Refusal;
use crate::limits::MIN_BLOB_SPACE;
use crate::store::Connection;
use crate::store::blobs::PUBLIC;
use crate::store::values::values;

/// Notes that a report of an account names a blob, and which one is held for it. `None` if it is
/// missing.
pub fn add(
    db: &Connection,
    (report, number): (i64, usize),
    account: i64,
    blob: &BlobId,
    held: Option<i64>,
) -> Result<(), Refusal> {
    db.execute(
        "INSERT INTO blob_hold (report, number, account, public_id, blob)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        values![report, number, account, blob.as_bytes(), held],
    )?;
    Ok(())
}

/// Whether a report names the blob and lacks it.
pub fn is_missing(db: &Connection, report: i64, blob: &BlobId) -> Result<bool, Refusal> {
    db.exists(
        "SELECT 1 FROM blob_hold WHERE report = ?1 AND public_id = ?2 AND blob IS NULL",
        values![report, blob.as_bytes()],
    )
}

/// Whether a report of this account that waits for review names the blob and lacks it.
pub fn is_wanted(db: &Connection, account: i64, blob: &BlobId) -> Result<bool, Refusal> {
    db.exists(
        "SELECT 1 FROM blob_hold WHERE account = ?1 AND public_id = ?2 AND blob IS NULL",
        values![account, blob.as_bytes()],
    )
}

/// Whether a report of the account holds a blob already.
pub fn is_held(db: &Connection, account: i64, id: i64) -> Result<bool, Refusal> {
    db.exists(
        "SELECT 1 FROM blob_hold WHERE account = ?1 AND blob = ?2",
        values![account, id],
    )
}

/// Holds a blob for all reports of an account that lack it.
pub fn fill(db: &Connection, account: i64, blob: &BlobId, id: i64) -> Result<(), Refusal> {
    db.execute(
        "UPDATE blob_hold SET blob = ?1 WHERE account = ?2 AND public_id = ?3 AND blob IS NULL",
        values![id, account, blob.as_bytes()],
    )?;
    Ok(())
}

/// How much the reports of an account hold, with the copies that it still uploads: but not that of
/// one blob. A short blob counts for more than its bytes.
pub fn space(db: &Connection, account: i64, but: Option<&BlobId>) -> Result<i64, Refusal> {
    db.only(
        "SELECT CAST(coalesce(sum(CASE WHEN len < ?1 THEN ?1 ELSE len END), 0) AS BIGINT)
         FROM blob WHERE id IN (
             SELECT blob FROM blob_hold WHERE account = ?2 AND blob IS NOT NULL
             UNION SELECT c.id FROM blob_hold h
                 JOIN blob c ON c.public_id = h.public_id AND c.place = ?2
                 WHERE h.account = ?2 AND h.blob IS NULL AND c.public_id IS DISTINCT FROM ?3)",
        values![MIN_BLOB_SPACE, account, but.map(BlobId::as_bytes)],
    )
}

/// Some accounts whose reports lack a blob.
pub fn lacking(db: &Connection, blob: &BlobId, max: usize) -> Result<Vec<i64>, Refusal> {
    db.all(
        "SELECT DISTINCT account FROM blob_hold WHERE public_id = ?1 AND blob IS NULL LIMIT ?2",
        values![blob.as_bytes(), max],
    )
}

/// Ends the holds of a report. What was kept for the review alone can be deleted.
pub fn release(db: &Connection, report: i64) -> Result<(), Refusal> {
    let held = "DELETE FROM blob_hold WHERE report = ?1 RETURNING blob";
    let held: Vec<Option<i64>> = db.all(held, values![report])?;
    for id in held.into_iter().flatten() {
        db.execute(
            "UPDATE blob SET kept_until_ms = 0 WHERE id = ?1 AND place <> ?2
                 AND NOT EXISTS (SELECT 1 FROM blob_hold WHERE blob = ?1)",
            values![id, PUBLIC],
        )?;
    }
    Ok(())
}

/// The number of the blob that is held for a report, if the report names it.
pub fn of_report(db: &Connection, report: i64, blob: &BlobId) -> Result<Option<i64>, Refusal> {
    db.one(
        "SELECT blob FROM blob_hold
         WHERE report = ?1 AND public_id = ?2 AND blob IS NOT NULL LIMIT 1",
        values![report, blob.as_bytes()],
    )
}

/// The blobs that a report names, and whether they are kept for its review.
pub fn list(db: &Connection, report: i64) -> Result<Vec<ReportBlob>, Refusal> {
    let rows: Vec<([u8; 32], bool)> = db.all(
        "SELECT public_id, max(CASE WHEN blob IS NULL THEN 0 ELSE 1 END) FROM blob_hold
         WHERE report = ?1 GROUP BY public_id ORDER BY min(number)",
        values![report],
    )?;
    let blobs = rows.into_iter().map(|(id, is_kept)| ReportBlob {
        blob: BlobId::from_bytes(id).to_text(),
        is_kept,
    });
    Ok(blobs.collect())
}
