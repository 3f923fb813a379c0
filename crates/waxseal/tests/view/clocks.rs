//! Clocks that are wrong when a message is read.

use waxseal::view::REPORT_GRACE_MS;
use waxseal::{Disclosure, Draft, Reason, Timestamp};
use waxseal_world::{Provider, account};

use crate::net::{Net, bob};
use crate::support::{DAY_MS, after, view};

#[test]
fn chk574_a_clock_that_is_behind_when_a_message_is_read_costs_nothing() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let a = account("alice");
    let week = |text: &str| Draft::from(text).expires_after_secs(7 * 86_400);
    let ids = ["one", "two"].map(|text| world.exchange(&mut alice, &mut bob, week(text)));
    let accepted = ids.map(|id| {
        bob.message(&a, &id)
            .unwrap()
            .unwrap()
            .accepted_at()
            .unwrap()
    });
    let empty_battery = Timestamp::from_millis(5_000);
    bob.opened(&a, &ids[0], empty_battery).unwrap();
    bob.mark_read(&a, &ids[1], empty_battery).unwrap();
    for (id, accepted) in ids.iter().zip(accepted) {
        let expires = view(&bob, "alice", id, world.now).expires_at();
        assert_eq!(expires, Some(after(accepted, 7 * DAY_MS)));
    }
    // The clock is right again.
    assert!(bob.expire(world.now, 10).unwrap().expired.is_empty());
    let end = after(accepted[1], 7 * DAY_MS);
    assert_eq!(bob.expire(end, 10).unwrap().expired.len(), 2);
    let last =
        Timestamp::from_millis(after(accepted[0], 7 * DAY_MS + REPORT_GRACE_MS).as_millis() - 1);
    bob.expire(last, 10).unwrap();
    let whole = ids.map(|id| (id, Disclosure::Whole));
    assert!(bob.draft_report(&a, Reason::Spam, whole).is_ok());
}

#[test]
fn chk574_a_clock_that_is_far_ahead_when_a_message_is_read_does_not_keep_it_for_good() {
    for (knows, most) in [(true, 30 * DAY_MS), (false, 365 * DAY_MS)] {
        let (mut world, mut alice, mut bob) = Provider::of_two();
        let (a, b) = (account("alice"), account("bob"));
        let short = |text: &str| Draft::from(text).expires_after_secs(60);
        let late = alice.send(&b, short("late"), world.now, &mut world.rng);
        let late = late.unwrap();
        let (delivery, receipt) = world.relay(&alice, &bob, &late.envelope);
        alice.confirm(&b, &receipt).unwrap();
        let ids = ["one", "two"].map(|text| world.exchange(&mut alice, &mut bob, short(text)));
        let ahead = after(world.now, 20_000 * DAY_MS);
        if knows {
            bob.check_clock(world.now, ahead).unwrap();
        }
        bob.opened(&a, &ids[0], ahead).unwrap();
        bob.mark_read(&a, &ids[1], ahead).unwrap();
        // It was accepted before what was read.
        bob.receive(&delivery).unwrap();
        for id in [ids[0], ids[1], late.id] {
            let expires = view(&bob, "alice", &id, world.now).expires_at().unwrap();
            let end = after(world.now, most + 60_000);
            assert!(expires > world.now && expires <= end, "{expires:?}");
        }
    }
}

#[test]
fn chk574_a_position_that_another_device_tells_counts_from_acceptance_at_the_earliest() {
    let (mut net, [mut phone, mut laptop, mut other]) = Net::of_three();
    let alice = account("alice");
    let week = Draft::from("text").expires_after_secs(7 * 86_400);
    let id = net.send(&mut other, &alice, week);
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    phone
        .mark_read(&bob(), &id, Timestamp::from_millis(5_000))
        .unwrap();
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    for device in [&mut phone, &mut laptop] {
        let message = device.message(&bob(), &id).unwrap().unwrap();
        let accepted = message.accepted_at().unwrap();
        let expires = view(device, "bob", &id, net.now()).expires_at().unwrap();
        assert!(expires >= after(accepted, 7 * DAY_MS));
        assert!(device.expire(net.now(), 10).unwrap().expired.is_empty());
    }
}

#[test]
fn what_refers_to_a_message_and_notes_do_not_expire_by_themselves() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let a = account("alice");
    let text = world.exchange(&mut alice, &mut bob, "first");
    let short = |draft: Draft| draft.expires_after_secs(1);
    let timer = waxseal::Content::Timer { after_secs: 60 };
    let drafts = [
        Draft::edit(text, "second"),
        Draft::react(text, "!"),
        timer.into(),
    ];
    let ids = drafts.map(|draft| world.exchange(&mut alice, &mut bob, short(draft)));
    for id in &ids {
        bob.opened(&a, id, world.now).unwrap();
    }
    bob.mark_read(&a, &ids[2], world.now).unwrap();
    let late = after(world.now, 60 * DAY_MS);
    for client in [&mut alice, &mut bob] {
        let expiry = client.expire(late, 100).unwrap();
        assert!(expiry.expired.is_empty() && expiry.next.is_none());
    }
    let view = view(&bob, "alice", &text, late);
    assert_eq!((view.text(), view.reactions().len()), (Some("second"), 1));
    assert!(bob.message(&a, &ids[2]).unwrap().is_some());
}
