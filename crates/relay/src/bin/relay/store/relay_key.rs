//! The relay's public key, in one row: all relays of one database have the same root key.

use crate::errors::Refusal;
use crate::store::Connection;
use crate::store::values::values;

/// The key of the relays that use the database, once one has.
pub fn load(db: &Connection) -> Result<Option<[u8; 32]>, Refusal> {
    db.one("SELECT public_key FROM relay_key", &[])
}

/// Keeps the key, if there is none. Returns the one that the database has from now on.
pub fn keep(db: &Connection, key: &[u8; 32]) -> Result<[u8; 32], Refusal> {
    db.execute(
        "INSERT INTO relay_key (id, public_key) VALUES (1, ?1) ON CONFLICT (id) DO NOTHING",
        values![key],
    )?;
    db.only("SELECT public_key FROM relay_key", &[])
}
