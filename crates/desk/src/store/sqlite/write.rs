//! Applies changes within one transaction of SQLite.

use rusqlite::{Connection, Params, ffi};

use super::columns::int;
use super::rows::{InSqlite, insert, number, one, put, stored};
use crate::store::change::{Change, Condition, Key, Row, with_row, with_rows};
use crate::store::error::{Conflict, StoreError};
use crate::store::rows::{CheckpointRow, ContentRow, EntryRow, MetaRow, OutboxRow, PendingRow};
use crate::store::stored::Stored;

/// Number of entries in the log.
pub(super) fn log_size(db: &Connection) -> Result<u64, StoreError> {
    let last = number(db, "SELECT max(log_index) FROM entries", [])?;
    match last {
        None => Ok(0),
        Some(last) => {
            let size = u64::try_from(last)
                .ok()
                .and_then(|last| last.checked_add(1));
            size.ok_or(StoreError::Damaged)
        }
    }
}

/// Applies a change that `bounds` has checked.
pub(super) fn apply(db: &Connection, change: &Change) -> Result<(), StoreError> {
    match change {
        Change::Expect(condition) => expect(db, condition),
        Change::Append(entry) => {
            expect_size(db, entry.log_index)?;
            add(db, entry)
        }
        Change::Tile(tile) => Ok(put(db, tile)?),
        Change::Checkpoint(checkpoint) => put_checkpoint(db, checkpoint),
        Change::Add(row) => with_row!(row, row => add(db, row)),
        Change::Swap { old, new } => swap(db, old, new),
        Change::Remove(key) => remove(db, key),
    }
}

fn expect(db: &Connection, condition: &Condition) -> Result<(), StoreError> {
    match condition {
        Condition::LogSize(size) => expect_size(db, *size),
        Condition::Unchanged(row) => with_row!(row, row => expect_row(db, row)),
        Condition::Checkpoint { size, row } => {
            let found = one::<CheckpointRow>(db, "WHERE size = ?", [int(*size)])?;
            if found == *row {
                return Ok(());
            }
            let table = CheckpointRow::TABLE;
            Err(Conflict::Changed { table }.into())
        }
        Condition::NoUndecidedCase(account) => {
            let sql = "SELECT 1 FROM cases
                WHERE account = ? AND status IN ('open', 'waiting') LIMIT 1";
            match number(db, sql, [account])? {
                Some(_) => Err(Conflict::UndecidedCase.into()),
                None => Ok(()),
            }
        }
    }
}

fn expect_size(db: &Connection, expected: u64) -> Result<(), StoreError> {
    let found = log_size(db)?;
    if found == expected {
        Ok(())
    } else {
        Err(Conflict::LogSize { expected, found }.into())
    }
}

fn expect_row<R: InSqlite>(db: &Connection, row: &R) -> Result<(), StoreError> {
    match stored(db, row)? {
        Some(stored) if stored == *row => Ok(()),
        _ => Err(Conflict::Changed { table: R::TABLE }.into()),
    }
}

fn put_checkpoint(db: &Connection, checkpoint: &CheckpointRow) -> Result<(), StoreError> {
    let (expected, found) = (checkpoint.size, log_size(db)?);
    if expected > found {
        return Err(Conflict::LogSize { expected, found }.into());
    }
    Ok(put(db, checkpoint)?)
}

fn add<R: InSqlite>(db: &Connection, row: &R) -> Result<(), StoreError> {
    insert(db, row).map_err(|error| unless_taken::<R>(error))
}

fn swap(db: &Connection, old: &Row, new: &Row) -> Result<(), StoreError> {
    with_rows!((old, new), old, new => {
        expect_row(db, old)?;
        replace(db, new)
    }, Ok(())) // `bounds` refused rows of two tables
}

fn replace<R: InSqlite>(db: &Connection, row: &R) -> Result<(), StoreError> {
    put(db, row).map_err(|error| unless_taken::<R>(error))
}

/// Tells a key, digest or number that another row has from other failures.
fn unless_taken<R: Stored>(error: rusqlite::Error) -> StoreError {
    match error.sqlite_extended_error_code() {
        Some(
            ffi::SQLITE_CONSTRAINT_PRIMARYKEY
            | ffi::SQLITE_CONSTRAINT_ROWID
            | ffi::SQLITE_CONSTRAINT_UNIQUE,
        ) => Conflict::Exists { table: R::TABLE }.into(),
        _ => error.into(),
    }
}

fn remove(db: &Connection, key: &Key) -> Result<(), StoreError> {
    match key {
        Key::Pending(leaf_hash) => {
            delete::<PendingRow>(db, "DELETE FROM pending WHERE leaf_hash = ?", [leaf_hash])
        }
        Key::Content(id) => {
            delete::<ContentRow>(db, "DELETE FROM contents WHERE report_id = ?", [id])
        }
        Key::Outbox(id) => delete::<OutboxRow>(db, "DELETE FROM outbox WHERE export_id = ?", [id]),
        Key::Meta(name) => delete::<MetaRow>(db, "DELETE FROM meta WHERE name = ?", [name]),
        Key::Detail(index) => {
            let sql = "UPDATE entries SET salt = NULL, detail = NULL
                WHERE log_index = ? AND detail IS NOT NULL";
            delete::<EntryRow>(db, sql, [int(*index)])
        }
    }
}

fn delete<R: Stored>(db: &Connection, sql: &str, params: impl Params) -> Result<(), StoreError> {
    match db.prepare(sql)?.execute(params)? {
        0 => Err(Conflict::Missing { table: R::TABLE }.into()),
        _ => Ok(()),
    }
}
