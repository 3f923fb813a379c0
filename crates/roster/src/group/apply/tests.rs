//! Tests of the rules that entries follow.

use crate::group::{GroupError, GroupId, GroupPolicy, GroupState, Role, SignedEntry};
use crate::labels;
use crate::limits::MAX_MEMBERS;
use crate::tests::raw_group::{
    Book, RawEntry, RawMember, RawState, applied, id, raw_add, raw_op, seed,
};

/// What reading and verifying the first entry after a change gives.
fn founded(change: impl FnOnce(&mut RawEntry)) -> Result<GroupState, GroupError> {
    let mut raw = RawEntry::first();
    change(&mut raw);
    SignedEntry::decode(&raw.encode())?.found(&id())
}

#[test]
fn an_entry_makes_the_next_state() {
    let state = applied(|_| {}).unwrap();
    assert_eq!(state.version(), 3);
    assert_eq!(state.member("dave").unwrap().since(), 3);
    let first = founded(|_| {}).unwrap();
    assert_eq!((first.version(), first.members().len()), (1, 1));
    assert_eq!(first.policy(), GroupPolicy::default());
}

#[test]
fn the_first_entry_may_add_others_and_set_the_policy() {
    let state = founded(|raw| {
        raw.ops.extend([raw_add("carol", 1), vec![4, 1]]);
        raw.after.members.push(RawMember::new("carol", 1, 1));
        raw.after.policy = 1;
    });
    let state = state.unwrap();
    assert!(state.policy().admins_write);
    assert_eq!(state.member("carol").unwrap().role(), Role::Member);
}

#[test]
fn chk395_a_group_of_another_authority_is_refused() {
    // Another authority founds a group under this id.
    let other = founded(|raw| {
        raw.hand_over(2);
        raw.signed_by = 2;
    });
    assert_eq!(other, Err(GroupError::OtherAuthority));
}

#[test]
fn chk396_an_entry_of_another_group_is_refused() {
    let other = GroupId::of_authority(&seed(2).public());
    let entry = applied(|raw| raw.group = other.to_bytes());
    assert_eq!(entry, Err(GroupError::OtherGroup));
    let first = founded(|raw| raw.group = other.to_bytes());
    assert_eq!(first, Err(GroupError::OtherGroup));
}

#[test]
fn chk397_an_entry_that_the_authority_did_not_sign_is_refused() {
    let refused = Err(GroupError::Signature);
    assert_eq!(applied(|raw| raw.signed_by = 2), refused);
    assert_eq!(applied(|raw| raw.label = labels::GROUP_STATE), refused);
    // The next authority does not sign its own entry.
    let next = applied(|raw| {
        raw.hand_over(2);
        raw.signed_by = 2;
    });
    assert_eq!(next, refused);
    assert_eq!(founded(|raw| raw.signed_by = 2), refused);
}

#[test]
fn chk398_an_entry_that_is_not_the_next_one_is_refused() {
    for version in [1, 2, 4, u64::MAX] {
        let other = |raw: &mut RawEntry| raw.version = version;
        let book = Book::new();
        let entry = SignedEntry::decode(&RawEntry::changed(other)).unwrap();
        assert_eq!(book.state().apply(&entry), Err(GroupError::NotNext));
    }
    let other = applied(|raw| raw.previous[31] ^= 1);
    assert_eq!(other, Err(GroupError::OtherPrevious));
    assert_eq!(founded(|raw| raw.version = 2), Err(GroupError::NotNext));
    let other = founded(|raw| raw.previous[0] = 1);
    assert_eq!(other, Err(GroupError::OtherPrevious));
}

#[test]
fn chk398_no_entry_follows_the_last_version() {
    let last = RawState::changed(|raw| raw.version = u64::MAX);
    let last = GroupState::decode(&last).unwrap();
    let entry = seed(1).sign_entry(&last, "alice", &[], None, 0);
    assert_eq!(entry.unwrap_err(), GroupError::Ops);
    let ops = [crate::group::GroupOp::remove("carol")];
    let entry = seed(1).sign_entry(&last, "alice", &ops, None, 0);
    assert_eq!(entry.unwrap_err(), GroupError::NotNext);
    assert_eq!(
        last.apply(&RawEntry::of_book().signed()),
        Err(GroupError::NotNext)
    );
}

#[test]
fn chk401_an_actor_who_is_no_admin_is_refused() {
    for actor in ["carol", "dave", "mallory"] {
        let entry = applied(|raw| raw.actor = actor.into());
        assert_eq!(entry, Err(GroupError::Actor));
    }
    applied(|raw| raw.actor = "bob".into()).unwrap();
    // The first operation of a group adds its actor as admin.
    let refused = Err(GroupError::Actor);
    assert_eq!(founded(|raw| raw.actor = "bob".into()), refused);
    assert_eq!(founded(|raw| raw.ops = vec![raw_add("alice", 1)]), refused);
    assert_eq!(founded(|raw| raw.ops = vec![vec![4, 1]]), refused);
    let later = |raw: &mut RawEntry| raw.ops = vec![raw_add("bob", 2), raw_add("alice", 2)];
    assert_eq!(founded(later), refused);
}

#[test]
fn chk402_without_an_admin_of_before_the_authority_changes() {
    let refused = Err(GroupError::SameAuthority);
    assert_eq!(applied(|raw| raw.remove("bob")), refused);
    // One's own role, and one's own membership, are no exceptions.
    assert_eq!(applied(|raw| raw.remove("alice")), refused);
    let demote = |raw: &mut RawEntry| {
        raw.ops = vec![raw_op(3, "bob", &[1])];
        raw.after = RawState::of_book();
        raw.after.members[1].role = 1;
    };
    assert_eq!(applied(demote), refused);
    // An admin under another account key may be someone else.
    let rekey = |raw: &mut RawEntry| {
        let key = seed(9).public().to_bytes();
        let again = [&[2][..], &key].concat();
        raw.remove("bob");
        raw.ops.push(raw_op(1, "bob", &again));
        let mut bob = RawMember::new("bob", 2, 3);
        bob.key = key;
        raw.after.members.insert(1, bob);
    };
    assert_eq!(applied(rekey), refused);
    for change in [demote, rekey, |raw: &mut RawEntry| raw.remove("bob")] {
        let state = applied(|raw| {
            change(raw);
            raw.hand_over(2);
        });
        assert_eq!(state.unwrap().authority(), &seed(2).public());
    }
    // A member can go without, and the authority may change with any entry.
    applied(|raw| raw.remove("carol")).unwrap();
    applied(|raw| raw.hand_over(2)).unwrap();
}

#[test]
fn chk394_an_entry_leaves_an_admin() {
    let last = applied(|raw| {
        raw.ops = vec![raw_op(3, "bob", &[1]), raw_op(2, "alice", &[])];
        raw.hand_over(2);
    });
    assert_eq!(last, Err(GroupError::NoAdmin));
}

#[test]
fn chk393_an_entry_leaves_at_most_1024_members() {
    let mut raw = RawState::crowd(MAX_MEMBERS - 1);
    raw.members.push(RawMember::new("alice", 2, 1));
    let full = GroupState::decode(&raw.encode()).unwrap();
    let add = crate::tests::raw_group::add("dave", Role::Member);
    let sign = |ops: &[_]| seed(1).sign_entry(&full, "alice", ops, None, 0);
    assert_eq!(
        sign(core::slice::from_ref(&add)).unwrap_err(),
        GroupError::Members
    );
    // One goes and one comes: with an admin, the authority would have to change.
    let gone = crate::group::GroupOp::remove(&format!("{:0128}", 7));
    let swapped = sign(&[add, gone]).unwrap_err();
    assert_eq!(swapped, GroupError::SameAuthority);
}

#[test]
fn chk403_an_entry_that_makes_another_state_than_it_says_is_refused() {
    let refused = Err(GroupError::StateHash);
    assert_eq!(applied(|raw| raw.spoil = 1), refused);
    assert_eq!(applied(|raw| raw.after.members[3].since = 2), refused);
    assert_eq!(applied(|raw| raw.after.members[2].role = 2), refused);
    assert_eq!(applied(|raw| raw.after.policy = 1), refused);
    assert_eq!(founded(|raw| raw.spoil = 0x80), refused);
}

#[test]
fn keys_that_are_unusable_are_refused() {
    let refused = Err(GroupError::InvalidKey);
    assert_eq!(applied(|raw| raw.authority = [0; 32]), refused);
    let op = raw_op(1, "dave", &[&[1][..], &[0; 32]].concat());
    assert_eq!(applied(|raw| raw.ops = vec![op]), refused);
}
