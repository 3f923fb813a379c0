//! The tables in PostgreSQL, and their version.

use std::error::Error;

use postgres::Client;

use super::failure::Said;
use super::session::Access;

/// Held while a process makes or upgrades the tables: others wait. The number means `waxseal`.
const LOCK: i64 = 0x77_61_78_73_65_61_6c;

/// What each version added.
const VERSIONS: [&str; 1] = [include_str!("schema.sql")];

/// Makes the tables, or upgrades them to the newest version. Returns the connection.
pub fn prepare(access: &Access) -> Result<Client, Box<dyn Error>> {
    let mut client = access.connect().map_err(|error| Said(&error).to_string())?;
    upgrade(&mut client).map_err(|error| match error.downcast::<postgres::Error>() {
        Ok(error) => Said(&error).to_string().into(),
        Err(error) => error,
    })?;
    Ok(client)
}

fn upgrade(client: &mut Client) -> Result<(), Box<dyn Error>> {
    let mut change = client.transaction()?;
    change.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])?;
    change.batch_execute("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)")?;
    let version = change.query_opt("SELECT version FROM schema_version", &[])?;
    let version: i64 = version.map_or(Ok(0), |row| row.try_get(0))?;
    let known = i64::try_from(VERSIONS.len())?;
    if !(0..=known).contains(&version) {
        return Err(format!("the database has an unknown version: {version}").into());
    }
    for added in VERSIONS.iter().skip(usize::try_from(version)?) {
        change.batch_execute(added)?;
    }
    change.batch_execute("DELETE FROM schema_version")?;
    change.execute("INSERT INTO schema_version VALUES ($1)", &[&known])?;
    Ok(change.commit()?)
}
