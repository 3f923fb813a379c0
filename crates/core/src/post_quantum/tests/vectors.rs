//! `post_quantum.json`: derivations of the post-quantum ratchet, MACs and key agreement of the
//! braid, and the erasure code. See `src/tests/vectors.rs`.
#![expect(clippy::arithmetic_side_effects, reason = "a test may fail by a panic")]

use serde_json::{Value, json};
use sha3::{Digest, Sha3_256};

use crate::post_quantum::authenticator::Authenticator;
use crate::post_quantum::chains::{Chains, Role};
use crate::post_quantum::erasure::{Chunk, Collector, encode};
use crate::post_quantum::kem::{Coin, FirstPart, KEY_HEADER_LEN, KemSecret, KeySeed, KeyVector, SecondPart};
use crate::post_quantum::secrets::EpochKey;
use crate::post_quantum::*;
use crate::tests::vectors::{CRATE, Input, Outcome, Vectors, changed, flipped, harness, hex, refused, with};

pub(crate) fn run(operation: &str, input: Input<'_>) -> Outcome {
    match operation {
        "pq_start" => pq_start(input),
        "pq_epoch" => pq_epoch(input),
        "header_mac" => header_mac(input),
        "ciphertext_mac" => ciphertext_mac(input),
        "verify_header_mac" => verify_header_mac(input),
        "verify_ciphertext_mac" => verify_ciphertext_mac(input),
        "braid_key" => braid_key(input),
        "braid_encapsulate" => braid_encapsulate(input),
        "braid_decapsulate" => braid_decapsulate(input),
        "verify_key_vector" => verify_key_vector(input),
        "braid_receive" => braid_receive(input),
        "chunks" => chunks(input),
        "part_of_chunks" => part_of_chunks(input),
        _ => panic!("no operation {operation}"),
    }
}

fn exported(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::new(crate::codec::SESSION_VERSION, 1_024);
    write(&mut writer);
    writer.finish()[1..].to_vec()
}

/// The root, and the initiator's and the recipient's chain if the initiator exports them.
fn chains_json(chains: &Chains) -> [String; 3] {
    // Layout: role, root, then epoch, key and n of the sending chain, then of the receiving chain.
    let bytes = exported(|writer| chains.write(writer));
    [&bytes[1..33], &bytes[41..73], &bytes[89..121]].map(hex)
}

fn pq_start(input: Input<'_>) -> Outcome {
    let seed = PqSeed::from_bytes(&input.get("post_quantum_seed").array());
    let [root, initiator, recipient] = chains_json(&Chains::new(Role::Initiator, &seed));
    let [same, first, second] = chains_json(&Chains::new(Role::Recipient, &seed));
    assert_eq!((&same, &first, &second), (&root, &recipient, &initiator), "both sides have the same chains");
    let authenticator = exported(|writer| Authenticator::new(&seed).write(writer));
    Ok(json!({
        "root": root, "initiator_chain": initiator, "recipient_chain": recipient,
        "authenticator": hex(&authenticator[..32]), "mac_key": hex(&authenticator[32..]),
    }))
}

/// Builds an authenticator from its two secrets.
fn authenticator(root: &[u8; 32], mac_key: &[u8; 32]) -> Authenticator {
    let bytes = [&[crate::codec::SESSION_VERSION], root.as_slice(), mac_key].concat();
    Authenticator::read(&mut Reader::new(crate::codec::SESSION_VERSION, &bytes, 65).unwrap()).unwrap()
}

fn pq_epoch(input: Input<'_>) -> Outcome {
    let epoch = input.get("epoch").number();
    let key = EpochKey::new(epoch, &KemSecret::from_bytes(&input.get("shared_secret").array()));
    // Make chains with this root. Their other fields do not matter.
    let mut bytes = exported(|writer| Chains::new(Role::Initiator, &PqSeed::from_bytes(&[0; 32])).write(writer));
    bytes[1..33].copy_from_slice(&input.get("root").array::<32>());
    bytes.insert(0, crate::codec::SESSION_VERSION);
    let mut chains = Chains::read(&mut Reader::new(crate::codec::SESSION_VERSION, &bytes, bytes.len()).unwrap()).unwrap();
    chains.add_epoch(epoch, &key);
    // Layout: role, root, two chains, then each next chain, preceded by its presence byte.
    let bytes = exported(|writer| chains.write(writer));
    let next = authenticator(&input.get("authenticator").array(), &[0; 32]).update(epoch, &key);
    let next = exported(|writer| next.write(writer));
    Ok(json!({
        "epoch_key": hex(key.as_bytes()), "next_root": hex(&bytes[1..33]),
        "initiator_chain": hex(&bytes[130..162]), "recipient_chain": hex(&bytes[163..195]),
        "next_authenticator": hex(&next[..32]), "next_mac_key": hex(&next[32..]),
    }))
}

fn parts<const N: usize>(bytes: &[u8]) -> [Chunk; N] {
    bytes.as_chunks().0.try_into().unwrap()
}

fn key_header(input: Input<'_>) -> [u8; KEY_HEADER_LEN] {
    input.get("key_header").array()
}

fn ciphertext(input: Input<'_>) -> (FirstPart, SecondPart) {
    (parts(&input.get("ct1").bytes()), parts(&input.get("ct2").bytes()))
}

fn with_mac_key(input: Input<'_>) -> (Authenticator, u64) {
    (authenticator(&[0; 32], &input.get("mac_key").array()), input.get("epoch").number())
}

fn header_mac(input: Input<'_>) -> Outcome {
    let (authenticator, epoch) = with_mac_key(input);
    Ok(json!({ "mac": hex(authenticator.sign_header(epoch, &key_header(input))) }))
}

fn ciphertext_mac(input: Input<'_>) -> Outcome {
    let ((authenticator, epoch), (first, second)) = (with_mac_key(input), ciphertext(input));
    Ok(json!({ "mac": hex(authenticator.sign_ciphertext(epoch, &first, &second)) }))
}

fn verify_header_mac(input: Input<'_>) -> Outcome {
    let (authenticator, epoch) = with_mac_key(input);
    authenticator.verify_header(epoch, &key_header(input), &input.get("mac").array()).map_err(refused)?;
    Ok(json!({}))
}

fn verify_ciphertext_mac(input: Input<'_>) -> Outcome {
    let ((authenticator, epoch), (first, second)) = (with_mac_key(input), ciphertext(input));
    authenticator.verify_ciphertext(epoch, &first, &second, &input.get("mac").array()).map_err(refused)?;
    Ok(json!({}))
}

fn braid_key(input: Input<'_>) -> Outcome {
    let (header, vector) = KeySeed::from_bytes(&input.get("seed").array()).public();
    Ok(json!({ "key_header": hex(header), "key_vector": hex(vector.as_flattened()) }))
}

fn braid_encapsulate(input: Input<'_>) -> Outcome {
    let coin = Coin::from_bytes(&input.get("coin").array());
    let header = key_header(input);
    let vector: Box<KeyVector> = Box::new(parts(&input.get("key_vector").bytes()));
    let (from_header, secret) = coin.first(&header);
    let (first, second) = coin.both(&header, &vector).map_err(refused)?;
    assert_eq!(from_header, first, "the header alone gives the first part");
    Ok(json!({
        "ct1": hex(first.as_flattened()), "ct2": hex(second.as_flattened()), "shared_secret": hex(secret.as_bytes()),
    }))
}

fn braid_decapsulate(input: Input<'_>) -> Outcome {
    let (first, second) = ciphertext(input);
    let secret = KeySeed::from_bytes(&input.get("seed").array()).decapsulate(&first, &second);
    Ok(json!({ "shared_secret": hex(secret.as_bytes()) }))
}

fn verify_key_vector(input: Input<'_>) -> Outcome {
    let vector: Box<KeyVector> = Box::new(parts(&input.get("key_vector").bytes()));
    Coin::from_bytes(&[0; 32]).both(&key_header(input), &vector).map_err(refused)?;
    Ok(json!({}))
}

/// Lets a side of a new session receive pieces. Returns the epoch it is in afterwards, or the
/// reason why it has stopped.
fn braid_receive(input: Input<'_>) -> Outcome {
    let seed = PqSeed::from_bytes(&input.get("post_quantum_seed").array());
    let mut side = Braid::new(&seed, input.get("side").text() == "initiator");
    for piece in input.list("pieces") {
        let mut bytes = vec![0, 1, 0, 0, piece.get("kind").number()];
        bytes.extend(piece.get("index").number::<u16>().to_be_bytes());
        bytes.extend(piece.get("chunk").bytes());
        let part = HeaderPart::from_bytes(&bytes.try_into().unwrap()).unwrap();
        assert!(side.receive(piece.get("epoch").number(), &part.piece).is_none());
    }
    match side.stopped() {
        Some(reason) => Err(refused(reason)),
        None => Ok(json!({ "epoch": side.epoch() })),
    }
}

fn chunk_of(part: &[u8], index: u16) -> Chunk {
    match part.len() / 32 {
        3 => encode::<3>(&parts(part), index),
        5 => encode::<5>(&parts(part), index),
        30 => encode::<30>(&parts(part), index),
        36 => encode::<36>(&parts(part), index),
        count => panic!("no part has {count} chunks"),
    }
}

fn chunks(input: Input<'_>) -> Outcome {
    let part = input.get("part").bytes();
    let chunks = input.list("indices").into_iter().map(|index| hex(chunk_of(&part, index.number())));
    Ok(json!({ "chunks": chunks.collect::<Vec<_>>() }))
}

fn part_of_chunks(input: Input<'_>) -> Outcome {
    fn collect<const N: usize>(chunks: &[Input<'_>]) -> Vec<u8> {
        let mut collector = Collector::<N>::new();
        let parts = chunks.iter().map(|chunk| collector.add(chunk.get("index").number(), &chunk.get("chunk").array()));
        parts.last().flatten().unwrap().as_flattened().to_vec()
    }
    let chunks = input.list("chunks");
    let part = match chunks.len() {
        3 => collect::<3>(&chunks),
        5 => collect::<5>(&chunks),
        count => panic!("no vector has {count} chunks"),
    };
    Ok(json!({ "part": hex(part) }))
}

#[test]
fn post_quantum() {
    let mut file = Vectors::new(
        CRATE,
        "post_quantum.json",
        "Chains and authenticators of epochs, the braid's MACs, its key agreement in parts, and the erasure code. SPEC.md, “Derivations”, “Post-quantum ratchet”.",
        "secrets are single bytes repeated; seed of the key 22, coin 33",
    );
    let start = file.passes("start", "what the handshake's seed gives", "pq_start", json!({ "post_quantum_seed": hex([0x11; 32]) }));
    let agreed = agreement(&mut file);
    let epoch = json!({ "epoch": 1, "shared_secret": agreed["shared_secret"], "root": start["root"], "authenticator": start["authenticator"] });
    let first = file.passes("epoch-1", "what the first agreement gives", "pq_epoch", epoch);
    let epoch = json!({ "epoch": 2, "shared_secret": hex([0x44; 32]), "root": first["next_root"], "authenticator": first["next_authenticator"] });
    file.passes("epoch-2", "and the next", "pq_epoch", epoch.clone());
    file.passes("epoch-largest", "an epoch of 8 bytes", "pq_epoch", with(&epoch, "epoch", 0x0102_0304_0506_0708_u64));
    macs(&mut file, &start, &first, &agreed);
    receiving(&mut file, &start, &agreed);
    erasure(&mut file, &agreed);
    file.finish();
}

/// The values of one key agreement: header, vector, both parts of the ciphertext, secret.
fn agreement(file: &mut Vectors) -> Value {
    let seed = json!({ "seed": hex([0x22; 64]) });
    let mut all = file.passes("key", "key header and vector of a seed", "braid_key", seed.clone());
    let input = json!({ "key_header": all["key_header"], "key_vector": all["key_vector"], "coin": hex([0x33; 32]) });
    let sent = file.passes("encapsulate", "both parts of the ciphertext, and the secret", "braid_encapsulate", input);
    for field in ["ct1", "ct2", "shared_secret"] {
        all[field] = sent[field].clone();
    }
    let mut input = json!({ "seed": seed["seed"], "ct1": all["ct1"], "ct2": all["ct2"] });
    let opened = file.passes("decapsulate", "the same secret", "braid_decapsulate", input.clone());
    assert_eq!(opened["shared_secret"], all["shared_secret"]);
    input = flipped(&input, "ct1", 0, 1);
    let other = file.passes("decapsulate-altered", "an altered ciphertext gives another secret and no error: the MAC tells", "braid_decapsulate", input);
    assert_ne!(other["shared_secret"], all["shared_secret"]);

    let good = json!({ "key_header": all["key_header"], "key_vector": all["key_vector"] });
    file.passes("vector", "the vector of the header", "verify_key_vector", good.clone());
    let mut fails = |id: &str, comment: &str, input: Value| {
        file.fails(id, comment, "verify_key_vector", input, 44);
    };
    fails("vector-first-bit", "the first bit of the vector", flipped(&good, "key_vector", 0, 1));
    fails("vector-last-bit", "its last bit", flipped(&good, "key_vector", -1, 0x80));
    fails("header-seed-bit", "one bit of the matrix seed in the header", flipped(&good, "key_header", 0, 1));
    fails("header-hash-bit", "one bit of the hash in the header", flipped(&good, "key_header", -1, 1));
    let other = KeySeed::from_bytes(&[0x23; 64]).public();
    fails("vector-of-another", "the vector of another key", with(&good, "key_vector", hex(other.1.as_flattened())));
    // The vector is out of range but matches its header, so only the check of the range can fail.
    let mut out_of_range = changed(&good, "key_vector", |vector| { vector[0] = 0x01; vector[1] = vector[1] & 0xf0 | 0x0d; });
    let vector = harness::unhex(out_of_range["key_vector"].as_str().unwrap());
    let header = harness::unhex(good["key_header"].as_str().unwrap());
    let hash = Sha3_256::digest([vector.as_slice(), &header[..32]].concat());
    out_of_range["key_header"] = hex([&header[..32], &hash].concat()).into();
    fails("vector-out-of-range", "a coefficient that is the modulus, under a header with the right hash", out_of_range);
    all
}

fn macs(file: &mut Vectors, start: &Value, first: &Value, agreed: &Value) {
    let input = json!({ "mac_key": start["mac_key"], "epoch": 1, "key_header": agreed["key_header"] });
    let made = file.passes("header-mac", "MAC of the first epoch's key header", "header_mac", input.clone());
    let mut good = input;
    good["mac"] = made["mac"].clone();
    file.passes("header-mac-right", "the same checked", "verify_header_mac", good.clone());
    let mut fails = |id: &str, comment: &str, input: Value| {
        file.fails(id, comment, "verify_header_mac", input, 43);
    };
    for field in ["mac_key", "key_header", "mac"] {
        fails(&format!("header-mac-{field}-first"), "the first bit of this field", flipped(&good, field, 0, 0x80));
        fails(&format!("header-mac-{field}-last"), "the last bit of this field", flipped(&good, field, -1, 1));
    }
    fails("header-mac-epoch", "another epoch", with(&good, "epoch", 2));
    fails("header-mac-later-key", "the authenticator after the epoch", with(&good, "mac_key", first["next_mac_key"].clone()));

    let input = json!({ "mac_key": first["next_mac_key"], "epoch": 1, "ct1": agreed["ct1"], "ct2": agreed["ct2"] });
    let made = file.passes("ciphertext-mac", "MAC of the first epoch's ciphertext", "ciphertext_mac", input.clone());
    let mut good = input;
    good["mac"] = made["mac"].clone();
    file.passes("ciphertext-mac-right", "the same checked", "verify_ciphertext_mac", good.clone());
    let mut fails = |id: &str, comment: &str, input: Value| {
        file.fails(id, comment, "verify_ciphertext_mac", input, 45);
    };
    for field in ["mac_key", "ct1", "ct2", "mac"] {
        fails(&format!("ciphertext-mac-{field}-first"), "the first bit of this field", flipped(&good, field, 0, 0x80));
        fails(&format!("ciphertext-mac-{field}-last"), "the last bit of this field", flipped(&good, field, -1, 1));
    }
    fails("ciphertext-mac-epoch", "another epoch", with(&good, "epoch", 2));
    fails("ciphertext-mac-earlier-key", "the authenticator before the epoch", with(&good, "mac_key", start["mac_key"].clone()));
}

fn receiving(file: &mut Vectors, start: &Value, agreed: &Value) {
    let mac = header_mac(Input::of(&json!({ "mac_key": start["mac_key"], "epoch": 1, "key_header": agreed["key_header"] }))).unwrap();
    let whole = agreed["key_header"].as_str().unwrap().to_owned() + mac["mac"].as_str().unwrap();
    let piece = |epoch: u64, index: u16| {
        let bytes = harness::unhex(&whole);
        json!({ "epoch": epoch, "kind": 1, "index": index, "chunk": hex(chunk_of(&bytes, index)) })
    };
    let input = |side: &str, pieces: Value| json!({ "post_quantum_seed": hex([0x11; 32]), "side": side, "pieces": pieces });
    file.passes("receive-header", "the three chunks of the key header", "braid_receive", input("recipient", json!([piece(1, 0), piece(1, 1), piece(1, 2)])));
    let coded = json!([piece(1, 65_535), piece(1, 3), piece(1, 3), piece(1, 1)]);
    file.passes("receive-coded", "any three chunks in any order, one of them twice", "braid_receive", input("recipient", coded));
    file.passes("receive-epoch-before", "a chunk of the epoch before is ignored", "braid_receive", input("recipient", json!([piece(0, 0)])));
    file.passes("receive-not-waited-for", "the initiator waits for no key header", "braid_receive", input("initiator", json!([piece(1, 0), piece(1, 1), piece(1, 2)])));
    let mut fails = |id: &str, comment: &str, side: &str, pieces: Value, check| {
        file.fails(id, comment, "braid_receive", input(side, pieces), check);
    };
    fails("receive-epoch-ahead", "a chunk of the next epoch, before the ciphertext was sent", "recipient", json!([piece(2, 0)]), 42);
    fails("receive-epoch-ahead-initiator", "the same for the initiator", "initiator", json!([piece(2, 0)]), 42);
    fails("receive-epoch-far", "a chunk of an epoch further", "recipient", json!([piece(3, 0)]), 42);
    let mut altered = piece(1, 2);
    altered["chunk"] = flipped(&altered, "chunk", 0, 1)["chunk"].clone();
    fails("receive-header-mac", "one bit of the MAC's chunk", "recipient", json!([piece(1, 0), piece(1, 1), altered]), 43);
    let mut altered = piece(1, 3);
    altered["chunk"] = flipped(&altered, "chunk", 31, 1)["chunk"].clone();
    fails("receive-header-coded", "one bit of a coded chunk", "recipient", json!([piece(1, 0), altered, piece(1, 2)]), 43);
    let mut misplaced = piece(1, 1);
    misplaced["index"] = 4.into();
    fails("receive-header-index", "a chunk under another index", "recipient", json!([piece(1, 0), misplaced, piece(1, 2)]), 43);
}

fn erasure(file: &mut Vectors, agreed: &Value) {
    let mut passes = |id: &str, comment: &str, part: &str| {
        let count = u16::try_from(harness::unhex(part).len() / 32).unwrap();
        let input = json!({ "part": part, "indices": [0, count - 1, count, count + 1, 1_000, 65_535] });
        file.passes(id, comment, "chunks", input)
    };
    passes("chunks-of-3", "chunks of a part of three", &hex([0xff_u8, 0x80, 0x01].map(|byte| [byte; 32]).as_flattened()));
    passes("chunks-of-5", "of five", &hex([0_u8, 1, 2, 3, 4].map(|byte| [byte; 32]).as_flattened()));
    passes("chunks-of-30", "of a first part of a ciphertext", agreed["ct1"].as_str().unwrap());
    passes("chunks-of-36", "of a key vector", agreed["key_vector"].as_str().unwrap());
    let part: Vec<u8> = (0..160).collect();
    let chunk = |index: u16| json!({ "index": index, "chunk": hex(chunk_of(&part, index)) });
    let some = [65_535, 2, 7, 300, 5].map(chunk);
    file.passes("part-of-5", "a part from four coded chunks and one plain", "part_of_chunks", json!({ "chunks": some }));
    let first = [4, 3, 2, 1, 0].map(chunk);
    file.passes("part-of-5-plain", "the first chunks are the part", "part_of_chunks", json!({ "chunks": first }));
}
