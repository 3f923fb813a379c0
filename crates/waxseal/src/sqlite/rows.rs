//! Reads and writes the rows of a store.

use rusqlite::{Statement, TransactionBehavior};
use zeroize::Zeroizing;

use super::seal::Location;
use super::{SqliteError, SqliteStore, data_version};
use crate::store::{Change, Cursor, Key, Listed, MAX_VALUE_LEN, Store, Table, Transaction};

const GET: &str = "SELECT value FROM records WHERE scope = ?1 AND place = ?2";

/// The second column of the row at a cursor. The store makes the cursors of rows by name from it.
fn place_of(cursor: &Cursor) -> Vec<u8> {
    match cursor {
        Cursor::Number(number) => number.to_be_bytes().to_vec(),
        Cursor::Name(place) => place.clone(),
    }
}

fn cursor_of(place: &[u8]) -> Cursor {
    match place.try_into().map(u64::from_be_bytes) {
        Ok(number) => Cursor::Number(number),
        Err(_) => Cursor::Name(place.to_vec()),
    }
}

impl SqliteStore {
    fn open_value(
        &self,
        location: &Location,
        row: &rusqlite::Row<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, SqliteError> {
        let sealed = row.get_ref("value")?.as_blob();
        let sealed = sealed.map_err(|_| SqliteError::Damaged)?;
        self.seal.open(location, sealed).ok_or(SqliteError::Damaged)
    }

    fn get_at(
        &self,
        select: &mut Statement<'_>,
        location: &Location,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, SqliteError> {
        let mut rows = select.query((&location.scope, &location.place))?;
        rows.next()?
            .map(|row| self.open_value(location, row))
            .transpose()
    }
}

impl Store for SqliteStore {
    type Error = SqliteError;

    fn get(&self, key: &Key) -> Result<Option<Zeroizing<Vec<u8>>>, SqliteError> {
        let value = self.get_at(&mut self.db.prepare(GET)?, &self.seal.locate(key));
        self.check_seen()?;
        value
    }

    fn list(
        &self,
        table: &Table,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Vec<Listed>, SqliteError> {
        let scope = self.seal.scope(table);
        // The place of a row `Only` is empty, and comes before all others.
        let after = after.map(place_of).unwrap_or_default();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut places = self.db.prepare(
            "SELECT place FROM records WHERE scope = ?1 AND place > ?2 ORDER BY place LIMIT ?3",
        )?;
        let mut select = self.db.prepare(GET)?;
        let mut rows = places.query((&scope, &after, limit))?;
        let mut listed = Vec::new();
        while let Some(row) = rows.next()? {
            let place: Vec<u8> = row.get("place")?;
            let cursor = cursor_of(&place);
            // Each value is read for itself, so that one which cannot be read costs no other.
            let value = match self.get_at(&mut select, &Location { scope, place }) {
                Err(error) if !Self::is_damage(&error) => return Err(error),
                value => value.ok().flatten(),
            };
            listed.push(Listed { cursor, value });
        }
        drop(rows);
        self.check_seen()?;
        Ok(listed)
    }

    fn commit(&mut self, transaction: Transaction) -> Result<(), SqliteError> {
        let commit = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        // No other process can commit from here on.
        if let Some(seen) = &self.seen
            && seen.get() != data_version(&commit)?
        {
            return Err(SqliteError::Stale);
        }
        let mut upsert = commit.prepare(
            "INSERT INTO records (scope, place, value) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET value = excluded.value",
        )?;
        let mut delete = commit.prepare("DELETE FROM records WHERE scope = ?1 AND place = ?2")?;
        for change in transaction.changes() {
            match change {
                Change::Put(_, value) if value.len() > MAX_VALUE_LEN => {
                    return Err(SqliteError::TooLong { len: value.len() });
                }
                Change::Put(key, value) => {
                    let to = self.seal.locate(key);
                    let sealed = self.seal.seal(&to, value)?;
                    upsert.execute((&to.scope, &to.place, &sealed))?;
                }
                Change::Delete(key) => {
                    let from = self.seal.locate(key);
                    delete.execute((&from.scope, &from.place))?;
                }
                Change::DeleteAt(table, cursor) => {
                    delete.execute((self.seal.scope(table), place_of(cursor)))?;
                }
            }
        }
        drop((upsert, delete));
        Ok(commit.commit()?)
    }

    fn is_damage(error: &SqliteError) -> bool {
        matches!(error, SqliteError::Damaged)
    }

    fn is_stale(error: &SqliteError) -> bool {
        matches!(error, SqliteError::Stale)
    }

    fn refresh(&self) -> Result<u64, SqliteError> {
        let Some(seen) = &self.seen else {
            return Ok(0);
        };
        seen.set(data_version(&self.db)?);
        Ok(seen.get().cast_unsigned())
    }

    fn compact(&mut self) -> Result<(), SqliteError> {
        self.db.execute_batch("VACUUM")?;
        let fold = "PRAGMA wal_checkpoint(TRUNCATE)";
        let is_busy: bool = self.db.query_row(fold, [], |row| row.get(0))?;
        match is_busy {
            true => Err(SqliteError::InUse),
            false => Ok(()),
        }
    }
}
