//! Strangers with a modified client, and what they make a store hold.

use waxseal::core::SessionSet;
use waxseal::core::errors::EncryptError;
use waxseal::reporting::message::{Attachment, Payload, PayloadHeader};
use waxseal::reporting::relay::Envelope;
use waxseal::reporting::sender::{Control, SealingChannel, seal, seal_control};
use waxseal::reporting::{Audience, ConversationId};
use waxseal::{
    Client, Content, DeviceAddress, FrankingTag, MemoryStore, Received, Store, Timestamp,
};
use waxseal_world::{BareDevice, Provider, account, snapshot};

pub type Device = Client<MemoryStore>;

pub const DAY_MS: u64 = 24 * 3_600_000;

/// A stranger without a client, who seals whatever it wants for Bob.
pub struct Stranger {
    pub device: BareDevice,
    pub sessions: SessionSet,
}

impl Stranger {
    pub fn new(world: &mut Provider, name: &str) -> Self {
        let device = BareDevice::new(world, name);
        Self {
            sessions: device.initiate(world, "bob"),
            device,
        }
    }

    /// Begins another session.
    pub fn start_over(&mut self, world: &mut Provider) {
        self.sessions = self.device.initiate(world, "bob");
    }

    pub fn seal(&mut self, content: Content, world: &mut Provider) -> Envelope {
        self.seal_with_files(content, Vec::new(), world)
    }

    pub fn seal_with_files(
        &mut self,
        content: Content,
        files: Vec<Attachment>,
        world: &mut Provider,
    ) -> Envelope {
        let header = PayloadHeader::new(0, world.now);
        let payload = Payload::with_attachments(header, content, files).unwrap();
        let channel = &mut self.device.channel(&mut self.sessions);
        sealed(channel, &self.device.me, &payload, world)
    }

    /// Seals a message with a claim that the device knows an old roster of Bob's account.
    pub fn seal_with_old_roster(&mut self, world: &mut Provider) -> Envelope {
        let payload = Payload::text(PayloadHeader::new(0, world.now), "which devices?").unwrap();
        let mut preamble = self.device.preamble();
        let at = preamble.len() - 24;
        preamble[at..].copy_from_slice(&[[0; 8].as_slice(), &[9; 16]].concat());
        let channel = &mut Claiming {
            sessions: &mut self.sessions,
            preamble,
        };
        sealed(channel, &self.device.me, &payload, world)
    }

    /// Seals a message whose content does not fit its commitment.
    pub fn seal_withheld(&mut self, world: &mut Provider) -> Envelope {
        let payload = Payload::text(PayloadHeader::new(0, world.now), "withheld").unwrap();
        let channel = &mut Spoiling(self.device.channel(&mut self.sessions));
        sealed(channel, &self.device.me, &payload, world)
    }

    pub fn seal_control(&mut self, world: &mut Provider) -> Envelope {
        let control = Control {
            delivered: vec![FrankingTag::from_bytes([3; 32])],
            ..Control::default()
        };
        let channel = &mut self.device.channel(&mut self.sessions);
        let me = &self.device.me;
        let sealed = seal_control(channel, me, &with_bob(me), &control, &mut world.rng);
        sealed.unwrap()
    }

    pub fn deliver<S: Store>(
        &self,
        world: &mut Provider,
        bob: &mut Client<S>,
        envelope: &Envelope,
    ) -> Received {
        tick(world);
        let (delivery, _) = world.stamp_as(&self.device.me, bob.me(), envelope);
        world.receive(bob, &delivery).unwrap()
    }

    pub fn write<S: Store>(
        &mut self,
        world: &mut Provider,
        bob: &mut Client<S>,
        text: &str,
    ) -> Received {
        let envelope = self.seal(Content::Text(text.to_owned()), world);
        self.deliver(world, bob, &envelope)
    }
}

fn with_bob(me: &DeviceAddress) -> ConversationId {
    Audience::Direct(account("bob")).conversation(&me.account)
}

fn sealed(
    channel: &mut impl SealingChannel<Error = EncryptError>,
    me: &DeviceAddress,
    payload: &Payload,
    world: &mut Provider,
) -> Envelope {
    let sealed = seal(channel, me, &with_bob(me), payload, &mut world.rng);
    sealed.unwrap().envelope
}

/// Seals with another preamble.
struct Claiming<'a> {
    sessions: &'a mut SessionSet,
    preamble: Vec<u8>,
}

impl SealingChannel for Claiming<'_> {
    type Error = EncryptError;

    fn encrypt(
        &mut self,
        plaintext: &[u8],
        associated_data: &[u8],
        rng: &mut impl rand::CryptoRng,
    ) -> Result<Vec<u8>, EncryptError> {
        let preamble = self.preamble.as_slice();
        let data = [associated_data, b"waxseal/1/preamble", preamble].concat();
        let message = self.sessions.encrypt(plaintext, &data, rng)?;
        Ok([preamble, &message].concat())
    }
}

/// Alters the plaintext after its sender committed to it.
struct Spoiling<C>(C);

impl<C: SealingChannel<Error = EncryptError>> SealingChannel for Spoiling<C> {
    type Error = EncryptError;

    fn encrypt(
        &mut self,
        plaintext: &[u8],
        associated_data: &[u8],
        rng: &mut impl rand::CryptoRng,
    ) -> Result<Vec<u8>, EncryptError> {
        let mut plaintext = plaintext.to_vec();
        plaintext[40] ^= 1;
        self.0.encrypt(&plaintext, associated_data, rng)
    }
}

/// A deletion, an edit or a reaction. What it refers to does not come.
pub fn reference(number: u8) -> Content {
    let of = FrankingTag::from_bytes([number; 32]);
    match number % 3 {
        0 => Content::Deletion { of },
        1 => Content::Edit {
            of,
            text: "x".repeat(100),
        },
        _ => Content::Reaction {
            to: of,
            reaction: "x".repeat(64),
        },
    }
}

/// An account that the user accepted writes. So the device learns the provider's time.
pub fn hear<S: Store>(world: &mut Provider, bob: &mut Client<S>) {
    let name = format!("friend of {}", world.now.as_millis());
    let mut friend = world.register(&name);
    world.start(&mut friend, &account("bob"));
    world.exchange(&mut friend, bob, "news");
    bob.accept_contact(&account(&name)).unwrap();
}

pub fn tick(world: &mut Provider) {
    wait(world, 1_000);
}

pub fn wait(world: &mut Provider, ms: u64) {
    world.now = Timestamp::from_millis(world.now.as_millis() + ms);
}

/// Bytes of all records of a store, keys and values.
pub fn store_len(client: &Device) -> usize {
    let records = snapshot(client);
    let lens = records.iter();
    lens.map(|(key, value)| key.to_bytes().len() + value.len())
        .sum()
}

/// The records whose keys or values name this account.
pub fn naming(client: &Device, name: &str) -> Vec<u8> {
    let records = snapshot(client).into_iter();
    let named = |bytes: &[u8]| {
        bytes
            .windows(name.len())
            .any(|part| part == name.as_bytes())
    };
    let found = records.filter(|(key, value)| named(&key.to_bytes()) || named(value));
    found.map(|(key, _)| key.table.as_bytes()[0]).collect()
}

pub fn is_skipped(received: &Received) -> bool {
    matches!(received, Received::Skipped { .. })
}

/// A provider, and Bob.
pub fn world() -> (Provider, Device) {
    let mut world = Provider::new(7);
    let bob = world.register("bob");
    (world, bob)
}
