//! Handles packets that arrive, genuine or altered.

use waxseal::core::{PreKeyBundle, PreKeyUpload};
use waxseal::errors::ReceiveError;
use waxseal::reporting::relay::{
    Envelope, PostError, PostedFanout, PostedReseal, Receipt, ResealError,
};
use waxseal::{Advice, Bundles, Client, DeviceBundle, DeviceId, MemoryStore, Received};

use super::{NAMES, Packet, World};
use crate::PostRefused;
use crate::network::Flight;
use crate::script::altered;
use crate::{address, envelope_of, snapshot, without_unopened};

impl World {
    pub(super) fn arrive(&mut self, flight: Flight<Packet>) {
        let Flight { from, to, packet } = flight;
        match packet {
            Packet::Envelope(number) => self.relay(number),
            Packet::Delivery(number, delivery) => self.deliver(number, &delivery),
            Packet::Receipt(number, receipt) => {
                let recipient = self.account(self.sent[number].to);
                let confirmed = self.clients[to].confirm(&recipient, &receipt);
                assert!(
                    confirmed.is_ok()
                        || self.set_back[to] + self.started_over[to] + self.deleted[to] > 0,
                    "a receipt was refused: {confirmed:?}"
                );
            }
            Packet::Again(number, posted, mark) => self.relay_again(number, &posted, mark),
            Packet::Note(posted, mark) => self.relay_note(from, to, &posted, mark),
            Packet::NoteDelivery(delivery) => {
                // A refusal or receipts: what they say is checked by what they lead to.
                let mut received = self.clients[to].receive(&delivery);
                if let Err(ReceiveError::UnknownDevice { device }) = &received
                    && self.fetch_roster(to, &device.account)
                {
                    received = self.clients[to].receive(&delivery);
                }
                let is_shown = matches!(received, Ok(Received::Message { .. }));
                assert!(!is_shown, "a note was shown");
                if received.is_err_and(|error| error.advice() == Advice::AskAgain) {
                    self.in_doubt.insert(to);
                }
            }
            Packet::NoteReceipt(receipt) => {
                let recipient = self.account(from);
                let _ = self.clients[to].confirm(&recipient, &receipt);
            }
            Packet::Prekeys(upload) => {
                let account = self.account(from);
                if upload_is_of(&upload, &self.clients[from]) {
                    self.provider.publish(&account, &upload);
                    self.clients[from].confirm_prekeys(&upload).unwrap();
                }
            }
            Packet::OtherPrekeys(upload) => {
                let account = self.account(from);
                if upload_is_of(&upload, &self.clients[from]) {
                    self.provider.forget_one_time(&account);
                    self.provider.publish(&account, &upload);
                    self.clients[from].confirm_prekeys(&upload).unwrap();
                }
            }
        }
    }

    /// Stamps an envelope as the relay does, and sends the delivery and the receipt. An envelope
    /// that was posted too long ago is refused, and so is one of a device that registered again.
    fn relay(&mut self, number: usize) {
        let sent = &mut self.sent[number];
        let (from, to) = (sent.from, sent.to);
        let (sender, recipient) = (address(NAMES[from]), address(NAMES[to]));
        let stamped = self.provider.stamp(&sender, &recipient, &sent.envelope);
        let stamped = match stamped {
            Ok(stamped) => stamped,
            Err(PostRefused::Post(PostError::ClockDiffers)) => return,
            Err(error) => {
                assert!(self.started_over[from] > 0, "the relay refused: {error}");
                return;
            }
        };
        self.provider.keep_mark(&sender, sent.mark);
        let claim = stamped.claim();
        sent.accepted.push(claim.context().accepted_at);
        let receipt = Receipt::new(claim, &self.provider.key(&sender)).encode();
        sent.queued = stamped.encode();
        let delivery = self.provider.deliver(&recipient, &sent.queued);
        self.network
            .send(from, to, Packet::Delivery(number, delivery));
        self.network
            .send(to, from, Packet::Receipt(number, receipt));
    }

    /// Stamps a message once more that was sealed again.
    fn relay_again(&mut self, number: usize, posted: &[u8], mark: [u8; 40]) {
        let sent = &mut self.sent[number];
        let (from, to) = (sent.from, sent.to);
        let (sender, recipient) = (address(NAMES[from]), address(NAMES[to]));
        let (stamped, receipt) = match self.provider.post_again(&sender, posted) {
            Ok(accepted) => accepted,
            Err(ResealError::ClockDiffers) => return,
            Err(error) => {
                assert!(self.started_over[from] > 0, "the relay refused: {error}");
                return;
            }
        };
        self.provider.keep_mark(&sender, mark);
        sent.accepted.push(stamped.claim().context().accepted_at);
        sent.queued = stamped.encode();
        sent.acknowledged = false;
        let delivery = self.provider.deliver(&recipient, &sent.queued);
        self.network
            .send(from, to, Packet::Delivery(number, delivery));
        self.network
            .send(to, from, Packet::Receipt(number, receipt));
    }

    /// Stamps a refusal or receipts.
    fn relay_note(&mut self, from: usize, to: usize, posted: &[u8], mark: [u8; 40]) {
        let (sender, recipient) = (address(NAMES[from]), address(NAMES[to]));
        // One that was posted too long ago is refused, and so is one of a device that registered
        // again. It is posted again, if it is still in the outbox.
        let Ok((delivery, receipt)) = self.provider.post(&sender, &recipient, posted) else {
            return;
        };
        self.provider.keep_mark(&sender, mark);
        self.notes += 1;
        self.network.send(from, to, Packet::NoteDelivery(delivery));
        self.network.send(to, from, Packet::NoteReceipt(receipt));
    }

    pub(super) fn arrive_altered(&mut self, flight: &Flight<Packet>, place: u8, bit: usize) {
        let flip = |bytes: &[u8]| altered(bytes, place, bit);
        let (to, before) = (flight.to, snapshot(&self.clients[flight.to]));
        match &flight.packet {
            // The network alters the delivery on its way from the relay. The relay's MAC covers it.
            Packet::Delivery(_, delivery) => {
                let received = self.clients[to].receive(&flip(delivery));
                assert!(received.is_err(), "an altered delivery was accepted");
            }
            // The relay itself alters the envelope before it stamps it.
            Packet::Envelope(number) => {
                let posted = &self.sent[*number].envelope;
                let envelope = flip(&envelope_of(posted).encode());
                let (sender, recipient) = (address(NAMES[flight.from]), address(NAMES[to]));
                // On its way to the relay, the fanout MAC covers it.
                let on_the_way = flip(posted);
                assert!(
                    PostedFanout::decode(&on_the_way).is_err()
                        || self
                            .provider
                            .post(&sender, &recipient, &on_the_way)
                            .is_err(),
                    "an altered envelope was stamped"
                );
                if let Ok(envelope) = Envelope::decode(&envelope) {
                    let (delivery, _) = self.provider.stamp_as(&sender, &recipient, &envelope);
                    let received = self.clients[to].receive(&delivery);
                    assert!(
                        !matches!(received, Ok(Received::Message { .. })),
                        "an altered message was shown"
                    );
                }
            }
            Packet::Receipt(number, receipt) => {
                let recipient = self.account(self.sent[*number].to);
                // If the message is confirmed already, the client ignores the receipt.
                let id = &self.sent[*number].id;
                let message = self.clients[to].message(&recipient, id).unwrap();
                let confirmed = message.is_some_and(|message| message.evidence().is_some());
                let taken = self.clients[to].confirm(&recipient, &flip(receipt));
                assert!(
                    taken.is_err() || confirmed,
                    "an altered receipt was accepted"
                );
            }
            Packet::Again(_, posted, _) => {
                let altered = PostedReseal::decode(&flip(posted));
                let sender = address(NAMES[flight.from]);
                let key = self.provider.key(&sender);
                let (stamps, now) = (&self.provider.stamp_keys, self.provider.now);
                let taken = altered.map(|reseal| reseal.authenticate(&key, &sender, stamps, now));
                assert!(!matches!(taken, Ok(Ok(_))), "an altered reseal was stamped");
            }
            Packet::Note(posted, _) => {
                let (sender, recipient) = (address(NAMES[flight.from]), address(NAMES[to]));
                let altered = flip(posted);
                assert!(
                    PostedFanout::decode(&altered).is_err()
                        || self.provider.post(&sender, &recipient, &altered).is_err(),
                    "an altered note was stamped"
                );
            }
            Packet::NoteDelivery(delivery) => {
                let received = self.clients[to].receive(&flip(delivery));
                assert!(received.is_err(), "an altered note was accepted");
            }
            Packet::NoteReceipt(_) => {}
            Packet::Prekeys(upload) | Packet::OtherPrekeys(upload) => {
                let (other, peer) = (self.pair(to, 0).1, self.account(to));
                let bundle = DeviceBundle {
                    device: DeviceId(1),
                    base: flip(&upload.base),
                    one_time: None,
                };
                let bundles = Bundles {
                    roster: self.provider.roster(&peer),
                    devices: vec![bundle],
                };
                let (now, rng) = (self.provider.now, &mut self.provider.rng);
                let started = self.clients[other].start(&peer, &bundles, now, rng);
                let is_started = started.is_ok_and(|started| !started.devices.is_empty());
                assert!(!is_started, "an altered bundle was accepted");
            }
        }
        // A message that the relay altered may be noted, to ask its author for it.
        let after = snapshot(&self.clients[to]);
        assert!(
            without_unopened(after) == without_unopened(before),
            "an altered packet changed the store"
        );
    }
}

/// Whether the client still has the identity that made this upload. A device that has lost its
/// store has another identity.
fn upload_is_of(upload: &PreKeyUpload, client: &Client<MemoryStore>) -> bool {
    let bundle = PreKeyBundle::decode(&upload.base, None).unwrap();
    bundle.identity() == client.identity()
}
