//! The devices of accounts, and the newest roster of each, which lists them.

use waxseal_interface::{ErrorCode, MARK_LEN};
use waxseal_reporting::DeviceId;
use waxseal_roster::{Pinned, Roster};

use crate::errors::Refusal;
use crate::store::values::values;
use crate::store::{Connection, accounts, removed};

/// A row of an account and one of its devices: the account's id, name and whether it has a roster,
/// then the device's id, number, identity, sealed delivery key and whether it left.
pub type Row = (
    i64,
    String,
    bool,
    Option<i64>,
    Option<u32>,
    Option<[u8; 64]>,
    Option<Vec<u8>>,
    Option<bool>,
);

/// The rows of one account.
pub fn of_account(db: &Connection, account: i64) -> Result<Vec<Row>, Refusal> {
    db.all(
        "SELECT a.id, name, CASE WHEN pinned IS NULL THEN 0 ELSE 1 END, d.id, number, identity,
             delivery_key, has_left
         FROM account a LEFT JOIN device d ON d.account = a.id AND number >= 0 WHERE a.id = ?1",
        values![account],
    )
}

/// The rows of the account with this name. None if there is no such account.
pub fn of_name(db: &Connection, name: &str) -> Result<Vec<Row>, Refusal> {
    let account = accounts::find(db, name)?;
    account.map_or_else(|| Ok(Vec::new()), |account| of_account(db, account))
}

/// The rows of an account with a registered device. None if there is no such account.
pub fn of_any(db: &Connection) -> Result<Vec<Row>, Refusal> {
    let any = "SELECT account FROM device WHERE delivery_key IS NOT NULL LIMIT 1";
    let account: Option<i64> = db.one(any, &[])?;
    account.map_or_else(|| Ok(Vec::new()), |account| of_account(db, account))
}

/// A device that the newest roster of its account lists.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    pub number: u32,
    pub id: i64,
    /// Whether it left by itself.
    pub has_left: bool,
}

/// The devices that the newest roster of an account lists.
pub fn listed(db: &Connection, account: i64) -> Result<Vec<Listed>, Refusal> {
    let rows: Vec<(u32, i64, bool)> = db.all(
        "SELECT number, id, has_left FROM device WHERE account = ?1 AND number >= 0",
        values![account],
    )?;
    let rows = rows.into_iter().map(|(number, id, has_left)| Listed {
        number,
        id,
        has_left,
    });
    Ok(rows.collect())
}

/// The newest roster of an account.
pub fn pinned(db: &Connection, account: i64) -> Result<Option<Pinned>, Refusal> {
    let pinned = "SELECT pinned FROM account WHERE id = ?1";
    let pinned: Option<Vec<u8>> = db.only(pinned, values![account])?;
    let pinned = pinned.map(|pinned| Pinned::decode(&pinned));
    pinned
        .transpose()
        .map_err(|error| Refusal::internal(&error))
}

/// Keeps others from the queues of two accounts until the transaction ends. So their rosters and
/// devices stay, and nobody waits in a circle for the rows of devices, which come after it.
///
/// Whoever waited may have waited for a new roster, so the queues of its devices are taken too.
pub fn take_queues(db: &Connection, accounts: [i64; 2]) -> Result<(), Refusal> {
    let queues = "SELECT recipient FROM inbox
         WHERE recipient IN (SELECT id FROM device WHERE account = ?1 OR account = ?2)
         ORDER BY recipient";
    let [one, other] = accounts;
    db.lock(queues, values![one, other])?;
    db.lock(queues, values![one, other])
}

/// Keeps messages from and to an account until the transaction ends, so that each is for the
/// devices of before, and stored before, or for those of afterwards. Whoever takes a roster or
/// leaves begins with it.
pub fn take_account(db: &Connection, account: i64) -> Result<(), Refusal> {
    take_queues(db, [account; 2])?;
    let devices = "SELECT id FROM device WHERE account = ?1 ORDER BY id";
    db.lock(devices, values![account])?;
    let itself = "SELECT id FROM account WHERE id = ?1";
    db.lock(itself, values![account])
}

/// Stores the newest roster of an account. Adds a row for each device that it lists, and removes
/// the others with all that the relay has of them.
pub fn keep_roster(db: &Connection, account: i64, pinned: &Pinned) -> Result<(), Refusal> {
    take_account(db, account)?;
    let keep = "UPDATE account SET pinned = ?1 WHERE id = ?2";
    db.execute(keep, values![pinned.encode(), account])?;
    remove_unlisted(db, account, pinned.roster())?;
    for device in pinned.roster().devices() {
        db.execute(
            "INSERT INTO device (account, number, identity) VALUES (?1, ?2, ?3)
             ON CONFLICT (account, number) DO NOTHING",
            values![account, device.id, device.identity],
        )?;
    }
    db.tell_changed(account)
}

fn remove_unlisted(db: &Connection, account: i64, roster: &Roster) -> Result<(), Refusal> {
    let rows: Vec<(i64, u32, [u8; 64])> = db.all(
        "SELECT id, number, identity FROM device WHERE account = ?1 AND number >= 0",
        values![account],
    )?;
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
    let parts = "DELETE FROM one_time WHERE device = ?1";
    db.execute(parts, values![device])?;
    if !removed::delete_batch(db, device)? {
        // Requests find no device with a negative number. `removed::delete_all` deletes the rest.
        db.execute(
            "UPDATE device SET number = -id, identity = ?1, delivery_key = NULL, base = NULL,
                 mark = NULL WHERE id = ?2",
            values![[0; 0], device],
        )?;
    }
    Ok(())
}

/// Stores the sealed delivery key of a device. Returns `false`, and stores nothing, unless the
/// newest roster lists the device under this number and identity, and it has not left.
pub fn register(
    db: &Connection,
    account: i64,
    number: u32,
    identity: &[u8; 64],
    delivery_key: &[u8],
) -> Result<bool, Refusal> {
    let registered = db.execute(
        "UPDATE device SET delivery_key = ?1
         WHERE account = ?2 AND number = ?3 AND identity = ?4 AND has_left = 0",
        values![delivery_key, account, number, identity],
    )?;
    db.tell_changed(account)?;
    Ok(registered > 0)
}

/// Whether an account has a device with this number and identity, even if it left.
pub fn is_known(
    db: &Connection,
    account: i64,
    number: u32,
    identity: &[u8; 64],
) -> Result<bool, Refusal> {
    db.exists(
        "SELECT 1 FROM device WHERE account = ?1 AND number = ?2 AND identity = ?3",
        values![account, number, identity],
    )
}

/// Deletes all that the relay has of a device, and marks the device as one that left. The mark is
/// gone once the roster does not list the device.
pub fn leave(db: &Connection, device: i64) -> Result<(), Refusal> {
    check_present(db, device)?;
    let (account, number, identity): (i64, u32, [u8; 64]) = db.only(
        "SELECT account, number, identity FROM device WHERE id = ?1",
        values![device],
    )?;
    take_account(db, account)?;
    // By the version of the row, PostgreSQL knows whether the account is as it was.
    let touch = "UPDATE account SET pinned = pinned WHERE id = ?1";
    db.execute(touch, values![account])?;
    remove(db, device)?;
    db.execute(
        "INSERT INTO device (account, number, identity, has_left) VALUES (?1, ?2, ?3, 1)",
        values![account, number, identity],
    )?;
    db.tell_changed(account)
}

/// The row of a device that the newest roster of its account lists. `None` also if it left.
pub fn find(db: &Connection, account: i64, number: DeviceId) -> Result<Option<i64>, Refusal> {
    db.one(
        "SELECT id FROM device WHERE account = ?1 AND number = ?2 AND has_left = 0",
        values![account, number.0],
    )
}

/// Refuses what a device asks that was removed, or left, since its token was looked at.
pub fn check_present(db: &Connection, device: i64) -> Result<(), Refusal> {
    let present = "SELECT 1 FROM device WHERE id = ?1 AND number >= 0 AND has_left = 0";
    match db.exists(present, values![device])? {
        true => Ok(()),
        false => Err(ErrorCode::Removed.into()),
    }
}

/// The highest mark that a device posted, if it posted one. Refuses a device that was removed, or
/// left.
pub fn mark(db: &Connection, device: i64) -> Result<Option<[u8; MARK_LEN]>, Refusal> {
    let mark = "SELECT mark FROM device WHERE id = ?1 AND number >= 0 AND has_left = 0";
    let mark = db.one(mark, values![device])?;
    mark.ok_or_else(|| ErrorCode::Removed.into())
}

/// Keeps the mark that a device posted, unless it has one with the same or a higher counter. The
/// counter is the first 8 bytes. Only the device can verify a mark.
pub fn keep_mark(db: &Connection, device: i64, mark: [u8; MARK_LEN]) -> Result<(), Refusal> {
    let counter = mark.first_chunk::<8>();
    db.execute(
        "UPDATE device SET mark = ?1
         WHERE id = ?2 AND (mark IS NULL OR substr(mark, 1, 8) < ?3)",
        values![mark, device, counter],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests;
