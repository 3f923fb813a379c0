//! `derivations.json`: one step of each kind of derivation, and headers and bodies of messages
//! under given keys.

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::ChaCha20Poly1305;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use super::*;
use crate::dh::DhOutput;
use crate::header::{self, HEADER_LEN, Header, SEALED_HEADER_LEN, SealedHeader};
use crate::header_key::HeaderKey;
use crate::kdf::{ChainKey, MessageSeed, RootKey};
use crate::message_key::{BodyAd, MessageKey};
use crate::post_quantum::{HeaderPart, PqMessageKey};
use crate::pqxdh::SessionAd;
use crate::ratchet;

pub(super) fn root_step(input: Input<'_>) -> Outcome {
    let shared = DhOutput::from_bytes(&input.get("dh").array());
    let step = RootKey::from_bytes(&input.get("root").array()).step(&shared);
    Ok(json!({
        "next_root": hex(step.root.as_bytes()), "chain": hex(step.chain.as_bytes()), "next_header": hex(step.next_header.as_bytes()),
    }))
}

pub(super) fn chain_step(input: Input<'_>) -> Outcome {
    let (seed, next) = ChainKey::from_bytes(&input.get("chain").array()).step();
    Ok(json!({ "seed": hex(seed.as_bytes()), "next_chain": hex(next.as_bytes()) }))
}

fn key_of<'a>(input: Input<'_>, ad: &'a BodyAd) -> MessageKey<'a> {
    let post_quantum = PqMessageKey::from_bytes(&input.get("post_quantum_key").array());
    MessageKey::derive(&MessageSeed::from_bytes(&input.get("seed").array()), &post_quantum, ad)
}

pub(super) fn message_key(input: Input<'_>) -> Outcome {
    let ad = BodyAd::new(input.get("associated_data").bytes());
    let key = key_of(input, &ad);
    let (key, nonce) = key.parts();
    Ok(json!({ "key": hex(key), "nonce": hex(nonce) }))
}

fn session_ad(input: Input<'_>) -> SessionAd {
    SessionAd(input.get("session_associated_data").array())
}

fn body_ad(input: Input<'_>) -> BodyAd {
    ratchet::body_ad(&session_ad(input), &input.get("header").array(), &input.get("associated_data").bytes())
}

pub(super) fn seal_body(input: Input<'_>) -> Outcome {
    let mut body = input.get("plaintext").bytes();
    assert!(key_of(input, &body_ad(input)).seal(&mut body).is_ok());
    Ok(json!({ "body": hex(body) }))
}

pub(super) fn open_body(input: Input<'_>) -> Outcome {
    let mut body = input.get("body").bytes();
    let opened = key_of(input, &body_ad(input)).open(&mut body);
    opened.map_err(|_| "Unauthenticated".to_owned())?;
    Ok(json!({ "plaintext": hex(body) }))
}

pub(super) fn header_of(input: Input<'_>) -> [u8; HEADER_LEN] {
    let mut part = Vec::new();
    for name in ["epoch", "counter"] {
        part.extend(input.get(name).number::<u16>().to_be_bytes());
    }
    part.push(input.get("kind").number());
    part.extend(input.get("index").number::<u16>().to_be_bytes());
    part.extend(input.get("chunk").bytes());
    let header = Header {
        dh: input.get("dh").array(),
        pn: input.get("pn").number(),
        n: input.get("n").number(),
        selection: input.get("selection").number(),
        post_quantum: HeaderPart::from_bytes(&part.try_into().unwrap()).unwrap(),
    };
    header.to_bytes()
}

pub(super) fn header_json(header: Header) -> Value {
    let bytes = header.to_bytes();
    let short = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    json!({
        "dh": hex(header.dh), "pn": header.pn, "n": header.n, "selection": header.selection,
        "epoch": short(44), "counter": short(46), "kind": bytes[48], "index": short(49), "chunk": hex(&bytes[51..]),
    })
}

fn header_key(input: Input<'_>) -> HeaderKey {
    HeaderKey::from_bytes(&input.get("header_key").array())
}

pub(super) fn header_keys(input: Input<'_>) -> Outcome {
    let [encryption, mac] = header_key(input).parts();
    Ok(json!({ "encryption_key": hex(encryption), "mac_key": hex(mac) }))
}

pub(super) fn seal_header(input: Input<'_>) -> Outcome {
    let plaintext = header_of(input.get("header"));
    let body = input.get("body").bytes();
    let sealed = header::seal(&header_key(input), &session_ad(input), header::tag_of(&body).unwrap(), &plaintext);
    Ok(json!({ "plaintext": hex(plaintext), "sealed": hex(sealed) }))
}

pub(super) fn open_header(input: Input<'_>) -> Outcome {
    let (body, sealed) = (input.get("body").bytes(), input.get("sealed").bytes());
    // A message whose header has another length is refused before this.
    let sealed: &[u8; SEALED_HEADER_LEN] = sealed.as_slice().try_into().map_err(|_| "Malformed")?;
    let sealed = SealedHeader::new(&session_ad(input), header::tag_of(&body).unwrap(), sealed);
    let header = sealed.unwrap().open(&header_key(input));
    Ok(json!({ "header": header_json(header.ok_or("Unauthenticated")?) }))
}

#[test]
fn derivations() {
    let mut file = Vectors::new(
        CRATE,
        "derivations.json",
        "Steps of the ratchets' chains, message keys, and the encryption of bodies and headers by their keys. SPEC.md, “Derivations”, “Header”.",
        "secrets are single bytes repeated",
    );
    file.passes("root-step", "a root step", "root_step", json!({ "root": hex([0x33; 32]), "dh": hex([0x9e; 32]) }));
    file.passes("chain-step", "a chain step, of either ratchet", "chain_step", json!({ "chain": hex([0x44; 32]) }));
    let keys = json!({ "seed": hex([0x4b; 32]), "post_quantum_key": hex([0x77; 32]), "associated_data": hex([0x0a; 115]) });
    file.passes("message-key", "a message's AEAD key and nonce from both ratchets and its associated data", "message_key", keys.clone());
    file.passes("message-key-other-data", "the same, but the last bit of the associated data", "message_key", flipped(&keys, "associated_data", -1, 1));
    file.passes("message-key-more-data", "the same, and one more byte of associated data", "message_key", changed(&keys, "associated_data", |ad| ad.push(0x0a)));
    file.passes("message-key-most-data", "the most associated data", "message_key", with(&keys, "associated_data", hex([0x0a; 115 + 1_024])));
    bodies(&mut file);
    headers(&mut file);
    file.finish();
}

fn bodies(file: &mut Vectors) {
    let input = json!({
        "seed": hex([0x4b; 32]), "post_quantum_key": hex([0x77; 32]), "session_associated_data": hex([0x66; 32]),
        "header": hex([0x05; HEADER_LEN]), "associated_data": hex("associated data"), "plaintext": hex("known answer"),
    });
    let sealed = file.passes("seal-body", "a body", "seal_body", input.clone());
    file.passes("seal-body-empty", "of nothing, with no associated data of the caller", "seal_body", with(&with(&input, "plaintext", ""), "associated_data", ""));
    let mut good = input;
    good["body"] = sealed["body"].clone();
    good.as_object_mut().unwrap().remove("plaintext");
    file.passes("open-body", "the body", "open_body", good.clone());
    let mut fails = |id: &str, comment: &str, input: Value| {
        file.fails(id, comment, "open_body", input, 24);
    };
    for field in ["seed", "post_quantum_key", "session_associated_data", "header", "associated_data", "body"] {
        fails(&format!("body-{field}-first-bit"), "the first bit of this field", flipped(&good, field, 0, 0x80));
        fails(&format!("body-{field}-last-bit"), "the last bit of this field", flipped(&good, field, -1, 1));
    }
    fails("body-cut", "the first byte is missing", changed(&good, "body", |b| { b.remove(0); }));
    fails("body-extended", "a byte before the tag", changed(&good, "body", |b| b.insert(12, 0)));
    fails("body-data-moved", "the last byte of the header moved to the caller's associated data is the same, another one is not", changed(&good, "associated_data", |ad| ad.insert(0, 5)));
    // Everything that the AEAD covers is right; only the key is derived for other associated data.
    let mut other_key = |id: &str, comment: &str, info: &[u8]| {
        let keys = crate::kdf::hkdf::<44>(&[0x77; 32], &[0x4b; 32], info);
        let aad = [[0x66; 32].as_slice(), &[0x05; HEADER_LEN], b"associated data"].concat();
        let payload = Payload { msg: b"known answer", aad: &aad };
        let body = ChaCha20Poly1305::new_from_slice(&keys[..32]).unwrap().encrypt(keys[32..].try_into().unwrap(), payload).unwrap();
        file.fails(id, comment, "open_body", with(&good, "body", hex(body)), 48);
    };
    let of = |aad: &[u8]| [labels::MESSAGE_KEY, &Sha256::digest(aad)].concat();
    other_key("body-key-unbound", "under a key derived without the associated data", labels::MESSAGE_KEY);
    other_key("body-key-version-1", "under the key of version 1", b"waxseal/1/core/message-key");
    other_key("body-key-of-no-data", "under the key of empty associated data", &of(b""));
    other_key("body-key-of-callers-data", "under the key of the caller's associated data alone", &of(b"associated data"));
    other_key("body-key-without-header", "under the key of associated data without the header", &of(&[[0x66; 32].as_slice(), b"associated data"].concat()));
    other_key("body-key-unhashed", "under a key derived from the associated data instead of their hash", &[labels::MESSAGE_KEY, &[0x66; 32], &[0x05; HEADER_LEN], b"associated data"].concat());
    let mut fails = |id: &str, comment: &str, input: Value| {
        file.fails(id, comment, "open_body", input, 24);
    };
    fails("body-keys-swapped", "seed and post-quantum key in each other's place", {
        let mut swapped = good.clone();
        swapped["seed"] = good["post_quantum_key"].clone();
        swapped["post_quantum_key"] = good["seed"].clone();
        swapped
    });
}

fn headers(file: &mut Vectors) {
    let body = json!({
        "seed": hex([0x4b; 32]), "post_quantum_key": hex([0x77; 32]), "session_associated_data": hex([0x66; 32]),
        "header": hex([0x05; HEADER_LEN]), "associated_data": "", "plaintext": "",
    });
    let body = seal_body(Input::of(&body)).unwrap()["body"].clone();
    let header = json!({
        "dh": hex([0x7b; 32]), "pn": 1, "n": 2, "selection": 3, "epoch": 4, "counter": 5, "kind": 6, "index": 7, "chunk": hex([0x08; 32]),
    });
    let input = json!({ "header_key": hex([0x55; 32]), "session_associated_data": hex([0x66; 32]), "body": body, "header": header });
    file.passes("header-keys", "the two keys of a header key", "header_keys", json!({ "header_key": hex([0x55; 32]) }));
    let sealed = file.passes("seal-header", "a header with different values in all fields", "seal_header", input.clone());
    let mut most = input.clone();
    for field in ["pn", "n", "selection"] {
        most["header"][field] = u32::MAX.into();
    }
    for field in ["epoch", "counter", "index"] {
        most["header"][field] = u16::MAX.into();
    }
    file.passes("seal-header-most", "all numbers at their most", "seal_header", most);
    let mut good = input;
    good["sealed"] = sealed["sealed"].clone();
    good.as_object_mut().unwrap().remove("header");
    file.passes("open-header", "the header", "open_header", good.clone());
    let mut fails = |id: &str, comment: &str, input: Value| {
        file.fails(id, comment, "open_header", input, 18);
    };
    for field in ["header_key", "session_associated_data", "sealed"] {
        fails(&format!("header-{field}-first-bit"), "the first bit of this field", flipped(&good, field, 0, 0x80));
        fails(&format!("header-{field}-last-bit"), "the last bit of this field", flipped(&good, field, -1, 1));
    }
    for (id, at) in [("ciphertext-last-bit", HEADER_LEN - 1), ("mac-first-bit", HEADER_LEN)] {
        let at = isize::try_from(at).unwrap();
        fails(&format!("header-{id}"), "the bit at the border of ciphertext and MAC", flipped(&good, "sealed", at, if id.starts_with("mac") { 0x80 } else { 1 }));
    }
    for (id, at) in [("first", -16), ("nonce-last", -5), ("after-nonce", -4), ("last", -1)] {
        fails(&format!("header-other-body-{id}"), "with a body whose tag differs in this byte: the MAC covers all 16", flipped(&good, "body", at, 1));
    }
    for len in [0, 82, 83, 98] {
        let cut = changed(&good, "sealed", |sealed| sealed.truncate(len));
        file.fails(&format!("header-cut-to-{len}"), "a header that is too short", "open_header", cut, 3);
    }
    file.fails("header-extended", "a header with one byte more", "open_header", changed(&good, "sealed", |sealed| sealed.push(0)), 3);
    forged_headers(file, &good, &header);
}

/// Headers sealed by someone who has the keys, but not as specified.
fn forged_headers(file: &mut Vectors, good: &Value, header: &Value) {
    let right = HeaderKey::from_bytes(&[0x55; 32]).parts();
    let body = harness::unhex(good["body"].as_str().unwrap());
    let tag: [u8; 16] = *header::tag_of(&body).unwrap();
    let plaintext = |kind: u8| {
        let mut plaintext = header_of(Input::of(header));
        plaintext[48] = kind;
        plaintext
    };
    let encrypted = |key: &[u8; 32], kind: u8| {
        let mut ciphertext = plaintext(kind);
        let nonce: [u8; 12] = tag[..12].try_into().unwrap();
        ChaCha20::new(key.into(), &nonce.into()).apply_keystream(&mut ciphertext);
        ciphertext
    };
    let mac = |key: &[u8], covered: &[&[u8]]| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        covered.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().to_vec()
    };
    let mut fails = |id: &str, comment: &str, ciphertext: &[u8], mac: &[u8]| {
        let sealed = hex([ciphertext, mac].concat());
        file.fails(id, comment, "open_header", with(good, "sealed", sealed), 18);
    };
    let [encryption, authentication] = &right;
    let c = encrypted(encryption, 6);
    let covered = |label: &[u8], c: &[u8]| mac(authentication, &[label, &[0x66; 32], &tag, c]);
    assert_eq!(hex([c.as_slice(), &covered(labels::HEADER_MAC, &c)[..16]].concat()), good["sealed"], "the control");
    let whole = covered(labels::HEADER_MAC, &c);
    fails("header-mac-second-half", "the second half of the MAC instead of the first", &c, &whole[16..]);
    fails("header-no-label", "authenticated without the label", &c, &covered(b"", &c)[..16]);
    fails("header-other-label", "authenticated under another label", &c, &covered(labels::MESSAGE_KEY, &c)[..16]);
    fails("header-mac-of-plaintext", "authenticated before it was encrypted", &c, &covered(labels::HEADER_MAC, &plaintext(6))[..16]);
    fails("header-not-encrypted", "a plaintext that is authenticated, and not encrypted: what it decrypts to has no kind", &plaintext(6), &covered(labels::HEADER_MAC, &plaintext(6))[..16]);
    fails("header-mac-under-header-key", "authenticated under the header key itself", &c, &mac(&[0x55; 32], &[labels::HEADER_MAC, &[0x66; 32], &tag, &c])[..16]);
    fails("header-mac-under-encryption-key", "authenticated under the encryption key", &c, &mac(encryption, &[labels::HEADER_MAC, &[0x66; 32], &tag, &c])[..16]);
    fails("header-mac-of-nonce", "authenticated with the first 12 bytes of the tag alone", &c, &mac(authentication, &[labels::HEADER_MAC, &[0x66; 32], &tag[..12], &c])[..16]);
    fails("header-mac-order", "authenticated with tag and session's associated data in each other's place", &c, &mac(authentication, &[labels::HEADER_MAC, &tag, &[0x66; 32], &c])[..16]);
    for (id, kind) in [("header-kind-7", 7), ("header-kind-255", 255)] {
        let c = encrypted(encryption, kind);
        fails(id, "a chunk of a kind past the last, sealed as specified", &c, &covered(labels::HEADER_MAC, &c)[..16]);
    }
    let nonce: [u8; 12] = tag[..12].try_into().unwrap();
    let ad = [b"waxseal/1/core/header".as_slice(), &[0x66; 32]].concat();
    let version_1 = ChaCha20Poly1305::new(&[0x55; 32].into()).encrypt(&nonce.into(), Payload { msg: &plaintext(6), aad: &ad }).unwrap();
    fails("header-version-1", "sealed as in version 1", &version_1, &[]);
}
