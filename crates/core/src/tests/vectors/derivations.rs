//! `derivations.json`: one step of each kind of derivation, and headers and bodies of messages
//! under given keys.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::ChaCha20Poly1305;

use super::*;
use crate::dh::DhOutput;
use crate::header::{self, HEADER_LEN, Header, HeaderAd};
use crate::kdf::{ChainKey, HeaderKey, MessageSeed, RootKey};
use crate::message_key::MessageKey;
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

fn key_of(input: Input<'_>) -> MessageKey {
    let post_quantum = PqMessageKey::from_bytes(&input.get("post_quantum_key").array());
    MessageKey::derive(&MessageSeed::from_bytes(&input.get("seed").array()), &post_quantum)
}

pub(super) fn message_key(input: Input<'_>) -> Outcome {
    let key = key_of(input);
    let (key, nonce) = key.parts();
    Ok(json!({ "key": hex(key), "nonce": hex(nonce) }))
}

fn session_ad(input: Input<'_>) -> SessionAd {
    SessionAd(input.get("session_associated_data").array())
}

fn body_ad(input: Input<'_>) -> Vec<u8> {
    ratchet::body_ad(&session_ad(input), &input.get("header").array(), &input.get("associated_data").bytes())
}

pub(super) fn seal_body(input: Input<'_>) -> Outcome {
    let mut body = input.get("plaintext").bytes();
    assert!(key_of(input).seal(&body_ad(input), &mut body).is_ok());
    Ok(json!({ "body": hex(body) }))
}

pub(super) fn open_body(input: Input<'_>) -> Outcome {
    let mut body = input.get("body").bytes();
    let opened = key_of(input).open(&body_ad(input), &mut body);
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

pub(super) fn seal_header(input: Input<'_>) -> Outcome {
    let plaintext = header_of(input.get("header"));
    let nonce = header::nonce_of(&input.get("body").bytes()).unwrap();
    let sealed = header::seal(&header_key(input), &nonce, &HeaderAd::new(&session_ad(input)), &plaintext);
    Ok(json!({ "plaintext": hex(plaintext), "sealed": hex(sealed.unwrap()) }))
}

pub(super) fn open_header(input: Input<'_>) -> Outcome {
    let nonce = header::nonce_of(&input.get("body").bytes()).unwrap();
    let header = header::open(&header_key(input), &nonce, &HeaderAd::new(&session_ad(input)), &input.get("sealed").array());
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
    let keys = json!({ "seed": hex([0x4b; 32]), "post_quantum_key": hex([0x77; 32]) });
    file.passes("message-key", "a message's AEAD key and nonce from both ratchets", "message_key", keys);
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
    fails("header-other-body", "beside a body whose tag differs in its first 12 bytes", flipped(&good, "body", -5, 1));
    // The last four bytes of the tag are not in the nonce.
    file.passes("header-tag-end", "beside a body whose tag differs in its last four bytes: the header opens, the body will not", "open_header", flipped(&good, "body", -1, 1));
    let mut fails = |id: &str, comment: &str, label: &[u8], kind: u8| {
        let mut plaintext = header_of(Input::of(&header));
        plaintext[48] = kind;
        let nonce = header::nonce_of(&harness::unhex(good["body"].as_str().unwrap())).unwrap();
        let ad = [label, &[0x66; 32]].concat();
        let payload = Payload { msg: &plaintext, aad: &ad };
        let sealed = ChaCha20Poly1305::new(&[0x55; 32].into()).encrypt(&nonce.into(), payload).unwrap();
        file.fails(id, comment, "open_header", with(&good, "sealed", hex(sealed)), 18);
    };
    fails("header-kind-7", "a chunk of kind 7, one past the last", labels::HEADER, 7);
    fails("header-kind-255", "a chunk of kind 255", labels::HEADER, 255);
    fails("header-no-label", "sealed without the label", b"", 6);
    fails("header-other-label", "sealed under another label", labels::MESSAGE_KEY, 6);
}
