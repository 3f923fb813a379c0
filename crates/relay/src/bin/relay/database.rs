//! The database: one thread that commits what many requests ask of it in one transaction.
//!
//! Every answer waits for the commit, and a commit is on the disk (`synchronous=FULL`). While one is being written the
//! next requests gather, so that the relay is not limited to a message a disk flush.

use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};
use waxseal_relay::ErrorCode;

use crate::errors::Refusal;

/// Most jobs that wait for the database. Past it, requests wait a moment and are then refused.
const MAX_JOBS: usize = 1_024;

/// Most jobs of one transaction.
const MAX_BATCH: usize = 256;

/// Longest wait for a place among the jobs.
const MAX_WAIT: Duration = Duration::from_secs(5);

const SCHEMA_VERSION: i64 = 1;

/// Runs a job within the transaction, and returns how to answer once it is committed, or not.
type Job = Box<dyn FnOnce(&Connection) -> Answer + Send>;
type Answer = Box<dyn FnOnce(bool) + Send>;

pub struct Database {
    /// `None` once it is being closed.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Database {
    /// Opens the database, and makes it if there is none.
    pub fn open(path: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        let db = Connection::open(path)?;
        db.execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA foreign_keys = ON;
             PRAGMA secure_delete = FAST; -- what was delivered is overwritten
             PRAGMA journal_size_limit = 67108864;",
        )?;
        match db.query_row("PRAGMA user_version", [], |row| row.get(0))? {
            0 => {
                db.execute_batch(&format!(
                    "BEGIN; {} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;",
                    include_str!("schema.sql")
                ))?;
            }
            SCHEMA_VERSION => {}
            version => return Err(format!("the database is of another version: {version}").into()),
        }
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
        })
    }

    /// Runs a job in a transaction: all of it is on the disk when this returns `Ok`, and nothing if it returns `Err`.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |db| {
            let result = in_savepoint(db, job);
            Box::new(move |committed| {
                let result = match committed {
                    true => result,
                    false => Err(ErrorCode::Internal.into()),
                };
                // Nobody waits any more if the client has gone; what was done stays done.
                let _ = answer.send(result);
            })
        });
        let busy = Refusal::retry_after(ErrorCode::Busy, 1);
        let jobs = self.jobs.as_ref().ok_or(busy)?;
        let sent = jobs.send_timeout(job, MAX_WAIT).await;
        sent.map_err(|_| busy)?;
        answered.await.map_err(|_| busy)?
    }
}

/// Waits until every job is done; then the journal is folded into the database.
impl Drop for Database {
    fn drop(&mut self) {
        self.jobs = None;
        // Not for itself: a job whose client has gone may be the last that holds the relay.
        let thread = self.thread.take();
        let thread = thread.filter(|thread| thread.thread().id() != std::thread::current().id());
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

/// A relay without its database answers nothing: better to be started again.
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}

fn work(db: &Connection, mut waiting: mpsc::Receiver<Job>) {
    let mut batch = Vec::new();
    while waiting.blocking_recv_many(&mut batch, MAX_BATCH) > 0 {
        let begun = db.execute_batch("BEGIN IMMEDIATE");
        let answers: Vec<Answer> = batch.drain(..).map(|job| job(db)).collect();
        // A full disk rolls everything back by itself: then nothing was done.
        let committed = match begun {
            Ok(()) if !db.is_autocommit() => db.execute_batch("COMMIT"),
            Ok(()) => Err(rusqlite::Error::StatementChangedRows(0)),
            Err(error) => Err(error),
        };
        if let Err(error) = &committed {
            tracing::error!(%error, "transaction failed");
            let _ = db.execute_batch("ROLLBACK");
        }
        for answer in answers {
            answer(committed.is_ok());
        }
    }
    if let Err(error) = db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
        tracing::warn!(%error, "checkpoint failed");
    }
}

/// A job that fails takes back what it did, and nothing of the others in its transaction.
fn in_savepoint<T>(
    db: &Connection,
    job: impl FnOnce(&Connection) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let run = |sql| {
        db.prepare(sql)
            .and_then(|mut statement| statement.execute([]))
    };
    // It could not be begun, or was rolled back by an earlier job: outside of it, what is done would stay done.
    if db.is_autocommit() {
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

#[cfg(test)]
mod tests;
