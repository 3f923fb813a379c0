//! Runs the decoders of `waxseal-core` and `waxseal-reporting` on any bytes. Asserts that none
//! panics, and that a decoded value encodes to the same bytes again, if it can be encoded.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use waxseal_core::{
    ChainKeys, IdentityKey, IdentityKeyPair, Message, MessageKind, PeerChains, PendingKeys,
    PreKeyBundle, PreKeys, ReplayMemory, SafetyNumber, Session, SessionSet,
};
use waxseal_reporting::intake::{AcceptanceKey, AcceptedReport, ReportId};
use waxseal_reporting::recipient::{
    AuthenticDelivery, Control, Evidence, Opened, OpeningChannel, Refusal, open, open_any,
    open_unstamped,
};
use waxseal_reporting::relay::{
    Claim, Delivery, DeliveryKey, Envelope, GroupSlot, PostedFanout, PostedGroup, PostedReseal,
    Receipt, StampKeys, StampedEnvelope, StampedGroup,
};
use waxseal_reporting::reporter::{ModerationPublicKey, Report};
use waxseal_reporting::reviewer::review;
use waxseal_reporting::sender::{
    Fanout, RosterStamp, SealingChannel, SentMessage, seal, seal_control,
};
use waxseal_reporting::vault::{ModerationKeyPair, UnsealedReport};
use waxseal_reporting::{AccountId, Audience, DeviceAddress, FrankingTag};

use crate::{NOW, Provider, address, rng};

mod fanout;
mod group;

/// Asserts that a decoded value encodes to the same bytes again.
macro_rules! one_encoding {
    ($bytes:ident, $decoded:expr, $value:ident => $encoded:expr) => {
        if let Ok($value) = $decoded {
            assert_eq!(&$encoded[..], $bytes, "the value has a second encoding");
        }
    };
}

/// Runs a decoder of `waxseal-core`. The first byte of the input chooses the decoder.
pub fn core_decode(input: &[u8]) {
    let Some((kind, bytes)) = input.split_first() else {
        return;
    };
    match kind % 15 {
        0 => drop(Message::peek(bytes)),
        1 => {
            // The input is a length, the bundle's base half of that length, and the one-time half.
            let Some((len, halves)) = bytes.split_first_chunk() else {
                return;
            };
            let len = usize::from(u16::from_be_bytes(*len)).min(halves.len());
            let (base, one_time) = halves.split_at(len);
            let one_time = (!one_time.is_empty()).then_some(one_time);
            if let Ok(bundle) = PreKeyBundle::decode(base, one_time) {
                assert_eq!(bundle.has_one_time_prekeys(), one_time.is_some());
                // A session can be started with any bundle that was verified.
                let rng = &mut rng(1);
                let mut sessions =
                    SessionSet::initiate(&IdentityKeyPair::generate(rng), bundle, rng).unwrap();
                sessions.encrypt(b"hello", b"", rng).unwrap();
            }
        }
        2 => one_encoding!(bytes, IdentityKey::from_bytes(bytes), key => key.to_bytes()),
        3 => one_encoding!(bytes, IdentityKeyPair::import(bytes), pair => pair.export()),
        4 => one_encoding!(bytes, PreKeys::import(bytes), prekeys => prekeys.export()),
        5 => one_encoding!(bytes, Session::import(bytes), session => session.export()),
        6 => {
            if let Ok(mut sessions) = SessionSet::import(bytes) {
                assert_eq!(
                    *sessions.export(),
                    bytes,
                    "the sessions have a second encoding"
                );
                // Any state that can be read can be used: sending succeeds or returns an error, and
                // does not panic.
                let _ = sessions.encrypt(b"hello", b"", &mut rng(1));
            }
        }
        7 => {
            let ends = ((&[1; 32], "alice"), (&[2; 32], "bob"));
            let number = SafetyNumber::of_accounts(ends.0, ends.1).unwrap();
            let _ = number.compare_scanned(bytes);
            if let Ok(account) = std::str::from_utf8(bytes) {
                let _ = SafetyNumber::of_accounts((&[1; 32], account), ends.1);
            }
        }
        8 => parts(bytes),
        9 => prekey_parts(bytes),
        10 => one_encoding!(bytes, ReplayMemory::import(bytes), memory => memory.export()),
        11 => refusal(bytes),
        12 => one_encoding!(bytes, ChainKeys::decode(bytes), keys => keys.encode()),
        13 => one_encoding!(bytes, PendingKeys::import(bytes), keys => keys.export()),
        _ => one_encoding!(bytes, PeerChains::import(bytes), chains => chains.export()),
    }
}

/// Opens a refusal as the device that the seeds of refusals are for.
fn refusal(bytes: &[u8]) {
    let device = IdentityKeyPair::generate(&mut rng(1));
    let Ok(opened) = device.open_refusal(bytes, b"ad") else {
        return;
    };
    let from = MessageKind::Refusal {
        identity: opened.from,
    };
    assert_eq!(Message::peek(bytes), Ok(from));
    let answer = device.seal_refusal(&opened.from, &opened.content, b"ad", &mut rng(2));
    assert_eq!(answer.map(|sealed| sealed.len()), Ok(bytes.len()));
}

/// Splits an input into parts, each after its own length.
fn split(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    while let Some((len, rest)) = bytes.split_first_chunk() {
        let len = usize::from(u16::from_be_bytes(*len)).min(rest.len());
        let (part, rest) = rest.split_at(len);
        parts.push(part);
        bytes = rest;
    }
    parts
}

/// Imports prekeys in parts. The input holds the state and then the one-time sets.
fn prekey_parts(bytes: &[u8]) {
    let mut parts = split(bytes);
    let Some((state, sets)) = parts.split_first_mut() else {
        return;
    };
    let Ok(mut prekeys) = PreKeys::import_parts(state, sets.iter()) else {
        return;
    };
    let none = prekeys.export_parts();
    assert!(none.state.is_none() && none.one_time.is_empty());
    let again = PreKeys::import(&prekeys.export());
    let again = again
        .expect("the prekeys can be imported in one piece")
        .export_parts();
    assert_eq!(
        again.state.as_ref().map(|state| state.as_slice()),
        Some(*state),
        "the state has a second encoding"
    );
    sets.sort_unstable();
    let given = again.one_time.iter().filter_map(|set| set.bytes.as_deref());
    assert!(
        given.map(Vec::as_slice).eq(sets.iter().copied()),
        "the prekeys have other one-time sets"
    );
}

/// Imports sessions in parts. The input holds the state and then the pages of skipped keys.
fn parts(bytes: &[u8]) {
    let mut parts = split(bytes);
    let Some((state, pages)) = parts.split_first_mut() else {
        return;
    };
    let Ok(mut sessions) = SessionSet::import_parts(state, pages.iter()) else {
        return;
    };
    assert!(
        sessions.export_parts().pages.is_empty(),
        "importing the sessions changed pages"
    );
    // If the sessions are imported in one piece, they export the same parts.
    let again = SessionSet::import(&sessions.export());
    let again = again
        .expect("the sessions can be imported in one piece")
        .export_parts();
    assert_eq!(*again.state, **state, "the state has a second encoding");
    pages.sort_unstable();
    let given = again.pages.iter().filter_map(|page| page.bytes.as_ref());
    let mut given: Vec<_> = given.map(|page| page.as_slice()).collect();
    given.sort_unstable();
    assert_eq!(given, pages, "the sessions have other pages");
    let _ = sessions.encrypt(b"hello", b"", &mut rng(1));
}

/// Runs a decoder of `waxseal-reporting`. The first byte of the input chooses the decoder.
pub fn reporting_decode(input: &[u8]) {
    let Some((kind, bytes)) = input.split_first() else {
        return;
    };
    match kind % 25 {
        0 => one_encoding!(bytes, Envelope::decode(bytes), envelope => envelope.encode()),
        1 => one_encoding!(bytes, Delivery::decode(bytes), delivery => delivery.encode()),
        2 => one_encoding!(bytes, Receipt::decode(bytes), receipt => receipt.encode()),
        3 => one_encoding!(bytes, Report::decode(bytes), report => report.encode()),
        4 => one_encoding!(bytes, Evidence::decode(bytes), evidence => evidence.encode()),
        5 => one_encoding!(bytes, SentMessage::decode(bytes), sent => sent.encode()),
        6 => one_encoding!(bytes, ModerationPublicKey::decode(bytes), key => key.encode()),
        7 => one_encoding!(bytes, ModerationKeyPair::import(bytes), pair => pair.export()),
        8 => one_encoding!(bytes, StampKeys::import(bytes), keys => keys.export()),
        9 => {
            let (key, id) = (AcceptanceKey::from_bytes([0; 32]), accepted_id());
            let report = AcceptedReport::decode(bytes, &key, &id);
            if bytes.first() == Some(&1) {
                // One of version 01 names no id. It is written again as version 02.
                assert!(report.map_or(2, |report| report.encode(&key)[0]) == 2);
            } else {
                one_encoding!(bytes, report, report => report.encode(&key));
            }
        }
        10 => {
            if let Ok(name) = std::str::from_utf8(bytes)
                && let Ok(account) = AccountId::new(name)
            {
                assert_eq!(account.as_str(), name);
            }
        }
        11 => payload(bytes),
        12 => drop(PostedFanout::decode(bytes)),
        13 => one_encoding!(bytes, StampedEnvelope::decode(bytes), stamped => stamped.encode()),
        14 => one_encoding!(bytes, Claim::decode(bytes), claim => claim.encode()),
        15 => {
            if let Ok(report) = UnsealedReport::decode(bytes) {
                let encoded = report.encode();
                assert_eq!(*encoded, bytes, "the value has a second encoding");
                // The openings are read and verified only now. Anyone who has the message can
                // commit to any bytes, so a report that verifies is no error.
                let _ = review(report);
            }
        }
        16 => drop(PostedReseal::decode(bytes)),
        17 => {
            let refusal = Refusal::decode(bytes).ok_or(());
            one_encoding!(bytes, refusal, refusal => refusal.encode().unwrap());
        }
        18 => control(bytes),
        19 => drop(PostedFanout::decode(bytes)),
        20 => fanout::fanout(bytes),
        21 => drop(PostedGroup::decode(bytes)),
        22 => one_encoding!(bytes, StampedGroup::decode(bytes), stamped => stamped.encode()),
        23 => one_encoding!(bytes, GroupSlot::decode(bytes), slot => slot.encode()),
        _ => group::group(bytes),
    }
}

/// Stamps an envelope in clear for one device, and delivers it.
fn delivered(
    envelope: &Envelope,
    sender: &DeviceAddress,
    recipient: &DeviceAddress,
) -> AuthenticDelivery {
    let key = DeliveryKey::from_bytes([7; 32]);
    let audience = Audience::Direct(recipient.account.clone());
    let roster = RosterStamp::new(1, 1);
    let mut fanout = Fanout::new(*envelope.tag(), roster, roster);
    let slot = fanout.insert(false, recipient.device, Some(envelope.clone()));
    slot.expect("the first slot");
    let posted = fanout.post(&key, sender, &audience, NOW);
    let posted = PostedFanout::decode(&posted).unwrap();
    let authentic = posted.authenticate(&key, sender, &audience, NOW).unwrap();
    let claim = Provider::new(1).stamp_keys.stamp(&authentic, NOW).unwrap();
    let stamped = StampedEnvelope::fan_out(claim, authentic).unwrap();
    let delivery = stamped[0].1.deliver(&key);
    delivery.authenticate(&key, recipient).unwrap()
}

/// Opens any plaintext that a peer may have sealed as a control message. Asserts that what was read
/// is sealed and opened as the same again.
fn control(plaintext: &[u8]) {
    let (alice, bob) = (address("alice"), address("bob"));
    let audience = Audience::Direct(bob.account.clone());
    let conversation = audience.conversation(&alice.account);
    let Some((key, rest)) = unpadded(plaintext).split_first_chunk::<32>() else {
        return;
    };
    let content = rest.get(1..).unwrap_or_default();
    let mut expanded = [0; 32];
    let hkdf = hkdf::Hkdf::<Sha256>::from_prk(key).expect("the key has 32 bytes");
    hkdf.expand(b"waxseal/2/control-key", &mut expanded)
        .expect("32 bytes can be derived");
    let mut mac = Hmac::<Sha256>::new_from_slice(&expanded).expect("a key has any length");
    mac.update(b"waxseal/2/control-tag\x05alice\0\0\0\x01");
    mac.update(conversation.as_bytes());
    mac.update(&u32::try_from(content.len()).unwrap().to_be_bytes());
    mac.update(content);
    let tag = FrankingTag::from_bytes(mac.finalize().into_bytes().into());
    let Ok(envelope) = Envelope::of_refusal(tag, plaintext.to_vec()) else {
        return;
    };
    let Some(read) = open_control(&alice, &bob, &envelope) else {
        return;
    };
    let again = seal_control(&mut Clear, &alice, &conversation, &read, &mut rng(1));
    let again = again.expect("what was read can be sealed again");
    assert_eq!(open_control(&alice, &bob, &again), Some(read));
}

/// Stamps and delivers an envelope in clear, and opens it if it holds a control message.
fn open_control(
    sender: &DeviceAddress,
    recipient: &DeviceAddress,
    envelope: &Envelope,
) -> Option<Control> {
    match open_any(&mut Clear, &delivered(envelope, sender, recipient)) {
        Ok(Opened::Control(control)) => Some(control),
        _ => None,
    }
}

/// The id under which the accepted report of the seeds waits.
pub(crate) fn accepted_id() -> ReportId {
    ReportId::from_bytes([0; 16])
}

/// Opens any payload that a peer may have sealed. Asserts that a message that is shown can be kept
/// as evidence, and that sealing its content again gives the same parts.
fn payload(plaintext: &[u8]) {
    let (alice, bob) = (address("alice"), address("bob"));
    // A sent message is stored in the layout of a payload, after the sender's address. Decoding the
    // payload as a sent message gives the tag that it commits to, if it commits to one.
    let audience = Audience::Direct(bob.account.clone());
    let conversation = audience.conversation(&alice.account);
    let fields = [
        &[2, 5][..],
        b"alice",
        &[0, 0, 0, 1],
        conversation.as_bytes(),
    ]
    .concat();
    let stored = [&fields, unpadded(plaintext)].concat();
    let Ok(sent) = SentMessage::decode(&stored) else {
        return;
    };
    // What an older version wrote may have parts that a recipient refuses now.
    let Some(read) = sent.payload() else {
        let bytes = [&[2], &sent.tag().as_bytes()[..], plaintext].concat();
        let shows = |sent| open_unstamped(&mut Clear, &alice, &conversation, &sent).is_ok();
        assert_ne!(Envelope::decode(&bytes).map(shows), Ok(true));
        return;
    };
    assert_eq!(Some(read.content()), sent.content().as_ref());
    let again = seal(&mut Clear, &alice, &conversation, &read, &mut rng(1));
    let parts = fields.len() + 32;
    assert_eq!(
        again.unwrap().sent.encode()[parts..],
        stored[parts..],
        "the payload has a second encoding"
    );

    let envelope = [&[2], &sent.tag().as_bytes()[..], plaintext].concat();
    let Ok(envelope) = Envelope::decode(&envelope) else {
        return;
    };
    let unstamped = open_unstamped(&mut Clear, &alice, &conversation, &envelope);
    let delivery = delivered(&envelope, &alice, &bob);
    let evidence = Evidence::unverified(delivery.claim().clone(), sent.clone());
    let opened = open(&mut Clear, &delivery);
    assert_eq!(opened.is_ok(), unstamped.is_ok());
    if let Ok(opened) = opened {
        assert_eq!(opened.content(), &evidence.content().unwrap());
        let kept = Evidence::decode(&opened.evidence().encode());
        assert_eq!(
            kept.expect("a message that was shown can be kept").tag(),
            sent.tag()
        );
    }
}

/// The plaintext without its padding: cuts off the zeros at the end and the byte before them. In
/// valid padding this byte is 0x80 (ISO/IEC 7816-4), which is not checked here.
fn unpadded(plaintext: &[u8]) -> &[u8] {
    let end = plaintext.iter().rposition(|byte| *byte != 0);
    &plaintext[..end.unwrap_or(0)]
}

/// A channel that encrypts nothing. Any bytes are a ciphertext that opens, as if a peer who has the
/// keys had sealed them.
pub(crate) struct Clear;

impl SealingChannel for Clear {
    type Error = std::convert::Infallible;

    fn encrypt(
        &mut self,
        plaintext: &[u8],
        _: &[u8],
        _: &mut impl rand_core::CryptoRng,
    ) -> Result<Vec<u8>, Self::Error> {
        Ok(plaintext.to_vec())
    }
}

impl OpeningChannel for Clear {
    type Error = std::convert::Infallible;

    fn decrypt(
        &mut self,
        ciphertext: &[u8],
        _: &[u8],
    ) -> Result<zeroize::Zeroizing<Vec<u8>>, Self::Error> {
        Ok(zeroize::Zeroizing::new(ciphertext.to_vec()))
    }
}
