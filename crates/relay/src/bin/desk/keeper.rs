//! The thread that does what no one asks for: it sorts reports, publishes the log, enters the day's
//! key, erases cases whose time is over, and tells the relay what became of reports.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use waxseal_desk::desk::Desk;
use waxseal_desk::ids::CaseId;
use waxseal_desk::publish::{Delay, Published, write_folder};
use waxseal_desk::retention::MAX_ERASED as MAX_ERASED_REPORTS;
use waxseal_desk::sorting::{Sorting, is_to_wait};
use waxseal_desk::store::{CaseRow, CaseStatus, ReportList, ReportRow, Store, StoreError};
use waxseal_desk::vault::{Sorted, VaultCalls as _, VaultError};
use waxseal_desk::{DeskError, Refused};
use waxseal_log::entry::{Day, KeyKind};
use waxseal_relay::desk::DeskCode;
use waxseal_relay::system_rng;
use waxseal_reporting::Timestamp;
use waxseal_reporting::intake::ReportId;

use crate::asks::Ask;
use crate::clock::now;
use crate::errors::Refusal;
use crate::files::AnyStore;
use crate::state::Server;
use crate::todo::Todo;
use crate::vault::Answered;

/// How often it looks, if nothing wakes it.
const TICK: Duration = Duration::from_secs(10);
/// How often it publishes, erases, and asks the relay.
const SLOW: Duration = Duration::from_secs(60);
/// Maximum number of reports that are sorted at one time. Those that wait come next.
const MAX_SORTED: usize = 200;
/// How long a report waits that the vault could not sort.
const AGAIN: Duration = Duration::from_secs(3_600);
/// Maximum number of cases that are erased at one time.
const MAX_ERASED: usize = 100;

/// What the thread is set up with.
pub struct Keeper {
    pub server: Arc<Server>,
    pub todo: Todo,
    /// How long a case is kept after its last decision.
    pub keep_ms: u64,
    /// How long entries stay private.
    pub delay: Delay,
    /// Reports that the vault could not sort, and when it was asked.
    pub refused: HashMap<[u8; 16], Instant>,
    /// Whether something was erased and not yet wiped from the files. `true` after a start.
    pub has_traces: bool,
    /// What the public folder has. Nothing after a start, so that each file is compared once.
    pub published: Published,
}

/// Runs until the server stops.
pub fn run(mut keeper: Keeper, woken: &Receiver<()>) {
    let mut next_slow = Instant::now();
    while !keeper.server.is_stopping() {
        let server = keeper.server.clone();
        let health = |part, done: Result<(), Refusal>| {
            let done = done.map_err(|error| error.message);
            server.health.note(part, &done);
        };
        health("key", keeper.enter_key());
        keeper.pin_relay();
        let sorted = keeper.sort();
        health("sorting", sorted.as_ref().map(drop).map_err(Clone::clone));
        if Instant::now() >= next_slow {
            next_slow = Instant::now() + SLOW;
            let erased = keeper.erase();
            keeper
                .server
                .health
                .note("erasing", &erased.map_err(|error| error.message));
            let published = keeper.publish();
            keeper.server.health.note("publishing", &published);
        }
        keeper.todo.work(&keeper.server);
        if sorted.is_ok_and(|more| more) {
            continue;
        }
        let _ = woken.recv_timeout(TICK);
    }
}

impl Keeper {
    /// Enters the stamp key of the day. So the log has a new entry on each day, and its readers
    /// notice a desk that stands still.
    fn enter_key(&self) -> Result<(), Refusal> {
        let epoch = u64::from(Day::of_ms(now().as_millis()).0);
        let kind = KeyKind::Stamp;
        let known = self.server.readers.read_now(|desk| {
            let before = epoch.checked_sub(1);
            let known = desk.store().key_epochs(kind.number(), before, 1)?;
            Ok(known.first().is_some_and(|row| row.epoch == epoch))
        })?;
        if known {
            return Ok(());
        }
        let name = format!("stamp epoch {epoch}").into_bytes();
        let enter = move |desk: &mut Desk<AnyStore>, now: Timestamp| {
            desk.key_created(kind, epoch, &name, now, &mut system_rng())
        };
        match self.server.office.act_now(enter) {
            Err(refusal) if refusal.code != DeskCode::Conflict => Err(refusal),
            _ => self.server.rounds.ask(Ask::Round),
        }
    }

    /// Sorts reports that wait, in random order, so that the log does not show in which order they
    /// arrived. Returns whether more wait.
    fn sort(&mut self) -> Result<bool, Refusal> {
        let (mut waiting, mut after) = (Vec::new(), None);
        loop {
            let list = ReportList::Unsorted;
            let page = self
                .server
                .readers
                .read_now(|desk| Ok(desk.store().reports(&list, after, usize::MAX)?))?;
            let Some(last) = page.last() else { break };
            after = Some((last.received_at_ms, last.id));
            let due = |row: &ReportRow| {
                let refused = self.refused.get(&row.id);
                refused.is_none_or(|at| at.elapsed() > AGAIN)
            };
            waiting.extend(page.into_iter().filter(due));
        }
        let more = waiting.len() > MAX_SORTED;
        for row in shuffled(waiting).iter().take(MAX_SORTED) {
            match self.sort_one(row) {
                Ok(()) => {}
                // The vault does not answer, or must follow first: the others would fail too.
                Err(error) if is_of_vault(&error) => return Err(error.into()),
                // One report that cannot be sorted stops no other.
                Err(error) => {
                    tracing::error!(error = error.to_string(), "a report was not sorted");
                    self.refused.insert(row.id, Instant::now());
                }
            }
        }
        Ok(more)
    }

    fn sort_one(&mut self, row: &ReportRow) -> Result<(), DeskError> {
        let id = ReportId::from_bytes(row.id);
        let content = self
            .server
            .readers
            .read_now(|desk| Ok(desk.store().content(&row.id)?));
        let Ok(Some(content)) = content else {
            return Ok(());
        };
        let mut vault = self.server.vault.clone();
        let answer = vault.sort(&id, &content.accepted, now());
        let is_waiting = |error: &VaultError| match error {
            VaultError::Rejected { check } => is_to_wait(*check),
            error => *error == VaultError::NotAccepted,
        };
        let end = row.received_at_ms.saturating_add(self.keep_ms);
        if answer.as_ref().is_err_and(is_waiting) && now().as_millis() > end {
            return self.erase_unsorted(&id, answer);
        }
        match answer {
            Ok(_) => {}
            // Written first, so that a crash loses nothing. The relay is told once the row says so.
            Err(VaultError::Rejected { check }) => {
                self.todo.reject(&id, check);
                if is_to_wait(check) {
                    // It waits for another key of the vault, or for a later version.
                    self.refused.insert(row.id, Instant::now());
                    return Ok(());
                }
            }
            Err(error) => {
                if error == VaultError::NotFollowed {
                    let _ = self.server.rounds.ask(Ask::Round);
                }
                return Err(error.into());
            }
        }
        let answered = Answered::Sort(id, answer);
        let sorted = self.server.office.act_now(move |desk, now| {
            match desk.sort(&id, &mut answered.clone(), now, &mut system_rng()) {
                Err(DeskError::Refused(Refused::AlreadySorted)) => Ok(None),
                sorted => sorted.map(Some),
            }
        });
        match sorted {
            Ok(Some(Sorting::Rejected { check })) => {
                tracing::warn!(check, "the vault rejected a report");
            }
            Ok(_) => {}
            Err(refusal) => tracing::error!(error = refusal.message, "a report was not sorted"),
        }
        Ok(())
    }

    /// Erases a report that the vault cannot sort, and whose time is over.
    fn erase_unsorted(
        &mut self,
        id: &ReportId,
        answer: Result<Sorted, VaultError>,
    ) -> Result<(), DeskError> {
        // Written first, so that a crash loses nothing. The relay is told once the row says so.
        self.todo.close(id);
        let (id, keep_ms) = (*id, self.keep_ms);
        let answered = Answered::Sort(id, answer);
        let erased = self.server.office.act_now(move |desk, now| {
            desk.erase_unsorted(&id, &mut answered.clone(), keep_ms, now)
        });
        match erased {
            Ok(()) => {
                self.has_traces = true;
                self.refused.remove(id.as_bytes());
                tracing::warn!("erased a report that the vault could not sort in its time");
            }
            Err(refusal) => tracing::error!(error = refusal.message, "a report was not erased"),
        }
        Ok(())
    }

    /// Pins the relay's key at first contact.
    fn pin_relay(&mut self) {
        if self.server.relay_key.get().is_some() {
            return;
        }
        let pinned = self.server.relay.key().and_then(|key| {
            self.server.folder.pin_relay(&key)?;
            Ok(key)
        });
        match pinned {
            Ok(key) => {
                let fingerprint = waxseal_interface::fingerprint(&key);
                tracing::info!(relay_key = fingerprint, "pinned the relay's key");
                let _ = self.server.relay_key.set(key);
            }
            Err(error) => tracing::warn!(error = error.to_string(), "no relay key is pinned yet"),
        }
    }

    /// Adds to the public folder what is new.
    pub fn publish(&mut self) -> Result<(), String> {
        let (delay, before) = (self.delay, self.published);
        let folder = self.server.folder.public();
        let published = self.server.readers.read_now(|desk| {
            let files = desk.publish(now(), delay, before)?;
            let published = files.published();
            self.server.folder.check_place(desk.store())?;
            Ok((published, write_folder(&folder, files)))
        });
        let (published, written) = published.map_err(|error| error.message)?;
        written.map_err(|error| error.to_string())?;
        self.published = published;
        Ok(())
    }

    /// Erases cases whose time is over, and has the relay delete its part.
    fn erase(&mut self) -> Result<(), Refusal> {
        let mut erased = 0;
        for case in self.old_cases()? {
            if erased >= MAX_ERASED {
                break;
            }
            let Some(reports) = self.to_erase(&case)? else {
                continue;
            };
            // Written first, so that a crash loses nothing. The relay is told once the rows say so.
            for row in &reports {
                self.todo.close(&ReportId::from_bytes(row.id));
            }
            let keep_ms = self.keep_ms;
            let done = self.server.office.act_now(move |desk, now| {
                match desk.erase(&CaseId::from_bytes(case), keep_ms, now, &mut system_rng()) {
                    Err(DeskError::Refused(Refused::Held | Refused::NotOver | Refused::Erased)) => {
                        Ok(false)
                    }
                    done => done.map(|_| true),
                }
            });
            let done = done?;
            self.has_traces |= done;
            erased += usize::from(done);
        }
        self.wipe()
    }

    /// Wipes what was erased from the files of the database. If someone reads, again the next time.
    fn wipe(&mut self) -> Result<(), Refusal> {
        if !self.has_traces {
            return Ok(());
        }
        let folder = &self.server.folder;
        match folder.store().map(|mut store| store.compact()) {
            Ok(done) => {
                self.has_traces = has_traces(done)?;
                if self.has_traces {
                    tracing::warn!("what was erased is still in the database: someone reads it");
                }
                Ok(())
            }
            Err(error) => Err(Refusal::failed(&error)),
        }
    }

    /// The cases of reports that came in so long ago that their time may be over.
    fn old_cases(&self) -> Result<BTreeSet<[u8; 16]>, Refusal> {
        let before = now().as_millis().saturating_sub(self.keep_ms);
        let (mut cases, mut after) = (BTreeSet::new(), None);
        loop {
            let list = ReportList::KeptBefore(before);
            let page = self
                .server
                .readers
                .read_now(|desk| Ok(desk.store().reports(&list, after, usize::MAX)?))?;
            let Some(last) = page.last() else {
                return Ok(cases);
            };
            after = Some((last.received_at_ms, last.id));
            cases.extend(page.iter().filter_map(|row| row.case_id));
        }
    }

    /// The reports of a case whose content one step erases. `None` if its time is not over.
    fn to_erase(&self, case: &[u8; 16]) -> Result<Option<Vec<ReportRow>>, Refusal> {
        let (now_ms, keep_ms) = (now().as_millis(), self.keep_ms);
        self.server.readers.read_now(|desk| {
            let row = desk.store().case(case)?;
            let open = |row: &CaseRow| row.status == CaseStatus::Decided && !row.is_held;
            if !row.is_some_and(|row| open(&row)) {
                return Ok(None);
            }
            let decisions = desk.store().decisions(case, usize::MAX)?;
            let is_over = decisions.last().is_some_and(|last| {
                let end = last.decided_at_ms.saturating_add(keep_ms);
                now_ms > end.max(last.appeal_until_ms)
            });
            if !is_over {
                return Ok(None);
            }
            Ok(Some(not_erased(desk.store(), case)?))
        })
    }
}

/// Whether the files of the database still have what was erased.
fn has_traces(compacted: Result<(), StoreError>) -> Result<bool, Refusal> {
    match compacted {
        Ok(()) => Ok(false),
        Err(StoreError::InUse) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// The reports of a case that the next step of its erasure erases: the first ones that are left.
fn not_erased(store: &impl Store, case: &[u8; 16]) -> Result<Vec<ReportRow>, StoreError> {
    let (mut found, mut after) = (Vec::new(), None);
    while found.len() < MAX_ERASED_REPORTS {
        let page = store.reports(&ReportList::OfCase(*case), after, usize::MAX)?;
        let Some(last) = page.last() else { break };
        after = Some((last.received_at_ms, last.id));
        found.extend(page.into_iter().filter(|row| !row.is_erased));
    }
    found.truncate(MAX_ERASED_REPORTS);
    Ok(found)
}

fn is_of_vault(error: &DeskError) -> bool {
    let of_all =
        |error: &VaultError| matches!(error, VaultError::Unreachable | VaultError::NotFollowed);
    matches!(error, DeskError::Vault(error) if of_all(error))
}

fn shuffled(rows: Vec<ReportRow>) -> Vec<ReportRow> {
    use rand_core::Rng as _;
    let mut rng = system_rng();
    let mut keyed: Vec<_> = rows.into_iter().map(|row| (rng.next_u64(), row)).collect();
    keyed.sort_unstable_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, row)| row).collect()
}

#[cfg(test)]
pub mod tests;
