//! Seeds, states and receipts that are forged.

use waxseal::errors::GroupNewsError;
use waxseal::reporting::ConversationId;
use waxseal::reporting::sender::{AuthorityRecord, Control, WelcomeRecord};
use waxseal::{GroupNews, Timestamp, WholeGroup};
use waxseal_roster::group::{AuthoritySeed, GroupError, GroupOp, Role};
use waxseal_world::{account, snapshot};
use zeroize::Zeroizing;

use crate::attacks::{news, refused};
use crate::insider::Insider;
use crate::support::{HOUR_MS, Net, first};

#[test]
fn row_47_chk437_a_seed_of_another_account_than_an_admins_or_that_does_not_fit_is_refused() {
    let (mut net, group) = Net::of_group(&["alice", "bob", "carol"]);
    let alice = first("alice");
    let (seed, version) = (net.seed(&alice, &group).unwrap(), 3);
    let wrong = AuthoritySeed::generate(&mut net.world.rng);
    let mut mallory = Insider::join(&mut net, &group, "bob", Role::Member);
    let told = |seed: &AuthoritySeed, version| Control {
        authority: Some(Box::new(AuthorityRecord {
            seed: Zeroizing::new(*seed.to_bytes()),
            group: ConversationId::from_bytes(group.to_bytes()),
            version,
        })),
        ..Control::default()
    };
    net.fetch(&first("bob"), &group);
    // Mallory is a member: neither the right seed nor another one counts, now or later.
    for (seed, version) in [
        (&seed, version + 1),
        (&wrong, version + 1),
        (&seed, version + 2),
    ] {
        mallory.tell(&mut net, "bob", &told(seed, version));
        assert_eq!(kept_seeds(&mut net, "bob"), 0);
    }
    // As an admin, she tells one that does not fit.
    let promote = [GroupOp::role("mallory", Role::Admin)];
    let entry = net.forge(&seed, &group, "alice", &promote);
    net.world.post_entry(&alice, &entry.encode()).unwrap();
    net.fetch(&first("bob"), &group);
    mallory.tell(&mut net, "bob", &told(&wrong, version + 2));
    assert_eq!(kept_seeds(&mut net, "bob"), 0);
    // The right one counts.
    mallory.tell(&mut net, "bob", &told(&seed, version + 2));
    assert_eq!(kept_seeds(&mut net, "bob"), 1);
    // One for a later entry is kept, one of each admin, and counts if the entry names it.
    for _ in 0..20 {
        let next = AuthoritySeed::generate(&mut net.world.rng);
        mallory.tell(&mut net, "bob", &told(&next, version + 3));
    }
    let kept = snapshot(&net.clients[&first("bob")]);
    let kept = kept.iter().filter(|(key, _)| key.table.as_bytes() == b"7");
    let len: usize = kept.map(|(_, value)| value.len()).sum();
    assert!(len < 200, "one seed, not twenty: {len} bytes");
}

/// How many groups a device has a key of.
fn kept_seeds(net: &mut Net, name: &str) -> usize {
    let records = snapshot(&net.clients[&first(name)]);
    let kept = records
        .iter()
        .filter(|(key, _)| key.table.as_bytes() == b"7");
    kept.count()
}

#[test]
fn row_48_a_state_out_of_form_is_refused() {
    let (mut net, group) = Net::of_group(&["alice", "bob"]);
    let log = net.world.group_log(&group).unwrap().clone();
    let (entry, chain) = (log.entry().clone(), log.authority_chain().encode());
    let genuine = log.state().encode();
    // 01 || group 32 || version 8 || authority 32 || policy || count be16 || members
    let member = 1 + 5 + 1 + 32 + 8;
    let first_member = 76..76 + member;
    let twice = {
        let mut state = genuine.clone();
        state[75] = 3;
        let copy = genuine[first_member.clone()].to_vec();
        state.splice(76..76, copy);
        state
    };
    let many = {
        let mut state = genuine.clone();
        state[74..76].copy_from_slice(&1_025_u16.to_be_bytes());
        state
    };
    let unknown_role = {
        let mut state = genuine.clone();
        state[76 + 1 + 5] = 3;
        state
    };
    for (state, error) in [
        (twice, GroupError::Members),
        (many, GroupError::Members),
        (unknown_role, GroupError::Malformed),
    ] {
        let mut given = news(&mut net, "bob", &[&entry]);
        given.whole = Some(WholeGroup {
            state,
            authority_chain: chain.clone(),
        });
        match refused(&mut net, "bob", &group, &given) {
            GroupNewsError::Invalid(found) => assert_eq!(found, error),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn chk430_news_for_whose_time_the_provider_does_not_vouch_are_refused() {
    let (mut net, group) = Net::of_group(&["alice", "bob"]);
    let alice = first("alice");
    let entry = net.call(&alice, |client, now, rng| {
        client.promote(&group, &account("bob"), now, rng)
    });
    let entry = entry.unwrap().unwrap();
    let accepted = net.world.post_entry(&alice, &entry.entry).unwrap();
    let mut later = accepted.clone();
    later.accepted_at = Timestamp::from_millis(accepted.accepted_at.as_millis() + 1);
    let others = net.world.group_news(&first("bob"), &group, 2).unwrap();
    for receipt in [&later, &others.entries[0]] {
        let before = snapshot(&net.clients[&alice]);
        let error = net.client(&alice).confirm_entry(receipt);
        assert!(matches!(error, Err(GroupNewsError::NotAuthentic)));
        assert!(snapshot(&net.clients[&alice]) == before);
    }
    let forged = GroupNews {
        entries: vec![later],
        whole: None,
    };
    let error = refused(&mut net, "bob", &group, &forged);
    assert!(matches!(error, GroupNewsError::NotAuthentic));
    net.client(&alice).confirm_entry(&accepted).unwrap();
    // The receipt may come twice.
    net.client(&alice).confirm_entry(&accepted).unwrap();
}

/// Row 46: a member names states that do not exist.
#[test]
fn row_46_a_member_that_names_newer_states_costs_one_fetch_an_hour() {
    let (mut net, group) = Net::of_group(&["alice", "bob"]);
    let mut mallory = Insider::join(&mut net, &group, "bob", Role::Member);
    let bob = first("bob");
    net.fetch(&bob, &group);
    net.run();
    let mut fetches = 0;
    for number in 0..20 {
        let welcome = WelcomeRecord {
            group: ConversationId::from_bytes(group.to_bytes()),
            version: 100 + number,
            state_hash: [7; 32],
        };
        let control = Control {
            welcome: Some(Box::new(welcome)),
            ..Control::default()
        };
        mallory.tell(&mut net, "bob", &control);
        let upkeep = net.call(&bob, |client, now, rng| client.upkeep(now, rng));
        for (group, _) in upkeep.unwrap().groups {
            net.fetch(&bob, &group);
            fetches += 1;
        }
        net.wait(60_000);
    }
    assert_eq!(fetches, 1);
    net.wait(HOUR_MS);
    let upkeep = net.call(&bob, |client, now, rng| client.upkeep(now, rng));
    assert_eq!(upkeep.unwrap().groups.len(), 1);
}
