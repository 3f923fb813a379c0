//! Welcomes: an admin tells who was added that they are in the group, and devices tell the others
//! of their account. Whoever lacks something asks.

use waxseal_reporting::sender::{Control, StateWanted, WelcomeRecord};
use waxseal_reporting::{AccountId, Timestamp};
use waxseal_roster::group::GroupId;

use super::telling::PAUSE_MS;
use super::{Group, GroupStanding};
use crate::client::receive::{Arrival, Batch, Received};
use crate::client::times::since;
use crate::client::{Client, keys};
use crate::error::StateError;
use crate::records::{GroupTellRecord, InviterRecord};
use crate::store::Store;

impl<S: Store> Client<S> {
    /// Takes what a control message tells of a group. `None` if it tells nothing of one.
    pub(in crate::client) fn take_group_control(
        &self,
        batch: &mut Batch,
        arrival: &Arrival,
        control: &Control,
    ) -> Result<Option<Received>, StateError<S::Error>> {
        let told = control.authority.as_ref().map(|told| told.group);
        let named = control.welcome.as_ref().map(|welcome| welcome.group);
        let wanted = control.state_wanted.map(|wanted| wanted.group);
        let Some(group) = named.or(told).or(wanted) else {
            return Ok(None);
        };
        let from = &arrival.sender.account;
        // A device that was removed is not heard.
        let entry = batch
            .peer(from)
            .and_then(|peer| peer.entry(arrival.sender.device));
        if entry.is_some() {
            let mut known = None;
            if let Some(welcome) = &control.welcome {
                known = self.take_welcome(batch, arrival, welcome)?;
            }
            if let Some(told) = &control.authority {
                let id = GroupId::from_bytes(*told.group.as_bytes());
                // What the welcome changed is not in the store yet.
                let known = match known.filter(|known| known.id == id) {
                    Some(known) => Some(known),
                    None => self.take_group(&id)?,
                };
                self.take_seed(batch, from, told, known)?;
            }
            if let Some(wanted) = &control.state_wanted
                && (!arrival.is_own || arrival.with == self.me.account)
            {
                self.take_state_wanted(batch, arrival, wanted)?;
            }
        }
        Ok(Some(Received::Group {
            from: from.clone(),
            group: GroupId::from_bytes(*group.as_bytes()),
        }))
    }

    /// Takes the word that this account is in a group, or that there is a newer state. Returns the
    /// group, if that changed it.
    fn take_welcome(
        &self,
        batch: &mut Batch,
        arrival: &Arrival,
        welcome: &WelcomeRecord,
    ) -> Result<Option<Group>, StateError<S::Error>> {
        let from = &arrival.sender.account;
        let is_own = *from == self.me.account;
        let is_to_own = is_own && arrival.with == self.me.account;
        let id = GroupId::from_bytes(*welcome.group.as_bytes());
        let group = match self.take_group(&id)? {
            Some(group) => group,
            // CHK-432: a welcome counts after an acceptance only. That it comes from an own device
            // says that the user accepted there.
            None if is_to_own => Group::new(id, GroupStanding::Invited),
            None => return Ok(None),
        };
        let mut group = group;
        if is_to_own
            && matches!(
                group.standing(),
                GroupStanding::Invited | GroupStanding::Removed
            )
        {
            self.note_accepted_invitation(&mut group, from, arrival.accepted_ms)?;
            group.put(&mut batch.transaction);
        }
        // Members must not cost more than a fetch an hour, by naming states that do not exist. An
        // admin can cost one with each entry anyway.
        let mut is_new = is_own;
        match group.standing() {
            GroupStanding::Accepted => {
                // CHK-432: it comes from the account whose invitation was accepted.
                if !group.has_accepted(from) && !is_own {
                    return Ok(None);
                }
                if welcome.version > group.record.welcome_version && group.has_accepted(from) {
                    group.record.welcome_version = welcome.version;
                    group.record.welcome_hash = welcome.state_hash.to_vec();
                    is_new = true;
                }
            }
            GroupStanding::Member | GroupStanding::Suspended => {
                let log = group.log.as_ref();
                let is_member = log.is_some_and(|log| log.state().is_member(from.as_str()));
                if !is_member || welcome.version <= group.version() {
                    return Ok(None);
                }
                is_new |= log.is_some_and(|log| log.state().is_admin(from.as_str()));
            }
            _ => return Ok(None),
        }
        group.record.wants_news = true;
        if is_new {
            group.record.fetched_ms = 0;
        }
        group.put(&mut batch.transaction);
        Ok(Some(group))
    }

    /// Answers a device that lacks the state of a group, or its key.
    fn take_state_wanted(
        &self,
        batch: &mut Batch,
        arrival: &Arrival,
        wanted: &StateWanted,
    ) -> Result<(), StateError<S::Error>> {
        let id = GroupId::from_bytes(*wanted.group.as_bytes());
        let Some(group) = self.take_group(&id)? else {
            return Ok(());
        };
        let from = &arrival.sender.account;
        // CHK-443: only a member is told the state, and the same version once an hour.
        let log = group.sendable();
        if log.is_none_or(|log| !log.state().is_member(from.as_str())) {
            return Ok(());
        }
        let tell: Option<GroupTellRecord> = self.readable(&keys::group_tell(&id, from))?;
        let tell = tell.filter(|tell| tell.told_version == group.version());
        let told_ms = tell.map_or(0, |tell| tell.told_ms);
        let accepted = Timestamp::from_millis(arrival.accepted_ms);
        if told_ms != 0 && since(told_ms, accepted).is_none_or(|age| age < PAUSE_MS) {
            return Ok(());
        }
        self.queue_welcome(&mut batch.transaction, &id, from)
    }
}

impl Group {
    /// Notes that an account invited this one.
    pub(super) fn note_inviter(&mut self, from: &AccountId, invited_ms: u64) {
        let inviters = &mut self.record.inviters;
        let known = inviters.iter_mut().find(|one| one.account == from.as_str());
        match known {
            Some(known) => known.invited_ms = known.invited_ms.max(invited_ms),
            None => inviters.push(InviterRecord {
                account: from.as_str().to_owned(),
                is_accepted: false,
                invited_ms,
            }),
        }
    }

    /// Forgets the invitations of before an entry that the provider accepted at a time. What is
    /// still to come may bring the account back. The word of an own device counts up to the version
    /// that it named: before, the account may have come and gone.
    pub(super) fn forget_inviters(&mut self, me: &AccountId, version: u64, accepted_ms: u64) {
        let record = &mut self.record;
        let is_past = version < record.welcome_version;
        record
            .inviters
            .retain(|one| match one.account == me.as_str() {
                true => is_past,
                false => one.invited_ms > accepted_ms,
            });
    }

    /// Notes that the user accepted the invitation of an account.
    pub(super) fn accept(&mut self, from: &AccountId) {
        for inviter in &mut self.record.inviters {
            inviter.is_accepted |= inviter.account == from.as_str();
        }
    }
}
