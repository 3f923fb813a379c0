//! Runs statements in SQLite.

use rusqlite::types::{ToSqlOutput, Value as Owned, ValueRef};
use rusqlite::{Connection, Row, ToSql, ffi, params_from_iter};

use crate::store::error::StoreError;
use crate::store::sql::columns::Value;
use crate::store::sql::{Columns, Database, Refused};

/// A connection, or a transaction.
pub(super) struct Sqlite<'a>(pub(super) &'a Connection);

impl Database for Sqlite<'_> {
    fn query(
        &self,
        sql: &str,
        params: &[Value<'_>],
        each: &mut dyn FnMut(&dyn Columns) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut select = self.0.prepare(sql)?;
        let mut rows = select.query(params_from_iter(params))?;
        while let Some(row) = rows.next()? {
            each(row)?;
        }
        Ok(())
    }

    fn execute(&self, sql: &str, params: &[Value<'_>]) -> Result<usize, Refused> {
        let mut statement = self.0.prepare(sql).map_err(StoreError::from)?;
        let changed = statement.execute(params_from_iter(params));
        changed.map_err(|error| match error.sqlite_extended_error_code() {
            Some(
                ffi::SQLITE_CONSTRAINT_PRIMARYKEY
                | ffi::SQLITE_CONSTRAINT_ROWID
                | ffi::SQLITE_CONSTRAINT_UNIQUE,
            ) => Refused::Taken,
            _ => StoreError::from(error).into(),
        })
    }

    fn by_index(&self, index: &str) -> String {
        format!("INDEXED BY {index}")
    }
}

impl Columns for Row<'_> {
    fn value(&self, place: usize) -> Result<Value<'_>, StoreError> {
        Ok(match self.get_ref(place)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => Value::Integer(number),
            ValueRef::Blob(bytes) => Value::Bytes(bytes),
            ValueRef::Text(text) => str::from_utf8(text).map_or(Value::Other, Value::text),
            ValueRef::Real(_) => Value::Other,
        })
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null | Self::Other => ToSqlOutput::Owned(Owned::Null),
            Self::Integer(number) => ToSqlOutput::Owned(Owned::Integer(*number)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
        })
    }
}
