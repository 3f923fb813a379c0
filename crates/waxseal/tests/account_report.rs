//! A report about an account that sent nothing, from the draft to the review.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use waxseal::errors::ReportError;
use waxseal::reporting::Rejection;
use waxseal::reporting::reporter::{DraftError, ReportDraft};
use waxseal::{Client, Reason};
use waxseal_world::{Provider, Refusal, account};

#[test]
fn an_account_that_sent_nothing_is_reported_once_and_never_by_itself() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let own = bob.draft_account_report(&account("bob"), Reason::Impersonation);
    assert!(matches!(
        own.unwrap_err(),
        ReportError::Draft(DraftError::OwnAccount)
    ));
    let draft = bob.draft_account_report(&account("a1ice"), Reason::Impersonation);
    let mut draft = draft.unwrap();
    draft.note("this is not Alice").unwrap();
    let preview = draft.preview();
    assert_eq!(preview.about_account(), Some(&account("a1ice")));
    assert!(preview.messages().is_empty());
    let sent = bob
        .report(&draft, world.moderation.public_key(), &mut world.rng)
        .unwrap();

    let mut bob = Client::open(bob.into_store()).unwrap();
    let pending = bob.pending_reports(None, 10).unwrap().items;
    assert_eq!((pending.len(), &pending[0].report), (1, &sent.report));
    let verified = world.take_report(&pending[0].report).unwrap();
    assert_eq!(verified.about_account(), preview.about_account());
    assert_eq!(verified.reporter(), preview.reporter());
    assert_eq!(verified.reason(), Reason::Impersonation);
    assert_eq!(verified.note(), "this is not Alice");
    assert!(verified.messages().is_empty());
    bob.confirm_report(sent.id).unwrap();

    // The same report of the same account again, by Bob and then by Alice.
    let again = bob
        .report(&draft, world.moderation.public_key(), &mut world.rng)
        .unwrap();
    let refused = world.take_report(&again.report).unwrap_err();
    assert!(matches!(
        refused,
        Refusal::Rejected(Rejection::AlreadyReported)
    ));
    let draft = alice.draft_account_report(&account("a1ice"), Reason::Impersonation);
    let other = alice
        .report(
            &draft.unwrap(),
            world.moderation.public_key(),
            &mut world.rng,
        )
        .unwrap();
    world.take_report(&other.report).unwrap();
}

#[test]
fn a_kept_report_about_an_account_is_sealed_later_and_an_empty_one_is_not_kept() {
    let (mut world, _, mut bob) = Provider::of_two();
    let empty = ReportDraft::new(bob.me().clone(), Reason::Spam);
    assert!(matches!(
        bob.keep_report(&empty, &mut world.rng).unwrap_err(),
        ReportError::Draft(DraftError::Empty)
    ));
    assert!(bob.pending_reports(None, 10).unwrap().items.is_empty());

    let mut draft = bob
        .draft_account_report(&account("a1ice"), Reason::Impersonation)
        .unwrap();
    draft.note("this is not Alice").unwrap();
    let kept = bob.keep_report(&draft, &mut world.rng).unwrap();
    assert!(kept.report.is_empty());

    let mut bob = Client::open(bob.into_store()).unwrap();
    let draft = bob.kept_draft(kept.id).unwrap();
    assert_eq!(draft.preview().about_account(), Some(&account("a1ice")));
    assert_eq!(draft.preview().note(), "this is not Alice");
    let sealed = bob
        .reseal_report(kept.id, world.moderation.public_key(), &mut world.rng)
        .unwrap();
    let verified = world.take_report(&sealed.report).unwrap();
    assert_eq!(verified.about_account(), Some(&account("a1ice")));
    assert_eq!(verified.note(), "this is not Alice");
}
