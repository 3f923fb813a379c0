//! Counts what happens in the kill test.

#![allow(unreachable_pub, reason = "tests")]

use super::killing::Kills;

/// The counters of one run.
#[derive(Default, Debug)]
pub struct Counts {
    pub messages: usize,
    pub relay_kills: usize,
    pub database_kills: usize,
    pub client_kills: usize,
    pub vault_kills: usize,
    pub review_kills: usize,
    pub identity_changes: usize,
    /// Messages written again because they were not in the store when the process was killed.
    pub written_again: usize,
    /// Envelopes that the client sent again because they were stored but not confirmed.
    pub sent_again: usize,
    /// Lines printed again, with the same id, because the process was killed after it printed them
    /// and before it recorded that they were shown.
    pub lines_repeated: usize,
    pub reports: usize,
    /// Runs of `report` for a message that was already reported.
    pub reports_again: usize,
    pub opened: usize,
    /// Runs of the reviewer's command that were killed, or did not reach the relay or the vault.
    pub not_opened: usize,
}

impl Counts {
    pub fn kills(&self) -> Kills {
        Kills {
            relays: self.relay_kills,
            databases: self.database_kills,
            clients: self.client_kills,
        }
    }
}
