//! How the relay asks the desk.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ed25519_dalek::SigningKey;
use tokio::sync::Semaphore;
use waxseal_interface::http::Link;
use waxseal_log::keys::LogKeys;
use waxseal_log::limits::MAX_KEYS_LEN;
use waxseal_relay::desk::{DeskClient, DeskCode, DeskError};
use waxseal_relay::system_rng;
use waxseal_reporting::Timestamp;
use waxseal_reporting::intake::AcceptanceKey;

use super::turns::Turns;

/// Maximum time for which a report waits for the desk's promise. The reporter waits for as long.
const HAND_ON_TIMEOUT: Duration = Duration::from_secs(2);

/// Maximum time for anything else that the desk is asked.
const ASK_TIMEOUT: Duration = Duration::from_secs(8);

/// Maximum number of requests to the desk at a time that hand reports on, and of all others. Each
/// takes a thread. So devices that ask for receipts keep no report from the desk.
const MAX_ASKED: usize = 16;

/// The desk that the relay was started with.
pub struct Desk {
    /// Hands reports on.
    pub quick: Lane,
    /// Asks everything else.
    pub patient: Lane,
    /// Signs the requests: the relay's key.
    key: SigningKey,
    /// Authenticates accepted reports for the desk's vault.
    pub acceptance: AcceptanceKey,
    /// The keys of the log, once the desk has told them.
    keys: RwLock<Option<String>>,
    /// Which reports are handed on next.
    pub turns: Turns,
    /// How often the desk is asked for notices.
    pub interval: Duration,
}

/// A kind of requests, which have their own time limit and their own number.
#[derive(Clone)]
pub struct Lane {
    client: DeskClient,
    places: Arc<Semaphore>,
}

/// How to reach a desk.
#[derive(Clone)]
pub struct DeskSetup {
    pub link: Link,
    pub origin: String,
    pub acceptance: AcceptanceKey,
    pub interval: Duration,
}

impl Desk {
    pub fn new(setup: DeskSetup, key: &SigningKey) -> Self {
        let lane = |timeout| Lane {
            client: DeskClient::new(setup.link.clone().within(timeout), &setup.origin),
            places: Arc::new(Semaphore::new(MAX_ASKED)),
        };
        Self {
            quick: lane(HAND_ON_TIMEOUT),
            patient: lane(ASK_TIMEOUT),
            key: key.clone(),
            acceptance: setup.acceptance,
            keys: RwLock::default(),
            turns: Turns::default(),
            interval: setup.interval,
        }
    }

    /// Asks the desk on a thread of its own.
    pub async fn ask<T: Send + 'static>(
        &self,
        lane: &Lane,
        call: impl FnOnce(&DeskClient, &SigningKey) -> Result<T, DeskError> + Send + 'static,
    ) -> Result<T, DeskError> {
        let busy = || DeskError::Refused {
            code: DeskCode::Busy,
            message: "too many requests to the desk".to_owned(),
        };
        let permit = lane.places.clone().acquire_owned();
        let permit = tokio::time::timeout(HAND_ON_TIMEOUT, permit).await;
        let permit = permit.map_err(|_| busy())?.map_err(|_| busy())?;
        let (client, key) = (lane.client.clone(), self.key.clone());
        let asked = tokio::task::spawn_blocking(move || {
            let answer = call(&client, &key);
            drop(permit);
            answer
        });
        asked.await.map_err(|_| busy())?
    }

    pub async fn get(&self, path: String, now: Timestamp) -> Result<Vec<u8>, DeskError> {
        let get = move |client: &DeskClient, key: &SigningKey| {
            client.get(key, &path, now, &mut system_rng())
        };
        self.ask(&self.patient, get).await
    }

    /// The keys of the log, as the desk told them last.
    pub fn known_keys(&self) -> Option<String> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.clone()
    }

    /// Asks the desk for the keys of its log.
    pub async fn fetch_keys(&self, now: Timestamp) -> Result<String, DeskError> {
        let text = self.get("/v1/log-keys".to_owned(), now).await?;
        let text = Some(text).filter(|text| text.len() <= MAX_KEYS_LEN);
        let text = text.and_then(|text| String::from_utf8(text).ok());
        let text = text.filter(|text| text.parse::<LogKeys>().is_ok());
        let text = text.ok_or(DeskError::Malformed)?;
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        *keys = Some(text.clone());
        Ok(text)
    }
}

#[cfg(test)]
mod tests;
