//! The uploads of blobs.

use waxseal_interface::{BlobState, ErrorCode};
use waxseal_reporting::BlobId;

use crate::blobs::holds::{self, FULL_RETRY_SECS, over_quota};
use crate::blobs::options::BlobRoom;
use crate::blobs::rows::{reserved, space, state};
use crate::errors::Refusal;
use crate::limits::{
    MAX_BLOBS_OF_ACCOUNT, MIN_BLOB_SPACE, MIN_UPLOADERS, SHARE_OF_COPIES, UNFINISHED_BLOB_MS,
};
use crate::store::blobs::{self, ALL, PUBLIC, Row, by_number, find};
use crate::store::holds::is_wanted;
use crate::store::parts::{self, Part};
use crate::store::{Connection, accounts};

/// A file that is shorter gives way to one that goes on with it. So a blob has no more files than
/// it counts for.
const MIN_FILE_LEN: u64 = MIN_BLOB_SPACE as u64;

/// A file that is in no blob after this time is removed.
pub const MAX_WRITE_MS: i64 = 3_600_000;

/// The blob that an account uploads or goes on with. Only its first part, at 0, makes a row: for
/// another one, the row that is returned is in no database.
pub fn begin(
    db: &Connection,
    account: i64,
    blob: &BlobId,
    at: u64,
    len: u64,
    now_ms: i64,
    room: &BlobRoom,
) -> Result<Row, Refusal> {
    let is_wanted = is_wanted(db, account, blob)?;
    if at == 0 || is_wanted {
        // What is counted of the account stays as it is.
        accounts::take(db, [account; 2])?;
    }
    let public = find(db, blob, PUBLIC)?;
    let own = match public.filter(|row| row.account == account) {
        Some(own) => Some(own),
        None => find(db, blob, account)?,
    };
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
        false if public.is_some() || blobs::is_gone(db, blob)? => {
            return Err(ErrorCode::BlobTaken.into());
        }
        false => PUBLIC,
    };
    if at > 0 {
        return Ok(Row {
            id: 0,
            place,
            account,
            len,
            received: 0,
            kept_until_ms: Some(now_ms.saturating_add(UNFINISHED_BLOB_MS)),
        });
    }
    check_room(db, account, place, len, room)?;
    if place != PUBLIC && !holds::has_room(db, account, blob, len, room)? {
        return Err(over_quota());
    }
    let kept_until_ms = now_ms + UNFINISHED_BLOB_MS;
    let added = blobs::add(db, blob, place, account, len, kept_until_ms)?;
    added.ok_or_else(|| ErrorCode::BlobTaken.into()) // another account was faster
}

/// Checks the limits: no account can fill the space alone.
fn check_room(
    db: &Connection,
    account: i64,
    place: i64,
    len: u64,
    room: &BlobRoom,
) -> Result<(), Refusal> {
    let free = free(db, place, room)?;
    if space(len) > free {
        return Err(full());
    }
    let share = free / MIN_UPLOADERS;
    if place != PUBLIC {
        // A reporter's copy counts for what its reports hold.
        return match space(len) <= share {
            true => Ok(()),
            false => Err(over_quota()),
        };
    }
    let (count, bytes) = blobs::stored(db, account)?;
    // CHK-514: an account keeps so many blobs and bytes. While the space fills, it keeps fewer.
    let most = room.of_account.min(share);
    if count >= MAX_BLOBS_OF_ACCOUNT || bytes.saturating_add(space(len)) > most {
        return Err(over_quota());
    }
    Ok(())
}

/// The free space of all. A part of it is for the copies of reporters alone.
fn free(db: &Connection, place: i64, room: &BlobRoom) -> Result<i64, Refusal> {
    let (_, bytes) = blobs::stored(db, ALL)?;
    let for_copies = match place {
        PUBLIC => room.of_all / SHARE_OF_COPIES,
        _ => 0,
    };
    let taken = bytes.saturating_add(for_copies);
    Ok(room.of_all.saturating_sub(taken))
}

fn full() -> Refusal {
    Refusal::retry_after(ErrorCode::RelayFull, FULL_RETRY_SECS)
}

/// What an upload does with the bytes that arrived.
pub enum Next {
    /// There is nothing new in them.
    Nothing(BlobState),
    /// They are written to a file that is announced: after those of the last file, whose place the
    /// new one takes, if it is short.
    Write { row: Row, last: Option<Part> },
}

/// Begins to take the bytes of a blob from `at` to `end`, in a file with this name, which is
/// removed if it is in no blob until then.
pub fn announce(
    db: &Connection,
    row: Row,
    (at, end): (u64, u64),
    (name, until_ms): (&str, i64),
    now_ms: i64,
    room: &BlobRoom,
) -> Result<Next, Refusal> {
    // CHK-510: a part is appended where the bytes that the relay has end, and replaces none.
    if row.received < at || row.received >= end {
        return Ok(Next::Nothing(state(&row, now_ms, room)));
    }
    // A blob in many short parts does not take many files.
    let last = parts::last(db, row.id)?.filter(|last| last.len < MIN_FILE_LEN);
    parts::announce(db, name, until_ms)?;
    Ok(Next::Write { row, last })
}

/// What became of a file that was written.
pub enum Taken {
    /// The blob has it.
    Done(BlobState),
    /// The blob has other bytes there already: a part that arrived at another relay.
    Moved(BlobState),
    /// The blob was deleted in between.
    Gone,
}

/// Records that a file is in the store, in place of `last` if that is given.
pub fn advance(
    db: &Connection,
    row: &Row,
    part: &Part,
    last: Option<&Part>,
    now_ms: i64,
    room: &BlobRoom,
) -> Result<Taken, Refusal> {
    let received = part.end();
    let kept_ms = match received == row.len {
        true => room.kept_ms,
        false => UNFINISHED_BLOB_MS,
    };
    // CHK-722: the bytes that a blob has stay, whatever arrives at other relays at once.
    if !blobs::advance(db, row, received, now_ms + kept_ms)? {
        let row = by_number(db, row.id)?;
        return Ok(row.map_or(Taken::Gone, |row| Taken::Moved(state(&row, now_ms, room))));
    }
    if !parts::add(db, row.id, part, last)? {
        return Err(Refusal::retry_after(ErrorCode::Busy, 1));
    }
    // An unfinished blob takes space as its bytes arrive.
    if reserved(row.len, received) > reserved(row.len, row.received)
        && free(db, row.place, room)? < 0
    {
        return Err(full());
    }
    if received == row.len {
        holds::completed(db, row.id, room)?;
    }
    let row = by_number(db, row.id)?;
    Ok(row.map_or(Taken::Gone, |row| Taken::Done(state(&row, now_ms, room))))
}
