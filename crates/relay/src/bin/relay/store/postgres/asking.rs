//! The connection on which a relay asks every second what it may not have heard of. That this takes
//! long, or fails, does not make the database count as lost.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use postgres::{Client, Error};

use super::Shared;
use super::failure::{Failure, Said};

/// How often the database is asked.
const ASK: Duration = Duration::from_secs(1);

/// How long a thread sleeps, at most. A relay that stops waits for it.
const NAP: Duration = Duration::from_millis(100);

/// A statement that takes longer than this is tried again the next time.
const SETTINGS: &str = "SET statement_timeout = '2s'; SET lock_timeout = '2s'";

/// Maximum number of devices that are asked for at once.
const AT_ONCE: usize = 1_000;

impl Shared {
    /// Asks until the database is closed.
    pub(super) fn ask(&self) {
        let (mut connected, mut is_failing) = (None, false);
        while !self.is_closed.load(Ordering::Relaxed) {
            let began = Instant::now();
            let client = connected.take();
            let client = client.map_or_else(|| self.access.connect_with(SETTINGS), Ok);
            let asked = client.and_then(|client| {
                let client = connected.insert(client);
                // Each is of use without the other.
                let (found, summed) = (self.ask_for_lost(client), self.ask_for_all(client));
                found.and(summed)
            });
            if let Err(error) = &asked {
                if !is_failing {
                    let error = Said(error);
                    tracing::warn!(%error, "PostgreSQL does not say what there is, and is asked again");
                }
                if Failure::of(error) != Failure::Overtaken {
                    connected = None;
                }
            }
            is_failing = asked.is_err();
            while began.elapsed() < ASK && !self.is_closed.load(Ordering::Relaxed) {
                std::thread::sleep(NAP);
            }
        }
    }

    /// Asks how much waits in all queues.
    fn ask_for_all(&self, client: &mut Client) -> Result<(), Error> {
        let all = "SELECT CAST(coalesce(sum(bytes), 0) AS BIGINT) FROM inbox";
        let bytes = client.query_one(all, &[])?.try_get(0)?;
        self.all_bytes.store(bytes, Ordering::Relaxed);
        Ok(())
    }

    /// Asks for the next message and the newest connection of each device that is connected here:
    /// news of them may have been lost.
    fn ask_for_lost(&self, client: &mut Client) -> Result<(), Error> {
        let Some(ear) = self.ear() else {
            return Ok(());
        };
        let lost = "SELECT d.id, coalesce(i.next, 0), coalesce(d.connection, 0)
             FROM device d LEFT JOIN inbox i ON i.recipient = d.id WHERE d.id = ANY($1)";
        for devices in ear.connected().chunks(AT_ONCE) {
            for row in client.query(lost, &[&devices])? {
                ear.found(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
