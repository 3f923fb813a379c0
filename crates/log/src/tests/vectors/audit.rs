//! Makes `audit.json`: what an auditor finds and counts.

use super::*;
use crate::audit::Audit;
use crate::counts::Counts;
use crate::entry::*;
use crate::keys::LogKeys;
use crate::promise::PromisedLeaf;

pub(super) fn audit(input: Input<'_>) -> Outcome {
    let keys: LogKeys = input.get("keys").text().parse().unwrap();
    let range = (Day(input.get("from").number()), Day(input.get("to").number()));
    let log = keys.log().clone();
    let mut audit = Audit::new(keys, Counts::new(range.0, range.1));
    for promise in input.list("promises") {
        let note = Note::decode(promise.text().as_bytes()).unwrap();
        audit.expect_promise(PromisedLeaf::verify(&note, &log).unwrap());
    }
    for step in input.list("steps") {
        match (step.optional("entry"), step.optional("ahead")) {
            (Some(entry), _) => drop(audit.entry(&entry.bytes()).map_err(refused)?),
            (None, Some(note)) => drop(audit.checkpoint_ahead(&note_of(note)?).map_err(refused)?),
            (None, None) => drop(audit.checkpoint(&note_of(step.get("note"))?).map_err(refused)?),
        }
    }
    let rows: serde_json::Map<_, _> = audit.counts().rows().into_iter().map(|(name, number)| (name, number.into())).collect();
    Ok(json!({
        "size": audit.size(), "counts": rows,
        "findings": audit.findings().iter().map(found).collect::<Vec<_>>(),
    }))
}

/// The input for the whole log of this world, with one checkpoint at its end.
fn of(world: &World, secs: u64) -> Value {
    let mut steps: Vec<_> = world.entries.iter().map(|(entry, _)| json!({ "entry": hex(entry.encode()) })).collect();
    steps.push(json!({ "note": world.checkpoint(world.entries.len(), secs).to_string() }));
    json!({ "keys": world.keys().to_string(), "from": 0, "to": u32::MAX, "promises": Vec::<String>::new(), "steps": steps })
}

fn steps(input: &Value, change: impl FnOnce(&mut Vec<Value>)) -> Value {
    let mut steps = input["steps"].as_array().unwrap().clone();
    change(&mut steps);
    with(input, "steps", steps)
}

#[test]
fn audits() {
    let mut file = Vectors::new(
        CRATE,
        "audit.json",
        "What an auditor finds and counts. SPEC.md, “Audit”, “Counts”.",
        "the story of receipt.json, audited on day 20,010",
    );
    let world = Story::new().world;
    let good = of(&world, noon(DAY + 10));
    file.passes("story", "the whole story", "audit", good.clone());
    file.passes("range", "two days of it", "audit", with(&with(&good, "from", DAY + 1), "to", DAY + 2));
    let mut each = World::new();
    let number = Number::from_bytes([0x4e; 16]);
    for event in entry::one_of_each() {
        each.append(DAY, number, event, b"");
    }
    file.passes("each", "an entry of each kind", "audit", of(&each, noon(DAY)));
    medians(&mut file);
    refusals(&mut file, &good, &world);
    findings(&mut file);
    file.finish();
}

fn medians(file: &mut Vectors) {
    let mut world = World::new();
    for (n, days) in (0..).zip([9u32, 1, 3, 30]) {
        let number = Number::from_bytes([n; 16]);
        let event = Event::Decision { reason: reason(2), measure: Measure::Warning, openings: 1, days };
        world.append(DAY, number, event, b"");
        world.append(DAY, number, Event::ReportReceived, b"");
        for mark in 0..n {
            let mark = Mark::from_bytes([n * 16 + mark; 16]);
            world.append(DAY, number, Event::ContentOpened { purpose: Purpose::ChildSafety, mark }, b"");
        }
    }
    file.passes("median", "four decisions, and reports that were opened 0 to 3 times", "audit", of(&world, noon(DAY)));
}

fn refusals(file: &mut Vectors, good: &Value, world: &World) {
    let last = world.entries.len();
    let mut fails = |id: &str, comment: &str, bad: Value, check: u16| file.fails(id, comment, "audit", bad, check);
    fails("altered", "an entry with another digest", steps(good, |steps| steps[3] = flipped(&steps[3], "entry", -1, 1)), 158);
    fails("re-dated", "an entry with another day", steps(good, |steps| steps[8] = flipped(&steps[8], "entry", 5, 1)), 158);
    fails("swapped", "two entries swapped", steps(good, |steps| steps.swap(5, 6)), 158);
    fails("dropped", "an entry is missing", steps(good, |steps| { steps.remove(4); }), 158);
    fails("added", "an entry more than was signed", steps(good, |steps| steps.insert(4, steps[3].clone())), 158);
    fails("no-entry", "bytes that are no entry", steps(good, |steps| steps[0] = json!({ "entry": "" })), 158);
    fails("kind-25", "an entry of an unknown kind", steps(good, |steps| steps[0] = json!({ "entry": hex([1, 25]) })), 158);
    let unwitnessed = world.signed(last).to_string();
    fails("unwitnessed", "a checkpoint without witnesses", steps(good, |steps| steps[last] = json!({ "note": unwitnessed })), 141);
    let mut alone = world.signed(last);
    let text = alone.text().to_owned();
    world.witnesses.iter().for_each(|witness| alone.add(witness.cosign(&text, noon(DAY + 10))).unwrap());
    fails("no-vault", "a checkpoint that the vault never saw", steps(good, |steps| steps[last] = json!({ "note": alone.to_string() })), 140);
    let mut longer = Story::new().world;
    longer.append(DAY + 10, Number::from_bytes([0xdd; 16]), Event::HoldPlaced, b"");
    let ahead = |note: String| steps(good, |steps| steps.push(json!({ "ahead": note })));
    fails("ahead-unwitnessed", "a checkpoint ahead of the entries, without witnesses", ahead(longer.signed(last + 1).to_string()), 141);
    fails("not-ahead", "a checkpoint ahead that is over the entries that were read", ahead(world.checkpoint(last, noon(DAY + 10)).to_string()), 158);
    let bad = note::with_bad_signature(&world.checkpoint(last, noon(DAY + 10)), ORIGIN);
    fails("bad-log", "a wrong signature of the log", steps(good, |steps| steps[last] = json!({ "note": bad })), 137);
}

fn findings(file: &mut Vectors) {
    let mut finds = |id: &str, comment: &str, input: Value, expected: &[&str]| {
        let told = file.passes(id, comment, "audit", input);
        assert_eq!(told["findings"], json!(expected), "{id}");
    };
    let after = |number: [u8; 16], day: u32, event: Event| {
        let mut world = Story::new().world;
        world.append(day, Number::from_bytes(number), event, b"");
        of(&world, noon(DAY + 10))
    };
    let (new, reported) = ([0xdd; 16], *Story::new().promise.entry().number.as_bytes());
    let (purpose, side) = (Purpose::UserReport, Side::Account);
    let mark = |n: u8| Event::ContentOpened { purpose, mark: Mark::from_bytes([n; 16]) };
    finds("mark-twice", "one permission, used twice", after(reported, DAY + 7, mark(3)), &["MarkTwice 15"]);
    finds("never-received", "a report was opened that never arrived", after(new, DAY + 7, mark(9)), &["NeverReceived 15"]);
    finds("received-twice", "a report arrived twice", after(reported, DAY + 7, Event::ReportReceived), &["ReceivedTwice 15"]);
    finds("back-dated", "two days before the entry before it", after(new, DAY + 5, Event::HoldPlaced), &["BackDated 15"]);
    finds("back-dated-arrival", "an arrival three days before the entry before it", after(new, DAY + 4, Event::ReportReceived), &["BackDated 15"]);
    finds("late-arrival", "an arrival may be two days late", after(new, DAY + 5, Event::ReportReceived), &[]);
    finds("post-dated", "a day after the checkpoint", after(new, DAY + 11, Event::HoldPlaced), &["PostDated 15"]);
    finds("no-request", "a grant that was not requested", after(new, DAY + 7, Event::GrantApproved { purpose }), &["WithoutRequest 15"]);
    finds("rejected-too", "a report arrived, and was rejected", after(reported, DAY + 7, Event::ReportRejected { check: 63 }), &["ReceivedTwice 15"]);
    let twice = |number: [u8; 16], one: Event, another: Event| {
        let mut world = Story::new().world;
        world.append(DAY + 7, Number::from_bytes(number), one, b"");
        world.append(DAY + 7, Number::from_bytes(number), another, b"");
        of(&world, noon(DAY + 10))
    };
    let rejected = Event::ReportRejected { check: 63 };
    finds("rejected-twice", "a report was rejected twice", twice(new, rejected, rejected), &["ReceivedTwice 16"]);
    finds("received-too", "a report was rejected, and then arrived", twice(new, rejected, Event::ReportReceived), &["ReceivedTwice 16"]);
    let sorted = Event::ReportSorted { reason: reason(2) };
    finds("sorted-twice", "a report was sorted twice", after(reported, DAY + 7, sorted), &["SortedTwice 15"]);
    finds("requested-twice", "a grant was requested twice", after([2; 16], DAY + 7, Event::GrantRequested { purpose }), &["GrantContradicts 15"]);
    finds("approved-twice", "a grant was approved twice", after([2; 16], DAY + 7, Event::GrantApproved { purpose }), &["GrantContradicts 15"]);
    finds("denied-too", "a grant was approved, and denied", after([2; 16], DAY + 7, Event::GrantDenied { purpose }), &["GrantContradicts 15"]);
    finds("expired", "a grant expired", after([2; 16], DAY + 7, Event::GrantExpired { purpose }), &[]);
    finds("expired-otherwise", "a grant expired that had another purpose", after([2; 16], DAY + 7, Event::GrantExpired { purpose: Purpose::Appeal }), &["GrantContradicts 15"]);
    finds("no-emergency", "a grant for no emergency was reviewed as one", after([2; 16], DAY + 7, Event::EmergencyOverdue), &["GrantContradicts 15"]);
    let asked = Event::GrantRequested { purpose: Purpose::Emergency };
    finds("emergency-overdue", "an emergency that was not reviewed in time", twice(new, asked, Event::EmergencyOverdue), &[]);
    finds("no-decision", "a notice without a decision", after(new, DAY + 7, Event::NoticeSent { side }), &["WithoutDecision 15"]);
    let upheld = Event::AppealDecided { outcome: AppealOutcome::Upheld, days: 0 };
    finds("no-appeal", "an appeal that was decided already", after(CASE, DAY + 7, upheld), &["WithoutAppeal 15"]);
    let publish = |version: u32, seed: u8| {
        let policy = PolicyKey::from_seed(&[seed; 32]).publish(ORIGIN, version, PolicyDigest::from_bytes([7; 32]));
        after(new, DAY + 7, Event::PolicyPublished(policy))
    };
    finds("policy", "the next policy", publish(2, 0x44), &[]);
    finds("policy-same", "a policy of the same version", publish(1, 0x44), &["PolicyNotNewer 15"]);
    finds("policy-other-key", "a policy that another key signed", publish(2, 0x45), &["PolicyNotSigned 15"]);
    let world = World::new();
    let silent = |times: &[u64]| {
        let notes: Vec<_> = times.iter().map(|secs| json!({ "note": world.checkpoint(0, *secs).to_string() })).collect();
        with(&of(&world, 0), "steps", notes)
    };
    let start = noon(DAY);
    finds("daily", "36 hours between two checkpoints", silent(&[start, start + 129_600]), &[]);
    finds("silent", "a second more", silent(&[start, start + 129_601]), &["VaultSilent 0 36"]);
    finds("clock-back", "the vault's clock went back", silent(&[start, start - 1]), &["VaultClockBack 0"]);
    let mut more = World::new();
    more.append(DAY, Number::from_bytes(new), Event::HoldPlaced, b"");
    let ahead = |secs: u64| {
        let ahead = json!({ "ahead": more.checkpoint(1, secs).to_string() });
        steps(&silent(&[start]), |steps| steps.push(ahead))
    };
    finds("ahead", "a checkpoint whose entries are not public, 36 hours later", ahead(start + 129_600), &[]);
    finds("ahead-silent", "a second more", ahead(start + 129_601), &["VaultSilent 1 36"]);
    finds("ahead-back", "the vault's clock went back", ahead(start - 1), &["VaultClockBack 1"]);
    let mut flooded = World::new();
    for n in 0..130u8 {
        let event = if n < 65 { Event::EmergencyOverdue } else { Event::NoticeSent { side } };
        flooded.append(DAY, Number::from_bytes(new), event, b"");
    }
    let (first, second) = (0..64).map(|n| format!("WithoutRequest {n}")).zip((65..129).map(|n| format!("WithoutDecision {n}"))).unzip::<_, _, Vec<_>, Vec<_>>();
    let expected = [first, second].concat();
    finds("flood", "65 findings of each of two kinds", of(&flooded, noon(DAY)), &expected.iter().map(String::as_str).collect::<Vec<_>>());
    let mut late = World::new();
    late.append(DAY, Number::from_bytes(new), Event::HoldPlaced, b"");
    let old = steps(&of(&late, noon(DAY + 3)), |steps| steps.insert(0, json!({ "note": world.checkpoint(0, noon(DAY + 2)).to_string() })));
    finds("before-checkpoint", "an entry from before the last checkpoint", old, &["BackDated 0"]);
    let mut promising = World::new();
    let promise = promising.promise(DAY, SEALED, None);
    let promised = |world: &World, secs: u64| with(&of(world, secs), "promises", vec![promise.note().to_string()]);
    let due = u64::from(DAY + 3) * 86_400;
    finds("promise-open", "a promise that is not due yet", promised(&promising, due - 1), &[]);
    finds("promise-broken", "a promise that is due", promised(&promising, due), &["PromiseBroken 20000"]);
    promising.entries.push((*promise.entry(), promise.detail().clone()));
    finds("promise-kept", "a promise that was kept", promised(&promising, due), &[]);
}
