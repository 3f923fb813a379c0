//! Tests of what admins sign.

use crate::group::{AuthoritySeed, GroupError, GroupOp, Role};
use crate::tests::raw_group::{Book, RawEntry, add, seed};
use crate::tests::support::NOW;

#[test]
fn an_entry_is_signed_as_the_tests_own_writer_does() {
    let book = Book::new();
    let ops = [add("dave", Role::Member)];
    let entry = seed(1).sign_entry(book.state(), "alice", &ops, None, NOW + 2);
    assert_eq!(entry.unwrap().encode(), RawEntry::of_book().encode());
}

#[test]
fn chk406_a_seed_that_is_not_the_authoritys_is_refused() {
    let mut book = Book::new();
    let of_state = |byte: u8, book: &Book| AuthoritySeed::of_state(&[byte; 32], book.state());
    assert_eq!(of_state(1, &book).unwrap().public(), seed(1).public());
    assert_eq!(of_state(2, &book).unwrap_err(), GroupError::OtherSeed);
    let ops = [GroupOp::remove("bob")];
    let other = seed(2).sign_entry(book.state(), "alice", &ops, Some(&seed(3).public()), 0);
    assert_eq!(other.unwrap_err(), GroupError::OtherSeed);
    // The seed of before is refused once the authority changed.
    crate::tests::raw_group::go_on(&mut book.log, 1, &ops, Some(2));
    assert_eq!(of_state(1, &book).unwrap_err(), GroupError::OtherSeed);
    of_state(2, &book).unwrap();
}

#[test]
fn an_entry_that_breaks_a_rule_is_not_signed() {
    let book = Book::new();
    let sign = |actor: &str, ops: &[GroupOp]| {
        let entry = seed(1).sign_entry(book.state(), actor, ops, None, 0);
        entry.unwrap_err()
    };
    let dave = [add("dave", Role::Member)];
    assert_eq!(sign("carol", &dave), GroupError::Actor);
    assert_eq!(sign("", &dave), GroupError::AccountName);
    assert_eq!(sign("alice", &[]), GroupError::Ops);
    let remove = [GroupOp::remove("bob")];
    assert_eq!(sign("alice", &remove), GroupError::SameAuthority);
    let create = seed(7).create_group("alice", &dave, 0);
    assert_eq!(create.unwrap_err(), GroupError::Actor);
}
