//! Leaving: a device that is no manager tells its account that it leaves, and a manager signs a
//! roster without it.

use rand_core::CryptoRng;
use waxseal_reporting::{DeviceId, Timestamp};
use waxseal_roster::Roster;

use super::others::Other;
use crate::client::upkeep::Upkeep;
use crate::client::{Client, keys};
use crate::error::{LeaveError, StateError};
use crate::records::{LeaverRecord, OutboxRecord, SyncRecord};
use crate::roster_edit::RosterEdit;
use crate::store::{Store, Transaction};

/// How far this device has left its account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Leaving {
    /// It does not leave.
    No,
    /// The provider has not accepted the note which tells the managers that it leaves.
    Telling,
    /// The provider accepted that note. Tell the provider that this device leaves.
    Told,
}

impl<S: Store> Client<S> {
    /// Leaves the account with this device. Tells the other devices first: a manager's client then
    /// signs a roster without this device.
    ///
    /// Post what this returns, as after [`upkeep`](Self::upkeep). Once [`leaving`](Self::leaving)
    /// is [`Told`](Leaving::Told), tell the provider, which stops this device at once. Without a
    /// session with a manager, a later upkeep tells them.
    ///
    /// This cannot be taken back: the device can only be linked again, in an empty store.
    ///
    /// # Errors
    /// [`LeaveError::IsManager`] if this device is a manager, [`LeaveError::OnlyDevice`] if the
    /// account has no other device. After [`LeaveError::State`] the device may be leaving.
    pub fn leave(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Upkeep, LeaveError<S::Error>> {
        self.begin_to_leave()?;
        let mut upkeep = Upkeep::default();
        self.tell_own_devices(now, rng, &mut upkeep)?;
        Ok(upkeep.once_each())
    }

    /// Notes that this device leaves. The next upkeep tells the other devices.
    pub(crate) fn begin_to_leave(&mut self) -> Result<(), LeaveError<S::Error>> {
        self.run(|client| {
            client.check_leave()?;
            let mut sync = client.sync_record()?;
            if !sync.leaves {
                (sync.leaves, sync.leave_note) = (true, None);
                let mut transaction = Transaction::default();
                transaction.put_record(keys::sync(), &sync);
                client.commit(transaction)?;
            }
            Ok(())
        })
    }

    fn check_leave(&self) -> Result<(), LeaveError<S::Error>> {
        let found = self.look_at_peer(&self.me.account, |own| {
            let roster = own.roster()?;
            let mine = roster.device(self.me.device.0);
            let is_manager = mine.map(|mine| roster.is_manager(&mine.identity));
            Some((roster.devices().len(), is_manager))
        })?;
        let (devices, is_manager) = found.flatten().ok_or(LeaveError::NoAccountKey)?;
        // CHK-361: a manager does not leave, because its signature would still count. The only
        // device does not, because the account would have no device.
        match is_manager {
            None => Err(LeaveError::Removed),
            Some(_) if devices == 1 => Err(LeaveError::OnlyDevice),
            Some(true) => Err(LeaveError::IsManager),
            Some(false) => Ok(()),
        }
    }

    /// How far this device has left its account.
    pub fn leaving(&self) -> Result<Leaving, StateError<S::Error>> {
        self.look(|client| {
            let sync = client.sync_record()?;
            if !sync.leaves {
                return Ok(Leaving::No);
            }
            match client.check_leave() {
                Ok(()) => {}
                Err(LeaveError::State(StateError::Store(error))) => {
                    return Err(StateError::Store(error));
                }
                // A manager, or a device that was removed, has nothing to leave. Damage says
                // nothing.
                Err(_) => return Ok(Leaving::No),
            }
            let Some(number) = sync.leave_note else {
                return Ok(Leaving::Telling);
            };
            let note: Option<OutboxRecord> = client.readable(&keys::envelope(number))?;
            Ok(match note {
                Some(_) => Leaving::Telling,
                None => Leaving::Told,
            })
        })
    }

    /// The removal of a device that left and that the roster still lists. Managers are not removed
    /// so.
    pub(in crate::client) fn removal_of_leaver(
        &self,
        roster: &Roster,
    ) -> Result<Option<RosterEdit>, StateError<S::Error>> {
        let sync = self.sync_record()?;
        let leavers = sync.leavers.iter().filter_map(|leaver| {
            let listed = leaver.listed_in(roster)?;
            (!roster.is_manager(&listed)).then_some((leaver.id, listed))
        });
        let first = leavers.min();
        Ok(first.map(|(id, identity)| RosterEdit::Remove(id, identity)))
    }
}

impl LeaverRecord {
    /// The device's identity, if the roster lists the device.
    fn listed_in(&self, roster: &Roster) -> Option<[u8; 64]> {
        let listed = roster.device(self.id)?;
        (listed.identity == *self.identity).then_some(listed.identity)
    }
}

impl SyncRecord {
    /// Notes that the managers were not told that this device leaves, if this entry of the outbox
    /// was to tell them. The next upkeep tells them again. Returns whether it was that entry.
    pub(in crate::client) fn forget_leave_note(&mut self, number: u64) -> bool {
        self.leave_note.take_if(|note| *note == number).is_some()
    }

    /// Notes that a device of the own roster left. Those that the roster does not list any more are
    /// forgotten, so there are never more than it has devices.
    pub(super) fn note_leaver(&mut self, device: DeviceId, own: &Roster) {
        self.leavers
            .retain(|leaver| leaver.listed_in(own).is_some());
        let Some(listed) = own.device(device.0) else {
            return;
        };
        if self.leavers.iter().all(|leaver| leaver.id != device.0) {
            self.leavers.push(LeaverRecord {
                id: device.0,
                identity: listed.identity.to_vec(),
            });
        }
    }

    /// Whether the next note tells that this device leaves. The note waits for a session with a
    /// manager. A manager without a session is marked as lacking items, so that one is started.
    pub(super) fn tells_leave(&mut self, others: &[Other], is_manager: bool) -> bool {
        if !self.leaves || self.leave_note.is_some() || is_manager {
            return false;
        }
        let managers = others.iter().filter(|other| other.is_manager);
        if managers.clone().any(|manager| manager.can_send) {
            return true;
        }
        for manager in managers {
            self.note_lacking(manager.id);
        }
        false
    }
}
