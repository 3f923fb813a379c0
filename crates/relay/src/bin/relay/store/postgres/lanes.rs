//! Lanes: what most requests do, for many of them in one transaction with few statements.
//!
//! A lane takes only what is plain. What is not, what meets another in the same rows, and what a
//! lane cannot do for any other reason, goes the slow way: as a job of its own.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use postgres::{Client, Error};
use tokio::sync::mpsc;

use super::failure::{Failure, Said};
use super::session::SETTINGS;
use super::{Shared, thread};
use crate::errors::Refusal;

/// Maximum number of requests that wait for a lane. Further ones go the slow way.
const MAX_WAITING: usize = 4_096;

/// How a lane begins: each statement sees what is committed, and the lane counts what is in the
/// queues by itself.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL waxseal.lane = 'on'";

/// What a lane does.
pub(super) trait Lane: Sized {
    type Request: Send + 'static;

    /// Maximum number of requests in one transaction.
    const MAX_BATCH: usize;

    /// Prepares the statements on a new connection.
    fn prepare(client: &mut Client) -> Result<Self, Error>;

    /// Does what is asked in one transaction, which has begun, and ends it. Answers all requests
    /// that it takes out. When this fails, the requests are still there.
    fn run(
        &mut self,
        client: &mut Client,
        shared: &Shared,
        requests: &mut Vec<Self::Request>,
    ) -> Result<(), Error>;

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
    /// Starts the threads of a lane.
    pub fn open<L: Lane<Request = R>>(
        shared: &Arc<Shared>,
        threads: usize,
        joined: &mut Vec<JoinHandle<()>>,
    ) -> std::io::Result<Self> {
        let mut entrance = Self {
            threads: Vec::with_capacity(threads),
        };
        for _ in 0..threads {
            let (requests, waiting) = mpsc::channel(MAX_WAITING);
            let shared = shared.clone();
            joined.push(thread().spawn(move || work::<L>(&shared, waiting))?);
            entrance.threads.push(requests);
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

/// Runs a lane until its entrance is closed.
fn work<L: Lane>(shared: &Shared, mut waiting: mpsc::Receiver<L::Request>) {
    let (mut batch, mut connected) = (Vec::with_capacity(L::MAX_BATCH), None);
    while waiting.blocking_recv_many(&mut batch, L::MAX_BATCH) > 0 {
        // A connection may have ended since the batch before.
        let there = connected.take().and_then(begun);
        let Some((mut client, mut lane)) = there.or_else(|| connect::<L>(shared).and_then(begun))
        else {
            batch.drain(..).for_each(L::refuse);
            continue;
        };
        match lane.run(&mut client, shared, &mut batch) {
            Ok(()) => {
                go_slowly::<L>(shared, &mut batch);
                connected = Some((client, lane));
            }
            Err(error) if Failure::of(&error) == Failure::Lost => {
                let error = Said(&error);
                tracing::error!(%error, "PostgreSQL failed");
                batch.drain(..).for_each(L::refuse);
            }
            Err(error) => {
                if Failure::of(&error) == Failure::Other {
                    let error = Said(&error);
                    tracing::error!(%error, "a lane failed");
                }
                go_slowly::<L>(shared, &mut batch);
                let undone = client.batch_execute("ROLLBACK").is_ok();
                connected = undone.then_some((client, lane));
            }
        }
    }
}

fn go_slowly<L: Lane>(shared: &Shared, batch: &mut Vec<L::Request>) {
    let slow = u64::try_from(batch.len()).unwrap_or_default();
    shared.slow.fetch_add(slow, Ordering::Relaxed);
    batch.drain(..).for_each(L::go_slowly);
}

/// Begins a transaction. `None` if the connection has ended.
fn begun<L>((mut client, lane): (Client, L)) -> Option<(Client, L)> {
    client.batch_execute(BEGIN).ok()?;
    Some((client, lane))
}

fn connect<L: Lane>(shared: &Shared) -> Option<(Client, L)> {
    let connected = shared.access.connect_with(SETTINGS);
    let connected = connected.and_then(|mut client| {
        let lane = L::prepare(&mut client)?;
        Ok((client, lane))
    });
    connected
        .inspect_err(|error| {
            let error = Said(error);
            tracing::error!(%error, "no connection to PostgreSQL");
        })
        .ok()
}

pub(super) mod acknowledgements;
pub(super) mod reads;
pub(super) mod sends;
