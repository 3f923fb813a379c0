//! Attacks by restoring old copies of the database and of the vault's state.

use std::path::PathBuf;

use waxseal_desk::grant::SignedGrant;
use waxseal_desk::vault::{VaultCalls, VaultError};
use waxseal_desk::{DeskError, Refused};

use super::facts::Scene;
use super::world::World;
use super::{Effect, Try};
use crate::{HOUR_MS, Result};

pub const ATTACKS: &[(&str, Try)] = &[
    ("restore yesterday's database", database),
    ("restore the vault's own state", state),
    ("start the vault without its state", no_state),
    ("restore both", both),
    ("restart the vault with a kept challenge", kept_challenge),
    (
        "restart the vault with a kept challenge and yesterday's state",
        kept_challenge_and_state,
    ),
];

/// A world in which the only opening of a grant is used, and copies from before.
struct Used<'a> {
    world: World<'a>,
    grant: SignedGrant,
    backup: PathBuf,
    state: Vec<u8>,
    /// The complete checkpoint from before the opening.
    note: Vec<u8>,
}

fn used<'a>(scene: &Scene<'a>, name: &str) -> Result<Used<'a>> {
    let mut world = World::new(scene)?;
    let filed = world.report();
    let grant = world.granted(filed.all())?;
    let backup = scene.folder(name);
    world.office.back_up(&backup)?;
    let state = world.office.state()?;
    let note = world.office.desk.checkpoint(world.now)?.encode();
    world.later(HOUR_MS);
    let first = world.whole(&grant, filed)?;
    first.map_err(|error| format!("the granted opening fails: {error}"))?;
    world.later(20 * HOUR_MS);
    world.office.settle(world.now)?;
    Ok(Used {
        world,
        grant,
        backup,
        state,
        note,
    })
}

/// The old database says that the opening is not used. The vault knows better.
fn database(scene: &Scene<'_>) -> Result<Effect> {
    let Used {
        mut world,
        grant,
        backup,
        ..
    } = used(scene, "yesterday-database")?;
    world.office.restore_store(&backup)?;
    let (id, filed) = (grant.grant().terms().id, world.report());
    let (office, now) = (&mut world.office, world.now);
    let (vault, rng) = (&mut office.vault, &mut office.rng);
    let begun = office.desk.begin_opening(&id, &filed.id, vault, now, rng);
    match begun {
        Err(DeskError::Vault(VaultError::NoOpeningLeft)) => {}
        Err(error) => return Err(error.into()),
        Ok(_) => {
            return Ok(Effect::Succeeded(
                "the opening began a second time".to_owned(),
            ));
        }
    }
    // The restored log cannot go on either: it would be another one than the witnesses have seen.
    match office.settle(now) {
        Ok(()) => Ok(Effect::Succeeded("the log was rolled back".to_owned())),
        Err(error) => Ok(Effect::Refused(format!(
            "{}; {error}",
            VaultError::NoOpeningLeft
        ))),
    }
}

fn again(mut world: World<'_>, grant: &SignedGrant) -> Result<Effect> {
    let view = world.whole(grant, world.report())?;
    Effect::of_view(view, |error| *error == VaultError::NoOpeningLeft)
}

/// Under yesterday's checkpoint the vault does not know that the opening was used, and draws a
/// challenge for it again. Then it reads the entries again that it had read.
fn state(scene: &Scene<'_>) -> Result<Effect> {
    let Used {
        mut world,
        grant,
        state,
        note,
        ..
    } = used(scene, "yesterday-state")?;
    let secrets = world.office.secrets.vault.clone();
    world.office.restart_vault(&state, &secrets)?;
    let (desk, vault) = (&world.office.desk, &mut world.office.vault);
    vault.follow(&[], &note, world.now)?;
    vault.adopt(desk.policy().ok_or("no policy")?.encode())?;
    let view = world.whole(&grant, world.report())?;
    match Effect::of_view(view, |error| *error == VaultError::MarkRepeated)? {
        Effect::Refused(_) => again(world, &grant),
        other => Ok(other),
    }
}

fn no_state(scene: &Scene<'_>) -> Result<Effect> {
    let Used {
        mut world, grant, ..
    } = used(scene, "yesterday-nothing")?;
    world.office.forget_state()?;
    world.office.settle(world.now)?;
    again(world, &grant)
}

/// The vault follows yesterday's checkpoint, which is genuine and young enough, and draws a second
/// challenge for the used opening. The entry of this one reaches no witnessed checkpoint.
fn both(scene: &Scene<'_>) -> Result<Effect> {
    let Used {
        mut world,
        grant,
        backup,
        state,
        ..
    } = used(scene, "yesterday-both")?;
    world.office.restore_store(&backup)?;
    let secrets = world.office.secrets.vault.clone();
    world.office.restart_vault(&state, &secrets)?;
    let filed = world.report();
    let (office, now) = (&mut world.office, world.now);
    office.desk.follow(&mut office.vault, now)?;
    let id = grant.grant().terms().id;
    let (vault, rng) = (&mut office.vault, &mut office.rng);
    let opening = office.desk.begin_opening(&id, &filed.id, vault, now, rng)?;
    let witnessed = office.witness(now);
    match office.desk.finish_opening(&opening, &mut office.vault, now) {
        Ok(view) => Effect::of_view(Ok(view), |_| false),
        Err(DeskError::Vault(error @ VaultError::TooFewWitnesses { .. })) => {
            let witness = witnessed.err().ok_or("the witnesses cosigned")?;
            Ok(Effect::Refused(format!("{error}; {witness}")))
        }
        Err(DeskError::Refused(Refused::OtherTree)) => {
            Ok(Effect::Refused(Refused::OtherTree.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

fn kept(scene: &Scene<'_>, is_old: bool) -> Result<Effect> {
    let mut world = World::new(scene)?;
    let filed = world.report();
    let grant = world.granted(1)?;
    let old = world.office.state()?;
    let challenge = world.challenge(&grant, filed)?;
    let detail = world.detail(&grant, filed, &challenge)?;
    world.log(&grant, &challenge, filed.promised.number(), &detail)?;
    world.office.settle(world.now)?;
    let state = if is_old { old } else { world.office.state()? };
    let secrets = world.office.secrets.vault.clone();
    world.office.restart_vault(&state, &secrets)?;
    world.office.settle(world.now)?;
    let view = world.open(&grant, filed, &challenge.challenge, &detail)?;
    Effect::of_view(view, |error| *error == VaultError::UnknownChallenge)
}

fn kept_challenge(scene: &Scene<'_>) -> Result<Effect> {
    kept(scene, false)
}

fn kept_challenge_and_state(scene: &Scene<'_>) -> Result<Effect> {
    kept(scene, true)
}
