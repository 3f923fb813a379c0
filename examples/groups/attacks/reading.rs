//! Former members who read on, and newcomers who read what was sent before they came. The relay
//! helps them.

use waxseal::core::errors::ChainOpenError;
use waxseal::errors::ReceiveError;
use waxseal::reporting::relay::GroupSlot;
use waxseal::{Client, GroupStanding, MemoryStore, Received};
use waxseal_world::QueuedGroup;

use crate::Result;
use crate::people::{Former, Standing};
use crate::support::linking::copy_of;
use crate::world::{Queued, World};

/// How many stores of former members are kept.
const MAX_FORMER: usize = 8;

impl World {
    /// Keeps the stores of a person who goes.
    pub fn keep_former(&mut self, person: usize, is_removed: bool) -> Result<()> {
        for device in self.people.persons[person].devices.clone() {
            let known = self.former.iter_mut().find(|one| one.device == device);
            if let Some(known) = known {
                known.is_removed |= is_removed;
                continue;
            }
            self.former.push(Former {
                device,
                client: copy_of(&self.people.devices[device].client)?,
                is_removed,
            });
        }
        let more = self.former.len().saturating_sub(MAX_FORMER);
        self.former.drain(..more);
        Ok(())
    }

    /// A copy of a former member's store.
    pub fn take_former(&self, device: usize) -> Result<Option<Client<MemoryStore>>> {
        let former = self.former.iter().find(|one| one.device == device);
        let former = former.filter(|one| one.is_removed);
        former.map(|one| copy_of(&one.client)).transpose()
    }

    /// A person came into the group. The relay will give it what others wrote before.
    pub fn came(&mut self, person: usize) -> Result<()> {
        self.outcome.joined += 1;
        let devices = self.people.persons[person].devices.clone();
        self.former.retain(|one| !devices.contains(&one.device));
        for device in devices {
            let one = &self.people.devices[device];
            let recent = self.recent.iter();
            let others = recent.filter(|(id, _)| {
                let was_its = one.expected.contains(id) || one.possible.contains(id);
                !was_its
            });
            let others: Vec<_> = others.cloned().collect();
            self.newcomers.insert(device, others);
        }
        Ok(())
    }

    /// A person is in the group no more.
    pub fn went(&mut self, person: usize, has_left: bool) -> Result<()> {
        match has_left {
            true => self.outcome.left += 1,
            false => self.outcome.removed += 1,
        }
        self.keep_former(person, true)
    }

    /// The relay gives a message to a former member, with the slot of someone else.
    pub fn former_read_on(&mut self, queued: &QueuedGroup) {
        let former = self.former.iter().enumerate();
        let former = former.filter(|(_, one)| {
            let is_member = self.people.standing(one.device) == Standing::Member;
            one.is_removed && !is_member && !self.people.devices[one.device].is_removed
        });
        // Some had not heard of the group.
        let former = former.filter(|(_, one)| {
            let info = one.client.group(&self.group());
            matches!(info, Ok(Some(info)) if info.standing == GroupStanding::Member)
        });
        let former: Vec<_> = former.map(|(number, _)| number).collect();
        let Some(number) = self.any(&former) else {
            return;
        };
        for slot in [queued.slot.clone(), GroupSlot::Mac([0; 16])] {
            let stamped = queued.stamped.clone();
            let queued = QueuedGroup { stamped, slot };
            let client = &mut self.former[number].client;
            self.outcome.read_on_tried += 1;
            let delivery = self.provider.deliver_group(client.me(), &queued);
            let mut received = client.receive(&delivery);
            if let Err(ReceiveError::UnknownDevice { device }) = &received {
                let roster = self.provider.roster(&device.account);
                let _ = client.take_roster(&device.account, &roster, self.provider.now);
                received = client.receive(&delivery);
            }
            if is_read(&received) {
                self.outcome.opened_by_removed += 1;
                self.wrong(format!("a former member reads on: {received:?}"));
            }
        }
    }

    /// A newcomer opened its first message. The relay gives it what was sent before.
    pub fn read_back(&mut self, device: usize) -> Result<()> {
        let Some(mut earlier) = self.newcomers.remove(&device) else {
            return Ok(());
        };
        // What was posted once more since, after its author had heard of the newcomer, is for it.
        let one = &self.people.devices[device];
        earlier.retain(|(id, _)| !(one.expected.contains(id) || one.possible.contains(id)));
        let me = one.me().clone();
        let mut copy = copy_of(&self.people.devices[device].client)?;
        for (_, queued) in &earlier {
            for slot in [queued.slot.clone(), GroupSlot::Mac([0; 16])] {
                let stamped = queued.stamped.clone();
                let delivery = self
                    .provider
                    .deliver_group(&me, &QueuedGroup { stamped, slot });
                self.outcome.read_back_tried += 1;
                if is_shown(&copy.receive(&delivery)) {
                    self.outcome.opened_before_joining += 1;
                }
            }
        }
        // The relay tells the device itself of such a message, so that it asks for it.
        if let Some((id, queued)) = earlier.into_iter().next_back() {
            self.device(device).denied.insert(id);
            self.outcome.read_back_tried += 1;
            let slot = GroupSlot::Empty;
            let stamped = queued.stamped;
            self.push(&me, Queued::Group(QueuedGroup { stamped, slot }));
        }
        Ok(())
    }
}

/// Whether a delivery was opened and shown.
pub fn is_shown<E: std::error::Error>(received: &Result<Received, ReceiveError<E>>) -> bool {
    matches!(
        received,
        Ok(Received::Message { .. } | Received::Sent { .. })
    )
}

/// Whether a device that goes by its old state of the group has the keys of a message. If it has,
/// it refuses the message only for the state that the message names, or for its slot.
fn is_read<E: std::error::Error>(received: &Result<Received, ReceiveError<E>>) -> bool {
    match received {
        Ok(Received::Message { .. } | Received::Sent { .. }) => true,
        Err(ReceiveError::GroupNews { .. } | ReceiveError::GroupDiffers) => true,
        Err(ReceiveError::Chain(error)) => *error != ChainOpenError::UnknownChain,
        _ => false,
    }
}
