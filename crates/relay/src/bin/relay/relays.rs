//! The other relays over the same database: what this one does when it hears of them.
//!
//! A relay tells the others within the transaction that an account changes, so they hear of it
//! whatever becomes of the relay. Messages and connections are told after the commit, and may get
//! lost: the database is asked every second for the next message and the newest connection of each
//! device that is connected.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use waxseal_interface::ErrorCode;

use crate::cache;
use crate::serve::Stopping;
use crate::state::Relay;
use crate::store::Connection;
use crate::store::news::{Ear, News};

/// Maximum number of accounts that one job reads.
const AT_ONCE: usize = 100;

/// When accounts are read again that could not be read.
const AGAIN: Duration = Duration::from_millis(500);

/// Has the relay hear from the others. Nothing is in its memory yet that they may have changed.
pub fn hear(relay: &Arc<Relay>) -> Changed {
    let (changed, accounts) = unbounded_channel();
    relay.store.hear(Arc::new(Hearing {
        relay: Arc::downgrade(relay),
        changed,
    }));
    Changed(accounts)
}

/// The accounts that others changed, and that have connected devices here.
pub struct Changed(UnboundedReceiver<i64>);

struct Hearing {
    relay: Weak<Relay>,
    changed: UnboundedSender<i64>,
}

impl Hearing {
    /// Has the connections of an account checked.
    fn check(&self, account: i64) {
        let _ = self.changed.send(account); // it fails if the relay stops
    }
}

impl Ear for Hearing {
    fn hear(&self, news: News) {
        let Some(relay) = self.relay.upgrade() else {
            return;
        };
        match news {
            News::Queued(device) => {
                relay.connected.wake(device);
            }
            News::Account(account) => {
                // A connection that begins later reads the account again.
                relay.accounts.forget(account);
                if relay.connected.has_account(account) {
                    self.check(account);
                }
            }
            News::Connected { device, number } => relay.connected.end_older(device, number),
            News::Missed => {
                relay.accounts.forget_all();
                let accounts = relay.connected.accounts();
                accounts.into_iter().for_each(|account| self.check(account));
            }
        }
    }

    fn connected(&self) -> HashMap<i64, i64> {
        let relay = self.relay.upgrade();
        relay.map_or_else(HashMap::new, |relay| relay.connected.devices())
    }

    fn found(&self, device: i64, next: i64, connection: i64) {
        if let Some(relay) = self.relay.upgrade() {
            relay.connected.next_number(device, next);
            relay.connected.end_older(device, connection);
        }
    }

    fn went_back(&self) {
        if let Some(relay) = self.relay.upgrade() {
            relay.process.go_back();
        }
    }
}

/// Ends connections whose device is gone or has another delivery key, until the relay stops.
pub async fn check_connections(relay: Arc<Relay>, mut changed: Changed, mut stopping: Stopping) {
    let mut accounts = Vec::new();
    loop {
        tokio::select! {
            count = changed.0.recv_many(&mut accounts, AT_ONCE) => if count == 0 { return },
            () = stopping.wait() => return,
        }
        accounts.sort_unstable();
        accounts.dedup();
        tokio::select! {
            () = check(&relay, std::mem::take(&mut accounts)) => {}
            () = stopping.wait() => return,
        }
    }
}

/// Reads these accounts, and ends the connections of devices that are not in them. Waits for a
/// database that is lost or busy: all connections of all relays would end at once otherwise. If an
/// account cannot be read for another reason, ends the connections of all their devices, which may
/// connect again.
async fn check(relay: &Arc<Relay>, accounts: Vec<i64>) {
    let newest = loop {
        let (reader, asked) = (relay.clone(), accounts.clone());
        let read = move |db: &Connection| {
            let accounts = asked.iter();
            let read = accounts.map(|account| cache::read(db, &reader.keys, *account));
            read.collect::<Result<Vec<_>, _>>()
        };
        match relay.store.run(read).await {
            Ok(newest) => break newest,
            Err(refusal) if refusal.code == ErrorCode::Busy => tokio::time::sleep(AGAIN).await,
            Err(_) => break Vec::new(),
        }
    };
    for account in accounts {
        let newest = newest.iter().find(|newest| newest.id == account);
        relay.connected.end_changed(account, newest);
    }
}

#[cfg(test)]
mod tests;
