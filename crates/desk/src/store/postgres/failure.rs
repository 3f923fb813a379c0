//! Failures of PostgreSQL, in the words of a store.

use std::error::Error as _;
use std::fmt;

use postgres::Error;
use postgres::error::SqlState;
use postgres::types::WrongType;

use crate::store::error::StoreError;

/// What the server said: its code and its message. The detail is left out, since it can quote rows.
#[derive(Debug)]
struct Said {
    code: String,
    message: String,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgreSQL: {} ({})", self.message, self.code)
    }
}

impl std::error::Error for Said {}

/// A failure as an error of the store.
pub(super) fn failed(error: Error) -> StoreError {
    let Some(said) = error.as_db_error() else {
        let is_wrong_type = error
            .source()
            .is_some_and(|source| source.is::<WrongType>());
        return match is_wrong_type {
            true => StoreError::Damaged,
            false => StoreError::Failed(Box::new(error)),
        };
    };
    let code = said.code();
    let is_one_of = |codes: &[SqlState]| codes.contains(code);
    if is_one_of(&[
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::QUERY_CANCELED,
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
    ]) {
        return StoreError::InUse;
    }
    // The SQL of this crate is fixed. If it does not fit the tables, this crate did not make them.
    if is_one_of(&[
        SqlState::UNDEFINED_TABLE,
        SqlState::UNDEFINED_COLUMN,
        SqlState::UNDEFINED_FUNCTION,
        SqlState::DATATYPE_MISMATCH,
        SqlState::DATA_CORRUPTED,
        SqlState::INDEX_CORRUPTED,
    ]) {
        return StoreError::Damaged;
    }
    StoreError::Failed(Box::new(Said {
        code: code.code().to_owned(),
        message: said.message().to_owned(),
    }))
}

/// Whether another row has the key of the one to write.
pub(super) fn is_taken(error: &Error) -> bool {
    error.code() == Some(&SqlState::UNIQUE_VIOLATION)
}
