//! The relay's side: it takes messages and entries, and hands out what waits.

use std::collections::BTreeSet;

use waxseal::reporting::relay::{GroupSlot, ResealError};
use waxseal::{AccountId, Conversation, DeviceAddress, FrankingTag, GroupMismatch};
use waxseal_world::{EntryRefused, GroupPostRefused, PostRefused, QueuedGroup};

use crate::Result;
use crate::network::Packet;
use crate::people::Standing;
use crate::world::{Queued, RESEND_MS, World};

/// How many accepted messages are kept for attacks.
const RECENT: usize = 8;

impl World {
    /// Takes what was sealed again for one device.
    pub fn take_again(
        &mut self,
        from: usize,
        conversation: &Conversation,
        bytes: &[u8],
        target: &DeviceAddress,
        (id, attempt): (FrankingTag, u64),
    ) {
        let Some(sender) = self.present(from) else {
            return;
        };
        match self.provider.post_again(&sender, bytes) {
            Ok((stamped, receipt)) => {
                self.push(target, Queued::Direct(stamped));
                self.receipt(from, conversation, receipt, Some((id, attempt)));
            }
            // The device was removed, or its account is no member any more.
            Err(ResealError::OtherTarget) => {
                self.network.send(&Packet::NoTarget {
                    to: from,
                    conversation: conversation.clone(),
                    id,
                    attempt,
                });
            }
            Err(error) => self.wrong(format!("the relay refused a message again: {error}")),
        }
    }

    /// Takes a direct message.
    pub fn take_direct(
        &mut self,
        from: usize,
        to: &AccountId,
        bytes: &[u8],
        id: FrankingTag,
        attempt: u64,
    ) {
        let Some(sender) = self.present(from) else {
            return;
        };
        let conversation = Conversation::from(to);
        match self.provider.fan_out(&sender, to, bytes) {
            Ok((stamped, receipt)) => {
                for (target, stamped) in stamped {
                    self.push(&target, Queued::Direct(stamped));
                }
                self.receipt(from, &conversation, receipt, None);
            }
            Err(PostRefused::Mismatch) => {
                let mismatch = self.provider.mismatch(&sender, to, bytes);
                self.network.send(&Packet::Mismatch {
                    to: from,
                    conversation,
                    id,
                    attempt,
                    mismatch,
                });
            }
            // It was on its way for too long, and is posted again.
            Err(_) => {}
        }
    }

    /// Takes a message to the group.
    pub fn take_message(
        &mut self,
        from: usize,
        bytes: &[u8],
        id: FrankingTag,
        attempt: u64,
    ) -> Result<()> {
        let Some(sender) = self.present(from) else {
            return Ok(());
        };
        match self.provider.post_group(&sender, bytes) {
            Ok((queued, receipt)) => {
                self.note_accepted(id, bytes.len(), &queued);
                let conversation = Conversation::from(self.group());
                for (target, queued) in queued {
                    self.push(&target, Queued::Group(queued));
                }
                self.receipt(from, &conversation, receipt, None);
            }
            Err(GroupPostRefused::Mismatch) => {
                let mismatch = self.provider.group_mismatch(&sender, bytes);
                let mismatch = GroupMismatch {
                    news: mismatch.news,
                    rosters: mismatch.rosters,
                    left: mismatch.left,
                };
                self.network.send(&Packet::GroupMismatch {
                    to: from,
                    id,
                    attempt,
                    mismatch,
                });
            }
            Err(GroupPostRefused::NotMember | GroupPostRefused::MayNotWrite) => {
                let (to, id) = (from, Some(id));
                self.network.send(&Packet::NoMember { to, id });
            }
            Err(_) => {}
        }
        Ok(())
    }

    /// Counts a message that was accepted, and for whom.
    fn note_accepted(
        &mut self,
        id: FrankingTag,
        bytes: usize,
        queued: &[(DeviceAddress, QueuedGroup)],
    ) {
        let gives_all = queued
            .iter()
            .all(|(_, one)| !matches!(one.slot, GroupSlot::Mac(_)));
        let Some(written) = self.written.get_mut(&id) else {
            return; // it says that a member leaves
        };
        if !written.is_accepted {
            written.is_accepted = true;
            self.outcome.bytes_up.push(bytes as u64);
            self.outcome.renewals += u64::from(gives_all);
        }
        for (target, _) in queued {
            let Some(device) = self.people.find(target) else {
                continue;
            };
            match self.people.standing(device) {
                Standing::Leaving => {
                    self.device(device).possible.insert(id);
                }
                Standing::Member => {
                    let device = self.device(device);
                    device.expected.insert(id);
                    device.denied.remove(&id); // it was posted once more
                }
                _ => self.outcome.opened_by_removed += 1, // the relay gives it to someone else
            }
        }
        if let Some((_, first)) = queued.first() {
            self.recent.push((id, first.clone()));
            let more = self.recent.len().saturating_sub(RECENT);
            self.recent.drain(..more);
            self.former_read_on(first);
        }
    }

    /// Takes an entry of the group.
    pub fn take_entry(&mut self, from: usize, entry: &[u8]) -> Result<()> {
        let Some(sender) = self.present(from) else {
            return Ok(());
        };
        let before = self.member_names();
        match self.provider.post_entry(&sender, entry) {
            Ok(accepted) => {
                self.members_changed(&before)?;
                self.network.send(&Packet::Accepted { to: from, accepted });
            }
            Err(EntryRefused::Conflict(news)) => {
                self.outcome.conflicts += 1;
                self.network.send(&Packet::Conflict { to: from, news });
            }
            Err(EntryRefused::NotAdmin) => {
                let (to, id) = (from, None);
                self.network.send(&Packet::NoMember { to, id });
            }
            Err(error) => self.wrong(format!("an entry was refused: {error:?}")),
        }
        Ok(())
    }

    /// The names of all members.
    pub fn member_names(&self) -> BTreeSet<String> {
        let log = self.provider.group_log(&self.group());
        let members = log.into_iter().flat_map(|log| log.state().members());
        members.map(|member| member.account().to_owned()).collect()
    }

    /// A device that its account did not remove.
    fn present(&self, device: usize) -> Option<DeviceAddress> {
        let device = &self.people.devices[device];
        (!device.is_removed).then(|| device.me().clone())
    }

    fn receipt(
        &mut self,
        to: usize,
        conversation: &Conversation,
        receipt: Vec<u8>,
        again: Option<(FrankingTag, u64)>,
    ) {
        let conversation = conversation.clone();
        self.network.send(&Packet::Receipt {
            to,
            conversation,
            receipt,
            again,
        });
    }

    /// Something waits for a device from now on.
    pub fn push(&mut self, target: &DeviceAddress, queued: Queued) {
        let Some(to) = self.people.find(target) else {
            return; // a device that the relay invented
        };
        if self.people.devices[to].is_removed {
            return;
        }
        self.next_number += 1;
        self.queue.insert((to, self.next_number), queued);
        self.hand_out(to, self.next_number);
    }

    /// Delivers something, and once more later if it is not acknowledged.
    pub fn hand_out(&mut self, to: usize, number: u64) {
        let Some(address) = self.present(to) else {
            self.queue.remove(&(to, number));
            return;
        };
        let Some(queued) = self.queue.get(&(to, number)) else {
            return;
        };
        let bytes = self.delivery(&address, queued);
        self.network.send(&Packet::Delivery { to, number, bytes });
        self.network.wake(RESEND_MS, Packet::Again { to, number });
    }

    /// What the relay hands out of what waits for a device.
    pub fn delivery(&self, to: &DeviceAddress, queued: &Queued) -> Vec<u8> {
        match queued {
            Queued::Direct(stamped) => self.provider.deliver(to, &stamped.encode()),
            Queued::Group(queued) => self.provider.deliver_group(to, queued),
        }
    }

    /// The relay keeps no message to the group for the devices of a person who left.
    pub fn drop_queue(&mut self, person: usize) {
        let devices = self.people.persons[person].devices.clone();
        self.queue
            .retain(|(to, _), queued| matches!(queued, Queued::Direct(_)) || !devices.contains(to));
    }
}
