//! SQLite: one thread runs the jobs of many requests in one transaction.
//!
//! Every answer waits for the commit, and a commit is on disk (`synchronous=FULL`). While one
//! batch is written, the next requests gather, so the relay can take more than one message per
//! disk flush.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use waxseal_interface::ErrorCode;

use crate::errors::Refusal;
use crate::store::connection::Connection;
use crate::store::sqlite::migrations::{MIGRATIONS, SCHEMA_VERSION};

/// Maximum number of jobs that wait for the database. A further request waits for a place, for
/// [`MAX_WAIT`] at most, and is then refused.
const MAX_JOBS: usize = 1_024;

/// Maximum number of jobs in one transaction.
const MAX_BATCH: usize = 256;

/// Maximum time that a request waits for a place among the jobs.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// A job runs within the transaction. It returns the function that answers the request afterwards.
type Job = Box<dyn FnOnce(&Connection) -> Answer + Send>;

/// Answers the request. The argument says whether the transaction was committed.
type Answer = Box<dyn FnOnce(bool) + Send>;

pub struct Sqlite {
    /// `None` once the database is being closed.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    /// How many connections of devices there were. None survives a restart.
    connections: AtomicI64,
}

impl Sqlite {
    /// Opens the database. Creates it if it does not exist.
    pub fn open(path: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        let db = rusqlite::Connection::open(path)?;
        db.execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA foreign_keys = ON;
             PRAGMA temp_store = MEMORY; -- what a savepoint may have to restore is in no file
             PRAGMA secure_delete = FAST; -- delivered messages are overwritten
             PRAGMA journal_size_limit = 67108864;",
        )?;
        let version: usize = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let changes = match version {
            0 => include_str!("sqlite/schema.sql").to_owned(),
            1..=SCHEMA_VERSION => {
                // A database that began in version 11 has the column of version 12 already.
                let is_ahead = version == 11 && has_left_column(&db)?;
                let done = version - 1 + usize::from(is_ahead);
                MIGRATIONS.into_iter().skip(done).collect()
            }
            _ => return Err(format!("the database has an unknown version: {version}").into()),
        };
        db.execute_batch(&format!(
            "BEGIN; {changes} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        ))?;
        let (jobs, waiting) = mpsc::channel(MAX_JOBS);
        let thread = std::thread::Builder::new()
            .name("database".to_owned())
            .spawn(move || {
                let _abort = AbortOnPanic;
                work(&db, waiting);
            })?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
            connections: AtomicI64::new(0),
        })
    }

    /// The number of the next connection of a device.
    pub fn next_connection(&self) -> i64 {
        self.connections.fetch_add(1, Ordering::SeqCst)
    }

    /// Runs a job in a transaction, and `then` after its commit, on the database's thread. When
    /// this returns `Ok`, all that the job did is on disk; when it returns `Err`, none of it is.
    pub async fn run_then<T: Send + 'static>(
        &self,
        job: impl Fn(&Connection) -> Result<T, Refusal> + Send + 'static,
        then: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T, Refusal> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |db| {
            let result = in_savepoint(db, &job);
            Box::new(move |committed| {
                let result = match committed {
                    true => result.inspect(then),
                    false => Err(ErrorCode::Internal.into()),
                };
                // If the client has hung up, there is no one to answer. What the job changed
                // remains.
                let _ = answer.send(result);
            })
        });
        let busy = || Refusal::retry_after(ErrorCode::Busy, 1);
        let jobs = self.jobs.as_ref().ok_or_else(busy)?;
        let sent = jobs.send_timeout(job, MAX_WAIT).await;
        sent.map_err(|_| busy())?;
        answered.await.map_err(|_| busy())?
    }
}

fn has_left_column(db: &rusqlite::Connection) -> rusqlite::Result<bool> {
    db.query_row(
        "SELECT count(*) FROM pragma_table_info('device') WHERE name = 'has_left'",
        [],
        |row| row.get(0),
    )
}

/// Waits until every job is done and the journal is written back into the database. Only the
/// database's own thread does not wait.
impl Drop for Sqlite {
    fn drop(&mut self) {
        self.jobs = None;
        // The database's own thread must not wait for itself. It drops the database if a job whose
        // client has hung up holds the last reference to the relay.
        let thread = self.thread.take();
        let thread = thread.filter(|thread| thread.thread().id() != std::thread::current().id());
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

/// Ends the process if the database's thread panics. A relay without its database can answer
/// nothing, so it is better to start it again.
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}

fn work(sqlite: &rusqlite::Connection, mut waiting: mpsc::Receiver<Job>) {
    let (db, mut batch) = (&Connection::of_sqlite(sqlite), Vec::new());
    while waiting.blocking_recv_many(&mut batch, MAX_BATCH) > 0 {
        let begun = sqlite.execute_batch("BEGIN IMMEDIATE");
        let answers: Vec<Answer> = batch.drain(..).map(|job| job(db)).collect();
        // SQLite rolls the transaction back by itself if the disk is full. Then no job of the batch
        // has changed anything.
        let committed = match begun {
            Ok(()) if !sqlite.is_autocommit() => sqlite.execute_batch("COMMIT"),
            Ok(()) => Err(rusqlite::Error::StatementChangedRows(0)),
            Err(error) => Err(error),
        };
        if let Err(error) = &committed {
            tracing::error!(%error, "transaction failed");
            let _ = sqlite.execute_batch("ROLLBACK");
        }
        for answer in answers {
            answer(committed.is_ok());
        }
    }
    if let Err(error) = sqlite.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
        tracing::warn!(%error, "checkpoint failed");
    }
}

/// Runs a job so that, if it fails, only its own changes are undone and not those of the other jobs
/// in the transaction.
fn in_savepoint<T>(
    db: &Connection,
    job: &impl Fn(&Connection) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let run = |sql| db.execute(sql, &[]);
    // There is no transaction if it could not be begun, or if an earlier job caused a rollback.
    // Without a transaction, the job's changes would be committed at once.
    if !db.is_in_transaction() {
        return Err(Refusal::internal(&"no transaction"));
    }
    run("SAVEPOINT job")?;
    let result = job(db);
    if result.is_err() {
        run("ROLLBACK TO job")?;
    }
    run("RELEASE job")?;
    result
}

pub mod migrations;
pub mod statements;
#[cfg(test)]
mod tests;
