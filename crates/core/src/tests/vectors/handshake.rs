//! `handshake.json`: PQXDH, and how the recipient handles first messages.

use super::*;
use crate::dh::DhPublicKey;
use crate::kem::KemPublicKey;
use crate::pqxdh::{self, Agreed};
use crate::{Message, PreKeyBundle, ReplayMemory, Session, SessionSet, wire};

pub(super) fn encapsulate(input: Input<'_>) -> Outcome {
    let key = KemPublicKey::from_bytes(&input.get("public_key").array()).map_err(refused)?;
    let (ciphertext, secret) = key.encapsulate(&mut Stated::new(&[input.get("coin").bytes()]));
    Ok(json!({ "ciphertext": hex(ciphertext.as_bytes()), "secret": hex(secret.as_bytes()) }))
}

pub(super) fn pqxdh_secrets(input: Input<'_>) -> Outcome {
    let dhs: Vec<[u8; 32]> = input.list("dh").iter().map(|dh| dh.array()).collect();
    let secret = pqxdh::tests::derive_from(&dhs, input.get("kem_secret").array());
    Ok(secrets_json(&secret))
}

fn secrets_json(secret: &pqxdh::AgreedSecrets) -> Value {
    json!({
        "root": hex(secret.root.as_bytes()), "initiator_header": hex(secret.initiator_header.as_bytes()),
        "recipient_header": hex(secret.recipient_header.as_bytes()), "post_quantum_seed": hex(secret.post_quantum.as_bytes()),
    })
}

fn agreed_json(agreed: &Agreed, dhs: &[[u8; 32]], kem_secret: [u8; 32]) -> Value {
    let mut json = secrets_json(&agreed.secret);
    // The values stated next to the secrets must derive the same secrets.
    assert_eq!(secrets_json(&pqxdh::tests::derive_from(dhs, kem_secret)), json);
    json["dh"] = dhs.iter().map(hex).collect();
    json["kem_secret"] = hex(kem_secret).into();
    json["handshake_digest"] = hex(agreed.digest.0).into();
    json["session_associated_data"] = hex(agreed.ad.0).into();
    json
}

fn dh(ours: &DhKeyPair, theirs: &DhPublicKey) -> [u8; 32] {
    *ours.diffie_hellman(theirs).unwrap().as_bytes()
}

pub(super) fn initiate(input: Input<'_>) -> Outcome {
    let identity = identity_of(input.get("identity"));
    let one_time = input.optional("one_time").map(|one_time| one_time.bytes());
    let bundle = || PreKeyBundle::decode(&input.get("base").bytes(), one_time.as_deref()).unwrap();
    let random = ["base_private", "coin", "ratchet_private", "braid_seed"];
    let random = random.map(|name| input.get(name).bytes());
    let mut session = Session::initiate(&identity, bundle(), &mut Stated::new(&random[..3])).map_err(refused)?;
    let (plaintext, ad) = (input.get("plaintext").bytes(), input.get("associated_data").bytes());
    let message = session.encrypt(&plaintext, &ad, &mut Stated::new(&random[3..])).map_err(refused)?;

    let bundle = bundle();
    let (handshake, agreed) = pqxdh::initiate(&identity, &bundle, &mut Stated::new(&random[..2])).map_err(refused)?;
    let base = DhKeyPair::from_secret_bytes(&input.get("base_private").array());
    let prekey = &bundle.signed.prekey;
    let mut dhs = vec![dh(identity.dh(), prekey), dh(&base, bundle.identity.dh()), dh(&base, prekey)];
    dhs.extend(bundle.one_time.as_ref().map(|set| dh(&base, &set.prekey)));
    let kem = bundle.one_time.as_ref().map_or(&bundle.signed.last_resort, |set| &set.kem);
    let (_, kem_secret) = kem.encapsulate(&mut Stated::new(&random[1..2]));
    let mut json = agreed_json(&agreed, &dhs, *kem_secret.as_bytes());
    json["kem_ciphertext"] = hex(handshake.kem_ciphertext.as_bytes()).into();
    json["message"] = hex(message).into();
    Ok(json)
}

pub(super) fn decode_message(input: Input<'_>) -> Outcome {
    let bytes = input.get("message").bytes();
    Message::decode(&bytes).map_err(refused)?;
    let message: wire::Message = wire::decode(&bytes, usize::MAX).map_err(refused)?;
    let handshake = message.handshake.map(|handshake| {
        json!({
            "identity": hex(handshake.identity), "certificate": hex(handshake.certificate),
            "base_key": hex(handshake.base_key), "signed_prekey_id": handshake.signed_prekey_id,
            "one_time_prekey_id": handshake.one_time_prekey_id, "kem_ciphertext": hex(handshake.kem_ciphertext),
        })
    });
    Ok(json!({ "handshake": handshake, "header": hex(message.header), "body": hex(message.body) }))
}

/// The recipient's identity, its prekeys, and its memory of the sender of `message`.
fn recipient(input: Input<'_>, message: &[u8]) -> (IdentityKeyPair, PreKeys, ReplayMemory) {
    let device = input.get("recipient");
    let identity = identity_of(device.get("identity"));
    let prekeys = prekeys_of(identity.public(), device);
    let mut memory = ReplayMemory::new();
    if let Ok(Message { handshake: Some(handshake), .. }) = Message::decode(message) {
        for set in device.list("signed_prekeys") {
            for base_key in set.list("remembered") {
                let base_key = DhPublicKey::from_bytes(&base_key.array()).unwrap();
                memory.remember(&handshake.identity, set.get("id").number(), base_key, |_| true);
            }
        }
    }
    (identity, prekeys, memory)
}

pub(super) fn accept(input: Input<'_>) -> Outcome {
    let message = input.get("message").bytes();
    let (identity, mut prekeys, mut memory) = recipient(input, &message);
    let ad = input.get("associated_data").bytes();
    let accepted = Session::accept(&identity, &mut prekeys, &mut memory, &message, &ad);
    let (_, plaintext) = accepted.map_err(refused)?;

    let (_, prekeys, _) = recipient(input, &message);
    let handshake = Message::decode(&message).unwrap().handshake.unwrap();
    let signed = prekeys.signed(handshake.signed_prekey_id).unwrap();
    let one_time = handshake.one_time_prekey_id.map(|id| prekeys.one_time(id).unwrap());
    let agreed = pqxdh::accept(&identity, signed, one_time, &handshake).map_err(refused)?;
    let base = &handshake.base_key;
    let mut dhs = vec![dh(&signed.prekey, handshake.identity.dh()), dh(identity.dh(), base), dh(&signed.prekey, base)];
    dhs.extend(one_time.map(|set| dh(&set.prekey.key_pair(), base)));
    let kem = one_time.map_or(&signed.last_resort, |set| &set.kem);
    let (_, kem_secret) = kem.decapsulate(&handshake.kem_ciphertext);
    let mut json = agreed_json(&agreed, &dhs, *kem_secret.as_bytes());
    json["plaintext"] = hex(&*plaintext).into();
    Ok(json)
}

pub(super) fn accept_then(input: Input<'_>) -> Outcome {
    let ad = input.get("associated_data").bytes();
    let first = input.get("first").bytes();
    let (identity, mut prekeys, mut memory) = recipient(input, &first);
    let (mut sessions, _) = SessionSet::accept(&identity, &mut prekeys, &mut memory, &first, &ad).unwrap();
    let message = input.get("message").bytes();
    let plaintext = sessions.decrypt(&identity, &mut prekeys, &mut memory, &message, &ad).map_err(refused)?;
    Ok(json!({ "plaintext": hex(&*plaintext), "sessions": sessions.count() }))
}

/// Input of `initiate` for a session from Alice to Bob. Each random value is one byte, repeated.
fn to_initiate(one_time: bool, base: u8) -> Value {
    let bundle = prekeys::bobs_bundle();
    json!({
        "identity": alice(), "base": bundle["base"],
        "one_time": if one_time { bundle["one_time"].clone() } else { Value::Null },
        "base_private": hex([base; 32]), "coin": hex([0xa4; 32]), "ratchet_private": hex([0xa5; 32]),
        "braid_seed": hex([0xa6; 64]), "plaintext": hex("known answer"), "associated_data": hex("ad"),
    })
}

fn to_accept(message: &Value) -> Value {
    json!({ "recipient": bobs_device(), "message": message, "associated_data": hex("ad") })
}

fn edit(message: &Value, change: impl FnOnce(&mut wire::Message)) -> Value {
    let bytes = harness::unhex(message.as_str().unwrap());
    hex(crate::tests::support::edit(&bytes, change)).into()
}

fn edit_handshake(message: &Value, change: impl FnOnce(&mut wire::Handshake)) -> Value {
    edit(message, |message| change(message.handshake.as_mut().unwrap()))
}

#[test]
fn handshakes() {
    let mut file = Vectors::new(
        CRATE,
        "handshake.json",
        "PQXDH from both sides, first messages, and copies of them that must be refused. SPEC.md, “Handshake”, “Derivations”, “Wire messages”.",
        "Alice's identity a1, a2; her base key a3, coin a4, ratchet key a5, braid a6; Bob's identity b1, b2, signed sets b3 to b6, one-time sets b7 to ba",
    );
    let coin = json!({ "public_key": hex(kem_public_key(0xb8)), "coin": hex([0xa4; 32]) });
    file.passes("encapsulate", "ML-KEM-1024 with a stated coin", "encapsulate", coin);
    let with_one_time = file.passes("initiate", "Alice's first message with a one-time set", "initiate", to_initiate(true, 0xa3));
    let without = file.passes("initiate-last-resort", "without one: the last-resort key serves", "initiate", to_initiate(false, 0xa3));
    for (id, agreed) in [("secrets", &with_one_time), ("secrets-three", &without)] {
        let input = json!({ "dh": agreed["dh"], "kem_secret": agreed["kem_secret"] });
        file.passes(id, "the secrets from what was agreed on", "pqxdh_secrets", input);
    }
    let (one, last_resort) = (&with_one_time["message"], &without["message"]);
    file.passes("accept", "Bob takes the first message", "accept", to_accept(one));
    file.passes("accept-last-resort", "the same without a one-time set", "accept", to_accept(last_resort));
    forms(&mut file, one);
    prekeys_that_are_gone(&mut file, one, last_resort);
    identities(&mut file, one);
    transcripts(&mut file, one, last_resort);
    repeats(&mut file, one);
    file.finish();
}

fn forms(file: &mut Vectors, message: &Value) {
    let good = json!({ "message": message });
    file.passes("message", "a first message", "decode_message", good.clone());
    let ordinary = edit(message, |m| m.handshake = None);
    let ordinary = json!({ "message": ordinary });
    file.passes("message-ordinary", "one without a handshake", "decode_message", ordinary.clone());
    let body = |input: &Value, len: usize| json!({ "message": edit(&input["message"], |m| m.body = vec![0xbd; len]) });
    file.passes("message-shortest", "a body of 16 bytes, the least", "decode_message", body(&ordinary, 16));
    file.passes("message-longest", "a body of 132,112 bytes, the most", "decode_message", body(&good, 132_112));
    let mut fails = |id: &str, comment: &str, check, input: Value| {
        file.fails(&format!("message-{id}"), comment, "decode_message", input, check);
    };
    fails("body-15", "a body of 15 bytes, one less than a tag", 14, body(&ordinary, 15));
    fails("body-none", "no body", 14, body(&ordinary, 0));
    fails("body-past", "a body of 132,113 bytes, one past the most", 14, body(&ordinary, 132_113));
    let bytes = |change: &dyn Fn(&mut Vec<u8>)| changed(&ordinary, "message", change);
    fails("too-long", "134,145 bytes, one past the most, of whatever", 1, bytes(&|b| *b = vec![1; 134_145]));
    fails("empty", "no bytes at all", 3, bytes(&Vec::clear));
    fails("version-0", "version 00", 2, bytes(&|b| b[0] = 0));
    fails("version-1", "version 01, the one before", 2, bytes(&|b| b[0] = 1));
    fails("version-3", "version 03, which a refusal has", 2, bytes(&|b| b[0] = 3));
    fails("cut", "the last byte is missing", 3, bytes(&|b| { b.pop(); }));
    fails("extended", "the byte 00 behind the message", 3, bytes(&|b| b.push(0)));
    fails("unknown-field", "a field 4 behind the message", 4, bytes(&|b| b.extend([0x22, 0])));
    fails("header-twice", "the header twice", 4, bytes(&|b| { let header = b[1..102].to_vec(); b.splice(1..1, header); }));
    fails("fields-swapped", "the body before the header", 4, bytes(&|b| b[1..].rotate_left(101)));
    fails("header-98", "a header of 98 bytes", 3, json!({ "message": edit(&ordinary["message"], |m| { m.header.pop(); }) }));
    fails("header-100", "a header of 100 bytes", 3, json!({ "message": edit(&ordinary["message"], |m| m.header.push(0)) }));
    fails("header-none", "no header", 3, json!({ "message": edit(&ordinary["message"], |m| m.header.clear()) }));
    let edits: [(&str, &str, u16, fn(&mut wire::Handshake)); 13] = [
        ("identity-63", "an identity of 63 bytes", 3, |h| { h.identity.pop(); }),
        ("identity-none", "no identity", 3, |h| h.identity.clear()),
        ("certificate-65", "a certificate of 65 bytes", 3, |h| h.certificate.push(0)),
        ("base-key-31", "a base key of 31 bytes", 3, |h| { h.base_key.pop(); }),
        ("kem-1567", "an ML-KEM ciphertext of 1,567 bytes", 3, |h| { h.kem_ciphertext.pop(); }),
        ("kem-1569", "an ML-KEM ciphertext of 1,569 bytes", 3, |h| h.kem_ciphertext.push(0)),
        ("kem-none", "no ML-KEM ciphertext", 3, |h| h.kem_ciphertext.clear()),
        ("base-key-top-bit", "a base key with the top bit", 5, |h| h.base_key[31] |= 0x80),
        ("base-key-p", "a base key u = p, which is 0", 5, |h| h.base_key = harness::unhex(keys::NOT_CANONICAL[0].1)),
        ("base-key-zero", "a base key u = 0", 6, |h| h.base_key.fill(0)),
        ("base-key-order-8", "a base key of order 8", 6, |h| h.base_key = harness::unhex(keys::SMALL_ORDER[2].1)),
        ("identity-x25519-one", "an X25519 identity key u = 1", 6, |h| { h.identity[32..].fill(0); h.identity[32] = 1; }),
        ("identity-ed25519-off-curve", "an Ed25519 identity key off the curve", 9, |h| { h.identity[..32].fill(0); h.identity[0] = 2; }),
    ];
    for (id, comment, check, change) in edits {
        fails(id, comment, check, json!({ "message": edit_handshake(message, change) }));
    }
}

fn prekeys_that_are_gone(file: &mut Vectors, message: &Value, last_resort: &Value) {
    let mut fails = |id: &str, comment: &str, check, input: Value| {
        file.fails(id, comment, "accept", input, check);
    };
    let of = |change: fn(&mut wire::Handshake)| to_accept(&edit_handshake(message, change));
    fails("signed-set-unknown", "a signed set 9, which there is not", 25, of(|h| h.signed_prekey_id = 9));
    fails("signed-set-0", "a signed set 0, left out of the encoding", 25, of(|h| h.signed_prekey_id = 0));
    fails("one-time-set-unknown", "a one-time set 9, which there is not", 26, of(|h| h.one_time_prekey_id = Some(9)));
    fails("one-time-set-0", "a one-time set 0, which is not the same as none", 26, of(|h| h.one_time_prekey_id = Some(0)));
    let mut spent = to_accept(message);
    spent["recipient"]["one_time_prekeys"].as_array_mut().unwrap().remove(0);
    fails("one-time-set-spent", "the one-time set is spent", 26, spent);
    let mut rotated = to_accept(message);
    rotated["recipient"]["signed_prekeys"].as_array_mut().unwrap().remove(0);
    fails("signed-set-gone", "the signed set is not held any more", 25, rotated);
    let mut remembered = to_accept(last_resort);
    let base_key = DhKeyPair::from_secret_bytes(&[0xa3; 32]);
    remembered["recipient"]["signed_prekeys"][0]["remembered"] = json!([hex(base_key.public().as_bytes())]);
    fails("last-resort-repeated", "a last-resort handshake whose base key is remembered", 27, remembered.clone());
    let mut full = to_accept(last_resort);
    let others = |count: u8| (0..count).map(|seed| hex(DhKeyPair::from_secret_bytes(&[seed; 32]).public().as_bytes()));
    full["recipient"]["signed_prekeys"][0]["remembered"] = others(64).collect();
    fails("memory-full", "a last-resort handshake of a sender of whom 64 base keys are remembered", 28, full.clone());
    let signed = full["recipient"]["signed_prekeys"].as_array_mut().unwrap();
    signed[1]["remembered"] = signed[0]["remembered"].take();
    signed[0]["remembered"] = others(63).collect();
    remembered["message"] = message.clone();
    file.passes("remembered-elsewhere", "with a one-time set a remembered base key does not matter", "accept", remembered);
    file.passes("memory-not-full", "63 base keys of the same signed set are remembered, and 64 of the other", "accept", full);
}

fn identities(file: &mut Vectors, message: &Value) {
    let mut fails = |id: &str, comment: &str, check, input: Value| {
        file.fails(id, comment, "accept", input, check);
    };
    let of = |change: fn(&mut wire::Handshake)| to_accept(&edit_handshake(message, change));
    fails("own-identity", "Bob's own identity", 17, to_accept(&edit_handshake(message, |h| {
        h.identity = identity_of(Input::of(&bob())).public().to_bytes().to_vec();
    })));
    fails("certificate-bit", "one bit of the certificate", 10, of(|h| h.certificate[40] ^= 1));
    fails("certificate-zeros", "a certificate of zeros", 10, of(|h| h.certificate.fill(0)));
    fails("certificate-of-bob", "the certificate of another identity", 10, to_accept(&edit_handshake(message, |h| {
        h.certificate = identity_of(Input::of(&bob())).certificate().to_bytes().to_vec();
    })));
    fails("identity-halves-mixed", "another X25519 key beside the Ed25519 key", 10, of(|h| {
        h.identity[32..].copy_from_slice(DhKeyPair::from_secret_bytes(&[1; 32]).public().as_bytes());
    }));
    // These base keys give the same secrets with different bytes, or are on the twist.
    fails("base-key-torsion", "the base key and a point of order 2: the same secrets", 29, of(|h| h.base_key = with_torsion(&h.base_key)));
    fails("base-key-twist", "a base key on the twist, u = 2", 29, of(|h| { h.base_key.fill(0); h.base_key[0] = 2; }));
}

/// The u-coordinate of the sum of the point and (0, 0), which has order 2. It is 1/u.
fn with_torsion(u: &[u8]) -> Vec<u8> {
    use curve25519_dalek::edwards::EdwardsPoint;
    use curve25519_dalek::montgomery::MontgomeryPoint;
    use curve25519_dalek::traits::Identity as _;
    let point = MontgomeryPoint(u.try_into().unwrap()).to_edwards(0).unwrap();
    let torsion = curve25519_dalek::constants::EIGHT_TORSION[4];
    assert_eq!(torsion + torsion, EdwardsPoint::identity());
    (point + torsion).to_montgomery().to_bytes().to_vec()
}

fn transcripts(file: &mut Vectors, message: &Value, last_resort: &Value) {
    let mut fails = |id: &str, comment: &str, check, input: Value| {
        file.fails(id, comment, "accept", input, check);
    };
    let of = |change: fn(&mut wire::Message)| to_accept(&edit(message, change));
    let handshake = |message: &Value, change: fn(&mut wire::Handshake)| to_accept(&edit_handshake(message, change));
    fails("header-first-bit", "one bit of the encrypted header", 18, of(|m| m.header[0] ^= 1));
    fails("header-tag-bit", "one bit of the header's tag", 18, of(|m| m.header[98] ^= 1));
    fails("body-nonce-bit", "one bit of the body's tag that is in the header's nonce", 18, of(|m| { let at = m.body.len() - 16; m.body[at] ^= 1; }));
    fails("body-tag-end-bit", "one bit of the body's tag that is not, but the header's MAC covers it", 18, of(|m| { let at = m.body.len() - 1; m.body[at] ^= 1; }));
    fails("body-bit", "one bit of the encrypted body", 24, of(|m| m.body[0] ^= 1));
    fails("body-shorter", "a byte of the encrypted body taken out", 24, of(|m| { m.body.remove(0); }));
    fails("associated-data", "other associated data", 24, with(&to_accept(message), "associated_data", hex("ae")));
    fails("associated-data-none", "no associated data", 24, with(&to_accept(message), "associated_data", ""));
    fails("kem-bit", "one bit of the ML-KEM ciphertext: another secret", 18, handshake(message, |h| h.kem_ciphertext[0] ^= 1));
    fails("base-key-other", "another base key", 18, handshake(message, |h| h.base_key = DhKeyPair::from_secret_bytes(&[1; 32]).public().as_bytes().to_vec()));
    fails("identity-other", "another identity with its certificate", 18, to_accept(&edit_handshake(message, |h| {
        let other = identity_of(Input::of(&secrets(0xc1, 0xc2)));
        h.identity = other.public().to_bytes().to_vec();
        h.certificate = other.certificate().to_bytes().to_vec();
    })));
    fails("one-time-set-other", "Bob's other one-time set", 18, handshake(message, |h| h.one_time_prekey_id = Some(8)));
    fails("one-time-set-dropped", "the one-time set left out", 18, handshake(message, |h| h.one_time_prekey_id = None));
    fails("one-time-set-added", "a one-time set where there was none", 18, handshake(last_resort, |h| h.one_time_prekey_id = Some(7)));
    fails("signed-set-other", "Bob's signed set before", 18, handshake(message, |h| h.signed_prekey_id = 1));
}

fn repeats(file: &mut Vectors, message: &Value) {
    let mut good = to_accept(message);
    good["first"] = message.clone();
    good["message"] = second(&to_initiate(true, 0xa3));
    file.passes("repeat", "the second message repeats the handshake: no second session", "accept_then", good.clone());
    let ordinary = edit(&good["message"], |m| m.handshake = None);
    file.passes("repeat-without", "the same without the handshake, which is not authenticated", "accept_then", with(&good, "message", ordinary));
    let another = initiate(Input::of(&to_initiate(false, 0xc3))).unwrap();
    file.passes("another-handshake", "another first message of the same identity starts a second session", "accept_then", with(&good, "message", another["message"].clone()));
    let mut fails = |id: &str, comment: &str, check, change: &dyn Fn(&mut wire::Handshake)| {
        let message = edit_handshake(&good["message"], change);
        file.fails(id, comment, "accept_then", with(&good, "message", message), check);
    };
    fails("repeat-certificate", "the handshake's certificate altered, its base key as before", 30, &|h| h.certificate[0] ^= 1);
    fails("repeat-kem", "its ML-KEM ciphertext altered", 30, &|h| h.kem_ciphertext[0] ^= 1);
    fails("repeat-signed-set", "its signed set altered", 30, &|h| h.signed_prekey_id = 1);
    fails("repeat-one-time-set", "its one-time set left out", 30, &|h| h.one_time_prekey_id = None);
    fails("another-identity", "a first message of another identity than the pinned one", 34, &|h| {
        let other = identity_of(Input::of(&secrets(0xc1, 0xc2)));
        h.identity = other.public().to_bytes().to_vec();
        h.certificate = other.certificate().to_bytes().to_vec();
    });
    file.fails("opened-before", "the first message once more", "accept_then", with(&good, "message", message.clone()), 21);
}

/// The second message of the session that `input` initiates.
fn second(input: &Value) -> Value {
    let input = Input::of(input);
    let identity = identity_of(input.get("identity"));
    let one_time = input.get("one_time").bytes();
    let bundle = PreKeyBundle::decode(&input.get("base").bytes(), Some(&one_time)).unwrap();
    let random = ["base_private", "coin", "ratchet_private", "braid_seed"].map(|name| input.get(name).bytes());
    let mut session = Session::initiate(&identity, bundle, &mut Stated::new(&random[..3])).unwrap();
    session.encrypt(b"known answer", b"ad", &mut Stated::new(&random[3..])).unwrap();
    hex(session.encrypt(b"second", b"ad", &mut Stated::new(&[])).unwrap()).into()
}
