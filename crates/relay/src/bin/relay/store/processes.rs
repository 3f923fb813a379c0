//! The relays that use the database. Each has a row, under the number of its folder, and says there
//! which stamp keys it has destroyed.

use crate::errors::Refusal;
use crate::store::values::values;
use crate::store::{Connection, proven};

/// A relay, as it runs now.
#[derive(Clone)]
pub struct Me {
    /// Drawn for its folder.
    pub number: u64,
    /// Drawn when it started.
    pub run: u64,
    pub name: String,
    /// Whether other relays may use the database too.
    pub is_shared: bool,
}

/// A relay that stamped something, and the epoch of its oldest stamp keys then.
#[derive(Clone, Copy)]
pub struct By {
    pub number: u64,
    pub run: u64,
    pub oldest: u32,
}

impl Me {
    pub fn by(&self, oldest: u32) -> By {
        let (number, run) = (self.number, self.run);
        By {
            number,
            run,
            oldest,
        }
    }
}

/// What a relay says of itself.
#[derive(Clone, Copy)]
pub struct Said {
    /// Its clock now. The next time is another one, as long as it runs.
    pub seen_ms: u64,
    /// The epoch before which it has destroyed its stamp keys.
    pub destroyed_before: u32,
    /// See [`Proven`](crate::time::Proven).
    pub steady_ms: u64,
    pub clock_ms: u64,
}

/// Another relay, and what it said last.
#[derive(Debug, PartialEq, Eq)]
pub struct Other {
    pub number: u64,
    pub name: String,
    /// Its clock then.
    pub seen_ms: u64,
    /// The clock of the database then.
    pub said_ms: u64,
}

/// The other relays.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Peers {
    pub others: Vec<Other>,
    /// The clock of the database now. `None` if it has none of its own: then there are no others.
    pub clock_ms: Option<u64>,
}

impl Peers {
    pub fn names(&self) -> Vec<&str> {
        self.others
            .iter()
            .map(|other| other.name.as_str())
            .collect()
    }
}

/// What became of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Confirmed {
    /// It counts.
    Counts(Peers),
    /// The relay has keys that count as destroyed. It must destroy them first.
    Behind,
    /// Another relay has started since with the same number.
    TakenOver,
    /// Another relay has the same name.
    NameTaken,
    /// The database does not have what this relay said last: it went back in time.
    WentBack,
}

/// Whether several relays use the database.
pub fn are_several(db: &Connection) -> Result<bool, Refusal> {
    let relays: i64 = db.only("SELECT count(*) FROM process", &[])?;
    Ok(relays > 1)
}

/// What a relay knew of its clocks when it ran before: for how long they had agreed, and the clock.
/// The row 0 is of a relay without a number.
pub fn clocks(db: &Connection, number: u64) -> Result<Option<(u64, u64)>, Refusal> {
    let clocks = "SELECT steady_ms, clock_ms FROM process
         WHERE number = ?1 OR number = 0 ORDER BY number DESC LIMIT 1";
    db.one(clocks, values![number])
}

/// The other relays, in the order of their names.
pub fn peers(db: &Connection, number: u64) -> Result<Peers, Refusal> {
    let others = "SELECT number, name, seen_ms, said_ms FROM process
         WHERE number <> ?1 ORDER BY name";
    let others: Vec<(u64, String, u64, u64)> = db.all(others, values![number])?;
    let others = others.into_iter();
    let others = others.map(|(number, name, seen_ms, said_ms)| Other {
        number,
        name,
        seen_ms,
        said_ms,
    });
    Ok(Peers {
        others: others.collect(),
        clock_ms: db.clock_ms()?,
    })
}

/// Finds a relay that may commit what it stamps and verifies: no other one runs under its number,
/// it was not taken out, and it has no keys that count as destroyed. Its clocks may have stood
/// still, so that it does not know.
pub(in crate::store) const MAY_COMMIT: &str = "SELECT 1 FROM process, proven
     WHERE number = ?1 AND run = ?2 AND drop_before <= ?3";

/// Whether the relay may commit what it stamps and verifies.
pub fn may_commit(db: &Connection, by: By) -> Result<bool, Refusal> {
    db.exists(MAY_COMMIT, values![by.number, by.run, by.oldest])
}

/// Enters a relay that has started. It takes the place of itself as it ran before. On a database
/// that is not shared, it takes the place of any other.
pub fn enter(db: &Connection, me: &Me, said: &Said) -> Result<Confirmed, Refusal> {
    if is_behind(db, me, said)? {
        return Ok(Confirmed::Behind);
    }
    if !me.is_shared {
        let others = "DELETE FROM process WHERE number <> ?1";
        db.execute(others, values![me.number])?;
    }
    let name = "SELECT 1 FROM process WHERE name = ?1 AND number <> ?2";
    if db.exists(name, values![me.name, me.number])? {
        return Ok(Confirmed::NameTaken);
    }
    db.execute(
        "INSERT INTO process
             (number, run, name, version, seen_ms, said_ms, destroyed_before, steady_ms, clock_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (number) DO UPDATE SET
             run = excluded.run, name = excluded.name, version = excluded.version,
             seen_ms = excluded.seen_ms, said_ms = excluded.said_ms,
             destroyed_before = excluded.destroyed_before, steady_ms = excluded.steady_ms,
             clock_ms = excluded.clock_ms",
        values![
            me.number,
            me.run,
            me.name,
            db.tables(),
            said.seen_ms,
            db.clock_ms()?.unwrap_or_default(),
            said.destroyed_before,
            said.steady_ms,
            said.clock_ms
        ],
    )?;
    count(db, me)
}

/// Confirms what a relay has destroyed. One that was taken out enters again. Its clock was one of
/// `known_ms` when it confirmed last.
pub fn confirm(
    db: &Connection,
    me: &Me,
    said: &Said,
    known_ms: &[u64],
) -> Result<Confirmed, Refusal> {
    if is_behind(db, me, said)? {
        return Ok(Confirmed::Behind);
    }
    let known: Option<(u64, u64)> = db.one(
        "SELECT run, seen_ms FROM process WHERE number = ?1",
        values![me.number],
    )?;
    match known {
        Some((run, seen_ms)) if run == me.run && known_ms.contains(&seen_ms) => {}
        Some((run, _)) if run == me.run => return Ok(Confirmed::WentBack),
        // CHK-706: a number is that of one relay. If its file was copied with the folder, the relay
        // that started first gives way, so that neither confirms what the other has not destroyed.
        Some(_) => return Ok(Confirmed::TakenOver),
        None => return enter(db, me, said),
    }
    db.execute(
        "UPDATE process SET
             seen_ms = ?1, said_ms = ?2, destroyed_before = ?3, steady_ms = ?4, clock_ms = ?5
         WHERE number = ?6",
        values![
            said.seen_ms,
            db.clock_ms()?.unwrap_or_default(),
            said.destroyed_before,
            said.steady_ms,
            said.clock_ms,
            me.number
        ],
    )?;
    count(db, me)
}

/// Whether a relay has keys that count as destroyed.
fn is_behind(db: &Connection, me: &Me, said: &Said) -> Result<bool, Refusal> {
    // CHK-704: a relay that was away, or whose root key is from a backup, destroys before it counts
    // as one that has.
    Ok(me.is_shared && said.destroyed_before < proven::drop_before(db)?)
}

/// Counts the epochs as destroyed that all relays have.
fn count(db: &Connection, me: &Me) -> Result<Confirmed, Refusal> {
    // CHK-703: an epoch is destroyed once every relay has destroyed its stamp keys.
    let every: u32 = db.only("SELECT min(destroyed_before) FROM process", &[])?;
    if proven::drop_before(db)? < every {
        db.execute("UPDATE proven SET drop_before = ?1", values![every])?;
    }
    Ok(Confirmed::Counts(peers(db, me.number)?))
}

/// Takes out all other relays, as they are not there after a restore. Each enters again when it
/// starts.
pub fn forget_others(db: &Connection, number: u64) -> Result<(), Refusal> {
    let others = "DELETE FROM process WHERE number <> ?1";
    db.execute(others, values![number])?;
    Ok(())
}

/// Takes out a relay that has said nothing since. Returns the epoch before which it has destroyed
/// its stamp keys.
pub fn forget(db: &Connection, relay: &Other) -> Result<Option<u32>, Refusal> {
    // CHK-707: a relay that runs is not taken out.
    let silent = "DELETE FROM process WHERE number = ?1 AND seen_ms = ?2 AND said_ms = ?3
         RETURNING destroyed_before";
    db.one(silent, values![relay.number, relay.seen_ms, relay.said_ms])
}
