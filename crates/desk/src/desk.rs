//! The [`Desk`]: ties the store, the log's key and the policy in force.

mod batch;
mod open;
#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may overflow")]
pub(crate) mod tests;

use core::fmt;

use waxseal_log::keys::LogKeys;
use waxseal_log::note::Signer;
use waxseal_log::tree::Appender;
use zeroize::Zeroizing;

use crate::error::{DeskError, Refused};
use crate::policy::Policy;
use crate::store::Store;

pub use batch::MAX_AHEAD;
pub(crate) use batch::{Batch, detail};
pub(crate) use open::{Tiles, tile_error};

/// What a desk is set up with.
pub struct DeskSetup {
    /// The key that signs checkpoints and promises. Its name is the log's origin.
    pub log: Signer,
    /// The public keys of log, vault, witnesses and policies, as everyone pins them.
    pub keys: LogKeys,
    /// The desk's own secret: hashes the accounts of reporters, and makes the salts of the
    /// commitments in decisions. 32 random bytes.
    pub secret: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for DeskSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeskSetup")
            .field("origin", &self.keys.origin())
            .finish_non_exhaustive()
    }
}

/// Does with reports what officers decide, and logs it.
///
/// Each act reads what it needs, checks it against the policy in force, and writes the entry of the
/// log and the rows in one step of the store. So an entry has its rows, and a row has its entry,
/// whenever the program stops. [`upkeep`](Self::upkeep) completes what a crash left.
///
/// Acts of officers are signed by the officers. The desk holds no officer's key, and a thief of the
/// store or of the log's key cannot sign an act of an officer. [`audit`](Self::audit) checks
/// every act. Exports and fetches name an officer and are entered without an officer's signature:
/// whoever runs the desk can enter some that nobody asked for. Only one act of an officer has no
/// entry: the assignment of a case.
///
/// Several desks may use one store. If another one was faster, the act fails with
/// [`StoreError::Conflict`](crate::store::StoreError::Conflict); call it again.
pub struct Desk<S> {
    pub(crate) store: S,
    pub(crate) setup: DeskSetup,
    pub(crate) tree: Appender,
    pub(crate) policy: Option<Policy>,
    /// Size of the newest checkpoint that the vault and enough witnesses cosigned.
    pub(crate) followed: u64,
}

impl<S: Store> Desk<S> {
    /// The store, to read rows.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Ends the desk, and returns its store.
    pub fn into_store(self) -> S {
        self.store
    }

    /// The policy in force, if one was published.
    pub fn policy(&self) -> Option<&Policy> {
        self.policy.as_ref()
    }

    /// Number of entries in the log.
    pub fn log_size(&self) -> u64 {
        self.tree.size()
    }

    /// The policy in force.
    pub(crate) fn in_force(&self) -> Result<&Policy, DeskError> {
        Ok(self.policy.as_ref().ok_or(Refused::NoPolicy)?)
    }
}

impl<S> fmt::Debug for Desk<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk")
            .field("log_size", &self.tree.size())
            .finish_non_exhaustive()
    }
}
