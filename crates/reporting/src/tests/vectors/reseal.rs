//! Makes `reseal.json`: messages that are sealed again for one device.

use sha2::{Digest, Sha256};

use super::delivery::{DELIVERY_KEY, broken, stamped};
use super::neighbours::{Fields, all_fail, edit, version_1};
use super::*;
use crate::tests::world::{bytes_of, device};
use crate::wire;

pub(super) fn post_again(input: Input<'_>) -> Outcome {
    let (claim, ciphertext) = (claim_of(input)?, input.get("ciphertext").bytes());
    let (sender, target) = (sender_of(input.get("sender")), sender_of(input.get("target")));
    let now = Timestamp::from_millis(input.get("posted_ms").number());
    let envelope = Envelope::new(*claim.tag(), ciphertext);
    let posted = envelope.post_again(&claim, &key(input), &sender, &target, now);
    let decoded: wire::PostedReseal = wire::decode(&posted, MAX_POSTED_RESEAL_LEN).map_err(refused)?;
    Ok(json!({ "reseal_mac": hex(decoded.reseal_mac), "posted": hex(posted) }))
}

pub(super) fn accept_again(input: Input<'_>) -> Outcome {
    let posted = PostedReseal::decode(&input.get("posted").bytes()).map_err(refused)?;
    let (sender, keys) = (sender_of(input.get("sender")), stamp_keys_of(input)?);
    let now = Timestamp::from_millis(input.get("now_ms").number());
    let members: Vec<AccountId> = input.list("members").into_iter().map(account_of).collect();
    let is_member = |_: &ConversationId, account: &AccountId, _| members.contains(account);
    let accepted = posted.authenticate_in_groups(&key(input), &sender, &keys, now, is_member).map_err(refused)?;
    Ok(json!({
        "franking_tag": hex(accepted.tag().as_bytes()), "target": sender_json(accepted.target()),
        "first_accepted_ms": accepted.first_accepted_at().as_millis(), "ciphertext": hex(accepted.ciphertext()),
    }))
}

fn stamp_keys(oldest_epoch: u32) -> String {
    hex(&*StampKeys::new(&[0x52; 32], oldest_epoch, "eu").unwrap().export())
}

/// The input of `post_again` for the message of Alice's that was stamped at noon, posted an hour
/// later for Bob's device 8.
fn to_post(audience: Value) -> Value {
    let mut input = stamped(audience);
    input["sender"] = json!({ "account": "alice", "device": 1 });
    input["target"] = json!({ "account": "bob", "device": 8 });
    input["posted_ms"] = (NOON.as_millis() + 3_600_000).into();
    input["ciphertext"] = hex("sealed again").into();
    input
}

/// The input of `accept_again` at the time of posting.
fn to_accept(input: &Value) -> Value {
    let posted = post_again(Input::of(input)).unwrap();
    json!({
        "delivery_key": input["delivery_key"], "sender": input["sender"], "stamp_keys": stamp_keys(19_990),
        "now_ms": input["posted_ms"], "posted": posted["posted"], "members": [],
    })
}

#[test]
fn reseals() {
    let mut file = Vectors::new(
        CRATE,
        "reseal.json",
        "A message that is sealed again for one device. SPEC.md, “Sealing again”, “Wire messages”, “Derivations”.",
        "delivery key 32 x 44; the message of `commit-text` in franking.json, stamped as in stamp.json",
    );
    let input = to_post(json!({ "direct": "bob" }));
    file.passes("again", "a message of Alice's, sealed again for Bob's device 8", "post_again", input.clone());
    let good = to_accept(&input);
    file.passes("accept-again", "the same as the relay takes it", "accept_again", good.clone());
    for (id, comment, input) in [
        ("accept-again-early", "ten minutes before the relay's clock, the most", with(&good, "now_ms", NOON.as_millis() + 4_200_000)),
        ("accept-again-late", "ten minutes after the relay's clock, the most", with(&good, "now_ms", NOON.as_millis() + 3_000_000)),
        ("accept-again-oldest", "the key of the stamp is the oldest", with(&good, "stamp_keys", stamp_keys_at(20_000))),
        ("accept-again-device-0", "another device of Bob's", to_accept(&with(&input, "target", json!({ "account": "bob", "device": 0 })))),
        ("accept-again-own", "another device of Alice's", to_accept(&with(&input, "target", json!({ "account": "alice", "device": 2 })))),
        ("accept-again-longest", "a ciphertext of 75,776 bytes, the most", to_accept(&with(&input, "ciphertext", hex(vec![0xc7; MAX_CIPHERTEXT_LEN])))),
    ] {
        file.passes(id, comment, "accept_again", input);
    }
    forms(&mut file, &good);
    macs(&mut file, &good);
    checks(&mut file, &good, &input);
    file.finish();
}

/// The stored keys after all epochs before `epoch` were destroyed.
fn stamp_keys_at(epoch: u32) -> String {
    let mut keys = StampKeys::new(&[0x52; 32], 19_990, "eu").unwrap();
    keys.destroy_before(epoch).unwrap();
    hex(&*keys.export())
}

fn forms(file: &mut Vectors, good: &Value) {
    let bytes = harness::unhex(good["posted"].as_str().unwrap());
    let ciphertext = &bytes[bytes.len() - 14..];
    for (id, comment, bytes, check) in broken(&bytes, ciphertext) {
        file.fails(&format!("again-{id}"), comment, "accept_again", with(good, "posted", hex(bytes)), check);
    }
    let change = |change: fn(&mut wire::PostedReseal)| edit(good, "posted", change);
    all_fail(file, "accept_again", [
        ("again-too-long", "76,308 bytes, one past the most, of whatever", with(good, "posted", hex(vec![2; MAX_POSTED_RESEAL_LEN + 1])), 51),
        ("again-context-missing", "no context", change(|p| p.stamp_context.clear()), 54),
        ("again-context-cut", "a context without its last byte", change(|p| { p.stamp_context.pop(); }), 54),
        ("again-context-extended", "a byte after the context", change(|p| p.stamp_context.push(0)), 54),
        ("again-context-control", "a control character in the sender", change(|p| p.stamp_context[1] = 1), 55),
        ("again-stamp-missing", "no stamp", change(|p| p.stamp.clear()), 54),
        ("again-stamp-31", "a stamp of 31 bytes", change(|p| { p.stamp.pop(); }), 54),
        ("again-stamp-33", "a stamp of 33 bytes", change(|p| p.stamp.push(0)), 54),
        ("again-target-missing", "no target", change(|p| p.target.clear()), 54),
        ("again-target-cut", "a target without its last byte", change(|p| { p.target.pop(); }), 54),
        ("again-target-extended", "a byte after the target", change(|p| p.target.push(0)), 54),
        ("again-target-empty", "a target with an empty account", change(|p| { p.target.splice(..4, [0]); }), 55),
        ("again-target-control", "a control character in the target", change(|p| p.target[1] = 1), 55),
        ("again-time-7", "a time of 7 bytes", change(|p| { p.posted_at.pop(); }), 54),
        ("again-time-9", "a time of 9 bytes", change(|p| p.posted_at.push(0)), 54),
        ("again-mac-missing", "no reseal MAC", change(|p| p.reseal_mac.clear()), 54),
        ("again-mac-31", "a reseal MAC of 31 bytes: never a prefix", change(|p| { p.reseal_mac.pop(); }), 54),
        ("again-mac-33", "a reseal MAC of 33 bytes", change(|p| p.reseal_mac.push(0)), 54),
        ("again-ciphertext-missing", "no ciphertext", change(|p| p.ciphertext.clear()), 54),
        ("again-stamp-and-mac-exchanged", "stamp and MAC in each other's field", change(|p| core::mem::swap(&mut p.stamp, &mut p.reseal_mac)), 103),
    ]);
}

fn macs(file: &mut Vectors, good: &Value) {
    let bytes = harness::unhex(good["posted"].as_str().unwrap());
    let decoded: wire::PostedReseal = wire::decode(&bytes, usize::MAX).unwrap();
    let alice = bytes_of(|out| device("alice", 1).put(out));
    let digest = Sha256::digest(&decoded.ciphertext);
    let right = Fields {
        key: &DELIVERY_KEY,
        fields: vec![
            labels::RESEAL, &alice, &decoded.target, &decoded.franking_tag, &decoded.stamp_context,
            &decoded.stamp, &decoded.posted_at, &digest,
        ],
    };
    let under = |mac: Vec<u8>| edit(good, "posted", |posted: &mut wire::PostedReseal| posted.reseal_mac = mac);
    assert_eq!(&under(right.mac()), good);
    let change = |change: fn(&mut wire::PostedReseal)| edit(good, "posted", change);
    all_fail(file, "accept_again", [
        ("again-label-missing", "the MAC without its label", under(right.put(0, b"")), 103),
        ("again-label-version-1", "the MAC under a label of version 1", under(right.put(0, &version_1(labels::RESEAL))), 103),
        ("again-label-fanout", "the MAC under the label of fanout MACs", under(right.put(0, labels::FANOUT)), 103),
        ("again-label-delivery", "the MAC under the label of delivery MACs", under(right.put(0, labels::DELIVERY)), 103),
        ("again-without-sender", "the MAC without the sender", under(right.put(1, b"")), 103),
        ("again-without-target", "the MAC without the target", under(right.put(2, b"")), 103),
        ("again-target-account", "the MAC over the target's account without its device", under(right.put(2, b"\x03bob")), 103),
        ("again-without-tag", "the MAC without the tag", under(right.put(3, b"")), 103),
        ("again-without-context", "the MAC without the context", under(right.put(4, b"")), 103),
        ("again-without-stamp", "the MAC without the stamp", under(right.put(5, b"")), 103),
        ("again-without-time", "the MAC without the time", under(right.put(6, b"")), 103),
        ("again-whole-ciphertext", "the MAC over the ciphertext in place of its digest", under(right.put(7, &decoded.ciphertext)), 103),
        ("again-target-first", "the MAC over the target before the sender", under(right.swap(1, 2)), 103),
        ("again-context-first", "the MAC over the context before the tag", under(right.swap(3, 4)), 103),
        ("again-tag-bit", "one bit of the tag", change(|p| p.franking_tag[0] ^= 1), 103),
        ("again-context-bit", "one bit of the accepted time", change(|p| p.stamp_context[22] ^= 1), 103),
        ("again-stamp-bit", "one bit of the stamp", change(|p| p.stamp[31] ^= 1), 103),
        ("again-target-bit", "one bit of the target's device", change(|p| p.target[7] ^= 1), 103),
        ("again-time-bit", "one bit of the time", change(|p| p.posted_at[7] ^= 1), 103),
        ("again-mac-bit", "one bit of the MAC", change(|p| p.reseal_mac[31] ^= 1), 103),
        ("again-ciphertext-bit", "one bit of the ciphertext", change(|p| p.ciphertext[0] ^= 1), 103),
        ("again-another-key", "the key of another device", flipped(good, "delivery_key", 0, 1), 103),
        ("again-another-sender", "in the name of another account", with(good, "sender", json!({ "account": "mallory", "device": 1 })), 103),
        ("again-another-device", "in the name of another device of the account", with(good, "sender", json!({ "account": "alice", "device": 2 })), 103),
    ]);
}

fn checks(file: &mut Vectors, good: &Value, input: &Value) {
    let hour = NOON.as_millis() + 3_600_000;
    let posted = |name: &str, value: Value| to_accept(&with(input, name, value));
    // A genuine stamp over another context, which the author's device posts under its MAC.
    let claim = |sender: Value, audience: Value, at: u64| {
        let keys = StampKeys::new(&[0x52; 32], 19_990, "eu").unwrap().export();
        let mut stamp = stamp::to_stamp(&keys, audience, Timestamp::from_millis(at));
        stamp["franking_tag"] = input["franking_tag"].clone();
        stamp["sender"] = sender;
        let stamped = stamp::stamp(Input::of(&stamp)).unwrap();
        with(&with(input, "context", stamped["context"].clone()), "stamp", stamped["stamp"].clone())
    };
    let claimed = |sender: Value, audience: Value, at: u64| to_accept(&claim(sender, audience, at));
    let alice = json!({ "account": "alice", "device": 1 });
    let claimed_for = |audience: Value, target: Value| {
        to_accept(&with(&claim(json!({ "account": "alice", "device": 1 }), audience, NOON.as_millis()), "target", target))
    };
    let (bob, noon) = (json!({ "direct": "bob" }), NOON.as_millis());
    let direct = hex(franking::conversation().as_bytes());
    let club = hex(ConversationId::group(b"chess club").as_bytes());
    let in_group = claimed(alice.clone(), json!({ "group": club }), noon);
    let in_group = with(&in_group, "members", json!(["alice", "bob"]));
    file.passes("again-in-group", "a message to a group, for a device of a member", "accept_again", in_group.clone());
    let longest = |len: usize| {
        let claim = claim(alice.clone(), json!({ "group": club }), noon);
        let posted = to_accept(&with(&claim, "ciphertext", hex(vec![0x47; len])));
        with(&posted, "members", json!(["alice", "bob"]))
    };
    file.passes("again-in-group-longest", "a ciphertext of 75,775 bytes for a message to a group, the most", "accept_again", longest(75_775));
    all_fail(file, "accept_again", [
        ("again-too-early", "600,001 ms before the relay's clock, one past the most", with(good, "now_ms", hour + 600_001), 111),
        ("again-too-late", "600,001 ms after the relay's clock, one past the most", with(good, "now_ms", hour - 600_001), 111),
        ("again-at-the-end", "posted in the last millisecond that there is", with(&posted("posted_ms", u64::MAX.into()), "now_ms", hour), 111),
        ("again-stamp-forged", "a stamp that the relay did not make", posted("stamp", hex([0; 32]).into()), 104),
        ("again-stamp-of-another-tag", "the stamp of another message", posted("franking_tag", hex([9; 32]).into()), 104),
        ("again-time-moved", "a stamp moved to another accepted time", to_accept(&flipped(input, "context", 22, 1)), 104),
        ("again-epoch-moved", "a stamp moved to another epoch", to_accept(&flipped(input, "context", -1, 1)), 104),
        ("again-in-the-future", "stamped 300,001 ms after the relay's clock, one past the most", claimed(alice.clone(), bob.clone(), hour + 300_001), 104),
        ("again-too-old", "the key of the stamp was destroyed", with(good, "stamp_keys", stamp_keys_at(20_001)), 104),
        ("again-other-keys", "a stamp under the keys of another relay", flipped(good, "stamp_keys", 5, 1), 104),
        ("again-of-another-device", "a message of another device of the account", claimed(json!({ "account": "alice", "device": 2 }), bob.clone(), noon), 105),
        ("again-of-another-account", "a message of another account", claimed(json!({ "account": "mallory", "device": 1 }), bob, noon), 105),
        ("again-to-another-account", "a target of another account", posted("target", json!({ "account": "carol", "device": 8 })), 106),
        ("again-to-oneself", "the author's own device", posted("target", json!({ "account": "alice", "device": 1 })), 106),
        ("again-own-to-oneself", "the author's own device, for a note to the own account", claimed_for(json!({ "direct": "alice" }), json!({ "account": "alice", "device": 1 })), 106),
        ("again-group-own", "another device of the author's, for a message to a group", claimed_for(json!({ "group": club }), json!({ "account": "alice", "device": 2 })), 106),
        ("again-to-a-longer-own", "a target whose account begins like the author's", posted("target", json!({ "account": "alicea", "device": 2 })), 106),
        ("again-to-a-prefix", "a target whose account begins alike", posted("target", json!({ "account": "bo", "device": 8 })), 106),
        ("again-group", "a message to a group", claimed(alice.clone(), json!({ "group": club }), noon), 106),
        ("again-group-other", "a message to a group that the target's account is not in", with(&in_group, "members", json!(["alice", "carol"])), 106),
        ("again-group-author", "a message to a group that the author is not in any more", with(&in_group, "members", json!(["bob"])), 106),
        ("again-group-to-oneself", "the author's own device, for a message to a group", {
            let own = claimed_for(json!({ "group": club }), json!({ "account": "alice", "device": 1 }));
            with(&own, "members", json!(["alice"]))
        }, 106),
        ("again-group-long", "a ciphertext of 75,776 bytes for a message to a group, one past the most", longest(75_776), 54),
        ("again-group-direct", "a group with the id of the direct conversation", claimed(alice, json!({ "group": direct }), noon), 106),
    ]);
}
