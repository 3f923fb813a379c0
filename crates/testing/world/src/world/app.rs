//! Does what an application does: it receives deliveries, deletes conversations, and acts on errors
//! once the network is fair.

use waxseal::errors::ReceiveError;
use waxseal::{Advice, Received, Timestamp};

use super::{NAMES, Packet, World, number_of};
use crate::{address, snapshot, without_unopened};

/// Number of refusals after which the application gives a message up, although the errors advise
/// it to try again.
const PATIENCE: u32 = 3;
/// A little more than the pause between two sessions that refusals make necessary.
const HOUR_MS: u64 = 3_700_000;
/// Number of rounds of messages after which messages must arrive between all clients again.
const ROUNDS: usize = 8;

impl World {
    /// Delivers a message. The client shows the message, recognises it as a duplicate, or refuses
    /// it without changing the store.
    pub(super) fn deliver(&mut self, number: usize, delivery: &[u8]) {
        let (to, is_undisturbed) = (self.sent[number].to, self.is_undisturbed());
        let mut before = snapshot(&self.clients[to]);
        let mut received = self.clients[to].receive(delivery);
        // The client does not know the sending device, and fetches the roster of its account.
        if let Err(ReceiveError::UnknownDevice { device }) = &received
            && self.fetch_roster(to, &device.account)
        {
            before = snapshot(&self.clients[to]);
            received = self.clients[to].receive(delivery);
        }
        match received {
            Ok(Received::Message {
                conversation,
                from,
                message,
                sent_time_agrees,
                from_removed_device,
            }) => {
                assert!(!from_removed_device, "no device is removed");
                assert_eq!(conversation, from);
                let from = self.index_of(&from);
                let sent = &mut self.sent[number];
                assert_eq!(number_of(message.text()), number);
                assert_eq!((from, message.id()), (sent.from, &sent.id));
                assert!(sent_time_agrees);
                // A device that lost its state, or forgot the sender, gets the message as new.
                let most = self.set_back[to] + self.started_over[to] + self.forgotten[to];
                assert!(sent.shown <= most, "a message was shown twice");
                assert_eq!(message.header().sequence, sent.sequence);
                assert_eq!(message.header().last_seen, sent.last_seen);
                assert!(sent.accepted.contains(&message.accepted_at().unwrap()));
                sent.shown += 1;
                sent.acknowledged = true;
                let memory = &mut self.memories[to];
                memory.last_seen.insert(from, sent.id);
                memory.messages += 1;
                self.assert_bounded(to);
            }
            Ok(Received::Duplicate { id, .. }) => {
                let sent = &mut self.sent[number];
                // After a deletion, a message that cannot be opened counts as deleted.
                let is_disturbed = self.deleted[to] > 0 && !is_undisturbed;
                assert!(
                    id == sent.id && (sent.shown > 0 || is_disturbed),
                    "a message that was never shown was called a duplicate"
                );
                sent.acknowledged = true;
                assert!(snapshot(&self.clients[to]) == before);
            }
            Ok(other) => panic!("a message was taken for something else: {other:?}"),
            Err(error) => {
                let is_noted = error.advice() == Advice::AskAgain;
                let after = snapshot(&self.clients[to]);
                let is_unchanged = match error.advice() {
                    Advice::AskAgain | Advice::FetchRoster => {
                        without_unopened(after) == without_unopened(before)
                    }
                    _ => after == before,
                };
                assert!(
                    is_unchanged,
                    "a refused delivery changed the store: {error}"
                );
                // The author is asked for it.
                self.sent[number].acknowledged |= is_noted;
                // A message that was shown before would be recognised by its tag. So this message
                // is new, and refusing it needs a reason.
                assert!(
                    !self.is_undisturbed(),
                    "message {number} was refused: {error}"
                );
                self.react(number, &error);
            }
        }
    }

    /// Does what the error's [`Advice`] says, once the network is fair.
    fn react<E: std::error::Error>(&mut self, number: usize, error: &ReceiveError<E>) {
        if !self.is_fair {
            return;
        }
        let to = self.sent[number].to;
        let refused = &mut self.sent[number].refused;
        *refused += 1;
        let give_up = *refused >= PATIENCE;
        match error.advice() {
            Advice::AskAgain => drop(self.in_doubt.insert(to)),
            Advice::Drop => self.sent[number].acknowledged = true,
            Advice::DeliverAgain | Advice::KeepAndRetry | Advice::FetchRoster => {
                self.sent[number].acknowledged |= give_up;
            }
            advice => panic!("{error}: {advice:?}"),
        }
    }

    /// A client deletes a conversation, or forgets the peer as well.
    pub(super) fn delete(&mut self, who: usize, about: usize, forget: bool) {
        let (peer, now) = (self.account(about), self.provider.now);
        let client = &mut self.clients[who];
        let deleted = client.messages(&peer, None, usize::MAX).unwrap().items;
        for waiting in client.outbox(None, usize::MAX, now).unwrap().items {
            let sent = self.sent.iter_mut().find(|sent| sent.id == waiting.id);
            let sent = sent.filter(|sent| sent.to == about);
            if let Some(sent) = sent {
                sent.given_up = true;
            }
        }
        let memory = &mut self.memories[who];
        memory.messages -= deleted.len().min(memory.messages);
        if forget {
            client.forget_contact(&peer).unwrap();
            memory.next_sequence.remove(&about);
            memory.last_seen.remove(&about);
            self.forgotten[who] += 1;
            assert!(
                !self.clients[who]
                    .peers(None, 9)
                    .unwrap()
                    .items
                    .contains(&peer)
            );
        } else {
            client.delete_conversation(&peer).unwrap();
        }
        self.deleted[who] += 1;
        let client = &self.clients[who];
        assert!(client.messages(&peer, None, 9).unwrap().items.is_empty());
        self.assert_bounded(who);
    }

    /// Makes the network fair: from now on every packet arrives, and applications do what the
    /// errors advise.
    ///
    /// Asserts that in the end messages arrive between all clients, and that all stamped messages
    /// in their stores can be reported. If no state was rolled back or lost and no limit can have
    /// been exceeded, asserts that every message was shown exactly once.
    pub fn settle(&mut self) {
        self.is_fair = true;
        self.network.join();
        for who in 0..self.clients.len() {
            self.sign_in(who);
        }
        for _ in 0..ROUNDS {
            // A session is started over at most once an hour.
            let later = self.provider.now.as_millis() + HOUR_MS;
            self.provider.now = Timestamp::from_millis(later);
            for who in std::mem::take(&mut self.in_doubt) {
                self.republish(who);
            }
            self.drain();
            for who in 0..self.clients.len() {
                self.resend(who);
            }
            self.drain();
            self.deliver_waiting();
            for who in 0..self.clients.len() {
                self.upkeep(who);
                self.drain();
            }
            let first = self.sent.len();
            for from in 0..self.clients.len() {
                for to in (0..self.clients.len()).filter(|to| *to != from) {
                    let number = self.send(from, to);
                    self.network.send(from, to, Packet::Envelope(number));
                    self.drain();
                }
            }
            if self.sent[first..].iter().all(|sent| sent.shown == 1) {
                return self.assert_settled();
            }
        }
        panic!("after {ROUNDS} rounds not every client hears every other");
    }

    fn drain(&mut self) {
        self.provider.now = Timestamp::from_millis(self.provider.now.as_millis() + 1_000);
        while let Some(flight) = self.network.arrive(0) {
            self.arrive(flight);
        }
    }

    /// Delivers again every message that the relay accepted and no client acknowledged.
    fn deliver_waiting(&mut self) {
        for number in 0..self.sent.len() {
            let sent = &self.sent[number];
            if !sent.accepted.is_empty() && !sent.acknowledged {
                let delivery = self.delivery_of(number);
                self.deliver(number, &delivery);
            }
        }
    }

    /// The delivery of a message that the relay accepted, with the relay's last stamp for it.
    pub fn delivery_of(&self, number: usize) -> Vec<u8> {
        let sent = &self.sent[number];
        self.provider
            .deliver(&address(NAMES[sent.to]), &sent.queued)
    }

    fn assert_settled(&mut self) {
        for who in 0..self.clients.len() {
            self.drain();
            assert!(
                self.clients[who]
                    .outbox(None, 1, self.provider.now)
                    .unwrap()
                    .items
                    .is_empty()
            );
            for peer in (0..self.clients.len()).filter(|peer| *peer != who) {
                self.assert_reportable(who, peer);
            }
        }
        if self.is_undisturbed() {
            let mut sent = self.sent.iter();
            let lost = sent.position(|sent| sent.shown != 1 && !sent.given_up);
            assert_eq!(lost, None, "each message is shown exactly once");
        }
    }
}
