//! Jobs: each runs in a transaction of its own, and again if others were faster.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use waxseal_interface::ErrorCode;
use waxseal_relay::system_rng;

use super::failure::{Failure, Said};
use super::running::{Sees, caught};
use super::session::SETTINGS;
use super::statements::Prepared;
use super::{Shared, busy};
use crate::errors::Refusal;
use crate::keys::random;
use crate::store::connection::Connection;

/// How often a job runs that others overtake, before its request is refused.
const MAX_RUNS: u32 = 32;

/// A request that waits for a transaction.
pub trait Job: Send {
    /// What begins its transaction.
    fn begin(&self) -> &'static str;
    /// Whether someone waits for the answer.
    fn is_wanted(&self) -> bool;
    /// Runs the job, and keeps what it returned. Returns whether it succeeded.
    fn run(&mut self, db: &Connection) -> bool;
    /// Answers the request after the commit, or after what it returned was a refusal.
    fn answer(self: Box<Self>);
    /// Answers that nothing was done.
    fn refuse(self: Box<Self>, refusal: Refusal);
}

pub struct Request<T, J, A> {
    pub job: J,
    pub sees: Sees,
    pub then: A,
    pub result: Option<Result<T, Refusal>>,
    pub answer: oneshot::Sender<Result<T, Refusal>>,
}

impl<T, J, A> Job for Request<T, J, A>
where
    T: Send,
    J: Fn(&Connection) -> Result<T, Refusal> + Send,
    A: FnOnce(&T) + Send,
{
    fn begin(&self) -> &'static str {
        self.sees.begin()
    }

    fn is_wanted(&self) -> bool {
        !self.answer.is_closed()
    }

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

impl Shared {
    /// Runs jobs until there are no more.
    pub(super) fn work(&self, waiting: &Mutex<mpsc::Receiver<Box<dyn Job>>>) {
        let mut connected = None;
        while let Some(job) = next(waiting) {
            if !job.is_wanted() {
                continue; // the client has left, or has waited for too long
            }
            // A connection may have ended since the job before.
            let begin = job.begin();
            let begun = |prepared: &Prepared| prepared.batch(begin).is_ok();
            let there = connected.take().filter(|there| self.is_newest(there));
            let there = there.filter(begun);
            let Some(prepared) = there.or_else(|| self.connect().filter(begun)) else {
                job.refuse(busy());
                continue;
            };
            if run(&prepared, job) {
                connected = Some(prepared);
            }
        }
    }

    /// Whether no listener has begun since a connection was made.
    pub(super) fn is_newest(&self, prepared: &Prepared) -> bool {
        prepared.listener == self.listeners.load(Ordering::Relaxed)
    }

    pub(super) fn connect(&self) -> Option<Prepared> {
        let listener = self.listeners.load(Ordering::Relaxed);
        match self.access.connect_with(SETTINGS) {
            Ok(client) => {
                let of_queues = (self.max_bytes, self.all_bytes.clone());
                Some(Prepared::new(client, listener, of_queues))
            }
            Err(error) => {
                self.lacks_connections.store(true, Ordering::Relaxed);
                let error = Said(&error);
                tracing::error!(%error, "no connection to PostgreSQL");
                None
            }
        }
    }
}

fn next(waiting: &Mutex<mpsc::Receiver<Box<dyn Job>>>) -> Option<Box<dyn Job>> {
    let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    waiting.blocking_recv()
}

/// Runs a job until it is committed, refuses, was overtaken too often, or nobody waits for it any
/// more, and answers it. Its first transaction has begun. Returns whether the connection is of use
/// afterwards.
fn run(prepared: &Prepared, mut job: Box<dyn Job>) -> bool {
    for turn in 0..MAX_RUNS {
        let begun = match turn {
            0 => Ok(()),
            _ => prepared.batch(job.begin()),
        };
        let attempt = || begun.and_then(|()| attempt(prepared, job.as_mut()));
        let Some(attempted) = caught(attempt) else {
            job.refuse(ErrorCode::Internal.into());
            return false;
        };
        match attempted {
            Ok(()) => {
                caught(|| job.answer());
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
        if !job.is_wanted() {
            return true;
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

#[cfg(test)]
mod tests;
