//! The rows of accounts.

use crate::errors::Refusal;
use crate::limits::{MAX_ACCOUNTS, MAX_ACCOUNTS_ON_POSTGRES};
use crate::store::Connection;
use crate::store::values::values;

/// Adds an account without devices. `skeleton` is what its name looks like. `None` if the name is
/// taken, or looks like another one.
pub fn add(db: &Connection, name: &str, skeleton: Option<&str>) -> Result<Option<i64>, Refusal> {
    // Whatever the conflict is about, the account is not added.
    db.one(
        "INSERT INTO account (name, skeleton) VALUES (?1, ?2) ON CONFLICT DO NOTHING RETURNING id",
        values![name, skeleton],
    )
}

/// The row of an account. Names are compared byte by byte.
pub fn find(db: &Connection, name: &str) -> Result<Option<i64>, Refusal> {
    let found = "SELECT id, name FROM account WHERE name = ?1";
    let found: Option<(i64, String)> = db.one(found, values![name])?;
    // SQLite takes "Bob" and "bob" as the same.
    Ok(found.filter(|(_, found)| found == name).map(|(id, _)| id))
}

/// Keeps others from the rows of two accounts until the transaction ends, so that what counts for
/// one of them is exact, and so that their rosters stay, even of one that has no device. This comes
/// after all locks of queues and devices.
pub fn take(db: &Connection, accounts: [i64; 2]) -> Result<(), Refusal> {
    let [one, other] = accounts;
    let both = "SELECT id FROM account WHERE id = ?1 OR id = ?2 ORDER BY id";
    db.lock(both, values![one, other])
}

/// Whether there is the maximum number of accounts. None is deleted, so they are counted only once
/// the highest id is that high.
pub fn are_full(db: &Connection) -> Result<bool, Refusal> {
    let max = match db.is_shared() {
        true => MAX_ACCOUNTS_ON_POSTGRES,
        false => MAX_ACCOUNTS,
    };
    are(db, max)
}

/// Whether there are at least so many accounts.
pub fn are(db: &Connection, max: i64) -> Result<bool, Refusal> {
    db.has_rows("account", max)
}

/// Until when the account may write to any number of strangers, in proven time. `None` if it was
/// registered since the relay counts them.
pub fn spared_until(db: &Connection, account: i64) -> Result<Option<u64>, Refusal> {
    let spared = "SELECT spared_until_ms FROM account WHERE id = ?1";
    db.only(spared, values![account])
}
