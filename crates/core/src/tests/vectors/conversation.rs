//! `conversation.json`: messages of both sides after a handshake. Some are lost, late, repeated or
//! forged.

use rand_core::CryptoRng;

use super::*;
use crate::header::{self, SealedHeader};
use crate::header_key::HeaderKey;
use crate::kdf::RootKey;
use crate::post_quantum::PqSeed;
use crate::pqxdh::{AgreedSecrets, SessionAd};
use crate::ratchet::{Opened, Ratchet};
use crate::tests::vectors::derivations::{header_json, header_of};

/// The ratchets of both sides of a session, which the steps of a vector drive.
struct Conversation {
    sides: [Ratchet; 2],
    ad: SessionAd,
    associated_data: Vec<u8>,
    messages: Vec<(Vec<u8>, Vec<u8>)>,
    opened: Vec<Value>,
}

fn side(name: &str) -> usize {
    match name {
        "initiator" => 0,
        "recipient" => 1,
        _ => panic!("no side {name}"),
    }
}

impl Conversation {
    fn new(input: Input<'_>, first: &mut Stated) -> Self {
        let secret = || AgreedSecrets {
            root: RootKey::from_bytes(&input.get("root").array()),
            initiator_header: HeaderKey::from_bytes(&input.get("initiator_header").array()),
            recipient_header: HeaderKey::from_bytes(&input.get("recipient_header").array()),
            post_quantum: PqSeed::from_bytes(&input.get("post_quantum_seed").array()),
        };
        let prekey = DhKeyPair::from_secret_bytes(&input.get("signed_prekey_private").array());
        let initiator = Ratchet::new_initiator(secret(), *prekey.public(), first).unwrap();
        Self {
            sides: [initiator, Ratchet::new_recipient(secret(), prekey)],
            ad: SessionAd(input.get("session_associated_data").array()),
            associated_data: input.get("associated_data").bytes(),
            messages: vec![],
            opened: vec![],
        }
    }

    /// Makes a message and returns its header.
    fn send(&mut self, from: usize, selection: u32, plaintext: &[u8], random: &mut impl CryptoRng) -> Value {
        let sealed = self.sides[from].seal(&self.ad, selection, plaintext, &self.associated_data, random).unwrap();
        let [key, _] = self.sides[from].header_keys();
        let bytes = sealed.header.as_slice().try_into().unwrap();
        let tag = header::tag_of(&sealed.body).unwrap();
        let header = SealedHeader::new(&self.ad, tag, bytes).unwrap().open(&key).unwrap();
        self.messages.push((sealed.header, sealed.body));
        header_json(header)
    }

    fn open(&mut self, by: usize, header: &[u8], body: Vec<u8>) -> Result<Opened, String> {
        let tag = *header::tag_of(&body).unwrap();
        let sealed = SealedHeader::new(&self.ad, &tag, header.try_into().unwrap()).unwrap();
        let located = self.sides[by].locate(&sealed).ok_or("Unauthenticated")?;
        let header = header_json(located.header());
        let opened = self.sides[by].open(&self.ad, located, body, &self.associated_data).map_err(refused)?;
        self.opened.push(json!({ "plaintext": hex(&*opened.plaintext), "header": header }));
        Ok(opened)
    }
}

/// The random bytes that one message takes: its ratchet key, if it begins a chain, then the values
/// that its braid samples.
fn random_of(send: Input<'_>) -> Stated {
    let values = ["ratchet_private", "braid_random"].map(|name| send.optional(name).map(|value| value.bytes()));
    Stated::new(&values.into_iter().flatten().collect::<Vec<_>>())
}

pub(super) fn conversation(input: Input<'_>) -> Outcome {
    let steps = input.list("steps");
    // The initiator's first chain begins when the session does, before its first message.
    let first = steps[0].get("send").get("ratchet_private").bytes();
    let mut conversation = Conversation::new(input, &mut Stated::new(&[first]));
    for (index, step) in steps.iter().enumerate() {
        if let Some(send) = step.optional("send") {
            let mut random = if index == 0 {
                Stated::new(&[send.get("braid_random").bytes()])
            } else {
                random_of(send)
            };
            let stated = send.get("header");
            let header = conversation.send(side(step.get("from").text()), stated.get("selection").number(), &send.get("plaintext").bytes(), &mut random);
            assert!(random.is_used_up(), "more random bytes are stated than the message takes");
            assert_eq!(header["chunk"], *stated.get("chunk").text(), "the stated chunk is the one that the braid makes");
        } else if let Some(count) = step.optional("discard") {
            conversation.sides[side(step.get("from").text())].lose(count.number());
        } else {
            let (header, body) = match step.optional("message") {
                Some(message) => (message.get("header").bytes(), message.get("body").bytes()),
                None => conversation.messages[step.get("open").number::<usize>()].clone(),
            };
            conversation.open(side(step.get("by").text()), &header, body)?;
        }
    }
    let messages = conversation.messages.iter().map(|(header, body)| json!({ "header": hex(header), "body": hex(body) }));
    Ok(json!({ "messages": messages.collect::<Vec<_>>(), "opened": conversation.opened }))
}

/// A conversation that is being written: the input so far, and the ratchets after its steps.
struct Script {
    input: Value,
    live: Conversation,
    drawn: u16,
}

/// Number of the first "random" value that [`drawn`] makes. Each later number is one more.
const FIRST: u16 = 0x10;

/// A "random" value of the vectors: a number, repeated.
fn drawn(number: u16, len: usize) -> Vec<u8> {
    number.to_be_bytes().repeat(len / 2)
}

/// A generator that returns the values of [`drawn`] one after the other and remembers them.
struct Drawn {
    next: u16,
    values: Vec<Vec<u8>>,
}

impl TryRng for Drawn {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        panic!("only bytes are asked for");
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        panic!("only bytes are asked for");
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Infallible> {
        self.next += 1;
        to.copy_from_slice(&drawn(self.next, to.len()));
        self.values.push(to.to_vec());
        Ok(())
    }
}

impl TryCryptoRng for Drawn {}

const INITIATOR: usize = 0;
const RECIPIENT: usize = 1;
const NAMES: [&str; 2] = ["initiator", "recipient"];

impl Script {
    fn new() -> Self {
        let input = json!({
            "root": hex([0x01; 32]), "initiator_header": hex([0x02; 32]), "recipient_header": hex([0x03; 32]),
            "post_quantum_seed": hex([0x04; 32]), "session_associated_data": hex([0x05; 32]),
            "signed_prekey_private": hex([0x06; 32]), "associated_data": hex("ad"), "steps": [],
        });
        let live = Conversation::new(Input::of(&input), &mut Stated::new(&[drawn(FIRST, 32)]));
        Self { input, live, drawn: FIRST }
    }

    fn step(&mut self, step: Value) {
        self.input["steps"].as_array_mut().unwrap().push(step);
    }

    fn send(mut self, from: usize, plaintext: &str) -> Self {
        let first = self.input["steps"].as_array().unwrap().is_empty();
        let begins = self.live.sides[from].begins_chain();
        let mut random = Drawn { next: self.drawn, values: vec![] };
        let mut header = self.live.send(from, 3, plaintext.as_bytes(), &mut random);
        self.drawn = random.next;
        let mut values = random.values.into_iter();
        // The key of the first chain was sampled when the session began.
        let ratchet_private = if first { Some(drawn(FIRST, 32)) } else { begins.then(|| values.next().unwrap()) };
        let braid_random = values.next();
        assert_eq!(values.next(), None);
        // The ratchet decides these fields, so the vector does not state them.
        for decided in ["dh", "pn", "n", "counter"] {
            header.as_object_mut().unwrap().remove(decided);
        }
        let send = json!({
            "plaintext": hex(plaintext), "ratchet_private": ratchet_private.map(hex), "braid_random": braid_random.map(hex), "header": header,
        });
        self.step(json!({ "from": NAMES[from], "send": send }));
        self
    }

    fn discard(mut self, from: usize, count: u32) -> Self {
        self.live.sides[from].lose(count);
        self.step(json!({ "from": NAMES[from], "discard": count }));
        self
    }

    fn open(mut self, by: usize, message: usize) -> Self {
        let (header, body) = self.live.messages[message].clone();
        self.live.open(by, &header, body).unwrap();
        self.step(json!({ "by": NAMES[by], "open": message }));
        self
    }

    /// Ends the script with an attempt to open a message of the other side.
    fn tries(mut self, by: usize, message: usize) -> Value {
        self.step(json!({ "by": NAMES[by], "open": message }));
        self.input
    }

    /// Ends the script with an attempt to open a message that is not from the ratchet.
    fn forged(mut self, by: usize, header: &[u8], body: &[u8]) -> Value {
        self.step(json!({ "by": NAMES[by], "message": { "header": hex(header), "body": hex(body) } }));
        self.input
    }

    /// Ends the script with an attempt to open an altered copy of a message.
    fn altered(self, by: usize, message: usize, change: impl FnOnce(&mut Vec<u8>, &mut Vec<u8>)) -> Value {
        let (mut header, mut body) = self.live.messages[message].clone();
        change(&mut header, &mut body);
        self.forged(by, &header, &body)
    }

    /// Ends the script with an attempt to open a message that has an invalid body and a forged
    /// header, sealed under the sender's current or next header key.
    fn with_header(self, from: usize, next: bool, change: impl FnOnce(&mut Value)) -> Value {
        let mut header = json!({
            "dh": hex(DhKeyPair::from_secret_bytes(&[0x77; 32]).public().as_bytes()), "pn": 0, "n": 0, "selection": 3,
            "epoch": 1, "counter": 0, "kind": 0, "index": 0, "chunk": hex([0; 32]),
        });
        change(&mut header);
        let body = [0xbd; 16];
        let key = &self.live.sides[from].header_keys()[usize::from(next)];
        let tag = header::tag_of(&body).unwrap();
        let sealed = header::seal(key, &self.live.ad, tag, &header_of(Input::of(&header)));
        self.forged(1 - from, &sealed, &body)
    }
}

/// A script in which the initiator's first message is sent and opened.
fn opened() -> Script {
    Script::new().send(INITIATOR, "one").open(RECIPIENT, 0)
}

/// A script in which the recipient has also answered.
fn answered() -> Script {
    opened().send(RECIPIENT, "two").open(INITIATOR, 1)
}

#[test]
fn conversations() {
    let mut file = Vectors::new(
        CRATE,
        "conversation.json",
        "The Triple Ratchet after a handshake. SPEC.md, “Header”, “Derivations”, “Ratchet”, “Post-quantum ratchet”.",
        "handshake's secrets 01 to 06, a byte repeated each; random values from 0010 on, two bytes repeated each",
    );
    passing(&mut file);
    altered(&mut file);
    places(&mut file);
    jumps(&mut file);
    file.finish();
}

fn passing(file: &mut Vectors) {
    let mut passes = |id: &str, comment: &str, script: Script| {
        file.passes(id, comment, "conversation", script.input);
    };
    passes("one-way", "three messages of the initiator", opened().send(INITIATOR, "two").send(INITIATOR, "").open(RECIPIENT, 1).open(RECIPIENT, 2));
    let mut turns = Script::new();
    for turn in 0..12 {
        let from = turn % 2;
        turns = turns.send(from, &format!("message {turn}")).open(1 - from, turn);
    }
    passes("in-turn", "twelve messages in turn; the recipient samples its coin with the sixth", turns);
    let mut epochs = Script::new();
    for turn in 0..190 {
        let from = turn % 2;
        epochs = epochs.send(from, "");
        // Three messages are lost: one with a chunk of the key header, one with a chunk of the
        // vector, and the second message of epoch 2.
        if ![2, 40, 90].contains(&turn) {
            epochs = epochs.open(1 - from, turn);
        }
    }
    epochs = epochs.open(RECIPIENT, 40).open(RECIPIENT, 90);
    assert!(epochs.live.sides.iter().all(|side| side.post_quantum().epochs() == 2));
    passes("two-epochs", "190 messages in turn, three of them lost and two of those late after all: two post-quantum epochs", epochs);
    let late = opened()
        .send(INITIATOR, "b").send(INITIATOR, "c").send(INITIATOR, "d")
        .open(RECIPIENT, 3).open(RECIPIENT, 1).open(RECIPIENT, 2);
    passes("out-of-order", "the last of three comes first, then the others", late);
    let across = answered()
        .send(INITIATOR, "b1").send(INITIATOR, "b2").send(INITIATOR, "b3").open(RECIPIENT, 4)
        .send(RECIPIENT, "c1").open(INITIATOR, 5).open(RECIPIENT, 3).open(RECIPIENT, 2);
    passes("late-in-chain", "messages after the last of their chain was opened and answered", across);
    let closed = answered()
        .send(INITIATOR, "b1").send(INITIATOR, "b2").open(RECIPIENT, 3)
        .send(RECIPIENT, "c1").open(INITIATOR, 4)
        .send(INITIATOR, "d1").open(RECIPIENT, 5).open(RECIPIENT, 2);
    passes("late-of-closed-chain", "a message of a chain that the next one has closed", closed);
    let unseen = opened().send(INITIATOR, "two").send(RECIPIENT, "r").open(INITIATOR, 2)
        .send(INITIATOR, "new chain").open(RECIPIENT, 3).open(RECIPIENT, 1);
    passes("pn-covers", "`pn` tells of a message that has not come, and it opens later", unseen);
}

fn altered(file: &mut Vectors) {
    let mut fails = |id: &str, comment: &str, check, input: Value| {
        file.fails(id, comment, "conversation", input, check);
    };
    let two = || answered().send(INITIATOR, "three");
    fails("header-first-bit", "the first bit of the encrypted header", 18, two().altered(RECIPIENT, 2, |h, _| h[0] ^= 0x80));
    fails("header-last-bit", "the last bit of its MAC", 18, two().altered(RECIPIENT, 2, |h, _| h[98] ^= 1));
    fails("body-tag-first-bit", "the first bit of the body's tag, which is in the header's nonce", 18, two().altered(RECIPIENT, 2, |_, b| { let at = b.len() - 16; b[at] ^= 0x80; }));
    fails("body-tag-last-bit", "the last bit of the body's tag, which the header's MAC covers", 18, two().altered(RECIPIENT, 2, |_, b| *b.last_mut().unwrap() ^= 1));
    fails("body-first-bit", "the first bit of the body", 24, two().altered(RECIPIENT, 2, |_, b| b[0] ^= 0x80));
    fails("body-shorter", "a byte of the body taken out", 24, two().altered(RECIPIENT, 2, |_, b| { b.remove(0); }));
    let other = two().send(INITIATOR, "four");
    let header = other.live.messages[3].0.clone();
    fails("header-of-the-next", "the header of the message after it", 18, other.altered(RECIPIENT, 2, |h, _| *h = header));
    let mut moved = two().tries(RECIPIENT, 2);
    moved["associated_data"] = hex("ae").into();
    let message = two().live.messages[2].clone();
    let replaced = moved["steps"].as_array_mut().unwrap();
    *replaced.last_mut().unwrap() = json!({ "by": "recipient", "message": { "header": hex(message.0), "body": hex(message.1) } });
    fails("associated-data", "sealed with other associated data", 24, moved);
    fails("reflected", "a message back to its sender", 18, two().altered(INITIATOR, 2, |_, _| ()));
    fails("repeated", "opened before, on a chain that goes on", 21, answered().send(INITIATOR, "three").open(RECIPIENT, 2).send(INITIATOR, "four").open(RECIPIENT, 3).tries(RECIPIENT, 2));
    fails("repeated-late", "a late message twice", 21, opened().send(INITIATOR, "b").send(INITIATOR, "c").open(RECIPIENT, 2).open(RECIPIENT, 1).tries(RECIPIENT, 1));
    let complete = answered().send(INITIATOR, "three").open(RECIPIENT, 2);
    fails("repeated-closed", "of a chain that is complete, whose header key is gone", 18, complete.tries(RECIPIENT, 0));
}

fn places(file: &mut Vectors) {
    let mut fails = |id: &str, comment: &str, check, input: Value| {
        file.fails(id, comment, "conversation", input, check);
    };
    // The forger is the peer itself. It has the header keys, so its headers open.
    fails("second-step", "a second receiving step, before the recipient has sent on its own", 19, opened().with_header(INITIATOR, true, |h| { h["pn"] = 1.into(); h["counter"] = 1.into(); }));
    let next = |change: fn(&mut Value)| answered().send(INITIATOR, "three").open(RECIPIENT, 2).send(RECIPIENT, "four").with_header(INITIATOR, true, change);
    for (name, key) in keys::SMALL_ORDER {
        let script = answered().send(INITIATOR, "three").open(RECIPIENT, 2).send(RECIPIENT, "four");
        let input = script.with_header(INITIATOR, true, |h| { h["dh"] = key.into(); h["pn"] = 1.into(); h["counter"] = 2.into(); });
        fails(&format!("ratchet-key {name}"), "a new ratchet key of small order", 23, input);
    }
    for (name, key) in keys::NOT_CANONICAL {
        let script = answered().send(INITIATOR, "three").open(RECIPIENT, 2).send(RECIPIENT, "four");
        let input = script.with_header(INITIATOR, true, |h| { h["dh"] = key.into(); h["pn"] = 1.into(); h["counter"] = 2.into(); });
        fails(&format!("ratchet-key {name}"), "a new ratchet key that is not canonical", 23, input);
    }
    fails("next-counter-low", "a new chain whose counter is one less than its place", 41, next(|h| { h["pn"] = 1.into(); h["counter"] = 1.into(); }));
    fails("next-counter-high", "a new chain whose counter is one more than its place", 41, next(|h| { h["pn"] = 1.into(); h["counter"] = 3.into(); }));
    fails("next-epoch-ahead", "a new chain in an epoch that nobody has agreed on", 41, next(|h| { h["pn"] = 1.into(); h["counter"] = 0.into(); h["epoch"] = 2.into(); }));
    fails("next-body", "a new chain with everything right and a body of one's own making", 24, next(|h| { h["pn"] = 1.into(); h["counter"] = 2.into(); }));
    let current = |change: fn(&mut Value)| opened().with_header(INITIATOR, false, |h| { h["n"] = 1.into(); h["counter"] = 1.into(); change(h); });
    fails("counter-low", "a counter one less than its place", 41, current(|h| h["counter"] = 0.into()));
    fails("counter-high", "a counter one more than its place", 41, current(|h| h["counter"] = 2.into()));
    fails("counter-most", "the counter 65,535", 41, current(|h| h["counter"] = 65_535.into()));
    fails("counter-after-gap", "a counter that does not count a missing message", 41, current(|h| h["n"] = 2.into()));
    fails("epoch-ahead", "an epoch that nobody has agreed on", 41, current(|h| { h["epoch"] = 2.into(); h["counter"] = 0.into(); }));
    fails("epoch-before", "the epoch before the first", 41, current(|h| h["epoch"] = 0.into()));
    fails("epoch-far", "an epoch half the numbers away", 41, current(|h| h["epoch"] = 0x8001.into()));
    fails("current-body", "everything right and a body of one's own making", 24, current(|_| ()));
    fails("number-before", "the number of a message that was opened", 21, current(|h| h["n"] = 0.into()));
}

fn jumps(file: &mut Vectors) {
    let jump = |count| opened().discard(INITIATOR, count).send(INITIATOR, "after");
    file.passes("jump-most", "50,000 messages missing, the most", "conversation", jump(50_000).open(RECIPIENT, 1).input);
    file.fails("jump-past", "50,001 messages missing, one past the most", "conversation", jump(50_001).tries(RECIPIENT, 1), 22);
    let end = |count| answered().send(INITIATOR, "three").open(RECIPIENT, 2).discard(INITIATOR, count)
        .send(RECIPIENT, "four").open(INITIATOR, 3);
    let end_then_after = |count| end(count).send(INITIATOR, "after");
    file.passes("jump-end-most", "50,000 missing at the end of the chain before, the most", "conversation", end_then_after(50_000).open(RECIPIENT, 4).input);
    file.fails("jump-end-past", "50,001 missing at the end of the chain before", "conversation", end_then_after(50_001).tries(RECIPIENT, 4), 22);
    let both = |count| end(30_000).send(INITIATOR, "lost").discard(INITIATOR, count).send(INITIATOR, "after");
    file.passes("jump-both-most", "30,000 missing at the end of the chain before and 20,000 of the new one", "conversation", both(19_999).open(RECIPIENT, 5).input);
    file.fails("jump-both-past", "30,000 and 20,001 missing: 50,001 together", "conversation", both(20_000).tries(RECIPIENT, 5), 22);
    let forged = |n: u32| opened().with_header(INITIATOR, false, |h| { h["n"] = n.into(); h["counter"] = u16::try_from(n).unwrap_or(u16::MAX).into(); });
    file.fails("jump-far", "the last number there is", "conversation", forged(u32::MAX), 22);
    let late = |count| opened().send(INITIATOR, "late").discard(INITIATOR, count).send(INITIATOR, "after").open(RECIPIENT, 2);
    file.passes("gap-kept", "a late message, the first of 2,000 that were missing", "conversation", late(1_999).open(RECIPIENT, 1).input);
    file.fails("gap-given-up", "a late message, the first of 2,001: its keys were given up", "conversation", late(2_000).tries(RECIPIENT, 1), 21);
    let late_end = |count| answered().send(INITIATOR, "three").open(RECIPIENT, 2).discard(INITIATOR, 3_000).send(INITIATOR, "late").discard(INITIATOR, count)
        .send(RECIPIENT, "five").open(INITIATOR, 4).send(INITIATOR, "six").discard(INITIATOR, 3_000).send(INITIATOR, "after").open(RECIPIENT, 6);
    file.passes("gap-end-kept", "a late message, the first of the last 2,000 of a chain that ended", "conversation", late_end(1_999).open(RECIPIENT, 3).input);
    file.fails("gap-end-given-up", "a late message, the one before them", "conversation", late_end(2_000).tries(RECIPIENT, 3), 21);
}
