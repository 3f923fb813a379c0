//! The connection on which a relay asks every second what it may not have heard of. That this takes
//! long, or fails, does not make the database count as lost.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use postgres::{Client, Error};

use super::Shared;
use super::failure::{Failure, Said};
use crate::store::news::Ear;

/// How often the database is asked.
const ASK: Duration = Duration::from_secs(1);

/// How long others do not count after the relay that counts was heard of last.
const KEPT: Duration = Duration::from_secs(10);

/// How long a relay counts at once what waits in all queues.
const COUNTING: Duration = Duration::from_millis(300);

/// How many rows are counted at once, at most.
const MAX_ROWS: i64 = 10_000;

/// What counting took is at most this part of the time. It is done at least this often.
const PART: u32 = 20;
const SELDOM: Duration = Duration::from_secs(30);

/// The rows of queues and of bodies, some at a time.
const TABLES: [&str; 2] = [
    "SELECT max(recipient), CAST(coalesce(sum(len), 0) AS BIGINT) FROM (
         SELECT recipient, bytes - body_bytes AS len FROM inbox
         WHERE recipient > $1 ORDER BY recipient LIMIT $2
     ) s",
    "SELECT max(id), CAST(coalesce(sum(len), 0) AS BIGINT) FROM (
         SELECT id, length(stamped) AS len FROM body WHERE id > $1 ORDER BY id LIMIT $2
     ) s",
];

/// How far a relay has counted what waits in all queues.
struct Counting {
    began: Instant,
    /// Until when no other relay counts, as the row has it.
    due_ms: i64,
    bytes: i64,
    /// The table, and the row up to which it is counted.
    at: (usize, i64),
    /// How many rows are counted at once.
    rows: i64,
}

/// How long a thread sleeps, at most. A relay that stops waits for it.
const NAP: Duration = Duration::from_millis(100);

/// A statement that takes longer than this is tried again the next time.
const SETTINGS: &str = "SET statement_timeout = '2s'; SET lock_timeout = '2s'";

/// Maximum number of devices that are asked for at once.
const AT_ONCE: usize = 1_000;

impl Shared {
    /// Asks until the database is closed.
    pub(super) fn ask(&self) {
        let (mut connected, mut counting, mut is_failing) = (None, None, false);
        let mut of_listener = 0;
        while !self.is_closed.load(Ordering::Relaxed) {
            let began = Instant::now();
            // An older connection may be to a server that is no longer the right one.
            let listener = self.listeners.load(Ordering::Relaxed);
            let client = connected.take().filter(|_| listener == of_listener);
            of_listener = listener;
            let client = client.map_or_else(|| self.access.connect_with(SETTINGS), Ok);
            let asked = client.and_then(|client| {
                let client = connected.insert(client);
                // Each is of use without the other.
                let (found, summed) = (
                    self.ask_for_lost(client),
                    self.ask_for_all(client, &mut counting),
                );
                found.and(summed)
            });
            if let Err(error) = &asked {
                if !is_failing {
                    let error = Said(error);
                    tracing::warn!(%error, "PostgreSQL does not say what there is, and is asked again");
                }
                if Failure::of(error) != Failure::Overtaken {
                    (connected, counting) = (None, None);
                }
            }
            is_failing = asked.is_err();
            while began.elapsed() < ASK && !self.is_closed.load(Ordering::Relaxed) {
                std::thread::sleep(NAP);
            }
        }
    }

    /// Asks how much waits in all queues. One relay counts it, some rows at a time.
    fn ask_for_all(
        &self,
        client: &mut Client,
        counting: &mut Option<Counting>,
    ) -> Result<(), Error> {
        let all = "SELECT bytes, due_ms, due_ms <= now_us() / 1000 FROM found_out";
        let all = client.query_one(all, &[])?;
        self.all_bytes.store(all.try_get(0)?, Ordering::Relaxed);
        if counting.is_none() && all.try_get(2)? {
            *counting = Some(Counting {
                began: Instant::now(),
                due_ms: all.try_get(1)?,
                bytes: 0,
                at: (0, 0),
                rows: MAX_ROWS,
            });
        }
        if let Some(counted) = counting
            && !counted.go_first(client, KEPT)?
        {
            *counting = None; // another relay counts
        }
        let began = Instant::now();
        while let Some(counted) = counting
            && began.elapsed() < COUNTING
        {
            if !counted.go_on(client)? {
                continue;
            }
            let wait = counted.began.elapsed().saturating_mul(PART);
            let keep = "UPDATE found_out SET bytes = $1, due_ms = now_us() / 1000 + $2
                 WHERE due_ms = $3";
            let wait = millis(wait.clamp(ASK, SELDOM));
            client.execute(keep, &[&counted.bytes, &wait, &counted.due_ms])?;
            *counting = None;
        }
        Ok(())
    }

    /// Asks for the next message and the newest connection of each device that is connected here:
    /// news of them may have been lost.
    fn ask_for_lost(&self, client: &mut Client) -> Result<(), Error> {
        let Some(ear) = self.ear() else {
            return Ok(());
        };
        // Before the database is asked: what it gave by now has a lower number than the next.
        let connected = ear.connected();
        let devices: Vec<i64> = connected.keys().copied().collect();
        let mut behind = Vec::new();
        for devices in devices.chunks(AT_ONCE) {
            behind.extend(find(client, &*ear, &connected, devices)?);
        }
        if behind.is_empty() {
            return Ok(());
        }
        let mut newest = self.access.connect_with(SETTINGS)?;
        if !find(&mut newest, &*ear, &connected, &behind)?.is_empty() {
            ear.went_back();
        }
        Ok(())
    }
}

/// Has what the database knows of these devices found. Returns those whose next message has a
/// number that was given.
fn find(
    client: &mut Client,
    ear: &dyn Ear,
    connected: &HashMap<i64, i64>,
    devices: &[i64],
) -> Result<Vec<i64>, Error> {
    let lost = "SELECT d.id, coalesce(i.next, 0), coalesce(d.connection, 0)
         FROM device d LEFT JOIN inbox i ON i.recipient = d.id WHERE d.id = ANY($1)";
    let mut behind = Vec::new();
    for row in client.query(lost, &[&devices])? {
        let (device, next) = (row.try_get(0)?, row.try_get(1)?);
        // A device that is removed meanwhile has no queue.
        if next > 0 && connected.get(&device).is_some_and(|least| next < *least) {
            behind.push(device);
        }
        ear.found(device, next, row.try_get(2)?);
    }
    Ok(behind)
}

impl Counting {
    /// Keeps others from counting for a while. Returns whether none does.
    fn go_first(&mut self, client: &mut Client, time: Duration) -> Result<bool, Error> {
        let take = "UPDATE found_out SET due_ms = greatest(now_us() / 1000 + $1, due_ms + 1)
             WHERE due_ms = $2 RETURNING due_ms";
        let taken = client.query_opt(take, &[&millis(time), &self.due_ms])?;
        if let Some(row) = &taken {
            self.due_ms = row.try_get(0)?;
        }
        Ok(taken.is_some())
    }

    /// Counts some more rows. Returns whether there are no more.
    fn go_on(&mut self, client: &mut Client) -> Result<bool, Error> {
        let (table, after) = self.at;
        let Some(sum) = TABLES.get(table) else {
            return Ok(true);
        };
        let counted = client.query_one(*sum, &[&after, &self.rows]);
        // It may have taken too long.
        self.rows = match counted.is_ok() {
            true => self.rows.saturating_mul(2).min(MAX_ROWS),
            false => (self.rows / 2).max(1),
        };
        let row = counted?;
        self.bytes = self.bytes.saturating_add(row.try_get(1)?);
        self.at = match row.try_get::<_, Option<i64>>(0)? {
            Some(last) => (table, last),
            None => (table.saturating_add(1), 0),
        };
        Ok(false)
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
