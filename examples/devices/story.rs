//! What happens in one run, in order.

use std::collections::BTreeMap;
use std::time::Instant;

use rand::{RngExt, SeedableRng};
use waxseal::AccountId;

use crate::arguments::Arguments;
use crate::outcome::Outcome;
use crate::relay::World;
use crate::{Result, Rng};

/// Time between two messages.
const PAUSE_MS: u64 = 400;
/// Parts of the run. Between two of them, something is attacked.
const PARTS: u64 = 8;

/// The safety numbers of pairs of accounts.
type Numbers = BTreeMap<(AccountId, AccountId), String>;

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let began = Instant::now();
    let rng = Rng::seed_from_u64(arguments.seed);
    let mut world = World::new(arguments.seed, rng);
    world.outcome.accounts = arguments.accounts;
    for number in 0..arguments.accounts {
        world.create(&format!("account-{number}"))?;
    }
    everyone_writes(&mut world, "Hello!")?;
    world.settle()?;
    let before = numbers(&world)?;

    let each = arguments.messages.div_ceil(PARTS);
    for part in 0..PARTS {
        talk(&mut world, each, arguments)?;
        let (owner, peer) = pair(&mut world, arguments);
        match part {
            0 => world.ghost(owner, peer)?,
            1 => world.stolen_laptop(owner, peer)?,
            2 => world.old_rosters(owner, peer)?,
            3 => world.split_view(owner, peer)?,
            4 => world.frozen(owner, peer)?,
            5 => world.stolen_manager(owner, peer)?,
            6 => {
                world.settle()?;
                let device = world.recover(owner)?;
                let to = world.people.persons[peer].account.clone();
                world.write(device, &to, "I am back.".to_owned())?;
            }
            _ => {}
        }
    }
    // A recovered device has met no one yet who did not write to it.
    everyone_writes(&mut world, "Goodbye!")?;
    world.settle()?;
    world.report()?;
    let after = numbers(&world)?;
    world.outcome.safety_numbers = before.len() as u64;
    let changed = before
        .iter()
        .filter(|(pair, number)| after.get(pair) != Some(number));
    world.outcome.safety_numbers_changed = changed.count() as u64;
    world.count();
    world.outcome.seconds = began.elapsed().as_secs_f64();
    world.outcome.judge();
    Ok(world.outcome)
}

/// The first device of everyone writes to everyone.
fn everyone_writes(world: &mut World, text: &str) -> Result<()> {
    let persons = world.people.persons.len();
    for from in 0..persons {
        for to in (0..persons).filter(|to| *to != from) {
            let device = world.people.persons[from].devices[0];
            let to = world.people.persons[to].account.clone();
            world.write(device, &to, text.to_owned())?;
        }
    }
    Ok(())
}

/// Two persons.
fn pair(world: &mut World, arguments: &Arguments) -> (usize, usize) {
    let owner = world.rng.random_range(0..arguments.accounts);
    let other = world.rng.random_range(1..arguments.accounts);
    (owner, (owner + other) % arguments.accounts)
}

/// Devices write to each other, and some are linked or removed meanwhile.
fn talk(world: &mut World, messages: u64, arguments: &Arguments) -> Result<()> {
    for number in 0..messages {
        let (from, to) = pair(world, arguments);
        if number % 20 == 10 {
            change(world, from, arguments)?;
        }
        let devices = &world.people.persons[from].devices;
        let device = devices[world.rng.random_range(0..devices.len())];
        let to = world.people.persons[to].account.clone();
        world.write(
            device,
            &to,
            format!("Message {number} from device {device}."),
        )?;
        world.run(PAUSE_MS)?;
    }
    Ok(())
}

/// Links or removes a device of a person.
fn change(world: &mut World, person: usize, arguments: &Arguments) -> Result<()> {
    let devices = world.people.persons[person].devices.clone();
    let is_full = devices.len() >= arguments.devices;
    if devices.len() > 1 && (is_full || world.rng.random_bool(0.4)) {
        let device = devices[world.rng.random_range(1..devices.len())];
        return world.remove(person, device);
    }
    world.link(person).map(|_| ())
}

/// The safety numbers that first devices show.
fn numbers(world: &World) -> Result<Numbers> {
    let mut numbers = Numbers::new();
    for person in &world.people.persons {
        let client = &world.people.devices[person.devices[0]].client;
        for peer in &world.people.persons {
            if peer.account != person.account
                && let Ok(number) = client.safety_number(&peer.account)
            {
                numbers.insert(
                    (person.account.clone(), peer.account.clone()),
                    number.digits(),
                );
            }
        }
    }
    Ok(numbers)
}
