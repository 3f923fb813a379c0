//! Holds: the relay keeps the blobs that a report names until the review ends.
//!
//! A blob whose time is over while it is held stays for the review alone. For everyone else it is
//! as gone as any other: whoever sent the file must not learn that it was reported.

use crate::store::Connection;
use rusqlite::{OptionalExtension, params};
use waxseal_interface::ErrorCode;
use waxseal_relay::ReportBlob;
use waxseal_reporting::BlobId;

use crate::blobs::options::BlobRoom;
use crate::blobs::rows::{PUBLIC, Row, by_number, find, space};
use crate::errors::Refusal;
use crate::limits::MIN_BLOB_SPACE;

/// How long is waited when there is no room.
pub const FULL_RETRY_SECS: u64 = 600;

/// Maximum number of accounts for whose reports a blob is held at the moment when it is complete,
/// so that this job is short. Others get it held when they begin to upload it.
const MAX_HELD_AT_ONCE: usize = 64;

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
    // Summed once, because this is a job among those of all devices.
    let mut held_bytes = held(db, account, None)?;
    for (number, blob) in blobs.iter().enumerate() {
        let public = find(db, blob, PUBLIC)?.filter(Row::is_complete);
        let held = match public {
            Some(row) if is_held(db, account, &row)? => Some(row.id),
            Some(row) if held_bytes.saturating_add(space(row.len)) <= room.of_account => {
                held_bytes = held_bytes.saturating_add(space(row.len));
                Some(row.id)
            }
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

/// The blob of whose state an account learns. As long as a report of the account lacks the blob, it
/// is the account's copy alone: a blob that is there for all is still to be held for the review.
pub fn visible(db: &Connection, account: i64, blob: &BlobId) -> Result<Option<Row>, Refusal> {
    let public = find(db, blob, PUBLIC)?;
    if public.is_some_and(|row| row.account == account && !row.is_complete()) {
        return Ok(public);
    }
    let copy = find(db, blob, account)?;
    // What is not held for a report is not said to be there for its reporter.
    if copy.is_some() || is_wanted(db, account, blob)? {
        return Ok(copy);
    }
    Ok(public.filter(Row::is_complete))
}

/// Holds a complete blob for the reports of an account that lack it. Returns `false` if there is no
/// room.
pub fn hold_for(
    db: &Connection,
    account: i64,
    blob: &BlobId,
    row: &Row,
    room: &BlobRoom,
) -> Result<bool, Refusal> {
    let may_hold = is_held(db, account, row)? || has_room(db, account, blob, row.len, room)?;
    if may_hold {
        db.prepare(
            "UPDATE blob_hold SET blob = ? WHERE account = ? AND public_id = ? AND blob IS NULL",
        )?
        .execute(params![row.id, account, blob.as_bytes()])?;
    }
    Ok(may_hold)
}

/// Whether the reports of an account may hold this blob too.
pub fn has_room(
    db: &Connection,
    account: i64,
    blob: &BlobId,
    len: u64,
    room: &BlobRoom,
) -> Result<bool, Refusal> {
    let held = held(db, account, Some(blob))?;
    Ok(held.saturating_add(space(len)) <= room.of_account)
}

/// How much the reports of an account hold, with the copies that it still uploads: but not that of
/// one blob.
fn held(db: &Connection, account: i64, but: Option<&BlobId>) -> Result<i64, Refusal> {
    let held = db
        .prepare(
            "SELECT coalesce(sum(max(len, ?1)), 0) FROM blob WHERE id IN (
                 SELECT blob FROM blob_hold WHERE account = ?2 AND blob IS NOT NULL
                 UNION SELECT copy.id FROM blob_hold
                     JOIN blob AS copy ON copy.public_id = blob_hold.public_id AND copy.place = ?2
                     WHERE blob_hold.account = ?2 AND blob_hold.blob IS NULL
                         AND copy.public_id IS NOT ?3)",
        )?
        .query_row(
            params![MIN_BLOB_SPACE, account, but.map(BlobId::as_bytes)],
            |row| row.get(0),
        )?;
    Ok(held)
}

/// Whether a report of the account holds a blob already.
fn is_held(db: &Connection, account: i64, row: &Row) -> Result<bool, Refusal> {
    let is_held = db
        .prepare("SELECT 1 FROM blob_hold WHERE account = ? AND blob = ?")?
        .exists([account, row.id])?;
    Ok(is_held)
}

/// What is answered to an account that keeps, or whose reports hold, as much as they may.
pub fn over_quota() -> Refusal {
    Refusal::retry_after(ErrorCode::BlobQuota, FULL_RETRY_SECS)
}

/// Holds a blob that is complete now for the reports that lack it. What a reporter uploaded is kept
/// for its own reports alone. If there is no room for it, it does not become complete.
pub fn completed(db: &Connection, id: i64, room: &BlobRoom) -> Result<(), Refusal> {
    let Some(row) = by_number(db, id)? else {
        return Ok(());
    };
    let blob: [u8; 32] = db
        .prepare("SELECT public_id FROM blob WHERE id = ?")?
        .query_row([id], |row| row.get(0))?;
    let blob = BlobId::from_bytes(blob);
    let mut lacking = db.prepare(
        "SELECT DISTINCT account FROM blob_hold
         WHERE public_id = ?1 AND blob IS NULL AND ?2 IN (?3, account) LIMIT ?4",
    )?;
    let lacking = lacking.query_map(
        params![blob.as_bytes(), row.place, PUBLIC, MAX_HELD_AT_ONCE],
        |row| row.get(0),
    )?;
    let lacking: Vec<i64> = lacking.collect::<Result<_, _>>()?;
    for account in lacking {
        let is_held = hold_for(db, account, &blob, &row, room)?;
        // A copy is complete only if it is held.
        if !is_held && row.place != PUBLIC {
            return Err(over_quota());
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
