//! The thread that lets witnesses and vault follow the log, and shows what was opened.
//!
//! One round is: upkeep, checkpoint, witnesses, vault, openings. All openings that wait share one
//! round. Only this thread signs checkpoints. It holds no lock while it waits for the network: acts
//! go on meanwhile, in their own thread.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use waxseal_desk::DeskError;
use waxseal_desk::desk::Desk;
use waxseal_desk::opening::Opening;
use waxseal_desk::store::Store as _;
use waxseal_desk::vault::process::VaultClient;
use waxseal_desk::vault::{MAX_CHALLENGE_MS, VaultCalls as _, VaultError};
use waxseal_log::checkpoint::Checkpoint;
use waxseal_relay::desk::DeskCode;
use waxseal_relay::system_rng;

use crate::asks::{Ask, Shown};
use crate::clock::now;
use crate::errors::Refusal;
use crate::files::AnyStore;
use crate::opened::{Key, Turn};
use crate::state::Server;
use crate::witnesses::Witnesses;

/// How often the vault is asked whether it must follow.
const TICK: Duration = Duration::from_secs(5);
/// How often a checkpoint is completed while the log grows and no opening waits.
const GROWTH: Duration = Duration::from_secs(10);
/// How often upkeep is done.
const UPKEEP: Duration = Duration::from_secs(60);
struct Waiting {
    opening: Box<Opening>,
    turn: Turn,
    begun: Instant,
    /// Who waits for it now. A caller that is gone can ask again.
    caller: Option<oneshot::Sender<Shown>>,
}

/// Runs until all that ask are gone.
pub fn run(
    server: &Arc<Server>,
    asked: &Receiver<Ask>,
    mut desk: Desk<AnyStore>,
    witnesses: &Witnesses,
) {
    let mut thread = Thread {
        vault: server.vault.clone(),
        server,
        witnesses,
        waiting: HashMap::new(),
        next_upkeep: Instant::now(),
        next_growth: Instant::now(),
        is_due: true,
    };
    loop {
        let wait = if thread.is_due { Duration::ZERO } else { TICK };
        match asked.recv_timeout(wait) {
            Ok(ask) => {
                thread.take(ask);
                // All that wait share one round.
                asked.try_iter().for_each(|ask| thread.take(ask));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if server.is_stopping() {
            return;
        }
        thread.turn(&mut desk);
    }
}

struct Thread<'a> {
    server: &'a Arc<Server>,
    vault: VaultClient,
    witnesses: &'a Witnesses,
    waiting: HashMap<Key, Waiting>,
    next_upkeep: Instant,
    next_growth: Instant,
    is_due: bool,
}

impl Thread<'_> {
    fn take(&mut self, ask: Ask) {
        match ask {
            Ask::Show(opening, key, turn, caller) => {
                let waiting = Waiting {
                    opening,
                    turn,
                    begun: Instant::now(),
                    caller: Some(caller),
                };
                self.waiting.insert(key, waiting);
            }
            Ask::ShowAgain(key, turn, caller) => match self.waiting.get_mut(&key) {
                Some(waiting) => waiting.caller = Some(caller),
                None => self.server.openings.forget(&key, turn),
            },
            Ask::Round => {}
        }
        self.is_due = true;
    }

    fn turn(&mut self, desk: &mut Desk<AnyStore>) {
        let status = self.vault.status();
        let reached = status.as_ref().map(drop).map_err(ToString::to_string);
        self.server.health.note("vault", &reached);
        let must_follow = status.is_ok_and(|status| status.followed.is_none() || !status.adopted);
        let upkeep_is_due = Instant::now() >= self.next_upkeep;
        let has_grown = Instant::now() >= self.next_growth && self.has_grown();
        if !(self.is_due || must_follow || upkeep_is_due || has_grown) {
            return;
        }
        self.next_growth = Instant::now() + GROWTH;
        self.is_due = false;
        let round = self.round(desk, upkeep_is_due);
        let said = round
            .as_ref()
            .map(drop)
            .map_err(|error| error.message.clone());
        self.server.health.note("log", &said);
        if let Err(error) = &round {
            tracing::warn!(error = error.message, "the round failed");
        }
        self.show(desk, round.err());
    }

    /// Whether the log has entries that no complete checkpoint covers.
    fn has_grown(&self) -> bool {
        let grown = self.server.readers.read_now(|desk| {
            let complete = desk.store().newest_checkpoint(true)?;
            Ok(desk.store().log_size()? > complete.map_or(0, |row| row.size))
        });
        grown.unwrap_or_default()
    }

    /// Completes a checkpoint over the log.
    fn round(&mut self, desk: &mut Desk<AnyStore>, with_upkeep: bool) -> Result<(), Refusal> {
        let office = &self.server.office;
        if with_upkeep {
            self.next_upkeep = Instant::now() + UPKEEP;
            let upkeep = office.act_now(|desk, now| desk.upkeep(now, &mut system_rng()))?;
            // The vault must follow before more leaves fit into the log.
            self.is_due |= upkeep.leaves_wait;
        }
        let note = office.act_now(|desk, now| desk.checkpoint(now))?;
        let checkpoint = Checkpoint::decode(note.text());
        let size = checkpoint.map_err(|error| Refusal::failed(&error))?.size();
        if size == 0 {
            return Ok(());
        }
        let readers = &self.server.readers;
        let prove = |old| readers.read_now(|desk| Ok(desk.consistency(old, size)?));
        self.server.check_place()?;
        let lines = self.witnesses.ask(&note, size, &prove);
        if !lines.is_empty() {
            office.act_now(move |desk, _| desk.cosigned(size, &lines))?;
        }
        let mut tries = 0;
        loop {
            match desk.follow(&mut self.vault, now()) {
                Ok(true) => return Ok(()),
                Ok(false) => {
                    let message = "too few witnesses have cosigned; try again later";
                    return Err(Refusal::new(DeskCode::NotCosigned, message));
                }
                Err(DeskError::Store(error)) if error.conflict().is_some() && tries < 3 => {
                    tries += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Shows all openings that wait for someone.
    fn show(&mut self, desk: &mut Desk<AnyStore>, failed: Option<Refusal>) {
        let old = Duration::from_millis(MAX_CHALLENGE_MS);
        let server = self.server;
        self.waiting.retain(|key, waiting| {
            let is_there = |caller: &oneshot::Sender<Shown>| !caller.is_closed();
            let Some(caller) = waiting.caller.take().filter(is_there) else {
                // The caller can ask again while the vault remembers the challenge.
                let keep = waiting.begun.elapsed() < old;
                if !keep {
                    server.openings.forget(key, waiting.turn);
                }
                return keep;
            };
            if let Some(refusal) = &failed {
                let _ = caller.send(Err(refusal.clone()));
                return true;
            }
            match desk.finish_opening(&waiting.opening, &mut self.vault, now()) {
                Ok(view) => {
                    server
                        .metrics
                        .shown
                        .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    server.openings.forget(key, waiting.turn);
                    let _ = caller.send(Ok(view.encode()));
                    false
                }
                Err(error) => {
                    let keep = can_wait(&error);
                    if !keep {
                        server.openings.forget(key, waiting.turn);
                    }
                    let _ = caller.send(Err(error.into()));
                    keep
                }
            }
        });
    }
}

/// Whether the opening can still be shown: the vault has not used its challenge up.
fn can_wait(error: &DeskError) -> bool {
    match error {
        DeskError::Vault(error) => matches!(
            error,
            VaultError::NotFollowed
                | VaultError::NotLogged
                | VaultError::NoPolicy
                | VaultError::TooFewWitnesses { .. }
                | VaultError::WitnessAhead
        ),
        DeskError::Store(error) => error.conflict().is_none(),
        _ => false,
    }
}
