//! The accounts that the relay keeps in memory: some of those that were asked for last.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use waxseal_reporting::relay::DeliveryKey;
use waxseal_reporting::{AccountId, DeviceAddress, DeviceId};

use crate::errors::Refusal;
use crate::keys::Keys;
use crate::store::devices::{self, Row};
use crate::store::{Connection, Store};
use crate::tokens::Holder;

/// Maximum number of accounts in memory, at about 500 bytes for each device.
pub const MAX_CACHED: usize = 100_000;

/// An account that others may change is read again after this time, whatever was heard of it.
pub const MAX_AGE: Duration = Duration::from_secs(60);

/// An account with its devices.
#[derive(Clone)]
pub struct Account {
    pub id: i64,
    pub name: AccountId,
    /// `false` for an account of before, until its device publishes a roster.
    pub has_roster: bool,
    /// The registered devices, which the roster lists.
    pub devices: Vec<Arc<Device>>,
    /// The numbers of the devices that the roster lists and that have not registered yet.
    pub unregistered: Vec<u32>,
}

impl Account {
    /// The registered device with this number.
    pub fn device(&self, number: DeviceId) -> Option<&Arc<Device>> {
        let mut devices = self.devices.iter();
        devices.find(|device| device.me.device == number)
    }

    /// Whether a device that says to have this number was removed or left: the account has a
    /// roster, which does not list it, or lists another identity under this number, or it left.
    pub fn has_removed(&self, number: DeviceId) -> bool {
        self.has_roster && !self.unregistered.contains(&number.0)
    }
}

/// A registered device.
pub struct Device {
    pub id: i64,
    /// The id of its account.
    pub account: i64,
    pub me: DeviceAddress,
    pub identity: [u8; 64],
    pub delivery_key: DeliveryKey,
}

impl Device {
    /// The holder that the device's tokens name.
    pub fn holder(&self) -> Holder {
        let signing_key = self.identity.first_chunk().copied().unwrap_or_default();
        Holder::Device(self.me.clone(), signing_key)
    }

    /// Whether this is the same device with the same delivery key.
    pub fn is_unchanged(&self, other: &Self) -> bool {
        self.id == other.id && self.delivery_key.is_same(&other.delivery_key)
    }
}

/// Accounts by their names, in bounded number. An account that changes is forgotten, and read again
/// when it is asked for.
pub struct Accounts {
    max: usize,
    max_age: Option<Duration>,
    cached: RwLock<Cached>,
}

struct Cached {
    slots: Vec<Slot>,
    /// The place of each account among the slots, by its name and by its id.
    names: HashMap<AccountId, usize>,
    ids: HashMap<i64, usize>,
    /// The next slot whose account may have to make room.
    hand: usize,
    /// How often accounts were forgotten because of a change.
    generation: u64,
    /// What it was when all accounts changed.
    all_changed_at: u64,
    /// What it was at the last change, later than that, of an account whose id ends with this byte.
    changed_at: HashMap<u8, u64>,
}

struct Slot {
    account: Arc<Account>,
    /// Whether it was asked for since the hand came by.
    is_used: AtomicBool,
    /// When the read of it began.
    read_at: Instant,
}

/// How often accounts had been forgotten when a read of the database began, and when that was.
#[derive(Clone, Copy)]
pub struct Generation(u64, Instant);

impl Accounts {
    /// Keeps at most `max` accounts, and each for `max_age` at most.
    pub fn new(max: usize, max_age: Option<Duration>) -> Self {
        Self {
            max,
            max_age,
            cached: RwLock::new(Cached::new(0)),
        }
    }

    /// The account with this name, if it is in memory.
    pub fn get(&self, name: &AccountId) -> Option<Arc<Account>> {
        let cached = self.read();
        let slot = cached.slots.get(*cached.names.get(name)?)?;
        if self.max_age.is_some_and(|max| slot.read_at.elapsed() > max) {
            return None;
        }
        slot.is_used.store(true, Ordering::Relaxed);
        Some(slot.account.clone())
    }

    /// Call this before the database is read.
    pub fn generation(&self) -> Generation {
        Generation(self.read().generation, Instant::now())
    }

    /// Keeps an account that was read from the database, unless it, or an account that is not told
    /// apart from it, was forgotten since the read began: it may be the account of before.
    pub fn keep(&self, account: Arc<Account>, Generation(generation, read_at): Generation) {
        let mut cached = self.write();
        let there = cached.ids.get(&account.id);
        let there = there.and_then(|place| cached.slots.get(*place));
        let is_newest = there.is_none_or(|there| there.read_at < read_at);
        if cached.changed_at(account.id) <= generation && is_newest {
            cached.remove(account.id);
            cached.insert(account, read_at, self.max);
        }
    }

    /// Keeps an account that has changed. Only for changes that come here in their order.
    pub fn replace(&self, account: Arc<Account>) {
        let mut cached = self.write();
        cached.note_change(account.id);
        cached.insert(account, Instant::now(), self.max);
    }

    /// Forgets an account that has changed.
    pub fn forget(&self, id: i64) {
        self.write().note_change(id);
    }

    /// Forgets all accounts: any may have changed.
    #[cfg(any(test, feature = "postgres"))]
    pub fn forget_all(&self) {
        let mut cached = self.write();
        *cached = Cached::new(cached.generation.wrapping_add(1));
    }

    fn read(&self) -> RwLockReadGuard<'_, Cached> {
        self.cached.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Cached> {
        self.cached.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cached {
    /// None, after all accounts have changed in this generation.
    fn new(generation: u64) -> Self {
        Self {
            slots: Vec::new(),
            names: HashMap::new(),
            ids: HashMap::new(),
            hand: 0,
            generation,
            all_changed_at: generation,
            changed_at: HashMap::new(),
        }
    }

    /// What `generation` was at the last change of this account, or of one that is not told apart.
    fn changed_at(&self, id: i64) -> u64 {
        let changed_at = self.changed_at.get(&last_byte(id));
        changed_at.copied().unwrap_or(self.all_changed_at)
    }

    /// Forgets an account that has changed.
    fn note_change(&mut self, id: i64) {
        self.generation = self.generation.wrapping_add(1);
        self.changed_at.insert(last_byte(id), self.generation);
        self.remove(id);
    }

    fn insert(&mut self, account: Arc<Account>, read_at: Instant, max: usize) {
        while self.slots.len() >= max.max(1) {
            self.make_room();
        }
        let place = self.slots.len();
        self.names.insert(account.name.clone(), place);
        self.ids.insert(account.id, place);
        self.slots.push(Slot {
            account,
            is_used: AtomicBool::new(false),
            read_at,
        });
    }

    /// Moves the hand on, and removes the account there if nobody asked for it since the hand came
    /// by ("second chance").
    fn make_room(&mut self) {
        let Some(slot) = self.slots.get(self.hand) else {
            self.hand = 0;
            return;
        };
        if slot.is_used.swap(false, Ordering::Relaxed) {
            self.hand += 1;
            return;
        }
        // The last one takes its place, and gets its turn after all others.
        let id = slot.account.id;
        self.remove(id);
        self.hand += 1;
    }

    fn remove(&mut self, id: i64) {
        let Some(place) = self.ids.remove(&id) else {
            return;
        };
        let removed = self.slots.swap_remove(place);
        self.names.remove(&removed.account.name);
        if let Some(moved) = self.slots.get(place) {
            self.ids.insert(moved.account.id, place);
            self.names.insert(moved.account.name.clone(), place);
        }
    }
}

fn last_byte(id: i64) -> u8 {
    let [.., last] = id.to_be_bytes();
    last
}

/// Reads an account by its id.
pub fn read(db: &Connection, keys: &Keys, account: i64) -> Result<Account, Refusal> {
    let rows = devices::of_account(db, account)?;
    account_of(keys, &rows).ok_or_else(|| Refusal::internal(&"an account cannot be read"))
}

/// Reads an account by its name.
pub async fn find(
    store: &Store,
    keys: &Keys,
    name: &AccountId,
) -> Result<Option<Account>, Refusal> {
    let name = name.clone();
    let rows = store.run(move |db| devices::of_name(db, name.as_str()));
    let rows = rows.await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let account = account_of(keys, &rows);
    let account = account.ok_or_else(|| Refusal::internal(&"an account cannot be read"))?;
    Ok(Some(account))
}

/// Whether an account in the database can be read under these keys, or there is none.
pub async fn has_keys_of(store: &Store, keys: &Keys) -> Result<bool, Box<dyn std::error::Error>> {
    let rows = store.run(devices::of_any).await;
    let rows = rows.map_err(|_| "the accounts cannot be read")?;
    Ok(rows.is_empty() || account_of(keys, &rows).is_some())
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

#[cfg(test)]
mod tests;
