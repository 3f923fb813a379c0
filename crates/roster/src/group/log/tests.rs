//! Tests of what is kept of a group.

use super::{Compared, GroupChange, GroupLog};
use crate::group::{GroupError, GroupOp, GroupPolicy, Role, SignedEntry};
use crate::limits::MAX_RECENT_STATES;
use crate::tests::raw_group::{Book, RawEntry, add, go_on, id, key_of, seed};
use crate::tests::support::NOW;

/// Signs the next entry of an actor, and does not take it.
fn sign(log: &GroupLog, by: u8, actor: &str, ops: &[GroupOp], next: Option<u8>) -> SignedEntry {
    let next = next.map(|byte| seed(byte).public());
    let entry = seed(by).sign_entry(log.state(), actor, ops, next.as_ref(), NOW);
    entry.unwrap()
}

/// Asserts that an entry is refused and changes nothing.
fn refused(log: &mut GroupLog, entry: &SignedEntry) -> GroupError {
    let before = log.encode();
    let error = log.take(entry).unwrap_err();
    assert_eq!(log.encode(), before);
    error
}

fn take_state(log: &mut GroupLog, of: &GroupLog) -> Result<GroupChange, GroupError> {
    let (state, chain) = (of.state().encode(), of.authority_chain().clone());
    log.take_state(&state, of.entry().clone(), chain)
}

#[test]
fn the_next_entry_is_taken_and_says_what_changed() {
    let mut log = Book::new().log;
    let ops = [
        add("dave", Role::Member),
        GroupOp::remove("carol"),
        GroupOp::add("carol", Role::Admin, key_of("eve")),
        GroupOp::remove("bob"),
        GroupOp::Policy(GroupPolicy { admins_write: true }),
    ];
    let change = log.take(&sign(&log, 1, "alice", &ops, Some(2))).unwrap();
    let expected = GroupChange::Newer {
        added: vec!["dave".into()],
        removed: vec!["bob".into()],
        rekeyed: vec!["carol".into()],
        roles: vec!["carol".into()],
        authority: true,
        policy: true,
    };
    assert_eq!(change, expected);
    assert_eq!(log.authority_chain().authority(), &seed(2).public());
}

#[test]
fn known_entries_change_nothing_and_later_ones_leave_a_gap() {
    let book = Book::new();
    let mut log = book.log.clone();
    let third = sign(&log, 1, "alice", &[GroupOp::remove("carol")], None);
    log.take(&third).unwrap();
    let before = log.encode();
    assert_eq!(log.take(&third), Ok(GroupChange::Same));
    for older in [&book.first, &book.second] {
        assert_eq!(log.take(older), Ok(GroupChange::Older));
    }
    let gap = RawEntry::changed(|raw| raw.version = 5);
    assert_eq!(
        log.take(&SignedEntry::decode(&gap).unwrap()),
        Ok(GroupChange::Gap)
    );
    assert_eq!(log.encode(), before);
    let mut behind = GroupLog::first(&book.first, &id()).unwrap();
    assert_eq!(behind.take(&third), Ok(GroupChange::Gap));
    behind.take(&book.second).unwrap();
    behind.take(&third).unwrap();
    assert_eq!(behind, log);
}

#[test]
fn chk409_another_entry_of_a_known_version_is_a_fork() {
    let book = Book::new();
    let mut log = book.log.clone();
    let one = sign(&log, 1, "alice", &[GroupOp::remove("carol")], None);
    let other = sign(&log, 1, "bob", &[add("dave", Role::Member)], None);
    let twin = sign(&log, 1, "bob", &[GroupOp::remove("carol")], None);
    log.take(&one).unwrap();
    assert_eq!(refused(&mut log, &other), GroupError::Fork);
    // The same state by another entry, too.
    assert_eq!(refused(&mut log, &twin), GroupError::Fork);
    // A later entry that follows the other one.
    let mut elsewhere = book.log.clone();
    elsewhere.take(&other).unwrap();
    let after = sign(&elsewhere, 1, "bob", &[add("eve", Role::Member)], None);
    assert_eq!(refused(&mut log, &after), GroupError::Fork);
    // Once the log went on, by the state that is known of that version.
    go_on(&mut log, 1, &[add("frank", Role::Member)], None);
    assert_eq!(refused(&mut log, &other), GroupError::Fork);
    assert_eq!(log.take(&one), Ok(GroupChange::Older));
    // What the authority did not sign proves nothing.
    let mut forged = other;
    forged.signature[0] ^= 1;
    assert_eq!(refused(&mut log, &forged), GroupError::Signature);
    let forged = RawEntry::changed(|raw| raw.signed_by = 9);
    let forged = SignedEntry::decode(&forged).unwrap();
    assert_eq!(refused(&mut log, &forged), GroupError::Signature);
}

#[test]
fn chk409_another_change_of_the_authority_is_a_fork_however_old() {
    let book = Book::new();
    let mut log = book.log.clone();
    go_on(&mut log, 1, &[GroupOp::remove("bob")], Some(2));
    let other = sign(&book.log, 1, "bob", &[GroupOp::remove("alice")], Some(3));
    for n in 0..MAX_RECENT_STATES + 2 {
        let policy = GroupPolicy {
            admins_write: n % 2 == 0,
        };
        go_on(&mut log, 2, &[GroupOp::Policy(policy)], None);
        assert_eq!(refused(&mut log, &other), GroupError::Fork);
    }
    // What is neither a change of the authority nor recent is not compared.
    let mut forgotten = Book::new().second.encode();
    forgotten[80] ^= 1;
    let forgotten = SignedEntry::decode(&forgotten).unwrap();
    assert_eq!(log.take(&forgotten), Ok(GroupChange::Older));
    let old = RawEntry::first().signed();
    assert_eq!(log.take(&old), Ok(GroupChange::Older));
}

#[test]
fn a_state_is_taken_with_its_proof() {
    let book = Book::new();
    let mut log = book.log.clone();
    go_on(&mut log, 1, &[GroupOp::remove("bob")], Some(2));
    go_on(&mut log, 2, &[add("dave", Role::Member)], None);
    let mut behind = book.log.clone();
    let change = take_state(&mut behind, &log).unwrap();
    let GroupChange::Newer {
        added,
        removed,
        authority,
        ..
    } = change
    else {
        panic!("the state is newer");
    };
    assert_eq!((added, removed), (vec!["dave".into()], vec!["bob".into()]));
    assert!(authority);
    assert_eq!(behind.state(), log.state());
    assert_eq!(take_state(&mut behind, &log), Ok(GroupChange::Same));
    assert_eq!(take_state(&mut behind, &book.log), Ok(GroupChange::Older));
    // And the log goes on from there.
    go_on(&mut behind, 2, &[GroupOp::remove("dave")], None);
    let joined = GroupLog::join(
        &log.state().encode(),
        log.entry().clone(),
        log.authority_chain().clone(),
    );
    assert_eq!(joined.unwrap().state(), log.state());
    let other = seed(9).create_group("alice", &[add("alice", Role::Admin)], 0);
    let other = other.unwrap();
    let other = GroupLog::first(&other, other.group()).unwrap();
    let foreign = take_state(&mut behind, &other);
    assert_eq!(foreign, Err(GroupError::OtherGroup));
}

#[test]
fn chk409_a_proven_state_of_another_past_is_a_fork() {
    let book = Book::new();
    let branch = |ops: &[GroupOp], next: Option<u8>| {
        let mut log = book.log.clone();
        go_on(&mut log, 1, ops, next);
        log
    };
    let log = branch(&[GroupOp::remove("bob")], Some(2));
    let mut fork = branch(&[add("mallory", Role::Admin)], None);
    for _ in 0..3 {
        // Of the same version, the next one, and a later one.
        let mut here = log.clone();
        let before = here.encode();
        assert_eq!(take_state(&mut here, &fork), Err(GroupError::Fork));
        assert_eq!(here.encode(), before);
        // And from the other side.
        if fork.state().version() <= 4 {
            let mut there = fork.clone();
            assert_eq!(take_state(&mut there, &log), Err(GroupError::Fork));
        }
        let name = format!("m{}", fork.state().version());
        go_on(&mut fork, 1, &[add(&name, Role::Member)], None);
    }
    // Another authority of the same version, which both sides find.
    let mut one = branch(&[GroupOp::remove("bob")], Some(2));
    let mut other = branch(&[GroupOp::remove("bob")], Some(3));
    go_on(&mut one, 2, &[GroupOp::remove("carol")], None);
    go_on(&mut other, 3, &[GroupOp::remove("carol")], None);
    assert_eq!(take_state(&mut one.clone(), &other), Err(GroupError::Fork));
    assert_eq!(take_state(&mut other, &one), Err(GroupError::Fork));
}

#[test]
fn versions_and_hashes_are_compared() {
    let book = Book::new();
    let mut log = book.log.clone();
    let mut hashes = vec![[0; 32], book.first.state_hash(), book.state().hash()];
    for n in 0..MAX_RECENT_STATES {
        let policy = GroupPolicy {
            admins_write: n % 2 == 0,
        };
        go_on(&mut log, 1, &[GroupOp::Policy(policy)], None);
        hashes.push(log.state().hash());
    }
    // Versions 1 to 66: the newest, 64 before it, and one that is forgotten.
    let compare = |version: u64| {
        let hash = hashes[usize::try_from(version).unwrap()];
        log.compare(version, &hash)
    };
    assert_eq!(compare(66), Compared::Newest);
    for version in 2..66 {
        assert_eq!(compare(version), Compared::Older);
        assert_eq!(log.compare(version, &[1; 32]), Compared::Differs);
    }
    assert_eq!(compare(1), Compared::Forgotten);
    assert_eq!(compare(0), Compared::Forgotten);
    assert_eq!(log.compare(66, &hashes[65]), Compared::Differs);
    assert_eq!(log.compare(67, &[1; 32]), Compared::Newer);
    assert_eq!(log.compare(u64::MAX, &[1; 32]), Compared::Newer);
    assert_eq!(GroupLog::decode(&log.encode()).unwrap(), log);
}
