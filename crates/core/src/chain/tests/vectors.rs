//! `chain.json`: messages on sender chains, with their slots. See `src/tests/vectors.rs`.

use serde_json::{Value, json};

use super::*;
use crate::tests::vectors::{CRATE, Input, Outcome, Stated, Vectors, changed, flipped, hex, refused, with};

pub(crate) fn run(operation: &str, input: Input<'_>) -> Outcome {
    match operation {
        "chain_start" => chain_start(input),
        "chain_auth_key" => chain_auth_key(input),
        "chain_seal" => chain_seal(input),
        "chain_key_slot" => chain_key_slot(input),
        _ => chain_open(input),
    }
}

fn owner_of(input: Input<'_>) -> IdentityKey {
    IdentityKey::from_bytes(&input.get("owner").bytes()).unwrap()
}

fn chain_start(input: Input<'_>) -> Outcome {
    let rng = &mut Stated::new(&[input.get("seed").bytes()]);
    let (context, number) = (input.get("context").array(), input.get("number").number());
    let chain = OwnChain::start(&owner_of(input), &context, number, 0, rng);
    Ok(json!({
        "associated_data": hex(chain.name.ad().0), "header_key": hex(chain.header_key.as_bytes()),
        "chain_key": hex(chain.key.as_bytes()), "auth_root": hex(chain.root.as_bytes()),
    }))
}

fn chain_auth_key(input: Input<'_>) -> Outcome {
    let root = AuthRoot::from_bytes(&input.get("auth_root").array());
    Ok(json!({ "auth_key": hex(root.key_for(&input.get("recipient").array()).as_bytes()) }))
}

fn chain_seal(input: Input<'_>) -> Outcome {
    let name = ChainName::new(&input.get("context").array(), &owner_of(input), input.get("number").number());
    let recipients = input.list("recipients").into_iter();
    let mut chain = OwnChain {
        name,
        started_at_ms: 0,
        key: ChainKey::from_bytes(&input.get("chain_key").array()),
        header_key: HeaderKey::from_bytes(&input.get("header_key").array()),
        root: AuthRoot::from_bytes(&input.get("auth_root").array()),
        n: input.get("n").number(),
        recipients: recipients.map(|device| (device.array(), 0)).collect(),
        macs: None,
        is_changed: true,
    };
    let claims = ChainClaims {
        version: input.get("version").number(),
        state_hash: input.get("state_hash").array(),
        roster: input.get("roster").array(),
    };
    let targets = input.list("targets").into_iter();
    let targets: Vec<_> = targets.map(|target| IdentityKey::from_bytes(&target.bytes()).unwrap()).collect();
    let (text, ad) = (input.get("plaintext").bytes(), input.get("associated_data").bytes());
    let message = chain.seal(&claims, &text, &ad, &targets).map_err(refused)?;
    let slots = message.slots.iter().map(|slot| match slot {
        ChainSlot::Key(keys) => hex(&*keys.encode()),
        ChainSlot::Mac(mac) => hex(mac),
    });
    let slots: Vec<_> = slots.collect();
    Ok(json!({ "body": hex(&message.body), "slots": slots, "next_chain_key": hex(chain.key.as_bytes()) }))
}

fn chain_key_slot(input: Input<'_>) -> Outcome {
    let ad = ChainKeys::associated_data(&input.get("body").bytes(), &input.get("associated_data").bytes());
    Ok(json!({ "session_associated_data": hex(ad) }))
}

/// Opens messages one after the other. All but the last one must open.
fn chain_open(input: Input<'_>) -> Outcome {
    let mut chains = PeerChains::new(&owner_of(input), &input.get("context").array());
    let messages = input.list("messages");
    let (last, before) = messages.split_last().unwrap();
    for message in before {
        open_stated(&mut chains, *message).unwrap();
    }
    let opened = open_stated(&mut chains, *last)?;
    let numbers: Vec<_> = chains.numbers().collect();
    Ok(json!({
        "number": opened.number, "n": opened.n, "version": opened.claims.version,
        "state_hash": hex(opened.claims.state_hash), "roster": hex(opened.claims.roster),
        "plaintext": hex(&*opened.plaintext), "chains": numbers,
    }))
}

fn open_stated(chains: &mut PeerChains, message: Input<'_>) -> Result<OpenedChainMessage, String> {
    let (body, slot, ad) = (message.get("body").bytes(), message.get("slot").bytes(), message.get("associated_data").bytes());
    let accepted_at_ms = message.get("accepted_at_ms").number();
    let opened = match slot.as_slice().try_into() {
        Ok(mac) => chains.open(&body, mac, &ad, accepted_at_ms),
        Err(_) => {
            let keys = ChainKeys::decode(&slot).map_err(refused)?;
            chains.open_with_keys(&body, keys, &ad, accepted_at_ms)
        }
    };
    opened.map_err(refused)
}

/// What recipient 0 of the group gets, and when it was accepted.
fn arrives(message: &ChainMessage, accepted_at_ms: u64) -> Value {
    let slot = match &message.slots[0] {
        ChainSlot::Key(keys) => hex(&*keys.encode()),
        ChainSlot::Mac(mac) => hex(mac),
    };
    json!({ "body": hex(&message.body), "slot": slot, "associated_data": hex("ad"), "accepted_at_ms": accepted_at_ms })
}

/// What recipient 0 gets if the owner gives it the chain once more with this message.
fn arrives_with_keys(chain: &OwnChain, message: &ChainMessage, accepted_at_ms: u64) -> Value {
    let keys = ChainKeys {
        number: chain.number(),
        n: message.n,
        key: ChainKey::from_bytes(message.pending.key.as_bytes()),
        header_key: chain.header_key.duplicate(),
        auth_key: chain.root.key_for(&identity(2).to_bytes()),
    };
    with(&arrives(message, accepted_at_ms), "slot", hex(&*keys.encode()))
}

fn to_open(messages: &[&Value]) -> Value {
    json!({ "owner": hex(identity(1).to_bytes()), "context": hex(CONTEXT), "messages": messages })
}

#[test]
fn chains() {
    let mut file = Vectors::new(
        CRATE,
        "chain.json",
        "Messages on sender chains. SPEC.md, “Derivations”, “Chains with slots”.",
        "seeds of chains c1, c2 and so on, repeated",
    );
    sealing(&mut file);
    let (mut chain, others) = started();
    let mut seal = |text: &[u8]| chain.seal(&CLAIMS, text, b"ad", &others).unwrap();
    let messages: Vec<_> = (0..4).map(|n| seal(&[b'0' + n])).collect();
    for _ in 4..2_001 {
        seal(b"lost");
    }
    let (at_limit, beyond) = (seal(b"at the limit"), seal(b"beyond"));
    let [first, second, third, fourth] = &messages[..] else { panic!() };
    let first = &arrives(first, 1_000);
    let second = &arrives(second, 2_000);
    file.passes("open-keys", "a message with a key slot", "chain_open", to_open(&[first]));
    file.passes("open-mac", "and one with a MAC slot", "chain_open", to_open(&[first, second]));
    let slot = json!({ "body": first["body"], "associated_data": hex("ad") });
    file.passes("key-slot", "associated data of the key slot in the session", "chain_key_slot", slot);
    forms(&mut file, first, second);
    bindings(&mut file, first, second);
    let third = &arrives(third, 3_000);
    file.passes("open-late", "a late message", "chain_open", to_open(&[first, third, second]));
    file.fails("repeated", "a message again", "chain_open", to_open(&[first, second, second]), 376);
    file.fails("repeated-late", "a late message again", "chain_open", to_open(&[first, third, second, second]), 376);
    file.fails("repeated-keys", "a key slot again", "chain_open", to_open(&[first, first]), 380);
    let (at_limit, beyond) = (&arrives(&at_limit, 3_000), &arrives(&beyond, 3_000));
    file.passes("gap", "2,000 messages are missing before", "chain_open", to_open(&[first, at_limit]));
    file.fails("gap-longer", "2,001 messages are missing before", "chain_open", to_open(&[first, beyond]), 377);
    let eight_days = 691_200_000;
    let fourth = |at| arrives(fourth, at);
    file.passes("age", "accepted 8 days after the first message", "chain_open", to_open(&[first, &fourth(1_000 + eight_days)]));
    file.fails("age-over", "accepted a millisecond later", "chain_open", to_open(&[first, &fourth(1_001 + eight_days)]), 385);
    renewals(&mut file, first, second, third);
    given_up(&mut file);
    file.finish();
}

fn started() -> (OwnChain, Vec<IdentityKey>) {
    let rng = &mut Stated::new(&[vec![0xc1; 32]]);
    (OwnChain::start(&identity(1), &CONTEXT, 1, 0, rng), vec![identity(2), identity(3)])
}

fn sealing(file: &mut Vectors) {
    let (owner, bob, carol) = (hex(identity(1).to_bytes()), hex(identity(2).to_bytes()), hex(identity(3).to_bytes()));
    let start = json!({ "seed": hex([0xc1; 32]), "owner": owner, "context": hex(CONTEXT), "number": 1 });
    let started = file.passes("start", "the keys of a first chain", "chain_start", start.clone());
    file.passes("start-next", "the same seed under another number", "chain_start", with(&start, "number", 2));
    let key = json!({ "auth_root": started["auth_root"], "recipient": bob });
    file.passes("auth-key", "the key of one recipient", "chain_auth_key", key);
    let seal = json!({
        "owner": owner, "context": hex(CONTEXT), "number": 1, "n": 0, "chain_key": started["chain_key"],
        "header_key": started["header_key"], "auth_root": started["auth_root"], "recipients": [], "targets": [bob, carol],
        "version": 3, "state_hash": hex([9; 32]), "roster": hex([5; 24]), "plaintext": hex("text"), "associated_data": hex("ad"),
    });
    file.passes("seal-first", "a first message, with two key slots", "chain_seal", seal.clone());
    let has = with(&with(&seal, "recipients", json!([bob])), "n", 1);
    file.passes("seal", "a MAC slot and a key slot", "chain_seal", has.clone());
    file.passes("seal-none", "no targets and no text", "chain_seal", with(&with(&seal, "targets", json!([])), "plaintext", ""));
    file.passes("seal-last", "the last number", "chain_seal", with(&has, "n", u32::MAX - 1));
    let mut fails = |id: &str, comment: &str, input: Value, check| file.fails(id, comment, "chain_seal", input, check);
    fails("seal-own", "the owner as a target", with(&has, "targets", json!([bob, carol, owner])), 370);
    fails("seal-twice", "a target twice", with(&has, "targets", json!([bob, carol, carol])), 370);
    fails("seal-left", "a recipient is no target", with(&has, "targets", json!([carol])), 371);
    fails("seal-left-all", "no targets", with(&has, "targets", json!([])), 371);
    fails("seal-exhausted", "one number later", with(&has, "n", u32::MAX), 372);
}

fn forms(file: &mut Vectors, first: &Value, second: &Value) {
    let mut fails = |id: &str, comment: &str, check, field: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let message = if field == "slot" { changed(first, field, change) } else { changed(second, field, change) };
        let messages = if field == "slot" { to_open(&[&message]) } else { to_open(&[first, &message]) };
        file.fails(id, comment, "chain_open", messages, check);
    };
    fails("body-too-long", "132,198 bytes, one past the most", 1, "body", &|b| *b = vec![4; 132_198]);
    fails("body-empty", "no bytes at all", 14, "body", &Vec::clear);
    fails("body-version-2", "version 02, which a message has", 2, "body", &|b| b[0] = 2);
    fails("body-version-5", "version 05", 2, "body", &|b| b[0] = 5);
    fails("body-100", "100 bytes, one less than header and tag", 14, "body", &|b| b.truncate(100));
    fails("body-84", "a header that is cut", 14, "body", &|b| b.truncate(84));
    fails("keys-version", "keys of version 02", 2, "slot", &|b| b[0] = 2);
    fails("keys-cut", "keys without their last byte", 3, "slot", &|b| b.truncate(104));
    fails("keys-longer", "a byte after the keys", 1, "slot", &|b| b.push(0));
    fails("keys-none", "no keys", 3, "slot", &Vec::clear);
}

fn bindings(file: &mut Vectors, first: &Value, second: &Value) {
    let mut fails = |id: &str, comment: &str, check, message: Value| {
        file.fails(id, comment, "chain_open", to_open(&[first, &message]), check);
    };
    for (id, comment, at) in [("n", "one bit of the header's number", 4), ("claims", "one bit of its claims", 40), ("header-mac", "one bit of its MAC", 84), ("tag", "the last bit of the body's tag", -1)] {
        fails(&format!("bit-{id}"), comment, 373, flipped(second, "body", at, 1));
    }
    fails("body-cut", "the last byte is missing", 373, changed(second, "body", |b| { b.pop(); }));
    fails("slot-bit", "one bit of the MAC slot", 374, flipped(second, "slot", 15, 1));
    fails("text-bit", "one bit of the text", 374, flipped(second, "body", 85, 1));
    fails("associated-data", "other associated data", 374, with(second, "associated_data", hex("ae")));
    let mut fails = |id: &str, comment: &str, check, message: Value| {
        file.fails(id, comment, "chain_open", to_open(&[&message]), check);
    };
    fails("keys-text-bit", "one bit of the text, with a key slot", 375, flipped(first, "body", 85, 1));
    fails("keys-associated-data", "other associated data, with a key slot", 375, with(first, "associated_data", hex("ae")));
    fails("keys-chain-key", "another chain key", 375, flipped(first, "slot", 9, 1));
    fails("keys-header-key", "another header key", 373, flipped(first, "slot", 41, 1));
    fails("keys-number", "another number of the chain", 373, flipped(first, "slot", 4, 1));
    fails("keys-n", "another number of the message", 379, flipped(first, "slot", 8, 1));
    fails("unknown", "a MAC slot without the chain", 373, second.clone());
    let input = to_open(&[first]);
    file.fails("owner", "the chain of another device", "chain_open", with(&input, "owner", hex(identity(2).to_bytes())), 373);
    file.fails("context", "a chain for something else", "chain_open", with(&input, "context", hex([8; 32])), 373);
    for (id, comment, at) in [("known-header-key", "another header key of a chain that is held", 41), ("known-auth-key", "another key of the recipient", 73)] {
        file.fails(id, comment, "chain_open", to_open(&[first, &flipped(first, "slot", at, 1)]), 378);
    }
}

fn renewals(file: &mut Vectors, first: &Value, second: &Value, third: &Value) {
    let (mut chain, others) = started();
    let mut news = Vec::new();
    for seed in 0xc2..=0xc4_u8 {
        chain = chain.next(0, &mut Stated::new(&[vec![seed; 32]])).unwrap();
        let message = chain.seal(&CLAIMS, b"new", b"ad", &others).unwrap();
        news.push(arrives(&message, 2_000 + u64::from(seed) - 0xc2));
    }
    let [two, three, four] = &news[..] else { panic!() };
    file.passes("left", "accepted when the next chain had begun, not later", "chain_open", to_open(&[first, two, second]));
    file.fails("left-later", "accepted after the first message on the next chain", "chain_open", to_open(&[first, two, third]), 384);
    file.fails("left-keys", "a key slot that was", "chain_open", to_open(&[two, &with(first, "accepted_at_ms", 2_001)]), 384);
    file.passes("fourth", "a fourth chain", "chain_open", to_open(&[first, two, three, four]));
    file.fails("given-up", "a message on the chain that it gave up", "chain_open", to_open(&[first, two, three, four, second]), 373);
    file.passes("older", "a key slot of an older chain than three", "chain_open", to_open(&[two, three, four, first]));
    file.fails("older-next", "a message on that chain, which is not kept", "chain_open", to_open(&[two, three, four, first, second]), 373);
}

/// Key slots of a chain that is held, and messages that are given up.
fn given_up(file: &mut Vectors) {
    let (mut chain, others) = started();
    let messages: Vec<_> = (0..2_005).map(|_| chain.seal(&CLAIMS, b"text", b"ad", &others).unwrap()).collect();
    let at = |n: usize| arrives(&messages[n], 1_000);
    let keys = |n: usize| arrives_with_keys(&chain, &messages[n], 1_000);
    let (first, second, third) = (&at(0), &at(1), &at(2));
    let other = |n: usize| flipped(&keys(n), "slot", 9, 1);
    file.passes("again-late", "a key slot of a late message", "chain_open", to_open(&[first, third, &keys(1)]));
    file.passes("again-other", "its chain key is another, and is ignored", "chain_open", to_open(&[first, third, &other(1)]));
    file.passes("again-next", "so is that of a next message", "chain_open", to_open(&[first, &other(1), third]));
    file.fails("again-rewind", "a key slot of a message that has opened", "chain_open", to_open(&[first, second, third, &keys(1)]), 380);
    file.fails("again-rewound", "and the message after it", "chain_open", to_open(&[first, second, &other(2), third]), 376);
    let forward = &keys(2_002);
    file.passes("forward", "a key slot 2,001 ahead, and the next message", "chain_open", to_open(&[first, forward, &at(2_003)]));
    file.passes("forward-late", "a message that was missing before it", "chain_open", to_open(&[first, third, &keys(2_004), second]));
    file.fails("forward-between", "a message that it passed over", "chain_open", to_open(&[first, forward, second]), 381);
    file.fails("forward-last", "the last one of these", "chain_open", to_open(&[first, forward, &at(2_001)]), 381);
    file.fails("forward-keys", "one of these with a key slot", "chain_open", to_open(&[first, forward, &keys(5)]), 381);
    file.passes("forward-not", "a key slot 2,000 ahead passes over none", "chain_open", to_open(&[first, &keys(2_001), second]));
    let full = &at(2_001);
    file.passes("full", "the oldest of 2,000 skipped keys", "chain_open", to_open(&[first, full, second]));
    file.passes("full-next", "the second oldest after one more", "chain_open", to_open(&[first, full, &at(2_003), third]));
    file.fails("full-oldest", "the oldest after one more", "chain_open", to_open(&[first, full, &at(2_003), second]), 383);
    file.fails("full-oldest-keys", "the oldest with a key slot", "chain_open", to_open(&[first, full, &at(2_003), &keys(1)]), 383);
}
