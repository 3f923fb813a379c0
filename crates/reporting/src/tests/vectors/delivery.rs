//! Makes `delivery.json`: envelopes, deliveries, receipts, and what the channel binds.

use chacha20poly1305::aead::{Aead, KeyInit, Payload as AeadPayload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::*;
use crate::channel::{OpeningChannel, SealingChannel, associated_data};
use crate::franked::Franked;
use crate::franking::FrankingKey;
use crate::parts::encode_parts;
use crate::tests::world::rng;
use crate::wire;

pub(super) fn decode_envelope(input: Input<'_>) -> Outcome {
    let bytes = input.get("envelope").bytes();
    let envelope = Envelope::decode(&bytes).map_err(refused)?;
    assert_eq!(envelope.encode(), bytes);
    Ok(json!({
        "franking_tag": hex(envelope.tag().as_bytes()), "ciphertext": hex(envelope.ciphertext()),
    }))
}

pub(super) fn deliver(input: Input<'_>) -> Outcome {
    let claim = claim_of(input)?;
    let mut stamped = claim.encode();
    stamped.extend(input.get("ciphertext").bytes());
    let delivery = StampedEnvelope::decode(&stamped).map_err(refused)?.deliver(&key(input)).encode();
    let decoded: wire::Delivery = wire::decode(&delivery, MAX_DELIVERY_LEN).map_err(refused)?;
    Ok(json!({
        "delivery_mac": hex(decoded.delivery_mac), "delivery": hex(delivery), "stamped": hex(stamped),
    }))
}

pub(super) fn open_delivery(input: Input<'_>) -> Outcome {
    let delivery = Delivery::decode(&input.get("delivery").bytes()).map_err(refused)?;
    let groups: Vec<[u8; 32]> = input.list("groups").iter().map(|group| group.array()).collect();
    let me = sender_of(input);
    let opened = delivery
        .authenticate_in_groups(&key(input), &me, |group| groups.contains(group.as_bytes()))
        .map_err(refused)?;
    let claim = opened.claim();
    Ok(json!({
        "franking_tag": hex(claim.tag.as_bytes()),
        "sender": sender_json(&claim.context.sender),
        "conversation": hex(claim.conversation().as_bytes()),
        "accepted_ms": claim.context.accepted_at.as_millis(),
        "ciphertext": hex(opened.ciphertext()), "own_copy": opened.is_own_copy(),
    }))
}

pub(super) fn make_receipt(input: Input<'_>) -> Outcome {
    let receipt = Receipt::new(&claim_of(input)?, &key(input)).encode();
    let decoded: wire::Receipt = wire::decode(&receipt, MAX_RECEIPT_LEN).map_err(refused)?;
    Ok(json!({ "receipt_mac": hex(decoded.receipt_mac), "receipt": hex(receipt) }))
}

pub(super) fn confirm_receipt(input: Input<'_>) -> Outcome {
    let sent = SentMessage::decode(&input.get("sent_message").bytes()).map_err(refused)?;
    let receipt = Receipt::decode(&input.get("receipt").bytes()).map_err(refused)?;
    let evidence = receipt.authenticate(&key(input), &sent).map_err(refused)?;
    Ok(json!({ "evidence": hex(&*evidence.encode()) }))
}

/// The channel of the vectors: one key and a nonce of zeros.
struct OneKey([u8; 32]);

#[derive(Debug, thiserror::Error)]
#[error("the channel refused")]
struct ChannelRefused;

impl SealingChannel for OneKey {
    type Error = ChannelRefused;

    fn encrypt(&mut self, plaintext: &[u8], aad: &[u8], _: &mut impl CryptoRng) -> Result<Vec<u8>, ChannelRefused> {
        let payload = AeadPayload { msg: plaintext, aad };
        let cipher = ChaCha20Poly1305::new(&self.0.into());
        cipher.encrypt(&Nonce::default(), payload).map_err(|_| ChannelRefused)
    }
}

impl OpeningChannel for OneKey {
    type Error = ChannelRefused;

    fn decrypt(&mut self, ciphertext: &[u8], aad: &[u8]) -> Result<Zeroizing<Vec<u8>>, ChannelRefused> {
        let payload = AeadPayload { msg: ciphertext, aad };
        let cipher = ChaCha20Poly1305::new(&self.0.into());
        let plaintext = cipher.decrypt(&Nonce::default(), payload).map_err(|_| ChannelRefused)?;
        Ok(plaintext.into())
    }
}

pub(super) fn open_channel(input: Input<'_>) -> Outcome {
    let mut channel = OneKey(input.get("channel_key").array());
    let envelope = Envelope::new(tag_of(input), input.get("ciphertext").bytes());
    let sender = sender_of(input.get("sender"));
    let conversation = ConversationId::from_bytes(input.get("conversation").array());
    open_unstamped(&mut channel, &sender, &conversation, &envelope).map_err(refused)?;
    let data = associated_data(&tag_of(input), &sender, &conversation);
    let plaintext = channel.decrypt(envelope.ciphertext(), &data).map_err(refused)?;
    Ok(json!({ "associated_data": hex(data), "plaintext": hex(&*plaintext) }))
}

pub(super) const DELIVERY_KEY: [u8; 32] = [0x44; 32];

fn franked() -> Franked {
    let parts = franking::text("Hello, world");
    let encoded = encode_parts(parts.iter().map(Vec::as_slice));
    Franked::new(&FrankingKey::from_bytes([0x4b; 32]), &encoded)
}

pub(super) fn tag() -> FrankingTag {
    franked().tag_from(&DeviceAddress::new(AccountId::new("alice").unwrap(), DeviceId(1)), franking::conversation())
}

/// Tag, context and stamp of a message from Alice, with the delivery key.
pub(super) fn stamped(audience: Value) -> Value {
    let keys = StampKeys::new(&[0x52; 32], 19_990, "eu").unwrap().export();
    let mut input = stamp::to_stamp(&keys, audience, NOON);
    input["franking_tag"] = hex(tag().as_bytes()).into();
    let stamped = stamp::stamp(Input::of(&input)).unwrap();
    json!({
        "delivery_key": hex(DELIVERY_KEY), "franking_tag": input["franking_tag"],
        "context": stamped["context"], "stamp": stamped["stamp"],
    })
}

#[test]
fn deliveries_and_receipts() {
    let mut file = Vectors::new(
        CRATE,
        "delivery.json",
        "Envelopes, deliveries, receipts, answers, and a channel's associated data. SPEC.md, “Wire messages”, “Derivations”.",
        "delivery key 32 x 44; the message of `commit-text` in franking.json, stamped as in stamp.json; channel: one ChaCha20-Poly1305 key, 32 x 43, and a nonce of zeros",
    );
    envelopes(&mut file);
    deliveries(&mut file);
    queue::queue(&mut file);
    queue::answers(&mut file);
    groups(&mut file);
    receipts(&mut file);
    channel(&mut file);
    file.finish();
}

/// Breaks a wire message in every possible way. Lists the name, a description, the bytes and the
/// check of each way.
pub(super) fn broken(good: &[u8], last: &[u8]) -> Vec<(&'static str, &'static str, Vec<u8>, u16)> {
    let rest = &good[35..];
    vec![
        ("empty", "no bytes at all", vec![], 53),
        ("version-0", "version 00", [&[0], &good[1..]].concat(), 52),
        ("version-1", "version 01", [&[1], &good[1..]].concat(), 52),
        ("version-3", "version 03", [&[3], &good[1..]].concat(), 52),
        ("cut", "the last byte is missing", good[..good.len() - 1].to_vec(), 53),
        ("cut-in-tag", "cut within the tag", good[..20].to_vec(), 53),
        ("extended", "a byte behind the message", [good, &[0]].concat(), 53),
        ("unknown-field", "a field 15 behind the message", [good, &[0x7a, 0]].concat(), 53),
        ("repeated-field", "the last field twice", [good, last].concat(), 53),
        ("fields-swapped", "the tag behind the others", [&good[..1], rest, &good[1..35]].concat(), 53),
        ("long-varint", "the tag's length in two bytes", [&good[..2], &[0xa0, 0], &good[3..]].concat(), 53),
        ("wrong-wire-type", "the tag as a number", [&good[..1], &[0x08, 0x20], rest].concat(), 53),
        ("tag-31", "a tag of 31 bytes", [&good[..2], &[31], &good[3..34], rest].concat(), 54),
        ("tag-33", "a tag of 33 bytes", [&good[..2], &[33], &good[3..35], &[0], rest].concat(), 54),
        ("tag-missing", "no tag", [&good[..1], rest].concat(), 54),
    ]
}

fn envelopes(file: &mut Vectors) {
    let input = |envelope: &[u8]| json!({ "envelope": hex(envelope) });
    let tag = *tag().as_bytes();
    let good = Envelope::new(FrankingTag::from_bytes(tag), b"ciphertext".to_vec()).encode();
    file.passes("envelope", "a tag and a ciphertext", "decode_envelope", input(&good));
    let longest = Envelope::new(FrankingTag::from_bytes(tag), vec![0xc7; MAX_CIPHERTEXT_LEN]).encode();
    file.passes("envelope-longest", "a ciphertext of 75,776 bytes, the most", "decode_envelope", input(&longest));
    let mut fails = |id: &str, comment: &str, bytes: &[u8], check| {
        file.fails(id, comment, "decode_envelope", input(bytes), check);
    };
    fails("envelope-version-1", "version 01", &[&[1], &good[1..]].concat(), 52);
    fails("envelope-version-3", "version 03", &[&[3], &good[1..]].concat(), 52);
    fails("envelope-cut-in-tag", "cut within the tag", &good[..32], 115);
    fails("envelope-no-ciphertext", "no ciphertext", &good[..33], 115);
    fails("envelope-too-long", "a ciphertext of 75,777 bytes, one past the most", &[longest.as_slice(), &[0xc7]].concat(), 51);
}

/// The input of `open_delivery` for Bob.
fn to_open(delivery: &Value) -> Value {
    json!({ "delivery_key": hex(DELIVERY_KEY), "account": "bob", "device": 7, "groups": [], "delivery": delivery })
}

fn edit(delivery: &Value, change: impl FnOnce(&mut wire::Delivery)) -> String {
    let bytes = harness::unhex(delivery.as_str().unwrap());
    let mut decoded: wire::Delivery = wire::decode(&bytes, usize::MAX).unwrap();
    change(&mut decoded);
    hex(wire::encode(&decoded))
}

fn deliveries(file: &mut Vectors) {
    let mut input = stamped(json!({ "direct": "bob" }));
    input["ciphertext"] = hex("ciphertext").into();
    let delivered = file.passes("deliver", "a message of Alice's for Bob's device", "deliver", input.clone());
    let good = to_open(&delivered["delivery"]);
    file.passes("open-delivery", "the same as Bob's device takes it", "open_delivery", good.clone());
    let longest = with(&input, "ciphertext", hex(vec![0xc7; MAX_CIPHERTEXT_LEN]));
    let longest = deliver(Input::of(&longest)).unwrap();
    file.passes("open-delivery-longest", "a ciphertext of the most bytes", "open_delivery", to_open(&longest["delivery"]));

    let bytes = harness::unhex(delivered["delivery"].as_str().unwrap());
    let ciphertext = &bytes[bytes.len() - 12..];
    for (id, comment, bytes, check) in broken(&bytes, ciphertext) {
        file.fails(&format!("delivery-{id}"), comment, "open_delivery", with(&good, "delivery", hex(bytes)), check);
    }
    file.fails("delivery-too-long", "76,218 bytes, one past the most, of whatever", "open_delivery", with(&good, "delivery", hex(vec![2; MAX_DELIVERY_LEN + 1])), 51);
    let edits: [(&str, &str, fn(&mut wire::Delivery), u16); 17] = [
        ("stamp-stripped", "no stamp", |d| d.stamp.clear(), 63),
        ("mac-stripped", "no delivery MAC", |d| d.delivery_mac.clear(), 63),
        ("both-stripped", "neither stamp nor MAC", |d| { d.stamp.clear(); d.delivery_mac.clear(); }, 63),
        ("stamp-31", "a stamp of 31 bytes", |d| { d.stamp.pop(); }, 54),
        ("mac-31", "a delivery MAC of 31 bytes: never a prefix", |d| { d.delivery_mac.pop(); }, 54),
        ("mac-33", "a delivery MAC of 33 bytes", |d| d.delivery_mac.push(0), 54),
        ("context-missing", "no context", |d| d.stamp_context.clear(), 54),
        ("context-extended", "a byte behind the context", |d| d.stamp_context.push(0), 54),
        ("context-control", "a control character in the sender", |d| d.stamp_context[1] = 1, 55),
        ("ciphertext-missing", "no ciphertext, under the MAC of one", |d| d.ciphertext.clear(), 64),
        ("tag-bit", "one bit of the tag", |d| d.franking_tag[0] ^= 1, 64),
        ("device-bit", "one bit of the sender's device", |d| d.stamp_context[9] ^= 2, 64),
        ("time-bit", "one bit of the accepted time", |d| d.stamp_context[22] ^= 1, 64),
        ("stamp-bit", "one bit of the stamp", |d| d.stamp[31] ^= 1, 64),
        ("mac-bit", "one bit of the MAC", |d| d.delivery_mac[31] ^= 1, 64),
        ("ciphertext-bit", "one bit of the ciphertext", |d| d.ciphertext[0] ^= 1, 64),
        ("ciphertext-extended", "a byte behind the ciphertext", |d| d.ciphertext.push(0), 64),
    ];
    for (id, comment, change, check) in edits {
        let delivery = edit(&delivered["delivery"], change);
        file.fails(&format!("delivery-{id}"), comment, "open_delivery", with(&good, "delivery", delivery), check);
    }
    let mut fails = |id: &str, comment: &str, input: Value, check| {
        file.fails(id, comment, "open_delivery", input, check);
    };
    fails("delivery-another-device", "the key of another device", flipped(&good, "delivery_key", 0, 1), 64);
    fails("delivery-another-account", "addressed to Bob, and taken by Carol's device that has the same key", with(&good, "account", "carol"), 65);
    let receipt = make_receipt(Input::of(&input)).unwrap();
    let mac = harness::unhex(receipt["receipt_mac"].as_str().unwrap());
    let delivery = edit(&delivered["delivery"], |delivery| delivery.delivery_mac = mac);
    fails("delivery-receipt-mac", "the MAC of the receipt for the same message", with(&good, "delivery", delivery), 64);
    let posted = fanout::posted();
    neighbours::deliveries(file, &good, &posted);
}

fn groups(file: &mut Vectors) {
    let club = ConversationId::group(b"chess club");
    let club = hex(club.as_bytes());
    let mut input = stamped(json!({ "group": club }));
    input["ciphertext"] = hex("ciphertext").into();
    let delivered = file.passes("deliver-group", "a message of Alice's to a group", "deliver", input);
    let mut good = to_open(&delivered["delivery"]);
    good["groups"] = json!([club]);
    file.passes("open-delivery-group", "taken by a member", "open_delivery", good.clone());
    file.fails("delivery-not-a-member", "taken by an account that is in no group", "open_delivery", with(&good, "groups", json!([])), 65);
    let other = hex(ConversationId::group(b"another club").as_bytes());
    file.fails("delivery-other-group", "taken by a member of another group", "open_delivery", with(&good, "groups", json!([other])), 65);
    let disguises = [
        ("delivery-direct-in-disguise", "a group whose id is the direct conversation of sender and recipient, even if it is called a member", ["alice", "bob"]),
        ("delivery-sender-alone-in-disguise", "a group whose id is the sender's conversation with themselves: the intake refuses its reports", ["alice", "alice"]),
        ("delivery-recipient-alone-in-disguise", "a group whose id is the recipient's conversation with themselves", ["bob", "bob"]),
    ];
    for (id, comment, pair) in disguises {
        let [one, other] = pair.map(|name| AccountId::new(name).unwrap());
        let direct = hex(ConversationId::direct(&one, &other).as_bytes());
        let mut input = stamped(json!({ "group": direct }));
        input["ciphertext"] = hex("ciphertext").into();
        let delivered = deliver(Input::of(&input)).unwrap();
        let mut disguised = to_open(&delivered["delivery"]);
        disguised["groups"] = json!([direct]);
        file.fails(id, comment, "open_delivery", disguised, 65);
    }
}

fn receipts(file: &mut Vectors) {
    let input = stamped(json!({ "direct": "bob" }));
    let made = file.passes("make-receipt", "the receipt of the same message for Alice's device", "make_receipt", input.clone());
    let sender = DeviceAddress::new(AccountId::new("alice").unwrap(), DeviceId(1));
    let mut sent = vec![2];
    sender.put(&mut sent);
    sent.extend_from_slice(franking::conversation().as_bytes());
    sent.extend_from_slice(franked().as_bytes());
    let good = json!({
        "delivery_key": hex(DELIVERY_KEY), "receipt": made["receipt"], "sent_message": hex(&sent),
    });
    file.passes("confirm-receipt", "the sent message with its stamp becomes evidence", "confirm_receipt", good.clone());

    let bytes = harness::unhex(made["receipt"].as_str().unwrap());
    for (id, comment, bytes, check) in broken(&bytes, &bytes[bytes.len() - 34..]) {
        file.fails(&format!("receipt-{id}"), comment, "confirm_receipt", with(&good, "receipt", hex(bytes)), check);
    }
    let mut fails = |id: &str, comment: &str, input: Value, check| {
        file.fails(id, comment, "confirm_receipt", input, check);
    };
    fails("receipt-mac-bit", "the last bit of the MAC", flipped(&good, "receipt", -1, 1), 66);
    fails("receipt-tag-bit", "one bit of the tag", flipped(&good, "receipt", 3, 1), 66);
    fails("receipt-another-device", "the key of another device", flipped(&good, "delivery_key", 0, 1), 66);
    fails("receipt-stamp-stripped", "no stamp and no MAC", changed(&good, "receipt", |r| r.truncate(35 + 29)), 63);
    let mut delivery = input.clone();
    delivery["ciphertext"] = hex("ciphertext").into();
    let mac = harness::unhex(deliver(Input::of(&delivery)).unwrap()["delivery_mac"].as_str().unwrap());
    fails("receipt-delivery-mac", "the MAC of the delivery of the same message", changed(&good, "receipt", |r| { let at = r.len() - 32; r[at..].copy_from_slice(&mac); }), 66);

    fails("receipt-other-text", "for a message with another text", changed(&good, "sent_message", |s| { let at = s.len() - 1; s[at] ^= 1; }), 67);
    fails("receipt-other-key", "for a message with another franking key", changed(&good, "sent_message", |s| s[43] ^= 1), 67);
    fails("receipt-other-device", "for a message that another device of Alice's sent", changed(&good, "sent_message", |s| s[10] = 2), 67);
    let group = stamped(json!({ "group": hex(ConversationId::group(b"chess club").as_bytes()) }));
    let group = make_receipt(Input::of(&group)).unwrap();
    fails("receipt-other-conversation", "stamped in a group, for a message to Bob", with(&good, "receipt", group["receipt"].clone()), 67);

    fails("receipt-sent-elsewhere", "for a message that was sent to another conversation", changed(&good, "sent_message", |s| s[11] ^= 1), 67);
    fails("sent-cut", "a stored sent message without its last byte", changed(&good, "sent_message", |s| { s.pop(); }), 92);
    fails("sent-extended", "a byte behind a stored sent message", changed(&good, "sent_message", |s| s.push(0)), 92);
    fails("sent-sender-empty", "a stored sent message without a sender's account", changed(&good, "sent_message", |s| { s.drain(2..7); s[1] = 0; }), 92);
    fails("sent-flags", "a header with an unknown flag in a stored sent message", changed(&good, "sent_message", |s| s[80] = 4), 92);
    fails("sent-version-1", "a stored sent message of version 02 under the version byte 01", changed(&good, "sent_message", |s| s[0] = 1), 92);
    fails("sent-version-3", "a stored sent message of version 03", changed(&good, "sent_message", |s| s[0] = 3), 52);
    neighbours::receipts(file, &good);
    sent_1(file);
    attached::receipts(file);
}

/// A message that was stored in format 01 before its receipt arrived.
fn sent_1(file: &mut Vectors) {
    let parts = franking::text_1("Hello, world", franking::conversation());
    let franked = Franked::new(&FrankingKey::from_bytes([0x4b; 32]), &encode_parts(parts.iter().map(Vec::as_slice)));
    let keys = StampKeys::new(&[0x52; 32], 19_990, "eu").unwrap();
    let alice = DeviceAddress::new(AccountId::new("alice").unwrap(), DeviceId(1));
    let to_bob = Audience::Direct(AccountId::new("bob").unwrap());
    let claim = keys.stamp_tag(&franked.tag_1(), &alice, &to_bob, NOON).unwrap();
    let receipt = Receipt::new(&claim, &DeliveryKey::from_bytes(DELIVERY_KEY)).encode();
    let mut sent = vec![1];
    alice.put(&mut sent);
    sent.extend_from_slice(franked.as_bytes());
    let good = json!({
        "delivery_key": hex(DELIVERY_KEY), "receipt": hex(receipt), "sent_message": hex(sent),
    });
    file.passes("confirm-receipt-1", "a sent message that was stored in format 01 becomes evidence of format 01", "confirm_receipt", good.clone());
    file.fails("receipt-1-elsewhere", "one bit of the conversation in the header of format 01", "confirm_receipt", changed(&good, "sent_message", |s| s[49] ^= 1), 67);
    file.fails("sent-1-version-2", "a stored sent message of version 01 under the version byte 02", "confirm_receipt", changed(&good, "sent_message", |s| s[0] = 2), 92);
    neighbours::sent_1(file, &good);
}

fn channel(file: &mut Vectors) {
    let conversation = ConversationId::direct(&AccountId::new("alice").unwrap(), &AccountId::new("bob").unwrap());
    let sender = DeviceAddress::new(AccountId::new("alice").unwrap(), DeviceId(1));
    let data = associated_data(&tag(), &sender, &conversation);
    let mut channel = OneKey([0x43; 32]);
    let sealed = channel.encrypt(franked().padded(), &data, &mut rng(0)).unwrap();
    let good = json!({
        "channel_key": hex([0x43; 32]), "franking_tag": hex(tag().as_bytes()),
        "sender": sender_json(&sender), "conversation": hex(conversation.as_bytes()), "ciphertext": hex(sealed),
    });
    file.passes("channel", "tag, sender and conversation in a channel's associated data", "open_channel", good.clone());
    let mut fails = |id: &str, comment: &str, input: Value| {
        file.fails(id, comment, "open_channel", input, 93);
    };
    fails("channel-tag", "one bit of the tag", flipped(&good, "franking_tag", 0, 1));
    fails("channel-sender", "another sender", with(&good, "sender", json!({ "account": "alicf", "device": 1 })));
    fails("channel-device", "another device of the sender", with(&good, "sender", json!({ "account": "alice", "device": 2 })));
    fails("channel-conversation", "one bit of the conversation", flipped(&good, "conversation", 31, 1));
    file.fails("channel-nothing", "no ciphertext: the message was not sealed for this device", "open_channel", with(&good, "ciphertext", ""), 294);
    let mut fails = |id: &str, comment: &str, input: Value| {
        file.fails(id, comment, "open_channel", input, 93);
    };
    fails("channel-ciphertext", "one bit of the ciphertext", flipped(&good, "ciphertext", -1, 1));
}
