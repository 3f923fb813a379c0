//! The store: all that the relay keeps in a database.
//!
//! Everything that knows SQL is in this folder. The handlers run jobs, which call its functions and
//! hold the logic between them.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use crate::errors::Refusal;
use crate::store::options::StoreOptions;
#[cfg(feature = "postgres")]
use crate::store::postgres::Postgres;
use crate::store::sqlite::Sqlite;
use crate::store::times::Times;

pub use crate::store::connection::Connection;

/// The database of the relay, whatever its engine is.
pub struct Store {
    engine: Engine,
    /// How long jobs took.
    pub times: Times,
}

enum Engine {
    Sqlite(Sqlite),
    #[cfg(feature = "postgres")]
    Postgres(Postgres),
}

impl Store {
    /// Opens the database that the operator chose, or the SQLite database in this file. Creates it
    /// if it does not exist.
    pub fn open(path: &Path, options: &StoreOptions) -> Result<Self, Box<dyn Error>> {
        let engine = match &options.database {
            None => Engine::Sqlite(Sqlite::open(path)?),
            #[cfg(feature = "postgres")]
            Some(url) => Engine::Postgres(Postgres::open(url, options.database_connections)?),
            #[cfg(not(feature = "postgres"))]
            Some(_) => return Err("--database needs a relay with the feature `postgres`".into()),
        };
        Ok(Self {
            engine,
            times: Times::default(),
        })
    }

    /// Runs a job in a transaction. When this returns `Ok`, all that the job did is on disk; when
    /// it returns `Err`, none of it is.
    ///
    /// An engine may run a job again, after all that it did was undone. So a job changes nothing
    /// but the database and budgets.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl Fn(&Connection) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        self.run_then(job, |_| ()).await
    }

    /// Runs a job like [`run`](Self::run), and `then` once after its commit: before any later job,
    /// and even if the client has hung up. What is cached so agrees with the database.
    pub async fn run_then<T: Send + 'static>(
        &self,
        job: impl Fn(&Connection) -> Result<T, Refusal> + Send + 'static,
        then: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T, Refusal> {
        let began = Instant::now();
        let result = match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.run_then(job, then).await,
            #[cfg(feature = "postgres")]
            Engine::Postgres(postgres) => postgres.run_then(job, then).await,
        };
        self.times.note(began.elapsed());
        result
    }

    /// Whether the database cannot be reached.
    pub fn is_lost(&self) -> bool {
        match &self.engine {
            Engine::Sqlite(_) => false,
            #[cfg(feature = "postgres")]
            Engine::Postgres(postgres) => postgres.is_lost(),
        }
    }

    /// How often the database was lost since the start.
    pub fn losses(&self) -> u64 {
        match &self.engine {
            Engine::Sqlite(_) => 0,
            #[cfg(feature = "postgres")]
            Engine::Postgres(postgres) => postgres.losses(),
        }
    }
}

pub mod accounts;
pub mod blobs;
pub mod budgets;
pub mod connection;
pub mod devices;
pub mod groups;
pub mod holds;
pub mod looks;
pub mod members;
pub mod news;
pub mod notices;
pub mod options;
#[cfg(feature = "postgres")]
mod postgres;
pub mod prekeys;
pub mod processes;
pub mod proven;
pub mod queue;
pub mod relay_key;
pub mod removed;
pub mod reports;
mod rows;
pub mod slots;
mod sqlite;
pub mod strangers;
#[cfg(test)]
mod tests;
pub mod times;
pub mod values;
