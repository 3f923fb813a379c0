//! Stops a whole case's life after every write of the store and at every call of the vault, and
//! shows that nothing opens without its entry, and that upkeep goes on from there.

use rand_chacha::ChaCha20Rng;
use waxseal_log::entry::{AppealOutcome, Kind, Purpose, Side};
use waxseal_log::note::NoteSignature;
#[cfg(feature = "sqlite")]
use waxseal_log::witness::AddCheckpoint;
use waxseal_reporting::Timestamp;
use waxseal_reporting::intake::ReportId;
use waxseal_reporting::reporter::Reason;

#[cfg(feature = "sqlite")]
use super::shared::Shared;
use super::world::{DAY, HOUR, Saved, World};
use crate::appeal::AppealDecision;
use crate::error::DeskError;
use crate::grant::{Grant, SignedGrant};
use crate::ids::AcceptedDigest;
use crate::sorting::Sorting;
use crate::store::{OpeningList, Store};
use crate::vault::{
    Challenge, LocalVault, OpenRequest, Sorted, Status, VaultCalls, VaultError, View,
};

/// A vault that stops: the last call before it stops is carried out, and its answer is lost or not.
struct Stopping {
    vault: LocalVault<Saved, ChaCha20Rng>,
    calls_left: usize,
    answer_is_lost: bool,
    calls: usize,
    /// Number of reports that it opened, whether or not the desk got them.
    opened: usize,
}

impl Stopping {
    fn new(vault: LocalVault<Saved, ChaCha20Rng>, calls_left: usize) -> Self {
        Self {
            vault,
            calls_left,
            answer_is_lost: false,
            calls: 0,
            opened: 0,
        }
    }

    fn call<T>(
        &mut self,
        call: impl FnOnce(&mut LocalVault<Saved, ChaCha20Rng>) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        if self.calls_left == 0 {
            return Err(VaultError::Unreachable);
        }
        self.calls_left -= 1;
        self.calls += 1;
        let answer = call(&mut self.vault);
        if self.calls_left == 0 && self.answer_is_lost {
            return Err(VaultError::Unreachable);
        }
        answer
    }
}

impl VaultCalls for Stopping {
    fn status(&mut self) -> Result<Status, VaultError> {
        self.call(VaultCalls::status)
    }

    fn follow(
        &mut self,
        entries: &[Vec<u8>],
        note: &[u8],
        now: Timestamp,
    ) -> Result<NoteSignature, VaultError> {
        self.call(|vault| vault.follow(entries, note, now))
    }

    fn adopt(&mut self, document: &[u8]) -> Result<(), VaultError> {
        self.call(|vault| vault.adopt(document))
    }

    fn challenge(
        &mut self,
        grant: &SignedGrant,
        report: &AcceptedDigest,
        now: Timestamp,
    ) -> Result<Challenge, VaultError> {
        self.call(|vault| vault.challenge(grant, report, now))
    }

    fn open(&mut self, request: &OpenRequest, now: Timestamp) -> Result<View, VaultError> {
        let mut opened = false;
        let view = self.call(|vault| {
            let view = vault.open(request, now);
            opened = view.is_ok();
            view
        });
        self.opened += usize::from(opened);
        view
    }

    fn sort(
        &mut self,
        id: &ReportId,
        accepted: &[u8],
        now: Timestamp,
    ) -> Result<Sorted, VaultError> {
        self.call(|vault| vault.sort(id, accepted, now))
    }
}

/// A case from the report to the erasure. Returns how many views the officer got.
fn life(world: &mut World, vault: &mut Stopping, views: &mut usize) -> Result<(), DeskError> {
    let reported = world.reported("mallory", "bob", Reason::Sextortion);
    let report = world.take_in(&reported)?;
    let Sorting::Case(case) = world.desk.sort(&report, vault, world.now, &mut world.rng)? else {
        panic!("not sorted");
    };
    let terms = world.terms(case, &report, Purpose::Identify);
    let grant = world.request(&terms)?;
    let signature = Grant::new(terms)
        .unwrap()
        .sign_as_approver(&world.officers.approve);
    world
        .desk
        .approve_grant(&grant, &signature, world.now, &mut world.rng)?;
    for _ in 0..2 {
        let (now, desk) = (world.now, &mut world.desk);
        let opening = desk.begin_opening(&grant, &report, vault, now, &mut world.rng)?;
        world.witness()?;
        world.desk.finish_opening(&opening, vault, now)?;
        *views += 1;
    }
    let decision = world.decide(case)?;
    for side in [Side::Reporter, Side::Account] {
        world
            .desk
            .notice_sent(&decision, side, world.now, &mut world.rng)?;
    }
    let (now, side) = (world.now, Side::Account);
    let appeal = world
        .desk
        .appeal(&decision, side, "No.", now, &mut world.rng)?;
    let act = AppealDecision {
        appeal,
        outcome: AppealOutcome::Upheld,
        statement: "Yes.".into(),
    };
    let signed = world.sign(&act, &world.officers.appeals);
    world
        .desk
        .decide_appeal(&signed, world.now, &mut world.rng)?;
    world.pass(DAY);
    world.desk.upkeep(world.now, &mut world.rng)?;
    world.witness()?;
    world.desk.follow(vault, world.now)?;
    world.pass(20 * DAY);
    assert!(world.desk.erase(&case, DAY, world.now, &mut world.rng)?);
    world.desk.upkeep(world.now, &mut world.rng)?;
    world.witness()?;
    world.desk.follow(vault, world.now)?;
    Ok(())
}

/// Checks what a crash left, and that the desk goes on.
fn recovers(mut world: World, vault: Stopping, views: usize) {
    world.store.stop_after(usize::MAX);
    world.reopen();
    let logged = world
        .kinds()
        .into_iter()
        .filter(|kind| *kind == Kind::ContentOpened)
        .count();
    let openings = world
        .store
        .openings(&OpeningList::NotShown, None, 99)
        .unwrap();
    // Never content without an entry. An entry without content shows as such.
    assert!(views <= vault.opened && vault.opened <= logged);
    assert!(logged - openings.len() <= vault.opened);
    world.is_sound();

    world.pass(HOUR);
    let upkeep = world.desk.upkeep(world.now, &mut world.rng).unwrap();
    assert_eq!(upkeep.not_shown, openings);
    world.is_sound();
    world.complete().unwrap();
    // A later case passes through all its steps.
    let vault = world.restart_vault();
    let mut vault = Stopping::new(vault, usize::MAX);
    let mut views = 0;
    let reported = world.reported("oscar", "bob", Reason::Scam);
    let report = world.take_in(&reported).unwrap();
    world
        .desk
        .sort(&report, &mut vault, world.now, &mut world.rng)
        .unwrap();
    // What was interrupted is taken up by the next report about the same account.
    life(&mut world, &mut vault, &mut views).unwrap();
    assert_eq!(views, 2);
    world.is_sound();
}

/// A world whose vault is apart from it, and stops after this many calls.
fn parted(calls: usize) -> (World, Stopping) {
    let mut world = World::new();
    let vault = world.restart_vault();
    (world, Stopping::new(vault, calls))
}

/// Puts the vault's process back, started again or still running.
fn join(world: &mut World, vault: &mut Stopping, restarted: bool) {
    if !restarted {
        std::mem::swap(&mut world.vault, &mut vault.vault);
    }
}

#[test]
fn a_crash_after_any_write_never_leaves_content_without_an_entry() {
    let (mut world, mut vault) = parted(usize::MAX);
    let (before, mut views) = (world.store.writes.get(), 0);
    life(&mut world, &mut vault, &mut views).unwrap();
    let writes = world.store.writes.get() - before;
    assert_eq!(views, 2);
    assert!(writes >= 25, "{writes}");
    for stop in 0..writes {
        let (mut world, mut vault) = parted(usize::MAX);
        world.store.stop_after(stop);
        let mut views = 0;
        life(&mut world, &mut vault, &mut views).unwrap_err();
        join(&mut world, &mut vault, stop % 2 == 0);
        recovers(world, vault, views);
    }
}

/// A whole life in a store that `open` opens.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
fn is_found_again<S: Store + 'static>(open: impl Fn() -> S) {
    let mut world = World::on(open());
    let vault = world.restart_vault();
    life(&mut world, &mut Stopping::new(vault, usize::MAX), &mut 0).unwrap();
    world.is_sound();
    let kinds = world.kinds();
    world.store = Shared::new(open());
    world.reopen();
    assert_eq!(world.kinds(), kinds);
    world.is_sound();
}

#[cfg(feature = "sqlite")]
#[test]
fn a_whole_life_in_sqlite_is_sound_and_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("desk.db");
    is_found_again(|| crate::store::SqliteStore::open(&path).unwrap());
}

#[cfg(feature = "postgres")]
#[test]
fn a_whole_life_in_postgresql_is_sound_and_is_found_again() {
    let Some(server) = waxseal_postgres::Server::shared() else {
        return;
    };
    let url = server.database();
    is_found_again(|| crate::store::PostgresStore::open(&url).unwrap());
}

#[test]
fn a_vault_that_stops_at_any_call_never_leaves_content_without_an_entry() {
    let (mut world, mut vault) = parted(usize::MAX);
    life(&mut world, &mut vault, &mut 0).unwrap();
    let calls = vault.calls;
    assert!(calls >= 10, "{calls}");
    for (stop, answer_is_lost) in (0..=calls).flat_map(|stop| [(stop, false), (stop, true)]) {
        if stop == calls && !answer_is_lost {
            continue;
        }
        let (mut world, mut vault) = parted(stop);
        vault.answer_is_lost = answer_is_lost;
        let mut views = 0;
        life(&mut world, &mut vault, &mut views).unwrap_err();
        join(&mut world, &mut vault, answer_is_lost);
        recovers(world, vault, views);
    }
}

#[cfg(feature = "sqlite")]
#[test]
fn yesterdays_database_signs_nothing_that_witness_or_vault_take() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut world = World::on(crate::store::SqliteStore::open(path("desk.db")).unwrap());
    let (case, report) = world.case();
    let terms = world.terms(case, &report, Purpose::UserReport);
    let grant = world.request(&terms).unwrap();
    world.complete().unwrap();
    for end in ["", "-wal"] {
        let (from, to) = (format!("desk.db{end}"), format!("yesterday.db{end}"));
        std::fs::copy(path(&from), path(&to)).unwrap();
    }
    for _ in 0..2 {
        world.open(&grant, &report).unwrap();
    }
    // An insider restores the copy, where the grant is not used yet.
    world.store = Shared::new(crate::store::SqliteStore::open(path("yesterday.db")).unwrap());
    world.reopen();
    let (now, desk) = (world.now, &mut world.desk);
    let spent = desk.begin_opening(&grant, &report, &mut world.vault, now, &mut world.rng);
    assert!(matches!(
        spent,
        Err(DeskError::Vault(VaultError::NoOpeningLeft))
    ));
    let size = world.desk.log_size();
    world.decide(case).unwrap();
    let note = world.desk.checkpoint(now).unwrap();
    let request = AddCheckpoint {
        old: size,
        proof: world.desk.consistency(size, world.desk.log_size()).unwrap(),
        note,
    };
    assert!(world.witness.add(&request.encode(), 1).is_err());
    let refusal = world.desk.follow(&mut world.vault, now);
    assert!(matches!(refusal, Err(DeskError::Vault(_))));
}
