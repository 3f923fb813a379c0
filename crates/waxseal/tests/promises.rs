//! Promises of the provider about reports, and receipts of its log: kept, compared, and refused.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use waxseal::errors::{Damage, KeepPromiseError, StateError, VerifyReceiptError};
use waxseal::log::entry::{Day, Event, Mark, Number, Purpose};
use waxseal::log::limits::MAX_RECEIPT_LEN;
use waxseal::log::note::{Note, Signer};
use waxseal::log::promise::{Promise, PromiseError, PromisedLeaf};
use waxseal::log::receipt::{Contradiction, ReceiptError, Role};
use waxseal::{
    Advice, Client, KeptPromise, MemoryStore, OutgoingReport, PromiseState, Reason, Timestamp,
};
use waxseal_world::{Log, NOW, Provider, account, snapshot};

const DAY_MS: u64 = 86_400_000;
const LOG: &str = "desk.example/log";

/// Bob has reported an account, and the provider has promised the entry.
struct Prepared {
    world: Provider,
    log: Log,
    bob: Client<MemoryStore>,
    report: OutgoingReport,
    promise: Promise,
}

fn prepared() -> Prepared {
    let (mut world, _, mut bob) = Provider::of_two();
    let log = Log::new(LOG);
    let report = reported(&mut world, &mut bob);
    let promise = log.promise(&report.report, None, NOW, &mut world.rng);
    Prepared {
        world,
        log,
        bob,
        report,
        promise,
    }
}

fn reported(world: &mut Provider, bob: &mut Client<MemoryStore>) -> OutgoingReport {
    let draft = bob.draft_account_report(&account("mallory"), Reason::Scam);
    let key = world.moderation.public_key();
    bob.report(&draft.unwrap(), key, &mut world.rng).unwrap()
}

impl Prepared {
    fn keep(&mut self) -> Result<KeptPromise, KeepPromiseError<std::convert::Infallible>> {
        let (promise, keys) = (self.promise.encode(), self.log.keys());
        self.bob.keep_promise(&self.report, &promise, &keys, NOW)
    }

    /// The kept promise, as a restarted client lists it.
    fn listed(&self, now: Timestamp) -> KeptPromise {
        let store = MemoryStore::from_records(snapshot(&self.bob));
        let client = Client::open(store).unwrap();
        let mut page = client.promises(None, 10, now).unwrap();
        assert_eq!((page.items.len(), page.damaged.len()), (1, 0));
        page.items.pop().unwrap()
    }

    fn number(&self) -> Number {
        self.promise.entry().number
    }

    /// Logs that the report was opened.
    fn open(&mut self, mark: u8) -> u64 {
        let (purpose, mark) = (Purpose::UserReport, Mark::from_bytes([mark; 16]));
        let event = Event::ContentOpened { purpose, mark };
        self.log.append(today(), self.number(), event)
    }

    /// Asserts that a call with this receipt fails so, and changes nothing.
    fn refuses(
        &mut self,
        receipt: &[u8],
        log: &Log,
    ) -> VerifyReceiptError<std::convert::Infallible> {
        let before = snapshot(&self.bob);
        let error = self.bob.verify_receipt(receipt, &log.keys()).unwrap_err();
        assert_eq!(snapshot(&self.bob), before, "{error:?}");
        error
    }
}

fn today() -> Day {
    Day::of_ms(NOW.as_millis())
}

fn after_days(days: u64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() + days * DAY_MS)
}

#[test]
fn a_promise_is_kept_and_waits_then_is_included() {
    let mut at = prepared();
    let kept = at.keep().unwrap();
    let until = Timestamp::from_millis(at.promise.entry().day.end_ms() + 2 * DAY_MS);
    assert_eq!(kept.state(), PromiseState::Waiting { until });
    assert_eq!(kept.report(), at.report.id);
    assert_eq!(
        (kept.number(), kept.promised().rejected()),
        (at.number(), None)
    );
    assert!(kept.receipt().is_none() && kept.evidence().is_none());
    at.bob.confirm_report(at.report.id).unwrap();
    let last_moment = Timestamp::from_millis(until.as_millis() - 1);
    assert_eq!(
        at.listed(last_moment).state(),
        PromiseState::Waiting { until }
    );

    let index = at.log.append_promised(&at.promise);
    let receipt = at.log.receipt(Role::Reporter, &[index], after_days(1));
    let told = at.bob.verify_receipt(&receipt, &at.log.keys()).unwrap();
    assert_eq!(told.contradictions, []);
    let kept = at.listed(after_days(100));
    assert_eq!(kept.state(), PromiseState::Included);
    let last = kept.receipt().unwrap();
    assert_eq!(
        (last.told().received, last.bytes()),
        (Some(today()), &receipt[..])
    );
    assert!(!last.is_contradicted() && kept.evidence().is_none());

    at.bob.forget_promise(&at.number()).unwrap();
    assert!(at.bob.promises(None, 10, NOW).unwrap().items.is_empty());
    let error = at.refuses(&receipt, &at.log.clone());
    assert!(matches!(error, VerifyReceiptError::NoPromise));
    assert_eq!(error.advice(), Advice::Drop);
}

#[test]
fn an_overdue_promise_gives_evidence_that_names_no_user() {
    let mut at = prepared();
    // The provider could name the user in a signature that no one checks.
    let mut note = at.promise.note().clone();
    let other = Signer::from_seed("bob.reported.mallory", &[3; 32]).unwrap();
    let others = Note::sign(note.text().to_owned(), &other).unwrap();
    note.add(others.signatures()[0].clone()).unwrap();
    let (from, to) = (at.promise.note().encode(), note.encode());
    let rest = &at.promise.encode()[3 + from.len()..];
    let len = u16::try_from(to.len()).unwrap().to_be_bytes();
    let promise = [&[1], &len[..], &to, rest].concat();
    let keys = at.log.keys();
    at.bob
        .keep_promise(&at.report, &promise, &keys, NOW)
        .unwrap();

    let since = Timestamp::from_millis(at.promise.entry().day.end_ms() + 2 * DAY_MS);
    let kept = at.listed(since);
    assert_eq!(kept.state(), PromiseState::Overdue { since });
    let evidence = kept.evidence().unwrap();
    let text = String::from_utf8(evidence.to_vec()).unwrap();
    assert!(!text.contains("bob") && !text.contains("mallory"), "{text}");
    let shown = PromisedLeaf::verify(&Note::decode(evidence).unwrap(), keys.log()).unwrap();
    assert_eq!(shown.leaf_hash, at.promise.entry().leaf_hash());

    // A receipt that shows the report's opening and not its arrival does not end that. It says so.
    let index = at.open(1);
    let receipt = at.log.receipt(Role::Reporter, &[index], after_days(4));
    let told = at.bob.verify_receipt(&receipt, &keys).unwrap();
    assert_eq!(told.contradictions, [Contradiction::PromiseBroken]);
    let kept = at.listed(since);
    assert_eq!(kept.state(), PromiseState::Overdue { since });
    let told = kept.receipt().unwrap().told();
    assert_eq!(told.contradictions, [Contradiction::PromiseBroken]);
}

#[test]
fn a_rejected_report_has_a_promise_too() {
    let mut at = prepared();
    at.promise = at
        .log
        .promise(&at.report.report, Some(71), NOW, &mut at.world.rng);
    assert_eq!(at.keep().unwrap().promised().rejected(), Some(71));
    let index = at.log.append_promised(&at.promise);
    let receipt = at.log.receipt(Role::Reporter, &[index], after_days(1));
    let told = at.bob.verify_receipt(&receipt, &at.log.keys()).unwrap();
    assert_eq!(told.rejected, Some((today(), 71)));
    assert_eq!(at.listed(after_days(9)).state(), PromiseState::Included);
}

#[test]
fn the_first_promise_about_a_report_stays() {
    let mut at = prepared();
    let first = at.keep().unwrap();
    let stored = snapshot(&at.bob);
    at.keep().unwrap();
    assert_eq!(
        snapshot(&at.bob),
        stored,
        "the same promise changes nothing"
    );
    for (rejected, days) in [(None, 1), (Some(71), 0)] {
        let (log, rng) = (&at.log, &mut at.world.rng);
        at.promise = log.promise(&at.report.report, rejected, after_days(days), rng);
        let error = at.keep().unwrap_err();
        assert!(matches!(error, KeepPromiseError::AnotherPromise));
        assert_eq!(error.advice(), Advice::AskProvider);
        assert_eq!(snapshot(&at.bob), stored);
    }
    assert_eq!(at.listed(NOW).promised(), first.promised());
}

#[test]
fn a_promise_that_does_not_bind_is_refused() {
    let mut at = prepared();
    let (other, before) = (reported(&mut at.world, &mut at.bob), snapshot(&at.bob));
    let (bytes, keys) = (at.promise.encode(), at.log.keys());
    for at_byte in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at_byte] ^= 1;
        let error = at.bob.keep_promise(&at.report, &altered, &keys, NOW);
        assert!(
            matches!(error, Err(KeepPromiseError::Promise(_))),
            "{at_byte}"
        );
    }
    let mut refused = |report: &OutgoingReport, bytes: &[u8], log: &Log, now| {
        let error = at.bob.keep_promise(report, bytes, &log.keys(), now);
        let error = error.unwrap_err();
        (
            error.advice(),
            match error {
                KeepPromiseError::Promise(error) => Some(error),
                KeepPromiseError::NotSealed => None,
                other => panic!("{other:?}"),
            },
        )
    };
    use PromiseError::*;
    let (log, ask) = (&at.log, Advice::AskProvider);
    assert_eq!(refused(&other, &bytes, log, NOW), (ask, Some(OtherReport)));
    let two_logs = Log::new("other.example/log");
    let (advice, error) = refused(&at.report, &bytes, &two_logs, NOW);
    assert!(advice == ask && matches!(error, Some(Note(_))));
    let early = Timestamp::from_millis(NOW.as_millis() - 2 * DAY_MS);
    let later = refused(&at.report, &bytes, log, early);
    assert_eq!(later, (Advice::KeepAndRetry, Some(InTheFuture)));
    let newer = [&[2], &bytes[1..]].concat();
    let newer = refused(&at.report, &newer, log, NOW);
    assert_eq!(newer, (Advice::KeepAndRetry, Some(UnknownVersion)));
    let long = refused(&at.report, &[1; 65_537], log, NOW);
    assert_eq!(long, (ask, Some(TooLong)));
    let kept = OutgoingReport {
        report: Vec::new(),
        ..other
    };
    assert_eq!(refused(&kept, &bytes, log, NOW), (Advice::FixCall, None));
    assert_eq!(snapshot(&at.bob), before);
}

#[test]
fn a_receipt_that_shows_nothing_is_refused() {
    let mut at = prepared();
    at.keep().unwrap();
    let log = at.log.clone();
    let arrival = at.log.append_promised(&at.promise);
    let opened = at.open(1);
    let receipt = at.log.receipt(Role::Reporter, &[arrival, opened], NOW);
    for at_byte in 0..receipt.len() {
        let mut altered = receipt.clone();
        altered[at_byte] ^= 1;
        at.refuses(&altered, &log);
    }
    let error = at.refuses(&vec![1; MAX_RECEIPT_LEN + 1], &log);
    assert!(matches!(
        error,
        VerifyReceiptError::Receipt(ReceiptError::TooLong)
    ));
    assert_eq!(error.advice(), Advice::AskProvider);

    // A receipt without an entry about a report could be about any.
    let error = at.refuses(&at.log.receipt(Role::Reporter, &[], after_days(9)), &log);
    assert!(matches!(error, VerifyReceiptError::NamesNoReport));
    // Another log, whose keys the application pinned too, holds the same entries.
    let mut other = Log::new("other.example/log");
    other.append_promised(&at.promise);
    let error = at.refuses(&other.receipt(Role::Reporter, &[0], NOW), &other);
    assert!(matches!(error, VerifyReceiptError::OtherLog));
    assert_eq!(error.advice(), Advice::FixCall);
    let error = at.refuses(&other.receipt(Role::Reporter, &[0], NOW), &log);
    assert!(matches!(
        error,
        VerifyReceiptError::Receipt(ReceiptError::Checkpoint(_))
    ));
    // A report of which this device knows nothing.
    let promise = at.log.promise(b"foreign", None, NOW, &mut at.world.rng);
    let foreign = at.log.append_promised(&promise);
    let error = at.refuses(&at.log.receipt(Role::Reporter, &[foreign], NOW), &log);
    assert!(matches!(error, VerifyReceiptError::NoPromise));
    let both = at.log.receipt(Role::Reporter, &[arrival, foreign], NOW);
    let error = at.refuses(&both, &log);
    let foreign = ReceiptError::ForeignEntry { index: foreign };
    assert!(matches!(error, VerifyReceiptError::Receipt(error) if error == foreign));
}

#[test]
fn nothing_that_a_receipt_showed_may_disappear() {
    let mut at = prepared();
    at.keep().unwrap();
    let keys = at.log.keys();
    let arrival = at.log.append_promised(&at.promise);
    let older = at.log.receipt(Role::Reporter, &[arrival], NOW);
    let opened = at.open(1);
    let first = at.log.receipt(Role::Reporter, &[arrival, opened], NOW);
    let decided = at
        .log
        .decide(today(), 3, &account("mallory"), &at.report.report);
    let good = at
        .log
        .receipt(Role::Reporter, &[arrival, opened, decided], NOW);
    let dropping = at.log.receipt(Role::Reporter, &[arrival, decided], NOW);

    let told = at.bob.verify_receipt(&first, &keys).unwrap();
    assert_eq!(told.contradictions, []);
    // An older receipt is no broken rule of the provider, and the newer one stays.
    let stored = snapshot(&at.bob);
    let told = at.bob.verify_receipt(&older, &keys).unwrap();
    assert_eq!(told.contradictions, [Contradiction::OlderCheckpoint]);
    assert_eq!(snapshot(&at.bob), stored);
    assert!(!at.listed(NOW).receipt().unwrap().is_contradicted());

    let told = at.bob.verify_receipt(&dropping, &keys).unwrap();
    assert_eq!(
        told.contradictions,
        [Contradiction::Dropped { index: opened }]
    );
    let kept = at.listed(NOW);
    let last = kept.receipt().unwrap();
    assert!(
        last.is_contradicted() && last.bytes() == first,
        "the first is evidence"
    );
    let stored = snapshot(&at.bob);
    at.bob.verify_receipt(&dropping, &keys).unwrap();
    assert_eq!(snapshot(&at.bob), stored);

    // A later receipt that takes nothing back does not make it undone.
    let told = at.bob.verify_receipt(&good, &keys).unwrap();
    assert_eq!(told.contradictions, []);
    assert_eq!(
        told.decisions[0].statement.as_deref(),
        Some("It is a threat.")
    );
    let kept = at.listed(NOW);
    let last = kept.receipt().unwrap();
    assert!(last.is_contradicted() && last.bytes() == good);
    // Nor may an older one show what a newer one leaves out.
    at.bob.forget_promise(&at.number()).unwrap();
    at.keep().unwrap();
    at.bob.verify_receipt(&dropping, &keys).unwrap();
    let told = at.bob.verify_receipt(&first, &keys).unwrap();
    let found = [
        Contradiction::OlderCheckpoint,
        Contradiction::Dropped { index: opened },
    ];
    assert_eq!(told.contradictions, found);
    assert!(at.listed(NOW).receipt().unwrap().is_contradicted());

    // A second log with the same keys, in which the report was never opened.
    let mut second = Log::new(LOG);
    second.append_promised(&at.promise);
    let event = Event::HoldPlaced;
    second.append(today(), Number::from_bytes([1; 16]), event);
    second.append(today(), Number::from_bytes([1; 16]), event);
    let told = at
        .bob
        .verify_receipt(&second.receipt(Role::Reporter, &[0], NOW), &keys)
        .unwrap();
    assert!(told.contradictions.contains(&Contradiction::Forked));
}

#[test]
fn a_promise_is_about_the_report_under_every_delivery_key() {
    let mut at = prepared();
    let keys = at.log.keys();
    at.world.verify(&at.report.report).unwrap();
    let first = at.keep().unwrap();
    let stored = snapshot(&at.bob);
    let id = at.report.id;
    let sent_again = |at: &Prepared| {
        let mut waiting = at.bob.pending_reports(None, 10).unwrap().items;
        assert_eq!((waiting.len(), waiting[0].id), (1, id));
        waiting.remove(0)
    };

    let key = at.bob.renew_delivery_key(&mut at.world.rng).unwrap();
    at.world.register_key(at.bob.me(), key.clone());
    at.bob.confirm_delivery_key(&key, NOW).unwrap();
    let renewed = sent_again(&at);
    assert_ne!(renewed.report, at.report.report, "another MAC");
    assert!(at.world.verify(&at.report.report).is_err());
    at.world.verify(&renewed.report).unwrap();
    // The provider answers what is sent again with the same promise, and makes no other number.
    let promise = at.promise.encode();
    let kept = at.bob.keep_promise(&renewed, &promise, &keys, NOW).unwrap();
    assert_eq!(kept.promised(), first.promised());
    let again = at
        .log
        .promise(&renewed.report, None, NOW, &mut at.world.rng);
    assert_eq!(again.entry().number, at.number());
    assert_eq!(
        snapshot(&at.bob)
            .iter()
            .filter(|record| stored.contains(record))
            .count(),
        stored.len() - 1,
        "only the account's record has changed, by its delivery key"
    );

    // The first answer was lost: the promise is kept under the renewed key, and shown in the log.
    at.bob.forget_promise(&at.number()).unwrap();
    at.bob.keep_promise(&renewed, &promise, &keys, NOW).unwrap();
    let index = at.log.append_promised(&at.promise);
    let receipt = at.log.receipt(Role::Reporter, &[index], after_days(1));
    let told = at.bob.verify_receipt(&receipt, &keys).unwrap();
    assert_eq!(
        (told.received, told.contradictions),
        (Some(today()), vec![])
    );

    // A report that was sealed again is another one.
    let moderation = at.world.moderation.public_key().clone();
    let resealed = at.bob.reseal_report(id, &moderation, &mut at.world.rng);
    let error = at
        .bob
        .keep_promise(&resealed.unwrap(), &promise, &keys, NOW);
    assert!(matches!(
        error,
        Err(KeepPromiseError::Promise(PromiseError::OtherReport))
    ));
}

#[test]
fn promises_are_listed_in_pages() {
    let mut at = prepared();
    let keys = at.log.keys();
    let mut numbers = Vec::new();
    for _ in 0..3 {
        let report = reported(&mut at.world, &mut at.bob);
        let promise = at.log.promise(&report.report, None, NOW, &mut at.world.rng);
        let kept = at.bob.keep_promise(&report, &promise.encode(), &keys, NOW);
        numbers.push(kept.unwrap().number());
    }
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = at.bob.promises(after.as_ref(), 2, NOW).unwrap();
        assert!(page.items.len() <= 2);
        listed.extend(page.items.iter().map(KeptPromise::number));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    listed.sort();
    numbers.sort();
    assert_eq!(listed, numbers);
}

#[test]
fn a_damaged_promise_costs_itself() {
    let mut at = prepared();
    at.keep().unwrap();
    let other = reported(&mut at.world, &mut at.bob);
    let promise = at.log.promise(&other.report, None, NOW, &mut at.world.rng);
    let keys = at.log.keys();
    let encoded = promise.encode();
    at.bob.keep_promise(&other, &encoded, &keys, NOW).unwrap();
    let [arrival, second] = [at.promise.clone(), promise].map(|one| at.log.append_promised(&one));
    let receipt = at.log.receipt(Role::Reporter, &[arrival], NOW);
    at.bob.verify_receipt(&receipt, &keys).unwrap();
    let number = at.number();
    let is_promise = |key: &waxseal::store::Key| key.table.as_bytes() == b"2";
    let whole = snapshot(&at.bob);
    let damaged_by = |alter: &dyn Fn(&mut Vec<u8>)| {
        let mut records = whole.clone();
        let name = waxseal::store::Row::Name(number.as_bytes().to_vec());
        let found = records
            .iter_mut()
            .find(|(key, _)| is_promise(key) && key.row == name);
        alter(&mut found.unwrap().1);
        Client::open(MemoryStore::from_records(records)).unwrap()
    };

    let len = whole
        .iter()
        .find(|(key, _)| is_promise(key))
        .unwrap()
        .1
        .len();
    for at_byte in (0..len).step_by(7) {
        let mut bob = damaged_by(&|value| {
            let at_byte = at_byte.min(value.len() - 1);
            value[at_byte] ^= 1;
        });
        let page = bob.promises(None, 10, NOW).unwrap();
        if page.damaged.is_empty() {
            // Nothing verifies the report's identifier, nor that there was a receipt.
            assert_eq!(page.items.len(), 2);
            continue;
        }
        assert_eq!((page.items.len(), page.damaged.len()), (1, 1));
        let error = bob.verify_receipt(&receipt, &keys).unwrap_err();
        let damage = matches!(
            error,
            VerifyReceiptError::State(StateError::Damaged(Damage::Promise))
        );
        assert!(damage && error.advice() == Advice::ForgetPromise);
        // The other promise can be used, and the provider's answer comes again.
        let other = at.log.receipt(Role::Reporter, &[second], NOW);
        bob.verify_receipt(&other, &keys).unwrap();
        bob.delete_damaged(&page.damaged[0]).unwrap();
        let promise = at.promise.encode();
        bob.keep_promise(&at.report, &promise, &keys, NOW).unwrap();
        assert_eq!(bob.promises(None, 10, NOW).unwrap().items.len(), 2);
        bob.verify_receipt(&receipt, &keys).unwrap();
    }

    // A promise that was moved to the place of another one is not taken for it.
    let mut records = whole.clone();
    let values: Vec<_> = whole.iter().filter(|(key, _)| is_promise(key)).collect();
    let swapped = [values[1].1.clone(), values[0].1.clone()];
    let places = records.iter_mut().filter(|(key, _)| is_promise(key));
    places
        .zip(swapped)
        .for_each(|((_, value), other)| *value = other);
    let mut bob = Client::open(MemoryStore::from_records(records)).unwrap();
    let error = bob.verify_receipt(&receipt, &keys).unwrap_err();
    assert_eq!(error.advice(), Advice::ForgetPromise);
}
