//! Two processes on one store, one of which decides about a request while the other one does.

use std::path::Path;

use waxseal::errors::StateError;
use waxseal::{Client, Disclosure, Reason, Received, ReportDraft, Timestamp};
use waxseal_world::{Provider, account};

use crate::shared::{Failed, Shared, Then};
use crate::support::{DAY_MS, Stranger, hear};

/// Bob after messages of Mallory, whose safety number he compared or not.
fn prepared(folder: &Path, is_verified: bool) -> (Provider, Client<Shared>, ReportDraft) {
    let mut world = Provider::new(7);
    let mut bob = world.register_in(Shared::open(folder), "bob");
    let mut mallory = Stranger::new(&mut world, "mallory");
    mallory.write(&mut world, &mut bob, "hello");
    let received = mallory.write(&mut world, &mut bob, "are you there?");
    let Received::Message { message, .. } = received else {
        panic!("{received:?}");
    };
    if is_verified {
        bob.mark_verified(&account("mallory"), true).unwrap();
    }
    let shown = [(*message.id(), Disclosure::Whole)];
    let draft = bob.draft_report(&account("mallory"), Reason::Threat, shown);
    (world, bob, draft.unwrap())
}

/// What the other process does.
fn other(folder: &Path, does: impl FnOnce(&mut Client<Shared>) + 'static) -> Option<Then> {
    let folder = folder.to_owned();
    Some(Box::new(move || {
        does(&mut Client::open(Shared::open(&folder)).unwrap());
    }))
}

type Drop = fn(&mut Client<Shared>, &mut Provider) -> Result<(), StateError<Failed>>;

#[test]
fn chk597_a_request_that_another_process_accepts_meanwhile_is_not_dropped() {
    let drops: [Drop; 3] = [
        |bob, world| bob.decline(&account("mallory"), world.now),
        |bob, _| bob.block(&account("mallory"), true),
        |bob, world| bob.upkeep(world.now, &mut world.rng).map(|_| ()),
    ];
    let mallory = &account("mallory");
    for is_verified in [false, true] {
        for (which, drop) in drops.into_iter().enumerate() {
            let folder = tempfile::tempdir().unwrap();
            let (mut world, mut bob, _) = prepared(folder.path(), is_verified);
            let accepts = |bob: &mut Client<Shared>| {
                bob.accept_contact(&account("mallory")).unwrap();
            };
            if which == 2 {
                world.now = Timestamp::from_millis(world.now.as_millis() + 31 * DAY_MS);
                hear(&mut world, &mut bob);
            }
            *bob.store().then.borrow_mut() = other(folder.path(), accepts);
            drop(&mut bob, &mut world).unwrap();
            assert!(bob.store().then.borrow().is_none(), "{which}");
            let state = bob.peer_state(mallory).unwrap();
            assert!(state.is_accepted);
            assert_eq!(state.is_blocked, which == 1);
            let messages = bob.messages(mallory, None, 9).unwrap();
            assert_eq!(messages.items.len(), 2, "{which}");
            assert!(bob.requests(None, 9).unwrap().items.is_empty());
            assert!(bob.has_session(mallory).unwrap());
            assert!(
                !bob.nudges(mallory)
                    .unwrap()
                    .contains(&waxseal::Nudge::DeclinedBefore)
            );
        }
    }
}

/// Bob blocks Mallory with a report. Both are stored, and the report can be sealed again although
/// what its draft shows is gone by then.
fn block_and_report(world: &mut Provider, bob: &mut Client<Shared>, draft: &ReportDraft) {
    let key = world.moderation.public_key().clone();
    let sealed = bob.block_and_report(draft, &key, &mut world.rng).unwrap();
    assert!(bob.peer_state(&account("mallory")).unwrap().is_blocked);
    assert_eq!(bob.pending_reports(None, 9).unwrap().items.len(), 1);
    world.verify(&sealed.report).unwrap();
    let again = bob.reseal_report(sealed.id, &key, &mut world.rng).unwrap();
    let verified = world.verify(&again.report).unwrap();
    let content = verified.messages()[0].content().unwrap();
    assert_eq!(content.as_text(), Some("are you there?"));
}

#[test]
fn chk597_a_deletion_of_another_process_does_not_take_the_place_of_a_decision() {
    let mallory = &account("mallory");
    for is_verified in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let (mut world, mut bob, draft) = prepared(folder.path(), is_verified);
        let deletes = |bob: &mut Client<Shared>| {
            bob.store().left.set(1);
            let deleted = bob.delete_conversation(&account("mallory"));
            assert!(matches!(deleted, Err(StateError::Store(Failed::Stopped))));
        };
        *bob.store().then.borrow_mut() = other(folder.path(), deletes);
        block_and_report(&mut world, &mut bob, &draft);
        assert!(bob.messages(mallory, None, 9).unwrap().items.is_empty());
        assert!(bob.store().then.borrow().is_none());
    }
}

/// The account is forgotten, and with it that the contact was to stay.
#[test]
fn chk588_a_contact_that_another_process_forgets_meanwhile_is_blocked_and_declined_all_the_same() {
    let mallory = &account("mallory");
    for blocks in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let (mut world, mut bob, draft) = prepared(folder.path(), true);
        let forgets = |bob: &mut Client<Shared>| {
            bob.forget_contact(&account("mallory")).unwrap();
        };
        *bob.store().then.borrow_mut() = other(folder.path(), forgets);
        if blocks {
            block_and_report(&mut world, &mut bob, &draft);
        } else {
            bob.decline(mallory, world.now).unwrap();
            let nudges = bob.nudges(mallory).unwrap();
            assert!(nudges.contains(&waxseal::Nudge::DeclinedBefore));
        }
        assert!(bob.store().then.borrow().is_none());
    }
}
