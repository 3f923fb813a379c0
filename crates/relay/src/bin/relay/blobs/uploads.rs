//! The uploads of blobs, in the database.

use rusqlite::{Connection, OptionalExtension, params};
use waxseal_interface::{BlobState, ErrorCode};
use waxseal_reporting::BlobId;

use crate::blobs::holds::{self, FULL_RETRY_SECS, over_quota};
use crate::blobs::options::BlobRoom;
use crate::blobs::rows::{PUBLIC, Row, by_number, find, space};
use crate::errors::Refusal;
use crate::limits::{MAX_BLOBS_OF_ACCOUNT, MIN_UPLOADERS, UNFINISHED_BLOB_MS};

/// Under which number all blobs are counted.
const ALL: i64 = -1;

/// The blob that an account uploads or goes on with.
pub fn begin(
    db: &Connection,
    account: i64,
    blob: &BlobId,
    len: u64,
    now_ms: i64,
    room: &BlobRoom,
) -> Result<Row, Refusal> {
    let public = find(db, blob, PUBLIC)?;
    let own = match public.filter(|row| row.account == account) {
        Some(own) => Some(own),
        None => find(db, blob, account)?,
    };
    let is_wanted = holds::is_wanted(db, account, blob)?;
    // What is there for all is held for the report, instead of a copy.
    if let Some(public) = public.filter(|row| row.is_complete() && row.len == len)
        && is_wanted
        && own.is_none_or(|own| own.id == public.id)
    {
        return match holds::hold_for(db, account, blob, &public, room)? {
            true => Ok(public),
            false => Err(over_quota()),
        };
    }
    if let Some(own) = own {
        // CHK-511: a blob belongs to the account that began it, and has one length.
        return match own.len == len {
            true => Ok(own),
            false => Err(ErrorCode::BlobTaken.into()),
        };
    }
    let place = match is_wanted {
        true => account,
        // CHK-513: an id is given to one blob, also once it is deleted.
        false if public.is_some() || is_gone(db, blob)? => return Err(ErrorCode::BlobTaken.into()),
        false => PUBLIC,
    };
    check_room(db, account, len, room)?;
    if place != PUBLIC && !holds::has_room(db, account, blob, len, room)? {
        return Err(over_quota());
    }
    db.prepare(
        "INSERT INTO blob (public_id, place, account, len, received, kept_until_ms)
         VALUES (?, ?, ?, ?, 0, ?)",
    )?
    .execute(params![
        blob.as_bytes(),
        place,
        account,
        len,
        now_ms + UNFINISHED_BLOB_MS
    ])?;
    let made = by_number(db, db.last_insert_rowid())?;
    made.ok_or_else(|| Refusal::internal(&"a blob without its row"))
}

/// Checks the limits: no account can fill the space alone.
fn check_room(db: &Connection, account: i64, len: u64, room: &BlobRoom) -> Result<(), Refusal> {
    let stored = |account: i64| {
        let row = db
            .prepare("SELECT blobs, bytes FROM stored WHERE account = ?")?
            .query_row([account], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        Ok::<(i64, i64), rusqlite::Error>(row.unwrap_or_default())
    };
    let (_, all_bytes) = stored(ALL)?;
    let free = room.of_all.saturating_sub(all_bytes);
    if space(len) > free {
        return Err(Refusal::retry_after(ErrorCode::RelayFull, FULL_RETRY_SECS));
    }
    let (blobs, bytes) = stored(account)?;
    // CHK-514: an account keeps so many blobs and bytes. While the space fills, it keeps fewer.
    let most = room.of_account.min(free / MIN_UPLOADERS);
    if blobs >= MAX_BLOBS_OF_ACCOUNT || bytes.saturating_add(space(len)) > most {
        return Err(over_quota());
    }
    Ok(())
}

/// Whether a blob with this id was there once.
fn is_gone(db: &Connection, blob: &BlobId) -> Result<bool, Refusal> {
    let gone = db
        .prepare("SELECT 1 FROM blob_gone WHERE public_id = ?")?
        .exists([blob.as_bytes()])?;
    Ok(gone)
}

/// Records that a part is on the disk. Returns `None` if the blob was deleted in between.
pub fn advance(
    db: &Connection,
    row: &Row,
    received: u64,
    now_ms: i64,
    room: &BlobRoom,
) -> Result<Option<BlobState>, Refusal> {
    let kept_ms = match received == row.len {
        true => room.kept_ms,
        false => UNFINISHED_BLOB_MS,
    };
    let advanced = db
        .prepare("UPDATE blob SET received = ?, kept_until_ms = ? WHERE id = ? AND received = ?")?
        .execute(params![received, now_ms + kept_ms, row.id, row.received])?;
    if advanced == 0 {
        return Ok(None);
    }
    if received == row.len {
        holds::completed(db, row.id, room)?;
    }
    let row = by_number(db, row.id)?;
    Ok(row.map(|row| row.state(now_ms, room)))
}

/// Lets the upload of a blob begin again.
pub fn begin_again(db: &Connection, id: i64) -> Result<(), Refusal> {
    db.prepare("UPDATE blob SET received = 0 WHERE id = ? AND received < len")?
        .execute([id])?;
    Ok(())
}

/// Deletes a blob of which nothing was received. Returns whether it did.
pub fn remove_empty(db: &Connection, id: i64) -> Result<bool, Refusal> {
    let removed = db
        .prepare("DELETE FROM blob WHERE id = ? AND received = 0")?
        .execute([id])?;
    Ok(removed > 0)
}
