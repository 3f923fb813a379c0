//! Tests that operations fit the state, each on its own and in order.

use crate::group::{GroupError, GroupOp, GroupPolicy, GroupState, Role};
use crate::tests::raw_group::{Book, add, key_of, seed};

/// What signing and applying these operations gives, with a new authority.
fn run(ops: &[GroupOp]) -> Result<GroupState, GroupError> {
    let book = Book::new();
    let next = seed(2).public();
    let entry = seed(1).sign_entry(book.state(), "alice", ops, Some(&next), 0)?;
    Ok(book.state().apply(&entry).unwrap())
}

fn does_not_fit(ops: &[GroupOp], number: usize) {
    assert_eq!(
        run(ops),
        Err(GroupError::OpDoesNotFit { number }),
        "{ops:?}"
    );
}

#[test]
fn chk400_an_operation_that_changes_nothing_is_refused() {
    does_not_fit(&[add("bob", Role::Admin)], 0);
    does_not_fit(&[add("carol", Role::Admin)], 0);
    does_not_fit(&[GroupOp::add("bob", Role::Admin, key_of("eve"))], 0);
    does_not_fit(&[GroupOp::remove("dave")], 0);
    does_not_fit(&[GroupOp::role("dave", Role::Admin)], 0);
    does_not_fit(&[GroupOp::role("bob", Role::Admin)], 0);
    does_not_fit(&[GroupOp::role("carol", Role::Member)], 0);
    does_not_fit(&[GroupOp::Policy(GroupPolicy::default())], 0);
}

#[test]
fn chk400_an_account_is_named_once() {
    let (dave, carol) = (add("dave", Role::Member), GroupOp::remove("carol"));
    does_not_fit(&[dave.clone(), dave.clone()], 1);
    does_not_fit(&[carol.clone(), carol.clone()], 1);
    does_not_fit(&[dave.clone(), GroupOp::remove("dave")], 1);
    does_not_fit(&[dave.clone(), GroupOp::role("dave", Role::Admin)], 1);
    let admin = GroupOp::role("carol", Role::Admin);
    does_not_fit(&[admin.clone(), GroupOp::role("carol", Role::Member)], 1);
    does_not_fit(&[admin, carol.clone()], 1);
    let policy = GroupOp::Policy(GroupPolicy { admins_write: true });
    let back = GroupOp::Policy(GroupPolicy::default());
    does_not_fit(&[policy.clone(), back], 1);
    run(&[policy, carol, dave]).unwrap();
}

#[test]
fn chk400_a_removed_member_comes_back_only_under_another_key() {
    let carol = GroupOp::remove("carol");
    does_not_fit(&[carol.clone(), add("carol", Role::Member)], 1);
    does_not_fit(&[carol.clone(), add("carol", Role::Admin)], 1);
    let other = GroupOp::add("carol", Role::Member, key_of("eve"));
    let state = run(&[carol.clone(), other.clone()]).unwrap();
    let member = state.member("carol").unwrap();
    assert_eq!((member.account_key(), member.since()), (&key_of("eve"), 3));
    // And once.
    does_not_fit(&[carol.clone(), other.clone(), carol.clone()], 2);
    does_not_fit(&[carol, other.clone(), other], 2);
}

#[test]
fn chk400_an_unusable_name_fits_nothing() {
    for name in ["", "a\0b", &"n".repeat(129)] {
        does_not_fit(&[GroupOp::add(name, Role::Member, key_of("dave"))], 0);
        does_not_fit(&[GroupOp::remove(name)], 0);
    }
}

#[test]
fn members_stay_in_order() {
    let state = run(&[
        add("zoe", Role::Member),
        add("aaron", Role::Member),
        GroupOp::remove("bob"),
        add("bobby", Role::Admin),
    ]);
    let state = state.unwrap();
    let names: Vec<_> = state
        .members()
        .iter()
        .map(|member| member.account())
        .collect();
    assert_eq!(names, ["aaron", "alice", "bobby", "carol", "zoe"]);
}
