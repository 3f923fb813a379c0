//! Applies changes within one transaction.

use super::columns::{Column as _, Value};
use super::read::log_size;
use super::rows::{InTable, insert, number, one, put, stored};
use super::{Database, Refused};
use crate::store::change::{Change, Condition, Key, Row, with_row, with_rows};
use crate::store::error::{Conflict, StoreError};
use crate::store::rows::{CheckpointRow, ContentRow, EntryRow, MetaRow, OutboxRow, PendingRow};
use crate::store::stored::Stored;

/// Applies a change that `bounds` has checked.
pub(crate) fn apply(db: &dyn Database, change: &Change) -> Result<(), StoreError> {
    match change {
        Change::Expect(condition) => expect(db, condition),
        Change::Append(entry) => {
            expect_size(db, entry.log_index)?;
            insert(db, entry)
        }
        Change::Tile(tile) => put(db, tile),
        Change::Checkpoint(checkpoint) => put_checkpoint(db, checkpoint),
        Change::Add(row) => with_row!(row, row => insert(db, row)),
        Change::Swap { old, new } => swap(db, old, new),
        Change::Remove(key) => remove(db, key),
    }
}

fn expect(db: &dyn Database, condition: &Condition) -> Result<(), StoreError> {
    match condition {
        Condition::LogSize(size) => expect_size(db, *size),
        Condition::Unchanged(row) => with_row!(row, row => expect_row(db, row)),
        Condition::Checkpoint { size, row } => {
            let found = one::<CheckpointRow>(db, "WHERE size = ?", &[size.write()])?;
            if found == *row {
                return Ok(());
            }
            let table = CheckpointRow::TABLE;
            Err(Conflict::Changed { table }.into())
        }
        Condition::NoUndecidedCase(account) => {
            let sql = "SELECT CAST(1 AS BIGINT) FROM cases
                WHERE account = ? AND status IN ('open', 'waiting') LIMIT 1";
            match number(db, sql, &[account.write()])? {
                Some(_) => Err(Conflict::UndecidedCase.into()),
                None => Ok(()),
            }
        }
    }
}

fn expect_size(db: &dyn Database, expected: u64) -> Result<(), StoreError> {
    let found = log_size(db)?;
    if found == expected {
        Ok(())
    } else {
        Err(Conflict::LogSize { expected, found }.into())
    }
}

fn expect_row<R: InTable>(db: &dyn Database, row: &R) -> Result<(), StoreError> {
    match stored(db, row)? {
        Some(stored) if stored == *row => Ok(()),
        _ => Err(Conflict::Changed { table: R::TABLE }.into()),
    }
}

fn put_checkpoint(db: &dyn Database, checkpoint: &CheckpointRow) -> Result<(), StoreError> {
    let (expected, found) = (checkpoint.size, log_size(db)?);
    if expected > found {
        return Err(Conflict::LogSize { expected, found }.into());
    }
    put(db, checkpoint)
}

fn swap(db: &dyn Database, old: &Row, new: &Row) -> Result<(), StoreError> {
    with_rows!((old, new), old, new => {
        expect_row(db, old)?;
        put(db, new)
    }, Ok(())) // `bounds` refused rows of two tables
}

fn remove(db: &dyn Database, key: &Key) -> Result<(), StoreError> {
    match key {
        Key::Pending(leaf_hash) => {
            let sql = "DELETE FROM pending WHERE leaf_hash = ?";
            delete::<PendingRow>(db, sql, leaf_hash.write())
        }
        Key::Content(id) => {
            let sql = "DELETE FROM contents WHERE report_id = ?";
            delete::<ContentRow>(db, sql, id.write())
        }
        Key::Outbox(id) => {
            let sql = "DELETE FROM outbox WHERE export_id = ?";
            delete::<OutboxRow>(db, sql, id.write())
        }
        Key::Meta(name) => delete::<MetaRow>(db, "DELETE FROM meta WHERE name = ?", name.write()),
        Key::Detail(index) => {
            let sql = "UPDATE entries SET salt = NULL, detail = NULL
                WHERE log_index = ? AND detail IS NOT NULL";
            delete::<EntryRow>(db, sql, index.write())
        }
    }
}

fn delete<R: Stored>(db: &dyn Database, sql: &str, key: Value<'_>) -> Result<(), StoreError> {
    match db.execute(sql, &[key]) {
        Ok(0) => Err(Conflict::Missing { table: R::TABLE }.into()),
        Ok(_) => Ok(()),
        // No statement that removes can take a key.
        Err(Refused::Taken) => Err(StoreError::Damaged),
        Err(Refused::Failed(error)) => Err(error),
    }
}
