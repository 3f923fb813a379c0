//! What a set says about its sessions.

use core::fmt;

use super::SessionSet;
use crate::identity::IdentityKey;
use crate::post_quantum::PostQuantumStop;
use crate::session::Session;
use crate::session_id::SessionId;

impl SessionSet {
    /// The pinned identity of the peer's device.
    #[must_use]
    pub fn peer(&self) -> &IdentityKey {
        self.sending.peer()
    }

    /// Whether any message of the peer has been opened on the session chosen for sending. Until
    /// then the peer may not have been able to accept it, and each message repeats the handshake.
    #[must_use]
    pub fn is_established(&self) -> bool {
        self.sending.is_established()
    }

    /// The name of the session chosen for sending.
    #[must_use]
    pub fn sending_id(&self) -> SessionId {
        self.sending.id()
    }

    /// A hash of the whole handshake of the session chosen for sending. Both sides compute the same
    /// 32 bytes, and different handshakes give different ones. It is public.
    ///
    /// The digits that people compare when they link a device are derived from it: someone in
    /// between has one handshake with each side, and so two digests.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.sending.digest()
    }

    /// The names of all sessions held: of the chosen one first, then of the others, newest first.
    pub fn ids(&self) -> impl Iterator<Item = SessionId> {
        let others = self.others.iter().rev();
        [&self.sending].into_iter().chain(others).map(Session::id)
    }

    /// Number of sessions held.
    #[must_use]
    pub fn count(&self) -> usize {
        self.others.len().saturating_add(1)
    }

    /// Diffie–Hellman steps on all sessions ever held. See [`Session::dh_ratchet_steps`].
    #[must_use]
    pub fn dh_ratchet_steps(&self) -> u64 {
        let held = self.all().map(Session::dh_ratchet_steps);
        held.fold(self.dropped_steps, u64::saturating_add)
    }

    /// Post-quantum epochs completed on all sessions ever held. See [`Session::pq_epochs`].
    #[must_use]
    pub fn pq_epochs(&self) -> u64 {
        let held = self.all().map(Session::pq_epochs);
        held.fold(self.dropped_epochs, u64::saturating_add)
    }

    /// Why the post-quantum ratchet of the session chosen for sending has stopped, if it has. See
    /// [`Session::pq_stopped`].
    #[must_use]
    pub fn pq_stopped(&self) -> Option<PostQuantumStop> {
        self.sending.pq_stopped()
    }
}

impl fmt::Debug for SessionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionSet")
            .field("peer", self.peer())
            .field("count", &self.count())
            .field("is_established", &self.is_established())
            .finish_non_exhaustive()
    }
}
