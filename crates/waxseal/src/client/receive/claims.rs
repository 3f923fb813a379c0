//! Claims: what a device that sent a message says about rosters.

use std::cmp::Ordering;

use waxseal_reporting::AccountId;

use super::{Arrival, Batch};
use crate::channel::{Preamble, RosterClaim};
use crate::client::Client;
use crate::client::notices::Kind;
use crate::client::peers::Peer;
use crate::error::StateError;
use crate::store::Store;

impl<S: Store> Client<S> {
    /// Compares the rosters that the sender of an opened message goes by with those that this
    /// device knows.
    ///
    /// The claims are unverified, so they cause no more than a fetch, a note to the peer, or a
    /// notice.
    pub(in crate::client) fn take_claims(
        &mut self,
        batch: &mut Batch,
        arrival: &Arrival,
        claims: &Preamble,
    ) -> Result<(), StateError<S::Error>> {
        let from = &arrival.sender.account;
        if let Some(claim) = &claims.sender
            && self.compare(batch, from, claim)? == Some(Ordering::Greater)
        {
            self.note_newer(batch, from, claim)?;
        }
        let Some(claim) = &claims.recipient else {
            return Ok(());
        };
        let me = self.me.account.clone();
        // A device that only receives would otherwise read its own account for each message.
        if batch.peer(&me).is_none() {
            self.cache_peer(&me);
        }
        match self.compare(batch, &me, claim)? {
            Some(Ordering::Greater) => self.note_newer(batch, &me, claim),
            // CHK-598: strangers and blocked accounts would learn that the message opened.
            Some(Ordering::Less) if self.may_be_told_in(batch, arrival)? => {
                self.upkeep_in(batch, from)?.tells_roster = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Whether the sender may learn that its message opened.
    fn may_be_told_in(
        &self,
        batch: &Batch,
        arrival: &Arrival,
    ) -> Result<bool, StateError<S::Error>> {
        let from = &arrival.sender.account;
        let conversation = batch.conversation(from);
        if conversation.is_some_and(|conversation| conversation.is_blocked) {
            return Ok(false);
        }
        match &arrival.group {
            _ if self.is_accepted_in(batch, from) => Ok(true),
            Some(group) => self.is_or_was_member(group, from),
            None => Ok(false),
        }
    }

    /// Notes that a newer roster is needed, and of the own account which one others go by.
    fn note_newer(
        &self,
        batch: &mut Batch,
        account: &AccountId,
        claim: &RosterClaim,
    ) -> Result<(), StateError<S::Error>> {
        self.note_roster_wanted(batch, account)?;
        if *account == self.me.account {
            let upkeep = self.upkeep_in(batch, account)?;
            let before = RosterClaim::from_bytes(&upkeep.claimed);
            if before.is_none_or(|before| claim.stamp > before.stamp) {
                upkeep.claimed = claim.to_bytes();
            }
        }
        Ok(())
    }

    /// Compares a claim with the known roster of an account. `None` if there is none. One of the
    /// same version with another hash is a split view, which the user is told.
    fn compare(
        &self,
        batch: &mut Batch,
        account: &AccountId,
        claim: &RosterClaim,
    ) -> Result<Option<Ordering>, StateError<S::Error>> {
        let look = |peer: &Peer| {
            let roster = peer.roster()?;
            let known = RosterClaim::of(roster);
            // CHK-329: each version has one roster.
            let is_split = claim.stamp == known.stamp && claim.hash != known.hash;
            Some((known, is_split.then(|| roster.signed().encode())))
        };
        let known = match batch.peer(account) {
            Some(peer) => look(peer),
            // The message opened, so damage elsewhere must not lose it.
            None => match self.look_at_peer(account, look) {
                Err(StateError::Damaged(_)) => None,
                known => known?.flatten(),
            },
        };
        let Some((known, other)) = known else {
            return Ok(None);
        };
        if let Some(bytes) = other {
            let (transaction, kind) = (&mut batch.transaction, Kind::SplitView);
            self.put_notice(transaction, kind, account, &bytes, &claim.hash);
        }
        Ok(Some(claim.stamp.cmp(&known.stamp)))
    }
}
