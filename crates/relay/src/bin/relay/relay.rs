//! The relay's state, and how requests find their way to it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use tokio::sync::{Semaphore, mpsc};
use waxseal_relay::{ErrorCode, RelayCard, ReviewerPublicKeys};
use waxseal_reporting::{AccountId, DeliveryKey, DeviceAddress, ModerationPublicKey, Timestamp};

use crate::database::Database;
use crate::deliveries::{self, Live};
use crate::errors::Refusal;
use crate::keys::{DATABASE, Keys, REGION};
use crate::limits::{Limits, MAX_ACCOUNTS};
use crate::serve::Stopping;
use crate::tokens::{Holder, Tokens};
use crate::{accounts, messages, prekeys, reports, reviewer};

/// Longest time from a request's head to its answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

pub struct Relay {
    pub card: RelayCard,
    pub keys: Keys,
    pub tokens: Tokens,
    pub limits: Limits,
    pub database: Database,
    pub moderation_key: ModerationPublicKey,
    pub reviewer: ReviewerPublicKeys,
    /// Every account: they are bounded, and never change.
    pub accounts: RwLock<HashMap<AccountId, Arc<Account>>>,
    pub live: Live,
    /// Room for WebSockets.
    pub sockets: Arc<Semaphore>,
    pub stopping: Stopping,
    /// The last field to be dropped: the receiver knows then that nothing uses the relay, and the database is closed.
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
    /// Whom its tokens name.
    pub fn holder(&self) -> Holder {
        let signing_key = self.identity.first_chunk().copied().unwrap_or_default();
        Holder::Device(self.me.clone(), signing_key)
    }
}

impl Relay {
    pub async fn open(
        dir: &Path,
        reviewer: ReviewerPublicKeys,
        max_sockets: usize,
        stopping: Stopping,
        working: mpsc::Sender<()>,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let keys = Keys::open(dir, now())?;
        let database = Database::open(&dir.join(DATABASE))?;
        let moderation_key = reviewer.moderation_key()?;
        let relay = Self {
            card: RelayCard::sign(REGION, &keys.relay, keys.sealing.public(), &moderation_key),
            tokens: Tokens::new(keys.token.clone()),
            limits: Limits::new(),
            moderation_key,
            reviewer,
            accounts: RwLock::default(),
            live: Live::default(),
            sockets: Arc::new(Semaphore::new(max_sockets)),
            stopping,
            _working: working,
            keys,
            database,
        };
        accounts::load(&relay).await?;
        relay.destroy_old_epochs().await?;
        Ok(relay)
    }

    /// The account of this name.
    pub fn account(&self, name: &AccountId) -> Option<Arc<Account>> {
        let accounts = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        accounts.get(name).cloned()
    }

    pub fn add_account(&self, account: Account) -> Arc<Account> {
        let account = Arc::new(account);
        let name = account.me.account.clone();
        let mut accounts = self
            .accounts
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        accounts.insert(name, account.clone());
        account
    }

    pub fn is_full(&self) -> bool {
        let accounts = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        accounts.len() >= MAX_ACCOUNTS
    }

    /// Keeps the epochs: stamp keys of today at hand, and those past the verify window destroyed. What was not delivered
    /// until then could not be reported any more, so it is dropped before.
    pub async fn destroy_old_epochs(&self) -> Result<(), Box<dyn std::error::Error>> {
        let now = now();
        self.keys.advance(now)?;
        let oldest = Keys::oldest_verified(now);
        if self.keys.stamp().oldest_epoch() >= oldest {
            return Ok(());
        }
        let dropped = messages::drop_before(&self.database, oldest)
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

pub fn router(relay: Arc<Relay>) -> Router {
    Router::new()
        .route("/v1/relay", get(card))
        .route("/v1/challenges", post(accounts::challenge))
        .route("/v1/accounts", post(accounts::register))
        .route("/v1/sessions", post(accounts::sign_in))
        .route("/v1/prekeys", get(prekeys::left).put(prekeys::publish))
        .route("/v1/accounts/{name}/bundle", get(prekeys::bundle))
        .route("/v1/messages/{name}", post(messages::send))
        .route("/v1/deliveries", get(deliveries::connect))
        .route("/v1/reports", post(reports::submit))
        .route("/v1/reviewer/sessions", post(reviewer::sign_in))
        .route("/v1/review/key", get(reviewer::acceptance_key))
        .route("/v1/review/reports", get(reviewer::list))
        .route("/v1/review/reports/{id}", get(reviewer::open))
        .route("/v1/review/reports/{id}/rejected", post(reviewer::rejected))
        .fallback(async || Refusal::from(ErrorCode::NotFound))
        .method_not_allowed_fallback(async || Refusal::from(ErrorCode::MethodNotAllowed))
        .layer(from_fn(observe))
        .with_state(relay)
}

async fn card(State(relay): State<Arc<Relay>>) -> Json<RelayCard> {
    Json(relay.card.clone())
}

/// Bounds a request's time, and logs the route (never the path: it holds names), the status and the time.
async fn observe(path: Option<MatchedPath>, request: Request, next: Next) -> Response {
    let (method, begun) = (request.method().clone(), std::time::Instant::now());
    let answered = tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await;
    let response = answered.unwrap_or_else(|_| Refusal::from(ErrorCode::TooSlow).into_response());
    let route = path.as_ref().map_or("", MatchedPath::as_str);
    let (status, ms) = (response.status().as_u16(), begun.elapsed().as_millis());
    tracing::info!(%method, route, status, ms, "answered");
    response
}
