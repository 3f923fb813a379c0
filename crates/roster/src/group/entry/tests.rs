//! Tests of the form of entries.

use super::SignedEntry;
use crate::group::GroupError;
use crate::limits::{MAX_ENTRY_LEN, MAX_OPS};
use crate::tests::raw_group::{Book, RawEntry, id, key_of, raw_add, raw_op, seed};
use crate::tests::support::NOW;

fn refused(change: impl FnOnce(&mut RawEntry)) -> GroupError {
    SignedEntry::decode(&RawEntry::changed(change)).unwrap_err()
}

#[test]
fn an_entry_reads_back_as_written_and_by_the_tests_own_writer() {
    let book = Book::new();
    assert_eq!(RawEntry::first().encode(), book.first.encode());
    let raw = RawEntry::of_book();
    let entry = raw.signed();
    assert_eq!(entry.encode(), raw.encode());
    assert_eq!((entry.group(), entry.version()), (&id(), 3));
    assert_eq!(entry.previous(), book.state().hash());
    assert_eq!((entry.at_ms(), entry.actor()), (NOW + 2, "alice"));
    assert_eq!(entry.authority(), &seed(1).public());
    assert_eq!(entry.state_hash(), raw.signed().body.state_hash);
    let dave = crate::group::GroupOp::add("dave", crate::group::Role::Member, key_of("dave"));
    assert_eq!(entry.ops(), [dave]);
}

#[test]
fn an_entry_of_one_addition_has_270_bytes() {
    let mut raw = RawEntry::of_book();
    raw.actor = vec![b'a'; 12];
    raw.ops = vec![raw_add("bbbbbbbbbbbb", 1)];
    assert_eq!(raw.encode().len(), 270);
}

/// An entry with the most operations and the longest names.
fn longest() -> RawEntry {
    let mut raw = RawEntry::of_book();
    raw.actor = vec![b'a'; 128];
    let add = |n: usize| raw_add(&format!("{n:0128}"), 1);
    raw.ops = (0..MAX_OPS).map(add).collect();
    raw
}

#[test]
fn chk390_an_entry_longer_than_the_limit_is_refused() {
    let bytes = longest().encode();
    assert_eq!(bytes.len(), MAX_ENTRY_LEN);
    assert_eq!(SignedEntry::decode(&bytes).unwrap().encode(), bytes);
    let long = [&*bytes, &[0]].concat();
    assert_eq!(SignedEntry::decode(&long), Err(GroupError::TooLong));
}

#[test]
fn chk391_an_entry_of_an_unknown_version_is_refused() {
    let unknown = |version| GroupError::UnknownVersion { version };
    assert_eq!(refused(|raw| raw.version_byte = 2), unknown(2));
    assert_eq!(refused(|raw| raw.version_byte = 0), unknown(0));
}

#[test]
fn chk392_an_entry_that_is_cut_goes_on_or_has_unknown_values_is_refused() {
    let bytes = RawEntry::of_book().encode();
    for len in 0..bytes.len() {
        SignedEntry::decode(&bytes[..len]).unwrap_err();
    }
    let malformed = GroupError::Malformed;
    assert_eq!(refused(|raw| raw.tail.push(0)), malformed);
    assert_eq!(refused(|raw| raw.version = 0), malformed);
    for op in [
        raw_op(0, "dave", &[]),
        raw_op(5, "dave", &[]),
        raw_op(3, "dave", &[0]),
        raw_op(3, "dave", &[3]),
        raw_add("dave", 0),
        raw_add("dave", 3),
        vec![4, 2],
        vec![4, 0x80],
    ] {
        assert_eq!(refused(|raw| raw.ops = vec![op]), malformed);
    }
}

#[test]
fn names_that_no_account_can_have_are_refused() {
    for name in [b"".as_slice(), b"a\0", &[b'n'; 129]] {
        let actor = refused(|raw| raw.actor = name.into());
        assert_eq!(actor, GroupError::AccountName);
        let op = [&[2, u8::try_from(name.len()).unwrap()], name].concat();
        let op = refused(|raw| raw.ops = vec![op]);
        assert_eq!(op, GroupError::AccountName);
    }
}

#[test]
fn chk399_no_or_too_many_operations_are_refused() {
    assert_eq!(refused(|raw| raw.ops.clear()), GroupError::Ops);
    let many = |raw: &mut RawEntry| raw.ops = vec![vec![4, 0]; MAX_OPS + 1];
    assert_eq!(refused(many), GroupError::Ops);
    let most = RawEntry::changed(|raw| raw.ops = vec![vec![4, 0]; MAX_OPS]);
    SignedEntry::decode(&most).unwrap();
}
