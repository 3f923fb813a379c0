//! Limits of what others can make a device do.

use waxseal::reporting::ConversationId;
use waxseal::reporting::sender::{Control, StateWanted};
use waxseal::{Content, Received};
use waxseal_roster::group::Role;

use crate::insider::Insider;
use crate::support::{HOUR_MS, Net, first};

#[test]
fn chk443_only_a_member_is_told_the_state_and_once_an_hour() {
    let (mut net, group) = Net::of_group(&["alice", "bob"]);
    let wanted = Control {
        state_wanted: Some(StateWanted {
            group: ConversationId::from_bytes(group.to_bytes()),
            version: 1,
        }),
        ..Control::default()
    };
    let answers = |net: &mut Net| {
        let upkeep = net.call(&first("alice"), |client, now, rng| client.upkeep(now, rng));
        let upkeep = upkeep.unwrap();
        upkeep.outgoing.len() + upkeep.bundles.len()
    };
    net.run();
    let mut stranger = Insider::new(&mut net, "eve", "alice");
    stranger.tell(&mut net, "alice", &wanted);
    assert_eq!(answers(&mut net), 0);
    let mut member = Insider::join(&mut net, &group, "alice", Role::Member);
    net.fetch(&first("alice"), &group);
    for _ in 0..5 {
        member.tell(&mut net, "alice", &wanted);
    }
    assert_eq!(answers(&mut net), 1);
    member.tell(&mut net, "alice", &wanted);
    assert_eq!(answers(&mut net), 0);
    net.wait(HOUR_MS);
    member.tell(&mut net, "alice", &wanted);
    assert_eq!(answers(&mut net), 1);
}

#[test]
fn chk431_a_device_without_the_key_changes_nothing() {
    let (mut net, group) = Net::of_group(&["alice", "bob"]);
    let bob = first("bob");
    let before = waxseal_world::snapshot(&net.clients[&bob]);
    let refused = net.call(&bob, |client, now, rng| {
        client.set_group_policy(
            &group,
            waxseal::GroupPolicy { admins_write: true },
            now,
            rng,
        )
    });
    let error = refused.unwrap_err();
    assert!(matches!(error, waxseal::errors::EditGroupError::NotAdmin));
    assert!(waxseal_world::snapshot(&net.clients[&bob]) == before);
}

/// What a member has to say about the group is heard, however often its device starts over, and
/// whatever strangers fill.
#[test]
fn chk584_a_member_that_is_not_accepted_begins_as_many_sessions_as_it_has_to() {
    let (mut net, group) = Net::of_group(&["alice", "bob"]);
    let mut member = Insider::join(&mut net, &group, "bob", Role::Member);
    net.fetch(&first("bob"), &group);
    let text = Content::Text("hello".to_owned());
    member.send(&mut net, "bob", text);
    for number in 0..80 {
        member.start_over(&mut net, "bob");
        let received = member.tell(&mut net, "bob", &Control::default());
        let is_heard = !matches!(received, Received::Skipped { .. });
        assert!(is_heard, "{number}: {received:?}");
    }
}

/// What a member says to the user counts like what any other account says.
#[test]
fn chk584_texts_of_a_declined_member_leave_few_tags() {
    let (mut net, group) = Net::of_group(&["alice", "bob"]);
    let mut member = Insider::join(&mut net, &group, "bob", Role::Member);
    net.fetch(&first("bob"), &group);
    let text = || Content::Text("hello".to_owned());
    member.send(&mut net, "bob", text());
    let mallory = &waxseal_world::account("mallory");
    let declined = net.call(&first("bob"), |client, now, _| client.decline(mallory, now));
    declined.unwrap();
    let rows = |net: &Net| waxseal_world::snapshot(&net.clients[&first("bob")]).len();
    let before = rows(&net);
    for number in 0..200 {
        let received = member.send(&mut net, "bob", text());
        let is_skipped = matches!(received, Received::Skipped { .. });
        assert!(is_skipped, "{number}: {received:?}");
    }
    let grown = rows(&net) - before;
    assert!(grown <= 70, "{grown}");
}
