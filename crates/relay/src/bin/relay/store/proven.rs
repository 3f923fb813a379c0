//! Proven time, in one row, which all relays of the database share.

use waxseal_relay::system_rng;

use crate::errors::Refusal;
use crate::keys::random;
use crate::store::Connection;
use crate::store::values::values;
use crate::time::Proven;

/// Where proven time stands. It never goes back on one line. A new line begins when it is set back,
/// and when the database comes from a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Drawn when the line begins.
    pub line: u64,
    pub at_ms: u64,
}

/// Reads where proven time stands. Returns `None` in a database that has none yet.
pub fn mark(db: &Connection) -> Result<Option<Mark>, Refusal> {
    let row: Option<(u64, u64)> = db.one("SELECT line, at_ms FROM proven", &[])?;
    Ok(row.map(|(line, at_ms)| Mark { line, at_ms }))
}

/// Begins a new line.
pub fn begin_line(db: &Connection) -> Result<(), Refusal> {
    db.execute("UPDATE proven SET line = ?1", values![draw()])?;
    Ok(())
}

/// Reads proven time. Returns `None` in a database that has none yet. What a relay knows of its
/// own clocks is with its [process](crate::store::processes).
pub fn load(db: &Connection) -> Result<Option<Proven>, Refusal> {
    let proven = "SELECT at_ms, began_ms, settled FROM proven";
    let row: Option<(u64, u64, bool)> = db.one(proven, &[])?;
    let proven = row.map(|(at_ms, began_ms, settled)| Proven {
        began_ms,
        settled,
        ..Proven::starting_at(at_ms)
    });
    Ok(proven)
}

/// Stores proven time, on the line that it has.
pub fn save(db: &Connection, proven: &Proven) -> Result<(), Refusal> {
    db.execute(
        "INSERT INTO proven (id, at_ms, began_ms, settled, drop_before, line)
         VALUES (1, ?1, ?2, ?3, 0, ?4)
         ON CONFLICT (id) DO UPDATE SET
             at_ms = excluded.at_ms, began_ms = excluded.began_ms, settled = excluded.settled",
        values![proven.at_ms, proven.began_ms, proven.settled, draw()],
    )?;
    Ok(())
}

/// Records the proven time of a relay, and returns what holds for all from now on. Only a relay
/// that shares the database with no other one may set it back.
pub fn record(db: &Connection, of_one: &Proven, is_set_back: bool) -> Result<Proven, Refusal> {
    let recorded = match load(db)? {
        // CHK-702: the latest time that any relay has proven holds for all. So proven time moves
        // with the time that passed, however many relays count it.
        Some(recorded) if !is_set_back => Proven {
            at_ms: recorded.at_ms.max(of_one.at_ms),
            settled: recorded.settled || of_one.settled,
            ..recorded
        },
        _ => *of_one,
    };
    save(db, &recorded)?;
    if is_set_back {
        begin_line(db)?;
    }
    Ok(recorded)
}

/// The epoch before which the keys are destroyed in every relay.
pub fn drop_before(db: &Connection) -> Result<u32, Refusal> {
    let before = db.one("SELECT drop_before FROM proven", &[])?;
    Ok(before.unwrap_or_default())
}

/// New stamp keys are made: no epoch of theirs is destroyed.
pub fn begin_anew(db: &Connection) -> Result<(), Refusal> {
    db.execute("UPDATE proven SET drop_before = 0", &[])?;
    Ok(())
}

fn draw() -> u64 {
    u64::from_be_bytes(*random::<8>(&mut system_rng())) >> 1 // databases have no larger numbers
}
