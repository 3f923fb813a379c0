//! A device with an identity. Its channel does not encrypt, which the relay cannot tell.

use std::sync::Arc;

use ed25519_dalek::{Signer, SigningKey};
use waxseal_interface::{DeviceBundle, Event, RelayCard, account_name, account_proof_input};
use waxseal_relay::{ClientError, Deliveries, DeviceSession, Registrant, RelayClient};
use waxseal_reporting::message::{Payload, PayloadHeader};
use waxseal_reporting::recipient::{Evidence, open};
use waxseal_reporting::relay::{Delivery, DeliveryKey, Envelope, Receipt};
use waxseal_reporting::reporter::{Disclosure, ModerationPublicKey, Reason, ReportDraft};
use waxseal_reporting::sender::{Fanout, RosterStamp, SentMessage, seal};
use waxseal_reporting::{AccountId, Audience, DeviceAddress, DeviceId};
use waxseal_roster::Roster;

use super::owner::{Owner, identity_of};
use super::{NoChannel, SOON, World, now};

pub struct Device {
    pub me: DeviceAddress,
    pub identity: SigningKey,
    pub delivery_key: DeliveryKey,
    pub client: RelayClient,
    pub session: Option<DeviceSession>,
    pub owner: Arc<Owner>,
    /// The roster that the device registers with.
    pub roster: Option<Roster>,
    sequence: u64,
}

pub struct Sent {
    pub message: SentMessage,
    pub receipt: Vec<u8>,
}

impl Device {
    /// The first device of an account.
    pub fn new(name: &str, client: RelayClient) -> Self {
        let owner = Arc::new(Owner::new(name));
        let mut device = Self::another(&owner, 1, client);
        device.roster = Some(owner.first(1, &device.identity, now().as_millis()));
        device
    }

    /// A device of an account that has others.
    pub fn another(owner: &Arc<Owner>, number: u32, client: RelayClient) -> Self {
        Self {
            me: DeviceAddress::new(account_name(&owner.name).unwrap(), DeviceId(number)),
            identity: SigningKey::from_bytes(&rand::random()),
            delivery_key: DeliveryKey::generate(&mut rand::rng()),
            client,
            session: None,
            owner: owner.clone(),
            roster: None,
            sequence: 0,
        }
    }

    pub fn prove(&self, context: &[u8]) -> [u8; 64] {
        let input = account_proof_input(context);
        self.identity.sign(&input).to_bytes()
    }

    pub fn identity_bytes(&self) -> [u8; 64] {
        identity_of(&self.identity)
    }

    /// The device as it signs rosters.
    pub fn signer(&self) -> (u32, &SigningKey) {
        (self.me.device.0, &self.identity)
    }

    pub fn register(&mut self) -> Result<RelayCard, ClientError> {
        let card = self.client.card()?;
        let roster = self.roster.as_ref();
        let roster = roster.map(|roster| roster.signed().encode());
        let registrant = Registrant {
            me: &self.me,
            identity: &self.identity_bytes(),
            delivery_key: &self.delivery_key,
            roster: roster.as_deref(),
        };
        let prove = |context: &[u8]| self.prove(context);
        let session = self
            .client
            .register(&card, &registrant, prove, &mut rand::rng())?;
        self.session = Some(session);
        Ok(card)
    }

    /// A base of prekeys: the device's identity where a base has it, then `keys`.
    pub fn base(&self, keys: &[u8]) -> Vec<u8> {
        let identity = self.identity_bytes();
        [&[1, 0x0a, 64], identity.as_slice(), &[0x12, 64], keys].concat()
    }

    pub fn session(&self) -> &DeviceSession {
        self.session.as_ref().unwrap()
    }

    pub fn token(&self) -> &str {
        &self.session().session().token
    }

    /// Uses the relay that runs now, after a restart.
    pub fn use_relay_of(&mut self, world: &World) {
        self.client = world.client();
    }

    /// Seals a message, and posts it: asks for a stamp now.
    pub fn seal(&mut self, to: &DeviceAddress, text: &str) -> (SentMessage, Vec<u8>) {
        let (sent, envelope) = self.seal_only(to, text);
        (sent, self.post(&envelope, &to.account))
    }

    /// Posts a message from the only device of an account to that of another.
    pub fn post(&self, envelope: &Envelope, to: &AccountId) -> Vec<u8> {
        let audience = Audience::Direct(to.clone());
        fanout(envelope).post(&self.delivery_key, &self.me, &audience, now())
    }

    pub fn seal_only(&mut self, to: &DeviceAddress, text: &str) -> (SentMessage, Envelope) {
        let to = Audience::Direct(to.account.clone());
        let conversation = to.conversation(&self.me.account);
        let header = PayloadHeader::new(self.sequence, now());
        self.sequence += 1;
        let payload = Payload::text(header, text).unwrap();
        let rng = &mut rand::rng();
        let sealed = seal(&mut NoChannel, &self.me, &conversation, &payload, rng).unwrap();
        (sealed.sent, sealed.envelope)
    }

    pub fn send(&mut self, to: &DeviceAddress, text: &str) -> Result<Sent, ClientError> {
        let (message, envelope) = self.seal(to, text);
        let receipt = self.client.send(self.session(), &to.account, &envelope)?;
        let evidence = Receipt::decode(&receipt).unwrap();
        evidence.authenticate(&self.delivery_key, &message).unwrap();
        Ok(Sent { message, receipt })
    }

    pub fn connect(&self) -> Deliveries {
        self.client.deliveries(self.session()).unwrap()
    }

    /// Authenticates and opens a delivery. Returns its text, empty if it has none, and the evidence
    /// to report it with.
    pub fn open(&self, delivery: &[u8]) -> (String, Evidence) {
        let delivery = Delivery::decode(delivery).unwrap();
        let delivery = delivery.authenticate(&self.delivery_key, &self.me);
        let opened = open(&mut NoChannel, &delivery.unwrap()).unwrap();
        let text = opened.content().as_text().unwrap_or_default().to_owned();
        (text, opened.evidence().clone())
    }

    /// Receives and acknowledges all queued messages.
    pub fn receive(&self) -> Vec<(String, Evidence)> {
        let (mut deliveries, mut received) = (self.connect(), Vec::new());
        loop {
            match deliveries
                .next(SOON)
                .unwrap()
                .expect("the relay sends an event in time")
            {
                Event::CaughtUp => break,
                Event::Delivery { id, delivery, .. } => {
                    received.push(self.open(&delivery));
                    deliveries.acknowledge(id).unwrap();
                }
                Event::QueueExpired { .. } => panic!("nothing was dropped"),
            }
        }
        deliveries.close();
        received
    }

    pub fn report(&self, to: &ModerationPublicKey, evidence: &[&Evidence]) -> Vec<u8> {
        let whole = evidence.iter().map(|one| (*one, Disclosure::Whole));
        self.report_parts(to, &whole.collect::<Vec<_>>())
    }

    /// A report that shows these parts of messages.
    pub fn report_parts(
        &self,
        to: &ModerationPublicKey,
        evidence: &[(&Evidence, Disclosure)],
    ) -> Vec<u8> {
        let mut draft = ReportDraft::new(self.me.clone(), Reason::Scam);
        for (evidence, shown) in evidence {
            draft.add(evidence, shown.clone()).unwrap();
        }
        let report = draft.seal(&self.delivery_key, to, &mut rand::rng());
        report.unwrap().encode()
    }
}

/// The prekeys of the only device of an account.
pub fn bundle(
    client: &RelayClient,
    session: &DeviceSession,
    of: &AccountId,
) -> Result<DeviceBundle, ClientError> {
    let mut bundles = client.bundles(session, of, &[])?;
    assert_eq!(bundles.devices.len(), 1);
    Ok(bundles.devices.remove(0))
}

/// A message for the only device of an account, from that of another. Both have their first roster.
pub fn fanout(envelope: &Envelope) -> Fanout {
    let first = RosterStamp::new(1, 1);
    let mut fanout = Fanout::new(*envelope.tag(), first, first);
    let only = fanout.insert(false, DeviceId(1), Some(envelope.clone()));
    only.unwrap();
    fanout
}
