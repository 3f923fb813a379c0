//! PostgreSQL: several threads run jobs, each in a transaction of its own.
//!
//! Every answer waits for the commit. Transactions are serializable: a job sees and leaves the
//! database as if it ran alone. If others were faster, it runs again.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;
use waxseal_interface::ErrorCode;
use waxseal_relay::system_rng;

use crate::errors::Refusal;
use crate::keys::random;
use crate::limits::MAX_QUEUED_IN_ALL;
use crate::store::connection::Connection;
use crate::store::news::{Ear, News};
use crate::store::options::StoreOptions;
use crate::store::postgres::failure::Said;
use crate::store::postgres::jobs::{Job, Request};
use crate::store::postgres::lanes::Entrance;
use crate::store::postgres::lanes::acknowledgements::{Acknowledged, Acknowledgements};
use crate::store::postgres::lanes::reads::{Read, Reads};
use crate::store::postgres::lanes::sends::{Sending, Sends};
use crate::store::postgres::listening::{Beat, FIRST, Told};
use crate::store::postgres::running::Sees;
use crate::store::postgres::session::Access;
use crate::store::values::values;

/// Maximum number of jobs that wait for the database. A further request waits for a place, for
/// [`MAX_WAIT`] at most, and is then refused.
const MAX_JOBS: usize = 1_024;

/// Maximum time that a request waits for a place among the jobs.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// Maximum time that a request waits for the answer of its job.
const MAX_ANSWER: Duration = Duration::from_secs(20);

/// How often a request that waits looks whether the database is there.
const LOOK: Duration = Duration::from_millis(500);

/// A database that does not tell this relay what it tells itself for this long counts as lost,
/// though it is connected.
const SILENT: Duration = Duration::from_secs(3);

/// How long threads get to end when the database is closed. One that hangs is left behind.
const CLOSING: Duration = Duration::from_secs(5);

/// Maximum number of news that wait to be told.
const MAX_NEWS: usize = 10_000;

pub struct Postgres {
    /// `None` once the database is being closed.
    jobs: Option<mpsc::Sender<Box<dyn Job>>>,
    /// The same, for jobs that wait for no others.
    first: Option<mpsc::Sender<Box<dyn Job>>>,
    /// Half of the threads, which may all wait for locks of rows at once. The others are left to
    /// jobs that wait for nobody.
    may_wait: Arc<Semaphore>,
    news: Option<mpsc::Sender<Told>>,
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

/// How many connections there are beside those of jobs: three lanes, two of which have a thread
/// that waits for locks, those that listen, tell and ask, and that of jobs that wait for no others.
const MORE_CONNECTIONS: usize = 3 * LANE_THREADS + 2 + 4;

/// What all threads share.
struct Shared {
    access: Access,
    /// Whether nothing is heard from the database. Then requests are refused at once.
    is_lost: AtomicBool,
    /// A number that was drawn when the database was opened. Others tell this relay by it that
    /// messages wait for devices that are connected here.
    relay: i64,
    /// What this relay tells itself next. No number of news keeps it from its place.
    beat: Mutex<Option<Beat>>,
    /// When the newest of what this relay told itself was told, of what it has heard. Before it has
    /// heard anything, a time that leaves more patience.
    heard_at: Mutex<Instant>,
    /// How often a connection that listens began. Older connections may be to a server that is no
    /// longer the right one, and are used no more.
    listeners: AtomicU64,
    /// Whether a thread could not connect, and none has tried again with success.
    lacks_connections: AtomicBool,
    /// How often it was lost.
    losses: AtomicU64,
    /// Whether the threads must end.
    is_closed: AtomicBool,
    /// How many bytes all queues may have.
    max_bytes: i64,
    /// How many bytes all queues had when a relay counted them.
    all_bytes: Arc<AtomicI64>,
    /// How many requests the lanes have sent the slow way.
    slow: AtomicU64,
    /// What takes the news of other relays.
    ear: RwLock<Option<Arc<dyn Ear>>>,
}

impl Postgres {
    #[cfg(test)]
    pub fn open(url: &str, connections: u8) -> Result<Self, Box<dyn std::error::Error>> {
        let options = StoreOptions {
            database_connections: connections,
            ..StoreOptions::default()
        };
        Self::open_as(url, &options)
    }

    /// Connects to the database, and makes the tables or upgrades them.
    pub fn open_as(url: &str, options: &StoreOptions) -> Result<Self, Box<dyn std::error::Error>> {
        let access = Access::of(url)?;
        let (connections, own) = (options.database_connections.max(1), options.own);
        let needed = usize::from(connections) + MORE_CONNECTIONS;
        // A blocking client cannot run on a thread that runs tasks.
        let made = std::thread::scope(|scope| {
            let making = scope.spawn(|| {
                let mut client =
                    schema::prepare(&access, own).map_err(|error| error.to_string())?;
                session::check_synced(&mut client).map_err(|error| error.to_string())?;
                session::check_room(&mut client, needed);
                let found = client.query_one("SELECT bytes FROM found_out", &[]);
                let bytes: Result<i64, _> = found.and_then(|found| found.try_get(0));
                bytes.map_err(|error| Said(&error).to_string())
            });
            making.join()
        });
        let all_bytes = made.map_err(|_| "the tables could not be made")??;
        let (jobs, waiting) = mpsc::channel(MAX_JOBS);
        let (news, told) = mpsc::channel(MAX_NEWS);
        let shared = Arc::new(Shared {
            access,
            is_lost: AtomicBool::new(false),
            relay: i64::from_be_bytes(*random(&mut system_rng())) & i64::MAX,
            beat: Mutex::default(),
            heard_at: Mutex::new(Instant::now() + FIRST - SILENT),
            listeners: AtomicU64::new(0),
            lacks_connections: AtomicBool::new(false),
            losses: AtomicU64::new(0),
            is_closed: AtomicBool::new(false),
            max_bytes: options
                .queue_gib
                .map_or(MAX_QUEUED_IN_ALL, |gib| i64::from(gib) << 30),
            all_bytes: Arc::new(AtomicI64::new(all_bytes)),
            slow: AtomicU64::new(0),
            ear: RwLock::default(),
        });
        let mut threads = Vec::new();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..connections {
            let (shared, waiting) = (shared.clone(), waiting.clone());
            threads.push(thread().spawn(move || shared.work(&waiting))?);
        }
        let (first, of_first) = mpsc::channel(MAX_JOBS);
        let working = shared.clone();
        threads.push(thread().spawn(move || working.work(&Mutex::new(of_first)))?);
        let (listening, beats) = (shared.clone(), news.clone());
        threads.push(thread().spawn(move || listening.listen(&beats))?);
        let asking = shared.clone();
        threads.push(thread().spawn(move || asking.ask())?);
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
            first: Some(first),
            may_wait: Arc::new(Semaphore::new(usize::from(connections / 2).max(1))),
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

    /// Whether the database is there, but has no room for all connections of this relay.
    pub fn lacks_connections(&self) -> bool {
        self.shared.lacks_connections.load(Ordering::Relaxed)
    }

    /// How many bytes all queues may have.
    pub fn max_queued(&self) -> i64 {
        self.shared.max_bytes
    }

    #[cfg(test)]
    pub fn lose(&self) {
        self.shared.is_lost.store(true, Ordering::Relaxed);
    }

    /// How often it was lost since the start.
    pub fn losses(&self) -> u64 {
        self.shared.losses.load(Ordering::Relaxed)
    }

    /// Tells the other relays. What is too much at once is left to be found in the database: first
    /// that messages wait, of which there may be thousands for one message to a group.
    pub fn tell(&self, news: News) {
        let kept_free = match news {
            News::Queued(_) => MAX_NEWS / 2,
            _ => 0,
        };
        self.tell_if_there_is_room(Told::News(news), kept_free);
    }

    fn tell_if_there_is_room(&self, told: Told, kept_free: usize) {
        let telling = self.news.as_ref();
        if let Some(telling) = telling.filter(|telling| telling.capacity() > kept_free) {
            let _ = telling.try_send(told);
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

    /// Refuses if the database cannot be reached, or does not answer.
    fn check_there(&self) -> Result<(), Refusal> {
        let heard_at = self.shared.heard_at.lock();
        let heard_at = *heard_at.unwrap_or_else(PoisonError::into_inner);
        match heard_at.elapsed() > SILENT || self.shared.is_lost.load(Ordering::Relaxed) {
            true => Err(busy()),
            false => Ok(()),
        }
    }

    /// The number of the next connection of this device, at whatever relay. The device's row has
    /// it, so that older connections end if nobody hears of it, and the relay that is told of news.
    pub async fn next_connection(&self, device: i64) -> Result<i64, Refusal> {
        let relay = self.shared.relay;
        let next = move |db: &Connection| {
            let next = "UPDATE device SET connection = nextval('connection'), relay = ?2
                 WHERE id = ?1 RETURNING connection";
            let number = db.one(next, values![device, relay])?;
            number.ok_or_else(|| ErrorCode::Removed.into())
        };
        self.run_then(next, |_| ()).await
    }

    /// Nobody needs to tell this relay any more what waits for a device, if this was its newest
    /// connection. It is recorded soon, if at all.
    pub fn end_connection(&self, device: i64, number: i64) {
        self.tell_if_there_is_room(Told::Ended { device, number }, MAX_NEWS / 2);
    }

    /// Runs a job in a transaction, and `then` after its commit. When this returns `Ok`, all that
    /// the job did is on disk. When it returns `Err`, none of it is, unless the connection was lost
    /// during the commit, or the database did not answer in time.
    pub async fn run_then<T: Send + 'static>(
        &self,
        job: impl Fn(&Connection) -> Result<T, Refusal> + Send + 'static,
        then: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T, Refusal> {
        let jobs = self.jobs.as_ref();
        self.run_among(jobs, Sees::Snapshot, job, then).await
    }

    /// Runs a job like [`run_then`](Self::run_then), which waits for the locks of what it relies
    /// on. Each of its statements sees what is committed.
    pub async fn run_under_locks<T: Send + 'static>(
        &self,
        job: impl Fn(&Connection) -> Result<T, Refusal> + Send + 'static,
        then: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T, Refusal> {
        self.check_there()?;
        let permit = timeout(MAX_WAIT, self.may_wait.clone().acquire_owned()).await;
        let permit = permit.ok().and_then(Result::ok).ok_or_else(busy)?;
        let job = move |db: &Connection| {
            let _ = &permit;
            job(db)
        };
        let jobs = self.jobs.as_ref();
        self.run_among(jobs, Sees::Committed, job, then).await
    }

    /// Runs a job like [`run_then`](Self::run_then), on a connection on which no request waits.
    pub async fn run_first<T: Send + 'static>(
        &self,
        job: impl Fn(&Connection) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        self.run_among(self.first.as_ref(), Sees::Snapshot, job, |_| ())
            .await
    }

    async fn run_among<T: Send + 'static>(
        &self,
        jobs: Option<&mpsc::Sender<Box<dyn Job>>>,
        sees: Sees,
        job: impl Fn(&Connection) -> Result<T, Refusal> + Send + 'static,
        then: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T, Refusal> {
        self.check_there()?;
        let (answer, answered) = oneshot::channel();
        let request = Request {
            job,
            sees,
            then,
            result: None,
            answer,
        };
        let jobs = jobs.ok_or_else(busy)?;
        let sent = jobs.send_timeout(Box::new(request), MAX_WAIT).await;
        sent.map_err(|_| busy())?;
        self.answer(answered).await?
    }

    /// Waits for an answer, until the database counts as lost.
    async fn answer<T>(&self, mut answered: oneshot::Receiver<T>) -> Result<T, Refusal> {
        let began = Instant::now();
        while began.elapsed() < MAX_ANSWER {
            if let Ok(answer) = timeout(LOOK, &mut answered).await {
                return answer.map_err(|_| busy());
            }
            self.check_there()?;
        }
        Err(busy())
    }
}

fn thread() -> std::thread::Builder {
    std::thread::Builder::new().name("database".to_owned())
}

fn busy() -> Refusal {
    Refusal::retry_after(ErrorCode::Busy, 1)
}

/// Waits until every job is done, except for a thread that hangs.
impl Drop for Postgres {
    fn drop(&mut self) {
        (self.jobs, self.first, self.news, self.lanes) = (None, None, None, None);
        self.shared.is_closed.store(true, Ordering::Relaxed);
        let (me, began, mut hang) = (std::thread::current().id(), Instant::now(), 0);
        for thread in self.threads.drain(..) {
            if thread.thread().id() == me {
                continue;
            }
            while !thread.is_finished() && began.elapsed() < CLOSING {
                std::thread::sleep(Duration::from_millis(5));
            }
            match thread.is_finished() {
                true => _ = thread.join(),
                false => hang += 1,
            }
        }
        if hang > 0 {
            tracing::warn!(hang, "the database is closed while threads wait for it");
        }
    }
}

mod asking;
pub mod budgets;
mod failure;
pub mod filling;
mod jobs;
mod lanes;
mod listening;
mod plain;
mod running;
pub mod schema;
mod session;
pub mod statements;
#[cfg(test)]
pub mod tests;
