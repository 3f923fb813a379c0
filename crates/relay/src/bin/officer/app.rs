//! What the program keeps while it runs: the officer's key, the pinned desk, the session, and the
//! opened views.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::de::DeserializeOwned;
use waxseal_desk::officer::OfficerKey;
use waxseal_desk::policy::{Officer, Policy};
use waxseal_log::entry::PublishedPolicy;
use waxseal_log::keys::LogKeys;
use waxseal_relay::desk::{DeskCard, DeskClient, Hex, read_json};
use waxseal_relay::system_rng;

use crate::clock::now;
use crate::files::is_of;
use crate::prepared::Call;
use crate::problem::Problem;
use crate::seen::SeenPolicy;
use crate::session::Sessions;
use crate::views::Views;

/// The whole program.
pub struct App {
    pub key: OfficerKey,
    pub desk: DeskClient,
    /// The keys of the desk's log, as pinned.
    pub keys: LogKeys,
    /// The newest policy that this program was shown.
    pub seen: SeenPolicy,
    /// Before the path of each page: `/` and 32 random hex digits.
    pub base: String,
    /// The address that this program listens on, as browsers send it in `Host`.
    pub host: String,
    pub sessions: Mutex<Sessions>,
    pub views: Mutex<Views>,
}

/// The desk as it is at the moment.
pub struct Desk {
    pub card: DeskCard,
    pub policy: Policy,
}

impl Desk {
    /// The desk of a card, if it is the pinned one, and shows a policy that its policy key signed
    /// and that is not older than one before.
    pub fn verified(card: DeskCard, keys: &LogKeys, seen: &SeenPolicy) -> Result<Self, Problem> {
        // CHK-641: the desk is still the pinned one.
        if !is_of(&card, keys) || card.keys.parse().as_ref() != Ok(keys) {
            return Err(Problem::OtherDesk);
        }
        let policy = Policy::decode(&card.policy).map_err(|_| Problem::OtherPolicy)?;
        let published = PublishedPolicy {
            version: policy.version(),
            digest: policy.digest(),
            signature: card.policy_signature.0,
        };
        // CHK-652: the pinned policy key signed the policy for this log, and none of a higher
        // version was seen before.
        let is_signed = |key| published.verify(keys.origin(), key).is_ok();
        if policy.origin() != keys.origin() || !keys.policy().is_some_and(is_signed) {
            return Err(Problem::OtherPolicy);
        }
        seen.note(policy.version(), &Hex(*policy.digest().as_bytes()))?;
        Ok(Self { card, policy })
    }

    /// The officer of the policy in force with this key.
    pub fn officer(&self, key: &Hex<32>) -> Option<&Officer> {
        let officers = self.policy.terms().officers.iter();
        officers
            .into_iter()
            .find(|officer| *officer.id.as_bytes() == key.0)
    }
}

impl App {
    pub fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn views(&self) -> MutexGuard<'_, Views> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes views, and forgets what was prepared with them.
    pub fn close(&self, close: impl FnOnce(&mut Views)) {
        let mut views = self.views();
        close(&mut views);
        self.sessions()
            .forget_exports(|grant, report| views.has(grant, report));
    }

    /// The officer's public key.
    pub fn me(&self) -> Hex<32> {
        Hex(*self.key.id().as_bytes())
    }

    /// Asks the desk for JSON.
    pub async fn get<T: DeserializeOwned>(self: &Arc<Self>, path: String) -> Result<T, Problem> {
        Ok(read_json(&self.get_bytes(path).await?)?)
    }

    /// Asks the desk for bytes.
    pub async fn get_bytes(self: &Arc<Self>, path: String) -> Result<Vec<u8>, Problem> {
        let app = Arc::clone(self);
        aside(move || app.get_now(&path)).await
    }

    /// Asks the desk for bytes, and waits for them.
    pub fn get_now(&self, path: &str) -> Result<Vec<u8>, Problem> {
        let rng = &mut system_rng();
        Ok(self.desk.get(&self.key, path, now(), rng)?)
    }

    /// Sends the desk what the officer signed or asked for.
    pub async fn call(self: &Arc<Self>, call: Call) -> Result<Vec<u8>, Problem> {
        let app = Arc::clone(self);
        aside(move || Ok(call.send(&app.desk, &app.key)?)).await
    }

    /// Asks the desk who it is and which policy is in force.
    pub async fn desk(self: &Arc<Self>) -> Result<Desk, Problem> {
        let card: DeskCard = self.get("/v1/desk".to_owned()).await?;
        Desk::verified(card, &self.keys, &self.seen)
    }
}

/// Does what waits for the network or takes long, without holding up other pages.
pub async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or(Err(Problem::Failed))
}
