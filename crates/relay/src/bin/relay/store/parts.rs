//! The rows of the files of which blobs consist.
//!
//! A file has a row before it is written and until it is removed, so a file without one is of no
//! use to anyone. A file that is about to be written is *loose*: it gets into a blob, or it is
//! doomed and then removed, and never both.

use waxseal_interface::ErrorCode;

use crate::errors::Refusal;
use crate::store::Connection;
use crate::store::connection::Work;
use crate::store::values::values;

/// A file of a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The first byte of the blob that it has.
    pub start: u64,
    pub len: u64,
    pub name: String,
}

type Columns = (u64, u64, String);

impl Part {
    fn of((start, len, name): Columns) -> Self {
        Self { start, len, name }
    }

    /// The byte of the blob after its last one.
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.len)
    }
}

/// The files that have the bytes from `at` to `end` of a blob, in order.
pub fn covering(db: &Connection, blob: i64, at: u64, end: u64) -> Result<Vec<Part>, Refusal> {
    let parts: Vec<Columns> = db.all(
        "SELECT start, len, name FROM blob_part WHERE blob = ?1 AND start < ?2 AND start >=
             (SELECT max(start) FROM blob_part WHERE blob = ?1 AND start <= ?3) ORDER BY start",
        values![blob, end, at],
    )?;
    Ok(parts.into_iter().map(Part::of).collect())
}

/// The last file of a blob. A blob without bytes has none.
pub fn last(db: &Connection, blob: i64) -> Result<Option<Part>, Refusal> {
    let last: Option<Columns> = db.one(
        "SELECT start, len, name FROM blob_part WHERE blob = ?1 ORDER BY start DESC LIMIT 1",
        values![blob],
    )?;
    Ok(last.map(Part::of))
}

/// Says that a file will be written, and that it is removed if it is in no blob by this time.
pub fn announce(db: &Connection, name: &str, until_ms: i64) -> Result<(), Refusal> {
    let announce = "INSERT INTO blob_loose (name, until_ms, is_doomed) VALUES (?1, ?2, 0)";
    db.execute(announce, values![name, until_ms])?;
    Ok(())
}

/// Puts a file that was announced at the end of a blob, in place of `last` if that is given.
/// Returns `false` if the file was doomed in between, or `last` is not in the blob any more.
pub fn add(db: &Connection, blob: i64, part: &Part, last: Option<&Part>) -> Result<bool, Refusal> {
    // CHK-721: a file that may have been removed gets into no blob.
    let found = "DELETE FROM blob_loose WHERE name = ?1 AND is_doomed = 0";
    if db.execute(found, values![part.name])? == 0 {
        return Ok(false);
    }
    if let Some(last) = last {
        // The upload may have begun again, and have another file of as many bytes there.
        let replaced = "DELETE FROM blob_part WHERE blob = ?1 AND start = ?2 AND name = ?3";
        if db.execute(replaced, values![blob, last.start, last.name])? == 0 {
            return Ok(false);
        }
        doom(db, &last.name)?;
    }
    db.execute(
        "INSERT INTO blob_part (blob, start, len, name) VALUES (?1, ?2, ?3, ?4)",
        values![blob, part.start, part.len, part.name],
    )?;
    Ok(true)
}

/// Dooms a file that was announced, if it is still in no blob. Returns whether it is in none. It
/// may have been removed and forgotten before it was written: then it gets into none either.
pub fn give_up(db: &Connection, name: &str) -> Result<bool, Refusal> {
    let give_up = "UPDATE blob_loose SET until_ms = 0, is_doomed = 1 WHERE name = ?1";
    let is_in = "SELECT 1 FROM blob_part WHERE name = ?1";
    Ok(db.execute(give_up, values![name])? > 0 || !db.exists(is_in, values![name])?)
}

/// Dooms a file that is taken out of its blob.
fn doom(db: &Connection, name: &str) -> Result<(), Refusal> {
    db.execute(
        "INSERT INTO blob_loose (name, until_ms, is_doomed) VALUES (?1, 0, 1)
         ON CONFLICT (name) DO UPDATE SET until_ms = 0, is_doomed = 1",
        values![name],
    )?;
    Ok(())
}

/// Dooms the files of a blob that is deleted: later, because they may be many.
pub fn end(db: &Connection, blob: i64) -> Result<(), Refusal> {
    db.execute(
        "INSERT INTO blob_ended (blob) SELECT blob FROM blob_part WHERE blob = ?1 LIMIT 1",
        values![blob],
    )?;
    Ok(())
}

/// Dooms the files of a blob whose upload begins again.
pub fn begin_again(db: &Connection, blob: i64) -> Result<(), Refusal> {
    db.execute(
        "INSERT INTO blob_loose (name, until_ms, is_doomed)
             SELECT name, 0, 1 FROM blob_part WHERE blob = ?1",
        values![blob],
    )?;
    db.execute("DELETE FROM blob_part WHERE blob = ?1", values![blob])?;
    Ok(())
}

/// Some files to remove, which are doomed from now on: those of deleted blobs, and those whose time
/// is over by now. Until `again_ms`, nobody else is told to remove them.
pub fn due(
    db: &Connection,
    now_ms: i64,
    again_ms: i64,
    max: usize,
) -> Result<Vec<String>, Refusal> {
    if !db.works_alone(Work::Removing)? {
        return Ok(Vec::new());
    }
    doom_ended(db, max)?;
    let loose = "SELECT name FROM blob_loose WHERE until_ms <= ?1 ORDER BY until_ms LIMIT ?2";
    let loose: Vec<String> = db.all(loose, values![now_ms, max])?;
    let doomed = "UPDATE blob_loose SET is_doomed = 1, until_ms = ?1 WHERE name = ?2";
    for name in &loose {
        db.execute(doomed, values![again_ms, name])?;
    }
    Ok(loose)
}

/// Dooms some files of deleted blobs. Most blobs have few.
fn doom_ended(db: &Connection, max: usize) -> Result<(), Refusal> {
    let ended = "SELECT blob FROM blob_ended ORDER BY blob LIMIT ?1";
    let ended: Vec<i64> = db.all(ended, values![max])?;
    let mut left = max;
    for blob in ended {
        let parts = "SELECT name FROM blob_part WHERE blob = ?1 ORDER BY start LIMIT ?2";
        let parts: Vec<String> = db.all(parts, values![blob, left])?;
        for name in &parts {
            doom(db, name)?;
            db.execute("DELETE FROM blob_part WHERE name = ?1", values![name])?;
        }
        left = left.saturating_sub(parts.len());
        if left == 0 {
            break;
        }
        db.execute("DELETE FROM blob_ended WHERE blob = ?1", values![blob])?;
    }
    Ok(())
}

/// Forgets a doomed file that is removed.
pub fn forget(db: &Connection, name: &str) -> Result<(), Refusal> {
    let removed = "DELETE FROM blob_loose WHERE name = ?1 AND is_doomed = 1";
    db.execute(removed, values![name])?;
    Ok(())
}

/// Lets a doomed file that cannot be removed wait until this time.
pub fn postpone(db: &Connection, name: &str, until_ms: i64) -> Result<(), Refusal> {
    let later = "UPDATE blob_loose SET until_ms = ?1 WHERE name = ?2 AND is_doomed = 1";
    db.execute(later, values![until_ms, name])?;
    Ok(())
}

/// Those of some files that have no row.
pub fn strays(db: &Connection, names: &[String]) -> Result<Vec<String>, Refusal> {
    let mut strays = Vec::new();
    for name in names {
        let known = "SELECT 1 FROM blob_part WHERE name = ?1
             UNION ALL SELECT 1 FROM blob_loose WHERE name = ?1";
        if !db.exists(known, values![name])? {
            strays.push(name.clone());
        }
    }
    Ok(strays)
}

/// The next files of all blobs, each after the number of its blob.
pub fn of_all(
    db: &Connection,
    (blob, start): (i64, u64),
    max: usize,
) -> Result<Vec<(i64, Part)>, Refusal> {
    let parts: Vec<(i64, u64, u64, String)> = db.all(
        "SELECT p.blob, p.start, p.len, p.name FROM blob_part p
             JOIN blob b ON b.id = p.blob
         WHERE (p.blob, p.start) > (?1, ?2)
         ORDER BY p.blob, p.start LIMIT ?3",
        values![blob, start, max],
    )?;
    let parts = parts.into_iter();
    let parts = parts.map(|(blob, start, len, name)| (blob, Part::of((start, len, name))));
    Ok(parts.collect())
}

/// Whether a file is in this blob.
pub fn is_in(db: &Connection, blob: i64, name: &str) -> Result<bool, Refusal> {
    let is_in = "SELECT 1 FROM blob_part WHERE name = ?1 AND blob = ?2";
    db.exists(is_in, values![name, blob])
}

/// The name of the store of blobs, if it has one.
pub fn store_name(db: &Connection) -> Result<Option<String>, Refusal> {
    db.one("SELECT name FROM blob_store", &[])
}

/// Names the store after a file that was announced, if it has no name. Returns the name that it has
/// from now on.
pub fn name_store(db: &Connection, name: &str) -> Result<String, Refusal> {
    if let Some(known) = store_name(db)? {
        return Ok(known);
    }
    // CHK-721: see `add`.
    let found = "DELETE FROM blob_loose WHERE name = ?1 AND is_doomed = 0";
    if db.execute(found, values![name])? == 0 {
        return Err(Refusal::retry_after(ErrorCode::Busy, 1));
    }
    db.execute(
        "INSERT INTO blob_store (id, name) VALUES (1, ?1) ON CONFLICT (id) DO NOTHING",
        values![name],
    )?;
    db.only("SELECT name FROM blob_store", &[])
}

/// Where the store is, if that is known. Only a database that relays can share keeps it.
pub fn place(db: &Connection) -> Result<Option<String>, Refusal> {
    let place: Option<Option<String>> = db.one("SELECT place FROM blob_store", &[])?;
    Ok(place.flatten())
}

/// The store is at this place from now on.
pub fn move_to(db: &Connection, place: &str) -> Result<(), Refusal> {
    db.execute("UPDATE blob_store SET place = ?1", values![place])?;
    Ok(())
}
