//! Entries: what the relay or the way to it does with them.

use waxseal::courier::{Event, GroupFailure};
use waxseal::{GroupPolicy, GroupStanding, Notice};
use waxseal_interface::ErrorCode;
use waxseal_world::{Asked, Fault, account};

use super::text;
use crate::phone::{DAY_MS, HOUR_MS, MINUTE_MS, Phone, Town};

fn entries(town: &Town) -> usize {
    let is_entry = |asked: &&Asked| asked.is("PUT", "/v1/groups");
    town.relay.asked.iter().filter(is_entry).count()
}

fn news(town: &Town) -> usize {
    let is_news = |asked: &&Asked| asked.is("GET", "/v1/groups");
    town.relay.asked.iter().filter(is_news).count()
}

fn promote(town: &mut Town, group: &waxseal::GroupId, name: &str) {
    let now = town.now();
    let Phone { courier, rng, .. } = &mut town.phones[0];
    courier.promote(group, &account(name), now, rng).unwrap();
}

fn failures(phone: &Phone) -> Vec<GroupFailure> {
    let failure = |event: &Event| match event {
        Event::GroupFailed { why, .. } => Some(why.clone()),
        _ => None,
    };
    phone.events.iter().filter_map(failure).collect()
}

#[test]
fn an_entry_whose_answer_is_lost_is_posted_again_and_counts_once() {
    for ends in [false, true] {
        let (mut town, group) = Town::with_group(&["alice", "bob"]);
        let version = town.phones[0].info(&group).version;
        let mut is_lost = false;
        town.relay.asked.clear();
        town.relay.fail(move |asked| {
            let is_hit = asked.is("PUT", "/v1/groups") && !std::mem::replace(&mut is_lost, true);
            is_hit.then_some(Fault::AnswerLost)
        });
        promote(&mut town, &group, "bob");
        town.turn();
        if ends {
            town.phones[0].restart();
        }
        town.live(MINUTE_MS);
        assert!(entries(&town) >= 2 || ends);
        assert_eq!(town.phones[0].info(&group).version, version + 1);
        assert_eq!(
            town.relay
                .provider
                .group_log(&group)
                .unwrap()
                .state()
                .version(),
            version + 1
        );
        assert!(town.phones[1].info(&group).members[1].is_admin);
    }
}

#[test]
fn a_change_that_the_relay_never_takes_is_given_up_and_told() {
    let (mut town, group) = Town::with_group(&["alice", "bob"]);
    town.relay.fail(|asked| {
        let is_entry = asked.is("PUT", "/v1/groups");
        is_entry.then(|| ErrorCode::BadEntry.into())
    });
    town.relay.asked.clear();
    promote(&mut town, &group, "bob");
    town.live(HOUR_MS);
    assert_eq!(entries(&town), 1);
    let alice = &town.phones[0];
    assert_eq!(failures(alice), [GroupFailure::Change(ErrorCode::BadEntry)]);
    assert!(alice.notices().contains(&Notice::GroupChangeLost { group }));
    assert!(!alice.info(&group).members[1].is_admin);
    // A group that was never founded is forgotten.
    let now = town.now();
    let Phone { courier, rng, .. } = &mut town.phones[0];
    let other = courier.create_group("Never", GroupPolicy::default(), now, rng);
    let other = other.unwrap();
    assert_eq!(town.phones[0].standing(&other), Some(GroupStanding::New));
    town.live(MINUTE_MS);
    assert_eq!(town.phones[0].standing(&other), None);
    // The next change is another one.
    town.relay.work();
    promote(&mut town, &group, "bob");
    town.live(MINUTE_MS);
    assert!(town.phones[1].info(&group).members[1].is_admin);
}

#[test]
fn a_change_that_is_refused_for_now_is_tried_again_every_hour() {
    let (mut town, group) = Town::with_group(&["alice", "bob"]);
    town.relay.fail(|asked| {
        let is_entry = asked.is("PUT", "/v1/groups");
        is_entry.then(|| ErrorCode::NotAdmin.into())
    });
    town.relay.asked.clear();
    promote(&mut town, &group, "bob");
    town.live(5 * HOUR_MS);
    assert!((5..=7).contains(&entries(&town)), "{}", entries(&town));
    assert_eq!(
        failures(&town.phones[0])[0],
        GroupFailure::Change(ErrorCode::NotAdmin)
    );
    town.relay.work();
    town.live(2 * HOUR_MS);
    assert!(town.phones[1].info(&group).members[1].is_admin);
}

#[test]
fn a_clock_that_is_days_off_signs_entries_by_the_relays_time() {
    for ahead_ms in [3 * DAY_MS, 0] {
        let (mut town, group) = Town::with_group(&["alice", "bob"]);
        let ahead = i64::try_from(ahead_ms).unwrap();
        town.phones[0].ahead_ms = if ahead == 0 { -3 * 86_400_000 } else { ahead };
        let now = town.phones[0].now(&town.relay);
        let Phone { courier, rng, .. } = &mut town.phones[0];
        courier.promote(&group, &account("bob"), now, rng).unwrap();
        town.live(HOUR_MS);
        assert!(town.phones[1].info(&group).members[1].is_admin);
    }
}

#[test]
fn news_that_do_not_verify_are_told_and_asked_for_every_hour() {
    let (mut town, group) = Town::with_group(&["alice", "bob"]);
    promote(&mut town, &group, "bob");
    town.live(MINUTE_MS);
    let now = town.now();
    let Phone { courier, rng, .. } = &mut town.phones[0];
    courier.demote(&group, &account("bob"), now, rng).unwrap();
    town.turn_of(0);
    // The relay hands out an entry twice in place of the next one.
    let mut first = town
        .relay
        .provider
        .group_news(&waxseal_world::address("bob"), &group, 0);
    let mut body = first.take().unwrap();
    body.entries.truncate(1);
    body.entries[0].entry[40] ^= 1;
    town.relay.asked.clear();
    let entry = waxseal_interface::GroupNews {
        entries: vec![waxseal_interface::AcceptedEntry {
            receipt: waxseal_interface::EntryReceipt::new(
                &town.relay.provider.key(&waxseal_world::address("bob")),
                &waxseal::reporting::ConversationId::from_bytes(group.to_bytes()),
                &body.entries[0].entry,
                body.entries[0].accepted_at.as_millis(),
            ),
            entry: body.entries[0].entry.clone(),
        }],
        whole: None,
    };
    let body = serde_json::to_vec(&entry).unwrap();
    town.relay.fail(move |asked| {
        let body = body.clone();
        asked.is("GET", "/v1/groups").then_some(Fault::Answered {
            status: 200,
            body,
            headers: Vec::new(),
        })
    });
    town.say_in(0, &group, text("of a newer state"));
    town.live(4 * HOUR_MS);
    let bob = &town.phones[1];
    assert!(matches!(failures(bob)[0], GroupFailure::News(_)));
    assert!(bob.heard_in(&group).is_empty());
    assert!(news(&town) < 8, "{}", news(&town));
    town.relay.work();
    town.live(2 * HOUR_MS);
    assert_eq!(town.phones[1].heard_in(&group).len(), 1);
    assert_eq!(town.relay.queued(&account("bob")), 0);
}
