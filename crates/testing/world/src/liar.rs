//! A sender with a modified client, which seals messages that an honest client never would.

use rand_chacha::ChaCha20Rng;
use waxseal::FrankingTag;
use waxseal::core::SessionSet;
use waxseal::core::errors::EncryptError;
use waxseal::reporting::Audience;
use waxseal::reporting::message::{Payload, PayloadHeader};
use waxseal::reporting::relay::Envelope;
use waxseal::reporting::sender::{SealingChannel, seal};

use crate::{BareDevice, NOW, Provider, account, address};

/// A sender whose client alters a byte of the plaintext after committing to it, or claims another
/// message's tag.
///
/// A liar has a session with Bob. Each call seals one message in this session.
pub struct Liar {
    device: BareDevice,
    sessions: SessionSet,
    spoil: usize,
    tag: Option<FrankingTag>,
}

impl Liar {
    /// A liar who has an account with a roster, has fetched a bundle of Bob's prekeys and started a
    /// session with him. Bob knows him once he was [shown](Provider::show_roster) the roster.
    pub fn new(world: &mut Provider) -> Self {
        let device = BareDevice::new(world, "liar");
        Self {
            sessions: device.initiate(world, "bob"),
            device,
            spoil: usize::MAX,
            tag: None,
        }
    }

    /// Seals a message to Bob that claims to have the tag of another message.
    pub fn seal_under(&mut self, tag: &FrankingTag, rng: &mut ChaCha20Rng) -> Envelope {
        self.tag = Some(*tag);
        let envelope = self.seal("squatting", usize::MAX, rng);
        let (own, mut bytes) = (*envelope.tag(), envelope.encode());
        let place = find(&bytes, own.as_bytes());
        bytes[place..place + 32].copy_from_slice(tag.as_bytes());
        Envelope::decode(&bytes).unwrap()
    }

    /// Seals a message to Bob. Byte `spoil` of the plaintext is altered after the sender has
    /// committed to it.
    pub fn seal(&mut self, text: &str, spoil: usize, rng: &mut ChaCha20Rng) -> Envelope {
        self.spoil = spoil;
        let conversation = Audience::Direct(account("bob")).conversation(&account("liar"));
        let payload = Payload::text(PayloadHeader::new(0, NOW), text).unwrap();
        seal(self, &address("liar"), &conversation, &payload, rng)
            .unwrap()
            .envelope
    }
}

impl SealingChannel for Liar {
    type Error = EncryptError;

    fn encrypt(
        &mut self,
        plaintext: &[u8],
        associated_data: &[u8],
        rng: &mut impl rand::CryptoRng,
    ) -> Result<Vec<u8>, Self::Error> {
        let mut plaintext = plaintext.to_vec();
        if let Some(byte) = plaintext.get_mut(self.spoil) {
            *byte ^= 1;
        }
        let mut associated_data = associated_data.to_vec();
        if let Some(tag) = &self.tag {
            // Puts the claimed tag into the message's associated data, whose layout is
            // label || tag 32 || len u8 || account || device 4 || conversation 32
            let end = associated_data.len() - 32 - 4 - "liar".len() - 1;
            associated_data[end - 32..end].copy_from_slice(tag.as_bytes());
        }
        let mut channel = self.device.channel(&mut self.sessions);
        channel.encrypt(&plaintext, &associated_data, rng)
    }
}

/// The position at which `part` first occurs in `bytes`, which must contain it.
#[must_use]
pub fn find(bytes: &[u8], part: &[u8]) -> usize {
    let mut windows = bytes.windows(part.len());
    windows.position(|window| window == part).unwrap()
}
