//! Makes `receipt.json`: receipts, and what they tell.

use super::*;
use crate::decision::{DecisionDetail, NoticeDetail};
use crate::entry::*;
use crate::keys::LogKeys;
use crate::link::Link;
use crate::promise::Promise;
use crate::receipt::{Expected, Receipt, Role, Told, ToldAppeal};
use crate::report::ReportDigest;

/// Verifies a receipt with the promise of the same input, or for its account.
fn told_of(input: Input<'_>, receipt: Input<'_>) -> Result<Told, String> {
    let keys: LogKeys = input.get("keys").text().parse().unwrap();
    let bytes = receipt.bytes();
    let receipt = Receipt::decode(&bytes).map_err(refused)?;
    assert_eq!(receipt.encode(), Some(bytes));
    if let Some(account) = input.optional("account") {
        let account = account.bytes();
        return receipt.verify(&keys, Expected::Account { account: &account }).map_err(refused);
    }
    let promise = Promise::decode(&input.get("promise").bytes()).unwrap();
    let report = ReportDigest::from_bytes(input.get("report_digest").array());
    let promise = promise.verify(keys.log(), &report, u64::MAX).unwrap();
    receipt.verify(&keys, Expected::Report { promise: &promise }).map_err(refused)
}

pub(super) fn verify_receipt(input: Input<'_>) -> Outcome {
    let told = told_of(input, input.get("receipt"))?;
    let decisions: Vec<_> = told.decisions.iter().map(|decision| json!({
        "day": decision.day.0, "reason": decision.reason.number(), "measure": decision.measure.number(),
        "openings": decision.openings, "days": decision.days, "rule": decision.rule, "statement": decision.statement,
        "appeal_until_ms": decision.appeal_until_ms,
    })).collect();
    let appeals: Vec<_> = told.appeals.iter().map(|appeal| match appeal {
        ToldAppeal::Filed { day, side, .. } => json!({ "day": day.0, "side": side.number() }),
        ToldAppeal::Decided { day, outcome, days, statement } => json!({
            "day": day.0, "outcome": outcome.number(), "days": days, "statement": statement,
        }),
    }).collect();
    Ok(json!({
        "size": told.checkpoint.size(), "vault_time": told.checkpoint.vault_time(),
        "received": told.received.map(|day| day.0), "rejected": told.rejected.map(|(day, check)| [day.0, check.into()]),
        "sorted": told.sorted.map(|(day, reason)| [day.0, reason.number().into()]),
        "openings": told.openings.iter().map(|(day, purpose)| [day.0, purpose.number().into()]).collect::<Vec<_>>(),
        "decisions": decisions,
        "notices": told.notices.iter().map(|(day, side)| [day.0, side.number().into()]).collect::<Vec<_>>(),
        "appeals": appeals, "erased": told.erased.map(|day| day.0),
        "contradictions": told.contradictions.iter().map(found).collect::<Vec<_>>(),
    }))
}

pub(super) fn compare_receipts(input: Input<'_>) -> Outcome {
    let later = told_of(input, input.get("receipt"))?;
    let earlier = told_of(input, input.get("earlier"))?;
    let entries = input.list("entries").into_iter();
    let entries: Vec<_> = entries.map(|entry| Entry::decode(&entry.bytes()).unwrap()).collect();
    Ok(json!({
        "contradictions": later.contradicts(&earlier).iter().map(found).collect::<Vec<_>>(),
        "missing": later.missing_from(&entries).iter().map(found).collect::<Vec<_>>(),
    }))
}

/// What the story's reporter knows.
fn for_reporter(story: &Story, receipt: &Receipt) -> Value {
    json!({
        "keys": story.world.keys().to_string(), "account": null, "promise": hex(story.promise.encode()),
        "report_digest": hex(ReportDigest::of(SEALED).as_bytes()), "receipt": hex(receipt.encode().unwrap()),
    })
}

/// What the story's account knows.
fn for_account(story: &Story, receipt: &Receipt) -> Value {
    json!({
        "keys": story.world.keys().to_string(), "account": hex(ACCOUNT), "promise": null, "report_digest": null,
        "receipt": hex(receipt.encode().unwrap()),
    })
}

#[test]
fn receipts() {
    let mut file = Vectors::new(
        CRATE,
        "receipt.json",
        "Receipts, and what they tell. SPEC.md, “Receipts”.",
        "two reports about the account “mallory”, opened, decided, appealed and reversed in the week after day 20,000",
    );
    forms(&mut file);
    refusals(&mut file);
    contradictions(&mut file);
    comparisons(&mut file);
    file.finish();
}

const VERIFY: &str = "verify_receipt";

fn forms(file: &mut Vectors) {
    let story = Story::new();
    file.passes("reporter", "all that the reporter is told", VERIFY, for_reporter(&story, &story.of_reporter()));
    let good = for_account(&story, &story.receipt(Role::Account, &[story.decision]));
    file.passes("account", "all that the account is told", VERIFY, for_account(&story, &story.of_account()));
    file.passes("account-one", "a decision alone", VERIFY, good.clone());
    let empty = Receipt { items: Vec::new(), ..story.of_account() };
    file.passes("account-none", "no entries", VERIFY, for_account(&story, &empty));
    let mut fails = |id: &str, comment: &str, bad: Value| file.fails(id, comment, VERIFY, bad, 153);
    fails("form-empty", "no bytes", with(&good, "receipt", ""));
    fails("form-version", "version 02", flipped(&good, "receipt", 0, 3));
    fails("form-role-0", "no role has the number 0", flipped(&good, "receipt", 1, 2));
    fails("form-role-3", "no role has the number 3", flipped(&good, "receipt", 1, 1));
    fails("form-short", "the last byte is missing", changed(&good, "receipt", |bytes| { bytes.pop(); }));
    fails("form-long", "one byte more", changed(&good, "receipt", |bytes| bytes.push(0)));
    let link = changed(&good, "receipt", |bytes| bytes.truncate(bytes.len() - 32));
    fails("form-link", "no link for the decision", link);
    let note = changed(&good, "receipt", |bytes| bytes[4] = b'\t');
    fails("form-note", "a checkpoint that is no note", note);
    let count = |bytes: &[u8]| 4 + usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
    let more = changed(&good, "receipt", |bytes| { let at = count(bytes); bytes[at + 1] = 2; });
    fails("form-count", "fewer entries than the count", more);
    let kind = changed(&good, "receipt", |bytes| { let at = count(bytes) + 2 + 8; bytes[at + 2] = 0; });
    fails("form-entry", "an entry of an unknown kind", kind);
    let proof = changed(&good, "receipt", |bytes| { let at = count(bytes) + 2 + 8 + 1 + 64; bytes[at] = 65; });
    fails("form-proof", "a proof of 65 hashes", proof);
    let detail = changed(&good, "receipt", |bytes| { let at = count(bytes) + 2 + 8 + 1 + 64 + 1 + 4 * 32; bytes[at] = 2; });
    fails("form-detail", "a detail that is neither there nor absent", detail);
    let two = for_account(&story, &story.receipt(Role::Account, &[story.decision + 1, story.decision + 2]));
    file.passes("account-two", "two notices, whose decision is not shown", VERIFY, two.clone());
    let order = changed(&two, "receipt", |bytes| { let at = count(bytes) + 2; bytes[at + 7] += 1; });
    file.fails("form-twice", "an index twice", VERIFY, order, 153);
    let order = changed(&two, "receipt", |bytes| { let at = count(bytes) + 2; bytes[at + 7] += 2; });
    file.fails("form-order", "indices that descend", VERIFY, order, 153);
    let past = with(&good, "receipt", hex(vec![1; 1_048_577]));
    file.fails("form-too-long", "longer than 1,048,576 bytes", VERIFY, past, 153);
}

fn refusals(file: &mut Vectors) {
    let story = Story::new();
    let receipt = story.receipt(Role::Account, &[story.decision]);
    let good = for_account(&story, &receipt);
    let mut fails = |id: &str, comment: &str, bad: Value, check: u16| file.fails(id, comment, VERIFY, bad, check);
    let input = |change: &dyn Fn(&mut Receipt)| {
        let mut receipt = receipt.clone();
        change(&mut receipt);
        for_account(&story, &receipt)
    };
    let size = story.world.entries.len();
    let unwitnessed = |receipt: &mut Receipt| {
        receipt.checkpoint = story.world.signed(size);
        let text = receipt.checkpoint.text().to_owned();
        receipt.checkpoint.add(story.world.vault.cosign(&text, noon(DAY + 10))).unwrap();
    };
    fails("no-witness", "a checkpoint without witnesses", input(&unwitnessed), 141);
    let without_vault = |receipt: &mut Receipt| {
        receipt.checkpoint = story.world.signed(size);
        let text = receipt.checkpoint.text().to_owned();
        for witness in &story.world.witnesses {
            receipt.checkpoint.add(witness.cosign(&text, noon(DAY + 10))).unwrap();
        }
    };
    fails("no-vault", "a checkpoint without the vault", input(&without_vault), 140);
    let bad = note::with_bad_signature(&receipt.checkpoint, "desk.example/vault");
    fails("bad-vault", "a wrong cosignature of the vault", input(&|receipt| {
        receipt.checkpoint = Note::decode(bad.as_bytes()).unwrap();
    }), 137);
    fails("entry-day", "an entry with another day", input(&|receipt| receipt.items[0].entry.day = Day(DAY)), 154);
    fails("entry-index", "another index", input(&|receipt| receipt.items[0].index += 1), 154);
    fails("entry-proof", "a hash is missing", input(&|receipt| { receipt.items[0].proof.pop(); }), 154);
    fails("entry-beyond", "an index beyond the log", input(&|receipt| receipt.items[0].index = size as u64), 154);
    let smaller = |receipt: &mut Receipt| receipt.checkpoint = story.world.checkpoint(size - 1, noon(DAY + 10));
    fails("entry-smaller", "the checkpoint of a smaller log", input(&smaller), 154);
    let other = DecisionDetail { statement: "Nothing was wrong.".to_owned(), ..decision_detail() };
    let other = Detail::from_parts([0; 32], other.encode(&mut World::new().rng).unwrap().bytes().to_vec()).unwrap();
    fails("detail-other", "another statement of reasons", input(&|receipt| receipt.items[0].detail = Some(other.clone())), 155);
    let mut odd = Story::new();
    let (entry, case) = (odd.world.entries[odd.decision as usize].0, Number::from_bytes(CASE));
    let index = odd.world.append(DAY + 8, case, entry.event, b"not the detail of a decision");
    fails("detail-form", "a decision with a detail of another form", for_account(&odd, &odd.receipt(Role::Account, &[index])), 155);
    let side = Side::Account;
    let index = odd.world.append(DAY + 8, case, Event::NoticeSent { side }, b"");
    fails("detail-notice", "a notice with a detail of another form", for_account(&odd, &odd.receipt(Role::Account, &[odd.decision, index])), 155);
    let opened = Receipt { role: Role::Account, ..story.receipt(Role::Account, &[story.opened]) };
    fails("foreign-opening", "an opening, shown to the account", for_account(&story, &opened), 156);
    fails("foreign-report", "the other report, shown to this reporter", for_reporter(&story, &story.receipt(Role::Reporter, &[1, 2])), 156);
    fails("foreign-grant", "a grant, shown to the reporter", for_reporter(&story, &story.receipt(Role::Reporter, &[2, 5])), 156);
    fails("foreign-role", "the account's receipt, shown to the reporter", with(&for_reporter(&story, &story.of_reporter()), "receipt", good["receipt"].clone()), 156);
    fails("foreign-reader", "the reporter's receipt, shown to the account", with(&good, "receipt", hex(story.of_reporter().encode().unwrap())), 156);
}

fn contradictions(file: &mut Vectors) {
    let mut tells = |id: &str, comment: &str, input: Value, expected: &str| {
        let told = file.passes(id, comment, VERIFY, input);
        assert_eq!(told["contradictions"], json!([expected]), "{id}");
    };
    let story = Story::new();
    let only = |indices: &[u64]| for_reporter(&story, &story.receipt(Role::Reporter, indices));
    tells("broken-promise", "the promised entry is not shown", only(&[3, story.opened]), "PromiseBroken");
    let (number, case) = (story.promise.entry().number, Number::from_bytes(CASE));
    let with_entry = |number: Number, day: u32, event: Event, shown: &[u64]| {
        let mut story = Story::new();
        let index = story.world.append(day, number, event, b"");
        let mut receipt = story.receipt(Role::Reporter, &[shown, &[index]].concat());
        receipt.items.last_mut().unwrap().detail = None;
        receipt.items.last_mut().unwrap().link = None;
        for_reporter(&story, &receipt)
    };
    let last = story.world.entries.len() as u64;
    let (purpose, mark) = (Purpose::UserReport, Mark::from_bytes([1; 16]));
    let is = |name: &str| format!("{name} {last}");
    tells("not-as-promised", "a second entry says that the report was rejected",
        with_entry(number, DAY + 7, Event::ReportRejected { check: 81 }, &[2]), &is("NotAsPromised"));
    tells("sorted-twice", "two reasons",
        with_entry(number, DAY + 7, Event::ReportSorted { reason: reason(1) }, &[2, 3]), &is("Repeated"));
    tells("mark-twice", "one permission, used twice",
        with_entry(number, DAY + 7, Event::ContentOpened { purpose, mark }, &[2, story.opened]), &is("MarkTwice"));
    let other = Mark::from_bytes([9; 16]);
    tells("back-dated", "an opening two days before the entry before it",
        with_entry(number, DAY, Event::ContentOpened { purpose, mark: other }, &[2, story.opened, story.opened + 1]), &is("BackDated"));
    tells("no-decision", "a notice without a decision",
        with_entry(Number::from_bytes([0xcb; 16]), DAY + 7, Event::NoticeSent { side: Side::Reporter }, &[2]), &is("WithoutDecision"));
    tells("no-detail", "a decision without its statement of reasons",
        with_entry(case, DAY + 7, story.world.entries[story.decision as usize].0.event, &[2]), &is("NoDetail"));
    let upheld = Event::AppealDecided { outcome: AppealOutcome::Upheld, days: 1 };
    tells("no-appeal", "an appeal is decided that was not filed",
        with_entry(case, DAY + 7, upheld, &[2, story.decision]), &is("WithoutAppeal"));
    let decided = |openings: u32, days: u32| {
        let mut story = Story::new();
        let event = Event::Decision { reason: reason(4), measure: Measure::None, openings, days };
        let detail = decision_detail().encode(&mut story.world.rng).unwrap();
        let index = story.world.append_with(DAY + 7, case, event, detail);
        for_reporter(&story, &story.receipt(Role::Reporter, &[2, story.opened, story.opened + 1, index]))
    };
    tells("fewer-openings", "fewer openings than are shown", decided(1, 7), &format!("FewerOpenings {last} 1 2"));
    tells("fewer-days", "fewer days than since the report", decided(2, 5), &format!("FewerDays {last} 5 7"));
    let mut linked = story.receipt(Role::Reporter, &[2, story.decision]);
    linked.items[1].link = Link::to_report(LINK_SALTS[1], 1, &commitments());
    tells("other-report", "a decision about another report", for_reporter(&story, &linked), &format!("NotAboutReader {}", story.decision));
    let account = with(&for_account(&story, &story.receipt(Role::Account, &[story.decision])), "account", hex(b"alice"));
    tells("other-account", "a decision about another account", account, &format!("NotAboutReader {}", story.decision));
    let mut noticed = Story::new();
    let detail = NoticeDetail { decision: TreeHash::from_bytes([9; 32]), side: Side::Account };
    let detail = detail.encode(&mut noticed.world.rng).unwrap();
    let index = noticed.world.append_with(DAY + 7, case, Event::NoticeSent { side: Side::Account }, detail);
    let receipt = noticed.receipt(Role::Account, &[noticed.decision, index]);
    tells("other-decision", "a notice of another decision", for_account(&noticed, &receipt), &is("WithoutDecision"));
    let mut world = World::new();
    let promise = world.report(DAY, SEALED, Some(81));
    world.append(DAY, number, Event::ContentOpened { purpose, mark }, b"");
    let receipt = Receipt { role: Role::Reporter, checkpoint: world.checkpoint(2, noon(DAY + 5)), items: vec![world.item(0, true), world.item(1, false)] };
    let rejected = json!({
        "keys": world.keys().to_string(), "account": null, "promise": hex(promise.encode()),
        "report_digest": hex(ReportDigest::of(SEALED).as_bytes()), "receipt": hex(receipt.encode().unwrap()),
    });
    tells("rejected-opened", "a rejected report was opened", rejected.clone(), "RejectedYetUsed 1");
    world.append(DAY, number, Event::ContentOpened { purpose, mark }, b"");
    let receipt = Receipt {
        checkpoint: world.checkpoint(3, noon(DAY + 5)),
        items: vec![world.item(0, true), world.item(1, false), world.item(2, false)],
        ..receipt
    };
    let twice = with(&rejected, "receipt", hex(receipt.encode().unwrap()));
    let told = file.passes("rejected-opened-twice", "a rejected report was opened twice under one mark", VERIFY, twice);
    assert_eq!(told["contradictions"], json!(["RejectedYetUsed 1", "RejectedYetUsed 2"]));
    let mut erased = Story::new();
    let index = erased.world.append(DAY + 9, case, Event::ContentErased, b"");
    let mut receipt = erased.receipt(Role::Account, &[erased.decision, index]);
    receipt.items.iter_mut().for_each(|item| (item.detail, item.link) = (None, None));
    let told = file.passes("erased", "a decision whose content was erased", VERIFY, for_account(&erased, &receipt));
    assert_eq!(told["contradictions"], json!([]));
}

fn comparisons(file: &mut Vectors) {
    let story = Story::new();
    let entries: Vec<_> = story.world.entries.iter().map(|(entry, _)| hex(entry.encode())).collect();
    let both = |later: &Receipt, earlier: &Receipt| {
        let mut input = for_reporter(&story, later);
        input["earlier"] = hex(earlier.encode().unwrap()).into();
        input["entries"] = entries.clone().into();
        input
    };
    let compare = "compare_receipts";
    let whole = story.of_reporter();
    let told = file.passes("same", "the same receipt again, and the whole log", compare, both(&whole, &whole));
    assert_eq!(told, json!({ "contradictions": [], "missing": [] }));
    let few = story.receipt(Role::Reporter, &[2, story.decision]);
    let told = file.passes("dropped", "openings that were shown before are left out", compare, both(&few, &whole));
    assert_eq!(told["contradictions"].as_array().unwrap().len(), 7);
    file.passes("grown", "more than was shown before", compare, both(&whole, &few));
    let mut shorter = Story::new();
    shorter.world.entries.truncate(shorter.decision as usize);
    let older = shorter.receipt(Role::Reporter, &[2, 3]);
    let told = file.passes("older", "a smaller log than before", compare, both(&older, &few));
    assert_eq!(told["contradictions"], json!(["OlderCheckpoint"]));
    let mut forked = Story::new();
    let (entry, detail) = forked.world.entries.pop().unwrap();
    let upheld = Event::AppealDecided { outcome: AppealOutcome::Upheld, days: 2 };
    forked.world.append_with(entry.day.0, entry.number, upheld, detail);
    let told = file.passes("forked", "another log of the same size", compare, both(&forked.of_reporter(), &whole));
    assert_eq!(told["contradictions"], json!(["Forked", "Forked"]));
    let mut part = both(&whole, &whole);
    part["entries"] = entries[..5].to_vec().into();
    file.passes("part", "a published log that ends before the checkpoint", compare, part);
}
