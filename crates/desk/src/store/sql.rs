//! What the stores in SQL databases share: the rows as columns, the statements, and the order of
//! what a change does. Each engine adds how it connects, its tables, and its errors.
//!
//! Statements are in the SQL that SQLite and PostgreSQL both know. A question mark stands for the
//! next parameter. No statement has one for anything else.

pub(super) mod columns;
mod exports;
mod outcomes;
mod queue;
pub(super) mod read;
pub(super) mod rows;
pub(super) mod write;

use self::columns::Value;
use super::error::StoreError;

/// A connection to a database, or a transaction of it.
pub(super) trait Database {
    /// Runs a statement that reads, and passes each of its rows on, in order.
    fn query(
        &self,
        sql: &str,
        params: &[Value<'_>],
        each: &mut dyn FnMut(&dyn Columns) -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;

    /// Runs a statement that writes. Returns how many rows it changed.
    fn execute(&self, sql: &str, params: &[Value<'_>]) -> Result<usize, Refused>;

    /// Follows the name of a table in a statement, and names the index to read it by. Empty for an
    /// engine that chooses by itself.
    fn by_index(&self, index: &str) -> String;

    /// The time in milliseconds by the clock of the database's server, if it has one.
    fn clock(&self) -> Result<Option<u64>, StoreError> {
        Ok(None)
    }
}

/// A row of an answer.
pub(super) trait Columns {
    /// The value in the column at this place, from 0 on.
    fn value(&self, place: usize) -> Result<Value<'_>, StoreError>;
}

/// Why a statement changed nothing.
#[derive(Debug)]
pub(super) enum Refused {
    /// Another row has the key, or a digest or number that must be unique.
    Taken,
    /// The database failed.
    Failed(StoreError),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

/// Implements [`Store`](super::Store) for a type with three methods: `read`, which passes a closure
/// a [`Database`]; `apply_all`; and `erase_traces`.
macro_rules! in_sql {
    ($store:ident $(fn $name:ident(&self $(, $arg:ident: $type:ty)*) -> $answer:ty;)*) => {
        impl crate::store::Store for $store {
            fn apply(&mut self, changes: &[Change]) -> Result<(), StoreError> {
                self.apply_all(changes)
            }
            $(fn $name(&self $(, $arg: $type)*) -> Result<$answer, StoreError> {
                self.read(|db| crate::store::sql::read::$name(db $(, $arg)*))
            })*
            fn compact(&mut self) -> Result<(), StoreError> {
                self.erase_traces()
            }
        }
    };
}
pub(super) use in_sql;
