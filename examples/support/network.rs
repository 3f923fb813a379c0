//! Simulates a network that drops, repeats, delays and reorders packets, determined by a seed.
//!
//! Clients and a provider communicate over the network. They resend unconfirmed packets, as real
//! clients and providers do. Time is simulated.

use std::collections::{BTreeMap, HashMap};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use waxseal::errors::ReceiveError;
use waxseal::{Client, Draft, FrankingTag, Outgoing, Received, Store, Timestamp};

use super::provider::Provider;

/// Chance that a packet is lost.
const DROP: f64 = 0.10;
/// Chance that a packet that is not lost arrives twice.
const REPEAT: f64 = 0.05;
/// Range of delays of a packet, evenly spread. The longest is above the pause between messages, so
/// that messages overtake each other.
const DELAY_MS: std::ops::Range<u64> = 20..6_000;
/// Time after which an unconfirmed packet is sent again.
const RESEND_MS: u64 = 8_000;
/// Maximum number of times that sender and relay together hand one message to the network. If a
/// message needs more, the network or a client is broken.
const MAX_ATTEMPTS: u32 = 60;

/// One message on its way from one client to another.
pub struct Flight {
    /// Index of the sender in [`Network::clients`].
    pub from: usize,
    /// Index of the recipient in [`Network::clients`].
    pub to: usize,
    /// The message's tag, which identifies it.
    pub id: FrankingTag,
    /// How often the recipient's application showed the message.
    pub shown: u32,
    /// The text that the recipient's application showed.
    pub text: Option<String>,
    envelope: Vec<u8>,
    delivery: Vec<u8>,
    confirmed: bool,
    acknowledged: bool,
    attempts: u32,
}

enum Event {
    EnvelopeAtRelay(usize),
    DeliveryAtRecipient(usize, Vec<u8>),
    ReceiptAtSender(usize, Vec<u8>),
    AcknowledgementAtRelay(usize),
    SenderWaited(usize),
    RelayWaited(usize),
}

/// What happened on the network.
#[derive(Default)]
pub struct Counts {
    pub duplicates_ignored: u64,
    pub out_of_order: u64,
    pub wire_bytes: u64,
    pub refused: u64,
}

/// The clients, the provider between them, and the packets on their way.
pub struct Network<S> {
    pub clients: Vec<Client<S>>,
    pub provider: Provider,
    pub flights: Vec<Flight>,
    pub counts: Counts,
    pub rng: ChaCha20Rng,
    now_ms: u64,
    events: BTreeMap<(u64, u64), Event>,
    scheduled: u64,
    last_sequence: HashMap<(usize, usize), u64>,
}

impl<S: Store> Network<S> {
    pub fn new(clients: Vec<Client<S>>, provider: Provider, start: Timestamp, seed: u64) -> Self {
        Self {
            clients,
            provider,
            flights: Vec::new(),
            counts: Counts::default(),
            rng: ChaCha20Rng::seed_from_u64(seed),
            now_ms: start.as_millis(),
            events: BTreeMap::new(),
            scheduled: 0,
            last_sequence: HashMap::new(),
        }
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_ms)
    }

    /// Sends a message and hands its envelope to the network. Returns the number of its flight.
    pub fn send(
        &mut self,
        from: usize,
        to: usize,
        message: impl Into<Draft>,
    ) -> Result<usize, String> {
        self.meet(from, to)?;
        let (now, recipient) = (self.now(), self.clients[to].me().account.clone());
        let sent = self.clients[from]
            .send(&recipient, message, now, &mut self.rng)
            .map_err(|error| error.to_string())?;
        self.carry(from, to, sent)
    }

    /// Starts sessions, unless there are some.
    pub fn meet(&mut self, from: usize, to: usize) -> Result<(), String> {
        let (now, recipient) = (self.now(), self.clients[to].me().account.clone());
        let sender = &mut self.clients[from];
        if !sender
            .has_session(&recipient)
            .map_err(|error| error.to_string())?
        {
            let bundles = self.provider.bundles(&recipient).ok_or("no prekeys")?;
            sender
                .start(&recipient, &bundles, now, &mut self.rng)
                .map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Hands a sealed message to the network. Returns the number of its flight.
    pub fn carry(&mut self, from: usize, to: usize, sent: Outgoing) -> Result<usize, String> {
        self.counts.wire_bytes += sent.envelope.len() as u64;
        let flight = self.flights.len();
        self.flights.push(Flight {
            from,
            to,
            id: sent.id,
            shown: 0,
            text: None,
            envelope: sent.envelope,
            delivery: Vec::new(),
            confirmed: false,
            acknowledged: false,
            attempts: 0,
        });
        self.set_out(flight)?;
        Ok(flight)
    }

    /// Lets `span_ms` of simulated time pass. With `None`, runs until no packet is on its way or
    /// waits to be sent again.
    pub fn run(&mut self, span_ms: Option<u64>) -> Result<(), String> {
        let until = span_ms.map(|span| self.now_ms + span);
        while let Some(entry) = self.events.first_entry() {
            if until.is_some_and(|until| entry.key().0 > until) {
                break;
            }
            let ((at, _), event) = entry.remove_entry();
            self.now_ms = at;
            self.handle(event)?;
        }
        self.now_ms = until.unwrap_or(self.now_ms);
        Ok(())
    }

    fn handle(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::EnvelopeAtRelay(flight) => self.at_relay(flight),
            Event::DeliveryAtRecipient(flight, delivery) => self.at_recipient(flight, &delivery),
            Event::ReceiptAtSender(flight, receipt) => {
                let recipient = self.clients[self.flights[flight].to].me().account.clone();
                let sender = &mut self.clients[self.flights[flight].from];
                sender
                    .confirm(&recipient, &receipt)
                    .map_err(|error| error.to_string())?;
                self.flights[flight].confirmed = true;
                Ok(())
            }
            Event::AcknowledgementAtRelay(flight) => {
                self.flights[flight].acknowledged = true;
                Ok(())
            }
            Event::SenderWaited(flight) if !self.flights[flight].confirmed => self.set_out(flight),
            Event::RelayWaited(flight) if !self.flights[flight].acknowledged => {
                self.deliver(flight)
            }
            Event::SenderWaited(_) | Event::RelayWaited(_) => Ok(()),
        }
    }

    /// Hands a message's envelope to the network, and again later unless it was confirmed.
    fn set_out(&mut self, flight: usize) -> Result<(), String> {
        self.attempt(flight)?;
        self.post_again(flight)?;
        self.transmit(|| Event::EnvelopeAtRelay(flight));
        self.schedule(RESEND_MS, Event::SenderWaited(flight));
        Ok(())
    }

    /// Takes an envelope from the outbox, with the present time. The relay refuses one that was
    /// posted more than ten minutes ago.
    fn post_again(&mut self, flight: usize) -> Result<(), String> {
        let Flight { from, id, .. } = self.flights[flight];
        let outbox = self.clients[from].outbox(None, usize::MAX, self.now());
        let outbox = outbox.map_err(|error| error.to_string())?;
        if let Some(waiting) = outbox.items.into_iter().find(|waiting| waiting.id == id) {
            self.flights[flight].envelope = waiting.envelope;
        }
        Ok(())
    }

    /// Stamps an envelope at the relay. The relay does not recognise an envelope that it stamped
    /// before, because it stores nothing per message.
    fn at_relay(&mut self, flight: usize) -> Result<(), String> {
        let Flight {
            from,
            to,
            ref envelope,
            ..
        } = self.flights[flight];
        let (sender, recipient) = (
            self.clients[from].me().clone(),
            self.clients[to].me().clone(),
        );
        let relayed = self
            .provider
            .relay(&sender, &recipient, envelope, self.now())
            .map_err(|error| error.to_string())?;
        self.flights[flight].delivery = relayed.delivery;
        self.transmit(|| Event::ReceiptAtSender(flight, relayed.receipt.clone()));
        self.deliver(flight)
    }

    /// Hands a message's delivery to the network, and again later unless it was acknowledged.
    fn deliver(&mut self, flight: usize) -> Result<(), String> {
        self.attempt(flight)?;
        let delivery = self.flights[flight].delivery.clone();
        self.transmit(|| Event::DeliveryAtRecipient(flight, delivery.clone()));
        self.schedule(RESEND_MS, Event::RelayWaited(flight));
        Ok(())
    }

    fn at_recipient(&mut self, flight: usize, delivery: &[u8]) -> Result<(), String> {
        let Flight { from, to, id, .. } = self.flights[flight];
        let now = self.now();
        let mut received = self.clients[to].receive(delivery);
        if let Err(ReceiveError::UnknownDevice { device }) = &received {
            let roster = self.provider.roster(&device.account);
            let taken = self.clients[to].take_roster(&device.account, &roster, now);
            taken.map_err(|error| error.to_string())?;
            received = self.clients[to].receive(delivery);
        }
        match received {
            Ok(Received::Message { message, .. }) => {
                assert_eq!(message.id(), &id);
                let flown = &mut self.flights[flight];
                flown.shown += 1;
                flown.text = message.text().map(str::to_owned);
                let sequence = message.header().sequence;
                let last = self.last_sequence.entry((from, to)).or_insert(sequence);
                if sequence < *last {
                    self.counts.out_of_order += 1;
                }
                *last = sequence.max(*last);
                if message.header().expires_after_secs != 0 {
                    // The user reads it at once.
                    let read = self.clients[to].mark_read(&message.sender().account, &id, now);
                    read.map_err(|error| error.to_string())?;
                }
            }
            Ok(Received::Duplicate { .. }) => self.counts.duplicates_ignored += 1,
            Ok(other) => return Err(format!("a message was taken for something else: {other:?}")),
            Err(error) => {
                // The delivery is not acknowledged, so the relay sends it again.
                eprintln!("a delivery was refused: {error}");
                self.counts.refused += 1;
                return Ok(());
            }
        }
        self.transmit(|| Event::AcknowledgementAtRelay(flight));
        Ok(())
    }

    fn attempt(&mut self, flight: usize) -> Result<(), String> {
        self.flights[flight].attempts += 1;
        if self.flights[flight].attempts > MAX_ATTEMPTS {
            return Err(format!(
                "message {flight} did not get through in {MAX_ATTEMPTS} attempts"
            ));
        }
        Ok(())
    }

    /// Loses a packet, or delivers it once or twice, each copy after its own random delay.
    fn transmit(&mut self, packet: impl Fn() -> Event) {
        if self.rng.random_bool(DROP) {
            return;
        }
        let copies = if self.rng.random_bool(REPEAT) { 2 } else { 1 };
        for _ in 0..copies {
            let delay = self.rng.random_range(DELAY_MS);
            self.schedule(delay, packet());
        }
    }

    fn schedule(&mut self, after_ms: u64, event: Event) {
        self.scheduled += 1;
        self.events
            .insert((self.now_ms + after_ms, self.scheduled), event);
    }
}
