//! Runs statements on SQLite.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::ControlFlow;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, Error, Row, Statement, params_from_iter};

use crate::errors::Refusal;
use crate::store::values::{Value, values};

/// Maximum number of prepared statements that a connection keeps: more than the relay has.
const MAX_PREPARED: usize = 256;

/// A connection with the statements that it has prepared, by their text.
pub struct Prepared<'c> {
    pub db: &'c Connection,
    statements: RefCell<HashMap<Box<str>, Statement<'c>>>,
}

impl<'c> Prepared<'c> {
    pub fn new(db: &'c Connection) -> Self {
        Self {
            db,
            statements: RefCell::default(),
        }
    }

    /// Changes rows. Returns how many.
    pub fn execute(&self, sql: &str, params: &[Value<'_>]) -> Result<usize, Refusal> {
        self.with(sql, |statement| {
            Ok(statement.execute(params_from_iter(params))?)
        })
    }

    /// Gives rows to `take`, one after another, until it breaks.
    pub fn each(
        &self,
        sql: &str,
        params: &[Value<'_>],
        mut take: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>, Refusal>,
    ) -> Result<(), Refusal> {
        self.with(sql, |statement| {
            let mut rows = statement.query(params_from_iter(params))?;
            while let Some(row) = rows.next()? {
                if take(row)?.is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    /// Lends the statement with this text. Meanwhile it is not among those that are kept, so the
    /// same text may run within.
    fn with<T>(
        &self,
        sql: &str,
        run: impl FnOnce(&mut Statement<'c>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let kept = self.statements.borrow_mut().remove_entry(sql);
        let (text, mut statement) = match kept {
            Some(kept) => kept,
            None => (sql.into(), self.db.prepare(sql)?),
        };
        let result = run(&mut statement);
        statement.clear_bindings(); // what they are is not kept in memory
        let mut statements = self.statements.borrow_mut();
        if statements.len() < MAX_PREPARED {
            statements.insert(text, statement);
        }
        result
    }
}

/// The value in a column of a row.
pub fn value<'a>(row: &'a Row<'_>, column: usize) -> Result<Value<'a>, Refusal> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(integer) => Ok(Value::Integer(integer)),
        ValueRef::Blob(bytes) => Ok(Value::Bytes(bytes)),
        ValueRef::Text(text) => {
            let text = std::str::from_utf8(text).map_err(|error| Refusal::internal(&error))?;
            Ok(Value::Text(text))
        }
        ValueRef::Real(_) => Err(Refusal::internal(&"a column has a fraction")),
    }
}

/// See [`Connection::skip_rows`](crate::store::Connection::skip_rows).
pub fn skip_rows(prepared: &Prepared<'_>, by: i64) -> Result<(), Refusal> {
    prepared.execute(
        "INSERT INTO sqlite_sequence SELECT name, 0 FROM sqlite_master
         WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%'
             AND name NOT IN (SELECT name FROM sqlite_sequence)",
        &[],
    )?;
    let skip = "UPDATE sqlite_sequence SET seq = seq + ?1";
    prepared.execute(skip, values![by])?;
    Ok(())
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(integer) => ValueRef::Integer(*integer),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            Self::TooLarge => {
                let error = "a number is too large for the database";
                return Err(Error::ToSqlConversionFailure(error.into()));
            }
        }))
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::internal(&error)
    }
}
