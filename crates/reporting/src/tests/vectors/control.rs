//! Makes `control.json`: control messages, and refusals.

use zeroize::Zeroizing;

use super::neighbours::{Fields, all_fail, version_1};
use super::*;
use crate::franking::FrankingKey;
use crate::tests::world::{bytes_of, device};
use crate::{mac, padding};

fn conversation_of(input: Input<'_>) -> ConversationId {
    ConversationId::from_bytes(input.get("conversation").array())
}

fn tags_of(input: Input<'_>, name: &str) -> Vec<FrankingTag> {
    input.list(name).iter().map(|tag| FrankingTag::from_bytes(tag.array())).collect()
}

fn tags_json(tags: &[FrankingTag]) -> Value {
    tags.iter().map(|tag| hex(tag.as_bytes())).collect()
}

fn group_of(input: Input<'_>) -> ConversationId {
    ConversationId::from_bytes(input.get("group").array())
}

pub(super) fn seal_control(input: Input<'_>) -> Outcome {
    let bytes = |name: &str| input.optional(name).map(|value| value.bytes());
    let control = Control {
        delivered: tags_of(input, "delivered"), opened: tags_of(input, "opened"),
        roster: bytes("roster"), sync: bytes("sync").map(Zeroizing::new),
        authority: input.optional("authority").map(|given| Box::new(AuthorityRecord {
            seed: Zeroizing::new(given.get("seed").array()), group: group_of(given), version: given.get("version").number(),
        })),
        welcome: input.optional("welcome").map(|given| Box::new(WelcomeRecord {
            group: group_of(given), version: given.get("version").number(), state_hash: given.get("state_hash").array(),
        })),
        state_wanted: input.optional("state_wanted").map(|given| StateWanted {
            group: group_of(given), version: given.get("version").number(),
        }),
    };
    let key = FrankingKey::from_bytes(input.get("franking_key").array());
    let sender = sender_of(input.get("sender"));
    let (tag, plaintext) = control.commit(&key, &sender, &conversation_of(input)).unwrap();
    Ok(json!({ "franking_tag": hex(tag.as_bytes()), "plaintext": hex(&*plaintext) }))
}

pub(super) fn open_control(input: Input<'_>) -> Outcome {
    let (plaintext, sender) = (input.get("plaintext").bytes(), sender_of(input.get("sender")));
    let opened = Control::open(&plaintext, &tag_of(input), &sender, &conversation_of(input));
    let opened = opened.map_err(refused)?;
    Ok(json!({
        "delivered": tags_json(&opened.delivered), "opened": tags_json(&opened.opened),
        "roster": opened.roster.map(hex), "sync": opened.sync.map(|sync| hex(&*sync)),
        "authority": opened.authority.map(|read| json!({
            "seed": hex(*read.seed), "group": hex(read.group.as_bytes()), "version": read.version,
        })),
        "welcome": opened.welcome.map(|read| json!({
            "group": hex(read.group.as_bytes()), "version": read.version, "state_hash": hex(read.state_hash),
        })),
        "state_wanted": opened.state_wanted.map(|read| json!({ "group": hex(read.group.as_bytes()), "version": read.version })),
    }))
}

pub(super) fn refusal_data(input: Input<'_>) -> Outcome {
    let (refuser, author) = (sender_of(input.get("refuser")), account_of(input.get("account")));
    Ok(json!({ "associated_data": hex(refusal_associated_data(&tag_of(input), &refuser, &author)) }))
}

pub(super) fn read_refusal(input: Input<'_>) -> Outcome {
    let bytes = input.get("content").bytes();
    let refusal = Refusal::decode(&bytes).ok_or_else(|| refused(DecodeError::Malformed))?;
    assert_eq!(*refusal.encode().unwrap(), bytes);
    let sessions: Value = refusal.sessions.iter().map(hex).collect();
    let messages = refusal.messages.iter();
    let messages: Value = messages.map(|(tag, at)| json!({ "franking_tag": hex(tag.as_bytes()), "accepted_ms": at.as_millis() })).collect();
    Ok(json!({ "messages": messages, "sessions": sessions }))
}

#[test]
fn control_messages_and_refusals() {
    let mut file = Vectors::new(
        CRATE,
        "control.json",
        "Control messages, and the content and associated data of refusals. SPEC.md, “Control messages”, “Refusals”.",
        "franking key 32 x 4b; sender alice, device 1; conversation of alice and bob",
    );
    controls(&mut file);
    refusals(&mut file);
    file.finish();
}

const KEY: [u8; 32] = [0x4b; 32];

fn record(kind: u16, value: &[u8]) -> Vec<u8> {
    let len = u16::try_from(value.len()).unwrap();
    [&kind.to_be_bytes(), &len.to_be_bytes(), value].concat()
}

fn padded(content: &[u8]) -> Vec<u8> {
    let mut padded = content.to_vec();
    padding::pad(&mut padded);
    padded
}

/// The fields of the tag of a control message of Alice's for Bob, under the key for such tags.
fn fields<'a>(key: &'a [u8; 32], alice: &'a [u8], conversation: &'a [u8; 32], len: &'a [u8; 4], control: &'a [u8]) -> Fields<'a> {
    Fields { key, fields: vec![labels::CONTROL_TAG, alice, conversation, len, control] }
}

/// The input of `open_control` for any bytes as a control message, under the tag that is theirs.
fn to_open(control: &[u8]) -> Value {
    let conversation = franking::conversation();
    let alice = bytes_of(|out| device("alice", 1).put(out));
    let key = mac::expand(mac::keyed(&KEY), &[labels::CONTROL_KEY]);
    let len = u32::try_from(control.len()).unwrap().to_be_bytes();
    let tag = fields(&key, &alice, conversation.as_bytes(), &len, control).mac();
    json!({
        "sender": { "account": "alice", "device": 1 }, "conversation": hex(conversation.as_bytes()),
        "franking_tag": hex(tag), "plaintext": hex(padded(&[&KEY, &[0][..], control].concat())),
    })
}

fn controls(file: &mut Vectors) {
    let tag = |byte: u8| hex([byte; 32]);
    let input = |delivered: Value, opened: Value| json!({
        "franking_key": hex(KEY), "sender": { "account": "alice", "device": 1 },
        "conversation": hex(franking::conversation().as_bytes()), "delivered": delivered, "opened": opened,
        "roster": null, "sync": null, "authority": null, "welcome": null, "state_wanted": null,
    });
    let most = |count: u8| -> Value { (1..=count).map(tag).collect() };
    let sealed = file.passes("control", "one message arrived", "seal_control", input(json!([tag(9)]), json!([])));
    file.passes("control-both", "two messages arrived, and one of them was shown", "seal_control", input(json!([tag(9), tag(10)]), json!([tag(9)])));
    file.passes("control-empty", "no record", "seal_control", input(json!([]), json!([])));
    file.passes("control-most", "64 messages arrived and 63 were shown, the most", "seal_control", input(most(64), most(63)));

    let records = |roster: Value, sync: Value| with(&with(&input(json!([]), json!([])), "roster", roster), "sync", sync);
    file.passes("control-roster", "a signed roster", "seal_control", records(hex("roster").into(), Value::Null));
    file.passes("control-sync", "a sync record", "seal_control", records(Value::Null, hex("sync").into()));
    file.passes("control-all", "all records", "seal_control", {
        let all = input(json!([tag(9)]), json!([tag(10)]));
        with(&with(&all, "roster", hex("roster")), "sync", hex("sync"))
    });
    let group = hex([0x21; 32]);
    file.passes("control-group", "all records about groups", "seal_control", {
        let all = with(&input(json!([]), json!([])), "authority", json!({ "seed": hex([0x5e; 32]), "group": group, "version": 7 }));
        let all = with(&all, "welcome", json!({ "group": group, "version": 8, "state_hash": hex([0x5d; 32]) }));
        with(&all, "state_wanted", json!({ "group": group, "version": 9 }))
    });

    let one = |kind| record(kind, &[9; 32]);
    let good = to_open(&one(1));
    assert_eq!(good["franking_tag"], sealed["franking_tag"]);
    assert_eq!(good["plaintext"], sealed["plaintext"]);
    for (id, comment, control) in [
        ("delivered", "a message that arrived", one(1)),
        ("opened", "a message that was shown", one(2)),
        ("both", "both records", [one(1), one(2)].concat()),
        ("empty", "no record", vec![]),
        ("64", "a record of 64 tags, the most", record(1, &[9; 64 * 32])),
        ("unknown", "records of unknown types, which are ignored", [record(0, b""), one(1), record(8, b"later"), record(0xffff, b"")].concat()),
        ("roster", "a roster of one byte, the least", record(3, b"r")),
        ("roster-longest", "a roster of 2,048 bytes, the most", record(3, &[9; 2_048])),
        ("sync", "a sync record of one byte, the least", record(4, b"s")),
        ("sync-longest", "a sync record of 3,072 bytes, the most", record(4, &[9; 3_072])),
        ("all", "the first four records", [one(1), one(2), record(3, b"r"), record(4, b"s")].concat()),
        ("authority", "the authority of a group", record(5, &[7; 72])),
        ("welcome", "the state of a group that the recipient is in", record(6, &[7; 72])),
        ("wanted", "a state that the sender lacks", record(7, &[7; 40])),
        ("longest", "4,096 bytes, the most, in a record of an unknown type", record(8, &[0; 4_092])),
    ] {
        file.passes(&format!("open-control-{id}"), comment, "open_control", to_open(&control));
    }
    for (id, comment, control) in [
        ("descending", "the types descend", [one(2), one(1)].concat()),
        ("repeated", "a type twice", [one(1), one(1)].concat()),
        ("unknown-repeated", "an unknown type twice", [record(8, b""), record(8, b"")].concat()),
        ("unknown-first", "an unknown type before a lower one", [record(8, b""), one(2)].concat()),
        ("delivered-none", "a record without a tag", record(1, b"")),
        ("opened-none", "the other record without a tag", record(2, b"")),
        ("tag-31", "a tag of 31 bytes", record(1, &[9; 31])),
        ("tag-33", "a tag of 33 bytes", record(1, &[9; 33])),
        ("65", "a record of 65 tags, one past the most", record(2, &[9; 65 * 32])),
        ("roster-none", "a roster of no bytes", record(3, b"")),
        ("roster-long", "a roster of 2,049 bytes, one past the most", record(3, &[9; 2_049])),
        ("roster-twice", "two rosters", [record(3, b"r"), record(3, b"r")].concat()),
        ("sync-none", "a sync record of no bytes", record(4, b"")),
        ("sync-long", "a sync record of 3,073 bytes, one past the most", record(4, &[9; 3_073])),
        ("authority-71", "an authority of 71 bytes", record(5, &[7; 71])),
        ("authority-73", "an authority of 73 bytes", record(5, &[7; 73])),
        ("authority-none", "an authority of no bytes", record(5, b"")),
        ("welcome-71", "a welcome of 71 bytes", record(6, &[7; 71])),
        ("welcome-73", "a welcome of 73 bytes", record(6, &[7; 73])),
        ("wanted-39", "a wanted state of 39 bytes", record(7, &[7; 39])),
        ("wanted-41", "a wanted state of 41 bytes", record(7, &[7; 41])),
        ("sync-before-roster", "the sync record before the roster", [record(4, b"s"), record(3, b"r")].concat()),
        ("cut-in-type", "cut within a type", [one(1), vec![0]].concat()),
        ("cut-in-length", "cut within a length", [one(1), vec![0, 2, 0]].concat()),
        ("cut", "the last byte is missing", one(1)[..35].to_vec()),
        ("extended", "a byte after the records", [one(1), vec![0x80]].concat()),
        ("too-long", "4,097 bytes, one past the most", record(8, &[0; 4_093])),
    ] {
        file.fails(&format!("control-{id}"), comment, "open_control", to_open(&control), 107);
    }
    let mut fails = |id: &str, comment: &str, input: Value, check| {
        file.fails(id, comment, "open_control", input, check);
    };
    let plaintext = harness::unhex(good["plaintext"].as_str().unwrap());
    let other = |bytes: &[u8]| with(&good, "plaintext", hex(bytes));
    fails("control-no-padding", "the padding is missing", other(&plaintext[..69]), 56);
    fails("control-padded-twice", "64 zeros more", other(&[plaintext.as_slice(), &[0; 64]].concat()), 56);
    fails("control-padding-cut", "a zero less", other(&plaintext[..127]), 56);
    fails("control-zeros", "nothing but zeros", other(&[0; 128]), 56);
    fails("control-plaintext-too-long", "67,585 bytes, one past the most of a plaintext", other(&[0; 67_585]), 56);
    fails("control-tag-bit", "one bit of the tag", flipped(&good, "franking_tag", 31, 1), 101);
    fails("control-key-bit", "one bit of the franking key", flipped(&good, "plaintext", 0, 1), 101);
    fails("control-named-bit", "one bit of a tag that is named", flipped(&good, "plaintext", 40, 1), 101);
    fails("control-sender", "another sender", with(&good, "sender", json!({ "account": "alicf", "device": 1 })), 101);
    fails("control-device", "another device of the sender", with(&good, "sender", json!({ "account": "alice", "device": 2 })), 101);
    fails("control-conversation", "one bit of the conversation", flipped(&good, "conversation", 31, 1), 101);

    let alice = bytes_of(|out| device("alice", 1).put(out));
    let (conversation, control, len) = (*franking::conversation().as_bytes(), one(1), [0, 0, 0, 36]);
    let root_key = mac::expand(mac::keyed(&KEY), &[labels::FRANKING_ROOT_KEY]);
    let key = mac::expand(mac::keyed(&KEY), &[labels::CONTROL_KEY]);
    let right = fields(&key, &alice, &conversation, &len, &control);
    let under = |tag: Vec<u8>| with(&good, "franking_tag", hex(tag));
    assert_eq!(under(right.mac()), good);
    let keyed = |key: &[u8; 32]| fields(key, &alice, &conversation, &len, &control).mac();
    all_fail(file, "open_control", [
        ("control-label-missing", "the tag without its label", under(right.put(0, b"")), 101),
        ("control-label-version-1", "the tag under a label of version 1", under(right.put(0, &version_1(labels::CONTROL_TAG))), 101),
        ("control-label-frank", "the tag under the label of franking tags", under(right.put(0, labels::FRANKING_TAG)), 101),
        ("control-without-sender", "the tag without the sender", under(right.put(1, b"")), 101),
        ("control-without-device", "the tag over the sender's account without its device", under(right.put(1, b"\x05alice")), 101),
        ("control-without-conversation", "the tag without the conversation", under(right.put(2, b"")), 101),
        ("control-without-length", "the tag without the length", under(right.put(3, b"")), 101),
        ("control-length-2", "the tag over a length of two bytes", under(right.put(3, &len[2..])), 101),
        ("control-conversation-first", "the tag over the conversation before the sender", under(right.swap(1, 2)), 101),
        ("control-franking-key", "the tag under the franking key itself", under(keyed(&KEY)), 101),
        ("control-root-key", "the tag under the root key of a message", under(keyed(&root_key)), 101),
    ]);
}

fn refusals(file: &mut Vectors) {
    let data = json!({
        "franking_tag": hex([0xaa; 32]), "refuser": { "account": "bob", "device": 7 }, "account": "alice",
    });
    file.passes("refusal-data", "Bob's device 7 refuses messages of Alice's", "refusal_data", data);
    let content = |messages: u8, sessions: u8| {
        let each = (1..=messages).flat_map(|tag| [&[tag; 32][..], &(NOON.as_millis() + u64::from(tag)).to_be_bytes()].concat());
        let messages: Vec<u8> = [vec![messages], each.collect()].concat();
        let sessions: Vec<u8> = [vec![sessions], (1..=sessions).flat_map(|id| [0x50 + id; 16]).collect()].concat();
        [messages, sessions].concat()
    };
    let input = |content: &[u8]| json!({ "content": hex(content) });
    let good = content(2, 1);
    for (id, comment, content) in [
        ("refusal", "two messages, and one session", good.clone()),
        ("refusal-least", "one message and no session", content(1, 0)),
        ("refusal-most", "64 messages and 5 sessions, the most", content(64, 5)),
    ] {
        file.passes(id, comment, "read_refusal", input(&padded(&content)));
    }
    let mut fails = |id: &str, comment: &str, content: &[u8]| {
        file.fails(id, comment, "read_refusal", input(content), 102);
    };
    fails("refusal-no-bytes", "no bytes at all", b"");
    fails("refusal-empty", "padding alone", &padded(b""));
    fails("refusal-no-tags", "no message", &padded(&content(0, 1)));
    fails("refusal-65", "65 messages, one past the most", &padded(&content(65, 0)));
    fails("refusal-6-sessions", "6 sessions, one past the most", &padded(&content(1, 6)));
    fails("refusal-cut-in-tag", "cut within a tag", &padded(&good[..72]));
    fails("refusal-cut-in-time", "cut within a time", &padded(&good[..80]));
    fails("refusal-without-times", "messages without their times", &padded(&[&good[..33], &good[41..73], &good[81..]].concat()));
    fails("refusal-no-sessions", "cut before the number of sessions", &padded(&good[..81]));
    fails("refusal-cut-in-session", "cut within a session", &padded(&good[..good.len() - 1]));
    fails("refusal-extended", "a byte after the sessions", &padded(&[good.as_slice(), &[0]].concat()));
    fails("refusal-not-padded", "the padding is missing", &good);
    fails("refusal-padded-twice", "64 zeros more", &[padded(&good), vec![0; 64]].concat());
    fails("refusal-padding-cut", "a zero less", &padded(&good)[..127]);
    fails("refusal-too-long", "2,689 bytes, one past the most", &[padded(&content(64, 5)), vec![0]].concat());
}
