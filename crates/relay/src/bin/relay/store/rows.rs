//! The rows of an answer.

use crate::errors::Refusal;
#[cfg(feature = "postgres")]
use crate::store::postgres::statements as on_postgres;
use crate::store::sqlite::statements;
use crate::store::values::FromValue;

/// A row of an answer.
pub enum Row<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    #[cfg(feature = "postgres")]
    Postgres(&'a postgres::Row),
}

impl Row<'_> {
    /// The value in a column, from 0 on.
    pub fn get<T: FromValue>(&self, column: usize) -> Result<T, Refusal> {
        let value = match self {
            Self::Sqlite(row) => statements::value(row, column)?,
            #[cfg(feature = "postgres")]
            Self::Postgres(row) => on_postgres::value(row, column)?,
        };
        let value = T::from_value(value);
        value.ok_or_else(|| Refusal::internal(&format!("column {column} has another type")))
    }
}

/// Something that is read from a row: a value, or a tuple of up to 10.
pub trait FromRow: Sized {
    fn from_row(row: &Row<'_>) -> Result<Self, Refusal>;
}

impl<T: FromValue> FromRow for T {
    fn from_row(row: &Row<'_>) -> Result<Self, Refusal> {
        row.get(0)
    }
}

macro_rules! tuples {
    ($($type:ident $column:tt),*) => {
        impl<$($type: FromValue),*> FromRow for ($($type,)*) {
            fn from_row(row: &Row<'_>) -> Result<Self, Refusal> {
                Ok(($(row.get::<$type>($column)?,)*))
            }
        }
    };
}

tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
tuples!(A 0, B 1, C 2, D 3, E 4);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
