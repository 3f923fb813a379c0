//! PostgreSQL: several threads run jobs, each in a transaction of its own.
//!
//! Every answer waits for the commit. Transactions are serializable: a job sees and leaves the
//! database as if it ran alone. If others were faster, it runs again.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use postgres::{Config, NoTls};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use waxseal_interface::ErrorCode;
use waxseal_relay::system_rng;

use crate::errors::Refusal;
use crate::keys::random;
use crate::store::connection::Connection;
use crate::store::news::{Ear, News};
use crate::store::postgres::lanes::Entrance;
use crate::store::postgres::lanes::acknowledgements::{Acknowledged, Acknowledgements};
use crate::store::postgres::lanes::reads::{Read, Reads};
use crate::store::postgres::lanes::sends::{Sending, Sends};
use crate::store::postgres::statements::{Failure, Prepared};

/// Maximum number of jobs that wait for the database. A further request waits for a place, for
/// [`MAX_WAIT`] at most, and is then refused.
const MAX_JOBS: usize = 1_024;

/// Maximum time that a request waits for a place among the jobs.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// Maximum time that a request waits for the answer of its job.
const MAX_ANSWER: Duration = Duration::from_secs(20);

/// A database that does not answer for this long counts as lost, though it is connected.
const SILENT: Duration = Duration::from_secs(3);

/// How often a job runs that others overtake, before its request is refused.
const MAX_RUNS: u32 = 32;

/// How long a connection may take, and one statement.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const SETTINGS: &str = "SET statement_timeout = '10s'; SET lock_timeout = '5s';
     SET idle_in_transaction_session_timeout = '15s';
     SET default_transaction_isolation = 'serializable';
     SET synchronous_commit = 'on'";

/// How long a machine that is connected may be gone before the connection ends.
const GONE: Duration = Duration::from_secs(5);

/// Maximum number of news that wait to be told.
const MAX_NEWS: usize = 10_000;

pub struct Postgres {
    /// `None` once the database is being closed.
    jobs: Option<mpsc::Sender<Box<dyn Job>>>,
    news: Option<mpsc::Sender<News>>,
    /// `None` once the database is being closed.
    lanes: Option<Lanes>,
    threads: Vec<JoinHandle<()>>,
    shared: Arc<Shared>,
}

/// The lanes: most of what devices ask.
struct Lanes {
    sends: Entrance<Box<dyn Sending>>,
    reads: Entrance<Read>,
    acknowledgements: Entrance<Acknowledged>,
}

/// How many threads a lane has. What concerns one row is done by one of them.
const LANE_THREADS: usize = 2;

/// What all threads share.
struct Shared {
    config: Config,
    waiting: Mutex<mpsc::Receiver<Box<dyn Job>>>,
    /// Whether the last attempt to reach the database failed. Then requests are refused at once.
    is_lost: AtomicBool,
    /// Since when the thread that listens has waited for an answer, if it does.
    asked_at: Mutex<Option<Instant>>,
    /// How often it was lost.
    losses: AtomicU64,
    /// Whether the threads must end.
    is_closed: AtomicBool,
    /// How many bytes all queues had a moment ago.
    all_bytes: Arc<AtomicI64>,
    /// How many requests the lanes have sent the slow way.
    slow: AtomicU64,
    /// What takes the news of other relays.
    ear: RwLock<Option<Arc<dyn Ear>>>,
}

/// A request that waits for a transaction.
trait Job: Send {
    /// Runs the job, and keeps what it returned. Returns whether it succeeded.
    fn run(&mut self, db: &Connection) -> bool;
    /// Answers the request after the commit, or after what it returned was a refusal.
    fn answer(self: Box<Self>);
    /// Answers that nothing was done.
    fn refuse(self: Box<Self>, refusal: Refusal);
}

struct Request<T, J, A> {
    job: J,
    then: A,
    result: Option<Result<T, Refusal>>,
    answer: oneshot::Sender<Result<T, Refusal>>,
}

impl<T, J, A> Job for Request<T, J, A>
where
    T: Send,
    J: Fn(&Connection) -> Result<T, Refusal> + Send,
    A: FnOnce(&T) + Send,
{
    fn run(&mut self, db: &Connection) -> bool {
        self.result.insert((self.job)(db)).is_ok()
    }

    fn answer(self: Box<Self>) {
        let Some(result) = self.result else { return };
        // If the client has hung up, there is no one to answer. What the job changed remains.
        let _ = self.answer.send(result.inspect(self.then));
    }

    fn refuse(self: Box<Self>, refusal: Refusal) {
        let _ = self.answer.send(Err(refusal));
    }
}

impl Postgres {
    /// Connects to the database, and makes the tables or upgrades them.
    pub fn open(url: &str, connections: u8) -> Result<Self, Box<dyn std::error::Error>> {
        let mut config: Config = url.parse()?;
        config.connect_timeout(CONNECT_TIMEOUT);
        // A machine that is gone without a word ends no connection by itself.
        config.tcp_user_timeout(GONE);
        config.keepalives_idle(GONE);
        config.keepalives_interval(GONE / 5);
        config.application_name("waxseal-relay");
        if let (None, Ok(password)) = (config.get_password(), std::env::var("PGPASSWORD")) {
            config.password(password);
        }
        // A blocking client cannot run on a thread that runs tasks.
        let made = std::thread::scope(|scope| {
            let making =
                scope.spawn(|| schema::prepare(&config, schema::VERSIONS).map_err(|error| error.to_string()));
            making.join()
        });
        made.map_err(|_| "the tables could not be made")??;
        let (jobs, waiting) = mpsc::channel(MAX_JOBS);
        let (news, told) = mpsc::channel(MAX_NEWS);
        let shared = Arc::new(Shared {
            config,
            waiting: Mutex::new(waiting),
            is_lost: AtomicBool::new(false),
            asked_at: Mutex::default(),
            losses: AtomicU64::new(0),
            is_closed: AtomicBool::new(false),
            all_bytes: Arc::default(),
            slow: AtomicU64::new(0),
            ear: RwLock::default(),
        });
        let mut threads = Vec::new();
        for _ in 0..connections.max(1) {
            let shared = shared.clone();
            threads.push(thread().spawn(move || shared.work())?);
        }
        let listening = shared.clone();
        threads.push(thread().spawn(move || listening.listen())?);
        let telling = shared.clone();
        threads.push(thread().spawn(move || telling.tell(told))?);
        let lanes = Lanes {
            sends: Entrance::open::<Sends>(&shared, LANE_THREADS, &mut threads)?,
            reads: Entrance::open::<Reads>(&shared, LANE_THREADS, &mut threads)?,
            acknowledgements: Entrance::open::<Acknowledgements>(
                &shared,
                LANE_THREADS,
                &mut threads,
            )?,
        };
        Ok(Self {
            jobs: Some(jobs),
            news: Some(news),
            lanes: Some(lanes),
            threads,
            shared,
        })
    }

    /// Whether the database cannot be reached, or does not answer.
    pub fn is_lost(&self) -> bool {
        self.check_there().is_err()
    }

    /// How often it was lost since the start.
    pub fn losses(&self) -> u64 {
        self.shared.losses.load(Ordering::Relaxed)
    }

    /// Tells the other relays. What is too much at once is left to be found in the database.
    pub fn tell(&self, news: News) {
        if let Some(telling) = &self.news {
            let _ = telling.try_send(news);
        }
    }

    /// Gives all news of other relays to `ear`, and those of this one too.
    pub fn hear(&self, ear: Arc<dyn Ear>) {
        let mut place = self
            .shared
            .ear
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *place = Some(ear);
    }

    /// Refuses if the last attempt to reach the database failed, or if it does not answer.
    fn check_there(&self) -> Result<(), Refusal> {
        let asked_at = self.shared.asked_at.lock();
        let asked_at = *asked_at.unwrap_or_else(PoisonError::into_inner);
        let is_silent = asked_at.is_some_and(|at| at.elapsed() > SILENT);
        match is_silent || self.shared.is_lost.load(Ordering::Relaxed) {
            true => Err(busy()),
            false => Ok(()),
        }
    }

    /// The number of the next connection of a device, at whatever relay.
    pub async fn next_connection(&self) -> Result<i64, Refusal> {
        let next = |db: &Connection| db.only("SELECT nextval('connection')", &[]);
        self.run_then(next, |_| ()).await
    }

    /// Runs a job in a transaction, and `then` after its commit. When this returns `Ok`, all that
    /// the job did is on disk. When it returns `Err`, none of it is, unless the connection was lost
    /// during the commit, or the database did not answer in time.
    pub async fn run_then<T: Send + 'static>(
        &self,
        job: impl Fn(&Connection) -> Result<T, Refusal> + Send + 'static,
        then: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T, Refusal> {
        self.check_there()?;
        let (answer, answered) = oneshot::channel();
        let request = Request {
            job,
            then,
            result: None,
            answer,
        };
        let jobs = self.jobs.as_ref().ok_or_else(busy)?;
        let sent = jobs.send_timeout(Box::new(request), MAX_WAIT).await;
        sent.map_err(|_| busy())?;
        let answered = timeout(MAX_ANSWER, answered).await;
        answered.map_err(|_| busy())?.map_err(|_| busy())?
    }
}

fn thread() -> std::thread::Builder {
    std::thread::Builder::new().name("database".to_owned())
}

fn busy() -> Refusal {
    Refusal::retry_after(ErrorCode::Busy, 1)
}

/// Waits until every job is done.
impl Drop for Postgres {
    fn drop(&mut self) {
        (self.jobs, self.news, self.lanes) = (None, None, None);
        self.shared.is_closed.store(true, Ordering::Relaxed);
        let me = std::thread::current().id();
        for thread in self.threads.drain(..) {
            if thread.thread().id() != me {
                let _ = thread.join();
            }
        }
    }
}

impl Shared {
    /// Runs jobs until there are no more.
    fn work(&self) {
        let mut connected = None;
        while let Some(job) = self.next() {
            // A connection may have ended since the job before.
            let begun = |prepared: &Prepared| prepared.batch("BEGIN").is_ok();
            let there = connected.take().filter(begun);
            let Some(prepared) = there.or_else(|| self.connect().filter(begun)) else {
                job.refuse(busy());
                continue;
            };
            if run(&prepared, job) {
                connected = Some(prepared);
            }
        }
    }

    fn next(&self) -> Option<Box<dyn Job>> {
        let waiting = self.waiting.lock();
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        waiting.blocking_recv()
    }

    fn connect(&self) -> Option<Prepared> {
        let connected = self.config.connect(NoTls).and_then(|mut client| {
            client.batch_execute(SETTINGS)?;
            Ok(client)
        });
        match connected {
            Ok(client) => Some(Prepared::new(client, self.all_bytes.clone())),
            Err(error) => {
                tracing::error!(%error, "no connection to PostgreSQL");
                None
            }
        }
    }
}

/// Runs a job until it is committed, refuses, or was overtaken too often, and answers it. Its first
/// transaction has begun. Returns whether the connection is of use afterwards.
fn run(prepared: &Prepared, mut job: Box<dyn Job>) -> bool {
    for turn in 0..MAX_RUNS {
        let begun = match turn {
            0 => Ok(()),
            _ => prepared.batch("BEGIN"),
        };
        match begun.and_then(|()| attempt(prepared, job.as_mut())) {
            Ok(()) => {
                job.answer();
                return true;
            }
            Err(Failure::Overtaken) => pause(turn),
            Err(Failure::Lost) => {
                job.refuse(busy());
                return false;
            }
            Err(Failure::Other) => {
                job.refuse(ErrorCode::Internal.into());
                return true;
            }
        }
    }
    tracing::warn!("a job was overtaken too often");
    job.refuse(busy());
    true
}

/// Runs a job once, in a transaction that has begun. When this returns `Ok`, either it is
/// committed, or it refused and nothing changed.
fn attempt(prepared: &Prepared, job: &mut dyn Job) -> Result<(), Failure> {
    let succeeded = job.run(&Connection::of_postgres(prepared));
    if let Some(failure) = prepared.take_failure() {
        if failure != Failure::Lost {
            prepared.batch("ROLLBACK")?;
        }
        return Err(failure);
    }
    prepared.batch(match succeeded {
        true => "COMMIT",
        false => "ROLLBACK",
    })
}

/// Waits a little, longer after each turn, so that those that overtook each other do not meet
/// again.
fn pause(turn: u32) {
    let most = 1_u64 << turn.min(6);
    let random = u64::from_be_bytes(*random(&mut system_rng()));
    std::thread::sleep(Duration::from_millis(random % (most + 1)));
}

pub mod budgets;
mod lanes;
mod listening;
mod plain;
pub mod schema;
pub mod statements;
#[cfg(test)]
mod tests;
