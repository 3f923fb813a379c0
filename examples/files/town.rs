//! A relay and two phones, and what goes wrong between them.

use std::path::Path;

use rand::{RngExt, SeedableRng};
use waxseal::Timestamp;
use waxseal_world::{Asked, Fault, Relay};

use crate::phone::Phone;
use crate::{Result, Rng};

/// Chance that a request is lost, its answer is lost, or its answer is altered: each this much.
const FAULT: f64 = 0.05;
/// Turns after which nothing is waited for any more.
const MAX_TURNS: u32 = 200_000;
/// How far the clock goes on when nobody has anything to do.
const TICK_MS: u64 = 1_000;

pub struct Town {
    pub relay: Relay,
    pub sender: Phone,
    pub recipient: Phone,
}

impl Town {
    /// Two accounts, registered with a relay that keeps its blobs in this folder.
    pub fn new(seed: u64, folder: &Path) -> Result<Self> {
        let mut relay = Relay::new(seed);
        relay.blob_quota = u64::MAX;
        relay.keep_blobs_in(folder);
        let now = relay.provider.now;
        let mut town = Self {
            sender: Phone::new("alice", seed.wrapping_add(1), now)?,
            recipient: Phone::new("bob", seed.wrapping_add(2), now)?,
            relay,
        };
        town.rest()?;
        let mut rng = Rng::seed_from_u64(seed.wrapping_add(3));
        town.relay.fail(move |_: &Asked| {
            [Fault::RequestLost, Fault::AnswerLost, Fault::AnswerAltered]
                .into_iter()
                .find(|_| rng.random_bool(FAULT))
        });
        Ok(town)
    }

    /// Lets both phones work once. Time passes if both have nothing to do. Returns whether they
    /// had.
    fn turn(&mut self) -> Result<bool> {
        let mut is_busy = self.sender.turn(&mut self.relay)?;
        is_busy |= self.recipient.turn(&mut self.relay)?;
        if !is_busy {
            let now = self.relay.provider.now.as_millis() + TICK_MS;
            self.relay.set_now(Timestamp::from_millis(now));
        }
        Ok(is_busy)
    }

    /// Lets the phones work until something is there.
    pub fn until<T>(
        &mut self,
        what: &str,
        mut is_there: impl FnMut(&mut Self) -> Result<Option<T>>,
    ) -> Result<T> {
        for _ in 0..MAX_TURNS {
            if let Some(there) = is_there(self)? {
                return Ok(there);
            }
            self.turn()?;
        }
        Err(format!("{what} did not come").into())
    }

    /// Lets the phones work until both have nothing to do.
    pub fn rest(&mut self) -> Result<()> {
        while self.turn()? {}
        Ok(())
    }
}
