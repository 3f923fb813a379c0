//! The relay's state, which all requests share.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use tokio::sync::{Semaphore, mpsc};
use waxseal_relay::{RelayCard, ReviewerPublicKey, SealingPublicKey, VaultPublicKeys};
use waxseal_reporting::relay::DeliveryKey;
use waxseal_reporting::reporter::ModerationPublicKey;
use waxseal_reporting::{AccountId, DeviceAddress, Timestamp};

use crate::connected::ConnectedDevices;
use crate::database::Database;
use crate::keys::{DATABASE, Keys, REGION};
use crate::limits::{Limits, MAX_ACCOUNTS};
use crate::queue;
use crate::serve::Stopping;
use crate::tokens::{Holder, Tokens};

/// Everything a handler uses. It lives until the last request has been answered.
pub struct Relay {
    pub card: RelayCard,
    pub keys: Keys,
    pub tokens: Tokens,
    pub limits: Limits,
    pub database: Database,
    pub moderation_key: ModerationPublicKey,
    /// The key to which the acceptance key is sealed.
    pub vault_key: SealingPublicKey,
    pub reviewer: ReviewerPublicKey,
    /// Every registered account, cached: their number is bounded. An account whose delivery key is
    /// replaced takes the place of the account of before.
    accounts: RwLock<HashMap<AccountId, Arc<Account>>>,
    pub connected: ConnectedDevices,
    /// Permits for WebSockets. Each open WebSocket holds one, which bounds their number.
    pub sockets: Arc<Semaphore>,
    pub stopping: Stopping,
    /// Dropped as the last field. The receiver then knows that nothing uses the relay any more and
    /// that the database is closed.
    _working: mpsc::Sender<()>,
}

/// A registered account.
pub struct Account {
    pub id: i64,
    pub me: DeviceAddress,
    pub identity: [u8; 64],
    pub delivery_key: DeliveryKey,
}

impl Account {
    /// The holder that the account's tokens name.
    pub fn holder(&self) -> Holder {
        let signing_key = self.identity.first_chunk().copied().unwrap_or_default();
        Holder::Device(self.me.clone(), signing_key)
    }
}

impl Relay {
    /// Opens the keys and the database in `dir`. The relay knows no accounts until `accounts::load`
    /// has run.
    pub fn open(
        dir: &Path,
        vault: VaultPublicKeys,
        reviewer: ReviewerPublicKey,
        max_sockets: usize,
        stopping: Stopping,
        working: mpsc::Sender<()>,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let keys = Keys::open(dir, now())?;
        let database = Database::open(&dir.join(DATABASE))?;
        let moderation_key = vault.moderation_key()?;
        let vault_key = vault.sealing_key()?;
        Ok(Self {
            card: RelayCard::sign(REGION, &keys.relay, keys.sealing.public(), &moderation_key),
            tokens: Tokens::new(keys.token.clone()),
            limits: Limits::new(),
            moderation_key,
            vault_key,
            reviewer,
            accounts: RwLock::default(),
            connected: ConnectedDevices::default(),
            sockets: Arc::new(Semaphore::new(max_sockets)),
            stopping,
            _working: working,
            keys,
            database,
        })
    }

    /// The account with this name, if it is registered.
    pub fn account(&self, name: &AccountId) -> Option<Arc<Account>> {
        let accounts = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        accounts.get(name).cloned()
    }

    /// Caches an account. If it was cached before, its delivery key may be another one now, so its
    /// connection ends.
    pub fn cache_account(&self, account: Account) {
        let (id, name) = (account.id, account.me.account.clone());
        let mut accounts = self
            .accounts
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        accounts.insert(name, Arc::new(account));
        drop(accounts);
        self.connected.end(id);
    }

    /// Whether the relay already has the maximum number of accounts.
    pub fn accounts_are_full(&self) -> bool {
        let accounts = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        accounts.len() >= MAX_ACCOUNTS
    }

    /// Prepares the stamp keys of today and tomorrow, and destroys those of epochs (days) so old
    /// that their stamps need not be verified any more. Undelivered messages of a destroyed epoch
    /// could no longer be reported, so they are dropped first.
    pub async fn destroy_old_epochs(&self) -> Result<(), Box<dyn std::error::Error>> {
        let now = now();
        self.keys.advance(now)?;
        let oldest = Keys::oldest_verified(now);
        if self.keys.stamp().oldest_epoch() >= oldest {
            return Ok(());
        }
        let dropped = queue::drop_before(&self.database, oldest)
            .await
            .map_err(|_| "the undelivered messages of old epochs could not be dropped")?;
        self.keys.destroy_before(oldest)?;
        tracing::info!(oldest, dropped, "old epochs destroyed");
        Ok(())
    }
}

pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let ms = since.map_or(0, |since| since.as_millis());
    Timestamp::from_millis(u64::try_from(ms).unwrap_or(u64::MAX))
}
