//! Uses verifiable reports over an encrypted channel that the application implements.
//!
//! `cargo run --release --example own_channel`
//!
//! Any authenticated encryption with associated data will do. This channel replaces its key by a
//! hash after each message. That keeps the example short, but does not heal: anyone who learns a
//! key can read everything after it. A real ratchet implements the same two traits.

use std::error::Error;

use chacha20poly1305::aead::{Aead, Payload as AeadInput};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use rand::CryptoRng;
use sha2::{Digest, Sha256};
use waxseal_reporting::intake::{AcceptanceKey, ReportId, examine};
use waxseal_reporting::message::{Payload, PayloadHeader};
use waxseal_reporting::recipient::{OpeningChannel, open};
use waxseal_reporting::relay::{DeliveryKey, PostedFanout, StampKeys, StampedEnvelope};
use waxseal_reporting::reporter::{Disclosure, Reason, ReportDraft};
use waxseal_reporting::reviewer::review;
use waxseal_reporting::sender::{Fanout, RosterStamp, SealingChannel, seal};
use waxseal_reporting::vault::{ModerationKeyPair, Unseal, Vault};
use waxseal_reporting::{AccountId, Audience, DeviceAddress, DeviceId, Timestamp};
use zeroize::Zeroizing;

/// One direction of a conversation. Sender and recipient start from the same secret.
struct Chain {
    key: Zeroizing<[u8; 32]>,
}

/// The message did not authenticate, or was not the next one.
#[derive(Debug, thiserror::Error)]
#[error("not authentic, or not in order")]
struct NotNext;

impl Chain {
    fn new(secret: [u8; 32]) -> Self {
        Self {
            key: Zeroizing::new(secret),
        }
    }

    /// Returns the cipher for the next message, and the chain as it is after that message.
    fn next(&self) -> (ChaCha20Poly1305, Self) {
        let derive = |purpose: &[u8]| {
            let hash = Sha256::new().chain_update(purpose).chain_update(*self.key);
            Zeroizing::new(<[u8; 32]>::from(hash.finalize()))
        };
        let cipher = ChaCha20Poly1305::new((&*derive(b"message")).into());
        (
            cipher,
            Self {
                key: derive(b"chain"),
            },
        )
    }
}

impl SealingChannel for Chain {
    type Error = NotNext;

    fn encrypt(
        &mut self,
        msg: &[u8],
        aad: &[u8],
        _: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, NotNext> {
        let (cipher, next) = self.next();
        // Each key encrypts one message, so the nonce may be constant.
        let sealed = cipher.encrypt(&[0; 12].into(), AeadInput { msg, aad });
        let sealed = sealed.map_err(|_| NotNext)?;
        *self = next;
        Ok(sealed)
    }
}

impl OpeningChannel for Chain {
    type Error = NotNext;

    fn decrypt(&mut self, msg: &[u8], aad: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotNext> {
        let (cipher, next) = self.next();
        let opened = cipher.decrypt(&[0; 12].into(), AeadInput { msg, aad });
        let opened = opened.map_err(|_| NotNext)?; // nothing changed so far
        *self = next; // so that one ciphertext opens once
        Ok(Zeroizing::new(opened))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let rng = &mut rand::rng();
    let now = Timestamp::from_millis(1_800_000_000_000);
    let alice = DeviceAddress::new(AccountId::new("alice")?, DeviceId(1));
    let bob = DeviceAddress::new(AccountId::new("bob")?, DeviceId(1));
    let stamp_keys = StampKeys::generate("eu", now, rng)?;
    let (alice_key, bob_key) = (DeliveryKey::generate(rng), DeliveryKey::generate(rng));
    let acceptance = AcceptanceKey::generate(rng);
    let vault = Vault::new(ModerationKeyPair::generate(rng), acceptance.clone());
    let secret = [7; 32]; // a handshake agrees on it
    let (mut to_bob, mut from_alice) = (Chain::new(secret), Chain::new(secret));

    // Alice seals for each device, here for one. The relay stamps, Bob opens.
    let to = Audience::Direct(bob.account.clone());
    let conversation = to.conversation(&alice.account);
    let payload = Payload::text(PayloadHeader::new(0, now), "You have won!")?;
    let sealed = seal(&mut to_bob, &alice, &conversation, &payload, rng)?;
    let no_rosters = RosterStamp::default(); // each account has one device
    let mut fanout = Fanout::new(*sealed.sent.tag(), no_rosters, no_rosters);
    fanout.insert(false, bob.device, Some(sealed.envelope))?;
    let posted = fanout.post(&alice_key, &alice, &to, now);
    let posted = PostedFanout::decode(&posted)?.authenticate(&alice_key, &alice, &to, now)?;
    let claim = stamp_keys.stamp(&posted, now)?;
    let queued = StampedEnvelope::fan_out(claim, posted)?; // one for each device
    let delivery = queued[0].1.deliver(&bob_key);
    let delivery = delivery.authenticate(&bob_key, &bob)?;
    let opened = open(&mut from_alice, &delivery)?;
    println!("bob reads {:?}", opened.content().as_text());
    assert!(open(&mut from_alice, &delivery).is_err(), "it opens once");

    // Bob reports the message. Reporting does not use the channel.
    let mut draft = ReportDraft::new(bob, Reason::Scam);
    draft.add(opened.evidence(), Disclosure::Whole)?;
    let report = draft.seal(&bob_key, vault.public_key(), rng)?;
    let examined = examine(report, &stamp_keys, &bob_key, now)?;
    let id = ReportId::generate(rng);
    let accepted = examined.accept(id, &[false], &[])?; // not reported before, no group
    let verified = review(vault.open(&id, &accepted.encode(&acceptance))?)?;
    assert_eq!(verified.messages()[0].sender(), &alice);
    println!("the reviewer reads it, and that alice sent it");
    Ok(())
}
