//! Makes `group.json`: messages to groups, posted, stored and delivered.

use sha2::{Digest, Sha256};

use super::delivery::{DELIVERY_KEY, broken, tag};
use super::neighbours::{Fields, all_fail, version_1};
use super::*;
use crate::tests::world::{ToyError, bytes_of, device};
use crate::{group, wire};

#[rustfmt::skip]
mod relay;

/// Reads slots from their number and bytes: 0 empty, 1 MAC, 2 key.
fn slot_of(input: Input<'_>) -> Result<GroupSlot, String> {
    let bytes = [vec![input.get("number").number()], input.get("slot").bytes()].concat();
    GroupSlot::decode(&bytes).map_err(refused)
}

fn slot_json(slot: &GroupSlot) -> Value {
    let stored = slot.encode();
    json!({ "number": stored[0], "slot": hex(&stored[1..]) })
}

fn fanout_of(input: Input<'_>) -> GroupFanout {
    let slots: Result<Vec<_>, _> = input.list("slots").iter().map(|slot| slot_of(*slot)).collect();
    let stamp = GroupStamp::new(input.get("version").number(), input.get("state_hash").array(), input.get("targets_digest").array());
    let group = ConversationId::from_bytes(input.get("group").array());
    group::tests::fanout_of(tag_of(input), group, stamp, input.get("body").bytes(), slots.unwrap())
}

pub(super) fn post_group(input: Input<'_>) -> Outcome {
    let (fanout, sender) = (fanout_of(input), sender_of(input.get("sender")));
    let now = Timestamp::from_millis(input.get("posted_ms").number());
    let posted = fanout.post(&key(input), &sender, now);
    let (_, decoded): (_, wire::PostedGroup) = wire::decode_as(&posted, usize::MAX, &[4]).map_err(refused)?;
    Ok(json!({ "group_mac": hex(decoded.group_mac), "posted": hex(posted), "stored": hex(fanout.encode()) }))
}

pub(super) fn accept_group(input: Input<'_>) -> Outcome {
    let posted = PostedGroup::decode(&input.get("posted").bytes()).map_err(refused)?;
    let sender = sender_of(input.get("sender"));
    let now = Timestamp::from_millis(input.get("now_ms").number());
    let accepted = posted.authenticate(&key(input), &sender, now).map_err(refused)?;
    let (stamp, group) = (*accepted.stamp(), *accepted.group());
    let (tag, digest) = (*accepted.tag(), *accepted.digest());
    let targets = input.list("targets").iter().map(|target| sender_of(*target)).collect();
    let targeted = accepted.for_targets(targets, &input.get("targets_digest").array()).map_err(refused)?;
    let targets = targeted.targets().map(|(target, empty)| json!({
        "account": target.account.as_str(), "device": target.device.0, "empty": empty,
    }));
    Ok(json!({
        "franking_tag": hex(tag.as_bytes()), "group": hex(group.as_bytes()), "version": stamp.version,
        "state_hash": hex(stamp.state_hash), "targets": targets.collect::<Value>(), "digest": hex(digest),
    }))
}

pub(super) fn import_group_fanout(input: Input<'_>) -> Outcome {
    let bytes = input.get("stored").bytes();
    let fanout = GroupFanout::decode(&bytes).map_err(refused)?;
    assert_eq!(fanout.encode(), bytes);
    let stamp = fanout.stamp();
    Ok(json!({
        "franking_tag": hex(fanout.tag().as_bytes()), "group": hex(fanout.group().as_bytes()),
        "version": stamp.version, "state_hash": hex(stamp.state_hash), "targets_digest": hex(stamp.targets_digest),
        "body": hex(fanout.body()), "slots": fanout.slots().iter().map(slot_json).collect::<Value>(),
    }))
}

pub(super) fn deliver_group(input: Input<'_>) -> Outcome {
    let slot = slot_of(input)?;
    let stored = [&[4], &claim_of(input)?.encode()[1..], &input.get("body").bytes()].concat();
    let kept = StampedGroup::decode(&stored).map_err(refused)?;
    let delivery = kept.deliver(&slot, &key(input)).encode();
    Ok(json!({ "stored": hex(kept.encode()), "stored_slot": hex(slot.encode()), "delivery": hex(delivery) }))
}

pub(super) fn import_stamped_group(input: Input<'_>) -> Outcome {
    let bytes = input.get("stored").bytes();
    let kept = StampedGroup::decode(&bytes).map_err(refused)?;
    assert_eq!(kept.encode(), bytes);
    let claim = kept.claim();
    Ok(json!({
        "franking_tag": hex(claim.tag().as_bytes()), "context": hex(claim.context().encode()),
        "stamp": hex(claim.stamp().as_bytes()), "body": hex(kept.body()),
    }))
}

pub(super) fn import_group_slot(input: Input<'_>) -> Outcome {
    let slot = GroupSlot::decode(&input.get("stored_slot").bytes()).map_err(refused)?;
    Ok(slot_json(&slot))
}

/// Takes the ciphertext of a delivery to a group apart, as the device does after the checks of
/// `open_delivery`.
pub(super) fn split_group(input: Input<'_>) -> Outcome {
    let delivery = Delivery::decode(&input.get("delivery").bytes()).map_err(refused)?;
    let me = sender_of(input);
    let delivery = delivery.authenticate_in_groups(&key(input), &me, |_| true).map_err(refused)?;
    if delivery.is_empty() {
        return Err(refused(OpenError::<ToyError>::MissingKey));
    }
    let read = delivery.group_ciphertext().ok_or_else(|| refused(OpenError::<ToyError>::Malformed))?;
    Ok(match read {
        GroupCiphertext::Mac { mac, body } => json!({ "number": 1, "slot": hex(mac), "body": hex(body) }),
        GroupCiphertext::Key { keys, body } => json!({ "number": 2, "slot": hex(keys), "body": hex(body) }),
        GroupCiphertext::Pairwise(ciphertext) => json!({ "number": 3, "slot": "", "body": hex(ciphertext) }),
    })
}

fn slot(number: u8, bytes: impl AsRef<[u8]>) -> Value {
    json!({ "number": number, "slot": hex(bytes) })
}

fn mac_slot(fill: u8) -> Value {
    slot(1, [fill; 16])
}

fn club() -> String {
    hex(ConversationId::group(b"chess club").as_bytes())
}

/// The input of `post_group` for a message of Alice's device 1.
fn to_post(slots: Value) -> Value {
    json!({
        "delivery_key": hex(DELIVERY_KEY), "sender": { "account": "alice", "device": 1 },
        "posted_ms": NOON.as_millis(), "franking_tag": hex(tag().as_bytes()), "group": club(), "version": 7,
        "state_hash": hex([0x5e; 32]), "targets_digest": hex([0x7d; 32]), "body": hex("body"), "slots": slots,
    })
}

/// The input of `accept_group` at the time of posting, for as many devices as there are slots.
fn to_accept(input: &Value) -> Value {
    let posted = post_group(Input::of(input)).unwrap();
    let count = input["slots"].as_array().unwrap().len();
    let targets: Value = (0..count).map(|id| json!({ "account": "bob", "device": id })).collect();
    json!({
        "delivery_key": input["delivery_key"], "sender": input["sender"], "now_ms": input["posted_ms"],
        "posted": posted["posted"], "targets": targets, "targets_digest": input["targets_digest"],
    })
}

#[test]
fn groups() {
    let mut file = Vectors::new(
        CRATE,
        "group.json",
        "Messages to groups: posted, stored, at the relay and delivered. SPEC.md, “Posting to groups”, “Wire messages”, “Stored”.",
        "delivery key 32 x 44; the tag of `commit-text` in franking.json; sender alice, device 1; state hash 32 x 5e, digest of the devices 32 x 7d",
    );
    let slots = json!([slot(2, [0xb1; 17]), mac_slot(0xaa), slot(0, ""), mac_slot(0xab), slot(2, [0xb2; 18])]);
    let input = to_post(slots);
    let good = passing(&mut file, &input);
    forms(&mut file, &good);
    macs(&mut file, &good, &input);
    targets(&mut file, &good);
    stored(&mut file, &input);
    relay::at_the_relay(&mut file);
    file.finish();
}

fn passing(file: &mut Vectors, input: &Value) -> Value {
    file.passes("group", "a message to five devices: key, MAC, empty, MAC and key slots", "post_group", input.clone());
    let good = to_accept(input);
    file.passes("accept-group", "the same as the relay takes it", "accept_group", good.clone());
    let many = |slot: Value, count: usize| -> Value { vec![slot; count].into() };
    for (id, comment, input) in [
        ("one-empty", "one slot, which is empty", with(input, "slots", many(slot(0, ""), 1))),
        ("one-mac", "one MAC slot", with(input, "slots", many(mac_slot(0xaa), 1))),
        ("one-key", "one key slot of 17 bytes, the least", with(input, "slots", many(slot(2, [0xb1; 17]), 1))),
        ("key-longest", "a key slot of 4,000 bytes, the most", with(input, "slots", many(slot(2, [0xb1; 4_000]), 1))),
        ("four", "four slots, which fill one byte of kinds", with(input, "slots", many(mac_slot(0xaa), 4))),
        ("all-empty", "every slot is empty", with(input, "slots", many(slot(0, ""), 3))),
        ("version-highest", "the highest version", with(input, "version", u64::MAX)),
        ("body-longest", "a body of 71,680 bytes, the most", with(input, "body", hex([0x47; MAX_GROUP_BODY_LEN]))),
    ] {
        file.passes(&format!("group-{id}"), comment, "accept_group", to_accept(&input));
    }
    for (id, comment, at) in [
        ("group-early", "ten minutes before the relay's clock, the most", NOON.as_millis() + 600_000),
        ("group-late", "ten minutes after the relay's clock, the most", NOON.as_millis() - 600_000),
    ] {
        file.passes(id, comment, "accept_group", with(&good, "now_ms", at));
    }
    good
}

fn decoded(good: &Value) -> wire::PostedGroup {
    let bytes = harness::unhex(good["posted"].as_str().unwrap());
    wire::decode_as(&bytes, usize::MAX, &[4]).unwrap().1
}

/// The input with the posted message changed, under the MAC that it had.
fn edit(good: &Value, change: impl FnOnce(&mut wire::PostedGroup)) -> Value {
    let mut posted = decoded(good);
    change(&mut posted);
    with(good, "posted", hex(wire::encode_as(4, &posted)))
}

/// The audience, as the MAC has it.
fn audience() -> Vec<u8> {
    bytes_of(|out| Audience::Group(ConversationId::group(b"chess club")).put(out))
}

/// The fields of the group MAC of a message of Alice's.
fn fields<'a>(alice: &'a [u8], audience: &'a [u8], posted: &'a wire::PostedGroup, digest: &'a [u8]) -> Fields<'a> {
    Fields {
        key: &DELIVERY_KEY,
        fields: vec![labels::GROUP_POST, alice, audience, &posted.franking_tag, &posted.posted_at, digest],
    }
}

/// The input with another message, under the MAC that is that message's.
fn rewritten(good: &Value, change: impl FnOnce(&mut Vec<u8>)) -> Value {
    edit(good, |posted| {
        change(&mut posted.message);
        let alice = bytes_of(|out| device("alice", 1).put(out));
        let mut audience = vec![2];
        audience.extend(posted.message.iter().take(32));
        let digest = Sha256::digest(&posted.message);
        posted.group_mac = fields(&alice, &audience, posted, &digest).mac();
    })
}

/// The place of the body's length, of the body, and of the slots in the message.
const BODY: usize = 32 + 8 + 32 + 32;
const SLOTS: usize = BODY + 4 + 4;

fn forms(file: &mut Vectors, good: &Value) {
    let bytes = harness::unhex(good["posted"].as_str().unwrap());
    let last = &bytes[79..];
    for (id, comment, bytes, check) in broken(&bytes, last) {
        file.fails(&format!("group-{id}"), comment, "accept_group", with(good, "posted", hex(bytes)), check);
    }
    let change = |change: fn(&mut wire::PostedGroup)| edit(good, change);
    let message = |change: fn(&mut Vec<u8>)| rewritten(good, change);
    let slots = |slots: &[&[u8]]| {
        let slots = slots.concat();
        rewritten(good, move |m| { m.truncate(SLOTS); m.extend(slots); })
    };
    let key_slot = |len: u16, bytes: usize| slots(&[&[0, 1, 0x80], &len.to_be_bytes(), &vec![0xb1; bytes]]);
    let mac = &[0xaa; 16][..];
    all_fail(file, "accept_group", [
        ("group-too-long", "2,169,025 bytes, one past the most, of whatever", with(good, "posted", hex(vec![4; MAX_POSTED_GROUP_LEN + 1])), 51),
        ("group-version-2", "version 02", changed(good, "posted", |p| p[0] = 2), 52),
        ("group-version-5", "version 05", changed(good, "posted", |p| p[0] = 5), 52),
        ("group-time-7", "a time of 7 bytes", change(|p| { p.posted_at.pop(); }), 54),
        ("group-time-missing", "no time", change(|p| p.posted_at.clear()), 54),
        ("group-mac-31", "a group MAC of 31 bytes: never a prefix", change(|p| { p.group_mac.pop(); }), 54),
        ("group-mac-33", "a group MAC of 33 bytes", change(|p| p.group_mac.push(0)), 54),
        ("group-mac-missing", "no group MAC", change(|p| p.group_mac.clear()), 54),
        ("group-message-missing", "no message", change(|p| p.message.clear()), 54),
        ("group-cut-in-group", "a group of 31 bytes, and nothing more", message(|m| m.truncate(31)), 410),
        ("group-cut-in-digest", "a digest of the devices of 31 bytes, and nothing more", message(|m| m.truncate(BODY - 1)), 410),
        ("group-body-empty", "a body of no bytes", message(|m| { m.splice(BODY..SLOTS, [0; 4]); }), 410),
        ("group-body-length-high", "a body's length that runs past the end", message(|m| m[BODY] = 1), 410),
        ("group-body-long", "a body of 71,681 bytes, one past the most", message(|m| {
            let len = u32::try_from(MAX_GROUP_BODY_LEN + 1).unwrap();
            m.splice(BODY..SLOTS, [&len.to_be_bytes()[..], &[0xc7; MAX_GROUP_BODY_LEN + 1]].concat());
        }), 410),
        ("group-slots-missing", "no slots", message(|m| m.truncate(SLOTS)), 411),
        ("group-slots-none", "a count of 0", slots(&[&[0, 0]]), 411),
        ("group-slots-count-cut", "a count of one byte", slots(&[&[0]]), 411),
        ("group-slots-4097", "4,097 slots, one past the most", slots(&[&[0x10, 1], &[0; 1_025]]), 411),
        ("group-slots-count-high", "a MAC slot less than the kinds say", slots(&[&[0, 2, 0x50], mac]), 411),
        ("group-slots-count-low", "a MAC slot more than the kinds say", slots(&[&[0, 1, 0x40], mac, mac]), 411),
        ("group-slots-kinds-missing", "no kinds", slots(&[&[0, 1]]), 411),
        ("group-slots-kinds-more", "a byte of kinds too many", slots(&[&[0, 1, 0x40, 0], mac]), 411),
        ("group-slots-kinds-less", "five slots and one byte of kinds", slots(&[&[0, 5, 0]]), 411),
        ("group-slots-kind-3", "a slot of kind 3", slots(&[&[0, 1, 0xc0], mac]), 411),
        ("group-slots-unused-bits", "an unused bit of the kinds", slots(&[&[0, 1, 0x41], mac]), 411),
        ("group-slots-unused-kind", "the kind of a slot past the count", slots(&[&[0, 1, 0x50], mac]), 411),
        ("group-slots-reversed-bits", "the first slot in the lowest bits", slots(&[&[0, 1, 0x01], mac]), 411),
        ("group-slots-mac-15", "a MAC of 15 bytes", slots(&[&[0, 1, 0x40], &mac[1..]]), 411),
        ("group-slots-key-16", "a key slot of 16 bytes, as short as a MAC", key_slot(16, 16), 411),
        ("group-slots-key-empty", "a key slot of no bytes", key_slot(0, 0), 411),
        ("group-slots-key-4001", "a key slot of 4,001 bytes, one past the most", key_slot(4_001, 4_001), 411),
        ("group-slots-key-cut", "a key slot that ends early", key_slot(18, 17), 411),
        ("group-slots-extended", "a byte behind the slots", key_slot(17, 18), 411),
        ("group-slots-keys-first", "the key slot before the MAC", slots(&[&[0, 2, 0x90], &[0, 17], &[0xb1; 17], mac]), 411),
        ("group-slots-too-long", "slots of 2,097,153 bytes, one past the most", slots(&[
            &[2, 0x0c], &[0xaa; 131], &[&[0x0f, 0xa0][..], &[0xb1; 4_000]].concat().repeat(523), &[0x0f, 0x84], &[0xb1; 3_972],
        ]), 411),
    ]);
}

fn macs(file: &mut Vectors, good: &Value, input: &Value) {
    let posted = decoded(good);
    let (alice, group) = (bytes_of(|out| device("alice", 1).put(out)), audience());
    let digest = Sha256::digest(&posted.message);
    let right = fields(&alice, &group, &posted, &digest);
    assert_eq!(right.mac(), posted.group_mac);
    let under = |mac: Vec<u8>| edit(good, |p| p.group_mac = mac);
    let other = |change: fn(&mut wire::PostedGroup)| edit(good, change);
    let by = |device: u32| with(good, "sender", json!({ "account": "alice", "device": device }));
    all_fail(file, "accept_group", [
        ("group-other-key", "under the key of another device", flipped(good, "delivery_key", 0, 1), 412),
        ("group-other-device", "posted by another device of the account", by(2), 412),
        ("group-other-account", "posted by another account", with(good, "sender", json!({ "account": "alicf", "device": 1 })), 412),
        ("group-other-tag", "with another tag", other(|p| p.franking_tag[0] ^= 1), 412),
        ("group-other-time", "with a time a millisecond later", other(|p| p.posted_at[7] ^= 1), 412),
        ("group-other-mac", "with one bit of the MAC flipped", other(|p| p.group_mac[31] ^= 1), 412),
        ("group-other-group", "with another group", other(|p| p.message[0] ^= 1), 412),
        ("group-other-version", "with another version of the state", other(|p| p.message[39] ^= 1), 412),
        ("group-other-state", "with another hash of the state", other(|p| p.message[40] ^= 1), 412),
        ("group-other-digest", "with another digest of the devices", other(|p| p.message[72] ^= 1), 412),
        ("group-other-body", "with another body", other(|p| p.message[BODY + 4] ^= 1), 412),
        ("group-other-slot", "with another slot", other(|p| { let last = p.message.len() - 1; p.message[last] ^= 1; }), 412),
        ("group-label-missing", "the MAC without its label", under(right.put(0, b"")), 412),
        ("group-label-version-1", "the MAC under a label of version 1", under(right.put(0, &version_1(labels::GROUP_POST))), 412),
        ("group-label-fanout", "the MAC under the label of fanout MACs", under(right.put(0, labels::FANOUT)), 412),
        ("group-sender-missing", "the MAC without the sender", under(right.put(1, b"")), 412),
        ("group-audience-missing", "the MAC without the audience", under(right.put(2, b"")), 412),
        ("group-audience-kind", "the MAC over the audience without its kind", under(right.put(2, &group[1..])), 412),
        ("group-whole-message", "the MAC over the message in place of its digest", under(right.put(5, &posted.message)), 412),
        ("group-body-digest", "the MAC over the digest of the body alone", under(right.put(5, &Sha256::digest(b"body"))), 412),
        ("group-tag-first", "the MAC over the tag before the audience", under(right.swap(2, 3)), 412),
        ("group-time-first", "the MAC over the time before the tag", under(right.swap(3, 4)), 412),
        ("group-too-early", "a millisecond more than ten minutes before the relay's clock", with(good, "now_ms", NOON.as_millis() + 600_001), 111),
        ("group-too-late", "a millisecond more than ten minutes after the relay's clock", with(good, "now_ms", NOON.as_millis() - 600_001), 111),
    ]);
    assert_eq!(input["version"], 7);
}

fn targets(file: &mut Vectors, good: &Value) {
    let of = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut targets = good["targets"].as_array().unwrap().clone();
        change(&mut targets);
        with(good, "targets", targets)
    };
    let bob = |id: u32| json!({ "account": "bob", "device": id });
    all_fail(file, "accept_group", [
        ("group-targets-digest", "another digest of the devices", flipped(good, "targets_digest", 31, 1), 413),
        ("group-targets-more", "a device more than slots", of(&|t| t.push(bob(5))), 413),
        ("group-targets-fewer", "a device less than slots", of(&|t| { t.pop(); }), 413),
        ("group-targets-none", "no devices", of(&|t| t.clear()), 413),
        ("group-targets-sender", "the sending device among the devices", of(&|t| t[2] = good["sender"].clone()), 413),
    ]);
}

fn stored(file: &mut Vectors, input: &Value) {
    let made = post_group(Input::of(input)).unwrap();
    let good = json!({ "stored": made["stored"] });
    file.passes("stored-group", "the message in the outbox", "import_group_fanout", good.clone());
    let change = |change: fn(&mut Vec<u8>)| changed(&good, "stored", change);
    all_fail(file, "import_group_fanout", [
        ("stored-group-empty", "no bytes at all", json!({ "stored": "" }), 410),
        ("stored-group-version-3", "version 03", change(|s| s[0] = 3), 52),
        ("stored-group-version-5", "version 05", change(|s| s[0] = 5), 52),
        ("stored-group-cut-in-tag", "cut within the tag", change(|s| s.truncate(32)), 410),
        ("stored-group-no-message", "no message", change(|s| s.truncate(33)), 410),
        ("stored-group-cut", "the last byte is missing", change(|s| { s.pop(); }), 411),
        ("stored-group-extended", "a byte behind the slots", change(|s| s.push(0)), 411),
        ("stored-group-kind-3", "a slot of kind 3", change(|s| s[33 + SLOTS + 2] |= 0xc0), 411),
        ("stored-group-too-long", "2,168,974 bytes, one past the most, of whatever", json!({ "stored": hex(vec![4; MAX_GROUP_FANOUT_LEN + 1]) }), 51),
    ]);
}
