//! What jobs of one account or group wait for before they take a thread of the database. There,
//! each of them would wait for the locks of the one before, and hold up the jobs of all others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout;
use waxseal_interface::ErrorCode;
use waxseal_reporting::ConversationId;

use crate::errors::Refusal;

/// Maximum time that a request waits for its turn.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// Maximum number of requests of one account or group that wait for their turns.
const MAX_WAITING: usize = 32;

/// From this number on, those that nobody waits for are forgotten.
const MANY: usize = 4_096;

/// Whose turn it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Whose {
    Account(i64),
    Group(ConversationId),
}

type Turn = Arc<tokio::sync::Mutex<()>>;

#[derive(Default)]
pub struct Turns(Mutex<HashMap<Whose, Turn>>);

impl Turns {
    /// Waits for a turn, which ends with what this returns.
    pub async fn take(&self, whose: Whose) -> Result<OwnedMutexGuard<()>, Refusal> {
        let turn = {
            let mut turns = self.lock();
            if turns.len() >= MANY {
                turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            }
            turns.entry(whose).or_default().clone()
        };
        // The table has it too, and so do whoever's turn it is and this request.
        if Arc::strong_count(&turn) > MAX_WAITING + 2 {
            return Err(Refusal::retry_after(ErrorCode::Busy, 1));
        }
        let taken = timeout(MAX_WAIT, turn.lock_owned()).await;
        taken.map_err(|_| Refusal::retry_after(ErrorCode::Busy, 1))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Whose, Turn>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
