//! The tables in PostgreSQL, and their version.
//!
//! Relays of two versions may share a database while an operator replaces one after another. So a
//! version only adds what the version before can do without, and says which is the oldest version
//! that works with it. A relay of an older one does not start, and while one is known to the
//! database, the tables are not changed.

use std::error::Error;

use postgres::{Client, Transaction};

use super::failure::Said;
use super::session::Access;

/// Held while a process makes or upgrades the tables: others wait. The number means `waxseal`.
const LOCK: i64 = 0x77_61_78_73_65_61_6c;

/// Settings while the tables are made or upgraded. A change that is cut off ends soon.
const SETTINGS: &str = "SET lock_timeout = '60s'; SET idle_in_transaction_session_timeout = '15s'";

/// A version of the tables.
pub struct Version {
    /// What it adds to the version before.
    pub added: &'static str,
    /// The oldest version whose relays work with these tables.
    pub oldest: i64,
}

/// All versions, from 1 on.
pub const VERSIONS: &[Version] = &[Version {
    added: include_str!("schema.sql"),
    oldest: 1,
}];

/// The names of the tables of all versions.
pub fn tables() -> impl Iterator<Item = &'static str> {
    let lines = VERSIONS.iter().flat_map(|version| version.added.lines());
    let made = lines.filter_map(|line| {
        let begins = ["CREATE TABLE ", "CREATE UNLOGGED TABLE "];
        begins.iter().find_map(|begin| line.strip_prefix(begin))
    });
    made.filter_map(|rest| rest.split_whitespace().next())
}

/// Makes the tables, or upgrades them to the newest version, for the relay with the number `own`.
/// Returns the connection.
pub fn prepare(access: &Access, own: Option<u64>) -> Result<Client, Box<dyn Error>> {
    let client = access.connect_with(SETTINGS);
    let mut client = client.map_err(|error| Said(&error).to_string())?;
    let upgraded = upgrade(&mut client, VERSIONS, own);
    upgraded.map_err(|error| match error.downcast::<postgres::Error>() {
        Ok(error) => Said(&error).to_string().into(),
        Err(error) => error,
    })?;
    Ok(client)
}

/// Makes the tables, or upgrades them to the newest of these versions.
fn upgrade(
    client: &mut Client,
    versions: &[Version],
    own: Option<u64>,
) -> Result<(), Box<dyn Error>> {
    let mut change = client.transaction()?;
    change.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])?;
    // Whoever waits for a table has all others wait behind.
    change.batch_execute("SET LOCAL lock_timeout = '5s'")?;
    change.batch_execute(
        "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL, oldest BIGINT NOT NULL)",
    )?;
    let found = change.query_opt("SELECT version, oldest FROM schema_version", &[])?;
    let (version, oldest): (i64, i64) = match found {
        Some(row) => (row.try_get(0)?, row.try_get(1)?),
        None => (0, 0),
    };
    let known = i64::try_from(versions.len())?;
    // CHK-732: a relay works with the tables of later versions that say so, and with no others.
    if version < 0 || oldest > known {
        return Err(format!(
            "the tables have version {version}, which works with relays of version {oldest} and \
             later: this one is of version {known}"
        )
        .into());
    }
    let (Some(newest), true) = (versions.last(), version < known) else {
        return Ok(change.commit()?);
    };
    if version > 0 {
        check_relays(&mut change, newest.oldest, own)?;
    }
    for version in versions.iter().skip(usize::try_from(version)?) {
        change.batch_execute(version.added)?;
    }
    change.batch_execute("DELETE FROM schema_version")?;
    let insert = "INSERT INTO schema_version (version, oldest) VALUES ($1, $2)";
    change.execute(insert, &[&known, &newest.oldest])?;
    Ok(change.commit()?)
}

/// Refuses if other relays are known to the database that do not work with the new tables.
fn check_relays(
    change: &mut Transaction<'_>,
    oldest: i64,
    own: Option<u64>,
) -> Result<(), Box<dyn Error>> {
    // CHK-732: see above. A relay that does not run may be started again, but this one is upgraded.
    let older = "SELECT string_agg(name, ', ' ORDER BY name) FROM process
         WHERE version < $1 AND number IS DISTINCT FROM $2";
    let own = own.map(i64::try_from).transpose()?;
    let older: Option<String> = change.query_one(older, &[&oldest, &own])?.try_get(0)?;
    match older {
        Some(names) => Err(format!(
            "the relays {names} are of a version before {oldest}: replace them first, or take \
             them out with --forget-process"
        )
        .into()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
