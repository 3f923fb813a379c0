//! Who comes into a group: nobody before accepting, and only whom an admin invited.

use waxseal::errors::{EditGroupError, GroupNewsError, InviteError};
use waxseal::reporting::ConversationId;
use waxseal::reporting::message::Content;
use waxseal::reporting::sender::{Control, WelcomeRecord};
use waxseal::{GroupId, GroupStanding, Notice};
use waxseal_roster::group::{GroupOp, Role};
use waxseal_world::{account, snapshot};

use crate::attacks::{news, refused};
use crate::insider::Insider;
use crate::support::{HOUR_MS, Net, accounts, first};

/// A welcome to the newest state of a group.
fn welcome(net: &Net, group: &GroupId) -> Control {
    let state = net.world.group_log(group).unwrap().state();
    Control {
        welcome: Some(Box::new(WelcomeRecord {
            group: ConversationId::from_bytes(group.to_bytes()),
            version: state.version(),
            state_hash: state.hash(),
        })),
        ..Control::default()
    }
}

#[test]
fn row_48_chk432_a_welcome_without_an_acceptance_is_refused() {
    let (mut net, group) = Net::of_group(&["alice", "bob"]);
    let dave = net.world.register("dave");
    net.clients.insert(first("dave"), dave);
    let mut mallory = Insider::join(&mut net, &group, "dave", Role::Member);
    let control = welcome(&net, &group);
    // Dave knows nothing of the group.
    mallory.tell(&mut net, "dave", &control);
    assert_eq!(net.standing(&first("dave"), &group), None);
    // He is invited, and has not answered: news are not taken, even if they name him.
    net.invite(&group, "alice", "dave");
    mallory.tell(&mut net, "dave", &control);
    assert_eq!(
        net.standing(&first("dave"), &group),
        Some(GroupStanding::Invited)
    );
    let upkeep = net.call(&first("dave"), |client, now, rng| client.upkeep(now, rng));
    assert!(upkeep.unwrap().groups.is_empty());
    let all = net.world.group_news(&first("alice"), &group, 0).unwrap();
    let error = refused(&mut net, "dave", &group, &all);
    assert!(matches!(error, GroupNewsError::NotAccepted));
    // He accepts Alice's invitation. Mallory's welcome does not count, Alice's does.
    net.accept(&group, "alice", "dave");
    let before = snapshot(&net.clients[&first("dave")]);
    mallory.tell(&mut net, "dave", &control);
    let is_group = |records: waxseal_world::Records| {
        let groups = records.into_iter();
        let groups = groups.filter(|(key, _)| key.table.as_bytes() == b"6");
        groups.collect::<Vec<_>>()
    };
    assert!(is_group(snapshot(&net.clients[&first("dave")])) == is_group(before));
    net.run();
    assert_eq!(
        net.standing(&first("dave"), &group),
        Some(GroupStanding::Member)
    );
}

#[test]
fn row_48_chk434_a_state_that_names_the_newcomer_under_another_key_is_refused() {
    let mut net = Net::of(&["alice", "bob"]);
    let group = net.found(&first("alice"));
    net.invite(&group, "alice", "bob");
    net.accept(&group, "alice", "bob");
    // Alice was shown another key of Bob, and adds him under that.
    let seed = net.seed(&first("alice"), &group).unwrap();
    let other = net.key("alice");
    let entry = net.forge(
        &seed,
        &group,
        "alice",
        &[GroupOp::add("bob", Role::Member, other)],
    );
    net.world
        .post_entry(&first("alice"), &entry.encode())
        .unwrap();
    let found = net.world.group_news(&first("alice"), &group, 0).unwrap();
    let entries = found.entries.iter();
    let entries =
        entries.map(|one| waxseal_roster::group::SignedEntry::decode(&one.entry).unwrap());
    let entries: Vec<_> = entries.collect();
    let given = news(&mut net, "bob", &entries.iter().collect::<Vec<_>>());
    let error = refused(&mut net, "bob", &group, &given);
    assert!(matches!(error, GroupNewsError::OtherAccountKey));
    assert_eq!(
        net.standing(&first("bob"), &group),
        Some(GroupStanding::Accepted)
    );
}

#[test]
fn chk435_another_state_than_the_one_that_the_welcome_named_is_refused() {
    let mut net = Net::of(&["alice", "bob"]);
    let group = net.found(&first("alice"));
    net.invite(&group, "alice", "bob");
    // An admin who invites Bob tells him another state than the relay shows him: one of them lies.
    let mut mallory = Insider::join(&mut net, &group, "bob", Role::Admin);
    let invitation = Content::Invitation {
        group: ConversationId::from_bytes(group.to_bytes()),
        title: String::new(),
    };
    mallory.send(&mut net, "bob", invitation);
    net.accept(&group, "mallory", "bob");
    let mut control = welcome(&net, &group);
    control.welcome.as_mut().unwrap().state_hash[0] ^= 1;
    mallory.tell(&mut net, "bob", &control);
    let mut entries: Vec<_> = {
        let all = net.world.group_news(&first("alice"), &group, 0).unwrap();
        let decode = |one: &waxseal::AcceptedEntry| {
            waxseal_roster::group::SignedEntry::decode(&one.entry).unwrap()
        };
        all.entries.iter().map(decode).collect()
    };
    let given = news(&mut net, "bob", &entries.iter().collect::<Vec<_>>());
    let error = refused(&mut net, "bob", &group, &given);
    assert!(matches!(error, GroupNewsError::OtherWelcome));
    entries.pop();
}

#[test]
fn chk433_after_a_fetch_that_brought_nothing_newer_none_is_made_for_an_hour() {
    let mut net = Net::of(&["alice", "bob"]);
    let group = net.found(&first("alice"));
    net.posts_entries = false;
    net.invite(&group, "alice", "bob");
    net.accept(&group, "alice", "bob");
    let bob = first("bob");
    let asks = |net: &mut Net| {
        let upkeep = net.call(&first("bob"), |client, now, rng| client.upkeep(now, rng));
        upkeep.unwrap().groups
    };
    assert_eq!(asks(&mut net), [(group, 0)]);
    net.run(); // Bob fetches, and gets nothing; Alice does not post the entry
    assert!(asks(&mut net).is_empty());
    net.wait(HOUR_MS);
    assert_eq!(asks(&mut net), [(group, 0)]);
    assert_eq!(net.standing(&bob, &group), Some(GroupStanding::Accepted));
    // Without a welcome, which can be lost, he learns of it then.
    net.post_entries(&first("alice"));
    net.fetch(&bob, &group);
    assert_eq!(net.standing(&bob, &group), Some(GroupStanding::Member));
}

#[test]
fn chk444_only_an_account_that_this_device_invited_is_added() {
    let (mut net, group) = Net::of_group(&["alice", "bob"]);
    let mut mallory = Insider::new(&mut net, "mallory", "alice");
    let acceptance = Content::Acceptance {
        group: ConversationId::from_bytes(group.to_bytes()),
    };
    mallory.send(&mut net, "alice", acceptance);
    assert_eq!(net.post_entries(&first("alice")), 0);
    net.run();
    assert_eq!(net.members(&first("alice"), &group), ["alice", "bob"]);
    // Bob is no admin, and cannot invite her.
    net.start(&first("bob"), "alice");
    let refused = net.call(&first("bob"), |client, now, rng| {
        client.invite(&group, &account("mallory"), now, rng)
    });
    assert!(matches!(
        refused,
        Err(InviteError::Group(EditGroupError::NotAdmin))
    ));
}

#[test]
fn chk438_an_account_that_did_not_accept_leaves_by_itself() {
    let mut net = Net::of(&["alice", "bob"]);
    let (alice, bob) = (first("alice"), first("bob"));
    let group = net.found(&alice);
    net.join(&group, "alice", "bob");
    // Bob is removed, and Alice adds him again without asking him.
    let entry = net.call(&alice, |client, now, rng| {
        client.remove_member(&group, &account("bob"), now, rng)
    });
    net.post_entry(&alice, &entry.unwrap().unwrap());
    net.fetch(&bob, &group);
    let (seed, key) = (net.seed(&alice, &group).unwrap(), net.key("bob"));
    let entry = net.forge(
        &seed,
        &group,
        "alice",
        &[GroupOp::add("bob", Role::Member, key)],
    );
    net.world.post_entry(&alice, &entry.encode()).unwrap();
    let update = net.fetch(&bob, &group);
    assert_eq!(update.standing, GroupStanding::Left);
    assert!(
        net.notices(&bob)
            .contains(&Notice::GroupUninvited { group })
    );
    let upkeep = net.call(&bob, |client, now, rng| client.upkeep(now, rng));
    let upkeep = upkeep.unwrap();
    assert_eq!(upkeep.left_groups, [group]);
    assert!(
        upkeep.outgoing.is_empty() && upkeep.bundles.is_empty(),
        "no session is started"
    );
    net.client(&bob).confirm_group_leave(&group).unwrap();
    let upkeep = net.call(&bob, |client, now, rng| client.upkeep(now, rng));
    assert!(upkeep.unwrap().left_groups.is_empty());
}

#[test]
fn invitations_to_many_groups_leave_nothing_but_themselves() {
    let mut net = Net::of(&["alice", "bob"]);
    let bob = first("bob");
    let mut mallory = Insider::new(&mut net, "mallory", "bob");
    for number in 0..20 {
        let invitation = Content::Invitation {
            group: ConversationId::from_bytes([number; 32]),
            title: String::new(),
        };
        mallory.send(&mut net, "bob", invitation);
    }
    let rows = |net: &mut Net| {
        let upkeep = net.call(&bob, |client, now, rng| client.upkeep(now, rng));
        let upkeep = upkeep.unwrap();
        assert!(upkeep.groups.is_empty() && upkeep.left_groups.is_empty());
        let records = snapshot(&net.clients[&bob]).into_iter();
        let of_groups = records.map(|(key, _)| key.table.as_bytes()[0]);
        let of_groups = of_groups.filter(|table| matches!(table, b'6'..=b'8' | b'K' | b'E' | b'N'));
        of_groups.collect::<Vec<_>>()
    };
    assert_eq!(rows(&mut net), [b'6'; 20]);
    net.wait(2 * 24 * HOUR_MS);
    assert_eq!(rows(&mut net), [b'6'; 20]);
}

#[test]
fn an_invitation_is_declined() {
    let mut net = Net::of(&["alice", "bob"]);
    let group = net.found(&first("alice"));
    let bob = first("bob");
    let refused = net.call(&bob, |client, now, rng| {
        client.accept_invitation(&account("alice"), &group, now, rng)
    });
    assert!(matches!(refused, Err(InviteError::NotInvited)));
    net.invite(&group, "alice", "bob");
    net.client(&bob).decline_invitation(&group).unwrap();
    assert_eq!(net.standing(&bob, &group), None);
    // He can be invited again.
    let again = net.call(&first("alice"), |client, now, rng| {
        client.invite(&group, &account("bob"), now, rng)
    });
    net.post(&first("alice"), &again.unwrap());
    net.run();
    net.accept(&group, "alice", "bob");
    net.run();
    assert_eq!(net.standing(&bob, &group), Some(GroupStanding::Member));
}

#[test]
fn an_invitation_can_be_reported() {
    let mut net = Net::of(&["alice", "bob"]);
    let group = net.found(&first("alice"));
    net.invite(&group, "alice", "bob");
    let bob = net.client(&first("bob"));
    let messages = bob.messages(&account("alice"), None, 9).unwrap().items;
    let id = *messages[0].id();
    let shown = [(id, waxseal::Disclosure::Whole)];
    let draft = bob.draft_report(&account("alice"), waxseal::Reason::Spam, shown);
    let reviewers = net.world.moderation.public_key();
    let rng = &mut net.world.rng;
    let bob = net.clients.get_mut(&first("bob")).unwrap();
    let report = bob.report(&draft.unwrap(), reviewers, rng).unwrap();
    assert!(net.world.take_report(&report.report).is_ok());
    assert_eq!(
        accounts(&["alice"]),
        net.info(&first("bob"), &group).inviters
    );
}

#[test]
fn who_was_removed_without_hearing_of_it_can_be_invited_again() {
    let (mut net, group) = Net::of_group(&["alice", "bob", "carol"]);
    let (alice, bob) = (first("alice"), first("bob"));
    let entry = net.call(&alice, |client, now, rng| {
        client.remove_member(&group, &account("bob"), now, rng)
    });
    net.post_entry(&alice, &entry.unwrap().unwrap());
    assert_eq!(net.standing(&bob, &group), Some(GroupStanding::Member));
    net.wait(1_000);
    net.invite(&group, "alice", "bob");
    assert_eq!(net.standing(&bob, &group), Some(GroupStanding::Invited));
    assert_eq!(net.info(&bob, &group).inviters, accounts(&["alice"]));
    let told = Notice::GroupRemoved { group };
    assert!(net.notices(&bob).contains(&told));
    net.accept(&group, "alice", "bob");
    net.run();
    assert_eq!(net.standing(&bob, &group), Some(GroupStanding::Member));
}

#[test]
fn an_invitation_from_before_the_removal_counts_no_more() {
    let (mut net, group) = Net::of_group(&["alice", "bob", "carol"]);
    let (alice, bob) = (first("alice"), first("bob"));
    // A stranger invites a member, who is removed afterwards.
    let mut mallory = Insider::new(&mut net, "mallory", "bob");
    let invitation = Content::Invitation {
        group: ConversationId::from_bytes(group.to_bytes()),
        title: String::new(),
    };
    mallory.send(&mut net, "bob", invitation);
    assert_eq!(net.standing(&bob, &group), Some(GroupStanding::Member));
    net.wait(1_000);
    let entry = net.call(&alice, |client, now, rng| {
        client.remove_member(&group, &account("bob"), now, rng)
    });
    net.post_entry(&alice, &entry.unwrap().unwrap());
    net.fetch(&bob, &group);
    assert_eq!(net.standing(&bob, &group), Some(GroupStanding::Removed));
}
