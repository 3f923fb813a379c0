//! Loads: parts and answers with bytes of blobs that are in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use waxseal_interface::ErrorCode;

use crate::errors::Refusal;
use crate::serve::Leave;

/// Maximum number of loads of accounts. Each has up to 1 MiB.
pub const MAX_LOADS: usize = 256;

/// Maximum number of loads of one account.
pub const MAX_OF_ONE: usize = 16;

/// Maximum time that a request waits for others.
pub const MAX_WAIT: Duration = Duration::from_secs(5);

/// For how long an answer may be read before another one can need its place.
pub const MAX_READ: Duration = Duration::from_secs(20);

pub struct Loads {
    permits: Arc<Semaphore>,
    open: Arc<Mutex<Open>>,
}

#[derive(Default)]
struct Open {
    of_accounts: HashMap<i64, usize>,
    /// When each began, and the connection that ends with it: the oldest first.
    by_turn: BTreeMap<u64, (Instant, Leave)>,
    next_turn: u64,
}

impl Loads {
    pub fn new(max: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(max)),
            open: Arc::default(),
        }
    }

    /// Begins a load of an account. If there is no place, the oldest connection that reads its
    /// answer too slowly must leave.
    pub async fn begin(&self, account: i64, connection: &Leave) -> Result<Load, Refusal> {
        let share = self.share(account)?;
        let busy = || Refusal::retry_after(ErrorCode::Busy, 1);
        let permit = match self.permits.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                self.make_room();
                let permit = self.permits.clone().acquire_owned();
                let permit = tokio::time::timeout(MAX_WAIT, permit).await;
                permit.map_err(|_| busy())?.map_err(|_| busy())?
            }
        };
        let mut open = lock(&self.open);
        let turn = open.next_turn;
        open.next_turn = turn.wrapping_add(1);
        open.by_turn
            .insert(turn, (Instant::now(), connection.clone()));
        drop(open);
        Ok(Load {
            turn,
            share,
            _permit: permit,
        })
    }

    fn make_room(&self) {
        let mut open = lock(&self.open);
        let oldest = open.by_turn.first_entry();
        if let Some(oldest) = oldest.filter(|oldest| oldest.get().0.elapsed() >= MAX_READ) {
            let (_, connection) = oldest.remove();
            connection.leave();
        }
    }

    fn share(&self, account: i64) -> Result<Share, Refusal> {
        let mut open = lock(&self.open);
        let count = open.of_accounts.entry(account).or_default();
        if *count >= MAX_OF_ONE {
            return Err(Refusal::retry_after(ErrorCode::TooManyRequests, 1));
        }
        *count = count.saturating_add(1);
        Ok(Share {
            account,
            open: self.open.clone(),
        })
    }
}

/// A place in memory. That of an answer is given back once the client has read it or is gone.
pub struct Load {
    turn: u64,
    share: Share,
    _permit: OwnedSemaphorePermit,
}

impl Load {
    /// The bytes, which keep the place as long as anyone holds them.
    pub fn carry(self, bytes: Vec<u8>) -> Bytes {
        Bytes::from_owner(Carried { bytes, _load: self })
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        lock(&self.share.open).by_turn.remove(&self.turn);
    }
}

struct Carried {
    bytes: Vec<u8>,
    _load: Load,
}

impl AsRef<[u8]> for Carried {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// One of the loads that an account may have.
struct Share {
    account: i64,
    open: Arc<Mutex<Open>>,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut open = lock(&self.open);
        if let Some(count) = open.of_accounts.get_mut(&self.account) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.of_accounts.remove(&self.account);
            }
        }
    }
}

fn lock(open: &Mutex<Open>) -> MutexGuard<'_, Open> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub mod tests;
