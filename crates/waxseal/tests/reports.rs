//! Reports that wait: kept without a moderation key, and sealed again to another one.
#![allow(clippy::restriction, reason = "tests")]

use waxseal::errors::ReportError;
use waxseal::reporting::vault::ModerationKeyPair;
use waxseal::{Client, Disclosure, MemoryStore, Reason};
use waxseal_world::{Provider, account, snapshot};

#[test]
fn a_kept_or_sealed_report_is_sealed_again_from_its_draft() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let one = world.exchange(&mut alice, &mut bob, "one");
    let two = world.exchange(&mut alice, &mut bob, "two");
    let shown = [(one, Disclosure::Whole), (two, Disclosure::Parts(vec![]))];
    let mut draft = bob
        .draft_report(&account("alice"), Reason::Scam, shown)
        .unwrap();
    draft.note("see one").unwrap();
    let lost = ModerationKeyPair::generate(&mut world.rng);
    let sealed = bob.report(&draft, lost.public_key(), &mut world.rng);
    let kept = bob.keep_report(&draft, &mut world.rng).unwrap();
    assert!(kept.report.is_empty());

    let mut bob = Client::open(bob.into_store()).unwrap();
    for id in [sealed.unwrap().id, kept.id] {
        let present = world.moderation.public_key();
        let again = bob.reseal_report(id, present, &mut world.rng).unwrap();
        assert_eq!(again.id, id);
        let pending = bob.pending_reports(None, 10).unwrap().items;
        assert_eq!(pending.len(), 2);
        assert!(pending.iter().any(|report| report.report == again.report));
        let verified = world.verify(&again.report).unwrap();
        assert_eq!(
            (verified.note(), verified.reason()),
            ("see one", Reason::Scam)
        );
        let texts: Vec<_> = verified
            .messages()
            .iter()
            .map(|message| message.content().and_then(|content| content.as_text()))
            .collect();
        assert_eq!(
            texts,
            [Some("one"), None],
            "what was withheld stays withheld"
        );
    }

    let before = snapshot(&bob);
    bob.confirm_report(kept.id).unwrap();
    let gone = bob.reseal_report(kept.id, world.moderation.public_key(), &mut world.rng);
    assert!(matches!(gone, Err(ReportError::NoDraft)));
    assert_ne!(snapshot(&bob), before);
}

#[test]
fn a_report_that_cannot_be_sealed_again_stays_as_it_is() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let one = world.exchange(&mut alice, &mut bob, "one");
    let draft = bob
        .draft_report(&account("alice"), Reason::Scam, [(one, Disclosure::Whole)])
        .unwrap();
    let present = world.moderation.public_key().clone();
    let sealed = bob.report(&draft, &present, &mut world.rng).unwrap();
    bob.delete_message(&account("alice"), &one).unwrap();
    // An earlier version kept no evidence with a report.
    let mut records = snapshot(&bob);
    records.retain(|(key, _)| key.table.as_bytes()[0] != b'X');
    let mut bob = Client::open(MemoryStore::from_records(records)).unwrap();
    let before = snapshot(&bob);
    let refused = bob.reseal_report(sealed.id, &present, &mut world.rng);
    assert!(matches!(refused, Err(ReportError::NoSuchMessage)));
    assert_eq!(snapshot(&bob), before);
    let pending = bob.pending_reports(None, 9).unwrap().items;
    assert_eq!(pending[0].report, sealed.report);
}
