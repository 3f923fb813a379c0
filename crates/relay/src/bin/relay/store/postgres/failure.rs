//! Failures of PostgreSQL.

use std::error::Error as _;
use std::fmt;
use std::io;

use postgres::Error;

/// Why a transaction failed that did nothing wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Others changed what it read, or held it for too long. It may succeed if it runs again.
    Overtaken,
    /// The database cannot be reached, is being shut down, or takes no changes.
    Lost,
    /// Something else, which is in the log.
    Other,
}

impl Failure {
    pub fn of(error: &Error) -> Self {
        let Some(code) = error.code() else {
            // What does not fit a parameter or a column leaves the connection as it is.
            let is_of_value = error
                .source()
                .is_some_and(|source| !source.is::<io::Error>());
            return match is_of_value && !error.is_closed() {
                true => Self::Other,
                false => Self::Lost,
            };
        };
        match code.code() {
            // A conflict, a deadlock, a lock that is held for too long, a statement that takes too
            // long, and a row that another job named or deleted at the same time.
            "40001" | "40P01" | "55P03" | "57014" | "23503" => Self::Overtaken,
            // A server that takes no changes, and a transaction that it has ended.
            "25006" | "25P03" => Self::Lost,
            // Class 08: the connection. 53: no connections or no room. 57: the operator intervenes.
            // 58: the system of the server.
            code => match code.get(..2) {
                Some("08" | "53" | "57" | "58") => Self::Lost,
                _ => Self::Other,
            },
        }
    }
}

/// What a failure says for the log: the server's message and code, or what led to the failure. The
/// server's details are left out, since they can quote rows.
pub struct Said<'a>(pub &'a Error);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(said) = self.0.as_db_error() {
            return write!(f, "{} ({})", said.message(), said.code().code());
        }
        write!(f, "{}", self.0)?;
        match self.0.source() {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
