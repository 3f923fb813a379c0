//! Known answers for other implementations: `tests/vectors/*.json`, passing and failing.
//!
//! `WAXSEAL_REGENERATE=1` rewrites them from the code; a change of a byte is then a change of the format.

use std::path::Path;

use serde_json::{Value, json};

use crate::codec::Reader;
use crate::franking::{Commitment, FrankingKey};
use crate::parts::{Franked, Parts, encode_parts};
use crate::stamp::{Claim, Stamp, StampContext};
use crate::test_world::*;
use crate::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn array(value: &Value) -> [u8; 32] {
    unhex(value).try_into().unwrap()
}

/// Reads a committed file, or writes it first if asked to.
fn vectors(name: &str, generated: &Value) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(name);
    if std::env::var_os("WAXSEAL_REGENERATE").is_some() {
        let text = serde_json::to_string_pretty(generated).unwrap() + "\n";
        std::fs::write(&path, text).unwrap();
    }
    let committed = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(
        &committed, generated,
        "{name}: run with WAXSEAL_REGENERATE=1"
    );
    committed
}

fn payload(text: &str, attachment: bool) -> Payload {
    let conversation = ConversationId::direct(&account("alice"), &account("bob"));
    let mut header = PayloadHeader::new(conversation, 3, Timestamp(NOON.0 - 250));
    header.last_seen = attachment.then(|| FrankingTag::from_bytes([0x5e; 32]));
    let key = AttachmentKey::from_bytes([0x6b; 32]);
    let picture = Attachment::new("image/png", b"picture", b"cipher", key, "blob/1").unwrap();
    let attachments = if attachment { vec![picture] } else { vec![] };
    Payload::with_attachments(header, Content::Text(text.into()), attachments).unwrap()
}

#[test]
fn franking() {
    let mut cases = Vec::new();
    for (comment, payload) in [
        ("text of two parts", payload("Hello, world", false)),
        (
            "empty caption, last_seen, one attachment",
            payload("", true),
        ),
        (
            "text past 1,024 bytes: Padmé",
            payload(&"long ".repeat(400), false),
        ),
    ] {
        let key = FrankingKey::from_bytes([0x4b; 32]);
        let franked = Franked::new(&key, payload.encoded_parts());
        let commitment = franked.commitment();
        cases.push(json!({
            "comment": comment, "valid": true,
            "franking_key": hex(key.as_bytes()),
            "parts": franked.parts().iter().map(hex).collect::<Vec<_>>(),
            "plaintext": hex(&franked.padded()),
            "root_key": hex(&*commitment.root_key),
            "part_keys": commitment.parts.iter().map(|(key, _)| hex(&**key)).collect::<Vec<_>>(),
            "part_commitments": commitment.parts.iter().map(|(_, c)| hex(c)).collect::<Vec<_>>(),
            "franking_tag": hex(commitment.tag().as_bytes()),
        }));
    }
    let good = cases[0].clone();
    let plaintext = unhex(&good["plaintext"]);
    let mut failing = |comment: &str, plaintext: Vec<u8>| {
        cases.push(json!({
            "comment": comment, "valid": false,
            "plaintext": hex(&plaintext), "franking_tag": good["franking_tag"],
        }));
    };
    let mut altered = plaintext.clone();
    altered[100] ^= 1;
    failing("one bit of the text", altered);
    failing(
        "a block of padding too many",
        [plaintext.as_slice(), &[0; 64]].concat(),
    );
    failing("cut", plaintext[..64].to_vec());

    for case in vectors("franking.json", &Value::Array(cases))
        .as_array()
        .unwrap()
    {
        let franked = Franked::unpad(unhex(&case["plaintext"]).into());
        let parsed = franked
            .as_ref()
            .and_then(|franked| Payload::parse(&franked.parts()));
        let tag = FrankingTag::from_bytes(array(&case["franking_tag"]));
        let valid = parsed.is_some() && franked.is_some_and(|franked| franked.tag().matches(&tag));
        assert_eq!(
            valid,
            case["valid"].as_bool().unwrap(),
            "{}",
            case["comment"]
        );
    }
}

#[test]
fn stamps_and_delivery_macs() {
    let root = [0x52; 32];
    let keys = StampKeys::new(&root, 19_990, "eu").unwrap();
    let delivery_key = DeliveryKey::from_bytes([0x44; 32]);
    let tag = FrankingTag::from_bytes([0x54; 32]);
    let audiences = [
        ("direct", Audience::Direct(account("bob"))),
        (
            "group",
            Audience::Group(ConversationId::group(b"chess club")),
        ),
    ];
    let mut cases = Vec::new();
    for (comment, audience) in audiences {
        let claim = keys
            .stamp(&tag, &device("alice", 1), &audience, NOON)
            .unwrap();
        let envelope = Envelope::new(tag, b"ciphertext".to_vec());
        cases.push(json!({
            "comment": comment, "valid": true,
            "root": hex(&root), "first_epoch": 19_990, "region": "eu", "now_ms": NOON.0,
            "franking_tag": hex(tag.as_bytes()),
            "context": hex(&claim.context.encode()),
            "conversation": hex(claim.conversation().as_bytes()),
            "stamp": hex(claim.stamp.as_bytes()),
            "delivery_key": hex(&*delivery_key.to_bytes()),
            "delivery": hex(&Delivery::new(&claim, envelope, &delivery_key).unwrap().encode()),
            "receipt": hex(&Receipt::new(&claim, &delivery_key).encode()),
            "nullifier_of_bob": hex(Nullifier::new(&claim, &account("bob")).as_bytes()),
        }));
    }
    let good = cases[0].clone();
    let mut failing = |comment: &str, field: &str, value: Value| {
        let mut case = good.clone();
        case["comment"] = json!(comment);
        case["valid"] = json!(false);
        case[field] = value;
        for derived in ["delivery", "receipt", "conversation", "nullifier_of_bob"] {
            case.as_object_mut().unwrap().remove(derived);
        }
        cases.push(case);
    };
    failing("another message", "franking_tag", json!("55".repeat(32)));
    failing("another region", "region", json!("us"));
    failing(
        "from the future",
        "now_ms",
        json!(NOON.0 - MAX_CLOCK_SKEW_MS - 1),
    );
    failing("keys of later epochs alone", "first_epoch", json!(20_001));
    let context = good["context"].as_str().unwrap();
    failing(
        "another sender",
        "context",
        json!(context.replacen("616c", "616d", 1)),
    );
    failing(
        "epoch of another day",
        "context",
        json!(context.replacen("00004e20", "00004e21", 1)),
    );

    for case in vectors("stamp.json", &Value::Array(cases))
        .as_array()
        .unwrap()
    {
        let first = u32::try_from(case["first_epoch"].as_u64().unwrap()).unwrap();
        let keys = StampKeys::new(
            &array(&case["root"]),
            first,
            case["region"].as_str().unwrap(),
        )
        .unwrap();
        let context = StampContext::decode(&unhex(&case["context"])).unwrap();
        let tag = FrankingTag::from_bytes(array(&case["franking_tag"]));
        let claim = Claim {
            tag,
            context,
            stamp: Stamp::new(array(&case["stamp"])),
        };
        let now = Timestamp(case["now_ms"].as_u64().unwrap());
        let valid = case["valid"].as_bool().unwrap();
        assert_eq!(
            keys.verify(&claim, now).is_ok(),
            valid,
            "{}",
            case["comment"]
        );
        if valid {
            let key = DeliveryKey::from_bytes(array(&case["delivery_key"]));
            let delivery = Delivery::decode(&unhex(&case["delivery"])).unwrap();
            delivery
                .authenticate_in_groups(&key, &account("bob"), |_| true)
                .unwrap();
        }
    }
}

#[test]
fn report_claims_and_reviews() {
    let mut world = World::new(42);
    let one = world.alice_says("You have won a prize!!");
    let two = world.bob_says("who is this?");
    let mut draft = ReportDraft::new(world.bob.clone(), Reason::Scam);
    draft.note("never met them").unwrap();
    draft.add(one.opened.evidence(), Disclosure::Whole).unwrap();
    draft.add(&two.own, Disclosure::Parts(vec![])).unwrap();
    let report = world.seal_report(&draft);
    let openings = world
        .moderation
        .open(
            report.encapsulated_key(),
            report.sealed_openings(),
            report.claims_section(),
        )
        .unwrap();
    let generated = json!([{
        "comment": "two claims of both sides; the first shown whole, of the second the header",
        "valid": true,
        "stamp_keys": hex(&world.stamp_keys.export()),
        "reporter_key": hex(&*world.bob_key.to_bytes()),
        "acceptance_key": hex(&*world.acceptance_key.to_bytes()),
        "moderation_key": hex(&world.moderation.export()),
        "moderation_key_fingerprint": hex(world.moderation.public_key().id().as_bytes()),
        "now_ms": world.now.0,
        "claims": hex(report.claims_section()),
        "openings": hex(&openings),
        "report": hex(&report.encode()),
        "accepted": hex(&world.accept(report.clone()).unwrap().encode(&world.acceptance_key)),
        "evidence": hex(&one.own.encode()),
    }]);
    let committed = vectors("report.json", &generated);
    let case = &committed[0];
    let stamp_keys = StampKeys::import(&unhex(&case["stamp_keys"])).unwrap();
    let report = Report::decode(&unhex(&case["report"])).unwrap();
    let reporter_key = DeliveryKey::from_bytes(array(&case["reporter_key"]));
    let now = Timestamp(case["now_ms"].as_u64().unwrap());
    let accepted = accept(
        report,
        &stamp_keys,
        &reporter_key,
        now,
        &mut |_: &Nullifier| false,
    )
    .unwrap();
    let key = AcceptanceKey::from_bytes(array(&case["acceptance_key"]));
    assert_eq!(accepted.encode(&key), unhex(&case["accepted"]));
    let moderation = ModerationKeyPair::import(&unhex(&case["moderation_key"])).unwrap();
    let verified = review(accepted, &moderation).unwrap();
    assert_eq!(verified.reason(), Reason::Scam);
    assert_eq!(
        verified.messages()[0].content().unwrap().as_text(),
        Some("You have won a prize!!")
    );
    assert_eq!(verified.messages()[1].content(), None);
    Evidence::decode(&unhex(&case["evidence"])).unwrap();
}

#[test]
fn commitments_of_the_vectors_are_over_their_parts() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/franking.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        return;
    };
    let cases: Value = serde_json::from_str(&text).unwrap();
    for case in cases
        .as_array()
        .unwrap()
        .iter()
        .filter(|case| case["valid"] == true)
    {
        let parts: Vec<Vec<u8>> = case["parts"]
            .as_array()
            .unwrap()
            .iter()
            .map(unhex)
            .collect();
        let encoded = encode_parts(parts.iter().map(Vec::as_slice));
        let key = FrankingKey::from_bytes(array(&case["franking_key"]));
        let tag = Commitment::new(&key, &Parts::parse(&encoded).unwrap()).tag();
        assert_eq!(tag.as_bytes(), &array(&case["franking_tag"]));
        let plaintext = unhex(&case["plaintext"]);
        let mut reader = Reader::new(&plaintext);
        assert_eq!(reader.array(), Some(*key.as_bytes()));
        assert_eq!(reader.take(encoded.len()), Some(encoded.as_slice()));
        assert_eq!(reader.u8(), Some(0x80));
    }
}
