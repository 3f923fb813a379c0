//! PostgreSQL: several threads run jobs, each in a transaction of its own.
//!
//! Every answer waits for the commit. Transactions are serializable: a job sees and leaves the
//! database as if it ran alone. If others were faster, it runs again.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use postgres::{Config, NoTls};
use tokio::sync::{mpsc, oneshot};
use waxseal_interface::ErrorCode;
use waxseal_relay::system_rng;

use crate::errors::Refusal;
use crate::keys::random;
use crate::store::connection::Connection;
use crate::store::news::News;
use crate::store::postgres::statements::{Failure, Prepared};

/// Maximum number of jobs that wait for the database. A further request waits for a place, for
/// [`MAX_WAIT`] at most, and is then refused.
const MAX_JOBS: usize = 1_024;

/// Maximum time that a request waits for a place among the jobs.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// How often a job runs that others overtake, before its request is refused.
const MAX_RUNS: u32 = 32;

/// How long a connection may take, and one statement.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const SETTINGS: &str = "SET statement_timeout = '10s'; SET lock_timeout = '5s';
     SET idle_in_transaction_session_timeout = '15s';
     SET default_transaction_isolation = 'serializable';
     SET synchronous_commit = 'on'";

/// Maximum number of news that wait to be told.
const MAX_NEWS: usize = 10_000;

pub struct Postgres {
    /// `None` once the database is being closed.
    jobs: Option<mpsc::Sender<Box<dyn Job>>>,
    news: Option<mpsc::Sender<News>>,
    threads: Vec<JoinHandle<()>>,
    shared: Arc<Shared>,
}

/// What all threads share.
struct Shared {
    config: Config,
    waiting: Mutex<mpsc::Receiver<Box<dyn Job>>>,
    /// Whether the last attempt to reach the database failed. Then requests are refused at once.
    is_lost: AtomicBool,
    /// How often it was lost.
    losses: AtomicU64,
    /// Whether the threads must end.
    is_closed: AtomicBool,
    /// How many bytes all queues had a moment ago.
    all_bytes: Arc<AtomicI64>,
    /// What takes the news of other relays.
    ear: RwLock<Option<Ear>>,
}

/// What takes the news of other relays.
pub type Ear = Box<dyn Fn(News) + Send + Sync>;

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
        config.application_name("waxseal-relay");
        if let (None, Ok(password)) = (config.get_password(), std::env::var("PGPASSWORD")) {
            config.password(password);
        }
        // A blocking client cannot run on a thread that runs tasks.
        let made = std::thread::scope(|scope| {
            let making =
                scope.spawn(|| schema::prepare(&config).map_err(|error| error.to_string()));
            making.join()
        });
        made.map_err(|_| "the tables could not be made")??;
        let (jobs, waiting) = mpsc::channel(MAX_JOBS);
        let (news, told) = mpsc::channel(MAX_NEWS);
        let shared = Arc::new(Shared {
            config,
            waiting: Mutex::new(waiting),
            is_lost: AtomicBool::new(false),
            losses: AtomicU64::new(0),
            is_closed: AtomicBool::new(false),
            all_bytes: Arc::default(),
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
        Ok(Self {
            jobs: Some(jobs),
            news: Some(news),
            threads,
            shared,
        })
    }

    /// Whether the database cannot be reached.
    pub fn is_lost(&self) -> bool {
        self.shared.is_lost.load(Ordering::Relaxed)
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
    pub fn hear(&self, ear: Ear) {
        let mut place = self
            .shared
            .ear
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *place = Some(ear);
    }

    /// Runs a job in a transaction, and `then` after its commit. When this returns `Ok`, all that
    /// the job did is on disk. When it returns `Err`, none of it is, unless the connection was lost
    /// during the commit.
    pub async fn run_then<T: Send + 'static>(
        &self,
        job: impl Fn(&Connection) -> Result<T, Refusal> + Send + 'static,
        then: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T, Refusal> {
        if self.shared.is_lost.load(Ordering::Relaxed) {
            return Err(busy());
        }
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
        answered.await.map_err(|_| busy())?
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
        (self.jobs, self.news) = (None, None);
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
            // A connection of before the database was lost is of no use.
            let losses = self.losses.load(Ordering::Relaxed);
            let present = connected.take().filter(|(_, before)| *before == losses);
            let present = present.map(|(prepared, _)| prepared);
            let Some(prepared) = present.or_else(|| self.connect()) else {
                job.refuse(busy());
                continue;
            };
            if run(&prepared, job) {
                connected = Some((prepared, losses));
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

/// Runs a job until it is committed, refuses, or was overtaken too often, and answers it. Returns
/// whether the connection is of use afterwards.
fn run(prepared: &Prepared, mut job: Box<dyn Job>) -> bool {
    for turn in 0..MAX_RUNS {
        match attempt(prepared, job.as_mut()) {
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

/// Runs a job once. When this returns `Ok`, either it is committed, or it refused and nothing
/// changed.
fn attempt(prepared: &Prepared, job: &mut dyn Job) -> Result<(), Failure> {
    prepared.batch("BEGIN")?;
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
mod listening;
mod schema;
pub mod statements;
