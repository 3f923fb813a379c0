//! On which session with a device this device may send.
//!
//! After a set-back, none of the sessions in the store may be used for sending: their next keys may
//! have been used. They still open what is on its way. Only their names are kept, since the first
//! answer on such a session can make it the chosen one again.

use waxseal_core::{SessionId, SessionSet};

use super::{Device, Peer};
use crate::records::NUMBERS;

impl Device {
    /// The sessions to seal on, if this device may send on the one that is chosen.
    pub(in crate::client) fn sessions_to_send(&mut self) -> Option<&mut SessionSet> {
        match self.can_send() {
            true => {
                (self.record.unanswered_ms, self.record.unanswered_keys) = (0, 0);
                self.sessions.as_mut()
            }
            false => None,
        }
    }

    /// Whether this device may send without another session.
    pub(in crate::client) fn can_send(&self) -> bool {
        let sessions = self.sessions.as_ref();
        sessions.is_some_and(|sessions| {
            self.left.is_empty() || !self.left.contains(&sessions.sending_id())
        })
    }

    /// The session on which this device may send.
    pub(in crate::client) fn sending_id(&self) -> Option<SessionId> {
        let sessions = self.sessions.as_ref().filter(|_| self.can_send());
        sessions.map(SessionSet::sending_id)
    }

    /// The sessions on which the peer's device may send, too: without those that were left.
    pub(in crate::client) fn common_ids(&self) -> impl Iterator<Item = SessionId> {
        let ids = self.sessions.iter().flat_map(SessionSet::ids);
        ids.filter(|id| !self.left.contains(id))
    }

    /// The sessions that were left and are still there, as the store has them.
    pub(super) fn left_in_store(&self) -> Vec<Vec<u8>> {
        if self.left.is_empty() {
            return Vec::new(); // almost always, and then no session is named
        }
        let ids = self.sessions.iter().flat_map(SessionSet::ids);
        let left = ids.filter(|id| self.left.contains(id));
        left.map(|id| id.as_bytes().to_vec()).collect()
    }
}

impl Peer {
    /// Leaves all sessions: nothing is sealed on them any more.
    pub(in crate::client) fn leave_sessions(&mut self) {
        for device in self.devices.values_mut() {
            let ids = device.sessions.iter().flat_map(SessionSet::ids);
            device.left = ids.collect();
            device.is_changed = true;
        }
    }

    /// Whether an earlier line of this store may have used this number of a message.
    pub(in crate::client) fn has_used(&self, sequence: u64) -> bool {
        sequence < self.restarts.saturating_mul(NUMBERS)
    }

    /// Goes on with the first number of a message that no earlier line of this store used.
    pub(in crate::client) fn skip_used_numbers(&mut self) {
        let next = &mut self.conversation.next_sequence;
        *next = (*next).max(self.restarts.saturating_mul(NUMBERS));
    }
}
