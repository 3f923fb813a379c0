//! Attacks that must fail, by their rows in the list of attacks: on groups, by relays, members and
//! former admins.

use super::raw_group::{
    Book, RawEntry, RawMember, RawState, add, go_on, id, raw_add, raw_op, roster_of, seed,
};
use super::support::{NOW, account_key};
use crate::group::{
    AuthorityChain, AuthoritySeed, Compared, GroupChange, GroupError, GroupId, GroupLog, GroupOp,
    GroupState, Role, SignedEntry,
};
use crate::labels;

fn refused(log: &mut GroupLog, entry: &SignedEntry) -> GroupError {
    let before = log.encode();
    let error = log.take(entry).unwrap_err();
    assert_eq!(log.encode(), before);
    error
}

fn changed(change: impl FnOnce(&mut RawEntry)) -> SignedEntry {
    SignedEntry::decode(&RawEntry::changed(change)).unwrap()
}

/// The same entry under another signature.
fn with_signature(entry: &SignedEntry, signature: &[u8; 64]) -> SignedEntry {
    let mut bytes = entry.encode();
    *bytes.last_chunk_mut().unwrap() = *signature;
    SignedEntry::decode(&bytes).unwrap()
}

/// Adds the ghost to the third entry.
fn with_ghost(raw: &mut RawEntry) {
    raw.ops = vec![raw_add("ghost", 2)];
    raw.after = RawState::of_book();
    raw.after.members.push(RawMember::new("ghost", 2, 3));
}

#[test]
fn row_21_a_relay_adds_a_ghost_member() {
    let mut log = Book::new().log;
    // Without a signature, with a foreign one, with that of another entry, and of its own group.
    let unsigned = with_signature(&changed(with_ghost), &[0; 64]);
    assert_eq!(refused(&mut log, &unsigned), GroupError::Signature);
    let foreign = changed(|raw| {
        with_ghost(raw);
        raw.signed_by = 9;
    });
    assert_eq!(refused(&mut log, &foreign), GroupError::Signature);
    let genuine = RawEntry::of_book().encode();
    let signature = genuine.last_chunk().unwrap();
    let moved = with_signature(&changed(with_ghost), signature);
    assert_eq!(refused(&mut log, &moved), GroupError::Signature);
    let own = changed(|raw| {
        with_ghost(raw);
        raw.hand_over(9);
        raw.signed_by = 9;
        raw.group = GroupId::of_authority(&seed(9).public()).to_bytes();
    });
    assert_eq!(refused(&mut log, &own), GroupError::OtherGroup);
    // In the state that a newcomer gets, under the genuine entry.
    let mut ghost = RawState::of_book();
    ghost.members.push(RawMember::new("ghost", 2, 2));
    let (entry, chain) = (log.entry().clone(), log.authority_chain().clone());
    let joined = GroupLog::join(&ghost.encode(), entry, chain);
    assert_eq!(joined.unwrap_err(), GroupError::OtherState);
    // The ghost gets no slot, whatever roster the relay has for it.
    let ghost = roster_of("ghost", b'g', &[0x66]);
    let targets = log.state().targets(("alice", 1), |_| Some(&ghost), |_| NOW);
    assert!(targets.unwrap().targets().is_empty());
}

#[test]
fn row_22_a_member_without_admin_role_changes_the_group() {
    let mut log = Book::new().log;
    // Carol does not have the authority's seed, and signs with a key of her own.
    let own = changed(|raw| {
        raw.actor = "carol".into();
        raw.signed_by = b'c';
    });
    assert_eq!(refused(&mut log, &own), GroupError::Signature);
    // Somebody signs for her: she is no admin.
    let lent = changed(|raw| raw.actor = "carol".into());
    assert_eq!(refused(&mut log, &lent), GroupError::Actor);
    let raised = changed(|raw| {
        raw.actor = "carol".into();
        raw.ops = vec![raw_op(3, "carol", &[2])];
        raw.after = RawState::of_book();
        raw.after.members[2].role = 2;
    });
    assert_eq!(refused(&mut log, &raised), GroupError::Actor);
    // An outsider adds himself.
    let burglar = changed(|raw| {
        raw.actor = "mallory".into();
        raw.ops = vec![raw_add("mallory", 2)];
    });
    assert_eq!(refused(&mut log, &burglar), GroupError::Actor);
}

#[test]
fn row_23_a_former_admin_signs_on_with_the_authority_of_before() {
    let mut log = Book::new().log;
    let offline = log.clone();
    go_on(&mut log, 1, &[GroupOp::remove("bob")], Some(2));
    // Bob has the seed of before. He signs the version that removed him, the next, and a later one.
    let other = seed(1).sign_entry(
        offline.state(),
        "bob",
        &[GroupOp::remove("alice")],
        Some(&seed(3).public()),
        NOW,
    );
    let other = other.unwrap();
    assert_eq!(refused(&mut log, &other), GroupError::Fork);
    let next = changed(|raw| {
        raw.version = 4;
        raw.actor = "bob".into();
    });
    assert_eq!(refused(&mut log, &next), GroupError::Signature);
    // Somebody who was off line is fed the fork.
    let mut fed = offline.clone();
    fed.take(&other).unwrap();
    // The next message of Alice names another hash.
    let alice = log.state();
    assert_eq!(
        fed.compare(alice.version(), &alice.hash()),
        Compared::Differs
    );
    assert_eq!(log.compare(3, &fed.state().hash()), Compared::Differs);
    // And her entry or state proves it.
    let entry = log.entry().clone();
    assert_eq!(refused(&mut fed, &entry), GroupError::Fork);
    let proof = log.authority_chain().clone();
    let state = fed.take_state(&alice.encode(), entry, proof);
    assert_eq!(state, Err(GroupError::Fork));
}

#[test]
fn row_24_a_relay_drops_the_entry_that_removed_mallory() {
    let mut log = Book::new().log;
    let mut alice = log.clone();
    go_on(&mut alice, 1, &[GroupOp::remove("carol")], None);
    // The next message of Alice names a version that is missing.
    let state = alice.state();
    assert_eq!(log.compare(state.version(), &state.hash()), Compared::Newer);
    // Whatever the relay serves of before changes nothing.
    let early = Book::new();
    for entry in [&early.first, &early.second] {
        assert!(matches!(
            log.take(entry),
            Ok(GroupChange::Older | GroupChange::Same)
        ));
    }
    let (stale, chain) = (early.log.state(), early.log.authority_chain().clone());
    let stale = alice.take_state(&stale.encode(), early.second.clone(), chain);
    assert_eq!(stale, Ok(GroupChange::Older));
    assert!(!alice.state().is_member("carol"));
    // What comes after the dropped entry does not fit without it.
    let after = go_on(&mut alice, 1, &[add("dave", Role::Member)], None);
    assert_eq!(log.take(&after), Ok(GroupChange::Gap));
    assert!(log.state().is_member("carol"));
}

#[test]
fn row_25_a_relay_replays_the_entry_that_had_added_a_removed_member() {
    let book = Book::new();
    let mut log = book.log.clone();
    go_on(&mut log, 1, &[GroupOp::remove("carol")], None);
    let before = log.encode();
    assert_eq!(log.take(&book.second), Ok(GroupChange::Older));
    assert_eq!(log.encode(), before);
    assert_eq!(log.state().apply(&book.second), Err(GroupError::NotNext));
    // With the next version, the signature is another's.
    let mut moved = book.second.encode();
    moved[33..41].copy_from_slice(&4_u64.to_be_bytes());
    moved[41..73].copy_from_slice(&log.state().hash());
    let moved = SignedEntry::decode(&moved).unwrap();
    assert_eq!(refused(&mut log, &moved), GroupError::Signature);
}

#[test]
fn row_26_a_provider_gives_a_member_another_account_key() {
    let book = Book::new();
    let genuine = roster_of("carol", b'c', &[0x31]);
    let reset = roster_of("carol", b'x', &[0x66]);
    let targets = |carol| {
        let find = |name: &str| (name == "carol").then_some(carol);
        book.state().targets(("alice", 1), find, |_| NOW).unwrap()
    };
    assert_eq!(targets(&genuine).targets().len(), 1);
    let suspended = targets(&reset);
    assert!(suspended.targets().is_empty());
    assert_eq!(suspended.suspended(), ["carol"]);
    assert_ne!(suspended.digest(), targets(&genuine).digest());
}

#[test]
fn row_47_a_seed_that_does_not_match_the_state_is_refused() {
    let mut book = Book::new();
    go_on(&mut book.log, 1, &[GroupOp::remove("bob")], Some(2));
    for byte in [1, 3] {
        let seed = AuthoritySeed::of_state(&[byte; 32], book.state());
        assert_eq!(seed.unwrap_err(), GroupError::OtherSeed);
    }
    AuthoritySeed::of_state(&[2; 32], book.state()).unwrap();
    // Whether the sender is an admin, the client asks the state.
    assert!(!book.state().is_admin("bob") && !book.state().is_admin("carol"));
}

#[test]
fn row_48_a_welcome_with_an_impossible_state_is_refused() {
    let book = Book::new();
    let join = |state: &RawState| {
        // The authority signs an entry for whatever state it is.
        let entry = changed(|raw| {
            raw.version = state.version;
            raw.after = state.clone();
        });
        let chain = book.log.authority_chain().clone();
        GroupLog::join(&state.encode(), entry, chain)
    };
    let mut state = RawState::of_book();
    join(&state).unwrap();
    state.members[2].account = "bob".into();
    assert_eq!(join(&state).unwrap_err(), GroupError::Members);
    let mut state = RawState::of_book();
    state.members[2].role = 3;
    assert_eq!(join(&state).unwrap_err(), GroupError::Malformed);
    let mut state = RawState::crowd(1_025);
    for member in &mut state.members {
        member.account.truncate(100);
    }
    // Names of 100 zeros are not in order either, but the number is checked first.
    assert_eq!(join(&state).unwrap_err(), GroupError::Members);
    let mut state = RawState::of_book();
    state.members.iter_mut().for_each(|member| member.role = 1);
    assert_eq!(join(&state).unwrap_err(), GroupError::NoAdmin);
    // A welcome that names us under another account key: the client compares.
    let mut state = RawState::of_book();
    state.members[2].key = account_key(b'x').public().to_bytes();
    let joined = join(&state).unwrap();
    let carol = joined.state().member("carol").unwrap();
    assert_ne!(carol.account_key(), &account_key(b'c').public());
}

#[test]
fn row_53_a_signature_of_a_group_counts_for_nothing_else() {
    let mut log = Book::new().log;
    let others = [
        labels::DELEGATION,
        labels::ROSTER,
        labels::DEVICE_PROOF,
        labels::GROUP_STATE,
        labels::GROUP_TARGETS,
    ];
    for label in others {
        let entry = changed(|raw| raw.label = label);
        assert_eq!(refused(&mut log, &entry), GroupError::Signature);
    }
    // A state is no entry, and an entry is no state.
    let state = log.state().encode();
    assert!(SignedEntry::decode(&state).is_err());
    assert!(GroupState::decode(&log.entry().encode()).is_err());
    assert!(AuthorityChain::decode(&state, &id()).is_err());
}

#[test]
fn row_54_an_outsider_can_make_a_group_of_any_names() {
    // Nothing in a log needs a secret of the accounts in it. So it proves nothing about them.
    let eve = seed(0xee);
    let ops = [add("alice", Role::Admin), add("bob", Role::Member)];
    let entry = eve.create_group("alice", &ops, NOW).unwrap();
    let forged = GroupLog::first(&entry, &GroupId::of_authority(&eve.public()));
    assert!(forged.unwrap().state().is_admin("alice"));
}

/// The group id proves the authority: each change is signed by the one before.
#[test]
fn item_06_a_welcome_proves_the_authority_from_the_group_id_on() {
    let mut log = Book::new().log;
    go_on(&mut log, 1, &[GroupOp::remove("bob")], Some(2));
    go_on(&mut log, 2, &[GroupOp::remove("carol")], Some(3));
    let (state, entry) = (log.state().encode(), log.entry().clone());
    let chain = log.authority_chain().clone();
    let joined = GroupLog::join(&state, entry.clone(), chain.clone()).unwrap();
    assert_eq!(joined.state().hash(), log.state().hash());
    // Without the first change, the second is signed by nobody who is known.
    let bytes = chain.encode();
    let first = usize::from(u16::from_be_bytes(*bytes[35..].first_chunk().unwrap()));
    let mut without = [&bytes[..33], &[0, 1]].concat();
    without.extend(&bytes[37 + first..]);
    assert_eq!(
        AuthorityChain::decode(&without, &id()).unwrap_err(),
        GroupError::Signature
    );
    // Without the last one, the state has another authority than the chain.
    let mut without = [&bytes[..33], &[0, 1]].concat();
    without.extend(&bytes[35..37 + first]);
    let shorter = AuthorityChain::decode(&without, &id()).unwrap();
    assert_eq!(
        GroupLog::join(&state, entry, shorter).unwrap_err(),
        GroupError::OtherState
    );
    // Under the id of another group, nothing is proven.
    let other = GroupId::of_authority(&seed(9).public());
    assert_eq!(
        AuthorityChain::decode(&bytes, &other).unwrap_err(),
        GroupError::OtherAuthority
    );
}

/// A message names the state by all 32 bytes of its hash.
#[test]
fn item_12_each_byte_of_the_hash_of_a_state_counts() {
    let log = Book::new().log;
    let (version, hash) = (log.state().version(), log.state().hash());
    assert_eq!(log.compare(version, &hash), Compared::Newest);
    for at in 0..32 {
        let mut other = hash;
        other[at] ^= 1;
        assert_eq!(log.compare(version, &other), Compared::Differs, "byte {at}");
    }
}
