//! Takes what is scarce: from the memory of this relay, and from the database that it may share
//! with others.

use std::net::IpAddr;
use std::time::Instant;

use waxseal_interface::ErrorCode;
use waxseal_reporting::AccountId;

use crate::errors::Refusal;
use crate::limits::LAST_ONE_TIME;
use crate::limits::scarce::Scarce;
use crate::network::network;
use crate::state::Relay;
use crate::store::{Connection, budgets};

pub async fn registration(relay: &Relay, address: IpAddr) -> Result<(), Refusal> {
    relay.limits.registration(address)?;
    let network = network(address).to_string();
    take(relay, Scarce::Registrations, &network).await
}

pub async fn report(relay: &Relay, account: &AccountId) -> Result<(), Refusal> {
    relay.limits.report(account)?;
    take(relay, Scarce::Reports, account.as_str()).await
}

pub async fn desk(relay: &Relay, account: &AccountId) -> Result<(), Refusal> {
    relay.limits.desk(account)?;
    take(relay, Scarce::Desk, account.as_str()).await
}

pub async fn roster_change(relay: &Relay, account: &AccountId) -> Result<(), Refusal> {
    relay.limits.roster_change(account)?;
    take(relay, Scarce::RosterChanges, account.as_str()).await
}

/// Counts an entry of this version, the first of a group also as a founding.
pub async fn group_entry(relay: &Relay, account: &AccountId, version: u64) -> Result<(), Refusal> {
    relay.limits.group_entry(account, version)?;
    if version == 1 {
        take(relay, Scarce::Foundings, account.as_str()).await?;
    }
    take(relay, Scarce::GroupEntries, account.as_str()).await
}

/// Whether the account `to` may take another one-time part of the device `of`, which has `left`
/// parts left. Neither one account nor many can use up the parts of a device at once.
pub fn one_time(
    db: &Connection,
    relay: &Relay,
    of: i64,
    to: i64,
    left: usize,
) -> Result<bool, Refusal> {
    if !relay.process.me.is_shared {
        return Ok(relay.limits.one_time(of, to, left, Instant::now()));
    }
    // This is in the transaction that hands the part out, so what it takes is undone with it.
    let take = |scarce, key: &str| budgets::take(db, scarce, &relay.tokens.pseudonym(key));
    let device = of.to_string();
    Ok(left > 0
        && take(Scarce::Taken, &format!("{to}:{of}"))?
        && take(Scarce::OneTime, &device)?
        && (left > LAST_ONE_TIME || take(Scarce::LastOneTime, &device)?))
}

/// Takes one from the budget of `key` in the database, if several relays share it. The memory of
/// this relay has refused before what is too much for one relay, so nobody can have the database
/// asked without a limit.
async fn take(relay: &Relay, scarce: Scarce, key: &str) -> Result<(), Refusal> {
    if !relay.process.me.is_shared {
        return Ok(());
    }
    // No address and no account is in these rows.
    let key = relay.tokens.pseudonym(key);
    let take = move |db: &Connection| budgets::take(db, scarce, &key);
    // CHK-708: what all relays give away together stays within the limit.
    match relay.store.run(take).await? {
        true => Ok(()),
        false => {
            let wait = (1.0 / scarce.rate().per_second).ceil() as u64;
            Err(Refusal::retry_after(ErrorCode::TooManyRequests, wait))
        }
    }
}

#[cfg(test)]
mod tests;
