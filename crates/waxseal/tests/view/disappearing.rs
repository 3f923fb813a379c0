//! Messages that disappear: from when on it counts, what is shown until when, and what is left.

use waxseal::reporting::message::Content;
use waxseal::store::{Key, Row, Table};
use waxseal::view::{REPORT_GRACE_MS, ViewState};
use waxseal::{Client, Disclosure, Draft, FrankingTag, MemoryStore, Reason, Received, Timestamp};
use waxseal_world::{Provider, account, snapshot};

use crate::net::{Net, bob};
use crate::support::{DAY_MS, Mallory, after, shown, view};

const FAR: Timestamp = Timestamp::from_millis(u64::MAX);

fn expiring(text: &str, secs: u32) -> Draft {
    Draft::from(text).expires_after_secs(secs)
}

/// Whether a store has these bytes in any value.
fn has(client: &Client<MemoryStore>, bytes: &[u8]) -> bool {
    let in_value = |value: &[u8]| value.windows(bytes.len()).any(|window| window == bytes);
    snapshot(client).iter().any(|(_, value)| in_value(value))
}

/// The rows that are about a message's content, its references and its times.
fn rows(client: &Client<MemoryStore>) -> Vec<Key> {
    let keys = snapshot(client).into_iter().map(|(key, _)| key);
    keys.filter(|key| b"meQPM".contains(&key.table.as_bytes()[0]))
        .collect()
}

#[test]
fn chk564_a_message_expires_that_long_after_it_was_read_and_not_before() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let a = account("alice");
    let first = world.exchange(&mut alice, &mut bob, expiring("first", 60));
    let second = world.exchange(&mut alice, &mut bob, expiring("second", 60));
    let accepted = bob
        .message(&a, &second)
        .unwrap()
        .unwrap()
        .accepted_at()
        .unwrap();
    // For its author it counts from when the provider accepted it.
    assert_eq!(
        view(&alice, "bob", &second, accepted).expires_at(),
        Some(after(accepted, 60_000))
    );
    let late = after(world.now, 20 * DAY_MS);
    assert!(bob.expire(late, 100).unwrap().expired.is_empty());
    assert_eq!(shown(&bob, "alice", late), ["first", "second"]);
    assert_eq!(bob.expire(late, 100).unwrap().next, None);

    bob.opened(&a, &first, late).unwrap();
    // A second time changes nothing.
    bob.opened(&a, &first, after(late, 30_000)).unwrap();
    bob.mark_read(&a, &first, after(late, 30_000)).unwrap();
    let end = after(late, 60_000);
    assert_eq!(bob.expire(late, 100).unwrap().next, Some(end));
    assert_eq!(
        shown(&bob, "alice", after(late, 59_999)),
        ["first", "second"]
    );
    // It is not shown at that time, whether or not the application did what is due.
    assert_eq!(shown(&bob, "alice", end), ["- expired", "second"]);
    let expiry = bob.expire(end, 100).unwrap();
    assert_eq!(expiry.expired.len(), 1);
    assert_eq!((expiry.expired[0].id, expiry.expired[0].at), (first, end));
    assert!(bob.expire(end, 100).unwrap().expired.is_empty());
    assert_eq!(shown(&bob, "alice", end), ["- expired", "second"]);
}

#[test]
fn reading_up_to_a_message_starts_all_before_it() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let a = account("alice");
    let ids: Vec<_> = (0..150)
        .map(|_| {
            let id = world.exchange(&mut alice, &mut bob, expiring("text", 60));
            bob.accept_contact(&a).unwrap();
            id
        })
        .collect();
    bob.mark_read(&a, &ids[140], world.now).unwrap();
    let due = bob.due(None, 1_000, FAR).unwrap().items;
    assert_eq!(due.len(), 141);
    let end = after(world.now, 60_000);
    assert!(due.iter().all(|due| due.at == end && !due.wipes));
    // A few at a time.
    let some = bob.expire(end, 100).unwrap();
    assert_eq!((some.expired.len(), some.next), (100, Some(end)));
    assert_eq!(bob.expire(end, 100).unwrap().expired.len(), 41);
}

#[test]
fn chk565_an_expired_message_can_be_reported_for_seven_days_and_at_most_thirty() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let a = account("alice");
    // When each was read and for how long it is shown, and when it is wiped.
    for (read_after, secs, wiped_after) in [
        (0, 60, 60_000 + REPORT_GRACE_MS),
        (25 * DAY_MS, 60, 30 * DAY_MS),
        (0, 40 * 86_400, 40 * DAY_MS),
    ] {
        let id = world.exchange(&mut alice, &mut bob, expiring("abuse", secs));
        let accepted = bob
            .message(&a, &id)
            .unwrap()
            .unwrap()
            .accepted_at()
            .unwrap();
        let read = after(accepted, read_after);
        bob.opened(&a, &id, read).unwrap();
        let expires = after(read, u64::from(secs) * 1_000);
        let wiped = after(accepted, wiped_after);
        bob.expire(expires, 10).unwrap();
        if wiped > expires {
            let last = Timestamp::from_millis(wiped.as_millis() - 1);
            bob.expire(last, 10).unwrap();
            let whole = [(id, Disclosure::Whole)];
            let draft = bob.draft_report(&a, Reason::Spam, whole).unwrap();
            assert_eq!(draft.preview().messages().len(), 1);
        }
        bob.expire(wiped, 10).unwrap();
        assert!(bob.message(&a, &id).unwrap().is_none());
        assert!(bob.due(None, 9, FAR).unwrap().items.is_empty());
    }
}

#[test]
fn chk566_nothing_of_a_wiped_message_is_left_but_that_it_was_there() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let (a, b) = (account("alice"), account("bob"));
    let sent = alice
        .send(&b, expiring("SECRET-ONE", 600), world.now, &mut world.rng)
        .unwrap();
    let (delivery, receipt) = world.relay(&alice, &bob, &sent.envelope);
    alice.confirm(&b, &receipt).unwrap();
    bob.receive(&delivery).unwrap();
    let id = sent.id;
    let other = world.exchange(&mut alice, &mut bob, "stays");
    bob.accept_contact(&a).unwrap();
    for number in 0..90 {
        let edit = Draft::edit(id, format!("SECRET-{number}"));
        world.exchange(&mut alice, &mut bob, edit);
    }
    world.exchange(&mut bob, &mut alice, Draft::react(id, "SECRET-FACE"));
    bob.opened(&a, &id, world.now).unwrap();
    let whole = [(id, Disclosure::Whole)];
    let draft = bob.draft_report(&a, Reason::Spam, whole).unwrap();
    let key = world.moderation.public_key();
    let report = bob.report(&draft, key, &mut world.rng).unwrap();
    let end = after(world.now, 601_000);
    for client in [&mut alice, &mut bob] {
        client.expire(end, 100).unwrap();
        assert!(has(client, b"SECRET"), "for a report");
    }
    // The report that waits has a copy of its own.
    let kept = bob.pending_reports(None, 9).unwrap().items;
    assert_eq!(kept[0].id, report.id);
    bob.confirm_report(report.id).unwrap();
    for client in [&mut alice, &mut bob] {
        let expiry = client.expire(after(end, REPORT_GRACE_MS), 1_000).unwrap();
        assert!(expiry.expired.is_empty() && expiry.next.is_none());
        assert!(!has(client, b"SECRET"));
        assert_eq!(rows(client).len(), 1, "{:?}", rows(client));
    }
    assert_eq!(shown(&bob, "alice", end), ["stays"]);
    assert!(bob.message(&a, &other).unwrap().is_some());
    // It does not open a second time.
    let again = bob.receive(&delivery).unwrap();
    assert!(matches!(again, Received::Duplicate { .. }));
}

#[test]
fn chk567_an_edit_of_a_message_that_is_gone_is_wiped_by_itself() {
    let (mut world, _, mut bob) = Provider::of_two();
    let mut mallory = Mallory::new(&mut world, &mut bob);
    let m = account("mallory");
    let own = mallory.send(&mut world, &mut bob, Content::Text("mine".to_owned()), 0);
    bob.delete_message(&m, &own).unwrap();
    let text = "SECRET".to_owned();
    mallory.send(&mut world, &mut bob, Content::Edit { of: own, text }, 0);
    assert!(shown(&bob, "mallory", world.now).is_empty());
    let end = after(world.now, REPORT_GRACE_MS);
    assert!(has(&bob, b"SECRET"));
    assert!(bob.expire(end, 10).unwrap().next.is_none());
    assert!(!has(&bob, b"SECRET") && rows(&bob).is_empty());
}

#[test]
fn chk567_the_edit_of_a_message_that_is_dropped_goes_with_it() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let (a, b) = (account("alice"), account("bob"));
    world.exchange(&mut alice, &mut bob, "hello");
    bob.accept_contact(&a).unwrap();
    let sent = alice.send(&b, "base", world.now, &mut world.rng).unwrap();
    let (delivery, receipt) = world.relay(&alice, &bob, &sent.envelope);
    alice.confirm(&b, &receipt).unwrap();
    world.exchange(&mut alice, &mut bob, Draft::edit(sent.id, "SECRET"));
    assert!(has(&bob, b"SECRET"));
    bob.block(&a, true).unwrap();
    let received = bob.receive(&delivery).unwrap();
    assert!(matches!(received, Received::Skipped { .. }));
    assert_eq!(bob.expire(world.now, 10).unwrap().next, None);
    assert!(!has(&bob, b"SECRET"));
}

#[test]
fn a_deleted_message_is_wiped_with_its_edits_seven_days_later() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let id = world.exchange(&mut alice, &mut bob, "SECRET");
    world.exchange(&mut alice, &mut bob, Draft::edit(id, "SECRET too"));
    world.exchange(&mut alice, &mut bob, Draft::delete(id));
    for client in [&mut alice, &mut bob] {
        let wiped = client.expire(world.now, 10).unwrap().next.unwrap();
        assert_eq!(wiped, after(world.now, REPORT_GRACE_MS));
        assert!(client.expire(wiped, 10).unwrap().expired.is_empty());
        assert!(!has(client, b"SECRET") && rows(client).is_empty());
    }
}

#[test]
fn chk570_what_was_read_on_one_device_disappears_on_the_other() {
    let (mut net, [mut phone, mut laptop, mut other]) = Net::of_three();
    let alice = account("alice");
    let id = net.send(&mut other, &alice, expiring("text", 600));
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    let read = net.now();
    phone.mark_read(&bob(), &id, read).unwrap();
    assert_eq!(
        view(&phone, "bob", &id, read).expires_at(),
        Some(after(read, 600_000))
    );
    assert_eq!(view(&laptop, "bob", &id, read).expires_at(), None);
    net.pass(120_000);
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    let expires = view(&laptop, "bob", &id, read).expires_at().unwrap();
    // From when the phone said so.
    assert!(expires > after(read, 600_000) && expires <= after(net.now(), 600_000));
    assert_eq!(
        *view(&laptop, "bob", &id, expires).state(),
        ViewState::Expired
    );
}

#[test]
fn chk571_a_row_that_its_message_does_not_name_does_nothing() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let a = account("alice");
    let id = world.exchange(&mut alice, &mut bob, expiring("text", 60));
    bob.opened(&a, &id, world.now).unwrap();
    let due = |records: &waxseal_world::Records| {
        let is_due = |key: &Key| key.table.as_bytes() == b"e";
        records.iter().find(|(key, _)| is_due(key)).unwrap().clone()
    };
    let before = snapshot(&bob);
    let (key, value) = due(&before);
    bob.expire(after(world.now, 60_000), 10).unwrap();
    // The row of before is there again, and that of the present.
    let mut records = snapshot(&bob);
    records.push((key, value));
    let mut bob = Client::open(MemoryStore::from_records(records)).unwrap();
    let expiry = bob.expire(after(world.now, 60_000), 10).unwrap();
    assert!(expiry.expired.is_empty());
    assert!(bob.message(&a, &id).unwrap().is_some());
    assert_eq!(bob.due(None, 9, FAR).unwrap().items.len(), 1);
}

#[test]
fn the_timer_of_a_conversation_counts_for_what_is_written_after_it() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let (a, b) = (account("alice"), account("bob"));
    let secs = |client: &Client<MemoryStore>, peer: &str, id: &FrankingTag| {
        let message = client.message(&account(peer), id).unwrap().unwrap();
        message.header().expires_after_secs
    };
    let before = world.exchange(&mut alice, &mut bob, "before");
    let note = world.exchange(&mut alice, &mut bob, Content::Timer { after_secs: 60 });
    assert_eq!([alice.timer(&b).unwrap(), bob.timer(&a).unwrap()], [60, 60]);
    let taken = world.exchange(&mut bob, &mut alice, "after");
    let own = world.exchange(&mut bob, &mut alice, expiring("otherwise", 5));
    let stays = world.exchange(&mut bob, &mut alice, expiring("stays", 0));
    let edit = world.exchange(&mut bob, &mut alice, Draft::edit(own, "edited"));
    let found = [before, note, taken, own, stays, edit].map(|id| secs(&bob, "alice", &id));
    assert_eq!(found, [0, 0, 60, 5, 0, 0]);
    world.exchange(&mut bob, &mut alice, Content::Timer { after_secs: 0 });
    assert_eq!([alice.timer(&b).unwrap(), bob.timer(&a).unwrap()], [0, 0]);
    // It stays with the conversation, whatever is deleted.
    world.exchange(&mut alice, &mut bob, Content::Timer { after_secs: 9 });
    bob.delete_conversation(&a).unwrap();
    assert_eq!(bob.timer(&a).unwrap(), 9);
}

#[test]
fn chk575_a_deletion_that_cannot_go_on_holds_up_no_other_conversation() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let (a, c) = (account("alice"), account("carol"));
    let mut carol = world.register("carol");
    for _ in 0..70 {
        let id = world.exchange(&mut alice, &mut bob, expiring("text", 60));
        bob.accept_contact(&a).unwrap();
        bob.opened(&a, &id, world.now).unwrap();
    }
    world.start(&mut carol, &account("bob"));
    world.show_roster(&mut bob, &c);
    let last = world.exchange(&mut carol, &mut bob, expiring("last", 60));
    bob.opened(&c, &last, world.now).unwrap();
    // The mark of a deletion is damaged: it waits until its peer is used.
    let mut records = snapshot(&bob);
    let name = Row::Name(b"\x05alice".to_vec());
    records.push((Key::new(Table::new(b"x"), name), vec![9]));
    let mut bob = Client::open(MemoryStore::from_records(records)).unwrap();
    assert!(bob.messages(&a, None, 9).unwrap().items.is_empty());
    let expiry = bob.expire(after(world.now, 60_000), 1_000).unwrap();
    assert_eq!(
        expiry.expired.iter().map(|due| due.id).collect::<Vec<_>>(),
        [last]
    );
    assert_eq!(
        expiry.next,
        Some(after(world.now, 60_000 + REPORT_GRACE_MS))
    );
}
