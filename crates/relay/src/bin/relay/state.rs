//! The relay's state, which all requests share.

use std::path::Path;
use std::sync::Arc;

use crate::store::Connection;
use tokio::sync::{Semaphore, mpsc};
use waxseal_interface::{ContactKey, ErrorCode, RelayCard, SealingPublicKey};
use waxseal_relay::{ReviewerPublicKey, VaultPublicKeys};
use waxseal_reporting::intake::AcceptanceKey;
use waxseal_reporting::reporter::{ModerationKeyId, ModerationPublicKey};
use waxseal_reporting::{AccountId, DeviceAddress, Timestamp};

use crate::blobs::files::folder::Folder;
use crate::blobs::options::{self, BlobRoom};
use crate::blobs::store::Blobs;
use crate::cache::{self, Accounts, MAX_AGE, MAX_CACHED};
use crate::connected::ConnectedDevices;
use crate::counts::Counts;
use crate::desk::client::{Desk, DeskSetup};
use crate::errors::Refusal;
use crate::keys::{BLOBS, DATABASE, Keys, REGION, VERIFY_DAYS};
use crate::limits::Limits;
use crate::process::Process;
use crate::serve::Stopping;
use crate::store::Store;
use crate::store::news::News;
use crate::store::options::StoreOptions;
use crate::store::{accounts, processes, proven, relay_key};
use crate::strangers::options::Strangers;
use crate::time::{Others, Proven, Reading, Time};
use crate::tokens::Tokens;

pub use crate::cache::{Account, Device};

/// Everything a handler uses. It lives until the last request has been answered.
pub struct Relay {
    pub card: RelayCard,
    pub keys: Keys,
    pub time: Time,
    pub tokens: Tokens,
    pub limits: Limits,
    pub counts: Counts,
    pub store: Store,
    /// This relay among those of the database.
    pub process: Process,
    pub moderation_key: ModerationPublicKey,
    /// Moderation keys of before, to which reports may still be sealed.
    old_moderation_keys: Vec<ModerationKeyId>,
    /// The key to which the acceptance key is sealed for the reviewer's vault.
    vault_key: Option<Box<SealingPublicKey>>,
    desk: Option<Desk>,
    pub reviewer: ReviewerPublicKey,
    pub accounts: Accounts,
    pub blobs: Blobs,
    /// Makes and verifies the tokens with which an account writes to one that accepts it.
    pub contacts: ContactKey,
    pub strangers: Strangers,
    pub connected: ConnectedDevices,
    /// Permits for WebSockets. Each open WebSocket holds one, which bounds their number.
    pub sockets: Arc<Semaphore>,
    pub stopping: Stopping,
    /// Dropped as the last field. The receiver then knows that nothing uses the relay any more and
    /// that the database is closed.
    _working: mpsc::Sender<()>,
}

/// The vault that opens reports.
pub struct Vault {
    pub moderation_key: ModerationPublicKey,
    /// Keys of before, with which the vault still opens reports.
    pub old_moderation_keys: Vec<ModerationKeyId>,
    pub opened_at: OpenedAt,
}

impl Vault {
    /// A vault that opens reports for the reviewer. The files of `vault keygen` have its keys.
    pub fn of_reviewer(
        present: &VaultPublicKeys,
        old: &[VaultPublicKeys],
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let old = old.iter();
        let old = old.map(|old| old.moderation_key().map(|key| *key.id()));
        Ok(Self {
            moderation_key: present.moderation_key()?,
            old_moderation_keys: old.collect::<Result<_, _>>()?,
            opened_at: OpenedAt::Reviewer(Box::new(present.sealing_key()?)),
        })
    }
}

/// Who has the vault open reports.
pub enum OpenedAt {
    /// The reviewer, with the commands `review` and `vault`. The acceptance key is sealed to the
    /// vault under this key.
    Reviewer(Box<SealingPublicKey>),
    /// The officers of a desk.
    Desk(DeskSetup),
}

/// Where the relay keeps what it has.
pub struct Place<'a> {
    /// The folder of its keys and files.
    pub dir: &'a Path,
    pub database: &'a StoreOptions,
    /// The name of this relay among those of the database.
    pub name: Option<&'a str>,
    /// Where the blobs are, if not in `dir`.
    pub blobs: options::Place,
}

/// What the machine and its operator give the relay room for.
pub struct Room {
    /// Maximum number of WebSockets.
    pub sockets: usize,
    pub blobs: BlobRoom,
    pub strangers: Strangers,
}

impl Relay {
    /// Opens the keys and the database in `dir`. `clocks` reads the clocks of the system. The relay
    /// stamps nothing until `keep_time` has run.
    pub async fn open(
        Place {
            dir,
            database,
            name,
            blobs,
        }: Place<'_>,
        clocks: impl Fn() -> Reading + Send + Sync + 'static,
        vault: Vault,
        reviewer: ReviewerPublicKey,
        room: Room,
        stopping: Stopping,
        working: mpsc::Sender<()>,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let clock_ms = clocks().wall_ms;
        let process = Process::open(dir, name, database.is_shared())?;
        let own = StoreOptions {
            own: Some(process.me.number),
            ..database.clone()
        };
        let (keys, store) = open(dir, &own, Timestamp::from_millis(clock_ms)).await?;
        let are_own = blobs.is_none() && !database.is_shared();
        let files = match blobs {
            Some(files) => files,
            None => Arc::new(Folder::open(&dir.join(BLOBS))?),
        };
        let number = process.me.number;
        let read = move |db: &Connection| Ok((proven::load(db)?, processes::clocks(db, number)?));
        let read = store.run(read).await;
        let oldest = keys.stamp().oldest_epoch();
        let proven = match read.map_err(|_| "proven time cannot be read")? {
            (Some(proven), clocks) => {
                let (steady_ms, clock_ms) = clocks.unwrap_or((0, clock_ms));
                Proven {
                    steady_ms,
                    clock_ms,
                    ..proven
                }
            }
            (None, _) => Proven::first(clock_ms, oldest),
        };
        let (vault_key, desk) = match vault.opened_at {
            OpenedAt::Reviewer(key) => (Some(key), None),
            OpenedAt::Desk(setup) => (None, Some(Desk::new(setup, &keys.relay))),
        };
        Ok(Self {
            card: RelayCard::sign(
                REGION,
                &keys.relay,
                keys.sealing.public(),
                &vault.moderation_key,
                VERIFY_DAYS,
            ),
            time: Time::start(proven, clocks),
            tokens: Tokens::new(keys.token.clone()),
            limits: Limits::new(),
            counts: Counts::default(),
            moderation_key: vault.moderation_key,
            old_moderation_keys: vault.old_moderation_keys,
            vault_key,
            desk,
            reviewer,
            accounts: Accounts::new(MAX_CACHED, database.is_shared().then_some(MAX_AGE)),
            connected: ConnectedDevices::default(),
            blobs: Blobs::new(files, are_own, room.blobs),
            contacts: ContactKey::derive(&keys.token),
            strangers: room.strangers,
            sockets: Arc::new(Semaphore::new(room.sockets)),
            stopping,
            _working: working,
            keys,
            store,
            process,
        })
    }

    /// The account with this name, if it is registered.
    pub async fn account(&self, name: &AccountId) -> Result<Option<Arc<Account>>, Refusal> {
        if let Some(cached) = self.accounts.get(name) {
            return Ok(Some(cached));
        }
        let generation = self.accounts.generation();
        let found = cache::find(&self.store, &self.keys, name).await?;
        let found = found.map(Arc::new);
        if let Some(account) = &found {
            self.accounts.keep(account.clone(), generation);
        }
        Ok(found)
    }

    /// The account with this name. Refuses if it is not registered.
    pub async fn some_account(&self, name: &AccountId) -> Result<Arc<Account>, Refusal> {
        let account = self.account(name).await?;
        account.ok_or_else(|| ErrorCode::NoSuchAccount.into())
    }

    /// The device with this address, if it is registered.
    pub async fn device(&self, address: &DeviceAddress) -> Result<Option<Arc<Device>>, Refusal> {
        let account = self.account(&address.account).await?;
        Ok(account.and_then(|account| account.device(address.device).cloned()))
    }

    /// The device that proves its identity without a token.
    pub async fn registered(&self, address: &DeviceAddress) -> Result<Arc<Device>, Refusal> {
        let account = self.account(&address.account).await?;
        let account = account.ok_or(ErrorCode::ProofRefused)?;
        match account.device(address.device) {
            Some(device) => Ok(device.clone()),
            None if account.has_removed(address.device) => Err(ErrorCode::Removed.into()),
            None => Err(ErrorCode::ProofRefused.into()),
        }
    }

    /// Takes note of an account that has changed. Ends the connection of each device that is gone,
    /// or has another delivery key now. Called after the commit.
    pub fn account_changed(&self, newest: &Account) {
        // A connection that begins after this gets the account of now.
        match self.store.answers_in_order() {
            true => self.accounts.replace(Arc::new(newest.clone())),
            false => self.accounts.forget(newest.id),
        }
        self.connected.end_changed(newest.id, Some(newest));
    }

    /// Wakes a device's connection, at whatever relay it is: a message was queued.
    pub fn wake(&self, device: i64) {
        if !self.connected.wake(device) {
            self.store.tell(News::Queued(device));
        }
    }

    /// Whether the vault opens what is sealed to this moderation key.
    pub fn has_moderation_key(&self, id: &ModerationKeyId) -> bool {
        self.moderation_key.id() == id || self.old_moderation_keys.contains(id)
    }

    /// The desk, if the relay has one.
    pub fn desk(&self) -> Result<&Desk, Refusal> {
        self.desk.as_ref().ok_or_else(|| ErrorCode::NoDesk.into())
    }

    /// The key of the reviewer's vault. With a desk, there is no reviewer who opens reports.
    pub fn vault_key(&self) -> Result<&SealingPublicKey, Refusal> {
        // CHK-665: with a desk, the reviewer gets neither reports nor the acceptance key.
        self.vault_key
            .as_deref()
            .ok_or_else(|| ErrorCode::AtDesk.into())
    }

    /// The key that authenticates accepted reports for the vault.
    pub fn acceptance_key(&self) -> &AcceptanceKey {
        match &self.desk {
            Some(desk) => &desk.acceptance,
            None => &self.keys.acceptance.present,
        }
    }

    /// Whether there is the maximum number of accounts already.
    pub async fn accounts_are_full(&self) -> Result<bool, Refusal> {
        self.store.run(accounts::are_full).await
    }

    /// The present time, which is never before proven time.
    pub fn now(&self) -> Timestamp {
        self.time.now()
    }

    /// The present time by the clock alone, for whom proven time means nothing.
    pub fn clock(&self) -> Timestamp {
        Timestamp::from_millis(self.time.reading().wall_ms)
    }

    /// The present time as most relays of the database have it, and never before proven time: for
    /// times that all relays go by later.
    pub fn agreed_ms(&self) -> i64 {
        let agreed_ms = match self.process.compare(self.time.reading()) {
            Others::Alone | Others::Agree => self.now().as_millis(),
            Others::Differ { median_ms } => median_ms.unwrap_or(0).max(self.time.shared_ms()),
        };
        i64::try_from(agreed_ms).unwrap_or(i64::MAX)
    }

    /// A time that all relays of the database have alike, which may stand still while none runs.
    pub fn shared_ms(&self) -> i64 {
        i64::try_from(self.time.shared_ms()).unwrap_or(i64::MAX)
    }
}

/// Opens keys and database, which must belong together. Makes either if it is not there.
async fn open(
    dir: &Path,
    database: &StoreOptions,
    now: Timestamp,
) -> Result<(Keys, Store), Box<dyn std::error::Error>> {
    // A new root key is on the disk before the file of a new database is. A database that is shared
    // may know its relay already.
    let path = dir.join(DATABASE);
    let shared = match database.is_shared() {
        true => Some(Store::open(&path, database)?),
        false => None,
    };
    if let Some(store) = &shared
        && !Keys::are_in(dir)
    {
        // CHK-701: there is no new root key for a database that has one.
        let known = store.run(relay_key::load).await;
        if known
            .map_err(|_| "the digest of root.key cannot be read")?
            .is_some()
        {
            return Err(format!(
                "root.key is missing in {}: restore it from a backup, or copy it from another \
                 relay of the database",
                dir.display()
            )
            .into());
        }
    }
    let keys = Keys::open(dir, now)?;
    let store = match shared {
        Some(store) => store,
        None => Store::open(&path, database)?,
    };
    let other = || {
        format!(
            "root.key in {} is not that of the database: restore it from a backup, or copy it \
             from another relay of the database",
            dir.display()
        )
    };
    // CHK-700: all relays of one database have the same root key. A database of before says so by
    // what is sealed in it alone.
    if !cache::has_keys_of(&store, &keys).await? {
        return Err(other().into());
    }
    let digest = keys.digest();
    let known = store.run(move |db| relay_key::keep(db, &digest)).await;
    if known.map_err(|_| "the digest of root.key cannot be read")? != digest {
        return Err(other().into());
    }
    Ok((keys, store))
}

#[cfg(test)]
mod tests;
