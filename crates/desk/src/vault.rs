//! The vault: holds the keys that open reports, and opens only what officers granted and the log
//! shows.
//!
//! A vault trusts what was pinned at its set-up, and nothing that a request brings. It reads every
//! entry of the log ([`Vault::follow`]), so it knows which policy is in force and which openings
//! were given before. It shows a report only after it has read the entry of exactly this opening,
//! with a challenge that it drew for it.
//!
//! One opening has these steps:
//!
//! | step | who | what |
//! |---|---|---|
//! | 1 | officers | sign a grant |
//! | 2 | vault | [`Vault::challenge`]: checks the grant, draws ordinal, mark and challenge |
//! | 3 | desk | appends the entry `content_opened` with this mark and [`OpeningDetail`] |
//! | 4 | log, witnesses | sign and cosign a checkpoint |
//! | 5 | vault | [`Vault::follow`]: reads the entry under the checkpoint, and cosigns it |
//! | 6 | vault | [`Vault::open`]: uses the challenge up, and shows the [`View`] |

mod challenge;
mod code;
mod error;
mod follow;
mod local;
mod open;
#[cfg(unix)]
pub mod process;
mod reported;
pub mod requests;
mod setup;
mod state;
mod view;

use core::fmt;
use std::collections::BTreeMap;
use std::io;

use waxseal_log::entry::PolicyDigest;
use waxseal_log::keys::LogKeys;
use waxseal_log::note::Cosigner;
use waxseal_reporting::Timestamp;
use waxseal_reporting::vault as reporting;

use crate::ids::VaultId;
use crate::policy::Policy;
use crate::{hash, labels};
use challenge::Pending;
use state::State;

pub use challenge::{Challenge, MAX_CHALLENGE_MS, MAX_CHALLENGES, OpeningDetail};
pub use error::VaultError;
pub use follow::{MAX_FOLLOWED_AGE_MS, MAX_FOLLOWED_ENTRIES, MAX_WITNESS_AHEAD_MS};
pub use local::{LocalVault, VaultCalls};
pub use open::{OpenRequest, Sorted, digest_of};
pub use reported::reported_account;
pub use setup::{MAX_VAULT_KEYS, SetupError, VaultSecrets};
pub use state::{MARK_DAYS, MAX_MARKS, MAX_STATE_LEN};
pub use view::{
    AttachedFile, ChunkedFile, FileAccess, MAX_VIEW_LEN, Names, Participant, Reference, View,
    ViewedAttachment, ViewedContent, ViewedMessage, ViewedPreview,
};

use setup::Keys;

/// Keeps the state of a vault between two runs. Implemented by the vault's process.
pub trait Memory {
    /// Replaces the state, and returns when the new one is durable. After a failure or a crash, the
    /// old state or the new one is there, and never a part of either.
    ///
    /// # Errors
    /// The error of the storage. The vault then refuses the call.
    fn save(&mut self, state: &[u8]) -> io::Result<()>;
}

/// What a vault tells about itself. Nothing of it is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The key by which grants name the vault.
    pub vault: VaultId,
    /// Number of entries that the vault has read.
    pub size: u64,
    /// Time of the newest checkpoint that it has read, by the witnesses' clocks. `None` until it
    /// has followed the log since it started.
    pub followed: Option<Timestamp>,
    /// Version and digest of the policy in force.
    pub policy: Option<(u32, PolicyDigest)>,
    /// Whether the vault has the document of this policy.
    pub adopted: bool,
    /// The moderation key to which apps seal new reports, encoded. 1,217 bytes.
    pub moderation_key: Vec<u8>,
}

/// The vault in this process. See the [module](self) for what it does.
///
/// Only [`follow`](Self::follow) changes its state, and saves it. The policy's document and the
/// challenges are in memory only. After a restart the desk lets the vault follow the log and adopt
/// the document again. Challenges from before the restart open nothing.
pub struct Vault {
    log: LogKeys,
    id: VaultId,
    cosigner: Cosigner,
    keys: Keys,
    /// One for each acceptance key, the present one first. Each has all moderation keys.
    vaults: Vec<reporting::Vault>,
    state: State,
    /// Whether a checkpoint was read since the start.
    has_followed: bool,
    adopted: Option<Policy>,
    /// By the digest of the challenge.
    pending: BTreeMap<[u8; 32], Pending>,
}

impl Vault {
    /// Starts a vault with pinned keys of the log, and its saved state. Without a state it starts
    /// with the log's first entry.
    ///
    /// A state that is older than the last one is harmless: the vault reads the entries after it
    /// again.
    ///
    /// # Errors
    /// [`SetupError`] if the keys do not belong together, or the state is of another vault or log,
    /// or was altered.
    pub fn new(
        log: LogKeys,
        secrets: &VaultSecrets,
        state: Option<&[u8]>,
    ) -> Result<Self, SetupError> {
        let cosigner = secrets.cosigner(log.vault().name())?;
        if cosigner.verifier() != *log.vault() {
            return Err(SetupError::OtherVaultKey);
        }
        if log.policy().is_none() {
            return Err(SetupError::NoPolicyKey);
        }
        let keys = secrets.keys(hash::digest(labels::SETUP, &[log.to_string().as_bytes()]));
        let state = match state {
            None => State::default(),
            Some(bytes) => State::decode(bytes, &keys)?,
        };
        Ok(Self {
            id: VaultId::from_bytes(*log.vault().key()),
            cosigner,
            vaults: secrets.reporting_vaults()?,
            keys,
            log,
            state,
            has_followed: false,
            adopted: None,
            pending: BTreeMap::new(),
        })
    }

    /// The stored form of the state.
    pub(crate) fn export_state(&self) -> Vec<u8> {
        self.state.encode(&self.keys)
    }

    /// The key by which grants name the vault.
    pub fn id(&self) -> &VaultId {
        &self.id
    }

    /// What the vault tells about itself.
    pub fn status(&self) -> Status {
        use waxseal_reporting::vault::Unseal as _;
        let present = self.vaults.first();
        Status {
            vault: self.id,
            size: self.state.frontier.size(),
            followed: self.state.followed.filter(|_| self.has_followed),
            policy: self.state.policy,
            adopted: self.adopted.is_some(),
            moderation_key: present
                .map(|vault| vault.public_key().encode())
                .unwrap_or_default(),
        }
    }

    /// Takes the document of the policy in force.
    ///
    /// # Errors
    /// [`VaultError`] if no policy was published, if this is the document of another one, or if it
    /// breaks a rule for policies. The vault is then unchanged.
    pub fn adopt(&mut self, document: &[u8]) -> Result<(), VaultError> {
        let (version, digest) = self.state.policy.ok_or(VaultError::NoPolicy)?;
        let policy = Policy::decode(document).map_err(VaultError::Policy)?;
        // CHK-188: the document is that of the policy in force, of this log and version.
        if policy.digest() != digest
            || policy.version() != version
            || policy.origin() != self.log.origin()
        {
            return Err(VaultError::OtherDocument);
        }
        self.adopted = Some(policy);
        Ok(())
    }

    /// The policy in force.
    fn policy(&self) -> Result<&Policy, VaultError> {
        // CHK-189: a policy is in force, and its document was adopted.
        self.adopted.as_ref().ok_or(VaultError::NoPolicy)
    }

    /// Checks that the log and its witnesses are not away.
    fn check_followed(&self, now: Timestamp) -> Result<(), VaultError> {
        let followed = self.state.followed.filter(|_| self.has_followed);
        let followed = followed.ok_or(VaultError::NotFollowed)?.as_millis();
        let now = now.as_millis();
        // CHK-190: since it started, the vault has read a checkpoint that is at most 24 hours old,
        // and the clock did not step back before it.
        if now > followed.saturating_add(MAX_FOLLOWED_AGE_MS)
            || followed > now.saturating_add(MAX_WITNESS_AHEAD_MS)
        {
            return Err(VaultError::NotFollowed);
        }
        Ok(())
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("size", &self.state.frontier.size())
            .field("pending", &self.pending.len())
            .finish_non_exhaustive()
    }
}
