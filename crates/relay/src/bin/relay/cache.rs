//! The accounts and devices that the relay keeps in memory.

use std::sync::Arc;

use waxseal_reporting::{AccountId, DeviceAddress, DeviceId};

use crate::errors::Refusal;
use crate::keys::Keys;
use crate::state::{Account, Device, Relay};
use crate::store::Connection;
use crate::store::devices::{self, Row};

/// Reads every account into the cache. Called once, when the relay starts.
pub async fn load(relay: &Relay) -> Result<(), Box<dyn std::error::Error>> {
    let rows = relay.store.run(devices::all).await;
    let rows = rows.map_err(|_| "the accounts cannot be read")?;
    for rows in rows.chunk_by(|a, b| a.0 == b.0) {
        let account = account_of(&relay.keys, rows);
        let account = account.ok_or("the database belongs to another root key file")?;
        relay.cache_account(&account);
    }
    Ok(())
}

/// Reads an account, to cache it.
pub fn read(db: &Connection, keys: &Keys, account: i64) -> Result<Account, Refusal> {
    let rows = devices::of_account(db, account)?;
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
