//! The one thread that changes rows and log. It does one act after the other, in the order in which
//! they arrived, and calls neither vault nor network.

use std::thread;

use tokio::sync::{mpsc, oneshot};
use waxseal_desk::DeskError;
use waxseal_desk::desk::Desk;
use waxseal_reporting::Timestamp;

use crate::clock::now;
use crate::errors::Refusal;
use crate::files::AnyStore;

/// Maximum number of acts that wait. More are refused, and the caller tries again.
const MAX_WAITING: usize = 256;
/// How often an act is tried when another process wrote in between. Each try checks all again.
const MAX_TRIES: usize = 5;

type Job = Box<dyn FnOnce(&mut Desk<AnyStore>) + Send>;

/// Gives acts to the thread.
#[derive(Clone)]
pub struct Office(mpsc::Sender<Job>);

impl Office {
    /// Starts the thread. It ends, with the desk, once all clones are dropped.
    pub fn start(mut desk: Desk<AnyStore>) -> std::io::Result<(Self, thread::JoinHandle<()>)> {
        let (jobs, mut waiting) = mpsc::channel::<Job>(MAX_WAITING);
        let run = move || {
            while let Some(job) = waiting.blocking_recv() {
                job(&mut desk);
            }
        };
        let thread = thread::Builder::new()
            .name("office".to_owned())
            .spawn(run)?;
        Ok((Self(jobs), thread))
    }

    /// Does an act, and returns what came of it. It is tried again if another process, such as
    /// `desk policy publish`, wrote in between.
    pub async fn act<T: Send + 'static>(
        &self,
        act: impl FnMut(&mut Desk<AnyStore>, Timestamp) -> Result<T, DeskError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let (answer, done) = oneshot::channel();
        let sent = self.0.try_send(Box::new(|desk| {
            let _ = answer.send(with_tries(desk, act));
        }));
        sent.map_err(|_| Refusal::busy())?;
        let done = done.await.map_err(|_| Refusal::busy())?;
        Ok(done?)
    }

    /// Like [`act`](Self::act), for a thread.
    pub fn act_now<T: Send + 'static>(
        &self,
        act: impl FnMut(&mut Desk<AnyStore>, Timestamp) -> Result<T, DeskError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let (answer, done) = oneshot::channel();
        let sent = self.0.blocking_send(Box::new(|desk| {
            let _ = answer.send(with_tries(desk, act));
        }));
        sent.map_err(|_| Refusal::busy())?;
        let done = done.blocking_recv().map_err(|_| Refusal::busy())?;
        Ok(done?)
    }
}

fn with_tries<T>(
    desk: &mut Desk<AnyStore>,
    mut act: impl FnMut(&mut Desk<AnyStore>, Timestamp) -> Result<T, DeskError>,
) -> Result<T, DeskError> {
    let mut tries = 1;
    loop {
        // CHK-624: acts are by the policy in force, also if another process has just published it.
        let done = desk.read_policy().and_then(|()| act(desk, now()));
        match done {
            Err(DeskError::Store(error)) if error.conflict().is_some() && tries < MAX_TRIES => {
                tries += 1;
            }
            done => return done,
        }
    }
}
