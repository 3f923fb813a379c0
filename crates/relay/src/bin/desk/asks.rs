//! How handlers ask the two other threads: the one of the rounds, and the keeper.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use tokio::sync::oneshot;
use waxseal_desk::opening::Opening;
use zeroize::Zeroizing;

use crate::errors::Refusal;
use crate::opened::{Key, Turn};

/// Maximum number of openings that wait for a round.
const MAX_WAITING: usize = 256;

/// What a report shows, encoded, or why it is not shown.
pub type Shown = Result<Zeroizing<Vec<u8>>, Refusal>;

/// What the thread is asked.
pub enum Ask {
    /// Shows what was opened.
    Show(Box<Opening>, Key, Turn, oneshot::Sender<Shown>),
    /// Shows what was opened and not shown yet.
    ShowAgain(Key, Turn, oneshot::Sender<Shown>),
    /// Makes a round soon.
    Round,
}

/// Asks the thread.
#[derive(Clone)]
pub struct Rounds(SyncSender<Ask>);

impl Rounds {
    pub fn new() -> (Self, Receiver<Ask>) {
        let (asks, asked) = sync_channel(MAX_WAITING);
        (Self(asks), asked)
    }

    pub fn ask(&self, ask: Ask) -> Result<(), Refusal> {
        self.0.try_send(ask).map_err(|_| Refusal::busy())
    }
}

/// Wakes the keeper.
#[derive(Clone)]
pub struct Wake(SyncSender<()>);

impl Wake {
    pub fn new() -> (Self, Receiver<()>) {
        let (wake, woken) = sync_channel(1);
        (Self(wake), woken)
    }

    pub fn wake(&self) {
        // If it is full, the thread is awake.
        let _ = self.0.try_send(());
    }
}
