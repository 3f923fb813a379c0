//! Makes `report.json`: reports at the intake, the reviewers' queue, and stored evidence.

use super::*;
use crate::franked::Franked;
use crate::franking::FrankingKey;
use crate::mac;
use crate::moderation::ENCAPSULATED_LEN;
use parts::MAX_PAYLOAD_LEN;
use crate::tests::world::{DAY, account, device};
use crate::{codec, parts, wire};

pub(super) fn nullifier(input: Input<'_>) -> Outcome {
    let reporter = account_of(input.get("reporter"));
    let nullifier = if let Some(account) = input.optional("account") {
        Nullifier::about_account(&account_of(account), &reporter)
    } else {
        let context = StampContext::decode(&input.get("context").bytes()).unwrap();
        Nullifier::new(&Claim::new(tag_of(input), context, Stamp::new([0; 32])), &reporter)
    };
    Ok(json!({ "nullifier": hex(nullifier.as_bytes()) }))
}

pub(super) fn accept(input: Input<'_>) -> Outcome {
    let report = Report::decode(&input.get("report").bytes()).map_err(refused)?;
    let now = Timestamp::from_millis(input.get("now_ms").number());
    let seen: Vec<[u8; 32]> = input.list("seen").iter().map(|seen| seen.array()).collect();
    let members: Vec<_> = input.list("members").iter().map(|member| account_of(*member)).collect();
    let examined = examine(report, &stamp_keys_of(input)?, &key(input), now).map_err(refused)?;
    let nullifiers = examined.nullifiers();
    let known: Vec<_> = nullifiers.iter().map(|one| seen.contains(one.as_bytes())).collect();
    let memberships = examined.memberships();
    let members: Vec<_> = memberships.iter().map(|one| members.contains(&one.member.account)).collect();
    let id = ReportId::from_bytes(input.get("id").array());
    let accepted = examined.accept(id, &known, &members).map_err(refused)?;
    let acceptance = AcceptanceKey::from_bytes(input.get("acceptance_key").array());
    let nullifiers: Vec<_> = nullifiers.iter().map(|one| hex(one.as_bytes())).collect();
    let mut outcome = json!({
        "nullifiers": nullifiers, "repeated": bits(accepted.repeated()),
        "accepted": hex(accepted.encode(&acceptance)),
    });
    if !accepted.report().blobs().is_empty() {
        outcome["blobs"] = blobs_json(accepted.report().blobs());
    }
    Ok(outcome)
}

pub(super) fn blobs_json(blobs: &[ReportedBlob]) -> Value {
    let blobs = blobs.iter();
    blobs.map(|named| json!({ "claim": named.claim, "part": named.part, "blob": hex(named.blob.as_bytes()) })).collect()
}

pub(super) fn import_accepted(input: Input<'_>) -> Outcome {
    let key = AcceptanceKey::from_bytes(input.get("acceptance_key").array());
    let bytes = input.get("accepted").bytes();
    let id = ReportId::from_bytes(input.get("id").array());
    let accepted = AcceptedReport::decode(&bytes, &key, &id).map_err(refused)?;
    Ok(json!({
        "accepted_ms": accepted.accepted_at().as_millis(), "repeated": bits(accepted.repeated()),
        "report": hex(accepted.report().encode()),
    }))
}

pub(super) fn import_evidence(input: Input<'_>) -> Outcome {
    let bytes = input.get("evidence").bytes();
    let evidence = Evidence::decode(&bytes).map_err(refused)?;
    assert_eq!(*evidence.encode(), bytes);
    let franked = evidence.franked();
    Ok(json!({
        "franking_tag": hex(evidence.tag().as_bytes()), "sender": sender_json(evidence.sender()),
        "franking_key": hex(&franked.as_bytes()[..32]),
        "parts": franked.parts().iter().map(hex).collect::<Vec<_>>(),
    }))
}

use crate::accepted::bits;

const BOBS_KEY: [u8; 32] = [0x44; 32];

pub(super) fn keys() -> StampKeys {
    StampKeys::new(&[0x52; 32], 19_990, "eu").unwrap()
}

/// The id of the accepted reports.
const ID: [u8; 16] = [0x1d; 16];

/// A claim for a message with this tag, accepted `after` milliseconds after noon.
pub(super) fn claim(tag: u8, from: &str, to: Audience, after: u64) -> Claim {
    let sender = device(from, if from == "bob" { 7 } else { 1 });
    let time = Timestamp::from_millis(NOON.as_millis() + after);
    let tag = FrankingTag::from_bytes([tag; 32]);
    keys().stamp_tag(&tag, &sender, &to, time).unwrap()
}

pub(super) fn to(name: &str) -> Audience {
    Audience::Direct(AccountId::new(name).unwrap())
}

/// The claims section for Bob's device 7.
fn section(claims: &[Claim]) -> Vec<u8> {
    let mut out = Vec::new();
    device("bob", 7).put(&mut out);
    out.push(u8::try_from(claims.len()).unwrap());
    for claim in claims {
        claim.put(&mut out);
    }
    out
}

/// A report with a valid MAC over any sealed section. No intake looks into that section.
pub(super) fn seal(claims: Vec<u8>, sealed: Vec<u8>) -> wire::Report {
    let mut report = wire::Report {
        claims,
        moderation_key_fingerprint: vec![0xf1; 32],
        encapsulated_key: vec![0xe0; ENCAPSULATED_LEN],
        sealed_openings: sealed,
        reporter_mac: vec![],
    };
    resign(&mut report);
    report
}

pub(super) fn resign(report: &mut wire::Report) {
    resign_as(labels::REPORTER, report);
}

pub(super) fn resign_as(label: &[u8], report: &mut wire::Report) {
    let mut message = label.to_vec();
    for section in [&report.claims, &report.moderation_key_fingerprint, &report.encapsulated_key, &report.sealed_openings] {
        codec::put_long(&mut message, section);
    }
    report.reporter_mac = mac::hmac(&BOBS_KEY, &[&message]).to_vec();
}

fn report(claims: &[Claim]) -> Vec<u8> {
    wire::encode(&seal(section(claims), vec![0x5e; 64]))
}

/// The same report as an older release sealed it.
fn report_1(claims: &[Claim]) -> Vec<u8> {
    let mut report = seal(section(claims), vec![0x5e; 64]);
    resign_as(labels::REPORTER_1, &mut report);
    wire::encode_as(1, &report)
}

/// The input of `accept`, a minute after noon.
pub(super) fn to_accept(report: &[u8]) -> Value {
    json!({
        "report": hex(report), "stamp_keys": hex(&*keys().export()), "delivery_key": hex(BOBS_KEY),
        "acceptance_key": hex([0xac; 32]), "id": hex(ID), "now_ms": NOON.as_millis() + 60_000, "seen": [], "members": [],
    })
}

#[test]
fn reports() {
    let mut file = Vectors::new(
        CRATE,
        "report.json",
        "Nullifiers, reports at the intake, accepted reports, stored evidence. SPEC.md, “Wire messages”, “Stored”, “Derivations”, “Checks”.",
        "stamp keys of stamp.json; the reporter is Bob's device 7, delivery key 32 x 44; acceptance key 32 x ac; sealed parts are patterns, no intake opens them",
    );
    nullifiers(&mut file);
    accepting(&mut file);
    forms(&mut file);
    origins(&mut file);
    claims(&mut file);
    versions(&mut file);
    stamps(&mut file);
    queue(&mut file);
    evidence(&mut file);
    about::reports(&mut file);
    attached::reports(&mut file);
    file.finish();
}

fn nullifiers(file: &mut Vectors) {
    let input = |claim: &Claim, reporter: &str| {
        json!({
            "franking_tag": hex(claim.tag.as_bytes()), "context": hex(claim.context.encode()), "reporter": reporter,
        })
    };
    let one = claim(0x11, "alice", to("bob"), 0);
    let first = file.passes("nullifier", "a message of Alice's, reported by Bob", "nullifier", input(&one, "bob"));
    let later = claim(0x11, "alice", to("bob"), 1);
    let again = file.passes("nullifier-stamped-again", "the same for the same message stamped later", "nullifier", input(&later, "bob"));
    assert_eq!(first, again);
    file.passes("nullifier-of-sender", "another one if Alice reports it", "nullifier", input(&one, "alice"));
}

fn two() -> [Claim; 2] {
    [claim(0x11, "alice", to("bob"), 0), claim(0x22, "bob", to("alice"), 1_000)]
}

fn accepting(file: &mut Vectors) {
    let good = to_accept(&report(&two()));
    let accepted = file.passes("accept", "two claims, one of each side", "accept", good.clone());
    let seen = accepted["nullifiers"].clone();
    let one = with(&good, "seen", json!([seen[1]]));
    file.passes("accept-partly-new", "the second was reported before", "accept", one);
    file.fails("accept-nothing-new", "both were reported before", "accept", with(&good, "seen", seen), 80);
    let same_time = [claim(0x11, "alice", to("bob"), 0), claim(0x22, "alice", to("bob"), 0)];
    file.passes("accept-same-time", "two claims of one sender and millisecond, in the order of their tags", "accept", to_accept(&report(&same_time)));
    let most: Vec<_> = (1..=30).map(|i| claim(i, "alice", to("bob"), i.into())).collect();
    file.passes("accept-30", "30 claims, the most", "accept", to_accept(&report(&most)));
    let club = || Audience::Group(ConversationId::group(b"chess club"));
    let mut group = to_accept(&report(&[claim(0x11, "alice", club(), 0)]));
    file.fails("accept-not-a-member", "a group's message, reported by an account that is in no group", "accept", group.clone(), 78);
    group["members"] = json!(["bob"]);
    file.passes("accept-group", "the same, reported by a member", "accept", group);
}

fn versions(file: &mut Vectors) {
    let good = to_accept(&report_1(&two()));
    file.passes("accept-version-1", "a report of version 01, accepted in version 02", "accept", good.clone());
    let by_sender = [claim(0x22, "alice", to("bob"), 0), claim(0x11, "bob", to("alice"), 0)];
    let by_tag = [by_sender[1].clone(), by_sender[0].clone()];
    file.passes("accept-same-time-senders", "two claims of one millisecond: the senders ascend", "accept", to_accept(&report(&by_sender)));
    file.passes("accept-same-time-version-1", "the same in version 01: the tags ascend", "accept", to_accept(&report_1(&by_tag)));
    file.fails("claims-senders-descend", "two claims of one millisecond, the greater sender first", "accept", to_accept(&report(&by_tag)), 76);
    file.fails("claims-tags-descend-version-1", "two claims of one millisecond in version 01, the greater tag first", "accept", to_accept(&report_1(&by_sender)), 76);
    file.fails("report-1-as-2", "a report of version 01 with the version byte 02", "accept", flipped(&good, "report", 0, 3), 74);
    file.fails("report-2-as-1", "a report of version 02 with the version byte 01", "accept", flipped(&to_accept(&report(&two())), "report", 0, 3), 74);
}

fn forms(file: &mut Vectors) {
    let report = report(&two());
    let good = to_accept(&report);
    let mut fails = |id: &str, comment: &str, bytes: &[u8], check| {
        file.fails(id, comment, "accept", with(&good, "report", hex(bytes)), check);
    };
    let mac = &report[report.len() - 34..];
    fails("report-version-4", "version 04", &[&[4], &report[1..]].concat(), 52);
    fails("report-version-0", "version 00", &[&[0], &report[1..]].concat(), 52);
    fails("report-cut", "the last byte of the MAC is missing", &report[..report.len() - 1], 53);
    fails("report-extended", "a byte behind the message", &[report.as_slice(), &[0]].concat(), 53);
    fails("report-unknown-field", "a field 6 behind the message", &[report.as_slice(), &[0x32, 0]].concat(), 53);
    fails("report-mac-twice", "the MAC twice", &[report.as_slice(), mac].concat(), 53);
    fails("report-mac-first", "the MAC before the other fields", &[&[2], mac, &report[1..report.len() - 34]].concat(), 53);
    fails("report-mac-missing", "no MAC", &report[..report.len() - 34], 54);
    let edits: [(&str, &str, fn(&mut wire::Report), u16); 9] = [
        ("report-mac-31", "a MAC of 31 bytes", |r| { r.reporter_mac.pop(); }, 54),
        ("report-fingerprint-31", "a fingerprint of 31 bytes", |r| { r.moderation_key_fingerprint.pop(); }, 54),
        ("report-encapsulated-1119", "an encapsulated key of 1,119 bytes", |r| { r.encapsulated_key.pop(); }, 54),
        ("report-encapsulated-1121", "an encapsulated key of 1,121 bytes", |r| r.encapsulated_key.push(0), 54),
        ("report-nothing-sealed", "no sealed openings", |r| r.sealed_openings.clear(), 54),
        ("report-no-claims-section", "no claims section", |r| r.claims.clear(), 54),
        ("report-claims-cut", "the last byte of the last claim is missing", |r| { r.claims.pop(); }, 54),
        ("report-claims-extended", "a byte behind the last claim", |r| r.claims.push(0), 54),
        ("report-claims-more", "the count says 3 and there are 2", |r| r.claims[8] = 3, 54),
    ];
    for (id, comment, change, check) in edits {
        let mut edited = seal(section(&two()), vec![0x5e; 64]);
        change(&mut edited);
        if edited.reporter_mac.len() == 32 {
            resign(&mut edited);
        }
        fails(id, comment, &wire::encode(&edited), check);
    }
    let reporter = |name: u8| {
        let mut claims = section(&two());
        claims[1] = name;
        wire::encode(&seal(claims, vec![0x5e; 64]))
    };
    fails("report-reporter-control", "a control character in the reporter's account", &reporter(1), 55);
    let none = wire::encode(&seal(section(&[]), vec![0x5e; 64]));
    fails("report-0-claims", "no claims", &none, 75);
    let many: Vec<_> = (1..=31).map(|i| claim(i, "alice", to("bob"), i.into())).collect();
    fails("report-31-claims", "31 claims, one past the most", &wire::encode(&seal(section(&many), vec![0x5e; 64])), 75);
}

fn origins(file: &mut Vectors) {
    let good = to_accept(&report(&two()));
    let mut fails = |id: &str, comment: &str, input: Value| {
        file.fails(id, comment, "accept", input, 74);
    };
    fails("reporter-another-key", "the key of another device", flipped(&good, "delivery_key", 0, 1));
    fails("reporter-mac-bit", "the last bit of the MAC", flipped(&good, "report", -1, 1));
    fails("reporter-device", "one bit of the reporter's device", flipped(&good, "report", 11, 1));
    fails("reporter-claim", "one bit of the second claim's stamp", flipped(&good, "report", 4 + 193, 1));
    fails("reporter-fingerprint", "one bit of the fingerprint", flipped(&good, "report", -34 - 66 - 1_123 - 1, 1));
    fails("reporter-encapsulated", "one bit of the encapsulated key", flipped(&good, "report", -34 - 66 - 1, 1));
    fails("reporter-sealed", "one bit of the sealed openings", flipped(&good, "report", -34 - 1, 1));
    // Without lengths in the MAC's input, a byte could move from one section to the next.
    let mut moved = seal(section(&two()), vec![0x5e; 64]);
    let message = [labels::REPORTER, &moved.claims, &moved.moderation_key_fingerprint, &moved.encapsulated_key, &moved.sealed_openings].concat();
    moved.reporter_mac = mac::hmac(&BOBS_KEY, &[&message]).to_vec();
    fails("reporter-mac-without-lengths", "the MAC over the sections without their lengths", with(&good, "report", hex(wire::encode(&moved))));
    neighbours::reports(file, &good);
}

fn claims(file: &mut Vectors) {
    let [first, second] = two();
    let mut fails = |id: &str, comment: &str, claims: &[Claim], check| {
        file.fails(id, comment, "accept", to_accept(&report(claims)), check);
    };
    fails("claims-swapped", "the later claim first", &[second.clone(), first.clone()], 76);
    fails("claims-repeated", "the same claim twice", &[first.clone(), first.clone()], 76);
    fails("claims-same-tag", "one message stamped twice", &[first.clone(), claim(0x11, "alice", to("bob"), 5)], 76);
    fails("claims-same-tag-apart", "the same with another message between", &[first.clone(), second, claim(0x11, "alice", to("bob"), 5_000)], 76);
    fails("claims-tags-descend", "two claims of one millisecond, the greater tag first", &[claim(0x22, "alice", to("bob"), 0), first.clone()], 76);
    fails("claims-two-conversations", "a message of another conversation", &[first.clone(), claim(0x22, "carol", to("bob"), 5)], 77);
    let group = Audience::Group(ConversationId::group(b"chess club"));
    fails("claims-direct-and-group", "a group's message beside a direct one", &[first, claim(0x22, "alice", group, 5)], 77);
    let disguised = |one: &str, other: &str| Audience::Group(ConversationId::direct(&account(one), &account(other)));
    fails("claims-direct-in-disguise", "a group with the id of the direct conversation of sender and reporter", &[claim(0x11, "alice", disguised("alice", "bob"), 0)], 114);
    fails("claims-direct-in-disguise-senders", "a group with the id of the direct conversation of two senders", &[claim(0x11, "alice", disguised("carol", "alice"), 0), claim(0x22, "carol", disguised("alice", "carol"), 5)], 114);
    fails("claims-direct-in-disguise-oneself", "a group with the id of the sender's conversation with itself", &[claim(0x11, "alice", disguised("alice", "alice"), 0)], 114);
    fails("claims-direct-in-disguise-beside", "the same conversation as a direct one and as a group", &[claim(0x11, "alice", to("bob"), 0), claim(0x22, "alice", disguised("alice", "bob"), 5)], 114);
    fails("claims-of-others", "a message that Bob neither sent nor received", &[claim(0x11, "alice", to("carol"), 0)], 78);
}

fn stamps(file: &mut Vectors) {
    let mut fails = |id: &str, comment: &str, change: &dyn Fn(&mut Claim), check| {
        let [first, mut second] = two();
        change(&mut second);
        file.fails(id, comment, "accept", to_accept(&report(&[first, second])), check);
    };
    fails("claim-stamp-bit", "one bit of the second claim's stamp, and the reporter's MAC over it", &|c| c.stamp = Stamp::new(c.stamp.as_bytes().map(|b| b ^ 1)), 71);
    fails("claim-tag-bit", "another tag under a genuine stamp", &|c| c.tag = FrankingTag::from_bytes([0x23; 32]), 71);
    fails("claim-sender", "another device of the sender under a genuine stamp", &|c| c.context.sender.device.0 += 1, 71);
    fails("claim-time", "a later time under a genuine stamp", &|c| c.context.accepted_at = Timestamp::from_millis(c.context.accepted_at.as_millis() + 1), 71);
    fails("claim-epoch", "the epoch of the day after", &|c| c.context.epoch += 1, 68);
    fails("claim-far-future", "moved 391 days ahead, its epoch with it", &|c| { c.context.accepted_at = Timestamp::from_millis(c.context.accepted_at.as_millis() + 391 * DAY); c.context.epoch += 391; }, 70);
    let future = [claim(0x11, "alice", to("bob"), 360_001)];
    file.fails("claim-future", "stamped 300,001 ms after the intake's clock", "accept", to_accept(&report(&future)), 70);
    let later = StampKeys::new(&[0x52; 32], 20_001, "eu").unwrap();
    let destroyed = with(&to_accept(&report(&two())), "stamp_keys", hex(&*later.export()));
    file.fails("claim-epoch-destroyed", "the oldest epoch kept is the day after", "accept", destroyed, 69);
}

fn queue(file: &mut Vectors) {
    let accepted = accept(Input::of(&to_accept(&report(&two())))).unwrap();
    let good = json!({ "accepted": accepted["accepted"], "acceptance_key": hex([0xac; 32]), "id": hex(ID) });
    file.passes("queued", "an accepted report in the queue", "import_accepted", good.clone());
    let mut bytes = vec![1];
    bytes.extend_from_slice(&(NOON.as_millis() + 60_000).to_be_bytes());
    bytes.extend_from_slice(&[0, 0, 0, 2]);
    codec::put_long(&mut bytes, &report_1(&two()));
    let mac = mac::hmac(&[0xac; 32], &[labels::ACCEPTANCE_1, &bytes]);
    bytes.extend_from_slice(&mac);
    let version_1 = with(&good, "accepted", hex(bytes));
    file.passes("queued-version-1", "an accepted report of version 01, which names no id", "import_accepted", version_1.clone());
    let mut fails = |id: &str, comment: &str, input: Value, check| {
        file.fails(id, comment, "import_accepted", input, check);
    };
    fails("queued-another-key", "one bit of the acceptance key", flipped(&good, "acceptance_key", 0, 1), 81);
    fails("queued-mac-bit", "the last bit of the MAC", flipped(&good, "accepted", -1, 1), 81);
    fails("queued-id-bit", "one bit of the id", flipped(&good, "accepted", 1, 1), 81);
    fails("queued-time", "one bit of the time of acceptance", flipped(&good, "accepted", 24, 1), 81);
    fails("queued-repeated", "one bit of what was reported before", flipped(&good, "accepted", 28, 1), 81);
    fails("queued-report", "one bit of the report", flipped(&good, "accepted", 56, 1), 81);
    fails("queued-cut", "the last byte is missing", changed(&good, "accepted", |a| { a.pop(); }), 81);
    fails("queued-extended", "a byte behind the MAC", changed(&good, "accepted", |a| a.push(0)), 81);
    fails("queued-version-byte-1", "version 02 with the version byte 01", changed(&good, "accepted", |a| a[0] = 1), 81);
    fails("queued-version-3", "version 03", changed(&good, "accepted", |a| a[0] = 3), 52);
    fails("queued-1-time", "one bit of the time of acceptance, in version 01", flipped(&version_1, "accepted", 8, 1), 81);
    fails("queued-1-as-2", "version 01 with the version byte 02", changed(&version_1, "accepted", |a| a[0] = 2), 81);
    fails("queued-other-id", "another accepted report than the one that was asked for", flipped(&good, "id", 15, 1), 113);
    fails("queued-too-long", "2,076,047 bytes, one past the most, of whatever", with(&good, "accepted", hex(vec![2; MAX_ACCEPTED_LEN + 1])), 51);
    neighbours::queue(file, &good);
}

fn evidence(file: &mut Vectors) {
    let text = franking::text("Hello, world");
    let encoded = parts::encode_parts(text.iter().map(Vec::as_slice));
    let key = FrankingKey::from_bytes([0x4b; 32]);
    let franked = Franked::new(&key, &encoded);
    let stamped = |audience| {
        let tag = franked.tag_from(&device("alice", 1), franking::conversation());
        let claim = keys().stamp_tag(&tag, &device("alice", 1), &audience, NOON).unwrap();
        let mut out = vec![2];
        claim.put(&mut out);
        out.extend_from_slice(franked.as_bytes());
        out
    };
    let good = json!({ "evidence": hex(stamped(to("bob"))) });
    file.passes("evidence", "evidence of a message", "import_evidence", good.clone());
    let stamped_1 = |conversation| {
        let parts = franking::text_1("Hello, world", conversation);
        let franked = Franked::new(&key, &parts::encode_parts(parts.iter().map(Vec::as_slice)));
        let claim = keys().stamp_tag(&franked.tag_1(), &device("alice", 1), &to("bob"), NOON).unwrap();
        let mut out = vec![1];
        claim.put(&mut out);
        out.extend_from_slice(franked.as_bytes());
        json!({ "evidence": hex(out) })
    };
    let old = stamped_1(franking::conversation());
    file.passes("evidence-1", "evidence of a message of format 01", "import_evidence", old.clone());
    let mut fails = |id: &str, comment: &str, input: Value, check| {
        file.fails(id, comment, "import_evidence", input, check);
    };
    fails("evidence-text-bit", "the last bit of the text", flipped(&good, "evidence", -1, 1), 73);
    fails("evidence-tag-bit", "one bit of the tag", flipped(&good, "evidence", 1, 1), 73);
    fails("evidence-key-bit", "one bit of the franking key", flipped(&good, "evidence", 1 + 32 + 2 + 27 + 32, 1), 73);
    fails("evidence-cut", "the last byte is missing", changed(&good, "evidence", |e| { e.pop(); }), 73);
    fails("evidence-extended", "a byte behind the parts", changed(&good, "evidence", |e| e.push(0)), 73);
    let group = Audience::Group(ConversationId::group(b"chess club"));
    fails("evidence-other-conversation", "a claim of another conversation than the message was written for", json!({ "evidence": hex(stamped(group)) }), 73);
    fails("evidence-sender", "one bit of the sender's account", flipped(&good, "evidence", 1 + 32 + 2 + 2, 1), 73);
    fails("evidence-device", "one bit of the sender's device", flipped(&good, "evidence", 1 + 32 + 2 + 9, 1), 73);
    fails("evidence-under-1", "under the version byte 01", changed(&good, "evidence", |e| e[0] = 1), 73);
    fails("evidence-version-3", "version 03", changed(&good, "evidence", |e| e[0] = 3), 52);
    fails("evidence-1-under-2", "evidence of format 01 under the version byte 02", changed(&old, "evidence", |e| e[0] = 2), 73);
    fails("evidence-1-text-bit", "the last bit of the text, in format 01", flipped(&old, "evidence", -1, 1), 73);
    fails("evidence-1-other-conversation", "a header of format 01 that was written for another conversation", stamped_1(ConversationId::group(b"chess club")), 73);
    fails("evidence-too-long", "65,911 bytes, one past the most, of whatever", json!({ "evidence": hex(vec![1; 1 + 32 + 2 + MAX_CONTEXT_LEN + 32 + 32 + MAX_PAYLOAD_LEN + 1]) }), 51);
    neighbours::evidence(file, &good, &old);
    attached::evidence(file);
}
