//! What a relay, members, and removed admins try against a group.

use waxseal::errors::{EditGroupError, GroupNewsError, InviteError};
use waxseal::reporting::ConversationId;
use waxseal::reporting::sender::{Control, WelcomeRecord};
use waxseal::{AcceptedEntry, GroupId, GroupNews, GroupStanding, Notice, Received, WholeGroup};
use waxseal_roster::group::{AuthoritySeed, GroupError, GroupOp, Role, SignedEntry};
use waxseal_world::{EntryRefused, account, snapshot};

use crate::insider::Insider;
use crate::support::{Net, first};

/// News with these entries, for which the relay vouches to a device.
pub(crate) fn news(net: &mut Net, device: &str, entries: &[&SignedEntry]) -> GroupNews {
    let (key, now) = (net.world.key(&first(device)), net.world.now);
    let accepted =
        |entry: &&SignedEntry| AcceptedEntry::new(&key, entry.group(), entry.encode(), now);
    GroupNews {
        entries: entries.iter().map(accepted).collect(),
        whole: None,
    }
}

/// Gives news to a device, which refuses them and stays as it was.
pub(crate) fn refused(
    net: &mut Net,
    device: &str,
    group: &GroupId,
    news: &GroupNews,
) -> GroupNewsError<std::convert::Infallible> {
    let now = net.world.now;
    let client = net.client(&first(device));
    let before = snapshot(client);
    let error = client.take_group_news(group, news, now).unwrap_err();
    assert!(
        snapshot(client) == before,
        "state unchanged after {error:?}"
    );
    error
}

#[test]
fn row_21_a_ghost_member_without_the_authoritys_signature_is_refused() {
    let (mut net, group) = Net::of_group(&["alice", "bob"]);
    net.world.register("ghost");
    let state = net.world.group_log(&group).unwrap().state().clone();
    let add = [GroupOp::add("ghost", Role::Member, net.key("ghost"))];
    let seed = net.seed(&first("alice"), &group).unwrap();
    let genuine = net.forge(&seed, &group, "alice", &add);
    // The relay adds a ghost, and signs with a key of its own.
    let mut bytes = genuine.encode();
    let end = bytes.len() - 1;
    bytes[end] ^= 1;
    let unsigned = SignedEntry::decode(&bytes).unwrap();
    let relay_seed = AuthoritySeed::generate(&mut net.world.rng);
    let other = relay_seed.create_group(
        "alice",
        &[GroupOp::add("alice", Role::Admin, net.key("alice"))],
        0,
    );
    let given = news(&mut net, "bob", &[&unsigned]);
    let error = refused(&mut net, "bob", &group, &given);
    assert!(matches!(
        error,
        GroupNewsError::Invalid(GroupError::Signature)
    ));
    let given = news(&mut net, "bob", &[&other.unwrap()]);
    let error = refused(&mut net, "bob", &group, &given);
    assert!(matches!(
        error,
        GroupNewsError::NotAuthentic | GroupNewsError::Invalid(_)
    ));
    // A whole state with the ghost in it is not proven.
    let ghosts = state.apply(&genuine).unwrap();
    let chain = net
        .world
        .group_log(&group)
        .unwrap()
        .authority_chain()
        .encode();
    let mut given = news(&mut net, "bob", &[&unsigned]);
    given.whole = Some(WholeGroup {
        state: ghosts.encode(),
        authority_chain: chain,
    });
    let error = refused(&mut net, "bob", &group, &given);
    assert!(matches!(
        error,
        GroupNewsError::Invalid(GroupError::Signature)
    ));
    assert_eq!(net.members(&first("bob"), &group), ["alice", "bob"]);
}

#[test]
fn row_22_a_member_who_is_no_admin_changes_nothing() {
    let (mut net, group) = Net::of_group(&["alice", "bob", "carol"]);
    let (bob, now) = (first("bob"), net.world.now);
    // His own client refuses, and has no key.
    assert!(net.seed(&bob, &group).is_none());
    let own = net.call(&bob, |client, now, rng| {
        client.remove_member(&group, &account("carol"), now, rng)
    });
    assert!(matches!(own, Err(EditGroupError::NotAdmin)));
    let own = net.call(&bob, |client, now, rng| {
        client.promote(&group, &account("bob"), now, rng)
    });
    assert!(matches!(own, Err(EditGroupError::NotAdmin)));
    // With a stolen key he signs in an admin's name, and the relay knows who posts it.
    let seed = net.seed(&first("alice"), &group).unwrap();
    let promote = [GroupOp::role("bob", Role::Admin)];
    let entry = net.forge(&seed, &group, "alice", &promote);
    let posted = net.world.post_entry(&bob, &entry.encode());
    assert_eq!(posted, Err(EntryRefused::NotActor));
    // In his own name nobody signs: the actor is an admin.
    let state = net.world.group_log(&group).unwrap().state();
    let signed = seed.sign_entry(state, "bob", &promote, None, now.as_millis());
    assert!(matches!(signed, Err(GroupError::Actor)));
}

#[test]
fn row_23_chk439_the_old_authority_signs_nothing_any_more_and_a_fork_is_noticed() {
    let (mut net, group) = Net::of_group(&["alice", "mallory", "carol"]);
    net.promote(&group, "alice", "mallory");
    let old = net.seed(&first("mallory"), &group).unwrap();
    net.fetch(&first("carol"), &group);
    // What Mallory keeps for later: an entry after the state in which she is an admin.
    let add = [GroupOp::remove("alice")];
    let next = AuthoritySeed::generate(&mut net.world.rng);
    let state = net.world.group_log(&group).unwrap().state().clone();
    let at_ms = net.world.now.as_millis();
    let fork = old.sign_entry(&state, "mallory", &add, Some(&next.public()), at_ms);
    let fork = fork.unwrap();
    let entry = net.call(&first("alice"), |client, now, rng| {
        client.remove_member(&group, &account("mallory"), now, rng)
    });
    net.post_entry(&first("alice"), &entry.unwrap().unwrap());
    // The relay takes nothing signed with the old key, whatever its version.
    let posted = net.world.post_entry(&first("mallory"), &fork.encode());
    assert!(matches!(posted, Err(EntryRefused::Conflict(_))));
    // Carol was offline, and a colluding relay feeds her the fork.
    let given = news(&mut net, "carol", &[&fork]);
    let (now, carol) = (net.world.now, first("carol"));
    net.client(&carol)
        .take_group_news(&group, &given, now)
        .unwrap();
    assert_eq!(net.members(&carol, &group), ["carol", "mallory"]);
    // As soon as she sees the real entry, she knows.
    let real = net.world.group_news(&carol, &group, 4).unwrap();
    let error = net.client(&carol).take_group_news(&group, &real, now);
    assert!(matches!(error, Err(GroupNewsError::Forked)));
    assert_eq!(net.standing(&carol, &group), Some(GroupStanding::Forked));
    let notices = net.notices(&carol);
    let [Notice::GroupForked { known, other, .. }] = notices.as_slice() else {
        panic!("{notices:?}");
    };
    assert_eq!(*known, fork.encode());
    assert_eq!(*other, real.entries[0].entry);
    // Alice, who has the real one, is shown the fork, and knows too.
    let given = news(&mut net, "alice", &[&fork]);
    let alice = first("alice");
    let error = net.client(&alice).take_group_news(&group, &given, now);
    assert!(matches!(error, Err(GroupNewsError::Forked)));
    let refused = net.call(&alice, |client, now, rng| {
        client.promote(&group, &account("carol"), now, rng)
    });
    assert!(matches!(refused, Err(EditGroupError::Forked)));
}

#[test]
fn row_24_a_relay_that_drops_an_entry_is_asked_again() {
    let (mut net, group) = Net::of_group(&["alice", "bob", "carol"]);
    let (alice, bob) = (first("alice"), first("bob"));
    let mut member = Insider::join(&mut net, &group, "bob", Role::Member);
    for device in [&alice, &bob] {
        net.fetch(device, &group);
    }
    let entry = net.call(&alice, |client, now, rng| {
        client.remove_member(&group, &account("carol"), now, rng)
    });
    net.post_entry(&alice, &entry.unwrap().unwrap());
    // A member tells Bob the newer version. The relay rolls the group back: it hands out older
    // entries, and no newer one.
    let mut rolled_back = net.world.group_news(&bob, &group, 0).unwrap();
    rolled_back.entries.pop();
    let state = net.world.group_log(&group).unwrap().state();
    let welcome = WelcomeRecord {
        group: ConversationId::from_bytes(group.to_bytes()),
        version: state.version(),
        state_hash: state.hash(),
    };
    let control = Control {
        welcome: Some(Box::new(welcome)),
        ..Control::default()
    };
    let received = member.tell(&mut net, "bob", &control);
    assert!(matches!(received, Received::Group { group: told, .. } if told == group));
    let upkeep = net.call(&bob, |client, now, rng| client.upkeep(now, rng));
    assert_eq!(upkeep.unwrap().groups, [(group, 4)]);
    let now = net.world.now;
    let update = net.client(&bob).take_group_news(&group, &rolled_back, now);
    assert_eq!(update.unwrap().version, 4);
    assert_eq!(net.info(&bob, &group).members.len(), 4);
    // The honest relay's answer mends it.
    net.fetch(&bob, &group);
    assert_eq!(net.members(&bob, &group), ["alice", "bob", "mallory"]);
}

#[test]
fn row_25_the_entry_that_had_added_a_removed_member_counts_once() {
    let (mut net, group) = Net::of_group(&["alice", "bob", "mallory"]);
    let (alice, bob) = (first("alice"), first("bob"));
    let added = net
        .world
        .group_news(&bob, &group, 2)
        .unwrap()
        .entries
        .remove(0);
    let entry = net.call(&alice, |client, now, rng| {
        client.remove_member(&group, &account("mallory"), now, rng)
    });
    net.post_entry(&alice, &entry.unwrap().unwrap());
    net.fetch(&bob, &group);
    let again = GroupNews {
        entries: vec![added.clone()],
        whole: None,
    };
    let now = net.world.now;
    let update = net
        .client(&bob)
        .take_group_news(&group, &again, now)
        .unwrap();
    assert_eq!((update.version, update.added.len()), (4, 0));
    assert_eq!(net.members(&bob, &group), ["alice", "bob"]);
    // The relay knows it, and changes nothing.
    let posted = net.world.post_entry(&alice, &added.entry);
    assert_eq!(posted.unwrap().accepted_at, added.accepted_at);
    let state = net.world.group_log(&group).unwrap().state();
    assert!(!state.is_member("mallory"));
}

#[test]
fn row_26_chk436_a_member_under_another_account_key_is_suspended() {
    let (mut net, group) = Net::of_group(&["alice", "bob", "carol"]);
    let (alice, carol) = (first("alice"), first("carol"));
    let before = net.key("bob");
    // The provider resets Bob's account: another client, another key, the same name.
    let bob = net.world.register("bob");
    net.clients.insert(first("bob"), bob);
    let names = [account("bob"), account("alice")];
    for device in [&alice, &carol] {
        let rosters = net.world.group_rosters(device, &group, &names);
        let now = net.world.now;
        let taken = net.client(device).take_group_rosters(&group, &rosters, now);
        assert_eq!(taken.unwrap(), 1);
        let info = net.info(device, &group);
        assert!(info.member(&account("bob")).unwrap().is_suspended);
        assert!(!info.member(&account("alice")).unwrap().is_suspended);
        let new = net.key("bob");
        let notices = net.notices(device);
        let (group, account) = (group, account("bob"));
        assert!(notices.contains(&Notice::GroupMemberSuspended {
            group,
            account,
            new
        }));
    }
    // Carol never wrote to Bob: nothing was pinned by the other key.
    assert!(
        net.client(&carol)
            .peer_account_key(&account("bob"))
            .is_err()
    );
    assert_eq!(
        net.client(&alice)
            .peer_account_key(&account("bob"))
            .unwrap(),
        before
    );
    // The key that Alice pinned is still the old one, so she cannot invite him again.
    let refused = net.call(&alice, |client, now, rng| {
        client.invite(&group, &account("bob"), now, rng)
    });
    assert!(matches!(
        refused,
        Err(InviteError::Group(EditGroupError::NoChange))
    ));
    // After she accepted the new one, she can.
    let new = net.key("bob");
    let now = net.world.now;
    net.client(&alice)
        .accept_identity(&account("bob"), &new)
        .unwrap();
    let roster = net.world.roster(&account("bob"));
    net.client(&alice)
        .take_roster(&account("bob"), &roster, now)
        .unwrap();
    net.join(&group, "alice", "bob");
    assert_eq!(
        net.standing(&first("bob"), &group),
        Some(GroupStanding::Member)
    );
    net.fetch(&carol, &group);
    for device in [&alice, &carol] {
        let info = net.info(device, &group);
        let bob = info.member(&account("bob")).unwrap();
        assert!(!bob.is_suspended);
        assert_eq!(bob.since, info.version);
    }
}

/// Alice promotes or removes Bob while she has no network. Meanwhile he begins anew, and Carol
/// brings him back under his new key. Alice decided nothing about that one.
#[test]
fn chk441_what_was_decided_of_a_member_is_not_made_of_who_came_back() {
    for removes in [false, true] {
        let (mut net, group) = Net::of_group(&["alice", "bob", "carol"]);
        let (alice, carol, bob) = (first("alice"), first("carol"), account("bob"));
        net.promote(&group, "alice", "carol");
        net.fetch(&carol, &group);
        net.run();
        let entry = net.call(&alice, |client, now, rng| match removes {
            true => client.remove_member(&group, &bob, now, rng),
            false => client.promote(&group, &bob, now, rng),
        });
        let entry = entry.unwrap().unwrap();
        net.posts_entries = false;
        let anew = net.world.register("bob");
        net.clients.insert(first("bob"), anew);
        let (new, now) = (net.key("bob"), net.world.now);
        let rosters = [net.world.roster(&bob)];
        let client = net.client(&carol);
        client.take_group_rosters(&group, &rosters, now).unwrap();
        client.accept_identity(&bob, &new).unwrap();
        client.take_roster(&bob, &rosters[0], now).unwrap();
        net.invite(&group, "carol", "bob");
        net.accept(&group, "carol", "bob");
        net.deliver(&carol);
        assert_eq!(net.post_entries(&carol), 1);
        net.post_entry(&alice, &entry);
        assert_eq!(net.conflicts, 1);
        assert_eq!(net.post_entries(&alice), 0, "nothing is left of it");
        let info = net.info(&alice, &group);
        assert!(!info.member(&bob).unwrap().is_admin);
        let lost = Notice::GroupChangeLost { group };
        assert!(net.notices(&alice).contains(&lost));
    }
}
