//! What the tests kill.

#![allow(unreachable_pub, reason = "tests")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha20Rng;

use super::world::World;

/// Of this many kills and more, one is aimed at the relay and one at the database, whatever is
/// drawn.
const MANY: usize = 10;

/// What is killed next.
#[derive(Clone, Copy)]
pub enum Victim {
    Relay,
    /// Over SQLite, the relay.
    Database,
    Client,
}

impl Victim {
    /// Draws what is killed, one after another. One in `share` is the relay or the database.
    pub fn draw(kills: usize, share: u32, rng: &mut ChaCha20Rng) -> Vec<Self> {
        let draw = |_| match rng.random_range(0..share) {
            0 if rng.random_bool(0.3) => Self::Database,
            0 => Self::Relay,
            _ => Self::Client,
        };
        let mut drawn: Vec<_> = (0..kills).map(draw).collect();
        if kills >= MANY {
            drawn[..2].copy_from_slice(&[Self::Relay, Self::Database]);
        }
        drawn.shuffle(rng);
        drawn
    }
}

/// How many processes were killed while they ran.
#[derive(Clone, Copy, Default, Debug)]
pub struct Kills {
    pub relays: usize,
    pub databases: usize,
    pub clients: usize,
}

impl Kills {
    /// Kills one, and starts it again unless it is the client of this home.
    ///
    /// # Panics
    /// If relay or database ended by itself.
    pub fn kill(&mut self, world: &World, victim: Victim, home: usize) {
        match victim {
            Victim::Database if world.kill_database() => self.databases += 1,
            Victim::Database | Victim::Relay => {
                kill_relay(world);
                world.start_relay();
                self.relays += 1;
            }
            Victim::Client => self.clients += usize::from(world.kill_client(home)),
        }
    }

    /// Checks, at the end, that each was killed, and that none ended by itself since.
    pub fn check(&self, world: &World) {
        let are_all = self.relays > 0 && self.clients > 0;
        assert!(are_all, "something was never killed: {self:?}");
        assert_eq!(self.databases > 0, world.is_on_postgres(), "{self:?}");
        world.kill_database();
        kill_relay(world);
    }
}

/// Kills the relay.
///
/// # Panics
/// If it ended by itself.
pub fn kill_relay(world: &World) {
    let was_running = world.kill_relay();
    assert!(was_running, "the relay ended: {}", world.relay_log());
}

/// Sets the flag `failed` when the thread that holds it panics, so that the other threads stop too.
pub struct Fuse<'a>(pub &'a AtomicBool);

impl Drop for Fuse<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}
