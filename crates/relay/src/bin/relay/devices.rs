//! The devices of accounts, in the database and in the cache.

use std::sync::Arc;

use crate::store::Connection;
use rusqlite::{OptionalExtension, params};
use waxseal_interface::ErrorCode;
use waxseal_reporting::{AccountId, DeviceAddress, DeviceId};
use waxseal_roster::{Pinned, Roster};

use crate::errors::Refusal;
use crate::keys::Keys;
use crate::state::{Account, Device, Relay};
use crate::store::removed;

/// A row of an account and one of its devices: the account's id, name and whether it has a roster,
/// then the device's id, number, identity, sealed delivery key and whether it left.
type Row = (
    i64,
    String,
    bool,
    Option<i64>,
    Option<u32>,
    Option<[u8; 64]>,
    Option<Vec<u8>>,
    Option<bool>,
);

const SELECT: &str = "SELECT a.id, name, pinned IS NOT NULL, d.id, number, identity, delivery_key,
         has_left
     FROM account a LEFT JOIN device d ON d.account = a.id AND number >= 0";

/// Reads every account into the cache. Called once, when the relay starts.
pub async fn load(relay: &Relay) -> Result<(), Box<dyn std::error::Error>> {
    let rows = relay.store.run(|db| {
        let mut rows = db.prepare(&format!("{SELECT} ORDER BY a.id"))?;
        let rows = rows.query_map([], |row| row.try_into())?;
        Ok(rows.collect::<Result<Vec<Row>, _>>()?)
    });
    let rows = rows.await.map_err(|_| "the accounts cannot be read")?;
    for rows in rows.chunk_by(|a, b| a.0 == b.0) {
        let account = account_of(&relay.keys, rows);
        let account = account.ok_or("the database belongs to another root key file")?;
        relay.cache_account(&account);
    }
    Ok(())
}

/// Reads an account, to cache it.
pub fn read(db: &Connection, keys: &Keys, account: i64) -> Result<Account, Refusal> {
    let mut rows = db.prepare(&format!("{SELECT} WHERE a.id = ?"))?;
    let rows = rows.query_map([account], |row| row.try_into())?;
    let rows: Vec<Row> = rows.collect::<Result<_, _>>()?;
    account_of(keys, &rows).ok_or_else(|| Refusal::internal(&"an account cannot be read"))
}

/// Joins the rows of one account. Returns `None` if a row is damaged, or if a delivery key was
/// sealed under another root key file.
fn account_of(keys: &Keys, rows: &[Row]) -> Option<Account> {
    let (id, name, has_roster, ..) = rows.first()?;
    let mut account = Account {
        id: *id,
        name: AccountId::new(name).ok()?,
        has_roster: *has_roster,
        devices: Vec::new(),
        unregistered: Vec::new(),
    };
    for (_, _, _, device, number, identity, sealed, has_left) in rows {
        let (Some(id), Some(number), Some(identity)) = (device, number, identity) else {
            continue;
        };
        if *has_left == Some(true) {
            continue; // all that it asks is refused, as if the roster did not list it
        }
        let Some(sealed) = sealed else {
            account.unregistered.push(*number);
            continue;
        };
        let me = DeviceAddress::new(account.name.clone(), DeviceId(*number));
        account.devices.push(Arc::new(Device {
            id: *id,
            account: account.id,
            delivery_key: keys.open_sealed(sealed, &me)?,
            me,
            identity: *identity,
        }));
    }
    Some(account)
}

/// The newest roster of an account.
pub fn pinned(db: &Connection, account: i64) -> Result<Option<Pinned>, Refusal> {
    let pinned: Option<Vec<u8>> = db
        .prepare("SELECT pinned FROM account WHERE id = ?")?
        .query_row([account], |row| row.get(0))?;
    let pinned = pinned.map(|pinned| Pinned::decode(&pinned));
    pinned
        .transpose()
        .map_err(|error| Refusal::internal(&error))
}

/// Stores the newest roster of an account. Adds a row for each device that it lists, and removes
/// the others with all that the relay has of them.
pub fn store(db: &Connection, account: i64, pinned: &Pinned) -> Result<(), Refusal> {
    db.prepare("UPDATE account SET pinned = ? WHERE id = ?")?
        .execute(params![pinned.encode(), account])?;
    remove_unlisted(db, account, pinned.roster())?;
    for device in pinned.roster().devices() {
        db.prepare(
            "INSERT INTO device (account, number, identity) VALUES (?, ?, ?)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![account, device.id, device.identity])?;
    }
    Ok(())
}

fn remove_unlisted(db: &Connection, account: i64, roster: &Roster) -> Result<(), Refusal> {
    let mut rows =
        db.prepare("SELECT id, number, identity FROM device WHERE account = ? AND number >= 0")?;
    let rows = rows.query_map([account], |row| row.try_into())?;
    let rows: Vec<(i64, u32, [u8; 64])> = rows.collect::<Result<_, _>>()?;
    for (id, number, identity) in rows {
        let listed = roster.device(number);
        if listed.is_some_and(|listed| listed.identity == identity) {
            continue;
        }
        remove(db, id)?;
    }
    Ok(())
}

/// Deletes all that the relay has of a device. Messages that are too many for one job go later.
fn remove(db: &Connection, device: i64) -> Result<(), Refusal> {
    db.prepare("DELETE FROM one_time WHERE device = ?")?
        .execute([device])?;
    if !removed::delete_batch(db, device)? {
        // Requests find no device with a negative number. `removed::delete_all` deletes the rest.
        db.prepare(
            "UPDATE device SET number = -id, identity = x'', delivery_key = NULL, base = NULL,
                 mark = NULL WHERE id = ?",
        )?
        .execute([device])?;
    }
    Ok(())
}

/// Deletes all that the relay has of a device, and marks the device as one that left. The mark is
/// gone once the roster does not list the device.
pub fn leave(db: &Connection, device: i64) -> Result<(), Refusal> {
    check_present(db, device)?;
    let (account, number, identity): (i64, u32, [u8; 64]) = db
        .prepare("SELECT account, number, identity FROM device WHERE id = ?")?
        .query_row([device], |row| row.try_into())?;
    remove(db, device)?;
    db.prepare("INSERT INTO device (account, number, identity, has_left) VALUES (?, ?, ?, 1)")?
        .execute(params![account, number, identity])?;
    Ok(())
}

/// The row of a device that the newest roster of its account lists. `None` also if it left.
pub fn find(db: &Connection, account: i64, number: DeviceId) -> Result<Option<i64>, Refusal> {
    let id = db
        .prepare("SELECT id FROM device WHERE account = ? AND number = ? AND NOT has_left")?
        .query_row(params![account, number.0], |row| row.get(0))
        .optional()?;
    Ok(id)
}

/// Refuses what a device asks that was removed, or left, since its token was looked at.
pub fn check_present(db: &Connection, device: i64) -> Result<(), Refusal> {
    let mut row =
        db.prepare("SELECT 1 FROM device WHERE id = ? AND number >= 0 AND NOT has_left")?;
    match row.exists([device])? {
        true => Ok(()),
        false => Err(ErrorCode::Removed.into()),
    }
}

#[cfg(test)]
mod tests;
