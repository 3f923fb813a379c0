//! Lanes: what most requests do, for many of them in one transaction with few statements.
//!
//! A lane takes only what is plain. What is not, and what a lane cannot do for any other reason,
//! goes the slow way: as a job of its own.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use postgres::Error;
use tokio::sync::mpsc;

use super::failure::{Failure, Said};
use super::running::caught;
use super::statements::Prepared;
use super::{Shared, thread};
use crate::errors::Refusal;

/// Maximum number of requests that wait for a lane. Further ones go the slow way.
const MAX_WAITING: usize = 4_096;

/// Maximum number of bytes in one transaction, unless one request has more.
const MAX_BATCH_BYTES: usize = 8 << 20;

/// A batch of this many requests says that many more come. Then a lane waits a little before the
/// next batch: what it costs to run one is nearly the same for few requests and for many.
const MANY: usize = 8;
const GATHERING: Duration = Duration::from_millis(2);

/// How often a batch that failed is halved before its requests go the slow way, and for how long.
const HALVINGS: u32 = 3;
const PATIENCE: Duration = Duration::from_secs(4);

/// How many requests wait for locks at once, and for how long, before others have their turn. The
/// rows of these few are locked meanwhile.
const FEW: usize = 16;
const TURN: &str = "SET lock_timeout = '200ms'";

/// Settings of a lane's connection, which plans each of its statements once.
const OF_LANE: &str = "SET lock_timeout = '2s'; SET plan_cache_mode = 'force_generic_plan'";

/// How a lane begins: each statement sees what is committed, and the lane counts by itself what it
/// takes out of queues.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL waxseal.lane = 'on'";

/// What a lane does.
pub(super) trait Lane: Default {
    type Request: Send + 'static;

    /// Maximum number of requests in one transaction.
    const MAX_BATCH: usize;

    /// Whether it changes something: in a transaction, under locks for which it may have to wait.
    /// Otherwise it is one statement.
    const CHANGES: bool;

    /// Does what is asked in one transaction, which has begun, and ends it. Answers all requests
    /// that it takes out. When this fails, the requests are still there. With `held`, it waits for
    /// no lock, and moves there what would have to.
    fn run(
        &mut self,
        db: &Prepared,
        requests: &mut Vec<Self::Request>,
        held: Option<&mut Vec<Self::Request>>,
    ) -> Result<(), Error>;

    /// Whether someone waits for the answer.
    fn is_wanted(request: &Self::Request) -> bool;

    /// The row whose lock a request needs. Others may be locked with it.
    fn row(request: &Self::Request) -> i64;

    /// How many bytes a request brings.
    fn len(request: &Self::Request) -> usize;

    /// Sends a request the slow way.
    fn go_slowly(request: Self::Request);

    /// Says that the database is lost.
    fn refuse(request: Self::Request);
}

/// What a lane answers.
pub(super) enum Reply<T> {
    Done(Result<T, Refusal>),
    /// The request must go the slow way.
    Slowly,
}

/// The requests that go to the threads of a lane.
pub(super) struct Entrance<R> {
    threads: Vec<mpsc::Sender<R>>,
}

impl<R: Send + 'static> Entrance<R> {
    /// Starts the threads of a lane, and one more if it takes locks: whatever would have to wait
    /// for one waits there, and nothing else waits behind it.
    pub fn open<L: Lane<Request = R>>(
        shared: &Arc<Shared>,
        threads: usize,
        joined: &mut Vec<JoinHandle<()>>,
    ) -> std::io::Result<Self> {
        let mut entrance = Self {
            threads: Vec::with_capacity(threads),
        };
        let mut start = |patient: Option<mpsc::Sender<R>>| {
            let (requests, waiting) = mpsc::channel(MAX_WAITING);
            let shared = shared.clone();
            let is_patient = L::CHANGES && patient.is_none();
            let work = move || {
                let mut thread = Thread::<L>::of(&shared, patient);
                match is_patient {
                    true => thread.work_patiently(waiting),
                    false => thread.work(waiting),
                }
            };
            joined.push(thread().spawn(work)?);
            Ok::<_, std::io::Error>(requests)
        };
        let patient = L::CHANGES.then(|| start(None)).transpose()?;
        for _ in 0..threads {
            entrance.threads.push(start(patient.clone())?);
        }
        Ok(entrance)
    }

    /// Hands a request to the thread that has all of this row. Gives it back if there is no room.
    pub fn hand_in(&self, row: i64, request: R) -> Result<(), R> {
        let count = i64::try_from(self.threads.len()).unwrap_or(1).max(1);
        let thread = usize::try_from(row.rem_euclid(count)).unwrap_or(0);
        match self.threads.get(thread) {
            Some(thread) => thread.try_send(request).map_err(|error| error.into_inner()),
            None => Err(request),
        }
    }
}

/// A thread of a lane.
struct Thread<'a, L: Lane> {
    shared: &'a Shared,
    /// The thread that waits for locks, unless it is this one.
    patient: Option<mpsc::Sender<L::Request>>,
    connected: Option<(Prepared, L)>,
}

impl<'a, L: Lane> Thread<'a, L> {
    fn of(shared: &'a Shared, patient: Option<mpsc::Sender<L::Request>>) -> Self {
        Self {
            shared,
            patient,
            connected: None,
        }
    }

    /// Runs until the entrance is closed.
    fn work(&mut self, mut waiting: mpsc::Receiver<L::Request>) {
        let mut received = Vec::with_capacity(L::MAX_BATCH);
        let mut are_many = false;
        while waiting.blocking_recv_many(&mut received, L::MAX_BATCH) > 0 {
            if are_many && received.len() < L::MAX_BATCH {
                std::thread::sleep(GATHERING);
                let more = std::iter::from_fn(|| waiting.try_recv().ok());
                received.extend(more.take(L::MAX_BATCH - received.len()));
            }
            are_many = received.len() >= MANY;
            let held = self.run_all(&mut received);
            self.wait(held);
        }
    }

    /// Runs what has to wait for locks, until the entrance is closed: first all whose rows are free
    /// by now, and then a few that wait for the same row. If that takes long, others have their
    /// turn. So nothing is locked for long by what waits, and nothing waits behind the slowest.
    fn work_patiently(&mut self, mut waiting: mpsc::Receiver<L::Request>) {
        let (mut left, mut since) = (Vec::new(), Instant::now());
        loop {
            if left.is_empty() {
                if waiting.blocking_recv_many(&mut left, L::MAX_BATCH) == 0 {
                    return;
                }
                since = Instant::now();
            }
            let room = L::MAX_BATCH.saturating_sub(left.len());
            left.extend(std::iter::from_fn(|| waiting.try_recv().ok()).take(room));
            left = self.run_all(&mut left);
            if since.elapsed() > PATIENCE {
                self.go_slowly(std::mem::take(&mut left));
            }
            let Some(row) = left.first().map(L::row) else {
                continue;
            };
            let of_row = left.extract_if(.., |request| L::row(request) == row);
            let mut few: Vec<_> = of_row.take(FEW).collect();
            match self.attempt(&mut few, None) {
                Err(Failure::Overtaken) => left.append(&mut few),
                _ => self.go_slowly(few),
            }
        }
    }

    /// Runs requests in batches that are not too long. Returns those that must wait for locks.
    fn run_all(&mut self, requests: &mut Vec<L::Request>) -> Vec<L::Request> {
        let (mut batch, mut bytes) = (Vec::with_capacity(requests.len()), 0_usize);
        let mut held = Vec::new();
        let mut run = |batch| self.run(batch, &mut held, HALVINGS, Instant::now() + PATIENCE);
        for request in requests.drain(..).filter(L::is_wanted) {
            let len = L::len(&request);
            if bytes.saturating_add(len) > MAX_BATCH_BYTES && !batch.is_empty() {
                run(std::mem::take(&mut batch));
                bytes = 0;
            }
            bytes = bytes.saturating_add(len);
            batch.push(request);
        }
        if !batch.is_empty() {
            run(batch);
        }
        held
    }

    /// Runs a batch, but what must wait for locks, which it moves to `held`. If it fails, runs it
    /// again in halves: one request must not have all the others go the slow way.
    fn run(
        &mut self,
        mut batch: Vec<L::Request>,
        held: &mut Vec<L::Request>,
        halvings: u32,
        until: Instant,
    ) {
        let done = self.attempt(&mut batch, L::CHANGES.then_some(&mut *held));
        if done.is_ok() || halvings == 0 || batch.len() < 2 || Instant::now() > until {
            return self.go_slowly(batch);
        }
        let rest = batch.split_off(batch.len() / 2);
        for half in [batch, rest] {
            self.run(half, held, halvings - 1, until);
        }
    }

    /// Runs a batch once. If it does not fail, what is still in it goes the slow way.
    fn attempt(
        &mut self,
        batch: &mut Vec<L::Request>,
        held: Option<&mut Vec<L::Request>>,
    ) -> Result<(), Failure> {
        // A connection may have ended since the batch before.
        let begun = |connected: &(Prepared, L)| match L::CHANGES {
            true => connected.0.run(BEGIN).is_ok(),
            false => !connected.0.is_closed(),
        };
        let there = self.connected.take();
        let there = there.filter(|(db, _)| self.shared.is_newest(db));
        let there = there.filter(begun);
        let Some((db, mut lane)) = there.or_else(|| self.connect().filter(begun)) else {
            batch.drain(..).for_each(L::refuse);
            return Ok(());
        };
        match caught(|| lane.run(&db, batch, held)) {
            Some(Ok(())) => {
                self.connected = Some((db, lane));
                Ok(())
            }
            Some(Err(error)) => {
                let failure = Failure::of(&error);
                if failure != Failure::Overtaken {
                    let error = Said(&error);
                    tracing::error!(%error, "a lane failed");
                }
                if failure == Failure::Lost {
                    // What changes nothing may be asked again at once.
                    if L::CHANGES {
                        batch.drain(..).for_each(L::refuse);
                    }
                    return Ok(());
                }
                let is_undone = db.run("ROLLBACK").is_ok();
                self.connected = is_undone.then_some((db, lane));
                Err(failure)
            }
            // The connection and what the lane knows may be in any state.
            None => Err(Failure::Other),
        }
    }

    fn connect(&self) -> Option<(Prepared, L)> {
        let db = self.shared.connect()?;
        db.run(OF_LANE).ok()?;
        if L::CHANGES && self.patient.is_none() {
            db.run(TURN).ok()?;
        }
        Some((db, L::default()))
    }

    /// Has requests wait for locks.
    fn wait(&self, held: Vec<L::Request>) {
        let Some(patient) = &self.patient else { return };
        for request in held {
            if let Err(full) = patient.try_send(request) {
                self.go_slowly(vec![full.into_inner()]);
            }
        }
    }

    fn go_slowly(&self, batch: Vec<L::Request>) {
        let slow = u64::try_from(batch.len()).unwrap_or_default();
        self.shared.slow.fetch_add(slow, Ordering::Relaxed);
        batch.into_iter().for_each(L::go_slowly);
    }
}

pub(super) mod acknowledgements;
pub(super) mod reads;
pub(super) mod sends;
