//! The store: all that the relay keeps in a database.
//!
//! Everything that knows SQL is in this folder. The handlers run jobs, which call its functions and
//! hold the logic between them.

use std::error::Error;
use std::path::Path;
#[cfg(feature = "postgres")]
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::OwnedMutexGuard;

use crate::errors::Refusal;
use crate::limits::MAX_QUEUED_IN_ALL;
#[cfg(feature = "postgres")]
use crate::store::news::Ear;
use crate::store::news::News;
use crate::store::options::StoreOptions;
#[cfg(feature = "postgres")]
use crate::store::postgres::Postgres;
use crate::store::queue::Queued;
use crate::store::sending::{Facts, Space, Stamped, Way};
use crate::store::sqlite::Sqlite;
use crate::store::times::Times;
use crate::store::turns::{Turns, Whose};

pub use crate::store::connection::Connection;

/// The database of the relay, whatever its engine is.
pub struct Store {
    engine: Engine,
    /// How long jobs took.
    pub times: Times,
    /// Bounds the messages that wait.
    pub space: Space,
    turns: Turns,
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
            Some(url) => Engine::Postgres(Postgres::open_as(url, options)?),
            #[cfg(not(feature = "postgres"))]
            Some(_) => return Err("--database needs a relay with the feature `postgres`".into()),
        };
        Ok(Self {
            engine,
            times: Times::default(),
            space: Space::default(),
            turns: Turns::default(),
        })
    }

    #[cfg(all(test, feature = "postgres"))]
    fn as_postgres(&self) -> Option<&Postgres> {
        match &self.engine {
            Engine::Sqlite(_) => None,
            Engine::Postgres(postgres) => Some(postgres),
        }
    }

    /// The database counts as lost until the next beat comes back, within a second or so.
    #[cfg(all(test, feature = "postgres"))]
    pub fn lose(&self) {
        if let Some(postgres) = self.as_postgres() {
            postgres.lose();
        }
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

    /// Runs a job like [`run`](Self::run), before all others that wait: it says that this relay is
    /// there.
    pub async fn run_first<T: Send + 'static>(
        &self,
        job: impl Fn(&Connection) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.run_then(job, |_| ()).await,
            #[cfg(feature = "postgres")]
            Engine::Postgres(postgres) => postgres.run_first(job).await,
        }
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

    /// Runs a job like [`run_then`](Self::run_then) that first takes the locks of all that it
    /// relies on. So it waits for others instead of being overtaken: in PostgreSQL, each of its
    /// statements sees what is committed, and nothing but the locks keeps that as it is.
    pub async fn run_under_locks<T: Send + 'static>(
        &self,
        job: impl Fn(&Connection) -> Result<T, Refusal> + Send + 'static,
        then: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T, Refusal> {
        let began = Instant::now();
        let result = match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.run_then(job, then).await,
            #[cfg(feature = "postgres")]
            Engine::Postgres(postgres) => postgres.run_under_locks(job, then).await,
        };
        self.times.note(began.elapsed());
        result
    }

    /// Waits until no other message of an account, or to a group, is taken in a job. The job owns
    /// what this returns: it goes on if the client hangs up. SQLite runs one job after another
    /// anyway.
    pub async fn turn(&self, whose: Whose) -> Result<Option<OwnedMutexGuard<()>>, Refusal> {
        match self.answers_in_order() {
            true => Ok(None),
            false => self.turns.take(whose).await.map(Some),
        }
    }

    /// Whether the database cannot be reached.
    pub fn is_lost(&self) -> bool {
        match &self.engine {
            Engine::Sqlite(_) => false,
            #[cfg(feature = "postgres")]
            Engine::Postgres(postgres) => postgres.is_lost(),
        }
    }

    /// Whether the database has no room for the connections of this relay.
    pub fn lacks_connections(&self) -> bool {
        match &self.engine {
            Engine::Sqlite(_) => false,
            #[cfg(feature = "postgres")]
            Engine::Postgres(postgres) => postgres.lacks_connections(),
        }
    }

    /// How many bytes all queues may have.
    pub fn max_queued(&self) -> i64 {
        match &self.engine {
            Engine::Sqlite(_) => MAX_QUEUED_IN_ALL,
            #[cfg(feature = "postgres")]
            Engine::Postgres(postgres) => postgres.max_queued(),
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

    /// Whether `then` of all jobs that changed something runs in the order of their commits.
    pub fn answers_in_order(&self) -> bool {
        match &self.engine {
            Engine::Sqlite(_) => true,
            #[cfg(feature = "postgres")]
            Engine::Postgres(_) => false, // threads and other relays do not wait for each other
        }
    }

    /// The number of the next connection of this device, at whatever relay: it is higher than those
    /// that were given before.
    pub async fn next_connection(&self, device: i64) -> Result<i64, Refusal> {
        match &self.engine {
            Engine::Sqlite(sqlite) => {
                let _ = device; // all connections are here
                Ok(sqlite.next_connection())
            }
            #[cfg(feature = "postgres")]
            Engine::Postgres(postgres) => postgres.next_connection(device).await,
        }
    }

    /// The connection with this number has ended. If this is not recorded, the other relays tell
    /// this one in vain.
    pub fn end_connection(&self, device: i64, number: i64) {
        match &self.engine {
            Engine::Sqlite(_) => {
                let _ = (device, number); // all connections are here
            }
            #[cfg(feature = "postgres")]
            Engine::Postgres(postgres) => postgres.end_connection(device, number),
        }
    }

    /// Tells the other relays, soon. It may get lost.
    pub fn tell(&self, news: News) {
        match &self.engine {
            Engine::Sqlite(_) => _ = news, // there are no others
            #[cfg(feature = "postgres")]
            Engine::Postgres(postgres) => postgres.tell(news),
        }
    }

    /// Gives all that relays tell to `ear`.
    #[cfg(feature = "postgres")]
    pub fn hear(&self, ear: Arc<dyn Ear>) {
        match &self.engine {
            Engine::Sqlite(_) => {}
            Engine::Postgres(postgres) => postgres.hear(ear),
        }
    }
}

/// Most of what devices ask, which PostgreSQL does for many of them at once. SQLite does all that
/// waits at once anyway.
impl Store {
    /// Sends a message between two accounts if it is plain: `stamp` decides it from what is known.
    /// Runs `then` once after the commit. `None` if it must be sent by a job.
    pub async fn send<T: Send + 'static>(
        &self,
        way: Way,
        stamp: impl Fn(&Facts<'_>) -> Option<Stamped<T>> + Send + 'static,
        then: impl FnOnce(&T) + Send + 'static,
    ) -> Option<Result<T, Refusal>> {
        match &self.engine {
            Engine::Sqlite(_) => {
                let _ = (way, stamp, then);
                None
            }
            #[cfg(feature = "postgres")]
            Engine::Postgres(postgres) => self.timed(postgres.send(way, stamp, then)).await,
        }
    }

    async fn read_in_lane(
        &self,
        recipient: i64,
        after: i64,
        max: usize,
    ) -> Option<Result<Queued, Refusal>> {
        match &self.engine {
            Engine::Sqlite(_) => {
                let _ = (recipient, after, max);
                None
            }
            #[cfg(feature = "postgres")]
            Engine::Postgres(postgres) => self.timed(postgres.read(recipient, after, max)).await,
        }
    }

    /// Notes how long a lane took. What goes the slow way is noted there.
    #[cfg(feature = "postgres")]
    async fn timed<T>(&self, lane: impl Future<Output = Option<T>>) -> Option<T> {
        let began = Instant::now();
        let done = lane.await;
        if done.is_some() {
            self.times.note(began.elapsed());
        }
        done
    }

    async fn acknowledge_in_lane(
        &self,
        recipient: i64,
        numbers: &[i64],
    ) -> Option<Result<(), Refusal>> {
        match &self.engine {
            Engine::Sqlite(_) => {
                let _ = (recipient, numbers);
                None
            }
            #[cfg(feature = "postgres")]
            Engine::Postgres(postgres) => {
                let acknowledged = postgres.acknowledge(recipient, numbers.to_vec());
                self.timed(acknowledged).await
            }
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
pub mod parts;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod prekeys;
pub mod processes;
pub mod proven;
pub mod queue;
pub mod relay_key;
pub mod removed;
pub mod reports;
pub mod restored;
mod rows;
pub mod sending;
pub mod slots;
mod sqlite;
pub mod strangers;
#[cfg(test)]
mod tests;
pub mod times;
pub mod turns;
pub mod values;
