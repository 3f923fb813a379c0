//! What all handlers share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use waxseal_desk::desk::Desk;
use waxseal_desk::store::StoreError;
use waxseal_desk::vault::process::VaultClient;
use waxseal_log::keys::LogKeys;
use waxseal_relay::desk::Transparency;

use crate::asks::{Ask, Rounds, Wake};
use crate::clock::now;
use crate::errors::Refusal;
use crate::export_targets::Targets;
use crate::files::Folder;
use crate::health::{Health, Metrics};
use crate::mark::{self, Mark};
use crate::nonces::{Nonces, NotTaken};
use crate::office::Office;
use crate::opened::Opened;
use crate::readers::Readers;
use crate::relay::RelayCalls;
use crate::room::Rooms;

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
    /// What was counted last of the log.
    pub counted: tokio::sync::Mutex<Option<Transparency>>,
    pub mark: Mutex<Mark>,
    pub health: Health,
    pub metrics: Metrics,
    /// The openings that were begun and not shown.
    pub openings: Opened,
    pub stopping: AtomicBool,
}

impl Server {
    /// Whether a request of this time can be taken at all.
    pub fn is_of_now(&self, at_ms: u64) -> bool {
        let nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        nonces.is_of_now(at_ms, now().as_millis())
    }

    /// Notes whether the clocks let this server take requests. The database's is read already.
    pub fn note_clocks(&self, database_ms: Option<u64>) {
        let now_ms = now().as_millis();
        let nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        let floor_ms = nonces.floor_ms();
        drop(nonces);
        self.health
            .note("clock", &mark::check_clock(now_ms, database_ms));
        self.health
            .note("requests", &mark::check_floor(now_ms, floor_ms));
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
        // It waits for the disk once a second at most, and for a database each time.
        let covered = tokio::task::block_in_place(|| mark.cover(at_ms, now_ms));
        drop(mark);
        covered.map_err(|error| match error.downcast::<StoreError>() {
            Ok(error) => Refusal::from(*error),
            Err(error) => Refusal::failed(&error),
        })?;
        let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = nonces.take(request, at_ms, now_ms, max);
        taken.map_err(|not_taken| match not_taken {
            NotTaken::Replayed => Refusal::not_signed(),
            NotTaken::TooMany => Refusal::busy(),
        })
    }

    /// Whether this server may send something or write a file: no other one has taken over.
    pub fn check_place(&self) -> Result<(), Refusal> {
        let of_store = |desk: &Desk<_>| Ok(self.folder.check_place(desk.store())?);
        self.readers.read_now(of_store)
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
