//! Tests of the form of states.

use super::{GroupPolicy, GroupState, Role};
use crate::group::GroupError;
use crate::limits::{MAX_GROUP_STATE_LEN, MAX_MEMBERS};
use crate::tests::raw_group::{Book, RawMember, RawState, go_on, key_of};

fn refused(change: impl FnOnce(&mut RawState)) -> GroupError {
    GroupState::decode(&RawState::changed(change)).unwrap_err()
}

#[test]
fn a_state_reads_back_as_written_and_by_the_tests_own_writer() {
    let book = Book::new();
    let bytes = book.state().encode();
    assert_eq!(bytes, RawState::of_book().encode());
    assert_eq!(book.state().hash(), RawState::of_book().hash());
    let read = GroupState::decode(&bytes).unwrap();
    assert_eq!(&read, book.state());
    assert_eq!(read.encode(), bytes);
}

#[test]
fn a_state_says_who_may_do_what() {
    let mut book = Book::new();
    let state = book.state();
    assert!(state.is_admin("alice") && state.is_admin("bob") && !state.is_admin("carol"));
    assert!(state.is_member("carol") && !state.is_member("dave") && !state.is_member(""));
    assert!(state.may_write("carol") && !state.may_write("dave"));
    assert_eq!(
        state.member("carol").unwrap().account_key(),
        &key_of("carol")
    );
    assert_eq!(state.member("carol").unwrap().role(), Role::Member);
    assert_eq!(state.member("carol").unwrap().since(), 2);
    let policy = GroupPolicy { admins_write: true };
    go_on(
        &mut book.log,
        1,
        &[crate::group::GroupOp::Policy(policy)],
        None,
    );
    let state = book.state();
    assert_eq!(state.policy(), policy);
    assert!(state.may_write("bob") && !state.may_write("carol") && !state.may_write("dave"));
}

#[test]
fn debug_shows_no_names() {
    let book = Book::new();
    let text = format!(
        "{:?} {:?} {:?}",
        book.state(),
        book.state().members(),
        book.log
    );
    let text = format!("{text} {:?}", book.second);
    for name in ["alice", "bob", "carol"] {
        assert!(!text.contains(name), "{text}");
    }
}

#[test]
fn chk390_a_state_longer_than_the_limit_is_refused() {
    let bytes = RawState::crowd(MAX_MEMBERS).encode();
    assert_eq!(bytes.len(), MAX_GROUP_STATE_LEN);
    let state = GroupState::decode(&bytes).unwrap();
    assert_eq!(state.encode(), bytes);
    assert!(state.is_admin(&format!("{:0128}", 1_023)));
    let long = [&*bytes, &[0]].concat();
    assert_eq!(GroupState::decode(&long), Err(GroupError::TooLong));
}

#[test]
fn chk391_a_state_of_an_unknown_version_is_refused() {
    let unknown = |version| GroupError::UnknownVersion { version };
    assert_eq!(refused(|raw| raw.version_byte = 2), unknown(2));
    assert_eq!(refused(|raw| raw.version_byte = 0), unknown(0));
}

#[test]
fn chk392_a_state_that_is_cut_goes_on_or_has_unknown_values_is_refused() {
    let bytes = RawState::of_book().encode();
    for len in 0..bytes.len() {
        GroupState::decode(&bytes[..len]).unwrap_err();
    }
    assert_eq!(refused(|raw| raw.tail.push(0)), GroupError::Malformed);
    assert_eq!(refused(|raw| raw.version = 0), GroupError::Malformed);
    for policy in [2, 3, 0x80] {
        assert_eq!(refused(|raw| raw.policy = policy), GroupError::Malformed);
    }
    for role in [0, 3, 255] {
        let unknown = refused(|raw| raw.members[1].role = role);
        assert_eq!(unknown, GroupError::Malformed);
    }
    let name = refused(|raw| raw.members[1].account = b"b\nb".into());
    assert_eq!(name, GroupError::AccountName);
}

#[test]
fn chk393_no_too_many_or_unordered_members_are_refused() {
    assert_eq!(refused(|raw| raw.members.clear()), GroupError::Members);
    assert_eq!(refused(|raw| raw.members.swap(0, 1)), GroupError::Members);
    let twice = |raw: &mut RawState| raw.members.insert(2, RawMember::new("bob", 1, 1));
    assert_eq!(refused(twice), GroupError::Members);
    let mut crowd = RawState::crowd(MAX_MEMBERS + 1);
    for member in &mut crowd.members {
        member.account.truncate(100);
    }
    let crowd = GroupState::decode(&crowd.encode());
    assert_eq!(crowd, Err(GroupError::Members));
}

#[test]
fn chk393_a_member_since_no_version_or_a_later_one_is_refused() {
    assert_eq!(refused(|raw| raw.members[1].since = 0), GroupError::Members);
    assert_eq!(refused(|raw| raw.members[1].since = 3), GroupError::Members);
    let now = RawState::changed(|raw| raw.members[0].since = 2);
    GroupState::decode(&now).unwrap();
}

#[test]
fn chk394_a_state_without_an_admin_is_refused() {
    let none = |raw: &mut RawState| raw.members.iter_mut().for_each(|member| member.role = 1);
    assert_eq!(refused(none), GroupError::NoAdmin);
}
