//! Every decoder on any bytes: no panic, and one encoding for each value.

use waxseal_core::{
    IdentityKey, IdentityKeyPair, Message, PreKeyBundle, PreKeys, SafetyNumber, Session, SessionSet,
};
use waxseal_reporting::{
    AcceptanceKey, AcceptedReport, AccountId, Audience, Delivery, DeliveryKey, Envelope, Evidence,
    ModerationKeyPair, ModerationPublicKey, OpeningChannel, Payload, Receipt, Report,
    SealingChannel, SentMessage, StampKeys, open, open_unstamped, seal,
};

use crate::forgery::put_field;
use crate::{NOW, Provider, rng, sender};

/// What a decoder takes, it writes back to the same bytes.
macro_rules! one_encoding {
    ($bytes:ident, $decoded:expr, $value:ident => $encoded:expr) => {
        if let Ok($value) = $decoded {
            assert_eq!(&$encoded[..], $bytes, "another encoding of the same");
        }
    };
}

/// The decoders of `waxseal-core`. The first byte chooses which.
pub fn core_decode(input: &[u8]) {
    let Some((kind, bytes)) = input.split_first() else {
        return;
    };
    match kind % 9 {
        0 => drop(Message::peek(bytes)),
        1 => {
            // One-time half after a base half, whose length stands before it.
            let Some((len, halves)) = bytes.split_first_chunk() else {
                return;
            };
            let len = usize::from(u16::from_be_bytes(*len)).min(halves.len());
            let (base, one_time) = halves.split_at(len);
            let one_time = (!one_time.is_empty()).then_some(one_time);
            if let Ok(bundle) = PreKeyBundle::decode(base, one_time) {
                assert_eq!(bundle.has_one_time_prekeys(), one_time.is_some());
                // What was verified can be used.
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
                assert_eq!(*sessions.export(), bytes, "another encoding of the same");
                // Whatever state was read can be used: it sends, or says why not.
                let _ = sessions.encrypt(b"hello", b"", &mut rng(1));
            }
        }
        7 => {
            let identity = *IdentityKeyPair::generate(&mut rng(1)).public();
            let ends = ((&identity, &b"alice"[..]), (&identity, &b"bob"[..]));
            let number = SafetyNumber::new(ends.0, ends.1).unwrap();
            let _ = number.compare_scanned(bytes);
            let _ = SafetyNumber::new((&identity, bytes), ends.1);
        }
        _ => parts(bytes),
    }
}

/// Sessions in parts: the state and pages, each behind its length.
fn parts(mut bytes: &[u8]) {
    let mut parts = Vec::new();
    while let Some((len, rest)) = bytes.split_first_chunk() {
        let len = usize::from(u16::from_be_bytes(*len)).min(rest.len());
        let (part, rest) = rest.split_at(len);
        parts.push(part);
        bytes = rest;
    }
    let Some((state, pages)) = parts.split_first_mut() else {
        return;
    };
    let Ok(mut sessions) = SessionSet::import_parts(state, pages.iter()) else {
        return;
    };
    assert!(sessions.export_parts().pages.is_empty(), "a change unasked");
    // Read in one piece, they give all their parts.
    let again = SessionSet::import(&sessions.export());
    let again = again.expect("the same in one piece").export_parts();
    assert_eq!(*again.state, **state, "another encoding of the same");
    pages.sort_unstable();
    let given = again.pages.iter().filter_map(|page| page.bytes.as_ref());
    let mut given: Vec<_> = given.map(|page| page.as_slice()).collect();
    given.sort_unstable();
    assert_eq!(given, pages, "other pages");
    let _ = sessions.encrypt(b"hello", b"", &mut rng(1));
}

/// The decoders of `waxseal-reporting`. The first byte chooses which.
pub fn reporting_decode(input: &[u8]) {
    let Some((kind, bytes)) = input.split_first() else {
        return;
    };
    match kind % 12 {
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
            let key = AcceptanceKey::from_bytes([0; 32]);
            one_encoding!(bytes, AcceptedReport::decode(bytes, &key), report => report.encode(&key));
        }
        10 => {
            if let Ok(name) = std::str::from_utf8(bytes)
                && let Ok(account) = AccountId::new(name)
            {
                assert_eq!(account.as_str(), name);
            }
        }
        _ => payload(bytes),
    }
}

/// A payload that a peer sealed, whatever it says: what is shown can be kept as evidence, and sealing what was read gives the same parts.
fn payload(plaintext: &[u8]) {
    let provider = Provider::new(1);
    let (alice, bob) = (sender("alice"), sender("bob"));
    let key = DeliveryKey::from_bytes([7; 32]);
    // The tag that these bytes commit to, if to any: a stored message has the same layout.
    let stored = [&[1, 5][..], b"alice", &[0, 0, 0, 1], unpadded(plaintext)].concat();
    let Ok(sent) = SentMessage::decode(&stored) else {
        return;
    };
    let audience = Audience::Direct(bob.account.clone());
    let conversation = audience.conversation(&alice.account);
    let stamped = provider
        .stamp_keys
        .stamp(sent.tag(), &alice, &audience, NOW);
    let claim = stamped.unwrap();
    let evidence = Evidence::unverified(claim.clone(), sent.clone());
    let content = sent.content().expect("a stored message is whole");
    let read = Payload::with_attachments(sent.header().clone(), content, evidence.attachments());
    let again = seal(&mut Clear, &alice, &read.unwrap(), &mut rng(1))
        .unwrap()
        .sent;
    let parts = 1 + 1 + 5 + 4 + 32;
    assert_eq!(
        again.encode()[parts..],
        stored[parts..],
        "another encoding of the same"
    );

    let mut envelope = vec![1];
    put_field(&mut envelope, 1, sent.tag().as_bytes());
    put_field(&mut envelope, 2, plaintext);
    let Ok(envelope) = Envelope::decode(&envelope) else {
        return;
    };
    let unstamped = open_unstamped(&mut Clear, &alice, &conversation, &envelope);
    let delivery = Delivery::new(&claim, envelope, &key).unwrap();
    let delivery = delivery.authenticate(&key, &bob.account).unwrap();
    let opened = open(&mut Clear, &delivery);
    assert_eq!(opened.is_ok(), unstamped.is_ok());
    if let Ok(opened) = opened {
        assert_eq!(opened.content(), &evidence.content().unwrap());
        let kept = Evidence::decode(&opened.evidence().encode());
        assert_eq!(kept.expect("what is shown can be kept").tag(), sent.tag());
    }
}

/// The bytes before the padding of ISO/IEC 7816-4.
fn unpadded(plaintext: &[u8]) -> &[u8] {
    let end = plaintext.iter().rposition(|byte| *byte != 0);
    &plaintext[..end.unwrap_or(0)]
}

/// A channel that hides nothing: what a peer with the keys could have sealed.
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
