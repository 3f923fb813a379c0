//! Makes `review.json`: the moderation key, sealed openings, and openings against their claims.

use super::*;
use crate::franking::{Commitment, FrankingKey};
use crate::mac;
use crate::parts::{Parts, encode_parts};
use crate::tests::world::{account, device, rng};
use crate::{codec, padding, wire};

pub(super) fn moderation_key_pair(input: Input<'_>) -> Outcome {
    let pair = ModerationKeyPair::import(&input.get("secret").bytes()).map_err(refused)?;
    let public = pair.public_key();
    Ok(json!({ "public_key": hex(public.encode()), "fingerprint": hex(public.id().as_bytes()) }))
}

pub(super) fn moderation_public_key(input: Input<'_>) -> Outcome {
    let bytes = input.get("public_key").bytes();
    let key = ModerationPublicKey::decode(&bytes).map_err(refused)?;
    assert_eq!(key.encode(), bytes);
    Ok(json!({ "fingerprint": hex(key.id().as_bytes()) }))
}

const ACCEPTANCE_KEY: [u8; 32] = [0xac; 32];

/// An accepted report as the reviewers read it from the queue.
fn queued(report: &[u8]) -> AcceptedReport {
    let mut bytes = vec![1];
    bytes.extend_from_slice(&NOON.as_millis().to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    codec::put_long(&mut bytes, report);
    let mac = mac::hmac(&ACCEPTANCE_KEY, &[labels::ACCEPTANCE, &bytes]);
    bytes.extend_from_slice(&mac);
    AcceptedReport::decode(&bytes, &AcceptanceKey::from_bytes(ACCEPTANCE_KEY)).unwrap()
}

pub(super) fn unseal(input: Input<'_>) -> Outcome {
    let key = ModerationKeyPair::import(&input.get("moderation_key").bytes()).map_err(refused)?;
    let accepted = queued(&input.get("report").bytes());
    let report = accepted.report().clone();
    review(accepted, &key).map_err(|rejection| format!("{rejection:?}"))?;
    let openings = key.open(report.encapsulated_key(), report.sealed_openings(), report.claims_section());
    Ok(json!({ "openings": hex(&*openings.unwrap()) }))
}

/// Seals the openings to the test's moderation key and reviews them.
pub(super) fn review_openings(input: Input<'_>) -> Outcome {
    let key = ModerationKeyPair::import(&SECRET).unwrap();
    let report = sealed(&key, input.get("claims").bytes(), &input.get("openings").bytes());
    let accepted = queued(&wire::encode(&report));
    let verified = review(accepted, &key).map_err(|rejection| format!("{rejection:?}"))?;
    let message = |message: &VerifiedMessage| {
        let shown = message.parts().iter().enumerate();
        let shown: serde_json::Map<_, _> = shown
            .filter_map(|(index, part)| match part {
                VerifiedPart::Shown(part) => Some((index.to_string(), hex(&**part).into())),
                VerifiedPart::Withheld => None,
            })
            .collect();
        json!({
            "header": franking::header_json(message.header()), "parts": message.parts().len(), "shown": shown,
        })
    };
    let messages: Vec<_> = verified.messages().iter().map(message).collect();
    Ok(json!({ "reason": verified.reason().number(), "note": verified.note(), "messages": messages }))
}

const SECRET: [u8; 33] = {
    let mut secret = [0x5d; 33];
    secret[0] = 1;
    secret
};

fn sealed(key: &ModerationKeyPair, claims: Vec<u8>, openings: &[u8]) -> wire::Report {
    let (encapsulated, sealed) = key.public_key().seal(openings, &claims, &mut rng(82)).unwrap();
    let mut report = report::seal(claims, sealed);
    report.encapsulated_key = encapsulated;
    report.moderation_key_fingerprint = key.public_key().id().as_bytes().to_vec();
    report::resign(&mut report);
    report
}

/// One message with its commitment.
struct Message {
    tag: FrankingTag,
    parts: Vec<Vec<u8>>,
    commitment: Commitment,
}

impl Message {
    fn new(key: u8, parts: Vec<Vec<u8>>) -> Self {
        let encoded = encode_parts(parts.iter().map(Vec::as_slice));
        let key = FrankingKey::from_bytes([key; 32]);
        let commitment = Commitment::new(&key, &Parts::parse(&encoded).unwrap());
        Self { tag: commitment.tag(), parts, commitment }
    }

    /// An opening that shows the parts with these bits.
    fn opening(&self, shown: u32) -> Vec<u8> {
        let mut out = vec![u8::try_from(self.parts.len()).unwrap()];
        out.extend_from_slice(&*self.commitment.root_key);
        for (_, commitment) in &self.commitment.parts {
            out.extend_from_slice(commitment);
        }
        out.extend_from_slice(&shown.to_be_bytes());
        for (index, (part, (key, _))) in self.parts.iter().zip(&self.commitment.parts).enumerate() {
            if shown >> index & 1 == 1 {
                out.extend_from_slice(&**key);
                codec::put_long(&mut out, part);
            }
        }
        out
    }
}

/// Two messages from Alice to Bob.
fn messages() -> [Message; 2] {
    [Message::new(0x4b, franking::text("Hello, world")), Message::new(0x4c, franking::text("again"))]
}

fn claims(messages: &[Message], audience: &Audience) -> String {
    let mut out = Vec::new();
    device("bob", 7).put(&mut out);
    out.push(u8::try_from(messages.len()).unwrap());
    let keys = StampKeys::new(&[0x52; 32], 19_990, "eu").unwrap();
    for (after, message) in (0..).zip(messages) {
        let time = Timestamp::from_millis(NOON.as_millis() + after);
        let claim = keys.stamp(&message.tag, &device("alice", 1), audience, time).unwrap();
        claim.put(&mut out);
    }
    hex(out)
}

/// The padded plaintext of a sealed section.
fn section(reason: u8, note: &[u8], openings: &[Vec<u8>]) -> Vec<u8> {
    let mut out = vec![reason];
    codec::put_medium(&mut out, note);
    out.push(u8::try_from(openings.len()).unwrap());
    out.extend(openings.concat());
    padding::pad(&mut out);
    out
}

fn input(messages: &[Message], openings: &[Vec<u8>]) -> Value {
    let bob = Audience::Direct(account("bob"));
    json!({ "claims": claims(messages, &bob), "openings": hex(section(1, b"a note", openings)) })
}

#[test]
fn reviews() {
    let mut file = Vectors::new(
        CRATE,
        "review.json",
        "Moderation keys, sealed sections, and openings against the claims they were sealed under. SPEC.md, “Wire messages”, “Derivations”, “Checks”.",
        "moderation key from the seed 32 x 5d; messages with franking keys 32 x 4b and 32 x 4c, stamped with the keys of stamp.json",
    );
    moderation_keys(&mut file);
    sealing(&mut file);
    opening(&mut file);
    forms(&mut file);
    commitments(&mut file);
    committed_but_wrong(&mut file);
    file.finish();
}

fn moderation_keys(file: &mut Vectors) {
    let pair = file.passes("moderation-key", "public key and fingerprint of a secret one", "moderation_key_pair", json!({ "secret": hex(SECRET) }));
    file.fails("moderation-secret-cut", "a seed of 31 bytes", "moderation_key_pair", json!({ "secret": hex(&SECRET[..32]) }), 91);
    let good = json!({ "public_key": pair["public_key"] });
    file.passes("moderation-public-key", "the public key alone", "moderation_public_key", good.clone());
    let mut fails = |id: &str, comment: &str, change: &dyn Fn(&mut Vec<u8>), check| {
        file.fails(id, comment, "moderation_public_key", changed(&good, "public_key", change), check);
    };
    fails("moderation-key-version-2", "version 02", &|key| key[0] = 2, 52);
    fails("moderation-key-cut", "the last byte is missing", &|key| { key.pop(); }, 91);
    fails("moderation-key-extended", "a byte behind the key: longer than a key can be", &|key| key.push(0), 51);
    fails("moderation-key-range", "a coefficient of the ML-KEM half is 3,329, the modulus", &|key| { key[1] = 0x01; key[2] = key[2] & 0xf0 | 0x0d; }, 91);
    let p = |low: u8| [&[low], [0xff; 30].as_slice(), &[0x7f]].concat();
    let small = [
        ("0", "the point of order 4, u = 0", vec![0; 32]),
        ("1", "the point of order 1, u = 1", [&[1], [0; 31].as_slice()].concat()),
        ("order-8", "a point of order 8", harness::unhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")),
        ("order-8-other", "the other point of order 8", harness::unhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157")),
        ("p-1", "u = p - 1", p(0xec)),
        ("p", "u = p, which is 0", p(0xed)),
        ("p+1", "u = p + 1, which is 1", p(0xee)),
        ("0-top-bit", "u = 0 with the top bit, which X25519 ignores", [[0; 31].as_slice(), &[0x80]].concat()),
    ];
    for (name, comment, point) in small {
        let change = |key: &mut Vec<u8>| { let at = key.len() - 32; key[at..].copy_from_slice(&point); };
        fails(&format!("moderation-key-small-order-{name}"), comment, &change, 91);
    }
}

fn sealing(file: &mut Vectors) {
    let key = ModerationKeyPair::import(&SECRET).unwrap();
    let [one, two] = messages();
    let bob = Audience::Direct(account("bob"));
    let openings = section(5, "I am afraid".as_bytes(), &[one.opening(0b11), two.opening(0b01)]);
    let messages = [one, two];
    let claims_section = harness::unhex(&claims(&messages, &bob));
    let report = sealed(&key, claims_section, &openings);
    let good = json!({ "moderation_key": hex(SECRET), "report": hex(wire::encode(&report)) });
    file.passes("unseal", "a report sealed to the moderation key", "unseal", good.clone());
    let mut fails = |id: &str, comment: &str, change: &dyn Fn(&mut wire::Report), check| {
        let mut report = report.clone();
        change(&mut report);
        let input = with(&good, "report", hex(wire::encode(&report)));
        file.fails(id, comment, "unseal", input, check);
    };
    fails("unseal-fingerprint-bit", "one bit of the fingerprint", &|r| r.moderation_key_fingerprint[0] ^= 1, 82);
    fails("unseal-sealed-bit", "one bit of the sealed section", &|r| r.sealed_openings[0] ^= 1, 83);
    fails("unseal-sealed-tag-bit", "the last bit of the sealed section", &|r| *r.sealed_openings.last_mut().unwrap() ^= 1, 83);
    fails("unseal-sealed-cut", "the last byte of the sealed section is missing", &|r| { r.sealed_openings.pop(); }, 83);
    fails("unseal-sealed-15", "15 bytes: not even a tag", &|r| r.sealed_openings.truncate(15), 83);
    fails("unseal-kem-bit", "one bit of the encapsulated key's ML-KEM half", &|r| r.encapsulated_key[0] ^= 1, 83);
    fails("unseal-x25519-bit", "one bit of the encapsulated key's X25519 half", &|r| r.encapsulated_key[1_100] ^= 1, 83);
    fails("unseal-x25519-zero", "an X25519 half of small order", &|r| r.encapsulated_key[1_088..].fill(0), 83);
    fails("unseal-reporter", "moved under the claims of another device", &|r| r.claims[7] ^= 1, 83);
    fails("unseal-claim-dropped", "moved under one of the two claims", &|r| { let one = 9 + (r.claims.len() - 9) / 2; r.claims.truncate(one); r.claims[8] = 1; }, 83);
    let other = ModerationKeyPair::import(&[&[1], [0x5f; 32].as_slice()].concat()).unwrap();
    let input = with(&good, "moderation_key", hex(&*other.export()));
    file.fails("unseal-another-key", "sealed to another key", "unseal", input, 82);
}

fn opening(file: &mut Vectors) {
    let all = messages();
    let [one, two] = &all;
    let passes = [
        ("review-whole", "both messages whole", [one.opening(0b11), two.opening(0b11)]),
        ("review-headers", "of both the header alone: the content stays hidden", [one.opening(0b01), two.opening(0b01)]),
    ];
    for (id, comment, openings) in passes {
        file.passes(id, comment, "review_openings", input(&all, &openings));
    }
    let bob = Audience::Direct(account("bob"));
    let longest = section(16, &[b'n'; 2_000], &[one.opening(0b11), two.opening(0b11)]);
    let longest = json!({ "claims": claims(&all, &bob), "openings": hex(longest) });
    file.passes("review-note-2000", "the last reason, a note of 2,000 bytes, the most", "review_openings", longest);
    file.fails("review-one-missing", "one opening for two claims", "review_openings", input(&all, &[one.opening(0b11)]), 85);
    let three = [one.opening(0b11), two.opening(0b11), two.opening(0b11)];
    file.fails("review-one-more", "three openings for two claims", "review_openings", input(&all, &three), 85);
    file.fails("review-none", "no openings for two claims", "review_openings", input(&all, &[]), 85);
    file.fails("review-header-withheld", "the content without the header", "review_openings", input(&all, &[one.opening(0b10), two.opening(0b11)]), 88);
    file.fails("review-nothing-shown", "nothing is shown of the second", "review_openings", input(&all, &[one.opening(0b11), two.opening(0)]), 88);
}

fn forms(file: &mut Vectors) {
    let all = messages();
    let [one, two] = &all;
    let openings = [one.opening(0b11), two.opening(0b11)];
    let good = input(&all, &openings);
    let mut fails = |id: &str, comment: &str, bytes: Vec<u8>| {
        file.fails(id, comment, "review_openings", with(&good, "openings", hex(bytes)), 84);
    };
    let padded = |bytes: &[u8]| { let mut bytes = bytes.to_vec(); padding::pad(&mut bytes); bytes };
    let whole = section(1, b"a note", &openings);
    let plain = &whole[..whole.iter().rposition(|byte| *byte != 0).unwrap()];
    fails("openings-empty", "no bytes at all", vec![]);
    fails("openings-unpadded", "without padding", plain.to_vec());
    fails("openings-block-more", "64 zeros too many behind the padding", [whole.as_slice(), &[0; 64]].concat());
    fails("openings-extended", "a byte behind the last opening", padded(&[plain, &[0]].concat()));
    fails("openings-cut", "the last byte of the last opening is missing", padded(&plain[..plain.len() - 1]));
    fails("openings-reason-0", "a reason 0", section(0, b"", &openings));
    fails("openings-reason-17", "a reason 17, one past the last", section(17, b"", &openings));
    fails("openings-note-2001", "a note of 2,001 bytes, one past the most", section(1, &[b'n'; 2_001], &openings));
    fails("openings-note-not-utf8", "a note that is not UTF-8", section(1, &[0xff], &openings));
    fails("openings-31", "31 openings, one past the most", section(1, b"", &vec![openings[0].clone(); 31]));
    let second = |change: &dyn Fn(&mut Vec<u8>)| { let mut two = openings[1].clone(); change(&mut two); section(1, b"", &[openings[0].clone(), two]) };
    fails("openings-count-1", "a message of one part", second(&|o| o[0] = 1));
    fails("openings-count-33", "a message of 33 parts", second(&|o| { o[0] = 33; o.splice(33..33, [0; 31 * 32]); }));
    fails("openings-shown-past", "the bit of a part 2 in a message of two", second(&|o| o[1 + 32 + 64 + 3] |= 4));
    fails("openings-shown-top-bit", "the bit of part 31 in a message of two", second(&|o| o[1 + 32 + 64] |= 0x80));
    fails("openings-part-length", "a part longer than what is left", second(&|o| o[1 + 32 + 64 + 4 + 32] = 0xff));
}

fn commitments(file: &mut Vectors) {
    let all = messages();
    let [one, two] = &all;
    let mut fails = |id: &str, comment: &str, first: Vec<u8>, check| {
        let input = input(&all, &[first, two.opening(0b11)]);
        file.fails(id, comment, "review_openings", input, check);
    };
    let edit = |at: usize| { let mut opening = one.opening(0b11); opening[at] ^= 1; opening };
    fails("opening-root-key", "one bit of the root key", edit(1), 86);
    fails("opening-first-commitment", "one bit of the first commitment", edit(33), 86);
    fails("opening-second-commitment", "one bit of the second commitment", edit(65), 86);
    fails("opening-of-the-other", "the opening of the other message", two.opening(0b11), 86);
    let mut swapped = one.opening(0b11);
    swapped[33..97].rotate_left(32);
    fails("opening-commitments-swapped", "the two commitments swapped", swapped, 86);
    let extra = Message::new(0x4b, [one.parts.as_slice(), &[vec![]]].concat());
    fails("opening-part-more", "a part more than was committed to", extra.opening(0b011), 86);
    fails("opening-header-key", "one bit of the header's key", edit(101), 87);
    fails("opening-header-bit", "one bit of the header's sequence number", edit(101 + 32 + 4 + 40), 87);
    fails("opening-text-bit", "the last bit of the text", { let mut o = one.opening(0b11); *o.last_mut().unwrap() ^= 1; o }, 87);
    let mut shorter = one.opening(0b11);
    shorter.pop();
    let at = shorter.len() - 12 - 1;
    shorter[at] -= 1;
    fails("opening-text-shorter", "the last letter left out, the length with it", shorter, 87);
    // Swaps the two parts, each together with its key. Review must fail, because the commitment to
    // a part also covers the part's number.
    let (key_0, key_1) = (&one.commitment.parts[0].0, &one.commitment.parts[1].0);
    let mut exchanged = one.opening(0)[..97].to_vec();
    exchanged.extend_from_slice(&3_u32.to_be_bytes());
    for (key, part) in [(key_1, &one.parts[1]), (key_0, &one.parts[0])] {
        exchanged.extend_from_slice(&**key);
        codec::put_long(&mut exchanged, part);
    }
    fails("opening-parts-exchanged", "the two parts in each other's place, each with its key", exchanged, 87);
    let both = [two.opening(0b11), one.opening(0b11)];
    file.fails("openings-swapped", "the two openings in the other order", "review_openings", input(&all, &both), 86);
}

fn committed_but_wrong(file: &mut Vectors) {
    let mut fails = |id: &str, comment: &str, change: &dyn Fn(&mut Vec<Vec<u8>>), check| {
        let mut parts = franking::text("Hello, world");
        change(&mut parts);
        let message = Message::new(0x4b, parts);
        let shown = (1 << message.parts.len()) - 1;
        let opening = message.opening(shown);
        file.fails(id, comment, "review_openings", input(&[message], &[opening]), check);
    };
    fails("written-for-another", "one bit of the header's conversation, committed to", &|p| p[0][1] ^= 1, 89);
    fails("header-flag-unknown", "a header with an unknown flag, committed to", &|p| p[0][0] = 4, 90);
    fails("header-cut", "a header of 53 bytes, committed to", &|p| { p[0].pop(); }, 90);
    fails("content-unknown", "content of an unknown kind, committed to", &|p| p[1][0] = 9, 90);
    fails("content-not-utf8", "text that is not UTF-8, committed to", &|p| p[1].push(0xff), 90);
    fails("attachment-cut", "an attachment of one byte, committed to", &|p| p.push(vec![0]), 90);
    let message = Message::new(0x4b, franking::text("Hello, world"));
    let opening = section(1, b"", &[message.opening(0b11)]);
    let group = Audience::Group(ConversationId::group(b"chess club"));
    let input = json!({ "claims": claims(&[message], &group), "openings": hex(opening) });
    file.fails("stamped-in-another", "stamped in a group, written for the direct conversation", "review_openings", input, 89);
}
