//! Makes `entry.json`: entries, details, digests of reports, commitments and policies.

use super::*;
use crate::entry::*;
use crate::link::{account_commitment, officer_commitment, report_commitment};
use crate::report::ReportDigest;

pub(super) fn decode_entry(input: Input<'_>) -> Outcome {
    let bytes = input.get("entry").bytes();
    let entry = Entry::decode(&bytes).map_err(refused)?;
    assert_eq!(entry.encode(), bytes);
    Ok(json!({
        "day": entry.day.0, "number": hex(entry.number.as_bytes()), "kind": entry.event.kind().number(),
        "fields": fields(&entry.event), "digest": hex(entry.digest.as_bytes()),
        "leaf_hash": hash_hex(&entry.leaf_hash()),
    }))
}

/// The public fields, by their names.
fn fields(event: &Event) -> Value {
    match event {
        Event::ReportRejected { check } => json!({ "check": check }),
        Event::ReportSorted { reason } => json!({ "reason": reason.number() }),
        Event::ContentOpened { purpose, mark } => json!({ "purpose": purpose.number(), "mark": hex(mark.as_bytes()) }),
        Event::GrantRequested { purpose } | Event::GrantApproved { purpose } | Event::GrantDenied { purpose }
        | Event::GrantExpired { purpose } => json!({ "purpose": purpose.number() }),
        Event::EmergencyReviewed { outcome } => json!({ "outcome": outcome.number() }),
        Event::Decision { reason, measure, openings, days } => {
            json!({ "reason": reason.number(), "measure": measure.number(), "openings": openings, "days": days })
        }
        Event::NoticeSent { side } | Event::AppealFiled { side } => json!({ "side": side.number() }),
        Event::AppealDecided { outcome, days } => json!({ "outcome": outcome.number(), "days": days }),
        Event::Exported { target } => json!({ "target": target.number() }),
        Event::LegalRequestReceived { basis } => json!({ "basis": basis.number() }),
        Event::LegalRequestAnswered { outcome, items } => json!({ "outcome": outcome.number(), "items": items }),
        Event::KeyEpochCreated { key } | Event::KeyEpochDestroyed { key } => json!({ "key": key.number() }),
        Event::PolicyPublished(policy) => json!({
            "version": policy.version, "policy": hex(policy.digest.as_bytes()), "signature": hex(policy.signature),
        }),
        _ => json!({}),
    }
}

pub(super) fn check_detail(input: Input<'_>) -> Outcome {
    let entry = Entry::decode(&input.get("entry").bytes()).map_err(refused)?;
    let detail = Detail::from_parts(input.get("salt").array(), input.get("detail").bytes()).map_err(refused)?;
    if !entry.is_about(&detail) {
        return Err("OtherDetail".to_owned());
    }
    Ok(json!({ "digest": hex(detail.digest().as_bytes()) }))
}

pub(super) fn report_digest(input: Input<'_>) -> Outcome {
    let digest = ReportDigest::of(&input.get("sealed_report").bytes());
    Ok(json!({ "report_digest": hex(digest.as_bytes()), "number": hex(digest.number().as_bytes()) }))
}

pub(super) fn commitments(input: Input<'_>) -> Outcome {
    let salt = input.get("salt").array();
    let report = ReportDigest::from_bytes(input.get("report_digest").array());
    Ok(json!({
        "account": hex(account_commitment(&salt, &input.get("account").bytes())),
        "report": hex(report_commitment(&salt, &report)),
        "officer": hex(officer_commitment(&salt, &input.get("officer_key").array())),
    }))
}

pub(super) fn check_policy(input: Input<'_>) -> Outcome {
    let policy = PublishedPolicy {
        version: input.get("version").number(),
        digest: PolicyDigest::from_bytes(input.get("policy").array()),
        signature: input.get("signature").array(),
    };
    let key = PolicyPublicKey::from_bytes(&input.get("policy_key").array()).ok_or("NotThePolicyKey")?;
    policy.verify(input.get("origin").text(), &key).map_err(refused)?;
    Ok(json!({}))
}

fn entry(event: Event) -> Entry {
    Entry { day: Day(DAY), number: Number::from_bytes([0x4e; 16]), event, digest: Digest::from_bytes([0xd1; 32]) }
}

#[test]
fn entries() {
    let mut file = Vectors::new(
        CRATE,
        "entry.json",
        "Entries, details, digests of reports, commitments and policies. SPEC.md, “Entries”, “Details”, “Derivations”.",
        "day 20,000, number 16 x 4e, digest 32 x d1, policy key of the seed 32 x 44",
    );
    for event in one_of_each() {
        let id = format!("entry-{}", event.kind());
        let bytes = entry(event).encode();
        let good = json!({ "entry": hex(&bytes) });
        file.passes(&id, "an entry of this kind", "decode_entry", good.clone());
        let short = changed(&good, "entry", |bytes| { bytes.pop(); });
        file.fails(&format!("{id}-short"), "the last byte is missing", "decode_entry", short, 130);
        let long = changed(&good, "entry", |bytes| bytes.push(0));
        file.fails(&format!("{id}-long"), "one byte more", "decode_entry", long, 130);
    }
    bad_fields(&mut file);
    details(&mut file);
    policies(&mut file);
    for (id, sealed) in [("report-empty", &b""[..]), ("report", SEALED)] {
        file.passes(id, "digest and number of a sealed report", "report_digest", json!({ "sealed_report": hex(sealed) }));
    }
    file.passes("commitments", "the same salt under three labels", "commitments", json!({
        "salt": hex([0x5a; 32]), "account": hex(ACCOUNT), "report_digest": hex([0x4d; 32]), "officer_key": hex([0x0f; 32]),
    }));
    file.finish();
}

/// An event of each kind.
pub(super) fn one_of_each() -> Vec<Event> {
    let (purpose, side, key) = (Purpose::LegalRequest, Side::Account, KeyKind::Officer);
    let policy = World::new().policy.publish(ORIGIN, 7, PolicyDigest::from_bytes([0xb0; 32]));
    vec![
        Event::ReportReceived,
        Event::ReportRejected { check: 81 },
        Event::ReportSorted { reason: reason(16) },
        Event::ContentOpened { purpose, mark: Mark::from_bytes([0x3a; 16]) },
        Event::GrantRequested { purpose },
        Event::GrantApproved { purpose: Purpose::Identify },
        Event::GrantDenied { purpose: Purpose::UserReport },
        Event::GrantExpired { purpose },
        Event::EmergencyReviewed { outcome: ReviewOutcome::NotJustified },
        Event::EmergencyOverdue,
        Event::Decision { reason: reason(1), measure: Measure::Referred, openings: u32::MAX, days: 3 },
        Event::NoticeSent { side },
        Event::AppealFiled { side: Side::Reporter },
        Event::AppealDecided { outcome: AppealOutcome::Reversed, days: 258 },
        Event::Exported { target: Target::Webhook },
        Event::LegalRequestReceived { basis: LegalBasis::Other },
        Event::LegalRequestAnswered { outcome: LegalOutcome::NotHeld, items: 1 },
        Event::HoldPlaced,
        Event::HoldLifted,
        Event::KeyEpochCreated { key },
        Event::KeyEpochDestroyed { key: KeyKind::Policy },
        Event::PolicyPublished(policy),
        Event::ContentErased,
        Event::FileFetched,
    ]
}

fn bad_fields(file: &mut Vectors) {
    let purpose = Purpose::UserReport;
    let input = |event| json!({ "entry": hex(entry(event).encode()) });
    let mut fails = |id: &str, comment: &str, event: Event, at: usize, byte: u8| {
        let bad = changed(&input(event), "entry", |bytes| bytes[at] = byte);
        file.fails(id, comment, "decode_entry", bad, 130);
    };
    fails("version-0", "version 00", Event::HoldPlaced, 0, 0);
    fails("version-2", "version 02", Event::HoldPlaced, 0, 2);
    fails("kind-0", "no kind has the number 0", Event::HoldPlaced, 1, 0);
    fails("kind-25", "no kind has the number 25", Event::HoldPlaced, 1, 25);
    fails("kind-other", "a hold, as a kind with one field", Event::HoldPlaced, 1, 2);
    fails("reason-0", "reasons begin at 1", Event::ReportSorted { reason: reason(1) }, 22, 0);
    fails("reason-17", "reasons end at 16", Event::ReportSorted { reason: reason(1) }, 22, 17);
    fails("purpose-0", "purposes begin at 1", Event::GrantDenied { purpose }, 22, 0);
    fails("purpose-8", "purposes end at 7", Event::GrantExpired { purpose }, 22, 8);
    let mark = Mark::from_bytes([0; 16]);
    fails("purpose-8-opened", "purposes end at 7", Event::ContentOpened { purpose, mark }, 22, 8);
    fails("review-3", "reviews have two outcomes", Event::EmergencyReviewed { outcome: ReviewOutcome::Justified }, 22, 3);
    let decision = Event::Decision { reason: reason(1), measure: Measure::None, openings: 0, days: 0 };
    fails("decision-reason-0", "reasons begin at 1", decision, 22, 0);
    fails("decision-measure-7", "measures end at 6", decision, 23, 7);
    fails("side-0", "sides are 1 and 2", Event::NoticeSent { side: Side::Account }, 22, 0);
    fails("side-3", "sides are 1 and 2", Event::AppealFiled { side: Side::Account }, 22, 3);
    fails("appeal-3", "appeals have two outcomes", Event::AppealDecided { outcome: AppealOutcome::Upheld, days: 0 }, 22, 3);
    fails("target-6", "targets end at 5", Event::Exported { target: Target::Dsa }, 22, 6);
    fails("basis-7", "bases end at 6", Event::LegalRequestReceived { basis: LegalBasis::Other }, 22, 7);
    fails("answer-5", "answers end at 4", Event::LegalRequestAnswered { outcome: LegalOutcome::Refused, items: 0 }, 22, 5);
    fails("key-8", "kinds of keys end at 7", Event::KeyEpochCreated { key: KeyKind::Log }, 22, 8);
    fails("key-0", "kinds of keys begin at 1", Event::KeyEpochDestroyed { key: KeyKind::Log }, 22, 0);
    let empty = json!({ "entry": "" });
    file.fails("entry-empty", "no bytes", "decode_entry", empty, 130);
    let past = json!({ "entry": hex([1; 257]) });
    file.fails("entry-257", "longer than 256 bytes", "decode_entry", past, 130);
}

fn details(file: &mut Vectors) {
    let detail = Detail::from_parts([0x5a; 32], b"what it is about".to_vec()).unwrap();
    let about = Entry { digest: detail.digest(), ..entry(Event::HoldPlaced) };
    let good = json!({ "entry": hex(about.encode()), "salt": hex(detail.salt()), "detail": hex(detail.bytes()) });
    file.passes("detail", "a detail and its entry", "check_detail", good.clone());
    file.fails("detail-salt", "another salt", "check_detail", flipped(&good, "salt", 0, 1), 131);
    file.fails("detail-byte", "another byte", "check_detail", flipped(&good, "detail", -1, 1), 131);
    let moved = changed(&changed(&good, "salt", |_| {}), "detail", |bytes| bytes.push(0));
    file.fails("detail-longer", "one byte more", "check_detail", moved, 131);
    let longest = Detail::from_parts([0x5a; 32], vec![0x61; 4_096]).unwrap();
    let about = Entry { digest: longest.digest(), ..entry(Event::HoldPlaced) };
    let good = json!({ "entry": hex(about.encode()), "salt": hex(longest.salt()), "detail": hex(longest.bytes()) });
    file.passes("detail-4096", "the longest detail", "check_detail", good.clone());
    let past = changed(&good, "detail", |bytes| bytes.push(0x61));
    file.fails("detail-4097", "longer than 4,096 bytes", "check_detail", past, 131);
}

fn policies(file: &mut Vectors) {
    let world = World::new();
    let policy = world.policy.publish(ORIGIN, 7, PolicyDigest::from_bytes([0xb0; 32]));
    let good = json!({
        "origin": ORIGIN, "version": 7, "policy": hex([0xb0; 32]), "signature": hex(policy.signature),
        "policy_key": hex(world.policy.public_key().as_bytes()),
    });
    file.passes("policy", "a published policy", "check_policy", good.clone());
    let mut fails = |id: &str, comment: &str, bad: Value| file.fails(id, comment, "check_policy", bad, 159);
    fails("policy-origin", "signed for another log", with(&good, "origin", "other.example"));
    fails("policy-version", "signed for another version", with(&good, "version", 8));
    fails("policy-digest", "signed for another document", flipped(&good, "policy", 0, 1));
    fails("policy-signature", "another signature", flipped(&good, "signature", 0, 1));
    let other = PolicyKey::from_seed(&[0x45; 32]).public_key();
    fails("policy-key", "signed by another key", with(&good, "policy_key", hex(other.as_bytes())));
    let mut weak = [0; 32];
    weak[0] = 1;
    fails("policy-key-weak", "a key of small order", with(&good, "policy_key", hex(weak)));
}
