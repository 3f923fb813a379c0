//! What happens in one run, in order.

use std::time::Instant;

use rand::{RngExt, SeedableRng};
use waxseal::GroupStanding;

use crate::arguments::Arguments;
use crate::lines;
use crate::members::Change;
use crate::outcome::Outcome;
use crate::people::{FOUNDER, SECOND, Standing};
use crate::world::World;
use crate::{Result, Rng};

/// Time between two messages.
const PAUSE_MS: u64 = 400;
/// Parts of the run. Each begins with changes of the group, and ends with attacks.
const PARTS: usize = 8;
/// Messages between two changes of the group, at least.
const CHANGE_EVERY: usize = 24;
/// How often the group changes in one part, at most.
const MAX_CHANGES: usize = 6;
/// A night, in which nothing happens.
const NIGHT_MS: u64 = 9 * 3_600_000;

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let began = Instant::now();
    let lines = lines::read(arguments.file.as_deref())?;
    let messages = match (&arguments.file, arguments.messages) {
        (_, Some(messages)) => messages,
        (Some(_), None) => lines.len(),
        (None, None) => 200,
    };
    let rng = Rng::seed_from_u64(arguments.seed);
    let mut world = World::new(arguments.seed, rng, lines);
    (world.outcome.members, world.outcome.devices) = (arguments.members, arguments.devices);
    if let Err(error) = happen(&mut world, messages, arguments) {
        world.outcome.wrong.push(error.to_string());
    }
    world.outcome.seconds = began.elapsed().as_secs_f64();
    world.outcome.judge();
    Ok(world.outcome)
}

fn happen(world: &mut World, messages: usize, arguments: &Arguments) -> Result<()> {
    assemble(world, arguments)?;
    for part in 0..PARTS {
        begin(world, part, arguments)?;
        // The last one comes after the last change. What the attacks need, they write.
        let left = messages.saturating_sub(world.outcome.messages as usize + 1);
        let of_part = left / (PARTS - part);
        talk(world, of_part, arguments)?;
        attack(world, part)?;
        if part % 3 == 2 {
            world.settle()?;
            world.network.pass(NIGHT_MS);
        }
    }
    world.settle()?;
    // What waits with members who may not write arrives, too.
    everyone_writes(world)?;
    world.write()?;
    world.settle()?;
    world.report()?;
    world.count()
}

/// The founder invites everyone else. Meanwhile the network loses what it likes.
fn assemble(world: &mut World, arguments: &Arguments) -> Result<()> {
    for _ in 0..arguments.members {
        world.create(arguments.devices)?;
    }
    world.found()?;
    let founder = world.people.persons[FOUNDER].devices[0];
    // Nobody can be invited before the relay has the group.
    while world.standing(founder)? != Some(GroupStanding::Member) {
        world.run(PAUSE_MS)?;
    }
    for person in 1..arguments.members {
        world.invite(FOUNDER, person)?;
        world.run(PAUSE_MS)?;
    }
    world.settle()?;
    world.change(FOUNDER, Change::Promote(SECOND))?;
    world.settle()
}

/// If only admins write, all members do so again.
fn everyone_writes(world: &mut World) -> Result<()> {
    if world.state()?.policy().admins_write {
        world.change(FOUNDER, Change::AdminsWrite(false))?;
        world.settle()?;
    }
    Ok(())
}

/// Changes with which a part begins.
fn begin(world: &mut World, part: usize, arguments: &Arguments) -> Result<()> {
    let others = world.people.all(Standing::Member);
    let others: Vec<_> = others.into_iter().filter(|one| *one > SECOND).collect();
    everyone_writes(world)?;
    match part {
        // Both admins act at once.
        1 | 4 | 6 => {
            let admins_write = world.state()?.policy().admins_write;
            world.change(SECOND, Change::AdminsWrite(!admins_write))?;
            match world.any(&others) {
                Some(person) => world.change(FOUNDER, Change::Remove(person))?,
                None => world.change(FOUNDER, Change::AdminsWrite(!admins_write))?,
            }
            join(world, SECOND, arguments)
        }
        // The key of the admins changes.
        2 => {
            if let Some(person) = world.any(&others) {
                world.change(FOUNDER, Change::Promote(person))?;
                world.run(3_000)?;
                world.change(SECOND, Change::Demote(person))?;
            }
            Ok(())
        }
        3 => {
            if others.is_empty() {
                join(world, SECOND, arguments)?;
                world.settle()?;
            }
            leave(world)
        }
        5 => {
            if let Some(person) = world.any(&others) {
                world.replace_device(person)?;
            }
            Ok(())
        }
        _ => join(world, FOUNDER, arguments),
    }
}

/// What is tried at the end of a part.
fn attack(world: &mut World, part: usize) -> Result<()> {
    match part % 4 {
        0 => world.ghosts(),
        1 => world.forgeries(),
        2 => world.forks(),
        _ => world.forged_reports(),
    }
}

/// Members write to each other. Meanwhile some join, leave or are removed.
fn talk(world: &mut World, messages: usize, arguments: &Arguments) -> Result<()> {
    let every = CHANGE_EVERY.max(messages / MAX_CHANGES);
    for number in 0..messages {
        if number % every == every / 2 {
            change(world, arguments)?;
        }
        world.write()?;
        world.run(PAUSE_MS)?;
    }
    world.run(4 * PAUSE_MS)
}

fn change(world: &mut World, arguments: &Arguments) -> Result<()> {
    let admin = [FOUNDER, SECOND][world.rng.random_range(0..2)];
    match world.rng.random_range(0..10) {
        0..=1 => {
            let others = world.people.all(Standing::Member);
            let others: Vec<_> = others.into_iter().filter(|one| *one > SECOND).collect();
            match world.any(&others) {
                Some(person) => world.change(admin, Change::Remove(person)),
                None => Ok(()),
            }
        }
        2..=3 => leave(world),
        4..=5 => {
            let members = world.people.all(Standing::Member);
            let person = world.any(&members).ok_or("nobody is there")?;
            world.replace_device(person)
        }
        _ => join(world, admin, arguments),
    }
}

/// Someone joins, if there is room: a newcomer, or somebody who was a member before.
fn join(world: &mut World, admin: usize, arguments: &Arguments) -> Result<()> {
    let all = world.people.persons.iter();
    let inside = all.filter(|one| one.standing != Standing::Outside).count();
    if inside >= arguments.members {
        return Ok(());
    }
    let outside = world.people.all(Standing::Outside);
    let person = match world.any(&outside).filter(|_| world.rng.random_bool(0.5)) {
        Some(person) => person,
        None => world.create(arguments.devices)?,
    };
    world.invite(admin, person)
}

/// A member leaves.
fn leave(world: &mut World) -> Result<()> {
    let others = world.people.all(Standing::Member);
    let others: Vec<_> = others.into_iter().filter(|one| *one > SECOND).collect();
    match world.any(&others) {
        Some(person) => world.leave(person),
        None => Ok(()),
    }
}
