//! The other devices of the account: which there are, and which of them may lack items.

use waxseal_reporting::{DeviceId, Timestamp};
use waxseal_roster::limits::MAX_DEVICES;

use super::tell::Telling;
use crate::client::Client;
use crate::client::times::since;
use crate::client::upkeep::Upkeep;
use crate::error::StateError;
use crate::records::{OwnDeviceRecord, SyncRecord, UntoldRecord};
use crate::store::Store;
use crate::sync::Entry;

/// How long after a device was told all items it is not told all of them again: ten minutes. So a
/// device that goes on asking costs little.
const PASS_PAUSE_MS: u64 = 600_000;

/// How long after this device asked for all items it does not ask again: one hour.
const ASK_PAUSE_MS: u64 = 3_600_000;

/// How long after a session with a device was asked for it is not asked for again: one minute. The
/// device may have no prekeys.
const WANT_PAUSE_MS: u64 = 60_000;

/// Another device of the own account.
pub(super) struct Other {
    pub(super) id: DeviceId,
    identity: [u8; 64],
    pub(super) is_manager: bool,
    pub(super) can_send: bool,
}

impl<S: Store> Client<S> {
    /// The other devices of the own roster, and whether this one is a manager. `None` if there is
    /// no roster, or if it does not list this device.
    #[expect(
        clippy::type_complexity,
        reason = "two values that only this module reads"
    )]
    pub(super) fn other_devices(
        &self,
        now: Timestamp,
    ) -> Result<Option<(Vec<Other>, bool)>, StateError<S::Error>> {
        let time = self.roster_time(now)?;
        let found = self.look_at_peer(&self.me.account, |own| {
            let roster = own.roster()?;
            let mine = roster.device(self.me.device.0)?;
            let counting = time.counting(roster);
            let others = counting.filter(|entry| entry.id != self.me.device.0);
            let others = others.map(|entry| {
                let id = DeviceId(entry.id);
                let device = own.devices.get(&id);
                Other {
                    id,
                    identity: entry.identity,
                    is_manager: roster.is_manager(&entry.identity),
                    can_send: device.is_some_and(|device| device.can_send()),
                }
            });
            Some((others.collect(), roster.is_manager(&mine.identity)))
        });
        match found {
            Err(StateError::Damaged(_)) => Ok(None),
            found => Ok(found?.flatten()),
        }
    }

    /// Names the devices with which a session is needed, to tell them what they lack.
    pub(super) fn want_sessions(
        &self,
        sync: &mut SyncRecord,
        others: &[Other],
        now: Timestamp,
        upkeep: &mut Upkeep,
    ) -> Result<(), StateError<S::Error>> {
        let lacks = |other: &Other| {
            let mut devices = sync.devices.iter();
            !other.can_send && devices.any(|device| device.id == other.id.0 && device.lacks)
        };
        if !others.iter().any(lacks) {
            return Ok(());
        }
        for wanted in self.missing(&self.me.account, now)? {
            for id in wanted.devices {
                let mut devices = sync.devices.iter_mut();
                let Some(device) = devices.find(|device| device.id == id.0) else {
                    continue;
                };
                let age = since(device.wanted_ms, now).filter(|_| device.wanted_ms != 0);
                if age.is_some_and(|age| age < WANT_PAUSE_MS) {
                    upkeep.again_at(device.wanted_ms.saturating_add(WANT_PAUSE_MS));
                    continue;
                }
                device.wanted_ms = now.as_millis().max(1);
                upkeep.want_bundles(&wanted.account, Some(id));
            }
        }
        Ok(())
    }
}

impl SyncRecord {
    /// Takes notice of the other devices of the own roster. A device that is new is told all items,
    /// by the managers.
    pub(super) fn note_devices(&mut self, others: &[Other], is_manager: bool) {
        self.devices.retain(|known| {
            let mut others = others.iter();
            let is_new = known.identity.is_empty(); // it asked before it was noted
            others.any(|other| {
                other.id.0 == known.id && (is_new || other.identity == *known.identity)
            })
        });
        for other in others {
            if let Some(known) = self.devices.iter_mut().find(|one| one.id == other.id.0) {
                known.identity = other.identity.to_vec();
            } else {
                self.has_decisions = false;
                self.devices.push(OwnDeviceRecord {
                    id: other.id.0,
                    identity: other.identity.to_vec(),
                    lacks: is_manager,
                    ..OwnDeviceRecord::default()
                });
            }
        }
    }

    /// Asks for all items, if this device may have missed some.
    pub(super) fn ask(&mut self, telling: &mut Telling, now: Timestamp, upkeep: &mut Upkeep) {
        if !self.wants_state {
            return;
        }
        let age = since(self.asked_ms, now).filter(|_| self.asked_ms != 0);
        if age.is_some_and(|age| age < ASK_PAUSE_MS) {
            upkeep.again_at(self.asked_ms.saturating_add(ASK_PAUSE_MS));
        } else if telling.push(&Entry::StateWanted) {
            (self.wants_state, self.asked_ms) = (false, now.as_millis().max(1));
        }
    }

    /// Notes that every device may lack items.
    pub(in crate::client) fn note_all_lacking(&mut self) {
        for device in &mut self.devices {
            device.lacks = true;
        }
    }

    /// Notes that a device may lack items.
    pub(in crate::client) fn note_lacking(&mut self, device: DeviceId) {
        match self.devices.iter_mut().find(|known| known.id == device.0) {
            Some(known) => known.lacks = true,
            None => self.devices.push(OwnDeviceRecord {
                id: device.0,
                lacks: true,
                ..OwnDeviceRecord::default()
            }),
        }
    }

    /// Notes that a device refused a note, and may have missed that it is in a group.
    pub(in crate::client) fn note_untold(&mut self, device: DeviceId, not_on: Vec<u8>) {
        self.untold.retain(|known| known.id != device.0);
        if self.untold.len() < MAX_DEVICES {
            let id = device.0;
            self.untold.push(UntoldRecord { id, not_on });
        }
    }

    /// Notes that these devices get nothing of a record.
    pub(super) fn note_missed(&mut self, missed: &[DeviceId], others: &[Other], now: Timestamp) {
        let missed = |id| missed.contains(&DeviceId(id));
        for device in self.devices.iter_mut().filter(|device| missed(device.id)) {
            (device.lacks, device.is_in_pass) = (true, false);
            let mut others = others.iter();
            if others.any(|other| other.id.0 == device.id && other.can_send) {
                device.passed_ms = now.as_millis().max(1); // its session does not work
            }
        }
    }

    /// Begins to tell all items, if a device lacks some that can be told.
    pub(super) fn begin_pass(&mut self, others: &[Other], now: Timestamp, upkeep: &mut Upkeep) {
        if self.is_passing {
            return;
        }
        for device in &mut self.devices {
            let mut others = others.iter();
            let can_send = others.any(|other| other.id.0 == device.id && other.can_send);
            if !device.lacks || !can_send {
                continue;
            }
            let age = since(device.passed_ms, now).filter(|_| device.passed_ms != 0);
            if age.is_some_and(|age| age < PASS_PAUSE_MS) {
                upkeep.again_at(device.passed_ms.saturating_add(PASS_PAUSE_MS));
                continue;
            }
            device.is_in_pass = true;
            self.is_passing = true;
            self.passed_to.clear();
        }
    }

    /// Ends telling all items. Devices that missed some still lack them.
    pub(super) fn end_pass(&mut self, now: Timestamp) {
        for device in self.devices.iter_mut().filter(|device| device.is_in_pass) {
            (device.lacks, device.is_in_pass) = (false, false);
            device.passed_ms = now.as_millis().max(1);
        }
        self.is_passing = false;
        self.passed_to.clear();
    }
}
