//! `prekeys.json`: what a device publishes, and how another device decodes it.

use super::*;
use crate::prekeys::PreKeyUpload;
use crate::{PreKeyBundle, wire};

fn upload(identity: &IdentityKeyPair, signed: Value, one_time: Value) -> PreKeyUpload {
    let sets = json!({ "signed_prekeys": signed, "one_time_prekeys": one_time });
    prekeys_of(identity.public(), Input::of(&sets)).upload(identity).unwrap()
}

fn set_of(input: Input<'_>) -> Value {
    json!({
        "id": input.get("id").number::<u32>(), "prekey_private": hex(input.get("prekey_private").bytes()),
        "kem_seed": hex(input.get("kem_seed").bytes()), "remembered": [],
    })
}

pub(super) fn signed_prekeys(input: Input<'_>) -> Outcome {
    let identity = identity_of(input.get("identity"));
    let upload = upload(&identity, json!([set_of(input)]), json!([]));
    Ok(json!({ "base": hex(upload.base) }))
}

pub(super) fn one_time_prekeys(input: Input<'_>) -> Outcome {
    let identity = identity_of(input.get("identity"));
    let signed = bobs_device()["signed_prekeys"].clone();
    let upload = upload(&identity, signed, json!([set_of(input)]));
    Ok(json!({ "one_time": hex(&upload.one_time[0]) }))
}

pub(super) fn decode_bundle(input: Input<'_>) -> Outcome {
    let one_time = input.optional("one_time").map(|one_time| one_time.bytes());
    let bundle = PreKeyBundle::decode(&input.get("base").bytes(), one_time.as_deref());
    let bundle = bundle.map_err(refused)?;
    Ok(json!({
        "identity": hex(bundle.identity().to_bytes()), "one_time": bundle.has_one_time_prekeys(),
    }))
}

/// Bob's bundle with a one-time set, as another device fetches it.
pub(super) fn bobs_bundle() -> Value {
    let device = bobs_device();
    let identity = identity_of(Input::of(&bob()));
    let upload = upload(&identity, device["signed_prekeys"].clone(), device["one_time_prekeys"].clone());
    json!({ "base": hex(upload.base), "one_time": hex(&upload.one_time[0]) })
}

fn edit<M: wire::WireMessage>(input: &Value, field: &str, change: impl FnOnce(&mut M)) -> Value {
    changed(input, field, |bytes| {
        let mut message: M = wire::decode(bytes, usize::MAX).unwrap();
        change(&mut message);
        *bytes = wire::encode(&message);
    })
}

#[test]
fn bundles() {
    let mut file = Vectors::new(
        CRATE,
        "prekeys.json",
        "Prekey sets that a device signs, and bundles as another device takes them. SPEC.md, “Wire messages”, “Prekey sets”.",
        "Bob's identity b1, b2; signed set 2 from b3, b4; one-time set 7 from b7, b8",
    );
    let set = |id: u32, prekey: u8, kem: u8| {
        json!({ "identity": bob(), "id": id, "prekey_private": hex([prekey; 32]), "kem_seed": hex([kem; 64]) })
    };
    file.passes("signed-set", "a signed set", "signed_prekeys", set(2, 0xb3, 0xb4));
    file.passes("signed-set-last-id", "a signed set of the last id", "signed_prekeys", set(u32::MAX, 0xb3, 0xb4));
    file.passes("one-time-set", "a one-time set", "one_time_prekeys", set(7, 0xb7, 0xb8));
    let good = bobs_bundle();
    file.passes("bundle", "signed and one-time set", "decode_bundle", good.clone());
    file.passes("bundle-base", "the signed set alone", "decode_bundle", with(&good, "one_time", Value::Null));
    forms(&mut file, &good);
    keys(&mut file, &good);
    signatures(&mut file, &good);
    file.finish();
}

fn forms(file: &mut Vectors, good: &Value) {
    for field in ["base", "one_time"] {
        let mut fails = |id: &str, comment: &str, check, change: &dyn Fn(&mut Vec<u8>)| {
            file.fails(&format!("{field}-{id}"), comment, "decode_bundle", changed(good, field, change), check);
        };
        fails("too-long", "2,049 bytes, one past the most, of whatever", 1, &|b| *b = vec![1; 2_049]);
        fails("version-0", "version 00", 2, &|b| b[0] = 0);
        fails("version-2", "version 02", 2, &|b| b[0] = 2);
        fails("empty", "no bytes at all", 3, &Vec::clear);
        fails("cut", "the last byte is missing", 3, &|b| { b.pop(); });
        fails("extended", "the byte 00 behind the message", 3, &|b| b.push(0));
        fails("wire-type", "a key of wire type 7 behind the message", 3, &|b| b.push(0x0f));
        fails("unknown-field", "a field 15 behind the message", 4, &|b| b.extend([0x7a, 0]));
        fails("signature-twice", "the signature twice", 4, &|b| { let at = b.len() - 66; b.extend_from_within(at..); });
        fails("signature-missing", "no signature", 3, &|b| b.truncate(b.len() - 66));
        fails("signature-63", "a signature of 63 bytes", 3, &|b| { b.pop(); let at = b.len() - 64; b[at] = 63; });
        fails("signature-65", "a signature of 65 bytes", 3, &|b| { b.push(0); let at = b.len() - 66; b[at] = 65; });
        fails("long-varint", "the signature's length in two bytes", 4, &|b| { let at = b.len() - 65; b[at] |= 0x80; b.insert(at + 1, 0); });
    }
    let mut fails = |id: &str, comment: &str, check, input: Value| {
        file.fails(id, comment, "decode_bundle", input, check);
    };
    fails("base-fields-swapped", "identity and certificate in the other order", 4, changed(good, "base", |b| b[1..133].rotate_left(66)));
    fails("base-id-overlong", "the id 2 as 82 00", 4, changed(good, "base", |b| { b[134] = 0x82; b.insert(135, 0); }));
    fails("base-id-33-bits", "the id 2 with a bit past the 32nd", 4, changed(good, "base", |b| { b.splice(134..135, [0x82, 0x80, 0x80, 0x80, 0x10]); }));
    fails("sets-exchanged", "each set in the place of the other", 3, json!({ "base": good["one_time"], "one_time": good["base"] }));
}

fn keys(file: &mut Vectors, good: &Value) {
    let mut fails = |id: &str, comment: &str, check, input: Value| {
        file.fails(id, comment, "decode_bundle", input, check);
    };
    let top_bit = |key: &mut Vec<u8>| key[31] |= 0x80;
    let zero = |key: &mut Vec<u8>| key.fill(0);
    let modulus = |key: &mut Vec<u8>| { key[0] = 0x01; key[1] = key[1] & 0xf0 | 0x0d; };
    fails("identity-small", "an Ed25519 key of small order", 9, edit(good, "base", |m: &mut wire::SignedPreKeys| { m.identity[..32].fill(0); m.identity[0] = 1; }));
    fails("identity-x25519-top-bit", "an X25519 identity key with the top bit", 5, edit(good, "base", |m: &mut wire::SignedPreKeys| m.identity[63] |= 0x80));
    fails("identity-x25519-zero", "an X25519 identity key of small order", 6, edit(good, "base", |m: &mut wire::SignedPreKeys| m.identity[32..].fill(0)));
    fails("signed-prekey-top-bit", "a signed prekey with the top bit", 5, edit(good, "base", |m: &mut wire::SignedPreKeys| top_bit(&mut m.signed_prekey)));
    fails("signed-prekey-zero", "a signed prekey of small order", 6, edit(good, "base", |m: &mut wire::SignedPreKeys| zero(&mut m.signed_prekey)));
    fails("last-resort-range", "a coefficient of the last-resort key is the modulus", 8, edit(good, "base", |m: &mut wire::SignedPreKeys| modulus(&mut m.last_resort_kem_prekey)));
    fails("one-time-prekey-top-bit", "a one-time prekey with the top bit", 5, edit(good, "one_time", |m: &mut wire::OneTimePreKeys| top_bit(&mut m.one_time_prekey)));
    fails("one-time-prekey-zero", "a one-time prekey of small order", 6, edit(good, "one_time", |m: &mut wire::OneTimePreKeys| zero(&mut m.one_time_prekey)));
    fails("one-time-kem-range", "a coefficient of the one-time ML-KEM key is the modulus", 8, edit(good, "one_time", |m: &mut wire::OneTimePreKeys| modulus(&mut m.kem_prekey)));
}

fn signatures(file: &mut Vectors, good: &Value) {
    let mut fails = |id: &str, comment: &str, check, input: Value| {
        file.fails(id, comment, "decode_bundle", input, check);
    };
    let base = |change: fn(&mut wire::SignedPreKeys)| edit(good, "base", change);
    fails("certificate-bit", "one bit of the certificate", 10, base(|m| m.certificate[0] ^= 1));
    fails("certificate-signature-swapped", "certificate and signature in each other's place", 10, base(|m| core::mem::swap(&mut m.certificate, &mut m.signature)));
    fails("signed-id", "another id", 11, base(|m| m.id += 1));
    fails("signed-id-0", "the id 0, which is left out of the encoding", 11, base(|m| m.id = 0));
    fails("signed-signature-bit", "one bit of the signature", 11, base(|m| m.signature[40] ^= 1));
    fails("signed-prekey-other", "another prekey", 11, base(|m| m.signed_prekey = DhKeyPair::from_secret_bytes(&[1; 32]).public().as_bytes().to_vec()));
    fails("signed-kem-other", "another last-resort key", 11, base(|m| m.last_resort_kem_prekey = kem_public_key(1)));
    // These sets hold the same keys, but are signed with the types and label of the other kind of
    // set.
    let identity = identity_of(Input::of(&bob()));
    let as_one_time = edit(good, "base", |m: &mut wire::SignedPreKeys| {
        let input = [labels::ONE_TIME_PREKEYS, &m.id.to_be_bytes(), &[4], &m.signed_prekey, &[2], &m.last_resort_kem_prekey].concat();
        m.signature = identity.sign(&input).to_vec();
    });
    fails("signed-as-one-time", "signed as a one-time set", 11, as_one_time);
    let mixed_types = edit(good, "base", |m: &mut wire::SignedPreKeys| {
        let input = [labels::SIGNED_PREKEYS, &m.id.to_be_bytes(), &[3], &m.signed_prekey, &[1], &m.last_resort_kem_prekey].concat();
        m.signature = identity.sign(&input).to_vec();
    });
    fails("signed-types-swapped", "signed with the types of the keys swapped", 11, mixed_types);

    let one_time = |change: fn(&mut wire::OneTimePreKeys)| edit(good, "one_time", change);
    fails("one-time-id", "another id", 12, one_time(|m| m.id += 1));
    fails("one-time-signature-bit", "one bit of the signature", 12, one_time(|m| m.signature[40] ^= 1));
    fails("one-time-prekey-other", "another prekey", 12, one_time(|m| m.one_time_prekey = DhKeyPair::from_secret_bytes(&[1; 32]).public().as_bytes().to_vec()));
    fails("one-time-kem-other", "another ML-KEM key", 12, one_time(|m| m.kem_prekey = kem_public_key(1)));
    let other = json!({ "identity": alice(), "id": 7, "prekey_private": hex([0xb7; 32]), "kem_seed": hex([0xb8; 64]) });
    let other = one_time_prekeys(Input::of(&other)).unwrap();
    fails("one-time-of-another", "a one-time set that another identity signed", 12, with(good, "one_time", other["one_time"].clone()));
}
