//! Property tests: members who see the entries of a group in any order, and changed ones.

use proptest::prelude::*;

use super::raw_group::{Book, id, key_of, seed};
use super::support::NOW;
use crate::group::{
    AuthorityChain, Compared, GroupChange, GroupError, GroupLog, GroupOp, GroupPolicy, GroupState,
    Role, SignedEntry,
};

const NAMES: [&str; 8] = [
    "alice", "bob", "carol", "dave", "eve", "frank", "grace", "heidi",
];

/// What an admin wants. What does not fit the group is left out.
#[derive(Clone, Debug)]
enum Wish {
    Add(usize, bool),
    Remove(usize),
    Rekey(usize),
    Role(usize),
    Policy,
}

/// An entry: its wishes, and whether the authority changes without need.
type Step = (Vec<Wish>, bool);

fn step() -> impl Strategy<Value = Step> {
    let who = 0..NAMES.len();
    let wish = prop_oneof![
        3 => (who.clone(), any::<bool>()).prop_map(|(who, admin)| Wish::Add(who, admin)),
        2 => who.clone().prop_map(Wish::Remove),
        1 => who.clone().prop_map(Wish::Rekey),
        1 => who.prop_map(Wish::Role),
        1 => Just(Wish::Policy),
    ];
    (prop::collection::vec(wish, 1..5), prop::bool::weighted(0.2))
}

fn op(state: &GroupState, wish: &Wish) -> Vec<GroupOp> {
    match *wish {
        Wish::Add(who, admin) => {
            let role = if admin { Role::Admin } else { Role::Member };
            vec![GroupOp::add(NAMES[who], role, key_of(NAMES[who]))]
        }
        Wish::Remove(who) => vec![GroupOp::remove(NAMES[who])],
        Wish::Rekey(who) => {
            let key = state.member(NAMES[who]).map(|member| *member.account_key());
            let other = ["x", "y"].map(key_of);
            let other = other.into_iter().find(|one| Some(*one) != key).unwrap();
            let again = GroupOp::add(NAMES[who], Role::Member, other);
            vec![GroupOp::remove(NAMES[who]), again]
        }
        Wish::Role(who) => {
            let role = match state.is_admin(NAMES[who]) {
                true => Role::Member,
                false => Role::Admin,
            };
            vec![GroupOp::role(NAMES[who], role)]
        }
        Wish::Policy => vec![GroupOp::Policy(GroupPolicy {
            admins_write: !state.policy().admins_write,
        })],
    }
}

/// Signs an entry of what fits, and takes it. Returns it if anything fits.
fn act(
    log: &mut GroupLog,
    by: &mut u8,
    next: u8,
    (wishes, hand_over): &Step,
) -> Option<SignedEntry> {
    let state = log.state().clone();
    let actor = state.members().iter();
    let actor = actor.filter(|member| member.role() == Role::Admin);
    let actor = actor.map(|member| member.account()).next_back().unwrap();
    let sign = |ops: &[GroupOp]| {
        let kept = seed(*by).sign_entry(&state, actor, ops, None, NOW);
        match kept {
            Ok(entry) if !hand_over => Ok((entry, *by)),
            Ok(_) | Err(GroupError::SameAuthority) => {
                let next_key = seed(next).public();
                let entry = seed(*by).sign_entry(&state, actor, ops, Some(&next_key), NOW);
                entry.map(|entry| (entry, next))
            }
            Err(error) => Err(error),
        }
    };
    let mut ops = Vec::new();
    for wish in wishes {
        let mut more = ops.clone();
        more.extend(op(&state, wish));
        if sign(&more).is_ok() {
            ops = more;
        }
    }
    let (entry, authority) = sign(&ops).ok()?;
    assert!(matches!(log.take(&entry), Ok(GroupChange::Newer { .. })));
    *by = authority;
    Some(entry)
}

/// All entries of a group, and all logs, oldest first.
fn history(start: GroupLog, mut by: u8, steps: &[Step], first_seed: u8) -> Vec<GroupLog> {
    let mut logs = vec![start];
    for (number, step) in (0..).zip(steps) {
        let mut log = logs.last().unwrap().clone();
        if act(&mut log, &mut by, first_seed + number, step).is_some() {
            logs.push(log);
        }
    }
    logs
}

fn proof(log: &GroupLog) -> (Vec<u8>, SignedEntry, AuthorityChain) {
    let chain = AuthorityChain::decode(&log.authority_chain().encode(), &id()).unwrap();
    (log.state().encode(), log.entry().clone(), chain)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whichever_entries_arrive_in_whatever_order_all_members_agree(
        steps in prop::collection::vec(step(), 1..10),
        order in prop::collection::vec(any::<prop::sample::Index>(), 1..30),
    ) {
        let logs = history(Book::new().log, 1, &steps, 10);
        let newest = logs.last().unwrap();
        let mut member = logs[0].clone();
        for index in order {
            let at = index.index(logs.len());
            let (version, entry) = (member.state().version(), logs[at].entry());
            let change = member.take(entry).unwrap();
            match change {
                GroupChange::Newer { .. } => prop_assert_eq!(entry.version(), version + 1),
                GroupChange::Gap => prop_assert!(entry.version() > version + 1),
                GroupChange::Same => prop_assert_eq!(entry.version(), version),
                GroupChange::Older => prop_assert!(entry.version() < version),
            }
            let expected = usize::try_from(member.state().version()).unwrap() - 2;
            prop_assert_eq!(member.state(), logs[expected].state());
        }
        // What is missing arrives at last, as entries or as a whole state.
        let mut other = member.clone();
        for log in &logs {
            member.take(log.entry()).unwrap();
        }
        let (state, entry, chain) = proof(newest);
        other.take_state(&state, entry, chain).unwrap();
        prop_assert_eq!(member.state(), newest.state());
        prop_assert_eq!(other.state(), newest.state());
        prop_assert_eq!(member.authority_chain(), other.authority_chain());
        prop_assert_eq!(&GroupLog::decode(&member.encode()).unwrap(), &member);
        // A newcomer proves each state by the group's id.
        for log in &logs {
            let (state, entry, chain) = proof(log);
            let joined = GroupLog::join(&state, entry, chain).unwrap();
            prop_assert_eq!(joined.state(), log.state());
        }
    }

    #[test]
    fn two_branches_never_agree_and_always_find_the_fork(
        shared in prop::collection::vec(step(), 0..4),
        one in prop::collection::vec(step(), 1..5),
        other in prop::collection::vec(step(), 1..5),
    ) {
        let start = history(Book::new().log, 1, &shared, 10).pop().unwrap();
        let by = (1..=20).find(|byte| seed(*byte).public() == *start.state().authority()).unwrap();
        let one = history(start.clone(), by, &one, 40);
        let other = history(start, by, &other, 80);
        prop_assume!(one.len() > 1 && other.len() > 1);
        prop_assume!(one[1].entry() != other[1].entry());
        for mine in &one[1..] {
            for theirs in &other[1..] {
                let mut log = mine.clone();
                let before = log.encode();
                let (state, entry, chain) = proof(theirs);
                let same_state = mine.state() == theirs.state();
                match log.take_state(&state, entry, chain) {
                    // Different entries may have made one state, or a later one passes the fork.
                    Ok(_) => prop_assert!(log.compare(theirs.state().version(), &theirs.state().hash()) != Compared::Differs),
                    Err(error) => {
                        prop_assert_eq!(error, GroupError::Fork);
                        prop_assert!(!same_state);
                        prop_assert_eq!(log.encode(), before);
                    }
                }
            }
            // The entries of the other branch are a fork from the first one on.
            let mut log = mine.clone();
            let first = log.take(other[1].entry());
            prop_assert!(first == Err(GroupError::Fork) || first == Ok(GroupChange::Older));
            if mine.state().version() == other[1].state().version() {
                prop_assert_eq!(first, Err(GroupError::Fork));
            }
        }
    }

    #[test]
    fn any_change_of_a_byte_is_refused(
        steps in prop::collection::vec(step(), 1..6),
        at in any::<prop::sample::Index>(),
        mask in 1..=255_u8,
    ) {
        let logs = history(Book::new().log, 1, &steps, 10);
        let newest = logs.last().unwrap();
        let flip = |mut bytes: Vec<u8>| {
            let at = at.index(bytes.len());
            bytes[at] ^= mask;
            bytes
        };
        // In the next entry.
        let mut before = logs[logs.len().saturating_sub(2)].clone();
        if logs.len() > 1 && let Ok(entry) = SignedEntry::decode(&flip(newest.entry().encode())) {
            let kept = before.encode();
            // A version far above, or one before, is not verified, and changes nothing.
            let taken = before.take(&entry);
            prop_assert!(matches!(taken, Err(_) | Ok(GroupChange::Gap | GroupChange::Older)));
            prop_assert_eq!(before.encode(), kept);
        }
        // In the state or the chain that a newcomer gets.
        let (state, entry, chain) = proof(newest);
        prop_assert!(chain.prove(&flip(state.clone()), &entry).is_err());
        let first = logs[0].state().group();
        prop_assert!(AuthorityChain::decode(&flip(chain.encode()), first).is_err());
    }
}
