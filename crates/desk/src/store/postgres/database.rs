//! Runs statements in PostgreSQL.

use std::borrow::Cow;
use std::cell::RefCell;
use std::error::Error;

use postgres::Row;
use postgres::types::private::BytesMut;
use postgres::types::{FromSql, IsNull, ToSql, Type, WrongType, to_sql_checked};

use super::failed;
use super::failure::is_taken;
use super::session::Session;
use crate::store::error::StoreError;
use crate::store::sql::columns::Value;
use crate::store::sql::{Columns, Database, Refused};

/// What the server's clock shows.
const CLOCK: &str = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)";

/// A connection, in the transaction that is open or without one.
pub(super) struct Postgres<'a>(pub(super) RefCell<&'a mut Session>);

impl Database for Postgres<'_> {
    fn query(
        &self,
        sql: &str,
        params: &[Value<'_>],
        each: &mut dyn FnMut(&dyn Columns) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut session = self.0.borrow_mut();
        let statement = session.prepared(sql)?;
        let rows = session.client()?.query(&statement, &passed(params));
        for row in rows.map_err(failed)? {
            each(&row)?;
        }
        Ok(())
    }

    fn execute(&self, sql: &str, params: &[Value<'_>]) -> Result<usize, Refused> {
        let mut session = self.0.borrow_mut();
        let statement = session.prepared(sql)?;
        match session.client()?.execute(&statement, &passed(params)) {
            Ok(changed) => Ok(usize::try_from(changed).unwrap_or(usize::MAX)),
            Err(error) if is_taken(&error) => Err(Refused::Taken),
            Err(error) => Err(failed(error).into()),
        }
    }

    fn by_index(&self, _: &str) -> String {
        String::new()
    }

    fn clock(&self) -> Result<Option<u64>, StoreError> {
        let mut clock = None;
        self.query(CLOCK, &[], &mut |row| {
            clock = match row.value(0)? {
                Value::Integer(ms) => Some(u64::try_from(ms).unwrap_or_default()),
                _ => return Err(StoreError::Damaged),
            };
            Ok(())
        })?;
        Ok(clock)
    }
}

fn passed<'a>(params: &'a [Value<'a>]) -> Vec<&'a (dyn ToSql + Sync)> {
    let passed = params.iter();
    passed.map(|value| value as &(dyn ToSql + Sync)).collect()
}

impl Columns for Row {
    fn value(&self, place: usize) -> Result<Value<'_>, StoreError> {
        self.try_get(place).map_err(|_| StoreError::Damaged)
    }
}

type Boxed = Box<dyn Error + Sync + Send>;

impl ToSql for Value<'_> {
    fn to_sql(&self, column: &Type, out: &mut BytesMut) -> Result<IsNull, Boxed> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(number) if *column == Type::INT8 => number.to_sql(column, out),
            Self::Text(text) if *column == Type::TEXT => escaped(text).to_sql(column, out),
            Self::Bytes(bytes) if *column == Type::BYTEA => bytes.to_sql(column, out),
            _ => Err(Box::new(WrongType::new::<Self>(column.clone()))),
        }
    }

    fn accepts(column: &Type) -> bool {
        [Type::INT8, Type::TEXT, Type::BYTEA].contains(column)
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value<'a> {
    fn from_sql(column: &Type, raw: &'a [u8]) -> Result<Self, Boxed> {
        Ok(match *column {
            Type::INT8 => Self::Integer(i64::from_sql(column, raw)?),
            Type::BYTEA => Self::Bytes(raw),
            _ => unescaped(<&str>::from_sql(column, raw)?).map_or(Self::Other, Self::Text),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Boxed> {
        Ok(Self::Null)
    }

    fn accepts(column: &Type) -> bool {
        <Self as ToSql>::accepts(column)
    }
}

/// Writes a text without zero bytes, which PostgreSQL keeps in no text: `\0` for one, and `\\` for
/// a backslash. So every text has one form.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    if text.contains(['\\', '\0']) {
        Cow::Owned(text.replace('\\', "\\\\").replace('\0', "\\0"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Reads what [`escaped`] wrote. `None` if it did not write this.
pub(super) fn unescaped(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('\\') {
        return Some(Cow::Borrowed(text));
    }
    let mut read = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        read.push(match char {
            '\\' => match chars.next()? {
                '\\' => '\\',
                '0' => '\0',
                _ => return None,
            },
            char => char,
        });
    }
    Some(Cow::Owned(read))
}
