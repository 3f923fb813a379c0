//! Holds: the relay keeps the blobs that a report names until the review ends.
//!
//! A blob whose time is over while it is held stays for the review alone. For everyone else it is
//! as gone as any other: whoever sent the file must not learn that it was reported.

use waxseal_interface::ErrorCode;
use waxseal_reporting::BlobId;

use crate::blobs::options::BlobRoom;
use crate::blobs::rows::space;
use crate::errors::Refusal;
use crate::store::blobs::{self, PUBLIC, Row, by_number, find};
use crate::store::{Connection, holds};

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
    let mut held_bytes = holds::space(db, account, None)?;
    for (number, blob) in blobs.iter().enumerate() {
        let public = find(db, blob, PUBLIC)?.filter(Row::is_complete);
        let held = match public {
            Some(row) if holds::is_held(db, account, row.id)? => Some(row.id),
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
        holds::add(db, (report, number), account, blob, held)?;
    }
    Ok(missing)
}

/// Which of these blobs a report that was taken before names, and lacks.
pub fn missing(db: &Connection, report: i64, blobs: &[BlobId]) -> Result<Vec<usize>, Refusal> {
    let mut missing = Vec::new();
    for (number, blob) in blobs.iter().enumerate() {
        if holds::is_missing(db, report, blob)? {
            missing.push(number);
        }
    }
    Ok(missing)
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
    if copy.is_some() || holds::is_wanted(db, account, blob)? {
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
    let may_hold =
        holds::is_held(db, account, row.id)? || has_room(db, account, blob, row.len, room)?;
    if may_hold {
        holds::fill(db, account, blob, row.id)?;
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
    let held = holds::space(db, account, Some(blob))?;
    Ok(held.saturating_add(space(len)) <= room.of_account)
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
    let blob = blobs::public_id(db, id)?;
    let lacking = match row.place {
        PUBLIC => holds::lacking(db, &blob, MAX_HELD_AT_ONCE)?,
        account if holds::is_wanted(db, account, &blob)? => vec![account],
        _ => Vec::new(),
    };
    for account in lacking {
        let is_held = hold_for(db, account, &blob, &row, room)?;
        // A copy is complete only if it is held.
        if !is_held && row.place != PUBLIC {
            return Err(over_quota());
        }
    }
    if row.place != PUBLIC {
        // From now on the hold counts. Without one, the review has ended: the copy goes at once.
        blobs::hand_to_holds(db, id)?;
    }
    Ok(())
}

/// The blob that is held for a report, if the report names it.
pub fn of_report(db: &Connection, report: i64, blob: &BlobId) -> Result<Option<Row>, Refusal> {
    let id = holds::of_report(db, report, blob)?;
    id.map_or(Ok(None), |id| by_number(db, id))
}
