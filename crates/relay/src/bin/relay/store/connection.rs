//! A connection to the database, as a job sees it.
//!
//! One text of SQL is for all engines: parameters are `?1`, `?2` and so on, in the order of their
//! first use. Booleans are the integers 0 and 1. No parameter is part of arithmetic, because
//! engines do not agree on its type.

use std::borrow::Cow;
use std::ops::ControlFlow;
#[cfg(feature = "postgres")]
use std::sync::atomic::Ordering;

use crate::errors::Refusal;
use crate::store::news::News;
#[cfg(feature = "postgres")]
use crate::store::postgres::{budgets, filling, schema, statements as on_postgres};
#[cfg(feature = "postgres")]
use crate::store::queue::pushing::{Batch, Pushed};
use crate::store::rows::{FromRow, Row};
use crate::store::sqlite::migrations::SCHEMA_VERSION;
use crate::store::sqlite::statements::{self as on_sqlite, Prepared};
use crate::store::values::Value;
#[cfg(feature = "postgres")]
use crate::store::values::values;

/// Work that one relay at a time does: the lock of PostgreSQL that it holds meanwhile. The numbers
/// mean `sweeping`, `dropping` and `removing`.
#[derive(Clone, Copy)]
#[repr(i64)]
pub enum Work {
    /// Rows that are of no use any more.
    Sweeping = 0x73_77_65_65_70_69_6e_67,
    /// Messages of destroyed epochs, of which there may be very many.
    Dropping = 0x64_72_6f_70_70_69_6e_67,
    /// Files that are in no blob.
    Removing = 0x72_65_6d_6f_76_69_6e_67,
}

/// A connection within a transaction. It keeps each statement that it has prepared, by its text.
pub struct Connection<'c> {
    engine: Engine<'c>,
}

enum Engine<'c> {
    Sqlite(Prepared<'c>),
    #[cfg(feature = "postgres")]
    Postgres(&'c on_postgres::Prepared),
}

impl<'c> Connection<'c> {
    /// A connection to SQLite.
    pub(in crate::store) fn of_sqlite(db: &'c rusqlite::Connection) -> Self {
        let engine = Engine::Sqlite(Prepared::new(db));
        Self { engine }
    }

    /// A connection to PostgreSQL.
    #[cfg(feature = "postgres")]
    pub(in crate::store) fn of_postgres(prepared: &'c on_postgres::Prepared) -> Self {
        let engine = Engine::Postgres(prepared);
        Self { engine }
    }

    /// Changes rows. Returns how many.
    pub fn execute(&self, sql: &str, params: &[Value<'_>]) -> Result<usize, Refusal> {
        match &self.engine {
            Engine::Sqlite(prepared) => prepared.execute(sql, params),
            #[cfg(feature = "postgres")]
            Engine::Postgres(prepared) => prepared.execute(sql, params),
        }
    }

    /// Gives rows to `take`, one after another, until it breaks.
    pub fn each(
        &self,
        sql: &str,
        params: &[Value<'_>],
        mut take: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>, Refusal>,
    ) -> Result<(), Refusal> {
        match &self.engine {
            Engine::Sqlite(prepared) => prepared.each(sql, params, |row| take(&Row::Sqlite(row))),
            #[cfg(feature = "postgres")]
            Engine::Postgres(prepared) => {
                prepared.each(sql, params, |row| take(&Row::Postgres(row)))
            }
        }
    }

    /// The first row, if there is one.
    pub fn one<T: FromRow>(&self, sql: &str, params: &[Value<'_>]) -> Result<Option<T>, Refusal> {
        let mut first = None;
        self.each(sql, params, |row| {
            first = Some(T::from_row(row)?);
            Ok(ControlFlow::Break(()))
        })?;
        Ok(first)
    }

    /// The first row, which is always there.
    pub fn only<T: FromRow>(&self, sql: &str, params: &[Value<'_>]) -> Result<T, Refusal> {
        let row = self.one(sql, params)?;
        row.ok_or_else(|| Refusal::internal(&"a row is not there"))
    }

    /// All rows.
    pub fn all<T: FromRow>(&self, sql: &str, params: &[Value<'_>]) -> Result<Vec<T>, Refusal> {
        let mut rows = Vec::new();
        self.each(sql, params, |row| {
            rows.push(T::from_row(row)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(rows)
    }

    /// Whether there is a row.
    pub fn exists(&self, sql: &str, params: &[Value<'_>]) -> Result<bool, Refusal> {
        let mut exists = false;
        self.each(sql, params, |_| {
            exists = true;
            Ok(ControlFlow::Break(()))
        })?;
        Ok(exists)
    }

    /// How many bytes all queues have. Several relays change them at once, so that of PostgreSQL
    /// may be half a minute old, and older if there are very many devices.
    pub(in crate::store) fn queued_in_all(&self) -> Result<i64, Refusal> {
        match &self.engine {
            Engine::Sqlite(_) => {
                let all = "SELECT bytes FROM share WHERE recipient = 0 AND sender = 0";
                Ok(self.one(all, &[])?.unwrap_or_default())
            }
            #[cfg(feature = "postgres")]
            Engine::Postgres(prepared) => Ok(prepared.all_bytes.load(Ordering::Relaxed)),
        }
    }

    /// Puts a batch into queues with few statements. Gives it back if this is SQLite.
    #[cfg(feature = "postgres")]
    pub(in crate::store) fn push_at_once(
        &self,
        batch: Batch,
    ) -> Result<Result<Pushed, Refusal>, Batch> {
        match &self.engine {
            Engine::Sqlite(_) => Err(batch),
            Engine::Postgres(prepared) => Ok(filling::push(prepared, batch)),
        }
    }

    /// Keeps others from the queues of these devices until the transaction ends. SQLite runs one
    /// job after another anyway.
    pub(in crate::store) fn take_queues(&self, recipients: &[i64]) -> Result<(), Refusal> {
        match &self.engine {
            Engine::Sqlite(_) => {
                let _ = recipients;
                Ok(())
            }
            #[cfg(feature = "postgres")]
            Engine::Postgres(prepared) => filling::take(prepared, recipients),
        }
    }

    /// The table that has what was dropped, and its key. In PostgreSQL, no lock of a queue is
    /// followed by that of another device than the one that sends.
    pub(in crate::store) fn losses(&self) -> (&'static str, &'static str) {
        match &self.engine {
            Engine::Sqlite(_) => ("device", "id"),
            #[cfg(feature = "postgres")]
            Engine::Postgres(_) => ("inbox", "recipient"),
        }
    }

    /// The clock of the database, if it has one of its own.
    pub(in crate::store) fn clock_ms(&self) -> Result<Option<u64>, Refusal> {
        match &self.engine {
            Engine::Sqlite(_) => Ok(None),
            #[cfg(feature = "postgres")]
            Engine::Postgres(_) => self.one("SELECT now_us() / 1000", &[]),
        }
    }

    /// Lets each statement of this job see what is committed, for a job that holds the locks of
    /// what it changes. No other job overtakes it then. Comes first in the job.
    pub(in crate::store) fn read_committed(&self) -> Result<(), Refusal> {
        match &self.engine {
            Engine::Sqlite(_) => {}
            #[cfg(feature = "postgres")]
            Engine::Postgres(prepared) => {
                prepared.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED", &[])?;
            }
        }
        Ok(())
    }

    /// Whether no other relay does this work while this job runs.
    pub fn works_alone(&self, at: Work) -> Result<bool, Refusal> {
        match &self.engine {
            Engine::Sqlite(_) => {
                let _ = at; // there is no other
                Ok(true)
            }
            #[cfg(feature = "postgres")]
            Engine::Postgres(_) => {
                self.only("SELECT pg_try_advisory_xact_lock(?1)", values![at as i64])
            }
        }
    }

    /// Whether no other relay sweeps while this job runs, each of whose statements sees what is
    /// committed. Comes first in the job.
    pub fn sweeps_alone(&self) -> Result<bool, Refusal> {
        self.read_committed()?;
        self.works_alone(Work::Sweeping)
    }

    /// Whether other relays may use the database too.
    pub(in crate::store) fn is_shared(&self) -> bool {
        match &self.engine {
            Engine::Sqlite(_) => false,
            #[cfg(feature = "postgres")]
            Engine::Postgres(_) => true,
        }
    }

    /// Whether a table from which nothing is deleted has at least so many rows. To count as many as
    /// PostgreSQL may have takes too long, so there it is as many as it counted some time ago.
    pub(in crate::store) fn has_rows(&self, table: &str, max: i64) -> Result<bool, Refusal> {
        let highest: Option<i64> = self.only(&format!("SELECT max(id) FROM {table}"), &[])?;
        if highest.is_none_or(|highest| highest < max) {
            return Ok(false);
        }
        let rows = match &self.engine {
            Engine::Sqlite(_) => format!("SELECT count(*) FROM {table}"),
            #[cfg(feature = "postgres")]
            Engine::Postgres(_) => format!(
                "SELECT CAST(reltuples AS BIGINT) FROM pg_class
                 WHERE oid = CAST('{table}' AS regclass)"
            ),
        };
        Ok(self.only::<i64>(&rows, &[])? >= max)
    }

    /// Tells the other relays, once this transaction is committed, that an account has other
    /// devices or keys. No kill of this relay loses it. With SQLite there are no others.
    pub(in crate::store) fn tell_changed(&self, account: i64) -> Result<(), Refusal> {
        let news = News::Account(account);
        match &self.engine {
            Engine::Sqlite(_) => _ = news,
            #[cfg(feature = "postgres")]
            Engine::Postgres(prepared) => prepared.tell(news)?,
        }
        Ok(())
    }

    /// Takes from a budget that several relays share. See [`budgets`](crate::store::budgets).
    pub(in crate::store) fn take_budget(
        &self,
        kind: u8,
        key: &str,
        cost: i64,
        burst: i64,
    ) -> Result<bool, Refusal> {
        match &self.engine {
            Engine::Sqlite(_) => {
                let _ = (kind, key, cost, burst); // it is in memory
                Ok(true)
            }
            #[cfg(feature = "postgres")]
            Engine::Postgres(prepared) => budgets::take(prepared, kind, key, cost, burst),
        }
    }

    /// Forgets the budgets that are full again.
    pub(in crate::store) fn sweep_budgets(&self) -> Result<bool, Refusal> {
        match &self.engine {
            Engine::Sqlite(_) => Ok(false),
            #[cfg(feature = "postgres")]
            Engine::Postgres(prepared) => budgets::sweep(prepared),
        }
    }

    /// The version of the newest tables that this relay knows.
    pub(in crate::store) fn tables(&self) -> usize {
        match &self.engine {
            Engine::Sqlite(_) => SCHEMA_VERSION,
            #[cfg(feature = "postgres")]
            Engine::Postgres(_) => schema::VERSIONS.len(),
        }
    }

    /// Gives the next row of each table a number that is higher by so much.
    pub(in crate::store) fn skip_rows(&self, by: i64) -> Result<(), Refusal> {
        match &self.engine {
            Engine::Sqlite(prepared) => on_sqlite::skip_rows(prepared, by),
            #[cfg(feature = "postgres")]
            Engine::Postgres(prepared) => on_postgres::skip_rows(prepared, by),
        }
    }

    /// Keeps others from the rows that a statement reads until the transaction ends. SQLite runs
    /// one job after another anyway.
    pub(in crate::store) fn lock(&self, select: &str, params: &[Value<'_>]) -> Result<(), Refusal> {
        match &self.engine {
            Engine::Sqlite(_) => {
                let _ = (select, params);
                Ok(())
            }
            #[cfg(feature = "postgres")]
            Engine::Postgres(prepared) => {
                let locking = format!("{select} FOR NO KEY UPDATE");
                prepared.execute(&locking, params).map(drop)
            }
        }
    }

    /// A statement that keeps others from the rows which it reads until the transaction ends.
    /// SQLite runs one job after another anyway.
    pub(in crate::store) fn locking(&self, select: &'static str) -> Cow<'static, str> {
        match &self.engine {
            Engine::Sqlite(_) => select.into(),
            #[cfg(feature = "postgres")]
            Engine::Postgres(_) => format!("{select} FOR NO KEY UPDATE").into(),
        }
    }

    /// A statement that takes the locks of the rows which it reads until the transaction ends, and
    /// leaves out those that others have. SQLite runs one job after another anyway.
    pub(in crate::store) fn skipping(&self, select: &'static str) -> Cow<'static, str> {
        match &self.engine {
            Engine::Sqlite(_) => select.into(),
            #[cfg(feature = "postgres")]
            Engine::Postgres(_) => format!("{select} FOR UPDATE SKIP LOCKED").into(),
        }
    }

    /// Whether there is a transaction, so that a change can be undone.
    pub(in crate::store) fn is_in_transaction(&self) -> bool {
        match &self.engine {
            Engine::Sqlite(prepared) => !prepared.db.is_autocommit(),
            #[cfg(feature = "postgres")]
            Engine::Postgres(_) => true, // a job runs in one
        }
    }

    /// Runs several statements without parameters.
    #[cfg(test)]
    pub fn batch(&self, sql: &str) -> Result<(), Refusal> {
        match &self.engine {
            Engine::Sqlite(prepared) => Ok(prepared.db.execute_batch(sql)?),
            #[cfg(feature = "postgres")]
            Engine::Postgres(prepared) => {
                let done = prepared.batch(sql);
                done.map_err(|_| Refusal::internal(&"PostgreSQL failed"))
            }
        }
    }

    /// The connection to SQLite that this is.
    #[cfg(test)]
    pub fn as_sqlite(&self) -> &'c rusqlite::Connection {
        match &self.engine {
            Engine::Sqlite(prepared) => prepared.db,
            #[cfg(feature = "postgres")]
            Engine::Postgres(_) => panic!("not SQLite"),
        }
    }
}

#[cfg(test)]
mod tests;
