//! What another device of the account told.

use waxseal_reporting::{AccountId, DeviceId};

#[cfg(doc)]
use super::Client;
use crate::sync::Fact;
use crate::sync::history::RequestId;

/// Something that another device of the account told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Synced {
    /// A fact that this device did not know. It is stored and, as far as the client can, carried
    /// out: a contact is pinned, verified or blocked, and what was deleted is deleted.
    Fact(Fact),
    /// A device of the account wants the history. Ask the user, who should have linked that device
    /// just now. If the user agrees, call [`Client::offer_history`].
    HistoryWanted {
        /// The device that asks.
        device: DeviceId,
        /// The request.
        request: RequestId,
    },
    /// The rest of the history is wanted that this device already gives. Post its chunks again from
    /// [`HistoryExport::first`](field@super::HistoryExport::first) on.
    HistoryResumed,
    /// The history that this device asked for is given. Fetch the chunks that
    /// [`Client::history_import`] names.
    HistoryOffered,
    /// The other device has the history that this device gave.
    HistoryEnded,
}

impl Synced {
    /// The account that the change is about. `None` for settings and histories.
    pub fn account(&self) -> Option<&AccountId> {
        match self {
            Self::Fact(fact) => fact.account(),
            _ => None,
        }
    }
}
