//! What a thread of the lane knows of accounts: some of those that sent or got something last.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use postgres::Error;
use waxseal_roster::Pinned;

use crate::store::devices::Listed;
use crate::store::postgres::statements::Prepared;
use crate::store::sending::{Party, Way};

/// Maximum length of all rosters that are kept, as they are in the database. In memory they are
/// about as long.
const MAX_BYTES: usize = 32 << 20;

/// How much an account counts for beside its roster.
const OVERHEAD: usize = 512;

// Whatever changes the devices of an account or their roster changes its row too. A row that was
// changed has another xmin.
const VERSIONS: &str = "SELECT id, xmin::text::bigint FROM account WHERE id = ANY($1)";
const ROSTERS: &str = "SELECT id, xmin::text::bigint, pinned FROM account WHERE id = ANY($1)";
const DEVICES: &str = "SELECT account, number, id, has_left FROM device
     WHERE account = ANY($1) AND number >= 0 ORDER BY id";

#[derive(Default)]
pub struct Known {
    accounts: HashMap<i64, One>,
    /// The same accounts, in the order in which they make room.
    order: VecDeque<i64>,
    bytes: usize,
}

struct One {
    version: i64,
    party: Party,
    bytes: usize,
    /// Whether it was asked for since its turn to make room.
    is_used: bool,
}

impl Known {
    /// Reads those of the accounts that are not known. One without a roster is not known then.
    pub fn read(&mut self, db: &Prepared, accounts: &[i64]) -> Result<(), Error> {
        self.make_room();
        let mut lacking = Vec::new();
        for account in accounts {
            match self.accounts.get_mut(account) {
                Some(one) => one.is_used = true,
                None => lacking.push(*account),
            }
        }
        if lacking.is_empty() {
            return Ok(());
        }
        // If an account changes before its devices are read, its version is an old one.
        let rosters = db.ask(ROSTERS, &[&lacking])?;
        let mut devices: HashMap<i64, Vec<Listed>> = HashMap::new();
        for row in db.ask(DEVICES, &[&lacking])? {
            let Ok(number) = u32::try_from(row.try_get::<_, i64>(1)?) else {
                continue;
            };
            devices.entry(row.try_get(0)?).or_default().push(Listed {
                number,
                id: row.try_get(2)?,
                has_left: row.try_get::<_, i64>(3)? != 0,
            });
        }
        for row in rosters {
            let (account, version): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            let pinned: Option<&[u8]> = row.try_get(2)?;
            let bytes = OVERHEAD.saturating_add(pinned.map_or(0, <[u8]>::len));
            let Some(newest) = pinned.and_then(|pinned| Pinned::decode(pinned).ok()) else {
                continue;
            };
            let party = Party {
                newest: Arc::new(newest),
                listed: devices.remove(&account).unwrap_or_default(),
            };
            let is_used = true;
            let one = One {
                version,
                party,
                bytes,
                is_used,
            };
            self.accounts.insert(account, one);
            self.order.push_back(account);
            self.bytes = self.bytes.saturating_add(bytes);
        }
        Ok(())
    }

    /// Forgets accounts that were not used for long, until the others are short enough.
    fn make_room(&mut self) {
        while self.bytes > MAX_BYTES
            && let Some(account) = self.order.pop_front()
        {
            match self.accounts.get_mut(&account) {
                Some(one) if one.is_used => {
                    one.is_used = false;
                    self.order.push_back(account);
                }
                _ => self.forget(account),
            }
        }
    }

    fn forget(&mut self, account: i64) {
        if let Some(one) = self.accounts.remove(&account) {
            self.bytes = self.bytes.saturating_sub(one.bytes);
        }
    }

    /// Forgets those of the accounts that have changed since they were read. Returns which.
    pub fn forget_changed(
        &mut self,
        db: &Prepared,
        accounts: &[i64],
    ) -> Result<BTreeSet<i64>, Error> {
        let mut versions: HashMap<i64, i64> = HashMap::new();
        for row in db.ask(VERSIONS, &[&accounts])? {
            versions.insert(row.try_get(0)?, row.try_get(1)?);
        }
        let is_changed = |account: &&i64| {
            let one = self.accounts.get(account);
            one.is_some_and(|one| versions.get(account) != Some(&one.version))
        };
        let changed: BTreeSet<i64> = accounts.iter().filter(is_changed).copied().collect();
        for account in &changed {
            self.forget(*account);
        }
        if !changed.is_empty() {
            self.order.retain(|account| !changed.contains(account));
        }
        Ok(changed)
    }

    pub fn party(&self, account: i64) -> Option<&Party> {
        self.accounts.get(&account).map(|one| &one.party)
    }

    /// Whether an account has this device.
    pub fn has(&self, account: i64, device: i64) -> bool {
        self.listed(account).any(|listed| listed.id == device)
    }

    /// The devices that a message may be for, and those that have left: whoever has the locks of
    /// all of them keeps a newer roster away, also if nobody is left.
    pub fn recipients(&self, way: &Way) -> impl Iterator<Item = i64> {
        let both = self.listed(way.account).chain(self.listed(way.peer));
        both.map(|listed| listed.id).filter(|id| *id != way.device)
    }

    fn listed(&self, account: i64) -> impl Iterator<Item = &Listed> {
        let party = self.party(account).into_iter();
        party.flat_map(|party| &party.listed)
    }
}

#[cfg(test)]
mod tests;
