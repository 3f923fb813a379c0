//! Makes `stamp.json`: identifiers, contexts, stamp keys and stamps.

use super::*;
use crate::mac;
use crate::stamp::epoch_of;
use crate::tests::world::DAY;

pub(super) fn account(input: Input<'_>) -> Outcome {
    let bytes = input.get("bytes").bytes();
    // Bytes that are not UTF-8 never become text. In a context they are refused like any bad
    // account.
    let Ok(text) = core::str::from_utf8(&bytes) else {
        return Err(refused(AccountIdError));
    };
    let id = AccountId::new(text).map_err(refused)?;
    Ok(json!({ "name": id.as_str() }))
}

pub(super) fn conversation_direct(input: Input<'_>) -> Outcome {
    let [one, other] = input.list("accounts")[..] else {
        panic!("a direct conversation has two accounts");
    };
    let conversation = ConversationId::direct(&account_of(one), &account_of(other));
    Ok(json!({ "conversation": hex(conversation.as_bytes()) }))
}

pub(super) fn conversation_group(input: Input<'_>) -> Outcome {
    let conversation = ConversationId::group(&input.get("group_name").bytes());
    Ok(json!({ "conversation": hex(conversation.as_bytes()) }))
}

pub(super) fn epoch_key(input: Input<'_>) -> Outcome {
    let region = input.get("region").text();
    let oldest = input.get("oldest_epoch").number();
    let keys = StampKeys::new(&input.get("root").array(), oldest, region).unwrap();
    let (root, key) = keys.root_and_key(input.get("epoch").number());
    Ok(json!({ "root_of_epoch": hex(root), "epoch_key": hex(key) }))
}

pub(super) fn stamp(input: Input<'_>) -> Outcome {
    let now = Timestamp::from_millis(input.get("accepted_ms").number());
    let (sender, audience) = (
        sender_of(input.get("sender")),
        audience_of(input.get("audience")),
    );
    let claim = stamp_keys_of(input)?
        .stamp_tag(&tag_of(input), &sender, &audience, now)
        .map_err(refused)?;
    Ok(json!({
        "context": hex(claim.context.encode()),
        "conversation": hex(claim.conversation().as_bytes()),
        "stamp": hex(claim.stamp.as_bytes()),
    }))
}

pub(super) fn next_accepted(input: Input<'_>) -> Outcome {
    let time = |input: Input<'_>| Timestamp::from_millis(input.number());
    let next = next_accepted_at(time(input.get("clock_ms")), input.optional("last_ms").map(time));
    Ok(json!({ "accepted_ms": next.as_millis() }))
}

pub(super) fn verify_stamp(input: Input<'_>) -> Outcome {
    let (keys, claim) = (stamp_keys_of(input)?, claim_of(input)?);
    let now = Timestamp::from_millis(input.get("now_ms").number());
    keys.verify(&claim, now).map_err(refused)?;
    Ok(json!({}))
}

pub(super) fn import_stamp_keys(input: Input<'_>) -> Outcome {
    let bytes = input.get("stamp_keys").bytes();
    let keys = StampKeys::import(&bytes).map_err(refused)?;
    assert_eq!(*keys.export(), bytes);
    let region = String::from_utf8(bytes[38..].to_vec()).unwrap();
    Ok(json!({
        "oldest_epoch": keys.oldest_epoch(), "root": hex(&bytes[5..37]), "region": region,
    }))
}

const ROOT: [u8; 32] = [0x52; 32];
const FIRST: u32 = 19_990;

fn export(oldest_epoch: u32, region: &str) -> Vec<u8> {
    let keys = StampKeys::new(&ROOT, oldest_epoch, region).unwrap();
    keys.export().to_vec()
}

/// The input of `stamp`.
pub(super) fn to_stamp(keys: &[u8], audience: Value, now: Timestamp) -> Value {
    json!({
        "stamp_keys": hex(keys), "franking_tag": hex([0x54; 32]),
        "sender": { "account": "alice", "device": 1 }, "audience": audience, "accepted_ms": now.as_millis(),
    })
}

/// The input of `verify_stamp` for a stamp that was just made.
fn to_verify(stamped: &Value, input: &Value) -> Value {
    json!({
        "stamp_keys": input["stamp_keys"], "now_ms": input["accepted_ms"],
        "franking_tag": input["franking_tag"], "context": stamped["context"], "stamp": stamped["stamp"],
    })
}

#[test]
fn stamps() {
    let mut file = Vectors::new(
        CRATE,
        "stamp.json",
        "Identifiers, stamp keys and stamps. SPEC.md, “Identifiers”, “Wire messages”, “Stored”, “Derivations”.",
        "root 32 x 52 of epoch 19,990, region eu, tag 32 x 54, noon of epoch 20,000",
    );
    identifiers(&mut file);
    keys(&mut file);
    let good = stamping(&mut file);
    moved_stamps(&mut file, &good);
    times(&mut file, &good);
    contexts(&mut file, &good);
    accepted_times(&mut file);
    file.finish();
}

fn identifiers(file: &mut Vectors) {
    let input = |bytes: &[u8]| json!({ "bytes": hex(bytes) });
    file.passes("account-shortest", "an account of one byte", "account", input(b"a"));
    file.passes("account-longest", "an account of 128 bytes, the most", "account", input(&[b'a'; 128]));
    file.passes("account-utf8", "an account in UTF-8, not normalised", "account", input("Zoë ☂".as_bytes()));
    let fails: [(&str, &str, &[u8]); 7] = [
        ("account-empty", "an account of no bytes", b""),
        ("account-129", "an account of 129 bytes, one past the most", &[b'a'; 129]),
        ("account-not-utf8", "an account that is not UTF-8", &[0xff]),
        ("account-nul", "an account with a NUL", b"al\0ice"),
        ("account-line-feed", "an account with a line feed", b"alice\n"),
        ("account-delete", "an account with a DEL", b"alice\x7f"),
        ("account-c1", "an account with U+0085, a control character of two bytes", "alice\u{85}".as_bytes()),
    ];
    for (id, comment, bytes) in fails {
        file.fails(id, comment, "account", input(bytes), 55);
    }
    let direct = |one, other| json!({ "accounts": [one, other] });
    let one = file.passes("direct", "the conversation of two accounts", "conversation_direct", direct("alice", "bob"));
    let other = file.passes("direct-reversed", "the same, whichever is named first", "conversation_direct", direct("bob", "alice"));
    assert_eq!(one, other);
    file.passes("direct-oneself", "the conversation of an account with itself", "conversation_direct", direct("bob", "bob"));
    file.passes("direct-prefix", "lengths keep `ab`, `c` and `a`, `bc` apart", "conversation_direct", direct("ab", "c"));
    file.passes("group", "the conversation of a group", "conversation_group", json!({ "group_name": hex("chess club") }));
    file.passes("group-empty", "a group may be named by no bytes", "conversation_group", json!({ "group_name": "" }));
    // `waxseal-roster` names a group by its first authority, here that of the seed 32 x 01.
    let key = "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c";
    let name = hex("waxseal/1/roster/group-authority") + key;
    file.passes("group-authority", "a group of waxseal-roster, by its first authority", "conversation_group", json!({ "group_name": name }));
}

fn keys(file: &mut Vectors) {
    let input = |epoch: u32, region| {
        json!({ "root": hex(ROOT), "oldest_epoch": FIRST, "epoch": epoch, "region": region })
    };
    file.passes("epoch-key-first", "the key of the oldest epoch: no step of the root", "epoch_key", input(FIRST, "eu"));
    file.passes("epoch-key-second", "one step", "epoch_key", input(FIRST + 1, "eu"));
    file.passes("epoch-key-last", "400 steps, the most", "epoch_key", input(FIRST + 400, "eu"));
    file.passes("epoch-key-no-region", "a region without a name", "epoch_key", input(FIRST, ""));

    let stored = |bytes: &[u8]| json!({ "stamp_keys": hex(bytes) });
    let good = export(FIRST, "eu");
    file.passes("stamp-keys", "stored stamp keys", "import_stamp_keys", stored(&good));
    file.passes("stamp-keys-region-64", "a region of 64 bytes, the most", "import_stamp_keys", stored(&export(FIRST, &"r".repeat(64))));
    let mut fails = |id: &str, comment: &str, bytes: &[u8], check| {
        file.fails(id, comment, "import_stamp_keys", stored(bytes), check);
    };
    fails("stamp-keys-cut", "the last byte is missing", &good[..good.len() - 1], 72);
    fails("stamp-keys-root-cut", "cut within the root", &good[..20], 72);
    fails("stamp-keys-extended", "a byte behind the region", &[good.as_slice(), b"x"].concat(), 72);
    fails("stamp-keys-region-65", "a region of 65 bytes, one past the most: then the whole is too long", &[&good[..37], &[65], &[b'r'; 65]].concat(), 51);
    fails("stamp-keys-region-not-utf8", "a region that is not UTF-8", &[&good[..37], &[1, 0xff]].concat(), 72);
    fails("stamp-keys-version", "version 02", &[&[2], &good[1..]].concat(), 52);
}

fn stamping(file: &mut Vectors) -> Value {
    let keys = export(FIRST, "eu");
    let group = ConversationId::group(b"chess club");
    let bob = json!({ "direct": "bob" });
    let club = json!({ "group": hex(group.as_bytes()) });
    let input = to_stamp(&keys, bob.clone(), NOON);
    let direct = file.passes("stamp-direct", "a message of Alice's to Bob", "stamp", input.clone());
    let good = to_verify(&direct, &input);
    file.passes("verify-direct", "its stamp", "verify_stamp", good.clone());
    let input = to_stamp(&keys, club, NOON);
    let stamped = file.passes("stamp-group", "a message of Alice's to a group", "stamp", input.clone());
    file.passes("verify-group", "its stamp", "verify_stamp", to_verify(&stamped, &input));
    let last = Timestamp::from_millis((u64::from(FIRST) + 401) * DAY - 1);
    let input = to_stamp(&keys, bob.clone(), last);
    let stamped = file.passes("stamp-last", "in the last millisecond that these keys reach, 400 epochs after the oldest", "stamp", input.clone());
    file.passes("verify-last", "its stamp", "verify_stamp", to_verify(&stamped, &input));
    let input = to_stamp(&keys, bob.clone(), Timestamp::from_millis(last.as_millis() + 1));
    file.fails("stamp-past-last", "a millisecond later", "stamp", input, 69);
    let input = to_stamp(&keys, bob, Timestamp::from_millis(u64::from(FIRST) * DAY - 1));
    file.fails("stamp-before-first", "in the last millisecond before the oldest epoch, whose key is destroyed", "stamp", input, 69);
    good
}

/// The context of the vector `good`, in which `change` alters fields after it was stamped.
fn context(change: impl FnOnce(&mut StampContext)) -> String {
    let mut context = StampContext {
        sender: DeviceAddress::new(account_id("alice"), DeviceId(1)),
        audience: Audience::Direct(account_id("bob")),
        accepted_at: NOON,
        epoch: epoch_of(NOON).unwrap(),
    };
    change(&mut context);
    hex(context.encode())
}

fn account_id(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

fn moved_stamps(file: &mut Vectors, good: &Value) {
    let mut fails = |id: &str, comment: &str, input: Value| {
        file.fails(id, comment, "verify_stamp", input, 71);
    };
    fails("stamp-first-bit", "the first bit of the stamp", flipped(good, "stamp", 0, 0x80));
    fails("stamp-last-bit", "the last bit of the stamp", flipped(good, "stamp", -1, 1));
    fails("stamp-zeros", "a stamp of zeros", with(good, "stamp", hex([0; 32])));
    fails("tag-bit", "one bit of the tag", flipped(good, "franking_tag", 31, 1));
    fails("another-region", "the keys of another region", with(good, "stamp_keys", hex(export(FIRST, "us"))));
    fails("another-root", "one bit of the root", flipped(good, "stamp_keys", 5, 1));
    fails("root-of-another-epoch", "the same root said to be of the epoch after", with(good, "stamp_keys", hex(export(FIRST + 1, "eu"))));
    let moved: [(&str, &str, fn(&mut StampContext)); 6] = [
        ("another-sender", "moved to another sender", |c| c.sender.account = account_id("alicf")),
        ("another-device", "moved to another device of the sender", |c| c.sender.device = DeviceId(2)),
        ("another-recipient", "moved to another recipient", |c| c.audience = Audience::Direct(account_id("bobb"))),
        ("to-a-group", "moved from the direct conversation to a group of its id", |c| {
            c.audience = Audience::Group(c.conversation());
        }),
        ("sender-recipient-swapped", "sender and recipient swapped", |c| {
            c.sender.account = account_id("bob");
            c.audience = Audience::Direct(account_id("alice"));
        }),
        ("another-time", "moved to another millisecond", |c| c.accepted_at = Timestamp::from_millis(c.accepted_at.as_millis() - 1)),
    ];
    for (id, comment, change) in moved {
        fails(id, comment, with(good, "context", context(change)));
    }
    let day_before = context(|c| {
        c.accepted_at = Timestamp::from_millis(c.accepted_at.as_millis() - DAY);
        c.epoch -= 1;
    });
    fails("another-day", "moved to the day before, its epoch with it", with(good, "context", day_before));
    // HMAC pads keys with zeros, so only the label keeps the uses of a key apart: try other labels.
    let claim = claim_of(Input::of(good)).unwrap();
    let (tag, encoded) = (claim.tag.as_bytes(), claim.context.encode());
    let (_, key) = StampKeys::new(&ROOT, FIRST, "eu").unwrap().root_and_key(claim.context.epoch);
    let version_2 = String::from_utf8(labels::STAMP.to_vec()).unwrap().replace("/1/", "/2/");
    for (id, comment, label) in [
        ("no-label", "the MAC over tag and context without a label", b"".as_slice()),
        ("label-of-deliveries", "the MAC under the label of deliveries", labels::DELIVERY),
        ("label-of-version-2", "the MAC under a label of version 2", version_2.as_bytes()),
    ] {
        let stamp = mac::hmac(&key, &[label, tag, &encoded]);
        fails(id, comment, with(good, "stamp", hex(stamp)));
    }
}

fn times(file: &mut Vectors, good: &Value) {
    let now = |ms: u64| with(good, "now_ms", ms);
    file.passes("skew-most", "300,000 ms ahead of the intake's clock, the most", "verify_stamp", now(NOON.as_millis() - 300_000));
    file.passes("verify-late", "a message of long ago", "verify_stamp", now(NOON.as_millis() + 1_000 * DAY));
    let mut fails = |id: &str, comment: &str, input: Value, check| {
        file.fails(id, comment, "verify_stamp", input, check);
    };
    fails("skew-past", "300,001 ms ahead, one past the most", now(NOON.as_millis() - 300_001), 70);
    fails("time-end", "accepted in the last millisecond of epoch 4,294,967,295", {
        let time = Timestamp::from_millis(u64::from(u32::MAX) * DAY + DAY - 1);
        with(good, "context", context(|c| { c.accepted_at = time; c.epoch = u32::MAX; }))
    }, 70);
    fails("epoch-later", "the epoch of the day after", with(good, "context", context(|c| c.epoch += 1)), 68);
    fails("epoch-earlier", "the epoch of the day before", with(good, "context", context(|c| c.epoch -= 1)), 68);
    fails("epoch-past-u32", "a time whose epoch needs 33 bits, with the low 32 of it", {
        let time = Timestamp::from_millis((u64::from(u32::MAX) + 1) * DAY);
        with(good, "context", context(|c| { c.accepted_at = time; c.epoch = 0; }))
    }, 68);
    fails("epoch-destroyed", "the oldest epoch kept is the day after", with(good, "stamp_keys", hex(export(20_001, "eu"))), 69);
    fails("epoch-out-of-reach", "401 epochs after the oldest, one past the most", with(good, "stamp_keys", hex(export(20_000 - 401, "eu"))), 69);
}

fn accepted_times(file: &mut Vectors) {
    let noon = NOON.as_millis();
    for (id, comment, last) in [
        ("accepted-first", "a device's first message: the clock's time", None),
        ("accepted-later", "the message before is of an hour ago", Some(noon - 3_600_000)),
        ("accepted-just-after", "the message before is of the millisecond before", Some(noon - 1)),
        ("accepted-same-ms", "the message before is of the same millisecond: one later", Some(noon)),
        ("accepted-ahead-most", "the message before is 300,000 ms ahead of the clock, the most: one later", Some(noon + 300_000)),
        ("accepted-ahead-past", "the message before is 300,001 ms ahead, one past the most: the clock's time", Some(noon + 300_001)),
        ("accepted-ahead-end", "the message before is of the last millisecond that there is: the clock's time", Some(u64::MAX)),
    ] {
        file.passes(id, comment, "next_accepted", json!({ "clock_ms": noon, "last_ms": last }));
    }
}

fn contexts(file: &mut Vectors, good: &Value) {
    let mut fails = |id: &str, comment: &str, input: Value, check| {
        file.fails(id, comment, "verify_stamp", input, check);
    };
    fails("context-empty", "a context of no bytes", with(good, "context", ""), 54);
    fails("context-cut", "the last byte of the context is missing", changed(good, "context", |c| { c.pop(); }), 54);
    fails("context-extended", "a byte behind the context", changed(good, "context", |c| c.push(0)), 54);
    fails("context-audience-0", "an audience of kind 0", changed(good, "context", |c| c[10] = 0), 54);
    fails("context-audience-3", "an audience of kind 3, one past the last", changed(good, "context", |c| c[10] = 3), 54);
    fails("context-group-cut", "a group's audience with an account's bytes", changed(good, "context", |c| c[10] = 2), 54);
    fails("context-sender-empty", "a sender without an account", changed(good, "context", |c| { c.drain(1..6); c[0] = 0; }), 55);
    fails("context-recipient-control", "a control character in the recipient", changed(good, "context", |c| c[12] = 0x1f), 55);
    fails("context-sender-not-utf8", "a sender that is not UTF-8", changed(good, "context", |c| c[1] = 0xff), 55);
}
