//! Messages: written, posted and received.

use std::collections::BTreeSet;

use waxseal::errors::{ReceiveError, RetargetError, SendError};
use waxseal::reporting::relay::StampedEnvelope;
use waxseal::{AccountId, Advice, DeviceAddress, Message, Outgoing, Received, WantedBundles};

use super::{Fate, Household, Item, MOST_DEVICES, Written};
use crate::PostRefused;

impl Household {
    /// A device seals a message to the other account. Returns its number, unless the device knows
    /// that it was removed, or has no session and cannot get one.
    pub(super) fn write(&mut self, who: usize, fetches: bool) -> Option<usize> {
        let peer = self.account(1 - self.members[who].account);
        let has_session = self.members[who].client.has_session(&peer).unwrap();
        if self.is_removed(who) && !has_session {
            return None;
        }
        if !has_session {
            let all = WantedBundles {
                account: peer.clone(),
                devices: Vec::new(),
            };
            self.start(who, &all, false);
        }
        // Prekeys come with a roster, which may list further devices.
        for _ in 0..MOST_DEVICES {
            let now = self.provider.now;
            let missing = self.members[who].client.missing(&peer, now).unwrap();
            if !fetches || self.is_removed(who) || missing.is_empty() {
                break;
            }
            for wanted in &missing {
                self.start(who, wanted, false);
            }
        }
        let number = self.written.len();
        let (now, rng) = (self.provider.now, &mut self.provider.rng);
        let client = &mut self.members[who].client;
        let outgoing = match client.send(&peer, number.to_string().as_str(), now, rng) {
            Ok(outgoing) => outgoing,
            // The device learnt that it was removed, or all devices are gone with which there were
            // sessions.
            Err(SendError::Removed | SendError::NoSession) => return None,
            Err(error) => panic!("a message was not sealed: {error}"),
        };
        self.written.push(Written {
            from: who,
            id: outgoing.id,
            targets: BTreeSet::new(),
            accepted: Vec::new(),
            shown: BTreeSet::new(),
            given_up: false,
        });
        Some(number)
    }

    /// A device posts one of the messages in its outbox.
    pub(super) fn post(&mut self, who: usize, which: usize, fate: Fate) {
        let client = &self.members[who].client;
        let outbox = client.outbox(None, 1_000, self.provider.now).unwrap().items;
        if let Some(index) = which.checked_rem(outbox.len()) {
            self.post_one(who, &outbox[index], fate);
        }
    }

    pub(super) fn post_one(&mut self, who: usize, outgoing: &Outgoing, fate: Fate) {
        if self.is_removed(who) {
            // The relay answers that the device was removed. It has forgotten the delivery key.
            let refused = self.fan_out(who, outgoing);
            assert_eq!(refused.err(), Some(PostRefused::Removed));
            return;
        }
        if let Some(target) = &outgoing.again_for {
            return self.post_again(who, outgoing, target, fate);
        }
        match self.fan_out(who, outgoing) {
            Ok((stamped, receipt)) => {
                self.accept(who, outgoing, stamped);
                self.confirm(who, outgoing, &receipt, fate);
            }
            Err(PostRefused::Mismatch) => {
                let (me, to) = (self.address(who), recipient_of(outgoing));
                let mismatch = self.provider.mismatch(&me, to, &outgoing.envelope);
                let (now, rng) = (self.provider.now, &mut self.provider.rng);
                let client = &mut self.members[who].client;
                match client.retarget(to, &outgoing.id, &mismatch, now, rng) {
                    Ok(_) if fate == Fate::SealedAlone => {}
                    Ok(outgoing) => self.post_one(who, &outgoing, fate),
                    Err(RetargetError::TooManyRounds) => {
                        if let Some(number) = self.number_of(who, outgoing) {
                            self.written[number].given_up = true;
                        }
                    }
                    // A note is for devices that have published no prekeys yet. It waits.
                    Err(RetargetError::Send(SendError::NoSession)) => {}
                    Err(error) => panic!("a message was not sealed for others: {error}"),
                }
            }
            Err(refused) => panic!("the relay refused a message: {refused}"),
        }
    }

    #[expect(clippy::type_complexity, reason = "what the provider returns")]
    fn fan_out(
        &self,
        who: usize,
        outgoing: &Outgoing,
    ) -> Result<(Vec<(DeviceAddress, StampedEnvelope)>, Vec<u8>), PostRefused> {
        let (me, to) = (self.address(who), recipient_of(outgoing));
        self.provider.fan_out(&me, to, &outgoing.envelope)
    }

    /// A device posts a message that it sealed again for one device.
    fn post_again(&mut self, who: usize, outgoing: &Outgoing, target: &DeviceAddress, fate: Fate) {
        let me = self.address(who);
        if !self.provider.is_listed(target) {
            // The relay refuses: the target was removed. It stays in the outbox.
            return;
        }
        let again = self.provider.post_again(&me, &outgoing.envelope);
        let (stamped, receipt) = again.expect("a message that was accepted");
        let number = self.number_of(who, outgoing);
        if let Some(number) = number {
            let accepted_at = stamped.claim().context().accepted_at;
            self.written[number].accepted.push(accepted_at);
        }
        self.enqueue(target, number, &stamped);
        self.confirm(who, outgoing, &receipt, fate);
    }

    fn confirm(&mut self, who: usize, outgoing: &Outgoing, receipt: &[u8], fate: Fate) {
        if fate != Fate::AnswerLost {
            let client = &mut self.members[who].client;
            client.confirm(&outgoing.to, receipt).unwrap();
        }
    }

    fn number_of(&self, who: usize, outgoing: &Outgoing) -> Option<usize> {
        let mut written = self.written.iter();
        written.position(|written| written.from == who && written.id == outgoing.id)
    }

    /// The relay queues a message for exactly the devices that both rosters list.
    fn accept(
        &mut self,
        who: usize,
        outgoing: &Outgoing,
        stamped: Vec<(DeviceAddress, StampedEnvelope)>,
    ) {
        let me = self.address(who);
        let mut listed = self.provider.devices(&me.account);
        let recipient = recipient_of(outgoing);
        if *recipient != me.account {
            listed.extend(self.provider.devices(recipient));
        }
        let listed: BTreeSet<_> = listed.into_iter().filter(|device| *device != me).collect();
        let targets: BTreeSet<_> = stamped.iter().map(|(device, _)| device.clone()).collect();
        assert_eq!(targets, listed, "a message went to other devices");
        let number = self.number_of(who, outgoing);
        if let Some(number) = number {
            let written = &mut self.written[number];
            written.targets.extend(targets);
            let claim = stamped[0].1.claim();
            written.accepted.push(claim.context().accepted_at);
        }
        for (device, stamped) in stamped {
            self.assert_deaf(&stamped);
            self.enqueue(&device, number, &stamped);
        }
    }

    fn enqueue(&mut self, device: &DeviceAddress, number: Option<usize>, to: &StampedEnvelope) {
        let stamped = to.encode();
        let queue = self.queues.entry(device.clone()).or_default();
        queue.push_back(Item { number, stamped });
    }

    /// Asserts that what the relay accepts now opens on no device that was removed before, even if
    /// the relay hands it over.
    fn assert_deaf(&mut self, stamped: &StampedEnvelope) {
        for member in &mut self.members {
            if member.removed_at.is_some() {
                let delivery = stamped.deliver(member.client.delivery_key());
                let received = member.client.receive(&delivery.encode());
                let is_shown = matches!(
                    received,
                    Ok(Received::Message { .. } | Received::Sent { .. })
                );
                assert!(!is_shown, "a removed device opened a later message");
            }
        }
    }

    /// One of the deliveries that wait for a device arrives.
    pub(super) fn arrive(&mut self, who: usize, which: usize, is_acknowledged: bool) {
        let me = self.address(who);
        let queue = self.queues.get(&me).filter(|_| !self.is_removed(who));
        let Some(index) = queue.and_then(|queue| which.checked_rem(queue.len())) else {
            return;
        };
        let item = self.queues[&me][index].clone();
        let is_done = self.receive(who, &item);
        if is_done
            && is_acknowledged
            && let Some(queue) = self.queues.get_mut(&me)
        {
            queue.remove(index);
        }
    }

    /// A device receives a delivery. Returns whether it acknowledges it.
    pub(super) fn receive(&mut self, who: usize, item: &Item) -> bool {
        let me = self.address(who);
        let delivery = self.provider.deliver(&me, &item.stamped);
        let mut received = self.members[who].client.receive(&delivery);
        if let Err(ReceiveError::UnknownDevice { device }) = &received {
            let of = usize::from(device.account != self.account(0));
            self.fetch(who, of);
            received = self.members[who].client.receive(&delivery);
        }
        match received {
            Ok(Received::Message { from, message, .. }) => {
                let number = item.number.expect("a message");
                let sender = self.written[number].from;
                assert_eq!(from, self.address(sender).account);
                assert_ne!(from, me.account);
                self.show(number, &me, &message);
                true
            }
            Ok(Received::Sent { to, message }) => {
                let number = item.number.expect("a message");
                assert_ne!(to, me.account);
                self.show(number, &me, &message);
                true
            }
            Ok(Received::Duplicate { .. }) => {
                if let Some(number) = item.number {
                    let was_shown = self.written[number].shown.contains(&me);
                    assert!(
                        was_shown,
                        "a message that was never shown is called a duplicate"
                    );
                }
                true
            }
            Ok(_) => {
                assert_eq!(item.number, None, "a message was not shown");
                true
            }
            Err(error) => match error.advice() {
                // Its author is asked for it.
                Advice::AskAgain => true,
                // The sending device was removed, before this device learnt of it or after that.
                Advice::Drop => {
                    assert!(self.has_removed_author(item), "refused: {error}");
                    true
                }
                Advice::FetchRoster => {
                    assert!(self.has_removed_author(item), "unknown: {error}");
                    self.is_fair
                }
                advice => panic!("a delivery was refused: {error}, {advice:?}"),
            },
        }
    }

    /// Whether the device that wrote a message was removed.
    fn has_removed_author(&self, item: &Item) -> bool {
        let stamped = StampedEnvelope::decode(&item.stamped).unwrap();
        !self.provider.is_listed(&stamped.claim().context().sender)
    }

    /// A device shows a message, for the first time and with what is true of it.
    fn show(&mut self, number: usize, on: &DeviceAddress, message: &Message) {
        let sender = self.address(self.written[number].from);
        let written = &mut self.written[number];
        assert_eq!(message.text(), Some(number.to_string().as_str()));
        assert_eq!(message.id(), &written.id);
        assert_eq!(message.sender(), &sender);
        assert!(written.accepted.contains(&message.accepted_at().unwrap()));
        let was_listed = written.targets.contains(on);
        assert!(was_listed, "shown on a device that no roster listed then");
        assert!(
            written.shown.insert(on.clone()),
            "shown twice on one device"
        );
    }
}

fn recipient_of(outgoing: &Outgoing) -> &AccountId {
    outgoing.to.account().expect("a direct message")
}
