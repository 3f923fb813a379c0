//! Forgeries: messages that nobody sent, or not like this. Insiders, thieves and the relay make
//! them. One counts as accepted if a device shows something.

use waxseal::reporting::relay::{GroupSlot, StampedGroup};
use waxseal::{GroupStanding, Timestamp};
use waxseal_world::QueuedGroup;

use super::reading::is_shown;
use super::tools::Stolen;
use crate::Result;
use crate::people::Standing;
use crate::world::{Queued, World};

/// How many waiting deliveries are altered at once.
const MAX_ALTERED: usize = 6;

impl World {
    /// Everything that forges a message, if anything does.
    pub fn forgeries(&mut self) -> Result<()> {
        self.altered()?;
        self.on_a_left_chain()?;
        self.by_a_former_member()?;
        Ok(())
    }

    /// Gives a forgery to a stolen store, or to a device itself.
    fn try_forgery(&mut self, client: &mut Stolen, queued: &QueuedGroup) {
        let delivery = self.provider.deliver_group(client.me(), queued);
        self.outcome.forgeries_tried += 1;
        if is_shown(&client.receive(&delivery)) {
            self.outcome.forgeries_accepted += 1;
            self.wrong("a forgery was accepted");
        }
    }

    /// The relay and insiders alter what is on its way: another body, the slot of another device,
    /// the slot or the tag of another message, an empty MAC. It comes before the genuine delivery.
    fn altered(&mut self) -> Result<()> {
        // What waits at the relay, and was not received.
        let waiting = self.queue.iter();
        let waiting: Vec<_> = waiting
            .filter_map(|((to, _), queued)| match queued {
                Queued::Group(queued) => Some((*to, queued.clone())),
                Queued::Direct(_) => None,
            })
            .filter(|(to, queued)| {
                let device = &self.people.devices[*to];
                let id = queued.stamped.claim().tag();
                let is_member = self.people.standing(*to) == Standing::Member;
                is_member && !device.is_removed && !device.shown.contains(id)
            })
            .take(MAX_ALTERED)
            .collect();
        for (at, (to, queued)) in waiting.iter().enumerate() {
            let mut copy = self.steal(*to)?;
            let with_body = |change: &dyn Fn(&mut Vec<u8>)| {
                let mut bytes = queued.stamped.encode();
                change(&mut bytes);
                let stamped = StampedGroup::decode(&bytes).ok()?;
                let slot = queued.slot.clone();
                Some(QueuedGroup { stamped, slot })
            };
            let mut forged = Vec::new();
            // The body is at the end.
            forged.extend(with_body(&|bytes| {
                if let Some(last) = bytes.last_mut() {
                    *last ^= 1;
                }
            }));
            let body = queued.stamped.body().len();
            forged.extend(with_body(&|bytes| {
                let middle = bytes.len() - body / 2;
                bytes[middle] ^= 0x80;
            }));
            let tag = *queued.stamped.claim().tag().as_bytes();
            for (other, of_other) in waiting.iter().skip(at + 1).take(4) {
                let (stamped, slot) = (queued.stamped.clone(), of_other.slot.clone());
                let is_same = of_other.stamped.claim().tag() == queued.stamped.claim().tag();
                if !(is_same && other == to) {
                    forged.push(QueuedGroup { stamped, slot });
                }
                // The tag of another message.
                let other = *of_other.stamped.claim().tag().as_bytes();
                forged.extend(
                    (!is_same)
                        .then(|| with_body(&|bytes| replace(bytes, &tag, &other)))
                        .flatten(),
                );
            }
            forged.push(QueuedGroup {
                stamped: queued.stamped.clone(),
                slot: GroupSlot::Mac([7; 16]),
            });
            for forged in &forged {
                self.try_forgery(&mut copy, forged);
            }
            // The genuine one opens all the same, and once.
            let delivery = self.provider.deliver_group(copy.me(), queued);
            let is_first = is_shown(&copy.receive(&delivery));
            self.outcome.forgeries_tried += 1;
            if is_first && is_shown(&copy.receive(&delivery)) {
                self.outcome.forgeries_accepted += 1;
                self.wrong("a message was shown twice");
            }
        }
        Ok(())
    }

    /// A thief copied a member's store. After the owner wrote once more, the thief seals a message
    /// by the copy, which the relay stamps now. The keys that it takes are used: those of the chain
    /// if the owner's chain went on, and those of the sessions if the owner began another one.
    fn on_a_left_chain(&mut self) -> Result<()> {
        self.settle()?;
        let Some(owner) = self.some_devices(1)?.first().copied() else {
            return Ok(());
        };
        let mut thief = self.steal(owner)?;
        if !self.write_from(owner)? {
            return Ok(());
        }
        self.settle()?;
        let stolen = self.seal_stolen(&mut thief, "Send me your passwords.")?;
        let listeners = self.some_devices(2)?;
        let later = self.provider.now;
        let all = self.collude(thief.me(), &stolen, later)?;
        for listener in listeners {
            let mut copy = self.steal(listener)?;
            if copy.me() == thief.me() {
                continue;
            }
            for queued in &all {
                self.try_forgery(&mut copy, queued);
            }
        }
        Ok(())
    }

    /// Former members write on by their old state. The relay stamps it, later than the removal.
    fn by_a_former_member(&mut self) -> Result<()> {
        let listeners = self.some_devices(2)?;
        let former: Vec<_> = self.former.iter().map(|one| one.device).collect();
        for device in former {
            let is_member = self.people.standing(device) == Standing::Member;
            if is_member || self.people.devices[device].is_removed {
                continue;
            }
            let Some(mut client) = self.take_former(device)? else {
                continue;
            };
            let state = client.group(&self.group())?;
            if state.is_none_or(|state| state.standing != GroupStanding::Member) {
                continue;
            }
            let Ok(sealed) = self.seal_stolen(&mut client, "I am still here.") else {
                continue; // it may not write
            };
            let me = client.me().clone();
            // An honest relay takes nothing.
            self.outcome.forgeries_tried += 1;
            if self.provider.post_group(&me, &sealed.envelope).is_ok() {
                self.outcome.forgeries_accepted += 1;
                self.wrong("the relay took a message of a former member");
            }
            let now = Timestamp::from_millis(self.provider.now.as_millis() + 1);
            let all = self.collude(&me, &sealed, now)?;
            for listener in &listeners {
                let mut copy = self.steal(*listener)?;
                for queued in &all {
                    self.try_forgery(&mut copy, queued);
                }
            }
        }
        Ok(())
    }
}

/// Replaces bytes that are somewhere in others.
fn replace(bytes: &mut [u8], what: &[u8], by: &[u8]) {
    let at = bytes.windows(what.len()).position(|window| window == what);
    if let Some(place) = at.and_then(|at| bytes.get_mut(at..at + by.len())) {
        place.copy_from_slice(by);
    }
}
