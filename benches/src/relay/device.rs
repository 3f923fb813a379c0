//! Devices that send and receive. Their channel does not encrypt, which the relay cannot tell: it
//! gets, stamps and delivers as many bytes as with the ratchet.

use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::time::UNIX_EPOCH;

use ed25519_dalek::{Signer as _, SigningKey};
use rand_core::CryptoRng;
use waxseal_interface::{
    AskedRequest, Challenge, ContactHeaders, FrameMacs, HttpAnswer, HttpRequest, NONCE_HEADER,
    Register, RelayCard, Request, Session, account_name, account_proof_input, decode_nonce,
    register_context, seal_delivery_key,
};
use waxseal_reporting::message::{Payload, PayloadHeader};
use waxseal_reporting::recipient::{OpeningChannel, open};
use waxseal_reporting::relay::{Delivery, DeliveryKey, Receipt};
use waxseal_reporting::sender::{Fanout, RosterStamp, SealingChannel, SentMessage, seal};
use waxseal_reporting::{AccountId, Audience, DeviceAddress, DeviceId, FrankingTag, Timestamp};
use waxseal_roster::{AccountKeyPair, DeviceEntry, RosterDraft, proof_context};
use zeroize::Zeroizing;

use super::http::Http;

/// By how many bytes the ratchet makes a message longer.
const RATCHET_OVERHEAD: usize = 120;

/// The only device of an account.
pub(super) struct Device {
    pub(super) me: DeviceAddress,
    /// The address that relays see. Each device has its own, as devices elsewhere do, since relays
    /// limit what one address may ask for.
    pub(super) from: Ipv4Addr,
    relay_key: [u8; 32],
    delivery_key: DeliveryKey,
    token: String,
    sequence: u64,
}

/// A message that was sealed.
pub(super) struct Sealed {
    pub(super) tag: FrankingTag,
    to: AccountId,
    contact: ContactHeaders,
    fanout: Fanout,
    sent: SentMessage,
}

impl Device {
    /// Makes an account with this number and registers it at the relay on a port.
    pub(super) async fn register(number: usize, port: u16) -> io::Result<Self> {
        let rng = &mut rand::rng();
        let [_, _, high, low] = u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes();
        let from = Ipv4Addr::new(127, 1, high, low);
        let mut http = Http::connect(port, from).await?;
        let (request, _) = ask(&Request::Card, None);
        let card: RelayCard = http.call(&request).await?.json().map_err(other)?;
        card.verify().map_err(other)?;
        let (request, asked) = ask(&Request::Challenge, None);
        let answer = http.call(&request).await?;
        let relay_key = card.relay_key;
        let answer = authentic(answer, &asked, &relay_key, None)?;
        let Challenge { challenge } = answer.json().map_err(other)?;

        let name = format!("device{number}");
        let account = account_name(&name).map_err(other)?;
        let me = DeviceAddress::new(account, DeviceId(1));
        let key = SigningKey::from_bytes(&rand::random());
        let identity = identity(&key);
        let delivery_key = DeliveryKey::generate(rng);
        let sealing_key = card.sealing_key().map_err(other)?;
        let sealed = seal_delivery_key(&sealing_key, &delivery_key, &me, rng);
        let sealed = sealed.map_err(other)?;
        let context = register_context(&relay_key, &challenge, &me, &identity, &sealed);
        let (request, asked) = ask(
            &Request::Register(Register {
                roster: Some(first_roster(&name, &key, rng)?),
                name,
                device: 1,
                identity,
                sealed_delivery_key: sealed,
                proof: key.sign(&account_proof_input(&context)).to_bytes(),
                challenge,
            }),
            None,
        );
        let answer = http.call(&request).await?;
        let answer = authentic(answer, &asked, &relay_key, Some(&delivery_key))?;
        let Session { token, .. } = answer.json().map_err(other)?;
        Ok(Self {
            me,
            from,
            relay_key,
            delivery_key,
            token,
            sequence: 0,
        })
    }

    /// Seals a message of 64 bytes, with what is said of the recipient.
    pub(super) fn seal(&mut self, to: &AccountId, contact: ContactHeaders) -> Sealed {
        let rng = &mut rand::rng();
        let conversation = Audience::Direct(to.clone()).conversation(&self.me.account);
        let text = "about as long as a message is that people send to each other....";
        let payload = Payload::text(PayloadHeader::new(self.sequence, now()), text);
        self.sequence += 1;
        let payload = payload.expect("a short text");
        let sealed = seal(&mut Plain, &self.me, &conversation, &payload, rng);
        let sealed = sealed.expect("the channel refuses nothing");
        let tag = *sealed.envelope.tag();
        let first = RosterStamp::new(1, 1);
        let mut fanout = Fanout::new(tag, first, first);
        let only = fanout.insert(false, DeviceId(1), Some(sealed.envelope));
        only.expect("the only device");
        Sealed {
            tag,
            to: to.clone(),
            contact,
            fanout,
            sent: sealed.sent,
        }
    }

    /// The request that posts a message now.
    pub(super) fn post(&self, sealed: &Sealed) -> (HttpRequest, AskedRequest) {
        let audience = Audience::Direct(sealed.to.clone());
        let fanout = &sealed.fanout;
        let request = Request::Post {
            recipient: sealed.to.clone(),
            posted: fanout.post(&self.delivery_key, &self.me, &audience, now()),
            mark: None,
            contact: sealed.contact,
        };
        ask(&request, Some(&self.token))
    }

    /// Checks that the relay made an answer to this device's request.
    pub(super) fn check(&self, answer: HttpAnswer, asked: &AskedRequest) -> io::Result<HttpAnswer> {
        authentic(answer, asked, &self.relay_key, Some(&self.delivery_key))
    }

    /// Checks that a receipt is for this message, which proves that it was stamped.
    pub(super) fn check_receipt(&self, sealed: &Sealed, receipt: &[u8]) -> io::Result<()> {
        let receipt = Receipt::decode(receipt).map_err(other)?;
        let evidence = receipt.authenticate(&self.delivery_key, &sealed.sent);
        evidence.map(drop).map_err(other)
    }

    /// The request for a WebSocket.
    pub(super) fn connect(&self) -> (HttpRequest, AskedRequest) {
        ask(&Request::Deliveries, Some(&self.token))
    }

    /// The MACs of the frames of a WebSocket.
    pub(super) fn macs(&self, asked: &AskedRequest, answer: &HttpAnswer) -> io::Result<FrameMacs> {
        let nonce = answer.header(NONCE_HEADER).and_then(decode_nonce);
        let nonce = nonce.ok_or_else(|| other("an answer without a nonce"))?;
        Ok(FrameMacs::of_device(&self.delivery_key, asked, &nonce))
    }

    /// Checks a delivery. Returns the tag of its message. If `whole`, opens it too.
    pub(super) fn receive(&self, delivery: &[u8], whole: bool) -> io::Result<FrankingTag> {
        let delivery = Delivery::decode(delivery).map_err(other)?;
        let delivery = delivery.authenticate(&self.delivery_key, &self.me);
        let delivery = delivery.map_err(other)?;
        if whole {
            open(&mut Plain, &delivery).map_err(other)?;
        }
        Ok(*delivery.claim().tag())
    }
}

/// An error of anything that the relay sent and should not have.
pub(super) fn other(error: impl ToString) -> io::Error {
    io::Error::other(error.to_string())
}

fn ask(request: &Request, token: Option<&str>) -> (HttpRequest, AskedRequest) {
    let asked = request.ask(token, &mut rand::rng());
    asked.expect("names and tokens fit a path and a header")
}

fn authentic(
    answer: HttpAnswer,
    asked: &AskedRequest,
    relay_key: &[u8; 32],
    key: Option<&DeliveryKey>,
) -> io::Result<HttpAnswer> {
    let header = |name| answer.header(name);
    match asked.is_authentic(relay_key, key, header, answer.status, &answer.body) {
        true => Ok(answer),
        false => Err(other("an answer that the relay did not make")),
    }
}

fn now() -> Timestamp {
    let since = UNIX_EPOCH.elapsed().unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The Ed25519 key, followed by 32 bytes that the relay does not use.
fn identity(key: &SigningKey) -> [u8; 64] {
    let mut bytes = [9; 64];
    bytes[..32].copy_from_slice(key.verifying_key().as_bytes());
    bytes
}

/// The first roster of an account, with one device, signed as `waxseal-core` does.
fn first_roster(name: &str, key: &SigningKey, rng: &mut impl CryptoRng) -> io::Result<Vec<u8>> {
    let sign = |label: &[u8], message: &[u8]| key.sign(&[label, message].concat()).to_bytes();
    let account = AccountKeyPair::generate(rng);
    let delegation = account.delegate(name, 1, &[identity(key)]);
    let context = proof_context(name, &account.public(), 1);
    let proof = sign(b"waxseal/2/core/device-proof", &context);
    let entry = DeviceEntry::new(1, identity(key), proof);
    let draft = RosterDraft::first(name, delegation.map_err(other)?, entry, now().as_millis());
    let draft = draft.map_err(other)?;
    let signature = sign(b"waxseal/2/core/roster", &draft.to_sign());
    Ok(draft.sign(signature).encode())
}

struct Plain;

impl SealingChannel for Plain {
    type Error = Infallible;

    fn encrypt(
        &mut self,
        plaintext: &[u8],
        _: &[u8],
        _: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, Infallible> {
        Ok([plaintext, &[0; RATCHET_OVERHEAD]].concat())
    }
}

impl OpeningChannel for Plain {
    type Error = Infallible;

    fn decrypt(&mut self, ciphertext: &[u8], _: &[u8]) -> Result<Zeroizing<Vec<u8>>, Infallible> {
        let len = ciphertext.len().saturating_sub(RATCHET_OVERHEAD);
        Ok(Zeroizing::new(ciphertext[..len].to_vec()))
    }
}
