//! Runs statements on PostgreSQL.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::error::Error as StdError;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use postgres::types::private::BytesMut;
use postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use postgres::{Client, Error, Row, Statement};
use waxseal_interface::ErrorCode;

use super::failure::{Failure, Said};
use super::schema;
use crate::errors::Refusal;
use crate::store::news::News;
use crate::store::values::{Value, values};

/// A connection with the statements that it has prepared, by their text.
pub struct Prepared {
    /// Which listener there was when it was made.
    pub listener: u64,
    client: RefCell<Client>,
    statements: RefCell<HashMap<Box<str>, Statement>>,
    /// Why the first statement failed that did.
    failure: Cell<Option<Failure>>,
    /// How many bytes all queues may have, and had a moment ago.
    pub max_bytes: i64,
    pub all_bytes: Arc<AtomicI64>,
}

impl Prepared {
    pub fn new(
        client: Client,
        listener: u64,
        (max_bytes, all_bytes): (i64, Arc<AtomicI64>),
    ) -> Self {
        Self {
            listener,
            max_bytes,
            client: RefCell::new(client),
            statements: RefCell::default(),
            failure: Cell::new(None),
            all_bytes,
        }
    }

    /// Why the first statement failed of those that did since the last call.
    pub fn take_failure(&self) -> Option<Failure> {
        self.failure.take()
    }

    /// Runs one statement, for a lane, or for a job that says [what failed](Self::failed).
    pub fn ask(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        let statement = self.prepare(sql)?;
        self.client.borrow_mut().query(&statement, params)
    }

    /// Runs statements without parameters, for a lane.
    pub fn run(&self, sql: &str) -> Result<(), Error> {
        self.client.borrow_mut().batch_execute(sql)
    }

    /// Whether the connection is known to have ended.
    pub fn is_closed(&self) -> bool {
        self.client.borrow().is_closed()
    }

    /// Runs statements without parameters.
    pub fn batch(&self, sql: &str) -> Result<(), Failure> {
        self.run(sql).map_err(|error| {
            let failure = Failure::of(&error);
            if failure != Failure::Overtaken {
                let error = Said(&error);
                tracing::error!(%error, "PostgreSQL failed");
            }
            failure
        })
    }

    /// Tells the other relays, once the transaction is committed.
    pub fn tell(&self, news: News) -> Result<(), Refusal> {
        let mut text = String::new();
        news.write(&mut text);
        self.execute("SELECT pg_notify('waxseal', ?1)", values![text])?;
        Ok(())
    }

    /// Changes rows. Returns how many.
    pub fn execute(&self, sql: &str, params: &[Value<'_>]) -> Result<usize, Refusal> {
        let statement = self.statement(sql)?;
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|value| value as _).collect();
        let changed = self.client.borrow_mut().execute(&statement, &params);
        let changed = changed.map_err(|error| self.failed(&error))?;
        usize::try_from(changed).map_err(|error| Refusal::internal(&error))
    }

    /// Gives rows to `take`, one after another, until it breaks.
    pub fn each(
        &self,
        sql: &str,
        params: &[Value<'_>],
        mut take: impl FnMut(&Row) -> Result<ControlFlow<()>, Refusal>,
    ) -> Result<(), Refusal> {
        let statement = self.statement(sql)?;
        // `take` may run other statements, so the rows are read before.
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|value| value as _).collect();
        let rows = self.client.borrow_mut().query(&statement, &params);
        for row in rows.map_err(|error| self.failed(&error))? {
            if take(&row)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn statement(&self, sql: &str) -> Result<Statement, Refusal> {
        self.prepare(sql).map_err(|error| self.failed(&error))
    }

    fn prepare(&self, sql: &str) -> Result<Statement, Error> {
        if let Some(statement) = self.statements.borrow().get(sql) {
            return Ok(statement.clone());
        }
        let prepared = self.client.borrow_mut().prepare(&numbered(sql))?;
        let mut statements = self.statements.borrow_mut();
        statements.insert(sql.into(), prepared.clone());
        Ok(prepared)
    }

    /// Notes why a statement of a job failed.
    pub fn failed(&self, error: &Error) -> Refusal {
        let failure = Failure::of(error);
        if let Some(first) = self.failure.get() {
            // The transaction had failed already, so it takes no further statements.
            self.failure.set(Some(first));
            return ErrorCode::Internal.into();
        }
        self.failure.set(Some(failure));
        match failure {
            Failure::Overtaken => ErrorCode::Internal.into(),
            _ => Refusal::internal(&Said(error)),
        }
    }
}

/// See [`Connection::skip_rows`](crate::store::Connection::skip_rows).
pub fn skip_rows(prepared: &Prepared, by: i64) -> Result<(), Refusal> {
    // Others may have tables in the schema too. Each sequence belongs to a table.
    let skip = "SELECT setval(d.objid::regclass, coalesce(pg_sequence_last_value(d.objid), 0) + ?1)
         FROM pg_depend d JOIN pg_class s ON s.oid = d.objid JOIN pg_class t ON t.oid = d.refobjid
         WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
             AND d.deptype IN ('a', 'i') AND s.relkind = 'S'
             AND t.relnamespace = current_schema()::regnamespace
             AND t.relname = CAST(?2 AS TEXT)";
    for table in schema::tables() {
        prepared.each(skip, values![by, table], |_| Ok(ControlFlow::Continue(())))?;
    }
    Ok(())
}

/// The text with `$1` for `?1`.
pub fn numbered(sql: &str) -> String {
    sql.replace('?', "$")
}

/// The value in a column of a row.
pub fn value(row: &Row, column: usize) -> Result<Value<'_>, Refusal> {
    let of = row.columns().get(column).map(postgres::Column::type_);
    let unreadable = |error: Error| Refusal::internal(&Said(&error));
    let value = match of {
        Some(&Type::INT8) => row.try_get::<_, Option<i64>>(column).map(integer),
        Some(&Type::INT4) => row.try_get::<_, Option<i32>>(column).map(integer),
        Some(&Type::BOOL) => row.try_get::<_, Option<bool>>(column).map(integer),
        Some(&Type::BYTEA) => row
            .try_get::<_, Option<&[u8]>>(column)
            .map(|bytes| bytes.map_or(Value::Null, Value::Bytes)),
        Some(&Type::TEXT) => row
            .try_get::<_, Option<&str>>(column)
            .map(|text| text.map_or(Value::Null, Value::Text)),
        _ => return Err(Refusal::internal(&"a column has a type that is not used")),
    };
    value.map_err(unreadable)
}

fn integer<'a>(integer: Option<impl Into<i64>>) -> Value<'a> {
    integer.map_or(Value::Null, |integer| Value::Integer(integer.into()))
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        of: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match (self, of) {
            (Self::Null, _) => Ok(IsNull::Yes),
            (Self::Integer(integer), &Type::INT8) => integer.to_sql(of, out),
            (Self::Integer(integer), &Type::INT4) => i32::try_from(*integer)?.to_sql(of, out),
            (Self::Integer(integer), &Type::BOOL) => (*integer != 0).to_sql(of, out),
            (Self::Text(text), &Type::TEXT) => text.to_sql(of, out),
            (Self::Bytes(bytes), &Type::BYTEA) => bytes.to_sql(of, out),
            (Self::TooLarge, _) => Err("a number is too large for the database".into()),
            (_, of) => Err(format!("a parameter is not of the type {of}").into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true // `to_sql` refuses what does not fit
    }

    to_sql_checked!();
}
