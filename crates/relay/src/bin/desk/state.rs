//! What all handlers share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use waxseal_desk::vault::process::VaultClient;
use waxseal_log::keys::LogKeys;

use crate::asks::{Ask, Key, Rounds, Wake};
use crate::clock::now;
use crate::errors::Refusal;
use crate::export_targets::Targets;
use crate::files::Folder;
use crate::health::{Health, Metrics};
use crate::mark::Mark;
use crate::nonces::{Nonces, NotTaken};
use crate::office::Office;
use crate::readers::Readers;
use crate::relay::RelayCalls;
use crate::signed::Rooms;

/// The running desk.
pub struct Server {
    pub folder: Folder,
    pub keys: LogKeys,
    pub office: Office,
    pub readers: Arc<Readers>,
    pub vault: VaultClient,
    pub rounds: Rounds,
    pub keeper: Wake,
    pub relay: RelayCalls,
    pub targets: Targets,
    /// Wakes the thread that sends exports.
    pub outbox: Wake,
    /// The relay's key, once it is pinned.
    pub relay_key: OnceLock<[u8; 32]>,
    pub nonces: Mutex<Nonces>,
    pub rooms: Rooms,
    pub mark: Mutex<Mark>,
    pub health: Health,
    pub metrics: Metrics,
    /// The openings that were begun and not shown. `true` while a caller waits.
    pub openings: Mutex<HashMap<Key, bool>>,
    pub stopping: AtomicBool,
}

/// Whether a report is being opened under a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    First,
    /// It is in the log, was not shown, and no one waits for it.
    Waits,
    ByOther,
}

impl Server {
    /// Whether a request of this time can be taken at all.
    pub fn is_of_now(&self, at_ms: u64) -> bool {
        let nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        nonces.is_of_now(at_ms, now().as_millis())
    }

    /// Takes a request whose signature was checked, by its key and nonce, once.
    pub fn take(
        &self,
        request: ([u8; 32], [u8; 16]),
        at_ms: u64,
        max: usize,
    ) -> Result<(), Refusal> {
        let now_ms = now().as_millis();
        let mut mark = self.mark.lock().unwrap_or_else(PoisonError::into_inner);
        // It writes to the disk at most once a second.
        let covered = tokio::task::block_in_place(|| mark.cover(at_ms, now_ms));
        drop(mark);
        covered.map_err(|error| Refusal::failed(&error))?;
        let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = nonces.take(request, at_ms, now_ms, max);
        taken.map_err(|not_taken| match not_taken {
            NotTaken::Replayed => Refusal::not_signed(),
            NotTaken::TooMany => Refusal::busy(),
        })
    }

    /// Notes that someone opens a report under a grant.
    pub fn begin_opening(&self, key: Key) -> Begun {
        let mut openings = self.openings.lock().unwrap_or_else(PoisonError::into_inner);
        match openings.insert(key, true) {
            None => Begun::First,
            Some(false) => Begun::Waits,
            Some(true) => Begun::ByOther,
        }
    }

    /// Notes that no one waits for an opening any more. It can be asked for again.
    pub fn end_opening(&self, key: &Key) {
        let mut openings = self.openings.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waits) = openings.get_mut(key) {
            *waits = false;
        }
    }

    /// Notes that an opening was shown, or cannot be.
    pub fn forget_opening(&self, key: &Key) {
        let mut openings = self.openings.lock().unwrap_or_else(PoisonError::into_inner);
        openings.remove(key);
    }

    /// Has the threads end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.keeper.wake();
        self.outbox.wake();
        let _ = self.rounds.ask(Ask::Round);
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}
