//! Attacks on the log that the vault follows: entries that are missing, forks, and second logs.

use waxseal_desk::store::Store;
use waxseal_desk::vault::{Challenge, VaultCalls, VaultError};
use waxseal_log::checkpoint::{Checkpoint, CheckpointError};
use waxseal_log::entry::{Detail, Event, Number};
use waxseal_log::note::Note;
use waxseal_log::proof::prove_consistency;
use waxseal_log::report::ReportDigest;

use super::facts::Scene;
use super::pen::{self, OtherLog};
use super::world::World;
use super::{Effect, Try};
use crate::office::ask;
use crate::{HOUR_MS, Result};

pub const ATTACKS: &[(&str, Try)] = &[
    ("open with the entry missing from the log", missing),
    ("open with the entry of another challenge", other_challenge),
    ("open with an entry from last week", old_entry),
    ("log the opening as one of another report", other_number),
    ("show the vault a forked log", forked),
    ("show the vault a rolled-back log", rolled_back),
    ("keep a second log for the vault alone", second_log),
    (
        "keep a second log, cosigned before the public one",
        second_log_first,
    ),
    (
        "keep a second log where no witness is pinned",
        second_log_unwitnessed,
    ),
    ("let witnesses cosign two trees of one size", two_trees),
];

fn missing(scene: &Scene<'_>) -> Result<Effect> {
    let mut world = World::new(scene)?;
    let grant = world.granted(1)?;
    let challenge = world.challenge(&grant, world.report())?;
    let detail = world.detail(&grant, world.report(), &challenge)?;
    world.office.settle(world.now)?;
    let view = world.open(&grant, world.report(), &challenge.challenge, &detail)?;
    Effect::of_view(view, |error| *error == VaultError::NotLogged)
}

/// All else in the entry is right: mark, grant, report, ordinal and number.
fn other_challenge(scene: &Scene<'_>) -> Result<Effect> {
    let mut world = World::new(scene)?;
    let grant = world.granted(1)?;
    let filed = world.report();
    let challenge = world.challenge(&grant, filed)?;
    let other = Challenge {
        challenge: [7; 32],
        ..challenge.clone()
    };
    let detail = world.detail(&grant, filed, &other)?;
    world.log(&grant, &challenge, filed.promised.number(), &detail)?;
    world.office.settle(world.now)?;
    let view = world.open(&grant, filed, &challenge.challenge, &detail)?;
    Effect::of_view(view, |error| *error == VaultError::NotLogged)
}

/// The entry has an old day, so that it is counted in an old transparency report.
fn old_entry(scene: &Scene<'_>) -> Result<Effect> {
    let mut world = World::new(scene)?;
    let grant = world.granted(1)?;
    let filed = world.report();
    let challenge = world.challenge(&grant, filed)?;
    let detail = world.detail(&grant, filed, &challenge)?;
    let today = world.now;
    world.now = waxseal::Timestamp::from_millis(today.as_millis() - 7 * 24 * HOUR_MS);
    world.log(&grant, &challenge, filed.promised.number(), &detail)?;
    world.now = today;
    world.office.settle(world.now)?;
    let view = world.open(&grant, filed, &challenge.challenge, &detail)?;
    Effect::of_view(view, |error| *error == VaultError::NotLogged)
}

/// The reporter looks for openings under the number of the report, and would not find this one.
fn other_number(scene: &Scene<'_>) -> Result<Effect> {
    let mut world = World::new(scene)?;
    let grant = world.granted(1)?;
    let filed = world.report();
    let challenge = world.challenge(&grant, filed)?;
    let detail = world.detail(&grant, filed, &challenge)?;
    let other = ReportDigest::from_bytes([9; 32]).number();
    world.log(&grant, &challenge, other, &detail)?;
    world.office.settle(world.now)?;
    let view = world.open(&grant, filed, &challenge.challenge, &detail)?;
    Effect::of_view(view, |error| *error == VaultError::OtherNumber)
}

/// What the insider needs for another log: a challenge, and the entry of its opening.
struct Prepared {
    grant: waxseal_desk::grant::SignedGrant,
    challenge: [u8; 32],
    detail: Detail,
    entry: Vec<u8>,
    /// The public log.
    public: Vec<Vec<u8>>,
}

fn prepare(world: &mut World<'_>) -> Result<Prepared> {
    let grant = world.granted(1)?;
    let filed = world.report();
    let challenge = world.challenge(&grant, filed)?;
    let detail = world.detail(&grant, filed, &challenge)?;
    let event = Event::ContentOpened {
        purpose: grant.grant().terms().purpose,
        mark: challenge.mark,
    };
    let entry = pen::entry(world.now, filed.promised.number(), event, &detail).encode();
    Ok(Prepared {
        grant,
        challenge: challenge.challenge,
        detail,
        entry,
        public: pen::entries(&world.office)?,
    })
}

/// A checkpoint of another log, with the cosignatures of the witnesses that give one. A witness
/// may refuse only because it has cosigned another log before.
fn witnessed(world: &mut World<'_>, other: &OtherLog) -> Result<Note> {
    let mut note = other.sign(&world.office.secrets.log)?;
    let size = Checkpoint::decode(note.text())?.size();
    for witness in &mut world.office.witnesses {
        let prove = |old| Ok(prove_consistency(old, size, other)?);
        match ask(witness, &note, prove, world.now) {
            Ok(line) => note.add(line)?,
            Err(error) if error.to_string().starts_with("the witness has cosigned") => {}
            Err(error) => return Err(error),
        }
    }
    Ok(note)
}

/// Asks both witnesses, and the vault with what they answered. Returns the vault's answer.
fn show(
    world: &mut World<'_>,
    other: &OtherLog,
    entries: &[Vec<u8>],
) -> Result<Result<Note, VaultError>> {
    let mut note = witnessed(world, other)?;
    let followed = world
        .office
        .vault
        .follow(entries, &note.encode(), world.now);
    Ok(followed.map(|line| {
        let added = note.add(line);
        added.map(|()| note.clone()).unwrap_or(note)
    }))
}

/// Both the vault's answer to another log, and its answer to the opening afterwards.
fn shown(
    world: &mut World<'_>,
    prepared: &Prepared,
    followed: Result<Note, VaultError>,
    is_meant: impl Fn(&VaultError) -> bool,
) -> Result<Effect> {
    let view = world.open(
        &prepared.grant,
        world.report(),
        &prepared.challenge,
        &prepared.detail,
    )?;
    match (followed, view) {
        (_, Ok(view)) => Effect::of_view(Ok(view), |_| false),
        (Ok(_), Err(_)) => Err("the vault followed another log".into()),
        (Err(error), Err(VaultError::NotLogged)) => Effect::of_view(Err(error), is_meant),
        (_, Err(error)) => Effect::of_view(Err(error), |_| false),
    }
}

fn too_few(error: &VaultError) -> bool {
    matches!(error, VaultError::TooFewWitnesses { .. })
}

/// In place of the last entry, the other log has the opening.
fn forked(scene: &Scene<'_>) -> Result<Effect> {
    let mut world = World::new(scene)?;
    let prepared = prepare(&mut world)?;
    let mut entries = prepared.public.clone();
    entries.pop();
    entries.push(prepared.entry.clone());
    let followed = show(&mut world, &OtherLog::new(&entries), &[])?;
    shown(&mut world, &prepared, followed, too_few)
}

/// An old checkpoint is genuine, and both witnesses cosigned it.
fn rolled_back(scene: &Scene<'_>) -> Result<Effect> {
    let mut world = World::new(scene)?;
    let prepared = prepare(&mut world)?;
    let old = world.office.desk.store().checkpoints(0, 1)?;
    let note = old.first().ok_or("there is no checkpoint")?.note.clone();
    let followed = world.office.vault.follow(&[], &note, world.now);
    let followed = followed.and_then(|_| Note::decode(&note).map_err(|_| VaultError::NotOfTheLog));
    let older = |error: &VaultError| matches!(error, VaultError::Older { .. });
    shown(&mut world, &prepared, followed, older)
}

/// An entry that everyone may see, so that the public log goes on.
fn go_on(world: &mut World<'_>) -> Result<()> {
    let detail = Detail::new(vec![0; 98], &mut world.office.rng)?;
    let number = Number::generate(&mut world.office.rng);
    let entry = pen::entry(world.now, number, Event::HoldPlaced, &detail);
    pen::append(&mut world.office, &entry, &detail)?;
    Ok(())
}

/// The public log goes on with something else, and the witnesses see that first.
fn second_log(scene: &Scene<'_>) -> Result<Effect> {
    let mut world = World::new(scene)?;
    let prepared = prepare(&mut world)?;
    go_on(&mut world)?;
    world.office.witness(world.now)?;
    let mut entries = prepared.public.clone();
    entries.push(prepared.entry.clone());
    let followed = show(
        &mut world,
        &OtherLog::new(&entries),
        &entries[entries.len() - 1..],
    )?;
    shown(&mut world, &prepared, followed, too_few)
}

fn second_log_first(scene: &Scene<'_>) -> Result<Effect> {
    private(World::new(scene)?)
}

fn second_log_unwitnessed(scene: &Scene<'_>) -> Result<Effect> {
    private(World::with(scene, false)?)
}

/// The witnesses and the vault see the second log first, and the vault opens. Then the public log
/// goes on.
fn private(mut world: World<'_>) -> Result<Effect> {
    let prepared = prepare(&mut world)?;
    let mut entries = prepared.public.clone();
    entries.push(prepared.entry.clone());
    let private = OtherLog::new(&entries);
    show(&mut world, &private, &entries[entries.len() - 1..])??;
    let (challenge, detail) = (&prepared.challenge, &prepared.detail);
    world.open(&prepared.grant, world.report(), challenge, detail)??;
    go_on(&mut world)?;
    stalled(&mut world)
}

/// After a private opening: can the public log be completed?
fn stalled(world: &mut World<'_>) -> Result<Effect> {
    let settled = world.office.settle(world.now);
    let note = world.office.desk.checkpoint(world.now)?;
    match (settled, world.office.keys.verify(&note)) {
        (
            Err(error),
            Err(CheckpointError::NotOfTheVault | CheckpointError::TooFewWitnesses { .. }),
        ) => Ok(Effect::Noticed(format!(
            "the public checkpoint stays incomplete: {error}"
        ))),
        (_, Ok(_)) => Ok(Effect::Succeeded(
            "the public log is complete without it".to_owned(),
        )),
        (settled, Err(error)) => Err(format!("{error}, and {settled:?}").into()),
    }
}

/// The log's key signs two trees of one size. Each could be shown to other people.
fn two_trees(scene: &Scene<'_>) -> Result<Effect> {
    let mut world = World::new(scene)?;
    let public = world.office.desk.checkpoint(world.now)?;
    world.office.keys.verify(&public)?;
    let mut entries = pen::entries(&world.office)?;
    let last = entries.len() - 1;
    entries.swap(last, last - 1);
    let other = OtherLog::new(&entries);
    let note = witnessed(&mut world, &other)?;
    // Two signed texts of one size are evidence on their own.
    note.signed_by(world.office.keys.log())?;
    public.signed_by(world.office.keys.log())?;
    match world.office.keys.verify(&note) {
        Ok(_) => Ok(Effect::Succeeded("both trees are complete".to_owned())),
        Err(CheckpointError::TooFewWitnesses { found: 0, .. }) => Ok(Effect::Refused(
            "no witness cosigns the second one; both notes together are evidence".to_owned(),
        )),
        Err(error) => Err(error.into()),
    }
}
