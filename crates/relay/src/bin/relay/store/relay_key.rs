//! The digest of the root key, in one row: all relays of one database have the same root key.

use crate::errors::Refusal;
use crate::store::Connection;
use crate::store::values::values;

/// The digest of the root key of the relays that use the database, once one has.
pub fn load(db: &Connection) -> Result<Option<[u8; 32]>, Refusal> {
    db.one("SELECT digest FROM relay_key", &[])
}

/// Keeps the digest, if there is none. Returns the one that the database has from now on.
pub fn keep(db: &Connection, digest: &[u8; 32]) -> Result<[u8; 32], Refusal> {
    db.execute(
        "INSERT INTO relay_key (id, digest) VALUES (1, ?1) ON CONFLICT (id) DO NOTHING",
        values![digest],
    )?;
    db.only("SELECT digest FROM relay_key", &[])
}
