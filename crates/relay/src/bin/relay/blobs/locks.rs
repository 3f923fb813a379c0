//! Locks: one upload to a blob at a time.

use std::hash::{BuildHasher, RandomState};

use tokio::sync::{Mutex, MutexGuard};
use waxseal_interface::ErrorCode;
use waxseal_reporting::BlobId;

use crate::blobs::loads::MAX_WAIT;
use crate::errors::Refusal;

/// Number of locks. Blobs that share one wait for each other's parts.
const STRIPES: usize = 256;

/// Locks for all blobs. Which blobs share one is drawn at each start, so that no one can choose
/// ids that do.
pub struct Locks {
    stripes: Vec<Mutex<()>>,
    state: RandomState,
}

impl Locks {
    pub fn new() -> Self {
        Self {
            stripes: std::iter::repeat_with(Mutex::default)
                .take(STRIPES)
                .collect(),
            state: RandomState::new(),
        }
    }

    /// Waits until no one else appends to this blob, but not for long.
    pub async fn lock(&self, blob: &BlobId) -> Result<MutexGuard<'_, ()>, Refusal> {
        let busy = || Refusal::retry_after(ErrorCode::Busy, 1);
        let hash = self.state.hash_one(blob);
        let stripe = usize::try_from(hash % STRIPES as u64).unwrap_or(0);
        let stripe = self.stripes.get(stripe).ok_or_else(busy)?;
        let locked = tokio::time::timeout(MAX_WAIT, stripe.lock()).await;
        locked.map_err(|_| busy())
    }
}
