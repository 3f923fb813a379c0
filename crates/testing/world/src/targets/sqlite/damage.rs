//! Damages a store's files. Moves rows and alters tables with plain SQL, replaces pages and frames
//! of the log, and flips or cuts off bytes.

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::file::{Row, with_sql};
use super::log::{self, Frame, PAGE};
use crate::targets::edit::edit_once;

/// A database file and its write-ahead log.
#[derive(Clone, PartialEq)]
pub(super) struct Files {
    pub(super) database: Vec<u8>,
    pub(super) log: Vec<u8>,
}

/// An older and a newer version of a store: (file, rows in the file).
pub(super) struct Versions {
    pub(super) older: (Vec<u8>, Vec<Row>),
    pub(super) newer: (Vec<u8>, Vec<Row>),
}

/// Maximum number of damages in one input.
const MAX_DAMAGES: usize = 8;

/// Applies an input to a store's files.
///
/// The first byte says whether the newer records are in a write-ahead log. Each damage after it
/// takes eight bytes: its kind, two numbers, and the five bytes that [`edit_once`] takes.
pub(super) fn damaged(versions: &Versions, input: &[u8]) -> Files {
    let (has_log, damages) = input.split_first().unwrap_or((&0, &[]));
    let damages = damages.as_chunks::<8>().0.iter().take(MAX_DAMAGES).copied();
    let (by_sql, by_hand): (Vec<[u8; 8]>, Vec<[u8; 8]>) =
        damages.partition(|[kind, ..]| kind % 16 < 7);
    let mut database = versions.newer.0.clone();
    if !by_sql.is_empty() {
        database = with_sql(&database, |db| {
            for damage in by_sql {
                // SQLite may refuse a statement, which then does no damage.
                let _ = move_rows(db, versions, damage);
            }
        });
    }
    let mut frames = Vec::new();
    if has_log & 1 == 1 {
        frames = log::frames(&versions.older.0, &database);
        database.clone_from(&versions.older.0);
    }
    // These two bytes of the file's header say that the file has a write-ahead log.
    database[18..20].fill(2);
    for frame in frames.iter_mut().filter(|frame| frame.page == 1) {
        frame.bytes[18..20].fill(2);
    }
    for damage in &by_hand {
        splice(&mut database, &mut frames, *damage);
    }
    let mut log = match frames.is_empty() {
        true => Vec::new(),
        false => log::encode(&frames),
    };
    for damage in by_hand {
        cut(&mut database, &mut log, damage);
    }
    Files { database, log }
}

fn move_rows(
    db: &Connection,
    versions: &Versions,
    [kind, a, b, edits @ ..]: [u8; 8],
) -> rusqlite::Result<()> {
    let rows = &versions.newer.1;
    let (one, other) = (
        &rows[usize::from(a) % rows.len()],
        &rows[usize::from(b) % rows.len()],
    );
    let put = |(scope, place, _): &Row, value: &[u8]| {
        let sql = "INSERT OR REPLACE INTO records (scope, place, value) VALUES (?1, ?2, ?3)";
        db.execute(sql, (scope, place, value)).map(drop)
    };
    match kind % 16 {
        0 => {
            put(one, &other.2)?;
            put(other, &one.2)
        }
        1 => put(one, &other.2),
        2 => {
            let sql = "DELETE FROM records WHERE scope = ?1 AND place = ?2";
            db.execute(sql, (&one.0, &one.1)).map(drop)
        }
        3 => {
            let older = &versions.older.1;
            let older = &older[usize::from(a) % older.len()];
            put(older, &older.2)
        }
        4 => {
            let mut value = one.2.clone();
            edit_once(&mut value, edits);
            put(one, &value)
        }
        5 => {
            let (mut place, value) = (other.1.clone(), one.2.clone());
            if edits[0] & 1 == 1 {
                edit_once(&mut place, edits);
            }
            put(&(other.0.clone(), place, Vec::new()), &value)
        }
        _ => {
            db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, false)?;
            db.execute_batch(TABLES[usize::from(a) % TABLES.len()])
        }
    }
}

/// Statements with which someone who can write to the file alters the tables themselves.
const TABLES: [&str; 24] = [
    "DROP TABLE records",
    "DROP TABLE seal",
    "DELETE FROM seal",
    "UPDATE seal SET salt = zeroblob(32)",
    "UPDATE seal SET key_check = x''",
    "PRAGMA user_version = 0",
    "PRAGMA user_version = 7",
    "PRAGMA user_version = -1",
    "PRAGMA application_id = 0",
    "CREATE TRIGGER t BEFORE INSERT ON records BEGIN DELETE FROM records; END",
    "CREATE TRIGGER t AFTER UPDATE ON records BEGIN DELETE FROM seal; END",
    "ALTER TABLE records RENAME TO rows; CREATE VIEW records AS SELECT * FROM rows",
    "ALTER TABLE records RENAME COLUMN value TO other",
    "ALTER TABLE records ADD COLUMN more BLOB AS (zeroblob(1000000))",
    "CREATE INDEX i ON records (hex(value))",
    // Each of the next three replaces a table with one that has no types and no primary key. The
    // first and the third also duplicate the table's rows.
    "CREATE TABLE rows AS SELECT * FROM records; INSERT INTO rows SELECT * FROM records;
     DROP TABLE records; ALTER TABLE rows RENAME TO records",
    "CREATE TABLE rows AS SELECT scope, place, hex(value) AS value FROM records;
     DROP TABLE records; ALTER TABLE rows RENAME TO records",
    "CREATE TABLE rows AS SELECT * FROM seal; DROP TABLE seal; ALTER TABLE rows RENAME TO seal;
     INSERT INTO seal SELECT * FROM seal",
    // Each of the next two makes the value a computed column. Computing the second takes long.
    "CREATE TABLE rows (scope, place, value AS (scope || place), PRIMARY KEY (scope, place));
     INSERT INTO rows SELECT scope, place FROM records; DROP TABLE records;
     ALTER TABLE rows RENAME TO records",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE TABLE records (scope, place, a,
       value AS (instr(zeroblob(2000000), zeroblob(1000000) || x''01'') || a),
       PRIMARY KEY (scope, place)) WITHOUT ROWID' WHERE name = 'records'",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = 3 WHERE name = 'records'",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = sql || ' ' WHERE name = 'records'",
    "UPDATE records SET value = zeroblob(2100000) WHERE value = (SELECT min(value) FROM records)",
    "PRAGMA page_size = 512; VACUUM",
];

/// Alters whole pages, parts of pages, and frames of the log.
fn splice(database: &mut [u8], frames: &mut Vec<Frame>, [kind, a, b, edits @ ..]: [u8; 8]) {
    let pages = database.len() / PAGE;
    let (one, other) = (usize::from(a) % pages * PAGE, usize::from(b) % pages * PAGE);
    let frame = usize::from(a).checked_rem(frames.len());
    match (kind % 16, frame) {
        (7, _) => database.copy_within(one..one + PAGE, other),
        (8, _) => edit_page(&mut database[one..one + PAGE], edits),
        // Sets one of the first 100 bytes of a page, where the file's or the page's header is.
        (9, _) => {
            let place = one + usize::from(b % 100);
            database[place] = edits[3];
        }
        (10, Some(frame)) => edit_page(&mut frames[frame].bytes, edits),
        (11, Some(frame)) => drop(frames.remove(frame)),
        (12, Some(frame)) => {
            let copy = frames[frame].clone();
            frames.insert(usize::from(b) % frames.len(), copy);
        }
        (13, Some(frame)) if b & 1 == 0 => frames[frame].page = u32::from(edits[0]),
        (13, Some(frame)) => frames[frame].commit = u32::from(edits[0]),
        _ => {}
    }
}

/// Edits a page but keeps its length.
fn edit_page(page: &mut [u8], edits: [u8; 5]) {
    let mut edited = page.to_vec();
    edit_once(&mut edited, edits);
    edited.resize(page.len(), 0);
    page.copy_from_slice(&edited);
}

/// Cuts off the end of a file, or edits the file without correcting checksums.
fn cut(database: &mut Vec<u8>, log: &mut Vec<u8>, [kind, a, b, edits @ ..]: [u8; 8]) {
    let file = if b & 1 == 0 { database } else { log };
    if file.is_empty() {
        return;
    }
    let place = usize::from(a) * file.len() / 256;
    match kind % 16 {
        14 => edit_page(&mut file[place..], edits),
        15 => file.truncate(place + usize::from(edits[0])),
        _ => {}
    }
}
