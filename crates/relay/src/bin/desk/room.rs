//! The room for bodies of requests, so that many callers at once cannot fill the memory.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::errors::Refusal;

/// Maximum time that a body waits for room.
const ROOM_TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum length in bytes of all bodies that a kind of caller sends at one time.
const MAX_ROOM: usize = 64 << 20;

/// The room for bodies. Officers and relay have their own, so neither takes that of the other.
pub struct Rooms {
    pub officers: Arc<Semaphore>,
    pub relay: Arc<Semaphore>,
}

impl Default for Rooms {
    fn default() -> Self {
        let room = || Arc::new(Semaphore::new(MAX_ROOM));
        Self {
            officers: room(),
            relay: room(),
        }
    }
}

/// A body, and the room that it takes until it is dropped.
pub struct Held {
    bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

impl Deref for Held {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads a body of at most this length, once there is room for it.
pub async fn read(body: Body, max_len: usize, room: &Arc<Semaphore>) -> Result<Held, Refusal> {
    let hint = body.size_hint();
    let max = u64::try_from(max_len).unwrap_or(u64::MAX);
    if hint.lower() > max {
        return Err(Refusal::malformed());
    }
    let len = u32::try_from(hint.upper().unwrap_or(max).min(max));
    let len = len.map_err(|_| Refusal::malformed())?;
    let room = tokio::time::timeout(ROOM_TIMEOUT, room.clone().acquire_many_owned(len)).await;
    let room = room.map_err(|_| Refusal::busy())?;
    let room = room.map_err(|_| Refusal::busy())?;
    let bytes = to_bytes(body, max_len).await;
    Ok(Held {
        bytes: bytes.map_err(|_| Refusal::malformed())?,
        _room: room,
    })
}
