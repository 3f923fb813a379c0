//! `refusal.json`: refusals, and the names of sessions that they list.

use super::*;
use crate::dh::DhPublicKey;
use crate::message::SealedRefusal;
use crate::pqxdh::SessionAd;
use crate::{SessionId, wire};

pub(super) fn seal_refusal(input: Input<'_>) -> Outcome {
    let to = IdentityKey::from_bytes(&input.get("to").bytes()).map_err(refused)?;
    let (content, ad) = (input.get("content").bytes(), input.get("associated_data").bytes());
    let rng = &mut Stated::new(&[input.get("salt").bytes()]);
    let sealed = identity_of(input.get("identity")).seal_refusal(&to, &content, &ad, rng);
    Ok(json!({ "refusal": hex(sealed.map_err(refused)?) }))
}

pub(super) fn open_refusal(input: Input<'_>) -> Outcome {
    let (bytes, ad) = (input.get("refusal").bytes(), input.get("associated_data").bytes());
    let opened = identity_of(input.get("identity")).open_refusal(&bytes, &ad).map_err(refused)?;
    let sealed = SealedRefusal::decode(&bytes).unwrap();
    Ok(json!({ "sender": hex(opened.from.to_bytes()), "salt": hex(sealed.salt), "content": hex(&*opened.content) }))
}

pub(super) fn session_id(input: Input<'_>) -> Outcome {
    let base_key = DhPublicKey::from_bytes(&input.get("base_key").array()).map_err(refused)?;
    let ad = SessionAd(input.get("session_associated_data").array());
    Ok(json!({ "session_id": hex(SessionId::of(&ad, &base_key).as_bytes()) }))
}

pub(super) fn session_digest(input: Input<'_>) -> Outcome {
    let ad = SessionAd(input.get("session_associated_data").array());
    Ok(json!({ "session_digest": hex(ad.session_digest()) }))
}

/// Input of `seal_refusal` for a refusal of Bob's for Alice.
fn to_seal(content: &[u8]) -> Value {
    let to = identity_of(Input::of(&alice())).public().to_bytes();
    json!({
        "identity": bob(), "to": hex(to), "salt": hex([0xd1; 32]), "content": hex(content), "associated_data": hex("ad"),
    })
}

fn edit(input: &Value, change: impl FnOnce(&mut wire::Refusal)) -> Value {
    changed(input, "refusal", |bytes| {
        let mut refusal: wire::Refusal = wire::decode(bytes, usize::MAX).unwrap();
        change(&mut refusal);
        *bytes = wire::encode(&refusal);
    })
}

#[test]
fn refusals() {
    let mut file = Vectors::new(
        CRATE,
        "refusal.json",
        "Refusals without a session, and names of sessions. SPEC.md, “Refusals”, “Derivations”, “Wire messages”.",
        "Alice's identity a1, a2; Bob's b1, b2; the salt d1; all repeated",
    );
    let name = json!({ "session_associated_data": hex([0x05; 32]), "base_key": hex(DhKeyPair::from_secret_bytes(&[0xa3; 32]).public().as_bytes()) });
    file.passes("session-id", "the name of a session", "session_id", name.clone());
    file.passes("session-digest", "the digest of the same session", "session_digest", json!({ "session_associated_data": hex([0x05; 32]) }));
    file.fails("session-id-zero", "a base key u = 0", "session_id", with(&name, "base_key", hex([0; 32])), 6);
    let to_open = |refusal: &Value| json!({ "identity": alice(), "refusal": refusal["refusal"], "associated_data": hex("ad") });
    for (id, comment, content) in [("empty", "no content", vec![]), ("longest", "4,096 bytes, the most", vec![0xc7; 4_096])] {
        let sealed = file.passes(&format!("seal-{id}"), comment, "seal_refusal", to_seal(&content));
        file.passes(&format!("open-{id}"), "the same opened", "open_refusal", to_open(&sealed));
    }
    let sealed = file.passes("seal", "a refusal of Bob's for Alice", "seal_refusal", to_seal(b"known answer"));
    let own = identity_of(Input::of(&bob())).public().to_bytes();
    file.fails("seal-own", "a refusal for oneself", "seal_refusal", with(&to_seal(b"known answer"), "to", hex(own)), 17);
    let good = to_open(&sealed);
    file.passes("open", "Alice opens it", "open_refusal", good.clone());
    forms(&mut file, &good);
    keys_of_the_sender(&mut file, &good);
    bindings(&mut file, &good);
    file.finish();
}

fn forms(file: &mut Vectors, good: &Value) {
    let mut fails = |id: &str, comment: &str, check, input: Value| {
        file.fails(id, comment, "open_refusal", input, check);
    };
    let bytes = |change: &dyn Fn(&mut Vec<u8>)| changed(good, "refusal", change);
    fails("too-long", "4,283 bytes, one past the most, of whatever", 1, bytes(&|b| *b = vec![3; 4_283]));
    fails("empty", "no bytes at all", 3, bytes(&Vec::clear));
    fails("version-0", "version 00", 2, bytes(&|b| b[0] = 0));
    fails("version-2", "version 02, which a message has", 2, bytes(&|b| b[0] = 2));
    fails("version-4", "version 04", 2, bytes(&|b| b[0] = 4));
    fails("cut", "the last byte is missing", 3, bytes(&|b| { b.pop(); }));
    fails("extended", "the byte 00 after the refusal", 3, bytes(&|b| b.push(0)));
    fails("unknown-field", "a field 5 after the refusal", 4, bytes(&|b| b.extend([0x2a, 0])));
    fails("salt-twice", "the salt twice", 4, bytes(&|b| { let salt = b[133..167].to_vec(); b.splice(133..133, salt); }));
    fails("fields-swapped", "the certificate before the identity", 4, bytes(&|b| b[1..133].rotate_left(66)));
    fails("content-15", "a content of 15 bytes, one less than a tag", 14, edit(good, |r| r.content.truncate(15)));
    fails("content-none", "no content", 14, edit(good, |r| r.content.clear()));
    fails("salt-31", "a salt of 31 bytes", 3, edit(good, |r| { r.salt.pop(); }));
    fails("salt-33", "a salt of 33 bytes", 3, edit(good, |r| r.salt.push(0)));
    fails("salt-none", "no salt", 3, edit(good, |r| r.salt.clear()));
    fails("identity-63", "an identity of 63 bytes", 3, edit(good, |r| { r.identity.pop(); }));
    fails("identity-none", "no identity", 3, edit(good, |r| r.identity.clear()));
    fails("certificate-65", "a certificate of 65 bytes", 3, edit(good, |r| r.certificate.push(0)));
    fails("certificate-none", "no certificate", 3, edit(good, |r| r.certificate.clear()));
}

fn keys_of_the_sender(file: &mut Vectors, good: &Value) {
    let mut fails = |id: &str, comment: &str, check, change: &dyn Fn(&mut wire::Refusal)| {
        file.fails(id, comment, "open_refusal", edit(good, change), check);
    };
    fails("identity-x25519-top-bit", "an X25519 key with the top bit", 5, &|r| r.identity[63] |= 0x80);
    fails("identity-x25519-order-8", "an X25519 key of order 8", 6, &|r| r.identity[32..].copy_from_slice(&harness::unhex(keys::SMALL_ORDER[2].1)));
    fails("identity-ed25519-off-curve", "an Ed25519 key off the curve", 9, &|r| { r.identity[..32].fill(0); r.identity[0] = 2; });
    fails("certificate-bit", "one bit of the certificate", 10, &|r| r.certificate[40] ^= 1);
    let carol = identity_of(Input::of(&secrets(0xc1, 0xc2)));
    fails("certificate-of-another", "the certificate of another identity", 10, &|r| r.certificate = carol.certificate().to_bytes().to_vec());
    fails("identity-halves-mixed", "an X25519 key that the identity did not sign", 10, &|r| r.identity[32..].copy_from_slice(carol.public().dh().as_bytes()));
    let alice = identity_of(Input::of(&alice()));
    fails("own", "the recipient's own identity", 17, &|r| {
        r.identity = alice.public().to_bytes().to_vec();
        r.certificate = alice.certificate().to_bytes().to_vec();
    });
}

fn bindings(file: &mut Vectors, good: &Value) {
    let mut fails = |id: &str, comment: &str, input: Value| {
        file.fails(id, comment, "open_refusal", input, 100);
    };
    fails("salt-bit", "one bit of the salt", edit(good, |r| r.salt[0] ^= 0x80));
    fails("content-bit", "one bit of the content", edit(good, |r| r.content[0] ^= 1));
    fails("content-tag-bit", "the last bit of its tag", edit(good, |r| *r.content.last_mut().unwrap() ^= 1));
    fails("content-shorter", "a byte of the content taken out", edit(good, |r| { r.content.remove(0); }));
    fails("content-longer", "a byte added before the content", edit(good, |r| r.content.insert(0, 0)));
    fails("associated-data", "other associated data", with(good, "associated_data", hex("ae")));
    fails("associated-data-none", "no associated data", with(good, "associated_data", ""));
    fails("recipient-other", "opened by a third device", with(good, "identity", secrets(0xc1, 0xc2)));
    let carol = identity_of(Input::of(&secrets(0xc1, 0xc2)));
    fails("sender-other", "another identity with its certificate", edit(good, |r| {
        r.identity = carol.public().to_bytes().to_vec();
        r.certificate = carol.certificate().to_bytes().to_vec();
    }));
    let alice = identity_of(Input::of(&alice()));
    let turned = edit(good, |r| {
        r.identity = alice.public().to_bytes().to_vec();
        r.certificate = alice.certificate().to_bytes().to_vec();
    });
    fails("turned-round", "sent back to Bob as a refusal of Alice's", with(&turned, "identity", bob()));
    fails("sender-signs-bobs-key", "a third identity that signed Bob's X25519 key as its own", edit(good, |r| {
        r.identity[..32].copy_from_slice(&carol.public().to_bytes()[..32]);
        let input = [labels::IDENTITY_CERTIFICATE, &r.identity[32..]].concat();
        r.certificate = carol.sign(&input).to_vec();
    }));
}
