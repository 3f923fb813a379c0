//! What can be reported of a message that changed or is gone.

use waxseal::view::REPORT_GRACE_MS;
use waxseal::{Client, Disclosure, Draft, MemoryStore, Reason, ReportId};
use waxseal_world::{Provider, account, snapshot};

use crate::support::{after, view};

/// That reports of the text "abuse" can be sealed again until they are confirmed, and that nothing
/// of it is left then.
fn assert_kept_until_confirmed(
    world: &mut Provider,
    bob: &mut Client<MemoryStore>,
    reports: [ReportId; 2],
) {
    let key = world.moderation.public_key().clone();
    for report in reports {
        // Twice, as for a provider whose moderation key changes again.
        for _ in 0..2 {
            let sealed = bob.reseal_report(report, &key, &mut world.rng).unwrap();
            let verified = world.verify(&sealed.report).unwrap();
            let content = verified.messages()[0].content().unwrap();
            assert_eq!(content.as_text(), Some("abuse"));
        }
        bob.confirm_report(report).unwrap();
    }
    let is_left = |value: &[u8]| value.windows(5).any(|window| window == b"abuse");
    let records = snapshot(bob);
    assert!(!records.iter().any(|(_, value)| is_left(value)));
}

#[test]
fn chk576_a_report_that_waits_survives_that_its_message_is_wiped() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let a = account("alice");
    let id = world.exchange(&mut alice, &mut bob, "abuse");
    let whole = || [(id, Disclosure::Whole)];
    let draft = bob.draft_report(&a, Reason::Spam, whole()).unwrap();
    let kept = bob.keep_report(&draft, &mut world.rng).unwrap();
    let key = world.moderation.public_key().clone();
    let sealed = bob.report(&draft, &key, &mut world.rng).unwrap();
    drop(draft);
    world.exchange(&mut alice, &mut bob, Draft::delete(id));
    bob.expire(after(world.now, REPORT_GRACE_MS), 10).unwrap();
    assert!(bob.message(&a, &id).unwrap().is_none());
    assert!(bob.draft_report(&a, Reason::Spam, whole()).is_err());
    assert_kept_until_confirmed(&mut world, &mut bob, [kept.id, sealed.id]);
}

#[test]
fn chk576_a_draft_is_kept_whole_whose_message_was_deleted() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let a = account("alice");
    let id = world.exchange(&mut alice, &mut bob, "abuse");
    let whole = [(id, Disclosure::Whole)];
    let draft = bob.draft_report(&a, Reason::Spam, whole).unwrap();
    bob.delete_message(&a, &id).unwrap();
    assert!(bob.message(&a, &id).unwrap().is_none());
    let key = world.moderation.public_key().clone();
    let kept = bob.keep_report(&draft, &mut world.rng).unwrap();
    let sealed = bob.report(&draft, &key, &mut world.rng).unwrap();
    drop(draft);
    assert_kept_until_confirmed(&mut world, &mut bob, [kept.id, sealed.id]);
}

#[test]
fn ten_further_edits_hide_none_from_a_report() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let a = account("alice");
    let id = world.exchange(&mut alice, &mut bob, "harmless");
    let abuse = world.exchange(&mut alice, &mut bob, Draft::edit(id, "abuse"));
    for number in 0..11 {
        world.exchange(&mut alice, &mut bob, Draft::edit(id, format!("{number}")));
    }
    let edits = bob.edits(&a, &id, world.now).unwrap();
    assert_eq!(edits.len(), 10);
    assert!(edits.iter().all(|edit| *edit.id() != abuse));
    assert_eq!(view(&bob, "alice", &id, world.now).edit_count(), 12);
    // It is listed, and stays as long as what it edits.
    let late = after(world.now, 29 * 24 * 3_600_000);
    assert!(bob.expire(late, 100).unwrap().next.is_none());
    let all = bob.messages(&a, None, 100).unwrap().items;
    let found = all
        .iter()
        .find(|one| one.content().as_text() == Some("abuse"));
    assert_eq!(found.unwrap().id(), &abuse);
    let chosen = [(id, Disclosure::Whole), (abuse, Disclosure::Whole)];
    let draft = bob.draft_report(&a, Reason::Spam, chosen).unwrap();
    let key = world.moderation.public_key();
    let report = bob.report(&draft, key, &mut world.rng).unwrap();
    assert_eq!(world.verify(&report.report).unwrap().messages().len(), 2);
    world.exchange(&mut alice, &mut bob, Draft::delete(id));
    bob.expire(after(world.now, REPORT_GRACE_MS), 100).unwrap();
    assert!(bob.message(&a, &abuse).unwrap().is_none());
}
