//! Messages between two accounts, of which there are far more than of all else. What one needs to
//! know and writes is so little that PostgreSQL takes many of them at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use waxseal_interface::{ErrorCode, MARK_LEN};
use waxseal_reporting::Timestamp;
use waxseal_roster::Pinned;

use crate::errors::Refusal;
use crate::store::devices::Listed;
use crate::store::processes::By;
use crate::store::queue::Message;

/// Who sends to whom, by their rows, and how much.
#[cfg_attr(
    not(feature = "postgres"),
    expect(dead_code, reason = "SQLite has no lanes")
)]
#[derive(Clone, Copy)]
pub struct Way {
    pub device: i64,
    pub account: i64,
    pub peer: i64,
    /// How long the message is.
    pub len: usize,
}

/// An account, as far as a message to it or from it must fit.
#[derive(Clone)]
pub struct Party {
    pub newest: Arc<Pinned>,
    pub listed: Vec<Listed>,
}

/// What is known when a message is taken.
pub struct Facts<'a> {
    /// When the last message of the sender was accepted.
    pub last: Option<Timestamp>,
    pub own: &'a Party,
    pub peer: &'a Party,
}

/// Maximum length of all messages that wait to be stored, in units of [`UNIT`].
const MAX_WAITING: usize = (256 << 20) / UNIT;
const UNIT: usize = 1 << 10;

/// Maximum time that a message waits for its turn.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// Bounds the memory of messages that wait to be stored.
pub struct Space(Arc<Semaphore>);

/// The space of one message. What holds the message holds it too.
pub type Held = Arc<OwnedSemaphorePermit>;

impl Default for Space {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_WAITING)))
    }
}

impl Space {
    /// Waits until there is space for a message. Refuses it if that takes too long.
    pub async fn hold(&self, len: usize) -> Result<Held, Refusal> {
        let busy = || Refusal::retry_after(ErrorCode::Busy, 1);
        let units = len.div_ceil(UNIT).clamp(1, MAX_WAITING);
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        let held = timeout(MAX_WAIT, self.0.clone().acquire_many_owned(units)).await;
        let held = held.map_err(|_| busy())?.map_err(|_| busy())?;
        Ok(Arc::new(held))
    }
}

/// A message that was stamped, with what is written with it.
#[cfg_attr(
    not(feature = "postgres"),
    expect(dead_code, reason = "SQLite has no lanes")
)]
pub struct Stamped<T> {
    pub by: By,
    pub accepted_at: Timestamp,
    pub mark: Option<[u8; MARK_LEN]>,
    pub messages: Vec<Message>,
    pub answer: T,
}

#[cfg(test)]
mod tests;
