//! Which device sent a delivery, by the rosters that this device knows.

use waxseal_core::IdentityKey;
use waxseal_roster::{Roster, SignedRoster};

use super::{Arrival, Batch};
use crate::channel::RosterClaim;
use crate::client::Client;
use crate::client::peers::Peer;
use crate::error::StateError;
use crate::store::Store;

/// How long after this device learnt that a device was removed the provider may have accepted its
/// last messages: ten minutes.
const REMOVED_AFTER_MS: u64 = 10 * 60_000;

/// Maximum age of a carried roster, counted back from the known one: 37 days. Managers sign every
/// 30 days, and may be a week late.
const MAX_OLDER_MS: u64 = 37 * 24 * 3_600_000;

/// The device that sent a delivery.
pub(in crate::client) enum Sending {
    /// A device that may send, with its identity.
    Known([u8; 64]),
    /// A device with this identity that was removed, and that this device does not know. It was
    /// removed at this time at the latest.
    Former([u8; 64], u64),
    /// A device that was removed before the provider accepted the message.
    Removed,
    /// A device that is not in the known roster, or has another identity there.
    Unknown,
}

impl<S: Store> Client<S> {
    /// The identity of the sending device, by the newest known roster of its account. `claimed` is
    /// the identity that the message names, if it names one, and `by` the roster that the sender
    /// goes by. `carried` is the roster in the message.
    pub(in crate::client) fn sending_identity(
        &self,
        batch: &Batch,
        arrival: &Arrival,
        claimed: Option<&IdentityKey>,
        by: Option<&RosterClaim>,
        carried: Option<&[u8]>,
    ) -> Result<Sending, StateError<S::Error>> {
        let (id, accepted_ms) = (arrival.sender.device, arrival.accepted_ms);
        let Some(peer) = batch.peer(&arrival.sender.account) else {
            return Ok(Sending::Unknown);
        };
        // After a new epoch, another device can have the number of one that was removed.
        let is_behind = by.is_some_and(|by| {
            let known = peer.roster().map(Roster::stamp);
            known.is_some_and(|known| by.stamp > known)
        });
        let removed = peer.devices.get(&id).map(|device| &device.record);
        let removed = removed.filter(|record| record.removed_ms != 0);
        let identity = match removed {
            Some(_) if is_behind => None,
            Some(record) => {
                // CHK-325: a removed device is heard if the provider accepted its message before.
                let until_ms = record.removed_ms.saturating_add(REMOVED_AFTER_MS);
                if accepted_ms > until_ms {
                    return Ok(Sending::Removed);
                }
                record.identity.as_slice().try_into().ok()
            }
            // CHK-323: the sending device is in the roster of its account, which is not too old.
            None => peer
                .sending_entry(id, accepted_ms)
                .map(|entry| entry.identity),
        };
        // CHK-324: a message that names an identity names the one that the roster lists.
        let fits = |identity: &[u8; 64]| claimed.is_none_or(|one| one.to_bytes() == *identity);
        if let Some(identity) = identity.filter(fits) {
            return Ok(Sending::Known(identity));
        }
        let carried = carried.filter(|_| removed.is_none());
        let former = carried.and_then(|carried| former(peer, arrival, carried));
        Ok(match former.filter(|(identity, _)| fits(identity)) {
            Some((identity, removed_ms)) => Sending::Former(identity, removed_ms),
            None => Sending::Unknown,
        })
    }
}

/// Looks for the sending device in the older roster that its message carries. Returns its identity,
/// and the time of the known roster.
///
/// The account key and the managers of the epoch vouch for the older roster. Managers themselves
/// are never removed within an epoch.
fn former(peer: &Peer, arrival: &Arrival, carried: &[u8]) -> Option<([u8; 64], u64)> {
    let known = peer.roster()?;
    let id = arrival.sender.device.0;
    let older = SignedRoster::decode(carried).ok()?;
    let older = older.verify(arrival.sender.account.as_str()).ok()?;
    let entry = older.device(id)?;
    // CHK-331: a removed device that is new here carries an older roster of the same epoch that
    // lists it, and the provider accepted its message before the removal.
    let is_same = older.account_key() == known.account_key()
        && older.delegation() == known.delegation()
        && older.stamp() < known.stamp();
    let is_recent = known.at_ms().saturating_sub(older.at_ms()) <= MAX_OLDER_MS;
    let is_before = arrival.accepted_ms <= known.at_ms().saturating_add(REMOVED_AFTER_MS);
    let is_gone = known.device(id).is_none() && known.device_of(&entry.identity).is_none();
    (is_same && is_recent && is_before && is_gone).then(|| (entry.identity, known.at_ms().max(1)))
}
