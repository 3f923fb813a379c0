//! Holds: the relay keeps the blobs that a report names until the review ends.
//!
//! A blob whose time is over while it is held stays for the review alone. For everyone else it is
//! as gone as any other: whoever sent the file must not learn that it was reported.

use rusqlite::{Connection, OptionalExtension, params};
use waxseal_relay::ReportBlob;
use waxseal_reporting::BlobId;

use crate::blobs::options::BlobRoom;
use crate::blobs::rows::{PUBLIC, Row, by_number, find, space};
use crate::errors::Refusal;
use crate::limits::MIN_BLOB_SPACE;

/// Holds the blobs that a report of an account names. Returns the indexes of those that are not
/// there, or for which the account has no room.
pub fn hold(
    db: &Connection,
    report: i64,
    account: i64,
    blobs: &[BlobId],
    room: &BlobRoom,
) -> Result<Vec<usize>, Refusal> {
    let mut missing = Vec::new();
    for (number, blob) in blobs.iter().enumerate() {
        let held = find(db, blob, PUBLIC)?.filter(Row::is_complete);
        let held = match held {
            Some(row) if may_hold(db, account, &row, room)? => Some(row.id),
            _ => find(db, blob, account)?
                .filter(Row::is_complete)
                .map(|copy| copy.id),
        };
        if held.is_none() {
            missing.push(number);
        }
        db.prepare(
            "INSERT INTO blob_hold (report, number, account, public_id, blob)
             VALUES (?, ?, ?, ?, ?)",
        )?
        .execute(params![report, number, account, blob.as_bytes(), held])?;
    }
    Ok(missing)
}

/// Which of these blobs a report that was taken before names, and lacks.
pub fn missing(db: &Connection, report: i64, blobs: &[BlobId]) -> Result<Vec<usize>, Refusal> {
    let mut lacks =
        db.prepare("SELECT 1 FROM blob_hold WHERE report = ? AND public_id = ? AND blob IS NULL")?;
    let mut missing = Vec::new();
    for (number, blob) in blobs.iter().enumerate() {
        if lacks.exists(params![report, blob.as_bytes()])? {
            missing.push(number);
        }
    }
    Ok(missing)
}

/// Whether a report of this account that waits for review names the blob and lacks it.
pub fn is_wanted(db: &Connection, account: i64, blob: &BlobId) -> Result<bool, Refusal> {
    let wanted = db
        .prepare("SELECT 1 FROM blob_hold WHERE account = ? AND public_id = ? AND blob IS NULL")?
        .exists(params![account, blob.as_bytes()])?;
    Ok(wanted)
}

/// Whether the reports of an account may hold so much more.
pub fn has_room(db: &Connection, account: i64, len: u64, room: &BlobRoom) -> Result<bool, Refusal> {
    let held: i64 = db
        .prepare(
            "SELECT coalesce(sum(max(len, ?)), 0) FROM blob
             WHERE id IN (SELECT blob FROM blob_hold WHERE account = ?)",
        )?
        .query_row(params![MIN_BLOB_SPACE, account], |row| row.get(0))?;
    Ok(held.saturating_add(space(len)) <= room.of_account)
}

/// Whether a blob is held by a report of the account already, or may be.
fn may_hold(db: &Connection, account: i64, row: &Row, room: &BlobRoom) -> Result<bool, Refusal> {
    let is_held = db
        .prepare("SELECT 1 FROM blob_hold WHERE account = ? AND blob = ?")?
        .exists([account, row.id])?;
    Ok(is_held || has_room(db, account, row.len, room)?)
}

/// Holds a blob that is complete now for the reports that lack it. What a reporter uploaded is kept
/// for its own reports alone.
pub fn completed(db: &Connection, id: i64, room: &BlobRoom) -> Result<(), Refusal> {
    let Some(row) = by_number(db, id)? else {
        return Ok(());
    };
    let mut lacking = db.prepare(
        "SELECT DISTINCT account FROM blob_hold
         WHERE public_id = (SELECT public_id FROM blob WHERE id = ?) AND blob IS NULL",
    )?;
    let lacking = lacking.query_map([id], |row| row.get(0))?;
    let lacking: Vec<i64> = lacking.collect::<Result<_, _>>()?;
    let is_for = |account: i64| row.place == PUBLIC || row.place == account;
    for account in lacking.into_iter().filter(|account| is_for(*account)) {
        if may_hold(db, account, &row, room)? {
            db.prepare(
                "UPDATE blob_hold SET blob = ?1 WHERE account = ?2 AND blob IS NULL
                     AND public_id = (SELECT public_id FROM blob WHERE id = ?1)",
            )?
            .execute([id, account])?;
        }
    }
    if row.place != PUBLIC {
        // From now on the hold counts. Without one, the review has ended: the copy goes at once.
        db.prepare(
            "UPDATE blob SET account = 0, kept_until_ms =
                 iif(EXISTS (SELECT 1 FROM blob_hold WHERE blob = ?1), NULL, 0) WHERE id = ?1",
        )?
        .execute([id])?;
    }
    Ok(())
}

/// Ends the holds of a report. What was kept for the review alone can be deleted.
pub fn release(db: &Connection, report: i64) -> Result<(), Refusal> {
    let mut held = db.prepare("DELETE FROM blob_hold WHERE report = ? RETURNING blob")?;
    let held = held.query_map([report], |row| row.get(0))?;
    let held: Vec<Option<i64>> = held.collect::<Result<_, _>>()?;
    for id in held.into_iter().flatten() {
        db.prepare(
            "UPDATE blob SET kept_until_ms = 0 WHERE id = ?1 AND place <> ?2
                 AND NOT EXISTS (SELECT 1 FROM blob_hold WHERE blob = ?1)",
        )?
        .execute([id, PUBLIC])?;
    }
    Ok(())
}

/// The blob that is held for a report, if the report names it.
pub fn of_report(db: &Connection, report: i64, blob: &BlobId) -> Result<Option<Row>, Refusal> {
    let id = db
        .prepare(
            "SELECT blob FROM blob_hold
             WHERE report = ? AND public_id = ? AND blob IS NOT NULL LIMIT 1",
        )?
        .query_row(params![report, blob.as_bytes()], |row| row.get(0))
        .optional()?;
    id.map_or(Ok(None), |id| by_number(db, id))
}

/// The blobs that a report names, and whether they are kept for its review.
pub fn list(db: &Connection, report: i64) -> Result<Vec<ReportBlob>, Refusal> {
    let mut named = db.prepare(
        "SELECT public_id, max(blob IS NOT NULL) FROM blob_hold
         WHERE report = ? GROUP BY public_id ORDER BY min(number)",
    )?;
    let named = named.query_map([report], |row| {
        let id: [u8; 32] = row.get(0)?;
        Ok(ReportBlob {
            blob: BlobId::from_bytes(id).to_text(),
            is_kept: row.get(1)?,
        })
    })?;
    Ok(named.collect::<Result<_, _>>()?)
}
