//! Loads: answers with bytes of blobs that are in memory until their client has read them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use waxseal_interface::ErrorCode;

use crate::errors::Refusal;

/// Maximum number of loads. Each has up to 1 MiB.
const MAX_LOADS: usize = 256;

/// Maximum number of loads of one account.
const MAX_OF_ONE: usize = 16;

/// Maximum time that a request waits for others.
const MAX_WAIT: Duration = Duration::from_secs(5);

pub struct Loads {
    permits: Arc<Semaphore>,
    of_accounts: Arc<Mutex<HashMap<i64, usize>>>,
}

impl Loads {
    pub fn new() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(MAX_LOADS)),
            of_accounts: Arc::default(),
        }
    }

    /// Begins a load of an account.
    pub async fn begin(&self, account: i64) -> Result<Load, Refusal> {
        let share = self.share(account)?;
        let permit = self.permits.clone().acquire_owned();
        let permit = tokio::time::timeout(MAX_WAIT, permit).await;
        let busy = || Refusal::retry_after(ErrorCode::Busy, 1);
        let permit = permit.map_err(|_| busy())?.map_err(|_| busy())?;
        Ok(Load {
            _permit: permit,
            _share: share,
        })
    }

    fn share(&self, account: i64) -> Result<Share, Refusal> {
        let mut accounts = lock(&self.of_accounts);
        let count = accounts.entry(account).or_default();
        if *count >= MAX_OF_ONE {
            return Err(Refusal::retry_after(ErrorCode::TooManyRequests, 1));
        }
        *count += 1;
        Ok(Share {
            account,
            of_accounts: self.of_accounts.clone(),
        })
    }
}

/// An answer's place in memory. It is given back once the client has read the answer or is gone.
pub struct Load {
    _permit: OwnedSemaphorePermit,
    _share: Share,
}

impl Load {
    /// The bytes, which keep the place as long as anyone holds them.
    pub fn carry(self, bytes: Vec<u8>) -> Bytes {
        Bytes::from_owner(Carried { bytes, _load: self })
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
    of_accounts: Arc<Mutex<HashMap<i64, usize>>>,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut accounts = lock(&self.of_accounts);
        if let Some(count) = accounts.get_mut(&self.account) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                accounts.remove(&self.account);
            }
        }
    }
}

fn lock(accounts: &Mutex<HashMap<i64, usize>>) -> std::sync::MutexGuard<'_, HashMap<i64, usize>> {
    accounts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_account_has_few_loads_until_its_answers_are_read() {
        let loads = Loads::new();
        let mut held = Vec::new();
        for _ in 0..MAX_OF_ONE {
            held.push(loads.begin(7).await.unwrap().carry(vec![1, 2]));
        }
        let refused = loads.begin(7).await.err().unwrap();
        assert_eq!(refused.code, ErrorCode::TooManyRequests);
        assert!(loads.begin(8).await.is_ok());
        // A part of an answer that is still to be sent keeps the place.
        let rest = held.pop().unwrap().slice(1..);
        assert!(loads.begin(7).await.is_err());
        drop(rest);
        assert!(loads.begin(7).await.is_ok());
        drop(held);
        assert!(lock(&loads.of_accounts).is_empty());
        assert_eq!(loads.permits.available_permits(), MAX_LOADS);
    }
}
