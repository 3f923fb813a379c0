//! Tests of the proof of a group's authority.

use super::AuthorityChain;
use crate::group::{GroupError, GroupOp, GroupPolicy, GroupState, Role, SignedEntry};
use crate::limits::{MAX_AUTHORITY_CHAIN_LEN, MAX_AUTHORITY_CHANGES, MAX_OPS};
use crate::tests::raw_group::{Book, RawEntry, add, go_on, id, raw_add, read_chain, seed};

/// The group after Bob was removed, and then Carol: authorities 01 and 02.
fn without_bob() -> Book {
    let mut book = Book::new();
    go_on(&mut book.log, 1, &[GroupOp::remove("bob")], Some(2));
    go_on(&mut book.log, 2, &[GroupOp::remove("carol")], None);
    book
}

/// A chain as it is written.
fn raw_chain(first: u8, entries: &[Vec<u8>]) -> Vec<u8> {
    let mut out = vec![1];
    out.extend(seed(first).public().to_bytes());
    out.extend(u16::try_from(entries.len()).unwrap().to_be_bytes());
    for entry in entries {
        out.extend(u16::try_from(entry.len()).unwrap().to_be_bytes());
        out.extend(entry);
    }
    out
}

/// An entry that changes the authority.
fn change(version: u64, by: u8, to: u8) -> Vec<u8> {
    RawEntry::changed(|raw| {
        raw.version = version;
        raw.signed_by = by;
        raw.hand_over(to);
    })
}

#[test]
fn a_chain_leads_from_the_groups_id_to_the_newest_authority() {
    let book = without_bob();
    let chain = book.log.authority_chain();
    let bytes = chain.encode();
    let read = read_chain(&bytes).unwrap();
    assert_eq!(&read, chain);
    assert_eq!((read.group(), read.version()), (&id(), 3));
    assert_eq!(read.authority(), &seed(2).public());
    let new = Book::new().log.authority_chain().encode();
    assert_eq!(new.len(), 35);
    let new = read_chain(&new).unwrap();
    assert_eq!((new.version(), new.authority()), (1, &seed(1).public()));
    let longer = raw_chain(1, &[change(3, 1, 2), change(4, 2, 3), change(9, 3, 4)]);
    let longer = read_chain(&longer).unwrap();
    assert_eq!(
        (longer.version(), longer.authority()),
        (9, &seed(4).public())
    );
    for (version, by) in [(1, 1), (2, 1), (3, 1), (4, 2), (5, 3), (9, 3), (10, 4)] {
        assert_eq!(longer.before(version), &seed(by).public());
    }
}

#[test]
fn chk390_a_chain_longer_than_the_limit_is_refused() {
    let long = vec![1; MAX_AUTHORITY_CHAIN_LEN + 1];
    assert_eq!(read_chain(&long), Err(GroupError::TooLong));
}

#[test]
fn chk391_a_chain_of_an_unknown_version_is_refused() {
    let mut bytes = raw_chain(1, &[]);
    bytes[0] = 2;
    let unknown = GroupError::UnknownVersion { version: 2 };
    assert_eq!(read_chain(&bytes), Err(unknown));
}

#[test]
fn chk392_a_chain_that_is_cut_or_goes_on_is_refused() {
    let bytes = raw_chain(1, &[change(3, 1, 2)]);
    for len in 0..bytes.len() {
        read_chain(&bytes[..len]).unwrap_err();
    }
    let long = [&*bytes, &[0]].concat();
    assert_eq!(read_chain(&long), Err(GroupError::Malformed));
}

#[test]
fn chk395_a_chain_of_another_first_authority_is_refused() {
    let other = raw_chain(2, &[]);
    assert_eq!(read_chain(&other), Err(GroupError::OtherAuthority));
    let mut unusable = raw_chain(1, &[]);
    unusable[1..33].fill(0);
    assert_eq!(read_chain(&unusable), Err(GroupError::InvalidKey));
}

#[test]
fn chk396_a_chain_with_an_entry_of_another_group_is_refused() {
    let other = RawEntry::changed(|raw| {
        raw.group = [7; 32];
        raw.hand_over(2);
    });
    assert_eq!(
        read_chain(&raw_chain(1, &[other])),
        Err(GroupError::OtherGroup)
    );
}

#[test]
fn chk397_a_change_that_the_authority_before_did_not_sign_is_refused() {
    for entries in [
        vec![change(3, 2, 2)],
        vec![change(3, 1, 2), change(4, 1, 3)],
        vec![change(3, 1, 2), change(4, 3, 3)],
    ] {
        let chain = read_chain(&raw_chain(1, &entries));
        assert_eq!(chain, Err(GroupError::Signature));
    }
}

#[test]
fn chk404_changes_out_of_order_or_back_to_an_earlier_authority_are_refused() {
    for entries in [
        vec![change(3, 1, 2), change(3, 2, 3)],
        vec![change(4, 1, 2), change(3, 2, 3)],
        vec![change(1, 1, 2)],
        vec![change(3, 1, 1)],
        vec![change(3, 1, 2), change(4, 2, 2)],
        vec![change(3, 1, 2), change(4, 2, 1)],
        vec![change(3, 1, 2), change(4, 2, 3), change(5, 3, 2)],
    ] {
        assert_eq!(read_chain(&raw_chain(1, &entries)), Err(GroupError::Chain));
    }
    // A log takes no such entry.
    let mut book = without_bob();
    let before = book.log.encode();
    let back = [add("dave", Role::Member)];
    let old = seed(1).public();
    let back = seed(2).sign_entry(book.state(), "alice", &back, Some(&old), 0);
    assert_eq!(book.log.take(&back.unwrap()), Err(GroupError::Chain));
    assert_eq!(book.log.encode(), before);
}

/// Seed number n, after the first.
fn later(n: usize) -> crate::group::AuthoritySeed {
    let mut bytes = [0xcc; 32];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    crate::group::AuthoritySeed::from_bytes(&bytes)
}

#[test]
fn chk404_more_changes_than_the_limit_are_refused() {
    let first = seed(1).create_group("alice", &[add("alice", Role::Admin)], 0);
    let mut log = crate::group::GroupLog::first(&first.unwrap(), &id()).unwrap();
    let mut by = seed(1);
    for n in 0..=MAX_AUTHORITY_CHANGES {
        let policy = GroupPolicy {
            admins_write: n % 2 == 0,
        };
        let next = later(n);
        let ops = [GroupOp::Policy(policy)];
        let entry = by.sign_entry(log.state(), "alice", &ops, Some(&next.public()), 0);
        let taken = log.take(&entry.unwrap());
        match n < MAX_AUTHORITY_CHANGES {
            true => drop(taken.unwrap()),
            false => assert_eq!(taken, Err(GroupError::Chain)),
        }
        by = next;
    }
    let chain = log.authority_chain().encode();
    read_chain(&chain).unwrap();
    let mut more = chain;
    more[33..35].copy_from_slice(&1_025_u16.to_be_bytes());
    assert_eq!(read_chain(&more), Err(GroupError::Chain));
}

#[test]
fn chk404_changes_that_are_too_long_together_are_refused() {
    let mut chain = AuthorityChain::new(seed(1).public());
    let mut by = 1;
    let ops: Vec<_> = (0..MAX_OPS)
        .map(|n| raw_add(&format!("{n:0128}"), 1))
        .collect();
    // Entries of 10,771 bytes, each with its length: 97 of them fit.
    for n in 0..98_u8 {
        let entry = RawEntry::changed(|raw| {
            raw.version = 2 + u64::from(n);
            raw.actor = vec![b'a'; 128];
            raw.ops = ops.clone();
            raw.signed_by = by;
            raw.hand_over(2 + n);
        });
        let entry = SignedEntry::decode(&entry).unwrap();
        let before = chain.encode();
        match n < 97 {
            true => chain.follow(&entry).unwrap(),
            false => {
                assert_eq!(chain.follow(&entry), Err(GroupError::Chain));
                assert_eq!(chain.encode(), before);
            }
        }
        by = 2 + n;
    }
    let bytes = chain.encode();
    assert!(bytes.len() <= MAX_AUTHORITY_CHAIN_LEN);
    assert_eq!(bytes.len(), super::FIXED_LEN + chain.len);
    read_chain(&bytes).unwrap();
}

#[test]
fn a_chain_proves_the_state_of_each_version() {
    let mut book = Book::new();
    let prove = |book: &Book| {
        let chain = book.log.authority_chain();
        let proven = chain.prove(&book.state().encode(), book.log.entry());
        assert_eq!(&proven.unwrap(), book.state());
    };
    prove(&book);
    go_on(&mut book.log, 1, &[GroupOp::remove("bob")], Some(2));
    prove(&book);
    go_on(&mut book.log, 2, &[GroupOp::remove("carol")], None);
    prove(&book);
    let chain = AuthorityChain::new(seed(1).public());
    let first = book.first.found(&id()).unwrap();
    assert_eq!(chain.prove(&first.encode(), &book.first), Ok(first));
}

#[test]
fn chk405_a_state_that_does_not_belong_to_entry_and_chain_is_refused() {
    let refused = Err(GroupError::OtherState);
    let (early, book) = (Book::new(), without_bob());
    let (chain, entry) = (book.log.authority_chain(), book.log.entry());
    let state = book.state().encode();
    // A state before, or a state with a ghost, under the newest entry.
    assert_eq!(chain.prove(&early.state().encode(), entry), refused);
    let mut ghost = book.state().clone();
    ghost.members[0].role = Role::Admin;
    ghost.members[0].account_key = crate::tests::raw_group::key_of("eve");
    assert_eq!(chain.prove(&ghost.encode(), entry), refused);
    // The state and entry of before the authority changed, under today's chain.
    let old = chain.prove(&early.state().encode(), early.log.entry());
    assert_eq!(old, refused);
    // Today's state, under a chain that lacks the change.
    let short = early.log.authority_chain();
    assert_eq!(short.prove(&state, entry), refused);
    // An entry that says another version.
    let other = RawEntry::changed(|raw| {
        raw.version = 9;
        raw.signed_by = 2;
        raw.hand_over(2);
    });
    let other = SignedEntry::decode(&other).unwrap();
    assert_eq!(chain.prove(&state, &other), refused);
    // Another entry of the version that changed the authority.
    let mut book = Book::new();
    go_on(&mut book.log, 1, &[GroupOp::remove("bob")], Some(2));
    let mut twin = book.log.entry().clone();
    twin.body.at_ms += 1;
    twin.body.encode();
    let twin = book
        .log
        .authority_chain()
        .prove(&book.state().encode(), &twin);
    assert_eq!(twin, refused);
}

#[test]
fn a_proven_state_is_signed_and_has_usable_keys() {
    let book = without_bob();
    let chain = book.log.authority_chain();
    let mut unsigned = book.log.entry().clone();
    unsigned.signature[0] ^= 1;
    let unsigned = chain.prove(&book.state().encode(), &unsigned);
    assert_eq!(unsigned, Err(GroupError::Signature));
    let mut raw = RawEntry::of_book();
    raw.after.members[3].key = [0; 32];
    let mut state = raw.after.clone();
    state.version = 3;
    let proven = Book::new()
        .log
        .authority_chain()
        .prove(&state.encode(), &raw.signed());
    assert_eq!(proven, Err(GroupError::InvalidKey));
    let other = GroupState::decode(&crate::tests::raw_group::RawState::changed(|raw| {
        raw.group = [7; 32];
    }));
    let other = chain.prove(&other.unwrap().encode(), book.log.entry());
    assert_eq!(other, Err(GroupError::OtherGroup));
}
