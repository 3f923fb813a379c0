//! Makes `fanout.json`: messages for several devices, posted and stored, and own copies.

use sha2::{Digest, Sha256};

use super::delivery::{DELIVERY_KEY, broken, deliver, stamped, tag};
use super::neighbours::{Fields, all_fail, version_1};
use super::*;
use crate::tests::world::{bytes_of, device};
use crate::wire;

fn roster_of(input: Input<'_>) -> RosterStamp {
    RosterStamp::new(input.get("epoch").number(), input.get("version").number())
}

fn roster_json(roster: RosterStamp) -> Value {
    json!({ "epoch": roster.epoch, "version": roster.version })
}

fn slots_json(fanout: &Fanout) -> Value {
    let slot = |slot: &Slot| json!({
        "side": u8::from(slot.own), "device": slot.device.0, "ciphertext": hex(&slot.ciphertext),
    });
    fanout.slots().iter().map(slot).collect()
}

fn fanout_of(input: Input<'_>) -> Fanout {
    let mut fanout = Fanout::new(tag_of(input), roster_of(input.get("own")), roster_of(input.get("peer")));
    for slot in input.list("slots") {
        let ciphertext = slot.get("ciphertext").bytes();
        let envelope = (!ciphertext.is_empty()).then(|| Envelope::new(tag_of(input), ciphertext));
        let own = slot.get("side").number::<u8>() == 1;
        fanout.insert(own, DeviceId(slot.get("device").number()), envelope).unwrap();
    }
    fanout
}

pub(super) fn post_fanout(input: Input<'_>) -> Outcome {
    let fanout = fanout_of(input);
    let (sender, audience) = (sender_of(input.get("sender")), audience_of(input.get("audience")));
    let now = Timestamp::from_millis(input.get("posted_ms").number());
    let posted = fanout.post(&key(input), &sender, &audience, now);
    let (_, decoded): (_, wire::PostedFanout) = wire::decode_as(&posted, usize::MAX, &[3]).map_err(refused)?;
    Ok(json!({ "fanout_mac": hex(decoded.fanout_mac), "posted": hex(posted), "stored": hex(fanout.encode()) }))
}

pub(super) fn accept_fanout(input: Input<'_>) -> Outcome {
    let posted = PostedFanout::decode(&input.get("posted").bytes()).map_err(refused)?;
    let (sender, audience) = (sender_of(input.get("sender")), audience_of(input.get("audience")));
    let now = Timestamp::from_millis(input.get("now_ms").number());
    let accepted = posted.authenticate(&key(input), &sender, &audience, now).map_err(refused)?;
    let targets = accepted.targets().into_iter().map(|(target, empty)| json!({
        "account": target.account.as_str(), "device": target.device.0, "empty": empty,
    }));
    Ok(json!({
        "franking_tag": hex(accepted.tag().as_bytes()), "own": roster_json(accepted.own_version()),
        "peer": roster_json(accepted.peer_version()), "targets": targets.collect::<Value>(),
        "slots_digest": hex(accepted.slots_digest()),
    }))
}

pub(super) fn import_fanout(input: Input<'_>) -> Outcome {
    let bytes = input.get("stored").bytes();
    let fanout = Fanout::decode(&bytes).map_err(refused)?;
    assert_eq!(fanout.encode(), bytes);
    Ok(json!({
        "franking_tag": hex(fanout.tag().as_bytes()), "own": roster_json(fanout.own_version()),
        "peer": roster_json(fanout.peer_version()), "slots": slots_json(&fanout),
    }))
}

fn slot(side: u8, device: u32, ciphertext: &str) -> Value {
    json!({ "side": side, "device": device, "ciphertext": hex(ciphertext) })
}

/// The input of `post_fanout` for a message of Alice's device 1 to Bob.
fn to_post(slots: Value) -> Value {
    json!({
        "delivery_key": hex(DELIVERY_KEY), "sender": { "account": "alice", "device": 1 },
        "audience": { "direct": "bob" }, "posted_ms": NOON.as_millis(), "franking_tag": hex(tag().as_bytes()),
        "own": { "epoch": 1, "version": 7 }, "peer": { "epoch": 2, "version": 3 }, "slots": slots,
    })
}

/// The message of Alice's to a device of Bob, as she posts it.
pub(super) fn posted() -> Value {
    let input = to_post(json!([slot(0, 7, "ciphertext")]));
    post_fanout(Input::of(&input)).unwrap()["posted"].clone()
}

/// The input of `accept_fanout`, at the time of posting.
fn to_accept(input: &Value) -> Value {
    let posted = post_fanout(Input::of(input)).unwrap();
    json!({
        "delivery_key": input["delivery_key"], "sender": input["sender"], "audience": input["audience"],
        "now_ms": input["posted_ms"], "posted": posted["posted"],
    })
}

#[test]
fn fanouts() {
    let mut file = Vectors::new(
        CRATE,
        "fanout.json",
        "Messages for one or several devices: posted, stored, and the copies that own devices get. SPEC.md, “Posting to devices”, “Wire messages”, “Stored”.",
        "delivery key 32 x 44; the message of `commit-text` in franking.json; sender alice, device 1",
    );
    let input = to_post(json!([slot(0, 1, "to bob/1"), slot(0, 3, ""), slot(1, 2, "to alice/2")]));
    let good = passing(&mut file, &input);
    forms(&mut file, &good);
    macs(&mut file, &good, &input);
    fits(&mut file, &good, &input);
    stored(&mut file, &input);
    copies(&mut file);
    file.finish();
}

fn passing(file: &mut Vectors, input: &Value) -> Value {
    file.passes("fanout", "a message of Alice's to two devices of Bob, one of which has an empty slot, and to another device of hers", "post_fanout", input.clone());
    let good = to_accept(input);
    file.passes("accept-fanout", "the same as the relay takes it", "accept_fanout", good.clone());
    let own = with(&with(input, "audience", json!({ "direct": "alice" })), "peer", json!({ "epoch": 0, "version": 0 }));
    let note = with(&own, "slots", json!([slot(1, 2, "a note"), slot(1, 3, "")]));
    let many = |count: u32| -> Value { (0..count).map(|id| slot(0, id, "x")).collect() };
    let longest = "\u{47}".repeat(MAX_CIPHERTEXT_LEN);
    for (id, comment, input) in [
        ("note", "a note of Alice's to her other devices", note),
        ("one", "one slot, the fewest", with(input, "slots", json!([slot(0, 1, "x")]))),
        ("16", "sixteen slots, the most", with(input, "slots", many(16))),
        ("same-number", "a device of the peer with the sender's number", with(input, "slots", json!([slot(0, 1, "x")]))),
        ("highest", "the highest numbers of devices, epochs and versions", {
            let most = json!({ "epoch": u32::MAX, "version": u32::MAX });
            with(&with(&with(input, "own", most.clone()), "peer", most), "slots", json!([slot(0, u32::MAX, "x"), slot(1, u32::MAX, "y")]))
        }),
        ("all-empty", "every slot is empty", with(input, "slots", json!([slot(0, 1, ""), slot(1, 2, "")]))),
        ("longest", "a ciphertext of 75,776 bytes, the most", with(input, "slots", json!([slot(0, 1, &longest)]))),
    ] {
        file.passes(&format!("fanout-{id}"), comment, "accept_fanout", to_accept(&input));
    }
    for (id, comment, at) in [
        ("fanout-early", "ten minutes before the relay's clock, the most", NOON.as_millis() + 600_000),
        ("fanout-late", "ten minutes after the relay's clock, the most", NOON.as_millis() - 600_000),
    ] {
        file.passes(id, comment, "accept_fanout", with(&good, "now_ms", at));
    }
    good
}

fn decoded(good: &Value) -> wire::PostedFanout {
    let bytes = harness::unhex(good["posted"].as_str().unwrap());
    wire::decode_as(&bytes, usize::MAX, &[3]).unwrap().1
}

/// The input with the posted message changed, under the MAC that it had.
fn edit(good: &Value, change: impl FnOnce(&mut wire::PostedFanout)) -> Value {
    let mut message = decoded(good);
    change(&mut message);
    with(good, "posted", hex(wire::encode_as(3, &message)))
}

/// The fields of the fanout MAC of a message of Alice's for Bob.
fn fields<'a>(alice: &'a [u8], message: &'a wire::PostedFanout, digest: &'a [u8]) -> Fields<'a> {
    Fields {
        key: &DELIVERY_KEY,
        fields: vec![labels::FANOUT, alice, b"\x01\x03bob", &message.franking_tag, &message.posted_at, digest],
    }
}

/// The input with other slots, under the MAC that is theirs.
fn slotted(good: &Value, change: impl FnOnce(&mut Vec<u8>)) -> Value {
    edit(good, |message| {
        change(&mut message.slots);
        let alice = bytes_of(|out| device("alice", 1).put(out));
        let digest = Sha256::digest(&message.slots);
        message.fanout_mac = fields(&alice, message, &digest).mac();
    })
}

fn forms(file: &mut Vectors, good: &Value) {
    let bytes = harness::unhex(good["posted"].as_str().unwrap());
    let last = &bytes[79..];
    for (id, comment, bytes, check) in broken(&bytes, last) {
        // The bytes have version 03, and end within the slots.
        let (id, comment, bytes) = match id {
            "version-3" => ("version-2", "version 02", [&[2], &bytes[1..]].concat()),
            _ => (id, comment, bytes),
        };
        file.fails(&format!("fanout-{id}"), comment, "accept_fanout", with(good, "posted", hex(bytes)), check);
    }
    let change = |change: fn(&mut wire::PostedFanout)| edit(good, change);
    let slots = |change: fn(&mut Vec<u8>)| slotted(good, change);
    // Places in the slots: the count at 16; the slots of 17, 26 and 35 bytes at 17, 34 and 43.
    all_fail(file, "accept_fanout", [
        ("fanout-too-long", "1,212,661 bytes, one past the most, of whatever", with(good, "posted", hex(vec![3; MAX_POSTED_FANOUT_LEN + 1])), 51),
        ("fanout-time-7", "a time of 7 bytes", change(|p| { p.posted_at.pop(); }), 54),
        ("fanout-time-missing", "no time", change(|p| p.posted_at.clear()), 54),
        ("fanout-mac-31", "a fanout MAC of 31 bytes: never a prefix", change(|p| { p.fanout_mac.pop(); }), 54),
        ("fanout-mac-33", "a fanout MAC of 33 bytes", change(|p| p.fanout_mac.push(0)), 54),
        ("fanout-mac-missing", "no fanout MAC", change(|p| p.fanout_mac.clear()), 54),
        ("fanout-fields-exchanged", "time and MAC in each other's field", change(|p| core::mem::swap(&mut p.posted_at, &mut p.fanout_mac)), 54),
        ("fanout-slots-missing", "no slots", change(|p| p.slots.clear()), 54),
        ("fanout-slots-versions-only", "two rosters without a count", slots(|s| s.truncate(16)), 291),
        ("fanout-slots-none", "a count of 0", slots(|s| { s.truncate(17); s[16] = 0; }), 291),
        ("fanout-slots-17", "seventeen slots, one past the most", slots(|s| {
            s.truncate(16);
            s.push(17);
            for id in 0..17_u8 { s.extend([0, 0, 0, 0, id, 0, 0, 0, 0]); }
        }), 291),
        ("fanout-slots-count-low", "a slot more than the count", slots(|s| s[16] = 2), 291),
        ("fanout-slots-count-high", "a slot less than the count", slots(|s| s[16] = 4), 291),
        ("fanout-slots-cut", "the last byte is missing", slots(|s| { s.pop(); }), 291),
        ("fanout-slots-extended", "a byte behind the slots", slots(|s| s.push(0)), 291),
        ("fanout-slots-descending", "the peer's devices descend", slots(|s| s[21] = 4), 291),
        ("fanout-slots-twice", "a device twice", slots(|s| s[21] = 3), 291),
        ("fanout-slots-own-first", "a device of one's own before one of the peer's", slots(|s| s[17] = 1), 291),
        ("fanout-slots-side-2", "a side that is neither", slots(|s| s[43] = 2), 291),
        ("fanout-slots-ciphertext-long", "a ciphertext of 75,777 bytes, one past the most", slots(|s| {
            s.truncate(16);
            s.extend([1, 0, 0, 0, 0, 1]);
            s.extend(75_777_u32.to_be_bytes());
            s.resize(s.len() + 75_777, 0xc7);
        }), 291),
        ("fanout-slots-length-high", "a length that runs past the end", slots(|s| s[48] = 1), 291),
        ("fanout-slots-version-8", "versions of 8 bytes", slots(|s| { s.splice(4..4, [0; 4]); s.splice(16..16, [0; 4]); }), 291),
    ]);
}

fn macs(file: &mut Vectors, good: &Value, input: &Value) {
    let message = decoded(good);
    let alice = bytes_of(|out| device("alice", 1).put(out));
    let digest = Sha256::digest(&message.slots);
    let right = fields(&alice, &message, &digest);
    let under = |mac: Vec<u8>| edit(good, |message| message.fanout_mac = mac);
    assert_eq!(&under(right.mac()), good);
    let change = |change: fn(&mut wire::PostedFanout)| edit(good, change);
    let ciphertexts = Sha256::digest(b"to bob/1to alice/2");
    let seconds = (NOON.as_millis() / 1_000).to_be_bytes();
    let direct = ConversationId::direct(&AccountId::new("alice").unwrap(), &AccountId::new("bob").unwrap());
    all_fail(file, "accept_fanout", [
        ("fanout-label-missing", "the MAC without its label", under(right.put(0, b"")), 292),
        ("fanout-label-version-1", "the MAC under a label of version 1", under(right.put(0, &version_1(labels::FANOUT))), 292),
        ("fanout-label-delivery", "the MAC under the label of delivery MACs", under(right.put(0, labels::DELIVERY)), 292),
        ("fanout-label-reseal", "the MAC under the label of reseal MACs", under(right.put(0, labels::RESEAL)), 292),
        ("fanout-without-sender", "the MAC without the sender", under(right.put(1, b"")), 292),
        ("fanout-without-device", "the MAC over the sender's account without its device", under(right.put(1, b"\x05alice")), 292),
        ("fanout-without-audience", "the MAC without the audience", under(right.put(2, b"")), 292),
        ("fanout-without-kind", "the MAC over the audience without its kind", under(right.put(2, b"\x03bob")), 292),
        ("fanout-without-tag", "the MAC without the tag", under(right.put(3, b"")), 292),
        ("fanout-without-time", "the MAC without the time", under(right.put(4, b"")), 292),
        ("fanout-seconds", "the MAC over the time in seconds", under(right.put(4, &seconds)), 292),
        ("fanout-without-slots", "the MAC without the slots", under(right.put(5, b"")), 292),
        ("fanout-whole-slots", "the MAC over the slots in place of their digest", under(right.put(5, &message.slots)), 292),
        ("fanout-without-versions", "the MAC over the slots without the rosters", under(right.put(5, &Sha256::digest(&message.slots[16..]))), 292),
        ("fanout-ciphertexts-only", "the MAC over the ciphertexts without their devices", under(right.put(5, &ciphertexts)), 292),
        ("fanout-audience-first", "the MAC over the audience before the sender", under(right.swap(1, 2)), 292),
        ("fanout-time-first", "the MAC over the time before the tag", under(right.swap(3, 4)), 292),
        ("fanout-tag-bit", "one bit of the tag", change(|p| p.franking_tag[0] ^= 1), 292),
        ("fanout-time-bit", "one bit of the time", change(|p| p.posted_at[7] ^= 1), 292),
        ("fanout-mac-bit", "one bit of the MAC", change(|p| p.fanout_mac[31] ^= 1), 292),
        ("fanout-own-version", "another version of the own roster", change(|p| p.slots[7] ^= 1), 292),
        ("fanout-own-epoch", "another epoch of the own roster", change(|p| p.slots[3] ^= 1), 292),
        ("fanout-peer-version", "another version of the peer's roster", change(|p| p.slots[15] ^= 1), 292),
        ("fanout-peer-epoch", "another epoch of the peer's roster", change(|p| p.slots[11] ^= 1), 292),
        ("fanout-slot-device", "a ciphertext for another device", change(|p| p.slots[21] = 2), 292),
        ("fanout-slot-side", "the own device's ciphertext for the peer's device of that number", change(|p| { p.slots[43] = 0; p.slots[47] = 4; }), 292),
        ("fanout-slot-dropped", "a slot is left out", change(|p| { p.slots.drain(34..43); p.slots[16] = 2; }), 292),
        ("fanout-slot-emptied", "a slot is emptied", change(|p| { p.slots.drain(26..34); p.slots[25] = 0; }), 292),
        ("fanout-slot-added", "an empty slot is added", change(|p| { p.slots.extend([1, 0, 0, 0, 9, 0, 0, 0, 0]); p.slots[16] = 4; }), 292),
        ("fanout-ciphertext-bit", "one bit of a ciphertext", change(|p| p.slots[26] ^= 1), 292),
        ("fanout-another-key", "the key of another device", flipped(good, "delivery_key", 0, 1), 292),
        ("fanout-sender", "in the name of another account", with(good, "sender", json!({ "account": "mallory", "device": 1 })), 292),
        ("fanout-device", "in the name of another device of the account", with(good, "sender", json!({ "account": "alice", "device": 9 })), 292),
        ("fanout-audience", "for another account", with(good, "audience", json!({ "direct": "carol" })), 292),
        ("fanout-audience-group", "for a group with the id of the direct conversation", with(good, "audience", json!({ "group": hex(direct.as_bytes()) })), 292),
        ("fanout-audience-own", "as a note to the own account", with(good, "audience", json!({ "direct": "alice" })), 292),
        ("fanout-too-early", "600,001 ms before the relay's clock, one past the most", with(good, "now_ms", NOON.as_millis() + 600_001), 111),
        ("fanout-too-late", "600,001 ms after the relay's clock, one past the most", with(good, "now_ms", NOON.as_millis() - 600_001), 111),
        ("fanout-at-the-end", "posted in the last millisecond that there is", with(&to_accept(&with(input, "posted_ms", u64::MAX)), "now_ms", NOON.as_millis()), 111),
    ]);
}

fn fits(file: &mut Vectors, good: &Value, input: &Value) {
    let slots = |slots: Value| with(input, "slots", slots);
    let own = with(input, "audience", json!({ "direct": "alice" }));
    let to_own = |slots: Value, epoch: u32, version: u32| {
        to_accept(&with(&with(&own, "peer", json!({ "epoch": epoch, "version": version })), "slots", slots))
    };
    let club = hex(ConversationId::group(b"chess club").as_bytes());
    let note = json!([slot(1, 2, "a note")]);
    assert!(accept_fanout(Input::of(good)).is_ok());
    assert!(accept_fanout(Input::of(&to_own(note.clone(), 0, 0))).is_ok());
    all_fail(file, "accept_fanout", [
        ("fanout-to-sender", "a slot for the sending device", to_accept(&slots(json!([slot(0, 1, "x"), slot(1, 1, "y")]))), 293),
        ("fanout-to-sender-empty", "an empty slot for the sending device", to_accept(&slots(json!([slot(0, 1, "x"), slot(1, 1, "")]))), 293),
        ("fanout-note-to-sender", "a note for the sending device", to_own(json!([slot(1, 1, "x")]), 0, 0), 293),
        ("fanout-note-peer-slot", "a note with a slot of a peer", to_own(json!([slot(0, 2, "x")]), 0, 0), 293),
        ("fanout-note-peer-slot-more", "a note with a slot of a peer beside an own one", to_own(json!([slot(0, 9, ""), slot(1, 2, "x")]), 0, 0), 293),
        ("fanout-note-peer-epoch", "a note that names a peer's epoch", to_own(note.clone(), 1, 0), 293),
        ("fanout-note-peer-version", "a note that names a peer's version", to_own(note, 0, 1), 293),
        ("fanout-group", "a message to a group", to_accept(&with(input, "audience", json!({ "group": club }))), 293),
    ]);
}

fn stored(file: &mut Vectors, input: &Value) {
    let made = post_fanout(Input::of(input)).unwrap();
    let good = json!({ "stored": made["stored"] });
    file.passes("stored-fanout", "the fanout in the outbox", "import_fanout", good.clone());
    let change = |change: fn(&mut Vec<u8>)| changed(&good, "stored", change);
    all_fail(file, "import_fanout", [
        ("stored-fanout-empty", "no bytes at all", json!({ "stored": "" }), 115),
        ("stored-fanout-version-2", "version 02", change(|s| s[0] = 2), 52),
        ("stored-fanout-version-4", "version 04", change(|s| s[0] = 4), 52),
        ("stored-fanout-cut-in-tag", "cut within the tag", change(|s| s.truncate(32)), 115),
        ("stored-fanout-no-slots", "no slots", change(|s| s.truncate(33)), 291),
        ("stored-fanout-cut", "the last byte is missing", change(|s| { s.pop(); }), 291),
        ("stored-fanout-extended", "a byte behind the slots", change(|s| s.push(0)), 291),
        ("stored-fanout-twice", "a device twice", change(|s| s[33 + 21] = 3), 291),
        ("stored-fanout-too-long", "1,212,611 bytes, one past the most, of whatever", json!({ "stored": hex(vec![3; MAX_FANOUT_LEN + 1]) }), 51),
    ]);
}

/// The delivery of a message of `sender` to `audience`, as a device of Alice's takes it.
fn copy(sender: Value, audience: Value, device: u32, ciphertext: &str) -> Value {
    let keys = StampKeys::new(&[0x52; 32], 19_990, "eu").unwrap().export();
    let mut stamp = stamp::to_stamp(&keys, audience, NOON);
    stamp["sender"] = sender;
    let mut input = stamped(json!({ "direct": "bob" }));
    stamp["franking_tag"] = input["franking_tag"].clone();
    let made = stamp::stamp(Input::of(&stamp)).unwrap();
    input["context"] = made["context"].clone();
    input["stamp"] = made["stamp"].clone();
    input["ciphertext"] = hex(ciphertext).into();
    let delivered = deliver(Input::of(&input)).unwrap();
    json!({
        "delivery_key": hex(DELIVERY_KEY), "account": "alice", "device": device, "groups": [],
        "delivery": delivered["delivery"],
    })
}

fn copies(file: &mut Vectors) {
    let alice = |device: u32| json!({ "account": "alice", "device": device });
    let (bob, own) = (json!({ "direct": "bob" }), json!({ "direct": "alice" }));
    let club = hex(ConversationId::group(b"chess club").as_bytes());
    let in_club = |device| {
        let taken = copy(alice(1), json!({ "group": club }), device, "ciphertext");
        with(&taken, "groups", json!([club]))
    };
    for (id, comment, input) in [
        ("own-copy", "a message of Alice's device 1 for Bob, as her device 2 takes the copy", copy(alice(1), bob.clone(), 2, "ciphertext")),
        ("own-copy-empty", "the same with an empty slot", copy(alice(1), bob.clone(), 2, "")),
        ("own-note", "a note of Alice's device 1, as her device 2 takes it", copy(alice(1), own.clone(), 2, "ciphertext")),
        ("own-copy-of-device-0", "a message of her device 0", copy(alice(0), bob.clone(), 1, "ciphertext")),
        ("own-copy-group", "a message of her device 1 to a group that the account is in", in_club(2)),
        ("delivery-empty", "a message of Bob's to Alice with an empty slot", copy(json!({ "account": "bob", "device": 2 }), own.clone(), 2, "")),
    ] {
        file.passes(id, comment, "open_delivery", input);
    }
    let carol = |name: &str| json!({ "account": name, "device": 1 });
    all_fail(file, "open_delivery", [
        ("own-copy-to-sender", "a message of this very device", copy(alice(1), bob.clone(), 1, "ciphertext"), 290),
        ("own-note-to-sender", "a note of this very device", copy(alice(2), own, 2, "ciphertext"), 290),
        ("own-copy-group-to-sender", "a message of this very device to a group that the account is in", in_club(1), 290),
        ("own-copy-of-another", "a message between others, in place of a copy", copy(carol("carol"), bob.clone(), 2, "ciphertext"), 65),
        ("own-copy-of-alic", "a message of an account whose name begins alike", copy(carol("alic"), bob.clone(), 2, "ciphertext"), 65),
        ("own-copy-of-alicea", "a message of an account whose name goes on", copy(carol("alicea"), bob.clone(), 2, "ciphertext"), 65),
        ("own-copy-other-group", "a copy of a message to a group that the account is not in", with(&in_club(2), "groups", json!([])), 65),
        ("own-copy-other-key", "a copy under the key of another device", flipped(&copy(alice(1), bob.clone(), 2, "ciphertext"), "delivery_key", 0, 1), 64),
        ("own-copy-stripped", "a copy whose ciphertext was taken away", {
            let good = copy(alice(1), bob, 2, "ciphertext");
            changed(&good, "delivery", |d| d.truncate(d.len() - 12))
        }, 64),
    ]);
}
