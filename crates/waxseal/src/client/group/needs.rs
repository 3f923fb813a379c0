//! Needs: which own devices lack a group, and which key this device lacks.

use waxseal_reporting::{AccountId, DeviceId, Timestamp};

use super::telling::PAUSE_MS;
use super::{Group, GroupStanding};
use crate::client::peers::Device;
use crate::client::times::since;
use crate::client::upkeep::Upkeep;
use crate::client::{Client, keys};
use crate::error::StateError;
use crate::records::{self, UntoldRecord};
use crate::store::{Cursor, Store, Transaction};

/// How many admins are asked for a key that this device lacks.
const MAX_ASKED: usize = 3;

/// Groups that are read at once.
const ROWS_AT_ONCE: usize = 32;

/// The identities of the other devices of this account.
struct Others {
    all: Vec<Vec<u8>>,
    /// Those with which there is a session.
    reachable: Vec<Vec<u8>>,
    untold: Untold,
}

/// The own devices that refused a note. They are told of the groups again once there is a session
/// with them, at most once an hour.
#[derive(Default)]
struct Untold {
    /// From when on they are told. `None` if they are told now.
    later_ms: Option<u64>,
    /// Their numbers, and those of devices that are gone.
    numbers: Vec<u32>,
    /// Those with which there must be another session first.
    without: Vec<DeviceId>,
    identities: Vec<Vec<u8>>,
}

impl<S: Store> Client<S> {
    /// Notes which own devices lack a group, which key this device lacks, and who left.
    pub(super) fn note_group_needs(
        &mut self,
        now: Timestamp,
        upkeep: &mut Upkeep,
    ) -> Result<(), StateError<S::Error>> {
        let (others, is_manager) = self.look(|client| {
            let others = Others {
                all: client.other_identities()?,
                reachable: client.reachable_identities()?,
                untold: client.untold(now)?,
            };
            Ok::<_, StateError<S::Error>>((others, client.is_manager()?))
        })?;
        if let Some(at_ms) = others.untold.later_ms {
            upkeep.again_at(at_ms);
        }
        for device in &others.untold.without {
            upkeep.want_bundles(&self.me.account, Some(*device));
        }
        let mut after: Option<Cursor> = None;
        loop {
            let page = self.look(|client| {
                client.page(&keys::groups(), after.as_ref(), ROWS_AT_ONCE, |_, bytes| {
                    Some(Group::of(records::decode(bytes)?)?.id)
                })
            })?;
            for id in &page.items {
                let noted = self.run(|client| {
                    let Some(group) = client.take_group(id)? else {
                        return Ok(None);
                    };
                    client.note_needs_of(group, &others, is_manager, now)
                });
                match noted {
                    Ok(Some(at_ms)) => upkeep.again_at(at_ms),
                    Err(StateError::Damaged(_)) | Ok(None) => {}
                    Err(error) => return Err(error),
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let told = others.untold.numbers;
        if told.is_empty() {
            return Ok(());
        }
        self.run(|client| {
            let mut sync = client.sync_record()?;
            sync.untold.retain(|one| !told.contains(&one.id));
            sync.told_again_ms = now.as_millis().max(1);
            let mut transaction = Transaction::default();
            transaction.put_record(keys::sync(), &sync);
            client.commit(transaction)
        })
    }

    /// Notes what a group needs. Returns when it needs more, if that is known.
    fn note_needs_of(
        &mut self,
        mut group: Group,
        others: &Others,
        is_manager: bool,
        now: Timestamp,
    ) -> Result<Option<u64>, StateError<S::Error>> {
        let (id, me) = (group.id, self.me.account.clone());
        let mut transaction = Transaction::default();
        if group.standing() != GroupStanding::Member {
            return Ok(None);
        }
        let told = &mut group.record.told;
        let is_first = told.is_empty();
        told.retain(|one| others.all.contains(one) && !others.untold.identities.contains(one));
        // A device without a session would get no note, and notes are not sealed again.
        let mut lacking = others.reachable.clone();
        lacking.retain(|one| !told.contains(one));
        let is_again = lacking
            .iter()
            .any(|one| others.untold.identities.contains(one));
        let welcomes = !lacking.is_empty() && (is_manager || is_first || is_again);
        if welcomes {
            told.append(&mut lacking);
            group.put(&mut transaction);
        }
        let asked_ms = group.record.asked_ms;
        let is_asked = since(asked_ms, now).is_some_and(|age| asked_ms != 0 && age < PAUSE_MS);
        let asks = !is_asked && self.lacks_key(&group)?;
        if asks {
            group.record.asked_ms = now.as_millis().max(1);
            group.put(&mut transaction);
            let state = group.log.as_ref().map(|log| log.state());
            let members = state.into_iter().flat_map(|state| state.members());
            let admins = members.map(|member| member.account());
            let admins = admins.filter(|one| {
                *one != me.as_str() && state.is_some_and(|state| state.is_admin(one))
            });
            let admins = admins.filter_map(|one| AccountId::new(one).ok());
            for account in admins.take(MAX_ASKED) {
                self.queue_tell(&mut transaction, &id, &account, |tell| tell.asks = true)?;
            }
        }
        let asks_own = asks && !others.all.is_empty();
        if welcomes || asks_own {
            self.queue_tell(&mut transaction, &id, &me, |tell| {
                tell.welcomes |= welcomes;
                tell.asks |= asks_own;
            })?;
        }
        let later = self.note_leavers(&group, now, &mut transaction)?;
        if !transaction.changes().is_empty() {
            self.commit(transaction)?;
        }
        Ok(later)
    }

    /// The identities of the other devices of this account.
    pub(super) fn other_identities(&self) -> Result<Vec<Vec<u8>>, StateError<S::Error>> {
        let me = self.me.device.0;
        let found = self.look_at_peer(&self.me.account, |own| {
            let devices = own.roster().into_iter().flat_map(|roster| roster.devices());
            let others = devices.filter(|entry| entry.id != me);
            others.map(|entry| entry.identity.to_vec()).collect()
        })?;
        Ok(found.unwrap_or_default())
    }

    /// The identities of those with which there is a session.
    fn reachable_identities(&self) -> Result<Vec<Vec<u8>>, StateError<S::Error>> {
        let me = self.me.device;
        let found = self.look_at_peer(&self.me.account, |own| {
            let devices = own.devices.iter().filter(|(id, _)| **id != me);
            let reachable = devices.filter(|(_, device)| device.can_send());
            let listed = reachable.filter_map(|(id, _)| own.entry(*id));
            listed.map(|entry| entry.identity.to_vec()).collect()
        })?;
        Ok(found.unwrap_or_default())
    }

    fn untold(&self, now: Timestamp) -> Result<Untold, StateError<S::Error>> {
        let (sync, mut untold) = (self.sync_record()?, Untold::default());
        let told_ms = sync.told_again_ms;
        let age = since(told_ms, now).filter(|_| told_ms != 0);
        if sync.untold.is_empty() {
            return Ok(untold);
        }
        if age.is_some_and(|age| age < PAUSE_MS) {
            untold.later_ms = Some(told_ms.saturating_add(PAUSE_MS));
            return Ok(untold);
        }
        self.look_at_peer(&self.me.account, |own| {
            for UntoldRecord { id: number, not_on } in sync.untold {
                let id = DeviceId(number);
                let sending = own.devices.get(&id).and_then(Device::sending_id);
                let sending = sending.filter(|id| id.as_bytes().as_slice() != not_on);
                match (own.entry(id), sending) {
                    (None, _) => untold.numbers.push(number),
                    (Some(entry), Some(_)) => {
                        untold.numbers.push(number);
                        untold.identities.push(entry.identity.to_vec());
                    }
                    (Some(_), None) => untold.without.push(id),
                }
            }
        })?;
        Ok(untold)
    }

    pub(super) fn is_manager(&self) -> Result<bool, StateError<S::Error>> {
        let identity = self.identity.public().to_bytes();
        let found = self.look_at_peer(&self.me.account, |own| {
            own.roster()
                .is_some_and(|roster| roster.is_manager(&identity))
        })?;
        Ok(found.unwrap_or_default())
    }
}
